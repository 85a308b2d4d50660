/* SPDX-License-Identifier: MIT */
#include "tests/bench/amqp_value.h"

#include <string.h>

enum {
    CODE_DESCRIBED = 0x00,
    CODE_NULL = 0x40,
    CODE_TRUE = 0x41,
    CODE_FALSE = 0x42,
    CODE_UINT_0 = 0x43,
    CODE_UBYTE = 0x50,
    CODE_SMALL_ULONG = 0x53,
    CODE_USHORT = 0x60,
    CODE_UINT = 0x70,
    CODE_BINARY = 0xb0,
    CODE_STRING = 0xb1,
    CODE_SYMBOL = 0xb3,
    CODE_LIST = 0xd0,
    LIST_HEAD = 9, /* constructor, size and count of the long form */
    SMALL = 0x10,  /* less: a form with one byte of size */
    FRAME_DOFF = 2,
};

/* ---- writing ---- */

void amqp_write_u32(char *at, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++) {
        at[i] = (char)(value >> (24 - 8 * i));
    }
}

static void append_u32(struct buf *out, uint32_t value)
{
    char bytes[4];
    amqp_write_u32(bytes, value);
    buf_append(out, bytes, sizeof(bytes));
}

void amqp_put_null(struct buf *out)
{
    buf_append_byte(out, CODE_NULL);
}

void amqp_put_boolean(struct buf *out, bool value)
{
    buf_append_byte(out, value ? CODE_TRUE : CODE_FALSE);
}

void amqp_put_ubyte(struct buf *out, uint8_t value)
{
    buf_append_byte(out, CODE_UBYTE);
    buf_append_byte(out, value);
}

void amqp_put_ushort(struct buf *out, uint16_t value)
{
    buf_append_byte(out, CODE_USHORT);
    buf_append_byte(out, (uint8_t)(value >> 8));
    buf_append_byte(out, (uint8_t)value);
}

void amqp_put_uint(struct buf *out, uint32_t value)
{
    buf_append_byte(out, CODE_UINT);
    append_u32(out, value);
}

void amqp_put_zero(struct buf *out)
{
    buf_append_byte(out, CODE_UINT_0);
}

static void put_bytes(struct buf *out, uint8_t code, struct str bytes)
{
    if (bytes.size <= UINT8_MAX) {
        buf_append_byte(out, (uint8_t)(code - SMALL));
        buf_append_byte(out, (uint8_t)bytes.size);
    } else {
        buf_append_byte(out, code);
        append_u32(out, (uint32_t)bytes.size);
    }
    buf_append_str(out, bytes);
}

void amqp_put_string(struct buf *out, struct str text)
{
    put_bytes(out, CODE_STRING, text);
}

void amqp_put_symbol(struct buf *out, struct str text)
{
    put_bytes(out, CODE_SYMBOL, text);
}

void amqp_put_binary(struct buf *out, struct str bytes)
{
    put_bytes(out, CODE_BINARY, bytes);
}

size_t amqp_list_begin(struct buf *out, enum amqp_descriptor descriptor, uint32_t count)
{
    const uint8_t head[] = {CODE_DESCRIBED, CODE_SMALL_ULONG, (uint8_t)descriptor, CODE_LIST};
    buf_append(out, head, sizeof(head));
    append_u32(out, 0);
    append_u32(out, count);
    return out->size;
}

/* The short form where it fits, as clients write it. Offsets into the list are then that much less.
 */
void amqp_list_end(struct buf *out, size_t begun)
{
    if (buf_status(out) != STATUS_OK) {
        return;
    }
    const size_t size = out->size - begun;
    char *head = out->data + begun - LIST_HEAD;
    if (size >= UINT8_MAX) {
        amqp_write_u32(head + 1, (uint32_t)(size + 4));
        return;
    }
    head[0] = (char)(CODE_LIST - SMALL);
    head[2] = head[LIST_HEAD - 1];
    head[1] = (char)(size + 1);
    memmove(head + LIST_HEAD - AMQP_LIST_SAVED, out->data + begun, size);
    buf_truncate(out, out->size - AMQP_LIST_SAVED);
}

size_t amqp_frame_begin(struct buf *out, uint8_t type)
{
    const uint8_t head[AMQP_FRAME_HEAD] = {0, 0, 0, 0, FRAME_DOFF, type, 0, 0};
    buf_append(out, head, sizeof(head));
    return out->size;
}

void amqp_frame_end(struct buf *out, size_t begun)
{
    if (buf_status(out) == STATUS_OK) {
        const size_t start = begun - AMQP_FRAME_HEAD;
        amqp_write_u32(out->data + start, (uint32_t)(out->size - start));
    }
}

/* ---- reading ---- */

uint32_t amqp_read_u32(const char *at)
{
    const uint8_t *bytes = (const uint8_t *)at;
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static bool take_number(struct str *in, size_t width, uint64_t *ret_number)
{
    if (width > in->size) {
        return false;
    }
    uint64_t number = 0;
    for (size_t i = 0; i < width; i++) {
        number = number << 8 | (uint8_t)in->data[i];
    }
    *in = str_skip(*in, width);
    *ret_number = number;
    return true;
}

/* Of a code, the high digit tells the form: 4 empty, 5 to 9 of 1, 2, 4, 8 and 16 bytes, A and B
 * with a size, C to F with a size and a count. */
bool amqp_take(struct str *in, struct amqp_value *ret_value)
{
    struct amqp_value value = {.descriptor = 0};
    uint64_t code = 0;
    if (!take_number(in, 1, &code)) {
        return false;
    }
    if (code == CODE_DESCRIBED) {
        struct amqp_value descriptor;
        if (!amqp_take(in, &descriptor) || descriptor.descriptor != 0 ||
            !take_number(in, 1, &code) || code == CODE_DESCRIBED) {
            return false;
        }
        value.descriptor = descriptor.number;
    }
    value.code = (uint8_t)code;
    const unsigned form = value.code >> 4;
    if (form < 4) {
        return false;
    }
    if (form <= 9) {
        static const size_t widths[] = {0, 1, 2, 4, 8};
        value.number = value.code == CODE_TRUE;
        if (form == 9) {
            *in = str_skip(*in, 16);
        } else if (form > 4 && !take_number(in, widths[form - 4], &value.number)) {
            return false;
        }
    } else {
        const size_t width = (form & 1) == 0 ? 1 : 4;
        uint64_t size = 0;
        uint64_t count = 0;
        if (!take_number(in, width, &size) || size > in->size) {
            return false;
        }
        value.bytes = str_of(in->data, (size_t)size);
        *in = str_skip(*in, (size_t)size);
        if (form >= 0xc && !take_number(&value.bytes, width, &count)) {
            return false;
        }
        value.count = (uint32_t)count;
    }
    *ret_value = value;
    return true;
}

bool amqp_is_null(const struct amqp_value *value)
{
    return value->code == CODE_NULL;
}
