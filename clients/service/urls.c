/* SPDX-License-Identifier: MIT */
#include "clients/service/service_client_internal.h"

#include <string.h>

#include "base/url.h"

#define QUERY_STRING "?api-version=" SERVICE_API_VERSION

static void append_origin(struct buf *out, const struct endpoint *endpoint)
{
    const bool is_ipv6 = strchr(endpoint->host, ':') != NULL;
    buf_append_format(out, "https://%s%s%s", is_ipv6 ? "[" : "", endpoint->host,
                      is_ipv6 ? "]" : "");
    if (endpoint->port != SERVICE_PORT) {
        buf_append_format(out, ":%u", (unsigned)endpoint->port);
    }
}

/* "/devices/{d}" or "/devices/{d}/modules/{m}", likewise under "/twins" */
static void append_identity(struct buf *out, const char *collection,
                            struct service_identity identity)
{
    buf_append_format(out, "/%s/", collection);
    url_encode_append(out, str_from(identity.device_id));
    if (identity.module_id != NULL) {
        buf_append_str(out, STR("/modules/"));
        url_encode_append(out, str_from(identity.module_id));
    }
}

void service_url_identity(struct buf *out, const struct endpoint *endpoint,
                          struct service_identity identity)
{
    append_origin(out, endpoint);
    append_identity(out, "devices", identity);
    buf_append_str(out, STR(QUERY_STRING));
}

void service_url_twin(struct buf *out, const struct endpoint *endpoint,
                      struct service_identity identity, const char *below)
{
    append_origin(out, endpoint);
    append_identity(out, "twins", identity);
    buf_append_str(out, str_from(below));
    buf_append_str(out, STR(QUERY_STRING));
}

void service_url_query(struct buf *out, const struct endpoint *endpoint)
{
    append_origin(out, endpoint);
    buf_append_str(out, STR("/devices/query" QUERY_STRING));
}
