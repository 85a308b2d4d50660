/* SPDX-License-Identifier: MIT */
#ifndef NET_HTTP_INTERNAL_H
#define NET_HTTP_INTERNAL_H

/* What http.c (the server, its connections, the socketpairs) and http_exchange.c (one request and
 * its answer) know of each other. */
#include <microhttpd.h>

#include "base/list.h"
#include "net/http.h"
#include "net/net_internal.h"

struct http_server {
    struct http_server_config config;
    struct net *net;
    struct MHD_Daemon *daemon;
    int epoll_fd;                 /* the daemon's */
    struct net_alarm *alarm;      /* libmicrohttpd's next time-out */
    struct net_tick_end tick_end; /* runs libmicrohttpd once for all that came in a tick */
    struct list sessions;
    struct list pending;         /* sessions whose answers may be waiting in the socketpair */
    struct list blocked;         /* sessions whose socketpair is full */
    struct http_session *adding; /* while libmicrohttpd is told of it */
    struct http_websocket websockets[HTTP_WEBSOCKETS_MAX];
    size_t websocket_count;
    bool run_wanted;
    bool alarm_set;
};

/*
 * One connection, until both net and libmicrohttpd have let go of it; libmicrohttpd gets it when
 * its first request is known to be no WebSocket's.
 */
struct http_session {
    struct http_server *server;
    struct net_conn *conn; /* NULL once the client is gone */
    uint64_t conn_id;
    struct MHD_Connection *connection;
    struct http_exchange *exchange; /* the one in progress */
    int fd;          /* our end of the socketpair; -1 before there is one, and once the client is
                        gone */
    bool over;       /* libmicrohttpd has closed its end */
    bool answering;  /* what comes out of the socketpair answers an exchange of ours */
    bool unanswered; /* something came that led neither to an exchange nor to an answer yet */
    bool heard;      /* the first bytes were looked at */
    bool refused;    /* what came was no HTTP */
    bool held;       /* not all of the answers fit net's output */
    bool idled;      /* libmicrohttpd's time-out ended it */
    struct list link;
    struct list pending_link;
    struct list blocked_link;
};

enum exchange_state {
    EXCHANGE_HEAD,    /* the request's head is there */
    EXCHANGE_BODY,    /* its body is arriving */
    EXCHANGE_HANDLED, /* the endpoint has it and has not answered yet */
    EXCHANGE_ANSWERED,
    EXCHANGE_SENT, /* libmicrohttpd has the answer */
    EXCHANGE_DEAD, /* the client left before the answer */
};

struct http_answer_header {
    struct http_answer_header *next;
    const char *name;
    const char *value;
};

struct http_exchange {
    struct http_session *session;
    struct MHD_Connection *connection;
    struct arena arena;
    struct buf body;
    struct buf answer;
    struct str method; /* all in the arena */
    struct str path;
    struct str query;
    struct http_answer_header *headers; /* in the arena, last first */
    uint64_t body_size;                 /* also of what was not kept */
    enum exchange_state state;
    unsigned status;
    bool too_large;
    bool in_handler;
    bool suspended;
    bool answer_failed; /* a header could not be kept */
    void (*gone)(void *ctx);
    void *gone_ctx;
};

/* ---- http.c ---- */

/* What libmicrohttpd has written for this session is to be fetched after it ran. */
void http_session_pend(struct http_session *session);

/* libmicrohttpd has something to do for this session: it will run when the tick ends. */
void http_session_run(struct http_session *session);

/* Before libmicrohttpd has it: when the client is gone, or it has become a WebSocket. */
void http_session_free(struct http_session *session);

/* ---- http_upgrade.c ---- */

enum http_first {
    HTTP_FIRST_WAITS,   /* for more bytes */
    HTTP_FIRST_REQUEST, /* an ordinary request */
    HTTP_FIRST_DONE,    /* refused, or a WebSocket now: then the session is gone */
};
/* Decides what a connection's first bytes are. */
enum http_first http_session_judge(struct http_session *session, struct str data);

/* ---- http_exchange.c ---- */

/* libmicrohttpd's callbacks. */
void *exchange_begin(void *server, const char *uri, struct MHD_Connection *connection);
enum MHD_Result exchange_continue(void *server, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_size, void **context);
void exchange_end(void *server, struct MHD_Connection *connection, void **context,
                  enum MHD_RequestTerminationCode code);

/* The client is gone: tells whoever waits, and lets libmicrohttpd notice. */
void exchange_abandon(struct http_exchange *exchange);

#endif
