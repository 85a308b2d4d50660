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
 * Threads. One thread at a time may use a client; each thread may have clients of its own, which
 * share nothing.
 *
 * Memory. Text that goes in is the caller's and is not kept. Trees that come out are the caller's,
 * who frees them with cJSON_Delete(). A request of more than 8 MiB is not sent; an answer of more
 * than 128 MiB is not taken.
 *
 * JSON. Documents that people write (patches, payloads) go in as text, in UTF-8. Identities go in
 * as the trees as which they came out. Numbers are doubles.
 *
 * Connection. It is kept between calls. Each request carries a token that the client signs for an
 * hour and renews when a fifth of that is left. Proxies are those of the environment, as libcurl
 * has it (https_proxy, no_proxy).
 *
 * Busy hubs. What a hub answers with 429 or 503 it has not done: the request is sent again after
 * the time that the answer's Retry-After names or, without one, after a time that begins with a
 * second and doubles up to half a minute; a random part of it keeps many clients from coming back
 * together. When the next try would fall beyond `retry_time_s`, the call returns
 * IOTHUB_UNAVAILABLE, with the answer's status.
 *
 * Lost answers. A connection may break after a request was sent and before its answer came, and
 * nobody knows whether the hub heard it. What only reads is then sent again, within the same time:
 * get, devices, modules, queries, statistics. What changes something never is: create, update,
 * delete, replace, change_keys, bulk, purge and methods return IOTHUB_UNAVAILABLE, and the caller
 * has to look. A hub that cannot be reached at all, or does not answer in time, is not tried again.
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

/* Times are in seconds, at most a day. Everything may be 0 or NULL: the value in brackets is taken
 * then. */
struct iothub_service_options {
    int connect_timeout_s;  /* until the connection stands, TLS included (15) */
    int timeout_s;          /* one try of a request, from its start until its answer is whole (60);
                               a direct method has its own time besides */
    int retry_time_s;       /* how long one request may be tried again, from its start (60);
                               negative: not at all */
    int token_lifetime_s;   /* of the tokens that are signed (3600) */
    const char *user_agent; /* put before the library's own name in the User-Agent header */

    /* Asked several times a second while a call waits; true ends it with IOTHUB_UNAVAILABLE. For a
     * Ctrl-C, say. It must not use the client. (NULL: calls wait as long as their times say.) */
    bool (*stop)(void *ctx);
    void *stop_ctx;
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

/* ---- Many identities in one request ---- */

#define IOTHUB_SERVICE_BULK_MAX 100 /* what one request carries */

/* What is done with an item. The ..._IF_MATCH forms heed its "eTag", or "twinETag" for a twin. */
enum iothub_service_bulk_mode {
    IOTHUB_SERVICE_BULK_CREATE, /* an error for what exists */
    IOTHUB_SERVICE_BULK_UPDATE, /* an error for what does not */
    IOTHUB_SERVICE_BULK_UPDATE_IF_MATCH,
    IOTHUB_SERVICE_BULK_CREATE_OR_UPDATE,
    IOTHUB_SERVICE_BULK_CREATE_OR_UPDATE_IF_MATCH,
    IOTHUB_SERVICE_BULK_DELETE,
    IOTHUB_SERVICE_BULK_DELETE_IF_MATCH,
    IOTHUB_SERVICE_BULK_UPDATE_TWIN, /* the item's "tags" and "properties" alone */
    IOTHUB_SERVICE_BULK_UPDATE_TWIN_IF_MATCH,
};

/*
 * Adds an item to `items`, an array (cJSON_CreateArray()): {"id": ..., "importMode": ...}, with a
 * "moduleId" for a module and, unless it is deleted or only its twin changes, what `registration`
 * says (NULL: all zero). *ret_item, which belongs to `items`, may be given more: "eTag",
 * "twinETag", "tags", "properties": {"desired": {...}}. `ret_item` may be NULL.
 */
IOTHUB_API IOTHUB_MUST_CHECK enum iothub_result
iothub_service_bulk_add(cJSON *items, enum iothub_service_bulk_mode mode,
                        struct iothub_service_id id,
                        const struct iothub_service_registration *registration, cJSON **ret_item,
                        struct iothub_error *error);

/*
 * Sends any number of items, IOTHUB_SERVICE_BULK_MAX in a request. *ret_result tells how it went
 * with all of them, as the hub does:
 *
 *   {"isSuccessful": false,
 *    "errors": [{"deviceId": "d1", "moduleId": null, "errorCode": "DeviceAlreadyExists",
 *                "errorStatus": "..."}, ...],
 *    "warnings": [...]}
 *
 * IOTHUB_OK means that the hub dealt with each item; those in "errors" it refused, the others are
 * done. After each request `progress` is called (NULL: not) with the number of items sent so far,
 * and with that request's own result. It returns false to send no more: the call then returns
 * IOTHUB_OK with what was done. When a request fails, the call ends, and what was done before is
 * what `progress` was told.
 */
IOTHUB_API IOTHUB_MUST_CHECK enum iothub_result
iothub_service_bulk(struct iothub_service *service, const cJSON *items,
                    bool (*progress)(size_t done, const cJSON *result, void *ctx), void *ctx,
                    cJSON **ret_result, struct iothub_error *error);

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

#define IOTHUB_SERVICE_ITEM_TYPE_SIZE 32

struct iothub_service_page {
    cJSON *rows;        /* an array */
    char *continuation; /* what the next page is asked for with; NULL: this is the last */
    char item_type[IOTHUB_SERVICE_ITEM_TYPE_SIZE]; /* "Twin", "Raw" ...; "" when the hub is silent
                                                    */
};

/*
 * One page; the first when `continuation` is NULL, otherwise the one that follows the page which
 * gave it, by any client and at any time. *ret_page is finished with iothub_service_page_finish().
 */
IOTHUB_API IOTHUB_MUST_CHECK enum iothub_result
iothub_service_query_page(struct iothub_service *service, const char *query, int page_size,
                          const char *continuation, struct iothub_service_page *ret_page,
                          struct iothub_error *error);

/* Frees what is in it. To keep the rows, take them out and leave NULL. */
IOTHUB_API void iothub_service_page_finish(struct iothub_service_page *page);

/* ---- Statistics ---- */

/* {"totalDeviceCount": n, "enabledDeviceCount": n, "disabledDeviceCount": n} */
IOTHUB_API IOTHUB_MUST_CHECK enum iothub_result
iothub_service_statistics_devices(struct iothub_service *service, cJSON **ret_statistics,
                                  struct iothub_error *error);

/* {"connectedDeviceCount": n} */
IOTHUB_API IOTHUB_MUST_CHECK enum iothub_result
iothub_service_statistics_service(struct iothub_service *service, cJSON **ret_statistics,
                                  struct iothub_error *error);

/* ---- Messages ---- */

/* Throws away the messages that wait for a device. <iothub/messaging.h> sends them. */
IOTHUB_API IOTHUB_MUST_CHECK enum iothub_result iothub_service_purge(struct iothub_service *service,
                                                                     const char *device_id,
                                                                     int *ret_purged,
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
