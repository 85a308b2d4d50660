/* SPDX-License-Identifier: MIT */
#ifndef HUB_HUB_INTERNAL_H
#define HUB_HUB_INTERNAL_H

/* What the files of hub/ share. Nobody outside includes this. */
#include "base/buf.h"
#include "base/map.h"
#include "hub/c2d.h"
#include "hub/hub.h"

enum {
    /* Bytes of one journal row's detail or body, one notification: room for a message's properties,
     * 256 KB, with every byte escaped as \u00XX, and for a whole twin with its metadata. */
    HUB_SCRATCH_MAX = 16 << 20,
    HUB_READ_ARENA_MAX = HUB_TWIN_ARENA_MAX, /* bytes of one record read for the hub's own use */
    HUB_STATUS_REASON_MAX = 128,             /* characters; service reference, 2.5 */
    HUB_MODULES_MAX = 50,                    /* per device */
    HUB_METHOD_PAYLOAD_MAX = 131072,
    HUB_METHOD_NAME_MAX = 128,
};

struct hub {
    struct hubs *hubs;
    struct str name;   /* owned */
    struct str *hosts; /* owned, and their bytes */
    size_t host_count;
    struct storage *storage;
    struct hub_policy policies[HUB_POLICY_COUNT];
    struct random random;
    struct clock clock;
    struct timers timers;
    struct hub_settings settings;
    struct str seed;                  /* owned; data NULL: none */
    uint64_t fleet_count, fleet_seed; /* the generated fleet; count 0: none */

    struct map links;          /* struct hub_link by record id */
    struct list active_links;  /* those whose last activity is not in storage yet */
    struct map calls;          /* struct hub_call by request id */
    struct list waiting_calls; /* those whose device is not there yet */
    uint64_t request_id_last;
    struct list query_jobs; /* those that go on in slices */
    int64_t query_us_left;  /* of this tick's time for queries */
    struct list watchers;
    int64_t started_us;
    struct list readers; /* of events */
    struct str *groups;  /* owned, and their bytes */
    size_t group_count;
    uint64_t events_floor; /* rows of the journal up to here were too old at events_floor_us */
    int64_t events_floor_us;
    struct timer c2d_timer;  /* the next lock, expiry or feedback window that ends */
    int64_t c2d_due_us;      /* of the timer; INT64_MAX: it does not run */
    struct hub_fresh *fresh; /* NULL: no message is on its way */
    struct map held;         /* struct hub_held by lock token */
    struct list feedback_watchers;
    int64_t generation_last;

    bool failed;               /* this tick: undo it */
    bool journal_grew;         /* this tick */
    size_t journal_unmeasured; /* bytes of rows since its size was looked at */
    struct buf scratch;        /* cleared by each user */
    struct hub_figures figures;
};

struct hub_link {
    struct hub *hub;
    int64_t id;                /* also the key in hub->links */
    struct str device, module; /* owned */
    struct hub_principal principal;
    const struct hub_link_ops *ops;
    void *ctx;
    unsigned interests;
    size_t calls_in_flight;
    bool received_c2d; /* it may have messages that nobody else can get */
    struct list held;  /* those of them that are remembered: struct hub_held */
    size_t held_count;
    int64_t last_activity_us;
    struct buf model_id; /* empty: none was announced */
    struct list active;  /* in hub->active_links, or alone */
};

/* The one place where a failure of the machine becomes an answer: logs it, undoes the tick. */
void hub_note_failure(struct hub *hub, enum status status, struct problem *problem);
static inline enum hub_code hub_fail(struct hub *hub, enum status status, struct problem *problem)
{
    hub_note_failure(hub, status, problem);
    return HUB_SERVER_ERROR;
}

/* ---- hubs.c ---- */
bool hub_commit(struct hub *hub); /* false: the tick was undone */

/* ---- names.c ---- */
bool hub_answers_to(const struct hub *hub, struct str host);
/* Without scheme, brackets, port and trailing dot; points into `host`. */
struct str hub_host_bare(struct str host);
bool hub_host_is_loopback(struct str bare);

/* ---- identity.c ---- */
/* What a key that leads nowhere is answered with. */
void hub_describe_absent(struct identity_key key, struct problem *problem);
static inline enum hub_code hub_absent(struct identity_key key, struct problem *problem)
{
    hub_describe_absent(key, problem);
    return key.module.size > 0 ? HUB_MODULE_NOT_FOUND : HUB_DEVICE_NOT_FOUND;
}
bool hub_match_holds(const struct hub_match *match, struct str etag);
/* The first version of a twin. */
enum hub_code hub_new_twin(struct hub *hub, struct storage_identity *identity, const cJSON *tags,
                           const cJSON *desired, struct arena *arena, struct problem *problem);
int64_t hub_next_generation(struct hub *hub);
bool hub_auth_from_name(struct str name, enum storage_auth *ret_auth);

/* ---- twin.c, twin_document.c, twin_merge.c, twin_rules.c, twin_section.c ---- */
enum hub_section { HUB_SECTION_TAGS, HUB_SECTION_DESIRED, HUB_SECTION_REPORTED };

/* Checks what a client wants to write: names, values, depth. Members named $metadata and $version
 * at the top are looked over when `from_service`. HUB_ARGUMENT_INVALID with a reason. */
enum hub_code hub_section_check(const cJSON *patch, enum hub_section section, bool from_service,
                                struct problem *problem);
/* Checks what would be stored: size and depth. */
enum hub_code hub_section_check_size(const cJSON *document, enum hub_section section,
                                     struct problem *problem);

struct hub_stamp {
    char time[CLOCK_TEXT_SIZE];
    uint64_t version; /* 0: no $lastUpdatedVersion (reported) */
};
/* Merges `patch` into `document`, keeping `metadata` in step; tags have none (NULL). False: no
 * memory. */
bool hub_merge(cJSON *document, cJSON *metadata, const cJSON *patch, const struct hub_stamp *stamp);
/* One section on its way from the stored texts to the new ones, which live in `arena`. */
struct hub_section_write {
    enum hub_section kind;
    struct str *text;     /* in the twin */
    struct str *metadata; /* in the twin; NULL: tags */
    const cJSON *patch;   /* a JSON object that passed hub_section_check() */
    bool replace;         /* the patch takes the section's place */
    const struct hub_stamp *stamp;
};
/* The texts change only when all is well. */
enum hub_code hub_section_write(struct hub *hub, const struct hub_section_write *write,
                                struct arena *arena, struct problem *problem);

/* The metadata of a patch alone, for change events. NULL: no memory. */
cJSON *hub_stamp_tree(const cJSON *patch, const struct hub_stamp *stamp);
/* Is it one of the members that clients send back unasked? */
bool hub_is_echo_member(const char *name);

/* Appends `{...,"$version":n}` given the object's text; extra members first when not empty. */
void hub_append_versioned(struct buf *out, struct str object, struct str metadata,
                          uint64_t version);

/* The twin as lifecycle events show it (service reference, 8). */
void hub_twin_lifecycle_append(struct buf *out, const struct storage_identity *twin);

/* ---- link.c ---- */
struct hub_link *hub_link_find(const struct hub *hub, int64_t id);
/* Ends the link from the hub's side: tells the endpoint, notes it, frees it. */
void hub_link_end(struct hub_link *link, enum hub_code code, const char *why);
void hub_link_touch(struct hub_link *link); /* it was active now */
/* Brings what reads show up to date: all records, or one that was read already. */
enum status hub_flush_activity(struct hub *hub);
void hub_link_show_activity(const struct hub *hub, struct storage_identity *identity);

/* ---- method.c ---- */
void hub_methods_try(struct hub_link *link); /* the device is there now */
void hub_methods_link_gone(struct hub_link *link);
void hub_methods_end_all(struct hub *hub, enum hub_code code, const char *why);
void hub_calls_finish(struct hub *hub);

/* ---- telemetry.c ---- */
/* Appends `,"systemProperties":{...},"properties":{...}`, without those of which there are none. */
enum status hub_message_properties_append(struct buf *out, const struct hub_message *message);
/* May that have left out properties whose names repeat others? True when in doubt. */
bool hub_message_repeats(const struct hub_message *message);

/* ---- c2d.c ---- */
void hub_c2d_nudge(struct hub_link *link); /* messages may wait for it */
/* Ends *detail, which begins with its brace, and writes the row. */
void hub_c2d_event(struct hub *hub, enum hub_event event, struct identity_key key,
                   struct buf *detail, struct str body);

/* ---- c2d_text.c ---- */
/* What is stored of a message besides its body: `properties` as hub_message_properties_append()
 * wrote them. */
enum status hub_c2d_text_append(struct buf *out, struct str properties);
/* And back, in the arena; the body is not touched. */
enum status hub_c2d_text_read(struct str text, struct arena *arena, struct hub_message *message);

/* ---- c2d_settle.c ---- */
enum hub_outcome {
    HUB_OUTCOME_COMPLETED,
    HUB_OUTCOME_REJECTED,
    HUB_OUTCOME_EXPIRED,
    HUB_OUTCOME_DELIVERY_COUNT_EXCEEDED,
    HUB_OUTCOME_PURGED,
    HUB_OUTCOME_ABANDONED, /* from here on it stays in the queue */
    HUB_OUTCOME_RELEASED,
    HUB_OUTCOME_LOCK_OVER,
};
void hub_c2d_link_gone(struct hub_link *link);     /* gives back what it received */
enum status hub_c2d_start(struct hub *hub);        /* locks of links of another process are over */
void hub_c2d_due(struct hub *hub, int64_t due_us); /* a lock, an expiry or a window ends then */
void hub_c2d_undone(struct hub *hub); /* the tick was; what it did is to be done again */

/* It is out of the queue: writes the row, and the feedback if it is wanted. */
enum status hub_c2d_note_out(struct hub *hub, const struct storage_message *message,
                             enum hub_outcome outcome);

/* ---- c2d_straight.c ---- */
/* A message that its device is offered before it is in storage (hub->fresh). */
struct hub_fresh {
    struct storage_message *message;
    const struct hub_message *content; /* NULL: is to be read from its stored text */
    struct storage_lock lock;          /* when it is taken */
    bool taken;
};
/* NULL: none is on its way to this link, or not any more. */
struct storage_message *hub_c2d_fresh_for(const struct hub *hub, const struct hub_link *link);
/* False: `message` is not the one, or its stored text is to be read. */
bool hub_c2d_fresh_content(const struct hub *hub, const struct storage_message *message,
                           struct hub_message *ret_content);
/* Locks `message` if it is the one; false: it is in storage. */
bool hub_c2d_fresh_take(struct hub *hub, const struct storage_message *message,
                        const struct storage_lock *lock);
/* Writes it, if there is one, so that everything that holds for messages holds for it. */
enum status hub_c2d_fresh_write(struct hub *hub);
/* The link received a message; it will be settled, or the link ends. */
void hub_c2d_hold(struct hub_link *link, const struct storage_message *message,
                  const struct guid *token);
/* Once one of what it has is not locked by it any more in another way than the next function's. */
void hub_c2d_forget_held(struct hub_link *link); /* takes NULL */
/* Nothing waits for a record besides what its link, if there is one, has. */
bool hub_c2d_has_all(const struct hub *hub, int64_t identity, const struct hub_link *link);
/* *ret_done is set when the message was remembered, still locked, and is out of the queue now. */
enum status hub_c2d_take_out_held(struct hub *hub, struct identity_key key,
                                  const struct guid *token, enum hub_outcome outcome,
                                  bool *ret_done);

/* ---- feedback.c ---- */
/* Tells the sender of `message`, if it wants to know, once the batch is full or its window over. */
enum status hub_feedback_note(struct hub *hub, const struct storage_message *message,
                              enum hub_outcome outcome);
/* Closes the batch whose window is over, ends locks, drops what has expired. */
enum status hub_feedback_run(struct hub *hub);
/* When there is something to run for; INT64_MAX: never. */
enum status hub_feedback_next_due(struct hub *hub, int64_t *ret_due_us);

/* ---- device_job.c ---- */
/* What a job did on one device, as a query shows it (query language reference, 2.4). */
void hub_device_job_append(struct buf *out, const struct storage_job *job);

/* ---- query_job.c ---- */
void hub_query_jobs_run(struct hub *hub);
void hub_query_jobs_end_all(struct hub *hub, enum hub_code code, const char *why);

/* ---- events.c ---- */
/* The route that takes rows of a kind; 0: none does. */
unsigned hub_route_of(enum hub_event event);
/* The last row of the journal that is too old to be served. */
enum status hub_events_floor(struct hub *hub, uint64_t *ret_sequence);

/* ---- reader.c ---- */
void hub_readers_end_all(struct hub *hub, const char *why);

/* ---- journal.c ---- */
/* Appends a row; `detail` is a JSON object's text. Failures undo the tick. */
void hub_event(struct hub *hub, enum hub_event event, struct identity_key key, struct str detail,
               struct str body);
void hub_journal_announce(struct hub *hub); /* after the commit */

#endif
