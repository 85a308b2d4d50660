/* SPDX-License-Identifier: MIT */
#include "net/http.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "net/http_internal.h"

/*
 * Each connection has a socketpair: what net received is sent into our end, libmicrohttpd reads it
 * from the other and writes its answers there. Nothing polls these sockets: libmicrohttpd has work
 * only when we sent it something, answered an exchange, took bytes of a long answer out, or when
 * its time-out comes. So it runs at the end of each tick in which one of these happened, once for
 * all connections, and its answers are in net's output before the commit.
 */

void http_session_pend(struct http_session *session)
{
    if (list_empty(&session->pending_link)) {
        list_append(&session->server->pending, &session->pending_link);
    }
}

void http_session_run(struct http_session *session)
{
    session->server->run_wanted = true;
    http_session_pend(session);
    net_tick_again(session->server->net);
}

/* ---- from libmicrohttpd to net ---- */

/* `status` is "400 Bad Request"; `why` is for the log, `body` for the client. */
static void answer_alone(struct http_session *session, struct str status, const char *why,
                         const char *body)
{
    LOG_WARN("net", "conn=%" PRIu64 " %s; it is answered with \"%.*s\"", session->conn_id, why,
             STR_ARG(status));
    buf_append_format(net_conn_output(session->conn),
                      "HTTP/1.1 %.*s\r\n"
                      "Content-Type: text/plain\r\n"
                      "Content-Length: %zu\r\n"
                      "Connection: close\r\n"
                      "\r\n"
                      "%s\r\n",
                      STR_ARG(status), strlen(body) + 2, body);
    session->refused = true;
}

static const char unreadable[] = "the request cannot be read as HTTP/1.1";

/* Ends a connection whose request never became an exchange. */
static void refuse(struct http_session *session, struct str status, const char *why)
{
    answer_alone(session, status, why, unreadable);
    net_conn_close(session->conn, "refused: not HTTP/1.1");
}

/* libmicrohttpd would wait for the end of a line that never comes. True: refused. */
static bool refused_as_stranger(struct http_session *session, struct str first)
{
    const char c = first.data[0];
    const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    const char *why = NULL;
    if (c == 0x10) {
        why = "an MQTT client came to the port of HTTP requests; MQTT has a port of its own";
    } else if (str_starts(first, STR("AMQP"))) {
        why = "an AMQP client came to the port of HTTP requests";
    } else if (!letter && c != '\r' && c != '\n') {
        why = "what came is no HTTP request";
    }
    if (why != NULL) {
        refuse(session, STR("400 Bad Request"), why);
    }
    return why != NULL;
}

/*
 * True when these are the first bytes of a refusal by libmicrohttpd itself; ours is sent in its
 * place. (That of 0.9.75 has its head twice when the Content-Length is malformed.)
 */
static bool refused_by_library(struct http_session *session, struct str bytes)
{
    if (session->answering ||
        (!str_starts(bytes, STR("HTTP/1.1 4")) && !str_starts(bytes, STR("HTTP/1.1 5")))) {
        return false;
    }
    struct str line;
    struct str rest;
    str_cut(bytes, '\r', &line, &rest);
    refuse(session, str_skip(line, sizeof("HTTP/1.1 ") - 1), unreadable);
    return true;
}

/* Moves what is in the socketpair to net's output, as much as may wait there. */
static void session_drain(struct http_session *session)
{
    struct net *net = session->server->net;
    while (!session->refused) {
        struct buf *output = net_conn_output(session->conn);
        session->held = output->size >= HTTP_OUTPUT_HIGH;
        if (session->held) {
            return; /* drained() goes on */
        }
        const ssize_t size = recv(session->fd, net->scratch, sizeof(net->scratch), MSG_DONTWAIT);
        if (size <= 0) {
            break;
        }
        const struct str bytes = str_of(net->scratch, (size_t)size);
        session->unanswered = false;
        if (refused_by_library(session, bytes)) {
            return;
        }
        buf_append_str(output, bytes);
        if (bytes.size < sizeof(net->scratch)) {
            break;
        }
    }
    if (session->over && session->unanswered) {
        /* libmicrohttpd drops without a word what has no space in its first line. */
        refuse(session, STR("400 Bad Request"), unreadable);
    } else if (session->over) {
        net_conn_close(session->conn, session->idled ? "idle for too long" : "answered and closed");
    }
}

static bool session_can_send(const struct http_session *session)
{
    struct pollfd descriptor = {.fd = session->fd, .events = POLLOUT};
    return poll(&descriptor, 1, 0) == 1;
}

static void unblock(struct http_server *server)
{
    struct list *link = server->blocked.next;
    while (link != &server->blocked) {
        struct http_session *session = LIST_ENTRY(link, struct http_session, blocked_link);
        link = link->next;
        if (session->over || session_can_send(session)) {
            list_remove(&session->blocked_link);
            net_conn_pause(session->conn, false);
        }
    }
}

/* Moves all of `from` to the end of `to`. */
static void list_move(struct list *from, struct list *to)
{
    while (!list_empty(from)) {
        struct list *link = from->next;
        list_remove(link);
        list_append(to, link);
    }
}

/* In the middle of a request or an answer, with nothing to wait for but the socketpair. */
static bool session_busy(const struct http_session *session)
{
    return !session->over &&
           (session->unanswered || (session->exchange != NULL && !session->exchange->suspended));
}

/* Leaves those in the list who are still busy. */
static void drain_pending(struct http_server *server)
{
    struct list mine;
    list_init(&mine);
    list_move(&server->pending, &mine);
    while (!list_empty(&mine)) {
        struct http_session *session = LIST_ENTRY(mine.next, struct http_session, pending_link);
        list_remove(&session->pending_link);
        if (session->conn == NULL) {
            continue;
        }
        session_drain(session);
        if (session_busy(session)) {
            list_append(&server->pending, &session->pending_link);
        }
    }
}

/* libmicrohttpd may have been told that it can read or write on: it listens for edges, and one that
 * came while it ran, or with our reading, is not seen before it runs again. */
static bool edge_waits(const struct http_server *server)
{
    struct pollfd descriptor = {.fd = server->epoll_fd, .events = POLLIN};
    return poll(&descriptor, 1, 0) == 1;
}

static bool run_once(struct http_server *server)
{
    MHD_UNSIGNED_LONG_LONG in_ms = 1;
    server->run_wanted = false;
    MHD_run(server->daemon);
    drain_pending(server);
    return server->run_wanted ||
           (MHD_get_timeout(server->daemon, &in_ms) == MHD_YES && in_ms == 0) || edge_waits(server);
}

static void alarm_set(struct http_server *server)
{
    MHD_UNSIGNED_LONG_LONG in_ms = 0;
    if (!server->alarm_set && MHD_get_timeout(server->daemon, &in_ms) == MHD_YES &&
        net_alarm_set(server->alarm, in_ms) == STATUS_OK) {
        server->alarm_set = true;
    }
}

static void tick_ends(void *ctx)
{
    enum { ROUNDS_MAX = 16 };
    struct http_server *server = ctx;
    if (!server->run_wanted) {
        return;
    }
    bool again = true;
    for (int i = 0; i < ROUNDS_MAX && again; i++) {
        again = run_once(server);
    }
    server->run_wanted = again;
    if (again) {
        net_tick_again(server->net);
    } else {
        struct list waiting; /* for their clients: whatever these do brings them back */
        list_init(&waiting);
        list_move(&server->pending, &waiting);
        while (!list_empty(&waiting)) {
            list_remove(waiting.next);
        }
    }
    unblock(server);
    alarm_set(server);
}

static void alarm_fires(void *ctx)
{
    struct http_server *server = ctx;
    server->alarm_set = false;
    server->run_wanted = true;
    net_tick_again(server->net);
}

/* ---- a connection, as net's protocol ---- */

void http_session_free(struct http_session *session)
{
    list_remove(&session->link);
    list_remove(&session->pending_link);
    list_remove(&session->blocked_link);
    mem_free(session);
}

/* libmicrohttpd takes over its end, also when it refuses. */
static bool session_add(struct http_session *session)
{
    struct http_server *server = session->server;
    const struct sockaddr_un nobody = {.sun_family = AF_UNIX};
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) {
        LOG_ERROR("net", "conn=%" PRIu64 " refused: %s", session->conn_id, strerror(errno));
        return false;
    }
    server->adding = session;
    const enum MHD_Result result = MHD_add_connection(
        server->daemon, ends[1], (const struct sockaddr *)&nobody, sizeof(nobody));
    server->adding = NULL;
    if (result != MHD_YES || session->connection == NULL) {
        LOG_ERROR("net", "conn=%" PRIu64 " refused: libmicrohttpd does not take it",
                  session->conn_id);
        close(ends[0]);
        return false;
    }
    session->fd = ends[0];
    return true;
}

static void *session_opened(void *endpoint, struct net_conn *conn)
{
    struct http_server *server = endpoint;
    struct http_session *session = mem_zalloc(sizeof(*session));
    if (session == NULL) {
        return NULL;
    }
    session->server = server;
    session->conn = conn;
    session->conn_id = net_conn_id(conn);
    session->fd = -1;
    list_init(&session->pending_link);
    list_init(&session->blocked_link);
    list_append(&server->sessions, &session->link);
    conn_deadline_set(conn, DEADLINE_REQUEST);
    return session;
}

/* The connection's first bytes. True: libmicrohttpd is to have them. */
static bool session_begin(struct http_session *session, struct str data, size_t *ret_taken)
{
    *ret_taken = data.size;
    if (!session->heard) {
        session->heard = true;
        if (refused_as_stranger(session, data)) {
            return false;
        }
    }
    const enum http_first first = http_session_judge(session, data);
    if (first == HTTP_FIRST_WAITS) {
        *ret_taken = 0;
    }
    if (first != HTTP_FIRST_REQUEST) {
        return false;
    }
    conn_deadline_clear(session->conn);
    if (!session_add(session)) {
        session->refused = true;
        net_conn_reset(session->conn, "refused: out of resources");
        return false;
    }
    return true;
}

static size_t session_received(void *ctx, struct str data)
{
    struct http_session *session = ctx;
    if (session->over || session->refused) { /* it is only being sent off */
        return data.size;
    }
    size_t taken = 0;
    if (session->fd < 0 && !session_begin(session, data, &taken)) {
        return taken;
    }
    if (session->exchange == NULL && !session->held) {
        session->answering = false;
        session->unanswered = true;
    }
    const ssize_t sent = send(session->fd, data.data, data.size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        return data.size;
    }
    taken = sent < 0 ? 0 : (size_t)sent;
    if (taken < data.size) {
        net_conn_pause(session->conn, true);
        list_remove(&session->blocked_link);
        list_append(&session->server->blocked, &session->blocked_link);
    }
    http_session_run(session);
    return taken;
}

static void session_drained(void *ctx)
{
    const struct http_session *session = ctx;
    if (session->fd >= 0) {
        http_session_run(ctx);
    }
}

/* libmicrohttpd never had it. */
static void session_closed_early(struct http_session *session, bool by_us)
{
    if (by_us && session->heard && !session->refused && !session->server->net->stopping) {
        static const char why[] = "the request's head did not come to its end in time";
        answer_alone(session, STR("408 Request Timeout"), why, why);
    }
    http_session_free(session);
}

static void session_closed(void *ctx, const char *why, bool by_us)
{
    struct http_session *session = ctx;
    LOG_DEBUG("net", "conn=%" PRIu64 " closed: %s", session->conn_id, why);
    if (session->fd < 0) {
        session_closed_early(session, by_us);
        return;
    }
    session->conn = NULL;
    list_remove(&session->blocked_link);
    close(session->fd);
    session->fd = -1;
    if (session->over) {
        http_session_free(session);
        return;
    }
    if (session->exchange != NULL) {
        exchange_abandon(session->exchange);
    }
    http_session_run(session); /* for libmicrohttpd to notice */
}

/* libmicrohttpd has a connection, or has let go of one. */
static void connection_noted(void *ctx, struct MHD_Connection *connection, void **socket_context,
                             enum MHD_ConnectionNotificationCode code)
{
    struct http_server *server = ctx;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        server->adding->connection = connection;
        *socket_context = server->adding;
        return;
    }
    struct http_session *session = *socket_context;
    session->over = true;
    session->connection = NULL;
    if (session->conn == NULL) {
        http_session_free(session);
    } else if (list_empty(&session->pending_link)) {
        list_append(&server->pending, &session->pending_link);
    }
}

const struct net_protocol *http_protocol(void)
{
    static const struct net_protocol protocol = {
        .name = "http",
        .plain_text_refusal =
            "HTTP/1.1 400 Bad Request\r\n"
            "Content-Type: text/plain\r\n"
            "Content-Length: 67\r\n"
            "Connection: close\r\n"
            "\r\n"
            "This port speaks HTTP over TLS: use https:// in place of http://.\r\n",
        .opened = session_opened,
        .received = session_received,
        .closed = session_closed,
        .drained = session_drained,
        .input_max = HTTP_INPUT_MAX,
        .output_max = HTTP_OUTPUT_HIGH + NET_SCRATCH_SIZE,
    };
    return &protocol;
}

/* ---- the server ---- */

static void grumble(void *ctx, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

/* libmicrohttpd's own log: what matters of it is reported where it shows. That a socketpair knows
 * no TCP_NODELAY, it mentions for each connection. */
static void grumble(void *ctx, const char *format, va_list arguments)
{
    const struct http_server *server = ctx;
    if (!log_enabled(LOG_LEVEL_DEBUG) || strstr(format, "option to %s state failed") != NULL) {
        return;
    }
    char text[256];
    vsnprintf(text, sizeof(text), format, arguments);
    text[strcspn(text, "\n")] = '\0';
    LOG_DEBUG("net", "server=%s libmicrohttpd: %s", server->config.name, text);
}

/* Paths go to the endpoints as they came. */
static size_t leave_alone(void *ctx, struct MHD_Connection *connection, char *text)
{
    (void)ctx;
    (void)connection;
    return strlen(text);
}

static struct MHD_Daemon *daemon_start(struct http_server *server)
{
    enum { CONNECTIONS_MAX = 1 << 20 }; /* the limit of open files is reached long before */
    return MHD_start_daemon(
        MHD_USE_NO_LISTEN_SOCKET | MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0,
        NULL, NULL, exchange_continue, server,                                 /* */
        MHD_OPTION_EXTERNAL_LOGGER, grumble, server,                           /* */
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,                /* */
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_MEMORY_MAX,           /* */
        MHD_OPTION_CONNECTION_MEMORY_INCREMENT, (size_t)HTTP_MEMORY_INCREMENT, /* */
        MHD_OPTION_CONNECTION_TIMEOUT, HTTP_IDLE_S,                            /* */
        MHD_OPTION_URI_LOG_CALLBACK, exchange_begin, server,                   /* */
        MHD_OPTION_UNESCAPE_CALLBACK, leave_alone, server,                     /* */
        MHD_OPTION_NOTIFY_COMPLETED, exchange_end, server,                     /* */
        MHD_OPTION_NOTIFY_CONNECTION, connection_noted, server, MHD_OPTION_END);
}

static int daemon_epoll_fd(struct MHD_Daemon *daemon)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
    return info == NULL ? -1 : info->epoll_fd;
}

enum status http_server_create(struct net *net, const struct http_server_config *config,
                               struct http_server **ret_server)
{
    assert(config->handle != NULL && config->too_large != NULL);

    struct http_server *server = mem_zalloc(sizeof(*server));
    if (server == NULL) {
        return STATUS_NO_MEMORY;
    }
    server->config = *config;
    server->net = net;
    list_init(&server->sessions);
    list_init(&server->pending);
    list_init(&server->blocked);
    list_init(&server->tick_end.link);
    enum status status = net_alarm_create(net, alarm_fires, server, &server->alarm);
    if (status == STATUS_OK) {
        server->daemon = daemon_start(server);
        status = server->daemon == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    }
    if (status != STATUS_OK) {
        http_server_destroy(server);
        return status;
    }
    server->epoll_fd = daemon_epoll_fd(server->daemon);
    server->tick_end.run = tick_ends;
    server->tick_end.ctx = server;
    net_tick_end_add(net, &server->tick_end);
    *ret_server = server;
    return STATUS_OK;
}

void http_server_add_websocket(struct http_server *server, const struct http_websocket *websocket)
{
    assert(server->websocket_count < HTTP_WEBSOCKETS_MAX);
    assert(websocket->sub_protocol != NULL && websocket->protocol != NULL);

    server->websockets[server->websocket_count++] = *websocket;
}

/* An exchange that is still kept is told, and dropped without an answer. */
static void exchanges_drop(struct http_server *server)
{
    for (struct list *link = server->sessions.next; link != &server->sessions; link = link->next) {
        struct http_session *session = LIST_ENTRY(link, struct http_session, link);
        struct http_exchange *exchange = session->exchange;
        if (exchange != NULL && exchange->suspended) {
            exchange->suspended = false;
            MHD_resume_connection(exchange->connection);
        }
    }
}

void http_server_destroy(struct http_server *server)
{
    if (server == NULL) {
        return;
    }
    list_remove(&server->tick_end.link);
    net_alarm_destroy(server->alarm);
    if (server->daemon != NULL) {
        exchanges_drop(server);
        MHD_stop_daemon(server->daemon);
    }
    assert(list_empty(&server->sessions)); /* net has closed its connections before */
    mem_free(server);
}
