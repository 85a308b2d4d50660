/* SPDX-License-Identifier: MIT */
#ifndef BENCH_AMQP_VALUE_H
#define BENCH_AMQP_VALUE_H

/*
 * Frames and values of AMQP 1.0 (its part 1), as much as the load generator says and hears. Writers
 * append to a buf; readers walk a str and answer false where it ends too early.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

enum { AMQP_FRAME_HEAD = 8, AMQP_TYPE_AMQP = 0, AMQP_TYPE_SASL = 1 };

/* Descriptors of performatives, sections and outcomes. */
enum amqp_descriptor {
    AMQP_OPEN = 0x10,
    AMQP_BEGIN = 0x11,
    AMQP_ATTACH = 0x12,
    AMQP_FLOW = 0x13,
    AMQP_TRANSFER = 0x14,
    AMQP_DISPOSITION = 0x15,
    AMQP_DETACH = 0x16,
    AMQP_END = 0x17,
    AMQP_CLOSE = 0x18,
    AMQP_ERROR = 0x1d,
    AMQP_ACCEPTED = 0x24,
    AMQP_SOURCE = 0x28,
    AMQP_TARGET = 0x29,
    AMQP_SASL_MECHANISMS = 0x40,
    AMQP_SASL_INIT = 0x41,
    AMQP_SASL_OUTCOME = 0x44,
    AMQP_PROPERTIES = 0x73,
    AMQP_DATA = 0x75,
};

/* ---- writing ---- */

void amqp_put_null(struct buf *out);
void amqp_put_boolean(struct buf *out, bool value);
void amqp_put_ubyte(struct buf *out, uint8_t value);
void amqp_put_ushort(struct buf *out, uint16_t value);
void amqp_put_uint(struct buf *out, uint32_t value); /* always five bytes ... */
void amqp_put_zero(struct buf *out);                 /* ... but this is a uint of one */
void amqp_put_string(struct buf *out, struct str text);
void amqp_put_symbol(struct buf *out, struct str text);
void amqp_put_binary(struct buf *out, struct str bytes);

/* A described list of `count` values, which are appended between the two. At its end what was
 * appended moves AMQP_LIST_SAVED bytes to the front, when it is less than 255 bytes. */
enum { AMQP_LIST_SAVED = 6 };
size_t amqp_list_begin(struct buf *out, enum amqp_descriptor descriptor, uint32_t count);
void amqp_list_end(struct buf *out, size_t begun);

/* A frame on channel 0, around what is appended between the two. */
size_t amqp_frame_begin(struct buf *out, uint8_t type);
void amqp_frame_end(struct buf *out, size_t begun);

/* Four bytes, as numbers stand on the wire. */
void amqp_write_u32(char *at, uint32_t value);
uint32_t amqp_read_u32(const char *at);

/* ---- reading ---- */

struct amqp_value {
    uint64_t descriptor; /* 0: none, or one that is a symbol */
    uint8_t code;        /* of the value itself; 0x40: null */
    uint64_t number;     /* of fixed-width values; booleans too */
    struct str bytes;    /* of variable-width ones; of lists and maps: their values, encoded */
    uint32_t count;      /* values in a list or map */
};

/* The next value, taken off the front of `in`. */
bool amqp_take(struct str *in, struct amqp_value *ret_value);

bool amqp_is_null(const struct amqp_value *value);

#endif
