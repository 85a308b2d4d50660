/* SPDX-License-Identifier: MIT */
/* Writing: each value in its shortest form, but lists and maps with sizes of four bytes, which are
 * known only when all of them is written. */
#include <assert.h>

#include "amqp/value.h"

enum { LIST_32 = 0xd0, MAP_32 = 0xd1, SIZE_AND_COUNT = 8, REPLACEMENT_SIZE = 3 };

static void put_big_endian(uint8_t *out, uint64_t number, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)(number >> (8U * (size - 1 - i)));
    }
}

static void append_coded(struct buf *out, uint8_t code, uint64_t number, size_t size)
{
    uint8_t bytes[9] = {code};
    put_big_endian(bytes + 1, number, size);
    buf_append(out, bytes, size + 1);
}

/* `code` is the one with a size of one byte; that of four stands 0x10 higher. */
static void append_size(struct buf *out, uint8_t code, size_t size)
{
    if (size <= UINT8_MAX) {
        append_coded(out, code, size, 1);
    } else {
        append_coded(out, (uint8_t)(code + 0x10), size, 4);
    }
}

static void append_variable(struct buf *out, uint8_t code, struct str bytes)
{
    append_size(out, code, bytes.size);
    buf_append_str(out, bytes);
}

void amqp_append_null(struct buf *out)
{
    buf_append_byte(out, 0x40);
}

void amqp_append_binary(struct buf *out, struct str bytes)
{
    append_variable(out, 0xa0, bytes);
}

/* Bytes that begin no character, each to become one U+FFFD. */
static size_t count_bad(struct str text)
{
    size_t bad = 0;
    while (text.size > 0) {
        const size_t size = str_utf8_size(text);
        bad += size == 0 ? 1 : 0;
        text = str_skip(text, size == 0 ? 1 : size);
    }
    return bad;
}

static void append_repaired(struct buf *out, struct str text)
{
    append_size(out, 0xa1, text.size + count_bad(text) * (REPLACEMENT_SIZE - 1));
    while (text.size > 0) {
        const size_t size = str_utf8_size(text);
        if (size == 0) {
            buf_append_str(out, STR("\xef\xbf\xbd"));
        } else {
            buf_append(out, text.data, size);
        }
        text = str_skip(text, size == 0 ? 1 : size);
    }
}

void amqp_append_string(struct buf *out, struct str text)
{
    if (str_is_utf8(text)) {
        append_variable(out, 0xa1, text);
    } else {
        append_repaired(out, text);
    }
}

/* Eight bytes at a time: events have a dozen symbols each. */
static bool is_ascii(struct str text)
{
    const uint64_t high_bits = UINT64_C(0x8080808080808080);
    uint64_t word = 0;
    for (; text.size >= sizeof(word); text = str_skip(text, sizeof(word))) {
        memcpy(&word, text.data, sizeof(word));
        if ((word & high_bits) != 0) {
            return false;
        }
    }
    word = 0;
    if (text.size > 0) {
        memcpy(&word, text.data, text.size);
    }
    return (word & high_bits) == 0;
}

void amqp_append_symbol(struct buf *out, struct str text)
{
    append_variable(out, 0xa3, text);
    if (is_ascii(text) || buf_status(out) != STATUS_OK) {
        return;
    }
    uint8_t *written = (uint8_t *)out->data + out->size - text.size;
    for (size_t i = 0; i < text.size; i++) {
        written[i] = written[i] < 0x80 ? written[i] : '?';
    }
}

/* uint and ulong have a form for 0, one for a byte, and a whole one. */
static void append_unsigned(struct buf *out, const struct amqp_value *value)
{
    const bool is_long = value->type == AMQP_ULONG;
    if (value->u == 0) {
        buf_append_byte(out, is_long ? 0x44 : 0x43);
    } else if (value->u <= UINT8_MAX) {
        append_coded(out, is_long ? 0x53 : 0x52, value->u, 1);
    } else {
        append_coded(out, is_long ? 0x80 : 0x70, value->u, is_long ? 8 : 4);
    }
}

/* int and long have one for a byte. */
static void append_signed(struct buf *out, const struct amqp_value *value)
{
    const bool is_long = value->type == AMQP_LONG;
    const uint64_t bits = (uint64_t)value->i;
    if (value->i >= INT8_MIN && value->i <= INT8_MAX) {
        append_coded(out, is_long ? 0x55 : 0x54, bits, 1);
    } else {
        append_coded(out, is_long ? 0x81 : 0x71, bits, is_long ? 8 : 4);
    }
}

static void append_float(struct buf *out, const struct amqp_value *value)
{
    if (value->type == AMQP_FLOAT) {
        const float number = (float)value->d;
        uint32_t bits;
        memcpy(&bits, &number, sizeof(bits));
        append_coded(out, 0x72, bits, 4);
    } else {
        uint64_t bits;
        memcpy(&bits, &value->d, sizeof(bits));
        append_coded(out, 0x82, bits, 8);
    }
}

static void append_decimal(struct buf *out, struct str bytes)
{
    assert(bytes.size == 4 || bytes.size == 8 || bytes.size == 16);
    buf_append_byte(out, bytes.size == 4 ? 0x74 : bytes.size == 8 ? 0x84 : 0x94);
    buf_append_str(out, bytes);
}

static void append_compound(struct buf *out, uint8_t code_32, const struct amqp_value *value)
{
    append_coded(out, code_32, value->bytes.size + 4, 4);
    uint8_t count[4];
    put_big_endian(count, value->count, sizeof(count));
    buf_append(out, count, sizeof(count));
    buf_append_str(out, value->bytes);
}

static void append_uuid(struct buf *out, struct str bytes)
{
    assert(bytes.size == 16);
    buf_append_byte(out, 0x98);
    buf_append_str(out, bytes);
}

void amqp_append(struct buf *out, const struct amqp_value *value)
{
    switch (value->type) {
    case AMQP_NULL:
        amqp_append_null(out);
        break;
    case AMQP_BOOLEAN:
        buf_append_byte(out, value->u != 0 ? 0x41 : 0x42);
        break;
    case AMQP_UBYTE:
        append_coded(out, 0x50, value->u, 1);
        break;
    case AMQP_USHORT:
        append_coded(out, 0x60, value->u, 2);
        break;
    case AMQP_UINT:
    case AMQP_ULONG:
        append_unsigned(out, value);
        break;
    case AMQP_BYTE:
        append_coded(out, 0x51, (uint64_t)value->i, 1);
        break;
    case AMQP_SHORT:
        append_coded(out, 0x61, (uint64_t)value->i, 2);
        break;
    case AMQP_INT:
    case AMQP_LONG:
        append_signed(out, value);
        break;
    case AMQP_FLOAT:
    case AMQP_DOUBLE:
        append_float(out, value);
        break;
    case AMQP_DECIMAL:
        append_decimal(out, value->bytes);
        break;
    case AMQP_CHAR:
        append_coded(out, 0x73, value->u, 4);
        break;
    case AMQP_TIMESTAMP:
        append_coded(out, 0x83, (uint64_t)value->i, 8);
        break;
    case AMQP_UUID:
        append_uuid(out, value->bytes);
        break;
    case AMQP_BINARY:
        amqp_append_binary(out, value->bytes);
        break;
    case AMQP_STRING:
        amqp_append_string(out, value->bytes);
        break;
    case AMQP_SYMBOL:
        amqp_append_symbol(out, value->bytes);
        break;
    case AMQP_LIST:
        append_compound(out, LIST_32, value);
        break;
    case AMQP_MAP:
        append_compound(out, MAP_32, value);
        break;
    case AMQP_ARRAY:
        append_compound(out, 0xf0, value);
        break;
    case AMQP_DESCRIBED:
        buf_append_byte(out, 0x00);
        buf_append_str(out, value->bytes);
        break;
    }
}

static struct amqp_open open_compound(struct buf *out, uint8_t code)
{
    static const uint8_t later[SIZE_AND_COUNT] = {0};
    buf_append_byte(out, code);
    const struct amqp_open open = {.at = out->size};
    buf_append(out, later, sizeof(later));
    return open;
}

struct amqp_open amqp_open_list(struct buf *out)
{
    return open_compound(out, LIST_32);
}

struct amqp_open amqp_open_map(struct buf *out)
{
    return open_compound(out, MAP_32);
}

void amqp_close(struct buf *out, struct amqp_open open, uint32_t count)
{
    if (buf_status(out) != STATUS_OK) {
        return;
    }
    assert(open.at + SIZE_AND_COUNT <= out->size);
    uint8_t *header = (uint8_t *)out->data + open.at;
    put_big_endian(header, out->size - open.at - 4, 4);
    put_big_endian(header + 4, count, 4);
}

void amqp_append_string_array(struct buf *out, const struct str *texts, uint32_t count)
{
    const struct amqp_open open = open_compound(out, 0xf0);
    buf_append_byte(out, 0xb1);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t size[4];
        put_big_endian(size, texts[i].size, sizeof(size));
        buf_append(out, size, sizeof(size));
        buf_append_str(out, texts[i]);
    }
    amqp_close(out, open, count);
}

void amqp_append_descriptor(struct buf *out, uint64_t code)
{
    buf_append_byte(out, 0x00);
    const struct amqp_value descriptor = amqp_ulong(code);
    amqp_append(out, &descriptor);
}
