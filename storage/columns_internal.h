/* SPDX-License-Identifier: MIT */
#ifndef STORAGE_COLUMNS_INTERNAL_H
#define STORAGE_COLUMNS_INTERNAL_H

/*
 * What scans have read of devices, kept in memory: stepping over a million rows costs SQLite more
 * than judging them costs us. The ids are cut into blocks of 64; a block has a column for each
 * attribute that a scan asked for. Nothing is kept in step: a write only notes which cells it made
 * stale, and the next scan that wants them reads those again.
 *
 * Beside the columns stand marks: for a path that equalities keep asking for, sixteen bits of the
 * hash of each device's value there. A block none of whose marks is that of the wanted value need
 * not be looked at. Marks only ever rule out; what they leave is judged like any other row.
 */
#include "query/query.h"
#include "storage/statement_internal.h"

enum {
    BLOCK_IDS = 64, /* ids of a block: as many as a mask has bits */
    BLOCK_SHIFT = 6,
    PAGE_BLOCKS = 64,                               /* blocks whose directory is one allocation */
    COLUMN_ATTRIBUTES = QUERY_REPORTED_VERSION + 1, /* those of devices come first in the enum */
    MARK_PATHS_MAX = 16,
};

/* Ids from here on are not kept: their directory alone would be large. */
#define COLUMN_ID_MAX (INT64_C(1) << 36)

/* The cells of one attribute for the ids of a block, one after the other. */
struct column {
    struct column *next; /* among those let go */
    size_t size;         /* bytes of all of it */
    uint64_t nulls;      /* by place in the block */
    uint64_t numbers;
    uint64_t stale;                 /* written since */
    uint32_t starts[BLOCK_IDS + 1]; /* in bytes[] */
    char bytes[];
};

struct block {
    bool known;       /* `devices` is right */
    uint64_t devices; /* which of the ids are devices */
    struct column *columns[COLUMN_ATTRIBUTES];
};

struct marks {
    uint64_t made[PAGE_BLOCKS];             /* which of a block's marks are right */
    uint16_t marks[PAGE_BLOCKS][BLOCK_IDS]; /* 0: equals nothing */
};

struct page {
    struct block blocks[PAGE_BLOCKS];
    struct marks *marks[MARK_PATHS_MAX]; /* by path; NULL: none yet */
};

/* A path that equalities asked for. Askings are numbered; 0: never. */
struct mark_path {
    enum query_attribute attribute;
    struct buf name; /* the attribute and the names below it; unlike that of any other path */
    uint64_t first_ask, last_ask;
};

struct columns {
    struct page **pages; /* by id / (BLOCK_IDS * PAGE_BLOCKS); owned, NULL where nothing is kept */
    size_t page_count;
    size_t size, size_max; /* bytes kept */
    struct column *let_go; /* freed when no row points into them any more */
    size_t holders;        /* scans that stand on a row */
    struct mark_path paths[MARK_PATHS_MAX];
    uint64_t asks;
};

/* A column being put together, from the lowest id to the highest. */
struct column_draft {
    struct buf bytes;
    uint64_t nulls, numbers;
    size_t filled; /* places whose start is set */
    uint32_t starts[BLOCK_IDS + 1];
};

static inline int64_t block_of(int64_t id)
{
    return id >> BLOCK_SHIFT;
}

static inline unsigned place_of(int64_t id)
{
    return (unsigned)(id & (BLOCK_IDS - 1));
}

void columns_finish(struct columns *columns);
void columns_clear(struct columns *columns);

/* NULL when nothing of it is kept. */
struct block *columns_find(const struct columns *columns, int64_t block);
/* NULL also when it is full, or out of memory. */
struct block *columns_make(struct columns *columns, int64_t block);
/* The page that a block lies in, and where; NULL when nothing of it is kept. */
struct page *columns_page(const struct columns *columns, int64_t block);
static inline size_t place_in_page(int64_t block)
{
    return (size_t)block % PAGE_BLOCKS;
}
/* Memory that counts; NULL when it is full, or out of memory. */
void *columns_alloc(struct columns *columns, size_t size);
void columns_free(struct columns *columns, void *memory, size_t size);

/* A write changes these attributes of a record, or the record comes or goes: then its block has to
 * be read again. */
void columns_forget(struct columns *columns, int64_t id, uint64_t attributes);
void columns_forget_record(struct columns *columns, int64_t id);

/* While somebody holds, texts of cells stay where they are although their column is let go. */
void columns_hold(struct columns *columns);
void columns_release(struct columns *columns);

struct cell column_cell(const struct column *column, unsigned place);
/* Puts a cell in the place of a stale one. False: there is no room, and the column is let go. */
bool column_renew(struct columns *columns, struct column **column, unsigned place,
                  struct cell cell);

void column_draft_clear(struct column_draft *draft); /* also before the first use */
void column_draft_finish(struct column_draft *draft);
void column_draft_add(struct column_draft *draft, unsigned place, struct cell cell);
/* Puts it into the block. False: it is full, or out of memory. */
bool column_draft_keep(struct column_draft *draft, struct columns *columns, struct block *block,
                       enum query_attribute attribute);

/* ---- marks.c ---- */

void marks_finish(struct columns *columns);
void marks_forget(struct columns *columns, struct page *page, int64_t block, uint64_t attributes,
                  uint64_t places);
void marks_free_page(struct columns *columns, struct page *page);

/* A path that was asked for more than once. It loses its place to others, in time. */
struct mark_handle {
    size_t path;
    uint64_t first_ask;
};

/* Notes that an equality was asked for. True when marks are worth their while. */
bool marks_ask(struct columns *columns, const struct query_equality *equality,
               struct mark_handle *ret_handle);
bool marks_stand(const struct columns *columns, struct mark_handle handle);

/* The mark of a value; 0 of one that equals nothing. */
uint16_t mark_of(const struct query_value *value);

/* The places of a block that have no mark (yet). The handle stands. */
uint64_t marks_missing(const struct columns *columns, struct mark_handle handle, int64_t block);
/* The places whose mark is `wanted`, which is not 0, and those that have none. */
uint64_t marks_match(const struct columns *columns, struct mark_handle handle, int64_t block,
                     uint16_t wanted);
/* Keeps the marks of some places in memory, if there is room. */
void marks_keep(struct columns *columns, struct mark_handle handle, int64_t block, uint64_t places,
                const uint16_t marks[BLOCK_IDS]);

#endif
