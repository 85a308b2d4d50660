/* SPDX-License-Identifier: MIT */
#include "base/status.h"

#include "check.h"

static void every_status_has_words_of_its_own(void **state)
{
    (void)state;
    static const enum status all[] = {
        STATUS_OK, STATUS_NO_MEMORY, STATUS_LIMIT,       STATUS_INVALID,
        STATUS_IO, STATUS_CORRUPT,   STATUS_UNAVAILABLE,
    };
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        assert_true(strlen(status_text(all[i])) > 0);
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(status_text(all[i]), status_text(all[k]));
        }
    }
    assert_string_equal(status_text(STATUS_NO_MEMORY), "out of memory");
}

static void a_problem_holds_its_place_and_words(void **state)
{
    (void)state;
    struct problem problem;
    problem_set(&problem, 17, "unexpected '%c'", ',');
    assert_int_equal(problem.offset, 17);
    assert_string_equal(problem.text, "unexpected ','");
    problem_set(NULL, 17, "nobody asks");
}

/* Texts of a size around the limit, made of characters of one to four bytes. */
static void a_problem_too_long_is_cut_at_a_whole_character(void **state)
{
    (void)state;
    static const char *const characters[] = {"a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    for (size_t i = 0; i < ARRAY_SIZE(characters); i++) {
        for (size_t start = 0; start < 8; start++) {
            char text[PROBLEM_TEXT_SIZE + 100] = "12345678";
            size_t size = start;
            while (size < PROBLEM_TEXT_SIZE + 50) {
                memcpy(text + size, characters[i], strlen(characters[i]));
                size += strlen(characters[i]);
            }
            text[size] = '\0';

            struct problem problem;
            problem_set(&problem, PROBLEM_NO_OFFSET, "%s", text);
            const struct str cut = str_from(problem.text);
            assert_true(cut.size < PROBLEM_TEXT_SIZE);
            assert_true(cut.size + strlen(characters[i]) + 4 > PROBLEM_TEXT_SIZE);
            assert_true(str_starts(str_from(text), cut));
            assert_true(str_is_utf8(cut));
        }
    }
}

static void a_problem_that_just_fits_is_whole(void **state)
{
    (void)state;
    char text[PROBLEM_TEXT_SIZE + 1];
    memset(text, 'x', sizeof(text));
    struct problem problem;
    problem_set(&problem, 0, "%.*s", (int)PROBLEM_TEXT_SIZE - 1, text);
    assert_int_equal(strlen(problem.text), PROBLEM_TEXT_SIZE - 1);
    problem_set(&problem, 0, "%.*s", (int)PROBLEM_TEXT_SIZE, text);
    assert_int_equal(strlen(problem.text), PROBLEM_TEXT_SIZE - 1);

    problem_set(&problem, 0, "%.*s\xc3\xa9", (int)PROBLEM_TEXT_SIZE - 2, text);
    assert_int_equal(strlen(problem.text), PROBLEM_TEXT_SIZE - 2); /* one byte too many */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_words_of_its_own),
        cmocka_unit_test(a_problem_holds_its_place_and_words),
        cmocka_unit_test(a_problem_too_long_is_cut_at_a_whole_character),
        cmocka_unit_test(a_problem_that_just_fits_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
