/* SPDX-License-Identifier: MIT */
#ifndef NET_NET_INTERNAL_H
#define NET_NET_INTERNAL_H

/* What the files of net/ know of each other: the loop, a listener, a connection. */
#include <openssl/ssl.h>
#include <uv.h>

#include "base/list.h"
#include "net/limits.h"
#include "net/net.h"

enum conn_state {
    CONN_NEW,       /* nothing has been read yet */
    CONN_STRANGER,  /* plain text on a TLS port: collecting enough of it to say what it is */
    CONN_HANDSHAKE, /* TLS is being set up, partly on another thread */
    CONN_OPEN,      /* the endpoint has a session */
    CONN_FLUSHING,  /* the session is over; what was queued still leaves */
    CONN_LINGERING, /* our end is closed; what the peer still sends is read and dropped */
    CONN_GONE,      /* the descriptor is closed; the memory waits for the loop to let go of it */
};

/* The deadlines a connection can be under, one at a time: each kind has one length, so each kind's
 * list is in the order of time. */
enum conn_deadline {
    DEADLINE_STRANGER,
    DEADLINE_HANDSHAKE, /* from accept() until the endpoint has it */
    DEADLINE_REQUEST,   /* until HTTP knows what its first request is */
    DEADLINE_FLUSH,
    DEADLINE_LINGER,
    DEADLINE_COUNT,
};

struct net {
    uv_loop_t loop;
    uv_prepare_t prepare; /* before each sleep */
    uv_check_t check;     /* after each poll: ends the tick */
    uv_idle_t idle;       /* running: the next poll does not sleep */
    uv_timer_t sleep;     /* bounds the next poll */
    uv_timer_t sweep;     /* looks for deadlines that passed; runs while there are any */
    uv_timer_t accept_again;
    uv_signal_t signals[2];
    struct net_hooks hooks;

    struct list conns;     /* all that have a descriptor */
    struct list dirty;     /* with output to write after the commit */
    struct list marked;    /* to be closed at the end of the tick */
    struct list ready;     /* had more to read than their share of the last tick */
    struct list tick_ends; /* struct net_tick_end by its link */
    struct list deadlines[DEADLINE_COUNT];
    int64_t deadline_lengths_us[DEADLINE_COUNT];
    size_t deadline_count;
    struct list handshakes_waiting; /* for a place in libuv's queue */
    size_t handshakes_running;
    struct net_listener *listeners; /* owned, linked by next */

    int64_t wake_at_us; /* monotonic; INT64_MAX: no timer */
    int64_t stop_by_us; /* when what still lingers is cut off */
    uint64_t conn_id_last;
    int64_t accept_logged_us; /* when running out of descriptors was last mentioned */
    bool accept_paused;       /* because we ran out of descriptors */
    bool touched;             /* a callback ran since the last commit */
    bool again;               /* the tick's end has left work for another */
    bool stopping;
    bool stop_begun;
    struct net_figures figures;

    char trouble[256];              /* what the last failed read or write died of */
    char scratch[NET_SCRATCH_SIZE]; /* all reading goes through here */
};

struct net_listener {
    uv_poll_t poll;
    struct net *net;
    struct net_listener *next;
    struct net_tls *tls; /* NULL: plain */
    const struct net_protocol *protocol;
    void *endpoint;
    int fd; /* -1 once closed */
    uint16_t port;
};

struct handshake; /* handshake.c */
struct websocket; /* websocket_internal.h */

struct net_conn {
    uv_poll_t poll;
    struct net *net;
    struct net_listener *listener;       /* lives as long as net */
    SSL *ssl;                            /* owned; NULL on a plain port */
    struct handshake *handshake;         /* owned while state is CONN_HANDSHAKE */
    const struct net_protocol *protocol; /* the listener's, or what a WebSocket carries */
    struct websocket *websocket; /* owned; NULL: the protocol's bytes are the connection's */
    void *session;               /* the endpoint's, while state is CONN_OPEN */
    struct buf input;            /* what received() left */
    struct buf output;
    size_t output_committed; /* how much of output earlier commits allowed to leave */
    char *why;               /* owned; why it is being closed */

    struct list all_link;
    struct list dirty_link;
    struct list marked_link;
    struct list ready_link;
    struct list deadline_link;
    int64_t deadline_us;
    size_t lingered; /* bytes read and dropped */

    uint64_t id;
    uint64_t bytes_in;
    int fd;
    int events; /* what poll is armed with */
    enum conn_state state;
    bool paused;
    bool want_write;  /* the socket was full */
    bool busy;        /* a worker thread has it, or soon will */
    bool again;       /* what input holds is to be offered once more */
    bool write_dead;  /* the peer takes nothing more; what it sent may still be read */
    bool marked;      /* on its way to closed() */
    bool by_us;       /* we, not the peer, ended it */
    bool reset;       /* end with a reset */
    bool peer_closed; /* the peer will send nothing more */
    bool broken;      /* neither reading nor writing makes sense any more */
    char peer[NET_ADDRESS_SIZE];
    char local[NET_ADDRESS_SIZE];
};

/* ---- loop.c ---- */

/* A callback ran: the tick ends with a commit. */
void net_touch(struct net *net);

/* ---- conn.c ---- */

/* Takes over `fd`, also when it fails. */
void conn_accept(struct net_listener *listener, int fd);
void conn_deadline_set(struct net_conn *conn, enum conn_deadline deadline);
void conn_deadline_clear(struct net_conn *conn);
void conn_deadlines_sweep(struct net *net);

/* Puts the poll handle to what the state wants to hear. */
void conn_arm(struct net_conn *conn);

/* There is something to write, or to look at, when the tick ends. */
void conn_dirty(struct net_conn *conn);

/* To be closed at the end of the tick; the first reason stands. `why` is copied. */
void conn_mark(struct net_conn *conn, const char *why, bool by_us);

/* Hands the connection to the endpoint. */
void conn_open(struct net_conn *conn);

/* From now on the connection is a WebSocket, and its session one of `protocol`; what the session
 * that had it queued stays in the output. To be called by that session's received(), which is never
 * called again. False: out of memory, and nothing has changed. */
MUST_CHECK bool conn_upgrade(struct net_conn *conn, const struct net_protocol *protocol,
                             void *endpoint);

/* Whether the output has been queued without a fault, framed or not. */
MUST_CHECK enum status conn_output_status(const struct net_conn *conn);

/* closed() for all that are marked; their output then goes on leaving. */
void conns_close_marked(struct net *net);

/* Sends what `text` says (may be NULL) in the clear and closes: for those who never had a session.
 */
void conn_refuse(struct net_conn *conn, const char *text);

/* Closes the descriptor now. There must be no session any more. */
void conn_destroy(struct net_conn *conn);

/* Starts the end of every connection. */
void conns_stop(struct net *net);

/* ---- conn_io.c ---- */

void conn_read(struct net_conn *conn);
/* Output has left or is waiting for the socket; a failure marks or destroys the connection. */
void conn_write(struct net_conn *conn);
void conn_output_forget(struct net_conn *conn);
/* All output has left: close_notify, FIN, and reading what the peer still has to say. */
void conn_shut(struct net_conn *conn);
void conn_linger(struct net_conn *conn);

/* ---- listen.c ---- */

void listeners_close(struct net *net);
void listeners_accept_again(struct net *net); /* after running out of descriptors */
void listeners_free(struct net *net);

/* ---- sniff.c ---- */

/* A connection's first readable moment, and the further ones until it is known what it is. */
void conn_sniff(struct net_conn *conn);
void conn_stranger_read(struct net_conn *conn);
void conn_stranger_refuse(struct net_conn *conn); /* with whatever has come */

/* ---- handshake.c ---- */

void handshake_start(struct net_conn *conn);
void handshake_continue(struct net_conn *conn); /* the socket is ready for what it waited for */
/* Gives it up. False: a worker has it right now; the connection is destroyed when it returns. */
bool handshake_abandon(struct net_conn *conn);
void handshake_too_slow(struct net_conn *conn);

/* ---- tls.c ---- */

SSL_CTX *net_tls_context(const struct net_tls *tls);

#endif
