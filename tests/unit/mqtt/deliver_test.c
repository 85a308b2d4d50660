/* SPDX-License-Identifier: MIT */
#include "fakes.h"

#include "check.h"

static bool call(uint64_t request_id, struct str name, const char *payload)
{
    return fake_hub.link.ops->method(fake_hub.link.ctx, request_id, name, str_from(payload));
}

static void a_method_call_is_published_to_who_subscribed_to_all(void **state)
{
    (void)state;
    struct net_conn *conn = fake_connected();
    assert_false(call(1, STR("reboot"), ""));
    fake_subscribe(conn, 1, "$iothub/methods/POST/#", 1);
    (void)fake_output(conn);
    assert_true(call(0x1f, STR("reboot"), "{\"a\":1}"));
    assert_true(call(UINT64_MAX, STR("a/b"), ""));
    assert_string_equal(fake_output(conn),
                        "PUBLISH 0 $iothub/methods/POST/reboot/?$rid=1f {\"a\":1}\n"
                        "PUBLISH 0 $iothub/methods/POST/a/b/?$rid=ffffffffffffffff \n");
    fake_closed(conn, "");
}

static void a_filter_for_one_method_takes_that_one(void **state)
{
    (void)state;
    struct net_conn *conn = fake_connected();
    fake_subscribe(conn, 1, "$iothub/methods/POST/reboot/#", 1);
    fake_subscribe(conn, 2, "$iothub/methods/POST/stop/#", 1);
    (void)fake_output(conn);
    assert_true(call(1, STR("reboot"), ""));
    assert_true(call(2, STR("stop"), ""));
    assert_false(call(3, STR("Stop"), ""));
    assert_false(call(4, STR("sto"), ""));
    fake_unsubscribe(conn, 3, "$iothub/methods/POST/stop/#");
    assert_false(call(5, STR("stop"), ""));
    fake_closed(conn, "");
}

static void names_that_fit_no_topic_are_not_delivered(void **state)
{
    (void)state;
    struct net_conn *conn = fake_connected();
    fake_subscribe(conn, 1, "$iothub/methods/POST/#", 1);
    (void)fake_output(conn);
    static char long_name[65536];
    memset(long_name, 'x', sizeof(long_name));
    assert_false(call(1, STR("a#"), ""));
    assert_false(call(1, STR("+"), ""));
    assert_false(call(1, STR("a\0b"), ""));
    assert_false(call(1, STR("\xff"), ""));
    assert_false(call(1, STR_EMPTY, ""));
    assert_false(call(1, str_of(long_name, sizeof(long_name)), ""));
    assert_string_equal(fake_output(conn), "");
    assert_false(conn->closing);
    assert_true(call(1, STR("caf\xc3\xa9"), ""));
    fake_closed(conn, "");
}

static void nothing_is_delivered_to_a_session_that_is_ending(void **state)
{
    (void)state;
    struct net_conn *conn = fake_connected();
    fake_subscribe(conn, 1, "$iothub/methods/POST/#", 1);
    fake_subscribe(conn, 2, "$iothub/twin/PATCH/properties/desired/#", 1);
    fake_disconnect(conn);
    (void)fake_output(conn);
    assert_false(call(1, STR("reboot"), ""));
    fake_hub.link.ops->desired(fake_hub.link.ctx, 2, STR("{}"));
    assert_string_equal(fake_output(conn), "");
    fake_closed(conn, "");
}

#define SESSION_TEST(f) cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SESSION_TEST(a_method_call_is_published_to_who_subscribed_to_all),
        SESSION_TEST(a_filter_for_one_method_takes_that_one),
        SESSION_TEST(names_that_fit_no_topic_are_not_delivered),
        SESSION_TEST(nothing_is_delivered_to_a_session_that_is_ending),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
