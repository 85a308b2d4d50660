/* SPDX-License-Identifier: MIT */
#include "amqp/value.h"

#include <math.h>
#include <proton/codec.h>

#include "check.h"

enum { BYTES_MAX = 4096 };

/* ---- Proton writes, we read, and write the same again ---- */

static pn_bytes_t bytes_of(const char *text)
{
    return pn_bytes(strlen(text), text);
}

static void put_each_kind(pn_data_t *data)
{
    static const pn_uuid_t uuid = {.bytes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}};
    pn_data_put_null(data);
    pn_data_put_bool(data, true);
    pn_data_put_bool(data, false);
    pn_data_put_ubyte(data, 255);
    pn_data_put_ushort(data, 65535);
    pn_data_put_uint(data, 0);
    pn_data_put_uint(data, 255);
    pn_data_put_uint(data, 256);
    pn_data_put_uint(data, UINT32_MAX);
    pn_data_put_ulong(data, 0);
    pn_data_put_ulong(data, 255);
    pn_data_put_ulong(data, 256);
    pn_data_put_ulong(data, UINT64_MAX);
    pn_data_put_byte(data, -128);
    pn_data_put_short(data, -32768);
    pn_data_put_int(data, -128);
    pn_data_put_int(data, -129);
    pn_data_put_int(data, INT32_MIN);
    pn_data_put_long(data, 127);
    pn_data_put_long(data, 128);
    pn_data_put_long(data, INT64_MIN);
    pn_data_put_float(data, 1.5F);
    pn_data_put_double(data, -0.1);
    pn_data_put_char(data, 0x1f600);
    pn_data_put_timestamp(data, -1);
    pn_data_put_uuid(data, uuid);
    pn_data_put_decimal32(data, 1);
    pn_data_put_decimal64(data, 2);
    pn_data_put_binary(data, pn_bytes(3, "\x00\xff\x01"));
    pn_data_put_string(data, bytes_of("caf\xc3\xa9"));
    pn_data_put_symbol(data, bytes_of("amqp:not-found"));
}

static void append_description(struct buf *out, const struct amqp_value *value)
{
    buf_append_format(out, "%s ", amqp_type_name(value->type));
    switch (value->type) {
    case AMQP_NULL:
        break;
    case AMQP_BOOLEAN:
    case AMQP_UBYTE:
    case AMQP_USHORT:
    case AMQP_UINT:
    case AMQP_ULONG:
    case AMQP_CHAR:
        buf_append_format(out, "%llu", (unsigned long long)value->u);
        break;
    case AMQP_BYTE:
    case AMQP_SHORT:
    case AMQP_INT:
    case AMQP_LONG:
    case AMQP_TIMESTAMP:
        buf_append_format(out, "%lld", (long long)value->i);
        break;
    case AMQP_FLOAT:
    case AMQP_DOUBLE:
        buf_append_format(out, "%g", value->d);
        break;
    case AMQP_STRING:
    case AMQP_SYMBOL:
        buf_append_str(out, value->bytes);
        break;
    case AMQP_DECIMAL:
    case AMQP_UUID:
    case AMQP_BINARY:
    case AMQP_LIST:
    case AMQP_MAP:
    case AMQP_ARRAY:
    case AMQP_DESCRIBED:
        buf_append_format(out, "%zu bytes", value->bytes.size);
        break;
    }
    buf_append_str(out, STR("; "));
}

static void each_type_is_read_as_Proton_wrote_it_and_written_the_same(void **state)
{
    (void)state;
    char bytes[BYTES_MAX];
    pn_data_t *data = pn_data(0);
    put_each_kind(data);
    const ssize_t size = pn_data_encode(data, bytes, sizeof(bytes));
    assert_true(size > 0);
    pn_data_free(data);

    struct problem problem = {0};
    struct amqp_reader reader;
    struct amqp_value value;
    struct buf seen CLEANUP(buf_finish) = BUF_INIT(BYTES_MAX);
    struct buf again CLEANUP(buf_finish) = BUF_INIT(BYTES_MAX);
    amqp_reader_init(&reader, str_of(bytes, (size_t)size), &problem);
    while (amqp_read(&reader, &value)) {
        append_description(&seen, &value);
        amqp_append(&again, &value);
    }
    assert_false(reader.failed);
    assert_str_equal(
        buf_str(&seen),
        "null ; boolean 1; boolean 0; ubyte 255; ushort 65535; uint 0; uint 255; uint 256; "
        "uint 4294967295; ulong 0; ulong 255; ulong 256; ulong 18446744073709551615; byte -128; "
        "short -32768; int -128; int -129; int -2147483648; long 127; long 128; "
        "long -9223372036854775808; float 1.5; double -0.1; char 128512; timestamp -1; "
        "uuid 16 bytes; decimal 4 bytes; decimal 8 bytes; binary 3 bytes; string caf\xc3\xa9; "
        "symbol amqp:not-found; ");
    assert_int_equal(again.size, size);
    assert_memory_equal(again.data, bytes, again.size);
}

static void put_nested(pn_data_t *data)
{
    pn_data_put_map(data);
    pn_data_enter(data);
    pn_data_put_symbol(data, bytes_of("list"));
    pn_data_put_list(data);
    pn_data_enter(data);
    pn_data_put_int(data, 1);
    pn_data_put_string(data, bytes_of("two"));
    pn_data_exit(data);
    pn_data_put_string(data, bytes_of("ids"));
    pn_data_put_array(data, false, PN_STRING);
    pn_data_enter(data);
    pn_data_put_string(data, bytes_of("0"));
    pn_data_put_string(data, bytes_of("1"));
    pn_data_exit(data);
    pn_data_put_symbol(data, bytes_of("filter"));
    pn_data_put_described(data);
    pn_data_enter(data);
    pn_data_put_symbol(data, bytes_of("apache.org:selector-filter:string"));
    pn_data_put_string(data, bytes_of("a > '1'"));
    pn_data_exit(data);
    pn_data_put_string(data, bytes_of("list")); /* a second of this name */
    pn_data_put_null(data);
    pn_data_exit(data);
}

static void maps_lists_arrays_and_described_values_are_walked(void **state)
{
    (void)state;
    char bytes[BYTES_MAX];
    pn_data_t *data = pn_data(0);
    put_nested(data);
    const ssize_t size = pn_data_encode(data, bytes, sizeof(bytes));
    pn_data_free(data);

    struct amqp_reader reader;
    struct amqp_value map;
    struct amqp_value value;
    struct str text = STR("untouched");
    amqp_reader_init(&reader, str_of(bytes, (size_t)size), NULL);
    assert_true(amqp_read(&reader, &map));
    assert_int_equal(map.type, AMQP_MAP);
    assert_int_equal(map.count, 8);

    assert_true(amqp_map_find(&map, STR("list"), &value));
    assert_int_equal(value.type, AMQP_LIST); /* the first of two */
    assert_int_equal(value.count, 2);
    assert_true(amqp_array_text(&value, 1, &text));
    assert_str_equal(text, "two");
    assert_false(amqp_array_text(&value, 0, &text)); /* a number */

    assert_true(amqp_map_find(&map, STR("ids"), &value));
    assert_int_equal(value.type, AMQP_ARRAY);
    assert_true(amqp_array_text(&value, 0, &text));
    assert_str_equal(text, "0");
    assert_true(amqp_array_text(&value, 1, &text));
    assert_str_equal(text, "1");
    assert_false(amqp_array_text(&value, 2, &text));

    assert_true(amqp_map_find(&map, STR("filter"), &value));
    assert_int_equal(value.type, AMQP_DESCRIBED);
    struct amqp_reader inside = amqp_reader_inside(&value);
    assert_true(amqp_read(&inside, &value));
    assert_true(amqp_is_text(&value, STR("apache.org:selector-filter:string")));
    assert_true(amqp_read(&inside, &value));
    assert_true(amqp_is_text(&value, STR("a > '1'")));
    assert_false(amqp_read(&inside, &value));

    assert_false(amqp_map_find(&map, STR("nobody"), &value));
    assert_true(amqp_array_text(&value, 0, &text)); /* one text is an array of itself */
    assert_str_equal(text, "a > '1'");
}

/* ---- what we write, Proton reads ---- */

static void maps_and_arrays_that_are_written_Proton_reads(void **state)
{
    (void)state;
    const struct str ids[] = {STR("0"), STR("1"), STR("2")};
    struct buf out CLEANUP(buf_finish) = BUF_INIT(BYTES_MAX);
    const struct amqp_open map = amqp_open_map(&out);
    amqp_append_symbol(&out, STR("ids"));
    amqp_append_string_array(&out, ids, 3);
    amqp_append_string(&out, STR("list"));
    const struct amqp_open list = amqp_open_list(&out);
    const struct amqp_value number = amqp_long(-5);
    amqp_append(&out, &number);
    amqp_append_null(&out);
    amqp_close(&out, list, 2);
    amqp_close(&out, map, 4);
    assert_int_equal(buf_status(&out), STATUS_OK);

    char text[BYTES_MAX];
    size_t text_size = sizeof(text);
    pn_data_t *data = pn_data(0);
    assert_int_equal(pn_data_decode(data, out.data, out.size), out.size);
    assert_int_equal(pn_data_format(data, text, &text_size), 0);
    assert_string_equal(text, "{:ids=@PN_STRING[\"0\", \"1\", \"2\"], \"list\"=[-5, null]}");
    pn_data_free(data);

    struct amqp_reader reader;
    struct amqp_value value;
    struct buf again CLEANUP(buf_finish) = BUF_INIT(BYTES_MAX);
    amqp_reader_init(&reader, buf_str(&out), NULL);
    assert_true(amqp_read(&reader, &value));
    amqp_append(&again, &value);
    assert_int_equal(again.size, out.size);
    assert_memory_equal(again.data, out.data, out.size);
}

static void texts_of_255_bytes_have_a_short_size_and_of_256_a_long_one(void **state)
{
    (void)state;
    char text[256];
    memset(text, 'x', sizeof(text));
    for (size_t size = 255; size <= 256; size++) {
        struct buf out CLEANUP(buf_finish) = BUF_INIT(BYTES_MAX);
        amqp_append_string(&out, str_of(text, size));
        amqp_append_symbol(&out, str_of(text, size));
        amqp_append_binary(&out, str_of(text, size));
        assert_int_equal(out.size, 3 * (size + (size == 255 ? 2 : 5)));
        struct amqp_reader reader;
        struct amqp_value value;
        amqp_reader_init(&reader, buf_str(&out), NULL);
        for (size_t i = 0; i < 3; i++) {
            assert_true(amqp_read(&reader, &value));
            assert_int_equal(value.bytes.size, size);
        }
        assert_false(amqp_read(&reader, &value));
        assert_false(reader.failed);
    }
}

static void texts_that_are_none_are_repaired(void **state)
{
    (void)state;
    struct buf out CLEANUP(buf_finish) = BUF_INIT(BYTES_MAX);
    amqp_append_string(&out, str_of("a\xff\xc3\xa9\xe2\x82", 6));
    amqp_append_symbol(&out, str_of("utf\xc3\xa9", 5));
    struct amqp_reader reader;
    struct amqp_value value;
    amqp_reader_init(&reader, buf_str(&out), NULL);
    assert_true(amqp_read(&reader, &value));
    assert_str_equal(value.bytes, "a\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd");
    assert_true(amqp_read(&reader, &value));
    assert_str_equal(value.bytes, "utf??");
}

/* ---- hostile bytes ---- */

#define BYTES(literal) ("" literal ""), sizeof(literal) - 1

static void malformed_bytes_are_refused_with_place_and_reason(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        const char *problem;
    } rows[] = {
        {BYTES("\x3f"), "the format code 0x3f, which AMQP 1.0 does not have, at byte 1"},
        {BYTES("\x40\xff"), "the format code 0xff, which AMQP 1.0 does not have, at byte 2"},
        {BYTES("\x50"), "1 more bytes are announced than there are at byte 1"},
        {BYTES("\x80\x00\x00\x00"), "5 more bytes are announced than there are at byte 1"},
        {BYTES("\x98\x00"), "15 more bytes are announced than there are at byte 1"},
        {BYTES("\x56\x02"), "a boolean that is neither 0 nor 1 at byte 2"},
        {BYTES("\x73\x00\x11\x00\x00"), "a char that is no code point at byte 5"},
        {BYTES("\x73\x00\x00\xd8\x00"), "a char that is no code point at byte 5"},
        {BYTES("\xa1\x02\x61"), "1 more bytes are announced than there are at byte 2"},
        {BYTES("\xa1\x01\xff"), "a string that is not well-formed UTF-8 ends at byte 3"},
        {BYTES("\xa3\x01\xc3"), "a symbol that is not ASCII ends at byte 3"},
        {BYTES("\xb0\xff\xff\xff\xff\x61"),
         "4294967294 more bytes are announced than there are at byte 5"},
        {BYTES("\xc0\x00"), "1 more bytes are announced than there are at byte 2"},
        {BYTES("\xc0\x02\x00\x40"), "1 bytes follow the last value at byte 3"},
        {BYTES("\xc0\x02\x02\x40"), "1 more bytes are announced than there are at byte 4"},
        {BYTES("\xc1\x02\x01\x40"), "a map with a key that has no value at byte 3"},
        {BYTES("\xd0\x00\x00\x00\x03\x00\x00\x00"),
         "1 more bytes are announced than there are at byte 5"},
        {BYTES("\xe0\x02\x01\x50"), "1 more bytes are announced than there are at byte 4"},
        {BYTES("\xe0\x04\x01\x50\x00\x00"), "1 bytes follow the last of an array at byte 5"},
        {BYTES("\xf0\x00\x00\x00\x06\xff\xff\xff\xff\x40\x00"),
         "1 bytes follow the last of an array at byte 10"},
        {BYTES("\x00\x53"), "1 more bytes are announced than there are at byte 2"},
        {BYTES("\x00\x53\x70"), "1 more bytes are announced than there are at byte 3"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct problem problem = {0};
        struct amqp_reader reader;
        struct amqp_value value = {.type = AMQP_NULL};
        amqp_reader_init(&reader, str_of(rows[i].bytes, rows[i].size), &problem);
        while (amqp_read(&reader, &value)) {
        }
        assert_true(reader.failed);
        assert_string_equal(problem.text, rows[i].problem);
        assert_false(amqp_read(&reader, &value)); /* and so on */
    }
}

static void an_array_of_nothings_costs_nothing(void **state)
{
    (void)state;
    struct amqp_reader reader;
    struct amqp_value value;
    amqp_reader_init(&reader, STR("\xf0\x00\x00\x00\x05\xff\xff\xff\xff\x40"), NULL);
    assert_true(amqp_read(&reader, &value));
    assert_int_equal(value.count, UINT32_MAX);
}

static void depth_is_bounded(void **state)
{
    (void)state;
    static const struct {
        uint8_t around[3]; /* list8 of one value, map8 with a null key, described by null */
        size_t size;
    } kinds[] = {{{0xc0, 0, 1}, 3}, {{0x00, 0x40}, 2}};
    for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
        for (size_t depth = AMQP_DEPTH_MAX - 1; depth <= AMQP_DEPTH_MAX; depth++) {
            uint8_t bytes[3 * AMQP_DEPTH_MAX + 1];
            size_t size = 0;
            for (size_t i = 0; i < depth; i++) {
                memcpy(bytes + size, kinds[k].around, kinds[k].size);
                bytes[size + 1] = k == 0 ? (uint8_t)(3 * (depth - i) - 1) : 0x40;
                size += kinds[k].size;
            }
            bytes[size++] = 0x40;
            struct amqp_reader reader;
            struct amqp_value value;
            amqp_reader_init(&reader, str_of(bytes, size), NULL);
            assert_int_equal(amqp_read(&reader, &value), depth < AMQP_DEPTH_MAX);
        }
    }
}

static void every_prefix_of_what_Proton_writes_fails_and_nothing_else(void **state)
{
    (void)state;
    char bytes[BYTES_MAX];
    pn_data_t *data = pn_data(0);
    put_nested(data);
    const ssize_t size = pn_data_encode(data, bytes, sizeof(bytes));
    pn_data_free(data);
    for (size_t cut = 1; cut < (size_t)size; cut++) {
        char *exact = mem_alloc(cut); /* so that the sanitizer sees what is read past it */
        assert_non_null(exact);
        memcpy(exact, bytes, cut);
        struct problem problem = {0};
        struct amqp_reader reader;
        struct amqp_value value = amqp_int(7);
        amqp_reader_init(&reader, str_of(exact, cut), &problem);
        assert_false(amqp_read(&reader, &value));
        assert_true(reader.failed && problem.text[0] != '\0');
        assert_int_equal(value.i, 7);
        mem_free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_type_is_read_as_Proton_wrote_it_and_written_the_same),
        cmocka_unit_test(maps_lists_arrays_and_described_values_are_walked),
        cmocka_unit_test(maps_and_arrays_that_are_written_Proton_reads),
        cmocka_unit_test(texts_of_255_bytes_have_a_short_size_and_of_256_a_long_one),
        cmocka_unit_test(texts_that_are_none_are_repaired),
        cmocka_unit_test(malformed_bytes_are_refused_with_place_and_reason),
        cmocka_unit_test(an_array_of_nothings_costs_nothing),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(every_prefix_of_what_Proton_writes_fails_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
