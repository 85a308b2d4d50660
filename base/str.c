/* SPDX-License-Identifier: MIT */
#include "base/str.h"

static char lower(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return (char)(c + ('a' - 'A'));
    }
    return c;
}

bool str_equal_nocase(struct str a, struct str b)
{
    return a.size == b.size && str_starts_nocase(a, b);
}

bool str_starts(struct str s, struct str prefix)
{
    return s.size >= prefix.size && str_equal(str_of(s.data, prefix.size), prefix);
}

bool str_starts_nocase(struct str s, struct str prefix)
{
    if (s.size < prefix.size) {
        return false;
    }
    for (size_t i = 0; i < prefix.size; i++) {
        if (lower(s.data[i]) != lower(prefix.data[i])) {
            return false;
        }
    }
    return true;
}

bool str_ends(struct str s, struct str suffix)
{
    return s.size >= suffix.size && str_equal(str_skip(s, s.size - suffix.size), suffix);
}

int str_compare(struct str a, struct str b)
{
    const size_t shorter = a.size < b.size ? a.size : b.size;
    const int order = shorter == 0 ? 0 : memcmp(a.data, b.data, shorter);
    if (order != 0) {
        return order;
    }
    return (a.size > b.size) - (a.size < b.size);
}

int str_compare_nocase(struct str a, struct str b)
{
    const size_t shorter = a.size < b.size ? a.size : b.size;
    for (size_t i = 0; i < shorter; i++) {
        const int order = (unsigned char)lower(a.data[i]) - (unsigned char)lower(b.data[i]);
        if (order != 0) {
            return order;
        }
    }
    return (a.size > b.size) - (a.size < b.size);
}

struct str str_skip(struct str s, size_t size)
{
    if (size >= s.size) {
        return STR_EMPTY;
    }
    return str_of(s.data + size, s.size - size);
}

struct str str_trim(struct str s)
{
    while (s.size > 0 && (s.data[0] == ' ' || s.data[0] == '\t')) {
        s = str_skip(s, 1);
    }
    while (s.size > 0 && (s.data[s.size - 1] == ' ' || s.data[s.size - 1] == '\t')) {
        s.size--;
    }
    return s;
}

size_t str_find(struct str s, char c)
{
    const char *found = s.size == 0 ? NULL : memchr(s.data, c, s.size);
    return found == NULL ? SIZE_MAX : (size_t)(found - s.data);
}

bool str_cut(struct str s, char separator, struct str *ret_head, struct str *ret_tail)
{
    const size_t at = str_find(s, separator);
    if (at == SIZE_MAX) {
        *ret_head = s;
        *ret_tail = STR_EMPTY;
        return false;
    }
    *ret_head = str_of(s.data, at);
    *ret_tail = str_skip(s, at + 1);
    return true;
}

bool str_to_u64(struct str s, uint64_t *ret_value)
{
    if (s.size == 0) {
        return false;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < s.size; i++) {
        if (s.data[i] < '0' || s.data[i] > '9') {
            return false;
        }
        const uint64_t digit = (uint64_t)(s.data[i] - '0');
        if (value > (UINT64_MAX - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *ret_value = value;
    return true;
}

bool str_to_i64(struct str s, int64_t *ret_value)
{
    const bool negative = s.size > 0 && s.data[0] == '-';
    uint64_t magnitude = 0;
    if (!str_to_u64(negative ? str_skip(s, 1) : s, &magnitude)) {
        return false;
    }
    if (magnitude > (uint64_t)INT64_MAX + (negative ? 1U : 0U)) {
        return false;
    }
    if (!negative) {
        *ret_value = (int64_t)magnitude;
    } else {
        *ret_value = magnitude == 0 ? 0 : -(int64_t)(magnitude - 1) - 1;
    }
    return true;
}

/* What the second byte may be after `first`, when it is less than any continuation byte (table 3-7
 * of the Unicode standard): this keeps out overlong forms, surrogates and what is past U+10FFFF. */
static void second_byte_range(unsigned char first, unsigned char *ret_low, unsigned char *ret_high)
{
    *ret_low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    *ret_high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
}

size_t str_utf8_size(struct str s)
{
    const unsigned char *at = (const unsigned char *)s.data;
    if (s.size == 0) {
        return 0;
    }
    if (at[0] < 0x80) {
        return 1;
    }
    const size_t wanted = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
    if (at[0] < 0xc2 || at[0] > 0xf4 || wanted > s.size) {
        return 0;
    }
    unsigned char low = 0;
    unsigned char high = 0;
    second_byte_range(at[0], &low, &high);
    if (at[1] < low || at[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < wanted; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return wanted;
}

/* Eight bytes at a time: nearly every text is ASCII, and the slow walk costs more than the rest of
 * a message together. */
static bool all_ascii(struct str s)
{
    uint64_t high_bits = 0;
    size_t i = 0;
    for (; s.size - i >= sizeof(uint64_t); i += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, s.data + i, sizeof(word));
        high_bits |= word;
    }
    for (; i < s.size; i++) {
        high_bits |= (uint8_t)s.data[i];
    }
    return (high_bits & UINT64_C(0x8080808080808080)) == 0;
}

bool str_is_utf8(struct str s)
{
    if (all_ascii(s)) {
        return true;
    }
    while (s.size > 0) {
        const size_t size = str_utf8_size(s);
        if (size == 0) {
            return false;
        }
        s = str_skip(s, size);
    }
    return true;
}

uint64_t str_hash(struct str s)
{
    uint64_t hash = 14695981039346656037U;
    for (size_t i = 0; i < s.size; i++) {
        hash = (hash ^ (unsigned char)s.data[i]) * 1099511628211U;
    }
    return hash;
}
