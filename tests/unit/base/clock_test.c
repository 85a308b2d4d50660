/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include "check.h"

#define CLOCK_LAST INT64_C(253402300799999999)

static const struct {
    int64_t time_us;
    const char *iso;
    const char *us;
} moments[] = {
    {0, "1970-01-01T00:00:00.0000000Z", "01/01/1970 00:00:00"},
    {-1, "1969-12-31T23:59:59.9999990Z", "12/31/1969 23:59:59"},
    {1597440930409269, "2020-08-14T21:35:30.4092690Z", "08/14/2020 21:35:30"},
    {INT64_C(1795258800) * CLOCK_SECOND, "2026-11-21T11:00:00.0000000Z", "11/21/2026 11:00:00"},
    {INT64_C(951782399) * CLOCK_SECOND, "2000-02-28T23:59:59.0000000Z", "02/28/2000 23:59:59"},
    {INT64_C(951782400) * CLOCK_SECOND, "2000-02-29T00:00:00.0000000Z", "02/29/2000 00:00:00"},
    {INT64_C(951868800) * CLOCK_SECOND, "2000-03-01T00:00:00.0000000Z", "03/01/2000 00:00:00"},
    {INT64_C(4107542399) * CLOCK_SECOND, "2100-02-28T23:59:59.0000000Z", "02/28/2100 23:59:59"},
    {INT64_C(4107542400) * CLOCK_SECOND, "2100-03-01T00:00:00.0000000Z", "03/01/2100 00:00:00"},
    {CLOCK_NEVER, "0001-01-01T00:00:00Z", "01/01/0001 00:00:00"},
    {CLOCK_NEVER + 1, "0001-01-01T00:00:00.0000010Z", "01/01/0001 00:00:00"},
    {CLOCK_LAST, "9999-12-31T23:59:59.9999990Z", "12/31/9999 23:59:59"},
};

static void moments_are_written_as_the_service_writes_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(moments); i++) {
        char iso[CLOCK_TEXT_SIZE];
        clock_text_iso(moments[i].time_us, iso);
        assert_string_equal(iso, moments[i].iso);

        char us[CLOCK_TEXT_US_SIZE];
        clock_text_us(moments[i].time_us, us);
        assert_string_equal(us, moments[i].us);

        CLEANUP(buf_finish) struct buf out = BUF_INIT(100);
        clock_append_iso(&out, moments[i].time_us);
        assert_str_equal(buf_str(&out), moments[i].iso);
    }
}

static void what_was_written_reads_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(moments); i++) {
        int64_t time_us = 42;
        assert_true(clock_from_iso(str_from(moments[i].iso), &time_us));
        assert_int_equal(time_us, moments[i].time_us);
    }
}

static void every_day_of_two_eras_follows_the_day_before(void **state)
{
    (void)state;
    char before[CLOCK_TEXT_SIZE] = "";
    const int64_t day_us = 86400 * CLOCK_SECOND;
    const int64_t first = -134774 * day_us; /* 1601-01-01 */
    for (int64_t at = first; at < first + INT64_C(2) * 146097 * day_us; at += day_us) {
        char text[CLOCK_TEXT_SIZE];
        clock_text_iso(at, text);
        assert_true(strcmp(before, text) < 0);
        int64_t back = 0;
        assert_true(clock_from_iso(str_from(text), &back));
        assert_true(back == at);
        memcpy(before, text, sizeof(text));
    }
    assert_true(strncmp(before, "2400-12-31", 10) == 0);
}

static void times_outside_the_range_show_its_nearest_end(void **state)
{
    (void)state;
    char text[CLOCK_TEXT_SIZE];
    clock_text_iso(CLOCK_NEVER - 1, text);
    assert_string_equal(text, "0001-01-01T00:00:00Z");
    clock_text_iso(INT64_MIN, text);
    assert_string_equal(text, "0001-01-01T00:00:00Z");
    clock_text_iso(CLOCK_LAST + 1, text);
    assert_string_equal(text, "9999-12-31T23:59:59.9999990Z");
    clock_text_iso(INT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59.9999990Z");
}

static void iso_in_other_spellings_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t time_us;
    } rows[] = {
        {"1970-01-01T00:00:00", 0},
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01T00:00:01.5Z", 1500000},
        {"1970-01-01T00:00:01.123456Z", 1123456},
        {"1970-01-01T00:00:01.1234567Z", 1123456},
        {"1970-01-01T00:00:01.123456789", 1123456},
        {"1970-01-01T00:00:00.000001+00:00", 1},
        {"1970-01-01T02:30:00+02:30", 0},
        {"1969-12-31T21:30:00-02:30", 0},
        {"1970-01-01T23:59:00+23:59", 0},
        {"9999-12-31T23:59:59.999999999Z", CLOCK_LAST},
        {"2024-02-29T00:00:00Z", INT64_C(1709164800) * CLOCK_SECOND},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        int64_t time_us = 42;
        assert_true(clock_from_iso(str_from(rows[i].text), &time_us));
        assert_int_equal(time_us, rows[i].time_us);
    }
}

static void what_is_no_iso_moment_is_refused_and_leaves_the_output(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "2020-08-14",
        "2020-08-14T",
        "2020-08-14 21:35:30Z",  /* no T */
        "2020-08-14t21:35:30Z",  /* a small one */
        "2020-08-14T21:35Z",     /* no seconds */
        "2020-8-14T21:35:30Z",   /* one digit */
        "20-08-14T21:35:30Z",    /* two-digit year */
        "0000-01-01T00:00:00Z",  /* before the range */
        "2020-00-14T21:35:30Z",  /* month 0 */
        "2020-13-14T21:35:30Z",  /* month 13 */
        "2020-08-00T21:35:30Z",  /* day 0 */
        "2020-08-32T21:35:30Z",  /* day 32 */
        "2020-04-31T21:35:30Z",  /* a short month's 31st */
        "2021-02-29T00:00:00Z",  /* no leap year */
        "2100-02-29T00:00:00Z",  /* nor a century */
        "2020-02-30T00:00:00Z",  /* nor ever */
        "2020-08-14T24:00:00Z",  /* hour 24 */
        "2020-08-14T21:60:00Z",  /* minute 60 */
        "2020-08-14T21:35:60Z",  /* second 60 */
        "2020-08-14T21:35:30.Z", /* a point and no digit */
        "2020-08-14T21:35:30.1234567891" /* ten digits */,
        "2020-08-14T21:35:30z",
        "2020-08-14T21:35:30ZZ",
        "2020-08-14T21:35:30+24:00",
        "2020-08-14T21:35:30+02:60",
        "2020-08-14T21:35:30+0200",
        "2020-08-14T21:35:30+02",
        "0001-01-01T00:00:00+00:01", /* a minute before the range */
        "9999-12-31T23:59:59-00:01", /* a minute after it */
        "2020-08-14T21:35:3 Z",
        " 2020-08-14T21:35:30Z",
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        int64_t time_us = 42;
        if (clock_from_iso(str_from(rows[i]), &time_us)) {
            fail_msg("\"%s\" was read", rows[i]);
        }
        assert_int_equal(time_us, 42);
    }
}

static void ticks_count_from_the_year_one_in_tenths_of_microseconds(void **state)
{
    (void)state;
    assert_int_equal(clock_dotnet_ticks(CLOCK_NEVER), 0);
    assert_int_equal(clock_dotnet_ticks(CLOCK_NEVER + 1), 10);
    assert_true(clock_dotnet_ticks(0) == INT64_C(621355968000000000));
    assert_true(clock_dotnet_ticks(INT64_MAX) == clock_dotnet_ticks(CLOCK_LAST));
}

static void the_system_clock_runs(void **state)
{
    (void)state;
    const int64_t before = clock_now_us(&CLOCK_SYSTEM);
    const int64_t after = clock_now_us(&CLOCK_SYSTEM);
    assert_true(before > INT64_C(1600000000) * CLOCK_SECOND);
    assert_true(after >= before && after - before < 60 * CLOCK_SECOND);

    const int64_t monotonic = clock_monotonic_us();
    assert_true(clock_monotonic_us() >= monotonic);
}

static void a_frozen_clock_stands_until_it_is_moved(void **state)
{
    (void)state;
    struct clock clock = CLOCK_SYSTEM;
    clock_freeze(&clock);
    const int64_t stood_at = clock_now_us(&clock);
    clock_freeze(&clock);
    assert_true(clock_now_us(&clock) == stood_at);

    clock_set(&clock, 1000);
    assert_true(clock_now_us(&clock) == 1000);
    clock_advance(&clock, 500);
    assert_true(clock_now_us(&clock) == 1500);
    clock_advance(&clock, -2000);
    assert_true(clock_now_us(&clock) == -500);
}

static void a_clock_set_running_goes_on_from_where_it_stood(void **state)
{
    (void)state;
    struct clock clock = CLOCK_SYSTEM;
    clock_freeze(&clock);
    clock_set(&clock, 5000);
    clock_run(&clock);
    const int64_t first = clock_now_us(&clock);
    assert_true(first >= 5000 && first < 5000 + 60 * CLOCK_SECOND);

    clock_run(&clock); /* runs already: nothing changes */
    const int64_t second = clock_now_us(&clock);
    assert_true(second >= first && second < first + 60 * CLOCK_SECOND);

    clock_set(&clock, 100 * CLOCK_SECOND);
    clock_advance(&clock, 1000 * CLOCK_SECOND);
    const int64_t third = clock_now_us(&clock);
    assert_true(third >= 1100 * CLOCK_SECOND && third < 1160 * CLOCK_SECOND);
}

static void no_move_leads_out_of_the_range(void **state)
{
    (void)state;
    struct clock clock = {.frozen = true};
    clock_set(&clock, INT64_MAX);
    assert_true(clock_now_us(&clock) == CLOCK_LAST);
    clock_advance(&clock, INT64_MAX);
    assert_true(clock_now_us(&clock) == CLOCK_LAST);
    clock_advance(&clock, -1);
    assert_true(clock_now_us(&clock) == CLOCK_LAST - 1);
    clock_advance(&clock, 1);
    assert_true(clock_now_us(&clock) == CLOCK_LAST);
    clock_set(&clock, INT64_MIN);
    assert_true(clock_now_us(&clock) == CLOCK_NEVER);
    clock_advance(&clock, INT64_MIN);
    assert_true(clock_now_us(&clock) == CLOCK_NEVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments_are_written_as_the_service_writes_them),
        cmocka_unit_test(what_was_written_reads_back),
        cmocka_unit_test(every_day_of_two_eras_follows_the_day_before),
        cmocka_unit_test(times_outside_the_range_show_its_nearest_end),
        cmocka_unit_test(iso_in_other_spellings_is_read),
        cmocka_unit_test(what_is_no_iso_moment_is_refused_and_leaves_the_output),
        cmocka_unit_test(ticks_count_from_the_year_one_in_tenths_of_microseconds),
        cmocka_unit_test(the_system_clock_runs),
        cmocka_unit_test(a_frozen_clock_stands_until_it_is_moved),
        cmocka_unit_test(a_clock_set_running_goes_on_from_where_it_stood),
        cmocka_unit_test(no_move_leads_out_of_the_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
