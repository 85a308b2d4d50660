/* SPDX-License-Identifier: MIT */
#include "clients/service/service_internal.h"

#include <limits.h>

#include "check.h"

static void refusals_are_understood_in_both_forms(void **state)
{
    (void)state;
    static const struct {
        enum iothub_result result;
        long status;
        const char *header;
        const char *body;
        const char *code;
        const char *text;
    } cases[] = {
        {IOTHUB_REFUSED, 404, "DeviceNotFound",
         "{\"Message\":\"ErrorCode:DeviceNotFound;dev1\",\"ExceptionMessage\":\"Tracking ID:0\"}",
         "DeviceNotFound", "the hub answered 404 DeviceNotFound: dev1"},
        {IOTHUB_REFUSED, 409, "",
         "{\"Message\":\"ErrorCode:DeviceAlreadyExists;A device ... ; registered.\"}",
         "DeviceAlreadyExists",
         "the hub answered 409 DeviceAlreadyExists: A device ... ; registered."},
        {IOTHUB_REFUSED, 404, "DeviceNotOnline",
         "{\"Message\":\"{\\\"errorCode\\\":404103,\\\"message\\\":\\\"Timed out\\\"}\"}",
         "DeviceNotOnline", "the hub answered 404 DeviceNotOnline: Timed out"},
        {IOTHUB_REFUSED, 404, "",
         "{\"Message\":\"{\\\"errorCode\\\":404103,\\\"message\\\":\\\"Timed out\\\"}\"}", "404103",
         "the hub answered 404 404103: Timed out"},
        {IOTHUB_REFUSED, 404, "", "{\"Message\":\"{\\\"errorCode\\\":404103}\"}", "404103",
         "the hub answered 404 404103"},
        {IOTHUB_REFUSED, 400, "ArgumentInvalid", "{\"Message\":\"no code here\"}",
         "ArgumentInvalid", "the hub answered 400 ArgumentInvalid: no code here"},
        {IOTHUB_REFUSED, 400, "", "{\"Message\":\"ErrorCode:NoText\"}", "",
         "the hub answered 400: ErrorCode:NoText"},
        {IOTHUB_REFUSED, 502, "", "<html>a proxy says no</html>", "",
         "the hub answered 502: <html>a proxy says no</html>"},
        {IOTHUB_UNAVAILABLE, 429, "ThrottlingException",
         "{\"Message\":\"ErrorCode:ThrottlingException;slower\"}", "ThrottlingException",
         "the hub answered 429 ThrottlingException: slower"},
        {IOTHUB_UNAVAILABLE, 503, "", "", "", "the hub answered 503"},
        {IOTHUB_REFUSED, 500, "", "{\"Other\":1}", "", "the hub answered 500: {\"Other\":1}"},
        {IOTHUB_REFUSED, 500, "", "[]", "", "the hub answered 500: []"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct iothub_error error;
        assert_int_equal(service_refused(&error, cases[i].status, str_from(cases[i].header),
                                         str_from(cases[i].body)),
                         cases[i].result);
        assert_int_equal(error.result, cases[i].result);
        assert_int_equal(error.http_status, cases[i].status);
        assert_string_equal(error.code, cases[i].code);
        assert_string_equal(error.text, cases[i].text);
    }
}

static void long_codes_and_bodies_are_cut(void **state)
{
    (void)state;
    char body[5000];
    memset(body, 'x', sizeof(body));
    struct iothub_error error;
    service_refused(&error, 500, str_of(body, sizeof(body)), str_of(body, sizeof(body)));
    assert_int_equal(strlen(error.code), IOTHUB_CODE_SIZE - 1);
    assert_true(strlen(error.text) < IOTHUB_TEXT_SIZE);
}

static void failures_without_an_answer_have_no_status(void **state)
{
    (void)state;
    struct iothub_error error = {.http_status = 404, .code = "DeviceNotFound"};
    assert_int_equal(service_failed(&error, IOTHUB_UNTRUSTED, "no %s", "route"), IOTHUB_UNTRUSTED);
    assert_int_equal(error.result, IOTHUB_UNTRUSTED);
    assert_int_equal(error.http_status, 0);
    assert_string_equal(error.code, "");
    assert_string_equal(error.text, "no route");
    assert_int_equal(service_not_built(&error, STATUS_NO_MEMORY), IOTHUB_NO_MEMORY);
    assert_string_equal(error.text, status_text(STATUS_NO_MEMORY));
    assert_int_equal(service_not_built(&error, STATUS_LIMIT), IOTHUB_INVALID);
}

static void numbers_that_the_hub_owes_are_taken_or_missed(void **state)
{
    (void)state;
    static const struct {
        const char *answer;
        int value; /* 7: untouched */
    } cases[] = {
        {"{\"status\":200}", 200},
        {"{\"status\":-2147483648}", INT_MIN},
        {"{\"status\":2147483647}", INT_MAX},
        {"{\"status\":2147483648}", 7},
        {"{\"status\":1e300}", 7},
        {"{\"status\":\"200\"}", 7},
        {"{\"Status\":200}", 7},
        {"[]", 7},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        cJSON *answer CLEANUP(json_destroyp) = NULL;
        int value = 7;
        struct iothub_error error;
        assert_int_equal(service_parse(str_from(cases[i].answer), &answer, &error), IOTHUB_OK);
        assert_int_equal(service_read_int(answer, "status", &value, &error),
                         cases[i].value == 7 ? IOTHUB_UNAVAILABLE : IOTHUB_OK);
        assert_int_equal(value, cases[i].value);
    }
}

static void a_caller_without_an_error_gets_the_result_alone(void **state)
{
    (void)state;
    assert_int_equal(service_refused(NULL, 404, STR_EMPTY, STR_EMPTY), IOTHUB_REFUSED);
    assert_int_equal(service_failed(NULL, IOTHUB_INVALID, "x"), IOTHUB_INVALID);
    assert_int_equal(service_no_memory(NULL), IOTHUB_NO_MEMORY);
}

static void read_it_again(void *ctx)
{
    (void)ctx;
    struct iothub_error error;
    service_refused(&error, 404, STR_EMPTY, STR("{\"Message\":\"{\\\"errorCode\\\":404103}\"}"));
    assert_int_equal(error.http_status, 404);
}

static void refused_memory_costs_the_words_only(void **state)
{
    (void)state;
    check_under_failing_allocations(read_it_again, NULL);
}

int main(void)
{
    mem_use_for_json();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals_are_understood_in_both_forms),
        cmocka_unit_test(long_codes_and_bodies_are_cut),
        cmocka_unit_test(failures_without_an_answer_have_no_status),
        cmocka_unit_test(numbers_that_the_hub_owes_are_taken_or_missed),
        cmocka_unit_test(a_caller_without_an_error_gets_the_result_alone),
        cmocka_unit_test(refused_memory_costs_the_words_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
