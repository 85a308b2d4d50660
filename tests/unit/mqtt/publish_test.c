/* SPDX-License-Identifier: MIT */
#include "fakes.h"

#include "check.h"

static void telemetry_reaches_the_hub_with_its_properties(void **state)
{
    (void)state;
    static const struct {
        const char *topic;
        const char *log;
    } rows[] = {
        {"devices/d1/messages/events/", "telemetry d1: | | hi\n"},
        {"devices/d1/messages/events/%24.ct=application%2Fjson&%24.ce=utf-8&alert=true",
         "telemetry d1: contentType=application/json contentEncoding=utf-8 | alert=true | hi\n"},
        {"devices/d1/messages/events/$.mid=1&a&b=&c=x%20y/",
         "telemetry d1: messageId=1 | a b= c=x y | hi\n"},
        /* of two system properties the first; whose connection it is, nobody may say himself */
        {"devices/d1/messages/events/$.mid=1&$.mid=2&$.cdid=d2&$.cmid=m",
         "telemetry d1: messageId=1 | | hi\n"},
    };
    struct net_conn *conn = fake_connected();
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        fake_publish(conn, rows[i].topic, "hi", 0);
        assert_string_equal(fake_log(), rows[i].log);
        assert_string_equal(fake_output(conn), "");
    }
    fake_closed(conn, "");
}

static void qos_1_is_acknowledged_in_order_and_retain_becomes_a_property(void **state)
{
    (void)state;
    struct net_conn *conn = fake_connected();
    fake_publish(conn, "devices/d1/messages/events/", "a", 513);
    fake_publish(conn, "$iothub/twin/GET/?$rid=1", " ", 2);
    fake_publish(conn, "devices/d1/messages/events/", "b", 1);
    assert_string_equal(fake_output(conn), "PUBACK 2 1\nPUBACK 0 2\nPUBACK 0 1\n");
    (void)fake_log();
    fake_receive(conn, STR("\x31\x1f\x00\x1b"
                           "devices/d1/messages/events/xy"));
    assert_string_equal(fake_log(), "telemetry d1: | mqtt-retain=true | xy\n");
    fake_closed(conn, "");
}

static void what_the_hub_refuses_is_not_acknowledged(void **state)
{
    (void)state;
    fake_hub.telemetry = HUB_MESSAGE_TOO_LARGE;
    struct net_conn *conn = fake_connected();
    fake_publish(conn, "devices/d1/messages/events/", "a", 1);
    assert_string_equal(fake_output(conn), "");
    assert_non_null(strstr(fake_log(), "refused 413001 d1: the message is too large\n"));
    assert_true(conn->closing);
    fake_closed(conn, "");
}

static void publishes_that_end_the_connection(void **state)
{
    (void)state;
    static const struct {
        struct str bytes;
        const char *why;
    } rows[] = {
        {{"\x34\x1f\x00\x1b"
          "devices/d1/messages/events/\x00\x01",
          33},
         "QoS 2"},
        {{"\x32\x0b\x00\x07"
          "foo/bar\x00\x01",
          13},
         "the hub is no broker"},
        {{"\x30\x1d\x00\x1b"
          "devices/d2/messages/events/",
          31},
         "publish for nobody else"},
        {{"\x32\x05\x00\x01t\x00\x00", 7}, "[MQTT-2.3.1-1]"},
        {{"\x30\xfd\xdf\x12", 4}, "307201 bytes is larger than the 307200 allowed here"},
        {{"\x62\x02\x00\x01", 4}, "QoS 2, which the hub does not offer"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct net_conn *conn = fake_connected();
        fake_receive(conn, rows[i].bytes);
        assert_string_equal(fake_output(conn), "");
        const char *log = fake_log();
        if (strstr(log, rows[i].why) == NULL || strstr(log, "telemetry") != NULL) {
            fail_msg("row %zu: %s", i, log);
        }
        assert_true(conn->closing);
        fake_closed(conn, "");
    }
}

/* ---- Twins ---- */

static struct net_conn *listening_for_results(void)
{
    struct net_conn *conn = fake_connected();
    fake_subscribe(conn, 1, "$iothub/twin/res/#", 0);
    (void)fake_output(conn);
    (void)fake_log();
    return conn;
}

static void a_twin_is_read(void **state)
{
    (void)state;
    struct net_conn *conn = listening_for_results();
    fake_publish(conn, "$iothub/twin/GET/?$rid=5f", " ", 3);
    assert_string_equal(fake_output(conn),
                        "PUBLISH 0 $iothub/twin/res/200/?$rid=5f "
                        "{\"desired\":{\"$version\":1},\"reported\":{\"$version\":1}}\n"
                        "PUBACK 0 3\n");
    assert_string_equal(fake_log(), "twin d1\n");
    fake_closed(conn, "");
}

static void reported_properties_are_patched(void **state)
{
    (void)state;
    fake_hub.reported_version = 88;
    struct net_conn *conn = listening_for_results();
    fake_publish(conn, "$iothub/twin/PATCH/properties/reported/?$rid=ho", "{}", 0);
    assert_string_equal(fake_output(conn),
                        "PUBLISH 0 $iothub/twin/res/204/?$rid=ho&$version=88 \n");
    assert_string_equal(fake_log(), "reported d1 {} expecting 0\n");
    fake_publish(conn, "$iothub/twin/PATCH/properties/reported/?$rid=ho&$version=87", "{}", 0);
    assert_string_equal(fake_log(), "reported d1 {} expecting 87\n");
    (void)fake_output(conn);
    fake_publish(conn, "$iothub/twin/PATCH/properties/reported/", "{}", 0);
    assert_string_equal(fake_log(), "reported d1 {} expecting 0\n");
    assert_string_equal(fake_output(conn), ""); /* no rid, no response */
    fake_closed(conn, "");
}

static void twin_refusals_are_json_with_an_error_code(void **state)
{
    (void)state;
    static const struct {
        enum hub_code code;
        const char *topic;
        const char *start;
    } rows[] = {
        {HUB_ARGUMENT_INVALID, "$iothub/twin/PATCH/properties/reported/?$rid=1",
         "PUBLISH 0 $iothub/twin/res/400/?$rid=1 {\"errorCode\":400004,\"message\":\"no "
         "\\\"valid\\\" patch\",\"trackingId\":\""},
        {HUB_PRECONDITION_FAILED, "$iothub/twin/PATCH/properties/reported/?$rid=1&$version=3",
         "PUBLISH 0 $iothub/twin/res/412/?$rid=1 {\"errorCode\":412001,"},
        {HUB_REQUEST_TOO_LARGE, "$iothub/twin/PATCH/properties/reported/?$rid=1",
         "PUBLISH 0 $iothub/twin/res/400/?$rid=1 {\"errorCode\":413000,"},
        {HUB_DEVICE_NOT_FOUND, "$iothub/twin/GET/?$rid=1",
         "PUBLISH 0 $iothub/twin/res/404/?$rid=1 {\"errorCode\":404001,\"message\":\"there is no "
         "\\\"d1\\\"\""},
        {HUB_THROTTLING, "$iothub/twin/GET/?$rid=1", "PUBLISH 0 $iothub/twin/res/429/?$rid=1 {"},
        {HUB_SERVER_ERROR, "$iothub/twin/GET/?$rid=1", "PUBLISH 0 $iothub/twin/res/500/?$rid=1 {"},
        /* the hub is not even asked */
        {HUB_OK, "$iothub/twin/PATCH/properties/reported/?$rid=1&$version=x",
         "PUBLISH 0 $iothub/twin/res/400/?$rid=1 {\"errorCode\":400004,"},
        {HUB_OK, "$iothub/twin/PATCH/properties/reported/?$rid=1&$version=0",
         "PUBLISH 0 $iothub/twin/res/412/?$rid=1 {\"errorCode\":412001,"},
    };
    struct net_conn *conn = listening_for_results();
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        fake_hub.twin = rows[i].code;
        fake_publish(conn, rows[i].topic, "{}", 0);
        const char *output = fake_output(conn);
        if (strncmp(output, rows[i].start, strlen(rows[i].start)) != 0) {
            fail_msg("row %zu: %s", i, output);
        }
        assert_non_null(strstr(output, ",\"info\":null}\n"));
        const char *log = fake_log();
        assert_non_null(strstr(log, "refused "));
        assert_int_equal(strstr(log, "reported") != NULL || strstr(log, "twin") != NULL,
                         rows[i].code != HUB_OK);
        assert_false(conn->closing);
    }
    fake_closed(conn, "");
}

static void without_a_subscription_there_is_no_response_but_the_operation(void **state)
{
    (void)state;
    struct net_conn *conn = fake_connected();
    fake_publish(conn, "$iothub/twin/PATCH/properties/reported/?$rid=1", "{}", 0);
    assert_string_equal(fake_log(), "reported d1 {} expecting 0\n");
    fake_hub.twin = HUB_ARGUMENT_INVALID;
    fake_publish(conn, "$iothub/twin/PATCH/properties/reported/?$rid=1", "{}", 0);
    assert_string_equal(fake_output(conn), "");
    fake_closed(conn, "");
}

/* ---- Methods ---- */

static void method_answers_reach_the_hub(void **state)
{
    (void)state;
    struct net_conn *conn = fake_connected();
    fake_publish(conn, "$iothub/methods/res/200/?$rid=1f", "{\"a\":1}", 4);
    fake_publish(conn, "$iothub/methods/res/-1/?$rid=ffffffffffffffff", "", 0);
    assert_string_equal(fake_log(), "answer 31 200 {\"a\":1}\n"
                                    "answer 18446744073709551615 -1 \n");
    /* ids that are none of ours are like late ones: nobody waits */
    fake_publish(conn, "$iothub/methods/res/200/?$rid=10000000000000000", "", 0);
    fake_publish(conn, "$iothub/methods/res/200/?$rid=1F", "", 0);
    fake_publish(conn, "$iothub/methods/res/200/?$rid=x", "", 0);
    assert_string_equal(fake_log(), "");
    assert_string_equal(fake_output(conn), "PUBACK 0 4\n");
    assert_false(conn->closing);
    fake_closed(conn, "");
}

static void packets_to_be_ignored(void **state)
{
    (void)state;
    struct net_conn *conn = fake_connected();
    fake_receive(conn, STR("\x40\x02\x12\x34")); /* PUBACK of nothing */
    assert_false(conn->closing);
    assert_string_equal(fake_output(conn), "");
    assert_string_equal(fake_log(), "");
    fake_receive(conn, STR("\x40\x02\x00\x00"));
    assert_true(conn->closing);
    fake_closed(conn, "");
}

static void many_properties_with_no_memory(void *ctx)
{
    struct net_conn *conn = ctx;
    struct buf topic CLEANUP(buf_finish) = BUF_INIT(4096);
    buf_append_str(&topic, STR("devices/d1/messages/events/%61"));
    for (int i = 0; i < 40; i++) {
        buf_append_str(&topic, STR("&k=v"));
    }
    if (buf_status(&topic) == STATUS_OK && !conn->closing) {
        fake_publish(conn, topic.data, "x", 0);
    }
}

static void a_refused_allocation_ends_one_connection_at_most(void **state)
{
    (void)state;
    for (long n = 0; n < 40; n++) {
        struct net_conn *conn = fake_connected();
        mem_fail_after(n);
        many_properties_with_no_memory(conn);
        mem_fail_after(-1);
        fake_closed(conn, "");
        (void)fake_log();
    }
}

#define SESSION_TEST(f) cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SESSION_TEST(telemetry_reaches_the_hub_with_its_properties),
        SESSION_TEST(qos_1_is_acknowledged_in_order_and_retain_becomes_a_property),
        SESSION_TEST(what_the_hub_refuses_is_not_acknowledged),
        SESSION_TEST(publishes_that_end_the_connection),
        SESSION_TEST(a_twin_is_read),
        SESSION_TEST(reported_properties_are_patched),
        SESSION_TEST(twin_refusals_are_json_with_an_error_code),
        SESSION_TEST(without_a_subscription_there_is_no_response_but_the_operation),
        SESSION_TEST(method_answers_reach_the_hub),
        SESSION_TEST(packets_to_be_ignored),
        SESSION_TEST(a_refused_allocation_ends_one_connection_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
