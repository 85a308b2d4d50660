/* SPDX-License-Identifier: MIT */
#ifndef BASE_GUID_H
#define BASE_GUID_H

/*
 * Sixteen bytes that name something: a lock token, an AMQP uuid. They stand in the order in which
 * their text shows them (RFC 4122). .NET keeps the first three groups the other way round, which is
 * also how the service writes a delivery tag (device protocol reference, 9.6).
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/random.h"
#include "base/str.h"

#define GUID_SIZE      16U
#define GUID_TEXT_SIZE 37U /* 36 characters and a NUL */

struct guid {
    uint8_t bytes[GUID_SIZE];
};

/* A version 4 UUID. */
struct guid guid_random(struct random *random);

/* "f618dedc-...", lower case; NUL-ended. */
void guid_text(const struct guid *guid, char out[GUID_TEXT_SIZE]);

/* Reads 8-4-4-4-12 hex digits in any case, nothing around them. False: it is something else. */
bool guid_from_text(struct str text, struct guid *ret_guid);

/* Between the two orders; the same swap both ways. */
struct guid guid_swapped(const struct guid *guid);

bool guid_equal(const struct guid *a, const struct guid *b);

#endif
