/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_ENDPOINT_H
#define CLIENTS_ENDPOINT_H

/*
 * What all client libraries must know before they dial: where a hub is, and whom to believe that
 * it is that hub.
 */
#include <stdint.h>

#include "base/attr.h"
#include "base/status.h"
#include "base/str.h"

#define ENDPOINT_HOST_SIZE 254U /* the longest DNS name, 253 characters, and a NUL */

/* Names a PEM file of certificate authorities that are believed besides the system's. */
#define ENDPOINT_CA_VARIABLE "IOTHUB_CA_FILE"

struct endpoint {
    char host[ENDPOINT_HOST_SIZE]; /* a name or an address; IPv6 stands without its brackets */
    uint16_t port;
};

/*
 * Reads the HostName or GatewayHostName of a connection string: "host", "host:port", "[::1]:port"
 * or "::1". Azure's have no port; an emulator may need one. STATUS_INVALID with a problem for
 * anything else.
 */
MUST_CHECK enum status endpoint_parse(struct str text, uint16_t port_default,
                                      struct endpoint *ret_endpoint, struct problem *problem);

struct ssl_ctx_st; /* OpenSSL's SSL_CTX */

/*
 * Makes `tls` speak TLS 1.2 or newer and believe the system's certificate authorities (OpenSSL's
 * default places, which SSL_CERT_FILE moves) as well as those of $IOTHUB_CA_FILE. A file that is
 * named but cannot be read is STATUS_IO with a problem; it is never passed over. Any thread may
 * call it; all that believe the same authorities share them.
 */
MUST_CHECK enum status endpoint_trust(struct ssl_ctx_st *tls, struct problem *problem);

/*
 * Makes each connection of `tls` verify that the peer's certificate was issued for the endpoint's
 * host. (Not needed for libcurl, which does this itself.)
 */
MUST_CHECK enum status endpoint_expect_host(struct ssl_ctx_st *tls,
                                            const struct endpoint *endpoint);

/* Says what an X509_V_ERR_... of a refused certificate means and what to do about it. */
void endpoint_explain_certificate(long x509_error, const struct endpoint *endpoint,
                                  struct problem *problem);

#endif
