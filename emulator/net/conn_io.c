/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <openssl/err.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/log.h"
#include "net/net_internal.h"
#include "net/websocket_internal.h"

/* How one attempt to read or write ended. */
enum io {
    IO_OK,
    IO_WAIT_READ,
    IO_WAIT_WRITE,
    IO_END,    /* the peer has closed its end */
    IO_FAILED, /* net->trouble says why */
};

/* ---- the two transports ---- */

static enum io plain_verdict(struct net_conn *conn, enum io wait)
{
    if (errno == EAGAIN || errno == EINTR) {
        return wait;
    }
    snprintf(conn->net->trouble, sizeof(conn->net->trouble), "%s", strerror(errno));
    conn->broken = true;
    return IO_FAILED;
}

static enum io tls_verdict(struct net_conn *conn)
{
    char *trouble = conn->net->trouble;
    const size_t trouble_size = sizeof(conn->net->trouble);
    const int error_number = errno;
    switch (SSL_get_error(conn->ssl, 0)) {
    case SSL_ERROR_WANT_READ:
        return IO_WAIT_READ;
    case SSL_ERROR_WANT_WRITE:
        return IO_WAIT_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return IO_END;
    case SSL_ERROR_SYSCALL:
        if (error_number == 0) {
            return IO_END;
        }
        snprintf(trouble, trouble_size, "%s", strerror(error_number));
        break;
    default: {
        const char *reason = ERR_reason_error_string(ERR_peek_error());
        snprintf(trouble, trouble_size, "TLS error: %s", reason == NULL ? "unknown" : reason);
        ERR_clear_error();
    }
    }
    conn->broken = true;
    return IO_FAILED;
}

/* What another connection left in OpenSSL's queue would be taken for this one's. The queue is
 * nearly always empty: emptying it all the same costs 155 ns, looking 20. */
static void forget_errors(void)
{
    if (ERR_peek_error() != 0) {
        ERR_clear_error();
    }
    errno = 0;
}

static enum io transport_read(struct net_conn *conn, char *to, size_t room, size_t *ret_size)
{
    if (conn->ssl != NULL) {
        forget_errors();
        return SSL_read_ex(conn->ssl, to, room, ret_size) == 1 ? IO_OK : tls_verdict(conn);
    }
    const ssize_t size = recv(conn->fd, to, room, 0);
    if (size > 0) {
        *ret_size = (size_t)size;
        return IO_OK;
    }
    return size == 0 ? IO_END : plain_verdict(conn, IO_WAIT_READ);
}

static enum io transport_write(struct net_conn *conn, const char *data, size_t size,
                               size_t *ret_size)
{
    if (conn->ssl != NULL) {
        forget_errors();
        return SSL_write_ex(conn->ssl, data, size, ret_size) == 1 ? IO_OK : tls_verdict(conn);
    }
    const ssize_t sent = send(conn->fd, data, size, MSG_NOSIGNAL);
    if (sent >= 0) {
        *ret_size = (size_t)sent;
        return IO_OK;
    }
    return plain_verdict(conn, IO_WAIT_WRITE);
}

/* True when reading on may give something that no poll would tell of, or is likely to. */
static bool more_expected(const struct net_conn *conn, size_t asked, size_t got)
{
    return conn->ssl != NULL ? SSL_has_pending(conn->ssl) == 1 : got == asked;
}

/* ---- reading ---- */

static bool may_read(const struct net_conn *conn)
{
    return conn->state == CONN_OPEN && !conn->paused && !conn->marked;
}

static void input_forget(struct net_conn *conn)
{
    const size_t size_max = conn->input.size_max;
    buf_finish(&conn->input);
    buf_init(&conn->input, size_max);
}

/* Offers `data`; it lies in the scratch buffer or is the connection's input. */
static void offer(struct net_conn *conn, struct str data)
{
    net_touch(conn->net);
    const size_t taken = conn->protocol->received(conn->session, data);
    assert(taken <= data.size);

    if (taken == data.size || (conn->marked && conn->input.size > 0)) {
        input_forget(conn);
    } else if (conn->input.size > 0) {
        buf_consume(&conn->input, taken);
    } else if (!conn->marked) {
        buf_append_str(&conn->input, str_skip(data, taken));
    }
    if (buf_status(&conn->input) != STATUS_OK) {
        conn_mark(conn, "out of memory", true);
    } else if (conn->input.size > conn->protocol->input_max && may_read(conn)) {
        char why[128];
        snprintf(why, sizeof(why), "it sent more than %zu bytes that make no sense yet",
                 conn->protocol->input_max);
        conn_mark(conn, why, true);
    }
}

/* Takes the frames in the scratch buffer apart. Returns how many bytes of payload are there then.
 */
static size_t unframe(struct net_conn *conn, size_t size)
{
    const size_t before = conn->output.size;
    size = websocket_read(conn->websocket, conn->net->scratch, size, &conn->output);
    if (conn->output.size != before || buf_status(&conn->output) != STATUS_OK) {
        conn_dirty(conn); /* a pong */
    }
    return size;
}

/* A close frame is the peer's end, as a FIN is, once all that came before it has been taken. */
static void end_websocket(struct net_conn *conn)
{
    struct websocket_end end;
    if (conn->websocket == NULL || !may_read(conn) || !websocket_ended(conn->websocket, &end)) {
        return;
    }
    if (end.fault) {
        LOG_WARN("net", "conn=%" PRIu64 " peer=%s closed: %s", conn->id, conn->peer, end.why);
    }
    conn_mark(conn, end.why, end.fault);
}

/* `size` new bytes are in the scratch buffer. */
static void deliver(struct net_conn *conn, size_t size)
{
    conn->bytes_in += size;
    conn->net->figures.bytes_in += size;
    if (conn->websocket != NULL) {
        size = unframe(conn, size);
        if (size == 0) {
            return;
        }
    }
    const struct str data = str_of(conn->net->scratch, size);
    if (conn->input.size == 0) {
        offer(conn, data);
        return;
    }
    buf_append_str(&conn->input, data);
    if (buf_status(&conn->input) != STATUS_OK) {
        conn_mark(conn, "out of memory", true);
        return;
    }
    offer(conn, buf_str(&conn->input));
}

/* Reads up to `room` bytes into the scratch buffer. IO_OK: it was filled, more may be there. */
static enum io fill(struct net_conn *conn, size_t room, size_t *ret_size)
{
    size_t size = 0;
    enum io io = IO_OK;
    while (size < room) {
        size_t got = 0;
        io = transport_read(conn, conn->net->scratch + size, room - size, &got);
        if (io != IO_OK) {
            break;
        }
        const bool more = more_expected(conn, room - size, got);
        size += got;
        if (!more) {
            io = IO_WAIT_READ;
            break;
        }
    }
    *ret_size = size;
    return io;
}

static void read_ended(struct net_conn *conn, enum io io)
{
    switch (io) {
    case IO_OK:
    case IO_WAIT_READ:
        return;
    case IO_WAIT_WRITE: /* TLS has an answer of its own to send first */
        conn->want_write = true;
        return;
    case IO_END:
        conn->peer_closed = true;
        conn_mark(conn,
                  conn->ssl != NULL && conn->bytes_in == 0
                      ? "closed by the peer before it sent anything: clients that do not trust "
                        "the server's CA do that"
                      : "closed by the peer",
                  false);
        return;
    case IO_FAILED:
        conn_mark(conn, conn->net->trouble, false);
    }
}

void conn_read(struct net_conn *conn)
{
    size_t budget = NET_READ_PER_TICK;
    if (conn->again && may_read(conn)) {
        conn->again = false;
        offer(conn, buf_str(&conn->input));
    }
    end_websocket(conn); /* it may have come while the endpoint took a rest */
    while (may_read(conn)) {
        if (budget == 0) { /* the others' turn; the rest is for the next tick */
            list_remove(&conn->ready_link);
            list_append(&conn->net->ready, &conn->ready_link);
            break;
        }
        size_t got = 0;
        const size_t room = budget < NET_SCRATCH_SIZE ? budget : NET_SCRATCH_SIZE;
        const enum io io = fill(conn, room, &got);
        budget -= got;
        if (got > 0) {
            deliver(conn, got);
            end_websocket(conn);
        }
        if (io != IO_OK) {
            if (!conn->marked) {
                read_ended(conn, io);
            }
            break;
        }
    }
    conn_arm(conn);
}

/* ---- writing ---- */

void conn_output_forget(struct net_conn *conn)
{
    const size_t size_max = conn->output.size_max;
    buf_finish(&conn->output);
    buf_init(&conn->output, size_max);
    conn->output_committed = 0;
    if (conn->websocket != NULL) {
        buf_finish(websocket_output(conn->websocket));
    }
}

/* The peer takes no more. It may have sent things before that; they are read to the end, which is
 * then also the end of the connection. */
static void write_failed(struct net_conn *conn)
{
    conn_output_forget(conn);
    conn->want_write = false;
    conn->write_dead = true;
    if (conn->state == CONN_FLUSHING) {
        conn_destroy(conn);
        return;
    }
    if (conn->marked) {
        return;
    }
    if (conn->paused) {
        conn_mark(conn, conn->net->trouble, false);
        return;
    }
    conn->broken = false;
    list_remove(&conn->ready_link);
    list_append(&conn->net->ready, &conn->ready_link);
}

static void overflowed(struct net_conn *conn)
{
    char why[128];
    snprintf(why, sizeof(why), "it does not read: more than %zu bytes are waiting for it",
             conn->protocol->output_max);
    const bool out_of_memory = conn_output_status(conn) == STATUS_NO_MEMORY;
    conn_output_forget(conn);
    conn->reset = true; /* a message was cut: nothing that follows would make sense */
    if (conn->state == CONN_FLUSHING) {
        conn_destroy(conn);
    } else {
        conn_mark(conn, out_of_memory ? "out of memory" : why, true);
    }
}

static enum io send_output(struct net_conn *conn)
{
    size_t sent = 0;
    enum io io = IO_OK;
    while (sent < conn->output.size && io == IO_OK) {
        size_t size = 0;
        io = transport_write(conn, conn->output.data + sent, conn->output.size - sent, &size);
        sent += io == IO_OK ? size : 0;
    }
    conn->net->figures.bytes_out += sent;
    if (sent == conn->output.size) {
        conn_output_forget(conn);
    } else {
        buf_consume(&conn->output, sent);
        conn->output_committed = conn->output.size;
    }
    return io;
}

/* What the commit has let go becomes frames; the last one says that the session is over. */
static void frame_output(struct net_conn *conn)
{
    if (buf_status(websocket_output(conn->websocket)) != STATUS_OK) {
        return;
    }
    websocket_frame_output(conn->websocket, &conn->output);
    if (conn->state == CONN_FLUSHING && !conn->peer_closed) {
        websocket_close(conn->websocket, &conn->output);
    }
}

void conn_write(struct net_conn *conn)
{
    if (conn->state != CONN_OPEN && conn->state != CONN_FLUSHING) {
        return;
    }
    if (conn->write_dead) {
        conn_output_forget(conn);
        return;
    }
    if (conn->websocket != NULL) {
        frame_output(conn);
    }
    if (conn_output_status(conn) != STATUS_OK) {
        overflowed(conn);
        return;
    }
    const bool had_output = conn->output.size > 0;
    const enum io io = send_output(conn);
    if (io == IO_END || io == IO_FAILED) {
        write_failed(conn);
        return;
    }
    conn->want_write = io == IO_WAIT_WRITE;
    if (conn->output.size == 0 && conn->state == CONN_FLUSHING) {
        conn_shut(conn);
        return;
    }
    conn_arm(conn);
    if (conn->output.size == 0 && had_output && !conn->marked && conn->protocol->drained != NULL) {
        net_touch(conn->net);
        conn->protocol->drained(conn->session);
    }
}

/* ---- the end ---- */

void conn_shut(struct net_conn *conn)
{
    if (conn->ssl != NULL && !conn->broken) {
        ERR_clear_error();
        SSL_shutdown(conn->ssl); /* sends close_notify; the peer's is not waited for */
        ERR_clear_error();
    }
    if (conn->peer_closed || conn->broken || shutdown(conn->fd, SHUT_WR) != 0) {
        conn_destroy(conn);
        return;
    }
    /* Closing now, with something unread, would make the system send a reset, and that may destroy
     * our last words before the peer has read them. */
    conn->state = CONN_LINGERING;
    conn_deadline_set(conn, DEADLINE_LINGER);
    conn_arm(conn);
    conn_linger(conn);
}

void conn_linger(struct net_conn *conn)
{
    for (size_t budget = NET_READ_PER_TICK; budget >= NET_SCRATCH_SIZE;
         budget -= NET_SCRATCH_SIZE) {
        const ssize_t size = recv(conn->fd, conn->net->scratch, NET_SCRATCH_SIZE, 0);
        if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        conn->lingered += size > 0 ? (size_t)size : 0;
        if (size <= 0 || conn->lingered > NET_LINGER_SIZE) {
            conn_destroy(conn);
            return;
        }
    }
}
