/* SPDX-License-Identifier: MIT */
#ifndef HTTPS_HTTPS_INTERNAL_H
#define HTTPS_HTTPS_INTERNAL_H

/* What the files of https/ share. Nobody outside includes this. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/random.h"
#include "hub/c2d.h"
#include "hub/hub.h"
#include "net/http.h"

enum {
    HTTPS_BODY_MAX = 1 << 20,     /* bytes of a request's body */
    HTTPS_PATH_SEGMENTS_MAX = 10, /* the longest route has eight */
    HTTPS_LIST_MAX = 1000,        /* devices in one list (service reference, 2.4) */
    HTTPS_BULK_MAX = 100,         /* identities in one bulk operation (2.7) */
    HTTPS_PAGE_MAX = 1000,        /* items in one page of a query (section 5) */
    HTTPS_PAGE_DEFAULT = 100,
    HTTPS_BATCH_MAX = 500,               /* messages in one batch (device protocol reference, 0) */
    HTTPS_ANSWER_PROPERTIES_MAX = 32768, /* bytes of a message's properties in headers: as many as
                                            net's HTTP has room for */
};

struct https {
    struct hubs *hubs;
    struct http_server *server; /* owned */
    struct random random;       /* ids of requests that found no hub */
};

struct https_request;

/* ---- path.c: what a client wrote as path, taken apart ---- */

struct https_path {
    struct str segments[HTTPS_PATH_SEGMENTS_MAX]; /* decoded, not empty; in the arena */
    size_t count;
};

/*
 * Splits and decodes (service reference, 2.1): %2F counts as a slash, because one client encodes
 * whole paths; empty segments (trailing and double slashes) are dropped. STATUS_LIMIT: too many
 * segments for any route. STATUS_INVALID: a NUL (%00), which no answer could repeat.
 * STATUS_NO_MEMORY.
 */
MUST_CHECK enum status https_path_parse(struct str raw, struct arena *arena,
                                        struct https_path *ret_path);

/* Appends "/devices/d1". */
void https_path_append(struct buf *out, const struct https_path *path);

/* The raw value of the query parameter `name`, in any case; false when it is absent. */
bool https_parameter(struct str query, const char *name, struct str *ret_value);

/* True for "2021-04-12" and "2020-05-31-preview". */
bool https_api_version_valid(struct str text);

/* ---- if_match.c ---- */

/* An If-Match value, or an etag in a body, in every spelling seen (service reference, 2.3). Absent
 * (data NULL) and empty are HUB_MATCH_NONE. The etag points into `value`. */
struct hub_match https_if_match(struct str value);

/* ---- router.c ---- */

/* How the errors of a route are worded. */
enum https_wording {
    HTTPS_OF_IDENTITY,
    HTTPS_OF_TWIN,
    HTTPS_OF_METHOD, /* JSON inside the Message string */
};

struct https_route {
    const char *method;
    const char *pattern; /* "devices/{device}/modules/{module}"; {} is any other parameter */
    unsigned permission; /* HUB_DEVICE_CONNECT: a device's own route; 0: anybody's */
    enum https_wording wording;
    void (*handle)(struct https_request *request); /* NULL: the service has it, the emulator not */
    const char *missing;                           /* what that is: "scheduled jobs" */
};

#define HTTPS_ALLOW_SIZE 32U

/*
 * The route of a request, with the ids of its path in *ret_key; NULL when there is none. Then
 * ret_allow is "" for an unknown path, else the methods that the path has: "GET, PUT".
 */
const struct https_route *https_route_find(struct str method, const struct https_path *path,
                                           struct identity_key *ret_key,
                                           char ret_allow[HTTPS_ALLOW_SIZE]);

/* Takes a request through hub, route, version and permission to its handler, or refuses it. */
void https_dispatch(struct https_request *request);

/* ---- one request: lives in the exchange's arena ---- */

struct https_request {
    struct https *https;
    struct http_exchange *exchange;
    struct arena *arena;             /* the exchange's */
    struct hub *hub;                 /* NULL until the client's host name was understood */
    const struct https_route *route; /* NULL until found */
    struct str method;               /* after X-HTTP-Method-Override */
    struct https_path path;
    struct identity_key key;        /* the ids in the path; empty where it has none */
    struct hub_principal principal; /* on a device's own routes */
    int64_t connect_timeout_s, response_timeout_s; /* of a method call, for its errors */
};

/* ---- auth.c ---- */

/* Finds the hub that the client means. False: it was answered with a refusal. */
MUST_CHECK bool https_find_hub(struct https_request *request);

/* May the sender do this? False: it was answered with a refusal. */
MUST_CHECK bool https_authorize(struct https_request *request);

/* ---- answer.c: every answer leaves through here ---- */

struct buf *https_answer_body(struct https_request *request); /* append JSON here */
void https_answer_header(struct https_request *request, const char *name, struct str value);
void https_answer_json(struct https_request *request, unsigned http_status);
void https_answer_empty(struct https_request *request); /* 204 */
/* 200, with what was appended to https_answer_body() and the lock token as quoted ETag. */
void https_answer_locked(struct https_request *request, const char *content_type,
                         const struct guid *lock_token);

/* An error. `why` says in plain words what was wrong, to the journal always and to the client where
 * the service has no text of its own; NULL when there is nothing to say. */
void https_answer_error(struct https_request *request, enum hub_code code, const char *why);
/* The same with a status that differs from the code's. */
void https_answer_error_as(struct https_request *request, unsigned http_status, enum hub_code code,
                           const char *why);

/* ---- errors.c: what errors say ---- */

struct https_error {
    enum hub_code code;
    enum https_wording wording;
    struct identity_key key; /* whom it is about */
    const char *why;         /* NULL: nothing to add */
    int64_t timeout_s;       /* HTTPS_OF_METHOD: how long was waited */
};

/* The text after "ErrorCode:<Name>;", not escaped. */
void https_error_text_append(struct buf *out, const struct https_error *error);

/* The whole body (service reference, 2.14). `random` and `now_us` make the tracking id. */
void https_error_body_append(struct buf *out, const struct https_error *error,
                             struct random *random, int64_t now_us);

/* ---- body.c: JSON that clients send ---- */

/* Parses the body, which must be of the type `type` names (cJSON_Object, cJSON_Array). False: it
 * was answered with a refusal. */
MUST_CHECK bool https_read_body(struct https_request *request, int type, cJSON **ret_tree);

/* Optional members: an absent or null one is fine and leaves the output. False: of another type,
 * and the problem says so. */
bool https_member_text(const cJSON *object, const char *name, struct str *ret_value,
                       struct problem *problem);
bool https_member_flag(const cJSON *object, const char *name, bool *ret_value,
                       struct problem *problem);
bool https_member_whole(const cJSON *object, const char *name, int64_t *ret_value,
                        struct problem *problem);
/* NULL when absent or null. */
bool https_member_object(const cJSON *object, const char *name, const cJSON **ret_value,
                         struct problem *problem);

/* The tree as text in the arena. False: refused by memory, or larger than size_max. */
bool https_tree_text(const cJSON *tree, size_t size_max, struct arena *arena, struct str *ret_text);

/* ---- identity_json.c ---- */

/* What a client sent as Device, Module or an item of a bulk operation. Points into the tree and the
 * arena; members that clients cannot set are passed over (service reference, 2.5). */
MUST_CHECK bool https_identity_read(const cJSON *object, struct arena *arena,
                                    struct hub_identity_desc *ret_desc, struct problem *problem);

/* The service writes identities a little differently by occasion (2.5): replies to PUT always have
 * parentScopes, and in the reply to the creating one "never" has no Z. */
enum https_identity_form { HTTPS_IDENTITY_READ, HTTPS_IDENTITY_UPDATED, HTTPS_IDENTITY_CREATED };
void https_identity_append(struct buf *out, const struct storage_identity *identity,
                           enum https_identity_form form);

/* ---- properties.c: messages' properties as headers (device protocol reference, 8.2, 8.3) ---- */

/* Properties of a message in the making; the arrays hold as many as there may be. */
struct https_properties {
    struct hub_property *system;
    size_t system_count;
    struct hub_property *application;
    size_t application_count;
};

/* False: memory was refused. */
MUST_CHECK bool https_properties_reserve(struct arena *arena, size_t count,
                                         struct https_properties *ret_properties);
/* Takes what has the name of a property; false: it was an ordinary header. */
bool https_properties_add(struct https_properties *properties, struct str name, struct str value);
/* All of the request's; room for two more of each kind. False: memory was refused. */
MUST_CHECK bool https_properties_of_headers(struct https_request *request,
                                            struct https_properties *ret_properties);
/* Points into `properties`. */
struct hub_message https_properties_message(const struct https_properties *properties,
                                            struct str body);
/* Writes the properties as headers; how many no header can carry or had no room. */
size_t https_properties_answer(struct https_request *request, const struct hub_message *message);

/* ---- telemetry.c ---- */

/* A batch of messages (device protocol reference, 8.2); *ret_messages and what they point to live
 * in `tree` and `arena`. On anything but HUB_OK the problem says which element is wrong. */
MUST_CHECK enum hub_code https_batch_read(const cJSON *tree, struct arena *arena,
                                          struct hub_message **ret_messages, size_t *ret_count,
                                          struct problem *problem);

/* ---- c2d.c ---- */

/* Does a DELETE say "&reject" or "&reject=true": not complete, but drop it? */
bool https_is_rejection(const struct https_request *request);

/* ---- the handlers ---- */

void https_devices_list(struct https_request *request);
void https_modules_list(struct https_request *request);
void https_identity_get(struct https_request *request);
void https_identity_put(struct https_request *request);
void https_identity_delete(struct https_request *request);
void https_bulk(struct https_request *request);
void https_twin_get(struct https_request *request);
void https_twin_patch(struct https_request *request);
void https_twin_put(struct https_request *request);
void https_method_invoke(struct https_request *request);
void https_query(struct https_request *request);
void https_statistics_devices(struct https_request *request);
void https_statistics_service(struct https_request *request);
void https_telemetry(struct https_request *request);
void https_c2d_receive(struct https_request *request);
void https_c2d_delete(struct https_request *request); /* completes, or rejects */
void https_c2d_abandon(struct https_request *request);
void https_c2d_send(struct https_request *request);
void https_c2d_purge(struct https_request *request);
void https_feedback_receive(struct https_request *request);
void https_feedback_delete(struct https_request *request); /* completes, or rejects */
void https_feedback_abandon(struct https_request *request);
void https_file_notification_receive(struct https_request *request);
void https_file_notification_settle(struct https_request *request);

#endif
