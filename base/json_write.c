/* SPDX-License-Identifier: MIT */
#include "base/json.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define WHOLE_MAX        9007199254740992.0 /* 2^53: up to here every whole number is exact */
#define REPLACEMENT_CHAR "\xef\xbf\xbd"

enum { NUMBER_TEXT_SIZE = 40 };

/* The letter after '\' for what has a short escape, else 0. */
static char short_escape(char c)
{
    switch (c) {
    case '"':
    case '\\':
        return c;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 0;
    }
}

static bool goes_plain(char c)
{
    return (unsigned char)c >= 0x20 && c != '"' && c != '\\';
}

static void append_escaped(struct buf *out, char c)
{
    static const char digits[] = "0123456789abcdef";
    const char letter = short_escape(c);
    if (letter != 0) {
        const char escaped[] = {'\\', letter};
        buf_append(out, escaped, sizeof(escaped));
    } else {
        const char escaped[] = {'\\', 'u', '0', '0', digits[c >> 4 & 0xf], digits[c & 0xf]};
        buf_append(out, escaped, sizeof(escaped));
    }
}

void json_append_string(struct buf *out, struct str s)
{
    buf_append_byte(out, '"');
    size_t plain = 0; /* bytes at the start of `s` that go out as they are */
    while (plain < s.size) {
        const size_t size = str_utf8_size(str_skip(s, plain));
        if (size > 0 && goes_plain(s.data[plain])) {
            plain += size;
            continue;
        }
        buf_append(out, s.data, plain);
        if (size > 0) {
            append_escaped(out, s.data[plain]);
        } else {
            buf_append_str(out, STR(REPLACEMENT_CHAR));
        }
        s = str_skip(s, plain + 1);
        plain = 0;
    }
    buf_append(out, s.data, plain);
    buf_append_byte(out, '"');
}

/* printf writes "1e+20" and "1e-07"; JSON needs neither the plus nor the zeros. */
static size_t shorten_exponent(char *text, size_t size)
{
    char *exponent = memchr(text, 'e', size);
    if (exponent == NULL) {
        return size;
    }
    char *to = exponent + 1;
    const char *from = exponent + 1;
    const char *end = text + size;
    if (*from == '-') {
        to++;
    }
    from++; /* there is always a sign */
    while (from + 1 < end && *from == '0') {
        from++;
    }
    memmove(to, from, (size_t)(end - from));
    return (size_t)(to - text) + (size_t)(end - from);
}

static size_t number_text(double number, char text[NUMBER_TEXT_SIZE])
{
    if (fabs(number) <= WHOLE_MAX && floor(number) == number) {
        const char *sign =
            number == 0 && signbit(number) ? "-" : ""; /* -0 is a number of its own */
        return (size_t)snprintf(text, NUMBER_TEXT_SIZE, "%s%" PRId64, sign, (int64_t)number);
    }
    /* Fifteen digits always survive the way through a double, so fewer need no trying, except where
     * a double has fewer itself. */
    int size = 0;
    for (int digits = fabs(number) < DBL_MIN ? 1 : DBL_DIG; digits <= DBL_DECIMAL_DIG; digits++) {
        size = snprintf(text, NUMBER_TEXT_SIZE, "%.*g", digits, number);
        if (strtod(text, NULL) == number) {
            break;
        }
    }
    return shorten_exponent(text, (size_t)size);
}

void json_append_number(struct buf *out, double number)
{
    if (!isfinite(number)) {
        buf_append_str(out, STR("null"));
        return;
    }
    char text[NUMBER_TEXT_SIZE];
    buf_append(out, text, number_text(number, text));
}

static void append_members(struct buf *out, const cJSON *container)
{
    const bool is_object = cJSON_IsObject(container) != 0;
    buf_append_byte(out, is_object ? '{' : '[');
    for (const cJSON *child = container->child; child != NULL; child = child->next) {
        if (child != container->child) {
            buf_append_byte(out, ',');
        }
        if (is_object) {
            json_append_string(out, str_from(child->string));
            buf_append_byte(out, ':');
        }
        json_append_tree(out, child);
    }
    buf_append_byte(out, is_object ? '}' : ']');
}

void json_append_tree(struct buf *out, const cJSON *tree)
{
    if (tree == NULL) {
        if (out->failed == STATUS_OK) {
            out->failed = STATUS_NO_MEMORY;
        }
    } else if (cJSON_IsObject(tree) || cJSON_IsArray(tree)) {
        append_members(out, tree);
    } else if (cJSON_IsString(tree)) {
        json_append_string(out, str_from(tree->valuestring));
    } else if (cJSON_IsNumber(tree)) {
        json_append_number(out, tree->valuedouble);
    } else if (cJSON_IsRaw(tree)) {
        buf_append_str(out, str_from(tree->valuestring));
    } else if (cJSON_IsBool(tree)) {
        buf_append_str(out, cJSON_IsTrue(tree) ? STR("true") : STR("false"));
    } else {
        buf_append_str(out, STR("null"));
    }
}
