/* SPDX-License-Identifier: MIT */
#include "clients/service/service_internal.h"

#include "check.h"

static void pauses_double_up_to_half_a_minute_and_have_a_random_half(void **state)
{
    (void)state;
    static const struct {
        int tries;
        int64_t most_ms;
    } cases[] = {{1, 1000},  {2, 2000},  {3, 4000},  {4, 8000},
                 {5, 16000}, {6, 30000}, {7, 30000}, {1000000, 30000}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const int64_t most_ms = cases[i].most_ms;
        assert_int_equal(service_retry_wait_ms(cases[i].tries, 0, 0), most_ms / 2);
        assert_int_equal(service_retry_wait_ms(cases[i].tries, 0, (uint64_t)most_ms / 2), most_ms);
        for (uint64_t chance = 1; chance != 0; chance <<= 1) {
            const int64_t wait_ms = service_retry_wait_ms(cases[i].tries, 0, chance);
            assert_true(wait_ms >= most_ms / 2 && wait_ms <= most_ms);
        }
    }
}

static void the_hubs_wish_is_never_undercut(void **state)
{
    (void)state;
    assert_int_equal(service_retry_wait_ms(1, 1, 0), 1000);
    assert_int_equal(service_retry_wait_ms(9, 7, 999), 7999);
    assert_int_equal(service_retry_wait_ms(9, 7, 1000), 7000);
    assert_int_equal(service_retry_wait_ms(1, INT64_MAX, 0), INT64_C(86400000));
}

static void a_token_is_kept_for_four_fifths_of_its_life(void **state)
{
    (void)state;
    static const struct {
        int64_t lifetime_s;
        int64_t age_s;
        bool fresh;
    } cases[] = {
        {3600, 0, true}, {3600, 2879, true}, {3600, 2880, false}, {3600, -1, false},
        {1, 0, true},    {1, 1, false},      {5, 3, true},        {5, 4, false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const int64_t made_at_s = 1700000000;
        assert_int_equal(
            service_token_is_fresh(made_at_s, cases[i].lifetime_s, made_at_s + cases[i].age_s),
            cases[i].fresh);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pauses_double_up_to_half_a_minute_and_have_a_random_half),
        cmocka_unit_test(the_hubs_wish_is_never_undercut),
        cmocka_unit_test(a_token_is_kept_for_four_fifths_of_its_life),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
