/* SPDX-License-Identifier: MIT */
#include "base/url.h"

#include <stdio.h>

#include "check.h"

static void only_the_unreserved_stay_unencoded(void **state)
{
    (void)state;
    const struct str unreserved =
        STR("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~");
    CLEANUP(buf_finish) struct buf out = BUF_INIT(1000);
    for (int byte = 0; byte < 256; byte++) {
        const char c = (char)byte;
        char expected[4];
        if (c != 0 && str_find(unreserved, c) != SIZE_MAX) {
            (void)snprintf(expected, sizeof(expected), "%c", c);
        } else {
            (void)snprintf(expected, sizeof(expected), "%%%02X", (unsigned)byte);
        }
        buf_clear(&out);
        url_encode_append(&out, str_of(&c, 1));
        assert_str_equal(buf_str(&out), expected);

        CLEANUP(buf_finish) struct buf back = BUF_INIT(10);
        assert_true(url_decode_strict_append(&back, buf_str(&out)));
        assert_true(str_equal(buf_str(&back), str_of(&c, 1)));
    }
}

static void decoding_takes_what_it_finds(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *lenient;
        bool strict;
    } rows[] = {
        {"", "", true},
        {"plain", "plain", true},
        {"a+b", "a+b", true}, /* a plus is a plus */
        {"%2B%2b", "++", true},
        {"application%2Fjson", "application/json", true},
        {"%c3%A9", "\xc3\xa9", true},
        {"%25%32%35", "%25", true}, /* decoded once */
        {"%", "%", false},
        {"100%", "100%", false},
        {"%2", "%2", false},
        {"%2g", "%2g", false},
        {"%g2", "%g2", false},
        {"%%41", "%A", false},
        {"%4%41", "%4A", false},
        {"%/0%:0%@0%G0%`0", "%/0%:0%@0%G0%`0", false}, /* the neighbours of hex digits */
        {"%41%", "A%", false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(buf_finish) struct buf lenient = BUF_INIT(100);
        url_decode_append(&lenient, str_from(rows[i].text));
        assert_str_equal(buf_str(&lenient), rows[i].lenient);

        CLEANUP(buf_finish) struct buf strict = BUF_INIT(100);
        buf_append_byte(&strict, '>');
        assert_int_equal(url_decode_strict_append(&strict, str_from(rows[i].text)), rows[i].strict);
        assert_str_equal(str_skip(buf_str(&strict), 1), rows[i].strict ? rows[i].lenient : "");
    }
}

static void an_encoded_nul_is_a_byte_like_any_other(void **state)
{
    (void)state;
    CLEANUP(buf_finish) struct buf out = BUF_INIT(100);
    url_decode_append(&out, STR("a%00b"));
    assert_true(str_equal(buf_str(&out), str_of("a\0b", 3)));
}

static void no_byte_is_read_past_the_end(void **state)
{
    (void)state;
    const struct str whole = STR("%41");
    for (size_t size = 1; size < whole.size; size++) {
        char *cut = mem_alloc(size);
        assert_non_null(cut);
        memcpy(cut, whole.data, size);
        CLEANUP(buf_finish) struct buf out = BUF_INIT(100);
        assert_false(url_decode_strict_append(&out, str_of(cut, size)));
        url_decode_append(&out, str_of(cut, size));
        assert_true(str_equal(buf_str(&out), str_of(whole.data, size)));
        mem_free(cut);
    }
}

static void pairs_come_raw_and_in_order(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        const char *value;
        bool has_value;
    } expected[] = {
        {"a", "1", true},         {"b", "", true}, {"c", "", false},
        {"d%20", "x=y%26", true}, {"", "z", true},
    };
    struct str rest = STR("&&a=1&b=&c&&d%20=x=y%26&=z&");
    struct str key;
    struct str value;
    bool has_value = false;
    for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
        assert_true(url_pair_next(&rest, &key, &value, &has_value));
        assert_str_equal(key, expected[i].key);
        assert_str_equal(value, expected[i].value);
        assert_int_equal(has_value, expected[i].has_value);
    }
    assert_false(url_pair_next(&rest, &key, &value, &has_value));
    assert_false(url_pair_next(&rest, &key, &value, &has_value));

    struct str none = STR_EMPTY;
    assert_false(url_pair_next(&none, &key, &value, &has_value));
}

static void the_limit_is_the_buffer_s(void **state)
{
    (void)state;
    CLEANUP(buf_finish) struct buf out = BUF_INIT(3);
    url_encode_append(&out, STR("/"));
    assert_int_equal(buf_status(&out), STATUS_OK);
    url_encode_append(&out, STR("a"));
    assert_int_equal(buf_status(&out), STATUS_LIMIT);

    CLEANUP(buf_finish) struct buf decoded = BUF_INIT(1);
    url_decode_append(&decoded, STR("%41%42"));
    assert_int_equal(buf_status(&decoded), STATUS_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_unreserved_stay_unencoded),
        cmocka_unit_test(decoding_takes_what_it_finds),
        cmocka_unit_test(an_encoded_nul_is_a_byte_like_any_other),
        cmocka_unit_test(no_byte_is_read_past_the_end),
        cmocka_unit_test(pairs_come_raw_and_in_order),
        cmocka_unit_test(the_limit_is_the_buffer_s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
