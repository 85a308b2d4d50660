/* SPDX-License-Identifier: MIT */
#include <assert.h>

#include "base/alloc.h"
#include "storage/scan_internal.h"

/*
 * The rows that a query selects, in the order of their ids.
 *
 * Where few keys can match, their ids come from the index of keys and are looked up one by one;
 * else devices are read from memory, block by block, and everything else from the table. SQL only
 * fetches columns: whether a row passes is the query's own judgement, since SQL's NULL knows no
 * difference between null and undefined.
 */
enum { SQL_SIZE_MAX = 8192 };

/* ---- readers ---- */

void reader_init(struct reader *reader, const struct storage_scan *scan, uint64_t attributes,
                 const char *rows)
{
    const enum query_collection collection = query_info(scan->query)->collection;
    *reader = (struct reader){
        .statement = {.storage = scan->storage, .database = DATABASE_STATE},
        .rows = rows,
    };
    for (unsigned i = 0; i < QUERY_ATTRIBUTE_COUNT; i++) {
        const enum query_attribute attribute = (enum query_attribute)i;
        if (QUERY_HAS(attributes, i) && attribute_column(collection, attribute) != NULL) {
            reader->attributes[reader->count++] = attribute;
        }
    }
}

static int prepare(struct reader *reader, const struct storage_scan *scan)
{
    const enum query_collection collection = query_info(scan->query)->collection;
    CLEANUP(buf_finish) struct buf sql = BUF_INIT(SQL_SIZE_MAX);
    buf_append_str(&sql, STR("SELECT id"));
    for (size_t i = 0; i < reader->count; i++) {
        buf_append_format(&sql, ", %s", attribute_column(collection, reader->attributes[i]));
    }
    buf_append_format(&sql, " FROM %s %s", collection == QUERY_JOBS ? "job" : "identity",
                      reader->rows);
    if (buf_status(&sql) != STATUS_OK) {
        return SQLITE_NOMEM;
    }
    return sqlite3_prepare_v2(scan->storage->databases[DATABASE_STATE].connection, sql.data,
                              (int)sql.size + 1, &reader->statement.raw, NULL);
}

void reader_start(struct reader *reader, const struct storage_scan *scan, int64_t id)
{
    struct statement *statement = &reader->statement;
    statement_finish(statement);
    statement->bound = 0;
    statement->result = statement->raw == NULL ? prepare(reader, scan) : SQLITE_OK;
    bind_i64(statement, id);
}

/* Gives the attributes of a reader, from memory or from the row on which its statement stands,
 * whose id was read; those of WHERE only as long as the row may pass. */
static enum status give(struct storage_scan *scan, struct reader *reader, bool from_memory)
{
    uint64_t given = 0;
    for (size_t i = 0; i < reader->count; i++) {
        const enum query_attribute attribute = reader->attributes[i];
        const struct cell cell =
            from_memory ? scan_blocks_cell(scan, attribute) : read_cell(&reader->statement);
        const enum status status = attribute_give(&scan->maker, attribute, cell);
        if (status != STATUS_OK) {
            return status;
        }
        given |= QUERY_BIT(attribute);
        if (reader == &scan->where && i + 1 < reader->count &&
            query_where_excludes(scan->query, scan->row, given)) {
            break;
        }
    }
    return STATUS_OK;
}

/* ---- opening ---- */

static const char *const by_id = "WHERE id = ?1";

/* Told how to find rows, since SQLite would have to guess without statistics. */
static const char *const in_order[] = {
    [QUERY_DEVICES] = "NOT INDEXED WHERE id > ?1 AND module_id = '' ORDER BY id",
    [QUERY_MODULES] = "INDEXED BY identity_module WHERE module_id > '' AND id > ?1 ORDER BY id",
    [QUERY_JOBS] = "NOT INDEXED WHERE id > ?1 ORDER BY id",
};

static enum status open_scan(struct storage_scan *scan)
{
    const struct query_info *info = query_info(scan->query);
    const uint64_t first = info->has_where ? info->where_needs : info->select_needs;
    const uint64_t second = info->select_needs & ~first;
    scan->access = "scan";
    scan->way = WAY_TABLE;
    scan->maker.collection = info->collection;
    enum status status = query_row_create(scan->query, &scan->row);
    scan->maker.row = scan->row;
    if (status == STATUS_OK && info->collection != QUERY_JOBS) { /* those are few */
        status = scan_find_keys(scan);
    }
    if (status == STATUS_OK && scan->way == WAY_TABLE && info->collection == QUERY_DEVICES) {
        /* Rows end a page soon; only groups go on and on, and better not one by one. */
        scan_blocks_init(scan, info->shape == QUERY_GROUPS ? first | second : first);
    }
    reader_init(&scan->where, scan, first,
                scan->way == WAY_KEYS ? by_id : in_order[info->collection]);
    reader_init(&scan->select, scan, second, by_id);
    return status;
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
    (void)sqlite3_finalize(scan->load.statement.raw);
    (void)sqlite3_finalize(scan->renew.statement.raw);
    scan_blocks_finish(scan);
    query_row_destroy(scan->row);
    buf_finish(&scan->ids);
    attribute_maker_finish(&scan->maker);
    scan->storage->scans--;
    mem_free(scan);
}

/* ---- reading ---- */

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
    reader_start(&scan->where, scan, scan->id);
    return statement_next(&scan->where.statement, ret_found);
}

/* The next of the table. Writes, commits and rollbacks between two steps are SQLite's business: the
 * statement goes on in the order of ids over what is there then. */
static enum status next_in_table(struct storage_scan *scan, bool *ret_found)
{
    if (!scan->stepping) {
        reader_start(&scan->where, scan, scan->id);
        scan->stepping = true;
    }
    const enum status status = statement_next(&scan->where.statement, ret_found);
    if (status == STATUS_OK && !*ret_found) {
        scan->ended = true;
    }
    return status;
}

/* Looks for one row more. Not found: ended, or none within *rows_left, or another way from now on.
 */
static enum status next(struct storage_scan *scan, size_t *rows_left, bool *ret_found)
{
    switch (scan->way) {
    case WAY_KEYS:
        return next_by_key(scan, ret_found);
    case WAY_BLOCKS:
        return scan_blocks_next(scan, rows_left, ret_found);
    case WAY_TABLE:
        break;
    }
    return next_in_table(scan, ret_found);
}

/* Gives what SELECT needs besides, of a row that passed. */
static enum status complete(struct storage_scan *scan)
{
    if (scan->select.count == 0) {
        return STATUS_OK;
    }
    if (scan->block != NULL && scan_blocks_have(scan, &scan->select)) {
        return give(scan, &scan->select, true);
    }
    reader_start(&scan->select, scan, scan->id);
    bool found = false;
    const enum status status = statement_next(&scan->select.statement, &found);
    if (status != STATUS_OK || !found) {
        return status == STATUS_OK ? STATUS_CORRUPT : status; /* it was there a moment ago */
    }
    scan->select.statement.read = 1; /* after the id */
    return give(scan, &scan->select, false);
}

/* Judges the row that was found. */
static enum status judge(struct storage_scan *scan, bool *ret_passes)
{
    query_row_clear(scan->row);
    if (scan->block == NULL) {
        scan->id = read_i64(&scan->where.statement);
    }
    enum status status = give(scan, &scan->where, scan->block != NULL);
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
    scan_blocks_leave(scan);
}

enum status storage_scan_next(struct storage_scan *scan, size_t *rows_left,
                              enum storage_scan_result *ret_result,
                              const struct query_row **ret_row)
{
    scan_blocks_leave(scan);
    while (!scan->ended && *rows_left > 0) {
        bool found = false;
        bool passes = false;
        enum status status = next(scan, rows_left, &found);
        if (status == STATUS_OK && found) {
            (*rows_left)--;
            scan->rows_read++;
            status = judge(scan, &passes);
        }
        if (status != STATUS_OK) {
            rest(scan);
            return status;
        }
        if (passes) {
            scan_blocks_hold(scan);
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
