/* SPDX-License-Identifier: MIT */
#ifndef BASE_BUF_H
#define BASE_BUF_H

/*
 * A growable run of bytes with a maximum given at the start. Appending never has to be checked step
 * by step: a refused allocation or a passed maximum sticks, further appends do nothing, and
 * buf_status() tells once at the end. The bytes are always followed by a NUL that does not count.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/status.h"
#include "base/str.h"

struct buf {
    char *data; /* owned; NULL while nothing was appended */
    size_t size;
    size_t capacity;
    size_t size_max;
    enum status failed; /* STATUS_OK, STATUS_NO_MEMORY or STATUS_LIMIT */
};

#define BUF_INIT(max) ((struct buf){.size_max = (max)})

void buf_init(struct buf *buf, size_t size_max);
void buf_finish(struct buf *buf); /* takes NULL, zeroed and finished ones */

/* Empties it, keeping the memory, and forgives a failure. */
void buf_clear(struct buf *buf);

void buf_append(struct buf *buf, const void *data, size_t size);
void buf_append_str(struct buf *buf, struct str s);
void buf_append_byte(struct buf *buf, uint8_t byte);
void buf_append_format(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);

/*
 * Room for `size` more bytes at the end, to be written in place, or NULL when it failed. Follow
 * with buf_grown(buf, how many were written).
 */
MUST_CHECK void *buf_room(struct buf *buf, size_t size);
void buf_grown(struct buf *buf, size_t size);

/* Drops the first `size` bytes, moving the rest to the front. */
void buf_consume(struct buf *buf, size_t size);

/* Cuts to `size` bytes, at most what there is. */
void buf_truncate(struct buf *buf, size_t size);

struct str buf_str(const struct buf *buf); /* borrowed until the next change; "" when empty */
MUST_CHECK enum status buf_status(const struct buf *buf);

/* Moves the bytes out; free with mem_free(). NULL when the buffer failed or is empty. */
MUST_CHECK char *buf_take(struct buf *buf);

#endif
