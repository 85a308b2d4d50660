/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_STORAGE_FIXTURE_H
#define TESTS_UNIT_STORAGE_FIXTURE_H

/* What the tests of storage/ share: a directory that goes away, an open storage, a record. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "check.h"
#include "storage/storage.h"

struct place {
    char directory[64];
};

static inline struct place place_make(void)
{
    struct place place = {.directory = "/tmp/storage-test-XXXXXX"};
    assert_non_null(mkdtemp(place.directory));
    return place;
}

static inline void place_file(const struct place *place, const char *file, char path[128])
{
    (void)snprintf(path, 128, "%s/%s", place->directory, file);
}

static inline void place_run_sql(const struct place *place, const char *file, const char *sql)
{
    char path[128];
    place_file(place, file, path);
    sqlite3 *connection = NULL;
    assert_int_equal(sqlite3_open(path, &connection), SQLITE_OK);
    assert_int_equal(sqlite3_exec(connection, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(connection), SQLITE_OK);
}

static inline void place_remove(struct place *place)
{
    static const char *const files[] = {"state.db",   "state.db-wal",   "state.db-shm",  "lock",
                                        "journal.db", "journal.db-wal", "journal.db-shm"};
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        char path[128];
        place_file(place, files[i], path);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(place->directory), 0);
}

/* `directory` NULL: in memory. */
static inline struct storage *open_storage(const char *directory)
{
    const struct storage_config config = {.directory = directory};
    struct storage *storage = NULL;
    struct problem problem = {0};
    if (storage_open(&config, &storage, &problem) != STATUS_OK) {
        fail_msg("%s", problem.text);
    }
    return storage;
}

static inline struct identity_key key_of(const char *device, const char *module)
{
    return (struct identity_key){.device = str_from(device), .module = str_from(module)};
}

/* A record with little in it. */
static inline struct storage_identity record_of(const char *device, const char *module)
{
    return (struct storage_identity){
        .key = key_of(device, module),
        .generation = 637000000000000000,
        .etag = 1,
        .enabled = true,
        .status_updated_us = CLOCK_NEVER,
        .connection_updated_us = CLOCK_NEVER,
        .last_activity_us = CLOCK_NEVER,
        .primary_key = STR("cHJpbWFyeQ=="),
        .secondary_key = STR("c2Vjb25kYXJ5"),
        .twin_etag = 1,
        .twin_version = 1,
        .desired_version = 1,
        .reported_version = 1,
        .tags = STR("{}"),
        .desired = STR("{}"),
        .reported = STR("{}"),
        .desired_metadata = STR("{\"$lastUpdated\":\"0001-01-01T00:00:00Z\"}"),
        .reported_metadata = STR("{\"$lastUpdated\":\"0001-01-01T00:00:00Z\"}"),
    };
}

static inline int64_t insert(struct storage *storage, const char *device, const char *module)
{
    struct storage_identity record = record_of(device, module);
    assert_int_equal(storage_identity_insert(storage, &record), STATUS_OK);
    return record.id;
}

static inline void commit(struct storage *storage)
{
    assert_int_equal(storage_commit(storage), STATUS_OK);
    assert_false(storage_dirty(storage));
}

static inline struct storage_identity *get(struct storage *storage, struct arena *arena,
                                           const char *device, const char *module)
{
    struct storage_identity *identity = NULL;
    assert_int_equal(storage_identity_get(storage, key_of(device, module),
                                          STORAGE_TWIN | STORAGE_METADATA, arena, &identity),
                     STATUS_OK);
    return identity;
}

static inline struct storage_counts counts(struct storage *storage)
{
    struct storage_counts result = {0};
    assert_int_equal(storage_counts(storage, &result), STATUS_OK);
    return result;
}

static inline uint64_t append(struct storage *storage, uint32_t kind, const char *device,
                              struct str body)
{
    const struct journal_row row = {.at_us = 1700000000000000,
                                    .kind = kind,
                                    .key = key_of(device, ""),
                                    .detail = STR("{\"a\":1}"),
                                    .body = body};
    uint64_t sequence = 0;
    assert_int_equal(storage_journal_append(storage, &row, &sequence), STATUS_OK);
    return sequence;
}

/* Runs `body` in a child process; its wait status. A test's assertion does not reach from there:
 * the child says what it has to say by how it ends. */
static inline int in_child(void (*body)(const struct place *place), const struct place *place)
{
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        body(place);
        _exit(0);
    }
    int ended = 0;
    assert_int_equal(waitpid(child, &ended, 0), child);
    return ended;
}

#endif
