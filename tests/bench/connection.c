/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sas.h"
#include "tests/bench/load.h"

enum {
    SEQUENCE_DIGITS = 16,
    TOKEN_LIFE_S = 3600,
    OUTPUT_MAX = LOAD_WINDOW_MAX * LOAD_MESSAGE_MAX,
    EVENTS_AT_ONCE = 256,
};

bool connection_fail(struct connection *connection, const char *what, const char *why)
{
    problem_set(&connection->load->problem, PROBLEM_NO_OFFSET, "connection %u: %s%s%s",
                connection->number, what, why[0] == '\0' ? "" : ": ", why);
    return false;
}

static bool fail_tls(struct connection *connection, const char *what)
{
    const int error_number = errno;
    const unsigned long error = ERR_peek_error();
    if (error != 0) {
        const char *reason = ERR_reason_error_string(error);
        return connection_fail(connection, what, reason == NULL ? "a TLS error" : reason);
    }
    return connection_fail(connection, what,
                           error_number == 0 ? "closed by the server" : strerror(error_number));
}

/* ---- what protocols share ---- */

struct str connection_id(const struct connection *connection, char out[LOAD_ID_SIZE])
{
    const int size = snprintf(out, LOAD_ID_SIZE, "%.*s%04u",
                              STR_ARG(connection->load->config->id_prefix), connection->number);
    return str_of(out, size < LOAD_ID_SIZE ? (size_t)size : LOAD_ID_SIZE - 1);
}

bool connection_sign(struct connection *connection, struct buf *out, struct str resource,
                     struct str policy)
{
    const int64_t expiry_s = clock_now_us(&CLOCK_SYSTEM) / CLOCK_SECOND + TOKEN_LIFE_S;
    return sas_sign(out, resource, connection->load->config->key, policy, expiry_s) == STATUS_OK ||
           connection_fail(connection, "could not sign a token", "is --key base64?");
}

void connection_append_body(const struct connection *connection, struct buf *out)
{
    const size_t size = connection->load->config->body_size;
    for (size_t i = 0; i < size; i++) {
        buf_append_byte(out, (uint8_t)('a' + i % 26));
    }
}

void connection_number_body(struct connection *connection, uint64_t number)
{
    if (connection->load->config->body_size < SEQUENCE_DIGITS) {
        return;
    }
    char *digits = connection->message.data + connection->sequence_at;
    for (size_t i = SEQUENCE_DIGITS; i > 0; i--, number /= 10) {
        digits[i - 1] = (char)('0' + number % 10);
    }
}

void connection_is_up(struct connection *connection)
{
    connection->state = CONNECTION_CONNECTED;
    connection->load->connected++;
}

void connection_acknowledge(struct connection *connection, int64_t now_us)
{
    struct load *load = connection->load;
    if (load->measuring) {
        const size_t at = (size_t)(connection->acknowledged % load->config->window);
        latency_add(&load->latency, now_us - connection->sent_us[at]);
    }
    connection->acknowledged++;
    load->acknowledged++;
}

/* ---- writing ---- */

static bool arm(struct connection *connection, bool wants_write)
{
    if (connection->wants_write == wants_write) {
        return true;
    }
    connection->wants_write = wants_write;
    struct epoll_event event = {.events = EPOLLIN | (wants_write ? EPOLLOUT : 0U),
                                .data.ptr = connection};
    return epoll_ctl(connection->load->epoll, EPOLL_CTL_MOD, connection->fd, &event) == 0 ||
           connection_fail(connection, "epoll", strerror(errno));
}

/* One TLS write takes all of the output or, per record, one message of it. */
static bool flush(struct connection *connection)
{
    struct buf *output = &connection->output;
    const bool one_by_one = connection->load->config->per_record && connection->message.size > 0 &&
                            connection->state == CONNECTION_CONNECTED;
    size_t written = 0;
    while (written < output->size) {
        size_t size = output->size - written;
        if (one_by_one && size > connection->message.size) {
            const size_t begun = size % connection->message.size;
            size = begun > 0 ? begun : connection->message.size;
        }
        size_t taken = 0;
        ERR_clear_error();
        errno = 0;
        const int rc = SSL_write_ex(connection->ssl, output->data + written, size, &taken);
        if (rc != 1) {
            if (SSL_get_error(connection->ssl, rc) != SSL_ERROR_WANT_WRITE) {
                return fail_tls(connection, "could not write");
            }
            break;
        }
        written += taken;
    }
    buf_consume(output, written);
    return arm(connection, output->size > 0);
}

/* What the window and the server leave room for. */
static uint64_t room(const struct connection *connection)
{
    const uint64_t window = connection->load->config->window;
    const uint64_t free_places = window - (connection->sent - connection->acknowledged);
    const uint64_t allowed = connection->protocol->allowance == NULL
                                 ? UINT64_MAX
                                 : connection->protocol->allowance(connection);
    return free_places < allowed ? free_places : allowed;
}

bool connection_publish(struct connection *connection, int64_t now_us, uint64_t more_max)
{
    if (connection->protocol->number == NULL) {
        return true;
    }
    uint64_t more = room(connection);
    more = more < more_max ? more : more_max;
    if (more == 0) {
        return true;
    }
    for (; more > 0; more--) {
        connection->protocol->number(connection, connection->sent);
        connection_number_body(connection, connection->sent);
        buf_append_str(&connection->output, buf_str(&connection->message));
        connection->sent_us[connection->sent % connection->load->config->window] = now_us;
        connection->sent++;
        connection->load->sent++;
    }
    if (buf_status(&connection->output) != STATUS_OK) {
        return connection_fail(connection, "out of memory", "");
    }
    return flush(connection);
}

/* ---- reading ---- */

static bool take(struct connection *connection)
{
    size_t taken = 0;
    const struct str input = str_of(connection->input, connection->input_size);
    if (!connection->protocol->take(connection, input, clock_monotonic_us(), &taken)) {
        return false;
    }
    connection->input_size -= taken;
    memmove(connection->input, connection->input + taken, connection->input_size);
    return connection->input_size < sizeof(connection->input) ||
           connection_fail(connection, "the server sends more than it was told we take", "");
}

/* Reads what is there, to the end: OpenSSL may hold records that no poll would tell of. */
static bool drain(struct connection *connection)
{
    bool more = true;
    while (more) {
        size_t size = 0;
        ERR_clear_error();
        errno = 0;
        const int rc = SSL_read_ex(connection->ssl, connection->input + connection->input_size,
                                   sizeof(connection->input) - connection->input_size, &size);
        if (rc != 1) {
            return SSL_get_error(connection->ssl, rc) == SSL_ERROR_WANT_READ ||
                   fail_tls(connection, "could not read");
        }
        more = SSL_has_pending(connection->ssl) == 1;
        connection->input_size += size;
        if (!take(connection)) {
            return false;
        }
    }
    return true;
}

/* ---- from socket to farewell ---- */

static bool dial(struct connection *connection)
{
    const struct load_config *config = connection->load->config;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(config->port)};
    if (inet_pton(AF_INET, config->host, &address.sin_addr) != 1) {
        return connection_fail(connection, config->host, "not an IPv4 address");
    }
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection->fd < 0) {
        return connection_fail(connection, "socket", strerror(errno));
    }
    const int on = 1;
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(connection->fd, (struct sockaddr *)&address, sizeof(address)) != 0 &&
        errno != EINPROGRESS) {
        return connection_fail(connection, "connect", strerror(errno));
    }
    return true;
}

bool connection_start(struct load *load, struct connection *connection, unsigned number,
                      const struct load_protocol *protocol)
{
    connection->load = load;
    connection->protocol = protocol;
    connection->number = number;
    connection->fd = -1;
    connection->state = CONNECTION_HANDSHAKE;
    buf_init(&connection->output, OUTPUT_MAX);
    buf_init(&connection->message, LOAD_MESSAGE_MAX);
    if (protocol->prepare != NULL && !protocol->prepare(connection)) {
        return false;
    }
    if (buf_status(&connection->message) != STATUS_OK) {
        return connection_fail(connection, "out of memory", "");
    }
    if (!dial(connection)) {
        return false;
    }
    connection->ssl = SSL_new(load->tls);
    if (connection->ssl == NULL || SSL_set_fd(connection->ssl, connection->fd) != 1 ||
        SSL_set_tlsext_host_name(connection->ssl, load->config->name) != 1 ||
        SSL_set1_host(connection->ssl, load->config->name) != 1) {
        return fail_tls(connection, "could not set up TLS");
    }
    SSL_set_connect_state(connection->ssl);
    connection->wants_write = true;
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = connection};
    return epoll_ctl(load->epoll, EPOLL_CTL_ADD, connection->fd, &event) == 0 ||
           connection_fail(connection, "epoll", strerror(errno));
}

static bool handshake(struct connection *connection)
{
    ERR_clear_error();
    errno = 0;
    const int rc = SSL_do_handshake(connection->ssl);
    if (rc != 1) {
        switch (SSL_get_error(connection->ssl, rc)) {
        case SSL_ERROR_WANT_READ:
            return arm(connection, false);
        case SSL_ERROR_WANT_WRITE:
            return arm(connection, true);
        default:
            return fail_tls(connection, "TLS handshake");
        }
    }
    connection->state = CONNECTION_CONNECTING;
    if (!connection->protocol->begin(connection)) {
        return false;
    }
    return buf_status(&connection->output) == STATUS_OK
               ? flush(connection)
               : connection_fail(connection, "out of memory", "");
}

static bool ready(struct connection *connection)
{
    if (connection->state == CONNECTION_HANDSHAKE) {
        return handshake(connection);
    }
    if (!drain(connection)) {
        return false;
    }
    if (connection->load->publishing && connection->state == CONNECTION_CONNECTED &&
        !connection_publish(connection, clock_monotonic_us(), UINT64_MAX)) {
        return false;
    }
    return (connection->output.size == 0 && !connection->wants_write) || flush(connection);
}

void connection_finish(struct connection *connection)
{
    if (connection->state == CONNECTION_CONNECTED) {
        connection->protocol->end(connection);
        (void)flush(connection); /* a courtesy: nobody is left to tell */
        SSL_shutdown(connection->ssl);
    }
    if (connection->state != CONNECTION_CLOSED) {
        SSL_free(connection->ssl);
        if (connection->fd >= 0) {
            close(connection->fd);
        }
        buf_finish(&connection->output);
        buf_finish(&connection->message);
        connection->state = CONNECTION_CLOSED;
    }
}

/* ---- all of them ---- */

bool load_poll(struct load *load, int64_t until_us)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    const int64_t left_us = until_us - clock_monotonic_us();
    const int timeout_ms = left_us <= 0 ? 0 : (int)((left_us + 999) / 1000);
    const int count = epoll_wait(load->epoll, events, EVENTS_AT_ONCE, timeout_ms);
    for (int i = 0; i < count; i++) {
        if (!ready(events[i].data.ptr)) {
            return false;
        }
    }
    return true;
}

static SSL_CTX *tls_make(const struct load_config *config)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    if (tls == NULL || SSL_CTX_load_verify_locations(tls, config->ca_path, NULL) != 1) {
        SSL_CTX_free(tls);
        return NULL;
    }
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(tls, 1);
    return tls;
}

bool load_open(struct load *load, struct load_config *config)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    load->config = config;
    load->tls = tls_make(config);
    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (load->tls == NULL || load->epoll < 0) {
        problem_set(&load->problem, PROBLEM_NO_OFFSET,
                    load->tls == NULL ? "could not read the CA" : "epoll: no descriptor");
        return false;
    }
    return true;
}

void load_close(struct load *load)
{
    SSL_CTX_free(load->tls);
    if (load->epoll >= 0) {
        close(load->epoll);
    }
}
