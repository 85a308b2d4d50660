/* SPDX-License-Identifier: MIT */
#include "clients/cli/java_store.h"

#include <openssl/err.h>
#include <openssl/pkcs12.h>

#include "clients/cli/files.h"

#define TRUSTED_KEY_USAGE "2.16.840.1.113894.746875.1.1"
#define ANY_PURPOSE       "2.5.29.37.0"
#define JKS_MAGIC         "\xfe\xed\xfe\xed"
enum { SEAL_ITERATIONS = 10000 }; /* as the JDK's own */

/* ---- writing ---- */

static void bags_destroyp(STACK_OF(PKCS12_SAFEBAG) * *bags)
{
    sk_PKCS12_SAFEBAG_pop_free(*bags, PKCS12_SAFEBAG_free);
}

static void safes_destroyp(STACK_OF(PKCS7) * *safes)
{
    sk_PKCS7_pop_free(*safes, PKCS7_free);
}

static void store_destroyp(PKCS12 **store)
{
    PKCS12_free(*store);
}

/* A bag with the certificate, a name of its own (a JVM keeps one of two alike) and the mark. */
static PKCS12_SAFEBAG *make_bag(const X509 *certificate, int number)
{
    char name[32];
    const int size = BIO_snprintf(name, sizeof(name), "root-%d", number);
    PKCS12_SAFEBAG *bag = PKCS12_SAFEBAG_create_cert((X509 *)(uintptr_t)certificate);
    ASN1_OBJECT *purpose = OBJ_txt2obj(ANY_PURPOSE, 1);
    const bool ok = bag != NULL && purpose != NULL && size > 0 &&
                    PKCS12_add_friendlyname_utf8(bag, name, size) == 1 &&
                    PKCS12_add1_attr_by_txt(bag, TRUSTED_KEY_USAGE, V_ASN1_OBJECT,
                                            (const unsigned char *)purpose, -1) == 1;
    ASN1_OBJECT_free(purpose);
    if (!ok) {
        PKCS12_SAFEBAG_free(bag);
        return NULL;
    }
    return bag;
}

static bool add_bags(STACK_OF(PKCS12_SAFEBAG) * bags, const STACK_OF(X509) * certificates)
{
    for (int i = 0; i < sk_X509_num(certificates); i++) {
        PKCS12_SAFEBAG *bag = make_bag(sk_X509_value(certificates, i), i + 1);
        if (bag == NULL || sk_PKCS12_SAFEBAG_push(bags, bag) == 0) {
            PKCS12_SAFEBAG_free(bag);
            return false;
        }
    }
    return true;
}

static PKCS12 *make_store(STACK_OF(PKCS12_SAFEBAG) * bags)
{
    PKCS7 *safe = PKCS12_pack_p7data(bags);
    CLEANUP(safes_destroyp) STACK_OF(PKCS7) *safes = sk_PKCS7_new_null();
    if (safe == NULL || safes == NULL || sk_PKCS7_push(safes, safe) == 0) {
        PKCS7_free(safe);
        return NULL;
    }
    CLEANUP(store_destroyp) PKCS12 *store = PKCS12_init(NID_pkcs7_data);
    if (store == NULL || PKCS12_pack_authsafes(store, safes) != 1 ||
        PKCS12_set_mac(store, JAVA_STORE_PASSWORD, -1, NULL, 0, SEAL_ITERATIONS, EVP_sha256()) !=
            1) {
        return NULL;
    }
    return TAKE(store);
}

enum status java_store_write(struct buf *out, const STACK_OF(X509) * certificates,
                             struct problem *problem)
{
    CLEANUP(bags_destroyp) STACK_OF(PKCS12_SAFEBAG) *bags = sk_PKCS12_SAFEBAG_new_null();
    CLEANUP(store_destroyp) PKCS12 *store = NULL;
    if (bags != NULL && add_bags(bags, certificates)) {
        store = make_store(bags);
    }
    unsigned char *bytes = NULL;
    const int size = store == NULL ? -1 : i2d_PKCS12(store, &bytes);
    if (size < 0) {
        problem_set(problem, PROBLEM_NO_OFFSET, "OpenSSL could not make a trust store: %s",
                    ERR_reason_error_string(ERR_peek_error()));
        ERR_clear_error();
        return STATUS_NO_MEMORY;
    }
    buf_append(out, bytes, (size_t)size);
    OPENSSL_free(bytes);
    return buf_status(out);
}

/* ---- reading ---- */

void java_store_finish(struct java_store *store)
{
    if (store != NULL) {
        sk_X509_pop_free(store->trusted, X509_free);
        sk_X509_pop_free(store->unmarked, X509_free);
        *store = (struct java_store){0};
    }
}

static bool is_marked(const PKCS12_SAFEBAG *bag)
{
    ASN1_OBJECT *usage = OBJ_txt2obj(TRUSTED_KEY_USAGE, 1);
    const int at =
        usage == NULL ? -1 : X509at_get_attr_by_OBJ(PKCS12_SAFEBAG_get0_attrs(bag), usage, -1);
    ASN1_OBJECT_free(usage);
    return at >= 0;
}

static bool keep_bag(const PKCS12_SAFEBAG *bag, struct java_store *store)
{
    if (PKCS12_SAFEBAG_get_nid(bag) != NID_certBag) {
        return true;
    }
    X509 *certificate = PKCS12_SAFEBAG_get1_cert(bag);
    STACK_OF(X509) *kept = is_marked(bag) ? store->trusted : store->unmarked;
    if (certificate == NULL || sk_X509_push(kept, certificate) == 0) {
        X509_free(certificate);
        return false;
    }
    return true;
}

static bool keep_safe(PKCS7 *safe, const char *password, struct java_store *store)
{
    CLEANUP(bags_destroyp) STACK_OF(PKCS12_SAFEBAG) *bags = NULL;
    if (PKCS7_type_is_data(safe)) {
        bags = PKCS12_unpack_p7data(safe);
    } else if (PKCS7_type_is_encrypted(safe)) {
        bags = PKCS12_unpack_p7encdata(safe, password, -1);
    }
    bool ok = bags != NULL;
    for (int i = 0; ok && i < sk_PKCS12_SAFEBAG_num(bags); i++) {
        ok = keep_bag(sk_PKCS12_SAFEBAG_value(bags, i), store);
    }
    return ok;
}

static bool keep_store(PKCS12 *pkcs12, const char *password, struct java_store *store)
{
    CLEANUP(safes_destroyp) STACK_OF(PKCS7) *safes = PKCS12_unpack_authsafes(pkcs12);
    store->trusted = sk_X509_new_null();
    store->unmarked = sk_X509_new_null();
    bool ok = safes != NULL && store->trusted != NULL && store->unmarked != NULL;
    for (int i = 0; ok && i < sk_PKCS7_num(safes); i++) {
        ok = keep_safe(sk_PKCS7_value(safes, i), password, store);
    }
    return ok;
}

enum status java_store_read(struct str bytes, const char *password, struct java_store *ret_store,
                            struct problem *problem)
{
    const unsigned char *at = (const unsigned char *)bytes.data;
    CLEANUP(store_destroyp) PKCS12 *pkcs12 = d2i_PKCS12(NULL, &at, (long)bytes.size);
    struct java_store store = {0};
    const char *why = "it is no PKCS #12 file";
    if (pkcs12 != NULL && PKCS12_mac_present(pkcs12) == 1 &&
        PKCS12_verify_mac(pkcs12, password, -1) != 1) {
        why = "its password is another";
    } else if (pkcs12 != NULL) {
        why = keep_store(pkcs12, password, &store) ? NULL : "it is encrypted in an outdated way";
    }
    ERR_clear_error();
    if (why != NULL) {
        java_store_finish(&store);
        problem_set(problem, PROBLEM_NO_OFFSET, "%s", why);
        return STATUS_INVALID;
    }
    *ret_store = store;
    return STATUS_OK;
}

/* A JKS file keeps what it trusts as plain DER. */
static bool jks_holds(struct str bytes, const X509 *certificate)
{
    unsigned char *der = NULL;
    const int size = i2d_X509(certificate, &der);
    bool found = false;
    for (size_t i = 0; size > 0 && !found && bytes.size - i >= (size_t)size; i++) {
        found = memcmp(bytes.data + i, der, (size_t)size) == 0;
    }
    OPENSSL_free(der);
    return found;
}

enum status java_store_ask(struct str bytes, const char *password, const X509 *certificate,
                           enum java_store_answer *ret_answer, struct problem *problem)
{
    if (str_starts(bytes, STR(JKS_MAGIC))) {
        *ret_answer = jks_holds(bytes, certificate) ? JAVA_STORE_TRUSTS : JAVA_STORE_LACKS;
        return STATUS_OK;
    }
    CLEANUP(java_store_finish) struct java_store store = {0};
    const enum status status = java_store_read(bytes, password, &store, problem);
    if (status == STATUS_OK) {
        *ret_answer = certificates_hold(store.trusted, certificate)    ? JAVA_STORE_TRUSTS
                      : certificates_hold(store.unmarked, certificate) ? JAVA_STORE_UNMARKED
                                                                       : JAVA_STORE_LACKS;
    }
    return status;
}
