/* SPDX-License-Identifier: MIT */
#include "base/str.h"

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
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

/* Bytes of the well-formed UTF-8 sequence at the start of s[0..size), or 0 (Unicode table 3-7). */
static size_t utf8_sequence(const unsigned char *s, size_t size)
{
    if (s[0] < 0x80) {
        return 1;
    }
    const size_t wanted = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4 || wanted > size) {
        return 0;
    }
    unsigned char low = 0x80;
    unsigned char high = 0xbf;
    if (s[0] == 0xe0) {
        low = 0xa0;
    } else if (s[0] == 0xed) {
        high = 0x9f;
    } else if (s[0] == 0xf0) {
        low = 0x90;
    } else if (s[0] == 0xf4) {
        high = 0x8f;
    }
    if (s[1] < low || s[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < wanted; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return wanted;
}

bool str_is_utf8(struct str s)
{
    const unsigned char *at = (const unsigned char *)s.data;
    size_t left = s.size;
    while (left > 0) {
        const size_t size = utf8_sequence(at, left);
        if (size == 0) {
            return false;
        }
        at += size;
        left -= size;
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
