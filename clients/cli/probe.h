/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_CLI_PROBE_H
#define CLIENTS_CLI_PROBE_H

/*
 * A look at a port: does it answer, what certificate does it show, what does it say to one HTTP
 * request. All of it within one time limit. Unlike a client, a probe goes on when the certificate
 * is not to be trusted, and tells why: nothing secret may be sent to such a peer.
 */
#include <openssl/ssl.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/status.h"

enum probe_result {
    PROBE_OK,
    PROBE_REFUSED,     /* nobody listens there */
    PROBE_SILENT,      /* no answer in time */
    PROBE_UNREACHABLE, /* the network says no */
    PROBE_NO_TLS,      /* it answers, but not in TLS */
};

struct probe {
    int fd; /* -1: not connected */
    SSL_CTX *tls;
    SSL *ssl;
    int64_t deadline_us;    /* monotonic */
    long certificate_error; /* X509_V_OK, or the first thing that is wrong with it */
    struct problem why_not; /* for any result but PROBE_OK */
};

void probe_init(struct probe *probe, int64_t timeout_ms);
void probe_finish(struct probe *probe); /* for CLEANUP; after probe_init() */

/* Connects to an address in text form, "127.0.0.1" or "::1". */
MUST_CHECK enum probe_result probe_connect(struct probe *probe, const char *address, uint16_t port);

/*
 * Shakes hands with what was connected to and judges its certificate, for `host` and by `roots`;
 * NULL: by those that our clients believe (clients/endpoint/endpoint.h). A file of IOTHUB_CA_FILE
 * that cannot be read counts as empty.
 */
MUST_CHECK enum probe_result probe_tls(struct probe *probe, const char *host,
                                       const STACK_OF(X509) * roots);

/* Sends a whole request, which must ask for the connection to be closed, and appends all of the
 * answer, over TLS when there is any. */
MUST_CHECK enum probe_result probe_ask(struct probe *probe, struct str request, struct buf *answer);

#endif
