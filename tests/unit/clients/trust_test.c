/* SPDX-License-Identifier: MIT */

/* Real handshakes in memory, between a server with a certificate made here and a client that was
 * set up by the functions under test. */
#include "clients/endpoint/endpoint.h"

#include "certificate.h"
#include "check.h"

static struct certificate own;

static int make_certificate(void **state)
{
    (void)state;
    certificate_make(&own);
    return 0;
}

static int remove_certificate(void **state)
{
    (void)state;
    certificate_remove(&own);
    return 0;
}

/* Both ends in turn, until the client is through or has given up. */
static bool shake_hands(SSL_CTX *server_tls, SSL_CTX *client_tls, long *ret_verify_result)
{
    SSL *server = SSL_new(server_tls);
    SSL *client = SSL_new(client_tls);
    BIO *server_bio = NULL;
    BIO *client_bio = NULL;
    assert_int_equal(BIO_new_bio_pair(&server_bio, 0, &client_bio, 0), 1);
    SSL_set_bio(server, server_bio, server_bio);
    SSL_set_bio(client, client_bio, client_bio);
    SSL_set_accept_state(server);
    SSL_set_connect_state(client);
    int done = 0;
    for (int i = 0; i < 20 && done != 1; i++) {
        done = SSL_do_handshake(client);
        (void)SSL_do_handshake(server);
    }
    *ret_verify_result = SSL_get_verify_result(client);
    SSL_free(server);
    SSL_free(client);
    return done == 1;
}

static bool handshake(const char *host, int server_version_max, long *ret_verify_result)
{
    SSL_CTX *server_tls = SSL_CTX_new(TLS_server_method());
    certificate_use(&own, server_tls);
    SSL_CTX_set_security_level(server_tls, 0); /* lets it speak TLS 1.1 at all */
    assert_int_equal(SSL_CTX_set_max_proto_version(server_tls, server_version_max), 1);

    struct endpoint endpoint = {.port = 8883};
    assert_int_equal(endpoint_parse(str_from(host), 8883, &endpoint, NULL), STATUS_OK);
    SSL_CTX *client_tls = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(client_tls, 0);
    assert_int_equal(endpoint_trust(client_tls, NULL), STATUS_OK);
    assert_int_equal(endpoint_expect_host(client_tls, &endpoint), STATUS_OK);

    const bool done = shake_hands(server_tls, client_tls, ret_verify_result);
    SSL_CTX_free(server_tls);
    SSL_CTX_free(client_tls);
    return done;
}

static void the_named_file_is_believed_for_the_names_in_the_certificate(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        bool good;
        long verify_result;
    } cases[] = {
        {"localhost", true, X509_V_OK},
        {"LOCALHOST", true, X509_V_OK},
        {"127.0.0.1", true, X509_V_OK},
        {"127.0.0.2", false, X509_V_ERR_IP_ADDRESS_MISMATCH},
        {"hub.localhost", false, X509_V_ERR_HOSTNAME_MISMATCH},
        {"::1", false, X509_V_ERR_IP_ADDRESS_MISMATCH},
    };
    assert_int_equal(setenv(ENDPOINT_CA_VARIABLE, own.path, 1), 0);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        long verify_result = 0;
        assert_int_equal(handshake(cases[i].host, 0, &verify_result), cases[i].good);
        assert_int_equal(verify_result, cases[i].verify_result);
    }
}

static void without_the_file_nobody_vouches_for_it(void **state)
{
    (void)state;
    long verify_result = 0;
    assert_int_equal(setenv(ENDPOINT_CA_VARIABLE, "", 1), 0);
    assert_false(handshake("localhost", 0, &verify_result));
    assert_int_equal(verify_result, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT);
    assert_int_equal(unsetenv(ENDPOINT_CA_VARIABLE), 0);
    assert_false(handshake("localhost", 0, &verify_result));
}

static void the_systems_own_roots_stay_believed_beside_the_file(void **state)
{
    (void)state;
    /* SSL_CERT_FILE is where OpenSSL looks for the system's: here, the same authority. */
    char other[] = "/tmp/trust_test_XXXXXX";
    X509 *stranger = X509_dup(own.x509);
    const unsigned char name[] = "somebody else";
    assert_int_equal(X509_NAME_add_entry_by_txt(X509_get_subject_name(stranger), "O", MBSTRING_ASC,
                                                name, -1, -1, 0),
                     1);
    assert_true(X509_sign(stranger, own.key, EVP_sha256()) > 0);
    certificate_write(stranger, other);
    X509_free(stranger);

    long verify_result = 0;
    assert_int_equal(setenv("SSL_CERT_FILE", own.path, 1), 0);
    assert_int_equal(setenv(ENDPOINT_CA_VARIABLE, other, 1), 0);
    assert_true(handshake("localhost", 0, &verify_result));
    assert_int_equal(unsetenv("SSL_CERT_FILE"), 0);
    assert_false(handshake("localhost", 0, &verify_result));
    assert_int_equal(unlink(other), 0);
}

static X509_STORE *trusted_by(SSL_CTX *tls)
{
    assert_int_equal(endpoint_trust(tls, NULL), STATUS_OK);
    return SSL_CTX_get_cert_store(tls);
}

static void authorities_are_shared_until_the_file_changes(void **state)
{
    (void)state;
    SSL_CTX *one = SSL_CTX_new(TLS_client_method());
    SSL_CTX *other = SSL_CTX_new(TLS_client_method());
    assert_int_equal(setenv(ENDPOINT_CA_VARIABLE, own.path, 1), 0);
    const X509_STORE *before = trusted_by(one);
    assert_ptr_equal(trusted_by(other), before);

    FILE *out = fopen(own.path, "a");
    assert_non_null(out);
    assert_true(fputs("and a remark\n", out) >= 0);
    assert_int_equal(fclose(out), 0);
    assert_ptr_not_equal(trusted_by(other), before);
    assert_ptr_equal(SSL_CTX_get_cert_store(one), before); /* it keeps what it has */

    assert_int_equal(unsetenv(ENDPOINT_CA_VARIABLE), 0);
    const X509_STORE *without = trusted_by(one);
    assert_ptr_not_equal(without, SSL_CTX_get_cert_store(other));
    SSL_CTX_free(one);
    SSL_CTX_free(other);
}

static void nothing_older_than_tls_1_2_is_spoken(void **state)
{
    (void)state;
    long verify_result = 0;
    assert_int_equal(setenv(ENDPOINT_CA_VARIABLE, own.path, 1), 0);
    assert_true(handshake("localhost", TLS1_2_VERSION, &verify_result));
    assert_false(handshake("localhost", TLS1_1_VERSION, &verify_result));
}

static void a_file_that_cannot_be_used_is_told_and_never_passed_over(void **state)
{
    (void)state;
    static const char *const paths[] = {"/nonexistent/ca.pem", "/dev/null"};
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
        struct problem problem = {.offset = 0};
        assert_int_equal(setenv(ENDPOINT_CA_VARIABLE, paths[i], 1), 0);
        assert_int_equal(endpoint_trust(tls, &problem), STATUS_IO);
        assert_non_null(strstr(problem.text, paths[i]));
        SSL_CTX_free(tls);
    }
}

static void a_refusal_tells_what_to_do(void **state)
{
    (void)state;
    static const struct {
        long error;
        const char *advice;
    } cases[] = {
        {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, ENDPOINT_CA_VARIABLE},
        {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, ENDPOINT_CA_VARIABLE},
        {X509_V_ERR_HOSTNAME_MISMATCH, "another name"},
        {X509_V_ERR_CERT_HAS_EXPIRED, "clock"},
        {X509_V_ERR_CERT_REVOKED, "refused"},
    };
    const struct endpoint endpoint = {.host = "localhost", .port = 8883};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct problem problem = {.offset = 0};
        endpoint_explain_certificate(cases[i].error, &endpoint, &problem);
        assert_non_null(strstr(problem.text, cases[i].advice));
        assert_non_null(strstr(problem.text, "localhost"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_named_file_is_believed_for_the_names_in_the_certificate),
        cmocka_unit_test(without_the_file_nobody_vouches_for_it),
        cmocka_unit_test(the_systems_own_roots_stay_believed_beside_the_file),
        cmocka_unit_test(authorities_are_shared_until_the_file_changes),
        cmocka_unit_test(nothing_older_than_tls_1_2_is_spoken),
        cmocka_unit_test(a_file_that_cannot_be_used_is_told_and_never_passed_over),
        cmocka_unit_test(a_refusal_tells_what_to_do),
    };
    return cmocka_run_group_tests(tests, make_certificate, remove_certificate);
}
