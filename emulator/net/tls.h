/* SPDX-License-Identifier: MIT */
#ifndef NET_TLS_H
#define NET_TLS_H

/*
 * A second door of net/, for main only: this installation's own certificate authority and the
 * server's certificates. The first start makes them; later ones load them in a few milliseconds.
 *
 * In `directory` (mode 0700): ca.pem, ca-key.pem (0600), server-ec.pem and server-rsa.pem (leaf +
 * CA), server-ec-key.pem and server-rsa-key.pem (0600), ca-bundle.pem (the system's roots and
 * ours). The CA is name-constrained to the names it was made for: should it leak, it speaks for
 * loopback names only.
 */
#include "base/attr.h"
#include "base/status.h"
#include "base/str.h"

struct net_tls;

struct net_tls_config {
    const char *directory;
    const struct str *names; /* besides localhost, *.localhost, hub.localhost, 127.0.0.1 and ::1 */
    size_t name_count;
    bool session_tickets; /* off by default: 25 us each */
};

/* What net_tls_create() had to do, so that main can say it. */
enum net_tls_made {
    NET_TLS_LOADED,      /* all was there */
    NET_TLS_MADE_LEAVES, /* new server certificates: other names, or the old ones ran out */
    NET_TLS_MADE_CA,     /* a new CA: clients must be told to trust it (again) */
};

/* Loads or makes what is missing and builds the TLS context: TLS 1.2 and 1.3, P-256 and RSA-2048
 * leaves, a client certificate asked for but not required and not judged here. */
MUST_CHECK enum status net_tls_create(const struct net_tls_config *config, struct net_tls **ret_tls,
                                      enum net_tls_made *ret_made, struct problem *problem);
void net_tls_destroy(struct net_tls *tls);

const char *net_tls_ca_path(const struct net_tls *tls);     /* absolute; borrowed */
const char *net_tls_bundle_path(const struct net_tls *tls); /* absolute; borrowed */
struct str net_tls_ca_pem(const struct net_tls *tls);       /* borrowed */

#endif
