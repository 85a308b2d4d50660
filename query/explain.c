/* SPDX-License-Identifier: MIT */
#include "query/explain_internal.h"

#include <stdarg.h>
#include <stdio.h>

#include "query/query.h"

enum { CARET_WIDTH = 76, CARET_BEFORE = 50, QUOTED_MAX = 40 };

static bool continues_character(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

static size_t count_characters(struct str s)
{
    size_t count = 0;
    for (size_t i = 0; i < s.size; i++) {
        count += continues_character(s.data[i]) ? 0 : 1;
    }
    return count;
}

static size_t line_start(struct str text, size_t offset)
{
    while (offset > 0 && text.data[offset - 1] != '\n') {
        offset--;
    }
    return offset;
}

enum status query_explain(struct problem *problem, struct str text, size_t offset,
                          const char *format, ...)
{
    if (problem == NULL) {
        return STATUS_INVALID;
    }
    size_t line = 1;
    for (size_t i = 0; i < offset; i++) {
        line += text.data[i] == '\n' ? 1 : 0;
    }
    const size_t start = line_start(text, offset);
    const size_t column = count_characters(str_of(text.data + start, offset - start)) + 1;
    char message[PROBLEM_TEXT_SIZE];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    problem_set(problem, offset,
                "SQL query parse failed due to following errors: \n\tLine %zu:%zu %s", line, column,
                message);
    return STATUS_INVALID;
}

const char *query_explain_quote(struct str token, char out[QUERY_QUOTE_SIZE])
{
    if (token.size == 0) {
        return "end of the query";
    }
    size_t size = token.size;
    if (size > QUOTED_MAX) {
        size = QUOTED_MAX;
        while (size > 0 && continues_character(token.data[size])) {
            size--;
        }
    }
    (void)snprintf(out, QUERY_QUOTE_SIZE, "'%.*s%s'", (int)size, token.data,
                   size < token.size ? "..." : "");
    return out;
}

/* The part of a line that fits beside the caret, cut at whole characters. */
struct window {
    size_t start, end;
    bool cut_before, cut_after;
};

static struct window window_around(struct str text, size_t offset)
{
    struct window window = {.start = line_start(text, offset), .end = offset};
    while (window.end < text.size && text.data[window.end] != '\n') {
        window.end++;
    }
    if (offset - window.start > CARET_BEFORE) {
        window.cut_before = true;
        window.start = offset - CARET_BEFORE;
        while (window.start < offset && continues_character(text.data[window.start])) {
            window.start++;
        }
    }
    if (window.end - window.start > CARET_WIDTH) {
        window.cut_after = true;
        window.end = window.start + CARET_WIDTH;
        while (window.end > offset && continues_character(text.data[window.end])) {
            window.end--;
        }
    }
    return window;
}

void query_caret_append(struct buf *out, struct str text, size_t offset)
{
    offset = offset > text.size ? text.size : offset;
    const struct window window = window_around(text, offset);
    const bool is_text = str_is_utf8(text);
    size_t indent = window.cut_before ? 3 : 0;
    buf_append_str(out, window.cut_before ? STR("...") : STR_EMPTY);
    for (size_t i = window.start; i < window.end; i++) {
        const char c = text.data[i];
        const bool high = (unsigned char)c >= 0x80;
        /* What would move the caret or the terminal is shown as one plain character. */
        const bool odd = (unsigned char)c < 0x20 || c == 0x7F || (high && !is_text);
        buf_append_byte(out, (uint8_t)(!odd ? c : c == '\t' || c == '\r' ? ' ' : '?'));
        indent += i < offset && !(is_text && continues_character(c)) ? 1 : 0;
    }
    buf_append_str(out, window.cut_after ? STR("...\n") : STR("\n"));
    buf_append_format(out, "%*s^\n", (int)indent, "");
}
