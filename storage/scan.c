/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "query/query.h"
#include "storage/attributes_internal.h"
#include "storage/storage_internal.h"

/*
 * The rows that a query selects, in the order of their ids.
 *
 * Where few keys can match, their ids come from the index of keys and are looked up one by one;
 * else the table is read in its own order. SQL only fetches columns: whether a row passes is the
 * query's own judgement, since SQL's NULL knows no difference between null and undefined.
 */
enum {
    KEYS_MAX = 4096, /* collecting them takes about a millisecond; more are scanned for */
    SQL_SIZE_MAX = 8192,
};

/* Some attributes of a record, fetched together. */
struct reader {
    struct statement statement; /* SELECT id, then the attributes in the order below */
    enum query_attribute attributes[QUERY_ATTRIBUTE_COUNT];
    size_t count;
};

struct storage_scan {
    struct storage *storage;
    const struct query *query;
    const char *access;
    struct query_row *row;
    struct attribute_maker maker; /* of the row */
    struct reader where;          /* what WHERE needs; without WHERE, what SELECT needs */
    struct reader select;         /* what SELECT needs besides, of a row that passed */

    bool by_key;
    struct buf ids; /* by key: int64_t, ascending */
    size_t next_id; /* index of the next in `ids` */

    bool stepping; /* the table's statement stands on the row `id` */
    bool ended;
    int64_t id; /* the last row read */
    uint64_t rows_read;
};

/* Gives all attributes of the row on which the reader's statement stands, whose id was read. */
static enum status give_all(struct storage_scan *scan, struct reader *reader)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < reader->count; i++) {
        status = attribute_give(&scan->maker, reader->attributes[i], read_cell(&reader->statement));
    }
    return status;
}

/* ---- opening ---- */

static const char *const tables[] = {
    [QUERY_DEVICES] = "identity", [QUERY_MODULES] = "identity", [QUERY_JOBS] = "job"};

static enum status prepare(struct reader *reader, const struct storage_scan *scan,
                           uint64_t attributes, const char *tail)
{
    const enum query_collection collection = query_info(scan->query)->collection;
    struct storage *storage = scan->storage;
    CLEANUP(buf_finish) struct buf sql = BUF_INIT(SQL_SIZE_MAX);
    buf_append_str(&sql, STR("SELECT id"));
    for (unsigned i = 0; i < QUERY_ATTRIBUTE_COUNT; i++) {
        const char *column = attribute_column(collection, (enum query_attribute)i);
        if (QUERY_HAS(attributes, i) && column != NULL) {
            buf_append_format(&sql, ", %s", column);
            reader->attributes[reader->count++] = (enum query_attribute)i;
        }
    }
    buf_append_format(&sql, " FROM %s %s", tables[collection], tail);
    if (buf_status(&sql) != STATUS_OK) {
        return buf_status(&sql);
    }
    reader->statement = (struct statement){.storage = storage, .database = DATABASE_STATE};
    return storage_status(sqlite3_prepare_v2(storage->databases[DATABASE_STATE].connection,
                                             sql.data, (int)sql.size + 1, &reader->statement.raw,
                                             NULL));
}

static const char *const by_id = "WHERE id = ?1";

/* Told how to find rows, since SQLite would have to guess without statistics. */
static const char *const in_order[] = {
    [QUERY_DEVICES] = "NOT INDEXED WHERE id > ?1 AND module_id = '' ORDER BY id",
    [QUERY_MODULES] = "INDEXED BY identity_module WHERE module_id > '' AND id > ?1 ORDER BY id",
    [QUERY_JOBS] = "NOT INDEXED WHERE id > ?1 ORDER BY id",
};

static enum status prepare_readers(struct storage_scan *scan)
{
    const struct query_info *info = query_info(scan->query);
    const uint64_t first = info->has_where ? info->where_needs : info->select_needs;
    const uint64_t second = info->select_needs & ~first;
    enum status status =
        prepare(&scan->where, scan, first, scan->by_key ? by_id : in_order[info->collection]);
    if (status == STATUS_OK && second != 0) {
        status = prepare(&scan->select, scan, second, by_id);
    }
    return status;
}

/* Collects the ids that a bound statement of keys finds, up to KEYS_MAX; those whose device does
 * not start with `prefix` end it. */
static enum status collect(struct storage_scan *scan, struct statement *s, const struct str *prefix)
{
    while (scan->ids.size / sizeof(int64_t) <= KEYS_MAX) {
        bool found = false;
        const enum status status = statement_next(s, &found);
        if (status != STATUS_OK || !found) {
            return status;
        }
        const int64_t id = read_i64(s);
        if (prefix != NULL && !str_starts(read_str(s), *prefix)) {
            return STATUS_OK;
        }
        if (id > scan->id) {
            buf_append(&scan->ids, &id, sizeof(id));
        }
        if (buf_status(&scan->ids) != STATUS_OK) {
            return buf_status(&scan->ids);
        }
    }
    return STATUS_OK;
}

static enum status collect_device(struct storage_scan *scan, bool modules, struct str device)
{
    CLEANUP(statement_finish)
    struct statement s = statement_use(scan->storage, modules ? KEY_MODULES : KEY_DEVICE);
    bind_text(&s, device);
    return collect(scan, &s, NULL);
}

static enum status collect_prefix(struct storage_scan *scan, bool modules, struct str prefix)
{
    CLEANUP(statement_finish)
    struct statement s =
        statement_use(scan->storage, modules ? KEY_MODULES_FROM : KEY_DEVICES_FROM);
    bind_text(&s, prefix);
    return collect(scan, &s, &prefix);
}

static int by_value(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Decides between key and table. */
static enum status choose_access(struct storage_scan *scan)
{
    const struct query_info *info = query_info(scan->query);
    const struct query_key_hint *hint = &info->device_id;
    const bool modules = info->collection == QUERY_MODULES;
    enum status status = STATUS_OK;
    switch (hint->kind) {
    case QUERY_KEY_ANY:
        return STATUS_OK;
    case QUERY_KEY_ONE_OF:
        scan->access = "key deviceId";
        for (size_t i = 0; status == STATUS_OK && i < hint->id_count; i++) {
            status = collect_device(scan, modules, hint->ids[i]);
        }
        break;
    case QUERY_KEY_PREFIX:
        scan->access = "prefix deviceId";
        status = collect_prefix(scan, modules, hint->prefix);
        break;
    }
    const size_t count = scan->ids.size / sizeof(int64_t);
    if (status != STATUS_OK || count > KEYS_MAX) {
        scan->access = "scan";
        buf_clear(&scan->ids);
        return status;
    }
    scan->by_key = true;
    if (count > 0) {
        qsort(scan->ids.data, count, sizeof(int64_t), by_value);
    }
    return STATUS_OK;
}

static enum status open_scan(struct storage_scan *scan)
{
    scan->access = "scan";
    scan->maker.collection = query_info(scan->query)->collection;
    enum status status = STATUS_OK;
    if (scan->maker.collection != QUERY_JOBS) { /* those are few: all are read */
        status = choose_access(scan);
    }
    if (status == STATUS_OK) {
        status = query_row_create(scan->query, &scan->row);
        scan->maker.row = scan->row;
    }
    return status == STATUS_OK ? prepare_readers(scan) : status;
}

enum status storage_scan_open(struct storage *storage, const struct query *query, int64_t after_id,
                              struct storage_scan **ret_scan)
{
    struct storage_scan *scan = mem_zalloc(sizeof(*scan));
    if (scan == NULL) {
        return STATUS_NO_MEMORY;
    }
    storage->scans++;
    scan->storage = storage;
    scan->query = query;
    scan->id = after_id;
    buf_init(&scan->ids, (KEYS_MAX + 1) * sizeof(int64_t));
    attribute_maker_init(&scan->maker);
    const enum status status = open_scan(scan);
    if (status != STATUS_OK) {
        storage_scan_close(scan);
        return status;
    }
    *ret_scan = scan;
    return STATUS_OK;
}

void storage_scan_close(struct storage_scan *scan)
{
    if (scan == NULL) {
        return;
    }
    (void)sqlite3_finalize(scan->where.statement.raw);
    (void)sqlite3_finalize(scan->select.statement.raw);
    query_row_destroy(scan->row);
    buf_finish(&scan->ids);
    attribute_maker_finish(&scan->maker);
    scan->storage->scans--;
    mem_free(scan);
}

/* ---- reading ---- */

/* Starts a reader's statement at an id. */
static void start(struct reader *reader, int64_t id)
{
    statement_finish(&reader->statement);
    reader->statement.bound = 0;
    reader->statement.result = SQLITE_OK;
    bind_i64(&reader->statement, id);
}

/* The next of the collected ids; a record may have been deleted meanwhile. */
static enum status next_by_key(struct storage_scan *scan, bool *ret_found)
{
    if (scan->next_id == scan->ids.size / sizeof(int64_t)) {
        scan->ended = true;
        *ret_found = false;
        return STATUS_OK;
    }
    memcpy(&scan->id, scan->ids.data + scan->next_id * sizeof(int64_t), sizeof(int64_t));
    scan->next_id++;
    start(&scan->where, scan->id);
    return statement_next(&scan->where.statement, ret_found);
}

/* The next of the table. Writes, commits and rollbacks between two steps are SQLite's business: the
 * statement goes on in the order of ids over what is there then. */
static enum status next_in_table(struct storage_scan *scan, bool *ret_found)
{
    if (!scan->stepping) {
        start(&scan->where, scan->id);
        scan->stepping = true;
    }
    const enum status status = statement_next(&scan->where.statement, ret_found);
    if (status == STATUS_OK && !*ret_found) {
        scan->ended = true;
    }
    return status;
}

/* Gives what SELECT needs besides, of a row that passed. */
static enum status complete(struct storage_scan *scan)
{
    if (scan->select.statement.raw == NULL) {
        return STATUS_OK;
    }
    start(&scan->select, scan->id);
    bool found = false;
    const enum status status = statement_next(&scan->select.statement, &found);
    if (status != STATUS_OK || !found) {
        return status == STATUS_OK ? STATUS_CORRUPT : status; /* it was there a moment ago */
    }
    scan->select.statement.read = 1; /* after the id */
    return give_all(scan, &scan->select);
}

/* Judges the row on which the reader stands. */
static enum status judge(struct storage_scan *scan, bool *ret_passes)
{
    query_row_clear(scan->row);
    scan->id = read_i64(&scan->where.statement);
    enum status status = give_all(scan, &scan->where);
    if (status != STATUS_OK) {
        return status;
    }
    const bool passes = query_where(scan->query, scan->row);
    if (passes) {
        status = complete(scan);
    }
    *ret_passes = passes;
    return status;
}

/* Ends what the last call left open: nothing of SQLite's is held between ticks but in the middle
 * of a page. */
static void rest(struct storage_scan *scan)
{
    scan->stepping = false;
    statement_finish(&scan->where.statement);
    statement_finish(&scan->select.statement);
}

/* Looks at one row more; *ret_passes false when it does not pass, or when there is none. */
static enum status look(struct storage_scan *scan, bool *ret_passes)
{
    bool found = false;
    const enum status status =
        scan->by_key ? next_by_key(scan, &found) : next_in_table(scan, &found);
    if (status != STATUS_OK || !found) {
        *ret_passes = false;
        return status;
    }
    scan->rows_read++;
    return judge(scan, ret_passes);
}

enum status storage_scan_next(struct storage_scan *scan, size_t *rows_left,
                              enum storage_scan_result *ret_result,
                              const struct query_row **ret_row)
{
    while (!scan->ended && *rows_left > 0) {
        bool passes = false;
        const enum status status = look(scan, &passes);
        if (status != STATUS_OK) {
            rest(scan);
            return status;
        }
        *rows_left -= scan->ended ? 0 : 1;
        if (passes) {
            *ret_row = scan->row;
            *ret_result = STORAGE_SCAN_ROW;
            return STATUS_OK;
        }
    }
    rest(scan);
    *ret_result = scan->ended ? STORAGE_SCAN_END : STORAGE_SCAN_PAUSED;
    return STATUS_OK;
}

enum status storage_scan_identity(struct storage_scan *scan, struct arena *arena,
                                  struct storage_identity **ret_identity)
{
    return identity_get_whole(scan->storage, scan->id, arena, ret_identity);
}

enum status storage_scan_job(struct storage_scan *scan, struct arena *arena,
                             struct storage_job **ret_job)
{
    return job_get_by_id(scan->storage, scan->id, arena, ret_job);
}

int64_t storage_scan_id(const struct storage_scan *scan)
{
    return scan->id;
}

const char *storage_scan_access(const struct storage_scan *scan)
{
    return scan->access;
}

uint64_t storage_scan_rows_read(const struct storage_scan *scan)
{
    return scan->rows_read;
}
