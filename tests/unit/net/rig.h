/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_NET_RIG_H
#define TESTS_UNIT_NET_RIG_H

/*
 * A loop with a TLS and a plain listener on the test's own thread, and a client on another. The
 * client is blocking OpenSSL and plain sockets, as most SDKs are. When it returns the loop stops;
 * what it found wrong is asserted after the two have met again, as cmocka's asserts must not be
 * used on its thread.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "check.h"

#include "base/buf.h"
#include "base/clock.h"
#include "net/net.h"
#include "net/net_internal.h"
#include "net/tls.h"

#define RIG_TIMEOUT_S 20

struct rig {
    struct net *net;
    uint16_t tls_port;
    uint16_t plain_port;
    void *endpoint;

    void (*client)(struct rig *rig);
    void *client_ctx;
    pthread_t thread;
    int done[2]; /* the client writes a byte when it ends */
    struct net_watch *watch;
    const char *wrong; /* the first thing the client found wrong; read after the join */
    int wrong_line;

    bool commit_fails; /* what the next commit answers is no */
    unsigned commits;
    int64_t sleep_us;
    unsigned wakes;
    void (*on_wake)(struct rig *rig);
    void (*on_commit)(struct rig *rig);
};

/* One CA for all tests of a program. */
static struct net_tls *rig_tls;
static char rig_directory[] = "/tmp/net-test-XXXXXX";

#define CLIENT_CHECK(rig, condition) client_check((rig), (condition), #condition, __LINE__)

static inline bool client_check(struct rig *rig, bool good, const char *what, int line)
{
    if (!good && rig->wrong == NULL) {
        rig->wrong = what;
        rig->wrong_line = line;
    }
    return good;
}

/* ---- the program's CA ---- */

static inline int rig_group_setup(void **state)
{
    (void)state;
    struct problem problem;
    enum net_tls_made made;
    if (mkdtemp(rig_directory) == NULL) {
        return -1;
    }
    const struct net_tls_config config = {.directory = rig_directory};
    return net_tls_create(&config, &rig_tls, &made, &problem) == STATUS_OK ? 0 : -1;
}

static inline void rig_directory_remove(const char *directory)
{
    static const char *const names[] = {"ca.pem",
                                        "ca-key.pem",
                                        "server-ec.pem",
                                        "server-rsa.pem",
                                        "server-ec-key.pem",
                                        "ca-bundle.pem",
                                        "server-rsa-key.pem"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        char path[256];
        snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
        unlink(path);
    }
    rmdir(directory);
}

static inline int rig_group_teardown(void **state)
{
    (void)state;
    net_tls_destroy(rig_tls);
    rig_directory_remove(rig_directory);
    return 0;
}

/* ---- the loop's side ---- */

static inline int64_t rig_sleep_us(void *ctx)
{
    return ((struct rig *)ctx)->sleep_us;
}

static inline void rig_wake(void *ctx)
{
    struct rig *rig = ctx;
    rig->wakes++;
    if (rig->on_wake != NULL) {
        rig->on_wake(rig);
    }
}

static inline bool rig_commit(void *ctx)
{
    struct rig *rig = ctx;
    rig->commits++;
    if (rig->on_commit != NULL) {
        rig->on_commit(rig);
    }
    if (rig->commit_fails) {
        rig->commit_fails = false;
        return false;
    }
    return true;
}

static inline void rig_client_done(void *ctx, int events)
{
    (void)events;
    struct rig *rig = ctx;
    net_watch_destroy(TAKE(rig->watch));
    net_stop(rig->net);
}

static inline void *rig_thread(void *ctx)
{
    struct rig *rig = ctx;
    rig->client(rig);
    const char byte = 0;
    CLIENT_CHECK(rig, write(rig->done[1], &byte, 1) == 1);
    return NULL;
}

static inline void rig_listen(struct rig *rig, const struct net_protocol *protocol,
                              struct net_tls *tls, uint16_t *ret_port)
{
    struct problem problem = {0};
    const struct net_listener_config config = {
        .address = STR("127.0.0.1"), .tls = tls, .protocol = protocol, .endpoint = rig->endpoint};
    assert_int_equal(net_listen(rig->net, &config, ret_port, &problem), STATUS_OK);
}

static inline void rig_create(struct rig *rig)
{
    const struct net_hooks hooks = {
        .ctx = rig, .sleep_us = rig_sleep_us, .wake = rig_wake, .commit = rig_commit};
    rig->sleep_us = INT64_MAX;
    assert_int_equal(net_create(&hooks, &rig->net), STATUS_OK);
}

/* Runs loop and client to the end of the client; the loop stays, for rig_finish(). */
static inline void rig_run(struct rig *rig, void (*client)(struct rig *rig))
{
    rig->client = client;
    assert_int_equal(pipe(rig->done), 0);
    assert_int_equal(net_watch_create(rig->net, rig->done[0], rig_client_done, rig, &rig->watch),
                     STATUS_OK);
    assert_int_equal(net_watch_set(rig->watch, NET_READABLE), STATUS_OK);
    assert_int_equal(pthread_create(&rig->thread, NULL, rig_thread, rig), 0);
    const enum status status = net_run(rig->net);
    pthread_join(rig->thread, NULL);
    assert_int_equal(status, STATUS_OK);
    net_watch_destroy(TAKE(rig->watch));
    close(rig->done[0]);
    close(rig->done[1]);
    if (rig->wrong != NULL) {
        print_error("the client, line %d: %s\n", rig->wrong_line, rig->wrong);
        fail();
    }
}

static inline void rig_finish(struct rig *rig)
{
    net_destroy(TAKE(rig->net));
}

/* The whole of an ordinary test: `protocol` behind both ports, `client` against it. */
static inline void rig_play(struct rig *rig, const struct net_protocol *protocol,
                            void (*client)(struct rig *rig))
{
    rig_create(rig);
    rig_listen(rig, protocol, rig_tls, &rig->tls_port);
    rig_listen(rig, protocol, NULL, &rig->plain_port);
    rig_run(rig, client);
    rig_finish(rig);
}

/* ---- the client's side: a connection, plain or TLS ---- */

struct client {
    int fd;
    SSL_CTX *context;
    SSL *ssl;
};

static inline bool client_dial(struct client *client, uint16_t port)
{
    *client = (struct client){.fd = socket(AF_INET, SOCK_STREAM, 0)};
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(port),
                                        .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    const struct timeval timeout = {.tv_sec = RIG_TIMEOUT_S};
    const int on = 1;
    setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return connect(client->fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
}

static inline SSL_CTX *client_context(void)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (context != NULL) {
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
        SSL_CTX_load_verify_locations(context, net_tls_ca_path(rig_tls), NULL);
        SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
    }
    return context;
}

/* Takes over `context`. */
static inline bool client_handshake(struct client *client, SSL_CTX *context)
{
    char name[] = "localhost"; /* OpenSSL's macro casts the const of a literal away */
    client->context = context;
    client->ssl = SSL_new(context);
    return client->ssl != NULL && SSL_set_fd(client->ssl, client->fd) == 1 &&
           SSL_set_tlsext_host_name(client->ssl, name) == 1 &&
           SSL_set1_host(client->ssl, "localhost") == 1 && SSL_connect(client->ssl) == 1;
}

static inline bool client_connect(struct client *client, struct rig *rig, bool tls)
{
    if (!client_dial(client, tls ? rig->tls_port : rig->plain_port)) {
        return false;
    }
    return !tls || client_handshake(client, client_context());
}

static inline void client_close(struct client *client)
{
    if (client->ssl != NULL) {
        SSL_shutdown(client->ssl);
    }
    SSL_free(client->ssl);
    SSL_CTX_free(client->context);
    close(client->fd);
    ERR_clear_error();
}

static inline bool client_send(struct client *client, const void *data, size_t size)
{
    const char *at = data;
    while (size > 0) {
        const ssize_t sent = client->ssl != NULL
                                 ? SSL_write(client->ssl, at, size > 65536 ? 65536 : (int)size)
                                 : send(client->fd, at, size, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        at += sent;
        size -= (size_t)sent;
    }
    return true;
}

/* What recv() would give: 0 at the end, -1 on an error, a reset among them. */
static inline ssize_t client_receive(struct client *client, void *to, size_t room)
{
    if (client->ssl == NULL) {
        return recv(client->fd, to, room, 0);
    }
    const int size = SSL_read(client->ssl, to, (int)room);
    if (size > 0) {
        return size;
    }
    return SSL_get_error(client->ssl, size) == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}

/* Exactly `size` bytes. */
static inline bool client_receive_all(struct client *client, void *to, size_t size)
{
    char *at = to;
    while (size > 0) {
        const ssize_t got = client_receive(client, at, size);
        if (got <= 0) {
            return false;
        }
        at += got;
        size -= (size_t)got;
    }
    return true;
}

static inline bool client_expect(struct client *client, const char *text)
{
    char got[512];
    const size_t size = strlen(text);
    return size <= sizeof(got) && client_receive_all(client, got, size) &&
           memcmp(got, text, size) == 0;
}

/* Nothing more comes, and the end is an orderly one. */
static inline bool client_expect_end(struct client *client)
{
    char byte;
    return client_receive(client, &byte, 1) == 0;
}

#endif
