/* SPDX-License-Identifier: MIT */
#include "clients/cli/terminal.h"

#include <locale.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <wchar.h>

enum { WIDTH_DEFAULT = 80, WIDTH_MIN = 20, WIDTH_MAX = 10000 };

size_t terminal_width(int fd)
{
    const char *columns = getenv("COLUMNS");
    uint64_t width = 0;
    struct winsize size = {0};
    if (columns == NULL || !str_to_u64(str_from(columns), &width) || width == 0) {
        width = ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : WIDTH_DEFAULT;
    }
    return width < WIDTH_MIN ? WIDTH_MIN : width > WIDTH_MAX ? WIDTH_MAX : (size_t)width;
}

/* ---- one character ---- */

static uint32_t decode(struct str bytes)
{
    static const uint8_t first_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t point = (uint8_t)bytes.data[0] & first_bits[bytes.size];
    for (size_t i = 1; i < bytes.size; i++) {
        point = point << 6 | ((uint8_t)bytes.data[i] & 0x3fU);
    }
    return point;
}

/* The C library knows Unicode's widths, but only in a locale that has the characters. */
static size_t point_width(uint32_t point)
{
    static locale_t unicode;
    if (point < 0x80) {
        return 1;
    }
    if (unicode == (locale_t)0) {
        unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    }
    if (unicode == (locale_t)0) {
        return 1;
    }
    const locale_t before = uselocale(unicode);
    const int width = wcwidth((wchar_t)point);
    (void)uselocale(before);
    return width < 0 ? 1 : (size_t)width;
}

/* The next character's bytes; a byte that begins none is taken alone. */
static struct str next_character(struct str text, size_t *ret_width)
{
    const size_t size = str_utf8_size(text);
    const struct str character = str_of(text.data, size == 0 ? 1 : size);
    *ret_width = size == 0 ? 1 : point_width(decode(character));
    return character;
}

/* ---- text ---- */

size_t text_width(struct str text)
{
    size_t total = 0;
    while (text.size > 0) {
        size_t width = 0;
        text = str_skip(text, next_character(text, &width).size);
        total += width;
    }
    return total;
}

void text_append_cut(struct buf *out, struct str text, size_t width)
{
    if (text_width(text) <= width) {
        buf_append_str(out, text);
        return;
    }
    size_t used = 1; /* the ellipsis */
    size_t next_width = 0;
    for (struct str next = next_character(text, &next_width); used + next_width <= width;
         next = next_character(text, &next_width)) {
        buf_append_str(out, next);
        used += next_width;
        text = str_skip(text, next.size);
    }
    if (width > 0) {
        buf_append_str(out, STR("\u2026"));
    }
}

static void new_line(struct buf *out, size_t indent)
{
    buf_append_format(out, "\n%*s", (int)indent, "");
}

static void append_line(struct buf *out, struct str line, size_t indent, size_t width)
{
    size_t used = indent;
    while (line.size > 0) {
        struct str word = STR_EMPTY;
        (void)str_cut(line, ' ', &word, &line);
        const size_t needed = text_width(word);
        if (used > indent && used + 1 + needed > width) {
            new_line(out, indent);
            used = indent;
        } else if (used > indent) {
            buf_append_byte(out, ' ');
            used++;
        }
        buf_append_str(out, word);
        used += needed;
    }
}

void text_append_wrapped(struct buf *out, struct str text, size_t indent, size_t width)
{
    bool more = true;
    for (bool first = true; more; first = false) {
        struct str line = STR_EMPTY;
        more = str_cut(text, '\n', &line, &text);
        if (!first) {
            if (line.size == 0) {
                buf_append_byte(out, '\n');
                continue;
            }
            new_line(out, indent);
        }
        append_line(out, line, indent, width);
    }
}
