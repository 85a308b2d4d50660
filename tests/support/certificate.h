/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_CERTIFICATE_H
#define TESTS_SUPPORT_CERTIFICATE_H

/* A self-signed certificate for localhost and 127.0.0.1, its key, and a file that holds it. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "check.h"

struct certificate {
    EVP_PKEY *key;
    X509 *x509;
    char path[32];
};

static inline void certificate_add_extension(X509 *x509, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(x509, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

/* In a file of its own, whose name takes the place of the Xs. */
static inline void certificate_write(X509 *x509, char *path)
{
    FILE *out = fdopen(mkstemp(path), "w");
    assert_non_null(out);
    assert_int_equal(PEM_write_X509(out, x509), 1);
    assert_int_equal(fclose(out), 0);
}

static inline void certificate_make(struct certificate *certificate)
{
    const unsigned char common_name[] = "a test's own authority";
    X509 *x509 = X509_new();
    X509_NAME *name = X509_get_subject_name(x509);
    *certificate = (struct certificate){
        .key = EVP_EC_gen("P-256"), .x509 = x509, .path = "/tmp/certificate_XXXXXX"};
    assert_int_equal(X509_set_version(x509, 2), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(x509), 1), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(x509), -60));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(x509), 3600));
    assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, common_name, -1, -1, 0),
                     1);
    assert_int_equal(X509_set_issuer_name(x509, name), 1);
    assert_int_equal(X509_set_pubkey(x509, certificate->key), 1);
    certificate_add_extension(x509, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
    assert_true(X509_sign(x509, certificate->key, EVP_sha256()) > 0);
    certificate_write(x509, certificate->path);
}

static inline void certificate_remove(struct certificate *certificate)
{
    X509_free(certificate->x509);
    EVP_PKEY_free(certificate->key);
    assert_int_equal(unlink(certificate->path), 0);
}

/* Shows it to whoever is at the other end. */
static inline void certificate_use(const struct certificate *certificate, SSL_CTX *tls)
{
    assert_int_equal(SSL_CTX_use_certificate(tls, certificate->x509), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(tls, certificate->key), 1);
}

#endif
