/* SPDX-License-Identifier: MIT */
#include "storage/columns_internal.h"

#include <assert.h>

#include "base/alloc.h"

enum {
    PAGES_MAX = COLUMN_ID_MAX / BLOCK_IDS / PAGE_BLOCKS,
    DRAFT_SIZE_MAX = 4 << 20, /* of one column: 64 KB for each of its cells */
    STALE_MAX = 8,            /* cells; from there on all of a block is read again as fast */
};

/* ---- memory, all of it counted ---- */

void *columns_alloc(struct columns *columns, size_t size)
{
    if (size > columns->size_max || columns->size > columns->size_max - size) {
        return NULL;
    }
    void *memory = mem_zalloc(size);
    columns->size += memory == NULL ? 0 : size;
    return memory;
}

void columns_free(struct columns *columns, void *memory, size_t size)
{
    if (memory != NULL) {
        assert(columns->size >= size);
        columns->size -= size;
        mem_free(memory);
    }
}

static void free_let_go(struct columns *columns)
{
    while (columns->let_go != NULL) {
        struct column *column = columns->let_go;
        columns->let_go = column->next;
        columns_free(columns, column, column->size);
    }
}

static void let_go(struct columns *columns, struct column **column)
{
    if (*column != NULL) {
        (*column)->next = columns->let_go;
        columns->let_go = TAKE(*column);
    }
}

void columns_hold(struct columns *columns)
{
    columns->holders++;
}

void columns_release(struct columns *columns)
{
    assert(columns->holders > 0);
    if (--columns->holders == 0) {
        free_let_go(columns);
    }
}

/* ---- pages and blocks ---- */

static size_t page_of(int64_t block)
{
    return (size_t)block / PAGE_BLOCKS;
}

struct page *columns_page(const struct columns *columns, int64_t block)
{
    return page_of(block) < columns->page_count ? columns->pages[page_of(block)] : NULL;
}

struct block *columns_find(const struct columns *columns, int64_t block)
{
    struct page *page = columns_page(columns, block);
    return page == NULL ? NULL : &page->blocks[place_in_page(block)];
}

static bool make_room(struct columns *columns, size_t page)
{
    if (page < columns->page_count) {
        return true;
    }
    const size_t count = page + page / 2 + 1;
    struct page **grown =
        page >= PAGES_MAX ? NULL : mem_realloc(columns->pages, count * sizeof(struct page *));
    if (grown == NULL) {
        return false;
    }
    for (size_t i = columns->page_count; i < count; i++) {
        grown[i] = NULL;
    }
    columns->pages = grown;
    columns->page_count = count;
    return true;
}

struct block *columns_make(struct columns *columns, int64_t block)
{
    const size_t page = page_of(block);
    if (!make_room(columns, page)) {
        return NULL;
    }
    if (columns->pages[page] == NULL) {
        columns->pages[page] = columns_alloc(columns, sizeof(struct page));
    }
    return columns_find(columns, block);
}

/* Columns in which too little is right go; scans that stand on a row may still point into them. */
static void forget(struct columns *columns, struct page *page, int64_t block, uint64_t attributes,
                   uint64_t places)
{
    struct block *forgotten = &page->blocks[place_in_page(block)];
    for (size_t i = 0; i < COLUMN_ATTRIBUTES; i++) {
        struct column **column = &forgotten->columns[i];
        if (!QUERY_HAS(attributes, i) || *column == NULL) {
            continue;
        }
        (*column)->stale |= places;
        if (__builtin_popcountll((*column)->stale) > STALE_MAX) {
            let_go(columns, column);
        }
    }
    marks_forget(columns, page, block, attributes, places);
    if (columns->holders == 0) {
        free_let_go(columns);
    }
}

void columns_forget(struct columns *columns, int64_t id, uint64_t attributes)
{
    struct page *page = columns_page(columns, block_of(id));
    if (page != NULL) {
        forget(columns, page, block_of(id), attributes, UINT64_C(1) << place_of(id));
    }
}

void columns_forget_record(struct columns *columns, int64_t id)
{
    struct page *page = columns_page(columns, block_of(id));
    if (page != NULL) {
        page->blocks[place_in_page(block_of(id))].known = false;
        forget(columns, page, block_of(id), UINT64_MAX, UINT64_MAX);
    }
}

void columns_clear(struct columns *columns)
{
    for (size_t i = 0; i < columns->page_count; i++) {
        struct page *page = columns->pages[i];
        if (page == NULL) {
            continue;
        }
        for (size_t b = 0; b < PAGE_BLOCKS; b++) {
            forget(columns, page, (int64_t)b, UINT64_MAX, UINT64_MAX);
        }
        marks_free_page(columns, page);
        columns_free(columns, page, sizeof(*page));
    }
    mem_free(columns->pages);
    columns->pages = NULL;
    columns->page_count = 0;
}

void columns_finish(struct columns *columns)
{
    assert(columns->holders == 0);
    columns_clear(columns);
    marks_finish(columns);
    assert(columns->size == 0);
}

/* ---- columns ---- */

struct cell column_cell(const struct column *column, unsigned place)
{
    const uint64_t bit = UINT64_C(1) << place;
    const char *data = column->bytes + column->starts[place];
    if ((column->nulls & bit) != 0) {
        return (struct cell){.null = true};
    }
    if ((column->numbers & bit) == 0) {
        return (struct cell){.text =
                                 str_of(data, column->starts[place + 1] - column->starts[place])};
    }
    struct cell cell = {.null = false};
    memcpy(&cell.number, data, sizeof(cell.number));
    return cell;
}

bool column_renew(struct columns *columns, struct column **column, unsigned place, struct cell cell)
{
    const struct column *old = *column;
    const uint64_t bit = UINT64_C(1) << place;
    const bool number = !cell.null && cell.text.data == NULL;
    const struct str bytes =
        number ? str_of((const char *)&cell.number, sizeof(cell.number)) : cell.text;
    const size_t from = old->starts[place];
    const size_t to = old->starts[place + 1];
    const size_t size = old->size - (to - from) + bytes.size;
    struct column *renewed = columns_alloc(columns, size);
    if (renewed != NULL) {
        *renewed = *old;
        renewed->size = size;
        renewed->stale &= ~bit;
        renewed->nulls = cell.null ? renewed->nulls | bit : renewed->nulls & ~bit;
        renewed->numbers = number ? renewed->numbers | bit : renewed->numbers & ~bit;
        for (size_t i = place + 1U; i <= BLOCK_IDS; i++) {
            renewed->starts[i] = (uint32_t)(old->starts[i] - (to - from) + bytes.size);
        }
        memcpy(renewed->bytes, old->bytes, from);
        memcpy(renewed->bytes + from, bytes.size > 0 ? bytes.data : "", bytes.size);
        memcpy(renewed->bytes + from + bytes.size, old->bytes + to, old->starts[BLOCK_IDS] - to);
    }
    let_go(columns, column);
    if (columns->holders == 0) {
        free_let_go(columns);
    }
    *column = renewed;
    return renewed != NULL;
}

void column_draft_clear(struct column_draft *draft)
{
    struct buf bytes = draft->bytes;
    *draft = (struct column_draft){.bytes = bytes};
    draft->bytes.size_max = DRAFT_SIZE_MAX;
    buf_clear(&draft->bytes);
}

void column_draft_finish(struct column_draft *draft)
{
    buf_finish(&draft->bytes);
}

/* The places up to `place`, that one included, start where the bytes end now. */
static void start_up_to(struct column_draft *draft, size_t place)
{
    while (draft->filled <= place) {
        draft->starts[draft->filled++] = (uint32_t)draft->bytes.size;
    }
}

void column_draft_add(struct column_draft *draft, unsigned place, struct cell cell)
{
    assert(place >= draft->filled && place < BLOCK_IDS);
    const uint64_t bit = UINT64_C(1) << place;
    start_up_to(draft, place);
    if (cell.null) {
        draft->nulls |= bit;
    } else if (cell.text.data != NULL) {
        buf_append_str(&draft->bytes, cell.text);
    } else {
        draft->numbers |= bit;
        buf_append(&draft->bytes, &cell.number, sizeof(cell.number));
    }
}

bool column_draft_keep(struct column_draft *draft, struct columns *columns, struct block *block,
                       enum query_attribute attribute)
{
    start_up_to(draft, BLOCK_IDS);
    const size_t size = sizeof(struct column) + draft->bytes.size;
    struct column *column =
        buf_status(&draft->bytes) == STATUS_OK ? columns_alloc(columns, size) : NULL;
    if (column == NULL) {
        return false;
    }
    column->size = size;
    column->nulls = draft->nulls;
    column->numbers = draft->numbers;
    memcpy(column->starts, draft->starts, sizeof(column->starts));
    if (draft->bytes.size > 0) {
        memcpy(column->bytes, draft->bytes.data, draft->bytes.size);
    }
    assert(block->columns[attribute] == NULL);
    block->columns[attribute] = column;
    return true;
}
