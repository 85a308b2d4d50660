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
 * A lost connection is made again by itself, with the subscriptions, and with a look at what
 * desired properties changed meanwhile. Tokens are signed from the key and renewed in time by a
 * short reconnect, as MQTT demands.
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
};

/* Each may be NULL; then the hub is not asked for such things at all. */
struct iothub_device_handlers {
    void (*desired)(struct iothub_device *device, const struct iothub_device_desired *desired,
                    void *ctx);
    void (*method)(struct iothub_device *device, const struct iothub_device_method *method,
                   void *ctx);
    void (*connection)(struct iothub_device *device, enum iothub_device_event event,
                       const char *reason, void *ctx);
    void *ctx; /* given to each of them */
};

/* ---- Life ---- */

/*
 * Reads "HostName=...;DeviceId=...[;ModuleId=...];SharedAccessKey=...[;GatewayHostName=...]".
 * HostName may carry a port (8883 when it does not); GatewayHostName is dialled in its place. A
 * SharedAccessSignature in place of the key works until it expires. Nothing is sent yet.
 * `handlers` is copied.
 */
IOTHUB_API IOTHUB_MUST_CHECK enum iothub_result
iothub_device_create(const char *connection_string, const struct iothub_device_handlers *handlers,
                     struct iothub_device **ret_device, struct iothub_error *error);

/* Disconnects first. NULL is allowed. Not from within a handler. */
IOTHUB_API void iothub_device_destroy(struct iothub_device *device);

IOTHUB_API const char *iothub_device_id(const struct iothub_device *device);
IOTHUB_API const char *iothub_device_module_id(const struct iothub_device *device); /* or "" */

/* What a program may set, from the next connection on. */
enum iothub_device_setting {
    IOTHUB_DEVICE_TOKEN_LIFETIME_S, /* of a token that the library signs: 3600; 1 to 31536000 */
};

/* IOTHUB_INVALID when the value is out of its setting's range; `error` tells the range. */
IOTHUB_API IOTHUB_MUST_CHECK enum iothub_result
iothub_device_set(struct iothub_device *device, enum iothub_device_setting setting, int64_t value,
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
 * when going on is no use, as when the hub no longer accepts the credentials.
 */
IOTHUB_API IOTHUB_MUST_CHECK enum iothub_result
iothub_device_run(struct iothub_device *device, int timeout_ms, struct iothub_error *error);

/* ---- Telemetry ---- */

/* Sends one message; returns once the hub has stored it, or after 30 seconds at most. */
IOTHUB_API IOTHUB_MUST_CHECK enum iothub_result
iothub_device_send(struct iothub_device *device, const struct iothub_device_message *message,
                   struct iothub_error *error);

/* ---- Twin ---- */

/* Both wait for the hub's answer, 30 seconds at most, and survive a reconnect meanwhile. */

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
