/* SPDX-License-Identifier: MIT */
#include "https/https_internal.h"

#include "check.h"

#define AT_11 INT64_C(1795258800000000) /* 2026-11-21T11:00:00Z */

static struct https_error about(enum hub_code code, enum https_wording wording, const char *why)
{
    return (struct https_error){
        .code = code,
        .wording = wording,
        .key = {.device = STR("d1"), .module = STR("m1")},
        .why = why,
    };
}

static void known_errors_have_the_texts_clients_look_for(void **state)
{
    (void)state;
    static const struct {
        enum hub_code code;
        enum https_wording wording;
        const char *text;
    } cases[] = {
        {HUB_UNAUTHORIZED_ACCESS, HTTPS_OF_IDENTITY, "Unauthorized"},
        {HUB_DEVICE_NOT_FOUND, HTTPS_OF_IDENTITY, "d1"},
        {HUB_MODULE_NOT_FOUND, HTTPS_OF_IDENTITY, "m1"},
        {HUB_DEVICE_ALREADY_EXISTS, HTTPS_OF_IDENTITY,
         "A device with ID 'd1' is already registered."},
        {HUB_PRECONDITION_FAILED, HTTPS_OF_IDENTITY, "PreconditionFailed"},
        {HUB_PRECONDITION_FAILED, HTTPS_OF_TWIN, "ETag mismatch for device ID 'd1'"},
        {HUB_ARGUMENT_NULL, HTTPS_OF_IDENTITY, "BadRequest"},
        {HUB_ARGUMENT_INVALID, HTTPS_OF_IDENTITY, "because"},
        {HUB_DEVICE_NOT_ONLINE, HTTPS_OF_METHOD, "Timed out waiting for device to connect."},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(buf_finish) struct buf out = BUF_INIT(4096);
        const struct https_error error = about(cases[i].code, cases[i].wording, "because");
        https_error_text_append(&out, &error);
        assert_str_equal(buf_str(&out), cases[i].text);
    }
}

static void without_a_reason_the_name_stands_for_it(void **state)
{
    (void)state;
    static const char *const none[] = {NULL, ""};
    for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
        CLEANUP(buf_finish) struct buf out = BUF_INIT(4096);
        const struct https_error error = about(HUB_SERVER_ERROR, HTTPS_OF_IDENTITY, none[i]);
        https_error_text_append(&out, &error);
        assert_str_equal(buf_str(&out), "ServerError");
    }
}

/* The body with its 32 random hex digits written as #. */
static void body_of(const struct https_error *error, struct buf *out)
{
    struct random random;
    random_init_seed(&random, 1);
    https_error_body_append(out, error, &random, AT_11);
    assert_int_equal(buf_status(out), STATUS_OK);
    char *id = strstr(out->data, "-G:0-TimeStamp:");
    assert_non_null(id);
    memset(id - 32, '#', 32);
}

static void the_body_is_the_services_own(void **state)
{
    (void)state;
    CLEANUP(buf_finish) struct buf out = BUF_INIT(4096);
    const struct https_error error =
        about(HUB_ARGUMENT_INVALID, HTTPS_OF_IDENTITY, "member \"a\\b\" is odd");
    body_of(&error, &out);
    assert_str_equal(buf_str(&out),
                     "{\"Message\":\"ErrorCode:ArgumentInvalid;member \\\"a\\\\b\\\" is odd\","
                     "\"ExceptionMessage\":\"Tracking ID:################################-G:0-"
                     "TimeStamp:11/21/2026 11:00:00\"}");
}

static void a_method_has_json_inside_its_message(void **state)
{
    (void)state;
    CLEANUP(buf_finish) struct buf out = BUF_INIT(4096);
    struct https_error error = about(HUB_DEVICE_NOT_ONLINE, HTTPS_OF_METHOD, "why");
    error.timeout_s = 3725;
    body_of(&error, &out);
    assert_str_equal(
        buf_str(&out),
        "{\"Message\":\"{\\\"errorCode\\\":404103,\\\"trackingId\\\":\\\""
        "################################-G:0-TimeStamp:11/21/2026 11:00:00\\\","
        "\\\"message\\\":\\\"Timed out waiting for device to connect.\\\","
        "\\\"info\\\":{\\\"timeout\\\":\\\"01:02:05\\\"},"
        "\\\"timestampUtc\\\":\\\"2026-11-21T11:00:00.000000Z\\\"}\",\"ExceptionMessage\":\"\"}");
}

static void a_refused_negative_time_is_shown_as_none(void **state)
{
    (void)state;
    CLEANUP(buf_finish) struct buf out = BUF_INIT(4096);
    struct https_error error = about(HUB_ARGUMENT_INVALID, HTTPS_OF_METHOD, "why");
    error.timeout_s = -1;
    body_of(&error, &out);
    buf_append_byte(&out, '\0');
    assert_non_null(strstr(out.data, "\"timeout\\\":\\\"00:00:00\\\""));
}

static void who_may_not_call_a_method_gets_the_ordinary_body(void **state)
{
    (void)state;
    CLEANUP(buf_finish) struct buf out = BUF_INIT(4096);
    const struct https_error error = about(HUB_UNAUTHORIZED_ACCESS, HTTPS_OF_METHOD, "why");
    body_of(&error, &out);
    assert_true(
        str_starts(buf_str(&out),
                   STR("{\"Message\":\"ErrorCode:IotHubUnauthorizedAccess;Unauthorized\",\"Exc")));
}

static void an_endless_id_is_cut_and_the_body_stays_whole(void **state)
{
    (void)state;
    static char id[100000];
    memset(id, '"', sizeof(id)); /* each takes two characters in the body */
    CLEANUP(buf_finish) struct buf out = BUF_INIT(8192);
    struct https_error error = about(HUB_DEVICE_NOT_FOUND, HTTPS_OF_METHOD, NULL);
    error.key.device = str_of(id, sizeof(id));
    body_of(&error, &out);
    cJSON *tree = NULL;
    assert_int_equal(json_parse(buf_str(&out), &tree, NULL), STATUS_OK);
    cJSON *inner = NULL;
    assert_int_equal(json_parse(json_str(json_member(tree, "Message")), &inner, NULL), STATUS_OK);
    assert_int_equal(json_str(json_member(inner, "message")).size, 256);
    cJSON_Delete(inner);
    cJSON_Delete(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_errors_have_the_texts_clients_look_for),
        cmocka_unit_test(without_a_reason_the_name_stands_for_it),
        cmocka_unit_test(the_body_is_the_services_own),
        cmocka_unit_test(a_method_has_json_inside_its_message),
        cmocka_unit_test(a_refused_negative_time_is_shown_as_none),
        cmocka_unit_test(who_may_not_call_a_method_gets_the_ordinary_body),
        cmocka_unit_test(an_endless_id_is_cut_and_the_body_stays_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
