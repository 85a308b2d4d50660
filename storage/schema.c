/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <stdio.h>

#include "storage/storage_internal.h"

/*
 * Both databases carry the application's id and the number of the last migration they went through
 * (user_version). A released migration is never changed: the next idea is the next entry.
 *
 * An identity with an empty module_id is a device, any other a module of it. Ids are never given
 * twice (AUTOINCREMENT): a session or a journal reader that kept one would meet a stranger.
 */
static const char *const state_migrations[] = {
    "CREATE TABLE identity ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " device_id TEXT NOT NULL,"
    " module_id TEXT NOT NULL,"
    " generation INTEGER NOT NULL,"
    " etag INTEGER NOT NULL,"
    " enabled INTEGER NOT NULL,"
    " status_updated_us INTEGER NOT NULL,"
    " connected INTEGER NOT NULL,"
    " connection_updated_us INTEGER NOT NULL,"
    " last_activity_us INTEGER NOT NULL,"
    " c2d_count INTEGER NOT NULL,"
    " auth INTEGER NOT NULL," /* enum storage_auth */
    " edge INTEGER NOT NULL,"
    " twin_etag INTEGER NOT NULL,"
    " twin_version INTEGER NOT NULL,"
    " desired_version INTEGER NOT NULL,"
    " reported_version INTEGER NOT NULL,"
    " status_reason TEXT,"
    " primary_key TEXT NOT NULL,"
    " secondary_key TEXT NOT NULL,"
    " primary_thumbprint TEXT,"
    " secondary_thumbprint TEXT,"
    " device_scope TEXT,"
    " parent_scopes TEXT,"
    " managed_by TEXT,"
    " model_id TEXT,"
    " configurations TEXT,"
    " tags TEXT NOT NULL,"
    " desired TEXT NOT NULL,"
    " reported TEXT NOT NULL"
    ") STRICT;"
    "CREATE UNIQUE INDEX identity_key ON identity(device_id, module_id);"
    /* A scan of modules must not read all devices. */
    "CREATE INDEX identity_module ON identity(id) WHERE module_id > '';"
    "CREATE TABLE metadata ("
    " identity INTEGER PRIMARY KEY REFERENCES identity(id) ON DELETE CASCADE,"
    " desired TEXT NOT NULL,"
    " reported TEXT NOT NULL"
    ") STRICT;"
    "CREATE TABLE session ("
    " identity INTEGER PRIMARY KEY REFERENCES identity(id) ON DELETE CASCADE,"
    " bytes BLOB NOT NULL"
    ") STRICT;",

    /* What a job did, or is to do, on one device. It outlives the device. */
    "CREATE TABLE job ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " device_id TEXT NOT NULL,"
    " module_id TEXT NOT NULL,"
    " job_id TEXT NOT NULL,"
    " type TEXT NOT NULL,"
    " status TEXT NOT NULL,"
    " started_us INTEGER NOT NULL,"
    " ended_us INTEGER NOT NULL,"
    " created_us INTEGER NOT NULL,"
    " updated_us INTEGER NOT NULL,"
    " outcome TEXT,"
    " error TEXT"
    ") STRICT;"
    "CREATE UNIQUE INDEX job_key ON job(job_id, device_id, module_id);",

    /* What waits for a device. locked_until_us is NULL while nobody has it; `held` says that it is
     * locked for as long as a connection lasts, which no restart outlives. */
    "CREATE TABLE message ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " identity INTEGER NOT NULL REFERENCES identity(id) ON DELETE CASCADE,"
    " enqueued_us INTEGER NOT NULL,"
    " expires_us INTEGER NOT NULL,"
    " delivery_count INTEGER NOT NULL,"
    " delivered INTEGER NOT NULL,"
    " ack INTEGER NOT NULL," /* the hub's enum */
    " locked_until_us INTEGER,"
    " lock BLOB,"
    " held INTEGER NOT NULL,"
    " message_id TEXT,"
    " properties TEXT NOT NULL,"
    " body BLOB NOT NULL"
    ") STRICT;"
    "CREATE INDEX message_queue ON message(identity);"
    "CREATE INDEX message_locked ON message(locked_until_us) WHERE locked_until_us IS NOT NULL;"
    "CREATE INDEX message_waiting ON message(expires_us) WHERE locked_until_us IS NULL;"
    /* What became of messages: records that wait for a batch, and batches that wait for a service.
     */
    "CREATE TABLE feedback_record ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " at_us INTEGER NOT NULL,"
    " record TEXT NOT NULL"
    ") STRICT;"
    "CREATE TABLE feedback_batch ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " enqueued_us INTEGER NOT NULL,"
    " expires_us INTEGER NOT NULL,"
    " delivery_count INTEGER NOT NULL,"
    " locked_until_us INTEGER,"
    " lock BLOB,"
    " body TEXT NOT NULL"
    ") STRICT;"
    "CREATE INDEX feedback_locked ON feedback_batch(locked_until_us)"
    " WHERE locked_until_us IS NOT NULL;"
    "CREATE INDEX feedback_waiting ON feedback_batch(expires_us) WHERE locked_until_us IS NULL;",

    /*
     * A message that comes and goes is to cost as few pages as it can. Its row lies where its
     * record's queue does, and has one time: when its lock is over, or when it expires while it has
     * none (`lock` NULL). One that is locked for as long as a connection lasts has no time, and so
     * no entry in an index.
     */
    "CREATE TABLE queued ("
    " identity INTEGER NOT NULL REFERENCES identity(id) ON DELETE CASCADE,"
    " id INTEGER NOT NULL,"
    " enqueued_us INTEGER NOT NULL,"
    " expires_us INTEGER NOT NULL,"
    " delivery_count INTEGER NOT NULL,"
    " delivered INTEGER NOT NULL,"
    " ack INTEGER NOT NULL," /* the hub's enum */
    " due_us INTEGER,"
    " held INTEGER NOT NULL,"
    " lock BLOB,"
    " message_id TEXT,"
    " properties TEXT NOT NULL,"
    " body BLOB NOT NULL,"
    " PRIMARY KEY (identity, id)"
    ") STRICT, WITHOUT ROWID;"
    "INSERT INTO queued SELECT identity, id, enqueued_us, expires_us, delivery_count, delivered,"
    " ack, iif(lock IS NULL, expires_us, nullif(locked_until_us, 0x7fffffffffffffff)), held, lock,"
    " message_id, properties, body FROM message;"
    /* Ids up to here were given, or may have been. */
    "CREATE TABLE message_ids (last INTEGER NOT NULL) STRICT;"
    "INSERT INTO message_ids"
    " SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'message'), 0);"
    /* From here on the number that a record brought with it, until a message comes. */
    "UPDATE identity SET c2d_count = 0 WHERE id IN (SELECT identity FROM message);"
    "DROP TABLE message;"
    "ALTER TABLE queued RENAME TO message;"
    "CREATE INDEX message_due ON message(due_us, id) WHERE due_us IS NOT NULL;",
};

static const char *const journal_migrations[] = {
    "CREATE TABLE journal ("
    " sequence INTEGER PRIMARY KEY,"
    " at_us INTEGER NOT NULL,"
    " kind INTEGER NOT NULL,"
    " device TEXT NOT NULL,"
    " module TEXT NOT NULL,"
    " detail TEXT NOT NULL,"
    " body BLOB"
    ") STRICT;"
    /* Rows up to here were deleted: sequence numbers go on after the last one ever given. */
    "CREATE TABLE trimmed (sequence INTEGER NOT NULL) STRICT;"
    "INSERT INTO trimmed VALUES (0);",

    /* Rows that are events have a partition; what came before this step has none. */
    "ALTER TABLE journal ADD COLUMN partition INTEGER;"
    "CREATE TABLE events (partitions INTEGER NOT NULL) STRICT;"
    /* How many events each partition had up to a row, and its last one. */
    "CREATE TABLE mark ("
    " sequence INTEGER NOT NULL,"
    " partition INTEGER NOT NULL,"
    " position INTEGER NOT NULL,"
    " last INTEGER NOT NULL,"
    " last_us INTEGER NOT NULL,"
    " PRIMARY KEY (sequence, partition)"
    ") STRICT, WITHOUT ROWID;",
};

static const struct {
    int application_id; /* "IHst", "IHjr" */
    const char *const *migrations;
    int version;
} schemas[DATABASE_COUNT] = {
    [DATABASE_STATE] = {0x49487374, state_migrations, ARRAY_SIZE(state_migrations)},
    [DATABASE_JOURNAL] = {0x49486a72, journal_migrations, ARRAY_SIZE(journal_migrations)},
};

static enum status read_number(sqlite3 *connection, const char *sql, int *ret_number)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(connection, sql, -1, &statement, NULL);
    if (result == SQLITE_OK) {
        result = sqlite3_step(statement);
        if (result == SQLITE_ROW) {
            *ret_number = sqlite3_column_int(statement, 0);
        }
    }
    (void)sqlite3_finalize(statement);
    return storage_status(result);
}

enum status schema_check(sqlite3 *connection, enum database_name name, const char *file,
                         int *ret_version, struct problem *problem)
{
    int application_id = 0;
    int version = 0;
    int tables = 0;
    enum status status = read_number(connection, "PRAGMA application_id", &application_id);
    if (status == STATUS_OK) {
        status = read_number(connection, "PRAGMA user_version", &version);
    }
    if (status == STATUS_OK) {
        status = read_number(connection, "SELECT count(*) FROM sqlite_schema", &tables);
    }
    if (status != STATUS_OK) {
        return status;
    }
    const bool new = application_id == 0 && version == 0 && tables == 0;
    if (!new &&application_id != schemas[name].application_id) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "\"%s\" is a database of another program; choose another data directory", file);
        return STATUS_CORRUPT;
    }
    if (version > schemas[name].version) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "\"%s\" was written by a later version of this program (schema %d, this one "
                    "knows %d); use that version or another data directory",
                    file, version, schemas[name].version);
        return STATUS_CORRUPT;
    }
    *ret_version = version;
    return STATUS_OK;
}

enum status schema_migrate(sqlite3 *connection, enum database_name name, int version)
{
    assert(version <= schemas[name].version);
    if (version == schemas[name].version) {
        return STATUS_OK;
    }
    int result = sqlite3_exec(connection, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    for (int i = version; result == SQLITE_OK && i < schemas[name].version; i++) {
        result = sqlite3_exec(connection, schemas[name].migrations[i], NULL, NULL, NULL);
    }
    if (result == SQLITE_OK) {
        char stamp[128];
        (void)snprintf(stamp, sizeof(stamp), "PRAGMA application_id = %d; PRAGMA user_version = %d",
                       schemas[name].application_id, schemas[name].version);
        result = sqlite3_exec(connection, stamp, NULL, NULL, NULL);
    }
    if (result == SQLITE_OK) {
        result = sqlite3_exec(connection, "COMMIT", NULL, NULL, NULL);
    }
    if (result != SQLITE_OK && sqlite3_get_autocommit(connection) == 0) {
        (void)sqlite3_exec(connection, "ROLLBACK", NULL, NULL, NULL);
    }
    return storage_status(result);
}
