/* SPDX-License-Identifier: MIT */
/* The installation's CA and leaves: made, loaded, mended, renewed; never half written. */
#include "net/certificates_internal.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#include "net/certificate_files_internal.h"

/* 2026-11-21: as good a day as any. */
#define NOW_US  (INT64_C(1795219200) * 1000000)
#define DAYS(n) ((n)*CERTIFICATE_DAY_US)

struct fixture {
    char parent[32];
    char directory[128];
    struct certificates certificates;
    enum net_tls_made made;
    struct problem problem;
};

static const char *const names[] = {
    "ca.pem",        "ca-key.pem",        "server-ec.pem", "server-rsa.pem", "server-ec-key.pem",
    "ca-bundle.pem", "server-rsa-key.pem"};

static int setup(void **state)
{
    struct fixture *fixture = mem_zalloc(sizeof(*fixture));
    assert_non_null(fixture);
    snprintf(fixture->parent, sizeof(fixture->parent), "/tmp/net-test-XXXXXX");
    assert_non_null(mkdtemp(fixture->parent));
    snprintf(fixture->directory, sizeof(fixture->directory), "%s/a/b", fixture->parent);
    *state = fixture;
    return 0;
}

static const char *path_of(const struct fixture *fixture, const char *name)
{
    static char path[160];
    snprintf(path, sizeof(path), "%s/%s", fixture->directory, name);
    return path;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        unlink(path_of(fixture, names[i]));
    }
    assert_int_equal(rmdir(fixture->directory), 0); /* nothing temporary is left */
    char middle[64];
    snprintf(middle, sizeof(middle), "%s/a", fixture->parent);
    assert_int_equal(rmdir(middle), 0);
    assert_int_equal(rmdir(fixture->parent), 0);
    certificates_finish(&fixture->certificates);
    mem_free(fixture);
    return 0;
}

static enum status ensure_names(struct fixture *fixture, const struct str *extra, size_t count,
                                int64_t now_us)
{
    const struct net_tls_config config = {
        .directory = fixture->directory, .names = extra, .name_count = count};
    certificates_finish(&fixture->certificates);
    fixture->certificates = (struct certificates){0};
    return certificates_ensure(&config, now_us, &fixture->certificates, &fixture->made,
                               &fixture->problem);
}

static void ensure(struct fixture *fixture, enum net_tls_made expected)
{
    assert_int_equal(ensure_names(fixture, NULL, 0, NOW_US), STATUS_OK);
    assert_int_equal(fixture->made, expected);
}

static X509 *certificate_of(const struct fixture *fixture, enum certificate_kind kind)
{
    return fixture->certificates.identities[kind].certificate;
}

/* What a client would say, at `now_us`, of the leaf when it dials `name`. */
static int judged(const struct fixture *fixture, enum certificate_kind kind, const char *name,
                  bool address, int64_t now_us)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    assert_true(store != NULL && context != NULL);
    assert_int_equal(X509_STORE_add_cert(store, certificate_of(fixture, CERTIFICATE_CA)), 1);
    X509_STORE_CTX_init(context, store, certificate_of(fixture, kind), NULL);
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT);
    X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_SERVER);
    X509_VERIFY_PARAM_set_time(param, (time_t)(now_us / 1000000));
    if (address) {
        X509_VERIFY_PARAM_set1_ip_asc(param, name);
    } else {
        X509_VERIFY_PARAM_set1_host(param, name, 0);
    }
    const int verdict =
        X509_verify_cert(context) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(context);
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    return verdict;
}

/* ---- the first start and the later ones ---- */

static void the_first_start_makes_everything_and_the_second_loads_it(void **state)
{
    struct fixture *fixture = *state;
    ensure(fixture, NET_TLS_MADE_CA);
    X509 *first[CERTIFICATE_KINDS];
    for (size_t i = 0; i < CERTIFICATE_KINDS; i++) {
        first[i] = certificate_of(fixture, (enum certificate_kind)i);
        X509_up_ref(first[i]);
    }
    ensure(fixture, NET_TLS_LOADED);
    for (size_t i = 0; i < CERTIFICATE_KINDS; i++) {
        assert_int_equal(X509_cmp(first[i], certificate_of(fixture, (enum certificate_kind)i)), 0);
        X509_free(first[i]);
    }
}

static void keys_are_for_the_owner_alone_whatever_the_umask(void **state)
{
    struct fixture *fixture = *state;
    const mode_t before = umask(0);
    ensure(fixture, NET_TLS_MADE_CA);
    umask(before);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        struct stat info;
        assert_int_equal(stat(path_of(fixture, names[i]), &info), 0);
        const mode_t expected = strstr(names[i], "-key") != NULL ? 0600 : 0644;
        assert_int_equal(info.st_mode & 07777, expected);
    }
    struct stat info;
    assert_int_equal(stat(fixture->directory, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0700);
}

static void clients_accept_the_leaves_for_the_loopback_names_only(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *name;
        bool address;
        int verdict;
    } dials[] = {
        {"localhost", false, X509_V_OK},
        {"hub.localhost", false, X509_V_OK},
        {"127.0.0.1", true, X509_V_OK},
        {"::1", true, X509_V_OK},
        {"127.0.0.2", true, X509_V_ERR_IP_ADDRESS_MISMATCH},
        {"example.com", false, X509_V_ERR_HOSTNAME_MISMATCH},
    };
    ensure(fixture, NET_TLS_MADE_CA);
    for (size_t i = 0; i < ARRAY_SIZE(dials); i++) {
        for (enum certificate_kind kind = CERTIFICATE_EC; kind <= CERTIFICATE_RSA; kind++) {
            assert_int_equal(judged(fixture, kind, dials[i].name, dials[i].address, NOW_US),
                             dials[i].verdict);
        }
    }
    assert_int_equal(
        EVP_PKEY_get_base_id(X509_get0_pubkey(certificate_of(fixture, CERTIFICATE_EC))),
        EVP_PKEY_EC);
    EVP_PKEY *rsa = X509_get0_pubkey(certificate_of(fixture, CERTIFICATE_RSA));
    assert_int_equal(EVP_PKEY_get_base_id(rsa), EVP_PKEY_RSA);
    assert_int_equal(EVP_PKEY_get_bits(rsa), 2048);
}

static void served_files_hold_the_leaf_and_the_ca(void **state)
{
    struct fixture *fixture = *state;
    ensure(fixture, NET_TLS_MADE_CA);
    for (enum certificate_kind kind = CERTIFICATE_EC; kind <= CERTIFICATE_RSA; kind++) {
        FILE *file = fopen(
            path_of(fixture, kind == CERTIFICATE_EC ? "server-ec.pem" : "server-rsa.pem"), "r");
        assert_non_null(file);
        X509 *leaf = PEM_read_X509(file, NULL, NULL, NULL);
        X509 *ca = PEM_read_X509(file, NULL, NULL, NULL);
        fclose(file);
        assert_int_equal(X509_cmp(leaf, certificate_of(fixture, kind)), 0);
        assert_int_equal(X509_cmp(ca, certificate_of(fixture, CERTIFICATE_CA)), 0);
        X509_free(leaf);
        X509_free(ca);
    }
}

/* ---- names ---- */

static void new_names_need_a_new_ca_and_known_ones_do_not(void **state)
{
    struct fixture *fixture = *state;
    static const struct str name[] = {{"Emu.Example.com", 15}, {"10.1.2.3", 8}};
    static const struct str below[] = {{"hub.emu.example.com", 19}};
    static const struct str other[] = {{"docker_host", 11}};
    ensure(fixture, NET_TLS_MADE_CA);
    assert_int_equal(ensure_names(fixture, name, 2, NOW_US), STATUS_OK);
    assert_int_equal(fixture->made, NET_TLS_MADE_CA);
    assert_int_equal(judged(fixture, CERTIFICATE_EC, "emu.example.com", false, NOW_US), X509_V_OK);
    assert_int_equal(judged(fixture, CERTIFICATE_RSA, "10.1.2.3", true, NOW_US), X509_V_OK);

    ensure(fixture, NET_TLS_LOADED); /* fewer names: what is there carries them */
    assert_int_equal(ensure_names(fixture, below, 1, NOW_US), STATUS_OK);
    assert_int_equal(fixture->made, NET_TLS_MADE_LEAVES); /* the CA may speak for what lies below */
    assert_int_equal(judged(fixture, CERTIFICATE_EC, "hub.emu.example.com", false, NOW_US),
                     X509_V_OK);

    assert_int_equal(ensure_names(fixture, other, 1, NOW_US), STATUS_OK);
    assert_int_equal(fixture->made, NET_TLS_MADE_CA);
    assert_int_equal(ensure_names(fixture, name, 2, NOW_US), STATUS_OK);
    assert_int_equal(fixture->made, NET_TLS_MADE_LEAVES); /* what it could, it still can */
}

static void a_ca_cannot_speak_for_others_even_when_its_key_leaks(void **state)
{
    struct fixture *fixture = *state;
    static const struct str loopback[] = {{"sub.deep.localhost", 18}, {"127.200.0.1", 11}};
    static const struct str foreign[] = {{"example.com", 11}};
    static const struct str foreign_ip[] = {{"10.0.0.1", 8}};
    const struct {
        const struct str *names;
        size_t count;
        bool allowed;
    } cases[] = {{loopback, 2, true}, {foreign, 1, false}, {foreign_ip, 1, false}};
    ensure(fixture, NET_TLS_MADE_CA);
    const struct identity *ca = &fixture->certificates.identities[CERTIFICATE_CA];
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        GENERAL_NAMES *wanted = NULL;
        assert_int_equal(
            certificate_names_make(cases[i].names, cases[i].count, &wanted, &fixture->problem),
            STATUS_OK);
        EVP_PKEY *key = certificate_key_make(CERTIFICATE_EC);
        X509 *leaf = certificate_issue_leaf(CERTIFICATE_EC, key, ca, wanted, NOW_US);
        assert_int_equal(certificate_issued_by(leaf, ca->certificate), cases[i].allowed);
        X509_free(leaf);
        EVP_PKEY_free(key);
        certificate_names_destroyp(&wanted);
    }
}

static void what_is_no_name_is_refused_and_nothing_is_made(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        struct str name;
        bool good;
    } cases[] = {
        {{"a", 1}, true},
        {{"a-b_c.d", 7}, true},
        {{"*.example.com", 13}, true},
        {{"fe80::1", 7}, true},
        {{"", 0}, false},
        {{".", 1}, false},
        {{"a..b", 4}, false},
        {{"a.", 2}, false},
        {{"a b", 3}, false},
        {{"a/b", 3}, false},
        {{"a:8883", 6}, false},
        {{"a,DNS:b", 7}, false},
        {{"x.*.com", 7}, false},
        {{"*", 1}, false},
        {{"a\0b", 3}, false},
        {{"0123456789012345678901234567890123456789012345678901234567890ab", 63}, true},
        {{"0123456789012345678901234567890123456789012345678901234567890abc", 64}, false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        GENERAL_NAMES *made = NULL;
        struct problem problem = {0};
        const enum status status = certificate_names_make(&cases[i].name, 1, &made, &problem);
        if ((status == STATUS_OK) != cases[i].good) {
            print_error("row %zu: %s\n", i, cases[i].name.data);
            fail();
        }
        assert_int_equal(made != NULL, cases[i].good);
        certificate_names_destroyp(&made);
    }
    const struct str bad = STR("not a name");
    assert_int_equal(ensure_names(fixture, &bad, 1, NOW_US), STATUS_INVALID);
    assert_non_null(strstr(fixture->problem.text, "\"not a name\""));
    assert_int_equal(access(fixture->directory, F_OK), -1);
    ensure(fixture, NET_TLS_MADE_CA); /* for the teardown */
}

/* ---- time ---- */

static void leaves_are_renewed_a_month_before_they_end(void **state)
{
    struct fixture *fixture = *state;
    /* A day of the 825 lies before the making. */
    const int64_t last_us =
        NOW_US + DAYS(CERTIFICATE_LEAF_DAYS - CERTIFICATE_BACKDATED_DAYS - CERTIFICATE_RENEW_DAYS);
    ensure(fixture, NET_TLS_MADE_CA);
    assert_int_equal(judged(fixture, CERTIFICATE_EC, "localhost", false, last_us), X509_V_OK);
    assert_int_equal(ensure_names(fixture, NULL, 0, last_us), STATUS_OK);
    assert_int_equal(fixture->made, NET_TLS_LOADED);
    EVP_PKEY *key = X509_get_pubkey(certificate_of(fixture, CERTIFICATE_RSA));
    assert_int_equal(ensure_names(fixture, NULL, 0, last_us + 1000000), STATUS_OK);
    assert_int_equal(fixture->made, NET_TLS_MADE_LEAVES);
    /* Whoever pinned the key need not be told. */
    assert_int_equal(EVP_PKEY_eq(key, X509_get0_pubkey(certificate_of(fixture, CERTIFICATE_RSA))),
                     1);
    EVP_PKEY_free(key);
    assert_int_equal(judged(fixture, CERTIFICATE_EC, "localhost", false, last_us + DAYS(700)),
                     X509_V_OK);
}

static void a_ca_is_replaced_before_it_ends_and_its_leaves_never_outlive_it(void **state)
{
    struct fixture *fixture = *state;
    const int64_t last_us =
        NOW_US + DAYS(CERTIFICATE_CA_DAYS - CERTIFICATE_BACKDATED_DAYS - CERTIFICATE_RENEW_DAYS);
    ensure(fixture, NET_TLS_MADE_CA);
    assert_int_equal(ensure_names(fixture, NULL, 0, last_us), STATUS_OK);
    assert_int_equal(fixture->made, NET_TLS_MADE_LEAVES);
    assert_int_equal(ASN1_TIME_compare(X509_get0_notAfter(certificate_of(fixture, CERTIFICATE_EC)),
                                       X509_get0_notAfter(certificate_of(fixture, CERTIFICATE_CA))),
                     0);
    assert_int_equal(ensure_names(fixture, NULL, 0, last_us + 1000000), STATUS_OK);
    assert_int_equal(fixture->made, NET_TLS_MADE_CA);
}

static void a_clock_set_back_by_hours_does_no_harm_and_by_years_starts_anew(void **state)
{
    struct fixture *fixture = *state;
    ensure(fixture, NET_TLS_MADE_CA);
    assert_int_equal(ensure_names(fixture, NULL, 0, NOW_US - DAYS(1)), STATUS_OK);
    assert_int_equal(fixture->made, NET_TLS_LOADED);
    assert_int_equal(ensure_names(fixture, NULL, 0, NOW_US - DAYS(400)), STATUS_OK);
    assert_int_equal(fixture->made, NET_TLS_MADE_CA);
}

/* ---- damage ---- */

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void what_is_missing_or_damaged_is_made_anew(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *name;
        enum net_tls_made made;
    } losses[] = {
        {"server-ec.pem", NET_TLS_MADE_LEAVES},
        {"server-ec-key.pem", NET_TLS_MADE_LEAVES},
        {"server-rsa.pem", NET_TLS_MADE_LEAVES},
        {"server-rsa-key.pem", NET_TLS_MADE_LEAVES},
        {"ca.pem", NET_TLS_MADE_CA},
        {"ca-key.pem", NET_TLS_MADE_CA},
        {"ca-bundle.pem", NET_TLS_LOADED},
    };
    static const char *const damage[] = {
        NULL, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"};
    ensure(fixture, NET_TLS_MADE_CA);
    for (size_t i = 0; i < ARRAY_SIZE(losses); i++) {
        for (size_t j = 0; j < ARRAY_SIZE(damage); j++) {
            const char *path = path_of(fixture, losses[i].name);
            assert_int_equal(unlink(path), 0);
            if (damage[j] != NULL) {
                write_file(path, damage[j]);
            }
            ensure(fixture, losses[i].made);
            ensure(fixture, NET_TLS_LOADED);
            assert_int_equal(judged(fixture, CERTIFICATE_EC, "localhost", false, NOW_US),
                             X509_V_OK);
            assert_int_equal(judged(fixture, CERTIFICATE_RSA, "localhost", false, NOW_US),
                             X509_V_OK);
        }
    }
}

static void a_key_that_belongs_to_another_certificate_is_found_out(void **state)
{
    struct fixture *fixture = *state;
    char other[160];
    ensure(fixture, NET_TLS_MADE_CA);
    snprintf(other, sizeof(other), "%s/ca-key.pem", fixture->directory);
    unlink(path_of(fixture, "server-ec-key.pem"));
    assert_int_equal(link(other, path_of(fixture, "server-ec-key.pem")), 0);
    ensure(fixture, NET_TLS_MADE_LEAVES);
    assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(certificate_of(fixture, CERTIFICATE_CA)),
                                 X509_get0_pubkey(certificate_of(fixture, CERTIFICATE_EC))),
                     0);
    ensure(fixture, NET_TLS_LOADED);
}

static void a_half_written_file_of_a_crash_is_overwritten(void **state)
{
    struct fixture *fixture = *state;
    ensure(fixture, NET_TLS_MADE_CA);
    write_file(path_of(fixture, ".server-ec.pem.new"), "half of it");
    unlink(path_of(fixture, "server-ec.pem"));
    ensure(fixture, NET_TLS_MADE_LEAVES);
}

static void the_bundle_holds_the_systems_roots_and_ours_last(void **state)
{
    struct fixture *fixture = *state;
    ensure(fixture, NET_TLS_MADE_CA);
    struct buf bundle = BUF_INIT(CERTIFICATE_FILE_SIZE_MAX);
    struct buf system = BUF_INIT(CERTIFICATE_FILE_SIZE_MAX);
    assert_int_equal(certificate_file_read(AT_FDCWD, path_of(fixture, "ca-bundle.pem"), &bundle),
                     STATUS_OK);
    const enum status status =
        certificate_file_read(AT_FDCWD, "/etc/ssl/certs/ca-certificates.crt", &system);
    assert_true(status == STATUS_OK || status == STATUS_UNAVAILABLE);
    assert_true(str_starts(buf_str(&bundle), buf_str(&system)));
    assert_true(str_ends(buf_str(&bundle), buf_str(&fixture->certificates.ca_pem)));
    assert_int_equal(bundle.size, system.size + fixture->certificates.ca_pem.size);
    buf_finish(&bundle);
    buf_finish(&system);
}

static void a_directory_that_cannot_be_made_is_named(void **state)
{
    struct fixture *fixture = *state;
    ensure(fixture, NET_TLS_MADE_CA);
    struct fixture other = *fixture;
    other.certificates = (struct certificates){0};
    snprintf(other.directory, sizeof(other.directory), "%s/a/b/ca.pem/x", fixture->parent);
    assert_int_equal(ensure_names(&other, NULL, 0, NOW_US), STATUS_IO);
    assert_non_null(strstr(other.problem.text, other.directory));
    other.directory[0] = '\0';
    assert_int_equal(ensure_names(&other, NULL, 0, NOW_US), STATUS_INVALID);
}

/* ---- two programs that start at once ---- */

static void first_starts_at_once_end_with_one_set(void **state)
{
    enum { STARTERS = 6 };
    struct fixture *fixture = *state;
    pid_t children[STARTERS];
    for (size_t i = 0; i < STARTERS; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            const bool good = ensure_names(fixture, NULL, 0, NOW_US) == STATUS_OK;
            _exit(!good ? 100 : (int)fixture->made);
        }
        assert_true(children[i] > 0);
    }
    unsigned makers = 0;
    for (size_t i = 0; i < STARTERS; i++) {
        int result = 0;
        assert_int_equal(waitpid(children[i], &result, 0), children[i]);
        assert_true(WIFEXITED(result) && WEXITSTATUS(result) != 100);
        makers += WEXITSTATUS(result) == NET_TLS_MADE_CA ? 1U : 0U;
        assert_int_not_equal(WEXITSTATUS(result), NET_TLS_MADE_LEAVES);
    }
    assert_int_equal(makers, 1);
    ensure(fixture, NET_TLS_LOADED);
}

/* ---- without memory ---- */

static void try_without_memory(void *ctx)
{
    struct fixture *fixture = ctx;
    const struct net_tls_config config = {.directory = fixture->directory};
    struct net_tls *tls = NULL;
    enum net_tls_made made = NET_TLS_MADE_LEAVES;
    struct problem problem;
    if (net_tls_create(&config, &tls, &made, &problem) != STATUS_OK) {
        assert_null(tls);
        assert_int_equal(made, NET_TLS_MADE_LEAVES);
    }
    net_tls_destroy(tls);
}

static void refused_memory_leaves_nothing_behind(void **state)
{
    struct fixture *fixture = *state;
    check_under_failing_allocations(try_without_memory, fixture);
    struct net_tls *tls = NULL;
    const struct net_tls_config config = {.directory = fixture->directory};
    assert_int_equal(net_tls_create(&config, &tls, &fixture->made, &fixture->problem), STATUS_OK);
    assert_true(str_starts(net_tls_ca_pem(tls), STR("-----BEGIN CERTIFICATE-----")));
    assert_string_equal(net_tls_ca_path(tls), path_of(fixture, "ca.pem"));
    assert_string_equal(net_tls_bundle_path(tls), path_of(fixture, "ca-bundle.pem"));
    net_tls_destroy(tls);
    net_tls_destroy(NULL);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_first_start_makes_everything_and_the_second_loads_it),
        CASE(keys_are_for_the_owner_alone_whatever_the_umask),
        CASE(clients_accept_the_leaves_for_the_loopback_names_only),
        CASE(served_files_hold_the_leaf_and_the_ca),
        CASE(new_names_need_a_new_ca_and_known_ones_do_not),
        CASE(a_ca_cannot_speak_for_others_even_when_its_key_leaks),
        CASE(what_is_no_name_is_refused_and_nothing_is_made),
        CASE(leaves_are_renewed_a_month_before_they_end),
        CASE(a_ca_is_replaced_before_it_ends_and_its_leaves_never_outlive_it),
        CASE(a_clock_set_back_by_hours_does_no_harm_and_by_years_starts_anew),
        CASE(what_is_missing_or_damaged_is_made_anew),
        CASE(a_key_that_belongs_to_another_certificate_is_found_out),
        CASE(a_half_written_file_of_a_crash_is_overwritten),
        CASE(the_bundle_holds_the_systems_roots_and_ours_last),
        CASE(a_directory_that_cannot_be_made_is_named),
        CASE(first_starts_at_once_end_with_one_set),
        CASE(refused_memory_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
