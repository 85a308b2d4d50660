/* SPDX-License-Identifier: MIT */
/* How connections end, what they may cost, and who comes to the wrong port. */
#include "net/net.h"

#include <sys/resource.h>

#include "echo_rig.h"

/* ---- endings ---- */

/* "bye" is answered and closed, "reset" is reset, "twice" is closed for the first of two reasons.
 */
static size_t ending_received(void *ctx, struct str data)
{
    struct session *session = ctx;
    if (str_starts(data, STR("bye"))) {
        buf_append_str(net_conn_output(session->conn), STR("last words"));
        net_conn_close(session->conn, "it said bye");
        return 3; /* more may follow it: that is not offered again */
    }
    if (str_equal(data, STR("reset"))) {
        buf_append_str(net_conn_output(session->conn), STR("never seen"));
        net_conn_reset(session->conn, "it asked for it");
    }
    if (str_equal(data, STR("twice"))) {
        net_conn_close(session->conn, "the first reason");
        net_conn_close(session->conn, "the second reason");
    }
    return data.size;
}

static const struct net_protocol ending = {.name = "ending",
                                           .opened = echo_opened,
                                           .received = ending_received,
                                           .closed = echo_closed,
                                           .input_max = 1024,
                                           .output_max = 4096};

static void bye_client(struct rig *rig)
{
    static char more[1024 * 1024];
    for (int tls = 0; tls <= 1; tls++) {
        struct client client;
        CLIENT_CHECK(rig, client_connect(&client, rig, tls == 1));
        CLIENT_CHECK(rig, client_send(&client, "bye", 3));
        /* What is still sent must not destroy what was said last. */
        CLIENT_CHECK(rig, client_send(&client, more, sizeof(more)));
        usleep(50000);
        CLIENT_CHECK(rig, client_expect(&client, "last words"));
        CLIENT_CHECK(rig, client_expect_end(&client));
        client_close(&client);
    }
}

static void the_last_words_arrive_though_the_peer_keeps_talking(void **state)
{
    (void)state;
    struct rig rig = {0};
    struct echo seen = {0};
    play(&ending, &rig, &seen, bye_client);
    assert_int_equal(seen.closed, 2);
    assert_int_equal(seen.by_us, 2);
    assert_string_equal(seen.why, "it said bye");
}

static void reset_client(struct rig *rig)
{
    struct client client;
    char byte;
    CLIENT_CHECK(rig, client_connect(&client, rig, false));
    CLIENT_CHECK(rig, client_send(&client, "reset", 5));
    CLIENT_CHECK(rig, client_receive(&client, &byte, 1) == -1 && errno == ECONNRESET);
    client_close(&client);
}

/* Takes its time, so that what the client does then is seen all at once. */
static size_t tired_received(void *ctx, struct str data)
{
    (void)ctx;
    usleep(100000);
    return data.size;
}

static const struct net_protocol tired = {.name = "tired",
                                          .opened = echo_opened,
                                          .received = tired_received,
                                          .closed = echo_closed,
                                          .input_max = 1024,
                                          .output_max = 4096};

static void vanishing_client(struct rig *rig)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    for (int tls = 0; tls <= 1; tls++) {
        struct client client;
        CLIENT_CHECK(rig, client_connect(&client, rig, tls == 1));
        CLIENT_CHECK(rig, client_send(&client, "first", 5));
        usleep(30000); /* it is being taken */
        CLIENT_CHECK(rig, client_send(&client, "second", 6));
        setsockopt(client.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
        SSL_free(client.ssl); /* without a close_notify */
        SSL_CTX_free(client.context);
        close(client.fd);
        usleep(400000);
    }
}

static void a_reset_right_behind_data_is_noticed(void **state)
{
    (void)state;
    struct rig rig = {0};
    struct echo seen = {0};
    play(&tired, &rig, &seen, vanishing_client);
    assert_int_equal(seen.closed, 2);
    assert_int_equal(seen.by_us, 0); /* not by the end of the loop */
    assert_string_equal(seen.why, "Connection reset by peer");
}

static void a_reset_is_a_reset(void **state)
{
    (void)state;
    struct rig rig = {0};
    struct echo seen = {0};
    play(&ending, &rig, &seen, reset_client);
    assert_string_equal(seen.why, "it asked for it");
}

static void twice_client(struct rig *rig)
{
    struct client client;
    CLIENT_CHECK(rig, client_connect(&client, rig, true));
    CLIENT_CHECK(rig, client_send(&client, "twice", 5));
    CLIENT_CHECK(rig, client_expect_end(&client));
    client_close(&client);
}

static void the_first_reason_stands(void **state)
{
    (void)state;
    struct rig rig = {0};
    struct echo seen = {0};
    play(&ending, &rig, &seen, twice_client);
    assert_int_equal(seen.closed, 1);
    assert_string_equal(seen.why, "the first reason");
}

static void *refusing_opened(void *endpoint, struct net_conn *conn)
{
    struct rig *rig = endpoint;
    struct echo *echo_seen = rig->client_ctx;
    echo_seen->opened++;
    if (echo_seen->opened == 2) {
        net_conn_close(conn, "not you either");
    }
    return NULL;
}

static void refused_client(struct rig *rig)
{
    for (int tls = 0; tls <= 1; tls++) {
        struct client client;
        CLIENT_CHECK(rig, client_connect(&client, rig, tls == 1));
        client_send(&client, "x", 1);
        CLIENT_CHECK(rig, client_expect_end(&client));
        client_close(&client);
    }
}

static void who_gets_no_session_is_closed_and_never_reported(void **state)
{
    (void)state;
    static const struct net_protocol protocol = {.name = "refusing",
                                                 .opened = refusing_opened,
                                                 .received = echo_received,
                                                 .closed = echo_closed,
                                                 .input_max = 1024,
                                                 .output_max = 4096};
    struct rig rig = {0};
    struct echo seen = {0};
    play(&protocol, &rig, &seen, refused_client);
    assert_int_equal(seen.opened, 2);
    assert_int_equal(seen.closed, 0);
}

static void silent_tls_client(struct rig *rig)
{
    struct client client;
    CLIENT_CHECK(rig, client_connect(&client, rig, true));
    client_close(&client);
    usleep(100000); /* for the server to see the handshake's end, and ours */
}

static void who_leaves_after_the_handshake_may_not_trust_us(void **state)
{
    (void)state;
    struct rig rig = {0};
    struct echo seen = {0};
    play(&echo, &rig, &seen, silent_tls_client);
    assert_int_equal(seen.closed, 1);
    assert_non_null(strstr(seen.why, "trust"));
}

/* ---- slow readers, pauses ---- */

static void chatter(struct session *session)
{
    static const char text[4096] = "chatter";
    struct buf *output = net_conn_output(session->conn);
    for (int i = 0; i < 64; i++) {
        buf_append(output, text, sizeof(text));
    }
}

static size_t chatty_received(void *ctx, struct str data)
{
    chatter(ctx);
    return data.size;
}

static void chatty_drained(void *ctx)
{
    chatter(ctx);
}

static const struct net_protocol chatty = {.name = "chatty",
                                           .opened = echo_opened,
                                           .received = chatty_received,
                                           .closed = echo_closed,
                                           .input_max = 1024,
                                           .output_max = (size_t)1024 * 1024};

static void deaf_client(struct rig *rig)
{
    for (int tls = 0; tls <= 1; tls++) {
        struct client client;
        char byte;
        CLIENT_CHECK(rig, client_connect(&client, rig, tls == 1));
        /* Each byte is answered with 256 KiB that nobody reads. */
        for (int i = 0; i < 1000 && client_send(&client, "x", 1); i++) {
            usleep(1000);
        }
        while (client_receive(&client, &byte, 1) > 0 && tls == 1) {
        }
        client_close(&client);
    }
}

static void who_does_not_read_is_closed_at_the_limit(void **state)
{
    (void)state;
    struct rig rig = {0};
    struct echo seen = {0};
    play(&chatty, &rig, &seen, deaf_client);
    assert_int_equal(seen.closed, 2);
    assert_int_equal(seen.by_us, 2);
    assert_non_null(strstr(seen.why, "does not read"));
}

static void listening_client(struct rig *rig)
{
    static char text[8 * 1024 * 1024];
    struct client client;
    CLIENT_CHECK(rig, client_connect(&client, rig, true));
    CLIENT_CHECK(rig, client_send(&client, "x", 1));
    CLIENT_CHECK(rig, client_receive_all(&client, text, sizeof(text)));
    client_close(&client);
}

static void drained_keeps_a_stream_going_within_the_limit(void **state)
{
    (void)state;
    struct net_protocol protocol = chatty;
    protocol.drained = chatty_drained;
    protocol.output_max = (size_t)256 * 1024; /* exactly what is queued each time */
    struct rig rig = {0};
    struct echo seen = {0};
    play(&protocol, &rig, &seen, listening_client);
    assert_int_equal(seen.closed, 1);
    assert_int_equal(seen.by_us, 0);
}

static struct session *paused;
static unsigned received_while_paused;

/* Takes three bytes and wants no more until the next wake. */
static size_t pausing_received(void *ctx, struct str data)
{
    struct session *session = ctx;
    received_while_paused += paused != NULL ? 1U : 0U;
    const size_t size = data.size < 3 ? data.size : 3;
    buf_append(net_conn_output(session->conn), data.data, size);
    net_conn_pause(session->conn, true);
    paused = session;
    session->rig->sleep_us = 5000;
    return size;
}

static void unpause(struct rig *rig)
{
    rig->sleep_us = INT64_MAX;
    if (paused != NULL) {
        struct session *session = TAKE(paused);
        net_conn_pause(session->conn, false);
    }
}

static void pausing_closed(void *ctx, const char *why, bool by_us)
{
    paused = NULL;
    echo_closed(ctx, why, by_us);
}

static void paused_talk(struct rig *rig, bool tls)
{
    struct client client;
    CLIENT_CHECK(rig, client_connect(&client, rig, tls));
    CLIENT_CHECK(rig, client_send(&client, "0123456789", 10));
    CLIENT_CHECK(rig, client_send(&client, "abcdefghij", 10));
    CLIENT_CHECK(rig, client_expect(&client, "0123456789abcdefghij"));
    client_close(&client);
    usleep(50000); /* the last pause ends, and the end is read */
}

static void paused_plain_client(struct rig *rig)
{
    paused_talk(rig, false);
}

static void paused_tls_client(struct rig *rig)
{
    paused_talk(rig, true);
}

static void what_came_during_a_pause_is_offered_after_it(void **state)
{
    (void)state;
    static const struct net_protocol protocol = {.name = "pausing",
                                                 .opened = echo_opened,
                                                 .received = pausing_received,
                                                 .closed = pausing_closed,
                                                 .input_max = 8,
                                                 .output_max = 4096};
    void (*const talks[])(struct rig *) = {paused_plain_client, paused_tls_client};
    for (size_t i = 0; i < ARRAY_SIZE(talks); i++) {
        struct rig rig = {.on_wake = unpause};
        struct echo seen = {0};
        received_while_paused = 0;
        play(&protocol, &rig, &seen, talks[i]);
        assert_int_equal(seen.closed, 1);
        assert_int_equal(seen.by_us, 0);
        assert_int_equal(received_while_paused, 0);
    }
}

/* ---- the wrong port ---- */

static void expect_refusal(struct rig *rig, uint16_t port, struct str words, const char *answer)
{
    struct client client;
    CLIENT_CHECK(rig, client_dial(&client, port));
    CLIENT_CHECK(rig, client_send(&client, words.data, words.size));
    CLIENT_CHECK(rig, client_expect(&client, answer));
    CLIENT_CHECK(rig, client_expect_end(&client));
    client_close(&client);
}

static void stranger_client(struct rig *rig)
{
    static const struct str strangers[] = {
        {"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04test", 18},
        {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27},
        {"AMQP\x00\x01\x00\x00", 8},
        {"SSH-2.0-OpenSSH_9.2\r\n", 21},
        {"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10", 17},
        {"?", 1}, /* and no more: the deadline speaks */
    };
    for (size_t i = 0; i < ARRAY_SIZE(strangers); i++) {
        expect_refusal(rig, rig->tls_port, strangers[i], "go away, politely\r\n");
    }
    expect_refusal(rig, rig->plain_port, (struct str){"\x16\x03\x01\x02\x00\x01", 6},
                   "This port does not speak TLS.\r\n");
    one_echo(rig, true);
}

static void strangers_are_refused_and_nobody_else_notices(void **state)
{
    (void)state;
    struct rig rig = {0};
    struct echo seen = {0};
    play(&echo, &rig, &seen, stranger_client);
    assert_int_equal(seen.opened, 1);
    assert_int_equal(seen.closed, 1);
}

/* ---- deadlines ---- */

static int64_t waited_us;

static void slow_client(struct rig *rig)
{
    static const struct str starts[] = {{"", 0}, {"\x16\x03\x01\x02\x00\x01\x00", 7}};
    const int64_t begun_us = clock_monotonic_us();
    for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
        struct client client;
        CLIENT_CHECK(rig, client_dial(&client, rig->tls_port));
        CLIENT_CHECK(rig, client_send(&client, starts[i].data, starts[i].size));
        CLIENT_CHECK(rig, client_expect_end(&client));
        client_close(&client);
    }
    waited_us = clock_monotonic_us() - begun_us;
}

static void who_does_not_finish_the_handshake_in_time_is_closed(void **state)
{
    (void)state;
    struct rig rig = {0};
    struct echo seen = {0};
    rig.endpoint = &rig;
    rig.client_ctx = &seen;
    rig_create(&rig);
    rig.net->deadline_lengths_us[DEADLINE_HANDSHAKE] = 200000;
    rig_listen(&rig, &echo, rig_tls, &rig.tls_port);
    rig_run(&rig, slow_client);
    struct net_figures figures;
    net_figures(rig.net, &figures);
    rig_finish(&rig);
    assert_in_range(waited_us, 400000, 2000000);
    assert_int_equal(seen.opened, 0);
    assert_int_equal(figures.handshakes_failed, 1);
    assert_int_equal(figures.accepted, 2);
    assert_int_equal(figures.open, 0);
}

/* ---- running out of descriptors ---- */

enum { CROWD = 40 };

static void crowd_client(struct rig *rig)
{
    static struct client crowd[CROWD];
    for (size_t i = 0; i < CROWD; i++) {
        CLIENT_CHECK(rig, client_dial(&crowd[i], rig->plain_port));
    }
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    const rlim_t before = limit.rlim_cur;
    limit.rlim_cur = (rlim_t)crowd[CROWD - 1].fd + 10; /* fewer than are needed */
    setrlimit(RLIMIT_NOFILE, &limit);
    for (size_t i = 0; i < CROWD; i++) {
        CLIENT_CHECK(rig, client_send(&crowd[i], "x", 1));
    }
    usleep(50000);
    limit.rlim_cur = before;
    setrlimit(RLIMIT_NOFILE, &limit);
    for (size_t i = 0; i < CROWD; i++) {
        CLIENT_CHECK(rig, client_expect(&crowd[i], "x"));
        client_close(&crowd[i]);
    }
}

static size_t slow_received(void *ctx, struct str data)
{
    usleep(1000);
    return echo_received(ctx, data);
}

static void without_descriptors_new_connections_wait(void **state)
{
    (void)state;
    struct net_protocol protocol = echo;
    protocol.received = slow_received;
    struct rig rig = {0};
    struct echo seen = {0};
    play(&protocol, &rig, &seen, crowd_client);
    assert_int_equal(seen.opened, CROWD);
    assert_int_equal(seen.closed, CROWD);
}

/* ---- addresses and ports ---- */

static void ports_that_cannot_be_had_are_explained(void **state)
{
    (void)state;
    struct rig rig = {0};
    uint16_t taken = 0;
    rig_create(&rig);
    rig_listen(&rig, &echo, NULL, &taken);
    const struct {
        struct str address;
        uint16_t port;
        enum status status;
        const char *words;
    } cases[] = {
        {STR("127.0.0.1"), taken, STATUS_UNAVAILABLE, "is taken"},
        {STR("192.0.2.1"), 0, STATUS_UNAVAILABLE, "no address 192.0.2.1"},
        {STR("localhost"), 0, STATUS_INVALID, "\"localhost\" is no IP address"},
        {STR(""), 0, STATUS_INVALID, "is no IP address"},
        {STR("1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa"), 0, STATUS_INVALID,
         "is no IP address"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct problem problem = {0};
        uint16_t port = 7;
        const struct net_listener_config config = {
            .address = cases[i].address, .port = cases[i].port, .protocol = &echo};
        assert_int_equal(net_listen(rig.net, &config, &port, &problem), cases[i].status);
        assert_non_null(strstr(problem.text, cases[i].words));
        assert_int_equal(port, 7);
    }
    rig_finish(&rig);
}

static struct str sessions_peer;
static char peer_seen[64];
static char local_seen[64];

static void *looking_opened(void *endpoint, struct net_conn *conn)
{
    sessions_peer = net_conn_peer(conn);
    snprintf(peer_seen, sizeof(peer_seen), "%.*s", STR_ARG(sessions_peer));
    snprintf(local_seen, sizeof(local_seen), "%.*s", STR_ARG(net_conn_local(conn)));
    struct net_client_certificate certificate;
    assert_false(net_conn_client_certificate(conn, &certificate));
    assert_int_equal(net_conn_server_name(conn).size, 0);
    return echo_opened(endpoint, conn);
}

static void six_client(struct rig *rig)
{
    struct client client = {.fd = socket(AF_INET6, SOCK_STREAM, 0)};
    const struct sockaddr_in6 address = {.sin6_family = AF_INET6,
                                         .sin6_port = htons(rig->plain_port),
                                         .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    CLIENT_CHECK(rig, connect(client.fd, (const struct sockaddr *)&address, sizeof(address)) == 0);
    CLIENT_CHECK(rig, client_send(&client, "six", 3));
    CLIENT_CHECK(rig, client_expect(&client, "six"));
    client_close(&client);
}

static void both_address_families_are_served_on_one_port(void **state)
{
    (void)state;
    struct net_protocol protocol = echo;
    protocol.opened = looking_opened;
    struct rig rig = {0};
    struct echo seen = {0};
    rig.endpoint = &rig;
    rig.client_ctx = &seen;
    rig_create(&rig);
    struct problem problem;
    uint16_t again = 0;
    struct net_listener_config config = {
        .address = STR("::1"), .protocol = &protocol, .endpoint = &rig};
    if (net_listen(rig.net, &config, &rig.plain_port, &problem) != STATUS_OK) {
        rig_finish(&rig);
        skip(); /* a machine without IPv6 */
    }
    config.address = STR("127.0.0.1");
    config.port = rig.plain_port;
    assert_int_equal(net_listen(rig.net, &config, &again, &problem), STATUS_OK);
    assert_int_equal(again, rig.plain_port);
    rig_run(&rig, six_client);
    rig_finish(&rig);
    char expected[64];
    snprintf(expected, sizeof(expected), "[::1]:%u", rig.plain_port);
    assert_string_equal(local_seen, expected);
    assert_true(strncmp(peer_seen, "[::1]:", 6) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_words_arrive_though_the_peer_keeps_talking),
        cmocka_unit_test(a_reset_is_a_reset),
        cmocka_unit_test(a_reset_right_behind_data_is_noticed),
        cmocka_unit_test(the_first_reason_stands),
        cmocka_unit_test(who_gets_no_session_is_closed_and_never_reported),
        cmocka_unit_test(who_leaves_after_the_handshake_may_not_trust_us),
        cmocka_unit_test(who_does_not_read_is_closed_at_the_limit),
        cmocka_unit_test(drained_keeps_a_stream_going_within_the_limit),
        cmocka_unit_test(what_came_during_a_pause_is_offered_after_it),
        cmocka_unit_test(strangers_are_refused_and_nobody_else_notices),
        cmocka_unit_test(who_does_not_finish_the_handshake_in_time_is_closed),
        cmocka_unit_test(without_descriptors_new_connections_wait),
        cmocka_unit_test(ports_that_cannot_be_had_are_explained),
        cmocka_unit_test(both_address_families_are_served_on_one_port),
    };
    return cmocka_run_group_tests(tests, rig_group_setup, rig_group_teardown);
}
