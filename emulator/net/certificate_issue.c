/* SPDX-License-Identifier: MIT */
#include "net/certificate_issue_internal.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <time.h>

enum { SERIAL_BITS = 128, RSA_BITS = 2048, SECOND_US = 1000000 };

void identity_finish(struct identity *identity)
{
    if (identity != NULL) {
        EVP_PKEY_free(TAKE(identity->key));
        X509_free(TAKE(identity->certificate));
    }
}

EVP_PKEY *certificate_key_make(enum certificate_kind kind)
{
    return kind == CERTIFICATE_RSA ? EVP_RSA_gen(RSA_BITS) : EVP_EC_gen("P-256");
}

static bool serial_set(X509 *certificate)
{
    BIGNUM *number = BN_new();
    const bool good = number != NULL &&
                      BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
                      BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    return good;
}

static bool subject_set(X509 *certificate, const char *common_name)
{
    X509_NAME *name = X509_get_subject_name(certificate);
    return X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8,
                                      (const unsigned char *)"IoT Hub emulator", -1, -1, 0) == 1 &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)common_name,
                                      -1, -1, 0) == 1;
}

static bool validity_set(X509 *certificate, int64_t from_us, int64_t to_us)
{
    return ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)(from_us / SECOND_US)) != NULL &&
           ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)(to_us / SECOND_US)) != NULL;
}

static bool extension_add(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    const bool good = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return good;
}

static X509 *certificate_begin(EVP_PKEY *key, const char *common_name)
{
    X509 *certificate = X509_new();
    if (certificate == NULL || X509_set_version(certificate, X509_VERSION_3) != 1 ||
        !serial_set(certificate) || !subject_set(certificate, common_name) ||
        X509_set_pubkey(certificate, key) != 1) {
        X509_free(certificate);
        return NULL;
    }
    return certificate;
}

/* Signs, or frees `certificate` when something before went wrong. */
static X509 *certificate_end(X509 *certificate, X509 *issuer, EVP_PKEY *issuer_key, bool good)
{
    if (!good || X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) != 1 ||
        X509_sign(certificate, issuer_key, EVP_sha256()) == 0) {
        X509_free(certificate);
        return NULL;
    }
    return certificate;
}

static bool constraints_add(X509 *certificate, const GENERAL_NAMES *names, X509 *before)
{
    enum { CRITICAL = 1 };
    NAME_CONSTRAINTS *constraints = certificate_constraints_make(names, before);
    const bool good =
        constraints != NULL && X509_add1_ext_i2d(certificate, NID_name_constraints, constraints,
                                                 CRITICAL, X509V3_ADD_DEFAULT) == 1;
    NAME_CONSTRAINTS_free(constraints);
    return good;
}

X509 *certificate_issue_ca(EVP_PKEY *key, const GENERAL_NAMES *names, X509 *before, int64_t now_us)
{
    /* Its name is its own: a store that also holds an older CA of ours must not mix them up. */
    unsigned char id[4];
    char common_name[64];
    if (RAND_bytes(id, sizeof(id)) != 1) {
        return NULL;
    }
    snprintf(common_name, sizeof(common_name), "IoT Hub emulator CA %02x%02x%02x%02x", id[0], id[1],
             id[2], id[3]);
    X509 *certificate = certificate_begin(key, common_name);
    if (certificate == NULL) {
        return NULL;
    }
    const int64_t from_us = now_us - CERTIFICATE_BACKDATED_DAYS * CERTIFICATE_DAY_US;
    const bool good =
        validity_set(certificate, from_us, from_us + CERTIFICATE_CA_DAYS * CERTIFICATE_DAY_US) &&
        extension_add(certificate, certificate, NID_basic_constraints,
                      "critical,CA:TRUE,pathlen:0") &&
        extension_add(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign") &&
        extension_add(certificate, certificate, NID_subject_key_identifier, "hash") &&
        constraints_add(certificate, names, before);
    return certificate_end(certificate, certificate, key, good);
}

static int64_t asn1_time_us(const ASN1_TIME *time)
{
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    int days = 0;
    int seconds = 0;
    const bool known = epoch != NULL && ASN1_TIME_diff(&days, &seconds, epoch, time) == 1;
    ASN1_TIME_free(epoch);
    return known ? days * CERTIFICATE_DAY_US + seconds * (int64_t)SECOND_US : 0;
}

X509 *certificate_issue_leaf(enum certificate_kind kind, EVP_PKEY *key, const struct identity *ca,
                             const GENERAL_NAMES *names, int64_t now_us)
{
    X509 *certificate = certificate_begin(key, "localhost");
    if (certificate == NULL) {
        return NULL;
    }
    const int64_t from_us = now_us - CERTIFICATE_BACKDATED_DAYS * CERTIFICATE_DAY_US;
    int64_t to_us = from_us + CERTIFICATE_LEAF_DAYS * CERTIFICATE_DAY_US;
    const int64_t ca_to_us = asn1_time_us(X509_get0_notAfter(ca->certificate));
    to_us = to_us < ca_to_us ? to_us : ca_to_us;
    /* RSA key exchange of TLS 1.2 encrypts with the key; nothing else does. */
    const char *usage = kind == CERTIFICATE_RSA ? "critical,digitalSignature,keyEncipherment"
                                                : "critical,digitalSignature";
    X509 *issuer = ca->certificate;
    const bool good =
        validity_set(certificate, from_us, to_us) &&
        extension_add(certificate, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
        extension_add(certificate, issuer, NID_key_usage, usage) &&
        extension_add(certificate, issuer, NID_ext_key_usage, "serverAuth") &&
        extension_add(certificate, issuer, NID_subject_key_identifier, "hash") &&
        extension_add(certificate, issuer, NID_authority_key_identifier, "keyid:always") &&
        X509_add1_ext_i2d(certificate, NID_subject_alt_name, (void *)(uintptr_t)names, 0,
                          X509V3_ADD_DEFAULT) == 1;
    return certificate_end(certificate, issuer, ca->key, good);
}

bool identity_fresh(const struct identity *identity, int64_t now_us)
{
    return identity->key != NULL && identity->certificate != NULL &&
           X509_check_private_key(identity->certificate, identity->key) == 1 &&
           asn1_time_us(X509_get0_notBefore(identity->certificate)) <= now_us &&
           asn1_time_us(X509_get0_notAfter(identity->certificate)) >=
               now_us + CERTIFICATE_RENEW_DAYS * CERTIFICATE_DAY_US;
}

bool certificate_issued_by(X509 *leaf, X509 *ca)
{
    if (X509_check_issued(ca, leaf) != X509_V_OK || X509_verify(leaf, X509_get0_pubkey(ca)) != 1) {
        return false;
    }
    NAME_CONSTRAINTS *constraints = X509_get_ext_d2i(ca, NID_name_constraints, NULL, NULL);
    const bool covered =
        constraints != NULL && NAME_CONSTRAINTS_check(leaf, constraints) == X509_V_OK;
    NAME_CONSTRAINTS_free(constraints);
    return covered;
}
