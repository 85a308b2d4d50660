/* SPDX-License-Identifier: MIT */
#include "base/guid.h"

#include <string.h>

/* Where in the text a hyphen precedes the byte. */
static bool starts_group(size_t byte)
{
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

struct guid guid_random(struct random *random)
{
    struct guid guid;
    random_bytes(random, guid.bytes, sizeof(guid.bytes));
    guid.bytes[6] = (uint8_t)(0x40 | (guid.bytes[6] & 0x0f)); /* RFC 4122, 4.4: the version */
    guid.bytes[8] = (uint8_t)(0x80 | (guid.bytes[8] & 0x3f)); /* and the variant */
    return guid;
}

void guid_text(const struct guid *guid, char out[GUID_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    char *at = out;
    for (size_t i = 0; i < GUID_SIZE; i++) {
        if (starts_group(i)) {
            *at++ = '-';
        }
        *at++ = digits[guid->bytes[i] >> 4];
        *at++ = digits[guid->bytes[i] & 0xf];
    }
    *at = '\0';
}

static bool read_digit(char c, unsigned *ret_digit)
{
    if (c >= '0' && c <= '9') {
        *ret_digit = (unsigned)(c - '0');
    } else if (c >= 'a' && c <= 'f') {
        *ret_digit = (unsigned)(c - 'a') + 10;
    } else if (c >= 'A' && c <= 'F') {
        *ret_digit = (unsigned)(c - 'A') + 10;
    } else {
        return false;
    }
    return true;
}

bool guid_from_text(struct str text, struct guid *ret_guid)
{
    struct guid guid = {.bytes = {0}};
    const char *at = text.data;
    if (text.size != GUID_TEXT_SIZE - 1) {
        return false;
    }
    for (size_t i = 0; i < GUID_SIZE; i++) {
        unsigned high = 0;
        unsigned low = 0;
        if (starts_group(i) && *at++ != '-') {
            return false;
        }
        if (!read_digit(at[0], &high) || !read_digit(at[1], &low)) {
            return false;
        }
        guid.bytes[i] = (uint8_t)(high << 4 | low);
        at += 2;
    }
    *ret_guid = guid;
    return true;
}

struct guid guid_swapped(const struct guid *guid)
{
    static const uint8_t from[GUID_SIZE] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
    struct guid swapped = {.bytes = {0}};
    for (size_t i = 0; i < GUID_SIZE; i++) {
        swapped.bytes[i] = guid->bytes[from[i]];
    }
    return swapped;
}

bool guid_equal(const struct guid *a, const struct guid *b)
{
    return memcmp(a->bytes, b->bytes, GUID_SIZE) == 0;
}
