/* SPDX-License-Identifier: MIT */
#include "clients/cli/near.h"

#include <stdint.h>

#include "check.h"

static void distances_are_counted_in_letters(void **state)
{
    (void)state;
    static const struct {
        const char *a;
        const char *b;
        size_t distance;
    } cases[] = {
        {"", "", 0},           {"", "abc", 3},       {"query", "query", 0},
        {"quary", "query", 1}, {"qury", "query", 1}, {"querry", "query", 1},
        {"qeury", "query", 1}, {"abc", "xyz", 3},    {"kitten", "sitting", 3},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_int_equal(near_distance(cases[i].a, cases[i].b), cases[i].distance);
        assert_int_equal(near_distance(cases[i].b, cases[i].a), cases[i].distance);
    }
}

static void words_of_forty_letters_are_compared_and_longer_ones_are_not(void **state)
{
    (void)state;
    const char *longest = "aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd";
    const char *longer = "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddd";
    assert_int_equal(near_distance(longest, longest), 0);
    assert_true(near_distance(longer, longer) == SIZE_MAX);
    struct near near = near_to(longer);
    near_consider(&near, longer);
    assert_null(near.best);
}

static void the_nearest_word_wins_and_a_far_one_is_not_proposed(void **state)
{
    (void)state;
    struct near near = near_to("shw");
    near_consider(&near, NULL);
    near_consider(&near, "send");
    assert_null(near.best);
    near_consider(&near, "show");
    near_consider(&near, "shew");
    assert_string_equal(near.best, "show");
    near = near_to("x");
    near_consider(&near, "y"); /* nothing of it is the same */
    assert_null(near.best);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distances_are_counted_in_letters),
        cmocka_unit_test(words_of_forty_letters_are_compared_and_longer_ones_are_not),
        cmocka_unit_test(the_nearest_word_wins_and_a_far_one_is_not_proposed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
