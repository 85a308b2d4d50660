/* SPDX-License-Identifier: MIT */
#ifndef IOTHUB_SERVICE_H
#define IOTHUB_SERVICE_H

/*
 * The back end's side of an IoT hub, over HTTPS: registers devices and modules, reads and changes
 * their twins, queries them, calls their direct methods.
 *
 *   struct iothub_service *service = NULL;
 *   struct iothub_error error;
 *   cJSON *twin = NULL;
 *   const struct iothub_service_id device = {"myDeviceId", NULL};
 *   if (iothub_service_create(connection_string, NULL, &service, &error) == IOTHUB_OK &&
 *       iothub_service_twin_get(service, device, &twin, &error) == IOTHUB_OK) {
 *       ... use the twin ...
 *   } else {
 *       ... error.text says why ...
 *   }
 *   cJSON_Delete(twin);
 *   iothub_service_destroy(service);
 *
 * Threads. One thread at a time may use a client; each thread may have clients of its own.
 *
 * Memory. Text that goes in is the caller's and is not kept. Trees that come out are the caller's,
 * who frees them with cJSON_Delete(). An answer of more than 128 MiB is refused.
 *
 * JSON. Documents that people write (patches, payloads) go in as text, in UTF-8. Identities go in
 * as the trees as which they came out. Numbers are doubles.
 */
#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>
#include <iothub/common.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- A client ---- */

struct iothub_service;

/* Times are in seconds. Everything may be 0 or NULL: the value in brackets is taken then. */
struct iothub_service_options {
    int connect_timeout_s;  /* until the connection stands, TLS included (15) */
    int timeout_s;          /* one request from its start until its answer is whole (60); a direct
                               method has its own time besides */
    const char *user_agent; /* put before the library's own name in the User-Agent header */
};

/*
 * Reads "HostName=...;SharedAccessKeyName=...;SharedAccessKey=...", or with a SharedAccessSignature
 * that somebody else made in place of the last two. HostName may carry a port, which is dialled and
 * otherwise left out (443 when there is none). `options` may be NULL. Nothing is sent yet.
 */
IOTHUB_API IOTHUB_MUST_CHECK enum iothub_result
iothub_service_create(const char *connection_string, const struct iothub_service_options *options,
                      struct iothub_service **ret_service, struct iothub_error *error);

IOTHUB_API void iothub_service_destroy(struct iothub_service *service); /* NULL is allowed */

/* The hub's name, without a port, as the connection strings of its devices need it. */
IOTHUB_API const char *iothub_service_host(const struct iothub_service *service);

/* ---- Identities ---- */

/* Whom a call is about: a device, or with `module_id` a module of it. */
struct iothub_service_id {
    const char *device_id; /* at most 128 of the characters A-Z a-z 0-9 and -:.+%_#*?!(),=@;$' */
    const char *module_id; /* likewise; NULL: the device itself */
};

/* How it proves who it is. */
enum iothub_service_auth {
    IOTHUB_SERVICE_AUTH_KEYS,        /* "sas": by one of two keys */
    IOTHUB_SERVICE_AUTH_SELF_SIGNED, /* by a certificate with one of two thumbprints */
    IOTHUB_SERVICE_AUTH_CA,          /* by a certificate of an authority that the hub knows */
};

/* What is registered. All zero: with keys that the hub generates, enabled. */
struct iothub_service_registration {
    enum iothub_service_auth auth;
    const char *primary_key;          /* base64 of 16 to 64 bytes; both keys or neither, */
    const char *secondary_key;        /* and NULL is for the hub to generate them */
    const char *primary_thumbprint;   /* SHA-1 or SHA-256, as 40 or 64 hex digits */
    const char *secondary_thumbprint; /* NULL: there is only one */
    bool disabled;                    /* a device's: it may not connect */
    const char *status_reason;        /* a device's: why, at most 128 characters; NULL: none */
    bool iot_edge;                    /* a device's: it is an IoT Edge device */
    const char *managed_by; /* a module's: who looks after it; NULL: nobody in particular */
};

/*
 * Registers what does not exist yet; refused with 409 when it does. `registration` may be NULL,
 * which is the same as all zero. *ret_identity is what the hub made of it, keys included.
 */
IOTHUB_API IOTHUB_MUST_CHECK enum iothub_result
iothub_service_identity_create(struct iothub_service *service, struct iothub_service_id id,
                               const struct iothub_service_registration *registration,
                               cJSON **ret_identity, struct iothub_error *error);

IOTHUB_API IOTHUB_MUST_CHECK enum iothub_result
iothub_service_identity_get(struct iothub_service *service, struct iothub_service_id id,
                            cJSON **ret_identity, struct iothub_error *error);

/*
 * Makes the identity what `identity` says: a tree as one of the functions here gave it, with
 * changes. With `etag`, only if the hub's still has it (refused with 412 otherwise); NULL means in
 * any case.
 */
IOTHUB_API IOTHUB_MUST_CHECK enum iothub_result
iothub_service_identity_update(struct iothub_service *service, const cJSON *identity,
                               const char *etag, cJSON **ret_identity, struct iothub_error *error);

/* Deletes it, and with a device its modules. `etag` as above. */
IOTHUB_API IOTHUB_MUST_CHECK enum iothub_result
iothub_service_identity_delete(struct iothub_service *service, struct iothub_service_id id,
                               const char *etag, struct iothub_error *error);

/*
 * An array of up to `top` device identities, 1 to 1000, in no particular order and without a way to
 * the rest: iothub_service_query() shows all.
 */
IOTHUB_API IOTHUB_MUST_CHECK enum iothub_result
iothub_service_devices(struct iothub_service *service, int top, cJSON **ret_identities,
                       struct iothub_error *error);

/* An array of the identities of all modules of a device. */
IOTHUB_API IOTHUB_MUST_CHECK enum iothub_result
iothub_service_modules(struct iothub_service *service, const char *device_id,
                       cJSON **ret_identities, struct iothub_error *error);

/* ---- Keys ---- */

enum iothub_service_key {
    IOTHUB_SERVICE_PRIMARY_KEY,
    IOTHUB_SERVICE_SECONDARY_KEY,
};

/* A key in an identity's tree, to which it belongs; "" when it has none. */
IOTHUB_API const char *iothub_service_identity_key(const cJSON *identity,
                                                   enum iothub_service_key which);

enum iothub_service_key_change {
    IOTHUB_SERVICE_NEW_PRIMARY_KEY,
    IOTHUB_SERVICE_NEW_SECONDARY_KEY,
    IOTHUB_SERVICE_NEW_KEYS, /* both */
    IOTHUB_SERVICE_SWAP_KEYS,
};

/*
 * Reads the identity, generates 32 random bytes for a new key, and writes it back with the etag
 * that was read: what somebody else changed in between is refused with 412, never overwritten.
 * Two requests. IOTHUB_INVALID for an identity that has no keys.
 */
IOTHUB_API IOTHUB_MUST_CHECK enum iothub_result
iothub_service_change_keys(struct iothub_service *service, struct iothub_service_id id,
                           enum iothub_service_key_change change, cJSON **ret_identity,
                           struct iothub_error *error);

#define IOTHUB_SERVICE_CONNECTION_STRING_SIZE 1024 /* bytes, with the NUL: any fits */

/*
 * Writes what the device or module of an identity's tree connects with: hub, ids, and the key, or
 * "x509=true" for one with a certificate.
 */
IOTHUB_API IOTHUB_MUST_CHECK enum iothub_result iothub_service_connection_string(
    const struct iothub_service *service, const cJSON *identity, enum iothub_service_key which,
    char ret_text[IOTHUB_SERVICE_CONNECTION_STRING_SIZE], struct iothub_error *error);

/* ---- Twins ---- */

IOTHUB_API IOTHUB_MUST_CHECK enum iothub_result
iothub_service_twin_get(struct iothub_service *service, struct iothub_service_id id,
                        cJSON **ret_twin, struct iothub_error *error);

/*
 * Merges `patch_json`, {"tags": {...}, "properties": {"desired": {...}}} with either left out, into
 * the twin; null removes a member. With `etag`, only if the twin still has it (refused with 412
 * otherwise); NULL means in any case. *ret_twin is the twin after the change.
 */
IOTHUB_API IOTHUB_MUST_CHECK enum iothub_result
iothub_service_twin_update(struct iothub_service *service, struct iothub_service_id id,
                           const char *patch_json, const char *etag, cJSON **ret_twin,
                           struct iothub_error *error);

/* The same, but tags and desired properties become what `twin_json` says; what it leaves out goes.
 */
IOTHUB_API IOTHUB_MUST_CHECK enum iothub_result
iothub_service_twin_replace(struct iothub_service *service, struct iothub_service_id id,
                            const char *twin_json, const char *etag, cJSON **ret_twin,
                            struct iothub_error *error);

/* ---- Queries ---- */

#define IOTHUB_SERVICE_PAGE_SIZE_MAX 1000

/*
 * Asks in the hub's query language and calls `row` for each result, fetching page after page of
 * `page_size` rows (1 to IOTHUB_SERVICE_PAGE_SIZE_MAX). The row is the library's and goes when
 * `row` returns. `row` may use the client, and returns false to see no more.
 */
IOTHUB_API IOTHUB_MUST_CHECK enum iothub_result
iothub_service_query(struct iothub_service *service, const char *query, int page_size,
                     bool (*row)(const cJSON *row, void *ctx), void *ctx,
                     struct iothub_error *error);

/* ---- Direct methods ---- */

struct iothub_service_method {
    const char *name;
    const char *payload_json; /* at most 128 KiB; NULL: none */
    int response_timeout_s;   /* how long the device may take, 5 to 300; 0: the hub's default, 30 */
    int connect_timeout_s;    /* how long to wait for the device to come online, 0 to 300 */
};

/*
 * Calls a method of a device or module that is connected. IOTHUB_OK means that it answered; what it
 * thought of the call is *ret_status. *ret_payload is its answer, NULL when it sent none.
 */
IOTHUB_API IOTHUB_MUST_CHECK enum iothub_result
iothub_service_method_invoke(struct iothub_service *service, struct iothub_service_id id,
                             const struct iothub_service_method *method, int *ret_status,
                             cJSON **ret_payload, struct iothub_error *error);

#ifdef __cplusplus
}
#endif

#endif
