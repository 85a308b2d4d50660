/* SPDX-License-Identifier: MIT */
#include <assert.h>

#include "storage/storage_internal.h"

enum { KIND_COUNT_MAX = 64 }; /* the filter's bits */

enum status journal_bounds(struct storage *storage)
{
    CLEANUP(statement_finish) struct statement s = statement_use(storage, JOURNAL_BOUNDS);
    bool row = false;
    const enum status status = statement_next(&s, &row);
    if (status != STATUS_OK || !row) {
        return status == STATUS_OK ? STATUS_CORRUPT : status; /* the schema puts one there */
    }
    const uint64_t trimmed = read_u64(&s);
    const uint64_t last = read_u64(&s); /* NULL, read as 0, when there is no row */
    storage->trimmed = trimmed;
    storage->trimmed_committed = trimmed;
    storage->sequence = last > trimmed ? last : trimmed;
    storage->sequence_committed = storage->sequence;
    return STATUS_OK;
}

/* The hottest path of the hub: each telemetry message is one row. */
enum status storage_journal_append(struct storage *storage, const struct journal_row *row,
                                   uint64_t *ret_sequence)
{
    assert(row->kind < KIND_COUNT_MAX);
    enum status status = storage_write(storage, DATABASE_JOURNAL);
    if (status != STATUS_OK) {
        return status;
    }
    CLEANUP(statement_finish) struct statement s = statement_use(storage, JOURNAL_APPEND);
    bind_u64(&s, storage->sequence + 1);
    bind_i64(&s, row->at_us);
    bind_i64(&s, row->kind);
    bind_text(&s, row->key.device);
    bind_text(&s, row->key.module);
    bind_text(&s, row->detail);
    bind_blob_or_null(&s, row->body);
    if (row->event) {
        bind_i64(&s, row->partition);
    } else {
        bind_null(&s);
    }
    status = statement_run(&s);
    if (status == STATUS_OK) {
        storage->sequence++;
        status = events_note(storage, row);
    }
    if (status == STATUS_OK) {
        *ret_sequence = storage->sequence;
    }
    return status;
}

uint64_t storage_journal_last(const struct storage *storage)
{
    return storage->sequence;
}

struct journal_row journal_row_read(struct statement *s)
{
    struct journal_row row = {0};
    row.sequence = read_u64(s);
    row.at_us = read_i64(s);
    row.kind = (uint32_t)read_u64(s);
    row.key.device = read_str(s);
    row.key.module = read_str(s);
    row.detail = read_str(s);
    row.body = read_str(s);
    return row;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/*
 * Rows have no gaps, so that the rows looked at are bounded by a range of sequence numbers, and the
 * filter can be SQL's, which then does not touch the bodies of rows that nobody wants.
 */
enum status storage_journal_read(struct storage *storage, const struct journal_filter *filter,
                                 void (*each)(void *ctx, const struct journal_row *row), void *ctx,
                                 uint64_t *ret_next)
{
    const uint64_t last = storage->sequence;
    const uint64_t after = filter->after > storage->trimmed ? filter->after : storage->trimmed;
    if (after >= last || filter->limit == 0) {
        *ret_next = filter->limit == 0 || filter->after > last ? filter->after : last;
        return STATUS_OK;
    }
    const uint64_t end = after + smaller(filter->rows_read_max, last - after);
    CLEANUP(statement_finish) struct statement s = statement_use(storage, JOURNAL_READ);
    bind_u64(&s, after);
    bind_u64(&s, end);
    bind_u64(&s, filter->kinds);
    bind_text(&s, filter->device);
    bind_u64(&s, smaller(filter->limit, INT64_MAX));
    uint64_t next = end;
    size_t count = 0;
    for (bool found = true; found;) {
        const enum status status = statement_next(&s, &found);
        if (status != STATUS_OK) {
            return status;
        }
        if (found) {
            const struct journal_row row = journal_row_read(&s);
            each(ctx, &row);
            count++;
            if (count == filter->limit) {
                next = row.sequence;
            }
        }
    }
    *ret_next = next;
    return STATUS_OK;
}

uint64_t storage_journal_rows(const struct storage *storage)
{
    return storage->sequence - storage->trimmed;
}

enum status storage_journal_size(struct storage *storage, uint64_t *ret_size)
{
    CLEANUP(statement_finish) struct statement s = statement_use(storage, JOURNAL_SIZE);
    bool row = false;
    const enum status status = statement_next(&s, &row);
    if (status == STATUS_OK && row) {
        *ret_size = read_u64(&s);
    }
    return status == STATUS_OK && !row ? STATUS_CORRUPT : status;
}

static enum status set_trimmed(struct storage *storage, uint64_t sequence)
{
    CLEANUP(statement_finish) struct statement s = statement_use(storage, JOURNAL_TRIMMED);
    bind_u64(&s, sequence);
    const enum status status = statement_run(&s);
    if (status == STATUS_OK) {
        storage->trimmed = sequence;
    }
    return status;
}

enum status storage_journal_trim(struct storage *storage, uint64_t sequence)
{
    const uint64_t end = smaller(sequence, storage->sequence);
    if (end <= storage->trimmed) {
        return storage->failed;
    }
    enum status status = storage_write(storage, DATABASE_JOURNAL);
    if (status != STATUS_OK) {
        return status;
    }
    status = events_trim(storage, end);
    if (status != STATUS_OK) {
        return status;
    }
    /* SQLite drops whole pages, unread, when nothing is asked of the rows. */
    const bool all = end == storage->sequence;
    CLEANUP(statement_finish)
    struct statement s = statement_use(storage, all ? JOURNAL_DELETE_ALL : JOURNAL_TRIM);
    if (!all) {
        bind_u64(&s, end);
    }
    status = statement_run(&s);
    return status == STATUS_OK ? set_trimmed(storage, end) : status;
}

static enum status read_time(struct storage *storage, uint64_t sequence, int64_t *ret_at_us)
{
    CLEANUP(statement_finish) struct statement s = statement_use(storage, JOURNAL_TIME);
    bind_u64(&s, sequence);
    bool row = false;
    const enum status status = statement_next(&s, &row);
    if (status == STATUS_OK && row) {
        *ret_at_us = read_i64(&s);
    }
    return status == STATUS_OK && !row ? STATUS_CORRUPT : status;
}

enum status storage_journal_before(struct storage *storage, int64_t at_us, uint64_t *ret_sequence)
{
    uint64_t before = storage->trimmed;
    uint64_t from = storage->sequence + 1; /* this one and those behind it are not older */
    while (from - before > 1) {
        const uint64_t middle = before + (from - before) / 2;
        int64_t middle_us = 0;
        const enum status status = read_time(storage, middle, &middle_us);
        if (status != STATUS_OK) {
            return status;
        }
        if (middle_us < at_us) {
            before = middle;
        } else {
            from = middle;
        }
    }
    *ret_sequence = before;
    return STATUS_OK;
}

enum status journal_clear(struct storage *storage)
{
    return storage_journal_trim(storage, storage->sequence);
}
