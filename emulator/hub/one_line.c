/* SPDX-License-Identifier: MIT */
#include "hub/hub.h"

/*
 * A refused query is explained in lines, the last of which is only a '^' under the place. A log has
 * one line for an event: there the mark goes into the text, before the character it stood under.
 */
static bool is_break(char c)
{
    return c == '\n' || c == '\r' || c == '\t';
}

/* Whether a line is spaces and a '^'; *ret_column is how many spaces. */
static bool is_mark(struct str line, size_t *ret_column)
{
    size_t column = 0;
    while (column < line.size && line.data[column] == ' ') {
        column++;
    }
    *ret_column = column;
    return column + 1 == line.size && line.data[column] == '^';
}

/* The bytes of the first `count` characters. */
static size_t skip_characters(struct str text, size_t count)
{
    size_t at = 0;
    while (at < text.size && count > 0) {
        const size_t size = str_utf8_size(str_skip(text, at));
        at += size == 0 ? 1 : size;
        count--;
    }
    return at;
}

void hub_one_line_append(struct buf *out, struct str text)
{
    const size_t start = out->size;
    while (text.size > 0) {
        struct str line;
        struct str after;
        size_t column = 0;
        (void)str_cut(text, '\n', &line, &text);
        (void)str_cut(text, '\n', &after, &(struct str){0});
        while (line.size > 0 && is_break(line.data[0])) {
            line = str_skip(line, 1);
        }
        const bool follows = out->size > start;
        if (!is_mark(after, &column)) {
            buf_append_str(out, follows && out->data[out->size - 1] != ' ' ? STR(" ") : STR_EMPTY);
            buf_append_str(out, line);
            continue;
        }
        const size_t at = skip_characters(line, column);
        buf_append_str(out, follows ? STR("; at: ") : STR_EMPTY);
        buf_append_str(out, str_of(line.data, at));
        buf_append_byte(out, '^');
        buf_append_str(out, str_skip(line, at));
        text = str_skip(text, after.size + 1);
    }
}
