/* SPDX-License-Identifier: MIT */
#include "clients/endpoint/endpoint.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

static const char *words_for(unsigned long openssl_error)
{
    if (ERR_SYSTEM_ERROR(openssl_error)) {
        return strerror(ERR_GET_REASON(openssl_error));
    }
    const char *words = ERR_reason_error_string(openssl_error);
    return words == NULL ? "no reason given" : words;
}

/* ---- the authorities ---- */

enum { KEY_SIZE = 3072 };

/*
 * Reading the system's roots takes some 20 ms and a megabyte, too much for each of a fleet of
 * devices in one program: all that believe the same share one store, which OpenSSL lets any number
 * of threads use. The newest store is kept for the next who asks.
 */
static pthread_mutex_t store_lock = PTHREAD_MUTEX_INITIALIZER;
static X509_STORE *newest_store; /* owned; its users have references of their own */
static char newest_key[KEY_SIZE];

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value == NULL ? "" : value;
}

/* What decides whom we believe: the places, and of our own file also whether it was changed. False
 * when that is too long to be compared. */
static bool make_key(const char *file, char key[KEY_SIZE])
{
    struct stat about = {0};
    (void)stat(file, &about); /* whether it can be read is found out by reading */
    const int size =
        snprintf(key, KEY_SIZE, "%s\n%s\n%s\n%ju %ju %jd.%09ld", file, variable("SSL_CERT_FILE"),
                 variable("SSL_CERT_DIR"), (uintmax_t)about.st_ino, (uintmax_t)about.st_size,
                 (intmax_t)about.st_mtim.tv_sec, (long)about.st_mtim.tv_nsec);
    return size > 0 && size < KEY_SIZE;
}

static enum status read_store(const char *file, X509_STORE **ret_store, struct problem *problem)
{
    X509_STORE *store = X509_STORE_new();
    if (store == NULL) {
        return STATUS_NO_MEMORY;
    }
    /* A machine without any system roots is no failure: a slim container may know only ours. */
    (void)X509_STORE_set_default_paths(store);
    ERR_clear_error();
    if (file[0] != '\0' && X509_STORE_load_file(store, file) != 1) {
        const unsigned long error = ERR_peek_error(); /* the first is the cause of the others */
        problem_set(problem, PROBLEM_NO_OFFSET,
                    ENDPOINT_CA_VARIABLE " names \"%s\", which cannot be read as PEM "
                                         "certificates: %s",
                    file, words_for(error));
        ERR_clear_error();
        X509_STORE_free(store);
        return STATUS_IO;
    }
    *ret_store = store;
    return STATUS_OK;
}

/* With the lock held. */
static enum status use_store(SSL_CTX *tls, struct problem *problem)
{
    char key[KEY_SIZE];
    const char *file = variable(ENDPOINT_CA_VARIABLE);
    const bool keyed = make_key(file, key);
    if (keyed && newest_store != NULL && strcmp(key, newest_key) == 0) {
        SSL_CTX_set1_cert_store(tls, newest_store);
        return STATUS_OK;
    }
    X509_STORE *store = NULL;
    const enum status status = read_store(file, &store, problem);
    if (status != STATUS_OK) {
        return status;
    }
    SSL_CTX_set1_cert_store(tls, store);
    if (keyed) {
        X509_STORE_free(newest_store);
        newest_store = TAKE(store);
        memcpy(newest_key, key, sizeof(key));
    }
    X509_STORE_free(store);
    return STATUS_OK;
}

enum status endpoint_trust(struct ssl_ctx_st *tls, struct problem *problem)
{
    if (SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) != 1) {
        return STATUS_NO_MEMORY;
    }
    (void)pthread_mutex_lock(&store_lock);
    const enum status status = use_store(tls, problem);
    (void)pthread_mutex_unlock(&store_lock);
    return status;
}

/* ---- the one at the other end ---- */

enum status endpoint_expect_host(struct ssl_ctx_st *tls, const struct endpoint *endpoint)
{
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(tls);
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, SSL_CTX_get_verify_callback(tls));
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);

    /* An address is compared with the certificate's addresses, anything else with its names. */
    if (X509_VERIFY_PARAM_set1_ip_asc(param, endpoint->host) == 1) {
        return STATUS_OK;
    }
    ERR_clear_error();
    return X509_VERIFY_PARAM_set1_host(param, endpoint->host, 0) == 1 ? STATUS_OK
                                                                      : STATUS_NO_MEMORY;
}

void endpoint_explain_certificate(long x509_error, const struct endpoint *endpoint,
                                  struct problem *problem)
{
    const char *reason = X509_verify_cert_error_string(x509_error);
    const char *advice = "";
    switch (x509_error) {
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        advice = "; nobody this machine trusts vouches for it: for an emulator, set "
                 "" ENDPOINT_CA_VARIABLE " to the CA file that it printed when it started";
        break;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        advice = "; the certificate was made for another name: use the name that the hub goes by";
        break;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        advice = "; is this machine's clock right?";
        break;
    default:
        break;
    }
    problem_set(problem, PROBLEM_NO_OFFSET, "the certificate of \"%s\" was refused: %s%s",
                endpoint->host, reason, advice);
}
