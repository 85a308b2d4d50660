/* SPDX-License-Identifier: MIT */
#ifndef MQTT_SESSION_INTERNAL_H
#define MQTT_SESSION_INTERNAL_H

/*
 * One client's connection, shared by the files that handle its packets:
 *
 *     NEW --CONNECT accepted--> OPEN --anything that ends it--> ENDING --closed()--> freed
 *      \------refused, 60 s-------------------------------------/
 *
 * Everything runs to completion inside one call of net or of the hub, so a packet is answered
 * before the next is read: CONNECT too, which is why packets sent right behind it need no queue of
 * their own.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/timers.h"
#include "hub/hub.h"
#include "mqtt/packet.h"
#include "mqtt/subscriptions_internal.h"
#include "net/net.h"

/* What all sessions use in turn: one packet is handled at a time. */
struct mqtt_endpoint {
    struct hubs *hubs;                /* borrowed */
    struct arena arena;               /* of the packet being handled */
    struct buf decoded;               /* property bag of the message being sent */
    struct buf topic;                 /* of the packet being written */
    struct buf body;                  /* of the response being written */
    struct hub_property *application; /* owned array; of the message being sent */
    size_t application_capacity;
};

enum session_state { SESSION_NEW, SESSION_OPEN, SESSION_ENDING };

struct will {
    bool due; /* sent unless the client takes leave with DISCONNECT */
    bool retain;
    struct str bag;     /* in the session's texts */
    struct str message; /* likewise */
};

/* How cloud-to-device messages go to the client: c2d.c. */
struct session_c2d {
    bool subscribed;
    uint8_t qos;               /* as granted */
    bool waiting;              /* there may be some in the hub's queue */
    bool sending;              /* inside session_c2d_send() */
    int64_t since_us;          /* older ones are not wanted */
    struct c2d_window *window; /* owned; NULL before the first at QoS 1 */
};

struct session {
    struct mqtt_endpoint *endpoint; /* borrowed */
    struct net_conn *conn;          /* borrowed */
    enum session_state state;
    bool persistent;       /* clean session = 0 */
    bool accepted;         /* CONNECT was, however it went on */
    struct hub *hub;       /* borrowed: the one asked for; before CONNECT the one dialled */
    struct hub_link *link; /* NULL before CONNECT, and once the hub has ended it */
    struct hub_principal principal; /* set once accepted */
    struct identity_key key;        /* in texts; empty before CONNECT */
    struct will will;
    char *texts; /* owned */
    struct subscriptions subscriptions;
    struct session_c2d c2d;
    struct timer idle;      /* runs always: waits for CONNECT, then for any packet */
    int64_t idle_us;        /* the longest silence allowed */
    int64_t last_packet_us; /* on the hub's clock */
    uint16_t keep_alive_s;  /* as asked for */
    bool held;              /* its packets wait until it has read what it asked for */
    struct timer expiry;    /* of the token */
};

struct topic_owner session_owner(const struct session *session);

/* Notes the refusal in journal and log, and closes once what is queued has left. */
void session_refuse(struct session *session, enum hub_code code, const char *why);

/* Closes without calling it a refusal. */
void session_end(struct session *session, const char *why);

/* Starts or restarts the idle timer with a new limit. */
void session_set_idle(struct session *session, int64_t idle_us);

/* connect.c: answers with CONNACK, whatever comes of it. */
void session_connect(struct session *session, const struct packet_frame *frame);

/* subscribe.c */
void session_subscribe(struct session *session, const struct packet_frame *frame);
void session_unsubscribe(struct session *session, const struct packet_frame *frame);
MUST_CHECK enum hub_code session_restore(struct session *session, bool *ret_present,
                                         struct problem *problem);

void session_update_interests(struct session *session); /* tells the hub what is subscribed */

/* publish.c */
void session_publish(struct session *session, const struct packet_frame *frame);
void session_publish_will(struct session *session);

/* deliver.c: how the hub reaches the client. */
extern const struct hub_link_ops session_link_ops;
void session_send(struct session *session, struct str topic, struct str payload); /* QoS 0 */

/* c2d.c */
bool session_c2d_subscribed(struct session *session); /* finds out anew */
void session_c2d_available(void *ctx);                /* of struct hub_link_ops */
void session_c2d_send(struct session *session);       /* as many as there is room for */
void session_c2d_acknowledged(struct session *session, uint16_t packet_id);
void session_c2d_finish(struct session *session);

/* The request id of a method as topics carry it; false: it is none of ours. */
void session_method_id_append(struct buf *out, uint64_t request_id);
bool session_method_id_read(struct str text, uint64_t *ret_request_id);

#endif
