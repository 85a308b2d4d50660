/* SPDX-License-Identifier: MIT */
#ifndef HUB_C2D_H
#define HUB_C2D_H

/*
 * Cloud-to-device messages and their feedback (device protocol reference, 3; service reference, 6.4
 * and 6.5): a part of hub.h, apart from it because only the endpoints that carry them need it.
 *
 * One queue for each device and module, first in, first out, in storage: what hub_c2d_send() took
 * survives the process once it is committed. A message is given to one receiver at a time, locked,
 * and leaves the queue when it is settled or expires. All times are on the hub's clock.
 */
#include "hub/hub.h"

enum {
    HUB_C2D_QUEUE_MAX = 50, /* waiting or locked */
    HUB_C2D_SIZE_MAX = 65536,
    HUB_MESSAGE_ID_MAX = 128,
    HUB_C2D_ARENA_MAX = 4 << 20, /* what hub_c2d_receive() may need of an arena */
};

/* Of which outcomes the sender wants to be told. */
enum hub_ack { HUB_ACK_NONE, HUB_ACK_POSITIVE, HUB_ACK_NEGATIVE, HUB_ACK_FULL };
const char *hub_ack_name(enum hub_ack ack); /* "none", "positive", "negative", "full" */
bool hub_ack_from_name(struct str name, enum hub_ack *ret_ack); /* in any case */

struct hub_c2d {
    struct identity_key key;
    struct hub_message message; /* texts must be UTF-8 without NUL */
    enum hub_ack ack;
    int64_t expires_us; /* 0: after the default time to live */
};

/*
 * Queues a message; a disabled device's too. HUB_DEVICE_NOT_FOUND, HUB_MODULE_NOT_FOUND,
 * HUB_DEVICE_MAXIMUM_QUEUE_DEPTH_EXCEEDED, HUB_MESSAGE_TOO_LARGE, HUB_INVALID_MESSAGE_EXPIRY_TIME
 * (it is past), HUB_ARGUMENT_INVALID. The system property "to" is added when it is missing;
 * "expiryTimeUtc" and "ack" among the system properties are passed over for the members above.
 */
MUST_CHECK enum hub_code hub_c2d_send(struct hub *hub, const struct hub_c2d *send,
                                      struct problem *problem);

struct hub_delivery {
    struct guid lock_token;
    uint64_t sequence_number; /* grows from message to message of a queue, with gaps */
    int64_t enqueued_us;
    int64_t expires_us;
    uint32_t delivery_count; /* how often it was given back: 0 at first */
    bool redelivered;        /* somebody received it before */
    enum hub_ack ack;
    /* System properties as hub_telemetry() takes them; "to" is always there, "expiryTimeUtc" (seven
     * digits of fraction) when the sender gave one. */
    struct hub_message message;
};

/*
 * Locks and gives the oldest waiting message; *ret_delivery is NULL when there is none. It lives in
 * `arena`, and inside hub_link_ops.c2d() no longer than until that returns. `link`, which may be
 * NULL (HTTPS), gets back into the queue, in order, what it has not settled when it ends.
 * HUB_DEVICE_NOT_FOUND, HUB_MODULE_NOT_FOUND.
 */
MUST_CHECK enum hub_code hub_c2d_receive(struct hub *hub, struct identity_key key,
                                         struct hub_link *link, struct arena *arena,
                                         struct hub_delivery **ret_delivery);

enum hub_settlement {
    HUB_COMPLETE,
    HUB_ABANDON, /* back into the queue; delivery_count rises, and above the maximum it is dropped
                  */
    HUB_REJECT,  /* dropped */
    HUB_RELEASE, /* back into the queue as if it had never left: the transport lost it */
};

/* HUB_DEVICE_MESSAGE_LOCK_LOST for a token that locks nothing (any more). */
MUST_CHECK enum hub_code hub_c2d_settle(struct hub *hub, struct identity_key key,
                                        const struct guid *lock_token,
                                        enum hub_settlement settlement, struct problem *problem);

/* Empties the queue, locked messages included; *ret_count: of how many. */
MUST_CHECK enum hub_code hub_c2d_purge(struct hub *hub, struct identity_key key, size_t *ret_count,
                                       struct problem *problem);

/* ---- feedback: batches of what became of messages (service reference, 6.5) ---- */

struct hub_feedback {
    struct guid lock_token;
    uint64_t sequence_number;
    int64_t enqueued_us;
    uint32_t delivery_count;
    struct str body; /* a JSON array, ASCII only */
};

/* As hub_c2d_receive(): locks and gives the oldest batch, NULL when there is none. The user-id that
 * goes with it is hub_name(). */
MUST_CHECK enum hub_code hub_feedback_receive(struct hub *hub, struct arena *arena,
                                              struct hub_feedback **ret_feedback);
MUST_CHECK enum hub_code hub_feedback_settle(struct hub *hub, const struct guid *lock_token,
                                             enum hub_settlement settlement,
                                             struct problem *problem);

/* Calls `available` whenever a batch may wait, from inside the call that makes it so. All watchers
 * are called, in turns; the first to receive has it. */
struct hub_feedback_watcher {
    void (*available)(void *ctx);
    void *ctx;
    struct list link; /* private; zeroed before the first use */
};
void hub_feedback_watch(struct hub *hub, struct hub_feedback_watcher *watcher);
void hub_feedback_unwatch(struct hub_feedback_watcher *watcher); /* harmless when not watching */

#endif
