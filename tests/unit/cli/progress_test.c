/* SPDX-License-Identifier: MIT */
#include "clients/cli/progress.h"

#include "base/clock.h"
#include "check.h"

static const char *line(uint64_t done, uint64_t total, int64_t elapsed_us, size_t width)
{
    static char text[256];
    CLEANUP(buf_finish) struct buf out = BUF_INIT(sizeof(text) - 1);
    const struct progress progress = {
        .what = "sending", .done = done, .total = total, .started_us = 5 * CLOCK_SECOND};
    progress_append(&out, &progress, 5 * CLOCK_SECOND + elapsed_us, width);
    assert_int_equal(buf_status(&out), STATUS_OK);
    memcpy(text, out.data == NULL ? "" : out.data, out.size);
    text[out.size] = '\0';
    return text;
}

static void it_tells_count_total_rate_and_what_is_left(void **state)
{
    (void)state;
    assert_string_equal(line(0, 100, 0, 200),
                        "sending [------------------------]  0 of 100  0 %  0/s");
    assert_string_equal(line(25, 100, 10 * CLOCK_SECOND, 200),
                        "sending [######------------------]  25 of 100  25 %  3/s  30 s left");
    assert_string_equal(line(99, 100, 10 * CLOCK_SECOND, 200),
                        "sending [#######################-]  99 of 100  99 %  10/s  0 s left");
    assert_string_equal(line(100, 100, 10 * CLOCK_SECOND, 200),
                        "sending [########################]  100 of 100  100 %  10/s  0 s left");
    assert_string_equal(line(101, 100, 10 * CLOCK_SECOND, 200),
                        "sending [########################]  100 of 100  100 %  10/s  0 s left");
}

static void numbers_are_grouped_and_times_have_units(void **state)
{
    (void)state;
    assert_string_equal(
        line(1000, 1000000, 1 * CLOCK_SECOND, 200),
        "sending [------------------------]  1,000 of 1,000,000  0 %  1,000/s  16 min 39 s left");
    assert_string_equal(
        line(999, 12345678, 1 * CLOCK_SECOND, 200),
        "sending [------------------------]  999 of 12,345,678  0 %  999/s  3 h 25 min left");
}

static void without_a_total_there_is_no_bar(void **state)
{
    (void)state;
    assert_string_equal(line(30, 0, 10 * CLOCK_SECOND, 200), "sending  30  3/s");
}

static void it_is_cut_to_the_terminal(void **state)
{
    (void)state;
    assert_string_equal(line(25, 100, 10 * CLOCK_SECOND, 12), "sending [###");
    assert_string_equal(line(25, 100, 10 * CLOCK_SECOND, 0), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_tells_count_total_rate_and_what_is_left),
        cmocka_unit_test(numbers_are_grouped_and_times_have_units),
        cmocka_unit_test(without_a_total_there_is_no_bar),
        cmocka_unit_test(it_is_cut_to_the_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
