/* SPDX-License-Identifier: MIT */
#include "hub_fixture.h"

static struct fixture fixture;

struct outcome {
    unsigned count;
    enum hub_code code;
    int64_t status;
    char payload[128];
};

static void note(void *ctx, const struct hub_method_result *result)
{
    struct outcome *outcome = ctx;
    outcome->count++;
    outcome->code = result->code;
    outcome->status = result->status;
    if (result->code == HUB_OK) {
        fake_copy(outcome->payload, sizeof(outcome->payload), result->payload);
    }
}

static int set_up(void **state)
{
    (void)state;
    fixture_init(&fixture);
    (void)fixture_create(&fixture, device_key("d1"));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fixture_finish(&fixture);
    return 0;
}

static enum hub_code invoke(const char *payload, int64_t connect_s, int64_t response_s,
                            struct outcome *outcome, struct hub_call **ret_call)
{
    const struct hub_method method = {
        .key = device_key("d1"),
        .name = STR("rebootDevice"),
        .payload = str_from(payload),
        .connect_timeout_s = connect_s,
        .response_timeout_s = response_s,
    };
    *outcome = (struct outcome){0};
    return hub_method_invoke(fixture.hub, &method, note, outcome, ret_call, &fixture.problem);
}

static void an_answer_comes_back_whole(void **state)
{
    (void)state;
    static struct fake_client client;
    struct outcome outcome;
    struct hub_call *call = NULL;
    fake_connect(&fixture, device_key("d1"), &client);
    hub_link_interests(client.link, HUB_INTEREST_METHODS);
    assert_int_equal(invoke("{\"delay\":20}", 0, 30, &outcome, &call), HUB_OK);
    assert_non_null(call);
    assert_string_equal(client.method, "rebootDevice");
    assert_string_equal(client.payload, "{\"delay\":20}");
    fixture_advance(&fixture, 29);
    hub_method_answer(client.link, client.request_id + 1, 200, STR("{}")); /* nobody's */
    assert_int_equal(outcome.count, 0);
    hub_method_answer(client.link, client.request_id, -7, STR("{\"ok\":true}"));
    assert_int_equal(outcome.count, 1);
    assert_int_equal(outcome.code, HUB_OK);
    assert_int_equal(outcome.status, -7);
    assert_string_equal(outcome.payload, "{\"ok\":true}");
    hub_method_answer(client.link, client.request_id, 200, STR("{}")); /* late */
    fixture_advance(&fixture, 60);
    assert_int_equal(outcome.count, 1);
}

static void nothing_is_null_and_no_json_is_a_bad_gateway(void **state)
{
    (void)state;
    static struct fake_client client;
    struct outcome outcome;
    struct hub_call *call = NULL;
    fake_connect(&fixture, device_key("d1"), &client);
    hub_link_interests(client.link, HUB_INTEREST_METHODS);
    assert_int_equal(invoke("", 0, 5, &outcome, &call), HUB_OK);
    hub_method_answer(client.link, client.request_id, 200, STR_EMPTY);
    assert_string_equal(outcome.payload, "null");
    assert_int_equal(invoke("", 0, 5, &outcome, &call), HUB_OK);
    hub_method_answer(client.link, client.request_id, 200, STR("oops"));
    assert_int_equal(outcome.code, HUB_BAD_DEVICE_RESPONSE);
}

static void silence_times_out_to_the_second(void **state)
{
    (void)state;
    static struct fake_client client;
    struct outcome outcome;
    struct hub_call *call = NULL;
    fake_connect(&fixture, device_key("d1"), &client);
    hub_link_interests(client.link, HUB_INTEREST_METHODS);
    assert_int_equal(invoke("1", 0, 5, &outcome, &call), HUB_OK);
    fixture_advance(&fixture, 4);
    assert_int_equal(outcome.count, 0);
    fixture_advance(&fixture, 1);
    assert_int_equal(outcome.count, 1);
    assert_int_equal(outcome.code, HUB_GATEWAY_TIMEOUT);
}

static void an_absent_device_is_waited_for_as_long_as_asked(void **state)
{
    (void)state;
    static struct fake_client client;
    struct outcome outcome;
    struct hub_call *call = NULL;
    assert_int_equal(invoke("1", 0, 30, &outcome, &call), HUB_OK);
    assert_null(call);
    assert_int_equal(outcome.code, HUB_DEVICE_NOT_ONLINE);

    assert_int_equal(invoke("1", 10, 30, &outcome, &call), HUB_OK);
    fixture_advance(&fixture, 9);
    assert_int_equal(outcome.count, 0);
    fake_connect(&fixture, device_key("d1"), &client);
    assert_int_equal(client.request_id, 0); /* connected, not listening */
    hub_link_interests(client.link, HUB_INTEREST_METHODS);
    assert_true(client.request_id > 0);
    fixture_advance(&fixture, 29);
    assert_int_equal(outcome.count, 0);
    hub_method_answer(client.link, client.request_id, 200, STR("1"));
    assert_int_equal(outcome.code, HUB_OK);

    client.takes_methods = false; /* subscribed to another method's name only */
    assert_int_equal(invoke("1", 0, 30, &outcome, &call), HUB_OK);
    assert_int_equal(outcome.code, HUB_DEVICE_NOT_ONLINE);
    assert_int_equal(invoke("1", 3, 30, &outcome, &call), HUB_OK);
    fixture_advance(&fixture, 3);
    assert_int_equal(outcome.code, HUB_DEVICE_NOT_ONLINE);
}

static void an_answer_over_a_new_connection_counts(void **state)
{
    (void)state;
    static struct fake_client first;
    static struct fake_client second;
    struct outcome outcome;
    struct hub_call *call = NULL;
    fake_connect(&fixture, device_key("d1"), &first);
    hub_link_interests(first.link, HUB_INTEREST_METHODS);
    assert_int_equal(invoke("1", 0, 30, &outcome, &call), HUB_OK);
    fake_connect(&fixture, device_key("d1"), &second);
    assert_int_equal(first.closed_code, HUB_CONNECTION_CLOSED_ON_NEW_CONNECTION);
    hub_method_answer(second.link, first.request_id, 200, STR("2"));
    assert_int_equal(outcome.code, HUB_OK);
}

static void requests_out_of_range_are_refused(void **state)
{
    (void)state;
    struct outcome outcome;
    struct hub_call *call = NULL;
    assert_int_equal(invoke("1", 0, 4, &outcome, &call), HUB_ARGUMENT_INVALID);
    assert_int_equal(invoke("1", 0, 301, &outcome, &call), HUB_ARGUMENT_INVALID);
    assert_int_equal(invoke("1", 301, 5, &outcome, &call), HUB_ARGUMENT_INVALID);
    assert_int_equal(invoke("1", -1, 5, &outcome, &call), HUB_ARGUMENT_INVALID);
    assert_int_equal(invoke("1", 300, 300, &outcome, &call), HUB_OK);
    hub_method_cancel(call);
    assert_int_equal(outcome.count, 0);
    struct hub_method method = {
        .key = device_key("nope"), .name = STR("m"), .response_timeout_s = 5};
    assert_int_equal(hub_method_invoke(fixture.hub, &method, note, &outcome, &call, NULL),
                     HUB_DEVICE_NOT_FOUND);
    method.key = module_key("d1", "nope");
    assert_int_equal(hub_method_invoke(fixture.hub, &method, note, &outcome, &call, NULL),
                     HUB_MODULE_NOT_FOUND);
}

static void too_many_in_flight_are_refused(void **state)
{
    (void)state;
    static struct fake_client client;
    static struct outcome outcomes[101];
    struct hub_call *call = NULL;
    fake_connect(&fixture, device_key("d1"), &client);
    hub_link_interests(client.link, HUB_INTEREST_METHODS);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(invoke("1", 0, 30, &outcomes[i], &call), HUB_OK);
    }
    assert_int_equal(invoke("1", 0, 30, &outcomes[100], &call), HUB_TOO_MANY_METHODS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_answer_comes_back_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_null_and_no_json_is_a_bad_gateway, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(silence_times_out_to_the_second, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_absent_device_is_waited_for_as_long_as_asked, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_answer_over_a_new_connection_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(requests_out_of_range_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_many_in_flight_are_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
