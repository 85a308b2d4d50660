/* SPDX-License-Identifier: MIT */
#include "clients/cli/java_store.h"

#include <openssl/pkcs12.h>
#include <openssl/rand.h>

#include "check.h"

/* A self-signed certificate of its own key. */
static X509 *make_certificate(const char *name)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    assert_non_null(key);
    assert_non_null(certificate);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(certificate), 0));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(certificate), 3600));
    assert_int_equal(X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN",
                                                MBSTRING_ASC, (const unsigned char *)name, -1, -1,
                                                0),
                     1);
    assert_int_equal(X509_set_pubkey(certificate, key), 1);
    assert_int_not_equal(X509_sign(certificate, key, EVP_sha256()), 0);
    EVP_PKEY_free(key);
    return certificate;
}

struct made {
    X509 *ours;
    X509 *other;
    STACK_OF(X509) * all;
};

static int make_all(void **state)
{
    static struct made made;
    made.ours = make_certificate("ours");
    made.other = make_certificate("other");
    made.all = sk_X509_new_null();
    assert_int_not_equal(sk_X509_push(made.all, made.ours), 0);
    *state = &made;
    return 0;
}

static int free_all(void **state)
{
    struct made *made = *state;
    sk_X509_free(made->all);
    X509_free(made->ours);
    X509_free(made->other);
    return 0;
}

static void what_was_written_is_trusted_and_nothing_else(void **state)
{
    const struct made *made = *state;
    CLEANUP(buf_finish) struct buf bytes = BUF_INIT(65536);
    assert_int_equal(java_store_write(&bytes, made->all, NULL), STATUS_OK);
    enum java_store_answer answer = JAVA_STORE_UNMARKED;
    assert_int_equal(
        java_store_ask(buf_str(&bytes), JAVA_STORE_PASSWORD, made->ours, &answer, NULL), STATUS_OK);
    assert_int_equal(answer, JAVA_STORE_TRUSTS);
    assert_int_equal(
        java_store_ask(buf_str(&bytes), JAVA_STORE_PASSWORD, made->other, &answer, NULL),
        STATUS_OK);
    assert_int_equal(answer, JAVA_STORE_LACKS);
}

static void its_order_is_kept(void **state)
{
    const struct made *made = *state;
    CLEANUP(buf_finish) struct buf bytes = BUF_INIT(65536);
    CLEANUP(java_store_finish) struct java_store store = {0};
    STACK_OF(X509) *both = sk_X509_dup(made->all);
    assert_int_not_equal(sk_X509_push(both, made->other), 0);
    assert_int_equal(java_store_write(&bytes, both, NULL), STATUS_OK);
    assert_int_equal(java_store_read(buf_str(&bytes), JAVA_STORE_PASSWORD, &store, NULL),
                     STATUS_OK);
    assert_int_equal(sk_X509_num(store.trusted), 2);
    assert_int_equal(sk_X509_num(store.unmarked), 0);
    assert_int_equal(X509_cmp(sk_X509_value(store.trusted, 0), made->ours), 0);
    assert_int_equal(X509_cmp(sk_X509_value(store.trusted, 1), made->other), 0);
    sk_X509_free(both);
}

/* As `openssl pkcs12 -export -nokeys` makes it. */
static void a_store_of_openssl_lacks_the_mark(void **state)
{
    const struct made *made = *state;
    PKCS12 *pkcs12 = PKCS12_create("changeit", "hub", NULL, NULL, made->all, 0, 0, 0, 0, 0);
    assert_non_null(pkcs12);
    unsigned char *der = NULL;
    const int size = i2d_PKCS12(pkcs12, &der);
    assert_true(size > 0);
    enum java_store_answer answer = JAVA_STORE_TRUSTS;
    assert_int_equal(
        java_store_ask(str_of(der, (size_t)size), "changeit", made->ours, &answer, NULL),
        STATUS_OK);
    assert_int_equal(answer, JAVA_STORE_UNMARKED);
    OPENSSL_free(der);
    PKCS12_free(pkcs12);
}

static void a_jks_file_is_searched(void **state)
{
    const struct made *made = *state;
    CLEANUP(buf_finish) struct buf bytes = BUF_INIT(65536);
    unsigned char *der = NULL;
    const int size = i2d_X509(made->ours, &der);
    assert_true(size > 0);
    buf_append_str(&bytes, STR("\xfe\xed\xfe\xed"
                               "0002......"));
    buf_append(&bytes, der, (size_t)size);
    OPENSSL_free(der);
    enum java_store_answer answer = JAVA_STORE_UNMARKED;
    assert_int_equal(java_store_ask(buf_str(&bytes), "", made->ours, &answer, NULL), STATUS_OK);
    assert_int_equal(answer, JAVA_STORE_TRUSTS);
    bytes.size--; /* the last byte is missing */
    assert_int_equal(java_store_ask(buf_str(&bytes), "", made->ours, &answer, NULL), STATUS_OK);
    assert_int_equal(answer, JAVA_STORE_LACKS);
}

static void what_is_no_store_is_explained(void **state)
{
    const struct made *made = *state;
    CLEANUP(buf_finish) struct buf bytes = BUF_INIT(65536);
    assert_int_equal(java_store_write(&bytes, made->all, NULL), STATUS_OK);
    const struct {
        struct str bytes;
        const char *password;
        const char *says;
    } cases[] = {
        {STR(""), "changeit", "no PKCS #12"},
        {STR("-----BEGIN CERTIFICATE-----"), "changeit", "no PKCS #12"},
        {str_of(bytes.data, bytes.size / 2), "changeit", "no PKCS #12"},
        {buf_str(&bytes), "changeme", "password"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        enum java_store_answer answer = JAVA_STORE_UNMARKED;
        struct problem problem = {0};
        assert_int_equal(
            java_store_ask(cases[i].bytes, cases[i].password, made->ours, &answer, &problem),
            STATUS_INVALID);
        assert_non_null(strstr(problem.text, cases[i].says));
        assert_int_equal(answer, JAVA_STORE_UNMARKED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_trusted_and_nothing_else),
        cmocka_unit_test(its_order_is_kept),
        cmocka_unit_test(a_store_of_openssl_lacks_the_mark),
        cmocka_unit_test(a_jks_file_is_searched),
        cmocka_unit_test(what_is_no_store_is_explained),
    };
    return cmocka_run_group_tests(tests, make_all, free_all);
}
