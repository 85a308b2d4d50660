/* SPDX-License-Identifier: MIT */
#ifndef NET_NET_H
#define NET_NET_H

/*
 * The event loop, its listeners and its connections. net turns sockets and TLS into bytes and calls
 * whoever registered; it knows no protocol but TLS, no hub and no storage.
 *
 * One thread, one tick:
 *     poll -> read every ready connection -> received() -> (output queued) -> commit() -> write ->
 * poll Output that an endpoint queues leaves only after hooks.commit() said yes, so an
 * acknowledgement is never ahead of the commit that makes it true. Nothing here may be called from
 * another thread.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/list.h"
#include "base/status.h"
#include "base/str.h"

struct net;
struct net_conn;
struct net_tls;

/* What the rest of the process does at the seams of the tick. */
struct net_hooks {
    void *ctx;
    /* Before sleeping: microseconds of real time until wake() is wanted; 0: at once, there is work
     * to go on with; INT64_MAX: only input matters. */
    int64_t (*sleep_us)(void *ctx);
    void (*wake)(void *ctx); /* timers that are due, a slice of long work */
    /* Ends the tick. False: what the tick did was undone, so the output queued in it is dropped and
     * the connections that have some are closed without a word. Not called for an idle tick. */
    bool (*commit)(void *ctx);
};

MUST_CHECK enum status net_create(const struct net_hooks *hooks, struct net **ret_net);
void net_destroy(struct net *net); /* closes every listener and connection; takes NULL */

/* Runs until net_stop(), which is safe inside any callback. SIGTERM and SIGINT call it too. */
MUST_CHECK enum status net_run(struct net *net);
void net_stop(struct net *net);

/*
 * Called at the end of each tick, before connections that were marked are closed() and before the
 * commit: a last chance to queue output, for protocol libraries that gather it. Memory of the
 * caller; `run` and `ctx` are set before it is added, and it is removed before net_destroy().
 */
struct net_tick_end {
    struct list link; /* private */
    void (*run)(void *ctx);
    void *ctx;
};
void net_tick_end_add(struct net *net, struct net_tick_end *tick_end);
void net_tick_end_remove(struct net_tick_end *tick_end); /* harmless when zeroed or removed */
/* The tick ends are to run; when they are running already, once more before the loop sleeps. */
void net_tick_again(struct net *net);

struct net_figures {
    uint64_t accepted; /* connections since the start */
    uint64_t open;     /* now */
    uint64_t handshakes_failed;
    uint64_t bytes_in, bytes_out; /* of plain text */
};
void net_figures(const struct net *net, struct net_figures *ret_figures);

/*
 * What an endpoint is to a connection: a table of calls. A session is the endpoint's own state for
 * one connection. net_conn_close() only marks, so closed() is never called from inside another
 * call.
 */
struct net_protocol {
    const char *name; /* "mqtt", for logs */

    /* What a peer is told that speaks plain text on a TLS port; NULL: closed without a word. */
    const char *plain_text_refusal;

    /* The connection is up: TLS is done or, on a plain port, the first byte has come. Who leaves
     * before that is never reported. NULL refuses it: it is closed. */
    void *(*opened)(void *endpoint, struct net_conn *conn);

    /* `data` is all that is unread; returns how much of it was taken, the rest comes again, in
     * front, with the next input. The endpoint bounds what it leaves (net closes at input_max). */
    size_t (*received)(void *session, struct str data);

    /* The connection is gone, for whatever reason, exactly once; `conn` dies on return. `why` is
     * for logs and the journal: "closed by the peer", "TLS error: ...", or what net_conn_close()
     * got. Called at the end of the tick, before its commit; what is queued by then still leaves
     * after it. */
    void (*closed)(void *session, const char *why, bool by_us);

    /* The output that was queued has left (may be NULL). */
    void (*drained)(void *session);

    size_t input_max; /* most unread bytes kept */
    size_t
        output_max; /* most unsent bytes kept; more closes the connection: the peer does not read */
};

struct net_listener_config {
    struct str address;                  /* "127.0.0.1", "::1", "0.0.0.0" */
    uint16_t port;                       /* 0: any free one */
    struct net_tls *tls;                 /* borrowed; NULL: plain */
    const struct net_protocol *protocol; /* borrowed, lives as long as net */
    void *endpoint;                      /* given to opened() */
};

/* STATUS_UNAVAILABLE when the port is taken or needs a privilege; the problem says which. */
MUST_CHECK enum status net_listen(struct net *net, const struct net_listener_config *config,
                                  uint16_t *ret_port, struct problem *problem);

/* What is known of a listening TCP socket that another process has made. */
struct net_socket_facts {
    uint16_t port;
    bool loopback; /* nothing but this machine reaches it */
};
/* False: `fd` is something else. */
bool net_socket_facts(int fd, struct net_socket_facts *ret_facts);

/* The same for a socket that listens already, which net closes from now on, even where this fails.
 * The configuration's address and port are not looked at. */
MUST_CHECK enum status net_listen_on(struct net *net, int fd,
                                     const struct net_listener_config *config,
                                     struct problem *problem);

/* ---- one connection ---- */

uint64_t net_conn_id(const struct net_conn *conn);            /* from 1, never reused */
struct str net_conn_peer(const struct net_conn *conn);        /* "127.0.0.1:54321" */
struct str net_conn_local(const struct net_conn *conn);       /* the address the client dialled */
struct str net_conn_server_name(const struct net_conn *conn); /* SNI, or empty */

/* The client's certificate, if it sent one. Fingerprints are capital hex. */
struct net_client_certificate {
    char sha1[41];
    char sha256[65];
    char common_name[129];
    int64_t not_before_us, not_after_us;
};
bool net_conn_client_certificate(const struct net_conn *conn,
                                 struct net_client_certificate *ret_certificate);

/* Where to write: bytes appended here leave after this tick's commit. Valid until the tick ends. */
struct buf *net_conn_output(struct net_conn *conn);

/* Closes once the queued output has left. `why` (copied) reaches closed() and, through it, the log.
 */
void net_conn_close(struct net_conn *conn, const char *why);
/* Closes with a TCP reset, dropping queued output. */
void net_conn_reset(struct net_conn *conn, const char *why);

/* Bytes of output that have not left yet. */
size_t net_conn_unsent(const struct net_conn *conn);

/* Stops and resumes reading: for back-pressure. What was received stays unread. */
void net_conn_pause(struct net_conn *conn, bool paused);

/* ---- other descriptors in the same loop (the HTTP adaptor's) ---- */

struct net_watch;
enum net_watch_event { NET_READABLE = 1, NET_WRITABLE = 2 };
/* Calls `ready` while any of `events` holds. The descriptor stays the caller's. */
MUST_CHECK enum status net_watch_create(struct net *net, int fd,
                                        void (*ready)(void *ctx, int events), void *ctx,
                                        struct net_watch **ret_watch);
MUST_CHECK enum status net_watch_set(struct net_watch *watch, int events); /* 0: none */
void net_watch_destroy(struct net_watch *watch); /* takes NULL; safe inside ready() */

/* A timer on real time, for protocol libraries only; the hub's timers run on the hub's clock. */
struct net_alarm;
MUST_CHECK enum status net_alarm_create(struct net *net, void (*fire)(void *ctx), void *ctx,
                                        struct net_alarm **ret_alarm);
MUST_CHECK enum status net_alarm_set(struct net_alarm *alarm, uint64_t in_ms); /* once; restarts */
void net_alarm_stop(struct net_alarm *alarm);
void net_alarm_destroy(struct net_alarm *alarm); /* takes NULL */

#endif
