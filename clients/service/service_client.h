/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_SERVICE_CLIENT_H
#define CLIENTS_SERVICE_CLIENT_H

/*
 * The service side of an IoT hub, over HTTPS: registers devices and modules, reads and changes
 * their twins, queries them, calls their direct methods. The same calls work against Azure and
 * against the emulator; only the connection string differs.
 *
 *   struct service_client *client = NULL;
 *   struct service_error error;
 *   cJSON *twin = NULL;
 *   const struct service_identity device = {.device_id = "myDeviceId"};
 *   if (service_client_create(connection_string, &client, &error) == SERVICE_OK &&
 *       service_twin_get(client, device, &twin, &error) == SERVICE_OK) {
 *       ... use the twin ...
 *   } else {
 *       ... error.text says why ...
 *   }
 *   cJSON_Delete(twin);
 *   service_client_destroy(client);
 *
 * Each call is one request (a query: one for each page) on a connection that is kept; each is
 * signed anew. Calls block, 15 seconds at most, and a direct method its own time longer. One thread
 * at a time may use a client.
 *
 * The hub's certificate is always verified: see clients/endpoint/endpoint.h for IOTHUB_CA_FILE.
 *
 * JSON goes in as text and comes out as cJSON trees, which the caller frees with cJSON_Delete.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"
#include "base/status.h"

struct service_client;

enum service_result {
    SERVICE_OK,
    SERVICE_REFUSED, /* the hub said no: error.http_status and error.code say what it minded */
    SERVICE_FAILED,  /* the hub was not reached, or the request could not be made */
};

#define SERVICE_CODE_SIZE 96U

/* Filled whenever a call is not SERVICE_OK. */
struct service_error {
    long http_status;             /* 404 ...; 0 when the hub gave no answer */
    char code[SERVICE_CODE_SIZE]; /* the service's name for it: "DeviceNotFound" (service API
                                     reference, 2.15); "" when it gave none */
    char text[PROBLEM_TEXT_SIZE]; /* all of it, in plain words */
};

/* A device, or with `module_id` a module of it. */
struct service_identity {
    const char *device_id;
    const char *module_id; /* NULL: the device itself */
};

/*
 * Reads "HostName=...;SharedAccessKeyName=...;SharedAccessKey=...". HostName may carry a port (443
 * when it does not). Nothing is sent yet.
 */
MUST_CHECK enum service_result service_client_create(const char *connection_string,
                                                     struct service_client **ret_client,
                                                     struct service_error *error);
void service_client_destroy(struct service_client *client);   /* NULL is allowed */
void service_client_destroyp(struct service_client **client); /* for CLEANUP */

/* The hub's name, without a port, as the connection strings of its devices need it. */
const char *service_client_host(const struct service_client *client);

/* ---- Identities (service API reference, 2.5 and 2.6) ---- */

/* Registers it with keys that the hub generates; refused with 409 when it exists already. */
MUST_CHECK enum service_result service_identity_create(struct service_client *client,
                                                       struct service_identity identity,
                                                       cJSON **ret_identity,
                                                       struct service_error *error);
MUST_CHECK enum service_result service_identity_get(struct service_client *client,
                                                    struct service_identity identity,
                                                    cJSON **ret_identity,
                                                    struct service_error *error);
MUST_CHECK enum service_result service_identity_delete(struct service_client *client,
                                                       struct service_identity identity,
                                                       struct service_error *error);

/* The primary key in an identity's tree, to which it belongs; "" when there is none. */
const char *service_identity_primary_key(const cJSON *identity);

/* ---- Twins (reference, 3) ---- */

MUST_CHECK enum service_result service_twin_get(struct service_client *client,
                                                struct service_identity identity, cJSON **ret_twin,
                                                struct service_error *error);

/*
 * Merges `patch_json`, {"tags": {...}, "properties": {"desired": {...}}} with either left out, into
 * the twin; null removes a member. With `etag`, only if the twin still has it (refused with 412
 * otherwise); NULL means in any case. *ret_twin is the twin after the change.
 */
MUST_CHECK enum service_result service_twin_update(struct service_client *client,
                                                   struct service_identity identity,
                                                   const char *patch_json, const char *etag,
                                                   cJSON **ret_twin, struct service_error *error);

/* ---- Queries (reference, 2.8) ---- */

#define SERVICE_PAGE_SIZE_MAX 1000

/*
 * Asks in the hub's query language and calls `row` for each result, fetching page after page of
 * `page_size` rows (1 to SERVICE_PAGE_SIZE_MAX). `row` returns false to see no more.
 */
MUST_CHECK enum service_result service_query(struct service_client *client, const char *query,
                                             int page_size,
                                             bool (*row)(const cJSON *row, void *ctx), void *ctx,
                                             struct service_error *error);

/* ---- Direct methods (reference, 4) ---- */

struct service_method {
    const char *name;
    const char *payload_json; /* NULL: none */
    int response_timeout_s;   /* how long the device may take, 5 to 300; 0: the hub's default, 30 */
    int connect_timeout_s;    /* how long to wait for the device to come online, 0 to 300 */
};

/*
 * Calls a method of a device that is connected. SERVICE_OK means that the device answered; what it
 * thought of the call is *ret_status. *ret_payload is its answer, NULL when it sent none.
 */
MUST_CHECK enum service_result service_method_invoke(struct service_client *client,
                                                     struct service_identity identity,
                                                     const struct service_method *method,
                                                     int *ret_status, cJSON **ret_payload,
                                                     struct service_error *error);

#endif
