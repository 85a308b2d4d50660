/* SPDX-License-Identifier: MIT */
/* Cloud-to-device messages: topics, acknowledgements, windows. Numbers: device protocol reference,
 * section 11. */
#include "fakes.h"

#include <stdio.h>

#include "check.h"
#include "mqtt/limits.h"

#define FILTER "devices/d1/messages/devicebound/#"
#define TOPIC  "devices/d1/messages/devicebound/"

static struct net_conn *subscribed(uint8_t qos)
{
    struct net_conn *conn = fake_connected();
    fake_subscribe(conn, 1, FILTER, qos);
    (void)fake_output(conn);
    (void)fake_log();
    return conn;
}

/* ---- the topic (3) ---- */

#define P(name, value)                                                                             \
    {                                                                                              \
        {("" name ""), sizeof(name) - 1},                                                          \
        {                                                                                          \
            ("" value ""), sizeof(value) - 1                                                       \
        }                                                                                          \
    }
#define P_NULL(name)                                                                               \
    {                                                                                              \
        {("" name ""), sizeof(name) - 1},                                                          \
        {                                                                                          \
            NULL, 0                                                                                \
        }                                                                                          \
    }

enum { PROPERTIES_MAX = 9 };

static const struct {
    const char *what;
    struct hub_property system[PROPERTIES_MAX];
    struct hub_property application[PROPERTIES_MAX];
    enum hub_ack ack;
    const char *bag;
} topics[] = {
    {"nothing but the address",
     {P("to", "/devices/d1/messages/deviceBound")},
     {{{NULL, 0}, {NULL, 0}}},
     HUB_ACK_NONE,
     "%24.to=%2Fdevices%2Fd1%2Fmessages%2FdeviceBound"},
    {"case 8: an expiry and no other property",
     {P("to", "/t"), P("expiryTimeUtc", "2026-11-21T16:00:00.0000000Z")},
     {{{NULL, 0}, {NULL, 0}}},
     HUB_ACK_NONE,
     "%24.to=%2Ft&%24.exp=2026-11-21T16%3A00%3A00.0000000Z"},
    {"as it was captured",
     {P("contentEncoding", "utf-8"), P("contentType", "text/plain; charset=UTF-8"), P("to", "/x"),
      P("messageId", "f618dedc")},
     {P("bbb", "bbbb"), P("aaa", "aaaa")},
     HUB_ACK_NONE,
     "%24.mid=f618dedc&%24.to=%2Fx&%24.ct=text%2Fplain%3B%20charset%3DUTF-8&%24.ce=utf-8&bbb=bbbb&"
     "aaa=aaaa"},
    {"all of them, and those that have no place",
     {P("userId", "u"), P("expiryTimeUtc", "e"), P("contentEncoding", "c"), P("contentType", "t"),
      P("to", "/t"), P("correlationId", "c"), P("messageId", "m"), P("messageSchema", "s"),
      P("creationTimeUtc", "c")},
     {P("a", "b")},
     HUB_ACK_FULL,
     "%24.mid=m&%24.cid=c&%24.uid=u&%24.to=%2Ft&%24.ct=t&%24.ce=c&%24.exp=e&iothub-ack=full&a=b"},
    {"an acknowledgement",
     {P("to", "/t")},
     {P("a", "b")},
     HUB_ACK_NEGATIVE,
     "%24.to=%2Ft&iothub-ack=negative&a=b"},
    {"case 9: what must be encoded",
     {P("to", "/t")},
     {P("a/b", "/&= %\xc3\xa9"), P("c+#", "+#$?")},
     HUB_ACK_NONE,
     "%24.to=%2Ft&a%2Fb=%2F%26%3D%20%25%C3%A9&c%2B%23=%2B%23%24%3F"},
    {"null and empty values",
     {P("to", "/t"), P("messageId", ""), P_NULL("userId")},
     {P_NULL("null"), P("empty", "")},
     HUB_ACK_NONE,
     "%24.to=%2Ft&null&empty="},
    {"an empty address", {P("to", "")}, {P("a", "b")}, HUB_ACK_NONE, "%24.to=&a=b"},
};

static size_t property_count(const struct hub_property *properties)
{
    size_t count = 0;
    while (count < PROPERTIES_MAX && properties[count].name.data != NULL) {
        count++;
    }
    return count;
}

static void properties_stand_in_the_topic_in_their_order(void **state)
{
    (void)state;
    struct net_conn *conn = subscribed(0);
    for (size_t i = 0; i < ARRAY_SIZE(topics); i++) {
        char expected[512];
        fake_c2d(&(struct hub_delivery){
            .enqueued_us = fake_hub.now_us,
            .ack = topics[i].ack,
            .message = {.system = topics[i].system,
                        .system_count = property_count(topics[i].system),
                        .application = topics[i].application,
                        .application_count = property_count(topics[i].application),
                        .body = STR("hi")}});
        (void)snprintf(expected, sizeof(expected), "PUBLISH 0 " TOPIC "%s hi\n", topics[i].bag);
        if (strcmp(fake_output(conn), expected) != 0) {
            fail_msg("%s: not %s", topics[i].what, expected);
        }
    }
    fake_closed(conn, "");
}

static void a_module_has_a_topic_of_its_own(void **state)
{
    (void)state;
    static const char *const filters[] = {"devices/d1/modules/m1/messages/devicebound/#",
                                          "devices/d1/modules/m1/#"};
    for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
        struct net_conn *conn = fake_open();
        struct fake_connect connect = FAKE_D1;
        connect.client_id = "d1/m1";
        connect.username = "hub/d1/m1/?api-version=1";
        fake_connect(conn, &connect);
        fake_subscribe(conn, 1, filters[i], 0);
        (void)fake_output(conn);
        fake_c2d_text("hi");
        assert_string_equal(
            fake_output(conn),
            "PUBLISH 0 devices/d1/modules/m1/messages/devicebound/%24.to=%2Ft hi\n");
        fake_closed(conn, "");
    }
}

static void what_fits_no_topic_is_rejected_and_blocks_nobody(void **state)
{
    (void)state;
    static char value[30000];
    memset(value, '/', sizeof(value)); /* three bytes each */
    struct net_conn *conn = subscribed(1);
    const struct hub_property system = {{"to", 2}, {"/t", 2}};
    const struct hub_property large = {{"a", 1}, {value, sizeof(value)}};
    fake_c2d(&(struct hub_delivery){
        .enqueued_us = fake_hub.now_us,
        .message = {
            .system = &system, .system_count = 1, .application = &large, .application_count = 1}});
    fake_c2d_text("next");
    assert_string_equal(fake_log(), "reject d1 1\n");
    assert_string_equal(fake_output(conn), "PUBLISH 2 #3 " TOPIC "%24.to=%2Ft next\n");
    assert_false(conn->closing);
    fake_closed(conn, "");
}

/* ---- QoS 1: case 7 ---- */

static void a_puback_completes(void **state)
{
    (void)state;
    struct net_conn *conn = subscribed(1);
    fake_c2d_text("one");
    fake_c2d_text("two");
    assert_string_equal(fake_output(conn), "PUBLISH 2 #2 " TOPIC "%24.to=%2Ft one\n"
                                           "PUBLISH 2 #3 " TOPIC "%24.to=%2Ft two\n");
    assert_string_equal(fake_log(), "");
    fake_puback(conn, 3); /* in any order */
    assert_string_equal(fake_log(), "complete d1 2\n");
    fake_puback(conn, 2);
    assert_string_equal(fake_log(), "complete d1 1\n");
    fake_puback(conn, 2); /* a second time, and one that nobody sent */
    fake_puback(conn, 9);
    assert_string_equal(fake_log(), "");
    assert_false(conn->closing);
    fake_closed(conn, "");
}

static void a_lock_that_was_lost_meanwhile_is_no_fault_of_the_client(void **state)
{
    (void)state;
    struct net_conn *conn = subscribed(1);
    fake_c2d_text("purged");
    fake_hub.c2d = HUB_DEVICE_MESSAGE_LOCK_LOST;
    fake_puback(conn, 2);
    assert_string_equal(fake_log(), "complete d1 1\n");
    assert_false(conn->closing);
    fake_closed(conn, "");
}

static void the_window_bounds_what_is_in_flight(void **state)
{
    (void)state;
    struct net_conn *conn = subscribed(1);
    char expected[128];
    for (size_t i = 0; i < MQTT_C2D_IN_FLIGHT_MAX + 2; i++) {
        fake_c2d_text("x");
        assert_int_equal(strlen(fake_output(conn)) > 0, i < MQTT_C2D_IN_FLIGHT_MAX);
    }
    (void)snprintf(expected, sizeof(expected), "PUBLISH 2 #%zu " TOPIC "%%24.to=%%2Ft x\n",
                   MQTT_C2D_IN_FLIGHT_MAX + 2);
    fake_puback(conn, 5);
    assert_string_equal(fake_output(conn), expected);
    assert_string_equal(fake_log(), "complete d1 4\n");
    fake_puback(conn, 5);
    assert_string_equal(fake_output(conn), "");
    fake_closed(conn, "");
}

static void packet_ids_come_from_sequence_numbers_and_are_never_zero(void **state)
{
    (void)state;
    fake_c2d_first = 65533;
    struct net_conn *conn = subscribed(1);
    for (int i = 0; i < 3; i++) { /* 65534, 65535, 65536 */
        fake_c2d_text("x");
    }
    assert_string_equal(fake_output(conn), "PUBLISH 2 #65535 " TOPIC "%24.to=%2Ft x\n"
                                           "PUBLISH 2 #1 " TOPIC "%24.to=%2Ft x\n"
                                           "PUBLISH 2 #2 " TOPIC "%24.to=%2Ft x\n");
    fake_c2d_first = 65535 - 4; /* the fourth would be 1 again */
    fake_c2d_text("y");
    assert_string_equal(fake_output(conn), "PUBLISH 2 #3 " TOPIC "%24.to=%2Ft y\n");
    fake_closed(conn, "");
}

static void what_was_not_acknowledged_comes_again_in_order_with_its_id(void **state)
{
    (void)state;
    struct net_conn *conn = subscribed(1);
    fake_c2d_text("one");
    fake_c2d_text("two");
    fake_c2d_text("three");
    (void)fake_output(conn);
    fake_puback(conn, 3);
    fake_closed(conn, "closed by the peer");
    conn = fake_open();
    struct fake_connect connect = FAKE_D1; /* a persistent session: no SUBSCRIBE is needed */
    fake_connect(conn, &connect);
    assert_string_equal(fake_output(conn), "CONNACK 1 0\n"
                                           "PUBLISH a #2 " TOPIC "%24.to=%2Ft one\n"
                                           "PUBLISH a #4 " TOPIC "%24.to=%2Ft three\n");
    fake_closed(conn, "");
}

static void case_23_a_clean_session_gets_nothing_until_it_subscribes(void **state)
{
    (void)state;
    struct net_conn *conn = subscribed(1);
    fake_closed(conn, "");
    fake_c2d_text("x");
    conn = fake_open();
    struct fake_connect connect = FAKE_D1;
    connect.clean = true;
    fake_connect(conn, &connect);
    assert_string_equal(fake_output(conn), "CONNACK 0 0\n");
    fake_subscribe(conn, 7, FILTER, 1);
    assert_string_equal(fake_output(conn), "SUBACK 0 7 1\n"
                                           "PUBLISH 2 #2 " TOPIC "%24.to=%2Ft x\n");
    fake_closed(conn, "");
}

/* ---- QoS 0 ---- */

static void at_qos_0_writing_completes(void **state)
{
    (void)state;
    struct net_conn *conn = subscribed(0);
    fake_c2d_text("one");
    fake_c2d_text("two");
    assert_string_equal(fake_output(conn), "PUBLISH 0 " TOPIC "%24.to=%2Ft one\n"
                                           "PUBLISH 0 " TOPIC "%24.to=%2Ft two\n");
    assert_string_equal(fake_log(), "complete d1 1\ncomplete d1 2\n");
    fake_closed(conn, "");
}

static void a_redelivery_at_qos_0_is_no_duplicate(void **state)
{
    (void)state;
    struct net_conn *conn = subscribed(1);
    fake_c2d_text("one");
    fake_closed(conn, "");
    conn = fake_open();
    struct fake_connect connect = FAKE_D1;
    connect.clean = true;
    fake_connect(conn, &connect);
    (void)fake_output(conn);
    fake_subscribe(conn, 1, FILTER, 0);
    assert_string_equal(fake_output(conn), "SUBACK 0 1 0\n"
                                           "PUBLISH 0 " TOPIC "%24.to=%2Ft one\n");
    fake_closed(conn, "");
}

static void the_best_grant_counts(void **state)
{
    (void)state;
    struct net_conn *conn = fake_open();
    struct fake_connect connect = FAKE_D1;
    connect.client_id = "d1/m1";
    connect.username = "hub/d1/m1/?api-version=1";
    fake_connect(conn, &connect);
    fake_subscribe(conn, 1, "devices/d1/modules/m1/messages/devicebound/#", 1);
    fake_subscribe(conn, 2, "devices/d1/modules/m1/#", 0);
    (void)fake_output(conn);
    fake_c2d_text("x");
    assert_non_null(strstr(fake_output(conn), "PUBLISH 2 #2 "));
    fake_unsubscribe(conn, 3, "devices/d1/modules/m1/messages/devicebound/#");
    (void)fake_output(conn);
    fake_c2d_text("y");
    assert_non_null(strstr(fake_output(conn), "PUBLISH 0 "));
    fake_closed(conn, "");
}

/* ---- who gets none ---- */

static void without_a_subscription_the_queue_is_left_alone(void **state)
{
    (void)state;
    struct net_conn *conn = fake_connected();
    fake_subscribe(conn, 1, "$iothub/twin/res/#", 1);
    (void)fake_output(conn);
    fake_c2d_text("x");
    assert_string_equal(fake_output(conn), "");
    fake_subscribe(conn, 2, FILTER, 1);
    assert_non_null(strstr(fake_output(conn), "SUBACK 0 2 1\nPUBLISH 2 #2 "));
    fake_unsubscribe(conn, 3, FILTER);
    (void)fake_output(conn);
    fake_c2d_text("y");
    fake_puback(conn, 2);
    assert_string_equal(fake_output(conn), "");
    fake_closed(conn, "");
}

static void on_request_a_first_subscription_drops_what_waited(void **state)
{
    (void)state;
    fake_hub.settings.c2d_on_first_subscribe = false;
    fake_c2d_text("before");
    fake_advance(1);
    struct net_conn *conn = subscribed(1);
    fake_c2d_text("after");
    assert_string_equal(fake_output(conn), "PUBLISH 2 #3 " TOPIC "%24.to=%2Ft after\n");
    fake_closed(conn, "");

    fake_c2d_text("meanwhile"); /* the subscription goes on in its session */
    conn = fake_open();
    struct fake_connect connect = FAKE_D1;
    fake_connect(conn, &connect);
    assert_string_equal(fake_output(conn), "CONNACK 1 0\n"
                                           "PUBLISH a #3 " TOPIC "%24.to=%2Ft after\n"
                                           "PUBLISH 2 #4 " TOPIC "%24.to=%2Ft meanwhile\n");
    fake_closed(conn, "");
}

static void a_client_that_does_not_read_is_not_sent_more(void **state)
{
    (void)state;
    static char body[40001];
    memset(body, 'x', sizeof(body) - 1);
    struct net_conn *conn = subscribed(0);
    for (int i = 0; i < 5; i++) {
        fake_c2d_text(body);
    }
    assert_string_equal(fake_log(), "complete d1 1\ncomplete d1 2\n");
    assert_true(conn->output.size > MQTT_OUTPUT_SIZE_HIGH);
    fake_drained(conn);
    assert_string_equal(fake_log(), "complete d1 3\ncomplete d1 4\n");
    fake_drained(conn);
    assert_string_equal(fake_log(), "complete d1 5\n");
    fake_drained(conn);
    assert_string_equal(fake_output(conn), "");
    fake_closed(conn, "");
}

static void nothing_is_sent_to_a_session_that_is_ending(void **state)
{
    (void)state;
    struct net_conn *conn = subscribed(1);
    fake_disconnect(conn);
    fake_c2d_text("x");
    assert_string_equal(fake_output(conn), "");
    fake_closed(conn, "");
}

static void a_hub_in_trouble_is_asked_once(void **state)
{
    (void)state;
    struct net_conn *conn = subscribed(1);
    fake_hub.c2d = HUB_SERVER_ERROR;
    fake_c2d_text("x");
    assert_string_equal(fake_output(conn), "");
    assert_false(conn->closing);
    fake_hub.c2d = HUB_OK;
    fake_c2d_text("y");
    assert_non_null(strstr(fake_output(conn), " x\n"));
    fake_closed(conn, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(properties_stand_in_the_topic_in_their_order),
        TEST(a_module_has_a_topic_of_its_own),
        TEST(what_fits_no_topic_is_rejected_and_blocks_nobody),
        TEST(a_puback_completes),
        TEST(a_lock_that_was_lost_meanwhile_is_no_fault_of_the_client),
        TEST(the_window_bounds_what_is_in_flight),
        TEST(packet_ids_come_from_sequence_numbers_and_are_never_zero),
        TEST(what_was_not_acknowledged_comes_again_in_order_with_its_id),
        TEST(case_23_a_clean_session_gets_nothing_until_it_subscribes),
        TEST(at_qos_0_writing_completes),
        TEST(a_redelivery_at_qos_0_is_no_duplicate),
        TEST(the_best_grant_counts),
        TEST(without_a_subscription_the_queue_is_left_alone),
        TEST(on_request_a_first_subscription_drops_what_waited),
        TEST(a_client_that_does_not_read_is_not_sent_more),
        TEST(nothing_is_sent_to_a_session_that_is_ending),
        TEST(a_hub_in_trouble_is_asked_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
