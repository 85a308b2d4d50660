/* SPDX-License-Identifier: MIT */
#ifndef STORAGE_STATEMENT_INTERNAL_H
#define STORAGE_STATEMENT_INTERNAL_H

/*
 * Prepared statements. One use of one reads:
 *
 *     CLEANUP(statement_finish) struct statement s = statement_use(storage, SESSION_PUT);
 *     bind_i64(&s, id);
 *     bind_blob(&s, session);
 *     return statement_run(&s);
 *
 * Values are bound in the order of the SQL's ?1, ?2 ... and columns are read in the order of its
 * SELECT. A failure sticks: the binds after it do nothing and the step returns it. Bound strings
 * are borrowed until statement_finish(); strings read are SQLite's until the next step.
 */
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/status.h"
#include "base/str.h"

struct storage;

enum database_name { DATABASE_STATE, DATABASE_JOURNAL };
enum { DATABASE_COUNT = 2 };

enum statement_name {
    STATE_BEGIN,
    STATE_COMMIT,
    STATE_ROLLBACK,
    JOURNAL_BEGIN,
    JOURNAL_COMMIT,
    JOURNAL_ROLLBACK,

    IDENTITY_FIND,
    IDENTITY_GET,
    IDENTITY_GET_TWIN,
    IDENTITY_GET_BY_ID,
    IDENTITY_INSERT,
    IDENTITY_UPDATE,
    IDENTITY_STANDING,
    IDENTITY_DELETE_DEVICE,
    IDENTITY_DELETE_MODULE,
    IDENTITY_DELETE_ALL,
    IDENTITY_CENSUS,
    METADATA_GET,
    METADATA_INSERT,
    METADATA_UPDATE,
    TWIN_UPDATE,
    CONNECTION_UPDATE,
    CONNECTIONS_CLEAR,
    ACTIVITY_UPDATE,
    DEVICES_LIST,
    MODULES_LIST,
    MODULES_COUNT,
    KEY_DEVICE,
    KEY_DEVICES_FROM,
    KEY_MODULES,
    KEY_MODULES_FROM,

    JOB_GET,
    JOB_GET_BY_ID,
    JOB_INSERT,
    JOB_DELETE_ALL,

    SESSION_GET,
    SESSION_PUT,
    SESSION_DELETE,

    MESSAGE_INSERT,
    MESSAGE_NEXT,
    MESSAGE_FIND,
    MESSAGES_OF,
    MESSAGES_LOCK_OVER,
    MESSAGES_EXPIRED,
    MESSAGES_DUE,
    MESSAGE_LOCK,
    MESSAGE_UNLOCK,
    MESSAGE_DELETE,
    MESSAGE_DELETE_LOCKED,
    MESSAGES_UNHOLD,
    MESSAGES_UNHOLD_ALL,
    WAITING_COUNTS,
    WAITING_GIVEN_CLEAR,
    MESSAGE_IDS_GET,
    MESSAGE_IDS_RESERVE,

    FEEDBACK_RECORD_INSERT,
    FEEDBACK_RECORDS,
    FEEDBACK_RECORDS_OLDEST,
    FEEDBACK_RECORDS_DELETE,
    FEEDBACK_INSERT,
    FEEDBACK_NEXT,
    FEEDBACK_FIND,
    FEEDBACK_LOCK_OVER,
    FEEDBACK_EXPIRED,
    FEEDBACK_DUE,
    FEEDBACK_LOCK,
    FEEDBACK_UNLOCK,
    FEEDBACK_DELETE,
    FEEDBACK_RECORDS_DELETE_ALL,
    FEEDBACK_DELETE_ALL,

    JOURNAL_APPEND,
    JOURNAL_READ,
    JOURNAL_TRIM,
    JOURNAL_DELETE_ALL,
    JOURNAL_TRIMMED,
    JOURNAL_BOUNDS,
    JOURNAL_SIZE,
    JOURNAL_TIME,

    EVENTS_PARTITIONS,
    EVENTS_MAKE,
    EVENTS_COUNT,
    EVENTS_SKIP,
    EVENTS_READ,
    MARK_PUT,
    MARK_GET,
    MARK_GET_ONE,
    MARK_TRIM,

    STATEMENT_COUNT
};

struct statement {
    struct storage *storage;
    enum database_name database;
    sqlite3_stmt *raw; /* NULL when it could not be prepared */
    int bound;         /* values bound so far */
    int read;          /* columns read so far of the current row */
    int result;        /* of SQLite; the first that failed */
};

/* A statement of the table, ready for its first bind. */
struct statement statement_use(struct storage *storage, enum statement_name name);
void statement_finish(struct statement *statement); /* for CLEANUP: resets it */

void bind_i64(struct statement *statement, int64_t value);
void bind_u64(struct statement *statement, uint64_t value); /* as the i64 of the same bits */
void bind_bool(struct statement *statement, bool value);
void bind_null(struct statement *statement);
void bind_text(struct statement *statement, struct str text);         /* data NULL: '' */
void bind_text_or_null(struct statement *statement, struct str text); /* data NULL: NULL */
void bind_blob(struct statement *statement, struct str bytes);        /* data NULL: x'' */
void bind_blob_or_null(struct statement *statement, struct str bytes);

/* Steps to the next row; *ret_row false at the end. */
MUST_CHECK enum status statement_next(struct statement *statement, bool *ret_row);

/* Runs one that has no row to give. */
MUST_CHECK enum status statement_run(struct statement *statement);

bool read_null(const struct statement *statement); /* of the next column; does not move on */
int64_t read_i64(struct statement *statement);
uint64_t read_u64(struct statement *statement);
bool read_bool(struct statement *statement);
struct str read_str(struct statement *statement); /* NULL: data NULL; "" has data */
/* A column of any type; an integer or a text. */
struct cell {
    bool null;
    int64_t number;  /* 0 when it is no integer */
    struct str text; /* data NULL when it is no text */
};
struct cell read_cell(struct statement *statement);
/* The one row of a statement that gives times, each of which may be NULL: the earliest, INT64_MAX
 * when all are. */
MUST_CHECK enum status read_earliest(struct statement *statement, int64_t *ret_time_us);
/* As read_str(), copied; *failed becomes true when the arena refuses. */
struct str read_copy(struct statement *statement, struct arena *arena, bool *failed);

#endif
