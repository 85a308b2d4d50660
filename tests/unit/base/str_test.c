/* SPDX-License-Identifier: MIT */
#include "base/str.h"

#include "check.h"

static void equality_is_by_bytes(void **state)
{
    (void)state;
    assert_true(str_equal(STR("abc"), STR("abc")));
    assert_false(str_equal(STR("abc"), STR("abd")));
    assert_false(str_equal(STR("abc"), STR("ab")));
    assert_false(str_equal(STR("abc"), STR("ABC")));
    assert_true(str_equal(STR_EMPTY, str_of(NULL, 0)));
    assert_true(str_equal(str_from(NULL), STR("")));
    assert_false(str_equal(str_of("a\0b", 3), str_of("a\0c", 3)));
}

static void case_is_folded_for_ascii_letters_only(void **state)
{
    (void)state;
    assert_true(str_equal_nocase(STR("azAZ09"), STR("AZaz09")));
    assert_false(str_equal_nocase(STR("a"), STR("ab")));
    assert_false(str_equal_nocase(STR("ab"), STR("a")));
    assert_false(str_equal_nocase(STR("@"), STR("`"))); /* the neighbours of A and a */
    assert_false(str_equal_nocase(STR("["), STR("{"))); /* and of Z and z */
    assert_false(str_equal_nocase(STR("\xc3\xa9"), STR("\xc3\x89")));
}

static void prefixes_and_suffixes(void **state)
{
    (void)state;
    static const struct {
        const char *whole;
        const char *part;
        bool starts;
        bool starts_nocase;
        bool ends;
    } rows[] = {
        {"devices/d", "devices/", true, true, false},
        {"devices/d", "DEVICES/", false, true, false},
        {"devices/d", "/d", false, false, true},
        {"devices/d", "/D", false, false, false},
        {"devices/d", "devices/d", true, true, true},
        {"devices/d", "devices/d1", false, false, false},
        {"devices/d", "", true, true, true},
        {"", "", true, true, true},
        {"", "a", false, false, false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct str whole = str_from(rows[i].whole);
        const struct str part = str_from(rows[i].part);
        assert_int_equal(str_starts(whole, part), rows[i].starts);
        assert_int_equal(str_starts_nocase(whole, part), rows[i].starts_nocase);
        assert_int_equal(str_ends(whole, part), rows[i].ends);
    }
}

static int sign(int number)
{
    return (number > 0) - (number < 0);
}

static void order_is_by_unsigned_bytes_then_by_size(void **state)
{
    (void)state;
    static const char *const ascending[] = {"", "A", "a", "aa", "ab", "b", "\x7f", "\xc3\xa9"};
    for (size_t i = 0; i < ARRAY_SIZE(ascending); i++) {
        for (size_t k = 0; k < ARRAY_SIZE(ascending); k++) {
            const int order = str_compare(str_from(ascending[i]), str_from(ascending[k]));
            assert_int_equal(sign(order), (i > k) - (i < k));
        }
    }
    assert_int_equal(str_compare(str_of(NULL, 0), STR_EMPTY), 0);
}

static void order_in_any_case_looks_at_letters_as_if_they_were_small(void **state)
{
    (void)state;
    static const char *const ascending[] = {"", "-", "A", "aB", "abC", "B", "z", "\xc3\x84"};
    for (size_t i = 0; i < ARRAY_SIZE(ascending); i++) {
        for (size_t k = 0; k < ARRAY_SIZE(ascending); k++) {
            const struct str a = str_from(ascending[i]);
            assert_int_equal(sign(str_compare_nocase(a, str_from(ascending[k]))),
                             (i > k) - (i < k));
        }
    }
    assert_int_equal(str_compare_nocase(STR("aBC"), STR("AbC")), 0);
    assert_true(str_compare_nocase(STR("_"), STR("B")) < 0); /* between the capitals and "b" */
    assert_int_equal(str_compare_nocase(str_of(NULL, 0), STR_EMPTY), 0);
}

static void skipping_never_leads_past_the_end(void **state)
{
    (void)state;
    assert_str_equal(str_skip(STR("abc"), 0), "abc");
    assert_str_equal(str_skip(STR("abc"), 2), "c");
    assert_str_equal(str_skip(STR("abc"), 3), "");
    assert_str_equal(str_skip(STR("abc"), SIZE_MAX), "");
}

static void trimming_takes_spaces_and_tabs_off_both_ends(void **state)
{
    (void)state;
    assert_str_equal(str_trim(STR(" \t a b\t ")), "a b");
    assert_str_equal(str_trim(STR("a")), "a");
    assert_str_equal(str_trim(STR("\na\n")), "\na\n");
    assert_str_equal(str_trim(STR(" \t ")), "");
    assert_str_equal(str_trim(STR("")), "");
}

static void finding_gives_the_first(void **state)
{
    (void)state;
    assert_int_equal(str_find(STR("a=b=c"), '='), 1);
    assert_int_equal(str_find(STR("=a"), '='), 0);
    assert_int_equal(str_find(STR("a="), '='), 1);
    assert_true(str_find(STR("abc"), '=') == SIZE_MAX);
    assert_true(str_find(str_of(NULL, 0), '=') == SIZE_MAX);
    assert_int_equal(str_find(str_of("a\0b", 3), 'b'), 2);
}

static void cutting_splits_at_the_first_separator(void **state)
{
    (void)state;
    static const struct {
        const char *whole;
        bool found;
        const char *head;
        const char *tail;
    } rows[] = {
        {"a=b", true, "a", "b"}, {"a=b=c", true, "a", "b=c"}, {"=b", true, "", "b"},
        {"a=", true, "a", ""},   {"=", true, "", ""},         {"ab", false, "ab", ""},
        {"", false, "", ""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct str head = STR("x");
        struct str tail = STR("x");
        assert_int_equal(str_cut(str_from(rows[i].whole), '=', &head, &tail), rows[i].found);
        assert_str_equal(head, rows[i].head);
        assert_str_equal(tail, rows[i].tail);
    }
    /* The rest may be the very variable that is cut. */
    struct str rest = STR("a/b");
    struct str head;
    assert_true(str_cut(rest, '/', &head, &rest));
    assert_str_equal(head, "a");
    assert_str_equal(rest, "b");
}

static void unsigned_numbers_are_digits_within_64_bits(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
        uint64_t value;
    } rows[] = {
        {"0", true, 0},
        {"007", true, 7},
        {"18446744073709551615", true, UINT64_MAX},
        {"18446744073709551616", false, 0},
        {"18446744073709551620", false, 0},
        {"99999999999999999999", false, 0},
        {"", false, 0},
        {"-1", false, 0},
        {"+1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"/", false, 0}, /* the neighbours of 0 and 9 */
        {":", false, 0},
        {"0x1", false, 0},
        {"1e3", false, 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        uint64_t value = 42;
        assert_int_equal(str_to_u64(str_from(rows[i].text), &value), rows[i].good);
        assert_true(value == (rows[i].good ? rows[i].value : 42));
    }
}

static void signed_numbers_reach_both_ends_of_64_bits(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
        int64_t value;
    } rows[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"-1", true, -1},
        {"12", true, 12},
        {"9223372036854775807", true, INT64_MAX},
        {"9223372036854775808", false, 0},
        {"-9223372036854775808", true, INT64_MIN},
        {"-9223372036854775809", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {"--1", false, 0},
        {"+1", false, 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        int64_t value = 42;
        assert_int_equal(str_to_i64(str_from(rows[i].text), &value), rows[i].good);
        assert_true(value == (rows[i].good ? rows[i].value : 42));
    }
}

/* Both ends of every row of Unicode's table 3-7, and what lies just outside. */
static void utf8_is_what_unicode_calls_well_formed(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
    } rows[] = {
        {"\x01", 1},
        {"\x7f", 1},
        {"\x80", 0},
        {"\xbf", 0},
        {"\xc0\x80", 0},
        {"\xc1\xbf", 0},
        {"\xc2\x80", 2},
        {"\xdf\xbf", 2},
        {"\xc2\x7f", 0},
        {"\xc2\xc0", 0},
        {"\xc2", 0},
        {"\xe0\xa0\x80", 3},
        {"\xe0\x9f\xbf", 0},
        {"\xe0\xbf\xbf", 3},
        {"\xe0\xc0\x80", 0},
        {"\xe1\x80\x80", 3},
        {"\xec\xbf\xbf", 3},
        {"\xe1\x80", 0},
        {"\xe1\x80\x7f", 0},
        {"\xe1\x80\xc0", 0},
        {"\xed\x80\x80", 3},
        {"\xed\x9f\xbf", 3},
        {"\xed\xa0\x80", 0},
        {"\xee\x80\x80", 3},
        {"\xef\xbf\xbf", 3},
        {"\xf0\x8f\xbf\xbf", 0},
        {"\xf0\x90\x80\x80", 4},
        {"\xf1\x80\x80\x80", 4},
        {"\xf3\xbf\xbf\xbf", 4},
        {"\xf4\x80\x80\x80", 4},
        {"\xf4\x8f\xbf\xbf", 4},
        {"\xf4\x90\x80\x80", 0},
        {"\xf5\x80\x80\x80", 0},
        {"\xf1\x80\x80", 0},
        {"\xf1\x80\x80\xc0", 0},
        {"\xff", 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct str s = str_from(rows[i].bytes);
        assert_int_equal(str_utf8_size(s), rows[i].size);
        assert_int_equal(str_is_utf8(s), rows[i].size > 0);
    }
    assert_int_equal(str_utf8_size(STR_EMPTY), 0);
    assert_int_equal(str_utf8_size(STR("\xc3\xa9z")), 2);
    assert_true(str_is_utf8(STR_EMPTY));
    assert_true(str_is_utf8(str_of("a\0\xc3\xa9\xe2\x82\xac", 7)));
    assert_false(str_is_utf8(STR("good\xff")));
    assert_false(str_is_utf8(STR("\xc3\xa9\xa9")));
}

/* The published FNV-1a values: what is stored by hash must not change. */
static void hashes_are_fnv_1a(void **state)
{
    (void)state;
    assert_true(str_hash(STR_EMPTY) == 0xcbf29ce484222325U);
    assert_true(str_hash(STR("a")) == 0xaf63dc4c8601ec8cU);
    assert_true(str_hash(STR("foobar")) == 0x85944171f73967e8U);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equality_is_by_bytes),
        cmocka_unit_test(case_is_folded_for_ascii_letters_only),
        cmocka_unit_test(prefixes_and_suffixes),
        cmocka_unit_test(order_is_by_unsigned_bytes_then_by_size),
        cmocka_unit_test(order_in_any_case_looks_at_letters_as_if_they_were_small),
        cmocka_unit_test(skipping_never_leads_past_the_end),
        cmocka_unit_test(trimming_takes_spaces_and_tabs_off_both_ends),
        cmocka_unit_test(finding_gives_the_first),
        cmocka_unit_test(cutting_splits_at_the_first_separator),
        cmocka_unit_test(unsigned_numbers_are_digits_within_64_bits),
        cmocka_unit_test(signed_numbers_reach_both_ends_of_64_bits),
        cmocka_unit_test(utf8_is_what_unicode_calls_well_formed),
        cmocka_unit_test(hashes_are_fnv_1a),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
