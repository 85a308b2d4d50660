/* SPDX-License-Identifier: MIT */
#include "fakes.h"

#include "check.h"
#include "mqtt/limits.h"

static void a_good_connect_is_authenticated_opened_and_acknowledged(void **state)
{
    (void)state;
    struct net_conn *conn = fake_open();
    fake_connect(conn, &FAKE_D1);
    assert_string_equal(fake_output(conn), "CONNACK 0 0\n");
    assert_string_equal(fake_log(), "authenticate d1 token=p certificate=none\n"
                                    "open d1\n"
                                    "interests 0\n");
    assert_false(conn->closing);
    fake_closed(conn, "closed by the peer");
    assert_string_equal(fake_log(), "close closed by the peer\n");
}

static void a_module_connects_with_both_ids(void **state)
{
    (void)state;
    struct net_conn *conn = fake_open();
    struct fake_connect connect = FAKE_D1;
    connect.client_id = "d1/m1";
    connect.username = "hub/d1/m1/?api-version=1&model-id=dtmi%3Aa%3B1";
    fake_connect(conn, &connect);
    assert_string_equal(fake_output(conn), "CONNACK 0 0\n");
    assert_string_equal(fake_log(), "authenticate d1/m1 token=p certificate=none\n"
                                    "open d1/m1\n"
                                    "model dtmi:a;1\n"
                                    "interests 0\n");
    fake_closed(conn, "");
}

static void each_wrong_connect_has_its_connack_and_its_words(void **state)
{
    (void)state;
    static const struct {
        struct fake_connect connect;
        const char *connack;
        const char *why;
    } rows[] = {
        {{.client_id = "d1"}, "CONNACK 0 5\n", "CONNECT has no user name"},
        {{.client_id = "d1", .username = "hub"}, "CONNACK 0 5\n", "no device id"},
        {{.client_id = "D1", .username = "hub/d1/"}, "CONNACK 0 5\n", "upper and lower case"},
        {{.client_id = "d1", .username = "hub/d1/m1/"},
         "CONNACK 0 5\n",
         "the client id is \"d1\" and the user name speaks of \"d1/m1\""},
        {{.client_id = "d1/m2", .username = "hub/d1/m1/"}, "CONNACK 0 5\n", "must be the same"},
        {{.client_id = "d1/m1", .username = "hub/d1/"}, "CONNACK 0 5\n", "must be the same"},
        {{.client_id = "", .username = "hub/d1/"}, "CONNACK 0 2\n", "[MQTT-3.1.3-8]"},
        {{.client_id = "", .username = "hub/d1/", .clean = true},
         "CONNACK 0 5\n",
         "must be the same"},
        {{.client_id = "d1", .username = "other/d1/"},
         "CONNACK 0 5\n",
         "no hub answers to \"other\""},
        {{.client_id = "d1",
          .username = "hub/d1/",
          .will_topic = "devices/d2/messages/events/",
          .will_message = ""},
         "CONNACK 0 5\n",
         "the client's own telemetry topic: publish to \"devices/d2"},
        {{.client_id = "d1",
          .username = "hub/d1/",
          .will_topic = "$iothub/twin/GET/?$rid=1",
          .will_message = ""},
         "CONNACK 0 5\n",
         "the client's own telemetry topic"},
        {{.client_id = "d1",
          .username = "hub/d1/",
          .will_topic = "devices/d1/messages/events/",
          .will_message = "",
          .will_qos = 2},
         "CONNACK 0 5\n",
         "the Will asks for QoS 2"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct net_conn *conn = fake_open();
        fake_connect(conn, &rows[i].connect);
        assert_string_equal(fake_output(conn), rows[i].connack);
        const char *log = fake_log();
        if (strstr(log, "refused") == NULL || strstr(log, rows[i].why) == NULL ||
            strstr(log, "open") != NULL) {
            fail_msg("row %zu: %s", i, log);
        }
        assert_true(conn->closing);
        fake_closed(conn, "");
        assert_string_equal(fake_log(), "");
    }
}

static void the_hubs_refusals_become_connack_codes(void **state)
{
    (void)state;
    static const struct {
        enum hub_code code;
        const char *connack;
    } rows[] = {
        {HUB_UNAUTHORIZED_ACCESS, "CONNACK 0 5\n"}, {HUB_DEVICE_NOT_FOUND, "CONNACK 0 5\n"},
        {HUB_MODULE_NOT_FOUND, "CONNACK 0 5\n"},    {HUB_DEVICE_DISABLED, "CONNACK 0 5\n"},
        {HUB_SERVER_ERROR, "CONNACK 0 3\n"},        {HUB_THROTTLING, "CONNACK 0 3\n"},
        {HUB_SERVICE_UNAVAILABLE, "CONNACK 0 3\n"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        fake_hub.authenticate = rows[i].code;
        struct net_conn *conn = fake_open();
        struct fake_connect connect = FAKE_D1;
        connect.will_topic = "devices/d1/messages/events/";
        connect.will_message = "gone";
        fake_connect(conn, &connect);
        assert_string_equal(fake_output(conn), rows[i].connack);
        assert_non_null(strstr(fake_log(), " d1: the key is wrong\n"));
        fake_closed(conn, "");
        assert_string_equal(fake_log(), ""); /* no Will: it never was a session */
    }
}

static void a_failure_after_the_link_opened_closes_the_link(void **state)
{
    (void)state;
    fake_hub.session = HUB_SERVER_ERROR;
    struct net_conn *conn = fake_open();
    fake_connect(conn, &FAKE_D1);
    assert_string_equal(fake_output(conn), "CONNACK 0 3\n");
    assert_true(conn->closing);
    (void)fake_log();
    fake_closed(conn, "");
    assert_non_null(strstr(fake_log(), "close "));
}

static void other_protocol_versions_get_connack_1(void **state)
{
    (void)state;
    static const struct str packets[] = {
        {"\x10\x0f\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x01"
         "d",
         17},
        {"\x10\x10\x00\x04MQTT\x05\x02\x00\x3c\x03\x21\x00\x14\x00\x00\x00", 18},
    };
    for (size_t i = 0; i < ARRAY_SIZE(packets); i++) {
        struct net_conn *conn = fake_open();
        fake_receive(conn, packets[i]);
        assert_string_equal(fake_output(conn), "CONNACK 0 1\n");
        assert_non_null(strstr(fake_log(), "the hub speaks MQTT 3.1.1, which is level 4"));
        assert_true(conn->closing);
        fake_closed(conn, "");
    }
}

static void a_certificate_counts_only_without_a_password(void **state)
{
    (void)state;
    const struct net_client_certificate certificate = {.sha1 = "AB", .common_name = "d1"};
    struct fake_connect connect = FAKE_D1;
    struct net_conn *conn = fake_open();
    conn->certificate = &certificate;
    fake_connect(conn, &connect);
    assert_non_null(strstr(fake_log(), "authenticate d1 token=p certificate=none\n"));
    fake_closed(conn, "");

    conn = fake_open();
    conn->certificate = &certificate;
    connect.password = NULL;
    fake_connect(conn, &connect);
    assert_non_null(strstr(fake_log(), "authenticate d1 token= certificate=AB\n"));
    fake_closed(conn, "");

    conn = fake_open();
    conn->certificate = &certificate;
    connect.password = "";
    fake_connect(conn, &connect);
    assert_non_null(strstr(fake_log(), "authenticate d1 token= certificate=AB\n"));
    fake_closed(conn, "");
}

static void the_first_packet_must_be_connect_and_only_the_first(void **state)
{
    (void)state;
    struct net_conn *conn = fake_open();
    fake_receive(conn, STR("\xc0\x00"));
    assert_string_equal(fake_output(conn), "");
    assert_string_equal(
        fake_log(),
        "refused 400003 : the first packet is PINGREQ: it must be CONNECT [MQTT-3.1.0-1]\n");
    assert_true(conn->closing);
    fake_closed(conn, "");

    conn = fake_connected();
    fake_connect(conn, &FAKE_D1);
    assert_string_equal(fake_output(conn), "");
    assert_string_equal(fake_log(), "refused 400003 d1: a second CONNECT came [MQTT-3.1.0-2]\n");
    assert_true(conn->closing);
    fake_closed(conn, "");
}

static void a_connect_may_come_byte_by_byte_and_others_right_behind_it(void **state)
{
    (void)state;
    struct buf bytes CLEANUP(buf_finish) = BUF_INIT(4096);
    fake_append_connect(&bytes, &FAKE_D1);
    buf_append_str(&bytes, STR("\x82\x17\x00\x09\x00\x12$iothub/twin/res/#\x00"));
    struct net_conn *conn = fake_open();
    for (size_t i = 0; i < bytes.size; i++) {
        fake_receive(conn, str_of(bytes.data + i, 1));
    }
    assert_string_equal(fake_output(conn), "CONNACK 0 0\nSUBACK 0 9 0\n");
    fake_closed(conn, "");

    conn = fake_open();
    fake_receive(conn, buf_str(&bytes));
    assert_string_equal(fake_output(conn), "CONNACK 1 0\nSUBACK 0 9 0\n");
    fake_closed(conn, "");
}

static void strangers_are_told_apart_in_the_log(void **state)
{
    (void)state;
    static const struct {
        struct str bytes;
        const char *why;
    } rows[] = {
        {{"GET / HTTP/1.1\r\n", 16}, "an HTTP request came"},
        {{"POST /devices HTTP/1.1", 22}, "an HTTP request came"},
        {{"HEAD / HTTP/1.1", 15}, "an HTTP request came"},
        {{"OPTIONS * HTTP/1.1", 18}, "an HTTP request came"},
        {{"AMQP\x03\x01\x00\x00", 8}, "an AMQP client came"},
        {{"\x16\x03\x01", 3}, "the flags of CONNECT must be 0"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct net_conn *conn = fake_open();
        fake_receive(conn, rows[i].bytes);
        assert_string_equal(fake_output(conn), "");
        assert_non_null(strstr(fake_log(), rows[i].why));
        assert_true(conn->closing);
        fake_closed(conn, "");
    }
}

static void before_connect_packets_are_small(void **state)
{
    (void)state;
    struct net_conn *conn = fake_open();
    fake_receive(conn, STR("\x10\xfd\x3f")); /* 3 + 8189: just fits */
    assert_false(conn->closing);
    fake_closed(conn, "");
    conn = fake_open();
    fake_receive(conn, STR("\x10\xfe\x3f"));
    assert_true(conn->closing);
    assert_non_null(strstr(fake_log(), "larger than the 8192 allowed here"));
    fake_closed(conn, "");
}

static void without_connect_the_connection_ends_after_60_s(void **state)
{
    (void)state;
    struct net_conn *conn = fake_open();
    fake_advance(60 * CLOCK_SECOND - 1);
    assert_false(conn->closing);
    fake_advance(1);
    assert_true(conn->closing);
    assert_string_equal(fake_log(), "refused 400003 : no CONNECT within 60 s\n");
    fake_closed(conn, "");
}

static void silence_beyond_one_and_a_half_keep_alives_ends_it(void **state)
{
    (void)state;
    static const struct {
        uint16_t keep_alive_s;
        int64_t limit_us;
    } rows[] = {
        {10, 15 * CLOCK_SECOND},     {1, CLOCK_SECOND * 3 / 2},
        {1178, 1767 * CLOCK_SECOND}, /* the longest that is not capped */
        {1179, 1767 * CLOCK_SECOND}, {65535, 1767 * CLOCK_SECOND},
        {0, 1767 * CLOCK_SECOND},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct fake_connect connect = FAKE_D1;
        connect.keep_alive_s = rows[i].keep_alive_s;
        struct net_conn *conn = fake_open();
        fake_connect(conn, &connect);
        fake_advance(rows[i].limit_us - 1);
        fake_receive(conn, STR("\xc0\x00"));
        assert_string_equal(fake_output(conn), "CONNACK 0 0\nPINGRESP\n");
        fake_advance(rows[i].limit_us - 1);
        assert_false(conn->closing);
        fake_advance(1);
        assert_true(conn->closing);
        assert_string_equal(fake_output(conn), ""); /* no packet says so */
        assert_non_null(strstr(conn->why, "nothing received for"));
        fake_closed(conn, "");
    }
}

/* 64 KB of unread answers are 32,768 PINGRESPs. */
static void who_does_not_read_is_not_read_from(void **state)
{
    (void)state;
    enum { BURST = 1000, BURSTS = 33 };
    struct net_conn *conn = fake_open();
    fake_connect(conn, &FAKE_D1);
    assert_string_equal(fake_output(conn), "CONNACK 0 0\n");
    struct buf pings = BUF_INIT((size_t)BURST * 2);
    for (size_t i = 0; i < BURST; i++) {
        buf_append_str(&pings, STR("\xc0\x00"));
    }
    for (size_t i = 0; i < BURSTS; i++) {
        assert_false(conn->paused);
        fake_receive(conn, buf_str(&pings));
    }
    assert_true(conn->paused);
    assert_int_equal(conn->output.size, MQTT_OUTPUT_SIZE_HIGH);
    assert_int_equal(conn->input.size, (size_t)BURST * BURSTS * 2 - (size_t)MQTT_OUTPUT_SIZE_HIGH);
    fake_drained(conn);
    assert_false(conn->paused);
    assert_int_equal(conn->input.size, 0);
    assert_int_equal(conn->output.size, (size_t)BURST * BURSTS * 2 - MQTT_OUTPUT_SIZE_HIGH);
    fake_closed(conn, "");
    buf_finish(&pings);
}

static void who_never_reads_is_ended_by_his_keep_alive(void **state)
{
    (void)state;
    struct fake_connect connect = FAKE_D1;
    connect.keep_alive_s = 60;
    struct net_conn *conn = fake_open();
    fake_connect(conn, &connect);
    while (!conn->paused) {
        fake_receive(conn, STR("\xc0\x00\xc0\x00\xc0\x00\xc0\x00"));
    }
    fake_advance(90 * CLOCK_SECOND - 1);
    assert_false(conn->closing);
    fake_receive(conn, STR("\xc0\x00"));
    fake_advance(1);
    assert_true(conn->closing);
    assert_non_null(strstr(conn->why, "the client did not read what it asked for in 90 s"));
    fake_closed(conn, "");
}

static void the_token_ends_the_connection_after_its_grace(void **state)
{
    (void)state;
    fake_hub.expires_us = fake_hub.now_us + 30 * CLOCK_SECOND;
    fake_hub.settings.token_close_grace_s = 10;
    struct net_conn *conn = fake_connected();
    fake_advance(40 * CLOCK_SECOND - 1);
    assert_false(conn->closing);
    fake_advance(1);
    assert_true(conn->closing);
    assert_string_equal(conn->why, "the token the client connected with has expired");
    fake_closed(conn, "");
}

static void a_client_that_takes_nothing_is_reset_at_the_end(void **state)
{
    (void)state;
    struct net_conn *conn = fake_connected();
    fake_disconnect(conn);
    assert_true(conn->closing);
    assert_false(conn->was_reset);
    fake_advance(MQTT_CLOSE_WAIT_S * CLOCK_SECOND);
    assert_true(conn->was_reset);
    fake_closed(conn, "");
}

static void a_second_connection_takes_over_and_the_first_leaves_its_will(void **state)
{
    (void)state;
    struct fake_connect connect = FAKE_D1;
    connect.will_topic = "devices/d1/messages/events/a=b";
    connect.will_message = "gone";
    connect.will_retain = true;
    struct net_conn *first = fake_open();
    fake_connect(first, &connect);
    (void)fake_log();
    struct net_conn *second = fake_open();
    fake_connect(second, &FAKE_D1);
    assert_true(first->closing);
    assert_string_equal(first->why, "taken over");
    assert_string_equal(fake_log(),
                        "authenticate d1 token=p certificate=none\n"
                        "telemetry d1 (no link): | mqtt-retain=true iothub-MessageType=Will a=b | "
                        "gone\n"
                        "open d1\n"
                        "interests 0\n");
    fake_closed(first, "");
    assert_string_equal(fake_log(), "");
    assert_false(second->closing);
    fake_closed(second, "");
}

static void the_will_is_for_every_end_but_disconnect(void **state)
{
    (void)state;
    struct fake_connect connect = FAKE_D1;
    connect.will_topic = "devices/d1/messages/events/";
    connect.will_message = "gone";
    connect.keep_alive_s = 10;

    struct net_conn *conn = fake_open();
    fake_connect(conn, &connect);
    (void)fake_log();
    fake_closed(conn, "closed by the peer");
    assert_string_equal(fake_log(), "telemetry d1: | iothub-MessageType=Will | gone\n"
                                    "close closed by the peer\n");

    conn = fake_open();
    fake_connect(conn, &connect);
    fake_advance(15 * CLOCK_SECOND);
    (void)fake_log();
    fake_closed(conn, "");
    assert_non_null(strstr(fake_log(), "telemetry d1: | iothub-MessageType=Will | gone\n"));

    conn = fake_open();
    fake_connect(conn, &connect);
    fake_receive(conn, STR("\x00"));
    (void)fake_log();
    fake_closed(conn, "");
    assert_non_null(strstr(fake_log(), "telemetry d1: | iothub-MessageType=Will | gone\n"));

    conn = fake_open();
    fake_connect(conn, &connect);
    fake_disconnect(conn);
    (void)fake_log();
    fake_closed(conn, "");
    assert_string_equal(fake_log(), "close the client disconnected\n");
}

static void a_deleted_device_leaves_no_will_a_disabled_one_does(void **state)
{
    (void)state;
    static const struct {
        enum hub_code code;
        const char *log;
    } rows[] = {
        {HUB_DEVICE_NOT_FOUND, ""},
        {HUB_SERVICE_UNAVAILABLE, ""},
        {HUB_DEVICE_DISABLED, "telemetry d1 (no link): | iothub-MessageType=Will | gone\n"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct fake_connect connect = FAKE_D1;
        connect.will_topic = "devices/d1/messages/events/";
        connect.will_message = "gone";
        struct net_conn *conn = fake_open();
        fake_connect(conn, &connect);
        (void)fake_log();
        fake_hub.link.open = false;
        fake_hub.link.ops->close(fake_hub.link.ctx, rows[i].code, "over");
        assert_true(conn->closing);
        assert_string_equal(fake_log(), rows[i].log);
        fake_closed(conn, "");
        assert_string_equal(fake_log(), "");
    }
}

static void nothing_after_disconnect_counts(void **state)
{
    (void)state;
    struct net_conn *conn = fake_connected();
    fake_receive(conn, STR("\xe0\x00\xc0\x00garbage"));
    assert_string_equal(fake_output(conn), "");
    assert_int_equal(conn->input.size, 0);
    fake_closed(conn, "");
    assert_string_equal(fake_log(), "close the client disconnected\n");
}

#define SESSION_TEST(f) cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SESSION_TEST(a_good_connect_is_authenticated_opened_and_acknowledged),
        SESSION_TEST(a_module_connects_with_both_ids),
        SESSION_TEST(each_wrong_connect_has_its_connack_and_its_words),
        SESSION_TEST(the_hubs_refusals_become_connack_codes),
        SESSION_TEST(a_failure_after_the_link_opened_closes_the_link),
        SESSION_TEST(other_protocol_versions_get_connack_1),
        SESSION_TEST(a_certificate_counts_only_without_a_password),
        SESSION_TEST(the_first_packet_must_be_connect_and_only_the_first),
        SESSION_TEST(a_connect_may_come_byte_by_byte_and_others_right_behind_it),
        SESSION_TEST(strangers_are_told_apart_in_the_log),
        SESSION_TEST(before_connect_packets_are_small),
        SESSION_TEST(without_connect_the_connection_ends_after_60_s),
        SESSION_TEST(silence_beyond_one_and_a_half_keep_alives_ends_it),
        SESSION_TEST(who_does_not_read_is_not_read_from),
        SESSION_TEST(who_never_reads_is_ended_by_his_keep_alive),
        SESSION_TEST(the_token_ends_the_connection_after_its_grace),
        SESSION_TEST(a_client_that_takes_nothing_is_reset_at_the_end),
        SESSION_TEST(a_second_connection_takes_over_and_the_first_leaves_its_will),
        SESSION_TEST(the_will_is_for_every_end_but_disconnect),
        SESSION_TEST(a_deleted_device_leaves_no_will_a_disabled_one_does),
        SESSION_TEST(nothing_after_disconnect_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
