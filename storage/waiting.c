/* SPDX-License-Identifier: MIT */
/*
 * How many messages wait for each record, and the ids that messages get. Both would be a write to
 * some row for each message that comes and goes; here they cost none. The numbers are counted once,
 * when the storage is opened; ids are set aside in the database many at a time.
 */
#include <assert.h>

#include "base/alloc.h"
#include "storage/storage_internal.h"

enum { IDS_AT_A_TIME = 1024 };

struct waiting_count {
    int64_t identity; /* also the key */
    uint32_t count, committed;
    struct list changed; /* in waiting->changed, or alone */
};

static struct str key_of(const int64_t *identity)
{
    return str_of(identity, sizeof(*identity));
}

static struct waiting_count *find(const struct waiting *waiting, int64_t identity)
{
    return map_get(&waiting->counts, key_of(&identity));
}

static void drop_if_none(struct waiting *waiting, struct waiting_count *entry)
{
    if (entry->count == 0) {
        (void)map_remove(&waiting->counts, key_of(&entry->identity));
        mem_free(entry);
    }
}

static enum status make(struct waiting *waiting, int64_t identity, struct waiting_count **ret_entry)
{
    struct waiting_count *entry = mem_zalloc(sizeof(*entry));
    if (entry == NULL) {
        return STATUS_NO_MEMORY;
    }
    entry->identity = identity;
    list_init(&entry->changed);
    const enum status status = map_put(&waiting->counts, key_of(&entry->identity), entry, NULL);
    if (status != STATUS_OK) {
        mem_free(entry);
        return status;
    }
    *ret_entry = entry;
    return STATUS_OK;
}

/* ---- opening and closing ---- */

static enum status load_counts(struct storage *storage)
{
    CLEANUP(statement_finish) struct statement s = statement_use(storage, WAITING_COUNTS);
    for (;;) {
        bool row = false;
        enum status status = statement_next(&s, &row);
        if (status != STATUS_OK || !row) {
            return status;
        }
        struct waiting_count *entry = NULL;
        status = make(&storage->waiting, read_i64(&s), &entry);
        if (status != STATUS_OK) {
            return status;
        }
        entry->count = (uint32_t)read_u64(&s);
        entry->committed = entry->count;
    }
}

static enum status load_ids(struct storage *storage)
{
    CLEANUP(statement_finish) struct statement s = statement_use(storage, MESSAGE_IDS_GET);
    bool row = false;
    const enum status status = statement_next(&s, &row);
    if (status != STATUS_OK || !row) {
        return status == STATUS_OK ? STATUS_CORRUPT : status; /* the schema puts one there */
    }
    const int64_t last = read_i64(&s);
    storage->ids = (struct message_ids){.last = last, .reserved = last};
    storage->ids_committed = storage->ids;
    return STATUS_OK;
}

void waiting_init(struct waiting *waiting)
{
    map_init(&waiting->counts);
    list_init(&waiting->changed);
}

enum status waiting_open(struct storage *storage)
{
    const enum status status = load_counts(storage);
    return status == STATUS_OK ? load_ids(storage) : status;
}

void waiting_finish(struct waiting *waiting)
{
    size_t position = 0;
    void *entry = NULL;
    while ((entry = map_next(&waiting->counts, &position)) != NULL) {
        mem_free(entry);
    }
    map_finish(&waiting->counts);
}

/* ---- counts ---- */

uint32_t waiting_shown(const struct storage *storage, int64_t identity, uint32_t given)
{
    const struct waiting_count *entry = find(&storage->waiting, identity);
    return entry != NULL && entry->count > 0 ? entry->count : given;
}

uint32_t waiting_to_store(struct storage *storage, int64_t identity, uint32_t shown)
{
    if (waiting_shown(storage, identity, 0) > 0) {
        return 0;
    }
    storage->waiting.given = storage->waiting.given || shown > 0;
    return shown;
}

size_t storage_messages_count(const struct storage *storage, int64_t identity)
{
    return waiting_shown(storage, identity, 0);
}

static void set_count(struct storage *storage, struct waiting_count *entry, uint32_t count)
{
    entry->count = count;
    list_remove(&entry->changed);
    list_append(&storage->waiting.changed, &entry->changed);
    columns_forget(&storage->columns, entry->identity, QUERY_BIT(QUERY_C2D_MESSAGE_COUNT));
}

/* The number that a record brought with it is over. */
static enum status clear_given(struct storage *storage, int64_t identity)
{
    CLEANUP(statement_finish) struct statement s = statement_use(storage, WAITING_GIVEN_CLEAR);
    bind_i64(&s, identity);
    return statement_run(&s);
}

enum status waiting_prepare(struct storage *storage, int64_t identity,
                            struct waiting_count **ret_entry)
{
    struct waiting_count *entry = find(&storage->waiting, identity);
    enum status status = STATUS_OK;
    if (entry == NULL) {
        status = make(&storage->waiting, identity, &entry);
    }
    if (status != STATUS_OK) {
        return status;
    }
    set_count(storage, entry, entry->count); /* so that it goes, should nothing come of it */
    if (entry->count == 0 && storage->waiting.given) {
        status = clear_given(storage, identity);
    }
    *ret_entry = entry;
    return status;
}

void waiting_add(struct storage *storage, struct waiting_count *entry)
{
    set_count(storage, entry, entry->count + 1);
}

void waiting_remove(struct storage *storage, int64_t identity)
{
    struct waiting_count *entry = find(&storage->waiting, identity);
    if (entry != NULL && entry->count > 0) {
        set_count(storage, entry, entry->count - 1);
    }
}

void waiting_remove_all(struct storage *storage, int64_t identity)
{
    struct waiting_count *entry = find(&storage->waiting, identity);
    if (entry != NULL) {
        set_count(storage, entry, 0);
    }
}

void waiting_clear(struct storage *storage)
{
    size_t position = 0;
    struct waiting_count *entry = NULL;
    while ((entry = map_next(&storage->waiting.counts, &position)) != NULL) {
        set_count(storage, entry, 0);
    }
}

static struct waiting_count *take_changed(struct waiting *waiting)
{
    struct waiting_count *entry = LIST_ENTRY(waiting->changed.next, struct waiting_count, changed);
    list_remove(&entry->changed);
    return entry;
}

void waiting_commit(struct storage *storage)
{
    while (!list_empty(&storage->waiting.changed)) {
        struct waiting_count *entry = take_changed(&storage->waiting);
        entry->committed = entry->count;
        drop_if_none(&storage->waiting, entry);
    }
    storage->ids_committed = storage->ids;
}

void waiting_rollback(struct storage *storage)
{
    while (!list_empty(&storage->waiting.changed)) {
        struct waiting_count *entry = take_changed(&storage->waiting);
        entry->count = entry->committed;
        drop_if_none(&storage->waiting, entry);
    }
    storage->ids = storage->ids_committed;
}

static void show(sqlite3_context *context, int count, sqlite3_value **values)
{
    assert(count == 2);
    (void)count;
    const struct storage *storage = sqlite3_user_data(context);
    sqlite3_result_int64(context, waiting_shown(storage, sqlite3_value_int64(values[0]),
                                                (uint32_t)sqlite3_value_int64(values[1])));
}

enum status waiting_function(struct storage *storage)
{
    return storage_status(sqlite3_create_function_v2(storage->databases[DATABASE_STATE].connection,
                                                     "c2d_shown", 2, SQLITE_UTF8, storage, show,
                                                     NULL, NULL, NULL));
}

/* ---- ids ---- */

enum status storage_message_id(struct storage *storage, int64_t *ret_id)
{
    struct message_ids *ids = &storage->ids;
    enum status status = storage_write(storage, DATABASE_STATE);
    if (status == STATUS_OK && ids->last == ids->reserved) {
        CLEANUP(statement_finish) struct statement s = statement_use(storage, MESSAGE_IDS_RESERVE);
        bind_i64(&s, ids->reserved + IDS_AT_A_TIME);
        status = statement_run(&s);
        if (status == STATUS_OK) {
            ids->reserved += IDS_AT_A_TIME;
        }
    }
    if (status == STATUS_OK) {
        *ret_id = ++ids->last;
    }
    return status;
}
