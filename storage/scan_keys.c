/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "storage/scan_internal.h"

enum { KEYS_MAX = 4096 }; /* collecting them takes about a millisecond; more are scanned for */

/* Collects the ids that a bound statement of keys finds, up to KEYS_MAX; those whose device does
 * not start with `prefix` end it. */
static enum status collect(struct storage_scan *scan, struct statement *s, const struct str *prefix)
{
    while (scan->ids.size / sizeof(int64_t) <= KEYS_MAX) {
        bool found = false;
        const enum status status = statement_next(s, &found);
        if (status != STATUS_OK || !found) {
            return status;
        }
        const int64_t id = read_i64(s);
        if (prefix != NULL && !str_starts(read_str(s), *prefix)) {
            return STATUS_OK;
        }
        if (id > scan->id) {
            buf_append(&scan->ids, &id, sizeof(id));
        }
        if (buf_status(&scan->ids) != STATUS_OK) {
            return buf_status(&scan->ids);
        }
    }
    return STATUS_OK;
}

static enum status collect_device(struct storage_scan *scan, bool modules, struct str device)
{
    CLEANUP(statement_finish)
    struct statement s = statement_use(scan->storage, modules ? KEY_MODULES : KEY_DEVICE);
    bind_text(&s, device);
    return collect(scan, &s, NULL);
}

static enum status collect_prefix(struct storage_scan *scan, bool modules, struct str prefix)
{
    CLEANUP(statement_finish)
    struct statement s =
        statement_use(scan->storage, modules ? KEY_MODULES_FROM : KEY_DEVICES_FROM);
    bind_text(&s, prefix);
    return collect(scan, &s, &prefix);
}

static int by_value(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

enum status scan_find_keys(struct storage_scan *scan)
{
    const struct query_info *info = query_info(scan->query);
    const struct query_key_hint *hint = &info->device_id;
    const bool modules = info->collection == QUERY_MODULES;
    const char *access = "key deviceId";
    enum status status = STATUS_OK;
    buf_init(&scan->ids, (KEYS_MAX + 1) * sizeof(int64_t));
    switch (hint->kind) {
    case QUERY_KEY_ANY:
        return STATUS_OK;
    case QUERY_KEY_ONE_OF:
        for (size_t i = 0; status == STATUS_OK && i < hint->id_count; i++) {
            status = collect_device(scan, modules, hint->ids[i]);
        }
        break;
    case QUERY_KEY_PREFIX:
        access = "prefix deviceId";
        status = collect_prefix(scan, modules, hint->prefix);
        break;
    }
    const size_t count = scan->ids.size / sizeof(int64_t);
    if (status != STATUS_OK || count > KEYS_MAX) {
        return status;
    }
    scan->way = WAY_KEYS;
    scan->access = access;
    if (count > 0) {
        qsort(scan->ids.data, count, sizeof(int64_t), by_value);
    }
    return STATUS_OK;
}
