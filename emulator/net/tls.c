/* SPDX-License-Identifier: MIT */
#include "net/tls.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "net/certificates_internal.h"
#include "net/net_internal.h"

struct net_tls {
    SSL_CTX *context;
    struct buf ca_pem;
    char ca_path[PATH_MAX + sizeof("/ca-bundle.pem")];
    char bundle_path[PATH_MAX + sizeof("/ca-bundle.pem")];
};

/* Client certificates are judged by who knows the devices: any is taken here. */
static int any_certificate(X509_STORE_CTX *store, void *ctx)
{
    (void)ctx;
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
}

/* Any name is welcome (an IP literal too, as one SDK sends): the endpoint looks at it later. */
static int any_server_name(SSL *ssl, int *ret_alert, void *ctx)
{
    (void)ssl;
    (void)ctx;
    *ret_alert = SSL_AD_UNRECOGNIZED_NAME; /* not sent, as it is OK */
    return SSL_TLSEXT_ERR_OK;
}

static bool context_load(SSL_CTX *context, const struct certificates *certificates)
{
    STACK_OF(X509) *chain = sk_X509_new_null();
    bool good = chain != NULL &&
                sk_X509_push(chain, certificates->identities[CERTIFICATE_CA].certificate) > 0;
    for (size_t i = CERTIFICATE_EC; good && i <= CERTIFICATE_RSA; i++) {
        const struct identity *identity = &certificates->identities[i];
        good =
            SSL_CTX_use_cert_and_key(context, identity->certificate, identity->key, chain, 1) == 1;
    }
    sk_X509_free(chain);
    return good;
}

static void context_set_tickets(SSL_CTX *context, bool tickets)
{
    static const unsigned char id[] = "iothub-emulator";
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    /* Without an id, a client that resumes and may have to show a certificate is refused. */
    SSL_CTX_set_session_id_context(context, id, sizeof(id) - 1);
    if (!tickets) {
        SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(context, 0);
    }
}

static SSL_CTX *context_make(const struct certificates *certificates, bool tickets)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (context == NULL || !context_load(context, certificates) ||
        SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1) {
        SSL_CTX_free(context);
        return NULL;
    }
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    /* Peers that close without saying so in TLS are as good as any other: each protocol here knows
     * by itself whether a message is whole. */
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_read_ahead(context, 1); /* a record's head and body in one system call */
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(context, any_certificate, NULL);
    SSL_CTX_set_tlsext_servername_callback(context, any_server_name);
    context_set_tickets(context, tickets);
    return context;
}

static enum status paths_set(struct net_tls *tls, const char *directory, struct problem *problem)
{
    char absolute[PATH_MAX];
    if (realpath(directory, absolute) == NULL) {
        problem_set(problem, PROBLEM_NO_OFFSET, "could not find %s", directory);
        return STATUS_IO;
    }
    snprintf(tls->ca_path, sizeof(tls->ca_path), "%s/ca.pem", absolute);
    snprintf(tls->bundle_path, sizeof(tls->bundle_path), "%s/ca-bundle.pem", absolute);
    return STATUS_OK;
}

enum status net_tls_create(const struct net_tls_config *config, struct net_tls **ret_tls,
                           enum net_tls_made *ret_made, struct problem *problem)
{
    struct certificates certificates = {0};
    enum net_tls_made made = NET_TLS_LOADED;
    enum status status =
        certificates_ensure(config, clock_now_us(&CLOCK_SYSTEM), &certificates, &made, problem);
    if (status != STATUS_OK) {
        return status;
    }
    struct net_tls *tls = mem_zalloc(sizeof(*tls));
    status = tls == NULL ? STATUS_NO_MEMORY : paths_set(tls, config->directory, problem);
    if (status == STATUS_OK) {
        tls->context = context_make(&certificates, config->session_tickets);
        tls->ca_pem = certificates.ca_pem;
        certificates.ca_pem = (struct buf){0};
        if (tls->context == NULL) {
            const char *reason = ERR_reason_error_string(ERR_peek_error());
            problem_set(problem, PROBLEM_NO_OFFSET, "could not set up TLS: %s",
                        reason == NULL ? "OpenSSL gives no reason" : reason);
            ERR_clear_error();
            status = STATUS_IO;
        }
    }
    certificates_finish(&certificates);
    if (status != STATUS_OK) {
        net_tls_destroy(tls);
        return status;
    }
    *ret_tls = tls;
    *ret_made = made;
    return STATUS_OK;
}

void net_tls_destroy(struct net_tls *tls)
{
    if (tls != NULL) {
        SSL_CTX_free(tls->context);
        buf_finish(&tls->ca_pem);
        mem_free(tls);
    }
}

const char *net_tls_ca_path(const struct net_tls *tls)
{
    return tls->ca_path;
}

const char *net_tls_bundle_path(const struct net_tls *tls)
{
    return tls->bundle_path;
}

struct str net_tls_ca_pem(const struct net_tls *tls)
{
    return buf_str(&tls->ca_pem);
}

SSL_CTX *net_tls_context(const struct net_tls *tls)
{
    return tls->context;
}
