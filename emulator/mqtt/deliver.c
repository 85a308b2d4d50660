/* SPDX-License-Identifier: MIT */
/*
 * What the hub sends to a client besides messages (c2d.c): desired properties, method calls, and
 * the end of the link. All of it at QoS 0, as the service does even where 1 was granted (device
 * protocol reference, 1.6).
 */
#include <inttypes.h>

#include "mqtt/limits.h"
#include "mqtt/session_internal.h"

enum { METHOD_ID_SIZE_MAX = 16 };

void session_send(struct session *session, struct str topic, struct str payload)
{
    const struct packet_publish publish = {.topic = topic, .payload = payload};
    packet_append_publish(net_conn_output(session->conn), &publish);
}

/* Short lower-case hexadecimal, as the service's ids look on MQTT (4). */
void session_method_id_append(struct buf *out, uint64_t request_id)
{
    buf_append_format(out, "%" PRIx64, request_id);
}

bool session_method_id_read(struct str text, uint64_t *ret_request_id)
{
    if (text.size == 0 || text.size > METHOD_ID_SIZE_MAX) {
        return false;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < text.size; i++) {
        const char c = text.data[i];
        if (c >= '0' && c <= '9') {
            value = value << 4 | (uint64_t)(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            value = value << 4 | (uint64_t)(c - 'a' + 10);
        } else {
            return false;
        }
    }
    *ret_request_id = value;
    return true;
}

static void deliver_desired(void *ctx, uint64_t version, struct str patch)
{
    struct session *session = ctx;
    struct buf *name = &session->endpoint->topic;
    if (session->state != SESSION_OPEN) {
        return;
    }
    buf_clear(name);
    topic_append_desired(name, (int64_t)version);
    if (buf_status(name) == STATUS_OK) {
        session_send(session, buf_str(name), patch);
    } else {
        session_end(session, "out of memory for a notification");
    }
}

/* A name becomes part of a topic, which must be UTF-8 without NUL [MQTT-1.5.3] and without
 * wildcards [MQTT-3.3.2-2]. No client can have subscribed to one that is not. */
static bool fits_topic(struct str method)
{
    return method.size > 0 && str_find(method, '\0') == SIZE_MAX &&
           str_find(method, '#') == SIZE_MAX && str_find(method, '+') == SIZE_MAX &&
           str_is_utf8(method);
}

static bool deliver_method(void *ctx, uint64_t request_id, struct str name, struct str payload)
{
    struct session *session = ctx;
    const struct topic_owner owner = session_owner(session);
    if (session->state != SESSION_OPEN || !fits_topic(name) ||
        !subscriptions_have_method(&session->subscriptions, &owner, name)) {
        return false;
    }
    struct buf id CLEANUP(buf_finish) = BUF_INIT(METHOD_ID_SIZE_MAX);
    struct buf *topic = &session->endpoint->topic;
    session_method_id_append(&id, request_id);
    buf_clear(topic);
    topic_append_method_request(topic, name, buf_str(&id));
    if (buf_status(&id) != STATUS_OK || buf_status(topic) != STATUS_OK) {
        return false;
    }
    session_send(session, buf_str(topic), payload);
    return true;
}

/*
 * The Will is due after a take-over too, but not when the device itself is gone, nor when the hub
 * was emptied: there is nobody left whose message it could be. It is sent at once, so that it
 * stands before the end of this link, and the beginning of the next, in the journal.
 */
static void link_over(void *ctx, enum hub_code code, const char *why)
{
    struct session *session = ctx;
    session->link = NULL;
    if (code != HUB_CONNECTION_CLOSED_ON_NEW_CONNECTION && code != HUB_DEVICE_DISABLED) {
        session->will.due = false;
    }
    session_publish_will(session);
    session_end(session, why);
}

const struct hub_link_ops session_link_ops = {
    .protocol = "mqtt",
    .desired = deliver_desired,
    .method = deliver_method,
    .c2d = session_c2d_available,
    .c2d_held = true,
    .close = link_over,
};
