/* SPDX-License-Identifier: MIT */
#include "amqp/endpoint.h"

#include <inttypes.h>
#include <stdio.h>

#include "amqp/amqp_internal.h"
#include "amqp/limits.h"
#include "base/alloc.h"
#include "base/log.h"

/*
 * ---- time ----
 *
 * Heartbeats, idle time-outs and the waits for a peer's first words run on the machine's clock, not
 * on the hub's: they are a promise about the wire, and the peer counts real seconds. A hub whose
 * clock stands still must not stop its heartbeats, and one that is put forward an hour has not been
 * silent for an hour. Tokens expire on the hub's clock (auth.c). One alarm serves all connections.
 */

static void alarm_update(struct amqp_endpoint *endpoint)
{
    const int64_t due_us = timers_next_us(&endpoint->timers);
    if (due_us == INT64_MAX || due_us >= endpoint->alarm_at_us) {
        return; /* an alarm that comes early finds nothing due, and is set again */
    }
    const int64_t in_us = due_us - endpoint->now_us();
    const uint64_t in_ms = in_us <= 0 ? 0 : (uint64_t)(in_us + 999) / 1000;
    if (net_alarm_set(endpoint->alarm, in_ms) == STATUS_OK) {
        endpoint->alarm_at_us = due_us;
    } else {
        LOG_ERROR("amqp", "the alarm for heartbeats could not be set");
    }
}

static void alarm_fired(void *ctx)
{
    struct amqp_endpoint *endpoint = ctx;
    endpoint->alarm_at_us = INT64_MAX;
    timers_fire(&endpoint->timers, endpoint->now_us());
    alarm_update(endpoint);
}

void amqp_timer_start(struct amqp_endpoint *endpoint, struct timer *timer, uint64_t in_ms)
{
    const int64_t due_us = endpoint->now_us() + (int64_t)in_ms * 1000;
    if (timers_start(&endpoint->timers, timer, due_us) != STATUS_OK) {
        LOG_ERROR("amqp", "a timer could not be started: out of memory");
        return;
    }
    alarm_update(endpoint);
}

/* ---- the tick's end ---- */

void amqp_conn_touch(struct amqp_conn *conn)
{
    if (list_empty(&conn->dirty_link)) {
        list_append(&conn->endpoint->dirty, &conn->dirty_link);
    }
    net_tick_again(conn->endpoint->net);
}

static void tick_ends(void *ctx)
{
    struct amqp_endpoint *endpoint = ctx;
    amqp_engine_events(endpoint);
    struct list mine; /* flushing may give a link credit back, which is for the next round */
    list_init(&mine);
    while (!list_empty(&endpoint->dirty)) {
        struct list *link = endpoint->dirty.next;
        list_remove(link);
        list_append(&mine, link);
    }
    while (!list_empty(&mine)) {
        struct amqp_conn *conn = LIST_ENTRY(mine.next, struct amqp_conn, dirty_link);
        list_remove(&conn->dirty_link);
        amqp_engine_flush(conn);
    }
    amqp_engine_events(endpoint);
    amqp_links_free_ended(endpoint);
}

/* ---- the endpoint ---- */

enum status amqp_endpoint_create(struct net *net, struct hubs *hubs,
                                 struct amqp_endpoint **ret_endpoint)
{
    struct amqp_endpoint *endpoint = mem_zalloc(sizeof(*endpoint));
    if (endpoint == NULL) {
        return STATUS_NO_MEMORY;
    }
    endpoint->net = net;
    endpoint->hubs = hubs;
    list_init(&endpoint->dirty);
    list_init(&endpoint->ended);
    timers_init(&endpoint->timers);
    endpoint->alarm_at_us = INT64_MAX;
    endpoint->now_us = clock_monotonic_us;
    buf_init(&endpoint->incoming, AMQP_MESSAGE_SIZE_MAX);
    buf_init(&endpoint->text, AMQP_ANSWER_SIZE_MAX);
    buf_init(&endpoint->message, AMQP_ANSWER_SIZE_MAX);
    buf_init(&endpoint->body, AMQP_ANSWER_SIZE_MAX);
    arena_init(&endpoint->arena, HUB_TWIN_ARENA_MAX);
    endpoint->collector = pn_collector();
    const enum status status = net_alarm_create(net, alarm_fired, endpoint, &endpoint->alarm);
    if (status != STATUS_OK || endpoint->collector == NULL) {
        amqp_endpoint_destroy(endpoint);
        return status != STATUS_OK ? status : STATUS_NO_MEMORY;
    }
    endpoint->tick_end.run = tick_ends;
    endpoint->tick_end.ctx = endpoint;
    net_tick_end_add(net, &endpoint->tick_end);
    *ret_endpoint = endpoint;
    return STATUS_OK;
}

void amqp_endpoint_destroy(struct amqp_endpoint *endpoint)
{
    if (endpoint == NULL) {
        return;
    }
    net_tick_end_remove(&endpoint->tick_end);
    net_alarm_destroy(endpoint->alarm);
    timers_finish(&endpoint->timers);
    amqp_links_free_ended(endpoint);
    if (endpoint->collector != NULL) {
        pn_collector_free(endpoint->collector);
    }
    buf_finish(&endpoint->incoming);
    buf_finish(&endpoint->text);
    buf_finish(&endpoint->message);
    buf_finish(&endpoint->body);
    arena_finish(&endpoint->arena);
    mem_free(endpoint);
}

/* ---- one connection ---- */

void amqp_conn_note_refused(struct amqp_conn *conn, struct identity_key key, enum hub_code code,
                            const char *why)
{
    const uint64_t id = net_conn_id(conn->net);
    if (conn->hub != NULL) {
        hub_note_refused(conn->hub, "amqp", id, key, code, why);
    } else {
        LOG_WARN("amqp", "conn=%" PRIu64 " peer=%.*s refused: %s", id,
                 STR_ARG(net_conn_peer(conn->net)), why);
    }
}

void amqp_conn_end(struct amqp_conn *conn, const char *why)
{
    if (conn->state == AMQP_ENDING || conn->net_closed) {
        return;
    }
    conn->state = AMQP_ENDING;
    net_conn_close(conn->net, why);
}

static void wait_over(void *ctx)
{
    struct amqp_conn *conn = ctx;
    if (conn->closing || conn->state == AMQP_ENDING) {
        net_conn_reset(conn->net, "the client did not take the last bytes sent to it");
    } else if (!conn->opened) {
        const char *why = conn->state == AMQP_ENGINE ? "no AMQP open within 60 s"
                                                     : "no AMQP or SASL header within 60 s";
        amqp_conn_note_refused(conn, amqp_nobody, HUB_INVALID_OPERATION, why);
        amqp_conn_end(conn, why);
    } else if (!conn->had_grant) {
        amqp_engine_refuse(conn, HUB_UNAUTHORIZED_ACCESS,
                           "no token came over $cbs within 60 s of the connection's open");
    }
}

static void heartbeat_due(void *ctx)
{
    amqp_conn_touch(ctx); /* the flush tells the engine what time it is */
}

static void *opened(void *endpoint_ctx, struct net_conn *net)
{
    struct amqp_endpoint *endpoint = endpoint_ctx;
    struct amqp_conn *conn = mem_zalloc(sizeof(*conn));
    if (conn == NULL) {
        LOG_ERROR("amqp", "conn=%" PRIu64 " refused: out of memory", net_conn_id(net));
        return NULL;
    }
    conn->endpoint = endpoint;
    conn->net = net;
    conn->wait = (struct timer){.fire = wait_over, .ctx = conn};
    conn->heartbeat = (struct timer){.fire = heartbeat_due, .ctx = conn};
    list_init(&conn->dirty_link);
    list_init(&conn->links);
    map_init(&conn->clients);
    map_init(&conn->grants);
    list_init(&conn->channels);
    list_init(&conn->channels_due);
    map_init(&conn->handles);
    conn->hub = amqp_hub_dialled(conn);
    amqp_timer_start(endpoint, &conn->wait, AMQP_OPEN_WAIT_MS);
    return conn;
}

static size_t received(void *ctx, struct str data)
{
    struct amqp_conn *conn = ctx;
    struct str left = data;
    while (conn->state != AMQP_ENDING && !conn->paused) {
        const enum amqp_conn_state before = conn->state;
        const size_t taken = before == AMQP_ENGINE ? amqp_engine_received(conn, left)
                                                   : amqp_opening_received(conn, left);
        left = str_skip(left, taken);
        if (taken == 0 && conn->state == before) {
            return data.size - left.size;
        }
    }
    return conn->paused ? data.size - left.size : data.size;
}

static void drained(void *ctx)
{
    amqp_conn_touch(ctx);
}

static void closed(void *ctx, const char *why, bool by_us)
{
    struct amqp_conn *conn = ctx;
    struct amqp_endpoint *endpoint = conn->endpoint;
    conn->net_closed = true;
    if (by_us && conn->state == AMQP_ENGINE && conn->opened && !conn->closing) {
        const struct amqp_error error = {.condition = "amqp:connection:forced", .description = why};
        amqp_engine_close(conn, &error);
        amqp_engine_flush(conn);
    }
    if (conn->why[0] == '\0') {
        (void)snprintf(conn->why, sizeof(conn->why), "%s", why);
    }
    LOG_INFO("amqp", "conn=%" PRIu64 " peer=%.*s disconnected: %s", net_conn_id(conn->net),
             STR_ARG(net_conn_peer(conn->net)), why);
    timers_stop(&endpoint->timers, &conn->wait);
    timers_stop(&endpoint->timers, &conn->heartbeat);
    amqp_engine_finish(conn);
    amqp_grants_finish(conn);
    list_remove(&conn->dirty_link);
    map_finish(&conn->clients);
    map_finish(&conn->grants);
    mem_free(conn);
}

const struct net_protocol *amqp_protocol(void)
{
    static const struct net_protocol protocol = {
        .name = "amqp",
        .opened = opened,
        .received = received,
        .closed = closed,
        .drained = drained,
        .input_max = AMQP_FRAME_SIZE_MAX,
        .output_max = AMQP_OUTPUT_SIZE_MAX,
    };
    return &protocol;
}
