/* SPDX-License-Identifier: MIT */
#ifndef AMQP_VALUE_H
#define AMQP_VALUE_H

/*
 * AMQP 1.0 values: typed, self-describing bytes (AMQP 1.0 part 1). Read from the caller's bytes
 * without copying, written into a buffer. Our own beside Proton's codec, which copies a message
 * into trees of nodes first, reads malformed texts, and cannot say what was wrong or where
 * (tests/bench/amqp_message.c measures both).
 *
 *   amqp_reader_init(&reader, bytes, &problem);
 *   while (amqp_read(&reader, &value)) ...
 *   if (reader.failed) ... the problem says where and why
 *
 * A value is checked all through when it is read: sizes, counts, depth, UTF-8. What stands inside
 * one can then be walked without looking for failure.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/status.h"
#include "base/str.h"

/* Lists in maps in lists; described values count too. Nobody needs more than a handful. */
#define AMQP_DEPTH_MAX 16U

enum amqp_type {
    AMQP_NULL,
    AMQP_BOOLEAN,   /* u: 0 or 1 */
    AMQP_UBYTE,     /* u */
    AMQP_USHORT,    /* u */
    AMQP_UINT,      /* u */
    AMQP_ULONG,     /* u */
    AMQP_BYTE,      /* i */
    AMQP_SHORT,     /* i */
    AMQP_INT,       /* i */
    AMQP_LONG,      /* i */
    AMQP_FLOAT,     /* d */
    AMQP_DOUBLE,    /* d */
    AMQP_DECIMAL,   /* bytes: 4, 8 or 16 of them */
    AMQP_CHAR,      /* u: a code point */
    AMQP_TIMESTAMP, /* i: milliseconds since 1970 */
    AMQP_UUID,      /* bytes: 16, in the order of the text */
    AMQP_BINARY,    /* bytes */
    AMQP_STRING,    /* bytes: UTF-8 */
    AMQP_SYMBOL,    /* bytes: ASCII */
    AMQP_LIST,      /* bytes: its values, one after the other; count */
    AMQP_MAP,       /* bytes: key, value, key ...; count: of both together */
    AMQP_ARRAY,     /* bytes: the constructor of all and their contents; count */
    AMQP_DESCRIBED, /* bytes: descriptor, value */
};

struct amqp_value {
    enum amqp_type type;
    uint32_t count;
    union {
        uint64_t u;
        int64_t i;
        double d;
        struct str bytes; /* in what was read */
    };
};

/* The type's name in the standard, for people: "ulong". */
const char *amqp_type_name(enum amqp_type type);

/* True for a string or symbol with these bytes. */
bool amqp_is_text(const struct amqp_value *value, struct str text);

/* A whole number of any type that fits; false: it is none. */
bool amqp_whole_number(const struct amqp_value *value, int64_t *ret_number);

/* ---- reading ---- */

struct amqp_reader {
    struct str left;         /* borrowed */
    const char *start;       /* offsets in problems count from here */
    bool failed;             /* sticks: every later read fails too */
    bool checked;            /* the bytes were read once: texts need no second look */
    struct problem *problem; /* may be NULL */
};

void amqp_reader_init(struct amqp_reader *reader, struct str bytes, struct problem *problem);

/* A reader of the values inside a list, a map or a described value that was read. */
struct amqp_reader amqp_reader_inside(const struct amqp_value *compound);

/* The next value. False at the end of the bytes, or when they are malformed: then `failed` says so
 * and the problem says at which byte and why. */
bool amqp_read(struct amqp_reader *reader, struct amqp_value *ret_value);

/*
 * For who walks everything once: reads a value without looking into it. A list or map that came so
 * is read through by a reader of its own, which amqp_reader_finish() ends: it reads what is left of
 * the count and refuses what is left after it. Copy its `failed` back.
 */
bool amqp_read_outside(struct amqp_reader *reader, struct amqp_value *ret_value);
struct amqp_reader amqp_reader_into(const struct amqp_reader *outer,
                                    const struct amqp_value *compound);
bool amqp_reader_finish(struct amqp_reader *inside, const struct amqp_value *compound,
                        uint32_t read_count);

/* Makes the reader fail where it stands, unless it failed before. */
void amqp_reader_refuse(struct amqp_reader *reader, const char *format, ...) PRINTF_LIKE(2, 3);

/* The next pair of a map. False at its end. */
bool amqp_map_next(struct amqp_reader *reader, struct amqp_value *ret_key,
                   struct amqp_value *ret_value);

/* The value of the first key that is this string or symbol. False when there is none, or when `map`
 * is no map. */
bool amqp_map_find(const struct amqp_value *map, struct str key, struct amqp_value *ret_value);

/* The nth value (from 0) of an array of strings or symbols, or of a list; a single value counts as
 * an array of itself. False past its end. */
bool amqp_array_text(const struct amqp_value *array, uint32_t n, struct str *ret_text);

/* ---- making ---- */

static inline struct amqp_value amqp_bytes_of(enum amqp_type type, struct str bytes)
{
    return (struct amqp_value){.type = type, .bytes = bytes};
}
static inline struct amqp_value amqp_string(struct str text)
{
    return amqp_bytes_of(AMQP_STRING, text);
}
static inline struct amqp_value amqp_symbol(struct str text)
{
    return amqp_bytes_of(AMQP_SYMBOL, text);
}
static inline struct amqp_value amqp_binary(struct str bytes)
{
    return amqp_bytes_of(AMQP_BINARY, bytes);
}
static inline struct amqp_value amqp_uuid(struct str sixteen_bytes)
{
    return amqp_bytes_of(AMQP_UUID, sixteen_bytes);
}
static inline struct amqp_value amqp_boolean(bool truth)
{
    return (struct amqp_value){.type = AMQP_BOOLEAN, .u = truth ? 1 : 0};
}
static inline struct amqp_value amqp_ubyte(uint8_t number)
{
    return (struct amqp_value){.type = AMQP_UBYTE, .u = number};
}
static inline struct amqp_value amqp_uint(uint32_t number)
{
    return (struct amqp_value){.type = AMQP_UINT, .u = number};
}
static inline struct amqp_value amqp_ulong(uint64_t number)
{
    return (struct amqp_value){.type = AMQP_ULONG, .u = number};
}
static inline struct amqp_value amqp_int(int32_t number)
{
    return (struct amqp_value){.type = AMQP_INT, .i = number};
}
static inline struct amqp_value amqp_long(int64_t number)
{
    return (struct amqp_value){.type = AMQP_LONG, .i = number};
}
static inline struct amqp_value amqp_timestamp(int64_t time_us)
{
    return (struct amqp_value){.type = AMQP_TIMESTAMP, .i = time_us / 1000};
}

/* ---- writing ---- */

/* Appends any value in its shortest form, lists, maps and arrays with the bytes they were read
 * with. A text that is not what its type demands gets U+FFFD, a symbol '?', for each bad byte: what
 * came in over another protocol may hold any bytes. */
void amqp_append(struct buf *out, const struct amqp_value *value);
void amqp_append_null(struct buf *out);
void amqp_append_string(struct buf *out, struct str text);
void amqp_append_symbol(struct buf *out, struct str text);
void amqp_append_binary(struct buf *out, struct str bytes);

/* A list or map around what is appended between the two calls. `count` is of values: a map's keys
 * count too. */
struct amqp_open {
    size_t at; /* of its size, in the buffer */
};
struct amqp_open amqp_open_list(struct buf *out);
struct amqp_open amqp_open_map(struct buf *out);
void amqp_close(struct buf *out, struct amqp_open open, uint32_t count);

/* An array of strings, as "partition_ids" is. */
void amqp_append_string_array(struct buf *out, const struct str *texts, uint32_t count);

/* What stands before a section or another described value. */
void amqp_append_descriptor(struct buf *out, uint64_t code);

#endif
