/* SPDX-License-Identifier: MIT */
#include "https/https_internal.h"

struct hub_match https_if_match(struct str value)
{
    struct str etag = str_trim(value);
    if (str_starts(etag, STR("W/"))) {
        etag = str_skip(etag, 2);
    }
    if (etag.size >= 2 && etag.data[0] == '"' && etag.data[etag.size - 1] == '"') {
        etag = str_of(etag.data + 1, etag.size - 2);
    }
    if (etag.size == 0) {
        return (struct hub_match){.kind = HUB_MATCH_NONE};
    }
    if (str_equal(etag, STR("*"))) {
        return (struct hub_match){.kind = HUB_MATCH_ANY};
    }
    return (struct hub_match){.kind = HUB_MATCH_ETAG, .etag = etag};
}
