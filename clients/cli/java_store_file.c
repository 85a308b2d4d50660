/* SPDX-License-Identifier: MIT */
#include "clients/cli/java_store_file.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "clients/cli/files.h"
#include "clients/cli/java_store.h"

enum { FINGERPRINT_SHOWN = 8 };

static bool is_same(const STACK_OF(X509) * a, const STACK_OF(X509) * b)
{
    if (sk_X509_num(a) != sk_X509_num(b)) {
        return false;
    }
    for (int i = 0; i < sk_X509_num(a); i++) {
        if (X509_cmp(sk_X509_value(a, i), sk_X509_value(b, i)) != 0) {
            return false;
        }
    }
    return true;
}

static bool is_up_to_date(const char *path, const STACK_OF(X509) * bundle)
{
    CLEANUP(buf_finish) struct buf bytes = BUF_INIT(FILES_SIZE_MAX);
    CLEANUP(java_store_finish) struct java_store store = {0};
    return files_read(path, &bytes, NULL) == STATUS_OK &&
           java_store_read(buf_str(&bytes), JAVA_STORE_PASSWORD, &store, NULL) == STATUS_OK &&
           is_same(store.trusted, bundle);
}

static enum status write_at(const char *path, const STACK_OF(X509) * bundle,
                            struct problem *problem)
{
    if (is_up_to_date(path, bundle)) {
        return STATUS_OK;
    }
    CLEANUP(buf_finish) struct buf bytes = BUF_INIT(FILES_SIZE_MAX);
    const enum status status = java_store_write(&bytes, bundle, problem);
    return status != STATUS_OK ? status : files_replace(path, 0644, buf_str(&bytes), problem);
}

/* ".../certs/ca.pem" -> ".../certs/java-truststore.p12" */
static void append_beside(struct buf *path, const char *ca_path)
{
    const char *slash = strrchr(ca_path, '/');
    buf_append(path, ca_path, slash == NULL ? 0 : (size_t)(slash - ca_path) + 1);
    buf_append_str(path, STR("java-truststore.p12"));
}

static bool add_folder(struct buf *path, const char *name)
{
    buf_append_format(path, "%s", name);
    return buf_status(path) == STATUS_OK && (mkdir(path->data, 0700) == 0 || errno == EEXIST);
}

/* One for each authority, so that emulators of several homes do not fight over it. */
static bool append_in_cache(struct buf *path, const X509 *authority)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    const char *cache = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    const bool has_cache = cache != NULL && cache[0] == '/';
    if ((!has_cache && (home == NULL || home[0] != '/')) ||
        X509_digest(authority, EVP_sha256(), digest, &size) != 1) {
        return false;
    }
    buf_append_format(path, "%s", has_cache ? cache : home);
    if (!add_folder(path, has_cache ? "" : "/.cache") || !add_folder(path, "/iothub")) {
        return false;
    }
    buf_append_str(path, STR("/java-truststore-"));
    for (size_t i = 0; i < FINGERPRINT_SHOWN; i++) {
        buf_append_format(path, "%02x", digest[i]);
    }
    buf_append_str(path, STR(".p12"));
    return true;
}

enum status java_store_provide(const struct ready_file *ready, struct buf *path,
                               struct problem *problem)
{
    CLEANUP(certificates_destroyp) STACK_OF(X509) *bundle = NULL;
    CLEANUP(certificates_destroyp) STACK_OF(X509) *authority = NULL;
    enum status status = files_read_certificates(ready->ca_bundle_path, &bundle, problem);
    if (status == STATUS_OK) {
        status = files_read_certificates(ready->ca_path, &authority, problem);
    }
    if (status != STATUS_OK) {
        return status;
    }
    append_beside(path, ready->ca_path);
    if (buf_status(path) != STATUS_OK) {
        return buf_status(path);
    }
    status = write_at(path->data, bundle, problem);
    if (status == STATUS_OK) {
        return STATUS_OK;
    }
    buf_clear(path);
    if (append_in_cache(path, sk_X509_value(authority, 0)) && buf_status(path) == STATUS_OK) {
        status = write_at(path->data, bundle, problem);
    }
    return status;
}
