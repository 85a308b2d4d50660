/* SPDX-License-Identifier: MIT */
#include "base/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct str bytes, char *out)
{
    const unsigned char *in = (const unsigned char *)bytes.data;
    for (size_t left = bytes.size; left > 0; out += 4) {
        const size_t taken = left < 3 ? left : 3;
        const unsigned group = ((unsigned)in[0] << 16) | (taken > 1 ? (unsigned)in[1] << 8 : 0U) |
                               (taken > 2 ? (unsigned)in[2] : 0U);
        out[0] = alphabet[group >> 18];
        out[1] = alphabet[group >> 12 & 0x3f];
        out[2] = '=';
        out[3] = '=';
        if (taken > 1) {
            out[2] = alphabet[group >> 6 & 0x3f];
        }
        if (taken > 2) {
            out[3] = alphabet[group & 0x3f];
        }
        in += taken;
        left -= taken;
    }
}

void base64_append(struct buf *out, struct str bytes)
{
    /* What is too large to be counted is too large for the buffer. */
    const size_t size = bytes.size > SIZE_MAX / 2 ? SIZE_MAX / 2 : BASE64_SIZE(bytes.size);
    char *room = size == 0 ? NULL : buf_room(out, size);
    if (room != NULL) {
        base64_encode(bytes, room);
        buf_grown(out, size);
    }
}

/* The six bits of a character, or -1 when it is none of the alphabet. */
static int digit_value(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    if (c == '+') {
        return 62;
    }
    return c == '/' ? 63 : -1;
}

/* How many '=' end `text`, 0 to 2, or -1 when it is not base64. */
static int padding(struct str text)
{
    if (text.size % 4 != 0) {
        return -1;
    }
    int count = 0;
    while (count < 2 && text.size > 0 && text.data[text.size - 1] == '=') {
        text.size--;
        count++;
    }
    for (size_t i = 0; i < text.size; i++) {
        if (digit_value(text.data[i]) < 0) {
            return -1;
        }
    }
    return count;
}

bool base64_decode_append(struct buf *out, struct str text)
{
    const int padded = padding(text);
    if (padded < 0) {
        return false;
    }
    if (text.size == 0) {
        return true;
    }
    const size_t digits = text.size - (size_t)padded;
    const size_t size = text.size / 4 * 3 - (size_t)padded;
    unsigned char *room = buf_room(out, size);
    if (room == NULL) {
        return true; /* it is base64; the buffer remembers that there was no room */
    }
    unsigned char *at = room;
    unsigned bits = 0;
    for (size_t i = 0; i < digits; i++) {
        bits = bits << 6 | (unsigned)digit_value(text.data[i]);
        /* Of every four characters the first completes no byte. */
        if (i % 4 != 0) {
            *at++ = (unsigned char)(bits >> (6 - 2 * (i % 4)) & 0xff);
        }
    }
    buf_grown(out, size);
    return true;
}
