/* SPDX-License-Identifier: MIT */
#ifndef STORAGE_STORAGE_INTERNAL_H
#define STORAGE_STORAGE_INTERNAL_H

/* What the files of this folder share: the open databases and the state of the transaction. */
#include <sqlite3.h>

#include "base/list.h"
#include "base/map.h"
#include "storage/checkpoint_internal.h"
#include "storage/columns_internal.h"
#include "storage/statement_internal.h"
#include "storage/storage.h"

struct database {
    sqlite3 *connection;
    bool dirty;    /* a transaction is open */
    int wal_pages; /* in the write-ahead log after the last commit */
};

/* What the identity table holds, kept in step so that nobody has to count rows. */
struct census {
    struct storage_counts shown;
    uint64_t connected; /* devices and modules */
};

/* How far the events of each partition have come. */
struct partitions {
    struct storage_partition of[STORAGE_PARTITIONS_MAX];
};

/* waiting.c */
struct waiting {
    struct map counts;   /* struct waiting_count by record; none where none wait */
    struct list changed; /* those that the open transaction changed */
    bool given;          /* records may show a number that they brought with them */
};

/* Messages have ids up to `last`; those up to `reserved` are set aside in the database. */
struct message_ids {
    int64_t last, reserved;
};

struct storage {
    struct database databases[DATABASE_COUNT];
    sqlite3_stmt *statements[STATEMENT_COUNT]; /* prepared at their first use */
    int lock;                                  /* the lock file's descriptor; -1 in memory */
    struct checkpointer *checkpointer;         /* NULL in memory */

    /* The first failure inside the open transaction. SQLite may have undone all of it by then, so
     * nothing goes on before storage_rollback(). */
    enum status failed;

    int last_failure; /* SQLite's result; SQLITE_OK: none */

    size_t scans; /* open ones */
    struct columns columns;

    struct census census, census_committed;
    struct waiting waiting;
    struct message_ids ids, ids_committed;
    uint64_t sequence, sequence_committed; /* the journal's last row */
    uint64_t trimmed, trimmed_committed;   /* the journal's rows up to here are gone */
    unsigned partition_count;
    struct partitions partitions, partitions_committed;
};

/* The one place where a result of SQLite becomes a status. */
MUST_CHECK enum status storage_status(int result);

/* Opens the transaction of a database if it is not open. Every writer calls it first. */
MUST_CHECK enum status storage_write(struct storage *storage, enum database_name name);

/* schema.c: reads how far a database has come, 0 when it is new. Refuses those that are not ours or
 * are of a later version, having written nothing. */
MUST_CHECK enum status schema_check(sqlite3 *connection, enum database_name name, const char *file,
                                    int *ret_version, struct problem *problem);
/* Brings it from there to today's version, in one transaction. */
MUST_CHECK enum status schema_migrate(sqlite3 *connection, enum database_name name, int version);

/* Read what storage_open() must know. */
MUST_CHECK enum status identity_census(struct storage *storage);
MUST_CHECK enum status journal_bounds(struct storage *storage);
/* After journal_bounds(). `wanted` as in struct storage_config. */
MUST_CHECK enum status events_open(struct storage *storage, unsigned wanted,
                                   struct problem *problem);

/* ---- waiting.c: how many messages wait for a record; in step with the transaction ---- */
struct waiting_count;
void waiting_init(struct waiting *waiting);
MUST_CHECK enum status waiting_open(struct storage *storage);
void waiting_finish(struct waiting *waiting);
/* SQL's c2d_shown(id, c2d_count) is waiting_shown(). */
MUST_CHECK enum status waiting_function(struct storage *storage);
/* What a record shows, given what its column says; and the other way round. */
uint32_t waiting_shown(const struct storage *storage, int64_t identity, uint32_t given);
uint32_t waiting_to_store(struct storage *storage, int64_t identity, uint32_t shown);
/* Before a message is written: what can fail does so here. */
MUST_CHECK enum status waiting_prepare(struct storage *storage, int64_t identity,
                                       struct waiting_count **ret_entry);
void waiting_add(struct storage *storage, struct waiting_count *entry);
void waiting_remove(struct storage *storage, int64_t identity);
void waiting_remove_all(struct storage *storage, int64_t identity);
void waiting_clear(struct storage *storage);
void waiting_commit(struct storage *storage);
void waiting_rollback(struct storage *storage);

/* The whole record, for a scan; NULL when it is gone. */
MUST_CHECK enum status identity_get_whole(struct storage *storage, int64_t id, struct arena *arena,
                                          struct storage_identity **ret_identity);
MUST_CHECK enum status job_get_by_id(struct storage *storage, int64_t id, struct arena *arena,
                                     struct storage_job **ret_job);

/* The columns sequence to body. */
struct journal_row journal_row_read(struct statement *statement);

/* A row was appended to the journal. */
MUST_CHECK enum status events_note(struct storage *storage, const struct journal_row *row);
/* Copies the partitions that there are. */
void events_keep(const struct storage *storage, struct partitions *to,
                 const struct partitions *from);
/* Before the journal's rows up to `end` go: what is left begins after it. */
MUST_CHECK enum status events_trim(struct storage *storage, uint64_t end);

/* Empty their tables. */
MUST_CHECK enum status identity_clear(struct storage *storage);
MUST_CHECK enum status job_clear(struct storage *storage);
MUST_CHECK enum status feedback_clear(struct storage *storage);
MUST_CHECK enum status journal_clear(struct storage *storage);

#endif
