/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_NET_HTTP_RIG_H
#define TESTS_UNIT_NET_HTTP_RIG_H

/* A small HTTP endpoint in the rig, told by the path what to do, and a client's side of HTTP. */
#include "base/str.h"
#include "net/http.h"
#include "rig.h"

enum { BODY_MAX = 256 * 1024, BIG_ANSWER = 5 * 1024 * 1024, RESPONSE_MAX = 8 * 1024 * 1024 };

/* ---- the endpoint under these tests ---- */

struct endpoint {
    struct rig rig;
    struct http_server *server;
    struct http_exchange *kept; /* /later, /gone and /kept: not answered yet */
    struct net_alarm *alarm;
    int handled;
    int too_large;
    int gone;
    bool answer_kept; /* from the client's thread: answer what is kept at the next wake */
};

static inline void answer_text(struct http_exchange *exchange, unsigned status, const char *text)
{
    buf_append_str(http_answer_body(exchange), str_from(text));
    http_answer_header(exchange, "Content-Type", STR("text/plain"));
    http_answer(exchange, status);
}

static inline void answer_echo(struct http_exchange *exchange)
{
    struct buf *body = http_answer_body(exchange);
    buf_append_str(body, http_method(exchange));
    buf_append_byte(body, '|');
    buf_append_str(body, http_path(exchange));
    buf_append_byte(body, '|');
    buf_append_str(body, http_query(exchange));
    buf_append_byte(body, '|');
    buf_append_str(body, http_body(exchange));
    http_answer(exchange, 200);
}

static inline void append_header(void *ctx, struct str name, struct str value)
{
    struct buf *body = ctx;
    buf_append_str(body, name);
    buf_append_byte(body, '=');
    buf_append_str(body, value);
    buf_append_byte(body, ';');
}

static inline void answer_headers(struct http_exchange *exchange)
{
    struct buf *body = http_answer_body(exchange);
    const struct str twice = http_header(exchange, "x-two-words");
    buf_append_format(body, "%s|%s|", http_header(exchange, "X-Absent").data == NULL ? "no" : "yes",
                      http_header(exchange, "X-Empty").data == NULL ? "no" : "yes");
    buf_append_str(body, twice);
    buf_append_byte(body, '|');
    http_headers_each(exchange, append_header, body);
    http_answer(exchange, 200);
}

static inline void answer_big(struct http_exchange *exchange)
{
    struct buf *body = http_answer_body(exchange);
    for (size_t i = 0; i < BIG_ANSWER; i += 8) {
        buf_append_format(body, "%07zx\n", i);
    }
    http_answer(exchange, 200);
}

static inline void exchange_gone(void *ctx)
{
    struct endpoint *endpoint = ctx;
    endpoint->gone++;
    endpoint->kept = NULL;
}

static inline void alarm_answers(void *ctx)
{
    struct endpoint *endpoint = ctx;
    if (endpoint->kept != NULL) {
        answer_text(TAKE(endpoint->kept), 200, "late");
    }
}

static inline void keep(struct endpoint *endpoint, struct http_exchange *exchange, bool wait)
{
    endpoint->kept = exchange;
    if (wait) {
        http_wait(exchange, exchange_gone, endpoint);
    }
}

static inline void handle(void *ctx, struct http_exchange *exchange)
{
    struct endpoint *endpoint = ctx;
    const struct str path = http_path(exchange);
    endpoint->handled++;
    if (str_equal(path, STR("/hello"))) {
        answer_text(exchange, 200, "hello");
    } else if (str_starts(path, STR("/echo"))) {
        answer_echo(exchange);
    } else if (str_equal(path, STR("/headers"))) {
        answer_headers(exchange);
    } else if (str_equal(path, STR("/big"))) {
        answer_big(exchange);
    } else if (str_equal(path, STR("/later"))) {
        keep(endpoint, exchange, true);
        assert_int_equal(net_alarm_set(endpoint->alarm, 30), STATUS_OK);
    } else if (str_equal(path, STR("/gone"))) {
        keep(endpoint, exchange, true);
    } else if (str_equal(path, STR("/kept"))) {
        keep(endpoint, exchange, false);
        assert_int_equal(net_alarm_set(endpoint->alarm, 100), STATUS_OK);
    } else if (str_equal(path, STR("/bad-header"))) {
        http_answer_header(exchange, "X-Injected", STR("a\r\nSet-Cookie: b"));
        answer_text(exchange, 200, "never seen");
    } else if (str_equal(path, STR("/nothing"))) {
        http_answer_header(exchange, "ETag", STR("\"1\""));
        http_answer(exchange, 204);
    } else if (str_equal(path, STR("/uncommitted"))) {
        endpoint->rig.commit_fails = true;
        answer_text(exchange, 200, "this did not happen");
    } else {
        answer_text(exchange, 404, "not found");
    }
}

static inline void too_large(void *ctx, struct http_exchange *exchange)
{
    struct endpoint *endpoint = ctx;
    endpoint->too_large++;
    answer_text(exchange, 413, "too large");
}

static inline void play(struct endpoint *endpoint, void (*client)(struct rig *rig))
{
    struct rig *rig = &endpoint->rig;
    const struct http_server_config config = {.name = "test",
                                              .body_max = BODY_MAX,
                                              .ctx = endpoint,
                                              .handle = handle,
                                              .too_large = too_large};
    rig_create(rig);
    assert_int_equal(http_server_create(rig->net, &config, &endpoint->server), STATUS_OK);
    assert_int_equal(net_alarm_create(rig->net, alarm_answers, endpoint, &endpoint->alarm),
                     STATUS_OK);
    rig->endpoint = endpoint->server;
    rig_listen(rig, http_protocol(), rig_tls, &rig->tls_port);
    rig_listen(rig, http_protocol(), NULL, &rig->plain_port);
    rig_run(rig, client);
    net_alarm_destroy(endpoint->alarm);
    http_server_destroy(endpoint->server);
    rig_finish(rig);
}

/* ---- the client's side of HTTP ---- */

struct response {
    unsigned status;
    size_t body_size;
    char head[4096];
    char body[RESPONSE_MAX];
};

static struct response response;

static inline bool read_head(struct client *client)
{
    size_t size = 0;
    while (size < 4 || memcmp(response.head + size - 4, "\r\n\r\n", 4) != 0) {
        if (size + 1 >= sizeof(response.head) ||
            !client_receive_all(client, response.head + size, 1)) {
            return false;
        }
        size++;
    }
    response.head[size] = '\0';
    uint64_t status = 0;
    const bool good = memcmp(response.head, "HTTP/1.1 ", 9) == 0 &&
                      str_to_u64(str_of(response.head + 9, 3), &status);
    response.status = (unsigned)status;
    return good;
}

/* Reads one answer that has a length or, like a 204 and a 100, none. */
static inline bool read_response(struct client *client)
{
    response.status = 0;
    response.body_size = 0;
    if (!read_head(client)) {
        return false;
    }
    static const char name[] = "\r\nContent-Length: ";
    const char *length = strstr(response.head, name);
    uint64_t size = 0;
    if (length != NULL) {
        const char *digits = length + sizeof(name) - 1;
        if (!str_to_u64(str_of(digits, strcspn(digits, "\r")), &size)) {
            return false;
        }
    }
    response.body_size = (size_t)size;
    if (response.body_size >= sizeof(response.body) ||
        !client_receive_all(client, response.body, response.body_size)) {
        return false;
    }
    response.body[response.body_size] = '\0';
    return true;
}

static inline bool ask(struct client *client, const char *request)
{
    return client_send(client, request, strlen(request)) && read_response(client);
}

static inline bool answered(unsigned status, const char *body)
{
    return response.status == status && strcmp(response.body, body) == 0;
}

#define HOST "Host: localhost\r\n"

#endif
