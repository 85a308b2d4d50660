/* SPDX-License-Identifier: MIT */
#ifndef IOTHUB_DEVICE_H
#define IOTHUB_DEVICE_H

/*
 * A device, or a module of a device, of an IoT hub: it connects over MQTT, sends telemetry,
 * receives messages, answers direct methods, reports what it is and learns what is desired of it.
 *
 *   struct iothub_error error;
 *   struct iothub_device *device = NULL;
 *   if (iothub_device_create(connection_string, &handlers, &device, &error) == IOTHUB_OK &&
 *       iothub_device_connect(device, &error) == IOTHUB_OK) {
 *       while (!stop && iothub_device_run(device, 1000, &error) == IOTHUB_OK) {
 *       }
 *   }
 *   iothub_device_destroy(device);
 *
 * Threads. The library starts none: everything happens inside the calls below. A device belongs to
 * one thread at a time; several devices may live in several threads. The handlers are called from
 * iothub_device_run() and iothub_device_flush() only. Inside a handler every function but
 * iothub_device_connect(), _disconnect(), _run(), _flush() and _destroy() may be called; what
 * arrives meanwhile waits.
 *
 * A program that does nothing else calls iothub_device_run() in a loop, at least twice in each keep
 * alive time (IOTHUB_DEVICE_KEEP_ALIVE_S), or the hub takes the device for dead.
 *
 * Time. Nothing waits for ever: see enum iothub_device_setting for every limit and its default. The
 * one wait that is not ours is the look-up of the host's name, which the system's resolver bounds
 * (resolv.conf(5): "timeout" and "attempts"); an address needs none.
 *
 * A lost connection is made again by itself, with the subscriptions, and with a look at what
 * desired properties changed meanwhile. The first attempt comes after a second, each later one
 * after twice the time, up to 30 seconds, each time longer by a random part of half of it, lest a
 * fleet comes back as one. A hub that is busy (CONNACK 3) is treated alike; one that says no
 * (CONNACK 5) ends iothub_device_run() with IOTHUB_REFUSED.
 *
 * Credentials. A token is signed from the key, for an hour, and renewed at 80 % of it by a short
 * reconnect, as MQTT demands; nobody is told. A SharedAccessSignature that the program brought
 * cannot be renewed here: the connection handler hears IOTHUB_DEVICE_SIGNATURE_EXPIRES in time, and
 * iothub_device_use_signature() takes the next one.
 *
 * libmosquitto, which this stands on, sets the process to ignore SIGPIPE.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include <iothub/common.h>

#ifdef __cplusplus
extern "C" {
#endif

struct iothub_device;

/* ---- What a device sends and hears ---- */

/* An application property of a message. */
struct iothub_device_property {
    const char *name;  /* UTF-8 */
    const char *value; /* likewise; NULL stands for "no value", which a message received may have */
};

/*
 * A message: telemetry to the hub, or one that a device or module receives. What is NULL is not
 * there. Set it to zeros first, then fill in what is wanted; the library copies what it keeps.
 */
struct iothub_device_message {
    const void *body;
    size_t body_size; /* bytes; 0 is a legal message */
    const char *message_id;
    const char *correlation_id;
    const char *user_id;
    const char *content_type;      /* "application/json" and ... */
    const char *content_encoding;  /* ... "utf-8" let the hub look into the body */
    const char *creation_time_utc; /* ISO 8601, as in "2026-11-21T19:00:00Z" */
    const char *expiry_time_utc;   /* likewise */
    const char *component;         /* sent only: dt-subject of a device with a model */
    const char *output;            /* sent only, modules only: the output that routes name */
    const char *input;             /* received only: the module's input; NULL: cloud to device */
    const char *to;                /* received only: the address that the sender wrote */
    const char *ack;               /* received only: "none", "positive", "negative" or "full" */
    const struct iothub_device_property *properties;
    size_t property_count;
};

/* Long enough for any request id that a hub was seen to use, and a NUL. */
#define IOTHUB_DEVICE_REQUEST_ID_SIZE 129

/* Somebody calls a direct method, and waits. */
struct iothub_device_method {
    char request_id[IOTHUB_DEVICE_REQUEST_ID_SIZE]; /* copy it to answer later */
    const char *name;                               /* valid during the call of the handler */
    const cJSON *payload;                           /* likewise; NULL when there was none */
};

/* What is desired of the device changed. */
struct iothub_device_desired {
    const cJSON *properties; /* valid during the call of the handler */
    int64_t version;         /* desired.$version after the change */
    bool whole; /* all desired properties (changed while offline); false: the changed ones, where
                   null means that a property was removed */
};

enum iothub_device_event {
    IOTHUB_DEVICE_LOST, /* the connection broke, for the reason given; it is being made again */
    IOTHUB_DEVICE_BACK, /* it stands again; the reason is "" */
    IOTHUB_DEVICE_SIGNATURE_EXPIRES, /* the signature that the program brought ends soon: the
                                        reason says when */
};

/* Each may be NULL; then the hub is not asked for such things at all. */
struct iothub_device_handlers {
    void (*desired)(struct iothub_device *device, const struct iothub_device_desired *desired,
                    void *ctx);
    void (*method)(struct iothub_device *device, const struct iothub_device_method *method,
                   void *ctx);
    /*
     * A message from the cloud to the device, or to an input of the module. The hub counts it as
     * completed when the handler has returned. Where the connection or the program ends before that
     * is told to the hub, the message comes again.
     */
    void (*message)(struct iothub_device *device, const struct iothub_device_message *message,
                    void *ctx);
    void (*connection)(struct iothub_device *device, enum iothub_device_event event,
                       const char *reason, void *ctx);
    void *ctx; /* given to each of them */
};

/* ---- Life ---- */

/*
 * Reads a connection string, as the hub's owner copies it from there. Nothing is sent yet.
 *
 *   HostName=...;DeviceId=...[;ModuleId=...][;GatewayHostName=...]  and one of
 *   ;SharedAccessKey=...             the key of the device or module; signs tokens
 *   ;SharedAccessSignature=...       a token, which works until it expires
 *   ;x509=true                       a certificate: see iothub_device_use_certificate()
 *
 * HostName may carry a port (8883 when it does not); GatewayHostName is dialled in its place. What
 * is missing or contradictory is IOTHUB_INVALID, with the words to mend it. `handlers` is copied.
 */
IOTHUB_API IOTHUB_MUST_CHECK enum iothub_result
iothub_device_create(const char *connection_string, const struct iothub_device_handlers *handlers,
                     struct iothub_device **ret_device, struct iothub_error *error);

/* Disconnects first. NULL is allowed. Not from within a handler. */
IOTHUB_API void iothub_device_destroy(struct iothub_device *device);

IOTHUB_API const char *iothub_device_id(const struct iothub_device *device);
IOTHUB_API const char *iothub_device_module_id(const struct iothub_device *device); /* or "" */

/*
 * For "x509=true": the certificate that the hub knows by its thumbprint, or one of an authority
 * that the hub knows, and its private key. `chain_path` names a PEM file, the device's certificate
 * first, then those that lead to the authority, if any; `key_path` one with the key, which
 * `passphrase` opens (NULL: it is not locked). Both are read now. IOTHUB_INVALID when a file cannot
 * be read, is no PEM, the two do not belong together, or the certificate is not valid today.
 */
IOTHUB_API IOTHUB_MUST_CHECK enum iothub_result
iothub_device_use_certificate(struct iothub_device *device, const char *chain_path,
                              const char *key_path, const char *passphrase,
                              struct iothub_error *error);

/* The same from memory: texts of PEM. */
IOTHUB_API IOTHUB_MUST_CHECK enum iothub_result
iothub_device_use_certificate_pem(struct iothub_device *device, const char *chain_pem,
                                  const char *key_pem, const char *passphrase,
                                  struct iothub_error *error);

/* A new SharedAccessSignature in place of the one that was there; a device that is connected takes
 * it over by a short reconnect at the next iothub_device_run(). Also from within a handler. */
IOTHUB_API IOTHUB_MUST_CHECK enum iothub_result
iothub_device_use_signature(struct iothub_device *device, const char *signature,
                            struct iothub_error *error);

/* What a program may set, at any time; it counts from the next connection or call on. After each:
 * the default; smallest and largest value. */
enum iothub_device_setting {
    IOTHUB_DEVICE_CONNECT_TIMEOUT_MS,    /* 30000; 100 to 600000: an attempt, from dialling all
                                            addresses of the host to the confirmed subscriptions */
    IOTHUB_DEVICE_ANSWER_TIMEOUT_MS,     /* 30000; 100 to 600000: for each call that waits */
    IOTHUB_DEVICE_KEEP_ALIVE_S,          /* 60; 5 to 1177: silence after which the hub is asked */
    IOTHUB_DEVICE_TOKEN_LIFETIME_S,      /* 3600; 1 to 31536000: of a token that is signed here */
    IOTHUB_DEVICE_TOKEN_RENEWAL_PERCENT, /* 80; 1 to 99: of a token's life, then it is renewed */
    IOTHUB_DEVICE_RETRY_FIRST_MS,        /* 1000; 10 to 3600000: before the first new attempt */
    IOTHUB_DEVICE_RETRY_MAX_MS,          /* 30000; 10 to 3600000: doubled up to this */
    IOTHUB_DEVICE_RETRY_JITTER_PERCENT,  /* 50; 0 to 100: longer by a random part of as much */
    IOTHUB_DEVICE_PENDING_MAX,           /* 1000; 1 to 10000: messages that wait for the hub */
    IOTHUB_DEVICE_PENDING_BYTES_MAX,     /* 16777216; 1024 to 1073741824: all of them together */
};

/* IOTHUB_INVALID when the value is out of its setting's range; `error` tells the range. */
IOTHUB_API IOTHUB_MUST_CHECK enum iothub_result
iothub_device_set(struct iothub_device *device, enum iothub_device_setting setting, int64_t value,
                  struct iothub_error *error);

/* "name/version" of the program, put before the library's own in what the hub is told about the
 * client, and the model id ("dtmi:com:example:Thermostat;1") of a device that has one. NULL takes
 * either back. From the next connection on. */
IOTHUB_API IOTHUB_MUST_CHECK enum iothub_result
iothub_device_set_product(struct iothub_device *device, const char *product,
                          struct iothub_error *error);
IOTHUB_API IOTHUB_MUST_CHECK enum iothub_result
iothub_device_set_model(struct iothub_device *device, const char *model_id,
                        struct iothub_error *error);

/* ---- Connecting ---- */

/* One attempt; done when the hub has confirmed the subscriptions. */
IOTHUB_API IOTHUB_MUST_CHECK enum iothub_result iothub_device_connect(struct iothub_device *device,
                                                                      struct iothub_error *error);

/* Politely; may connect again. */
IOTHUB_API void iothub_device_disconnect(struct iothub_device *device);

/*
 * Does what there is to do: reads, calls handlers, keeps the connection alive or makes it again.
 * Returns after `timeout_ms`, or earlier when something happened or a signal arrived. Fails only
 * when going on is no use, as when the hub no longer accepts the credentials; then it takes
 * iothub_device_connect() to try again.
 */
IOTHUB_API IOTHUB_MUST_CHECK enum iothub_result
iothub_device_run(struct iothub_device *device, int timeout_ms, struct iothub_error *error);

/* ---- Telemetry ---- */

/*
 * What is promised: messages reach the hub in the order in which they were sent, each at least once
 * as long as the device is not destroyed. Across a lost connection those that the hub had not yet
 * confirmed are sent again, so that one may arrive twice; give messages a message_id where that
 * matters. A message is never dropped without a word: what is not confirmed is told.
 *
 * A hub takes 262144 bytes at most: the body, the values of system properties, and the names and
 * values of application properties together. That and the rest is checked before anything is sent
 * (IOTHUB_INVALID).
 */

/*
 * Sends one message; returns once the hub has stored it. IOTHUB_UNAVAILABLE when that is not known
 * after IOTHUB_DEVICE_ANSWER_TIMEOUT_MS: the message is still kept, and goes on being sent.
 */
IOTHUB_API IOTHUB_MUST_CHECK enum iothub_result
iothub_device_send(struct iothub_device *device, const struct iothub_device_message *message,
                   struct iothub_error *error);

/*
 * Sends one message and does not wait, so that many can be under way. `done`, which may be NULL, is
 * called exactly once for a message that was accepted here: with IOTHUB_OK from within
 * iothub_device_run() or _flush() when the hub has stored it, or with IOTHUB_UNAVAILABLE from
 * within iothub_device_destroy() when that never became known.
 *
 * IOTHUB_UNAVAILABLE when IOTHUB_DEVICE_PENDING_MAX messages wait already (run, and try again), or
 * when the device was not connected yet. A connection that is lost for the moment is no reason: the
 * message waits.
 */
IOTHUB_API IOTHUB_MUST_CHECK enum iothub_result iothub_device_send_async(
    struct iothub_device *device, const struct iothub_device_message *message,
    void (*done)(struct iothub_device *device, enum iothub_result result, void *ctx), void *ctx,
    struct iothub_error *error);

/* Messages that the hub has not confirmed yet. */
IOTHUB_API size_t iothub_device_pending(const struct iothub_device *device);

/* Runs, handlers and all, until nothing is pending or `timeout_ms` are over (IOTHUB_UNAVAILABLE).
 */
IOTHUB_API IOTHUB_MUST_CHECK enum iothub_result
iothub_device_flush(struct iothub_device *device, int timeout_ms, struct iothub_error *error);

/* ---- Twin ---- */

/* Both wait for the hub's answer, IOTHUB_DEVICE_ANSWER_TIMEOUT_MS at most, and survive a reconnect
 * meanwhile. A hub that is busy (status 429 or 503) is asked again as long as that lasts. */

/* Merges `patch_json`, an object, into the reported properties (null removes one). *ret_version,
 * which may be NULL, gets reported.$version. */
IOTHUB_API IOTHUB_MUST_CHECK enum iothub_result iothub_device_report(struct iothub_device *device,
                                                                     const char *patch_json,
                                                                     int64_t *ret_version,
                                                                     struct iothub_error *error);

/* The twin as a device sees it: {"desired": {...}, "reported": {...}}. Free with cJSON_Delete. */
IOTHUB_API IOTHUB_MUST_CHECK enum iothub_result
iothub_device_get_twin(struct iothub_device *device, cJSON **ret_twin, struct iothub_error *error);

/* ---- Direct methods ---- */

/*
 * Answers a direct method, now or later; does not wait but for a connection. `payload_json` NULL
 * stands for no payload. The hub forgets the request when the caller's time is up; then the answer
 * is lost, silently.
 */
IOTHUB_API IOTHUB_MUST_CHECK enum iothub_result
iothub_device_respond(struct iothub_device *device, const char *request_id, int status,
                      const char *payload_json, struct iothub_error *error);

#ifdef __cplusplus
}
#endif

#endif
