/* SPDX-License-Identifier: MIT */
#include "clients/cli/duration.h"

#include "check.h"

static void durations_have_two_units_at_most(void **state)
{
    (void)state;
    static const struct {
        int64_t seconds;
        const char *text;
    } cases[] = {
        {0, "0 s"},          {59, "59 s"},
        {60, "1 min"},       {3599, "59 min"},
        {3600, "1 h 0 min"}, {86399, "23 h 59 min"},
        {86400, "1 d 0 h"},  {90061, "1 d 1 h"},
        {-61, "1 min"},      {INT64_MIN, "106751991167300 d 15 h"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(buf_finish) struct buf text = BUF_INIT(64);
        duration_append(&text, cases[i].seconds);
        assert_str_equal(buf_str(&text), cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_have_two_units_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
