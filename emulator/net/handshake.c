/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/log.h"
#include "net/net_internal.h"
#include "net/tls.h"
#include "net/tls_words_internal.h"

/*
 * A handshake costs 170-360 us of CPU, so its steps run on libuv's threads. While a worker has the
 * connection (conn->busy) this thread touches neither `ssl` nor the descriptor. OpenSSL's errors
 * are per thread: the worker itself takes them along.
 */
struct handshake {
    uv_work_t work;
    struct net_conn *conn;
    SSL_CTX *context;    /* borrowed */
    SSL *ssl;            /* owned until it is done */
    struct list waiting; /* net->handshakes_waiting, while there are enough others */
    int fd;
    int verdict;         /* SSL_ERROR_... of the last step; SSL_ERROR_NONE: done */
    unsigned long error; /* OpenSSL's first */
    int error_number;    /* errno, when OpenSSL has none */
    bool abandoned;
};

static void handshake_free(struct handshake *handshake)
{
    SSL_free(handshake->ssl);
    mem_free(handshake);
}

/* On a worker thread. */
static void step(uv_work_t *work)
{
    struct handshake *handshake = work->data;
    ERR_clear_error();
    errno = 0;
    if (handshake->ssl == NULL) {
        handshake->ssl = SSL_new(handshake->context);
        if (handshake->ssl == NULL || SSL_set_fd(handshake->ssl, handshake->fd) != 1) {
            handshake->verdict = SSL_ERROR_SSL;
            handshake->error = ERR_peek_error();
            return;
        }
        SSL_set_accept_state(handshake->ssl);
    }
    const int rc = SSL_do_handshake(handshake->ssl);
    handshake->error_number = errno;
    handshake->verdict = rc == 1 ? SSL_ERROR_NONE : SSL_get_error(handshake->ssl, rc);
    handshake->error = ERR_peek_error();
    ERR_clear_error();
}

static void failed(struct net_conn *conn, const char *words)
{
    LOG_WARN("net", "conn=%" PRIu64 " peer=%s port=%u TLS handshake failed: %s", conn->id,
             conn->peer, conn->listener->port, words);
    conn->net->figures.handshakes_failed++;
    handshake_free(TAKE(conn->handshake));
    /* OpenSSL has written its alert: it must arrive. */
    conn_refuse(conn, NULL);
}

/*
 * We have nothing to say after the last message of a handshake, so its acknowledgement would be
 * delayed by 40 ms, and a client that leaves Nagle's algorithm on would hold its first request back
 * until then.
 */
static void acknowledge_now(const struct net_conn *conn)
{
    const int on = 1;
    setsockopt(conn->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

static void stepped(uv_work_t *work, int status);

static void step_queue(struct handshake *handshake)
{
    struct net *net = handshake->conn->net;
    net->handshakes_running++;
    const int rc = uv_queue_work(&net->loop, &handshake->work, step, stepped);
    assert(rc == 0); /* it only refuses a work without a function */
}

static void step_next(struct net *net)
{
    if (!list_empty(&net->handshakes_waiting)) {
        struct handshake *next =
            LIST_ENTRY(net->handshakes_waiting.next, struct handshake, waiting);
        list_remove(&next->waiting);
        step_queue(next);
    }
}

static void stepped(uv_work_t *work, int status)
{
    struct handshake *handshake = work->data;
    struct net_conn *conn = handshake->conn;
    conn->busy = false;
    conn->net->handshakes_running--;
    step_next(conn->net);
    if (handshake->abandoned || status != 0) {
        handshake_free(TAKE(conn->handshake));
        conn_destroy(conn);
        return;
    }
    switch (handshake->verdict) {
    case SSL_ERROR_NONE:
        conn->ssl = TAKE(handshake->ssl);
        handshake_free(TAKE(conn->handshake));
        conn->want_write = false;
        acknowledge_now(conn);
        conn_open(conn);
        return;
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        conn->want_write = handshake->verdict == SSL_ERROR_WANT_WRITE;
        conn_arm(conn);
        return;
    default: {
        char words[TLS_WORDS_SIZE];
        conn->peer_closed = handshake->verdict == SSL_ERROR_SYSCALL;
        tls_words(handshake->error, handshake->error_number, net_tls_ca_path(conn->listener->tls),
                  words);
        failed(conn, words);
    }
    }
}

void handshake_continue(struct net_conn *conn)
{
    struct net *net = conn->net;
    conn->busy = true;
    conn_arm(conn);
    if (net->handshakes_running < NET_HANDSHAKES_RUNNING) {
        step_queue(conn->handshake);
    } else {
        list_append(&net->handshakes_waiting, &conn->handshake->waiting);
    }
}

void handshake_start(struct net_conn *conn)
{
    struct handshake *handshake = mem_zalloc(sizeof(*handshake));
    if (handshake == NULL) {
        LOG_ERROR("net", "conn=%" PRIu64 " refused: out of memory", conn->id);
        conn_destroy(conn);
        return;
    }
    handshake->work.data = handshake;
    list_init(&handshake->waiting);
    handshake->conn = conn;
    handshake->context = net_tls_context(conn->listener->tls);
    handshake->fd = conn->fd;
    conn->handshake = handshake;
    conn->state = CONN_HANDSHAKE;
    handshake_continue(conn);
}

bool handshake_abandon(struct net_conn *conn)
{
    if (!conn->busy || !list_empty(&conn->handshake->waiting)) {
        conn->busy = false;
        list_remove(&conn->handshake->waiting);
        handshake_free(TAKE(conn->handshake));
        return true;
    }
    conn->handshake->abandoned = true;
    uv_cancel((uv_req_t *)&conn->handshake->work); /* comes back at once if it had not begun */
    return false;
}

void handshake_too_slow(struct net_conn *conn)
{
    if (conn->busy) { /* our own machine is slow: that is not the peer's fault */
        conn_deadline_set(conn, DEADLINE_HANDSHAKE);
        return;
    }
    char words[TLS_WORDS_SIZE];
    snprintf(words, sizeof(words), "the client did not finish it in %d s",
             (int)(conn->net->deadline_lengths_us[DEADLINE_HANDSHAKE] / 1000000));
    failed(conn, words);
}
