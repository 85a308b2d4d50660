/* SPDX-License-Identifier: MIT */
#include "hub/hub_internal.h"

struct str hub_host_bare(struct str host)
{
    for (size_t i = 0; i + 2 < host.size; i++) {
        if (str_starts(str_skip(host, i), STR("://"))) {
            host = str_skip(host, i + 3);
            break;
        }
    }
    if (host.size > 0 && host.data[0] == '[') {
        const size_t end = str_find(host, ']');
        return end == SIZE_MAX ? host : str_of(host.data + 1, end - 1);
    }
    struct str head;
    struct str tail;
    if (str_cut(host, ':', &head, &tail) && str_find(tail, ':') == SIZE_MAX) {
        host = head; /* one colon: a port; several: a bare IPv6 address */
    }
    if (host.size > 0 && host.data[host.size - 1] == '.') {
        host.size--;
    }
    return host;
}

bool hub_host_is_loopback(struct str bare)
{
    static const struct str subdomain = {".localhost", sizeof(".localhost") - 1};
    if (str_equal_nocase(bare, STR("localhost")) || str_equal(bare, STR("::1"))) {
        return true;
    }
    if (bare.size > subdomain.size &&
        str_equal_nocase(str_skip(bare, bare.size - subdomain.size), subdomain)) {
        return true;
    }
    if (!str_starts(bare, STR("127."))) {
        return false;
    }
    for (size_t i = 0; i < bare.size; i++) {
        if (bare.data[i] != '.' && (bare.data[i] < '0' || bare.data[i] > '9')) {
            return false;
        }
    }
    return true;
}

bool hub_answers_to(const struct hub *hub, struct str host)
{
    const struct str bare = hub_host_bare(host);
    for (size_t i = 0; i < hub->host_count; i++) {
        if (str_equal_nocase(hub->hosts[i], bare)) {
            return true;
        }
    }
    return hub_host_is_loopback(bare);
}
