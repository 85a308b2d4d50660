/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_CLI_JAVA_STORE_H
#define CLIENTS_CLI_JAVA_STORE_H

/*
 * Java's trust stores, made and read without keytool. A JVM believes a certificate in a PKCS #12
 * file only where its bag carries Oracle's "trusted key usage" attribute
 * (2.16.840.1.113894.746875.1.1), which `openssl pkcs12` does not write (SDK matrix, 1b).
 *
 * A JVM is pointed at one with -Djavax.net.ssl.trustStore; it takes the place of the JVM's own, so
 * a useful one holds the public roots too.
 */
#include <openssl/x509.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/status.h"
#include "base/str.h"

#define JAVA_STORE_PASSWORD "changeit" /* the one every JDK ships with: nothing in it is secret */

/*
 * Appends a PKCS #12 trust store of `certificates`. They are not encrypted, so that it is read
 * without its password too; its seal (MAC) is made with JAVA_STORE_PASSWORD.
 */
MUST_CHECK enum status java_store_write(struct buf *out, const STACK_OF(X509) * certificates,
                                        struct problem *problem);

/* How a store stands to one certificate. */
enum java_store_answer {
    JAVA_STORE_TRUSTS,
    JAVA_STORE_LACKS,    /* it is not in it */
    JAVA_STORE_UNMARKED, /* it is, but without the attribute: a JVM passes it over */
};

/* What a store holds that a JVM would believe, and what else. */
struct java_store {
    STACK_OF(X509) * trusted;  /* owned */
    STACK_OF(X509) * unmarked; /* owned; without the attribute */
};

void java_store_finish(struct java_store *store); /* takes NULL and zeroed ones */

/*
 * Reads a PKCS #12 store from its bytes. STATUS_INVALID, with a problem, when it is none, the
 * password is not its own, or it is encrypted in a way that OpenSSL no longer offers.
 */
MUST_CHECK enum status java_store_read(struct str bytes, const char *password,
                                       struct java_store *ret_store, struct problem *problem);

/*
 * Whether a JVM that is given the store believes `certificate`. Takes PKCS #12 and also the older
 * JKS, of which only this question can be asked.
 */
MUST_CHECK enum status java_store_ask(struct str bytes, const char *password,
                                      const X509 *certificate, enum java_store_answer *ret_answer,
                                      struct problem *problem);

#endif
