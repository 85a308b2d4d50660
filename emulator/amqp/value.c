/* SPDX-License-Identifier: MIT */
/* Reading. A format code's high half tells how its contents are laid out, the whole of it the type
 * (AMQP 1.0 part 1, 1.2 and 1.6). */
#include "amqp/value.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

enum {
    DESCRIBED_CODE = 0x00,
    UNKNOWN = 0, /* in the table below, where every type stands one higher */
};

enum layout {
    LAYOUT_EMPTY = 0x4,
    LAYOUT_1 = 0x5,
    LAYOUT_2 = 0x6,
    LAYOUT_4 = 0x7,
    LAYOUT_8 = 0x8,
    LAYOUT_16 = 0x9,
    LAYOUT_VARIABLE_8 = 0xa,
    LAYOUT_VARIABLE_32 = 0xb,
    LAYOUT_COMPOUND_8 = 0xc,
    LAYOUT_COMPOUND_32 = 0xd,
    LAYOUT_ARRAY_8 = 0xe,
    LAYOUT_ARRAY_32 = 0xf,
};

static const uint8_t types[256] = {
    [0x40] = AMQP_NULL + 1,    [0x41] = AMQP_BOOLEAN + 1, [0x42] = AMQP_BOOLEAN + 1,
    [0x43] = AMQP_UINT + 1,    [0x44] = AMQP_ULONG + 1,   [0x45] = AMQP_LIST + 1,
    [0x50] = AMQP_UBYTE + 1,   [0x51] = AMQP_BYTE + 1,    [0x52] = AMQP_UINT + 1,
    [0x53] = AMQP_ULONG + 1,   [0x54] = AMQP_INT + 1,     [0x55] = AMQP_LONG + 1,
    [0x56] = AMQP_BOOLEAN + 1, [0x60] = AMQP_USHORT + 1,  [0x61] = AMQP_SHORT + 1,
    [0x70] = AMQP_UINT + 1,    [0x71] = AMQP_INT + 1,     [0x72] = AMQP_FLOAT + 1,
    [0x73] = AMQP_CHAR + 1,    [0x74] = AMQP_DECIMAL + 1, [0x80] = AMQP_ULONG + 1,
    [0x81] = AMQP_LONG + 1,    [0x82] = AMQP_DOUBLE + 1,  [0x83] = AMQP_TIMESTAMP + 1,
    [0x84] = AMQP_DECIMAL + 1, [0x94] = AMQP_DECIMAL + 1, [0x98] = AMQP_UUID + 1,
    [0xa0] = AMQP_BINARY + 1,  [0xa1] = AMQP_STRING + 1,  [0xa3] = AMQP_SYMBOL + 1,
    [0xb0] = AMQP_BINARY + 1,  [0xb1] = AMQP_STRING + 1,  [0xb3] = AMQP_SYMBOL + 1,
    [0xc0] = AMQP_LIST + 1,    [0xc1] = AMQP_MAP + 1,     [0xd0] = AMQP_LIST + 1,
    [0xd1] = AMQP_MAP + 1,     [0xe0] = AMQP_ARRAY + 1,   [0xf0] = AMQP_ARRAY + 1,
};

const char *amqp_type_name(enum amqp_type type)
{
    static const char *const names[] = {
        "null",  "boolean", "ubyte",           "ushort", "uint",
        "ulong", "byte",    "short",           "int",    "long",
        "float", "double",  "decimal",         "char",   "timestamp",
        "uuid",  "binary",  "string",          "symbol", "list",
        "map",   "array",   "described value",
    };
    static_assert(ARRAY_SIZE(names) == AMQP_DESCRIBED + 1, "a name for each type");
    return names[type];
}

bool amqp_is_text(const struct amqp_value *value, struct str text)
{
    return (value->type == AMQP_STRING || value->type == AMQP_SYMBOL) &&
           str_equal(value->bytes, text);
}

bool amqp_whole_number(const struct amqp_value *value, int64_t *ret_number)
{
    if (value->type >= AMQP_UBYTE && value->type <= AMQP_ULONG && value->u <= INT64_MAX) {
        *ret_number = (int64_t)value->u;
        return true;
    }
    if (value->type >= AMQP_BYTE && value->type <= AMQP_LONG) {
        *ret_number = value->i;
        return true;
    }
    return false;
}

void amqp_reader_init(struct amqp_reader *reader, struct str bytes, struct problem *problem)
{
    *reader = (struct amqp_reader){.left = bytes, .start = bytes.data, .problem = problem};
}

struct amqp_reader amqp_reader_inside(const struct amqp_value *compound)
{
    assert(compound->type == AMQP_LIST || compound->type == AMQP_MAP ||
           compound->type == AMQP_DESCRIBED);
    return (struct amqp_reader){
        .left = compound->bytes,
        .start = compound->bytes.data,
        .checked = true,
    };
}

void amqp_reader_refuse(struct amqp_reader *reader, const char *format, ...)
{
    if (reader->failed) {
        return;
    }
    reader->failed = true;
    if (reader->problem == NULL) {
        return;
    }
    char text[PROBLEM_TEXT_SIZE];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    const size_t offset = (size_t)(reader->left.data - reader->start);
    problem_set(reader->problem, offset, "%s at byte %zu", text, offset);
}

/* ---- plain bytes ---- */

static inline const uint8_t *take(struct amqp_reader *reader, size_t size)
{
    if (size > reader->left.size) {
        amqp_reader_refuse(reader, "%zu more bytes are announced than there are",
                           size - reader->left.size);
        return NULL;
    }
    const uint8_t *taken = (const uint8_t *)reader->left.data;
    reader->left.data += size;
    reader->left.size -= size;
    return taken;
}

static inline uint64_t big_endian(const uint8_t *bytes, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

static inline bool take_number(struct amqp_reader *reader, size_t size, uint64_t *ret_number)
{
    const uint8_t *bytes = take(reader, size);
    if (bytes == NULL) {
        return false;
    }
    *ret_number = big_endian(bytes, size);
    return true;
}

static inline bool take_bytes(struct amqp_reader *reader, size_t size, struct str *ret_bytes)
{
    const uint8_t *bytes = take(reader, size);
    if (bytes == NULL) {
        return false;
    }
    *ret_bytes = str_of(bytes, size);
    return true;
}

/* ---- values of fixed size ---- */

static double float_of(uint64_t bits, size_t size)
{
    if (size == sizeof(float)) {
        const uint32_t narrow = (uint32_t)bits;
        float number;
        memcpy(&number, &narrow, sizeof(number));
        return (double)number;
    }
    double number;
    memcpy(&number, &bits, sizeof(number));
    return number;
}

static int64_t signed_of(uint64_t bits, size_t size)
{
    switch (size) {
    case 1:
        return (int8_t)bits;
    case 2:
        return (int16_t)bits;
    case 4:
        return (int32_t)bits;
    default:
        return (int64_t)bits;
    }
}

static bool read_fixed(struct amqp_reader *reader, uint8_t code, size_t size,
                       struct amqp_value *value)
{
    if (value->type == AMQP_DECIMAL || value->type == AMQP_UUID) {
        return take_bytes(reader, size, &value->bytes);
    }
    uint64_t bits = 0;
    if (!take_number(reader, size, &bits)) {
        return false;
    }
    if (value->type == AMQP_FLOAT || value->type == AMQP_DOUBLE) {
        value->d = float_of(bits, size);
    } else if (value->type == AMQP_BYTE || value->type == AMQP_SHORT || value->type == AMQP_INT ||
               value->type == AMQP_LONG || value->type == AMQP_TIMESTAMP) {
        value->i = signed_of(bits, size);
    } else {
        value->u = bits;
    }
    if (code == 0x56 && bits > 1) {
        amqp_reader_refuse(reader, "a boolean that is neither 0 nor 1");
    }
    if (value->type == AMQP_CHAR && (bits > 0x10ffff || (bits >= 0xd800 && bits <= 0xdfff))) {
        amqp_reader_refuse(reader, "a char that is no code point");
    }
    return !reader->failed;
}

static void read_empty(uint8_t code, struct amqp_value *value)
{
    if (value->type == AMQP_LIST) {
        value->bytes = STR_EMPTY;
    } else {
        value->u = code == 0x41 ? 1 : 0;
    }
}

/* ---- texts and bytes ---- */

static bool is_ascii(struct str text)
{
    uint8_t high_bits = 0;
    for (size_t i = 0; i < text.size; i++) {
        high_bits |= (uint8_t)text.data[i];
    }
    return high_bits < 0x80;
}

static inline bool read_variable(struct amqp_reader *reader, size_t size_of_size,
                                 struct amqp_value *value)
{
    uint64_t size = 0;
    if (!take_number(reader, size_of_size, &size) || !take_bytes(reader, size, &value->bytes)) {
        return false;
    }
    if (reader->checked) {
        return true;
    }
    if (value->type == AMQP_STRING && !str_is_utf8(value->bytes)) {
        amqp_reader_refuse(reader, "a string that is not well-formed UTF-8 ends");
    }
    if (value->type == AMQP_SYMBOL && !is_ascii(value->bytes)) {
        amqp_reader_refuse(reader, "a symbol that is not ASCII ends");
    }
    return !reader->failed;
}

/* ---- values in values ---- */

static bool read_value(struct amqp_reader *reader, unsigned depth, struct amqp_value *ret_value);
static inline bool read_contents(struct amqp_reader *reader, uint8_t code, unsigned depth,
                                 struct amqp_value *ret_value);

/* Reads `count` values, which must be all there is. */
static bool check_values(struct amqp_reader *inside, uint32_t count, unsigned depth)
{
    for (uint32_t i = 0; i < count; i++) {
        struct amqp_value value;
        if (!read_value(inside, depth, &value)) {
            return false;
        }
    }
    if (inside->left.size > 0) {
        amqp_reader_refuse(inside, "%zu bytes follow the last value", inside->left.size);
    }
    return !inside->failed;
}

/* A constructor, then the contents of each element (1.6.24); it may have a descriptor. */
static bool check_elements(struct amqp_reader *inside, uint32_t count, unsigned depth)
{
    uint64_t code = 0;
    if (!take_number(inside, 1, &code)) {
        return false;
    }
    struct amqp_value descriptor;
    while (code == DESCRIBED_CODE) {
        if (!read_value(inside, depth++, &descriptor) || !take_number(inside, 1, &code)) {
            return false;
        }
    }
    /* Of elements without contents there may be any number: they are looked at once. */
    const uint32_t to_read = code >> 4 == LAYOUT_EMPTY && count > 1 ? 1 : count;
    for (uint32_t i = 0; i < to_read; i++) {
        struct amqp_value element;
        if (!read_contents(inside, (uint8_t)code, depth, &element)) {
            return false;
        }
    }
    if (inside->left.size > 0) {
        amqp_reader_refuse(inside, "%zu bytes follow the last of an array", inside->left.size);
    }
    return !inside->failed;
}

static bool check_inside(struct amqp_reader *inside, const struct amqp_value *value, unsigned depth)
{
    return value->type == AMQP_ARRAY ? check_elements(inside, value->count, depth)
                                     : check_values(inside, value->count, depth);
}

/* At depth 0 what is inside is left unread. */
static bool read_compound(struct amqp_reader *reader, size_t size_of_size, unsigned depth,
                          struct amqp_value *value)
{
    uint64_t size = 0;
    uint64_t count = 0;
    struct str whole;
    if (!take_number(reader, size_of_size, &size) || !take_bytes(reader, size, &whole)) {
        return false;
    }
    struct amqp_reader inside = *reader;
    inside.left = whole;
    if (!take_number(&inside, size_of_size, &count)) {
        reader->failed = true;
        return false;
    }
    value->count = (uint32_t)count;
    value->bytes = inside.left;
    if (value->type == AMQP_MAP && count % 2 != 0) {
        amqp_reader_refuse(&inside, "a map with a key that has no value");
    } else if (!reader->checked && depth > 0) {
        (void)check_inside(&inside, value, depth + 1);
    }
    reader->failed = inside.failed;
    return !reader->failed;
}

static inline bool read_contents(struct amqp_reader *reader, uint8_t code, unsigned depth,
                                 struct amqp_value *ret_value)
{
    if (types[code] == UNKNOWN) {
        amqp_reader_refuse(reader, "the format code 0x%02x, which AMQP 1.0 does not have,", code);
        return false;
    }
    ret_value->type = (enum amqp_type)(types[code] - 1);
    ret_value->count = 0;
    switch ((enum layout)(code >> 4)) {
    case LAYOUT_EMPTY:
        read_empty(code, ret_value);
        return true;
    case LAYOUT_1:
        return read_fixed(reader, code, 1, ret_value);
    case LAYOUT_2:
        return read_fixed(reader, code, 2, ret_value);
    case LAYOUT_4:
        return read_fixed(reader, code, 4, ret_value);
    case LAYOUT_8:
        return read_fixed(reader, code, 8, ret_value);
    case LAYOUT_16:
        return read_fixed(reader, code, 16, ret_value);
    case LAYOUT_VARIABLE_8:
        return read_variable(reader, 1, ret_value);
    case LAYOUT_VARIABLE_32:
        return read_variable(reader, 4, ret_value);
    case LAYOUT_COMPOUND_8:
    case LAYOUT_ARRAY_8:
        return read_compound(reader, 1, depth, ret_value);
    case LAYOUT_COMPOUND_32:
    case LAYOUT_ARRAY_32:
        return read_compound(reader, 4, depth, ret_value);
    }
    return false;
}

static bool read_described(struct amqp_reader *reader, unsigned depth, struct amqp_value *ret_value)
{
    struct amqp_value descriptor;
    struct amqp_value value;
    const char *start = reader->left.data;
    if (!read_value(reader, depth + 1, &descriptor) || !read_value(reader, depth + 1, &value)) {
        return false;
    }
    *ret_value = amqp_bytes_of(AMQP_DESCRIBED, str_of(start, (size_t)(reader->left.data - start)));
    return true;
}

static bool read_value(struct amqp_reader *reader, unsigned depth, struct amqp_value *ret_value)
{
    uint64_t code = 0;
    if (depth > AMQP_DEPTH_MAX) {
        amqp_reader_refuse(reader, "values nested deeper than %u levels", AMQP_DEPTH_MAX);
        return false;
    }
    if (!take_number(reader, 1, &code)) {
        return false;
    }
    if (code == DESCRIBED_CODE) {
        return read_described(reader, depth, ret_value);
    }
    return read_contents(reader, (uint8_t)code, depth, ret_value);
}

bool amqp_read(struct amqp_reader *reader, struct amqp_value *ret_value)
{
    struct amqp_value value;
    if (reader->failed || reader->left.size == 0 || !read_value(reader, 1, &value)) {
        return false;
    }
    *ret_value = value;
    return true;
}

bool amqp_read_outside(struct amqp_reader *reader, struct amqp_value *ret_value)
{
    struct amqp_value value;
    if (reader->failed || reader->left.size == 0 || !read_value(reader, 0, &value)) {
        return false;
    }
    *ret_value = value;
    return true;
}

struct amqp_reader amqp_reader_into(const struct amqp_reader *outer,
                                    const struct amqp_value *compound)
{
    struct amqp_reader inside = *outer;
    inside.left = compound->bytes;
    return inside;
}

bool amqp_reader_finish(struct amqp_reader *inside, const struct amqp_value *compound,
                        uint32_t read_count)
{
    return check_values(inside, compound->count - read_count, 1);
}

bool amqp_map_next(struct amqp_reader *reader, struct amqp_value *ret_key,
                   struct amqp_value *ret_value)
{
    return amqp_read(reader, ret_key) && amqp_read(reader, ret_value);
}

bool amqp_map_find(const struct amqp_value *map, struct str key, struct amqp_value *ret_value)
{
    if (map->type != AMQP_MAP) {
        return false;
    }
    struct amqp_reader reader = amqp_reader_inside(map);
    struct amqp_value name;
    struct amqp_value value;
    while (amqp_map_next(&reader, &name, &value)) {
        if (amqp_is_text(&name, key)) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

static bool text_of(const struct amqp_value *value, struct str *ret_text)
{
    if (value->type != AMQP_STRING && value->type != AMQP_SYMBOL) {
        return false;
    }
    *ret_text = value->bytes;
    return true;
}

bool amqp_array_text(const struct amqp_value *array, uint32_t n, struct str *ret_text)
{
    struct amqp_value value = *array;
    if (array->type != AMQP_ARRAY && array->type != AMQP_LIST) {
        return n == 0 && text_of(array, ret_text);
    }
    if (n >= array->count) {
        return false;
    }
    struct amqp_reader reader = {.left = array->bytes, .start = array->bytes.data, .checked = true};
    uint64_t code = 0;
    if (array->type == AMQP_ARRAY && (!take_number(&reader, 1, &code) || code == DESCRIBED_CODE)) {
        return false;
    }
    for (uint32_t i = 0; i <= n; i++) {
        const bool read = array->type == AMQP_ARRAY
                              ? read_contents(&reader, (uint8_t)code, 1, &value)
                              : amqp_read(&reader, &value);
        if (!read) {
            return false;
        }
    }
    return text_of(&value, ret_text);
}
