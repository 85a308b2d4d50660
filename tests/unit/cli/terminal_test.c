/* SPDX-License-Identifier: MIT */
#include "clients/cli/terminal.h"

#include <stdlib.h>
#include <unistd.h>

#include "check.h"

static void width_is_counted_in_columns(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t width;
    } cases[] = {
        {"", 0},
        {"abc", 3},
        {"Z\u00fcrich", 6},
        {"\u6771\u4eac", 4},   /* wide */
        {"\U0001f600", 2},     /* likewise */
        {"e\u0301", 1},        /* a combining mark */
        {"\xff\xfe", 2},       /* no UTF-8 */
        {"\u6771\xe6\x9d", 4}, /* half a character */
        {"\t\x1b", 2},         /* controls, which nobody prints as they are */
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_int_equal(text_width(str_from(cases[i].text)), cases[i].width);
    }
}

static void what_is_too_wide_ends_in_an_ellipsis(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t width;
        const char *cut;
    } cases[] = {
        {"abcdef", 6, "abcdef"},
        {"abcdef", 5, "abcd\u2026"},
        {"abcdef", 1, "\u2026"},
        {"abcdef", 0, ""},
        {"", 0, ""},
        {"\u6771\u4eac\u90fd", 6, "\u6771\u4eac\u90fd"},
        {"\u6771\u4eac\u90fd", 5, "\u6771\u4eac\u2026"},
        {"\u6771\u4eac\u90fd", 4, "\u6771\u2026"}, /* the second would not fit: one stays free */
        {"e\u0301e\u0301e\u0301", 2, "e\u0301\u2026"},
        {"e\u0301e\u0301", 2, "e\u0301e\u0301"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(buf_finish) struct buf out = BUF_INIT(256);
        text_append_cut(&out, str_from(cases[i].text), cases[i].width);
        assert_str_equal(buf_str(&out), cases[i].cut);
    }
}

static void text_is_wrapped_at_spaces(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t indent;
        size_t width;
        const char *wrapped;
    } cases[] = {
        {"one two three", 0, 80, "one two three"},
        {"one two three", 0, 7, "one two\nthree"},
        {"one two three", 0, 6, "one\ntwo\nthree"},
        {"one two three", 2, 9, "one two\n  three"},
        {"unbreakable", 0, 4, "unbreakable"},
        {"a unbreakable b", 0, 4, "a\nunbreakable\nb"},
        {"one\n\ntwo", 2, 80, "one\n\n  two"},
        {"\u6771\u4eac \u90fd", 0, 6, "\u6771\u4eac\n\u90fd"},
        {"\u6771\u4eac \u90fd", 0, 7, "\u6771\u4eac \u90fd"},
        {"", 4, 80, ""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(buf_finish) struct buf out = BUF_INIT(256);
        text_append_wrapped(&out, str_from(cases[i].text), cases[i].indent, cases[i].width);
        assert_str_equal(buf_str(&out), cases[i].wrapped);
    }
}

static void the_width_is_that_of_the_variable_within_reason(void **state)
{
    (void)state;
    static const struct {
        const char *columns;
        size_t width;
    } cases[] = {{"100", 100}, {"20", 20},       {"19", 20},
                 {"1", 20},    {"10000", 10000}, {"10001", 10000}};
    int ends[2];
    assert_int_equal(pipe(ends), 0); /* no terminal */
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_int_equal(setenv("COLUMNS", cases[i].columns, 1), 0);
        assert_int_equal(terminal_width(ends[0]), cases[i].width);
    }
    static const char *const no_widths[] = {"", "0", "-5", "wide", "99999999999999999999"};
    for (size_t i = 0; i < ARRAY_SIZE(no_widths); i++) {
        assert_int_equal(setenv("COLUMNS", no_widths[i], 1), 0);
        assert_int_equal(terminal_width(ends[0]), 80);
    }
    assert_int_equal(unsetenv("COLUMNS"), 0);
    assert_int_equal(terminal_width(ends[0]), 80);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(width_is_counted_in_columns),
        cmocka_unit_test(what_is_too_wide_ends_in_an_ellipsis),
        cmocka_unit_test(text_is_wrapped_at_spaces),
        cmocka_unit_test(the_width_is_that_of_the_variable_within_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
