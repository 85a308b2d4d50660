/* SPDX-License-Identifier: MIT */
#include "clients/device/wire_internal.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/clock.h"
#include "clients/device/errors_internal.h"

enum { CHUNK_SIZE = 16384 }; /* a TLS record's worth */

void wire_init(struct wire *wire, const struct endpoint *endpoint, struct ssl_ctx_st *tls)
{
    *wire = (struct wire){.endpoint = endpoint, .tls = tls, .fd = -1};
}

/* ---- In words ---- */

static enum iothub_result unreachable(const struct wire *wire, const char *why,
                                      struct iothub_error *error)
{
    return device_failed(error, IOTHUB_UNAVAILABLE, "could not reach %s, port %u: %s",
                         wire->endpoint->host, (unsigned)wire->endpoint->port, why);
}

/* What OpenSSL says of its last failure: "tlsv13 alert certificate required". */
static const char *tls_words(void)
{
    const unsigned long code = ERR_peek_error();
    const char *words = code == 0 ? NULL : ERR_reason_error_string(code);
    return words == NULL ? "the other side closed the connection" : words;
}

static enum iothub_result handshake_failed(const struct wire *wire, struct iothub_error *error)
{
    const long verified = SSL_get_verify_result(wire->ssl);
    if (verified != X509_V_OK) {
        struct problem problem;
        endpoint_explain_certificate(verified, wire->endpoint, &problem);
        return device_failed(error, IOTHUB_UNTRUSTED, "%s", problem.text);
    }
    return device_failed(error, IOTHUB_UNAVAILABLE,
                         "no TLS connection came about with %s, port %u (%s): is that the hub's "
                         "port for MQTT?",
                         wire->endpoint->host, (unsigned)wire->endpoint->port, tls_words());
}

static enum iothub_result broken(const struct wire *wire, struct iothub_error *error)
{
    const int system_error = errno;
    const char *why = system_error != 0 ? strerror(system_error) : tls_words();
    return device_failed(error, IOTHUB_UNAVAILABLE, "the connection to %s, port %u was lost: %s",
                         wire->endpoint->host, (unsigned)wire->endpoint->port, why);
}

/* ---- Opening ---- */

static void drop_socket(struct wire *wire)
{
    SSL_free(wire->ssl);
    wire->ssl = NULL;
    if (wire->fd >= 0) {
        (void)close(wire->fd);
    }
    wire->fd = -1;
}

static void forget_addresses(struct wire *wire)
{
    if (wire->addresses != NULL) {
        freeaddrinfo(wire->addresses);
    }
    wire->addresses = NULL;
    wire->next_address = NULL;
}

static enum iothub_result shake(struct wire *wire, struct iothub_error *error)
{
    ERR_clear_error();
    errno = 0;
    const int code = SSL_do_handshake(wire->ssl);
    if (code == 1) {
        wire->state = WIRE_OPEN;
        return IOTHUB_OK;
    }
    switch (SSL_get_error(wire->ssl, code)) {
    case SSL_ERROR_WANT_READ:
        wire->events = POLLIN;
        return IOTHUB_OK;
    case SSL_ERROR_WANT_WRITE:
        wire->events = POLLOUT;
        return IOTHUB_OK;
    case SSL_ERROR_SYSCALL:
        if (errno != 0) {
            return broken(wire, error);
        }
        break;
    default:
        break;
    }
    return handshake_failed(wire, error);
}

/* Addresses do not belong into SNI (RFC 6066, 3). */
static bool is_address(const char *host)
{
    struct in6_addr out;
    return inet_pton(AF_INET, host, &out) == 1 || inet_pton(AF_INET6, host, &out) == 1;
}

static enum iothub_result start_tls(struct wire *wire, struct iothub_error *error)
{
    const int on = 1;
    (void)setsockopt(wire->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    forget_addresses(wire);
    wire->state = WIRE_SHAKING;
    wire->ssl = SSL_new(wire->tls);
    if (wire->ssl == NULL || SSL_set_fd(wire->ssl, wire->fd) != 1) {
        return device_no_memory(error);
    }
    (void)SSL_set_mode(wire->ssl,
                       SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    char host[ENDPOINT_HOST_SIZE]; /* OpenSSL's macro takes no const */
    memcpy(host, wire->endpoint->host, sizeof(host));
    if (!is_address(host) && SSL_set_tlsext_host_name(wire->ssl, host) != 1) {
        return device_no_memory(error);
    }
    /* Not every end comes with TLS's goodbye; that no packet is cut off, MQTT's framing tells. */
    (void)SSL_set_options(wire->ssl, SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_set_connect_state(wire->ssl);
    return shake(wire, error);
}

/* A fair share of what is left, so that one dead address does not use up all of it. */
static int64_t share_us(const struct wire *wire)
{
    int64_t addresses = 0;
    for (const struct addrinfo *a = wire->next_address; a != NULL; a = a->ai_next) {
        addresses++;
    }
    const int64_t now_us = clock_monotonic_us();
    return now_us + (wire->deadline_us - now_us) / addresses;
}

static enum iothub_result dial_next(struct wire *wire, struct iothub_error *error)
{
    drop_socket(wire);
    while (wire->next_address != NULL) {
        const struct addrinfo *address = wire->next_address;
        wire->address_deadline_us = share_us(wire);
        wire->next_address = address->ai_next;
        wire->fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (wire->fd >= 0 && connect(wire->fd, address->ai_addr, address->ai_addrlen) == 0) {
            return start_tls(wire, error);
        }
        if (wire->fd >= 0 && errno == EINPROGRESS) {
            wire->state = WIRE_DIALLING;
            wire->events = POLLOUT;
            return IOTHUB_OK;
        }
        wire->failure = errno;
        drop_socket(wire);
    }
    return unreachable(wire, strerror(wire->failure), error);
}

enum iothub_result wire_open(struct wire *wire, int64_t deadline_us, struct iothub_error *error)
{
    assert(wire->state == WIRE_CLOSED);

    char port[8];
    (void)snprintf(port, sizeof(port), "%u", (unsigned)wire->endpoint->port);
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    const int code = getaddrinfo(wire->endpoint->host, port, &hints, &wire->addresses);
    if (code != 0) {
        wire->addresses = NULL;
        return code == EAI_MEMORY
                   ? device_no_memory(error)
                   : device_failed(error, IOTHUB_UNAVAILABLE,
                                   "the host name \"%s\" cannot be found: %s", wire->endpoint->host,
                                   code == EAI_SYSTEM ? strerror(errno) : gai_strerror(code));
    }
    wire->next_address = wire->addresses;
    wire->deadline_us = deadline_us;
    wire->failure = ETIMEDOUT;
    wire->ended = false;
    wire->write_waits = false;
    return dial_next(wire, error);
}

static enum iothub_result dialled(struct wire *wire, struct iothub_error *error)
{
    struct pollfd poll_fd = {.fd = wire->fd, .events = POLLOUT};
    if (poll(&poll_fd, 1, 0) <= 0) {
        if (clock_monotonic_us() < wire->address_deadline_us) {
            return IOTHUB_OK;
        }
        wire->failure = ETIMEDOUT;
        return dial_next(wire, error);
    }
    int failure = 0;
    socklen_t size = sizeof(failure);
    if (getsockopt(wire->fd, SOL_SOCKET, SO_ERROR, &failure, &size) != 0) {
        failure = errno;
    }
    if (failure == 0) {
        return start_tls(wire, error);
    }
    wire->failure = failure;
    return dial_next(wire, error);
}

enum iothub_result wire_step(struct wire *wire, struct iothub_error *error)
{
    assert(wire->state == WIRE_DIALLING || wire->state == WIRE_SHAKING);

    return wire->state == WIRE_DIALLING ? dialled(wire, error) : shake(wire, error);
}

/* ---- Using ---- */

enum iothub_result wire_read(struct wire *wire, struct buf *into, size_t size_max,
                             struct iothub_error *error)
{
    assert(wire->state == WIRE_OPEN);

    while (into->size < size_max && !wire->ended) {
        void *room = buf_room(into, CHUNK_SIZE);
        if (room == NULL) {
            return device_no_memory(error);
        }
        ERR_clear_error();
        errno = 0;
        const int size = SSL_read(wire->ssl, room, CHUNK_SIZE);
        if (size > 0) {
            buf_grown(into, (size_t)size);
            continue;
        }
        switch (SSL_get_error(wire->ssl, size)) {
        case SSL_ERROR_WANT_READ:
            return IOTHUB_OK;
        case SSL_ERROR_WANT_WRITE:
            wire->write_waits = true;
            return IOTHUB_OK;
        case SSL_ERROR_ZERO_RETURN:
            wire->ended = true;
            break;
        default:
            return broken(wire, error);
        }
    }
    return IOTHUB_OK;
}

enum iothub_result wire_write(struct wire *wire, struct buf *from, struct iothub_error *error)
{
    assert(wire->state == WIRE_OPEN);

    wire->write_waits = false;
    while (from->size > 0) {
        ERR_clear_error();
        errno = 0;
        const size_t chunk = from->size < CHUNK_SIZE ? from->size : CHUNK_SIZE;
        const int size = SSL_write(wire->ssl, from->data, (int)chunk);
        if (size > 0) {
            buf_consume(from, (size_t)size);
            continue;
        }
        switch (SSL_get_error(wire->ssl, size)) {
        case SSL_ERROR_WANT_READ:
            return IOTHUB_OK;
        case SSL_ERROR_WANT_WRITE:
            wire->write_waits = true;
            return IOTHUB_OK;
        default:
            return broken(wire, error);
        }
    }
    return IOTHUB_OK;
}

bool wire_has_pending(const struct wire *wire)
{
    return wire->state == WIRE_OPEN && !wire->ended && SSL_has_pending(wire->ssl) == 1;
}

void wire_close(struct wire *wire)
{
    if (wire->state == WIRE_OPEN) {
        (void)SSL_shutdown(wire->ssl);
        ERR_clear_error();
    }
    drop_socket(wire);
    forget_addresses(wire);
    wire->state = WIRE_CLOSED;
}
