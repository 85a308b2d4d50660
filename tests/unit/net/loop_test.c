/* SPDX-License-Identifier: MIT */
#include "net/net.h"

#include "rig.h"

/* ---- the protocol under these tests: it sends back what it gets ---- */

struct echo {
    unsigned opened;
    unsigned closed;
    unsigned by_us;
    char why[256];
};

struct session {
    struct echo *echo;
    struct net_conn *conn;
};

static struct session sessions[512];

static void *echo_opened(void *endpoint, struct net_conn *conn)
{
    struct rig *rig = endpoint;
    struct echo *echo = rig->client_ctx;
    struct session *session = &sessions[echo->opened % ARRAY_SIZE(sessions)];
    echo->opened++;
    session->echo = echo;
    session->conn = conn;
    return session;
}

static size_t echo_received(void *ctx, struct str data)
{
    struct session *session = ctx;
    buf_append_str(net_conn_output(session->conn), data);
    return data.size;
}

static void echo_closed(void *ctx, const char *why, bool by_us)
{
    struct session *session = ctx;
    session->echo->closed++;
    session->echo->by_us += by_us ? 1U : 0U;
    snprintf(session->echo->why, sizeof(session->echo->why), "%s", why);
}

#define ECHO_PROTOCOL                                                                              \
    .name = "echo", .opened = echo_opened, .received = echo_received, .closed = echo_closed,       \
    .input_max = 1024, .output_max = 64 * 1024 * 1024

static const struct net_protocol echo = {ECHO_PROTOCOL,
                                         .plain_text_refusal = "go away, politely\r\n"};

static void play(const struct net_protocol *protocol, struct rig *rig, struct echo *seen,
                 void (*client)(struct rig *rig))
{
    rig->endpoint = rig;
    rig->client_ctx = seen;
    rig_play(rig, protocol, client);
}

static void one_echo(struct rig *rig, bool tls)
{
    struct client client;
    CLIENT_CHECK(rig, client_connect(&client, rig, tls));
    CLIENT_CHECK(rig, client_send(&client, "hello", 5));
    CLIENT_CHECK(rig, client_expect(&client, "hello"));
    client_close(&client);
}

static void plain_client(struct rig *rig)
{
    one_echo(rig, false);
}

static void tls_client(struct rig *rig)
{
    one_echo(rig, true);
}

static void bytes_come_back_over_plain_tcp(void **state)
{
    (void)state;
    struct rig rig = {0};
    struct echo seen = {0};
    play(&echo, &rig, &seen, plain_client);
    assert_int_equal(seen.opened, 1);
    assert_int_equal(seen.closed, 1);
}

static void bytes_come_back_over_tls(void **state)
{
    (void)state;
    struct rig rig = {0};
    struct echo seen = {0};
    play(&echo, &rig, &seen, tls_client);
    assert_int_equal(seen.opened, 1);
    assert_int_equal(seen.closed, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_come_back_over_plain_tcp),
        cmocka_unit_test(bytes_come_back_over_tls),
    };
    return cmocka_run_group_tests(tests, rig_group_setup, rig_group_teardown);
}
