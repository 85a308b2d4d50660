/* SPDX-License-Identifier: MIT */
#include "clients/endpoint/endpoint.h"

#include <stdlib.h>
#include <string.h>

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

enum status endpoint_trust(struct ssl_ctx_st *tls, struct problem *problem)
{
    /* A machine without any system roots is no failure: a slim container may know only ours. */
    (void)SSL_CTX_set_default_verify_paths(tls);
    if (SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) != 1) {
        return STATUS_NO_MEMORY;
    }
    const char *file = getenv(ENDPOINT_CA_VARIABLE);
    if (file == NULL || file[0] == '\0') {
        return STATUS_OK;
    }
    ERR_clear_error();
    if (SSL_CTX_load_verify_file(tls, file) != 1) {
        const unsigned long error = ERR_peek_error(); /* the first is the cause of the others */
        problem_set(problem, PROBLEM_NO_OFFSET,
                    ENDPOINT_CA_VARIABLE " names \"%s\", which cannot be read as PEM "
                                         "certificates: %s",
                    file, words_for(error));
        ERR_clear_error();
        return STATUS_IO;
    }
    return STATUS_OK;
}

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
