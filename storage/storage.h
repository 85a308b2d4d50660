/* SPDX-License-Identifier: MIT */
#ifndef STORAGE_STORAGE_H
#define STORAGE_STORAGE_H

/*
 * Where a hub's state lives: identities, twins and sessions in one SQLite database, the journal in
 * another with larger pages. This folder is the only one that knows SQL. It knows no rule of the
 * hub: it keeps what it is given and finds it again.
 *
 * Writes join one transaction that the first of them opens and storage_commit() ends, once per
 * tick; reads see it at once. Nothing is acknowledged to anybody before storage_commit() said
 * STATUS_OK.
 *
 * "Not found" is an answer (a NULL or zero result), never a status. A status means that the
 * database failed; the caller then calls storage_rollback() and forgets what the tick did.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/guid.h"
#include "base/status.h"
#include "base/str.h"

struct query;
struct query_row;
struct storage;

struct storage_config {
    const char *directory; /* made when absent, parents too; NULL: in memory, gone at the end */
    bool sync_full;        /* survive a power cut, not only a killed process */
    unsigned partitions;   /* of the journal's events, at most STORAGE_PARTITIONS_MAX; 0: as many as
                              the data was made with, 4 when it is new */
};

/* STATUS_UNAVAILABLE when another process holds the directory; STATUS_CORRUPT when the files are
 * not ours or are of a later version; STATUS_INVALID when they were made with another number of
 * partitions. The problem says what and where. */
MUST_CHECK enum status storage_open(const struct storage_config *config,
                                    struct storage **ret_storage, struct problem *problem);
void storage_close(struct storage *storage); /* commits nothing; takes NULL */

bool storage_dirty(const struct storage *storage); /* a transaction is open */

/* After a failure inside the transaction every write and the commit give its status again, until
 * storage_rollback(). A failed commit may have kept the state and lost the journal's rows. */
MUST_CHECK enum status storage_commit(struct storage *storage);
void storage_rollback(struct storage *storage);

/* What the database said when a statement last failed, for logs: "database or disk is full". ""
 * when none has. */
const char *storage_last_failure(const struct storage *storage);

/* Empties every table, the journal too; sequence numbers go on. Part of the transaction. */
MUST_CHECK enum status storage_clear(struct storage *storage);

/* ---- identities and twins: one record, device or module ---- */

struct identity_key {
    struct str device;
    struct str module; /* empty: the device itself */
};

enum storage_auth {
    STORAGE_AUTH_SAS,
    STORAGE_AUTH_SELF_SIGNED,
    STORAGE_AUTH_CA,
    STORAGE_AUTH_NONE
};

/* Times are microseconds since 1970, CLOCK_NEVER when it never happened. */
struct storage_identity {
    int64_t id; /* grows in the order of registration, never reused */
    struct identity_key key;
    int64_t generation; /* .NET ticks at creation */
    uint64_t etag;      /* shown by storage_etag_append() */
    bool enabled;
    struct str status_reason; /* data NULL: none */
    int64_t status_updated_us;
    bool connected;
    int64_t connection_updated_us;
    int64_t last_activity_us;
    uint32_t c2d_count;
    enum storage_auth auth;
    struct str primary_key, secondary_key;               /* base64; empty unless STORAGE_AUTH_SAS */
    struct str primary_thumbprint, secondary_thumbprint; /* hex; data NULL: none */
    bool edge;
    struct str device_scope;   /* data NULL: none */
    struct str parent_scopes;  /* JSON array; data NULL: none */
    struct str managed_by;     /* modules; data NULL: none */
    struct str model_id;       /* data NULL: none was announced */
    struct str configurations; /* JSON object; data NULL: none */

    /* The twin. Sections are JSON objects without $metadata and $version; "{}" when empty. They are
     * read only when asked for (enum storage_parts), else their data is NULL. */
    uint64_t twin_etag;
    uint64_t twin_version;
    uint64_t desired_version;
    uint64_t reported_version;
    struct str tags, desired, reported;
    struct str desired_metadata, reported_metadata; /* whole $metadata objects */
};

enum storage_parts {
    STORAGE_IDENTITY = 0, /* everything that is not below */
    STORAGE_TWIN = 1,     /* tags, desired, reported */
    STORAGE_METADATA = 2, /* desired_metadata, reported_metadata */
};

/* *ret_identity is NULL when there is none; it and its strings live in `arena`. */
MUST_CHECK enum status storage_identity_get(struct storage *storage, struct identity_key key,
                                            unsigned parts, struct arena *arena,
                                            struct storage_identity **ret_identity);

/* Its id and generation alone, without memory; *ret_id is 0 when there is none. */
MUST_CHECK enum status storage_identity_find(struct storage *storage, struct identity_key key,
                                             int64_t *ret_id, int64_t *ret_generation);

/* Writes a new record with everything in it and sets its id. STATUS_INVALID when the key is taken:
 * look first. */
MUST_CHECK enum status storage_identity_insert(struct storage *storage,
                                               struct storage_identity *identity);

/* Writes all but the id, the key, the twin and the metadata. This and the writes below that name an
 * id do nothing when there is no such record. */
MUST_CHECK enum status storage_identity_update(struct storage *storage,
                                               const struct storage_identity *identity);

/* Writes the twin: its four numbers, and the sections named; desired and reported with their
 * metadata. */
enum storage_twin_section { STORAGE_TAGS = 1, STORAGE_DESIRED = 2, STORAGE_REPORTED = 4 };
MUST_CHECK enum status storage_twin_update(struct storage *storage,
                                           const struct storage_identity *identity,
                                           unsigned sections);

/* Two small writes of every day. */
MUST_CHECK enum status storage_connection_update(struct storage *storage, int64_t id,
                                                 bool connected, int64_t at_us);
MUST_CHECK enum status storage_activity_update(struct storage *storage, int64_t id, int64_t at_us);

/* Nobody is connected: for the start, after a process that was killed. */
MUST_CHECK enum status storage_connections_clear(struct storage *storage, int64_t at_us);

/* Deletes a device with its modules, or one module, sessions included. *ret_count: how many. */
MUST_CHECK enum status storage_identity_delete(struct storage *storage, struct identity_key key,
                                               size_t *ret_count);

/* Up to `limit` devices, or the modules of a device, in the order of registration and without twin
 * and metadata; an array in arena. */
MUST_CHECK enum status storage_devices_list(struct storage *storage, size_t limit,
                                            struct arena *arena,
                                            struct storage_identity ***ret_identities,
                                            size_t *ret_count);
MUST_CHECK enum status storage_modules_list(struct storage *storage, struct str device,
                                            struct arena *arena,
                                            struct storage_identity ***ret_identities,
                                            size_t *ret_count);

struct storage_counts {
    uint64_t devices, enabled, modules;
    uint64_t connected; /* devices */
};
MUST_CHECK enum status storage_counts(struct storage *storage, struct storage_counts *ret_counts);
MUST_CHECK enum status storage_modules_count(struct storage *storage, struct str device,
                                             size_t *ret_count);

/* ---- device jobs: what a job did, or is to do, on one device or module ---- */

struct storage_job {
    int64_t id;              /* grows in the order of insertion, never reused */
    struct identity_key key; /* need not be there (any more) */
    struct str job;          /* the job's own id */
    struct str type, status; /* as the service spells them (query language reference, 2.4) */
    int64_t started_us, ended_us, created_us, updated_us;
    struct str outcome, error; /* JSON objects; data NULL: none */
};

/* *ret_job is NULL when there is none; it and its strings live in `arena`. */
MUST_CHECK enum status storage_job_get(struct storage *storage, struct identity_key key,
                                       struct str job, struct arena *arena,
                                       struct storage_job **ret_job);

/* Writes a new record and sets its id. STATUS_INVALID when the key is taken: look first. */
MUST_CHECK enum status storage_job_insert(struct storage *storage, struct storage_job *job);

/* ---- a client's persistent session: bytes that the endpoint understands; it goes with its record.
 * STATUS_INVALID for a put without one ---- */

/* *ret_session.data is NULL when there is none. */
MUST_CHECK enum status storage_session_get(struct storage *storage, int64_t id, struct arena *arena,
                                           struct str *ret_session);
MUST_CHECK enum status storage_session_put(struct storage *storage, int64_t id, struct str session);
MUST_CHECK enum status storage_session_delete(struct storage *storage, int64_t id);

/* ---- messages that wait for a device or module; they go with its record ---- */

struct storage_message {
    int64_t id;              /* grows in the order of insertion, never reused */
    int64_t identity;        /* the record that it waits for */
    struct identity_key key; /* of that record, and its generation; not looked at on insert */
    int64_t generation;
    int64_t enqueued_us, expires_us;
    uint32_t delivery_count;
    uint32_t delivered;    /* how often it was locked */
    uint32_t ack;          /* the hub's enum */
    struct str message_id; /* data NULL: none */
    struct str properties; /* text that the hub understands; read by storage_message_next() only */
    struct str body;       /* the same */
};

/* The next id. */
MUST_CHECK enum status storage_message_id(struct storage *storage, int64_t *ret_id);

/* A lock lasts until `until_us` (INT64_MAX: for good); one that is held until
 * storage_messages_unhold(), too. */
struct storage_lock {
    struct guid token;
    int64_t until_us;
    bool held;
};

/* Sets the id when it is 0, else it is from storage_message_id(); `lock` may be NULL. This and the
 * other writes here bring c2d_count of the identity up to date. */
MUST_CHECK enum status storage_message_insert(struct storage *storage,
                                              struct storage_message *message,
                                              const struct storage_lock *lock);
size_t storage_messages_count(const struct storage *storage, int64_t identity);

/* The oldest that is not locked and expires after `now_us`; NULL: there is none. */
MUST_CHECK enum status storage_message_next(struct storage *storage, int64_t identity,
                                            int64_t now_us, struct arena *arena,
                                            struct storage_message **ret_message);

/* These look at the message's id and identity only. */
MUST_CHECK enum status storage_message_lock(struct storage *storage,
                                            const struct storage_message *message,
                                            const struct storage_lock *lock);
/* The one whose lock has this token and lasts beyond `now_us`; NULL: there is none. */
MUST_CHECK enum status storage_message_find(struct storage *storage, int64_t identity,
                                            const struct guid *token, int64_t now_us,
                                            struct arena *arena,
                                            struct storage_message **ret_message);
MUST_CHECK enum status storage_message_unlock(struct storage *storage,
                                              const struct storage_message *message,
                                              uint32_t delivery_count);
MUST_CHECK enum status storage_message_delete(struct storage *storage,
                                              const struct storage_message *message);
/* Only while its lock has this token and lasts beyond `now_us`; *ret_deleted: so it was. */
MUST_CHECK enum status storage_message_delete_locked(struct storage *storage,
                                                     const struct storage_message *message,
                                                     const struct guid *token, int64_t now_us,
                                                     bool *ret_deleted);
/* Ends the locks that are held; of all records when `identity` is 0. */
MUST_CHECK enum status storage_messages_unhold(struct storage *storage, int64_t identity);

/* Several at once: all that wait for a record; those whose lock is over; those that are not locked
 * and have expired. At most `limit`, oldest first, an array in arena. */
enum storage_messages { STORAGE_MESSAGES_OF, STORAGE_MESSAGES_LOCK_OVER, STORAGE_MESSAGES_EXPIRED };
struct storage_messages_filter {
    enum storage_messages which;
    int64_t value; /* the identity, or now_us */
    size_t limit;
};
MUST_CHECK enum status storage_messages_list(struct storage *storage,
                                             const struct storage_messages_filter *filter,
                                             struct arena *arena,
                                             struct storage_message ***ret_messages,
                                             size_t *ret_count);
/* When the next lock is over or the next message expires; INT64_MAX: never. */
MUST_CHECK enum status storage_messages_due(struct storage *storage, int64_t *ret_due_us);

/* ---- feedback: records, JSON objects, that wait to be put into a batch; batches, JSON arrays ----
 */

MUST_CHECK enum status storage_feedback_note(struct storage *storage, int64_t at_us,
                                             struct str record);
/* How many wait, and since when the first does (INT64_MAX when none does). */
MUST_CHECK enum status storage_feedback_noted(struct storage *storage, size_t *ret_count,
                                              int64_t *ret_first_us);
/* Makes a batch of the oldest records, at most `limit`; *ret_count: how many. 0: none was made. */
MUST_CHECK enum status storage_feedback_gather(struct storage *storage, size_t limit,
                                               int64_t enqueued_us, int64_t expires_us,
                                               size_t *ret_count);

struct storage_feedback {
    int64_t id; /* grows in the order in which batches are made, never reused */
    int64_t enqueued_us, expires_us;
    uint32_t delivery_count;
    struct str body;
};

/* Each gives one batch or NULL. The oldest that is not locked and expires after `now_us`; ... */
MUST_CHECK enum status storage_feedback_next(struct storage *storage, int64_t now_us,
                                             struct arena *arena,
                                             struct storage_feedback **ret_feedback);
/* ... the one whose lock has this token and lasts beyond `now_us`; ... */
MUST_CHECK enum status storage_feedback_find(struct storage *storage, const struct guid *token,
                                             int64_t now_us, struct arena *arena,
                                             struct storage_feedback **ret_feedback);
/* ... the oldest whose lock is over; the oldest that is not locked and has expired. */
MUST_CHECK enum status storage_feedback_lock_over(struct storage *storage, int64_t now_us,
                                                  struct arena *arena,
                                                  struct storage_feedback **ret_feedback);
MUST_CHECK enum status storage_feedback_expired(struct storage *storage, int64_t now_us,
                                                struct arena *arena,
                                                struct storage_feedback **ret_feedback);
MUST_CHECK enum status storage_feedback_lock(struct storage *storage, int64_t id,
                                             const struct guid *token, int64_t until_us);
MUST_CHECK enum status storage_feedback_unlock(struct storage *storage, int64_t id,
                                               uint32_t delivery_count);
MUST_CHECK enum status storage_feedback_delete(struct storage *storage, int64_t id);
/* When the next lock is over or the next batch expires; INT64_MAX: never. */
MUST_CHECK enum status storage_feedback_due(struct storage *storage, int64_t *ret_due_us);

/* ---- how the service shows what is a number here, in documents and to queries ---- */

const char *storage_auth_name(enum storage_auth auth);    /* "sas", "selfSigned" ... */
void storage_etag_append(struct buf *out, uint64_t etag); /* of an identity */
void storage_twin_etag_append(struct buf *out, uint64_t etag);

/* ---- scans: the rows a parsed query selects, in the order of registration ---- */

struct storage_scan;

/*
 * Starts after the record `after_id` (0: from the first). Uses the key where the query's access
 * hint allows, else reads every row, extracting only what the query names. `query` is borrowed
 * until storage_scan_close(). Writes between two calls of storage_scan_next() are seen or not, but
 * the scan goes on from the id it had reached: no row comes twice.
 */
MUST_CHECK enum status storage_scan_open(struct storage *storage, const struct query *query,
                                         int64_t after_id, struct storage_scan **ret_scan);
void storage_scan_close(struct storage_scan *scan); /* takes NULL */

enum storage_scan_result {
    STORAGE_SCAN_ROW,    /* a row that passes WHERE */
    STORAGE_SCAN_PAUSED, /* *rows_left rows were read without one; call again */
    STORAGE_SCAN_END,
};

/* Reads at most *rows_left rows, counting it down. On STORAGE_SCAN_ROW *ret_row (for projections)
 * and storage_scan_identity() are valid until the next call. */
MUST_CHECK enum status storage_scan_next(struct storage_scan *scan, size_t *rows_left,
                                         enum storage_scan_result *ret_result,
                                         const struct query_row **ret_row);

/* The whole record of the current row, metadata too; in arena. NULL when it was deleted since. */
MUST_CHECK enum status storage_scan_identity(struct storage_scan *scan, struct arena *arena,
                                             struct storage_identity **ret_identity);
/* The same of a row of QUERY_JOBS. */
MUST_CHECK enum status storage_scan_job(struct storage_scan *scan, struct arena *arena,
                                        struct storage_job **ret_job);
int64_t
storage_scan_id(const struct storage_scan *scan); /* of the current row: where a page ends */

/* How the scan finds its rows and how many it read, for EXPLAIN: "scan", "key deviceId", ... */
const char *storage_scan_access(const struct storage_scan *scan);
uint64_t storage_scan_rows_read(const struct storage_scan *scan);

/* ---- the journal ---- */

struct journal_row {
    uint64_t sequence;       /* from 1, no gaps */
    int64_t at_us;           /* on the hub's clock */
    uint32_t kind;           /* the hub's enum, below 64 */
    struct identity_key key; /* both empty: about the hub */
    struct str detail;       /* a JSON object */
    struct str body;         /* payload bytes; data NULL: none */
    bool event;              /* also an event of a partition, below; only appends look at it */
    unsigned partition;      /* which, when it is one */
};

/* Appends, giving the row the next sequence number. */
MUST_CHECK enum status storage_journal_append(struct storage *storage,
                                              const struct journal_row *row,
                                              uint64_t *ret_sequence);

struct journal_filter {
    uint64_t after;       /* rows with a greater sequence number */
    uint64_t kinds;       /* bit 1 << kind; 0: all */
    struct str device;    /* empty: all */
    size_t limit;         /* rows at most */
    size_t rows_read_max; /* rows looked at, at most: bounds the time */
};

/*
 * Calls `each` for the matching rows in order; its strings live during the call, in which it must
 * not call storage. *ret_next is where to go on (the `after` of the next call): the last row looked
 * at.
 */
MUST_CHECK enum status storage_journal_read(struct storage *storage,
                                            const struct journal_filter *filter,
                                            void (*each)(void *ctx, const struct journal_row *row),
                                            void *ctx, uint64_t *ret_next);
uint64_t storage_journal_last(const struct storage *storage); /* 0: none; uncommitted ones count */

/* How many rows there are, and how many bytes they take, with what surrounds them. */
uint64_t storage_journal_rows(const struct storage *storage);
MUST_CHECK enum status storage_journal_size(struct storage *storage, uint64_t *ret_size);

/* Deletes rows up to and including `sequence`. */
MUST_CHECK enum status storage_journal_trim(struct storage *storage, uint64_t sequence);

/* The last row older than `at_us`, by halving: 0 when none is. Times that went backwards give one
 * of the places where they pass `at_us`. */
MUST_CHECK enum status storage_journal_before(struct storage *storage, int64_t at_us,
                                              uint64_t *ret_sequence);

/*
 * ---- events: rows of the journal that readers follow partition by partition ----
 *
 * The events of a partition have positions, from 0 and without gaps. No row keeps its own: the
 * counts stand in marks every couple of thousand rows, and a position is found by counting from a
 * mark on. Committed events only: a reader never sees what may yet be undone.
 */

enum { STORAGE_PARTITIONS_MAX = 32 };
unsigned storage_partitions(const struct storage *storage); /* how many there are */

struct storage_partition {
    uint64_t begin;  /* position of the first event that is still there */
    uint64_t next;   /* of the one that comes next */
    uint64_t last;   /* the last event's row in the journal; 0: there never was one */
    int64_t last_us; /* and its time */
};
struct storage_partition storage_partition(const struct storage *storage, unsigned partition);

/* A place between two events of a partition. */
struct storage_place {
    uint64_t after;    /* rows up to this one are passed */
    uint64_t position; /* of the next event */
};

/* The place of a position, which is between `begin` and `next`. */
MUST_CHECK enum status storage_events_find(struct storage *storage, unsigned partition,
                                           uint64_t position, struct storage_place *ret_place);
/* The place after a row of the journal, which may be any, also one that is gone. */
MUST_CHECK enum status storage_events_after(struct storage *storage, unsigned partition,
                                            uint64_t sequence, struct storage_place *ret_place);

struct storage_events_turn {
    unsigned partition;
    uint64_t rows_max; /* of the journal, looked at */
    /* False: enough; that event is not passed. The row's strings live during the call, in which it
     * must not call storage. */
    bool (*each)(void *ctx, uint64_t position, const struct journal_row *row);
    void *ctx;
};
/* Calls `each` for the events from *place on, which moves along. *ret_more says whether there may
 * be more to read at once. */
MUST_CHECK enum status storage_events_read(struct storage *storage,
                                           const struct storage_events_turn *turn,
                                           struct storage_place *place, bool *ret_more);

#endif
