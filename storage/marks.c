/* SPDX-License-Identifier: MIT */
#include <assert.h>

#include "storage/columns_internal.h"

enum { NAME_SIZE_MAX = 16384 };

/* ---- paths ---- */

/* The attribute and the sizes before the names: no two paths have one name. */
static void write_name(struct buf *name, const struct query_equality *equality)
{
    buf_append_format(name, "%d", (int)equality->attribute);
    for (size_t i = 0; i < equality->name_count; i++) {
        buf_append_format(name, " %zu ", equality->names[i].size);
        buf_append_str(name, equality->names[i]);
    }
}

static void free_path_of_page(struct columns *columns, struct page *page, size_t path)
{
    columns_free(columns, page->marks[path], sizeof(struct marks));
    page->marks[path] = NULL;
}

void marks_free_page(struct columns *columns, struct page *page)
{
    for (size_t i = 0; i < MARK_PATHS_MAX; i++) {
        free_path_of_page(columns, page, i);
    }
}

void marks_finish(struct columns *columns)
{
    for (size_t i = 0; i < MARK_PATHS_MAX; i++) {
        buf_finish(&columns->paths[i].name);
        columns->paths[i] = (struct mark_path){.first_ask = 0};
    }
}

static struct mark_path *find_path(struct columns *columns, struct str name)
{
    for (size_t i = 0; i < MARK_PATHS_MAX; i++) {
        struct mark_path *path = &columns->paths[i];
        if (path->last_ask > 0 && str_equal(buf_str(&path->name), name)) {
            return path;
        }
    }
    return NULL;
}

/* Gives the path that was not asked for longest its place. */
static void replace_oldest(struct columns *columns, enum query_attribute attribute,
                           struct buf *name)
{
    size_t oldest = 0;
    for (size_t i = 1; i < MARK_PATHS_MAX; i++) {
        if (columns->paths[i].last_ask < columns->paths[oldest].last_ask) {
            oldest = i;
        }
    }
    for (size_t i = 0; i < columns->page_count; i++) {
        if (columns->pages[i] != NULL) {
            free_path_of_page(columns, columns->pages[i], oldest);
        }
    }
    struct mark_path *path = &columns->paths[oldest];
    buf_finish(&path->name);
    *path = (struct mark_path){.attribute = attribute,
                               .name = *name,
                               .first_ask = columns->asks,
                               .last_ask = columns->asks};
    *name = BUF_INIT(0);
}

bool marks_ask(struct columns *columns, const struct query_equality *equality,
               struct mark_handle *ret_handle)
{
    CLEANUP(buf_finish) struct buf name = BUF_INIT(NAME_SIZE_MAX);
    write_name(&name, equality);
    if ((unsigned)equality->attribute >= COLUMN_ATTRIBUTES || buf_status(&name) != STATUS_OK) {
        return false;
    }
    columns->asks++;
    struct mark_path *path = find_path(columns, buf_str(&name));
    if (path == NULL) {
        replace_oldest(columns, equality->attribute, &name);
        return false;
    }
    path->last_ask = columns->asks;
    *ret_handle =
        (struct mark_handle){.path = (size_t)(path - columns->paths), .first_ask = path->first_ask};
    return true;
}

bool marks_stand(const struct columns *columns, struct mark_handle handle)
{
    return columns->paths[handle.path].first_ask == handle.first_ask;
}

/* ---- marks ---- */

uint16_t mark_of(const struct query_value *value)
{
    const uint64_t hash = query_value_hash(value);
    if (hash == 0) {
        return 0;
    }
    const uint16_t mark = (uint16_t)(hash ^ hash >> 16 ^ hash >> 32 ^ hash >> 48);
    return mark == 0 ? 1 : mark;
}

static struct marks *marks_of(const struct columns *columns, struct mark_handle handle,
                              int64_t block)
{
    const struct page *page = columns_page(columns, block);
    return page == NULL ? NULL : page->marks[handle.path];
}

uint64_t marks_missing(const struct columns *columns, struct mark_handle handle, int64_t block)
{
    const struct marks *marks = marks_of(columns, handle, block);
    return marks == NULL ? UINT64_MAX : ~marks->made[place_in_page(block)];
}

void marks_keep(struct columns *columns, struct mark_handle handle, int64_t block, uint64_t places,
                const uint16_t marks[BLOCK_IDS])
{
    struct page *page = columns_page(columns, block);
    assert(page != NULL);
    if (page->marks[handle.path] == NULL) {
        page->marks[handle.path] = columns_alloc(columns, sizeof(struct marks));
    }
    struct marks *kept = page->marks[handle.path];
    if (kept == NULL) {
        return;
    }
    for (uint64_t left = places; left != 0; left &= left - 1) {
        const unsigned place = (unsigned)__builtin_ctzll(left);
        kept->marks[place_in_page(block)][place] = marks[place];
    }
    kept->made[place_in_page(block)] |= places;
}

void marks_forget(struct columns *columns, struct page *page, int64_t block, uint64_t attributes,
                  uint64_t places)
{
    for (size_t i = 0; i < MARK_PATHS_MAX; i++) {
        if (page->marks[i] != NULL && QUERY_HAS(attributes, columns->paths[i].attribute)) {
            page->marks[i]->made[place_in_page(block)] &= ~places;
        }
    }
}

/* Four marks at a time: a lane of `unequal` is zero where the mark is the wanted one, and taking
 * one from each lane sets the top bit of a lane that was zero. Other lanes may be taken for zero by
 * the borrow, never missed; the exact look follows only where there is one. */
static bool any_match(const uint16_t marks[BLOCK_IDS], uint16_t wanted)
{
    const uint64_t ones = UINT64_C(0x0001000100010001);
    uint64_t zero_lanes = 0;
    for (size_t i = 0; i < BLOCK_IDS; i += 4) {
        uint64_t four;
        memcpy(&four, marks + i, sizeof(four));
        const uint64_t unequal = four ^ ones * wanted;
        zero_lanes |= (unequal - ones) & ~unequal;
    }
    return (zero_lanes & ones << 15) != 0;
}

uint64_t marks_match(const struct columns *columns, struct mark_handle handle, int64_t block,
                     uint16_t wanted)
{
    assert(wanted != 0);
    const struct marks *of_page = marks_of(columns, handle, block);
    if (of_page == NULL) {
        return UINT64_MAX;
    }
    const uint16_t *marks = of_page->marks[place_in_page(block)];
    uint64_t found = ~of_page->made[place_in_page(block)];
    if (any_match(marks, wanted)) {
        for (size_t i = 0; i < BLOCK_IDS; i++) {
            found |= (uint64_t)(marks[i] == wanted) << i;
        }
    }
    return found;
}
