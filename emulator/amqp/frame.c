/* SPDX-License-Identifier: MIT */
#include "amqp/frame.h"

/* Encodings that may stand in the first four fields of a transfer (AMQP 1.0, 1.6). */
enum {
    DESCRIBED = 0x00,
    NULL_VALUE = 0x40,
    UINT0 = 0x43,
    SMALL_UINT = 0x52,
    SMALL_ULONG = 0x53,
    UINT = 0x70,
    ULONG = 0x80,
    VBIN8 = 0xa0,
    VBIN32 = 0xb0,
    LIST8 = 0xc0,
    LIST32 = 0xd0,
};
enum { HEAD_SIZE = 8, ATTACH = 0x12, TRANSFER = 0x14, MESSAGE_FORMAT_FIELD = 3 };

static uint32_t number_at(const uint8_t *bytes, size_t size)
{
    uint32_t number = 0;
    for (size_t i = 0; i < size; i++) {
        number = number << 8 | bytes[i];
    }
    return number;
}

/* Bytes of the value at `at`, its constructor included; 0: none of those that may be there. */
static size_t value_size(const uint8_t *at, size_t left)
{
    switch (at[0]) {
    case NULL_VALUE:
    case UINT0:
        return 1;
    case SMALL_UINT:
        return 2;
    case UINT:
        return 5;
    case VBIN8:
        return left < 2 ? 0 : 2 + (size_t)at[1];
    case VBIN32:
        return left < 5 ? 0 : 5 + (size_t)number_at(at + 1, 4);
    default:
        return 0;
    }
}

/* Where the list of a performative begins; 0: it is another one. */
static size_t list_of(uint32_t code, const uint8_t *body, size_t size)
{
    if (size >= 3 && body[0] == DESCRIBED && body[1] == SMALL_ULONG && body[2] == code) {
        return 3;
    }
    if (size >= 10 && body[0] == DESCRIBED && body[1] == ULONG && number_at(body + 2, 4) == 0 &&
        number_at(body + 6, 4) == code) {
        return 10;
    }
    return 0;
}

/* Where the fields of a transfer begin; 0: it is not one. */
static size_t transfer_fields(const uint8_t *body, size_t size)
{
    const size_t at = list_of(TRANSFER, body, size);
    if (at == 0) {
        return 0;
    }
    if (at < size && body[at] == LIST8) {
        return at + 3;
    }
    return at < size && body[at] == LIST32 ? at + 9 : 0;
}

static uint32_t message_format(const uint8_t *body, size_t size)
{
    size_t at = transfer_fields(body, size);
    for (int field = 0; at > 0 && at < size; field++) {
        const size_t taken = value_size(body + at, size - at);
        if (taken == 0 || taken > size - at) {
            return 0;
        }
        if (field == MESSAGE_FORMAT_FIELD) {
            return taken == 5 && body[at] == UINT ? number_at(body + at + 1, 4)
                   : body[at] == SMALL_UINT       ? body[at + 1]
                                                  : 0;
        }
        at += taken;
    }
    return 0;
}

/* Wherever in the attach it stands: nobody has that name for anything else. */
static bool wants_metrics(const uint8_t *body, size_t size)
{
    const struct str wanted = STR("com.microsoft:enable-receiver-runtime-metric");
    if (list_of(ATTACH, body, size) == 0) {
        return false;
    }
    struct str left = str_of(body, size);
    while (left.size >= wanted.size) {
        const size_t skipped = str_find(left, wanted.data[0]);
        left = str_skip(left, skipped);
        if (str_starts(left, wanted)) {
            return true;
        }
        left = str_skip(left, 1);
    }
    return false;
}

enum frame_result frame_read(struct str data, size_t size_max, struct frame *ret_frame)
{
    if (data.size < HEAD_SIZE) {
        return FRAME_NEED_MORE;
    }
    const uint8_t *bytes = (const uint8_t *)data.data;
    const size_t size = number_at(bytes, 4);
    const size_t head_size = (size_t)bytes[4] * 4;
    if (size < HEAD_SIZE || size > size_max || head_size < HEAD_SIZE || head_size > size) {
        return FRAME_MALFORMED;
    }
    if (size > data.size) {
        return FRAME_NEED_MORE;
    }
    *ret_frame = (struct frame){
        .size = size,
        .message_format = message_format(bytes + head_size, size - head_size),
        .wants_metrics = wants_metrics(bytes + head_size, size - head_size),
    };
    return FRAME_WHOLE;
}
