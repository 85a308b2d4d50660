/* SPDX-License-Identifier: MIT */
#include <assert.h>

#include "base/decimal.h"
#include "query/lexer_internal.h"

enum { REPLACEMENT = 0xFFFD };

static uint32_t hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return (uint32_t)(c - '0');
    }
    const char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? (uint32_t)(lower - 'a') + 10 : UINT32_MAX;
}

uint32_t query_hex4(const char *digits)
{
    uint32_t value = 0;
    for (size_t i = 0; i < 4; i++) {
        const uint32_t digit = hex_digit(digits[i]);
        if (digit == UINT32_MAX) {
            return UINT32_MAX;
        }
        value = value * 16 + digit;
    }
    return value;
}

size_t query_utf8_encode(uint32_t code_point, char *out)
{
    if (code_point > 0x10FFFF || (code_point >= 0xD800 && code_point < 0xE000)) {
        code_point = REPLACEMENT;
    }
    if (code_point < 0x80) {
        out[0] = (char)code_point;
        return 1;
    }
    if (code_point < 0x800) {
        out[0] = (char)(0xC0 | code_point >> 6);
        out[1] = (char)(0x80 | (code_point & 0x3F));
        return 2;
    }
    if (code_point < 0x10000) {
        out[0] = (char)(0xE0 | code_point >> 12);
        out[1] = (char)(0x80 | (code_point >> 6 & 0x3F));
        out[2] = (char)(0x80 | (code_point & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | code_point >> 18);
    out[1] = (char)(0x80 | (code_point >> 12 & 0x3F));
    out[2] = (char)(0x80 | (code_point >> 6 & 0x3F));
    out[3] = (char)(0x80 | (code_point & 0x3F));
    return 4;
}

size_t query_escape_u(struct str at, uint32_t *ret_code_point)
{
    const uint32_t unit = at.size >= 6 ? query_hex4(at.data + 2) : UINT32_MAX;
    if (unit == UINT32_MAX) {
        return 0;
    }
    *ret_code_point = unit;
    const bool high = unit >= 0xD800 && unit < 0xDC00;
    if (!high || at.size < 12 || at.data[6] != '\\' || at.data[7] != 'u') {
        return 6;
    }
    const uint32_t low = query_hex4(at.data + 8);
    if (low < 0xDC00 || low >= 0xE000) {
        return 6;
    }
    *ret_code_point = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
    return 12;
}

bool query_string_decode(struct str token, struct arena *arena, struct str *ret_value)
{
    assert(token.size >= 2);
    const char quote = token.data[0];
    const struct str inner = str_of(token.data + 1, token.size - 2);
    if (str_find(inner, '\\') == SIZE_MAX && str_find(inner, quote) == SIZE_MAX) {
        *ret_value = inner;
        return true;
    }
    char *out = arena_alloc(arena, inner.size);
    if (out == NULL) {
        return false;
    }
    size_t size = 0;
    for (size_t i = 0; i < inner.size;) {
        uint32_t code_point = 0;
        if (inner.data[i] == '\\' && inner.data[i + 1] == 'u') {
            i += query_escape_u(str_skip(inner, i), &code_point);
            size += query_utf8_encode(code_point, out + size);
            continue;
        }
        if (inner.data[i] == '\\' || inner.data[i] == quote) {
            i++; /* the character that the backslash, or the doubled quote, stands for */
        }
        out[size++] = inner.data[i++];
    }
    *ret_value = str_of(out, size);
    return true;
}

double query_number_decode(struct str token)
{
    if (token.size < 2 || (token.data[1] | 0x20) != 'x') {
        return decimal_decode(token);
    }
    double value = 0.0;
    for (size_t i = 2; i < token.size; i++) {
        value = value * 16.0 + (double)hex_digit(token.data[i]);
    }
    return value;
}
