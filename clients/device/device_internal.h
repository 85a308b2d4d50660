/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_DEVICE_INTERNAL_H
#define CLIENTS_DEVICE_INTERNAL_H

/*
 * What the files of this folder share: link.c keeps the connection, inbox.c receives and delivers,
 * device.c is the public face.
 */
#include <mosquitto.h>

#include <iothub/device.h>

#include "base/clock.h"
#include "base/connection_string.h"
#include "base/json.h"
#include "base/list.h"
#include "base/random.h"
#include "clients/device/errors_internal.h"
#include "clients/device/topics_internal.h"
#include "clients/endpoint/endpoint.h"

#define DEVICE_PORT              8883U
#define DEVICE_KEEP_ALIVE_S      60
#define DEVICE_TOKEN_LIFETIME_S  3600
#define DEVICE_ANSWER_TIMEOUT_US (30 * CLOCK_SECOND)
#define DEVICE_RETRY_MAX_US      (30 * CLOCK_SECOND)
#define DEVICE_TOPIC_SIZE_MAX    65535U                    /* MQTT's own limit */
#define DEVICE_BODY_SIZE_MAX     ((size_t)256 * 1024)      /* the hub's limit of a message */
#define DEVICE_ANSWER_SIZE_MAX   ((size_t)1024 * 1024)     /* a whole twin is 64 KB of values */
#define DEVICE_INBOX_SIZE_MAX    ((size_t)4 * 1024 * 1024) /* what may wait to be delivered */
#define DEVICE_USER_SIZE_MAX     1024U

enum link_state {
    LINK_DOWN,        /* no connection; if wanted, dial at retry_at_us */
    LINK_CONNECTING,  /* dialled: TLS handshake, then CONNECT is out, CONNACK awaited */
    LINK_SUBSCRIBING, /* SUBACK awaited */
    LINK_UP,
};

/* The answer of the hub that one of our functions is waiting for. */
struct device_answer {
    uint32_t request_id; /* 0: to none */
    bool arrived;
    int status;
    int64_t version;
    struct buf body;
};

struct iothub_device {
    char *text;                     /* owned: the connection string */
    struct connection_string parts; /* in text */
    char *device_id;                /* owned */
    char *module_id;                /* owned; "" for a device */
    struct buf user_name;
    struct buf resource;      /* what the token is for: "{hub}/devices/{d}[/modules/{m}]" */
    struct endpoint endpoint; /* whom to dial */
    struct iothub_device_handlers handlers;
    struct random random;

    struct mosquitto *mosquitto; /* owned */
    struct ssl_ctx_st *tls;      /* owned; mosquitto holds a reference of its own */
    long certificate_error;      /* why the last handshake refused it; 0: did not */

    enum link_state state;
    bool wanted;            /* iothub_device_connect() succeeded, and no disconnect since */
    int refusal;            /* code of the last CONNACK, when it was no success */
    bool subscribe_refused; /* by the last SUBACK */
    int64_t deadline_us;    /* for CONNACK and SUBACK; monotonic, as all times here */
    int64_t retry_at_us;
    unsigned retry_count;
    int64_t token_lifetime_s;
    int64_t renew_at_us;
    uint64_t connection_count; /* goes up whenever the link comes up */
    bool lost;                 /* and not yet made again */
    bool announce_lost;        /* to the connection handler, at the next run */
    bool announce_made;
    struct iothub_error lost_because;

    uint32_t request_id_last;
    struct device_answer answer;
    int publish_id; /* of the message whose PUBACK is awaited */
    bool published; /* it came */

    struct list inbox;         /* of struct device_message, oldest first */
    size_t inbox_size;         /* bytes in it */
    bool delivering;           /* a handler is being called */
    uint32_t resync_id;        /* request id of the twin GET that finds missed changes; 0: none */
    bool resync_wanted;        /* something was lost: ask again */
    int64_t desired_known;     /* newest desired.$version heard of */
    int64_t desired_delivered; /* newest that the handler saw */
};

void device_destroyp(struct iothub_device **device); /* for CLEANUP */

/* link.c */

MUST_CHECK enum status link_init(struct iothub_device *device, struct problem *problem);
void link_finish(struct iothub_device *device);

/* One attempt to get to LINK_UP. */
MUST_CHECK enum iothub_result link_connect(struct iothub_device *device,
                                           struct iothub_error *error);
void link_disconnect(struct iothub_device *device);

/*
 * Does what the connection needs now, waiting at most `wait_us` for something to happen. Losses are
 * noted and mended; a failure means that mending is no use.
 */
MUST_CHECK enum iothub_result link_keep(struct iothub_device *device, int64_t wait_us,
                                        struct iothub_error *error);

/* Waits until LINK_UP. */
MUST_CHECK enum iothub_result link_await(struct iothub_device *device, int64_t deadline_us,
                                         struct iothub_error *error);

/* Publishes on a link that is up; *ret_id (may be NULL) is the packet's. A failure of the link is
 * noted, and STATUS_UNAVAILABLE. */
MUST_CHECK enum status link_publish(struct iothub_device *device, const struct buf *topic,
                                    struct str body, int qos, int *ret_id);

/* inbox.c */

void inbox_init(struct iothub_device *device);
void inbox_finish(struct iothub_device *device);

/* For a message that arrived: answers go to device->answer, the rest waits in the inbox. */
void inbox_receive(struct iothub_device *device, struct str topic, struct str payload);

/* Asks for the twin, to find what changed while nobody listened. */
MUST_CHECK enum status inbox_resync(struct iothub_device *device);

/* Calls the handlers for what had arrived when it was called. */
MUST_CHECK enum status inbox_deliver(struct iothub_device *device);

#endif
