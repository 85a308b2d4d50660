/* SPDX-License-Identifier: MIT */
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>

#include "base/clock.h"
#include "net/net_internal.h"

static void x509_destroyp(X509 **certificate)
{
    X509_free(*certificate);
}

static bool fingerprint(const X509 *certificate, const EVP_MD *digest, char *out, size_t out_size)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (X509_digest(certificate, digest, bytes, &size) != 1 || 2 * (size_t)size + 1 > out_size) {
        return false;
    }
    for (unsigned i = 0; i < size; i++) {
        snprintf(out + 2 * (size_t)i, 3, "%02X", bytes[i]);
    }
    return true;
}

/* A date that cannot be read counts as long ago: a certificate of which nobody knows. */
static int64_t time_us(const ASN1_TIME *time)
{
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    int days = 0;
    int seconds = 0;
    const bool known = epoch != NULL && ASN1_TIME_diff(&days, &seconds, epoch, time) == 1;
    ASN1_TIME_free(epoch);
    return known ? (days * INT64_C(86400) + seconds) * CLOCK_SECOND : 0;
}

bool net_conn_client_certificate(const struct net_conn *conn,
                                 struct net_client_certificate *ret_certificate)
{
    CLEANUP(x509_destroyp)
    X509 *certificate = conn->ssl == NULL ? NULL : SSL_get1_peer_certificate(conn->ssl);
    if (certificate == NULL) {
        return false;
    }
    struct net_client_certificate answer = {0};
    if (!fingerprint(certificate, EVP_sha1(), answer.sha1, sizeof(answer.sha1)) ||
        !fingerprint(certificate, EVP_sha256(), answer.sha256, sizeof(answer.sha256))) {
        return false;
    }
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName,
                              answer.common_name, sizeof(answer.common_name));
    answer.not_before_us = time_us(X509_get0_notBefore(certificate));
    answer.not_after_us = time_us(X509_get0_notAfter(certificate));
    *ret_certificate = answer;
    return true;
}
