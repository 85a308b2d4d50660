/* SPDX-License-Identifier: MIT */
#include "clients/service/service_internal.h"

#include <string.h>

#include "base/url.h"

static void append_origin(struct buf *out, const struct endpoint *endpoint)
{
    const bool is_ipv6 = strchr(endpoint->host, ':') != NULL;
    buf_append_format(out, "https://%s%s%s", is_ipv6 ? "[" : "", endpoint->host,
                      is_ipv6 ? "]" : "");
    if (endpoint->port != SERVICE_PORT) {
        buf_append_format(out, ":%u", (unsigned)endpoint->port);
    }
}

static void append_version(struct buf *out, const char *query)
{
    buf_append_str(out, STR("?api-version=" SERVICE_API_VERSION));
    buf_append_str(out, str_from(query));
}

void service_url(struct buf *out, const struct endpoint *endpoint, const char *path,
                 const char *query)
{
    append_origin(out, endpoint);
    buf_append_str(out, str_from(path));
    append_version(out, query);
}

void service_url_id(struct buf *out, const struct endpoint *endpoint, const char *collection,
                    struct iothub_service_id id, const char *below)
{
    append_origin(out, endpoint);
    buf_append_format(out, "/%s/", collection);
    url_encode_append(out, str_from(id.device_id));
    if (id.module_id != NULL) {
        buf_append_str(out, STR("/modules/"));
        url_encode_append(out, str_from(id.module_id));
    }
    buf_append_str(out, str_from(below));
    append_version(out, "");
}
