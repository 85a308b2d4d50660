/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_NET_ECHO_RIG_H
#define TESTS_UNIT_NET_ECHO_RIG_H

/* A protocol that sends back what it gets and remembers how its sessions ended. Tests replace the
 * calls they are about. */
#include "rig.h"

struct echo {
    unsigned opened;
    unsigned closed;
    unsigned by_us;
    char why[256];
};

struct session {
    struct rig *rig;
    struct echo *echo;
    struct net_conn *conn;
};

static struct session sessions[512];

static inline void *echo_opened(void *endpoint, struct net_conn *conn)
{
    struct rig *rig = endpoint;
    struct echo *echo = rig->client_ctx;
    struct session *session = &sessions[echo->opened % ARRAY_SIZE(sessions)];
    echo->opened++;
    session->rig = rig;
    session->echo = echo;
    session->conn = conn;
    return session;
}

static inline size_t echo_received(void *ctx, struct str data)
{
    struct session *session = ctx;
    buf_append_str(net_conn_output(session->conn), data);
    return data.size;
}

static inline void echo_closed(void *ctx, const char *why, bool by_us)
{
    struct session *session = ctx;
    session->echo->closed++;
    session->echo->by_us += by_us ? 1U : 0U;
    snprintf(session->echo->why, sizeof(session->echo->why), "%s", why);
}

#define ECHO_PROTOCOL                                                                              \
    .name = "echo", .opened = echo_opened, .received = echo_received, .closed = echo_closed,       \
    .input_max = 1024, .output_max = (size_t)64 * 1024 * 1024

static const struct net_protocol echo = {ECHO_PROTOCOL,
                                         .plain_text_refusal = "go away, politely\r\n"};

static inline void play(const struct net_protocol *protocol, struct rig *rig, struct echo *seen,
                        void (*client)(struct rig *rig))
{
    rig->endpoint = rig;
    rig->client_ctx = seen;
    rig_play(rig, protocol, client);
}

static inline void one_echo(struct rig *rig, bool tls)
{
    struct client client;
    CLIENT_CHECK(rig, client_connect(&client, rig, tls));
    CLIENT_CHECK(rig, client_send(&client, "hello", 5));
    CLIENT_CHECK(rig, client_expect(&client, "hello"));
    client_close(&client);
}

#endif
