/* SPDX-License-Identifier: MIT */
/* WebSockets on an HTTP listener, over sockets: what is inside sees an ordinary connection. */
#include "http_rig.h"

enum { INNER_OUTPUT_MAX = 1024 * 1024 };

/* ---- the protocol inside: sends back what it gets, and does what single letters tell it ---- */

struct inner {
    struct endpoint endpoint;
    struct net_conn *conn;
    unsigned opened;
    unsigned closed;
    unsigned drained;
    unsigned commits_at_output;
    bool by_us;
    bool refuses;
    char why[256];
    char server_name[64];
    size_t unsent; /* as net_conn_unsent() said after the last output */
};

static void *inner_opened(void *ctx, struct net_conn *conn)
{
    struct inner *inner = ctx;
    inner->opened++;
    inner->conn = conn;
    snprintf(inner->server_name, sizeof(inner->server_name), "%.*s",
             STR_ARG(net_conn_server_name(conn)));
    return inner->refuses ? NULL : inner;
}

static size_t inner_received(void *ctx, struct str data)
{
    struct inner *inner = ctx;
    if (data.data[0] == 'w' && data.size < 4) { /* wants four bytes at a time */
        return 0;
    }
    buf_append_str(net_conn_output(inner->conn), data);
    inner->unsent = net_conn_unsent(inner->conn);
    inner->commits_at_output = inner->endpoint.rig.commits;
    switch (data.data[0]) {
    case 'c':
        net_conn_close(inner->conn, "told to close");
        break;
    case 'r':
        net_conn_reset(inner->conn, "told to reset");
        break;
    case 'u':
        inner->endpoint.rig.commit_fails = true;
        break;
    case 'o':
        for (size_t i = 0; i < INNER_OUTPUT_MAX; i++) {
            buf_append_byte(net_conn_output(inner->conn), 'o');
        }
        break;
    case 'p':
        net_conn_pause(inner->conn, true);
        assert_int_equal(net_alarm_set(inner->endpoint.alarm, 30), STATUS_OK);
        return 1;
    default:
        break;
    }
    return data.size;
}

static void inner_closed(void *ctx, const char *why, bool by_us)
{
    struct inner *inner = ctx;
    inner->closed++;
    inner->by_us = by_us;
    snprintf(inner->why, sizeof(inner->why), "%s", why);
    if (!by_us) {
        buf_append_str(net_conn_output(inner->conn), STR("bye"));
    }
}

static void inner_drained(void *ctx)
{
    struct inner *inner = ctx;
    inner->drained++;
}

static const struct net_protocol inner_protocol = {
    .name = "inner",
    .opened = inner_opened,
    .received = inner_received,
    .closed = inner_closed,
    .drained = inner_drained,
    .input_max = 1024,
    .output_max = INNER_OUTPUT_MAX,
};

static void resume(void *ctx)
{
    struct inner *inner = ctx;
    net_conn_pause(inner->conn, false);
}

static void play_inner(struct inner *inner, void (*client)(struct rig *rig))
{
    struct endpoint *endpoint = &inner->endpoint;
    struct rig *rig = &endpoint->rig;
    const struct http_server_config config = {.name = "test",
                                              .body_max = BODY_MAX,
                                              .ctx = endpoint,
                                              .handle = handle,
                                              .too_large = too_large};
    const struct http_websocket websocket = {
        .sub_protocol = "inner", .protocol = &inner_protocol, .endpoint = inner};
    rig_create(rig);
    assert_int_equal(http_server_create(rig->net, &config, &endpoint->server), STATUS_OK);
    http_server_add_websocket(endpoint->server, &websocket);
    assert_int_equal(net_alarm_create(rig->net, resume, inner, &endpoint->alarm), STATUS_OK);
    rig->endpoint = endpoint->server;
    rig_listen(rig, http_protocol(), rig_tls, &rig->tls_port);
    rig_listen(rig, http_protocol(), NULL, &rig->plain_port);
    rig_run(rig, client);
    net_alarm_destroy(endpoint->alarm);
    http_server_destroy(endpoint->server);
    rig_finish(rig);
}

/* ---- the client ---- */

static const char handshake[] = "GET /$iothub/websocket HTTP/1.1\r\n"
                                "Host: localhost\r\n"
                                "Upgrade: websocket\r\n"
                                "Connection: Upgrade\r\n"
                                "Sec-WebSocket-Version: 13\r\n"
                                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                                "Sec-WebSocket-Protocol: Inner\r\n"
                                "\r\n";
static const char switched[] = "HTTP/1.1 101 Switching Protocols\r\n"
                               "Upgrade: websocket\r\n"
                               "Connection: Upgrade\r\n"
                               "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
                               "Sec-WebSocket-Protocol: Inner\r\n"
                               "\r\n";

static bool open_websocket(struct client *client, struct rig *rig, bool tls)
{
    return client_connect(client, rig, tls) &&
           client_send(client, handshake, sizeof(handshake) - 1) && client_expect(client, switched);
}

/* One frame under a mask of zeroes: the text stays as it is. */
static bool send_frame(struct client *client, uint8_t first, const char *text)
{
    const size_t size = strlen(text);
    const uint8_t head[6] = {first, (uint8_t)(0x80 | size)};
    return size < 126 && client_send(client, head, sizeof(head)) && client_send(client, text, size);
}

static bool expect_frame(struct client *client, uint8_t first, const char *text)
{
    uint8_t head[2];
    return client_receive_all(client, head, 2) && head[0] == first && head[1] == strlen(text) &&
           client_expect(client, text);
}

static const char normal[] = "\x03\xe8";

static void echo_client(struct rig *rig)
{
    for (int tls = 0; tls <= 1; tls++) {
        struct client client;
        CLIENT_CHECK(rig, open_websocket(&client, rig, tls == 1));
        CLIENT_CHECK(rig, send_frame(&client, 0x82, "hello"));
        CLIENT_CHECK(rig, expect_frame(&client, 0x82, "hello"));
        CLIENT_CHECK(rig, send_frame(&client, 0x89, "ping"));
        CLIENT_CHECK(rig, expect_frame(&client, 0x8a, "ping"));
        CLIENT_CHECK(rig, send_frame(&client, 0x02, "wa"));
        CLIENT_CHECK(rig, send_frame(&client, 0x80, "it"));
        CLIENT_CHECK(rig, expect_frame(&client, 0x82, "wait"));
        CLIENT_CHECK(rig, send_frame(&client, 0x88, normal));
        CLIENT_CHECK(rig, expect_frame(&client, 0x82, "bye"));
        CLIENT_CHECK(rig, expect_frame(&client, 0x88, normal));
        CLIENT_CHECK(rig, client_expect_end(&client));
        client_close(&client);
    }
}

static void bytes_go_both_ways_and_a_close_is_echoed(void **state)
{
    (void)state;
    struct inner inner = {0};
    play_inner(&inner, echo_client);
    assert_int_equal(inner.opened, 2);
    assert_int_equal(inner.closed, 2);
    assert_int_equal(inner.endpoint.handled, 0);
    assert_false(inner.by_us);
    assert_string_equal(inner.why, "closed by the peer (WebSocket code 1000)");
    assert_string_equal(inner.server_name, "localhost");
    assert_int_equal(inner.unsent, 4);
    assert_true(inner.endpoint.rig.commits > inner.commits_at_output);
    assert_true(inner.drained > 0);
}

static void slow_handshake_client(struct rig *rig)
{
    struct client client;
    CLIENT_CHECK(rig, client_connect(&client, rig, false));
    for (size_t i = 0; i + 1 < sizeof(handshake); i++) {
        CLIENT_CHECK(rig, client_send(&client, handshake + i, 1));
        if (i % 40 == 0) {
            usleep(1000);
        }
    }
    CLIENT_CHECK(rig, client_expect(&client, switched));
    CLIENT_CHECK(rig, send_frame(&client, 0x82, "x"));
    CLIENT_CHECK(rig, expect_frame(&client, 0x82, "x"));
    client_close(&client);
}

static void a_handshake_may_come_byte_by_byte(void **state)
{
    (void)state;
    struct inner inner = {0};
    play_inner(&inner, slow_handshake_client);
    assert_int_equal(inner.closed, 1);
    assert_string_equal(inner.why, "closed by the peer");
}

static void closing_client(struct rig *rig)
{
    struct client client;
    CLIENT_CHECK(rig, open_websocket(&client, rig, true));
    CLIENT_CHECK(rig, send_frame(&client, 0x82, "close!"));
    CLIENT_CHECK(rig, expect_frame(&client, 0x82, "close!"));
    CLIENT_CHECK(rig, expect_frame(&client, 0x88, normal));
    CLIENT_CHECK(rig, send_frame(&client, 0x82, "nobody reads this"));
    CLIENT_CHECK(rig, client_expect_end(&client));
    client_close(&client);
}

static void the_inner_close_sends_its_bytes_then_a_close_frame_then_the_end(void **state)
{
    (void)state;
    struct inner inner = {0};
    play_inner(&inner, closing_client);
    assert_string_equal(inner.why, "told to close");
    assert_true(inner.by_us);
}

/* What a client sends in one go; then what comes back, and that the end is a reset. */
static const struct {
    const char *what;
    const char *sent;
    size_t sent_size;
    const char *expected;
    size_t expected_size;
    bool reset;
    const char *why;
} endings[] = {
    {"a reset", "\x82\x81\0\0\0\0r", 7, "", 0, true, "told to reset"},
    {"output of a tick that was not committed", "\x82\x81\0\0\0\0u", 7, "", 0, true,
     "what it asked for could not be stored"},
    {"output that is too large", "\x82\x81\0\0\0\0o", 7, "", 0, true,
     "it does not read: more than 1048576 bytes are waiting for it"},
    {"an unmasked frame behind a good one", "\x82\x81\0\0\0\0a\x82\x01x", 10,
     "\x82\x01"
     "a\x88\x02\x03\xea",
     7, false,
     "WebSocket error 1002: a frame is not masked, and a client's must be (RFC 6455, 5.1)"},
    {"a text frame", "\x81\x81\0\0\0\0a", 7, "\x88\x02\x03\xeb", 4, false,
     "WebSocket error 1003: a text frame came: MQTT and AMQP go in binary frames"},
    {"a frame that is too long", "\x82\xff\0\0\0\0\0\x10\0\x01\0\0\0\0a", 15, "\x88\x02\x03\xf1", 4,
     false, "WebSocket error 1009: a frame of 1048577 bytes: at most 1048576 are taken"},
    {"data and a close at once", "\x82\x81\0\0\0\0a\x88\x80\0\0\0\0", 13,
     "\x82\x04"
     "abye\x88\x00",
     8, false, "closed by the peer"},
    {"the last word is the inner protocol's", "\x82\x81\0\0\0\0c\x88\x80\0\0\0\0", 13,
     "\x82\x01"
     "c\x88\x00",
     5, false, "told to close"},
    {"a close while the inner protocol takes a rest", "\x82\x82\0\0\0\0pa\x88\x82\0\0\0\0\x03\xe8",
     16,
     "\x82\x02"
     "pa\x82\x04"
     "abye\x88\x02\x03\xe8",
     14, false, "closed by the peer (WebSocket code 1000)"},
    {"more unread bytes than the inner protocol keeps",
     "\x82\x81\0\0\0\0w\x82\x81\0\0\0\0w\x88\x80\0\0\0\0", 20,
     "\x82\x03"
     "bye\x88\x00",
     7, false, "closed by the peer"},
};

static size_t ending;

static void ending_client(struct rig *rig)
{
    struct client client;
    char got[64];
    CLIENT_CHECK(rig, open_websocket(&client, rig, false));
    CLIENT_CHECK(rig, client_send(&client, endings[ending].sent, endings[ending].sent_size));
    CLIENT_CHECK(rig, client_receive_all(&client, got, endings[ending].expected_size));
    CLIENT_CHECK(rig, memcmp(got, endings[ending].expected, endings[ending].expected_size) == 0);
    const ssize_t end = client_receive(&client, got, 1);
    CLIENT_CHECK(rig, end == (endings[ending].reset ? -1 : 0));
    client_close(&client);
}

static void endings_leave_what_they_should_and_say_why(void **state)
{
    (void)state;
    for (ending = 0; ending < ARRAY_SIZE(endings); ending++) {
        struct inner inner = {0};
        print_message("%s\n", endings[ending].what);
        play_inner(&inner, ending_client);
        assert_int_equal(inner.closed, 1);
        assert_string_equal(inner.why, endings[ending].why);
    }
}

static void refused_client(struct rig *rig)
{
    struct client client;
    CLIENT_CHECK(rig, open_websocket(&client, rig, false));
    CLIENT_CHECK(rig, expect_frame(&client, 0x88, normal));
    CLIENT_CHECK(rig, client_expect_end(&client));
    client_close(&client);
}

static void a_session_that_is_refused_is_closed(void **state)
{
    (void)state;
    struct inner inner = {.refuses = true};
    play_inner(&inner, refused_client);
    assert_int_equal(inner.opened, 1);
    assert_int_equal(inner.closed, 0);
}

static void http_client(struct rig *rig)
{
    struct client client;
    CLIENT_CHECK(rig, client_connect(&client, rig, true));
    CLIENT_CHECK(rig, ask(&client, "GET /$iothub/websocket HTTP/1.1\r\n" HOST "\r\n"));
    CLIENT_CHECK(rig, response.status == 426);
    CLIENT_CHECK(rig, strstr(response.head, "\r\nSec-WebSocket-Version: 13\r\n") != NULL);
    CLIENT_CHECK(rig, strstr(response.body, "Upgrade: websocket") != NULL);
    CLIENT_CHECK(rig, client_expect_end(&client));
    client_close(&client);

    CLIENT_CHECK(rig, client_connect(&client, rig, true));
    CLIENT_CHECK(rig, ask(&client, "GET /hello HTTP/1.1\r\n" HOST "\r\n"));
    CLIENT_CHECK(rig, answered(200, "hello"));
    CLIENT_CHECK(rig, ask(&client, "GET / HTTP/1.1\r\n" HOST "\r\n"));
    CLIENT_CHECK(rig, answered(404, "not found"));
    CLIENT_CHECK(rig, ask(&client, handshake)); /* too late on this connection */
    CLIENT_CHECK(rig, answered(404, "not found"));
    client_close(&client);
}

static void http_goes_on_beside_it(void **state)
{
    (void)state;
    struct inner inner = {0};
    play_inner(&inner, http_client);
    assert_int_equal(inner.opened, 0);
    assert_int_equal(inner.endpoint.handled, 3);
}

/* More than sockets and net's output hold, to a client that reads late. */
static void late_reader_client(struct rig *rig)
{
    enum { FRAMES = 4000 };
    struct client client;
    static char text[126];
    memset(text, 'x', sizeof(text) - 1);
    CLIENT_CHECK(rig, open_websocket(&client, rig, true));
    for (int i = 0; i < FRAMES; i++) {
        CLIENT_CHECK(rig, send_frame(&client, 0x82, text));
    }
    size_t left = FRAMES * (sizeof(text) - 1);
    while (left > 0) {
        uint8_t head[4];
        if (!CLIENT_CHECK(rig, client_receive_all(&client, head, 2))) {
            break;
        }
        size_t size = head[1];
        if (size == 126) {
            CLIENT_CHECK(rig, client_receive_all(&client, head + 2, 2));
            size = (size_t)head[2] << 8 | head[3];
        }
        static char bytes[65536];
        CLIENT_CHECK(rig, head[0] == 0x82 && size <= left);
        CLIENT_CHECK(rig, client_receive_all(&client, bytes, size));
        left -= size;
    }
    client_close(&client);
}

static void a_client_that_reads_late_gets_whole_frames(void **state)
{
    (void)state;
    struct inner inner = {0};
    play_inner(&inner, late_reader_client);
    assert_int_equal(inner.closed, 1);
}

static void impatient_client(struct rig *rig)
{
    static const char *const starts[] = {"", "GET /$iothub", "GET / HTTP/1.1\r\nHost: x\r\n"};
    for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
        struct client client;
        CLIENT_CHECK(rig, client_connect(&client, rig, true));
        CLIENT_CHECK(rig, client_send(&client, starts[i], strlen(starts[i])));
        if (i > 0) {
            CLIENT_CHECK(rig, read_response(&client));
            CLIENT_CHECK(rig, response.status == 408);
        }
        CLIENT_CHECK(rig, client_expect_end(&client));
        client_close(&client);
    }
}

static void a_head_that_does_not_end_is_not_waited_for(void **state)
{
    (void)state;
    struct inner inner = {0};
    struct rig *rig = &inner.endpoint.rig;
    const struct http_server_config config = {.name = "test",
                                              .body_max = BODY_MAX,
                                              .ctx = &inner.endpoint,
                                              .handle = handle,
                                              .too_large = too_large};
    const struct http_websocket websocket = {
        .sub_protocol = "inner", .protocol = &inner_protocol, .endpoint = &inner};
    rig_create(rig);
    rig->net->deadline_lengths_us[DEADLINE_REQUEST] = 50000;
    assert_int_equal(http_server_create(rig->net, &config, &inner.endpoint.server), STATUS_OK);
    http_server_add_websocket(inner.endpoint.server, &websocket);
    rig->endpoint = inner.endpoint.server;
    rig_listen(rig, http_protocol(), rig_tls, &rig->tls_port);
    rig_run(rig, impatient_client);
    http_server_destroy(inner.endpoint.server);
    rig_finish(rig);
    assert_int_equal(inner.endpoint.handled, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_go_both_ways_and_a_close_is_echoed),
        cmocka_unit_test(a_handshake_may_come_byte_by_byte),
        cmocka_unit_test(the_inner_close_sends_its_bytes_then_a_close_frame_then_the_end),
        cmocka_unit_test(endings_leave_what_they_should_and_say_why),
        cmocka_unit_test(a_session_that_is_refused_is_closed),
        cmocka_unit_test(http_goes_on_beside_it),
        cmocka_unit_test(a_client_that_reads_late_gets_whole_frames),
        cmocka_unit_test(a_head_that_does_not_end_is_not_waited_for),
    };
    return cmocka_run_group_tests(tests, rig_group_setup, rig_group_teardown);
}
