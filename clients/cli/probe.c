/* SPDX-License-Identifier: MIT */
#include "clients/cli/probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "clients/endpoint/endpoint.h"

enum { CHUNK = 8192, MS_US = 1000 };

void probe_init(struct probe *probe, int64_t timeout_ms)
{
    *probe = (struct probe){
        .fd = -1,
        .deadline_us = clock_monotonic_us() + timeout_ms * MS_US,
        .certificate_error = X509_V_OK,
    };
}

void probe_finish(struct probe *probe)
{
    SSL_free(probe->ssl);
    SSL_CTX_free(probe->tls);
    if (probe->fd >= 0) {
        (void)close(probe->fd);
    }
}

/* True when `events` can be had before the time is over. */
static bool wait_for(const struct probe *probe, short events)
{
    struct pollfd wait = {.fd = probe->fd, .events = events};
    for (;;) {
        const int64_t left_us = probe->deadline_us - clock_monotonic_us();
        if (left_us <= 0) {
            return false;
        }
        const int ready = poll(&wait, 1, (int)(left_us / MS_US) + 1);
        if (ready > 0) {
            return true;
        }
        if (ready < 0 && errno != EINTR) {
            return false;
        }
    }
}

static enum probe_result fail(struct probe *probe, enum probe_result result, const char *why)
{
    problem_set(&probe->why_not, PROBLEM_NO_OFFSET, "%s", why);
    return result;
}

static enum probe_result fail_with(struct probe *probe, int error_number)
{
    return fail(probe,
                error_number == ECONNREFUSED ? PROBE_REFUSED
                : error_number == ETIMEDOUT  ? PROBE_SILENT
                                             : PROBE_UNREACHABLE,
                strerror(error_number));
}

static socklen_t read_address(const char *text, uint16_t port, struct sockaddr_storage *ret_address)
{
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    if (inet_pton(AF_INET, text, &four.sin_addr) == 1) {
        memcpy(ret_address, &four, sizeof(four));
        return sizeof(four);
    }
    if (inet_pton(AF_INET6, text, &six.sin6_addr) == 1) {
        memcpy(ret_address, &six, sizeof(six));
        return sizeof(six);
    }
    return 0;
}

static bool is_address(const char *host)
{
    struct sockaddr_storage address = {0};
    return read_address(host, 1, &address) != 0;
}

enum probe_result probe_connect(struct probe *probe, const char *address, uint16_t port)
{
    struct sockaddr_storage peer = {0};
    const socklen_t peer_size = read_address(address, port, &peer);
    if (peer_size == 0) {
        return fail(probe, PROBE_UNREACHABLE, "it is no address");
    }
    probe->fd = socket(peer.ss_family, SOCK_STREAM, 0);
    if (probe->fd < 0 || fcntl(probe->fd, F_SETFL, O_NONBLOCK) != 0 ||
        fcntl(probe->fd, F_SETFD, FD_CLOEXEC) != 0) {
        return fail_with(probe, errno);
    }
    if (connect(probe->fd, (const struct sockaddr *)&peer, peer_size) == 0) {
        return PROBE_OK;
    }
    if (errno != EINPROGRESS) {
        return fail_with(probe, errno);
    }
    if (!wait_for(probe, POLLOUT)) {
        return fail(probe, PROBE_SILENT, "no answer in time");
    }
    int error_number = 0;
    socklen_t size = sizeof(error_number);
    if (getsockopt(probe->fd, SOL_SOCKET, SO_ERROR, &error_number, &size) != 0) {
        error_number = errno;
    }
    return error_number == 0 ? PROBE_OK : fail_with(probe, error_number);
}

/* ---- TLS ---- */

/* Notes what is wrong, and lets the handshake go on. */
static int note_and_go_on(int ok, X509_STORE_CTX *context)
{
    const SSL *ssl = X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct probe *probe = SSL_get_app_data(ssl);
    if (ok == 0 && probe->certificate_error == X509_V_OK) {
        probe->certificate_error = X509_STORE_CTX_get_error(context);
    }
    return 1;
}

static void believe(struct probe *probe, const STACK_OF(X509) * roots)
{
    if (roots == NULL) {
        struct problem unreadable; /* is another check's */
        if (endpoint_trust(probe->tls, &unreadable) != STATUS_OK) {
            ERR_clear_error();
        }
    }
    for (int i = 0; i < sk_X509_num(roots); i++) {
        (void)X509_STORE_add_cert(SSL_CTX_get_cert_store(probe->tls), sk_X509_value(roots, i));
    }
}

static bool set_up(struct probe *probe, const char *host, const STACK_OF(X509) * roots)
{
    struct endpoint endpoint = {.port = 1};
    const size_t size = strlen(host);
    if (size >= sizeof(endpoint.host)) {
        return false;
    }
    memcpy(endpoint.host, host, size + 1);
    probe->tls = SSL_CTX_new(TLS_client_method());
    if (probe->tls == NULL) {
        return false;
    }
    believe(probe, roots);
    if (endpoint_expect_host(probe->tls, &endpoint) != STATUS_OK) {
        return false;
    }
    SSL_CTX_set_verify(probe->tls, SSL_VERIFY_PEER, note_and_go_on);
    probe->ssl = SSL_new(probe->tls);
    return probe->ssl != NULL && SSL_set_app_data(probe->ssl, probe) == 1 &&
           SSL_set_fd(probe->ssl, probe->fd) == 1 &&
           (is_address(host) || SSL_set_tlsext_host_name(probe->ssl, endpoint.host) == 1);
}

/* After an operation of OpenSSL that returned `rc`: true when it may be tried again. */
static bool may_retry(const struct probe *probe, int rc)
{
    switch (SSL_get_error(probe->ssl, rc)) {
    case SSL_ERROR_WANT_READ:
        return wait_for(probe, POLLIN);
    case SSL_ERROR_WANT_WRITE:
        return wait_for(probe, POLLOUT);
    default:
        return false;
    }
}

enum probe_result probe_tls(struct probe *probe, const char *host, const STACK_OF(X509) * roots)
{
    if (!set_up(probe, host, roots)) {
        ERR_clear_error();
        return fail(probe, PROBE_NO_TLS, "OpenSSL could not be set up");
    }
    int rc = 0;
    do {
        ERR_clear_error();
        rc = SSL_connect(probe->ssl);
    } while (rc != 1 && may_retry(probe, rc));
    if (rc != 1) {
        ERR_clear_error();
        const bool late = clock_monotonic_us() >= probe->deadline_us;
        return fail(probe, late ? PROBE_SILENT : PROBE_NO_TLS,
                    late ? "no answer in time" : "it does not speak TLS");
    }
    return PROBE_OK;
}

/* ---- one request ---- */

static int send_some(const struct probe *probe, struct str bytes)
{
    if (probe->ssl != NULL) {
        return SSL_write(probe->ssl, bytes.data, (int)bytes.size);
    }
    return (int)send(probe->fd, bytes.data, bytes.size, MSG_NOSIGNAL);
}

static int read_some(const struct probe *probe, char *chunk, int size)
{
    if (probe->ssl != NULL) {
        return SSL_read(probe->ssl, chunk, size);
    }
    return (int)recv(probe->fd, chunk, (size_t)size, 0);
}

static bool again(const struct probe *probe, int rc, short events)
{
    if (probe->ssl != NULL) {
        return may_retry(probe, rc);
    }
    return rc < 0 && (errno == EAGAIN || errno == EINTR) && wait_for(probe, events);
}

enum probe_result probe_ask(struct probe *probe, struct str request, struct buf *answer)
{
    while (request.size > 0) {
        ERR_clear_error();
        const int size = send_some(probe, request);
        if (size > 0) {
            request = str_skip(request, (size_t)size);
        } else if (!again(probe, size, POLLOUT)) {
            return fail(probe, PROBE_SILENT, "it did not take the request");
        }
    }
    for (;;) {
        char chunk[CHUNK];
        ERR_clear_error();
        const int size = read_some(probe, chunk, (int)sizeof(chunk));
        if (size > 0) {
            buf_append(answer, chunk, (size_t)size);
        } else if (!again(probe, size, POLLIN)) {
            break;
        }
    }
    ERR_clear_error();
    return answer->size > 0 ? PROBE_OK : fail(probe, PROBE_SILENT, "it did not answer the request");
}
