/* SPDX-License-Identifier: MIT */
#include "storage/storage.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "storage/storage_internal.h"

enum { PATH_SIZE = 4096, DIRECTORY_MODE = 0700, FILE_MODE = 0600 };

/*
 * The journal's rows are a few hundred bytes and only ever appended: larger pages hold more of them
 * for each page header, and a payload of some kilobytes needs no overflow page. The state keeps
 * SQLite's own page size, since an update of one twin writes one page to the log.
 */
/*
 * No mmap_size: with it SQLite looks every page up in the log before it takes it from its cache,
 * and where the same few pages are written again and again, as messages in a queue do, such a
 * look-up walks a chain of hundreds of them: a third of the time of such a write. What it saved was
 * a quarter of the first scan's.
 */
static const struct {
    const char *file;
    int page_size;
    const char *settings;
} descriptions[DATABASE_COUNT] = {
    [DATABASE_STATE] = {"state.db", 4096, "PRAGMA cache_size = -16000;"},
    [DATABASE_JOURNAL] = {"journal.db", 8192, "PRAGMA cache_size = -8000;"},
};

enum status storage_status(int result)
{
    if (result == SQLITE_IOERR_NOMEM) {
        return STATUS_NO_MEMORY;
    }
    switch (result & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return STATUS_OK;
    case SQLITE_NOMEM:
        return STATUS_NO_MEMORY;
    case SQLITE_TOOBIG:
        return STATUS_LIMIT;
    case SQLITE_CONSTRAINT: /* a key that is not free, a record that is not there */
        return STATUS_INVALID;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return STATUS_UNAVAILABLE;
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_NOLFS:
    case SQLITE_INTERRUPT:
    case SQLITE_PROTOCOL:
        return STATUS_IO;
    default: /* SQLITE_CORRUPT, SQLITE_NOTADB; a table or column that should be there is not */
        return STATUS_CORRUPT;
    }
}

const char *storage_last_failure(const struct storage *storage)
{
    return storage->last_failure == SQLITE_OK ? "" : sqlite3_errstr(storage->last_failure);
}

/* ---- opening ---- */

/* SQLite's memory statistics take a mutex for each of its allocations. Must precede everything
 * else; refused harmlessly when somebody in the process has used SQLite before. */
static void configure_library(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static enum status make_directory(const char *directory, struct problem *problem)
{
    char path[PATH_SIZE];
    const size_t size = strlen(directory);
    if (size == 0 || size >= sizeof(path)) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "the data directory's name has %zu bytes, not 1 "
                    "to %d",
                    size, PATH_SIZE - 1);
        return STATUS_INVALID;
    }
    memcpy(path, directory, size + 1);
    for (size_t i = 1; i <= size; i++) {
        if (path[i] != '/' && path[i] != '\0') {
            continue;
        }
        path[i] = '\0';
        /* Keys lie in it: nobody else's business. */
        if (mkdir(path, DIRECTORY_MODE) != 0 && errno != EEXIST) {
            problem_set(problem, PROBLEM_NO_OFFSET, "could not make the directory \"%s\": %s", path,
                        strerror(errno));
            return STATUS_IO;
        }
        path[i] = directory[i];
    }
    return STATUS_OK;
}

static enum status path_join(const char *directory, const char *file, char path[PATH_SIZE],
                             struct problem *problem)
{
    const int size = snprintf(path, PATH_SIZE, "%s/%s", directory, file);
    if (size < 0 || size >= PATH_SIZE) {
        problem_set(problem, PROBLEM_NO_OFFSET, "the data directory's name is too long");
        return STATUS_INVALID;
    }
    return STATUS_OK;
}

/* Two processes on one directory would each believe what they have in memory. */
static enum status lock_directory(const char *directory, int *ret_lock, struct problem *problem)
{
    char path[PATH_SIZE];
    const enum status status = path_join(directory, "lock", path, problem);
    if (status != STATUS_OK) {
        return status;
    }
    const int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
    if (lock < 0) {
        problem_set(problem, PROBLEM_NO_OFFSET, "could not open \"%s\": %s", path, strerror(errno));
        return STATUS_IO;
    }
    if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
        const int error = errno;
        (void)close(lock);
        if (error == EWOULDBLOCK) {
            problem_set(problem, PROBLEM_NO_OFFSET,
                        "the data directory \"%s\" is in use by another process", directory);
            return STATUS_UNAVAILABLE;
        }
        problem_set(problem, PROBLEM_NO_OFFSET, "could not lock \"%s\": %s", path, strerror(error));
        return STATUS_IO;
    }
    *ret_lock = lock;
    return STATUS_OK;
}

/* SQLite gives its files the modes of the database, and a new database the mode of the umask. */
static enum status make_private_file(const char *path, struct problem *problem)
{
    const int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
    if (file < 0) {
        problem_set(problem, PROBLEM_NO_OFFSET, "could not open \"%s\": %s", path, strerror(errno));
        return STATUS_IO;
    }
    (void)close(file);
    return STATUS_OK;
}

/* What a connection must be told each time. Debian's SQLite overwrites deleted rows with zeroes
 * unless told not to; checkpoints are checkpoint.c's. */
static enum status apply_settings(sqlite3 *connection, enum database_name name,
                                  const struct storage_config *config)
{
    char settings[512];
    (void)snprintf(settings, sizeof(settings),
                   "PRAGMA journal_mode = %s; PRAGMA synchronous = %s;"
                   "PRAGMA wal_autocheckpoint = 0; PRAGMA foreign_keys = ON;"
                   "PRAGMA secure_delete = OFF; PRAGMA trusted_schema = OFF; %s",
                   config->directory == NULL ? "MEMORY" : "WAL",
                   config->sync_full ? "FULL" : "NORMAL", descriptions[name].settings);
    return storage_status(sqlite3_exec(connection, settings, NULL, NULL, NULL));
}

static enum status set_page_size(sqlite3 *connection, enum database_name name)
{
    char setting[64];
    (void)snprintf(setting, sizeof(setting), "PRAGMA page_size = %d", descriptions[name].page_size);
    return storage_status(sqlite3_exec(connection, setting, NULL, NULL, NULL));
}

/* Nothing is written to a file that turns out not to be ours. */
static enum status prepare_connection(sqlite3 *connection, enum database_name name,
                                      const char *file, const struct storage_config *config,
                                      struct problem *problem)
{
    (void)sqlite3_extended_result_codes(connection, 1);
    enum status status = set_page_size(connection, name);
    int version = 0;
    if (status == STATUS_OK) {
        status = schema_check(connection, name, file, &version, problem);
    }
    if (status == STATUS_OK) {
        status = apply_settings(connection, name, config);
    }
    return status == STATUS_OK ? schema_migrate(connection, name, version) : status;
}

static enum status database_open(struct storage *storage, enum database_name name,
                                 const struct storage_config *config, struct problem *problem)
{
    char path[PATH_SIZE] = ":memory:";
    enum status status = STATUS_OK;
    if (config->directory != NULL) {
        status = path_join(config->directory, descriptions[name].file, path, problem);
        status = status == STATUS_OK ? make_private_file(path, problem) : status;
        if (status != STATUS_OK) {
            return status;
        }
    }
    sqlite3 **connection = &storage->databases[name].connection;
    /* One thread uses it: no mutex around each call. */
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    status = storage_status(sqlite3_open_v2(path, connection, flags, NULL));
    if (status == STATUS_OK) {
        status = prepare_connection(*connection, name, path, config, problem);
    }
    if (status != STATUS_OK && problem != NULL && problem->text[0] == '\0') {
        problem_set(problem, PROBLEM_NO_OFFSET, "could not open the database \"%s\": %s", path,
                    *connection == NULL ? status_text(status) : sqlite3_errmsg(*connection));
    }
    return status;
}

static int note_log_size(void *ctx, sqlite3 *connection, const char *schema, int pages)
{
    (void)connection;
    (void)schema;
    ((struct database *)ctx)->wal_pages = pages;
    return SQLITE_OK;
}

static enum status start_checkpoints(struct storage *storage, const struct storage_config *config,
                                     struct problem *problem)
{
    char paths[DATABASE_COUNT][PATH_SIZE];
    struct checkpoint_file files[DATABASE_COUNT];
    for (size_t i = 0; i < DATABASE_COUNT; i++) {
        const enum status status =
            path_join(config->directory, descriptions[i].file, paths[i], problem);
        if (status != STATUS_OK) {
            return status;
        }
        files[i] = (struct checkpoint_file){paths[i], (size_t)descriptions[i].page_size};
        sqlite3_wal_hook(storage->databases[i].connection, note_log_size, &storage->databases[i]);
    }
    return checkpointer_create(files, DATABASE_COUNT, config->sync_full, &storage->checkpointer);
}

static enum status open_all(struct storage *storage, const struct storage_config *config,
                            struct problem *problem)
{
    enum status status = STATUS_OK;
    if (config->directory != NULL) {
        status = make_directory(config->directory, problem);
        if (status == STATUS_OK) {
            status = lock_directory(config->directory, &storage->lock, problem);
        }
    }
    for (unsigned i = 0; status == STATUS_OK && i < DATABASE_COUNT; i++) {
        status = database_open(storage, (enum database_name)i, config, problem);
    }
    if (status == STATUS_OK && config->directory != NULL) {
        status = start_checkpoints(storage, config, problem);
    }
    if (status == STATUS_OK) {
        status = waiting_function(storage);
    }
    if (status == STATUS_OK) {
        status = identity_census(storage);
    }
    if (status == STATUS_OK) {
        status = waiting_open(storage);
    }
    if (status == STATUS_OK) {
        status = journal_bounds(storage);
    }
    return status == STATUS_OK ? events_open(storage, config->partitions, problem) : status;
}

enum status storage_open(const struct storage_config *config, struct storage **ret_storage,
                         struct problem *problem)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, configure_library);

    struct storage *storage = mem_zalloc(sizeof(*storage));
    if (storage == NULL) {
        problem_set(problem, PROBLEM_NO_OFFSET, "%s", status_text(STATUS_NO_MEMORY));
        return STATUS_NO_MEMORY;
    }
    storage->lock = -1;
    waiting_init(&storage->waiting);
    if (problem != NULL) {
        problem->text[0] = '\0';
    }
    const enum status status = open_all(storage, config, problem);
    if (status != STATUS_OK) {
        if (problem != NULL && problem->text[0] == '\0') {
            problem_set(problem, PROBLEM_NO_OFFSET, "could not open the data in \"%s\": %s",
                        config->directory == NULL ? "memory" : config->directory,
                        status_text(status));
        }
        storage_close(storage);
        return status;
    }
    *ret_storage = storage;
    return STATUS_OK;
}

void storage_close(struct storage *storage)
{
    if (storage == NULL) {
        return;
    }
    assert(storage->scans == 0);

    /* Before the connections: the last one to close a database empties its log into it. */
    checkpointer_destroy(storage->checkpointer);
    for (size_t i = 0; i < STATEMENT_COUNT; i++) {
        (void)sqlite3_finalize(storage->statements[i]);
    }
    for (size_t i = 0; i < DATABASE_COUNT; i++) {
        const int result = sqlite3_close(storage->databases[i].connection);
        assert(result == SQLITE_OK); /* else a statement is still open */
    }
    if (storage->lock >= 0) {
        (void)close(storage->lock);
    }
    columns_finish(&storage->columns);
    waiting_finish(&storage->waiting);
    mem_free(storage);
}

/* ---- the transaction ---- */

bool storage_dirty(const struct storage *storage)
{
    return storage->databases[DATABASE_STATE].dirty || storage->databases[DATABASE_JOURNAL].dirty;
}

static enum status run(struct storage *storage, enum statement_name name)
{
    CLEANUP(statement_finish) struct statement statement = statement_use(storage, name);
    return statement_run(&statement);
}

enum status storage_write(struct storage *storage, enum database_name name)
{
    if (storage->failed != STATUS_OK || storage->databases[name].dirty) {
        return storage->failed;
    }
    /* Prepared before it may be needed: undoing must not ask for memory. */
    CLEANUP(statement_finish)
    struct statement undo =
        statement_use(storage, name == DATABASE_STATE ? STATE_ROLLBACK : JOURNAL_ROLLBACK);
    if (undo.raw == NULL) {
        return storage_status(undo.result);
    }
    const enum status status = run(storage, name == DATABASE_STATE ? STATE_BEGIN : JOURNAL_BEGIN);
    storage->databases[name].dirty = status == STATUS_OK;
    return status;
}

static enum status commit_one(struct storage *storage, enum database_name name)
{
    struct database *database = &storage->databases[name];
    if (!database->dirty) {
        return STATUS_OK;
    }
    const enum status status = run(storage, name == DATABASE_STATE ? STATE_COMMIT : JOURNAL_COMMIT);
    if (status != STATUS_OK) {
        return status;
    }
    database->dirty = false;
    if (storage->checkpointer != NULL &&
        checkpointer_note(storage->checkpointer, name, (size_t)database->wal_pages)) {
        /* The commit stands whatever becomes of this; the next one tries again. */
        (void)sqlite3_wal_checkpoint_v2(database->connection, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL,
                                        NULL);
    }
    return STATUS_OK;
}

/*
 * The state first: an event in the journal is always true. When the process dies between the two, a
 * change is there that nobody was told of and that no event tells of, which is what every client
 * must expect of a request that got no answer. The other order could tell of changes that never
 * were.
 */
enum status storage_commit(struct storage *storage)
{
    if (storage->failed != STATUS_OK) {
        return storage->failed;
    }
    enum status status = commit_one(storage, DATABASE_STATE);
    if (status != STATUS_OK) {
        return status;
    }
    storage->census_committed = storage->census;
    waiting_commit(storage);
    status = commit_one(storage, DATABASE_JOURNAL);
    if (status != STATUS_OK) {
        return status;
    }
    storage->sequence_committed = storage->sequence;
    storage->trimmed_committed = storage->trimmed;
    events_keep(storage, &storage->partitions_committed, &storage->partitions);
    return STATUS_OK;
}

static void rollback_one(struct storage *storage, enum database_name name)
{
    struct database *database = &storage->databases[name];
    if (!database->dirty) {
        return;
    }
    /* After some failures SQLite has rolled back by itself; a ROLLBACK fails in no other case. */
    if (sqlite3_get_autocommit(database->connection) == 0) {
        const enum status status =
            run(storage, name == DATABASE_STATE ? STATE_ROLLBACK : JOURNAL_ROLLBACK);
        assert(status == STATUS_OK);
    }
    database->dirty = false;
}

void storage_rollback(struct storage *storage)
{
    if (storage->databases[DATABASE_STATE].dirty) {
        columns_clear(&storage->columns); /* some may show what is now undone */
    }
    rollback_one(storage, DATABASE_STATE);
    rollback_one(storage, DATABASE_JOURNAL);
    storage->failed = STATUS_OK;
    storage->census = storage->census_committed;
    waiting_rollback(storage);
    storage->sequence = storage->sequence_committed;
    storage->trimmed = storage->trimmed_committed;
    events_keep(storage, &storage->partitions, &storage->partitions_committed);
}

enum status storage_clear(struct storage *storage)
{
    enum status status = identity_clear(storage);
    if (status == STATUS_OK) {
        status = job_clear(storage);
    }
    if (status == STATUS_OK) {
        status = feedback_clear(storage);
    }
    return status == STATUS_OK ? journal_clear(storage) : status;
}
