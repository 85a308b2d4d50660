/* SPDX-License-Identifier: MIT */
#include "fakes.h"

#include <stdio.h>

#include "amqp/limits.h"
#include "amqp/sasl.h"
#include "check.h"

static void an_open_is_answered_with_what_the_hub_keeps_to(void **state)
{
    (void)state;
    struct peer *peer = peer_open(NULL);
    assert_string_equal(pn_connection_remote_container(peer->engine), "iothub-emulator");
    assert_int_equal(pn_transport_get_remote_max_frame(peer->transport), 65536);
    assert_int_equal(pn_transport_remote_channel_max(peer->transport), AMQP_CHANNEL_MAX);
    assert_int_equal(pn_transport_get_remote_idle_timeout(peer->transport), 240000);
    pn_connection_close(peer->engine);
    peer_pump(peer);
    assert_true(peer->conn->closing);
    assert_string_equal(peer->conn->why, "the client closed the connection");
    peer_close(peer);
}

static void the_host_of_open_names_the_hub(void **state)
{
    (void)state;
    static const struct {
        const char *host, *condition;
    } rows[] = {
        {"localhost", ""},
        {"LOCALHOST:5671", ""},
        {"hub.localhost", ""},
        {"127.0.0.1", ""},
        {"", ""},
        {"other.example", "amqp:not-found"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct peer *peer = peer_open(rows[i].host);
        assert_string_equal(peer_ending(peer), rows[i].condition);
        assert_int_equal(peer->conn->closing, rows[i].condition[0] != '\0');
        peer_close(peer);
    }
    assert_non_null(strstr(fake_journal(), "no hub here is called 'other.example'"));
}

static void open_may_come_byte_by_byte(void **state)
{
    (void)state;
    static const struct str bytes = {"AMQP\x00\x01\x00\x00"
                                     "\x00\x00\x00\x1d\x02\x00\x00\x00\x00\x53\x10\xc0\x10\x02"
                                     "\xa1\x02me\xa1\x09localhost",
                                     8 + 0x1d};
    struct net_conn *conn = fake_open();
    for (size_t i = 0; i < bytes.size; i++) {
        fake_receive(conn, str_of(bytes.data + i, 1));
    }
    const struct str output = fake_output(conn);
    assert_true(str_starts(output, amqp_header));
    assert_non_null(memmem(output.data, output.size, "iothub-emulator", 15));
    assert_false(conn->closing);
    fake_closed(conn, "");
}

static void wrong_first_bytes_get_the_right_header_and_words(void **state)
{
    (void)state;
    static const struct {
        struct str bytes;
        const char *why;
    } rows[] = {
        {{"GET / HTTP/1.1", 14}, "an HTTP request came"},
        {{"\x10\x10\x00\x04MQTT", 8}, "an MQTT client came"},
        {{"AMQP\x00\x00\x09\x01", 8}, "AMQP 0-9-1"},
        {{"AMQP\x01\x01\x00\x0a", 8}, "AMQP 0-10"},
        {{"AMQP\x02\x01\x00\x00", 8}, "here TLS comes first"},
        {{"AMQP\x00\x01\x00\x01", 8}, "no protocol header"},
        {{"AMQP\x03\x01\x01\x00", 8}, "no protocol header"},
        {{"x", 1}, "no protocol header"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct net_conn *conn = fake_open();
        fake_receive(conn, rows[i].bytes);
        const struct str output = fake_output(conn);
        assert_int_equal(output.size, 8);
        assert_memory_equal(output.data, sasl_header.data, 8);
        assert_true(conn->closing);
        if (strstr(conn->why, rows[i].why) == NULL) {
            fail_msg("row %zu: %s", i, conn->why);
        }
        fake_closed(conn, "");
    }
}

/* ---- SASL ---- */

/* sasl-init with a response that may hold zero bytes. */
static struct str init_frame(struct buf *out, const char *mechanism, struct str response)
{
    CLEANUP(buf_finish) struct buf fields = BUF_INIT(8192);
    buf_append_format(&fields, "\xa3%c%s", (int)strlen(mechanism), mechanism);
    buf_append(&fields, "\xb0\x00\x00", 3);
    buf_append_byte(&fields, (uint8_t)(response.size >> 8));
    buf_append_byte(&fields, (uint8_t)response.size);
    buf_append_str(&fields, response);
    const size_t list_size = fields.size + 4;
    const size_t size = 8 + 3 + 5 + list_size;
    const uint8_t head[] = {
        0, 0, (uint8_t)(size >> 8),      (uint8_t)size,      2, 1, 0, 0, 0, 0x53, 0x41, 0xd0,
        0, 0, (uint8_t)(list_size >> 8), (uint8_t)list_size, 0, 0, 0, 2};
    buf_clear(out);
    buf_append(out, head, sizeof(head));
    buf_append_str(out, buf_str(&fields));
    return buf_str(out);
}

/* The outcome's code, or -1 when none came. */
static int sasl(struct net_conn *conn, const char *mechanism, struct str response)
{
    CLEANUP(buf_finish) struct buf frame = BUF_INIT(8192);
    fake_receive(conn, sasl_header);
    assert_true(str_starts(fake_output(conn), sasl_header));
    fake_receive(conn, init_frame(&frame, mechanism, response));
    const struct str outcome = fake_output(conn);
    return outcome.size == 16 ? outcome.data[15] : -1;
}

static struct str plain(struct buf *out, const char *user, struct str token)
{
    buf_clear(out);
    buf_append_byte(out, 0);
    buf_append_str(out, str_from(user));
    buf_append_byte(out, 0);
    buf_append_str(out, token);
    return buf_str(out);
}

static void anonymous_and_mssbcbs_promise_a_token(void **state)
{
    (void)state;
    static const char *const mechanisms[] = {"ANONYMOUS", "MSSBCBS"};
    for (size_t i = 0; i < ARRAY_SIZE(mechanisms); i++) {
        struct net_conn *conn = fake_open();
        assert_int_equal(sasl(conn, mechanisms[i], STR_EMPTY), SASL_OK);
        struct peer *peer = peer_open_on(conn, NULL);
        assert_int_equal(peer_put_token(peer, fake_device_token("d1")), 200);
        assert_string_equal(peer_refusal(peer_sender(peer, "/devices/d1/messages/events")), "");
        peer_close(peer);
    }
}

static void an_unknown_mechanism_is_refused(void **state)
{
    (void)state;
    struct net_conn *conn = fake_open();
    assert_int_equal(sasl(conn, "SCRAM-SHA-1", STR_EMPTY), SASL_AUTH);
    assert_true(conn->closing);
    assert_non_null(strstr(conn->why, "the client chose SASL SCRAM-SHA-1"));
    fake_closed(conn, "");
}

static void plain_needs_no_cbs(void **state)
{
    (void)state;
    CLEANUP(buf_finish) struct buf response = BUF_INIT(8192);
    struct net_conn *conn = fake_open();
    assert_int_equal(
        sasl(conn, "PLAIN", plain(&response, "d1@sas.localhost", fake_device_token("d1"))),
        SASL_OK);
    struct peer *peer = peer_open_on(conn, NULL);
    assert_string_equal(peer_refusal(peer_sender(peer, "/devices/d1/messages/events")), "");
    assert_string_equal(peer_refusal(peer_sender(peer, "/devices/d2/messages/events")),
                        "amqp:unauthorized-access");
    peer_close(peer);
}

static void service_case_74_plain_is_checked_at_once(void **state)
{
    (void)state;
    CLEANUP(buf_finish) struct buf response = BUF_INIT(8192);
    const struct str wrong_key = STR("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    const int64_t late_s = 2000000000;
    const struct {
        const char *user;
        struct str token;
        int outcome;
        const char *why;
    } rows[] = {
        {"service@sas.root.hub", fake_policy_token("service"), SASL_OK, ""},
        {"service@SAS.ROOT.hub", fake_policy_token("service"), SASL_OK, ""},
        {"iothubowner@sas.root.hub", fake_policy_token("service"), SASL_AUTH,
         "names policy 'iothubowner', and the token 'service'"},
        {"service@sas.root.hub", fake_token("localhost", wrong_key, "service", late_s), SASL_AUTH,
         "not made with a key of policy 'service'"},
        {"d1/modules/m1@sas.hub", fake_device_token("d1/modules/m1"), SASL_OK, ""},
        {"d2@sas.hub", fake_device_token("d1"), SASL_AUTH,
         "names device 'd2', and the token is for 'd1'"},
        {"d1@sas.hub", fake_token("localhost/devices/d1", wrong_key, NULL, late_s), SASL_AUTH,
         "not made with a key of this device"},
        {"d1@sas.hub", fake_policy_token("service"), SASL_AUTH, "lacks the permission"},
        {"d1@sas.hub", fake_policy_token("device"), SASL_OK, ""},
        {"nobody@sas.hub", fake_policy_token("device"), SASL_AUTH, "nobody"},
        {"d1@sas.hub", STR("no token"), SASL_AUTH, ""},
        {"d1", fake_device_token("d1"), SASL_AUTH, "PLAIN's user must be"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct net_conn *conn = fake_open();
        if (sasl(conn, "PLAIN", plain(&response, rows[i].user, rows[i].token)) != rows[i].outcome ||
            strstr(conn->why, rows[i].why) == NULL) {
            fail_msg("row %zu: %s", i, conn->why);
        }
        assert_int_equal(conn->closing, rows[i].outcome == SASL_AUTH);
        fake_closed(conn, "");
    }
}

static void external_needs_a_certificate(void **state)
{
    (void)state;
    struct net_conn *conn = fake_open();
    assert_int_equal(sasl(conn, "EXTERNAL", STR_EMPTY), SASL_AUTH);
    assert_non_null(strstr(conn->why, "no client certificate came"));
    fake_closed(conn, "");

    conn = fake_open();
    conn->certificate = &FAKE_CERTIFICATE;
    assert_int_equal(sasl(conn, "EXTERNAL", STR_EMPTY), SASL_OK);
    struct peer *peer = peer_open_on(conn, NULL);
    assert_string_equal(peer_refusal(peer_sender(peer, "/devices/d3/messages/events")), "");
    peer_close(peer);
}

static void malformed_sasl_ends_it(void **state)
{
    (void)state;
    struct net_conn *conn = fake_open();
    fake_receive(conn, sasl_header);
    fake_receive(conn, STR("\x00\x00\x00\x0c\x02\x01\x00\x00\x00\x53\x44\x45"));
    assert_true(conn->closing);
    assert_non_null(strstr(conn->why, "sasl-init was expected"));
    fake_closed(conn, "");

    conn = fake_open();
    assert_int_equal(sasl(conn, "ANONYMOUS", STR_EMPTY), SASL_OK);
    fake_receive(conn, sasl_header); /* AMQP's own is due */
    assert_true(conn->closing);
    fake_closed(conn, "");
}

/* ---- time ---- */

static void who_says_nothing_is_cut_off(void **state)
{
    (void)state;
    struct net_conn *conn = fake_open();
    fake_advance_wire(59);
    assert_false(conn->closing);
    fake_advance_wire(1);
    assert_true(conn->closing);
    assert_string_equal(conn->why, "no AMQP or SASL header within 60 s");
    fake_closed(conn, "");

    conn = fake_open();
    fake_receive(conn, amqp_header);
    fake_advance_wire(60);
    assert_string_equal(conn->why, "no AMQP open within 60 s");
    fake_closed(conn, "");
}

static void who_brings_no_token_is_cut_off(void **state)
{
    (void)state;
    struct peer *peer = peer_open(NULL);
    fake_advance_wire(59);
    peer_pump(peer);
    assert_string_equal(peer_ending(peer), "");
    fake_advance_wire(1);
    peer_pump(peer);
    assert_string_equal(peer_ending(peer), "amqp:unauthorized-access");
    assert_true(peer->conn->closing);
    peer_close(peer);

    peer = peer_open(NULL);
    assert_int_equal(peer_put_token(peer, fake_device_token("d1")), 200);
    fake_advance_wire(61);
    peer_pump(peer);
    assert_string_equal(peer_ending(peer), "");
    peer_close(peer);
}

static void case_51_silence_is_cut_off_after_the_idle_time_out(void **state)
{
    (void)state;
    struct peer *peer = peer_open(NULL);
    assert_int_equal(peer_put_token(peer, fake_device_token("d1")), 200);
    for (int i = 0; i < 5; i++) { /* heartbeats keep it up */
        fake_advance_wire(479);
        peer_raw(peer, STR("\x00\x00\x00\x08\x02\x00\x00\x00"));
        assert_string_equal(peer_ending(peer), "");
    }
    fake_advance_wire(479);
    peer_pump(peer);
    assert_string_equal(peer_ending(peer), "");
    fake_advance_wire(2);
    peer_pump(peer);
    assert_string_equal(peer_ending(peer), "amqp:resource-limit-exceeded");
    assert_true(peer->conn->closing);
    peer_close(peer);
}

static void case_51_heartbeats_come_in_half_of_what_the_peer_waits(void **state)
{
    (void)state;
    /* open with an idle-time-out of 10 s */
    static const struct str open = {"AMQP\x00\x01\x00\x00"
                                    "\x00\x00\x00\x24\x02\x00\x00\x00\x00\x53\x10\xc0\x17\x05"
                                    "\xa1\x02me\xa1\x09localhost\x40\x40\x70\x00\x00\x27\x10",
                                    8 + 0x24};
    const struct str heartbeat = STR("\x00\x00\x00\x08\x02\x00\x00\x00");
    struct net_conn *conn = fake_open();
    fake_receive(conn, open);
    (void)fake_output(conn);
    for (int i = 0; i < 3; i++) {
        fake_advance_wire(4);
        assert_int_equal(fake_output(conn).size, 0);
        fake_advance_wire(1);
        const struct str bytes = fake_output(conn);
        assert_int_equal(bytes.size, 8);
        assert_memory_equal(bytes.data, heartbeat.data, 8);
    }
    fake_advance_hub(3600); /* the hub's clock has no part in it */
    assert_int_equal(fake_output(conn).size, 0);
    fake_closed(conn, "");
}

static void a_peer_that_does_not_take_the_close_is_reset(void **state)
{
    (void)state;
    struct peer *peer = peer_open(NULL);
    peer->holds_back = true;
    buf_append(net_conn_output(peer->conn), "unread", 6);
    for (int i = 0; i < 60000; i++) { /* more than is made for who does not read */
        buf_append(net_conn_output(peer->conn), "unread", 6);
    }
    fake_advance_wire(60);
    assert_false(peer->conn->was_reset);
    fake_advance_wire(AMQP_CLOSE_WAIT_MS / 1000);
    assert_true(peer->conn->was_reset);
    peer_close(peer);
}

static void a_server_that_stops_says_so(void **state)
{
    (void)state;
    struct peer *peer = peer_open(NULL);
    assert_int_equal(peer_put_token(peer, fake_device_token("d1")), 200);
    net_conn_close(peer->conn, "the server is stopping");
    amqp_protocol()->closed(peer->conn->session, peer->conn->why, true);
    const struct str last = buf_str(&peer->conn->output);
    assert_non_null(memmem(last.data, last.size, "amqp:connection:forced", 22));
    /* A session of its own, so that the peer has one to close. */
    peer->conn->closing = false;
    buf_clear(&peer->conn->output);
    peer->conn->session = amqp_protocol()->opened(fake_endpoint, peer->conn);
    peer_close(peer);
}

/* ---- wrong bytes ---- */

static void wrong_frames_end_the_connection_in_amqps_words(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct str bytes;
    } rows[] = {
        {"too short", {"\x00\x00\x00\x07\x02\x00\x00\x00", 8}},
        {"too long", {"\x00\x01\x00\x01\x02\x00\x00\x00", 8}},
        {"a data offset beyond it", {"\x00\x00\x00\x0c\x09\x00\x00\x00zzzz", 12}},
        {"an unknown performative", {"\x00\x00\x00\x0c\x02\x00\x00\x00\x00\x53\x77\x45", 12}},
        {"no performative", {"\x00\x00\x00\x0c\x02\x00\x00\x00zzzz", 12}},
        {"SASL's", {"\x00\x00\x00\x0c\x02\x01\x00\x00\x00\x53\x44\x45", 12}},
        {"a second open",
         {"\x00\x00\x00\x12\x02\x00\x00\x00\x00\x53\x10\xc0\x05\x01\xa1\x02me", 18}},
        {"a transfer of no session",
         {"\x00\x00\x00\x13\x02\x00\x00\x63\x00\x53\x14\xc0\x06\x04\x43\x43\xa0\x00\x43", 19}},
        {"a transfer of no link",
         {"\x00\x00\x00\x13\x02\x00\x00\x00\x00\x53\x14\xc0\x06\x04\x43\x43\xa0\x00\x43", 19}},
    };
    struct peer *witness = peer_open(NULL);
    assert_int_equal(peer_put_token(witness, fake_device_token("d2")), 200);
    pn_link_t *link = peer_sender(witness, "/devices/d2/messages/events");
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct peer *peer = peer_open(NULL);
        peer_raw(peer, rows[i].bytes);
        if (!peer->conn->closing || peer_ending(peer)[0] == '\0') {
            fail_msg("%s: %s", rows[i].name, peer->conn->why);
        }
        peer_close(peer);
        assert_string_equal(peer_send(witness, link, peer_message(witness, "mine")), "accepted");
    }
    peer_close(witness);
}

static void sessions_before_a_token_are_few(void **state)
{
    (void)state;
    struct peer *peer = peer_open(NULL);
    for (size_t i = 1; i < AMQP_SESSIONS_BEFORE_TOKEN; i++) { /* it has one */
        (void)peer_session(peer);
    }
    peer_pump(peer);
    assert_string_equal(peer_ending(peer), "");
    (void)peer_session(peer);
    peer_pump(peer);
    assert_string_equal(peer_ending(peer), "amqp:resource-limit-exceeded");
    peer_close(peer);
}

static void many_sessions_come_and_go(void **state)
{
    (void)state;
    struct peer *peer = peer_open(NULL);
    assert_int_equal(peer_put_token(peer, fake_device_token("d1")), 200);
    for (int i = 0; i < 300; i++) {
        pn_session_t *session = peer_session(peer);
        pn_link_t *link = peer_sender_on(peer, session, "/devices/d1/messages/events", "same");
        assert_string_equal(peer_refusal(link), "");
        if (i % 2 == 0) {
            pn_session_close(session);
            peer_pump(peer);
        }
    }
    assert_string_equal(peer_ending(peer), "");
    peer_close(peer);
}

static void half_an_open_holds_nobody_up(void **state)
{
    (void)state;
    struct net_conn *conn = fake_open();
    fake_receive(conn, amqp_header);
    fake_receive(conn, STR("\x00\x00\x00\x1d\x02\x00\x00\x00\x00\x53"));
    fake_closed(conn, "closed by the peer");
    conn = fake_open();
    fake_closed(conn, "closed by the peer");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_open_is_answered_with_what_the_hub_keeps_to),
        TEST(the_host_of_open_names_the_hub),
        TEST(open_may_come_byte_by_byte),
        TEST(wrong_first_bytes_get_the_right_header_and_words),
        TEST(anonymous_and_mssbcbs_promise_a_token),
        TEST(an_unknown_mechanism_is_refused),
        TEST(plain_needs_no_cbs),
        TEST(service_case_74_plain_is_checked_at_once),
        TEST(external_needs_a_certificate),
        TEST(malformed_sasl_ends_it),
        TEST(who_says_nothing_is_cut_off),
        TEST(who_brings_no_token_is_cut_off),
        TEST(case_51_silence_is_cut_off_after_the_idle_time_out),
        TEST(case_51_heartbeats_come_in_half_of_what_the_peer_waits),
        TEST(a_peer_that_does_not_take_the_close_is_reset),
        TEST(a_server_that_stops_says_so),
        TEST(wrong_frames_end_the_connection_in_amqps_words),
        TEST(sessions_before_a_token_are_few),
        TEST(many_sessions_come_and_go),
        TEST(half_an_open_holds_nobody_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
