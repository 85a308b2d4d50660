/* SPDX-License-Identifier: MIT */
#include <assert.h>

#include "storage/storage_internal.h"

enum {
    PARTITIONS_USUAL = 4,
    MARK_EVERY = 2048, /* rows of the journal: what finding a position may have to count */
};

/* ---- counting ---- */

static enum status put_marks(struct storage *storage, uint64_t sequence,
                             const struct partitions *partitions)
{
    enum status status = STATUS_OK;
    for (unsigned i = 0; status == STATUS_OK && i < storage->partition_count; i++) {
        CLEANUP(statement_finish) struct statement s = statement_use(storage, MARK_PUT);
        bind_u64(&s, sequence);
        bind_i64(&s, i);
        bind_u64(&s, partitions->of[i].next);
        bind_u64(&s, partitions->of[i].last);
        bind_i64(&s, partitions->of[i].last_us);
        status = statement_run(&s);
    }
    return status;
}

enum status events_note(struct storage *storage, const struct journal_row *row)
{
    if (row->event) {
        assert(row->partition < storage->partition_count);
        struct storage_partition *partition = &storage->partitions.of[row->partition];
        partition->next++;
        partition->last = storage->sequence;
        partition->last_us = row->at_us;
    }
    return storage->sequence % MARK_EVERY == 0
               ? put_marks(storage, storage->sequence, &storage->partitions)
               : STATUS_OK;
}

/* The last marks at or before a row. *ret_sequence is where they stand, 0 when there are none. */
static enum status read_marks(struct storage *storage, uint64_t sequence,
                              struct partitions *partitions, uint64_t *ret_sequence)
{
    CLEANUP(statement_finish) struct statement s = statement_use(storage, MARK_GET);
    bind_u64(&s, sequence);
    uint64_t at = 0;
    for (bool row = true; row;) {
        const enum status status = statement_next(&s, &row);
        if (status != STATUS_OK) {
            return status;
        }
        if (!row) {
            break;
        }
        at = read_u64(&s);
        const uint64_t partition = read_u64(&s);
        if (partition >= storage->partition_count) {
            return STATUS_CORRUPT;
        }
        partitions->of[partition].next = read_u64(&s);
        partitions->of[partition].last = read_u64(&s);
        partitions->of[partition].last_us = read_i64(&s);
    }
    *ret_sequence = at;
    return STATUS_OK;
}

/* How far each partition had come with a row of the journal that is there, or the last one that is
 * not. Leaves `begin` alone. */
static enum status count_to(struct storage *storage, uint64_t sequence,
                            struct partitions *partitions)
{
    uint64_t marked = 0;
    enum status status = read_marks(storage, sequence, partitions, &marked);
    if (status != STATUS_OK) {
        return status;
    }
    CLEANUP(statement_finish) struct statement s = statement_use(storage, EVENTS_COUNT);
    bind_u64(&s, marked);
    bind_u64(&s, sequence);
    for (bool row = true; row;) {
        status = statement_next(&s, &row);
        if (status != STATUS_OK || !row) {
            return status;
        }
        const uint64_t partition = read_u64(&s);
        if (partition >= storage->partition_count) {
            return STATUS_CORRUPT;
        }
        partitions->of[partition].next++;
        partitions->of[partition].last = read_u64(&s);
        partitions->of[partition].last_us = read_i64(&s);
    }
    return STATUS_OK;
}

/* ---- opening, trimming, undoing ---- */

static enum status make_partitions(struct storage *storage, unsigned wanted)
{
    storage->partition_count = wanted == 0 ? PARTITIONS_USUAL : wanted;
    CLEANUP(statement_finish) struct statement s = statement_use(storage, EVENTS_MAKE);
    bind_i64(&s, storage->partition_count);
    return statement_run(&s);
}

/* Another number would move devices between partitions and with them the order of their events;
 * what readers remember of a partition would point elsewhere. So the data keeps its own. */
static enum status settle_count(struct storage *storage, unsigned wanted, struct problem *problem)
{
    uint64_t count = 0;
    {
        CLEANUP(statement_finish) struct statement s = statement_use(storage, EVENTS_PARTITIONS);
        bool row = false;
        const enum status status = statement_next(&s, &row);
        if (status != STATUS_OK) {
            return status;
        }
        count = row ? read_u64(&s) : 0;
    }
    if (count == 0) {
        return make_partitions(storage, wanted);
    }
    if (count > STORAGE_PARTITIONS_MAX) {
        return STATUS_CORRUPT;
    }
    if (wanted != 0 && wanted != count) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "the data was made with %u partitions, which cannot become %u: readers' "
                    "positions would point elsewhere; leave the number out, or use another data "
                    "directory",
                    (unsigned)count, wanted);
        return STATUS_INVALID;
    }
    storage->partition_count = (unsigned)count;
    return STATUS_OK;
}

enum status events_open(struct storage *storage, unsigned wanted, struct problem *problem)
{
    assert(wanted <= STORAGE_PARTITIONS_MAX);
    enum status status = settle_count(storage, wanted, problem);
    struct partitions begin = {0};
    struct partitions now = {0};
    if (status == STATUS_OK) {
        status = count_to(storage, storage->trimmed, &begin);
    }
    if (status == STATUS_OK) {
        status = count_to(storage, storage->sequence, &now);
    }
    if (status != STATUS_OK) {
        return status;
    }
    for (unsigned i = 0; i < storage->partition_count; i++) {
        now.of[i].begin = begin.of[i].next;
    }
    storage->partitions = now;
    storage->partitions_committed = now;
    return STATUS_OK;
}

void events_keep(const struct storage *storage, struct partitions *to,
                 const struct partitions *from)
{
    memcpy(to->of, from->of, storage->partition_count * sizeof(to->of[0]));
}

enum status events_trim(struct storage *storage, uint64_t end)
{
    struct partitions gone = {0};
    if (end == storage->sequence) {
        events_keep(storage, &gone, &storage->partitions);
    } else {
        const enum status status = count_to(storage, end, &gone);
        if (status != STATUS_OK) {
            return status;
        }
    }
    enum status status = put_marks(storage, end, &gone);
    if (status == STATUS_OK) {
        CLEANUP(statement_finish) struct statement s = statement_use(storage, MARK_TRIM);
        bind_u64(&s, end);
        status = statement_run(&s);
    }
    for (unsigned i = 0; status == STATUS_OK && i < storage->partition_count; i++) {
        storage->partitions.of[i].begin = gone.of[i].next;
    }
    return status;
}

/* ---- for readers ---- */

unsigned storage_partitions(const struct storage *storage)
{
    return storage->partition_count;
}

struct storage_partition storage_partition(const struct storage *storage, unsigned partition)
{
    assert(partition < storage->partition_count);
    return storage->partitions_committed.of[partition];
}

/* A partition's count at the last mark up to a row. */
static enum status read_mark(struct storage *storage, unsigned partition, uint64_t sequence,
                             struct storage_place *ret_place)
{
    CLEANUP(statement_finish) struct statement s = statement_use(storage, MARK_GET_ONE);
    bind_u64(&s, sequence);
    bind_i64(&s, partition);
    bool row = false;
    const enum status status = statement_next(&s, &row);
    if (status == STATUS_OK) {
        ret_place->after = row ? read_u64(&s) : 0;
        ret_place->position = row ? read_u64(&s) : 0;
    }
    return status;
}

/* The last mark that does not stand behind a position, by halving: counts grow with the rows. */
static enum status find_mark(struct storage *storage, unsigned partition, uint64_t position,
                             struct storage_place *ret_place)
{
    struct storage_place best = {0};
    uint64_t low = 0;
    uint64_t high = storage->sequence;
    while (low < high) {
        const uint64_t middle = low + (high - low + 1) / 2;
        struct storage_place mark;
        const enum status status = read_mark(storage, partition, middle, &mark);
        if (status != STATUS_OK) {
            return status;
        }
        if (mark.position > position) {
            high = mark.after - 1;
            continue;
        }
        best = mark;
        low = middle;
    }
    *ret_place = best;
    return STATUS_OK;
}

enum status storage_events_find(struct storage *storage, unsigned partition, uint64_t position,
                                struct storage_place *ret_place)
{
    assert(partition < storage->partition_count);
    struct storage_place place;
    enum status status = find_mark(storage, partition, position, &place);
    if (status != STATUS_OK || place.position == position) {
        *ret_place = status == STATUS_OK ? place : *ret_place;
        return status;
    }
    CLEANUP(statement_finish) struct statement s = statement_use(storage, EVENTS_SKIP);
    bind_u64(&s, place.after);
    bind_u64(&s, storage->sequence);
    bind_i64(&s, partition);
    bind_u64(&s, position - place.position - 1);
    bool row = false;
    status = statement_next(&s, &row);
    if (status == STATUS_OK && !row) {
        return STATUS_CORRUPT; /* the marks tell of more events than there are */
    }
    if (status == STATUS_OK) {
        *ret_place = (struct storage_place){.after = read_u64(&s), .position = position};
    }
    return status;
}

enum status storage_events_after(struct storage *storage, unsigned partition, uint64_t sequence,
                                 struct storage_place *ret_place)
{
    assert(partition < storage->partition_count);
    uint64_t after = sequence < storage->sequence ? sequence : storage->sequence;
    after = after > storage->trimmed ? after : storage->trimmed;
    struct partitions partitions = {0};
    const enum status status = count_to(storage, after, &partitions);
    if (status == STATUS_OK) {
        *ret_place =
            (struct storage_place){.after = after, .position = partitions.of[partition].next};
    }
    return status;
}

/* Rows that were trimmed under a slow reader are passed. */
static void skip_gone(const struct storage *storage, unsigned partition,
                      struct storage_place *place)
{
    if (place->after < storage->trimmed) {
        place->after = storage->trimmed;
        place->position = storage->partitions.of[partition].begin;
    }
}

enum status storage_events_read(struct storage *storage, const struct storage_events_turn *turn,
                                struct storage_place *place, bool *ret_more)
{
    assert(turn->partition < storage->partition_count);
    skip_gone(storage, turn->partition, place);
    const uint64_t last = storage->sequence_committed;
    if (place->position >= storage_partition(storage, turn->partition).next) {
        /* What other partitions got meanwhile need not be looked at ever. */
        place->after = place->after > last ? place->after : last;
        *ret_more = false;
        return STATUS_OK;
    }
    const uint64_t end =
        last - place->after > turn->rows_max ? place->after + turn->rows_max : last;
    CLEANUP(statement_finish) struct statement s = statement_use(storage, EVENTS_READ);
    bind_u64(&s, place->after);
    bind_u64(&s, end);
    bind_i64(&s, turn->partition);
    for (;;) {
        bool found = false;
        const enum status status = statement_next(&s, &found);
        if (status != STATUS_OK) {
            return status;
        }
        if (!found) {
            break;
        }
        const struct journal_row row = journal_row_read(&s);
        if (!turn->each(turn->ctx, place->position, &row)) {
            *ret_more = true;
            return STATUS_OK;
        }
        *place = (struct storage_place){.after = row.sequence, .position = place->position + 1};
    }
    place->after = end;
    *ret_more = end < last;
    return STATUS_OK;
}
