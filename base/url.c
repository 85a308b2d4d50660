/* SPDX-License-Identifier: MIT */
#include "base/url.h"

static bool is_unreserved(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void url_encode_append(struct buf *out, struct str s)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.size; i++) {
        if (is_unreserved(s.data[i])) {
            buf_append_byte(out, (uint8_t)s.data[i]);
            continue;
        }
        const uint8_t byte = (uint8_t)s.data[i];
        const char encoded[] = {'%', digits[byte >> 4], digits[byte & 0xf]};
        buf_append(out, encoded, sizeof(encoded));
    }
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte that "%XX" at the start of `s` stands for, or -1 when that is not what stands there. */
static int escaped_byte(struct str s)
{
    if (s.size < 3 || s.data[0] != '%') {
        return -1;
    }
    const int high = hex_value(s.data[1]);
    const int low = hex_value(s.data[2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

void url_decode_append(struct buf *out, struct str s)
{
    while (s.size > 0) {
        const size_t percent = str_find(s, '%');
        const size_t plain = percent == SIZE_MAX ? s.size : percent;
        buf_append(out, s.data, plain);
        s = str_skip(s, plain);
        if (s.size == 0) {
            return;
        }
        const int byte = escaped_byte(s);
        buf_append_byte(out, byte < 0 ? '%' : (uint8_t)byte);
        s = str_skip(s, byte < 0 ? 1 : 3);
    }
}

bool url_decode_strict_append(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.size; i++) {
        if (s.data[i] == '%' && escaped_byte(str_skip(s, i)) < 0) {
            return false;
        }
    }
    url_decode_append(out, s);
    return true;
}

bool url_pair_next(struct str *rest, struct str *ret_key, struct str *ret_value,
                   bool *ret_has_value)
{
    while (rest->size > 0) {
        struct str pair;
        (void)str_cut(*rest, '&', &pair, rest);
        if (pair.size > 0) {
            *ret_has_value = str_cut(pair, '=', ret_key, ret_value);
            return true;
        }
    }
    return false;
}
