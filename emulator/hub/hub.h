/* SPDX-License-Identifier: MIT */
#ifndef HUB_HUB_H
#define HUB_HUB_H

/*
 * The hub as a value: identities, twins, methods, messages, queries. It knows no protocol, no
 * socket, no SQL and no wall clock, and is driven by calls. Endpoints (MQTT, HTTPS ...) translate
 * bytes into these calls and the answers into bytes.
 *
 * An answer is an enum hub_code; on anything but HUB_OK the optional struct problem says why in
 * plain words. Failures of the machine (a full disk) come as HUB_SERVER_ERROR and are logged here,
 * and hubs_commit() then undoes the tick. Outputs (`ret_`) are written on HUB_OK only.
 *
 * Changes join the tick's transaction: nobody may be told of them before hubs_commit(), which the
 * event loop calls before any output leaves.
 */
#include <cjson/cJSON.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/random.h"
#include "base/timers.h"
#include "hub/codes.h"
#include "storage/storage.h"

/* ---- policies: the hub's own keys (service reference, 1.3) ---- */

enum hub_permission {
    HUB_REGISTRY_READ = 1,
    HUB_REGISTRY_WRITE = 2,
    HUB_SERVICE_CONNECT = 4,
    HUB_DEVICE_CONNECT = 8,
};
enum { HUB_POLICY_COUNT = 5 };
struct hub_policy {
    const char *name;
    unsigned permissions;                  /* of enum hub_permission */
    char primary_key[RANDOM_KEY_SIZE * 2]; /* base64 */
    char secondary_key[RANDOM_KEY_SIZE * 2];
};
/* iothubowner, service, device, registryRead, registryReadWrite, with keys from `random`. */
void hub_policies_generate(struct random *random, struct hub_policy policies[HUB_POLICY_COUNT]);

/* ---- hubs: all of a process, found by the name that a client used ---- */

struct hubs;
struct hub;

/* Behaviour that the reference marks as inferred, in one place, with the values it recommends; and
 * what is our own to choose. */
struct hub_settings {
    int64_t token_skew_s;         /* a token is accepted this long after its expiry: 300 */
    int64_t token_close_grace_s;  /* a connection is closed this long after it: 600 */
    size_t subscriptions_max;     /* per connection; 0: no limit (the default) */
    size_t methods_in_flight_max; /* per identity: 100 */
    int64_t query_slice_us;       /* what queries may take of a tick, all together: 500 */
    size_t journal_max_mb;        /* above it the oldest rows go: 1024; 0: no limit */
    unsigned routes;              /* of enum hub_route: HUB_ROUTE_TELEMETRY */
    int64_t events_retention_s;   /* older events are not served any more: 86400 */
    size_t event_readers_max;     /* of a partition in one consumer group, without epoch: 5 */

    /* Cloud-to-device messages and their feedback (service reference, 5). */
    int64_t c2d_ttl_s;              /* of messages that bring no expiry: 3600 */
    int64_t c2d_lock_s;             /* a message that nobody settles comes back after it: 60 */
    size_t c2d_deliveries_max;      /* so often given back, a message is dropped: 10 */
    bool c2d_lock_end_counts;       /* a lock that ran out counts as given back: false */
    bool c2d_on_first_subscribe;    /* MQTT clients get what waited already: true */
    int64_t feedback_window_ms;     /* a batch is closed this long after its first record: 1000 */
    int64_t feedback_ttl_s;         /* of a batch: 3600 */
    int64_t feedback_lock_s;        /* as c2d_lock_s: 60 */
    size_t feedback_deliveries_max; /* as c2d_deliveries_max: 10 */
};

/* Which rows of the journal are events of the built-in endpoint (service reference, 8). */
enum hub_route {
    HUB_ROUTE_TELEMETRY = 1,
    HUB_ROUTE_TWIN = 2,
    HUB_ROUTE_LIFECYCLE = 4,
    HUB_ROUTE_CONNECTION = 8,
};
/* "telemetry,twin,lifecycle,connection", in any order and case; false on anything else. */
bool hub_routes_from_text(struct str text, unsigned *ret_routes);

struct hub_settings hub_settings_default(void);

struct hub_config {
    struct str name;         /* "hub": in URLs of the control API */
    const struct str *hosts; /* besides localhost, *.localhost, 127.0.0.0/8 and ::1 */
    size_t host_count;
    const struct str *consumer_groups; /* besides $Default; copied */
    size_t consumer_group_count;
    struct storage *storage;           /* borrowed */
    const struct hub_policy *policies; /* HUB_POLICY_COUNT of them; copied */
    struct random random;
    struct clock clock;
    struct hub_settings settings;
};

MUST_CHECK enum status hubs_create(struct hubs **ret_hubs);
void hubs_destroy(struct hubs *hubs); /* and every hub in it; takes NULL */
MUST_CHECK enum status hubs_add(struct hubs *hubs, const struct hub_config *config,
                                struct hub **ret_hub);

/* By host name as a client wrote it: any case, ":port" and brackets tolerated. NULL: nobody answers
 * to it, and the problem says which names would. */
struct hub *hubs_find(struct hubs *hubs, struct str host, struct problem *problem);
struct hub *hubs_named(struct hubs *hubs, struct str name); /* for the control API; NULL: none */

/* The event loop's hooks. */
int64_t hubs_sleep_us(struct hubs *hubs);
void hubs_wake(struct hubs *hubs);
bool hubs_commit(struct hubs *hubs);

struct str hub_name(const struct hub *hub);
struct str
hub_host(const struct hub *hub); /* the name to print: the first configured, or localhost */
int64_t hub_now_us(const struct hub *hub);
const struct hub_settings *hub_settings(const struct hub *hub);
const struct hub_policy *hub_policies(const struct hub *hub);
struct random *hub_random(struct hub *hub);

/* Timers of sessions, on the hub's clock. A refused allocation closes nothing: it is logged and the
 * timer does not run. */
void hub_timer_start(struct hub *hub, struct timer *timer, int64_t in_us);
void hub_timer_stop(struct hub *hub, struct timer *timer);

/*
 * Loads a fleet: {"devices": [twin documents], "devices.modules": [...], "devices.jobs": [...]}
 * (fixtures/README.md).
 * System attributes are taken as given; records that are there already stay as they are, so that a
 * restart on kept data loses nothing. The text is kept for hub_reset(). On a refusal hubs_commit()
 * undoes it all; the problem names the element and the member at fault.
 */
MUST_CHECK enum hub_code hub_seed(struct hub *hub, struct str text, struct problem *problem);

/*
 * Makes the devices 0 to count - 1 of a made-up fleet (fixtures/README.md); those that are there
 * already stay as they are. Commits as it goes, since a million devices are no change to be kept in
 * memory. Kept for hub_reset(), as the seed is.
 */
enum { HUB_FLEET_MAX = 10000000 };
MUST_CHECK enum hub_code hub_fleet(struct hub *hub, uint64_t count, uint64_t seed,
                                   struct problem *problem);

/* Back to the start: identities, twins, sessions and journal go, connections are closed, the seed
 * is applied and the fleet made again; policies and names stay. Sequence numbers go on. */
MUST_CHECK enum hub_code hub_reset(struct hub *hub);

/* ---- who is asking ---- */

struct hub_certificate {
    const char *sha1, *sha256; /* capital hex of the leaf */
    const char *common_name;
    int64_t not_after_us;
};

struct hub_credentials {
    struct identity_key key;                   /* who the client says it is */
    struct str token;                          /* SAS token; empty: none was given */
    const struct hub_certificate *certificate; /* NULL: none was given */
};

enum hub_auth_method {
    HUB_AUTH_DEVICE_KEY,
    HUB_AUTH_MODULE_KEY,
    HUB_AUTH_POLICY,
    HUB_AUTH_THUMBPRINT,
};

/* "device.sas": for the journal and for logs. */
const char *hub_auth_method_name(enum hub_auth_method method);

/* A device or module that proved who it is. */
struct hub_principal {
    int64_t id;         /* of its record */
    int64_t generation; /* of its record: a deleted and re-created one differs */
    enum hub_auth_method method;
    int64_t expires_us; /* of the token, INT64_MAX for certificates */
};

/* Checks a device's or module's credentials. HUB_UNAUTHORIZED_ACCESS, HUB_DEVICE_NOT_FOUND,
 * HUB_MODULE_NOT_FOUND, HUB_DEVICE_DISABLED or HUB_OK; what the wire says of them is the
 * endpoint's. */
MUST_CHECK enum hub_code hub_authenticate(struct hub *hub,
                                          const struct hub_credentials *credentials,
                                          struct hub_principal *ret_principal,
                                          struct problem *problem);

/* What a token says of itself, nothing of it checked: for protocols in which tokens come before
 * what they are for. */
struct hub_token {
    struct str resource; /* the path it is for, "/devices/d1", decoded; empty: the whole hub */
    struct identity_key
        key;            /* the device or module in it; the device is empty when there is none */
    struct str policy;  /* as it stands in the token; empty: signed by the identity's key */
    int64_t expires_us; /* INT64_MAX: beyond all dates */
};
/* HUB_UNAUTHORIZED_ACCESS when it is no token. What is decoded goes into `decoded`. */
MUST_CHECK enum hub_code hub_token_read(struct str token, struct buf *decoded,
                                        struct hub_token *ret_token, struct problem *problem);

/* Checks a service's token for a permission and a resource ("/devices/d1", decoded). */
MUST_CHECK enum hub_code hub_authorize(struct hub *hub, struct str token, unsigned permission,
                                       struct str resource, struct problem *problem);

/* ---- identities ---- */

enum hub_match_kind { HUB_MATCH_NONE, HUB_MATCH_ANY, HUB_MATCH_ETAG };
struct hub_match {
    enum hub_match_kind kind;
    struct str etag; /* without quotes */
};

/* What a client may set. Strings with data NULL were not given. */
struct hub_identity_desc {
    struct str status; /* "enabled", "disabled" in any case, or not given: enabled */
    struct str status_reason;
    struct str auth_type;                  /* "sas", "selfSigned", "certificateAuthority", "none" */
    struct str primary_key, secondary_key; /* empty counts as not given */
    struct str primary_thumbprint, secondary_thumbprint;
    bool edge;
    struct str device_scope;
    struct str parent_scopes; /* JSON array */
    struct str managed_by;
    const cJSON *tags, *desired; /* of a new twin; NULL: empty. Not looked at on an update */
};

enum hub_put_mode { HUB_CREATE, HUB_UPDATE, HUB_CREATE_OR_UPDATE };

struct hub_identity_write {
    struct identity_key key;
    const struct hub_identity_desc *desc;
    enum hub_put_mode mode;
    const struct hub_match *match; /* of an update; NULL: unconditional */
};

/* True for 1 to 128 of the characters that ids may have (service reference, 2.5). */
bool hub_id_valid(struct str id);

MUST_CHECK enum hub_code hub_identity_get(struct hub *hub, struct identity_key key,
                                          struct arena *arena,
                                          struct storage_identity **ret_identity,
                                          struct problem *problem);
/* Gives the record as it stands after. */
MUST_CHECK enum hub_code hub_identity_put(struct hub *hub, const struct hub_identity_write *put,
                                          struct arena *arena,
                                          struct storage_identity **ret_identity,
                                          struct problem *problem);
MUST_CHECK enum hub_code hub_identity_delete(struct hub *hub, struct identity_key key,
                                             const struct hub_match *match,
                                             struct problem *problem);
MUST_CHECK enum hub_code hub_devices_list(struct hub *hub, size_t limit, struct arena *arena,
                                          struct storage_identity ***ret_identities,
                                          size_t *ret_count);
MUST_CHECK enum hub_code hub_modules_list(struct hub *hub, struct str device, struct arena *arena,
                                          struct storage_identity ***ret_identities,
                                          size_t *ret_count, struct problem *problem);
MUST_CHECK enum hub_code hub_counts(struct hub *hub, struct storage_counts *ret_counts);

/* Etags as the wire shows them, without quotes. */
void hub_identity_etag_append(struct buf *out, const struct storage_identity *identity);
void hub_twin_etag_append(struct buf *out, const struct storage_identity *identity);

/* ---- twins ---- */

/* An arena that takes part in reading and changing a twin has room for this much: most of it is
 * metadata, some 90 bytes for each of the ten thousand properties that 32 KB have room for. */
enum { HUB_TWIN_ARENA_MAX = 32 << 20 };

/* With twin and metadata. */
MUST_CHECK enum hub_code hub_twin_get(struct hub *hub, struct identity_key key, struct arena *arena,
                                      struct storage_identity **ret_twin, struct problem *problem);

/* The service's twin document (service reference, 3.1). */
void hub_twin_append(struct buf *out, const struct storage_identity *twin);

/* The device's view: {"desired":{...,"$version":n},"reported":{...,"$version":n}}. */
void hub_twin_device_append(struct buf *out, const struct storage_identity *twin);

/* What a service writes. NULL: the section was not given; a JSON null clears it. */
struct hub_twin_change {
    const cJSON *tags;
    const cJSON *desired;
    bool replace; /* PUT: sections become what is given, missing ones are cleared */
    const struct hub_match *match; /* NULL: unconditional */
};
MUST_CHECK enum hub_code hub_twin_update(struct hub *hub, struct identity_key key,
                                         const struct hub_twin_change *change, struct arena *arena,
                                         struct storage_identity **ret_twin,
                                         struct problem *problem);

/* What a device writes. */
struct hub_report {
    int64_t id; /* of the record that the device proved to be */
    struct identity_key key;
    struct str patch;          /* a JSON object */
    uint64_t expected_version; /* of the reported properties; 0: any */
};
MUST_CHECK enum hub_code hub_reported_update(struct hub *hub, const struct hub_report *report,
                                             uint64_t *ret_version, struct problem *problem);

/* ---- device connections ---- */

struct hub_link;

/* How the hub talks to a connected client. No call may close the link from inside. */
struct hub_link_ops {
    const char *protocol; /* "mqtt", for the journal */
    /* Desired properties changed; `patch` is the JSON text for the wire, $version included. */
    void (*desired)(void *ctx, uint64_t version, struct str patch);
    /* A method call; `payload` is JSON text, empty for none. False: no subscription takes this
     * name. */
    bool (*method)(void *ctx, uint64_t request_id, struct str name, struct str payload);
    /* Cloud-to-device messages may wait: fetch them with hub_c2d_receive() (c2d.h), now or later.
     * Comes from inside any call that makes one available, hub_c2d_settle() by this very client
     * included. May be NULL for a client that never has HUB_INTEREST_C2D. */
    void (*c2d)(void *ctx);
    /* What the client received stays locked until its link ends (MQTT, which has no way to give a
     * message back), and not for the lock's time. */
    bool c2d_held;
    /* The link is over (taken over, disabled, deleted, reset): close the connection. The link is
     * already gone; do not call hub_link_close(). */
    void (*close)(void *ctx, enum hub_code code, const char *why);
};

/* Registers a client; one that was there with the same identity is closed first. */
MUST_CHECK enum hub_code hub_link_open(struct hub *hub, struct identity_key key,
                                       const struct hub_principal *principal,
                                       const struct hub_link_ops *ops, void *ctx,
                                       struct hub_link **ret_link);
void hub_link_close(struct hub_link *link, const char *why); /* takes NULL */
int64_t hub_link_id(const struct hub_link *link);
struct identity_key hub_link_key(const struct hub_link *link);

/* What the client listens to; deliveries happen only with the interest on. */
enum hub_interest { HUB_INTEREST_DESIRED = 1, HUB_INTEREST_METHODS = 2, HUB_INTEREST_C2D = 4 };
void hub_link_interests(struct hub_link *link, unsigned interests);

/* A persistent session's bytes (the endpoint's own form). *ret_session.data NULL: none stored. */
MUST_CHECK enum hub_code hub_session_load(struct hub_link *link, struct arena *arena,
                                          struct str *ret_session);
MUST_CHECK enum hub_code hub_session_store(struct hub_link *link, struct str session);
MUST_CHECK enum hub_code hub_session_drop(struct hub_link *link);

/* The model id a client announced on connecting. */
MUST_CHECK enum hub_code hub_link_model(struct hub_link *link, struct str model_id);

/* ---- telemetry ---- */

struct hub_property {
    struct str name;
    struct str value; /* data NULL: null */
};
struct hub_message {
    const struct hub_property *system; /* journal names: "messageId", "contentType" ... */
    size_t system_count;
    const struct hub_property *application;
    size_t application_count;
    struct str body;
};
enum { HUB_MESSAGE_SIZE_MAX = 262144 };
/* What counts against it: body, values of system properties, names and values of the others (device
 * protocol reference, 0). */
size_t hub_message_size(const struct hub_message *message);

/* Into the journal. `link` may be NULL (HTTPS): then `key` and `principal` tell who. */
MUST_CHECK enum hub_code hub_telemetry(struct hub *hub, struct identity_key key,
                                       const struct hub_principal *principal, struct hub_link *link,
                                       const struct hub_message *message, struct problem *problem);

/* ---- direct methods ---- */

struct hub_method {
    struct identity_key key;
    struct str name;
    struct str payload;         /* JSON text; empty: none */
    int64_t connect_timeout_s;  /* 0 to 300 */
    int64_t response_timeout_s; /* 5 to 300 */
};
struct hub_method_result {
    enum hub_code code;  /* HUB_OK: the device answered */
    const char *problem; /* plain words when it did not */
    int64_t status;      /* the device's own */
    struct str payload;  /* JSON text, "null" when it gave none */
};
struct hub_call;

/* Starts a call; `done` comes exactly once, maybe before this returns, unless hub_method_cancel()
 * comes first. Not HUB_OK: the request itself is refused and `done` never comes. *ret_call is NULL
 * when done came already. */
MUST_CHECK enum hub_code
hub_method_invoke(struct hub *hub, const struct hub_method *method,
                  void (*done)(void *ctx, const struct hub_method_result *result), void *ctx,
                  struct hub_call **ret_call, struct problem *problem);
void hub_method_cancel(struct hub_call *call); /* the caller left; takes NULL */

/* The device's answer. Late or unknown request ids are ignored, as the service does. */
void hub_method_answer(struct hub_link *link, uint64_t request_id, int64_t status,
                       struct str payload);

/* ---- queries ---- */

/* How a query was answered, for EXPLAIN. */
struct hub_query_explanation {
    struct str text;        /* the query in its one canonical form */
    struct str tree;        /* and as a tree: query_print_tree() */
    const char *access;     /* how its rows were found: "scan", "key deviceId", "count" ... */
    uint64_t rows_read;     /* rows that were looked at */
    uint64_t rows_returned; /* rows of the result, all pages together */
};

struct hub_query_result {
    enum hub_code code;
    const struct problem *problem;                   /* when code is not HUB_OK */
    const struct hub_query_explanation *explanation; /* when it was asked for; then no items */
    struct str items;                                /* a JSON array */
    const char *item_type;                           /* "Twin", "Raw", "DeviceJob" */
    struct str continuation;                         /* empty on the last page */
};
struct hub_query_job;

struct hub_query_request {
    struct str text;
    size_t item_max;         /* of the page; at least 1 */
    struct str continuation; /* of the page before; empty: the first */
    bool explains;           /* runs to the end, and tells how instead of what; item_max is not
                                read */
    void (*done)(void *ctx, const struct hub_query_result *result);
    void *ctx;
};

/* Runs a query for one page. Small ones are done before this returns; long ones go on in slices
 * between ticks, holding nobody up. `done` comes exactly once unless cancelled; *ret_job is NULL
 * after it. */
void hub_query_start(struct hub *hub, const struct hub_query_request *request,
                     struct hub_query_job **ret_job);
void hub_query_cancel(struct hub_query_job *job); /* takes NULL */

/* ---- the journal ---- */

#define HUB_EVENTS(X)                                                                              \
    X(HUB, "hub") /* started, reset */                                                             \
    X(CONNECTED, "connected")                                                                      \
    X(DISCONNECTED, "disconnected")                                                                \
    X(REFUSED, "refused")                                                                          \
    X(TELEMETRY, "telemetry")                                                                      \
    X(TWIN_CHANGED, "twinChanged") /* tags or desired, by a service */                             \
    X(REPORTED, "reported")        /* by the device */                                             \
    X(METHOD_INVOKED, "methodInvoked")                                                             \
    X(METHOD_ANSWERED, "methodAnswered") /* or why not */                                          \
    X(IDENTITY_CREATED, "identityCreated")                                                         \
    X(IDENTITY_UPDATED, "identityUpdated")                                                         \
    X(IDENTITY_DELETED, "identityDeleted")                                                         \
    X(SUBSCRIBED, "subscribed")                                                                    \
    X(C2D_ENQUEUED, "c2dEnqueued")                                                                 \
    X(C2D_DELIVERED, "c2dDelivered")                                                               \
    X(C2D_SETTLED, "c2dSettled") /* or expired, or purged: its outcome says */                     \
    X(FEEDBACK_ENQUEUED, "feedbackEnqueued")                                                       \
    X(FEEDBACK_SETTLED, "feedbackSettled")

#define HUB_EVENT_ENUM(name, text) HUB_EVENT_##name,
enum hub_event { HUB_EVENTS(HUB_EVENT_ENUM) HUB_EVENT_COUNT };
#undef HUB_EVENT_ENUM

const char *hub_event_name(enum hub_event event);
bool hub_event_from_name(struct str name, enum hub_event *ret_event);

/* Notes that somebody was refused: endpoint ("mqtt"), connection number, code and reason in plain
 * words. Also writes the one log line. `key` may be empty. */
void hub_note_refused(struct hub *hub, const char *endpoint, uint64_t conn_id,
                      struct identity_key key, enum hub_code code, const char *why);

/* Appends a reason as the log has it: on one line, and a line that is only a '^' as a '^' in the
 * line before, where it pointed. */
void hub_one_line_append(struct buf *out, struct str text);

void hub_note_subscribed(struct hub_link *link, struct str filter, bool on);

MUST_CHECK enum hub_code hub_journal_read(struct hub *hub, const struct journal_filter *filter,
                                          void (*each)(void *ctx, const struct journal_row *row),
                                          void *ctx, uint64_t *ret_next);
/* One row as the control API and the logs show it. */
void hub_journal_row_append(struct buf *out, const struct journal_row *row);

/* Calls `changed` after a commit that added rows, and then no more: watch again. */
struct hub_watcher {
    void (*changed)(void *ctx);
    void *ctx;
    struct list link; /* private */
};
void hub_journal_watch(struct hub *hub, struct hub_watcher *watcher);
void hub_journal_unwatch(struct hub_watcher *watcher); /* harmless when not watching */

/* ---- figures for /metrics ---- */

struct hub_figures {
    uint64_t links;                   /* device and module connections now */
    uint64_t events[HUB_EVENT_COUNT]; /* journal rows by kind since the start */
    uint64_t journal_last;
    uint64_t queries;
    uint64_t commits;
};
void hub_figures(const struct hub *hub, struct hub_figures *ret_figures);

#endif
