/* SPDX-License-Identifier: MIT */
#include "mqtt/endpoint.h"

#include "base/alloc.h"
#include "base/log.h"
#include "mqtt/limits.h"
#include "mqtt/session_internal.h"

enum status mqtt_endpoint_create(struct hubs *hubs, struct mqtt_endpoint **ret_endpoint)
{
    struct mqtt_endpoint *endpoint = mem_zalloc(sizeof(*endpoint));
    if (endpoint == NULL) {
        return STATUS_NO_MEMORY;
    }
    endpoint->hubs = hubs;
    arena_init(&endpoint->arena, HUB_TWIN_ARENA_MAX);
    buf_init(&endpoint->decoded, MQTT_TEXT_SIZE_MAX);
    buf_init(&endpoint->topic, MQTT_TEXT_SIZE_MAX);
    buf_init(&endpoint->body, MQTT_BODY_SIZE_MAX);
    *ret_endpoint = endpoint;
    return STATUS_OK;
}

void mqtt_endpoint_destroy(struct mqtt_endpoint *endpoint)
{
    if (endpoint == NULL) {
        return;
    }
    arena_finish(&endpoint->arena);
    buf_finish(&endpoint->decoded);
    buf_finish(&endpoint->topic);
    buf_finish(&endpoint->body);
    mem_free(endpoint->application);
    mem_free(endpoint);
}

/* ---- One connection ---- */

/* Before CONNECT names a hub, the connection's clock and journal are those of the hub it dialled.
 */
static struct hub *hub_dialled(struct hubs *hubs, const struct net_conn *conn)
{
    const struct str names[] = {net_conn_server_name(conn), net_conn_local(conn), STR("localhost")};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        struct hub *hub = names[i].size == 0 ? NULL : hubs_find(hubs, names[i], NULL);
        if (hub != NULL) {
            return hub;
        }
    }
    return NULL;
}

static void idle_fired(void *ctx)
{
    struct session *session = ctx;
    const int64_t silent_us = hub_now_us(session->hub) - session->last_packet_us;
    if (silent_us < session->idle_us) {
        const int64_t left_us = session->idle_us - (silent_us > 0 ? silent_us : 0);
        hub_timer_start(session->hub, &session->idle, left_us);
        return;
    }
    if (session->state == SESSION_ENDING) {
        net_conn_reset(session->conn, "the client did not take the last bytes sent to it");
        return;
    }
    struct problem why;
    if (session->state == SESSION_NEW) {
        problem_set(&why, PROBLEM_NO_OFFSET, "no CONNECT within %d s", MQTT_CONNECT_WAIT_S);
        session_refuse(session, HUB_INVALID_OPERATION, why.text);
        return;
    }
    problem_set(&why, PROBLEM_NO_OFFSET, "%s %lld s with a keep alive of %u s",
                session->held ? "the client did not read what it asked for in"
                              : "nothing received for",
                (long long)(silent_us / CLOCK_SECOND), session->keep_alive_s);
    session_end(session, why.text);
}

static void expiry_fired(void *ctx)
{
    session_end(ctx, "the token the client connected with has expired");
}

static void *opened(void *endpoint_ctx, struct net_conn *conn)
{
    struct mqtt_endpoint *endpoint = endpoint_ctx;
    struct session *session = mem_zalloc(sizeof(*session));
    if (session == NULL) {
        LOG_ERROR("mqtt", "conn=%llu refused: out of memory",
                  (unsigned long long)net_conn_id(conn));
        return NULL;
    }
    session->endpoint = endpoint;
    session->conn = conn;
    session->key = (struct identity_key){.device = STR_EMPTY, .module = STR_EMPTY};
    session->idle = (struct timer){.fire = idle_fired, .ctx = session};
    session->expiry = (struct timer){.fire = expiry_fired, .ctx = session};
    subscriptions_init(&session->subscriptions);
    session->hub = hub_dialled(endpoint->hubs, conn);
    if (session->hub != NULL) {
        session->last_packet_us = hub_now_us(session->hub);
        session_set_idle(session, MQTT_CONNECT_WAIT_S * CLOCK_SECOND);
    }
    return session;
}

static void closed(void *ctx, const char *why, bool by_us)
{
    struct session *session = ctx;
    if (session->hub != NULL) {
        hub_timer_stop(session->hub, &session->idle);
        hub_timer_stop(session->hub, &session->expiry);
    }
    session_publish_will(session);
    hub_link_close(session->link, why);
    if (session->accepted) {
        LOG_INFO("mqtt", "conn=%llu device=%.*s module=%.*s disconnected: %s",
                 (unsigned long long)net_conn_id(session->conn), STR_ARG(session->key.device),
                 STR_ARG(session->key.module), why);
    } else if (session->texts == NULL && !by_us) {
        LOG_INFO("mqtt", "conn=%llu peer=%.*s left before its CONNECT was accepted: %s",
                 (unsigned long long)net_conn_id(session->conn),
                 STR_ARG(net_conn_peer(session->conn)), why);
    }
    subscriptions_finish(&session->subscriptions);
    session_c2d_finish(session);
    mem_free(session->texts);
    mem_free(session);
}

struct topic_owner session_owner(const struct session *session)
{
    return (struct topic_owner){
        .device_id = session->key.device,
        .module_id = session->key.module,
    };
}

void session_end(struct session *session, const char *why)
{
    session->state = SESSION_ENDING;
    if (session->hub != NULL) {
        session->last_packet_us = hub_now_us(session->hub);
        session_set_idle(session, MQTT_CLOSE_WAIT_S * CLOCK_SECOND);
    }
    net_conn_close(session->conn, why);
}

void session_refuse(struct session *session, enum hub_code code, const char *why)
{
    const uint64_t id = net_conn_id(session->conn);
    if (session->hub != NULL) {
        hub_note_refused(session->hub, "mqtt", id, session->key, code, why);
    } else {
        LOG_WARN("mqtt", "conn=%llu peer=%.*s refused: %s", (unsigned long long)id,
                 STR_ARG(net_conn_peer(session->conn)), why);
    }
    session_end(session, why);
}

void session_set_idle(struct session *session, int64_t idle_us)
{
    session->idle_us = idle_us;
    hub_timer_start(session->hub, &session->idle, idle_us);
}

/* ---- Bytes in ---- */

/* Other protocols' first bytes, and where they belong. */
static const struct {
    struct str start;
    const char *why;
} strangers[] = {
    {{"GET ", 4}, "this is the MQTT port, and an HTTP request came: REST has the HTTPS port"},
    {{"PUT ", 4}, "this is the MQTT port, and an HTTP request came: REST has the HTTPS port"},
    {{"POST ", 5}, "this is the MQTT port, and an HTTP request came: REST has the HTTPS port"},
    {{"PATCH ", 6}, "this is the MQTT port, and an HTTP request came: REST has the HTTPS port"},
    {{"DELETE ", 7}, "this is the MQTT port, and an HTTP request came: REST has the HTTPS port"},
    {{"HEAD ", 5}, "this is the MQTT port, and an HTTP request came: REST has the HTTPS port"},
    {{"OPTIONS ", 8}, "this is the MQTT port, and an HTTP request came: REST has the HTTPS port"},
    {{"AMQP", 4}, "this is the MQTT port, and an AMQP client came: AMQP has port 5671"},
};

static void refuse_malformed(struct session *session, struct str input, const char *why)
{
    for (size_t i = 0; session->state == SESSION_NEW && i < ARRAY_SIZE(strangers); i++) {
        if (str_starts(input, strangers[i].start)) {
            why = strangers[i].why;
        }
    }
    session_refuse(session, HUB_FORMAT_ERROR, why);
}

static void handle_empty(struct session *session, const struct packet_frame *frame)
{
    struct problem problem;
    if (!packet_read_empty(frame, &problem)) {
        session_refuse(session, HUB_FORMAT_ERROR, problem.text);
    } else if (frame->type == PACKET_PINGREQ) {
        packet_append_pingresp(net_conn_output(session->conn));
    } else {
        session->will.due = false; /* [MQTT-3.14.4-3] */
        session_end(session, "the client disconnected");
    }
}

static void handle_puback(struct session *session, const struct packet_frame *frame)
{
    struct problem problem;
    uint16_t packet_id = 0;
    if (!packet_read_puback(frame, &packet_id, &problem)) {
        session_refuse(session, HUB_FORMAT_ERROR, problem.text);
        return;
    }
    session_c2d_acknowledged(session, packet_id);
}

static void handle_packet(struct session *session, const struct packet_frame *frame)
{
    if (session->state == SESSION_NEW && frame->type != PACKET_CONNECT) {
        struct problem why;
        problem_set(&why, 0, "the first packet is %s: it must be CONNECT [MQTT-3.1.0-1]",
                    packet_type_name(frame->type));
        session_refuse(session, HUB_INVALID_OPERATION, why.text);
        return;
    }
    switch (frame->type) {
    case PACKET_CONNECT:
        session_connect(session, frame);
        break;
    case PACKET_PUBLISH:
        session_publish(session, frame);
        break;
    case PACKET_PUBACK:
        handle_puback(session, frame);
        break;
    case PACKET_SUBSCRIBE:
        session_subscribe(session, frame);
        break;
    case PACKET_UNSUBSCRIBE:
        session_unsubscribe(session, frame);
        break;
    case PACKET_PINGREQ:
    case PACKET_DISCONNECT:
        handle_empty(session, frame);
        break;
    case PACKET_CONNACK:
    case PACKET_PUBREC:
    case PACKET_PUBREL:
    case PACKET_PUBCOMP:
    case PACKET_SUBACK:
    case PACKET_UNSUBACK:
    case PACKET_PINGRESP: /* packet_frame() refuses these */
        break;
    }
}

/* Who asks faster than he reads waits; what he is owed would grow without bound. */
static bool hold(struct session *session)
{
    session->held = net_conn_unsent(session->conn) >= MQTT_OUTPUT_SIZE_HIGH;
    if (session->held) {
        net_conn_pause(session->conn, true);
    }
    return session->held;
}

static void drained(void *ctx)
{
    struct session *session = ctx;
    if (session->held) {
        session->held = false;
        net_conn_pause(session->conn, false);
    }
    session_c2d_send(session);
}

static size_t received(void *ctx, struct str data)
{
    struct session *session = ctx;
    struct str left = data;
    while (session->state != SESSION_ENDING) {
        if (hold(session)) {
            return data.size - left.size;
        }
        struct packet_frame frame;
        struct problem problem;
        const size_t size_max = session->state == SESSION_NEW ? MQTT_PACKET_SIZE_MAX_BEFORE_CONNECT
                                                              : MQTT_PACKET_SIZE_MAX;
        const enum packet_result result = packet_frame(left, size_max, &frame, &problem);
        if (result == PACKET_NEED_MORE) {
            return data.size - left.size;
        }
        if (result == PACKET_MALFORMED) {
            refuse_malformed(session, left, problem.text);
            break;
        }
        left = str_skip(left, frame.size);
        if (session->hub != NULL) {
            session->last_packet_us = hub_now_us(session->hub);
        }
        handle_packet(session, &frame);
        arena_reset(&session->endpoint->arena);
    }
    return data.size; /* what follows the end is nobody's */
}

const struct net_protocol *mqtt_protocol(void)
{
    static const struct net_protocol protocol = {
        .name = "mqtt",
        .opened = opened,
        .received = received,
        .closed = closed,
        .drained = drained,
        .input_max = MQTT_PACKET_SIZE_MAX,
        .output_max = MQTT_OUTPUT_SIZE_MAX,
    };
    return &protocol;
}
