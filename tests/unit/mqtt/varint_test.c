/* SPDX-License-Identifier: MIT */
#include "mqtt/varint.h"

#include "check.h"

/* Table 2.4 of MQTT 3.1.1: both ends of every size. */
static const struct {
    uint32_t value;
    size_t size;
    uint8_t bytes[VARINT_SIZE_MAX];
} edges[] = {
    {0, 1, {0x00}},
    {127, 1, {0x7f}},
    {128, 2, {0x80, 0x01}},
    {16383, 2, {0xff, 0x7f}},
    {16384, 3, {0x80, 0x80, 0x01}},
    {2097151, 3, {0xff, 0xff, 0x7f}},
    {2097152, 4, {0x80, 0x80, 0x80, 0x01}},
    {VARINT_VALUE_MAX, 4, {0xff, 0xff, 0xff, 0x7f}},
};

static void the_edges_encode_as_the_standard_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(edges); i++) {
        uint8_t out[VARINT_SIZE_MAX];
        assert_int_equal(varint_encode(edges[i].value, out), edges[i].size);
        assert_memory_equal(out, edges[i].bytes, edges[i].size);
    }
}

static void every_prefix_asks_for_more_and_the_whole_decodes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(edges); i++) {
        uint32_t value = 0xdead;
        size_t size = 77;
        for (size_t cut = 0; cut < edges[i].size; cut++) {
            assert_int_equal(varint_decode(edges[i].bytes, cut, &value, &size), VARINT_NEED_MORE);
            assert_int_equal(value, 0xdead);
            assert_int_equal(size, 77);
        }
        assert_int_equal(varint_decode(edges[i].bytes, edges[i].size, &value, &size), VARINT_OK);
        assert_int_equal(value, edges[i].value);
        assert_int_equal(size, edges[i].size);
    }
}

static void a_fifth_byte_is_refused_before_it_arrives(void **state)
{
    (void)state;
    uint32_t value = 7;
    size_t size = 7;
    const uint8_t endless[] = {0x80, 0x80, 0x80, 0x80};
    assert_int_equal(varint_decode(endless, 3, &value, &size), VARINT_NEED_MORE);
    assert_int_equal(varint_decode(endless, 4, &value, &size), VARINT_TOO_LONG);
    assert_int_equal(value, 7);
    assert_int_equal(size, 7);
}

static void a_padded_zero_is_read(void **state)
{
    (void)state;
    uint32_t value = 7;
    size_t size = 0;
    const uint8_t padded[] = {0x80, 0x00};
    assert_int_equal(varint_decode(padded, 2, &value, &size), VARINT_OK);
    assert_int_equal(value, 0);
    assert_int_equal(size, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_edges_encode_as_the_standard_says),
        cmocka_unit_test(every_prefix_asks_for_more_and_the_whole_decodes),
        cmocka_unit_test(a_fifth_byte_is_refused_before_it_arrives),
        cmocka_unit_test(a_padded_zero_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
