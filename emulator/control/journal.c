/* SPDX-License-Identifier: MIT */
#include <assert.h>

#include "base/alloc.h"
#include "control/control_internal.h"

enum {
    LIMIT_DEFAULT = 100,
    LIMIT_MAX = 1000,
    TIMEOUT_MAX_S = 300,
    ROWS_READ_PER_LOOK = 20000, /* of a filter that hits nothing: a few milliseconds */
    ROWS_PER_LOOK = 16,
    PAGE_SIZE_FULL = 8 << 20, /* bytes at which an answer ends, however few rows it has */
    KINDS_MAX = 64,
};

/* One GET /journal: a single look, or a wait for the first rows that match. */
struct poll {
    struct control *control;
    struct http_exchange *exchange;
    struct hub *hub;
    struct journal_filter filter;
    size_t row_max;
    size_t rows;
    struct list link; /* in control->polls, or alone */
    struct hub_watcher watcher;
    struct net_alarm *alarm; /* real time: the one who waits is a real client */
};

static void poll_destroy(struct poll *poll)
{
    list_remove(&poll->link);
    hub_journal_unwatch(&poll->watcher);
    net_alarm_destroy(poll->alarm);
    mem_free(poll);
}

static void append_row(void *ctx, const struct journal_row *row)
{
    struct poll *poll = ctx;
    struct buf *body = http_answer_body(poll->exchange);
    buf_append_str(body, poll->rows > 0 ? STR(",\n") : STR_EMPTY);
    hub_journal_row_append(body, row);
    poll->rows++;
}

/* Looks on from where it was. False: the journal failed. */
static bool poll_look(struct poll *poll, bool *ret_end)
{
    const size_t left = poll->row_max - poll->rows;
    poll->filter.limit = left < ROWS_PER_LOOK ? left : ROWS_PER_LOOK;
    uint64_t next = poll->filter.after;
    if (hub_journal_read(poll->hub, &poll->filter, append_row, poll, &next) != HUB_OK) {
        return false;
    }
    *ret_end = next == poll->filter.after;
    poll->filter.after = next;
    return true;
}

static void poll_answer(struct poll *poll, bool timed_out)
{
    struct hub_figures figures;
    hub_figures(poll->hub, &figures);
    struct buf *body = http_answer_body(poll->exchange);
    buf_append_format(body, "],\"next\":%llu,\"last\":%llu,\"timedOut\":%s}\n",
                      (unsigned long long)poll->filter.after,
                      (unsigned long long)figures.journal_last, timed_out ? "true" : "false");
    control_answer(poll->exchange, 200, "application/json; charset=utf-8");
    poll_destroy(poll);
}

static void poll_fail(struct poll *poll)
{
    buf_clear(http_answer_body(poll->exchange));
    control_refuse(poll->exchange, 500, "the journal could not be read; the log says why");
    poll_destroy(poll);
}

static bool poll_full(const struct poll *poll)
{
    return poll->rows == poll->row_max || http_answer_body(poll->exchange)->size >= PAGE_SIZE_FULL;
}

/* Reads until the page is full or nothing is left. True: answered, and gone. */
static bool poll_go_on(struct poll *poll)
{
    bool end = false;
    while (!end && !poll_full(poll)) {
        if (!poll_look(poll, &end)) {
            poll_fail(poll);
            return true;
        }
    }
    if (poll->rows == 0) {
        return false;
    }
    poll_answer(poll, false);
    return true;
}

static void journal_changed(void *ctx)
{
    struct poll *poll = ctx;
    if (!poll_go_on(poll)) {
        hub_journal_watch(poll->hub, &poll->watcher);
    }
}

static void timed_out(void *ctx)
{
    poll_answer(ctx, true);
}

static void client_gone(void *ctx)
{
    poll_destroy(ctx);
}

void control_polls_end(struct control *control)
{
    while (!list_empty(&control->polls)) {
        poll_answer(LIST_ENTRY(control->polls.next, struct poll, link), true);
    }
}

/* ---- the question ---- */

static bool read_number(struct http_exchange *exchange, const char *name, uint64_t max,
                        uint64_t *value)
{
    const struct str text = control_parameter(exchange, name);
    if (text.data == NULL) {
        return true;
    }
    if (str_to_u64(text, value) && *value <= max) {
        return true;
    }
    control_refuse(exchange, 400, "%s is '%.*s'; a whole number from 0 to %llu is wanted", name,
                   STR_ARG(text), (unsigned long long)max);
    return false;
}

static bool read_kinds(struct http_exchange *exchange, uint64_t *kinds)
{
    static_assert((int)HUB_EVENT_COUNT <= (int)KINDS_MAX, "a filter is a set of bits");
    struct str rest = control_parameter(exchange, "kind");
    while (rest.size > 0) {
        struct str name;
        enum hub_event event = HUB_EVENT_HUB;
        (void)str_cut(rest, ',', &name, &rest);
        if (!hub_event_from_name(name, &event)) {
            control_refuse(exchange, 400, "'%.*s' is no kind of journal row", STR_ARG(name));
            return false;
        }
        *kinds |= UINT64_C(1) << event;
    }
    return true;
}

static bool read_filter(struct http_exchange *exchange, struct journal_filter *filter,
                        uint64_t *limit, uint64_t *timeout_s)
{
    if (!read_number(exchange, "after", UINT64_MAX, &filter->after) ||
        !read_number(exchange, "limit", LIMIT_MAX, limit) ||
        !read_number(exchange, "timeout", TIMEOUT_MAX_S, timeout_s) ||
        !read_kinds(exchange, &filter->kinds)) {
        return false;
    }
    const struct str device = control_parameter(exchange, "device");
    filter->device = device.data == NULL ? STR_EMPTY : device;
    filter->rows_read_max = ROWS_READ_PER_LOOK;
    return true;
}

static struct poll *poll_new(struct control *control, struct http_exchange *exchange,
                             struct hub *hub)
{
    struct poll *poll = mem_zalloc(sizeof(*poll));
    if (poll == NULL) {
        return NULL;
    }
    poll->control = control;
    poll->exchange = exchange;
    poll->hub = hub;
    poll->watcher = (struct hub_watcher){.changed = journal_changed, .ctx = poll};
    list_init(&poll->link);
    list_init(&poll->watcher.link);
    return poll;
}

static void poll_wait(struct poll *poll, uint64_t timeout_s)
{
    struct net *net = poll->control->config.net;
    if (net_alarm_create(net, timed_out, poll, &poll->alarm) != STATUS_OK ||
        net_alarm_set(poll->alarm, timeout_s * 1000) != STATUS_OK) {
        poll_fail(poll);
        return;
    }
    list_append(&poll->control->polls, &poll->link);
    hub_journal_watch(poll->hub, &poll->watcher);
    http_wait(poll->exchange, client_gone, poll);
}

void control_journal(struct control *control, struct http_exchange *exchange)
{
    struct hub *hub = control_hub(control, exchange);
    if (hub == NULL) {
        return;
    }
    struct journal_filter filter = {0};
    uint64_t limit = 0;
    uint64_t timeout_s = 0;
    if (!read_filter(exchange, &filter, &limit, &timeout_s)) {
        return;
    }
    struct poll *poll = poll_new(control, exchange, hub);
    if (poll == NULL) {
        control_refuse(exchange, 500, "out of memory");
        return;
    }
    poll->filter = filter;
    poll->row_max = limit == 0 ? LIMIT_DEFAULT : (size_t)limit;
    buf_append_str(http_answer_body(exchange), STR("{\"rows\":["));
    if (poll_go_on(poll)) {
        return;
    }
    if (timeout_s == 0) {
        poll_answer(poll, false);
        return;
    }
    poll_wait(poll, timeout_s);
}
