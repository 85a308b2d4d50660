/* SPDX-License-Identifier: MIT */
#include <assert.h>

#include "storage/storage_internal.h"

static bool is_module(struct identity_key key)
{
    return key.module.size > 0;
}

/* ---- reading ---- */

/* Reads IDENTITY_COLUMNS, and TWIN_COLUMNS when asked, of the current row. */
static enum status read_identity(struct statement *s, unsigned parts, struct arena *arena,
                                 struct storage_identity **ret_identity)
{
    struct storage_identity *identity = ARENA_NEW(arena, struct storage_identity);
    if (identity == NULL) {
        return STATUS_NO_MEMORY;
    }
    bool failed = false;
    identity->id = read_i64(s);
    identity->key.device = read_copy(s, arena, &failed);
    identity->key.module = read_copy(s, arena, &failed);
    identity->generation = read_i64(s);
    identity->etag = read_u64(s);
    identity->enabled = read_bool(s);
    identity->status_updated_us = read_i64(s);
    identity->connected = read_bool(s);
    identity->connection_updated_us = read_i64(s);
    identity->last_activity_us = read_i64(s);
    identity->c2d_count = waiting_shown(s->storage, identity->id, (uint32_t)read_u64(s));
    identity->auth = (enum storage_auth)read_i64(s);
    identity->edge = read_bool(s);
    identity->twin_etag = read_u64(s);
    identity->twin_version = read_u64(s);
    identity->desired_version = read_u64(s);
    identity->reported_version = read_u64(s);
    identity->status_reason = read_copy(s, arena, &failed);
    identity->primary_key = read_copy(s, arena, &failed);
    identity->secondary_key = read_copy(s, arena, &failed);
    identity->primary_thumbprint = read_copy(s, arena, &failed);
    identity->secondary_thumbprint = read_copy(s, arena, &failed);
    identity->device_scope = read_copy(s, arena, &failed);
    identity->parent_scopes = read_copy(s, arena, &failed);
    identity->managed_by = read_copy(s, arena, &failed);
    identity->model_id = read_copy(s, arena, &failed);
    identity->configurations = read_copy(s, arena, &failed);
    if ((parts & STORAGE_TWIN) != 0) {
        identity->tags = read_copy(s, arena, &failed);
        identity->desired = read_copy(s, arena, &failed);
        identity->reported = read_copy(s, arena, &failed);
    }
    if (failed) {
        return STATUS_NO_MEMORY;
    }
    *ret_identity = identity;
    return STATUS_OK;
}

static enum status read_metadata(struct storage *storage, struct arena *arena,
                                 struct storage_identity *identity)
{
    CLEANUP(statement_finish) struct statement s = statement_use(storage, METADATA_GET);
    bind_i64(&s, identity->id);
    bool row = false;
    const enum status status = statement_next(&s, &row);
    if (status != STATUS_OK || !row) {
        return status == STATUS_OK ? STATUS_CORRUPT : status; /* insert writes one for each */
    }
    bool failed = false;
    identity->desired_metadata = read_copy(&s, arena, &failed);
    identity->reported_metadata = read_copy(&s, arena, &failed);
    return failed ? STATUS_NO_MEMORY : STATUS_OK;
}

/* The first row of a bound statement, or none; then its metadata when asked. */
static enum status read_one(struct statement *s, unsigned parts, struct arena *arena,
                            struct storage_identity **ret_identity)
{
    bool row = false;
    enum status status = statement_next(s, &row);
    if (status != STATUS_OK) {
        return status;
    }
    struct storage_identity *identity = NULL;
    if (row) {
        status = read_identity(s, parts, arena, &identity);
        if (status == STATUS_OK && (parts & STORAGE_METADATA) != 0) {
            status = read_metadata(s->storage, arena, identity);
        }
    }
    if (status == STATUS_OK) {
        *ret_identity = identity;
    }
    return status;
}

enum status storage_identity_get(struct storage *storage, struct identity_key key, unsigned parts,
                                 struct arena *arena, struct storage_identity **ret_identity)
{
    CLEANUP(statement_finish)
    struct statement s =
        statement_use(storage, (parts & STORAGE_TWIN) != 0 ? IDENTITY_GET_TWIN : IDENTITY_GET);
    bind_text(&s, key.device);
    bind_text(&s, key.module);
    return read_one(&s, parts, arena, ret_identity);
}

enum status storage_identity_find(struct storage *storage, struct identity_key key, int64_t *ret_id,
                                  int64_t *ret_generation)
{
    CLEANUP(statement_finish) struct statement s = statement_use(storage, IDENTITY_FIND);
    bind_text(&s, key.device);
    bind_text(&s, key.module);
    bool row = false;
    const enum status status = statement_next(&s, &row);
    if (status == STATUS_OK) {
        *ret_id = row ? read_i64(&s) : 0;
        *ret_generation = row ? read_i64(&s) : 0;
    }
    return status;
}

enum status identity_get_whole(struct storage *storage, int64_t id, struct arena *arena,
                               struct storage_identity **ret_identity)
{
    CLEANUP(statement_finish) struct statement s = statement_use(storage, IDENTITY_GET_BY_ID);
    bind_i64(&s, id);
    return read_one(&s, STORAGE_TWIN | STORAGE_METADATA, arena, ret_identity);
}

/* All rows of a bound statement, as an array in the arena. */
static enum status read_all(struct statement *s, struct arena *arena,
                            struct storage_identity ***ret_identities, size_t *ret_count)
{
    enum { CAPACITY_FIRST = 16 };
    struct storage_identity **identities = NULL;
    size_t count = 0;
    size_t capacity = 0;
    for (;;) {
        bool row = false;
        enum status status = statement_next(s, &row);
        if (status != STATUS_OK) {
            return status;
        }
        if (count == capacity && (row || capacity == 0)) {
            const size_t more = capacity == 0 ? CAPACITY_FIRST : capacity * 2;
            struct storage_identity **grown = ARENA_ARRAY(arena, struct storage_identity *, more);
            if (grown == NULL) {
                return STATUS_NO_MEMORY;
            }
            for (size_t i = 0; i < count; i++) {
                grown[i] = identities[i];
            }
            identities = grown;
            capacity = more;
        }
        if (!row) {
            break;
        }
        status = read_identity(s, STORAGE_IDENTITY, arena, &identities[count]);
        if (status != STATUS_OK) {
            return status;
        }
        count++;
    }
    *ret_identities = identities;
    *ret_count = count;
    return STATUS_OK;
}

enum status storage_devices_list(struct storage *storage, size_t limit, struct arena *arena,
                                 struct storage_identity ***ret_identities, size_t *ret_count)
{
    CLEANUP(statement_finish) struct statement s = statement_use(storage, DEVICES_LIST);
    bind_i64(&s, limit > INT64_MAX ? INT64_MAX : (int64_t)limit);
    return read_all(&s, arena, ret_identities, ret_count);
}

enum status storage_modules_list(struct storage *storage, struct str device, struct arena *arena,
                                 struct storage_identity ***ret_identities, size_t *ret_count)
{
    CLEANUP(statement_finish) struct statement s = statement_use(storage, MODULES_LIST);
    bind_text(&s, device);
    return read_all(&s, arena, ret_identities, ret_count);
}

enum status storage_modules_count(struct storage *storage, struct str device, size_t *ret_count)
{
    CLEANUP(statement_finish) struct statement s = statement_use(storage, MODULES_COUNT);
    bind_text(&s, device);
    bool row = false;
    const enum status status = statement_next(&s, &row);
    if (status == STATUS_OK) {
        *ret_count = (size_t)read_u64(&s);
    }
    return status;
}

/* ---- the census: counted as records come, change and go ---- */

struct standing {
    bool module, enabled, connected;
};

static void add(uint64_t *count, bool applies, int direction)
{
    if (applies) {
        *count = direction > 0 ? *count + 1 : *count - 1;
    }
}

static void census_change(struct storage *storage, struct standing standing, int direction)
{
    struct census *census = &storage->census;
    add(&census->shown.devices, !standing.module, direction);
    add(&census->shown.enabled, !standing.module && standing.enabled, direction);
    add(&census->shown.modules, standing.module, direction);
    add(&census->shown.connected, !standing.module && standing.connected, direction);
    add(&census->connected, standing.connected, direction);
}

static struct standing read_standing(struct statement *s)
{
    struct standing standing = {0};
    standing.module = read_bool(s);
    standing.enabled = read_bool(s);
    standing.connected = read_bool(s);
    return standing;
}

/* How a record stood before an update; *ret_found false when there is none. */
static enum status standing_of(struct storage *storage, int64_t id, struct standing *ret_standing,
                               bool *ret_found)
{
    CLEANUP(statement_finish) struct statement s = statement_use(storage, IDENTITY_STANDING);
    bind_i64(&s, id);
    const enum status status = statement_next(&s, ret_found);
    if (status == STATUS_OK && *ret_found) {
        *ret_standing = read_standing(&s);
    }
    return status;
}

enum status identity_census(struct storage *storage)
{
    CLEANUP(statement_finish) struct statement s = statement_use(storage, IDENTITY_CENSUS);
    bool row = false;
    const enum status status = statement_next(&s, &row);
    if (status != STATUS_OK) {
        return status;
    }
    struct census census = {0};
    census.shown.devices = read_u64(&s);
    census.shown.enabled = read_u64(&s);
    census.shown.modules = read_u64(&s);
    census.shown.connected = read_u64(&s);
    census.connected = read_u64(&s);
    storage->waiting.given = read_u64(&s) > 0;
    storage->census = census;
    storage->census_committed = census;
    return STATUS_OK;
}

enum status storage_counts(struct storage *storage, struct storage_counts *ret_counts)
{
    *ret_counts = storage->census.shown;
    return STATUS_OK;
}

/* ---- writing ---- */

/* What a query sees of a twin's numbers, and of its sections. */
#define TWIN_NUMBERS                                                                               \
    (QUERY_BIT(QUERY_ETAG) | QUERY_BIT(QUERY_VERSION) | QUERY_BIT(QUERY_DESIRED_VERSION) |         \
     QUERY_BIT(QUERY_REPORTED_VERSION))

static uint64_t twin_attributes(unsigned sections)
{
    uint64_t attributes = TWIN_NUMBERS;
    if ((sections & STORAGE_TAGS) != 0) {
        attributes |= QUERY_BIT(QUERY_TAGS);
    }
    if ((sections & STORAGE_DESIRED) != 0) {
        attributes |= QUERY_BIT(QUERY_DESIRED) | QUERY_BIT(QUERY_DESIRED_METADATA);
    }
    if ((sections & STORAGE_REPORTED) != 0) {
        attributes |= QUERY_BIT(QUERY_REPORTED) | QUERY_BIT(QUERY_REPORTED_METADATA);
    }
    return attributes;
}

/* The columns that an insert and an update share, in the two runs in which both name them. */
static void bind_numbers(struct statement *s, const struct storage_identity *identity, int64_t id)
{
    bind_i64(s, identity->generation);
    bind_u64(s, identity->etag);
    bind_bool(s, identity->enabled);
    bind_i64(s, identity->status_updated_us);
    bind_bool(s, identity->connected);
    bind_i64(s, identity->connection_updated_us);
    bind_i64(s, identity->last_activity_us);
    bind_i64(s, waiting_to_store(s->storage, id, identity->c2d_count));
    bind_i64(s, identity->auth);
    bind_bool(s, identity->edge);
}

static void bind_strings(struct statement *s, const struct storage_identity *identity)
{
    bind_text_or_null(s, identity->status_reason);
    bind_text(s, identity->primary_key);
    bind_text(s, identity->secondary_key);
    bind_text_or_null(s, identity->primary_thumbprint);
    bind_text_or_null(s, identity->secondary_thumbprint);
    bind_text_or_null(s, identity->device_scope);
    bind_text_or_null(s, identity->parent_scopes);
    bind_text_or_null(s, identity->managed_by);
    bind_text_or_null(s, identity->model_id);
    bind_text_or_null(s, identity->configurations);
}

static void bind_twin_numbers(struct statement *s, const struct storage_identity *identity)
{
    bind_u64(s, identity->twin_etag);
    bind_u64(s, identity->twin_version);
    bind_u64(s, identity->desired_version);
    bind_u64(s, identity->reported_version);
}

static enum status insert_metadata(struct storage *storage, const struct storage_identity *identity,
                                   int64_t id)
{
    CLEANUP(statement_finish) struct statement s = statement_use(storage, METADATA_INSERT);
    bind_i64(&s, id);
    bind_text(&s, identity->desired_metadata);
    bind_text(&s, identity->reported_metadata);
    return statement_run(&s);
}

enum status storage_identity_insert(struct storage *storage, struct storage_identity *identity)
{
    assert(identity->key.device.size > 0);
    assert(identity->tags.data != NULL);
    assert(identity->desired.data != NULL);
    assert(identity->reported.data != NULL);
    enum status status = storage_write(storage, DATABASE_STATE);
    if (status != STATUS_OK) {
        return status;
    }
    CLEANUP(statement_finish) struct statement s = statement_use(storage, IDENTITY_INSERT);
    bind_text(&s, identity->key.device);
    bind_text(&s, identity->key.module);
    bind_numbers(&s, identity, 0);
    bind_twin_numbers(&s, identity);
    bind_strings(&s, identity);
    bind_text(&s, identity->tags);
    bind_text(&s, identity->desired);
    bind_text(&s, identity->reported);
    status = statement_run(&s);
    if (status != STATUS_OK) {
        return status;
    }
    const int64_t id = sqlite3_last_insert_rowid(storage->databases[DATABASE_STATE].connection);
    status = insert_metadata(storage, identity, id);
    if (status != STATUS_OK) {
        return status;
    }
    identity->id = id;
    columns_forget_record(&storage->columns, id);
    census_change(storage,
                  (struct standing){.module = is_module(identity->key),
                                    .enabled = identity->enabled,
                                    .connected = identity->connected},
                  +1);
    return STATUS_OK;
}

/* Runs the bound update of a record that stood so before and is enabled and connected so now. */
static enum status update_counted(struct statement *s, struct standing before,
                                  struct standing after)
{
    const enum status status = statement_run(s);
    if (status == STATUS_OK) {
        census_change(s->storage, before, -1);
        census_change(s->storage, after, +1);
    }
    return status;
}

enum status storage_identity_update(struct storage *storage,
                                    const struct storage_identity *identity)
{
    struct standing before = {0};
    bool found = false;
    enum status status = storage_write(storage, DATABASE_STATE);
    if (status == STATUS_OK) {
        status = standing_of(storage, identity->id, &before, &found);
    }
    if (status != STATUS_OK || !found) {
        return status;
    }
    CLEANUP(statement_finish) struct statement s = statement_use(storage, IDENTITY_UPDATE);
    bind_numbers(&s, identity, identity->id);
    bind_strings(&s, identity);
    bind_i64(&s, identity->id);
    columns_forget(&storage->columns, identity->id,
                   ~twin_attributes(STORAGE_TAGS | STORAGE_DESIRED | STORAGE_REPORTED));
    return update_counted(&s, before,
                          (struct standing){.module = before.module,
                                            .enabled = identity->enabled,
                                            .connected = identity->connected});
}

enum status storage_connection_update(struct storage *storage, int64_t id, bool connected,
                                      int64_t at_us)
{
    struct standing before = {0};
    bool found = false;
    enum status status = storage_write(storage, DATABASE_STATE);
    if (status == STATUS_OK) {
        status = standing_of(storage, id, &before, &found);
    }
    if (status != STATUS_OK || !found) {
        return status;
    }
    CLEANUP(statement_finish) struct statement s = statement_use(storage, CONNECTION_UPDATE);
    bind_bool(&s, connected);
    bind_i64(&s, at_us);
    bind_i64(&s, id);
    struct standing after = before;
    after.connected = connected;
    columns_forget(&storage->columns, id, QUERY_BIT(QUERY_CONNECTION_STATE));
    return update_counted(&s, before, after);
}

enum status storage_connections_clear(struct storage *storage, int64_t at_us)
{
    if (storage->census.connected == 0) {
        return storage->failed;
    }
    enum status status = storage_write(storage, DATABASE_STATE);
    if (status != STATUS_OK) {
        return status;
    }
    CLEANUP(statement_finish) struct statement s = statement_use(storage, CONNECTIONS_CLEAR);
    bind_i64(&s, at_us);
    columns_clear(&storage->columns);
    status = statement_run(&s);
    if (status == STATUS_OK) {
        storage->census.shown.connected = 0;
        storage->census.connected = 0;
    }
    return status;
}

enum status storage_activity_update(struct storage *storage, int64_t id, int64_t at_us)
{
    const enum status status = storage_write(storage, DATABASE_STATE);
    if (status != STATUS_OK) {
        return status;
    }
    CLEANUP(statement_finish) struct statement s = statement_use(storage, ACTIVITY_UPDATE);
    bind_i64(&s, at_us);
    bind_i64(&s, id);
    columns_forget(&storage->columns, id, QUERY_BIT(QUERY_LAST_ACTIVITY_TIME));
    return statement_run(&s);
}

static struct str given(struct str section, bool named)
{
    assert(!named || section.data != NULL);
    return named ? section : (struct str){0};
}

static enum status update_metadata(struct storage *storage, const struct storage_identity *identity,
                                   unsigned sections)
{
    if ((sections & (STORAGE_DESIRED | STORAGE_REPORTED)) == 0) {
        return STATUS_OK;
    }
    CLEANUP(statement_finish) struct statement s = statement_use(storage, METADATA_UPDATE);
    bind_text_or_null(&s, given(identity->desired_metadata, (sections & STORAGE_DESIRED) != 0));
    bind_text_or_null(&s, given(identity->reported_metadata, (sections & STORAGE_REPORTED) != 0));
    bind_i64(&s, identity->id);
    return statement_run(&s);
}

enum status storage_twin_update(struct storage *storage, const struct storage_identity *identity,
                                unsigned sections)
{
    enum status status = storage_write(storage, DATABASE_STATE);
    if (status != STATUS_OK) {
        return status;
    }
    CLEANUP(statement_finish) struct statement s = statement_use(storage, TWIN_UPDATE);
    bind_twin_numbers(&s, identity);
    bind_text_or_null(&s, given(identity->tags, (sections & STORAGE_TAGS) != 0));
    bind_text_or_null(&s, given(identity->desired, (sections & STORAGE_DESIRED) != 0));
    bind_text_or_null(&s, given(identity->reported, (sections & STORAGE_REPORTED) != 0));
    bind_i64(&s, identity->id);
    columns_forget(&storage->columns, identity->id, twin_attributes(sections));
    status = statement_run(&s);
    return status == STATUS_OK ? update_metadata(storage, identity, sections) : status;
}

enum status storage_identity_delete(struct storage *storage, struct identity_key key,
                                    size_t *ret_count)
{
    enum status status = storage_write(storage, DATABASE_STATE);
    if (status != STATUS_OK) {
        return status;
    }
    CLEANUP(statement_finish)
    struct statement s =
        statement_use(storage, is_module(key) ? IDENTITY_DELETE_MODULE : IDENTITY_DELETE_DEVICE);
    bind_text(&s, key.device);
    if (is_module(key)) {
        bind_text(&s, key.module);
    }
    /* All rows are deleted by the first step; the rows that follow only tell of them. */
    size_t count = 0;
    for (bool row = true; row;) {
        status = statement_next(&s, &row);
        if (status != STATUS_OK) {
            return status;
        }
        if (row) {
            const int64_t id = read_i64(&s);
            columns_forget_record(&storage->columns, id);
            waiting_remove_all(storage, id);
            census_change(storage, read_standing(&s), -1);
            count++;
        }
    }
    *ret_count = count;
    return STATUS_OK;
}

enum status identity_clear(struct storage *storage)
{
    enum status status = storage_write(storage, DATABASE_STATE);
    if (status != STATUS_OK) {
        return status;
    }
    columns_clear(&storage->columns);
    marks_finish(&storage->columns); /* also what was asked for: the same run explains the same */
    CLEANUP(statement_finish) struct statement s = statement_use(storage, IDENTITY_DELETE_ALL);
    status = statement_run(&s);
    if (status == STATUS_OK) {
        storage->census = (struct census){0};
        waiting_clear(storage);
    }
    return status;
}
