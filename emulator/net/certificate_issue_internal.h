/* SPDX-License-Identifier: MIT */
#ifndef NET_CERTIFICATE_ISSUE_INTERNAL_H
#define NET_CERTIFICATE_ISSUE_INTERNAL_H

/*
 * Makes keys and certificates, and judges them. No files, no clock. Functions that return a pointer
 * give NULL when OpenSSL refused; its error queue says why. (SDK matrix, 4.)
 */
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/status.h"
#include "base/str.h"

#define CERTIFICATE_DAY_US         (INT64_C(86400) * 1000000)
#define CERTIFICATE_CA_DAYS        3650
#define CERTIFICATE_LEAF_DAYS      825 /* the most that Apple's verifiers accept */
#define CERTIFICATE_RENEW_DAYS     30
#define CERTIFICATE_BACKDATED_DAYS 1 /* for clients whose clock is behind */

enum certificate_kind { CERTIFICATE_CA, CERTIFICATE_EC, CERTIFICATE_RSA, CERTIFICATE_KINDS };

struct identity {
    EVP_PKEY *key; /* both owned */
    X509 *certificate;
};

void identity_finish(struct identity *identity); /* takes NULL and half-built ones */

/*
 * The names a server certificate carries: the loopback names and addresses, then `names`, of which
 * those that read as an IP address become one. STATUS_INVALID when one is neither that nor a host
 * name ("*." may lead).
 */
MUST_CHECK enum status certificate_names_make(const struct str *names, size_t name_count,
                                              GENERAL_NAMES **ret_names, struct problem *problem);
void certificate_names_destroyp(GENERAL_NAMES **names);

/* What a CA for `names`, replacing `before`, is confined to. The caller frees it. */
MUST_CHECK NAME_CONSTRAINTS *certificate_constraints_make(const GENERAL_NAMES *names, X509 *before);

/* P-256 for the CA and the EC leaf, RSA-2048 for the other. */
MUST_CHECK EVP_PKEY *certificate_key_make(enum certificate_kind kind);

/*
 * A CA that may speak for `names` (and what lies below them), and for what `before`, the CA it
 * replaces, might speak for; NULL: there was none.
 */
MUST_CHECK X509 *certificate_issue_ca(EVP_PKEY *key, const GENERAL_NAMES *names, X509 *before,
                                      int64_t now_us);
MUST_CHECK X509 *certificate_issue_leaf(enum certificate_kind kind, EVP_PKEY *key,
                                        const struct identity *ca, const GENERAL_NAMES *names,
                                        int64_t now_us);

/* The key belongs to the certificate, and it is valid now and for CERTIFICATE_RENEW_DAYS more. */
bool identity_fresh(const struct identity *identity, int64_t now_us);
/* `ca` signed it and was allowed to. */
bool certificate_issued_by(X509 *leaf, X509 *ca);
/* It carries every one of the names, perhaps more. */
bool certificate_carries(X509 *leaf, const GENERAL_NAMES *names);

#endif
