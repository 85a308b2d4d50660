/* SPDX-License-Identifier: MIT */
#include "base/base64.h"

#include "check.h"

/* RFC 4648, 10, and bytes that use the last two letters. */
static const struct {
    const char *bytes;
    const char *text;
} vectors[] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
    {"\xfb\xff\xbf", "+/+/"},
    {"\xff\xff\xff", "////"},
};

static void the_standard_s_vectors_go_both_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
        CLEANUP(buf_finish) struct buf text = BUF_INIT(100);
        base64_append(&text, str_from(vectors[i].bytes));
        assert_str_equal(buf_str(&text), vectors[i].text);
        assert_int_equal(text.size, BASE64_SIZE(strlen(vectors[i].bytes)));

        CLEANUP(buf_finish) struct buf bytes = BUF_INIT(100);
        assert_true(base64_decode_append(&bytes, str_from(vectors[i].text)));
        assert_str_equal(buf_str(&bytes), vectors[i].bytes);
    }
}

static void every_byte_at_every_place_goes_both_ways(void **state)
{
    (void)state;
    for (size_t size = 1; size <= 4; size++) {
        for (int byte = 0; byte < 256; byte++) {
            const char bytes[4] = {(char)byte, (char)~byte, (char)(byte ^ 0x55), (char)byte};
            CLEANUP(buf_finish) struct buf text = BUF_INIT(100);
            CLEANUP(buf_finish) struct buf back = BUF_INIT(100);
            base64_append(&text, str_of(bytes, size));
            assert_true(base64_decode_append(&back, buf_str(&text)));
            assert_true(str_equal(buf_str(&back), str_of(bytes, size)));
        }
    }
}

static void what_is_not_base64_is_refused_and_leaves_the_buffer(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "Z",        "Zg",   "Zg=",  "Zm8",  "Zm9vY", "=",    "==",     "===",        "====",
        "Z===",     "=Zg=", "Z=g=", "Zg=a", "Zm9v=", "Zm 9", "Zm9v\n", "Zm9-",       "Zm9_",
        "Zg==Zg==", "Zm9@", "Zm9[", "Zm9`", "Zm9{",  "Zm9:", "Zm9.",   "\xc3\xa9Zg", "Zm9,",
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        CLEANUP(buf_finish) struct buf out = BUF_INIT(100);
        buf_append_str(&out, STR("kept"));
        if (base64_decode_append(&out, str_from(texts[i]))) {
            fail_msg("\"%s\" was decoded", texts[i]);
        }
        assert_str_equal(buf_str(&out), "kept");
    }
    CLEANUP(buf_finish) struct buf out = BUF_INIT(100);
    assert_false(base64_decode_append(&out, str_of("Zm9\0", 4)));
}

static void the_limit_is_the_buffer_s(void **state)
{
    (void)state;
    CLEANUP(buf_finish) struct buf text = BUF_INIT(8);
    base64_append(&text, STR("foobar"));
    assert_int_equal(buf_status(&text), STATUS_OK);
    base64_append(&text, STR("f"));
    assert_int_equal(buf_status(&text), STATUS_LIMIT);

    CLEANUP(buf_finish) struct buf bytes = BUF_INIT(2);
    assert_true(base64_decode_append(&bytes, STR("Zm8=")));
    assert_int_equal(buf_status(&bytes), STATUS_OK);
    assert_true(base64_decode_append(&bytes, STR("Zg==")));
    assert_int_equal(buf_status(&bytes), STATUS_LIMIT);
    assert_str_equal(buf_str(&bytes), "fo");

    CLEANUP(buf_finish) struct buf huge = BUF_INIT(100);
    base64_append(&huge, str_of("", SIZE_MAX));
    assert_int_equal(buf_status(&huge), STATUS_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_standard_s_vectors_go_both_ways),
        cmocka_unit_test(every_byte_at_every_place_goes_both_ways),
        cmocka_unit_test(what_is_not_base64_is_refused_and_leaves_the_buffer),
        cmocka_unit_test(the_limit_is_the_buffer_s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
