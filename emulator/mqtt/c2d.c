/* SPDX-License-Identifier: MIT */
/*
 * Cloud-to-device messages (device protocol reference, 1.6, 1.7 and 3). The queue is the hub's: a
 * message is fetched when there is room for it, at QoS 1 it stays locked until its PUBACK or the
 * end of the link, and at QoS 0 it is completed as it is written.
 */
#include "hub/c2d.h"
#include "base/alloc.h"
#include "base/log.h"
#include "mqtt/limits.h"
#include "mqtt/property_bag.h"
#include "mqtt/session_internal.h"

/* What was sent at QoS 1 and has no PUBACK yet, in the order of sending. */
struct c2d_window {
    size_t count;
    struct {
        uint16_t packet_id;
        struct guid lock_token;
    } sent[MQTT_C2D_IN_FLIGHT_MAX];
};

void session_c2d_finish(struct session *session)
{
    mem_free(TAKE(session->c2d.window));
}

/* ---- the topic ---- */

static const struct hub_property *system_property(const struct hub_message *message,
                                                  enum bag_name name)
{
    for (size_t i = 0; i < message->system_count; i++) {
        if (str_equal(message->system[i].name, bag_system_name(name))) {
            return &message->system[i];
        }
    }
    return NULL;
}

/*
 * In the order in which the service writes them, as far as it was seen (3): the Java SDK loses what
 * stands before the first system property, and .NET's needs one. A system property without a value
 * would end the Java SDK's connection.
 */
static void append_system(struct buf *topic, const struct hub_message *message)
{
    static const enum bag_name order[] = {
        BAG_MESSAGE_ID,   BAG_CORRELATION_ID,   BAG_USER_ID,        BAG_TO,
        BAG_CONTENT_TYPE, BAG_CONTENT_ENCODING, BAG_EXPIRY_TIME_UTC};
    for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
        const struct hub_property *property = system_property(message, order[i]);
        if (property != NULL && (property->value.size > 0 || order[i] == BAG_TO)) {
            bag_append_system(topic, order[i], property->value);
        }
    }
}

static void append_topic(struct buf *topic, const struct topic_owner *owner,
                         const struct hub_delivery *delivery)
{
    const struct hub_message *message = &delivery->message;
    topic_append_devicebound(topic, owner);
    append_system(topic, message);
    if (delivery->ack != HUB_ACK_NONE) {
        bag_append(topic, STR("iothub-ack"), str_from(hub_ack_name(delivery->ack)));
    }
    for (size_t i = 0; i < message->application_count; i++) {
        bag_append(topic, message->application[i].name, message->application[i].value);
    }
}

/* ---- what is in flight ---- */

static bool in_flight(const struct c2d_window *window, uint16_t packet_id, size_t *ret_index)
{
    for (size_t i = 0; i < window->count; i++) {
        if (window->sent[i].packet_id == packet_id) {
            *ret_index = i;
            return true;
        }
    }
    return false;
}

/* From the sequence number, so that a message that is sent again has its identifier again
 * [MQTT-4.4.0-1]; the next free one where another message in flight has it. */
static uint16_t choose_packet_id(const struct c2d_window *window, uint64_t sequence_number)
{
    size_t index = 0;
    uint16_t packet_id = (uint16_t)(sequence_number % UINT16_MAX + 1);
    while (in_flight(window, packet_id, &index)) {
        packet_id = (uint16_t)(packet_id % UINT16_MAX + 1);
    }
    return packet_id;
}

static bool may_send(const struct session *session)
{
    const struct session_c2d *c2d = &session->c2d;
    return session->state == SESSION_OPEN && c2d->subscribed &&
           net_conn_unsent(session->conn) < MQTT_OUTPUT_SIZE_HIGH &&
           (c2d->qos == 0 || c2d->window == NULL || c2d->window->count < MQTT_C2D_IN_FLIGHT_MAX);
}

/* ---- sending ---- */

static void settle(struct session *session, const struct guid *lock_token,
                   enum hub_settlement settlement)
{
    /* A lock that is lost was purged meanwhile; a failure of the machine undoes the tick. */
    const enum hub_code code =
        hub_c2d_settle(session->hub, session->key, lock_token, settlement, NULL);
    if (code != HUB_OK) {
        LOG_DEBUG("mqtt", "conn=%llu device=%.*s: a message could not be settled: code=%d",
                  (unsigned long long)net_conn_id(session->conn), STR_ARG(session->key.device),
                  (int)code);
    }
}

static void send_qos_1(struct session *session, const struct hub_delivery *delivery,
                       struct packet_publish *publish)
{
    struct c2d_window *window = session->c2d.window;
    if (window == NULL) {
        window = mem_zalloc(sizeof(*window));
        session->c2d.window = window;
    }
    if (window == NULL) {
        session_end(session, "out of memory for a cloud-to-device message");
        return;
    }
    publish->qos = 1;
    publish->duplicate = delivery->redelivered;
    publish->packet_id = choose_packet_id(window, delivery->sequence_number);
    window->sent[window->count].packet_id = publish->packet_id;
    window->sent[window->count++].lock_token = delivery->lock_token;
    packet_append_publish(net_conn_output(session->conn), publish);
}

/* One whose properties, encoded, exceed what a topic can be, would block the queue for ever. */
static void send_nothing(struct session *session, const struct hub_delivery *delivery,
                         const char *why)
{
    LOG_WARN("mqtt",
             "conn=%llu device=%.*s module=%.*s: the cloud-to-device message with sequence number "
             "%llu is rejected: %s",
             (unsigned long long)net_conn_id(session->conn), STR_ARG(session->key.device),
             STR_ARG(session->key.module), (unsigned long long)delivery->sequence_number, why);
    settle(session, &delivery->lock_token, HUB_REJECT);
}

static void send_delivery(struct session *session, const struct hub_delivery *delivery)
{
    const struct topic_owner owner = session_owner(session);
    struct buf *topic = &session->endpoint->topic;
    if (delivery->enqueued_us < session->c2d.since_us) {
        send_nothing(session, delivery,
                     "it was sent before the device subscribed for the first "
                     "time (--set c2d-on-first-subscribe=0)");
        return;
    }
    buf_clear(topic);
    append_topic(topic, &owner, delivery);
    if (buf_status(topic) == STATUS_LIMIT) {
        send_nothing(session, delivery, "with all its properties it has no place in a topic");
        return;
    }
    if (buf_status(topic) != STATUS_OK) {
        session_end(session, "out of memory for a cloud-to-device message");
        return;
    }
    struct packet_publish publish = {.topic = buf_str(topic), .payload = delivery->message.body};
    if (session->c2d.qos > 0) {
        send_qos_1(session, delivery, &publish);
        return;
    }
    packet_append_publish(net_conn_output(session->conn), &publish);
    settle(session, &delivery->lock_token, HUB_COMPLETE);
}

void session_c2d_send(struct session *session)
{
    struct session_c2d *c2d = &session->c2d;
    if (c2d->sending) { /* a message that was settled just now makes others available */
        return;
    }
    c2d->sending = true;
    while (c2d->waiting && may_send(session)) {
        CLEANUP(arena_finish) struct arena arena = ARENA_INIT(HUB_C2D_ARENA_MAX);
        struct hub_delivery *delivery = NULL;
        const enum hub_code code =
            hub_c2d_receive(session->hub, session->key, session->link, &arena, &delivery);
        if (code != HUB_OK || delivery == NULL) {
            c2d->waiting = false;
        } else {
            send_delivery(session, delivery);
        }
    }
    c2d->sending = false;
}

void session_c2d_available(void *ctx)
{
    struct session *session = ctx;
    session->c2d.waiting = true;
    session_c2d_send(session);
}

/* In any order: a client that keeps a message for later holds up nobody but itself. */
void session_c2d_acknowledged(struct session *session, uint16_t packet_id)
{
    struct c2d_window *window = session->c2d.window;
    size_t index = 0;
    if (window == NULL || !in_flight(window, packet_id, &index)) {
        return; /* it crossed a redelivery, or answers nothing */
    }
    const struct guid lock_token = window->sent[index].lock_token;
    window->count--;
    memmove(&window->sent[index], &window->sent[index + 1],
            (window->count - index) * sizeof(window->sent[0]));
    settle(session, &lock_token, HUB_COMPLETE);
    session_c2d_send(session);
}

/* ---- subscribing ---- */

/* The best QoS that any of the filters was granted; false when none is for these messages. */
static bool granted(const struct session *session, uint8_t *ret_qos)
{
    const struct topic_owner owner = session_owner(session);
    struct packet_filters filters;
    struct packet_filter filter;
    bool any = false;
    if (!packet_read_filter_list(buf_str(&session->subscriptions.list), &filters, NULL)) {
        return false;
    }
    while (packet_filter_next(&filters, &filter)) {
        struct str method;
        const enum topic_flow flow = topic_read_filter(&owner, filter.text, &method, NULL);
        if (flow == TOPIC_FLOW_C2D || flow == TOPIC_FLOW_MODULE) {
            *ret_qos = any && *ret_qos > filter.qos ? *ret_qos : filter.qos;
            any = true;
        }
    }
    return any;
}

bool session_c2d_subscribed(struct session *session)
{
    struct session_c2d *c2d = &session->c2d;
    const unsigned flows = 1U << TOPIC_FLOW_C2D | 1U << TOPIC_FLOW_MODULE;
    c2d->qos = 0;
    c2d->subscribed = (session->subscriptions.flows & flows) != 0 && granted(session, &c2d->qos);
    return c2d->subscribed;
}
