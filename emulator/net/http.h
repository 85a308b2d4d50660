/* SPDX-License-Identifier: MIT */
#ifndef NET_HTTP_H
#define NET_HTTP_H

/*
 * A third door of net/, for https/ and control/: HTTP/1.1 by libmicrohttpd over net's connections.
 * TLS is net's; the plain text goes to libmicrohttpd over a socketpair, so that its answers pass
 * through net's output queue and leave after the tick's commit like everything else.
 *
 * An exchange is one request and its answer. The handler answers at once or keeps the exchange and
 * answers later (a direct method, a long poll); it must answer exactly once, unless gone() came
 * first.
 */
#include "base/arena.h"
#include "base/buf.h"
#include "base/status.h"
#include "base/str.h"
#include "net/net.h"

struct http_server;
struct http_exchange;

struct http_server_config {
    const char *name; /* "https", for logs */
    size_t body_max;  /* bytes; a larger request goes to too_large() instead of handle() */
    void *ctx;
    /* A whole request has arrived. */
    void (*handle)(void *ctx, struct http_exchange *exchange);
    /* A request with a body above body_max: answer 413 in the endpoint's own form. The body is not
     * there. One that goes on beyond HTTP_DISCARD_MAX is hung up on. */
    void (*too_large)(void *ctx, struct http_exchange *exchange);
    /* A WebSocket was asked for in a way that cannot be granted; the answer is on its way. For log
     * and journal; NULL: it is logged here. */
    void (*websocket_refused)(void *ctx, struct net_conn *conn, const char *why);
};

MUST_CHECK enum status http_server_create(struct net *net, const struct http_server_config *config,
                                          struct http_server **ret_server);
void http_server_destroy(struct http_server *server); /* before net_destroy(); takes NULL */

/*
 * What a WebSocket of one sub-protocol carries (device protocol reference, 1.9). To the protocol
 * its connection looks like any other: output leaves after the tick's commit, net_conn_close()
 * sends the close frame behind it.
 */
struct http_websocket {
    const char *sub_protocol; /* "mqtt"; compared in any case, echoed as the client spells it */
    bool at_root;             /* accepted at "/" too (service reference, 6.1) */
    const struct net_protocol *protocol;
    void *endpoint; /* given to protocol->opened() */
};
enum { HTTP_WEBSOCKETS_MAX = 4 };

/* Serves one more sub-protocol at the paths $iothub/websocket and $servicebus/websocket. Asked of a
 * connection's first request; a server without any knows no WebSockets. Copied; `protocol` lives as
 * long as net. */
void http_server_add_websocket(struct http_server *server, const struct http_websocket *websocket);

/* For net_listener_config: protocol, and `server` as its endpoint. */
const struct net_protocol *http_protocol(void);

/* ---- the request; every str lives as long as the exchange ---- */
struct str http_method(const struct http_exchange *exchange); /* "GET", "PATCH" ... as sent */
struct str http_path(const struct http_exchange *exchange);   /* as sent: still percent-encoded */
struct str http_query(const struct http_exchange *exchange);  /* as sent, without the '?' */
struct str http_body(const struct http_exchange *exchange);
/* Names in any case; data is NULL when absent (an empty value has data). */
struct str http_header(const struct http_exchange *exchange, const char *name);
void http_headers_each(const struct http_exchange *exchange,
                       void (*each)(void *ctx, struct str name, struct str value), void *ctx);
struct net_conn *http_conn(const struct http_exchange *exchange); /* NULL once the client is gone */
uint64_t http_conn_id(const struct http_exchange *exchange);      /* also when it is gone */
struct arena *
http_arena(struct http_exchange *exchange); /* freed with the exchange; 8 MiB at most */

/* ---- the answer ---- */
struct buf *http_answer_body(struct http_exchange *exchange); /* append the body here */
/* Copies both. An empty value is left out; one that no header can carry (a line feed in it), or
 * that finds no memory, turns the answer into a bare 500. */
void http_answer_header(struct http_exchange *exchange, const char *name, struct str value);
void http_answer(struct http_exchange *exchange, unsigned http_status);

/* For an answer kept for later: `gone` is called once if the client leaves before the answer; the
 * exchange must not be touched afterwards, nor answered. http_answer() takes the promise back. */
void http_wait(struct http_exchange *exchange, void (*gone)(void *ctx), void *ctx);

#endif
