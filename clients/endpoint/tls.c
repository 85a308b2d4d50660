/* SPDX-License-Identifier: MIT */
#include "clients/endpoint/stream_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

/* ---- Calling OpenSSL ---- */

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

/* What begins a call also forgets what earlier ones left behind. */
static struct quiet quiet_begin(void)
{
    struct quiet quiet;
    sigset_t sigpipe;
    sigset_t pending;
    sigpipe_only(&sigpipe);
    (void)sigpending(&pending);
    quiet.was_pending = sigismember(&pending, SIGPIPE) == 1;
    (void)pthread_sigmask(SIG_BLOCK, &sigpipe, &quiet.before);
    ERR_clear_error();
    errno = 0;
    return quiet;
}

static void quiet_end(const struct quiet *quiet)
{
    const struct timespec at_once = {0};
    sigset_t sigpipe;
    sigpipe_only(&sigpipe);
    if (!quiet->was_pending) {
        while (sigtimedwait(&sigpipe, NULL, &at_once) < 0 && errno == EINTR) {
        }
    }
    (void)pthread_sigmask(SIG_SETMASK, &quiet->before, NULL);
}

static enum stream_moved wait_for(struct stream *stream, short events)
{
    stream->events = events;
    return STREAM_WAITS;
}

/* What came of a call of OpenSSL's. */
static enum stream_moved after(struct stream *stream, int result)
{
    const int system_error = errno;
    stream->events = 0;
    if (result == 1) {
        return STREAM_MOVED;
    }
    switch (SSL_get_error(stream->tls, result)) {
    case SSL_ERROR_WANT_READ:
        return wait_for(stream, POLLIN);
    case SSL_ERROR_WANT_WRITE:
        return wait_for(stream, POLLOUT);
    case SSL_ERROR_SYSCALL:
        return stream_end(stream, system_error == 0 ? NULL : strerror(system_error));
    case SSL_ERROR_ZERO_RETURN:
        return stream_end(stream, NULL);
    default:
        break;
    }
    const char *words = ERR_reason_error_string(ERR_peek_error());
    return stream_end(stream, words == NULL ? "TLS failed" : words);
}

/* ---- The handshake ---- */

static enum iothub_result make_context(struct stream *stream, struct problem *problem)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    stream->target.context = context;
    if (context == NULL) {
        return IOTHUB_NO_MEMORY;
    }
    enum status status = endpoint_trust(context, problem);
    if (status == STATUS_OK) {
        status = endpoint_expect_host(context, &stream->target.endpoint);
    }
    if (status == STATUS_OK) {
        return IOTHUB_OK;
    }
    return status == STATUS_NO_MEMORY ? IOTHUB_NO_MEMORY : IOTHUB_INVALID;
}

enum iothub_result tls_prepare(struct stream *stream, struct problem *problem)
{
    if (stream->target.context == NULL) {
        return make_context(stream, problem);
    }
    if (SSL_CTX_up_ref(stream->target.context) != 1) {
        stream->target.context = NULL; /* the caller's alone */
        return IOTHUB_NO_MEMORY;
    }
    return IOTHUB_OK;
}

/* Addresses do not belong into SNI (RFC 6066, 3). */
static bool is_address(const char *host)
{
    struct in6_addr out;
    return inet_pton(AF_INET, host, &out) == 1 || inet_pton(AF_INET6, host, &out) == 1;
}

enum iothub_result tls_begin(struct stream *stream)
{
    char *host = stream->target.endpoint.host; /* OpenSSL's macro takes no const */
    stream->tls = SSL_new(stream->target.context);
    if (stream->tls == NULL || SSL_set_fd(stream->tls, stream->dial.fd) != 1) {
        return IOTHUB_NO_MEMORY;
    }
    (void)SSL_set_mode(stream->tls,
                       SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (!is_address(host) && SSL_set_tlsext_host_name(stream->tls, host) != 1) {
        return IOTHUB_NO_MEMORY;
    }
    /* Not every end comes with TLS's goodbye. */
    (void)SSL_set_options(stream->tls, SSL_OP_IGNORE_UNEXPECTED_EOF);
    return IOTHUB_OK;
}

enum stream_moved tls_shake(struct stream *stream)
{
    const struct quiet quiet = quiet_begin();
    const int result = SSL_connect(stream->tls);
    const enum stream_moved moved = after(stream, result);
    quiet_end(&quiet);
    return moved;
}

enum iothub_result tls_explain(const struct stream *stream, struct problem *problem)
{
    const struct endpoint *endpoint = &stream->target.endpoint;
    const long refused = SSL_get_verify_result(stream->tls);
    if (refused != X509_V_OK) {
        endpoint_explain_certificate(refused, endpoint, problem);
        return IOTHUB_UNTRUSTED;
    }
    problem_set(problem, PROBLEM_NO_OFFSET,
                "no TLS connection came about with %s, port %u (%s): is that the port for %s?",
                endpoint->host, (unsigned)endpoint->port, stream->why, stream->target.protocol);
    return IOTHUB_UNAVAILABLE;
}

/* ---- Using it ---- */

enum stream_moved tls_read(struct stream *stream, void *data, size_t size, size_t *ret_size)
{
    const struct quiet quiet = quiet_begin();
    const int result = SSL_read_ex(stream->tls, data, size, ret_size);
    const enum stream_moved moved = after(stream, result);
    quiet_end(&quiet);
    return moved;
}

enum stream_moved tls_write(struct stream *stream, const void *data, size_t size, size_t *ret_size)
{
    const struct quiet quiet = quiet_begin();
    const int result = SSL_write_ex(stream->tls, data, size, ret_size);
    const enum stream_moved moved = after(stream, result);
    quiet_end(&quiet);
    return moved;
}

/* Not SSL_has_pending(), which also counts the beginning of a record whose rest is still to come:
 * who would not wait then, would spin. */
bool tls_has_pending(const struct stream *stream)
{
    return stream->tls != NULL && SSL_pending(stream->tls) > 0;
}

void tls_finish(struct stream *stream)
{
    if (stream->tls != NULL) {
        const struct quiet quiet = quiet_begin();
        if (SSL_is_init_finished(stream->tls)) {
            (void)SSL_shutdown(stream->tls);
        }
        ERR_clear_error();
        quiet_end(&quiet);
    }
    SSL_free(stream->tls);
    SSL_CTX_free(stream->target.context);
    stream->tls = NULL;
    stream->target.context = NULL;
}
