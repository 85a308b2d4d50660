/* SPDX-License-Identifier: MIT */
#include "base/json.h"

#include <math.h>
#include <stdlib.h>

/*
 * The grammar of RFC 8259, one function per rule, each moving the reader past what it names. The
 * first fault fills the problem and ends everything.
 */
enum { NUMBER_SIZE_MAX = 63 }; /* cJSON's own buffer ends there, and it would cut the number */

struct reader {
    struct str text;
    size_t at;
    unsigned depth;
    struct problem *problem;
};

/* The byte at `offset` from here, or -1 past the end. */
static int peek(const struct reader *reader, size_t offset)
{
    const size_t left = reader->text.size - reader->at;
    return offset < left ? (unsigned char)reader->text.data[reader->at + offset] : -1;
}

static bool refuse(struct reader *reader, const char *expected)
{
    const int byte = peek(reader, 0);
    if (byte < 0) {
        problem_set(reader->problem, reader->at, "unexpected end at byte %zu, expected %s",
                    reader->at, expected);
    } else if (byte > 0x20 && byte < 0x7f) {
        problem_set(reader->problem, reader->at, "unexpected '%c' at byte %zu, expected %s", byte,
                    reader->at, expected);
    } else {
        problem_set(reader->problem, reader->at, "unexpected byte 0x%02x at byte %zu, expected %s",
                    (unsigned)byte, reader->at, expected);
    }
    return false;
}

/* ws = *( space / tab / line feed / carriage return ) */
static void skip_space(struct reader *reader)
{
    int byte = peek(reader, 0);
    while (byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r') {
        reader->at++;
        byte = peek(reader, 0);
    }
}

static bool check_literal(struct reader *reader, struct str literal)
{
    if (!str_starts(str_skip(reader->text, reader->at), literal)) {
        return refuse(reader, "a value");
    }
    reader->at += literal.size;
    return true;
}

static bool is_digit(int byte)
{
    return byte >= '0' && byte <= '9';
}

static bool check_digits(struct reader *reader)
{
    if (!is_digit(peek(reader, 0))) {
        return refuse(reader, "a digit");
    }
    while (is_digit(peek(reader, 0))) {
        reader->at++;
    }
    return true;
}

static bool check_number_range(const struct reader *reader, struct str number, bool has_exponent)
{
    if (number.size > NUMBER_SIZE_MAX) {
        problem_set(reader->problem, (size_t)(number.data - reader->text.data),
                    "number of %zu characters at byte %zu, at most %d are allowed", number.size,
                    (size_t)(number.data - reader->text.data), NUMBER_SIZE_MAX);
        return false;
    }
    if (!has_exponent) {
        return true;
    }
    char text[NUMBER_SIZE_MAX + 1];
    memcpy(text, number.data, number.size);
    text[number.size] = '\0';
    if (isinf(strtod(text, NULL))) {
        problem_set(reader->problem, (size_t)(number.data - reader->text.data),
                    "number out of range at byte %zu: %s",
                    (size_t)(number.data - reader->text.data), text);
        return false;
    }
    return true;
}

/*
 * number = [ "-" ] int [ "." 1*digit ] [ ( "e" / "E" ) [ "-" / "+" ] 1*digit ]
 * int = "0" / ( digit1-9 *digit )
 */
static bool check_number(struct reader *reader)
{
    const size_t begin = reader->at;
    if (peek(reader, 0) == '-') {
        reader->at++;
    }
    if (peek(reader, 0) == '0' && is_digit(peek(reader, 1))) {
        return refuse(reader, "a number without a leading zero");
    }
    if (!check_digits(reader)) {
        return false;
    }
    if (peek(reader, 0) == '.') {
        reader->at++;
        if (!check_digits(reader)) {
            return false;
        }
    }
    const bool has_exponent = peek(reader, 0) == 'e' || peek(reader, 0) == 'E';
    if (has_exponent) {
        reader->at++;
        if (peek(reader, 0) == '-' || peek(reader, 0) == '+') {
            reader->at++;
        }
        if (!check_digits(reader)) {
            return false;
        }
    }
    const struct str number = str_of(reader->text.data + begin, reader->at - begin);
    return check_number_range(reader, number, has_exponent);
}

/* The four hex digits after "\u" here, or -1 when they are not. */
static long unicode_escape(const struct reader *reader, size_t offset)
{
    if (peek(reader, offset) != '\\' || peek(reader, offset + 1) != 'u') {
        return -1;
    }
    long unit = 0;
    for (size_t i = 2; i < 6; i++) {
        const int byte = peek(reader, offset + i);
        if (is_digit(byte)) {
            unit = unit * 16 + (byte - '0');
        } else if ((byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F')) {
            unit = unit * 16 + ((byte | 0x20) - 'a' + 10);
        } else {
            return -1;
        }
    }
    return unit;
}

static bool check_unicode_escape(struct reader *reader)
{
    const long unit = unicode_escape(reader, 0);
    if (unit < 0) {
        problem_set(reader->problem, reader->at, "'\\u' at byte %zu needs four hex digits",
                    reader->at);
        return false;
    }
    if (unit == 0) {
        problem_set(reader->problem, reader->at, "a NUL character, '\\u0000', at byte %zu",
                    reader->at);
        return false;
    }
    if (unit < 0xd800 || unit > 0xdfff) {
        reader->at += 6;
        return true;
    }
    const long second = unicode_escape(reader, 6);
    if (unit > 0xdbff || second < 0xdc00 || second > 0xdfff) {
        problem_set(reader->problem, reader->at, "half a surrogate pair, '\\u%04lx', at byte %zu",
                    (unsigned long)unit, reader->at);
        return false;
    }
    reader->at += 12;
    return true;
}

static bool check_escape(struct reader *reader)
{
    switch (peek(reader, 1)) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        reader->at += 2;
        return true;
    case 'u':
        return check_unicode_escape(reader);
    default:
        reader->at++;
        return refuse(reader, "one of \"\\/bfnrtu after '\\'");
    }
}

/* One character inside a string, escaped or not. */
static bool check_character(struct reader *reader)
{
    const int byte = peek(reader, 0);
    if (byte == '\\') {
        return check_escape(reader);
    }
    if (byte < 0x20) {
        problem_set(reader->problem, reader->at,
                    "control character 0x%02x at byte %zu, inside a string it must be escaped",
                    (unsigned)byte, reader->at);
        return false;
    }
    const size_t size = str_utf8_size(str_skip(reader->text, reader->at));
    if (size == 0) {
        problem_set(reader->problem, reader->at, "byte 0x%02x at byte %zu is not UTF-8",
                    (unsigned)byte, reader->at);
        return false;
    }
    reader->at += size;
    return true;
}

/* string = quotation-mark *char quotation-mark */
static bool check_string(struct reader *reader)
{
    const size_t begin = reader->at++;
    while (peek(reader, 0) != '"') {
        if (peek(reader, 0) < 0) {
            problem_set(reader->problem, reader->at,
                        "unexpected end at byte %zu, the string that begins at byte %zu is open",
                        reader->at, begin);
            return false;
        }
        if (!check_character(reader)) {
            return false;
        }
    }
    reader->at++;
    return true;
}

static bool check_value(struct reader *reader);

static bool enter(struct reader *reader)
{
    if (reader->depth == JSON_DEPTH_MAX) {
        problem_set(reader->problem, reader->at, "'%c' at byte %zu is nested deeper than %u levels",
                    peek(reader, 0), reader->at, JSON_DEPTH_MAX);
        return false;
    }
    reader->depth++;
    reader->at++;
    skip_space(reader);
    return true;
}

static bool leave(struct reader *reader)
{
    reader->depth--;
    reader->at++;
    return true;
}

/* member = string name-separator value */
static bool check_member(struct reader *reader, const char *expected)
{
    if (peek(reader, 0) != '"') {
        return refuse(reader, expected);
    }
    if (!check_string(reader)) {
        return false;
    }
    skip_space(reader);
    if (peek(reader, 0) != ':') {
        return refuse(reader, "':'");
    }
    reader->at++;
    return check_value(reader);
}

/* object = begin-object [ member *( value-separator member ) ] end-object */
static bool check_object(struct reader *reader)
{
    if (!enter(reader)) {
        return false;
    }
    if (peek(reader, 0) == '}') {
        return leave(reader);
    }
    if (!check_member(reader, "a name in double quotes or '}'")) {
        return false;
    }
    while (peek(reader, 0) == ',') {
        reader->at++;
        skip_space(reader);
        if (!check_member(reader, "a name in double quotes")) {
            return false;
        }
    }
    return peek(reader, 0) == '}' ? leave(reader) : refuse(reader, "',' or '}'");
}

/* array = begin-array [ value *( value-separator value ) ] end-array */
static bool check_array(struct reader *reader)
{
    if (!enter(reader)) {
        return false;
    }
    if (peek(reader, 0) == ']') {
        return leave(reader);
    }
    if (!check_value(reader)) {
        return false;
    }
    while (peek(reader, 0) == ',') {
        reader->at++;
        if (!check_value(reader)) {
            return false;
        }
    }
    return peek(reader, 0) == ']' ? leave(reader) : refuse(reader, "',' or ']'");
}

static bool check_bare_value(struct reader *reader)
{
    switch (peek(reader, 0)) {
    case '{':
        return check_object(reader);
    case '[':
        return check_array(reader);
    case '"':
        return check_string(reader);
    case 't':
        return check_literal(reader, STR("true"));
    case 'f':
        return check_literal(reader, STR("false"));
    case 'n':
        return check_literal(reader, STR("null"));
    default:
        break;
    }
    if (peek(reader, 0) == '-' || is_digit(peek(reader, 0))) {
        return check_number(reader);
    }
    return refuse(reader, "a value");
}

/* value = ws ( false / null / true / object / array / number / string ) ws */
static bool check_value(struct reader *reader)
{
    skip_space(reader);
    if (!check_bare_value(reader)) {
        return false;
    }
    skip_space(reader);
    return true;
}

enum status json_check(struct str text, struct problem *problem)
{
    struct reader reader = {.text = text, .problem = problem};
    if (str_starts(text, STR("\xef\xbb\xbf"))) {
        problem_set(problem, 0, "a byte order mark at byte 0, JSON begins without one");
        return STATUS_INVALID;
    }
    if (!check_value(&reader)) {
        return STATUS_INVALID;
    }
    if (reader.at < text.size) {
        (void)refuse(&reader, "the end");
        return STATUS_INVALID;
    }
    return STATUS_OK;
}
