/* SPDX-License-Identifier: MIT */
#ifndef IOTHUB_MESSAGING_H
#define IOTHUB_MESSAGING_H

/*
 * The messaging of a back end, over AMQP 1.0: messages to devices and what became of them, and the
 * events that devices send, read from the hub's Event Hubs-compatible endpoint.
 *
 *   struct iothub_reader *reader = NULL;
 *   struct iothub_error error;
 *   enum iothub_result result = iothub_reader_open(connection_string, NULL, &reader, &error);
 *   while (result == IOTHUB_OK) {
 *       const struct iothub_event *event = NULL;
 *       result = iothub_reader_receive(reader, 1000, &event, &error);
 *       if (result == IOTHUB_OK && event != NULL) {
 *           ... event->device_id, event->body ...
 *       }
 *   }
 *   ... error.text says why ...
 *   iothub_reader_close(reader);
 *
 * The same calls work against Azure and against the emulator; only the connection string differs.
 *
 * Calls block, and each has a time-out; only looking up a host name takes as long as the system's
 * resolver takes. Nothing runs in between: an iothub_messaging or an iothub_reader is used by one
 * thread at a time and starts none; different ones may be used by different threads at once.
 * SIGPIPE is never raised. A signal that is handled ends a waiting call early, as its time-out
 * would.
 *
 * Strings are UTF-8 and NUL-ended, and need to live no longer than the call that they are given to;
 * NULL and "" are the same. Times are milliseconds since 1970-01-01 UTC, durations milliseconds.
 */
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include <iothub/common.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- The connection ---- */

/* A connection that is used for less than a minute at a time is kept; otherwise the other side may
 * end it, and the next call makes a new one. */

struct iothub_messaging_options {
    unsigned timeout_ms;       /* of each step that waits for the hub's answer; 0: 30000 */
    unsigned token_lifetime_s; /* of the tokens that are made from the key, and renewed after 80 %
                                  of it; 0: 3600 */
    uint16_t port;             /* of AMQP over TLS; 0: 5671. A port in HostName is the one for
                                  HTTPS and is not used */
};

/* ---- Messages to devices ---- */

struct iothub_messaging;

/*
 * Reads "HostName=...;SharedAccessKeyName=...;SharedAccessKey=..." of a policy with ServiceConnect.
 * The connection is made by the first call that needs it. `options` may be NULL. Destroy with
 * iothub_messaging_destroy().
 */
IOTHUB_API IOTHUB_MUST_CHECK enum iothub_result
iothub_messaging_create(const char *connection_string,
                        const struct iothub_messaging_options *options,
                        struct iothub_messaging **ret_messaging, struct iothub_error *error);
IOTHUB_API void iothub_messaging_destroy(struct iothub_messaging *messaging); /* NULL is allowed */

/* What the hub is to tell of a message by feedback. */
enum iothub_ack {
    IOTHUB_ACK_NONE,
    IOTHUB_ACK_POSITIVE, /* that it was completed */
    IOTHUB_ACK_NEGATIVE, /* that it expired, was rejected, or was delivered too often */
    IOTHUB_ACK_FULL,     /* both */
};

struct iothub_message_property {
    const char *name;
    const char *value;
};

/* Zeroed but for the device and the body, it is as plain as can be. */
struct iothub_c2d_message {
    const char *device_id;
    const char *module_id; /* NULL: for the device itself */
    const void *body;      /* may be NULL when body_size is 0 */
    size_t body_size;      /* bytes; the hub takes 65536, properties included */
    const char *message_id;
    const char *correlation_id;
    const char *user_id;
    const char *content_type;     /* "application/json" ... */
    const char *content_encoding; /* "utf-8" ... */
    enum iothub_ack ack;
    int64_t expiry_ms; /* 0: after the hub's own time, an hour unless it was set otherwise */
    const struct iothub_message_property *properties;
    size_t property_count;
};

/*
 * Sends it and waits for the hub's word: IOTHUB_OK when the message is in the device's queue.
 * IOTHUB_REFUSED tells the hub's condition in error->code: "amqp:not-found" for a device that is
 * not there, "amqp:resource-limit-exceeded" for a full queue. When the connection breaks before the
 * hub's word has come (IOTHUB_UNAVAILABLE, and the text says so), nobody knows whether the hub has
 * the message: it is not sent again.
 */
IOTHUB_API IOTHUB_MUST_CHECK enum iothub_result
iothub_messaging_send(struct iothub_messaging *messaging, const struct iothub_c2d_message *message,
                      struct iothub_error *error);

/* ---- What became of them ---- */

struct iothub_feedback_record {
    const char *message_id; /* of the message that was sent */
    const char *device_id;
    const char *device_generation_id;
    const char *status; /* "Success", "Expired", "DeliveryCountExceeded", "Rejected", "Purged" */
    const char *description;
    const char *enqueued_time; /* ISO 8601, when it became of it */
};

/* A batch of records, as the hub sends them. All belongs to the batch. */
struct iothub_feedback {
    const struct iothub_feedback_record *records;
    size_t count;
    int64_t enqueued_ms; /* of the batch; 0: not told */
};

/*
 * Waits for the next batch: IOTHUB_OK with NULL when none came in time. A batch is locked for this
 * receiver until it is settled, for a minute at most; then it comes again, to whoever listens. A
 * connection that breaks is made anew, for as long as the time lasts. Free with
 * iothub_feedback_destroy().
 */
IOTHUB_API IOTHUB_MUST_CHECK enum iothub_result
iothub_messaging_receive_feedback(struct iothub_messaging *messaging, unsigned timeout_ms,
                                  struct iothub_feedback **ret_feedback,
                                  struct iothub_error *error);

enum iothub_settlement {
    IOTHUB_ACCEPT,  /* taken: it does not come again */
    IOTHUB_RELEASE, /* for somebody else: it comes again at once */
};

/*
 * Settles a batch that is not destroyed yet. IOTHUB_UNAVAILABLE when the connection that it came on
 * is gone: it comes again.
 */
IOTHUB_API IOTHUB_MUST_CHECK enum iothub_result
iothub_messaging_settle_feedback(struct iothub_messaging *messaging,
                                 struct iothub_feedback *feedback,
                                 enum iothub_settlement settlement, struct iothub_error *error);

/* Frees it, not settling anything. NULL is allowed. */
IOTHUB_API void iothub_feedback_destroy(struct iothub_feedback *feedback);

/* ---- Events of devices ---- */

struct iothub_reader;

enum iothub_start {
    IOTHUB_START_LATEST, /* what comes after iothub_reader_open() */
    IOTHUB_START_EARLIEST,
    IOTHUB_START_TIME,     /* enqueued after start_value milliseconds since 1970 */
    IOTHUB_START_SEQUENCE, /* from the sequence number start_value on, in each partition */
    IOTHUB_START_OFFSET,   /* after the offset start_offset, in each partition */
};

/* Zeroed it reads what is new in all partitions, by the consumer group "$Default". */
struct iothub_reader_options {
    struct iothub_messaging_options connection;
    const char *consumer_group; /* NULL: "$Default" */
    const char *partition;      /* NULL: all of them */
    enum iothub_start start;
    int64_t start_value;
    const char *start_offset;
    /* Called from within iothub_reader_receive() when the connection is lost, with the reason, and
     * when it is made anew. May be NULL. */
    void (*connection_changed)(void *ctx, int connected, const char *reason);
    void *ctx;
};

/* An event and all that it consists of belong to the reader. */
struct iothub_event {
    const void *body; /* Data as it came; other bodies as JSON */
    size_t body_size;
    const char *partition; /* "0" ... */
    int64_t sequence_number;
    const char *offset;
    int64_t enqueued_ms;
    const char *device_id; /* "" where the hub names none */
    const char *module_id;
    const char *source;           /* "Telemetry", "twinChangeEvents" ..., or "" */
    const char *content_type;     /* of its properties, or "" */
    const char *content_encoding; /* likewise */

    /* Objects, of each section as it came: numbers, booleans and strings as such, times as numbers
     * (milliseconds), binary data as text if it is UTF-8, and as base64 if not. */
    const cJSON *annotations; /* "iothub-connection-device-id", "x-opt-sequence-number" ... */
    const cJSON *properties;  /* "message_id", "correlation_id", "content_type" ... */
    const cJSON *application; /* the device's own */
};

/*
 * Starts to read, and returns when all partitions are read. The connection string is an IoT hub's
 * ("HostName=...", of a policy with ServiceConnect), which tells where its event hub is, or that of
 * an event hub itself: "Endpoint=sb://...;SharedAccessKeyName=...;SharedAccessKey=...;EntityPath=
 * ...". With UseDevelopmentEmulator=true in it the connection is plain TCP, on port 5672 unless
 * Endpoint says otherwise. `options` may be NULL. End with iothub_reader_close().
 *
 * IOTHUB_REFUSED: error->code is the condition, such as "amqp:not-found" for a consumer group that
 * is not there.
 */
IOTHUB_API IOTHUB_MUST_CHECK enum iothub_result
iothub_reader_open(const char *connection_string, const struct iothub_reader_options *options,
                   struct iothub_reader **ret_reader, struct iothub_error *error);
IOTHUB_API void iothub_reader_close(struct iothub_reader *reader); /* NULL is allowed */

/*
 * The next event, or NULL when none came in time, valid until the next call with this reader.
 * Events of one partition come in their order.
 *
 * A connection that breaks is made anew, after one second, two, four ... up to half a minute, and
 * half as long again at random; reading goes on behind the last event of each partition that was
 * returned, so that none is lost and none comes twice. Only what waiting cannot mend ends it: a
 * result other than IOTHUB_OK is final, and the next call returns it again (but for
 * IOTHUB_NO_MEMORY).
 *
 * Call it at least every half minute, or the other side may take the connection for dead; then it
 * is made anew likewise.
 */
IOTHUB_API IOTHUB_MUST_CHECK enum iothub_result
iothub_reader_receive(struct iothub_reader *reader, unsigned timeout_ms,
                      const struct iothub_event **ret_event, struct iothub_error *error);

/* How many partitions are read. */
IOTHUB_API size_t iothub_reader_partition_count(const struct iothub_reader *reader);

#ifdef __cplusplus
}
#endif

#endif
