/* SPDX-License-Identifier: MIT */
#include "clients/messaging/failure_internal.h"

#include "check.h"

static void conditions_become_words_and_numbers(void **state)
{
    (void)state;
    static const struct {
        long status;
        const char *condition, *description;
        enum iothub_result result;
        long http_status;
        const char *text;
    } cases[] = {
        {0, "amqp:not-found",
         "{\"errorCode\":404001,\"trackingId\":\"x\",\"message\":\"no device 'd'\"}",
         IOTHUB_REFUSED, 404, "it was refused: no device 'd' (amqp:not-found)"},
        {0, "amqp:not-found", "gone", IOTHUB_REFUSED, 404, "it was refused: gone (amqp:not-found)"},
        {0, "amqp:not-found", "", IOTHUB_REFUSED, 404, "it was refused: amqp:not-found"},
        {0, "amqp:not-found", "[1]", IOTHUB_REFUSED, 404, "it was refused: [1] (amqp:not-found)"},
        {0, "com.microsoft:argument-error", "{\"errorCode\":403009,\"message\":\"past\"}",
         IOTHUB_REFUSED, 403, "it was refused: past (com.microsoft:argument-error)"},
        {401, "", "no token", IOTHUB_REFUSED, 401, "it was refused: no token"},
        {0, "amqp:resource-limit-exceeded", "full", IOTHUB_REFUSED, 403,
         "it was refused: full (amqp:resource-limit-exceeded)"},
        {0, "amqp:internal-error", "", IOTHUB_UNAVAILABLE, 500,
         "it was refused: amqp:internal-error"},
        {0, "amqp:not-implemented", "", IOTHUB_REFUSED, 501,
         "it was refused: amqp:not-implemented"},
        {0, "com.microsoft:device-container-throttled", "", IOTHUB_UNAVAILABLE, 429,
         "it was refused: com.microsoft:device-container-throttled"},
        {0, "amqp:connection:forced", "idle", IOTHUB_UNAVAILABLE, 0,
         "it was refused: idle (amqp:connection:forced)"},
        {0, "amqp:link:detach-forced", "", IOTHUB_UNAVAILABLE, 0,
         "it was refused: amqp:link:detach-forced"},
        {0, "x:never-heard-of", "", IOTHUB_REFUSED, 0, "it was refused: x:never-heard-of"},
        {503, "", "busy", IOTHUB_UNAVAILABLE, 503, "it was refused: busy"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct iothub_error error;
        assert_int_equal(
            failure_answer(&error, cases[i].status, cases[i].condition, cases[i].description, "it"),
            cases[i].result);
        assert_int_equal(error.result, cases[i].result);
        assert_int_equal(error.http_status, cases[i].http_status);
        assert_string_equal(error.code, cases[i].condition);
        assert_string_equal(error.text, cases[i].text);
    }
}

static void the_engines_conditions_are_read(void **state)
{
    (void)state;
    struct iothub_error error;
    pn_condition_t *condition = pn_condition();
    assert_int_equal(failure_condition(&error, condition, "it"), IOTHUB_UNAVAILABLE);
    assert_non_null(strstr(error.text, "no reason"));
    (void)pn_condition_set_name(condition, "amqp:link:stolen");
    assert_int_equal(failure_condition(&error, condition, "it"), IOTHUB_REFUSED);
    assert_string_equal(error.code, "amqp:link:stolen");
    pn_condition_free(condition);
}

static void words_that_are_too_long_are_cut_at_a_character(void **state)
{
    (void)state;
    char words[2000];
    struct iothub_error error;
    memset(words, 0, sizeof(words));
    for (size_t i = 0; i + 3 < sizeof(words); i += 2) {
        words[i] = '\xc3';
        words[i + 1] = '\xa9';
    }
    assert_int_equal(failure_answer(&error, 400, words, words, "it"), IOTHUB_REFUSED);
    assert_true(strlen(error.text) < IOTHUB_TEXT_SIZE && strlen(error.code) < IOTHUB_CODE_SIZE);
    assert_true(str_is_utf8(str_from(error.text)));
    assert_int_equal(failure(&error, IOTHUB_UNTRUSTED, "%s", words), IOTHUB_UNTRUSTED);
    assert_true(str_is_utf8(str_from(error.text)));
}

static void an_error_that_nobody_wants_is_no_harm(void **state)
{
    (void)state;
    const struct problem problem = {.text = "too long"};
    struct iothub_error error;
    assert_int_equal(failure(NULL, IOTHUB_UNAVAILABLE, "x"), IOTHUB_UNAVAILABLE);
    assert_int_equal(failure_status(NULL, STATUS_NO_MEMORY, NULL), IOTHUB_NO_MEMORY);
    assert_int_equal(failure_status(&error, STATUS_LIMIT, &problem), IOTHUB_INVALID);
    assert_string_equal(error.text, "too long");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions_become_words_and_numbers),
        cmocka_unit_test(the_engines_conditions_are_read),
        cmocka_unit_test(words_that_are_too_long_are_cut_at_a_character),
        cmocka_unit_test(an_error_that_nobody_wants_is_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
