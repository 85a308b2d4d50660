/* SPDX-License-Identifier: MIT */
#include "mqtt/varint.h"

#include <assert.h>

enum { GROUP_BITS = 7, GROUP_MASK = 0x7f, MORE_FOLLOWS = 0x80 };

static_assert(VARINT_VALUE_MAX == (1U << (GROUP_BITS * VARINT_SIZE_MAX)) - 1,
              "the largest value is four full groups");

enum varint_result varint_decode(const uint8_t *data, size_t size, uint32_t *ret_value,
                                 size_t *ret_size)
{
    assert(data != NULL || size == 0);

    uint32_t value = 0;
    for (size_t i = 0; i < VARINT_SIZE_MAX; i++) {
        if (i == size) {
            return VARINT_NEED_MORE;
        }
        value |= (uint32_t)(data[i] & GROUP_MASK) << (GROUP_BITS * i);
        if ((data[i] & MORE_FOLLOWS) == 0) {
            *ret_value = value;
            *ret_size = i + 1;
            return VARINT_OK;
        }
    }
    return VARINT_TOO_LONG;
}

size_t varint_encode(uint32_t value, uint8_t out[VARINT_SIZE_MAX])
{
    assert(value <= VARINT_VALUE_MAX);

    size_t size = 0;
    while (value > GROUP_MASK) {
        out[size++] = (uint8_t)((value & GROUP_MASK) | MORE_FOLLOWS);
        value >>= GROUP_BITS;
    }
    out[size++] = (uint8_t)value;

    assert(size <= VARINT_SIZE_MAX);
    return size;
}
