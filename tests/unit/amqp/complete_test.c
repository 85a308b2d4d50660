/* SPDX-License-Identifier: MIT */
#include "check.h"

#include "amqp/complete.h"
#include "amqp/value.h"

enum { TEXT_MAX = 1 << 20 };

static unsigned digit(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static void append_hex(struct buf *out, const char *hex)
{
    for (; hex[0] != '\0'; hex += 2) {
        buf_append_byte(out, (uint8_t)(digit(hex[0]) << 4 | digit(hex[1])));
    }
}

/* A frame on channel 1 around a performative. */
static void append_frame(struct buf *out, struct str body)
{
    const size_t size = 8 + body.size;
    const uint8_t head[] = {(uint8_t)(size >> 24),
                            (uint8_t)(size >> 16),
                            (uint8_t)(size >> 8),
                            (uint8_t)size,
                            2,
                            0,
                            0,
                            1};
    buf_append(out, head, sizeof(head));
    buf_append_str(out, body);
}

static void append_hex_frame(struct buf *out, const char *hex)
{
    struct buf body = BUF_INIT(TEXT_MAX);
    append_hex(&body, hex);
    append_frame(out, buf_str(&body));
    buf_finish(&body);
}

static const struct {
    const char *name;
    const char *body, *completed; /* hex */
} frames[] = {
    {"begin, with its default written out", "005311c0050440434343",
     "005311c00d084043434370ffffffff404040"},
    {"begin that names its handles", "005311c00705404343435209", "005311c00a08404343435209404040"},
    {"transfer, its payload after the list", "005314c005034343a0007061796c6f6164",
     "005314c00d0b4343a00040404040404040407061796c6f6164"},
    {"close without a word", "00531845", "005318c0020140"},
    {"close with an error", "005318c0020140", "005318c0020140"},
    {"detach, as a long list", "005316d000000006000000024341", "005316c00403434140"},
    {"a list with all there is", "005316c00403434140", "005316c00403434140"},
    {"SASL's performatives", "00534045", "00534045"},
    {"an empty frame", "", ""},
    {"a list that goes beyond its frame", "005318c0090040", "005318c0090040"},
};

static void lists_get_the_fields_they_lack(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(frames); i++) {
        struct buf in = BUF_INIT(TEXT_MAX);
        struct buf expected = BUF_INIT(TEXT_MAX);
        struct buf out = BUF_INIT(TEXT_MAX);
        buf_append_str(&in, STR("AMQP\0\1\0\0"));
        buf_append_str(&expected, buf_str(&in));
        for (int twice = 0; twice < 2; twice++) {
            append_hex_frame(&in, frames[i].body);
            append_hex_frame(&expected, frames[i].completed);
        }
        assert_int_equal(amqp_complete_append(&out, buf_str(&in), SIZE_MAX), in.size);
        if (!str_equal(buf_str(&out), buf_str(&expected))) {
            fail_msg("%s", frames[i].name);
        }
        buf_finish(&in);
        buf_finish(&out);
        buf_finish(&expected);
    }
}

static void a_long_list_stays_one(void **state)
{
    (void)state;
    struct buf body = BUF_INIT(TEXT_MAX);
    struct buf in = BUF_INIT(TEXT_MAX);
    struct buf out = BUF_INIT(TEXT_MAX);
    /* 250 bytes of values: with the nulls they are too many for a short list. */
    buf_append_str(&body, STR("\0S\x12\xc0\xfb\x01\xa1\xf8"));
    for (int i = 0; i < 248; i++) {
        buf_append_byte(&body, 'n');
    }
    append_frame(&in, buf_str(&body));
    assert_int_equal(amqp_complete_append(&out, buf_str(&in), SIZE_MAX), in.size);
    struct amqp_reader reader;
    struct amqp_value performative;
    struct amqp_value part = {0};
    amqp_reader_init(&reader, str_skip(buf_str(&out), 8), NULL);
    assert_true(amqp_read(&reader, &performative));
    assert_int_equal(reader.left.size, 0);
    struct amqp_reader inside = amqp_reader_inside(&performative);
    assert_true(amqp_read(&inside, &part) && amqp_read(&inside, &part));
    assert_int_equal(part.count, 14);
    assert_int_equal((uint8_t)out.data[3] | (uint8_t)out.data[2] << 8, out.size);
    buf_finish(&body);
    buf_finish(&in);
    buf_finish(&out);
}

static void half_a_frame_waits_and_a_full_one_does_not_grow(void **state)
{
    (void)state;
    struct buf in = BUF_INIT(TEXT_MAX);
    append_frame(&in, STR("\0S\x18"
                          "E"));
    const size_t one = in.size;
    append_frame(&in, STR("\0S\x18"
                          "E"));
    for (size_t size = 0; size <= in.size; size++) {
        struct buf out = BUF_INIT(TEXT_MAX);
        assert_int_equal(amqp_complete_append(&out, str_of(in.data, size), SIZE_MAX),
                         size / one * one);
        buf_finish(&out);
    }
    struct buf out = BUF_INIT(TEXT_MAX);
    const size_t limit = one + AMQP_COMPLETE_GROWTH_MAX;
    assert_int_equal(amqp_complete_append(&out, str_of(in.data, one), limit - 1), one);
    assert_int_equal(out.size, one);
    assert_int_equal(amqp_complete_append(&out, str_of(in.data, one), limit), one);
    assert_true(out.size > 2 * one);
    buf_finish(&in);
    buf_finish(&out);
}

static const struct {
    const char *body, *completed;
    size_t size_max; /* 0: it stays as it is */
} opens[] = {
    {"005310c00a03a10163407000010000", "005310c00a03a1016340700000ffe0", 65536},
    {"005310c00d04a10163407000000220600000", "005310c00d04a10163407000000200600000", 544},
    {"005310c00a03a1016340700000021f", "", 0},
    {"005310c00703a101634052ff", "", 0},
    {"005310c00502a1016340", "", 0},
    {"005310c00503a1016340", "", 0},
    {"005311c00a03a10163407000010000", "", 0},
};

static void an_open_leaves_room_for_what_completes_frames(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(opens); i++) {
        struct buf in = BUF_INIT(TEXT_MAX);
        struct buf expected = BUF_INIT(TEXT_MAX);
        struct buf copy = BUF_INIT(TEXT_MAX);
        size_t size_max = 0;
        append_hex_frame(&in, opens[i].body);
        append_hex_frame(&expected, opens[i].completed);
        assert_int_equal(amqp_complete_open(buf_str(&in), &copy, &size_max),
                         opens[i].size_max != 0);
        assert_int_equal(size_max, opens[i].size_max);
        if (size_max != 0) {
            assert_true(str_equal(buf_str(&copy), buf_str(&expected)));
        }
        buf_finish(&in);
        buf_finish(&copy);
        buf_finish(&expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_get_the_fields_they_lack),
        cmocka_unit_test(a_long_list_stays_one),
        cmocka_unit_test(half_a_frame_waits_and_a_full_one_does_not_grow),
        cmocka_unit_test(an_open_leaves_room_for_what_completes_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
