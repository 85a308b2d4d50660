/* SPDX-License-Identifier: MIT */
#include "net/certificates_internal.h"

#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "net/certificate_files_internal.h"

#define SYSTEM_ROOTS "/etc/ssl/certs/ca-certificates.crt"

static const struct {
    const char *certificate;
    const char *key;
} files[CERTIFICATE_KINDS] = {
    [CERTIFICATE_CA] = {"ca.pem", "ca-key.pem"},
    [CERTIFICATE_EC] = {"server-ec.pem", "server-ec-key.pem"},
    [CERTIFICATE_RSA] = {"server-rsa.pem", "server-rsa-key.pem"},
};

enum { MODE_PUBLIC = 0644, MODE_SECRET = 0600 };

void certificates_finish(struct certificates *certificates)
{
    if (certificates == NULL) {
        return;
    }
    for (size_t i = 0; i < CERTIFICATE_KINDS; i++) {
        identity_finish(&certificates->identities[i]);
    }
    buf_finish(&certificates->ca_pem);
}

static enum status openssl_problem(struct problem *problem, const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    problem_set(problem, PROBLEM_NO_OFFSET, "could not %s: %s", what,
                reason == NULL ? "OpenSSL gives no reason" : reason);
    ERR_clear_error();
    return STATUS_IO;
}

/* ---- reading ---- */

/* Given as the pass phrase, so that OpenSSL never asks for one at the terminal: a key that has one
 * is a key we cannot use. */
static char no_pass_phrase[] = "";

static EVP_PKEY *key_from_pem(struct str pem)
{
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.size);
    EVP_PKEY *key = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, NULL, no_pass_phrase);
    BIO_free(bio);
    return key;
}

static X509 *certificate_from_pem(struct str pem)
{
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.size);
    X509 *certificate = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, no_pass_phrase);
    BIO_free(bio);
    return certificate;
}

/* What is missing or unreadable stays NULL: it will be made anew. */
static void identity_load(int directory_fd, enum certificate_kind kind, struct identity *identity)
{
    CLEANUP(buf_finish) struct buf pem = BUF_INIT(CERTIFICATE_FILE_SIZE_MAX);
    if (certificate_file_read(directory_fd, files[kind].certificate, &pem) == STATUS_OK) {
        identity->certificate = certificate_from_pem(buf_str(&pem));
    }
    buf_clear(&pem);
    if (certificate_file_read(directory_fd, files[kind].key, &pem) == STATUS_OK) {
        identity->key = key_from_pem(buf_str(&pem));
        OPENSSL_cleanse(pem.data, pem.size);
    }
    ERR_clear_error();
}

/* ---- writing ---- */

static void bio_append(struct buf *out, BIO *bio)
{
    char *data = NULL;
    const long size = BIO_get_mem_data(bio, &data);
    if (size > 0) {
        buf_append(out, data, (size_t)size);
    }
}

static enum status certificate_append_pem(struct buf *out, X509 *certificate)
{
    BIO *bio = BIO_new(BIO_s_mem());
    const bool good = bio != NULL && PEM_write_bio_X509(bio, certificate) == 1;
    if (good) {
        bio_append(out, bio);
    }
    BIO_free(bio);
    return good ? buf_status(out) : STATUS_NO_MEMORY;
}

static enum status key_write(int directory_fd, const char *name, EVP_PKEY *key,
                             struct problem *problem)
{
    CLEANUP(buf_finish) struct buf pem = BUF_INIT(CERTIFICATE_FILE_SIZE_MAX);
    BIO *bio = BIO_new(BIO_s_mem());
    const bool good =
        bio != NULL && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1;
    if (good) {
        bio_append(&pem, bio);
    }
    BIO_free(bio);
    enum status status = good ? buf_status(&pem) : STATUS_NO_MEMORY;
    if (status == STATUS_OK) {
        status = certificate_file_write(directory_fd, name, MODE_SECRET, buf_str(&pem), problem);
    }
    OPENSSL_cleanse(pem.data, pem.size);
    return status;
}

/* The key first: a certificate whose key is missing is found out and replaced at the next start. */
static enum status identity_store(int directory_fd, enum certificate_kind kind,
                                  const struct identity *identity, X509 *issuer,
                                  struct problem *problem)
{
    CLEANUP(buf_finish) struct buf pem = BUF_INIT(CERTIFICATE_FILE_SIZE_MAX);
    enum status status = certificate_append_pem(&pem, identity->certificate);
    if (status == STATUS_OK && issuer != NULL) {
        status = certificate_append_pem(&pem, issuer);
    }
    if (status == STATUS_OK) {
        status = key_write(directory_fd, files[kind].key, identity->key, problem);
    }
    if (status == STATUS_OK) {
        status = certificate_file_write(directory_fd, files[kind].certificate, MODE_PUBLIC,
                                        buf_str(&pem), problem);
    }
    return status;
}

/* The system's roots and ours: SSL_CERT_FILE replaces what a client trusts, it does not add. */
static enum status bundle_store(int directory_fd, struct str ca_pem, struct problem *problem)
{
    CLEANUP(buf_finish) struct buf wanted = BUF_INIT(CERTIFICATE_FILE_SIZE_MAX);
    if (certificate_file_read(AT_FDCWD, SYSTEM_ROOTS, &wanted) != STATUS_OK) {
        buf_clear(&wanted); /* a small container has none */
    }
    if (wanted.size > 0 && wanted.data[wanted.size - 1] != '\n') {
        buf_append_byte(&wanted, '\n');
    }
    buf_append_str(&wanted, ca_pem);
    const enum status status = buf_status(&wanted);
    if (status != STATUS_OK) {
        return status;
    }
    CLEANUP(buf_finish) struct buf there = BUF_INIT(CERTIFICATE_FILE_SIZE_MAX);
    if (certificate_file_read(directory_fd, "ca-bundle.pem", &there) == STATUS_OK &&
        str_equal(buf_str(&there), buf_str(&wanted))) {
        return STATUS_OK;
    }
    return certificate_file_write(directory_fd, "ca-bundle.pem", MODE_PUBLIC, buf_str(&wanted),
                                  problem);
}

/* ---- deciding ---- */

struct making {
    int directory_fd;
    int64_t now_us;
    const GENERAL_NAMES *names;
    struct problem *problem;
};

static enum status ca_make(const struct making *making, struct identity *ca)
{
    struct identity made = {.key = certificate_key_make(CERTIFICATE_CA)};
    if (made.key != NULL) {
        made.certificate =
            certificate_issue_ca(made.key, making->names, ca->certificate, making->now_us);
    }
    enum status status =
        made.certificate == NULL
            ? openssl_problem(making->problem, "make a certificate authority")
            : identity_store(making->directory_fd, CERTIFICATE_CA, &made, NULL, making->problem);
    if (status != STATUS_OK) {
        identity_finish(&made);
        return status;
    }
    identity_finish(ca);
    *ca = made;
    return STATUS_OK;
}

/* A new certificate goes on with the old one's key, if that is whole: making one takes RSA a while,
 * and who has pinned it need not be told. */
static EVP_PKEY *leaf_key(enum certificate_kind kind, const struct identity *before)
{
    if (before->key != NULL && before->certificate != NULL &&
        X509_check_private_key(before->certificate, before->key) == 1) {
        EVP_PKEY_up_ref(before->key);
        return before->key;
    }
    return certificate_key_make(kind);
}

static enum status leaf_make(const struct making *making, enum certificate_kind kind,
                             const struct identity *ca, struct identity *leaf)
{
    struct identity made = {.key = leaf_key(kind, leaf)};
    if (made.key != NULL) {
        made.certificate =
            certificate_issue_leaf(kind, made.key, ca, making->names, making->now_us);
    }
    enum status status =
        made.certificate == NULL
            ? openssl_problem(making->problem, "make a server certificate")
            : identity_store(making->directory_fd, kind, &made, ca->certificate, making->problem);
    if (status != STATUS_OK) {
        identity_finish(&made);
        return status;
    }
    identity_finish(leaf);
    *leaf = made;
    return STATUS_OK;
}

/* Whether the CA can speak for the names is asked of a certificate it would issue for them. */
static bool ca_usable(const struct making *making, const struct identity *ca)
{
    if (!identity_fresh(ca, making->now_us) || X509_check_ca(ca->certificate) != 1) {
        return false;
    }
    X509 *trial =
        certificate_issue_leaf(CERTIFICATE_EC, ca->key, ca, making->names, making->now_us);
    const bool usable = trial != NULL && certificate_issued_by(trial, ca->certificate);
    X509_free(trial);
    ERR_clear_error();
    return usable;
}

static bool leaf_usable(const struct making *making, const struct identity *ca,
                        const struct identity *leaf)
{
    return identity_fresh(leaf, making->now_us) &&
           certificate_issued_by(leaf->certificate, ca->certificate) &&
           certificate_carries(leaf->certificate, making->names);
}

static enum status identities_ensure(const struct making *making, struct identity *identities,
                                     enum net_tls_made *ret_made)
{
    enum net_tls_made made = NET_TLS_LOADED;
    struct identity *ca = &identities[CERTIFICATE_CA];
    for (size_t i = 0; i < CERTIFICATE_KINDS; i++) {
        identity_load(making->directory_fd, (enum certificate_kind)i, &identities[i]);
    }
    if (!ca_usable(making, ca)) {
        const enum status status = ca_make(making, ca);
        if (status != STATUS_OK) {
            return status;
        }
        made = NET_TLS_MADE_CA;
    }
    for (size_t i = CERTIFICATE_EC; i <= CERTIFICATE_RSA; i++) {
        if (leaf_usable(making, ca, &identities[i])) {
            continue;
        }
        const enum status status = leaf_make(making, (enum certificate_kind)i, ca, &identities[i]);
        if (status != STATUS_OK) {
            return status;
        }
        made = made == NET_TLS_LOADED ? NET_TLS_MADE_LEAVES : made;
    }
    ERR_clear_error();
    *ret_made = made;
    return STATUS_OK;
}

enum status certificates_ensure(const struct net_tls_config *config, int64_t now_us,
                                struct certificates *ret_certificates, enum net_tls_made *ret_made,
                                struct problem *problem)
{
    CLEANUP(certificate_names_destroyp) GENERAL_NAMES *names = NULL;
    enum status status = certificate_names_make(config->names, config->name_count, &names, problem);
    if (status != STATUS_OK) {
        return status;
    }
    CLEANUP(certificate_directory_unlockp) int directory_fd = -1;
    status = certificate_directory_lock(config->directory, &directory_fd, problem);
    if (status != STATUS_OK) {
        return status;
    }
    const struct making making = {directory_fd, now_us, names, problem};
    struct certificates made = {.ca_pem = BUF_INIT(CERTIFICATE_FILE_SIZE_MAX)};
    enum net_tls_made what = NET_TLS_LOADED;
    status = identities_ensure(&making, made.identities, &what);
    if (status == STATUS_OK) {
        status = certificate_append_pem(&made.ca_pem, made.identities[CERTIFICATE_CA].certificate);
    }
    if (status == STATUS_OK) {
        status = bundle_store(directory_fd, buf_str(&made.ca_pem), problem);
    }
    if (status != STATUS_OK) {
        certificates_finish(&made);
        return status;
    }
    *ret_certificates = made;
    *ret_made = what;
    return STATUS_OK;
}
