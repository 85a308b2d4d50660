/* SPDX-License-Identifier: MIT */
#include "storage/statement_internal.h"

#include <assert.h>

#include "storage/storage_internal.h"

/* In the order in which identity.c binds and reads them; the strings that grow stand last, so that
 * what comes before is found on a row's first page. */
#define IDENTITY_COLUMNS                                                                           \
    "id, device_id, module_id, generation, etag, enabled, status_updated_us, connected, "          \
    "connection_updated_us, last_activity_us, c2d_count, auth, edge, twin_etag, twin_version, "    \
    "desired_version, reported_version, status_reason, primary_key, secondary_key, "               \
    "primary_thumbprint, secondary_thumbprint, device_scope, parent_scopes, managed_by, "          \
    "model_id, configurations"
#define TWIN_COLUMNS ", tags, desired, reported"

#define JOB_COLUMNS                                                                                \
    "device_id, module_id, job_id, type, status, started_us, ended_us, created_us, updated_us, "   \
    "outcome, error"

/* A message and whom it waits for; the identities are looked up, never walked. */
#define MESSAGE_COLUMNS                                                                            \
    "m.id, m.identity, i.device_id, i.module_id, i.generation, m.enqueued_us, m.expires_us, "      \
    "m.delivery_count, m.delivered, m.ack, m.message_id"
#define MESSAGE_CONTENT ", m.properties, m.body"
#define FROM_MESSAGE    " FROM message AS m CROSS JOIN identity AS i ON i.id = m.identity"

/* What the census needs of a record. */
#define STANDING_COLUMNS "module_id <> '', enabled, connected"

static const struct {
    enum database_name database;
    const char *sql;
} statements[STATEMENT_COUNT] = {
    [STATE_BEGIN] = {DATABASE_STATE, "BEGIN IMMEDIATE"},
    [STATE_COMMIT] = {DATABASE_STATE, "COMMIT"},
    [STATE_ROLLBACK] = {DATABASE_STATE, "ROLLBACK"},
    [JOURNAL_BEGIN] = {DATABASE_JOURNAL, "BEGIN IMMEDIATE"},
    [JOURNAL_COMMIT] = {DATABASE_JOURNAL, "COMMIT"},
    [JOURNAL_ROLLBACK] = {DATABASE_JOURNAL, "ROLLBACK"},

    [IDENTITY_FIND] = {DATABASE_STATE, "SELECT id, generation FROM identity"
                                       " WHERE device_id = ?1 AND module_id = ?2"},
    [IDENTITY_GET] = {DATABASE_STATE, "SELECT " IDENTITY_COLUMNS
                                      " FROM identity WHERE device_id = ?1 AND module_id = ?2"},
    [IDENTITY_GET_TWIN] = {DATABASE_STATE,
                           "SELECT " IDENTITY_COLUMNS TWIN_COLUMNS
                           " FROM identity WHERE device_id = ?1 AND module_id = ?2"},
    [IDENTITY_GET_BY_ID] = {DATABASE_STATE,
                            "SELECT " IDENTITY_COLUMNS TWIN_COLUMNS " FROM identity WHERE id = ?1"},
    [IDENTITY_INSERT] = {DATABASE_STATE,
                         "INSERT INTO identity(" IDENTITY_COLUMNS TWIN_COLUMNS ")"
                         " VALUES (NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13,"
                         " ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27,"
                         " ?28, ?29)"},
    [IDENTITY_UPDATE] =
        {DATABASE_STATE,
         "UPDATE identity SET generation = ?1, etag = ?2, enabled = ?3, status_updated_us = ?4,"
         " connected = ?5, connection_updated_us = ?6, last_activity_us = ?7, c2d_count = ?8,"
         " auth = ?9, edge = ?10, status_reason = ?11, primary_key = ?12, secondary_key = ?13,"
         " primary_thumbprint = ?14, secondary_thumbprint = ?15, device_scope = ?16,"
         " parent_scopes = ?17, managed_by = ?18, model_id = ?19, configurations = ?20"
         " WHERE id = ?21"},
    [IDENTITY_STANDING] = {DATABASE_STATE,
                           "SELECT " STANDING_COLUMNS " FROM identity WHERE id = ?1"},
    [IDENTITY_DELETE_DEVICE] = {DATABASE_STATE, "DELETE FROM identity WHERE device_id = ?1"
                                                " RETURNING id, " STANDING_COLUMNS},
    [IDENTITY_DELETE_MODULE] = {DATABASE_STATE,
                                "DELETE FROM identity WHERE device_id = ?1"
                                " AND module_id = ?2 RETURNING id, " STANDING_COLUMNS},
    [IDENTITY_DELETE_ALL] = {DATABASE_STATE, "DELETE FROM identity"},
    [IDENTITY_CENSUS] = {DATABASE_STATE,
                         "SELECT sum(module_id = ''), sum(module_id = '' AND enabled),"
                         " sum(module_id <> ''), sum(module_id = '' AND connected), sum(connected),"
                         " max(c2d_count) FROM identity"},
    [METADATA_GET] = {DATABASE_STATE, "SELECT desired, reported FROM metadata WHERE identity = ?1"},
    [METADATA_INSERT] = {DATABASE_STATE,
                         "INSERT INTO metadata(identity, desired, reported) VALUES (?1, ?2, ?3)"},
    [METADATA_UPDATE] = {DATABASE_STATE, "UPDATE metadata SET desired = coalesce(?1, desired),"
                                         " reported = coalesce(?2, reported) WHERE identity = ?3"},
    [TWIN_UPDATE] = {DATABASE_STATE,
                     "UPDATE identity SET twin_etag = ?1, twin_version = ?2, desired_version = ?3,"
                     " reported_version = ?4, tags = coalesce(?5, tags),"
                     " desired = coalesce(?6, desired), reported = coalesce(?7, reported)"
                     " WHERE id = ?8"},
    [CONNECTION_UPDATE] = {DATABASE_STATE,
                           "UPDATE identity SET connected = ?1, connection_updated_us = ?2"
                           " WHERE id = ?3"},
    [CONNECTIONS_CLEAR] = {DATABASE_STATE,
                           "UPDATE identity SET connected = 0, connection_updated_us = ?1"
                           " WHERE connected"},
    [ACTIVITY_UPDATE] = {DATABASE_STATE, "UPDATE identity SET last_activity_us = ?1 WHERE id = ?2"},
    [DEVICES_LIST] = {DATABASE_STATE, "SELECT " IDENTITY_COLUMNS
                                      " FROM identity WHERE module_id = '' ORDER BY id LIMIT ?1"},
    [MODULES_LIST] = {DATABASE_STATE, "SELECT " IDENTITY_COLUMNS " FROM identity"
                                      " WHERE device_id = ?1 AND module_id > '' ORDER BY id"},
    [MODULES_COUNT] = {DATABASE_STATE, "SELECT count(*) FROM identity"
                                       " WHERE device_id = ?1 AND module_id > ''"},
    [KEY_DEVICE] = {DATABASE_STATE,
                    "SELECT id FROM identity WHERE device_id = ?1 AND module_id = ''"},
    [KEY_DEVICES_FROM] = {DATABASE_STATE,
                          "SELECT id, device_id FROM identity"
                          " WHERE device_id >= ?1 AND module_id = '' ORDER BY device_id"},
    [KEY_MODULES] = {DATABASE_STATE,
                     "SELECT id FROM identity WHERE device_id = ?1 AND module_id > ''"},
    [KEY_MODULES_FROM] = {DATABASE_STATE,
                          "SELECT id, device_id FROM identity"
                          " WHERE device_id >= ?1 AND module_id > '' ORDER BY device_id"},

    [JOB_GET] = {DATABASE_STATE, "SELECT id, " JOB_COLUMNS " FROM job"
                                 " WHERE job_id = ?1 AND device_id = ?2 AND module_id = ?3"},
    [JOB_GET_BY_ID] = {DATABASE_STATE, "SELECT id, " JOB_COLUMNS " FROM job WHERE id = ?1"},
    [JOB_INSERT] = {DATABASE_STATE, "INSERT INTO job(" JOB_COLUMNS ")"
                                    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"},
    [JOB_DELETE_ALL] = {DATABASE_STATE, "DELETE FROM job"},

    [SESSION_GET] = {DATABASE_STATE, "SELECT bytes FROM session WHERE identity = ?1"},
    [SESSION_PUT] = {DATABASE_STATE, "INSERT INTO session(identity, bytes) VALUES (?1, ?2)"
                                     " ON CONFLICT(identity) DO UPDATE SET bytes = ?2"},
    [SESSION_DELETE] = {DATABASE_STATE, "DELETE FROM session WHERE identity = ?1"},

    [MESSAGE_INSERT] = {DATABASE_STATE,
                        "INSERT INTO message(identity, id, enqueued_us, expires_us, delivery_count,"
                        " delivered, ack, due_us, held, lock, message_id, properties, body)"
                        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"},
    /* In the order of ids, as the queue lies in the table. */
    [MESSAGE_NEXT] = {DATABASE_STATE, "SELECT " MESSAGE_COLUMNS MESSAGE_CONTENT FROM_MESSAGE
                                      " WHERE m.identity = ?1 AND m.lock IS NULL"
                                      " AND +m.due_us > ?2 ORDER BY m.id LIMIT 1"},
    [MESSAGE_FIND] = {DATABASE_STATE, "SELECT " MESSAGE_COLUMNS FROM_MESSAGE
                                      " WHERE m.identity = ?1 AND m.lock = ?2"
                                      " AND ifnull(m.due_us > ?3, 1)"},
    [MESSAGES_OF] = {DATABASE_STATE, "SELECT " MESSAGE_COLUMNS FROM_MESSAGE
                                     " WHERE m.identity = ?1 ORDER BY m.id LIMIT ?2"},
    [MESSAGES_LOCK_OVER] = {DATABASE_STATE, "SELECT " MESSAGE_COLUMNS FROM_MESSAGE
                                            " WHERE m.due_us <= ?1 AND m.lock IS NOT NULL"
                                            " ORDER BY m.due_us, m.id LIMIT ?2"},
    [MESSAGES_EXPIRED] = {DATABASE_STATE, "SELECT " MESSAGE_COLUMNS FROM_MESSAGE
                                          " WHERE m.due_us <= ?1 AND m.lock IS NULL"
                                          " ORDER BY m.due_us, m.id LIMIT ?2"},
    [MESSAGES_DUE] = {DATABASE_STATE, "SELECT min(due_us) FROM message WHERE due_us IS NOT NULL"},
    [MESSAGE_LOCK] = {DATABASE_STATE, "UPDATE message SET lock = ?3, due_us = ?4, held = ?5,"
                                      " delivered = delivered + 1 WHERE identity = ?1 AND id = ?2"},
    [MESSAGE_UNLOCK] = {DATABASE_STATE,
                        "UPDATE message SET lock = NULL, due_us = expires_us, held = 0,"
                        " delivery_count = ?3 WHERE identity = ?1 AND id = ?2"},
    [MESSAGE_DELETE] = {DATABASE_STATE, "DELETE FROM message WHERE identity = ?1 AND id = ?2"},
    [MESSAGE_DELETE_LOCKED] = {DATABASE_STATE,
                               "DELETE FROM message WHERE identity = ?1 AND id = ?2 AND lock = ?3"
                               " AND ifnull(due_us > ?4, 1)"},
    [MESSAGES_UNHOLD] = {DATABASE_STATE,
                         "UPDATE message SET lock = NULL, due_us = expires_us, held = 0"
                         " WHERE identity = ?1 AND held"},
    [MESSAGES_UNHOLD_ALL] = {DATABASE_STATE,
                             "UPDATE message SET lock = NULL, due_us = expires_us, held = 0"
                             " WHERE held"},
    [WAITING_COUNTS] = {DATABASE_STATE, "SELECT identity, count(*) FROM message GROUP BY identity"},
    [WAITING_GIVEN_CLEAR] = {DATABASE_STATE, "UPDATE identity SET c2d_count = 0"
                                             " WHERE id = ?1 AND c2d_count <> 0"},
    [MESSAGE_IDS_GET] = {DATABASE_STATE, "SELECT last FROM message_ids"},
    [MESSAGE_IDS_RESERVE] = {DATABASE_STATE, "UPDATE message_ids SET last = ?1"},

    [FEEDBACK_RECORD_INSERT] = {DATABASE_STATE,
                                "INSERT INTO feedback_record(at_us, record) VALUES (?1, ?2)"},
    [FEEDBACK_RECORDS] = {DATABASE_STATE, "SELECT count(*), min(at_us) FROM feedback_record"},
    [FEEDBACK_RECORDS_OLDEST] = {DATABASE_STATE, "SELECT id, record FROM feedback_record"
                                                 " ORDER BY id LIMIT ?1"},
    [FEEDBACK_RECORDS_DELETE] = {DATABASE_STATE, "DELETE FROM feedback_record WHERE id <= ?1"},
    [FEEDBACK_INSERT] = {DATABASE_STATE, "INSERT INTO feedback_batch(enqueued_us, expires_us,"
                                         " delivery_count, body) VALUES (?1, ?2, 0, ?3)"},
    [FEEDBACK_NEXT] = {DATABASE_STATE,
                       "SELECT id, enqueued_us, expires_us, delivery_count, body FROM"
                       " feedback_batch WHERE locked_until_us IS NULL AND +expires_us > ?1"
                       " ORDER BY id LIMIT 1"},
    [FEEDBACK_FIND] = {DATABASE_STATE,
                       "SELECT id, enqueued_us, expires_us, delivery_count, body FROM"
                       " feedback_batch WHERE lock = ?1 AND locked_until_us > ?2"},
    [FEEDBACK_LOCK_OVER] = {DATABASE_STATE,
                            "SELECT id, enqueued_us, expires_us, delivery_count, body FROM"
                            " feedback_batch WHERE locked_until_us <= ?1 ORDER BY id LIMIT 1"},
    [FEEDBACK_EXPIRED] = {DATABASE_STATE,
                          "SELECT id, enqueued_us, expires_us, delivery_count, body FROM"
                          " feedback_batch WHERE locked_until_us IS NULL AND expires_us <= ?1"
                          " ORDER BY id LIMIT 1"},
    [FEEDBACK_DUE] = {DATABASE_STATE, "SELECT (SELECT min(locked_until_us) FROM feedback_batch"
                                      " WHERE locked_until_us IS NOT NULL),"
                                      " (SELECT min(expires_us) FROM feedback_batch"
                                      " WHERE locked_until_us IS NULL)"},
    [FEEDBACK_LOCK] = {DATABASE_STATE, "UPDATE feedback_batch SET lock = ?1, locked_until_us = ?2"
                                       " WHERE id = ?3"},
    [FEEDBACK_UNLOCK] = {DATABASE_STATE, "UPDATE feedback_batch SET lock = NULL,"
                                         " locked_until_us = NULL, delivery_count = ?1"
                                         " WHERE id = ?2"},
    [FEEDBACK_DELETE] = {DATABASE_STATE, "DELETE FROM feedback_batch WHERE id = ?1"},
    [FEEDBACK_RECORDS_DELETE_ALL] = {DATABASE_STATE, "DELETE FROM feedback_record"},
    [FEEDBACK_DELETE_ALL] = {DATABASE_STATE, "DELETE FROM feedback_batch"},

    [JOURNAL_APPEND] = {DATABASE_JOURNAL,
                        "INSERT INTO journal(sequence, at_us, kind, device, module, detail, body,"
                        " partition) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"},
    [JOURNAL_READ] = {DATABASE_JOURNAL,
                      "SELECT sequence, at_us, kind, device, module, detail, body FROM journal"
                      " WHERE sequence > ?1 AND sequence <= ?2 AND (?3 = 0 OR (?3 >> kind) & 1)"
                      " AND (?4 = '' OR device = ?4) ORDER BY sequence LIMIT ?5"},
    [JOURNAL_TRIM] = {DATABASE_JOURNAL, "DELETE FROM journal WHERE sequence <= ?1"},
    [JOURNAL_DELETE_ALL] = {DATABASE_JOURNAL, "DELETE FROM journal"},
    [JOURNAL_TRIMMED] = {DATABASE_JOURNAL, "UPDATE trimmed SET sequence = ?1"},
    [JOURNAL_BOUNDS] = {DATABASE_JOURNAL, "SELECT trimmed.sequence,"
                                          " (SELECT max(sequence) FROM journal) FROM trimmed"},
    [JOURNAL_SIZE] = {DATABASE_JOURNAL, "SELECT (page_count - freelist_count) * page_size FROM"
                                        " pragma_page_count, pragma_freelist_count,"
                                        " pragma_page_size"},
    [JOURNAL_TIME] = {DATABASE_JOURNAL, "SELECT at_us FROM journal WHERE sequence = ?1"},

    [EVENTS_PARTITIONS] = {DATABASE_JOURNAL, "SELECT partitions FROM events"},
    [EVENTS_MAKE] = {DATABASE_JOURNAL, "INSERT INTO events VALUES (?1)"},
    [EVENTS_COUNT] = {DATABASE_JOURNAL, "SELECT partition, sequence, at_us FROM journal"
                                        " WHERE sequence > ?1 AND sequence <= ?2"
                                        " AND partition IS NOT NULL ORDER BY sequence"},
    [EVENTS_SKIP] = {DATABASE_JOURNAL, "SELECT sequence FROM journal"
                                       " WHERE sequence > ?1 AND sequence <= ?2 AND partition = ?3"
                                       " ORDER BY sequence LIMIT 1 OFFSET ?4"},
    [EVENTS_READ] = {DATABASE_JOURNAL,
                     "SELECT sequence, at_us, kind, device, module, detail, body FROM journal"
                     " WHERE sequence > ?1 AND sequence <= ?2 AND partition = ?3"
                     " ORDER BY sequence"},
    [MARK_PUT] = {DATABASE_JOURNAL, "INSERT OR REPLACE INTO mark VALUES (?1, ?2, ?3, ?4, ?5)"},
    [MARK_GET] = {DATABASE_JOURNAL,
                  "SELECT sequence, partition, position, last, last_us FROM mark WHERE sequence ="
                  " (SELECT max(sequence) FROM mark WHERE sequence <= ?1)"},
    [MARK_GET_ONE] = {DATABASE_JOURNAL,
                      "SELECT sequence, position FROM mark WHERE partition = ?2 AND sequence ="
                      " (SELECT max(sequence) FROM mark WHERE sequence <= ?1)"},
    [MARK_TRIM] = {DATABASE_JOURNAL, "DELETE FROM mark WHERE sequence < ?1"},
};

struct statement statement_use(struct storage *storage, enum statement_name name)
{
    const enum database_name database = statements[name].database;
    struct statement statement = {.storage = storage, .database = database};
    sqlite3_stmt **prepared = &storage->statements[name];
    if (*prepared == NULL) {
        statement.result =
            sqlite3_prepare_v3(storage->databases[database].connection, statements[name].sql, -1,
                               SQLITE_PREPARE_PERSISTENT, prepared, NULL);
    }
    statement.raw = *prepared;
    return statement;
}

void statement_finish(struct statement *statement)
{
    /* Its result is that of the last step, which was returned then. */
    (void)sqlite3_reset(statement->raw);
}

/* Keeps the first failure. */
static void note(struct statement *statement, int result)
{
    if (statement->result == SQLITE_OK) {
        statement->result = result;
    }
}

static bool ready(const struct statement *statement)
{
    return statement->result == SQLITE_OK;
}

void bind_i64(struct statement *statement, int64_t value)
{
    if (ready(statement)) {
        note(statement, sqlite3_bind_int64(statement->raw, ++statement->bound, value));
    }
}

void bind_u64(struct statement *statement, uint64_t value)
{
    bind_i64(statement, (int64_t)value);
}

void bind_bool(struct statement *statement, bool value)
{
    bind_i64(statement, value ? 1 : 0);
}

void bind_null(struct statement *statement)
{
    if (ready(statement)) {
        note(statement, sqlite3_bind_null(statement->raw, ++statement->bound));
    }
}

void bind_text_or_null(struct statement *statement, struct str text)
{
    if (ready(statement)) {
        note(statement, sqlite3_bind_text64(statement->raw, ++statement->bound, text.data,
                                            text.size, SQLITE_STATIC, SQLITE_UTF8));
    }
}

void bind_text(struct statement *statement, struct str text)
{
    bind_text_or_null(statement, text.data == NULL ? STR_EMPTY : text);
}

void bind_blob_or_null(struct statement *statement, struct str bytes)
{
    if (ready(statement)) {
        note(statement, sqlite3_bind_blob64(statement->raw, ++statement->bound, bytes.data,
                                            bytes.size, SQLITE_STATIC));
    }
}

void bind_blob(struct statement *statement, struct str bytes)
{
    bind_blob_or_null(statement, bytes.data == NULL ? STR_EMPTY : bytes);
}

enum status statement_next(struct statement *statement, bool *ret_row)
{
    struct storage *storage = statement->storage;
    if (ready(statement)) {
        const int result = sqlite3_step(statement->raw);
        if (result == SQLITE_ROW || result == SQLITE_DONE) {
            statement->read = 0;
            *ret_row = result == SQLITE_ROW;
            return STATUS_OK;
        }
        statement->result = result;
    }
    const enum status status = storage_status(statement->result);
    storage->last_failure = statement->result;
    if (storage->databases[statement->database].dirty && storage->failed == STATUS_OK) {
        storage->failed = status;
    }
    return status;
}

enum status statement_run(struct statement *statement)
{
    bool row = false;
    const enum status status = statement_next(statement, &row);
    assert(status != STATUS_OK || !row);
    return status;
}

bool read_null(const struct statement *statement)
{
    return sqlite3_column_type(statement->raw, statement->read) == SQLITE_NULL;
}

int64_t read_i64(struct statement *statement)
{
    return sqlite3_column_int64(statement->raw, statement->read++);
}

uint64_t read_u64(struct statement *statement)
{
    return (uint64_t)read_i64(statement);
}

bool read_bool(struct statement *statement)
{
    return read_i64(statement) != 0;
}

struct str read_str(struct statement *statement)
{
    const int column = statement->read++;
    if (sqlite3_column_type(statement->raw, column) == SQLITE_NULL) {
        return (struct str){0};
    }
    /* The column has this type already: nothing is converted or copied. An empty blob's address is
     * NULL to SQLite, which to us would mean that there is none. */
    const void *data = sqlite3_column_blob(statement->raw, column);
    const int size = sqlite3_column_bytes(statement->raw, column);
    return data == NULL ? STR_EMPTY : str_of(data, (size_t)size);
}

struct cell read_cell(struct statement *statement)
{
    switch (sqlite3_column_type(statement->raw, statement->read)) {
    case SQLITE_NULL:
        statement->read++;
        return (struct cell){.null = true};
    case SQLITE_INTEGER:
        return (struct cell){.number = read_i64(statement)};
    default:
        return (struct cell){.text = read_str(statement)};
    }
}

struct str read_copy(struct statement *statement, struct arena *arena, bool *failed)
{
    struct str s = read_str(statement);
    if (s.data != NULL) {
        s.data = arena_copy(arena, s);
        *failed = *failed || s.data == NULL;
    }
    return s;
}

enum status read_earliest(struct statement *statement, int64_t *ret_time_us)
{
    bool row = false;
    const enum status status = statement_next(statement, &row);
    if (status != STATUS_OK) {
        return status;
    }
    int64_t earliest_us = INT64_MAX;
    const int columns = sqlite3_column_count(statement->raw);
    for (int i = 0; i < columns; i++) {
        const bool none = read_null(statement);
        const int64_t time_us = read_i64(statement);
        if (!none && time_us < earliest_us) {
            earliest_us = time_us;
        }
    }
    *ret_time_us = earliest_us;
    return STATUS_OK;
}
