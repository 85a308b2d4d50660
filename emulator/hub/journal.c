/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <inttypes.h>

#include "base/base64.h"
#include "base/json.h"
#include "base/log.h"
#include "hub/events.h"
#include "hub/hub_internal.h"

enum { MEASURE_EVERY = 1 << 20, ROW_HEAD_SIZE = 64 };

static const char *const event_names[HUB_EVENT_COUNT] = {
#define EVENT_NAME(name, text) [HUB_EVENT_##name] = (text),
    HUB_EVENTS(EVENT_NAME)
#undef EVENT_NAME
};

const char *hub_event_name(enum hub_event event)
{
    assert(event < HUB_EVENT_COUNT);
    return event_names[event];
}

bool hub_event_from_name(struct str name, enum hub_event *ret_event)
{
    for (unsigned i = 0; i < HUB_EVENT_COUNT; i++) {
        if (str_equal_nocase(name, str_from(event_names[i]))) {
            *ret_event = (enum hub_event)i;
            return true;
        }
    }
    return false;
}

/*
 * Keeps the journal within its limit: the oldest rows go, a little at a time, so that no tick pays
 * for more than it brought.
 */
static enum status bound_journal(struct hub *hub, size_t added)
{
    const uint64_t max = (uint64_t)hub->settings.journal_max_mb << 20;
    hub->journal_unmeasured += added;
    if (max == 0 || hub->journal_unmeasured < MEASURE_EVERY) {
        return STATUS_OK;
    }
    hub->journal_unmeasured = 0;
    uint64_t size = 0;
    const enum status status = storage_journal_size(hub->storage, &size);
    const uint64_t rows = storage_journal_rows(hub->storage);
    if (status != STATUS_OK || size <= max || rows == 0) {
        return status;
    }
    const uint64_t row_size = size / rows + 1;
    const uint64_t surplus =
        (size - max < MEASURE_EVERY ? size - max : MEASURE_EVERY) + MEASURE_EVERY;
    const uint64_t surplus_rows = surplus / row_size + 1;
    const uint64_t last = storage_journal_last(hub->storage);
    return storage_journal_trim(hub->storage,
                                last - rows + (surplus_rows < rows ? surplus_rows : rows - 1));
}

void hub_event(struct hub *hub, enum hub_event event, struct identity_key key, struct str detail,
               struct str body)
{
    const struct journal_row row = {
        .at_us = hub_now_us(hub),
        .kind = (uint32_t)event,
        .key = key,
        .detail = detail,
        .body = body,
        .event = (hub_route_of(event) & hub->settings.routes) != 0,
        .partition = hub_partition_of(hub, key.device),
    };
    uint64_t sequence = 0;
    enum status status = storage_journal_append(hub->storage, &row, &sequence);
    if (status == STATUS_OK) {
        status = bound_journal(hub, ROW_HEAD_SIZE + detail.size + body.size);
    }
    if (status != STATUS_OK) {
        (void)hub_fail(hub, status, NULL);
        return;
    }
    hub->journal_grew = true;
    hub->figures.events[event]++;
}

void hub_note_refused(struct hub *hub, const char *endpoint, uint64_t conn_id,
                      struct identity_key key, enum hub_code code, const char *why)
{
    CLEANUP(buf_finish) struct buf line = BUF_INIT(HUB_SCRATCH_MAX);
    hub_one_line_append(&line, str_from(why));
    LOG_WARN(endpoint, "conn=%" PRIu64 " device=%.*s module=%.*s refused code=%d: %.*s", conn_id,
             STR_ARG(key.device), STR_ARG(key.module), (int)code, STR_ARG(buf_str(&line)));
    CLEANUP(buf_finish) struct buf detail = BUF_INIT(HUB_SCRATCH_MAX);
    buf_append_format(
        &detail, "{\"endpoint\":\"%s\",\"connection\":%" PRIu64 ",\"code\":%d,\"why\":", endpoint,
        conn_id, (int)code);
    json_append_string(&detail, str_from(why));
    buf_append_byte(&detail, '}');
    if (buf_status(&detail) != STATUS_OK) {
        (void)hub_fail(hub, buf_status(&detail), NULL);
        return;
    }
    hub_event(hub, HUB_EVENT_REFUSED, key, buf_str(&detail), (struct str){0});
}

void hub_note_subscribed(struct hub_link *link, struct str filter, bool on)
{
    CLEANUP(buf_finish) struct buf detail = BUF_INIT(HUB_SCRATCH_MAX);
    buf_append_str(&detail, STR("{\"filter\":"));
    json_append_string(&detail, filter);
    buf_append_format(&detail, ",\"on\":%s}", on ? "true" : "false");
    if (buf_status(&detail) != STATUS_OK) {
        (void)hub_fail(link->hub, buf_status(&detail), NULL);
        return;
    }
    hub_event(link->hub, HUB_EVENT_SUBSCRIBED, hub_link_key(link), buf_str(&detail),
              (struct str){0});
}

enum hub_code hub_journal_read(struct hub *hub, const struct journal_filter *filter,
                               void (*each)(void *ctx, const struct journal_row *row), void *ctx,
                               uint64_t *ret_next)
{
    const enum status status = storage_journal_read(hub->storage, filter, each, ctx, ret_next);
    return status == STATUS_OK ? HUB_OK : hub_fail(hub, status, NULL);
}

static void append_body(struct buf *out, struct str body)
{
    if (body.data == NULL) {
        return;
    }
    if (json_check(body, NULL) == STATUS_OK) {
        buf_append_str(out, STR(",\"body\":"));
        buf_append_str(out, body);
    } else if (str_is_utf8(body)) {
        buf_append_str(out, STR(",\"bodyText\":"));
        json_append_string(out, body);
    } else {
        buf_append_str(out, STR(",\"bodyBase64\":\""));
        base64_append(out, body);
        buf_append_byte(out, '"');
    }
}

void hub_journal_row_append(struct buf *out, const struct journal_row *row)
{
    buf_append_format(out, "{\"sequence\":%" PRIu64 ",\"time\":\"", row->sequence);
    clock_append_iso(out, row->at_us);
    const char *kind = row->kind < HUB_EVENT_COUNT ? event_names[row->kind] : "unknown";
    buf_append_format(out, "\",\"kind\":\"%s\"", kind);
    if (row->key.device.size > 0) {
        buf_append_str(out, STR(",\"deviceId\":"));
        json_append_string(out, row->key.device);
    }
    if (row->key.module.size > 0) {
        buf_append_str(out, STR(",\"moduleId\":"));
        json_append_string(out, row->key.module);
    }
    /* The detail is an object: its members join the row's own. */
    if (row->detail.size > 2) {
        buf_append_byte(out, ',');
        buf_append(out, row->detail.data + 1, row->detail.size - 2);
    }
    append_body(out, row->body);
    buf_append_byte(out, '}');
}

void hub_journal_watch(struct hub *hub, struct hub_watcher *watcher)
{
    list_append(&hub->watchers, &watcher->link);
}

void hub_journal_unwatch(struct hub_watcher *watcher)
{
    if (watcher->link.next != NULL) {
        list_remove(&watcher->link);
    }
}

void hub_journal_announce(struct hub *hub)
{
    if (!hub->journal_grew) {
        return;
    }
    hub->journal_grew = false;
    /* Those who watch again meanwhile wait for the next commit: they are not in this list. */
    struct list now;
    list_init(&now);
    while (!list_empty(&hub->watchers)) {
        struct list *member = hub->watchers.next;
        list_remove(member);
        list_append(&now, member);
    }
    while (!list_empty(&now)) {
        struct hub_watcher *watcher = LIST_ENTRY(now.next, struct hub_watcher, link);
        list_remove(&watcher->link);
        watcher->changed(watcher->ctx);
    }
}
