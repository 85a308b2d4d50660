/* SPDX-License-Identifier: MIT */
/* Handshakes: versions, leaves, names, client certificates, and why one failed. */
#include "net/tls.h"

#include <openssl/x509.h>

#include "echo_rig.h"
#include "net/tls_words_internal.h"

/* ---- what a client may ask for ---- */

static const struct {
    const char *what;
    int version; /* 0: any */
    const char *signatures;
    const char *ciphers;
    int key; /* of the leaf that answers */
} offers[] = {
    {"anything", 0, NULL, NULL, EVP_PKEY_EC},
    {"TLS 1.2 only, as the Python device SDK", TLS1_2_VERSION, NULL, NULL, EVP_PKEY_EC},
    {"TLS 1.3 only", TLS1_3_VERSION, NULL, NULL, EVP_PKEY_EC},
    {"RSA in TLS 1.3", TLS1_3_VERSION, "RSA-PSS+SHA256", NULL, EVP_PKEY_RSA},
    {"an old cipher list", TLS1_2_VERSION, NULL, "ECDHE-RSA-AES128-GCM-SHA256", EVP_PKEY_RSA},
    {"no forward secrecy", TLS1_2_VERSION, NULL, "AES128-GCM-SHA256", EVP_PKEY_RSA},
};

static SSL_CTX *offer_context(size_t i)
{
    SSL_CTX *context = client_context();
    if (context != NULL && offers[i].version != 0) {
        SSL_CTX_set_min_proto_version(context, offers[i].version);
        SSL_CTX_set_max_proto_version(context, offers[i].version);
    }
    if (context != NULL && offers[i].signatures != NULL) {
        char list[64]; /* OpenSSL's macro casts the const of its argument away */
        (void)snprintf(list, sizeof(list), "%s", offers[i].signatures);
        SSL_CTX_set1_sigalgs_list(context, list);
    }
    if (context != NULL && offers[i].ciphers != NULL) {
        SSL_CTX_set_cipher_list(context, offers[i].ciphers);
    }
    return context;
}

static int leaf_key(const struct client *client)
{
    X509 *leaf = SSL_get1_peer_certificate(client->ssl);
    const int key = leaf == NULL ? 0 : EVP_PKEY_get_base_id(X509_get0_pubkey(leaf));
    X509_free(leaf);
    return key;
}

static void offers_client(struct rig *rig)
{
    for (size_t i = 0; i < ARRAY_SIZE(offers); i++) {
        struct client client;
        CLIENT_CHECK(rig, client_dial(&client, rig->tls_port));
        if (!client_handshake(&client, offer_context(i)) || leaf_key(&client) != offers[i].key ||
            SSL_get_verify_result(client.ssl) != X509_V_OK || !client_send(&client, "x", 1) ||
            !client_expect(&client, "x")) {
            client_check(rig, false, offers[i].what, __LINE__);
        }
        client_close(&client);
    }
}

static void each_client_gets_the_leaf_it_can_use(void **state)
{
    (void)state;
    struct rig rig = {0};
    struct echo seen = {0};
    play(&echo, &rig, &seen, offers_client);
    assert_int_equal(seen.closed, ARRAY_SIZE(offers));
}

static void tickets_client(struct rig *rig)
{
    struct client client;
    CLIENT_CHECK(rig, client_connect(&client, rig, true));
    CLIENT_CHECK(rig, client_send(&client, "x", 1));
    CLIENT_CHECK(rig, client_expect(&client, "x"));
    CLIENT_CHECK(rig, !SSL_SESSION_is_resumable(SSL_get_session(client.ssl)));
    client_close(&client);
}

static void no_ticket_is_handed_out(void **state)
{
    (void)state;
    struct rig rig = {0};
    struct echo seen = {0};
    play(&echo, &rig, &seen, tickets_client);
}

/* ---- the client's certificate and the name it asks for ---- */

static EVP_PKEY *client_key;
static X509 *client_certificate;
static struct net_client_certificate shown;
static bool was_shown;
static char name_seen[64];

/* Self-signed, as a thumbprint device's is; valid from 2020-01-01 to 2020-01-02. */
static void make_client_certificate(void)
{
    client_key = EVP_EC_gen("P-256");
    client_certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(client_certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"device-1", -1, -1,
                               0);
    X509_set_issuer_name(client_certificate, name);
    ASN1_TIME_set(X509_getm_notBefore(client_certificate), 1577836800);
    ASN1_TIME_set(X509_getm_notAfter(client_certificate), 1577836800 + 86400);
    X509_set_pubkey(client_certificate, client_key);
    assert_true(X509_sign(client_certificate, client_key, EVP_sha256()) > 0);
}

static void *looking_opened(void *endpoint, struct net_conn *conn)
{
    was_shown = net_conn_client_certificate(conn, &shown);
    snprintf(name_seen, sizeof(name_seen), "%.*s", STR_ARG(net_conn_server_name(conn)));
    return echo_opened(endpoint, conn);
}

static void showing_client(struct rig *rig)
{
    struct client client;
    SSL_CTX *context = client_context();
    CLIENT_CHECK(rig, SSL_CTX_use_certificate(context, client_certificate) == 1);
    CLIENT_CHECK(rig, SSL_CTX_use_PrivateKey(context, client_key) == 1);
    CLIENT_CHECK(rig, client_dial(&client, rig->tls_port));
    CLIENT_CHECK(rig, client_handshake(&client, context));
    CLIENT_CHECK(rig, client_send(&client, "x", 1));
    CLIENT_CHECK(rig, client_expect(&client, "x"));
    client_close(&client);
}

static void any_client_certificate_is_taken_and_reported(void **state)
{
    (void)state;
    struct net_protocol protocol = echo;
    protocol.opened = looking_opened;
    struct rig rig = {0};
    struct echo seen = {0};
    make_client_certificate();
    play(&protocol, &rig, &seen, showing_client);
    assert_true(was_shown);
    assert_string_equal(name_seen, "localhost");
    assert_string_equal(shown.common_name, "device-1");
    assert_true(shown.not_before_us == INT64_C(1577836800) * 1000000);
    assert_true(shown.not_after_us == INT64_C(1577923200) * 1000000);

    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    char expected[2 * EVP_MAX_MD_SIZE + 1];
    const EVP_MD *const kinds[] = {EVP_sha1(), EVP_sha256()};
    const char *const reported[] = {shown.sha1, shown.sha256};
    for (size_t kind = 0; kind < ARRAY_SIZE(kinds); kind++) {
        assert_int_equal(X509_digest(client_certificate, kinds[kind], digest, &size), 1);
        for (unsigned i = 0; i < size; i++) {
            snprintf(expected + 2 * (size_t)i, 3, "%02X", digest[i]);
        }
        assert_string_equal(reported[kind], expected);
    }
    X509_free(client_certificate);
    EVP_PKEY_free(client_key);
}

static void who_shows_no_certificate_is_just_as_welcome(void **state)
{
    (void)state;
    struct net_protocol protocol = echo;
    protocol.opened = looking_opened;
    struct rig rig = {0};
    struct echo seen = {0};
    was_shown = true;
    play(&protocol, &rig, &seen, tickets_client);
    assert_false(was_shown);
}

/* ---- handshakes that fail ---- */

static void failing_client(struct rig *rig)
{
    struct client client;
    CLIENT_CHECK(rig, client_dial(&client, rig->tls_port));
    SSL_CTX *distrusting = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_verify(distrusting, SSL_VERIFY_PEER, NULL);
    CLIENT_CHECK(rig, !client_handshake(&client, distrusting));
    client_close(&client);

    CLIENT_CHECK(rig, client_dial(&client, rig->tls_port));
    SSL_CTX *old = client_context();
    SSL_CTX_set_cipher_list(old, "DEFAULT:@SECLEVEL=0");
    SSL_CTX_set_min_proto_version(old, TLS1_1_VERSION);
    SSL_CTX_set_max_proto_version(old, TLS1_1_VERSION);
    CLIENT_CHECK(rig, !client_handshake(&client, old));
    client_close(&client);

    CLIENT_CHECK(rig, client_dial(&client, rig->tls_port));
    CLIENT_CHECK(rig, client_send(&client, "\x16\x03\x01\x00\x05hello", 10));
    char byte;
    while (client_receive(&client, &byte, 1) > 0) {
    }
    client_close(&client);
    one_echo(rig, true);
}

static void a_failed_handshake_disturbs_nobody(void **state)
{
    (void)state;
    struct rig rig = {0};
    struct echo seen = {0};
    rig.endpoint = &rig;
    rig.client_ctx = &seen;
    rig_create(&rig);
    rig_listen(&rig, &echo, rig_tls, &rig.tls_port);
    rig_run(&rig, failing_client);
    struct net_figures figures;
    net_figures(rig.net, &figures);
    rig_finish(&rig);
    assert_int_equal(figures.handshakes_failed, 3);
    assert_int_equal(figures.accepted, 4);
    assert_int_equal(seen.opened, 1);
}

static void failures_are_told_in_plain_words(void **state)
{
    (void)state;
    static const struct {
        int reason; /* 0: OpenSSL had none */
        int error_number;
        const char *words;
    } cases[] = {
        {SSL_R_TLSV1_ALERT_UNKNOWN_CA, 0,
         "the client does not trust this CA; point it at /tmp/ca.pem"},
        {SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, 0, "point it at /tmp/ca.pem"},
        {SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, 0, "--hostname"},
        {SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, 0, "1.2 and 1.3 are spoken here"},
        {SSL_R_UNSUPPORTED_PROTOCOL, 0, "1.2 and 1.3 are spoken here"},
        {SSL_R_NO_SHARED_CIPHER, 0, "no cipher in common"},
        {SSL_R_HTTP_REQUEST, 0, "use https://"},
        {SSL_R_BAD_LENGTH, 0, "bad length"},
        {0, ECONNRESET, "Connection reset by peer"},
        {0, 0, "hung up in the middle"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char words[TLS_WORDS_SIZE];
        const unsigned long error =
            cases[i].reason == 0 ? 0 : ERR_PACK(ERR_LIB_SSL, 0, cases[i].reason);
        tls_words(error, cases[i].error_number, "/tmp/ca.pem", words);
        if (strstr(words, cases[i].words) == NULL) {
            print_error("\"%s\" lacks \"%s\"\n", words, cases[i].words);
            fail();
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_client_gets_the_leaf_it_can_use),
        cmocka_unit_test(no_ticket_is_handed_out),
        cmocka_unit_test(any_client_certificate_is_taken_and_reported),
        cmocka_unit_test(who_shows_no_certificate_is_just_as_welcome),
        cmocka_unit_test(a_failed_handshake_disturbs_nobody),
        cmocka_unit_test(failures_are_told_in_plain_words),
    };
    return cmocka_run_group_tests(tests, rig_group_setup, rig_group_teardown);
}
