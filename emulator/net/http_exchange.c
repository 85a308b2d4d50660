/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <inttypes.h>

#include "base/alloc.h"
#include "base/log.h"
#include "net/http_internal.h"

/* ---- the request ---- */

static struct http_session *session_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info == NULL ? NULL : info->socket_context;
}

/* "https://host/path" is allowed in a request line; the host there says no more than Host does. */
static struct str without_authority(struct str uri)
{
    const bool absolute =
        str_starts_nocase(uri, STR("http://")) || str_starts_nocase(uri, STR("https://"));
    if (!absolute) {
        return uri;
    }
    struct str rest = str_skip(uri, str_find(uri, ':') + 3);
    const size_t slash = str_find(rest, '/');
    return slash == SIZE_MAX ? STR("/") : str_skip(rest, slash);
}

static bool target_keep(struct http_exchange *exchange, const char *uri)
{
    /* "GET " and nothing more is passed on as no URI at all. */
    const struct str raw = uri == NULL ? STR("/") : without_authority(str_from(uri));
    const char *copy = arena_copy(&exchange->arena, raw);
    if (copy == NULL) {
        return false;
    }
    str_cut(str_of(copy, raw.size), '?', &exchange->path, &exchange->query);
    return true;
}

void *exchange_begin(void *server, const char *uri, struct MHD_Connection *connection)
{
    const struct http_server *http = server;
    struct http_session *session = session_of(connection);
    struct http_exchange *exchange = mem_zalloc(sizeof(*exchange));
    if (session == NULL || exchange == NULL) {
        mem_free(exchange);
        return NULL;
    }
    exchange->session = session;
    exchange->connection = connection;
    arena_init(&exchange->arena, HTTP_ARENA_MAX);
    buf_init(&exchange->body, http->config.body_max);
    buf_init(&exchange->answer, HTTP_ANSWER_MAX);
    if (!target_keep(exchange, uri)) {
        arena_finish(&exchange->arena);
        mem_free(exchange);
        return NULL;
    }
    session->exchange = exchange;
    http_session_pend(session); /* the next of several that came at once has no input of its own */
    return exchange;
}

void exchange_end(void *server, struct MHD_Connection *connection, void **context,
                  enum MHD_RequestTerminationCode code)
{
    (void)server;
    (void)connection;
    struct http_exchange *exchange = *context;
    if (exchange == NULL) {
        return;
    }
    *context = NULL;
    struct http_session *session = exchange->session;
    session->idled = code == MHD_REQUEST_TERMINATED_TIMEOUT_REACHED;
    session->unanswered = false;
    if (session->exchange == exchange) {
        session->exchange = NULL;
    }
    if (exchange->state == EXCHANGE_HANDLED && exchange->gone != NULL) {
        exchange->gone(exchange->gone_ctx);
    }
    buf_finish(&exchange->body);
    buf_finish(&exchange->answer);
    arena_finish(&exchange->arena);
    mem_free(exchange);
}

/* ---- the answer, on its way to libmicrohttpd ---- */

static struct MHD_Response *response_make(struct http_exchange *exchange)
{
    const size_t size = exchange->answer.size;
    char *bytes = size == 0 ? NULL : buf_take(&exchange->answer);
    if (bytes == NULL) {
        static char nothing[1];
        return size == 0 ? MHD_create_response_from_buffer(0, nothing, MHD_RESPMEM_PERSISTENT)
                         : NULL;
    }
    struct MHD_Response *response =
        MHD_create_response_from_buffer_with_free_callback(size, bytes, mem_free);
    if (response == NULL) {
        mem_free(bytes);
    }
    return response;
}

/* A value that no header may carry (a line feed in it, say) is the endpoint's mistake, not the
 * client's: that answer becomes a 500. */
static bool response_add_headers(struct MHD_Response *response,
                                 const struct http_exchange *exchange)
{
    for (const struct http_answer_header *header = exchange->headers; header != NULL;
         header = header->next) {
        if (MHD_add_response_header(response, header->name, header->value) != MHD_YES) {
            LOG_ERROR("net", "conn=%" PRIu64 " the answer's header %s cannot be sent",
                      exchange->session->conn_id, header->name);
            return false;
        }
    }
    return true;
}

static void headers_in_order(struct http_exchange *exchange)
{
    struct http_answer_header *ordered = NULL;
    while (exchange->headers != NULL) {
        struct http_answer_header *header = exchange->headers;
        exchange->headers = header->next;
        header->next = ordered;
        ordered = header;
    }
    exchange->headers = ordered;
}

static enum MHD_Result answer_send(struct http_exchange *exchange)
{
    exchange->state = EXCHANGE_SENT;
    exchange->session->answering = true;
    headers_in_order(exchange);
    struct MHD_Response *response = NULL;
    if (!exchange->answer_failed && buf_status(&exchange->answer) == STATUS_OK) {
        response = response_make(exchange);
        if (response != NULL && !response_add_headers(response, exchange)) {
            MHD_destroy_response(TAKE(response));
        }
    }
    unsigned status = exchange->status;
    if (response == NULL) {
        LOG_ERROR("net", "conn=%" PRIu64 " the answer could not be kept: answering 500",
                  exchange->session->conn_id);
        buf_finish(&exchange->answer);
        response = response_make(exchange);
        status = MHD_HTTP_INTERNAL_SERVER_ERROR;
    }
    if (response == NULL) {
        return MHD_NO;
    }
    const enum MHD_Result result = MHD_queue_response(exchange->connection, status, response);
    MHD_destroy_response(response);
    return result;
}

/* ---- the exchange's course ---- */

static enum MHD_Result exchange_handle(struct http_exchange *exchange)
{
    const struct http_server_config *config = &exchange->session->server->config;
    exchange->state = EXCHANGE_HANDLED;
    exchange->in_handler = true;
    net_touch(exchange->session->server->net);
    if (exchange->too_large) {
        buf_finish(&exchange->body);
        config->too_large(config->ctx, exchange);
    } else {
        config->handle(config->ctx, exchange);
    }
    exchange->in_handler = false;
    if (exchange->state == EXCHANGE_ANSWERED) {
        return answer_send(exchange);
    }
    exchange->suspended = true;
    MHD_suspend_connection(exchange->connection);
    return MHD_YES;
}

static bool header_u64(const struct http_exchange *exchange, const char *name, uint64_t *ret_value)
{
    const struct str text = http_header(exchange, name);
    return text.data != NULL && str_to_u64(text, ret_value);
}

/* A body that is announced as too large is not waited for when the client asked before sending it,
 * or when there is too much of it to be thrown away. */
static enum MHD_Result exchange_head(struct http_exchange *exchange, const char *method)
{
    const struct http_server_config *config = &exchange->session->server->config;
    const char *copy = arena_copy(&exchange->arena, str_from(method));
    if (copy == NULL) {
        return MHD_NO;
    }
    exchange->method = str_from(copy);
    exchange->state = EXCHANGE_BODY;
    uint64_t announced = 0;
    if (!header_u64(exchange, "Content-Length", &announced) || announced <= config->body_max) {
        return MHD_YES;
    }
    exchange->too_large = true;
    if (announced > HTTP_DISCARD_MAX || http_header(exchange, "Expect").data != NULL) {
        return exchange_handle(exchange);
    }
    return MHD_YES;
}

static enum MHD_Result exchange_body(struct http_exchange *exchange, const char *data,
                                     size_t *data_size)
{
    const struct http_server_config *config = &exchange->session->server->config;
    if (*data_size == 0) {
        return exchange_handle(exchange);
    }
    exchange->body_size += *data_size;
    if (exchange->body_size > config->body_max) {
        exchange->too_large = true;
        buf_finish(&exchange->body);
    } else if (!exchange->too_large) {
        buf_append(&exchange->body, data, *data_size);
        if (buf_status(&exchange->body) != STATUS_OK) {
            return MHD_NO;
        }
    }
    if (exchange->body_size > HTTP_DISCARD_MAX) {
        LOG_WARN("net", "conn=%" PRIu64 " hung up: its request has no end (%" PRIu64 " bytes)",
                 exchange->session->conn_id, exchange->body_size);
        return MHD_NO;
    }
    *data_size = 0;
    return MHD_YES;
}

/* NOLINTNEXTLINE(readability-function-size): the eight parameters are libmicrohttpd's */
enum MHD_Result exchange_continue(void *server, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_size, void **context)
{
    (void)server;
    (void)connection;
    (void)url;
    (void)version;
    struct http_exchange *exchange = *context;
    if (exchange == NULL) { /* out of memory when it began */
        return MHD_NO;
    }
    switch (exchange->state) {
    case EXCHANGE_HEAD:
        return exchange_head(exchange, method);
    case EXCHANGE_BODY:
        return exchange_body(exchange, data, data_size);
    case EXCHANGE_ANSWERED:
        return answer_send(exchange);
    case EXCHANGE_HANDLED:
    case EXCHANGE_SENT:
    case EXCHANGE_DEAD:
        return MHD_NO;
    }
    return MHD_NO;
}

static void exchange_resume(struct http_exchange *exchange)
{
    if (exchange->suspended) {
        exchange->suspended = false;
        MHD_resume_connection(exchange->connection);
        http_session_run(exchange->session);
    }
}

void exchange_abandon(struct http_exchange *exchange)
{
    if (exchange->state != EXCHANGE_HANDLED || exchange->gone == NULL) {
        return; /* whoever keeps it without asking to be told answers in the end */
    }
    exchange->state = EXCHANGE_DEAD;
    void (*gone)(void *ctx) = TAKE(exchange->gone);
    gone(exchange->gone_ctx);
    exchange_resume(exchange);
}

/* ---- the door ---- */

struct str http_method(const struct http_exchange *exchange)
{
    return exchange->method;
}

struct str http_path(const struct http_exchange *exchange)
{
    return exchange->path;
}

struct str http_query(const struct http_exchange *exchange)
{
    return exchange->query;
}

struct str http_body(const struct http_exchange *exchange)
{
    return buf_str(&exchange->body);
}

struct str http_header(const struct http_exchange *exchange, const char *name)
{
    const char *value = NULL;
    size_t size = 0;
    if (MHD_lookup_connection_value_n(exchange->connection, MHD_HEADER_KIND, name, strlen(name),
                                      &value, &size) != MHD_YES) {
        return (struct str){.data = NULL, .size = 0};
    }
    return value == NULL ? STR_EMPTY : str_of(value, size);
}

struct each_header {
    void (*each)(void *ctx, struct str name, struct str value);
    void *ctx;
};

static enum MHD_Result header_pass(void *ctx, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    (void)kind;
    const struct each_header *pass = ctx;
    pass->each(pass->ctx, str_from(name), value == NULL ? STR_EMPTY : str_from(value));
    return MHD_YES;
}

void http_headers_each(const struct http_exchange *exchange,
                       void (*each)(void *ctx, struct str name, struct str value), void *ctx)
{
    struct each_header pass = {each, ctx};
    MHD_get_connection_values(exchange->connection, MHD_HEADER_KIND, header_pass, &pass);
}

struct net_conn *http_conn(const struct http_exchange *exchange)
{
    return exchange->session->conn;
}

uint64_t http_conn_id(const struct http_exchange *exchange)
{
    return exchange->session->conn_id;
}

struct arena *http_arena(struct http_exchange *exchange)
{
    return &exchange->arena;
}

struct buf *http_answer_body(struct http_exchange *exchange)
{
    return &exchange->answer;
}

void http_answer_header(struct http_exchange *exchange, const char *name, struct str value)
{
    if (value.size == 0) { /* libmicrohttpd sends none without a value */
        return;
    }
    struct http_answer_header *header = ARENA_NEW(&exchange->arena, struct http_answer_header);
    const char *name_copy = arena_copy(&exchange->arena, str_from(name));
    const char *value_copy = arena_copy(&exchange->arena, value);
    if (header == NULL || name_copy == NULL || value_copy == NULL) {
        exchange->answer_failed = true;
        return;
    }
    header->name = name_copy;
    header->value = value_copy;
    header->next = exchange->headers;
    exchange->headers = header;
}

void http_answer(struct http_exchange *exchange, unsigned http_status)
{
    assert(exchange->state == EXCHANGE_HANDLED);
    assert(http_status >= 200 && http_status <= 599);

    exchange->state = EXCHANGE_ANSWERED;
    exchange->status = http_status;
    exchange->gone = NULL;
    if (!exchange->in_handler) {
        exchange_resume(exchange);
    }
}

void http_wait(struct http_exchange *exchange, void (*gone)(void *ctx), void *ctx)
{
    assert(exchange->state == EXCHANGE_HANDLED);

    exchange->gone = gone;
    exchange->gone_ctx = ctx;
}
