/* SPDX-License-Identifier: MIT */
#ifndef STORAGE_SCAN_INTERNAL_H
#define STORAGE_SCAN_INTERNAL_H

/* What the files of a scan share: its state, and how it reads records. */
#include "storage/attributes_internal.h"
#include "storage/storage_internal.h"

enum { SCAN_MARKS_MAX = 4 }; /* equalities of one query that marks are looked at for */

/* Attributes of records, fetched together. */
struct reader {
    struct statement statement; /* SELECT id, then the attributes; prepared when first started */
    const char *rows;           /* the end of the SQL: which rows; ?1 is an id */
    enum query_attribute attributes[QUERY_ATTRIBUTE_COUNT];
    size_t count;
};

/* An equality for which marks may rule out devices. */
struct scan_mark {
    const struct query_equality *equality;
    struct mark_handle handle;
    uint16_t wanted;
};

/* How the next record is found. */
enum scan_way {
    WAY_KEYS,   /* by ids, from the index of keys */
    WAY_BLOCKS, /* devices in the order of ids, from memory where they are there */
    WAY_TABLE,  /* the table in the order of ids */
};

struct storage_scan {
    struct storage *storage;
    const struct query *query;
    const char *access;
    struct query_row *row;
    struct attribute_maker maker; /* of the row */
    enum scan_way way;
    struct reader where;  /* what WHERE needs; without WHERE, what SELECT needs */
    struct reader select; /* what SELECT needs besides, of a row that passed */

    bool ended;
    int64_t id; /* the last row read; none that is wanted lies between it and the next */
    uint64_t rows_read;

    /* WAY_KEYS */
    struct buf ids; /* int64_t, ascending */
    size_t next_id; /* index of the next in `ids` */

    /* WAY_TABLE */
    bool stepping; /* the statement of `where` stands on the row `id` */

    /* WAY_BLOCKS */
    struct reader load;  /* what is read from the table into a block */
    struct reader renew; /* the same of one device */
    struct block *block; /* where the row `id` lies; NULL between calls */
    uint64_t candidates; /* the places of `block` that are still to be looked at */
    bool holds;          /* the row points into columns */
    struct column_draft drafts[COLUMN_ATTRIBUTES];
    struct scan_mark marks[SCAN_MARKS_MAX];
    size_t mark_count;
};

/* ---- scan.c ---- */

void reader_init(struct reader *reader, const struct storage_scan *scan, uint64_t attributes,
                 const char *rows);
void reader_start(struct reader *reader, const struct storage_scan *scan, int64_t id);

/* ---- scan_keys.c ---- */

/* Collects the ids that the query's hint leaves; when they are few, that is the way. */
MUST_CHECK enum status scan_find_keys(struct storage_scan *scan);

/* ---- scan_blocks.c ---- */

void scan_blocks_init(struct storage_scan *scan, uint64_t attributes);
void scan_blocks_finish(struct storage_scan *scan);

/* Goes to the next device that marks do not rule out, setting `id` and `block`. *ret_found false:
 * at the end, or *rows_left is used up, or the way is the table from now on. A block that is passed
 * over counts as a row. */
MUST_CHECK enum status scan_blocks_next(struct storage_scan *scan, size_t *rows_left,
                                        bool *ret_found);

/* Are all attributes of the reader in memory, for the row `id`? */
bool scan_blocks_have(const struct storage_scan *scan, const struct reader *reader);
struct cell scan_blocks_cell(const struct storage_scan *scan, enum query_attribute attribute);

/* The row goes to the caller, who may write before it is done with; and is done with. */
void scan_blocks_hold(struct storage_scan *scan);
void scan_blocks_leave(struct storage_scan *scan);

#endif
