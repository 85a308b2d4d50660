/* SPDX-License-Identifier: MIT */
#include "clients/endpoint/stream.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/alloc.h"
#include "base/clock.h"

struct stream {
    int fd;
    SSL_CTX *context; /* both NULL: plain */
    SSL *tls;
    short tls_wants; /* POLLIN, POLLOUT: what TLS waits for since it was called last */
    char why[128];
};

/* ---- Waiting ---- */

enum { WAIT_MS_MAX = 1000000 };

static enum stream_waited wait_for(int fd, short events, const struct patience *patience)
{
    for (;;) {
        const int64_t left_us = patience->until_us - clock_monotonic_us();
        const int64_t left_ms = left_us <= 0 ? 0 : (left_us + 999) / 1000;
        struct pollfd poll_fd = {.fd = fd, .events = events};
        const int ready = poll(&poll_fd, 1, left_ms > WAIT_MS_MAX ? WAIT_MS_MAX : (int)left_ms);
        if (ready > 0) {
            return STREAM_READY;
        }
        if (ready < 0 && (errno != EINTR || patience->ends_with_signal)) {
            return STREAM_INTERRUPTED;
        }
        if (ready == 0 && left_ms <= WAIT_MS_MAX) {
            return STREAM_TIMED_OUT;
        }
    }
}

enum stream_waited stream_wait(struct stream *stream, bool to_write,
                               const struct patience *patience)
{
    if (stream->tls != NULL && SSL_pending(stream->tls) > 0) {
        return STREAM_READY;
    }
    const int wanted = (to_write ? POLLIN | POLLOUT : POLLIN) | stream->tls_wants;
    return wait_for(stream->fd, (short)wanted, patience);
}

/* ---- Connecting ---- */

static const struct problem nothing_said = {.offset = PROBLEM_NO_OFFSET};

static enum iothub_result unreachable(const struct endpoint *endpoint, const char *why,
                                      struct problem *problem)
{
    problem_set(problem, PROBLEM_NO_OFFSET, "could not reach %s, port %u: %s", endpoint->host,
                (unsigned)endpoint->port, why);
    return IOTHUB_UNAVAILABLE;
}

static enum iothub_result not_in_time(const struct endpoint *endpoint, enum stream_waited waited,
                                      struct problem *problem)
{
    return unreachable(
        endpoint, waited == STREAM_INTERRUPTED ? "interrupted by a signal" : "no answer in time",
        problem);
}

/* A socket that is connected to the address, or -1 with the problem. */
static int connect_to(const struct addrinfo *address, const struct endpoint *endpoint,
                      const struct patience *patience, struct problem *problem)
{
    const int on = 1;
    const int fd = socket(address->ai_family, SOCK_STREAM, IPPROTO_TCP);
    if (fd < 0) {
        (void)unreachable(endpoint, strerror(errno), problem);
        return -1;
    }
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    int failed = connect(fd, address->ai_addr, address->ai_addrlen) == 0 ? 0 : errno;
    if (failed == EINPROGRESS || failed == EINTR) {
        const enum stream_waited waited = wait_for(fd, POLLOUT, patience);
        socklen_t size = sizeof(failed);
        if (waited != STREAM_READY) {
            (void)not_in_time(endpoint, waited, problem);
            (void)close(fd);
            return -1;
        }
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &size) != 0) {
            failed = errno;
        }
    }
    if (failed != 0) {
        (void)unreachable(endpoint, strerror(failed), problem);
        (void)close(fd);
        return -1;
    }
    return fd;
}

static int count_of(const struct addrinfo *address)
{
    int count = 0;
    for (; address != NULL; address = address->ai_next) {
        count++;
    }
    return count;
}

/* The first refusal is told rather than the last: it is of the address that is preferred. */
static int connect_to_any(const struct addrinfo *first, const struct endpoint *endpoint,
                          const struct patience *patience, struct problem *problem)
{
    int fd = -1;
    for (const struct addrinfo *at = first; at != NULL && fd < 0; at = at->ai_next) {
        const int64_t now_us = clock_monotonic_us();
        const struct patience share = {
            .until_us = now_us + (patience->until_us - now_us) / count_of(at),
            .ends_with_signal = patience->ends_with_signal,
        };
        struct problem ignored = nothing_said;
        fd = connect_to(at, endpoint, &share, at == first ? problem : &ignored);
    }
    return fd;
}

static enum iothub_result open_socket(const struct endpoint *endpoint,
                                      const struct patience *patience, int *ret_fd,
                                      struct problem *problem)
{
    char port[8];
    struct addrinfo *addresses = NULL;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    (void)snprintf(port, sizeof(port), "%u", (unsigned)endpoint->port);
    const int failed = getaddrinfo(endpoint->host, port, &hints, &addresses);
    if (failed == EAI_MEMORY) {
        return IOTHUB_NO_MEMORY;
    }
    if (failed != 0) {
        problem_set(problem, PROBLEM_NO_OFFSET, "the host name \"%s\" cannot be found: %s",
                    endpoint->host, gai_strerror(failed));
        return IOTHUB_UNAVAILABLE;
    }
    *ret_fd = connect_to_any(addresses, endpoint, patience, problem);
    freeaddrinfo(addresses);
    return *ret_fd < 0 ? IOTHUB_UNAVAILABLE : IOTHUB_OK;
}

/* ---- TLS ---- */

/*
 * OpenSSL writes with write(), which raises SIGPIPE when the other side has gone. It is held back
 * for the time of the call, and forgotten if it was raised in it.
 */
struct quiet {
    sigset_t before;
    bool was_pending;
};

static void sigpipe_only(sigset_t *set)
{
    (void)sigemptyset(set);
    (void)sigaddset(set, SIGPIPE);
}

static struct quiet quiet_begin(void)
{
    struct quiet quiet;
    sigset_t sigpipe;
    sigset_t pending;
    sigpipe_only(&sigpipe);
    (void)sigpending(&pending);
    quiet.was_pending = sigismember(&pending, SIGPIPE) == 1;
    (void)pthread_sigmask(SIG_BLOCK, &sigpipe, &quiet.before);
    return quiet;
}

static void quiet_end(const struct quiet *quiet)
{
    const struct timespec at_once = {0};
    const int saved = errno;
    sigset_t sigpipe;
    sigpipe_only(&sigpipe);
    if (!quiet->was_pending) {
        while (sigtimedwait(&sigpipe, NULL, &at_once) < 0 && errno == EINTR) {
        }
    }
    (void)pthread_sigmask(SIG_SETMASK, &quiet->before, NULL);
    errno = saved;
}

static enum iothub_result trust(struct stream *stream, const struct endpoint *endpoint,
                                struct problem *problem)
{
    unsigned char address[sizeof(struct in6_addr)];
    struct endpoint named = *endpoint; /* OpenSSL's macro takes no const */
    stream->context = SSL_CTX_new(TLS_client_method());
    if (stream->context == NULL) {
        return IOTHUB_NO_MEMORY;
    }
    enum status status = endpoint_trust(stream->context, problem);
    if (status == STATUS_OK) {
        status = endpoint_expect_host(stream->context, endpoint);
    }
    if (status != STATUS_OK) {
        return status == STATUS_NO_MEMORY ? IOTHUB_NO_MEMORY : IOTHUB_INVALID;
    }
    (void)SSL_CTX_set_mode(stream->context,
                           SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    stream->tls = SSL_new(stream->context);
    if (stream->tls == NULL || SSL_set_fd(stream->tls, stream->fd) != 1) {
        return IOTHUB_NO_MEMORY;
    }
    const bool is_address = inet_pton(AF_INET, endpoint->host, address) == 1 ||
                            inet_pton(AF_INET6, endpoint->host, address) == 1;
    if (!is_address && SSL_set_tlsext_host_name(stream->tls, named.host) != 1) {
        return IOTHUB_NO_MEMORY;
    }
    return IOTHUB_OK;
}

/* What came of a call of OpenSSL's. STREAM_ENDED: the reason is in stream->why. */
static enum stream_moved after(struct stream *stream, int result)
{
    const int system_error = errno;
    stream->tls_wants = 0;
    if (result == 1) {
        return STREAM_MOVED;
    }
    switch (SSL_get_error(stream->tls, result)) {
    case SSL_ERROR_WANT_READ:
        stream->tls_wants = POLLIN;
        return STREAM_WAITS;
    case SSL_ERROR_WANT_WRITE:
        stream->tls_wants = POLLOUT;
        return STREAM_WAITS;
    case SSL_ERROR_SYSCALL:
        (void)snprintf(stream->why, sizeof(stream->why), "%s",
                       system_error == 0 ? "the other side closed it" : strerror(system_error));
        return STREAM_ENDED;
    case SSL_ERROR_ZERO_RETURN:
        (void)snprintf(stream->why, sizeof(stream->why), "the other side closed it");
        return STREAM_ENDED;
    default:
        break;
    }
    const unsigned long error = ERR_peek_error();
    const char *words = ERR_reason_error_string(error);
    const bool cut = ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
    (void)snprintf(stream->why, sizeof(stream->why), "%s",
                   cut || words == NULL ? "the other side closed it" : words);
    return STREAM_ENDED;
}

static enum iothub_result explain_handshake(struct stream *stream, const struct endpoint *endpoint,
                                            struct problem *problem)
{
    const long refused = SSL_get_verify_result(stream->tls);
    if (refused != X509_V_OK) {
        endpoint_explain_certificate(refused, endpoint, problem);
        return IOTHUB_UNTRUSTED;
    }
    problem_set(problem, PROBLEM_NO_OFFSET,
                "no TLS connection came about with %s, port %u (%s): is that the right port?",
                endpoint->host, (unsigned)endpoint->port, stream->why);
    return IOTHUB_UNAVAILABLE;
}

static enum stream_moved shake_hands(struct stream *stream)
{
    const struct quiet quiet = quiet_begin();
    ERR_clear_error();
    errno = 0;
    const int result = SSL_connect(stream->tls);
    const enum stream_moved moved = after(stream, result);
    quiet_end(&quiet);
    return moved;
}

static enum iothub_result start_tls(struct stream *stream, const struct endpoint *endpoint,
                                    const struct patience *patience, struct problem *problem)
{
    const enum iothub_result result = trust(stream, endpoint, problem);
    if (result != IOTHUB_OK) {
        return result;
    }
    for (;;) {
        const enum stream_moved moved = shake_hands(stream);
        if (moved == STREAM_MOVED) {
            return IOTHUB_OK;
        }
        if (moved == STREAM_ENDED) {
            return explain_handshake(stream, endpoint, problem);
        }
        const enum stream_waited waited = wait_for(stream->fd, stream->tls_wants, patience);
        if (waited != STREAM_READY) {
            return not_in_time(endpoint, waited, problem);
        }
    }
}

/* ---- The door ---- */

void stream_close(struct stream *stream)
{
    if (stream == NULL) {
        return;
    }
    if (stream->tls != NULL) {
        const struct quiet quiet = quiet_begin();
        ERR_clear_error();
        if (SSL_is_init_finished(stream->tls)) {
            (void)SSL_shutdown(stream->tls);
        }
        ERR_clear_error();
        quiet_end(&quiet);
        SSL_free(stream->tls);
    }
    SSL_CTX_free(stream->context);
    if (stream->fd >= 0) {
        (void)close(stream->fd);
    }
    mem_free(stream);
}

static void stream_closep(struct stream **stream)
{
    stream_close(*stream);
}

enum iothub_result stream_dial(const struct endpoint *endpoint, bool tls,
                               const struct patience *patience, struct stream **ret_stream,
                               struct problem *problem)
{
    struct stream *stream CLEANUP(stream_closep) = mem_zalloc(sizeof(*stream));
    if (stream == NULL) {
        return IOTHUB_NO_MEMORY;
    }
    stream->fd = -1;
    enum iothub_result result = open_socket(endpoint, patience, &stream->fd, problem);
    if (result == IOTHUB_OK && tls) {
        result = start_tls(stream, endpoint, patience, problem);
    }
    if (result == IOTHUB_OK) {
        *ret_stream = TAKE(stream);
    }
    return result;
}

static enum stream_moved plainly(struct stream *stream, ssize_t result, size_t *ret_size)
{
    if (result > 0) {
        *ret_size = (size_t)result;
        return STREAM_MOVED;
    }
    if (result < 0 && (errno == EAGAIN || errno == EINTR)) {
        return STREAM_WAITS;
    }
    (void)snprintf(stream->why, sizeof(stream->why), "%s",
                   result == 0 ? "the other side closed it" : strerror(errno));
    return STREAM_ENDED;
}

enum stream_moved stream_read(struct stream *stream, void *data, size_t size, size_t *ret_size)
{
    assert(size > 0);
    if (stream->tls == NULL) {
        return plainly(stream, recv(stream->fd, data, size, 0), ret_size);
    }
    ERR_clear_error();
    errno = 0;
    const struct quiet quiet = quiet_begin();
    const int result = SSL_read_ex(stream->tls, data, size, ret_size);
    const enum stream_moved moved = after(stream, result);
    quiet_end(&quiet);
    return moved;
}

enum stream_moved stream_write(struct stream *stream, const void *data, size_t size,
                               size_t *ret_size)
{
    assert(size > 0);
    if (stream->tls == NULL) {
        return plainly(stream, send(stream->fd, data, size, MSG_NOSIGNAL), ret_size);
    }
    ERR_clear_error();
    errno = 0;
    const struct quiet quiet = quiet_begin();
    const int result = SSL_write_ex(stream->tls, data, size, ret_size);
    const enum stream_moved moved = after(stream, result);
    quiet_end(&quiet);
    return moved;
}

const char *stream_why(const struct stream *stream)
{
    return stream->why;
}
