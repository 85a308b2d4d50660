/* SPDX-License-Identifier: MIT */
#include "clients/cli/http_date.h"

#include "check.h"

static void dates_of_http_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t time_s; /* -1: none */
    } cases[] = {
        {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
        {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
        {"Sat, 21 Nov 2026 19:20:22 GMT", 1795288822},
        {"Thu, 29 Feb 2024 23:59:59 GMT", 1709251199},
        {"Fri, 30 Feb 2024 23:59:59 GMT", -1},
        {"Sun, 06 Nov 1994 08:49:37 UTC", -1},
        {"Sun, 06 nov 1994 08:49:37 GMT", -1},
        {"Sun, 06 ovD 1994 08:49:37 GMT", -1},
        {"Sunday, 06-Nov-94 08:49:37 GMT", -1},
        {"Sun Nov  6 08:49:37 1994", -1},
        {"", -1},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int64_t time_s = -1;
        assert_int_equal(http_date_read(str_from(cases[i].text), &time_s), cases[i].time_s >= 0);
        assert_int_equal(time_s, cases[i].time_s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_of_http_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
