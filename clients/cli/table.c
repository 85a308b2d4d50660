/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <unistd.h>

#include "clients/cli/output_internal.h"
#include "clients/cli/terminal.h"

enum { WAITING_MAX = 1000, WIDTH_LEAST = 8, GAP = 2, CELL_MAX = 4 << 20 };

/* ---- columns ---- */

static bool has_column(const struct cli_column *members, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(members[i].path, name) == 0) {
            return true;
        }
    }
    return false;
}

size_t output_add_members(struct cli_column *members, size_t count, const cJSON *row,
                          struct arena *arena)
{
    const cJSON *member = cJSON_IsObject(row) ? row->child : NULL;
    for (; member != NULL && count < CLI_COLUMNS_MAX; member = member->next) {
        if (has_column(members, count, member->string)) {
            continue;
        }
        const char *name =
            arena == NULL ? member->string : arena_copy(arena, str_from(member->string));
        if (name != NULL) {
            members[count++] = (struct cli_column){.title = name, .path = name};
        }
    }
    return count;
}

void output_table_choose(struct cli_rows *rows, const cJSON *row)
{
    if (rows->columns.items == NULL || rows->columns.items == rows->members) {
        rows->columns.items = rows->members;
        rows->columns.count =
            output_add_members(rows->members, rows->columns.count, row, &rows->arena);
    }
    rows->laid_out = true;
}

/* ---- widths ---- */

static void grow_to_cell(size_t *width, const cJSON *row, const char *path)
{
    CLEANUP(buf_finish) struct buf cell = BUF_INIT(CELL_MAX);
    output_append_shown(&cell, output_at(row, path));
    const size_t needed = text_width(buf_str(&cell));
    *width = needed > *width ? needed : *width;
}

static void measure(struct cli_rows *rows)
{
    for (size_t i = 0; i < rows->columns.count; i++) {
        const struct cli_column *column = &rows->columns.items[i];
        rows->widths[i] = text_width(str_from(column->title));
        if (rows->stream && column->width > rows->widths[i]) {
            rows->widths[i] = column->width;
        }
        const cJSON *row = NULL;
        cJSON_ArrayForEach(row, rows->waiting)
        {
            grow_to_cell(&rows->widths[i], row, column->path);
        }
    }
    if (isatty(STDOUT_FILENO) && !rows->stream) {
        output_fit(rows->widths, rows->columns.count, terminal_width(STDOUT_FILENO));
    }
}

void output_fit(size_t *widths, size_t count, size_t width)
{
    for (;;) {
        size_t total = 0;
        size_t widest = 0;
        for (size_t i = 0; i < count; i++) {
            total += widths[i] + (i > 0 ? GAP : 0);
            widest = widths[i] > widths[widest] ? i : widest;
        }
        if (total <= width || count == 0 || widths[widest] <= WIDTH_LEAST) {
            return;
        }
        const size_t over = total - width;
        const size_t spare = widths[widest] - WIDTH_LEAST;
        /* Small steps, so that two wide columns share what is missing. */
        const size_t step = over > 8 ? over / 8 : 1;
        widths[widest] -= step < spare ? step : spare;
    }
}

/* ---- lines ---- */

static void append_cell(struct cli_rows *rows, size_t column, struct str cell)
{
    const bool cuts = isatty(STDOUT_FILENO) != 0;
    const bool last = column + 1 == rows->columns.count;
    const size_t width = rows->widths[column];
    const size_t start = rows->out.size;
    text_append_cut(&rows->out, cell, cuts && !(rows->stream && last) ? width : SIZE_MAX);
    if (!last && buf_status(&rows->out) == STATUS_OK) {
        const struct str written = str_skip(buf_str(&rows->out), start);
        const size_t used = text_width(written);
        buf_append_format(&rows->out, "%*s", (int)(used < width ? width - used + GAP : GAP), "");
    }
}

static void append_line(struct cli_rows *rows, const cJSON *row)
{
    const size_t start = rows->out.size;
    for (size_t i = 0; i < rows->columns.count; i++) {
        CLEANUP(buf_finish) struct buf cell = BUF_INIT(CELL_MAX);
        output_append_shown(&cell, output_at(row, rows->columns.items[i].path));
        append_cell(rows, i, buf_str(&cell));
    }
    while (rows->out.size > start && rows->out.data[rows->out.size - 1] == ' ') {
        buf_truncate(&rows->out, rows->out.size - 1);
    }
    buf_append_byte(&rows->out, '\n');
}

static void append_head(struct cli_rows *rows)
{
    for (size_t i = 0; i < rows->columns.count; i++) {
        append_cell(rows, i, str_from(rows->columns.items[i].title));
    }
    buf_append_byte(&rows->out, '\n');
    for (size_t i = 0; i < rows->columns.count; i++) {
        CLEANUP(buf_finish) struct buf dashes = BUF_INIT(CELL_MAX);
        for (size_t dash = 0; dash < rows->widths[i]; dash++) {
            buf_append_byte(&dashes, '-');
        }
        append_cell(rows, i, buf_str(&dashes));
    }
    buf_append_byte(&rows->out, '\n');
}

/* ---- rows ---- */

static void lay_out(struct cli_rows *rows)
{
    const cJSON *row = NULL;
    cJSON_ArrayForEach(row, rows->waiting)
    {
        output_table_choose(rows, row);
    }
    rows->laid_out = true;
    measure(rows);
    append_head(rows);
    cJSON_ArrayForEach(row, rows->waiting)
    {
        append_line(rows, row);
    }
    cJSON_Delete(rows->waiting);
    rows->waiting = NULL;
}

static bool wait_for_more(struct cli_rows *rows, const cJSON *row)
{
    if (rows->waiting == NULL) {
        rows->waiting = cJSON_CreateArray();
    }
    cJSON *copy = cJSON_Duplicate(row, true);
    if (rows->waiting == NULL || !cJSON_AddItemToArray(rows->waiting, copy)) {
        cJSON_Delete(copy);
        return false;
    }
    return true;
}

void output_table_add(struct cli_rows *rows, const cJSON *row)
{
    if (rows->laid_out) {
        append_line(rows, row);
        return;
    }
    if (!wait_for_more(rows, row)) {
        rows->failed = true;
        (void)cli_fail(CLI_FAILED, "the answer cannot be shown: out of memory");
    } else if (rows->stream || cJSON_GetArraySize(rows->waiting) >= WAITING_MAX) {
        lay_out(rows);
    }
}

void output_table_finish(struct cli_rows *rows)
{
    if (!rows->laid_out && rows->waiting != NULL) {
        lay_out(rows);
    }
}
