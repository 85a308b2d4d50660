/* SPDX-License-Identifier: MIT */
#include "net/upgrade_internal.h"

#include <assert.h>
#include <openssl/sha.h>

#include "base/base64.h"
#include "net/limits.h"

enum { KEY_SIZE = 16, QUOTED_SIZE_MAX = 80 };

/* What a head says, as far as it matters here. */
struct head {
    struct str line;
    struct str target;
    struct str headers; /* all lines after the first, without the empty one */
    struct str rest;    /* what came behind the head */
    bool root;          /* the target is "/" */
};

static struct str quoted(struct str text)
{
    return text.size > QUOTED_SIZE_MAX ? str_of(text.data, QUOTED_SIZE_MAX) : text;
}

/* ---- taking the head apart ---- */

/* The next line, without its end; false when there is no whole one. Lone line feeds are taken, as
 * libmicrohttpd takes them. */
static bool line_next(struct str *rest, struct str *ret_line)
{
    struct str line;
    struct str after;
    if (!str_cut(*rest, '\n', &line, &after)) {
        return false;
    }
    if (line.size > 0 && line.data[line.size - 1] == '\r') {
        line.size--;
    }
    *ret_line = line;
    *rest = after;
    return true;
}

/*
 * Clients whose connection string has a port in it put that in front of the path
 * ("/:8443/$iothub/websocket"), some end it with a slash, and some add a query (SDK matrix, 1):
 * what it ends in counts.
 */
static bool target_fits(struct str target, bool *ret_root)
{
    static const struct str ends[] = {
        {"/$iothub/websocket", sizeof("/$iothub/websocket") - 1},
        {"/%24iothub/websocket", sizeof("/%24iothub/websocket") - 1},
        {"/$servicebus/websocket", sizeof("/$servicebus/websocket") - 1},
        {"/%24servicebus/websocket", sizeof("/%24servicebus/websocket") - 1},
    };
    struct str path;
    struct str query;
    (void)str_cut(target, '?', &path, &query);
    *ret_root = str_equal(path, STR("/"));
    if (*ret_root) {
        return true;
    }
    if (str_ends(path, STR("/"))) {
        path.size--;
    }
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        if (path.size >= ends[i].size &&
            str_equal_nocase(str_skip(path, path.size - ends[i].size), ends[i])) {
            return true;
        }
    }
    return false;
}

/* The value of the next header with this name, moving `rest` behind it. */
static bool header_next(struct str *rest, struct str name, struct str *ret_value)
{
    struct str line;
    while (line_next(rest, &line)) {
        struct str found;
        struct str value;
        if (str_cut(line, ':', &found, &value) && str_equal_nocase(found, name)) {
            *ret_value = str_trim(value);
            return true;
        }
    }
    return false;
}

/* The first of them; "" when there is none. */
static struct str header(const struct head *head, struct str name)
{
    struct str rest = head->headers;
    struct str value = STR_EMPTY;
    (void)header_next(&rest, name, &value);
    return value;
}

/* A comma-separated list, maybe over several headers of the name. */
struct tokens {
    struct str lines;
    struct str name;
    struct str value;
};

static bool token_next(struct tokens *tokens, struct str *ret_token)
{
    while (tokens->value.size > 0 || header_next(&tokens->lines, tokens->name, &tokens->value)) {
        struct str token;
        (void)str_cut(tokens->value, ',', &token, &tokens->value);
        token = str_trim(token);
        if (token.size > 0) {
            *ret_token = token;
            return true;
        }
    }
    return false;
}

static bool header_has(const struct head *head, struct str name, struct str wanted)
{
    struct tokens tokens = {.lines = head->headers, .name = name, .value = STR_EMPTY};
    struct str token;
    while (token_next(&tokens, &token)) {
        if (str_equal_nocase(token, wanted)) {
            return true;
        }
    }
    return false;
}

/* ---- the request line ---- */

/* Tells, as early as can be told, whether the request could be one for a WebSocket. */
static enum upgrade read_line(struct str data, struct head *ret_head)
{
    const struct str get = STR("GET ");
    struct str rest = data;
    struct str line;
    struct head head = {.headers = STR_EMPTY};
    const struct str start = data.size < get.size ? str_of(get.data, data.size) : get;
    if (!str_starts(data, start)) {
        return UPGRADE_NONE;
    }
    if (!line_next(&rest, &line)) {
        return data.size < UPGRADE_HEAD_MAX ? UPGRADE_NEED_MORE : UPGRADE_NONE;
    }
    struct str version;
    (void)str_cut(str_skip(line, get.size), ' ', &head.target, &version);
    if (!target_fits(head.target, &head.root)) {
        return UPGRADE_NONE;
    }
    head.line = line;
    head.headers = rest;
    *ret_head = head;
    return UPGRADE_ACCEPTED;
}

/* True when the empty line is there. */
static bool read_headers(struct head *head)
{
    struct str rest = head->headers;
    struct str line;
    while (line_next(&rest, &line)) {
        if (line.size == 0) {
            head->headers.size = (size_t)(line.data - head->headers.data);
            head->rest = rest;
            return true;
        }
    }
    return false;
}

/* ---- the handshake's rules ---- */

static enum upgrade refuse(struct upgrade_answer *ret_answer, unsigned http_status)
{
    *ret_answer = (struct upgrade_answer){.http_status = http_status};
    return UPGRADE_REFUSED;
}

static bool key_valid(struct str key)
{
    CLEANUP(buf_finish) struct buf bytes = BUF_INIT(KEY_SIZE + 2);
    return key.size == BASE64_SIZE(KEY_SIZE) && base64_decode_append(&bytes, key) &&
           bytes.size == KEY_SIZE;
}

/* Of what the client offers the first that is served here counts. */
static const struct http_websocket *choose(const struct head *head,
                                           const struct http_websocket *websockets, size_t count,
                                           struct str *ret_sub_protocol)
{
    struct tokens tokens = {
        .lines = head->headers, .name = STR("Sec-WebSocket-Protocol"), .value = STR_EMPTY};
    struct str token;
    while (token_next(&tokens, &token)) {
        for (size_t i = 0; i < count; i++) {
            if (str_equal_nocase(token, str_from(websockets[i].sub_protocol)) &&
                (!head->root || websockets[i].at_root)) {
                *ret_sub_protocol = token;
                return &websockets[i];
            }
        }
    }
    return NULL;
}

static void explain_protocol(const struct head *head, const struct http_websocket *websockets,
                             size_t count, struct problem *problem)
{
    CLEANUP(buf_finish) struct buf served = BUF_INIT(256);
    for (size_t i = 0; i < count; i++) {
        buf_append_format(&served, "%s%s", i == 0 ? "" : " or ", websockets[i].sub_protocol);
    }
    const struct str offered = quoted(header(head, STR("Sec-WebSocket-Protocol")));
    problem_set(problem, PROBLEM_NO_OFFSET,
                "the WebSocket's sub-protocol (Sec-WebSocket-Protocol) is \"%.*s\", it must be "
                "%.*s%s",
                STR_ARG(offered), STR_ARG(buf_str(&served)),
                head->root ? ", and only AMQP may leave out the path /$iothub/websocket" : "");
}

static enum upgrade judge(const struct head *head, const struct http_websocket *websockets,
                          size_t count, struct upgrade_answer *ret_answer, struct problem *problem)
{
    struct upgrade_answer answer = {.key = header(head, STR("Sec-WebSocket-Key"))};
    const struct str version = header(head, STR("Sec-WebSocket-Version"));
    if (!header_has(head, STR("Connection"), STR("upgrade")) ||
        !str_ends(head->line, STR(" HTTP/1.1"))) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "a WebSocket's request is one of HTTP/1.1 with \"Connection: Upgrade\"");
        return refuse(ret_answer, 400);
    }
    if (!str_equal(version, STR("13"))) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "the WebSocket's version (Sec-WebSocket-Version) is \"%.*s\", it must be 13",
                    STR_ARG(quoted(version)));
        return refuse(ret_answer, 426);
    }
    if (!key_valid(answer.key)) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "the WebSocket's key (Sec-WebSocket-Key) is \"%.*s\", it must be 16 bytes in "
                    "base64",
                    STR_ARG(quoted(answer.key)));
        return refuse(ret_answer, 400);
    }
    answer.websocket = choose(head, websockets, count, &answer.sub_protocol);
    if (answer.websocket == NULL) {
        explain_protocol(head, websockets, count, problem);
        return refuse(ret_answer, 400);
    }
    if (head->rest.size > 0) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "%zu bytes came before the WebSocket's handshake was answered",
                    head->rest.size);
        return refuse(ret_answer, 400);
    }
    *ret_answer = answer;
    return UPGRADE_ACCEPTED;
}

enum upgrade upgrade_read(struct str data, const struct http_websocket *websockets, size_t count,
                          struct upgrade_answer *ret_answer, struct problem *problem)
{
    struct head head;
    const enum upgrade line = count == 0 ? UPGRADE_NONE : read_line(data, &head);
    if (line != UPGRADE_ACCEPTED) {
        return line;
    }
    const bool whole = read_headers(&head);
    if (!whole && data.size < UPGRADE_HEAD_MAX) {
        return UPGRADE_NEED_MORE;
    }
    if (head.root && !whole) {
        return UPGRADE_NONE;
    }
    if (!whole || data.size - head.rest.size > UPGRADE_HEAD_MAX) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "the head of a WebSocket's request exceeds %zu bytes", UPGRADE_HEAD_MAX);
        return refuse(ret_answer, 431);
    }
    if (header_has(&head, STR("Upgrade"), STR("websocket"))) {
        return judge(&head, websockets, count, ret_answer, problem);
    }
    if (head.root) {
        return UPGRADE_NONE;
    }
    problem_set(problem, PROBLEM_NO_OFFSET,
                "\"%.*s\" is an address for WebSockets: the request must ask for \"Upgrade: "
                "websocket\"",
                STR_ARG(quoted(head.target)));
    return refuse(ret_answer, 426);
}

/* ---- the answers ---- */

void upgrade_append_accepted(struct buf *out, const struct upgrade_answer *answer)
{
    static const char salt[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455, 1.3 */
    unsigned char text[BASE64_SIZE(KEY_SIZE) + sizeof(salt) - 1];
    unsigned char digest[SHA_DIGEST_LENGTH];
    char accept[BASE64_SIZE(SHA_DIGEST_LENGTH)];
    assert(answer->key.size == BASE64_SIZE(KEY_SIZE));
    memcpy(text, answer->key.data, answer->key.size);
    memcpy(text + answer->key.size, salt, sizeof(salt) - 1);
    SHA1(text, sizeof(text), digest);
    base64_encode(str_of(digest, sizeof(digest)), accept);
    buf_append_format(out,
                      "HTTP/1.1 101 Switching Protocols\r\n"
                      "Upgrade: websocket\r\n"
                      "Connection: Upgrade\r\n"
                      "Sec-WebSocket-Accept: %.*s\r\n"
                      "Sec-WebSocket-Protocol: %.*s\r\n"
                      "\r\n",
                      (int)sizeof(accept), accept, STR_ARG(answer->sub_protocol));
}

static const char *reason(unsigned http_status)
{
    switch (http_status) {
    case 426:
        return "Upgrade Required";
    case 431:
        return "Request Header Fields Too Large";
    default:
        return "Bad Request";
    }
}

void upgrade_append_refused(struct buf *out, const struct upgrade_answer *answer, const char *why)
{
    const char *upgrade = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
    buf_append_format(out,
                      "HTTP/1.1 %u %s\r\n"
                      "%s"
                      "Content-Type: text/plain\r\n"
                      "Content-Length: %zu\r\n"
                      "Connection: %s\r\n"
                      "\r\n"
                      "%s\r\n",
                      answer->http_status, reason(answer->http_status),
                      answer->http_status == 426 ? upgrade : "", strlen(why) + 2,
                      answer->http_status == 426 ? "Upgrade, close" : "close", why);
}
