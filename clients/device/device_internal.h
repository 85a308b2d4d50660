/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_DEVICE_INTERNAL_H
#define CLIENTS_DEVICE_INTERNAL_H

/*
 * What the files of this folder share: link.c keeps the connection, inbox.c receives and delivers,
 * outbox.c sends, credentials.c says who we are, device.c is the public face.
 */
#include <mosquitto.h>

#include <iothub/device.h>

#include "base/clock.h"
#include "base/connection_string.h"
#include "base/list.h"
#include "base/random.h"
#include "clients/device/errors_internal.h"
#include "clients/device/relay_internal.h"
#include "clients/device/settings_internal.h"
#include "clients/device/topics_internal.h"
#include "clients/endpoint/stream.h"

#define DEVICE_PORT            8883U
#define DEVICE_TOPIC_SIZE_MAX  65535U                /* MQTT's own limit */
#define DEVICE_ANSWER_SIZE_MAX ((size_t)1024 * 1024) /* a whole twin is 64 KB of values */
#define DEVICE_INBOX_SIZE_MAX                                                                      \
    ((size_t)8 * 1024 * 1024) /* what may wait to be delivered: more                               \
                                 than the 50 messages of 64 KB that a                              \
                                 hub keeps for a device */
#define DEVICE_USER_SIZE_MAX    4096U
#define DEVICE_ID_SIZE_MAX      128U
#define DEVICE_PRODUCT_SIZE_MAX 256U

enum link_state {
    LINK_DOWN,        /* no connection; if wanted, dial at retry_at_us */
    LINK_DIALLING,    /* TCP and TLS are on their way */
    LINK_CONNECTING,  /* CONNECT is out, CONNACK awaited */
    LINK_SUBSCRIBING, /* SUBACK awaited */
    LINK_UP,
};

/* How a device proves who it is. */
enum credential { CREDENTIAL_KEY, CREDENTIAL_SIGNATURE, CREDENTIAL_CERTIFICATE };

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
    struct endpoint hub;            /* what the hub is called */
    struct endpoint endpoint;       /* whom to dial */
    struct iothub_device_handlers handlers;
    int64_t settings[DEVICE_SETTING_COUNT];
    char *product;  /* owned; NULL: none */
    char *model_id; /* likewise */
    struct random random;

    enum credential credential;
    struct buf resource;         /* what a token is for: "{hub}/devices/{d}[/modules/{m}]" */
    char *signature;             /* owned: with CREDENTIAL_SIGNATURE */
    int64_t signature_expires_s; /* since 1970 */
    bool has_certificate;        /* in tls, with CREDENTIAL_CERTIFICATE */
    int64_t renew_at_us;         /* INT64_MAX: never */
    bool announce_expiry;        /* of the signature, at the next run */
    bool expiry_announced;       /* of this signature */
    struct mosquitto *mosquitto; /* owned */
    struct ssl_ctx_st *tls;      /* owned */
    struct stream *stream;       /* owned; to the hub; NULL: none */
    struct relay relay;

    enum link_state state;
    bool wanted;            /* iothub_device_connect() succeeded, and no disconnect since */
    int refusal;            /* code of the last CONNACK, when it was no success */
    bool subscribe_refused; /* by the last SUBACK */
    int64_t deadline_us;    /* for getting to LINK_UP; monotonic, as all times here */
    int64_t retry_at_us;
    unsigned retry_count;
    uint64_t dial_count;       /* goes up with each attempt: tells old messages from new ones */
    uint64_t connection_count; /* goes up whenever the link comes up */
    bool lost;                 /* and not yet made again */
    bool announce_lost;        /* to the connection handler, at the next run */
    bool announce_made;
    struct iothub_error lost_because;

    uint32_t request_id_last;
    struct device_answer answer;

    struct list pending;   /* of struct outgoing: not confirmed yet, oldest first */
    struct list confirmed; /* of struct outgoing: to be told to the program */
    size_t held_count;     /* of them, those that libmosquitto does not have yet: the last */
    size_t pending_count;
    size_t pending_size;

    struct list inbox;         /* of struct incoming, oldest first */
    size_t inbox_size;         /* bytes in it */
    bool delivering;           /* a handler is being called */
    uint32_t resync_id;        /* request id of the twin GET that finds missed changes; 0: none */
    bool resync_wanted;        /* something was lost: ask again */
    int64_t desired_known;     /* newest desired.$version heard of */
    int64_t desired_delivered; /* newest that the handler saw */
};

void device_destroyp(struct iothub_device **device); /* for CLEANUP */

/* A copy with a NUL; NULL: refused. Free with mem_free(). */
char *device_copy_text(struct str s);

/* When a call that starts now must have its answer. */
int64_t device_answer_deadline_us(const struct iothub_device *device);

/* credentials.c */

/* Decides, from device->parts, how the device proves who it is. STATUS_INVALID with a problem. */
MUST_CHECK enum status credentials_read(struct iothub_device *device, struct problem *problem);
void credentials_finish(struct iothub_device *device);

/*
 * Appends the password of CONNECT, a token signed just now or the one that the program brought, and
 * sets device->renew_at_us. With a certificate there is none.
 */
MUST_CHECK enum iothub_result credentials_append_password(struct iothub_device *device,
                                                          struct buf *out,
                                                          struct iothub_error *error);

/* Why a hub may have found the credentials wanting, as far as can be known here; "" for nothing. */
void credentials_explain(const struct iothub_device *device, struct problem *ret_words);

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
 * noted, and STATUS_UNAVAILABLE: with QoS 1 the message is kept then, and sent when it is up. */
MUST_CHECK enum status link_publish(struct iothub_device *device, const struct buf *topic,
                                    struct str body, int qos, int *ret_id);

/* Publishes as link_publish() does; a lost link is no failure. (device.c) */
MUST_CHECK enum iothub_result device_publish(struct iothub_device *device, const struct buf *topic,
                                             struct str body, int qos, int *ret_id,
                                             struct iothub_error *error);

/* Says that MQTT cannot carry such a topic. */
enum iothub_result device_cannot_publish(struct iothub_error *error);

/* connection.c */

void connection_listen(struct mosquitto *mosquitto); /* sets the callbacks */

/* Sends what libmosquitto and the handlers left to be sent, as far as that needs no waiting. A
 * failure shows again at the next step, so that it may be passed over. */
enum iothub_result connection_flush(struct iothub_device *device, struct iothub_error *error);

/* The next step of a link that is not down; on failure the link is. */
MUST_CHECK enum iothub_result connection_step(struct iothub_device *device, int64_t wait_us,
                                              struct iothub_error *error);
MUST_CHECK enum iothub_result connection_dial(struct iothub_device *device,
                                              struct iothub_error *error);

/* DISCONNECT, as far as it can be sent within a second; the link is down after. */
void connection_end(struct iothub_device *device);

/* inbox.c */

void inbox_init(struct iothub_device *device);
void inbox_finish(struct iothub_device *device);

/*
 * For a message that arrived: answers go to device->answer, the rest waits in the inbox. With a
 * `packet_id` other than 0 the hub waits for PUBACK, which is sent when that is dealt with.
 */
void inbox_receive(struct iothub_device *device, struct str topic, struct str payload,
                   uint16_t packet_id);

/* Asks for the twin, to find what changed while nobody listened. */
MUST_CHECK enum status inbox_resync(struct iothub_device *device);

/* Calls the handlers for what had arrived when it was called. */
MUST_CHECK enum status inbox_deliver(struct iothub_device *device);

/* outbox.c */

void outbox_init(struct iothub_device *device);
void outbox_finish(struct iothub_device *device);  /* tells what was never confirmed */
void outbox_release(struct iothub_device *device); /* what was held, once CONNACK has come */
void outbox_confirm(struct iothub_device *device, int packet_id);
void outbox_deliver(struct iothub_device *device); /* tells the program what was confirmed */

#endif
