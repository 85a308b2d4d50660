/* SPDX-License-Identifier: MIT */
#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"

enum { CAPACITY_FIRST = 64 };

void buf_init(struct buf *buf, size_t size_max)
{
    assert(size_max < SIZE_MAX / 4);
    *buf = BUF_INIT(size_max);
}

void buf_finish(struct buf *buf)
{
    if (buf == NULL) {
        return;
    }
    mem_free(buf->data);
    *buf = (struct buf){.size_max = buf->size_max};
}

void buf_clear(struct buf *buf)
{
    buf->size = 0;
    buf->failed = STATUS_OK;
    if (buf->data != NULL) {
        buf->data[0] = '\0';
    }
}

void *buf_room(struct buf *buf, size_t size)
{
    if (buf->failed != STATUS_OK) {
        return NULL;
    }
    if (size > buf->size_max - buf->size) {
        buf->failed = STATUS_LIMIT;
        return NULL;
    }
    const size_t needed = buf->size + size + 1;
    if (needed > buf->capacity) {
        size_t capacity = buf->capacity == 0 ? CAPACITY_FIRST : buf->capacity * 2;
        if (capacity < needed) {
            capacity = needed;
        }
        char *data = mem_realloc(buf->data, capacity);
        if (data == NULL) {
            buf->failed = STATUS_NO_MEMORY;
            return NULL;
        }
        buf->data = data;
        buf->capacity = capacity;
    }
    buf->data[buf->size] = '\0';
    return buf->data + buf->size;
}

void buf_grown(struct buf *buf, size_t size)
{
    assert(buf->size + size < buf->capacity);
    buf->size += size;
    buf->data[buf->size] = '\0';
}

void buf_append(struct buf *buf, const void *data, size_t size)
{
    if (size == 0) {
        return;
    }
    char *room = buf_room(buf, size);
    if (room != NULL) {
        memcpy(room, data, size);
        buf_grown(buf, size);
    }
}

void buf_append_str(struct buf *buf, struct str s)
{
    buf_append(buf, s.data, s.size);
}

void buf_append_byte(struct buf *buf, uint8_t byte)
{
    buf_append(buf, &byte, 1);
}

void buf_append_format(struct buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    const int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *room = size < 0 ? NULL : buf_room(buf, (size_t)size);
    if (room != NULL) {
        (void)vsnprintf(room, (size_t)size + 1, format, again);
        buf_grown(buf, (size_t)size);
    }
    va_end(again);
}

void buf_consume(struct buf *buf, size_t size)
{
    assert(size <= buf->size);
    if (size == 0) {
        return;
    }
    buf->size -= size;
    memmove(buf->data, buf->data + size, buf->size);
    buf->data[buf->size] = '\0';
}

void buf_truncate(struct buf *buf, size_t size)
{
    if (size < buf->size) {
        buf->size = size;
        buf->data[size] = '\0';
    }
}

struct str buf_str(const struct buf *buf)
{
    return buf->data == NULL ? STR_EMPTY : str_of(buf->data, buf->size);
}

enum status buf_status(const struct buf *buf)
{
    return buf->failed;
}

char *buf_take(struct buf *buf)
{
    char *data = buf->failed == STATUS_OK ? TAKE(buf->data) : NULL;
    buf_finish(buf);
    return data;
}
