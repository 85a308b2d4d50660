/* SPDX-License-Identifier: MIT */
#include <assert.h>

#include "storage/scan_internal.h"

/*
 * Devices in the order of ids, block by block. A block that is not in memory is read from the table
 * and kept; where that cannot be, the scan goes on in the table.
 *
 * Marks come for nothing: the scan that makes those of a block has to find the value of every
 * device in it anyway, and then looks only at those that are left.
 */
enum {
    SIZE_FREE = 16 << 20,   /* bytes in memory, whatever the number of devices ... */
    SIZE_PER_DEVICE = 1000, /* ... and so many more for each */
};

void scan_blocks_init(struct storage_scan *scan, uint64_t attributes)
{
    const struct query_info *info = query_info(scan->query);
    struct storage *storage = scan->storage;
    storage->columns.size_max = SIZE_FREE + SIZE_PER_DEVICE * (size_t)storage->census.shown.devices;
    if (scan->id >= COLUMN_ID_MAX) {
        return;
    }
    scan->way = WAY_BLOCKS;
    reader_init(&scan->load, scan, attributes,
                "NOT INDEXED WHERE id > ?1 AND module_id = ''"
                " ORDER BY id");
    reader_init(&scan->renew, scan, attributes, "WHERE id = ?1");
    for (size_t i = 0; i < info->equality_count && scan->mark_count < SCAN_MARKS_MAX; i++) {
        struct scan_mark *mark = &scan->marks[scan->mark_count];
        mark->equality = &info->equalities[i];
        mark->wanted = mark_of(&mark->equality->value);
        if (marks_ask(&storage->columns, mark->equality, &mark->handle)) {
            scan->mark_count++;
            scan->access = "index";
        }
    }
}

void scan_blocks_finish(struct storage_scan *scan)
{
    scan_blocks_leave(scan);
    for (size_t i = 0; i < COLUMN_ATTRIBUTES; i++) {
        column_draft_finish(&scan->drafts[i]);
    }
}

void scan_blocks_hold(struct storage_scan *scan)
{
    assert(!scan->holds);
    if (scan->block != NULL) {
        scan->holds = true;
        columns_hold(&scan->storage->columns);
    }
}

void scan_blocks_leave(struct storage_scan *scan)
{
    scan->block = NULL;
    scan->candidates = 0;
    if (scan->holds) {
        scan->holds = false;
        columns_release(&scan->storage->columns);
    }
}

/* ---- from the table into memory ---- */

static void draft_row(struct storage_scan *scan, const struct block *block, unsigned place)
{
    struct reader *load = &scan->load;
    for (size_t i = 0; i < load->count; i++) {
        if (block != NULL && block->columns[load->attributes[i]] != NULL) {
            load->statement.read++;
        } else {
            column_draft_add(&scan->drafts[i], place, read_cell(&load->statement));
        }
    }
}

/* Drafts what a block lacks; *ret_after is the first id behind it, INT64_MAX when there is none. */
static enum status draft(struct storage_scan *scan, int64_t number, uint64_t *ret_devices,
                         int64_t *ret_after)
{
    struct reader *load = &scan->load;
    const struct block *block = columns_find(&scan->storage->columns, number);
    for (size_t i = 0; i < load->count; i++) {
        column_draft_clear(&scan->drafts[i]);
    }
    uint64_t devices = 0;
    reader_start(load, scan, number * BLOCK_IDS - 1);
    for (;;) {
        bool found = false;
        const enum status status = statement_next(&load->statement, &found);
        if (status != STATUS_OK) {
            return status;
        }
        const int64_t id = found ? read_i64(&load->statement) : INT64_MAX;
        if (block_of(id) != number) {
            *ret_devices = devices;
            *ret_after = id;
            return STATUS_OK;
        }
        devices |= UINT64_C(1) << place_of(id);
        draft_row(scan, block, place_of(id));
    }
}

/* NULL: there is no room. */
static struct block *keep(struct storage_scan *scan, int64_t number, uint64_t devices)
{
    struct columns *columns = &scan->storage->columns;
    struct block *block = columns_make(columns, number);
    if (block == NULL) {
        return NULL;
    }
    assert(!block->known || block->devices == devices);
    block->known = true;
    block->devices = devices;
    for (size_t i = 0; i < scan->load.count; i++) {
        const enum query_attribute attribute = scan->load.attributes[i];
        if (block->columns[attribute] == NULL &&
            !column_draft_keep(&scan->drafts[i], columns, block, attribute)) {
            return NULL;
        }
    }
    return block;
}

/* Sets `block`, unless there is no device in it or the way is another from now on. */
static enum status load_block(struct storage_scan *scan, int64_t number)
{
    uint64_t devices = 0;
    int64_t after = 0;
    scan->block = NULL;
    const enum status status = draft(scan, number, &devices, &after);
    statement_finish(&scan->load.statement);
    if (status != STATUS_OK) {
        return status;
    }
    if (devices != 0) {
        scan->block = keep(scan, number, devices);
        scan->way = scan->block == NULL ? WAY_TABLE : scan->way;
    } else if (after == INT64_MAX) {
        scan->ended = true;
    } else {
        scan->id = block_of(after) * BLOCK_IDS - 1;
    }
    return STATUS_OK;
}

/* Reads the stale ones among the candidates again, where the block has all columns. */
static enum status renew(struct storage_scan *scan)
{
    struct reader *reader = &scan->renew;
    uint64_t stale = 0;
    for (size_t i = 0; i < reader->count; i++) {
        stale |= scan->block->columns[reader->attributes[i]]->stale;
    }
    enum status status = STATUS_OK;
    for (stale &= scan->candidates; stale != 0 && status == STATUS_OK; stale &= stale - 1) {
        const unsigned place = (unsigned)__builtin_ctzll(stale);
        bool found = false;
        reader_start(reader, scan, block_of(scan->id + 1) * BLOCK_IDS + place);
        status = statement_next(&reader->statement, &found);
        if (status != STATUS_OK) {
            break;
        }
        assert(found); /* else the whole block would have been forgotten */
        (void)read_i64(&reader->statement);
        for (size_t i = 0; i < reader->count && scan->way == WAY_BLOCKS; i++) {
            struct column **column = &scan->block->columns[reader->attributes[i]];
            if (!column_renew(&scan->storage->columns, column, place,
                              read_cell(&reader->statement))) {
                scan->way = WAY_TABLE;
            }
        }
        if (scan->way == WAY_TABLE) {
            break;
        }
    }
    statement_finish(&reader->statement);
    return status;
}

/* ---- marks ---- */

static void rule_out(struct storage_scan *scan, int64_t number)
{
    const struct columns *columns = &scan->storage->columns;
    for (size_t i = 0; i < scan->mark_count; i++) {
        const struct scan_mark *mark = &scan->marks[i];
        if (marks_stand(columns, mark->handle)) {
            scan->candidates &= marks_match(columns, mark->handle, number, mark->wanted);
        }
    }
}

/* Makes the marks of these places, in which the column is right. */
static enum status make_marks(struct storage_scan *scan, const struct scan_mark *mark,
                              int64_t number, uint64_t places)
{
    const enum query_attribute attribute = mark->equality->attribute;
    const struct column *column = scan->block->columns[attribute];
    uint16_t marks[BLOCK_IDS] = {0};
    for (uint64_t left = places & scan->block->devices; left != 0; left &= left - 1) {
        const unsigned place = (unsigned)__builtin_ctzll(left);
        query_row_clear(scan->row);
        const enum status status =
            attribute_give(&scan->maker, attribute, column_cell(column, place));
        if (status != STATUS_OK) {
            return status;
        }
        marks[place] = mark_of(query_equality_found(mark->equality, scan->row));
    }
    marks_keep(&scan->storage->columns, mark->handle, number, places, marks);
    return STATUS_OK;
}

static enum status make_missing_marks(struct storage_scan *scan, int64_t number)
{
    const struct columns *columns = &scan->storage->columns;
    enum status status = STATUS_OK;
    assert(scan->block != NULL);
    for (size_t i = 0; status == STATUS_OK && i < scan->mark_count; i++) {
        const struct scan_mark *mark = &scan->marks[i];
        const uint64_t right = ~scan->block->columns[mark->equality->attribute]->stale;
        const uint64_t places = marks_stand(columns, mark->handle)
                                    ? marks_missing(columns, mark->handle, number) & right
                                    : 0;
        if (places != 0) {
            status = make_marks(scan, mark, number, places);
        }
    }
    rule_out(scan, number);
    return status;
}

/* ---- the walk ---- */

bool scan_blocks_have(const struct storage_scan *scan, const struct reader *reader)
{
    for (size_t i = 0; i < reader->count; i++) {
        const struct column *column = scan->block->columns[reader->attributes[i]];
        if (column == NULL || (column->stale >> place_of(scan->id) & 1) != 0) {
            return false;
        }
    }
    return true;
}

struct cell scan_blocks_cell(const struct storage_scan *scan, enum query_attribute attribute)
{
    return column_cell(scan->block->columns[attribute], place_of(scan->id));
}

static bool has_columns(const struct block *block, const struct reader *reader)
{
    for (size_t i = 0; i < reader->count; i++) {
        if (block->columns[reader->attributes[i]] == NULL) {
            return false;
        }
    }
    return true;
}

/* Makes what is in memory of the candidates complete and right. No candidates: the way is another
 * from now on. */
static enum status prepare(struct storage_scan *scan, int64_t number)
{
    enum status status = STATUS_OK;
    if (!has_columns(scan->block, &scan->load)) {
        status = load_block(scan, number);
    }
    if (status == STATUS_OK && scan->block != NULL) {
        status = renew(scan);
    }
    if (scan->way != WAY_BLOCKS) {
        scan->candidates = 0;
        scan->block = NULL;
        return status;
    }
    return status == STATUS_OK ? make_missing_marks(scan, number) : status;
}

/* Goes into the block of the next id, and past it when there is nothing to be looked at. */
static enum status enter(struct storage_scan *scan)
{
    const int64_t number = block_of(scan->id + 1);
    const uint64_t behind = UINT64_MAX << place_of(scan->id + 1);
    enum status status = STATUS_OK;
    scan->block = columns_find(&scan->storage->columns, number);
    if (scan->block == NULL || !scan->block->known) {
        status = load_block(scan, number);
        if (scan->block == NULL) {
            return status;
        }
    }
    scan->candidates = scan->block->devices & behind;
    rule_out(scan, number);
    if (scan->candidates != 0) {
        status = prepare(scan, number);
        if (scan->block == NULL) {
            return status;
        }
    }
    if (scan->candidates == 0) {
        scan->id = (number + 1) * BLOCK_IDS - 1;
    }
    return status;
}

enum status scan_blocks_next(struct storage_scan *scan, size_t *rows_left, bool *ret_found)
{
    *ret_found = false;
    while (!scan->ended && scan->way == WAY_BLOCKS && *rows_left > 0) {
        if (scan->candidates != 0) {
            const unsigned place = (unsigned)__builtin_ctzll(scan->candidates);
            scan->candidates &= scan->candidates - 1;
            scan->id = block_of(scan->id + 1) * BLOCK_IDS + place;
            *ret_found = true;
            return STATUS_OK;
        }
        const enum status status = enter(scan);
        if (status != STATUS_OK) {
            return status;
        }
        *rows_left -= scan->candidates == 0 && !scan->ended ? 1 : 0;
    }
    return STATUS_OK;
}
