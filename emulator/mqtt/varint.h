/* SPDX-License-Identifier: MIT */
#ifndef MQTT_VARINT_H
#define MQTT_VARINT_H

/*
 * MQTT variable byte integers: 7 bits a byte, least significant first, the top bit saying that
 * another byte follows (MQTT 3.1.1 section 2.2.3). The Remaining Length of every packet is one.
 *
 * Pure functions over the caller's bytes: no allocation, no I/O, no state.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

#define VARINT_VALUE_MAX 268435455U /* 2^28 - 1 */
#define VARINT_SIZE_MAX  4U

enum varint_result {
    VARINT_OK,        /* a whole integer was read */
    VARINT_NEED_MORE, /* the data ends inside it: call again when more has arrived */
    VARINT_TOO_LONG,  /* a fifth byte is announced: the peer is at fault */
};

/*
 * Reads one integer from the start of data[0..size). On VARINT_OK sets *ret_value, and *ret_size to
 * the bytes it took; otherwise touches neither. Padded forms (80 00) are read: 3.1.1 does not
 * forbid them.
 */
MUST_CHECK enum varint_result varint_decode(const uint8_t *data, size_t size, uint32_t *ret_value,
                                            size_t *ret_size);

/* Writes the shortest form of `value`, at most VARINT_VALUE_MAX. Returns the bytes it took. */
size_t varint_encode(uint32_t value, uint8_t out[VARINT_SIZE_MAX]);

#endif
