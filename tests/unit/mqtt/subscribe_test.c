/* SPDX-License-Identifier: MIT */
#include "fakes.h"

#include "check.h"

static void each_filter_is_granted_at_most_qos_1_and_sets_its_interest(void **state)
{
    (void)state;
    static const struct {
        const char *filter;
        uint8_t qos;
        const char *suback;
        const char *interests;
    } rows[] = {
        {"devices/d1/messages/devicebound/#", 1, "SUBACK 0 1 1\n", "interests 4\n"},
        {"$iothub/twin/res/#", 0, "SUBACK 0 1 0\n", "interests 0\n"},
        {"$iothub/twin/PATCH/properties/desired/#", 2, "SUBACK 0 1 1\n", "interests 1\n"},
        {"$iothub/methods/POST/#", 1, "SUBACK 0 1 1\n", "interests 2\n"},
        {"$iothub/methods/POST/reboot/#", 1, "SUBACK 0 1 1\n", "interests 2\n"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        fake_hub.link.stores_session = false;
        struct net_conn *conn = fake_connected();
        fake_subscribe(conn, 1, rows[i].filter, rows[i].qos);
        assert_string_equal(fake_output(conn), rows[i].suback);
        const char *log = fake_log();
        assert_int_equal(strncmp(log, "subscribed ", 11), 0);
        assert_non_null(strstr(log, rows[i].filter));
        assert_non_null(strstr(log, rows[i].interests));
        fake_closed(conn, "");
    }
}

static void several_filters_in_one_packet_get_their_codes_in_order(void **state)
{
    (void)state;
    struct net_conn *conn = fake_connected();
    fake_receive(conn, STR("\x82\x30\x00\x07\x00\x12$iothub/twin/res/#\x00"
                           "\x00\x16$iothub/methods/POST/#\x02"));
    assert_string_equal(fake_output(conn), "SUBACK 0 7 0 1\n");
    fake_closed(conn, "");
}

static void a_forbidden_filter_ends_the_connection_and_grants_nothing(void **state)
{
    (void)state;
    struct net_conn *conn = fake_connected();
    fake_receive(conn, STR("\x82\x1b\x00\x07\x00\x12$iothub/twin/res/#\x00"
                           "\x00\x01#\x00"));
    assert_string_equal(fake_output(conn), "");
    const char *log = fake_log();
    assert_int_equal(strncmp(log, "refused 400003 d1: subscribe to \"#\": ", 37), 0);
    assert_null(strstr(log, "subscribed"));
    assert_true(conn->closing);
    fake_closed(conn, "");
}

static void the_number_of_subscriptions_may_be_limited(void **state)
{
    (void)state;
    fake_hub.settings.subscriptions_max = 2;
    struct net_conn *conn = fake_connected();
    fake_subscribe(conn, 1, "$iothub/twin/res/#", 0);
    fake_subscribe(conn, 2, "$iothub/twin/res/#", 1); /* the same again is no second one */
    fake_subscribe(conn, 3, "$iothub/methods/POST/#", 1);
    assert_string_equal(fake_output(conn), "SUBACK 0 1 0\nSUBACK 0 2 1\nSUBACK 0 3 1\n");
    assert_false(conn->closing);
    fake_subscribe(conn, 4, "$iothub/twin/PATCH/properties/desired/#", 1);
    assert_string_equal(fake_output(conn), "");
    assert_non_null(strstr(fake_log(), "more than 2 subscriptions"));
    assert_true(conn->closing);
    fake_closed(conn, "");
}

static void the_filters_of_one_packet_are_limited(void **state)
{
    (void)state;
    for (unsigned count = 64; count <= 65; count++) {
        struct buf packet CLEANUP(buf_finish) = BUF_INIT(8192);
        const size_t size = 2 + (size_t)count * 21;
        buf_append_byte(&packet, 0x82);
        buf_append_byte(&packet, (uint8_t)((size & 0x7f) | 0x80));
        buf_append_byte(&packet, (uint8_t)(size >> 7));
        buf_append_str(&packet, STR("\x00\x01"));
        for (unsigned i = 0; i < count; i++) {
            buf_append_str(&packet, STR("\x00\x12$iothub/twin/res/#\x00"));
        }
        fake_hub.link.stores_session = false;
        struct net_conn *conn = fake_connected();
        fake_receive(conn, buf_str(&packet));
        assert_int_equal(conn->closing, count == 65);
        fake_closed(conn, "");
    }
}

static void endless_method_filters_meet_a_limit(void **state)
{
    (void)state;
    struct net_conn *conn = fake_connected();
    for (unsigned i = 0; i < 1000 && !conn->closing; i++) {
        struct buf filter CLEANUP(buf_finish) = BUF_INIT(100);
        buf_append_format(&filter, "$iothub/methods/POST/%u/#", i);
        fake_subscribe(conn, 1, filter.data, 1);
        (void)fake_output(conn);
    }
    assert_true(conn->closing);
    assert_non_null(strstr(fake_log(), "larger than the limit"));
    fake_closed(conn, "");
}

static void unsubscribing_stops_the_flow_and_is_always_acknowledged(void **state)
{
    (void)state;
    struct net_conn *conn = fake_connected();
    fake_subscribe(conn, 1, "$iothub/methods/POST/#", 1);
    fake_subscribe(conn, 2, "$iothub/methods/POST/x/#", 1);
    (void)fake_output(conn);
    (void)fake_log();
    fake_unsubscribe(conn, 3, "$iothub/methods/POST/#");
    assert_string_equal(fake_log(), "unsubscribed $iothub/methods/POST/#\ninterests 2\n");
    fake_unsubscribe(conn, 4, "$iothub/methods/POST/x/#");
    assert_string_equal(fake_log(), "unsubscribed $iothub/methods/POST/x/#\ninterests 0\n");
    fake_unsubscribe(conn, 5, "never/was");
    assert_string_equal(fake_log(), "interests 0\n");
    assert_string_equal(fake_output(conn), "UNSUBACK 0 3\nUNSUBACK 0 4\nUNSUBACK 0 5\n");
    fake_closed(conn, "");
}

/* ---- Sessions that outlive their connection ---- */

static void a_persistent_session_keeps_its_subscriptions(void **state)
{
    (void)state;
    struct net_conn *conn = fake_connected();
    fake_subscribe(conn, 1, "$iothub/twin/PATCH/properties/desired/#", 1);
    fake_closed(conn, "");
    (void)fake_log();

    conn = fake_open();
    fake_connect(conn, &FAKE_D1);
    assert_string_equal(fake_output(conn), "CONNACK 1 0\n");
    assert_non_null(strstr(fake_log(), "interests 1\n"));
    fake_hub.link.ops->desired(fake_hub.link.ctx, 15, STR("{\"k\":1,\"$version\":15}"));
    assert_string_equal(fake_output(conn),
                        "PUBLISH 0 $iothub/twin/PATCH/properties/desired/?$version=15 "
                        "{\"k\":1,\"$version\":15}\n");
    fake_unsubscribe(conn, 2, "$iothub/twin/PATCH/properties/desired/#");
    fake_closed(conn, "");
    (void)fake_log();

    conn = fake_open();
    fake_connect(conn, &FAKE_D1);
    assert_string_equal(fake_output(conn), "CONNACK 1 0\n"); /* empty, but there */
    assert_non_null(strstr(fake_log(), "interests 0\n"));
    fake_closed(conn, "");
}

static void a_clean_session_drops_what_was_stored_and_stores_nothing(void **state)
{
    (void)state;
    struct net_conn *conn = fake_connected();
    fake_subscribe(conn, 1, "$iothub/methods/POST/#", 1);
    fake_closed(conn, "");
    assert_true(fake_hub.link.stores_session);

    struct fake_connect clean = FAKE_D1;
    clean.clean = true;
    conn = fake_open();
    fake_connect(conn, &clean);
    assert_string_equal(fake_output(conn), "CONNACK 0 0\n");
    assert_false(fake_hub.link.stores_session);
    fake_subscribe(conn, 1, "$iothub/methods/POST/#", 1);
    assert_false(fake_hub.link.stores_session);
    fake_closed(conn, "");
}

static void a_stored_session_that_cannot_be_read_starts_anew(void **state)
{
    (void)state;
    static const struct str forms[] = {
        {"", 0}, {"2", 1}, {"1\x00", 2}, {"1\x00\x05x", 4}, {"1\x00\x01x\x07", 5}};
    for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
        buf_clear(&fake_hub.link.session);
        buf_append_str(&fake_hub.link.session, forms[i]);
        fake_hub.link.stores_session = true;
        struct net_conn *conn = fake_open();
        fake_connect(conn, &FAKE_D1);
        assert_string_equal(fake_output(conn), "CONNACK 0 0\n");
        assert_false(fake_hub.link.stores_session);
        fake_closed(conn, "");
    }
}

static void a_session_that_cannot_be_stored_is_not_acknowledged(void **state)
{
    (void)state;
    struct net_conn *conn = fake_connected();
    fake_hub.session = HUB_SERVER_ERROR;
    fake_subscribe(conn, 1, "$iothub/methods/POST/#", 1);
    assert_string_equal(fake_output(conn), "");
    assert_true(conn->closing);
    fake_closed(conn, "");
}

static void use_a_session(void *ctx)
{
    struct net_conn *conn = ctx;
    fake_connect(conn, &FAKE_D1);
    fake_subscribe(conn, 1, "$iothub/methods/POST/reboot/#", 1);
    fake_subscribe(conn, 2, "$iothub/twin/res/#", 1);
    fake_publish(conn, "$iothub/twin/GET/?$rid=1", " ", 1);
    fake_publish(conn, "$iothub/twin/PATCH/properties/reported/?$rid=2&$version=x", "{}", 0);
    if (fake_hub.link.open && !conn->closing) {
        (void)fake_hub.link.ops->method(fake_hub.link.ctx, 1, STR("reboot"), STR("{}"));
        fake_hub.link.ops->desired(fake_hub.link.ctx, 2, STR("{}"));
    }
    fake_unsubscribe(conn, 3, "$iothub/twin/res/#");
}

/* The fakes allocate too, so what arrives may be cut; nothing may crash, leak or disturb others. */
static void a_refused_allocation_anywhere_ends_one_connection_at_most(void **state)
{
    (void)state;
    bool reached = true;
    for (long n = 0; reached; n++) {
        struct net_conn *conn = fake_open();
        mem_fail_after(n);
        use_a_session(conn);
        reached = mem_fail_happened() != 0;
        mem_fail_after(-1);
        buf_clear(&conn->output);
        fake_closed(conn, "");
        assert_false(fake_hub.link.open);
        (void)fake_log();
    }
}

#define SESSION_TEST(f) cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SESSION_TEST(each_filter_is_granted_at_most_qos_1_and_sets_its_interest),
        SESSION_TEST(several_filters_in_one_packet_get_their_codes_in_order),
        SESSION_TEST(a_forbidden_filter_ends_the_connection_and_grants_nothing),
        SESSION_TEST(the_number_of_subscriptions_may_be_limited),
        SESSION_TEST(the_filters_of_one_packet_are_limited),
        SESSION_TEST(endless_method_filters_meet_a_limit),
        SESSION_TEST(unsubscribing_stops_the_flow_and_is_always_acknowledged),
        SESSION_TEST(a_persistent_session_keeps_its_subscriptions),
        SESSION_TEST(a_clean_session_drops_what_was_stored_and_stores_nothing),
        SESSION_TEST(a_stored_session_that_cannot_be_read_starts_anew),
        SESSION_TEST(a_session_that_cannot_be_stored_is_not_acknowledged),
        SESSION_TEST(a_refused_allocation_anywhere_ends_one_connection_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
