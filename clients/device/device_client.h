/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_DEVICE_CLIENT_H
#define CLIENTS_DEVICE_CLIENT_H

/*
 * A device, or a module of a device, of an IoT hub: it connects over MQTT, reports what it is,
 * learns what is desired of it, answers direct methods and sends telemetry. The same calls work
 * against Azure and against the emulator; only the connection string differs.
 *
 *   struct device_client *client = NULL;
 *   struct problem problem;
 *   if (device_client_create(connection_string, &handlers, &client, &problem) == STATUS_OK &&
 *       device_client_connect(client, &problem) == STATUS_OK) {
 *       while (!stop && device_client_run(client, 1000, &problem) == STATUS_OK) {
 *       }
 *   }
 *   device_client_destroy(client);
 *
 * One thread, no hidden ones: everything happens inside the calls below, and the handlers are
 * called from device_client_run() only. Inside a handler every function but
 * device_client_connect(), _run(), _disconnect() and _destroy() may be called; what arrives
 * meanwhile waits. A program that does nothing else calls device_client_run() in a loop, at least
 * every half minute, or the hub takes the device for dead.
 *
 * A lost connection is made again by itself, after 1, 2, 4 ... 30 seconds, with the subscriptions,
 * and with a look at what desired properties changed meanwhile. Tokens are signed from the key, for
 * an hour, and renewed in time by a short reconnect, as MQTT demands.
 *
 * The hub's certificate is always verified: see clients/endpoint/endpoint.h for IOTHUB_CA_FILE.
 *
 * Every function that fails says why in *problem, in plain words; problem may be NULL.
 *   STATUS_INVALID      the connection string, the credentials or the JSON: asking again is no use
 *   STATUS_LIMIT        the hub found it too large
 *   STATUS_UNAVAILABLE  no answer, or the hub is busy: try later
 *   STATUS_IO           the network or the certificate
 *   STATUS_NO_MEMORY
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/status.h"

struct device_client;

/* Long enough for any request id that a hub was seen to use, and a NUL. */
#define DEVICE_REQUEST_ID_SIZE 129U

/* Somebody calls a direct method, and waits. */
struct device_method {
    char request_id[DEVICE_REQUEST_ID_SIZE]; /* copy it to answer later */
    const char *name;                        /* valid during the call of the handler */
    const cJSON *payload;                    /* likewise; NULL when there was none */
};

/* What is desired of the device changed. */
struct device_desired {
    const cJSON *properties; /* valid during the call of the handler */
    int64_t version;         /* desired.$version after the change */
    bool whole; /* all desired properties (changed while offline); false: the changed ones, where
                   null means that a property was removed */
};

/* Each may be NULL; then the hub is not asked for such things at all. */
struct device_client_handlers {
    void (*desired)(struct device_client *client, const struct device_desired *desired, void *ctx);
    void (*method)(struct device_client *client, const struct device_method *method, void *ctx);
    /* The connection was lost (with the reason) or made again (reason is ""). */
    void (*connection)(struct device_client *client, bool connected, const char *reason, void *ctx);
    void *ctx;
};

/* A property of a telemetry message. The names "$.ct" and "$.ce" are the content type and encoding,
 * "$.mid" the message id (device protocol reference, 2.2). */
struct device_property {
    const char *name;
    const char *value;
};

/*
 * Reads "HostName=...;DeviceId=...[;ModuleId=...];SharedAccessKey=...[;GatewayHostName=...]".
 * HostName may carry a port (8883 when it does not); GatewayHostName is dialled in its place. A
 * SharedAccessSignature in place of the key works until it expires. Nothing is sent yet.
 */
MUST_CHECK enum status device_client_create(const char *connection_string,
                                            const struct device_client_handlers *handlers,
                                            struct device_client **ret_client,
                                            struct problem *problem);
void device_client_destroy(struct device_client *client);   /* disconnects first; NULL is allowed */
void device_client_destroyp(struct device_client **client); /* for CLEANUP */

/* How long a signed token lasts, in seconds, from the next connection on; 3600 by default. */
void device_client_set_token_lifetime(struct device_client *client, int64_t lifetime_s);

/* One attempt; done when the hub has confirmed the subscriptions. It takes 30 seconds at most, but
 * for an address where nothing answers at all: that takes the system's own TCP time-out. */
MUST_CHECK enum status device_client_connect(struct device_client *client, struct problem *problem);
void device_client_disconnect(struct device_client *client); /* politely; may connect again */

const char *device_client_device_id(const struct device_client *client);
const char *device_client_module_id(const struct device_client *client); /* "" for a device */

/*
 * Does what there is to do: reads, calls handlers, keeps the connection alive or makes it again.
 * Returns after `timeout_ms`, or earlier when something happened or a signal arrived. Fails only
 * when going on is no use, as when the hub no longer accepts the credentials.
 */
MUST_CHECK enum status device_client_run(struct device_client *client, int timeout_ms,
                                         struct problem *problem);

/*
 * The calls below wait for the hub's answer, 30 seconds at most, and survive a reconnect meanwhile.
 */

/* Merges `patch_json`, an object, into the reported properties (null removes one). *ret_version,
 * which may be NULL, gets reported.$version. */
MUST_CHECK enum status device_client_report(struct device_client *client, const char *patch_json,
                                            int64_t *ret_version, struct problem *problem);

/* The twin as a device sees it: {"desired": {...}, "reported": {...}}. Free with cJSON_Delete. */
MUST_CHECK enum status device_client_get_twin(struct device_client *client, cJSON **ret_twin,
                                              struct problem *problem);

/* Sends telemetry; returns once the hub has stored it (PUBACK). */
MUST_CHECK enum status device_client_send(struct device_client *client, struct str body,
                                          const struct device_property *properties,
                                          size_t property_count, struct problem *problem);

/*
 * Answers a direct method, now or later; does not wait. `payload_json` NULL stands for no payload.
 * The hub forgets the request when the caller's time is up; then the answer is lost, silently.
 */
MUST_CHECK enum status device_client_respond(struct device_client *client, const char *request_id,
                                             int status, const char *payload_json,
                                             struct problem *problem);

#endif
