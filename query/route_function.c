/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "base/decimal.h"
#include "query/dialect_internal.h"
#include "query/row_internal.h"

/* The functions of message routes (reference, 1.4 and 6.1). A wrong argument makes the call
 * undefined; types known before are refused by the checker. */

static const struct query_value undefined = {.type = QUERY_UNDEFINED};

/* ---- numbers ---- */

static struct query_value number_or_undefined(double number)
{
    return isnan(number) ? undefined : query_number(number);
}

static struct query_value map(const struct query_node *argument, const struct query_row *row,
                              double (*function)(double))
{
    const struct query_value value = query_evaluate(argument, row);
    return value.type == QUERY_NUMBER ? number_or_undefined(function(value.number)) : undefined;
}

static double square_of(double x)
{
    return x * x;
}

static double sign_of(double x)
{
    return x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : 0.0;
}

static struct query_value call_abs(const struct query_node *argument, const struct query_row *row)
{
    return map(argument, row, fabs);
}

static struct query_value call_exp(const struct query_node *argument, const struct query_row *row)
{
    return map(argument, row, exp);
}

static struct query_value call_square(const struct query_node *argument,
                                      const struct query_row *row)
{
    return map(argument, row, square_of);
}

static struct query_value call_ceiling(const struct query_node *argument,
                                       const struct query_row *row)
{
    return map(argument, row, ceil);
}

static struct query_value call_floor(const struct query_node *argument, const struct query_row *row)
{
    return map(argument, row, floor);
}

static struct query_value call_sign(const struct query_node *argument, const struct query_row *row)
{
    return map(argument, row, sign_of);
}

static struct query_value call_sqrt(const struct query_node *argument, const struct query_row *row)
{
    return map(argument, row, sqrt);
}

static struct query_value call_power(const struct query_node *arguments,
                                     const struct query_row *row)
{
    const struct query_value base = query_evaluate(arguments, row);
    const struct query_value exponent = query_evaluate(arguments->next, row);
    return base.type == QUERY_NUMBER && exponent.type == QUERY_NUMBER
               ? number_or_undefined(pow(base.number, exponent.number))
               : undefined;
}

static bool is_digit_at(struct str text, size_t at)
{
    return at < text.size && text.data[at] >= '0' && text.data[at] <= '9';
}

static size_t skip_digits(struct str text, size_t at)
{
    while (is_digit_at(text, at)) {
        at++;
    }
    return at;
}

/* [ "-" ] digits [ "." digits ] [ exponent ], as decimal_decode() takes it. */
static bool is_decimal(struct str text)
{
    const size_t start = text.size > 0 && text.data[0] == '-' ? 1 : 0;
    size_t at = skip_digits(text, start);
    size_t count = at - start;
    if (at < text.size && text.data[at] == '.') {
        const size_t end = skip_digits(text, at + 1);
        count += end - at - 1;
        at = end;
    }
    if (count == 0) {
        return false;
    }
    if (at < text.size && (text.data[at] | 0x20) == 'e') {
        const bool sign =
            at + 1 < text.size && (text.data[at + 1] == '+' || text.data[at + 1] == '-');
        const size_t digits = at + (sign ? 2 : 1);
        if (!is_digit_at(text, digits)) {
            return false;
        }
        at = skip_digits(text, digits);
    }
    return at == text.size;
}

/* as_number('abc') is undefined, '10e1000' is Infinity (reference, 6.1). */
static struct query_value call_as_number(const struct query_node *argument,
                                         const struct query_row *row)
{
    const struct query_value value = query_evaluate(argument, row);
    if (value.type != QUERY_STRING) {
        return value.type == QUERY_NUMBER ? value : undefined;
    }
    struct str text = str_trim(value.text);
    if (text.size > 1 && text.data[0] == '+' && text.data[1] != '-') {
        text = str_skip(text, 1);
    }
    return is_decimal(text) ? query_number(decimal_decode(text)) : undefined;
}

/* ---- types ---- */

/* As it stands in the message: an object has a type, though it has no value. */
static enum query_type raw_type(const struct query_node *argument, const struct query_row *row)
{
    return argument->kind == NODE_PATH ? row->values[argument->path->source.slot].type
                                       : query_evaluate(argument, row).type;
}

/* In routes true for primitive values only (reference, 1.4). */
static struct query_value call_is_defined(const struct query_node *argument,
                                          const struct query_row *row)
{
    return query_boolean(query_evaluate(argument, row).type != QUERY_UNDEFINED);
}

static struct query_value call_is_null(const struct query_node *argument,
                                       const struct query_row *row)
{
    return query_boolean(query_evaluate(argument, row).type == QUERY_NULL);
}

static struct query_value call_is_bool(const struct query_node *argument,
                                       const struct query_row *row)
{
    return query_boolean(query_evaluate(argument, row).type == QUERY_BOOLEAN);
}

/* The routing code's own tests want false for 3 / 0. */
static struct query_value call_is_number(const struct query_node *argument,
                                         const struct query_row *row)
{
    const struct query_value value = query_evaluate(argument, row);
    return query_boolean(value.type == QUERY_NUMBER && isfinite(value.number));
}

static struct query_value call_is_string(const struct query_node *argument,
                                         const struct query_row *row)
{
    return query_boolean(query_evaluate(argument, row).type == QUERY_STRING);
}

static struct query_value call_is_array(const struct query_node *argument,
                                        const struct query_row *row)
{
    return query_boolean(raw_type(argument, row) == QUERY_ARRAY);
}

static struct query_value call_is_object(const struct query_node *argument,
                                         const struct query_row *row)
{
    return query_boolean(raw_type(argument, row) == QUERY_OBJECT);
}

static struct query_value call_is_primitive(const struct query_node *argument,
                                            const struct query_row *row)
{
    const enum query_type type = raw_type(argument, row);
    return query_boolean(type >= QUERY_NULL && type <= QUERY_STRING);
}

/* ---- strings ---- */

static bool strings(const struct query_node *arguments, const struct query_row *row,
                    struct str *ret_first, struct str *ret_second)
{
    const struct query_value first = query_evaluate(arguments, row);
    const struct query_value second = query_evaluate(arguments->next, row);
    if (first.type != QUERY_STRING || second.type != QUERY_STRING) {
        return false;
    }
    *ret_first = first.text;
    *ret_second = second.text;
    return true;
}

/* In linear time, which memmem() promises: a device may send both texts. */
static size_t find(struct str text, struct str wanted)
{
    if (wanted.size > text.size) {
        return SIZE_MAX;
    }
    const char *at =
        wanted.size == 0 ? text.data : memmem(text.data, text.size, wanted.data, wanted.size);
    return at == NULL ? SIZE_MAX : (size_t)(at - text.data);
}

/* Strings are measured in UTF-16 code units (reference, 6.1). */
static size_t count_units(struct str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.size; i++) {
        const unsigned char c = (unsigned char)text.data[i];
        count += (c & 0xC0) == 0x80 ? 0 : c >= 0xF0 ? 2 : 1;
    }
    return count;
}

/* The bytes of the first `units` units; SIZE_MAX when there are fewer, or they end inside a pair of
 * surrogates: half a pair is no text. */
static size_t skip_units(struct str text, double units)
{
    double passed = 0.0;
    size_t i = 0;
    while (i < text.size && passed < units) {
        const size_t size = query_utf8_size(text.data[i]);
        passed += size == 4 ? 2.0 : 1.0;
        i += size;
    }
    return passed == units && i <= text.size ? i : SIZE_MAX;
}

static struct query_value call_concat(const struct query_node *arguments,
                                      const struct query_row *row)
{
    CLEANUP(buf_finish) struct buf joined = BUF_INIT(QUERY_ROW_SCRATCH_SIZE);
    bool all = true;
    for (const struct query_node *argument = arguments; argument != NULL;
         argument = argument->next) {
        const struct query_value value = query_evaluate(argument, row);
        all = all && (value.type == QUERY_STRING || value.type == QUERY_NULL);
        buf_append_str(&joined, value.type == QUERY_STRING ? value.text : STR_EMPTY);
    }
    return all ? query_route_text(row, &joined) : undefined;
}

static struct query_value call_length(const struct query_node *argument,
                                      const struct query_row *row)
{
    const struct query_value value = query_evaluate(argument, row);
    return value.type == QUERY_STRING ? query_number((double)count_units(value.text)) : undefined;
}

/* Letters of Latin-1, Latin Extended-A, Greek and Cyrillic; others stay as they are. */
static uint32_t change_case(uint32_t c, bool upper)
{
    static const struct {
        uint32_t from, to; /* the capital letters */
        uint32_t distance; /* to the small ones; 1: they alternate */
    } ranges[] = {{'A', 'Z', 32},     {0xC0, 0xD6, 32},   {0xD8, 0xDE, 32},   {0x100, 0x12E, 1},
                  {0x132, 0x136, 1},  {0x139, 0x147, 1},  {0x14A, 0x176, 1},  {0x179, 0x17D, 1},
                  {0x391, 0x3A1, 32}, {0x3A3, 0x3AB, 32}, {0x400, 0x40F, 80}, {0x410, 0x42F, 32},
                  {0x460, 0x480, 1},  {0x48A, 0x4BE, 1}};
    for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
        const uint32_t capital = upper ? c - ranges[i].distance : c;
        const bool inside = capital >= ranges[i].from && capital <= ranges[i].to;
        const bool alternate = ranges[i].distance == 1 && (capital - ranges[i].from) % 2 == 1;
        if (inside && !alternate) {
            return upper ? capital : c + ranges[i].distance;
        }
    }
    return c;
}

static uint32_t code_point_at(struct str text, size_t size)
{
    static const unsigned char masks[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    uint32_t code_point = (unsigned char)text.data[0] & masks[size];
    for (size_t i = 1; i < size; i++) {
        code_point = code_point << 6 | ((unsigned char)text.data[i] & 0x3FU);
    }
    return code_point;
}

static struct query_value call_case(const struct query_node *argument, const struct query_row *row,
                                    bool upper)
{
    const struct query_value value = query_evaluate(argument, row);
    if (value.type != QUERY_STRING) {
        return undefined;
    }
    CLEANUP(buf_finish) struct buf out = BUF_INIT(QUERY_ROW_SCRATCH_SIZE);
    for (struct str rest = value.text; rest.size > 0;) {
        const size_t size = str_utf8_size(rest);
        char utf8[4];
        if (size == 0) { /* a property that is no UTF-8 */
            buf_append_byte(&out, (uint8_t)rest.data[0]);
            rest = str_skip(rest, 1);
            continue;
        }
        const uint32_t changed = change_case(code_point_at(rest, size), upper);
        buf_append_str(&out, str_of(utf8, query_utf8_encode(changed, utf8)));
        rest = str_skip(rest, size);
    }
    return query_route_text(row, &out);
}

static struct query_value call_lower(const struct query_node *argument, const struct query_row *row)
{
    return call_case(argument, row, false);
}

static struct query_value call_upper(const struct query_node *argument, const struct query_row *row)
{
    return call_case(argument, row, true);
}

/*
 * Zero-based; out of range or negative is undefined; that the start is the very end is allowed
 * without a length only (reference, 6.1).
 */
static struct query_value call_substring(const struct query_node *arguments,
                                         const struct query_row *row)
{
    const struct query_node *second = arguments->next;
    const struct query_value text = query_evaluate(arguments, row);
    const struct query_value start = query_evaluate(second, row);
    if (text.type != QUERY_STRING || start.type != QUERY_NUMBER || start.number < 0.0) {
        return undefined;
    }
    const size_t from = skip_units(text.text, floor(start.number));
    if (from == SIZE_MAX) {
        return undefined;
    }
    const struct str rest = str_skip(text.text, from);
    if (second->next == NULL) {
        return query_string(rest);
    }
    const struct query_value length = query_evaluate(second->next, row);
    if (length.type != QUERY_NUMBER || length.number < 0.0 || rest.size == 0) {
        return undefined;
    }
    const size_t size = skip_units(rest, floor(length.number));
    return size == SIZE_MAX ? undefined : query_string(str_of(rest.data, size));
}

static struct query_value call_index_of(const struct query_node *arguments,
                                        const struct query_row *row)
{
    struct str text;
    struct str wanted;
    if (!strings(arguments, row, &text, &wanted)) {
        return undefined;
    }
    const size_t at = find(text, wanted);
    return query_number(at == SIZE_MAX ? -1.0 : (double)count_units(str_of(text.data, at)));
}

static struct query_value call_contains(const struct query_node *arguments,
                                        const struct query_row *row)
{
    struct str text;
    struct str wanted;
    return strings(arguments, row, &text, &wanted) ? query_boolean(find(text, wanted) != SIZE_MAX)
                                                   : undefined;
}

static struct query_value call_starts_with(const struct query_node *arguments,
                                           const struct query_row *row)
{
    struct str text;
    struct str prefix;
    return strings(arguments, row, &text, &prefix) ? query_boolean(str_starts(text, prefix))
                                                   : undefined;
}

static struct query_value call_ends_with(const struct query_node *arguments,
                                         const struct query_row *row)
{
    struct str text;
    struct str suffix;
    return strings(arguments, row, &text, &suffix) ? query_boolean(str_ends(text, suffix))
                                                   : undefined;
}

#define FUNCTION(text, least, most, function, gives_type, ...)                                     \
    {                                                                                              \
        .name = (text), .arguments = (least), .arguments_max = (most), .call = (function),         \
        .takes = {__VA_ARGS__}, .gives = (gives_type)                                              \
    }
#define MATH(text, function) FUNCTION(text, 1, 1, function, STATIC_NUMBER, STATIC_NUMBER, 0, 0)
#define TEST(text, function) FUNCTION(text, 1, 1, function, STATIC_BOOLEAN, STATIC_ANY, 0, 0)
#define MATCH(text, function, gives_type)                                                          \
    FUNCTION(text, 2, 2, function, gives_type, STATIC_STRING, STATIC_STRING, 0)

const struct query_function query_route_functions[QUERY_ROUTE_FUNCTION_COUNT] = {
    MATH("ABS", call_abs),
    MATH("EXP", call_exp),
    MATH("SQUARE", call_square),
    MATH("CEILING", call_ceiling),
    MATH("FLOOR", call_floor),
    MATH("SIGN", call_sign),
    MATH("SQRT", call_sqrt),
    FUNCTION("POWER", 2, 2, call_power, STATIC_NUMBER, STATIC_NUMBER, STATIC_NUMBER, 0),
    FUNCTION("AS_NUMBER", 1, 1, call_as_number, STATIC_NUMBER, STATIC_STRING | STATIC_NUMBER, 0, 0),
    TEST("IS_DEFINED", call_is_defined),
    TEST("IS_NULL", call_is_null),
    TEST("IS_BOOL", call_is_bool),
    TEST("IS_NUMBER", call_is_number),
    TEST("IS_STRING", call_is_string),
    TEST("IS_ARRAY", call_is_array),
    TEST("IS_OBJECT", call_is_object),
    TEST("IS_PRIMITIVE", call_is_primitive),
    FUNCTION("CONCAT", 2, SIZE_MAX, call_concat, STATIC_STRING, STATIC_STRING, STATIC_STRING,
             STATIC_STRING),
    FUNCTION("LENGTH", 1, 1, call_length, STATIC_NUMBER, STATIC_STRING, 0, 0),
    FUNCTION("LOWER", 1, 1, call_lower, STATIC_STRING, STATIC_STRING, 0, 0),
    FUNCTION("UPPER", 1, 1, call_upper, STATIC_STRING, STATIC_STRING, 0, 0),
    FUNCTION("SUBSTRING", 2, 3, call_substring, STATIC_STRING, STATIC_STRING, STATIC_NUMBER,
             STATIC_NUMBER),
    MATCH("INDEX_OF", call_index_of, STATIC_NUMBER),
    MATCH("CONTAINS", call_contains, STATIC_BOOLEAN),
    MATCH("STARTS_WITH", call_starts_with, STATIC_BOOLEAN),
    MATCH("ENDS_WITH", call_ends_with, STATIC_BOOLEAN),
};
