/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <assert.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "net/net_internal.h"
#include "net/websocket_internal.h"

/* ---- deadlines ---- */

static void sweep_fired(uv_timer_t *timer)
{
    conn_deadlines_sweep(timer->data);
}

void conn_deadline_clear(struct net_conn *conn)
{
    struct net *net = conn->net;
    if (list_empty(&conn->deadline_link)) {
        return;
    }
    list_remove(&conn->deadline_link);
    net->deadline_count--;
    if (net->deadline_count == 0) {
        uv_timer_stop(&net->sweep);
    }
}

void conn_deadline_set(struct net_conn *conn, enum conn_deadline deadline)
{
    struct net *net = conn->net;
    conn_deadline_clear(conn);
    conn->deadline_us = clock_monotonic_us() + net->deadline_lengths_us[deadline];
    list_append(&net->deadlines[deadline], &conn->deadline_link);
    if (net->deadline_count == 0) {
        uv_timer_start(&net->sweep, sweep_fired, NET_SWEEP_MS, NET_SWEEP_MS);
    }
    net->deadline_count++;
}

static void deadline_passed(struct net_conn *conn)
{
    switch (conn->state) {
    case CONN_STRANGER:
        conn_stranger_refuse(conn);
        break;
    case CONN_NEW:
        LOG_DEBUG("net", "conn=%" PRIu64 " peer=%s closed: it sent nothing", conn->id, conn->peer);
        conn_destroy(conn);
        break;
    case CONN_HANDSHAKE:
        handshake_too_slow(conn);
        break;
    case CONN_FLUSHING:
    case CONN_LINGERING:
        conn_destroy(conn);
        break;
    case CONN_OPEN:
        conn_mark(conn, "its first request did not come in time", true);
        break;
    case CONN_GONE:
        assert(false && "a deadline in a state that has none");
    }
}

void conn_deadlines_sweep(struct net *net)
{
    const int64_t now_us = clock_monotonic_us();
    for (size_t i = 0; i < DEADLINE_COUNT; i++) {
        while (!list_empty(&net->deadlines[i])) {
            struct net_conn *conn =
                LIST_ENTRY(net->deadlines[i].next, struct net_conn, deadline_link);
            if (conn->deadline_us > now_us) {
                break;
            }
            conn_deadline_clear(conn);
            deadline_passed(conn);
        }
    }
}

/* ---- the poll handle ---- */

static int wanted_events(const struct net_conn *conn)
{
    const int write = conn->want_write ? UV_WRITABLE : 0;
    switch (conn->state) {
    case CONN_NEW:
    case CONN_STRANGER:
    case CONN_LINGERING:
        return UV_READABLE;
    case CONN_HANDSHAKE:
        if (conn->busy) {
            return 0;
        }
        return conn->want_write ? UV_WRITABLE : UV_READABLE;
    case CONN_OPEN:
        return (conn->paused || conn->marked ? 0 : UV_READABLE) | write;
    case CONN_FLUSHING:
        return write;
    case CONN_GONE:
        return 0;
    }
    return 0;
}

static void conn_ready(uv_poll_t *poll, int status, int events)
{
    struct net_conn *conn = poll->data;
    if (status < 0) { /* whatever is tried next says what is wrong */
        events = UV_READABLE | UV_WRITABLE;
        conn->events = 0; /* libuv polls no further */
    }
    switch (conn->state) {
    case CONN_NEW:
        conn_sniff(conn);
        break;
    case CONN_STRANGER:
        conn_stranger_read(conn);
        break;
    case CONN_HANDSHAKE:
        handshake_continue(conn);
        break;
    case CONN_OPEN:
        if ((events & UV_WRITABLE) != 0) {
            conn_dirty(conn);
        }
        /* TLS may have been waiting to write in order to read. */
        if ((events & UV_READABLE) != 0 || conn->ssl != NULL) {
            conn_read(conn);
        }
        break;
    case CONN_FLUSHING:
        conn_write(conn); /* it was committed when the session ended */
        break;
    case CONN_LINGERING:
        conn_linger(conn);
        break;
    case CONN_GONE:
        break;
    }
    if (status < 0) { /* what was tried may have found something to read before the error */
        conn_arm(conn);
    }
}

void conn_arm(struct net_conn *conn)
{
    const int events = wanted_events(conn);
    if (conn->state == CONN_GONE || events == conn->events) {
        return;
    }
    conn->events = events;
    if (events == 0) {
        uv_poll_stop(&conn->poll);
    } else {
        uv_poll_start(&conn->poll, events, conn_ready);
    }
}

/* ---- from accept() to close() ---- */

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static void address_text(const union address *address, char out[NET_ADDRESS_SIZE])
{
    char host[INET6_ADDRSTRLEN] = "?";
    if (address->any.sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &address->v6.sin6_addr, host, sizeof(host));
        snprintf(out, NET_ADDRESS_SIZE, "[%s]:%u", host, (unsigned)ntohs(address->v6.sin6_port));
        return;
    }
    inet_ntop(AF_INET, &address->v4.sin_addr, host, sizeof(host));
    snprintf(out, NET_ADDRESS_SIZE, "%s:%u", host, (unsigned)ntohs(address->v4.sin_port));
}

static void addresses_read(struct net_conn *conn)
{
    union address address;
    memset(&address, 0, sizeof(address));
    socklen_t size = sizeof(address);
    if (getpeername(conn->fd, &address.any, &size) == 0) {
        address_text(&address, conn->peer);
    }
    size = sizeof(address);
    if (getsockname(conn->fd, &address.any, &size) == 0) {
        address_text(&address, conn->local);
    }
}

void conn_accept(struct net_listener *listener, int fd)
{
    struct net *net = listener->net;
    struct net_conn *conn = mem_zalloc(sizeof(*conn));
    if (conn == NULL || uv_poll_init(&net->loop, &conn->poll, fd) != 0) {
        LOG_ERROR("net", "a connection is refused: out of memory");
        mem_free(conn);
        close(fd);
        return;
    }
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    conn->poll.data = conn;
    conn->net = net;
    conn->listener = listener;
    conn->protocol = listener->protocol;
    conn->fd = fd;
    conn->id = ++net->conn_id_last;
    addresses_read(conn);
    buf_init(&conn->input, listener->protocol->input_max + 2 * NET_SCRATCH_SIZE);
    buf_init(&conn->output, listener->protocol->output_max);
    list_init(&conn->dirty_link);
    list_init(&conn->marked_link);
    list_init(&conn->ready_link);
    list_init(&conn->deadline_link);
    list_append(&net->conns, &conn->all_link);
    conn_deadline_set(conn, DEADLINE_HANDSHAKE);
    net->figures.accepted++;
    net->figures.open++;
    conn_arm(conn);
}

static void free_conn(uv_handle_t *handle)
{
    mem_free(handle->data);
}

void conn_destroy(struct net_conn *conn)
{
    assert(conn->session == NULL && conn->state != CONN_GONE && !conn->busy);

    struct net *net = conn->net;
    conn_deadline_clear(conn);
    list_remove(&conn->all_link);
    list_remove(&conn->dirty_link);
    list_remove(&conn->marked_link);
    list_remove(&conn->ready_link);
    conn->state = CONN_GONE;
    net->figures.open--;
    uv_close((uv_handle_t *)&conn->poll, free_conn);
    SSL_free(TAKE(conn->ssl));
    websocket_destroy(TAKE(conn->websocket));
    if (conn->reset) {
        const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
        setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    }
    close(conn->fd);
    buf_finish(&conn->input);
    buf_finish(&conn->output);
    mem_free(TAKE(conn->why));
    listeners_accept_again(net); /* there is a descriptor to spare now */
}

void conn_open(struct net_conn *conn)
{
    const struct net_listener *listener = conn->listener;
    conn_deadline_clear(conn);
    conn->state = CONN_OPEN;
    net_touch(conn->net);
    conn->session = conn->protocol->opened(listener->endpoint, conn);
    if (conn->session == NULL) {
        conn_mark(conn, "refused", true);
        return;
    }
    /* What came with the last of the handshake is inside OpenSSL already: no poll will tell. */
    list_append(&conn->net->ready, &conn->ready_link);
    conn_arm(conn);
}

bool conn_upgrade(struct net_conn *conn, const struct net_protocol *protocol, void *endpoint)
{
    assert(conn->state == CONN_OPEN && !conn->marked && conn->websocket == NULL);

    if (websocket_create(protocol->output_max, &conn->websocket) != STATUS_OK) {
        return false;
    }
    conn_deadline_clear(conn);
    conn->protocol = protocol;
    conn->input.size_max = protocol->input_max + 2 * NET_SCRATCH_SIZE;
    conn->output.size_max = protocol->output_max + WEBSOCKET_OVERHEAD_MAX;
    conn->session = protocol->opened(endpoint, conn);
    if (conn->session == NULL) {
        conn_mark(conn, "refused", true);
    }
    return true;
}

void conn_mark(struct net_conn *conn, const char *why, bool by_us)
{
    assert(conn->state == CONN_OPEN);

    if (conn->marked) {
        return;
    }
    conn->marked = true;
    conn->by_us = by_us;
    const struct str text = str_from(why);
    conn->why = mem_alloc(text.size + 1);
    if (conn->why != NULL) {
        memcpy(conn->why, why, text.size + 1);
    }
    list_remove(&conn->ready_link);
    list_append(&conn->net->marked, &conn->marked_link);
    conn_arm(conn);
}

static void session_end(struct net_conn *conn)
{
    void *session = TAKE(conn->session);
    conn->state = CONN_FLUSHING;
    if (session != NULL) {
        net_touch(conn->net);
        conn->protocol->closed(session, conn->why == NULL ? "closed" : conn->why, conn->by_us);
    }
    if (conn->reset || conn->broken || conn->write_dead) {
        conn_destroy(conn);
        return;
    }
    buf_finish(&conn->input);
    conn_deadline_set(conn, DEADLINE_FLUSH);
    conn_dirty(conn);
    conn_arm(conn);
}

void conns_close_marked(struct net *net)
{
    while (!list_empty(&net->marked)) { /* one that closes may mark others */
        struct net_conn *conn = LIST_ENTRY(net->marked.next, struct net_conn, marked_link);
        list_remove(&conn->marked_link);
        session_end(conn);
    }
}

void conn_refuse(struct net_conn *conn, const char *text)
{
    assert(conn->session == NULL && conn->ssl == NULL);

    conn->state = CONN_FLUSHING;
    if (text != NULL) {
        buf_append_str(&conn->output, str_from(text));
    }
    conn_deadline_set(conn, DEADLINE_FLUSH);
    conn_write(conn);
}

void conns_stop(struct net *net)
{
    for (struct list *link = net->conns.next; link != &net->conns;) {
        struct net_conn *conn = LIST_ENTRY(link, struct net_conn, all_link);
        link = link->next;
        switch (conn->state) {
        case CONN_OPEN:
            conn_mark(conn, "the server is stopping", true);
            break;
        case CONN_HANDSHAKE:
            if (handshake_abandon(conn)) {
                conn_destroy(conn);
            }
            break;
        case CONN_NEW:
        case CONN_STRANGER:
            conn_destroy(conn);
            break;
        case CONN_FLUSHING:
        case CONN_LINGERING:
        case CONN_GONE:
            break;
        }
    }
}

/* ---- what the endpoints may ask and do ---- */

void conn_dirty(struct net_conn *conn)
{
    if (list_empty(&conn->dirty_link)) {
        list_append(&conn->net->dirty, &conn->dirty_link);
    }
}

uint64_t net_conn_id(const struct net_conn *conn)
{
    return conn->id;
}

struct str net_conn_peer(const struct net_conn *conn)
{
    return str_from(conn->peer);
}

struct str net_conn_local(const struct net_conn *conn)
{
    return str_from(conn->local);
}

struct str net_conn_server_name(const struct net_conn *conn)
{
    const char *name =
        conn->ssl == NULL ? NULL : SSL_get_servername(conn->ssl, TLSEXT_NAMETYPE_host_name);
    return name == NULL ? STR_EMPTY : str_from(name);
}

struct buf *net_conn_output(struct net_conn *conn)
{
    net_touch(conn->net);
    conn_dirty(conn);
    return conn->websocket == NULL ? &conn->output : websocket_output(conn->websocket);
}

enum status conn_output_status(const struct net_conn *conn)
{
    const enum status inner =
        conn->websocket == NULL ? STATUS_OK : buf_status(websocket_output(conn->websocket));
    return inner != STATUS_OK ? inner : buf_status(&conn->output);
}

size_t net_conn_unsent(const struct net_conn *conn)
{
    const size_t unframed = conn->websocket == NULL ? 0 : websocket_output(conn->websocket)->size;
    return conn->output.size + unframed;
}

void net_conn_close(struct net_conn *conn, const char *why)
{
    conn_mark(conn, why, true);
}

void net_conn_reset(struct net_conn *conn, const char *why)
{
    conn_mark(conn, why, true);
    conn->reset = true;
}

void net_conn_pause(struct net_conn *conn, bool paused)
{
    if (conn->paused == paused || conn->state != CONN_OPEN || conn->marked) {
        return;
    }
    conn->paused = paused;
    if (!paused) {
        conn->again = conn->input.size > 0;
        list_append(&conn->net->ready, &conn->ready_link);
    } else {
        list_remove(&conn->ready_link);
    }
    conn_arm(conn);
}
