/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_CLI_TERMINAL_H
#define CLIENTS_CLI_TERMINAL_H

/* How wide the terminal is, and how wide text is on it. */
#include <stddef.h>

#include "base/buf.h"
#include "base/str.h"

/* Columns of the terminal behind `fd`: $COLUMNS where that is set, else what it says, else 80. */
size_t terminal_width(int fd);

/*
 * Columns that UTF-8 text takes: an East Asian character or an emoji two, a combining mark none.
 * Bytes that are no UTF-8, and control characters, count as one each.
 */
size_t text_width(struct str text);

/* Appends as much of `text` as fits `width` columns; what is cut off leaves an ellipsis. */
void text_append_cut(struct buf *out, struct str text, size_t width);

/* Appends `text` in lines of at most `width` columns, each after `indent` spaces, broken at spaces.
 * The first line's indent stands already. Line feeds of the text are kept. */
void text_append_wrapped(struct buf *out, struct str text, size_t indent, size_t width);

#endif
