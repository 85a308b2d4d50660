/* SPDX-License-Identifier: MIT */
#include "clients/device/device_internal.h"

#include <errno.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/alloc.h"
#include "base/sas.h"

/* ---- The connection string ---- */

static enum status refuse(struct problem *problem, const char *words)
{
    problem_set(problem, PROBLEM_NO_OFFSET, "the connection string %s", words);
    return STATUS_INVALID;
}

static enum status check_ids(const struct connection_string *parts, struct problem *problem)
{
    if (parts->device_id.size == 0) {
        return refuse(problem, "has no DeviceId; it is a hub's own: take the one of a device, as "
                               "\"iothub device connection-string\" or the portal shows it");
    }
    if (parts->device_id.size > DEVICE_ID_SIZE_MAX || parts->module_id.size > DEVICE_ID_SIZE_MAX) {
        return refuse(problem, "has an id of more than 128 characters");
    }
    return STATUS_OK;
}

static enum status read_x509(struct str value, bool *ret_x509, struct problem *problem)
{
    *ret_x509 = str_equal_nocase(value, STR("true"));
    if (value.size > 0 && !*ret_x509 && !str_equal_nocase(value, STR("false"))) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "\"x509=%.*s\" in the connection string: it is \"x509=true\", or left out",
                    STR_ARG(value));
        return STATUS_INVALID;
    }
    return STATUS_OK;
}

static enum status take_signature(struct iothub_device *device, struct str text,
                                  struct problem *problem)
{
    struct sas_token token;
    const enum status status = sas_parse(text, &token, problem);
    if (status != STATUS_OK) {
        return status;
    }
    char *copy = device_copy_text(text);
    if (copy == NULL) {
        return STATUS_NO_MEMORY;
    }
    mem_free(device->signature);
    device->signature = copy;
    device->signature_expires_s = token.expiry_s;
    device->expiry_announced = false;
    return STATUS_OK;
}

/* One way to prove who it is, and only one; so do the SDKs of Python and Node. */
enum status credentials_read(struct iothub_device *device, struct problem *problem)
{
    const struct connection_string *parts = &device->parts;
    const bool has_key = parts->shared_access_key.size > 0;
    const bool has_signature = parts->shared_access_signature.size > 0;
    bool x509 = false;
    enum status status = check_ids(parts, problem);
    if (status == STATUS_OK) {
        status = read_x509(parts->x509, &x509, problem);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (x509 && (has_key || has_signature)) {
        return refuse(problem, "has x509=true and a SharedAccessKey or SharedAccessSignature: keep "
                               "the one that the identity was created with");
    }
    if (has_key && has_signature) {
        return refuse(problem, "has both SharedAccessKey and SharedAccessSignature: leave one out");
    }
    if (x509) {
        device->credential = CREDENTIAL_CERTIFICATE;
        return STATUS_OK;
    }
    if (has_signature) {
        device->credential = CREDENTIAL_SIGNATURE;
        return take_signature(device, parts->shared_access_signature, problem);
    }
    if (!has_key) {
        return refuse(problem, "has no SharedAccessKey; an identity with a certificate has "
                               "\"x509=true\" in its place");
    }
    if (!sas_key_valid(parts->shared_access_key)) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "the SharedAccessKey is not base64 of 16 to 64 bytes; was it cut off?");
        return STATUS_INVALID;
    }
    device->credential = CREDENTIAL_KEY;
    return STATUS_OK;
}

void credentials_finish(struct iothub_device *device)
{
    mem_free(device->signature);
    device->signature = NULL;
}

/* ---- Tokens ---- */

static int64_t now_s(void)
{
    const struct clock clock = CLOCK_SYSTEM;
    return clock_now_us(&clock) / CLOCK_SECOND;
}

static enum iothub_result sign(struct iothub_device *device, struct buf *out,
                               struct iothub_error *error)
{
    const int64_t lifetime_s = device->settings[IOTHUB_DEVICE_TOKEN_LIFETIME_S];
    const enum status status =
        sas_sign(out, buf_str(&device->resource), device->parts.shared_access_key,
                 device->parts.shared_access_key_name, now_s() + lifetime_s);
    if (status != STATUS_OK) {
        return device_no_memory(error); /* the key was checked */
    }
    /* Early enough that a few failing attempts still fit into the rest of the token's life. */
    device->renew_at_us =
        clock_monotonic_us() + settings_renewal_us(device->settings, lifetime_s * CLOCK_SECOND);
    return IOTHUB_OK;
}

enum iothub_result credentials_append_password(struct iothub_device *device, struct buf *out,
                                               struct iothub_error *error)
{
    device->renew_at_us = INT64_MAX;
    switch (device->credential) {
    case CREDENTIAL_KEY:
        return sign(device, out, error);
    case CREDENTIAL_SIGNATURE:
        buf_append_str(out, str_from(device->signature));
        if (buf_status(out) != STATUS_OK) {
            return device_no_memory(error);
        }
        if (!device->expiry_announced) {
            const int64_t left_s = device->signature_expires_s - now_s();
            const int64_t left_us = left_s > 0 ? left_s * CLOCK_SECOND : 0;
            device->renew_at_us =
                clock_monotonic_us() + settings_renewal_us(device->settings, left_us);
        }
        return IOTHUB_OK;
    case CREDENTIAL_CERTIFICATE:
        break;
    }
    if (!device->has_certificate) {
        return device_failed(error, IOTHUB_INVALID,
                             "the connection string has x509=true, but no certificate was given: "
                             "call iothub_device_use_certificate() before connecting");
    }
    return IOTHUB_OK;
}

void credentials_explain(const struct iothub_device *device, struct problem *ret_words)
{
    char expiry[CLOCK_TEXT_SIZE];
    switch (device->credential) {
    case CREDENTIAL_KEY:
        problem_set(ret_words, PROBLEM_NO_OFFSET,
                    "the key is wrong, the device or module does not exist or is disabled, or this "
                    "machine's clock is off");
        break;
    case CREDENTIAL_SIGNATURE:
        clock_text_iso(device->signature_expires_s * CLOCK_SECOND, expiry);
        problem_set(ret_words, PROBLEM_NO_OFFSET, "the SharedAccessSignature %s at %s%s",
                    device->signature_expires_s <= now_s() ? "expired" : "expires", expiry,
                    device->signature_expires_s <= now_s()
                        ? ": sign a new one"
                        : "; is it for this device, and does that exist and is enabled?");
        break;
    case CREDENTIAL_CERTIFICATE:
        problem_set(ret_words, PROBLEM_NO_OFFSET,
                    "the hub expects another certificate (compare the thumbprint), or the identity "
                    "does not exist, is disabled or has a key instead");
        break;
    }
}

enum iothub_result iothub_device_use_signature(struct iothub_device *device, const char *signature,
                                               struct iothub_error *error)
{
    if (device->credential != CREDENTIAL_SIGNATURE) {
        return device_failed(error, IOTHUB_INVALID,
                             "this device was not created with a SharedAccessSignature, and needs "
                             "none");
    }
    struct problem problem = {.text = ""};
    const enum status status = take_signature(device, str_from(signature), &problem);
    if (status == STATUS_OK) {
        device->renew_at_us = 0;
    }
    return device_status(status, &problem, error);
}

/* ---- Certificates ---- */

/* What is being read, and what came of it. */
struct certificate {
    BIO *chain_text; /* all owned */
    BIO *key_text;
    X509 *leaf;
    EVP_PKEY *key;
    const char *passphrase; /* borrowed, or NULL */
    bool passphrase_asked;
};

static void certificate_finish(struct certificate *certificate)
{
    BIO_free(certificate->chain_text);
    BIO_free(certificate->key_text);
    X509_free(certificate->leaf);
    EVP_PKEY_free(certificate->key);
    ERR_clear_error();
}

static int give_passphrase(char *out, int size, int writing, void *ctx)
{
    (void)writing;
    struct certificate *certificate = ctx;
    certificate->passphrase_asked = true;
    const struct str passphrase = str_from(certificate->passphrase);
    if (passphrase.size == 0 || passphrase.size > (size_t)size) {
        return -1;
    }
    memcpy(out, passphrase.data, passphrase.size);
    return (int)passphrase.size;
}

static void describe_time(const ASN1_TIME *time, char *out, int size)
{
    BIO *text = BIO_new(BIO_s_mem());
    int length = 0;
    if (text != NULL && ASN1_TIME_print(text, time) == 1) {
        length = BIO_read(text, out, size - 1);
    }
    out[length > 0 ? length : 0] = '\0';
    BIO_free(text);
}

static enum iothub_result check_validity(const X509 *leaf, struct iothub_error *error)
{
    char when[64];
    if (X509_cmp_current_time(X509_get0_notAfter(leaf)) <= 0) {
        describe_time(X509_get0_notAfter(leaf), when, (int)sizeof(when));
        return device_failed(error, IOTHUB_INVALID, "the device's certificate expired at %s", when);
    }
    if (X509_cmp_current_time(X509_get0_notBefore(leaf)) > 0) {
        describe_time(X509_get0_notBefore(leaf), when, (int)sizeof(when));
        return device_failed(error, IOTHUB_INVALID,
                             "the device's certificate is not valid before %s; is this machine's "
                             "clock right?",
                             when);
    }
    return IOTHUB_OK;
}

static enum iothub_result read_pair(struct certificate *certificate, struct iothub_error *error)
{
    certificate->leaf =
        PEM_read_bio_X509(certificate->chain_text, NULL, give_passphrase, certificate);
    if (certificate->leaf == NULL) {
        return device_failed(error, IOTHUB_INVALID,
                             "the device's certificate cannot be read as PEM: it begins with "
                             "\"-----BEGIN CERTIFICATE-----\"");
    }
    certificate->passphrase_asked = false;
    certificate->key =
        PEM_read_bio_PrivateKey(certificate->key_text, NULL, give_passphrase, certificate);
    if (certificate->key == NULL && certificate->passphrase_asked) {
        return device_failed(error, IOTHUB_INVALID,
                             certificate->passphrase == NULL
                                 ? "the private key is locked: it takes a passphrase"
                                 : "the passphrase does not open the private key");
    }
    if (certificate->key == NULL) {
        return device_failed(error, IOTHUB_INVALID,
                             "the private key cannot be read as PEM: it begins with \"-----BEGIN "
                             "PRIVATE KEY-----\" or the like");
    }
    if (X509_check_private_key(certificate->leaf, certificate->key) != 1) {
        return device_failed(error, IOTHUB_INVALID,
                             "the private key does not belong to the device's certificate, which "
                             "must be the first in its file");
    }
    return check_validity(certificate->leaf, error);
}

static enum iothub_result use_pair(struct iothub_device *device, struct certificate *certificate,
                                   struct iothub_error *error)
{
    if (SSL_CTX_use_cert_and_key(device->tls, certificate->leaf, certificate->key, NULL, 1) != 1 ||
        SSL_CTX_clear_chain_certs(device->tls) != 1) {
        return device_failed(error, IOTHUB_INVALID,
                             "the device's certificate cannot be used for TLS: %s",
                             ERR_reason_error_string(ERR_peek_error()));
    }
    X509 *above = NULL;
    while ((above = PEM_read_bio_X509(certificate->chain_text, NULL, NULL, NULL)) != NULL) {
        if (SSL_CTX_add0_chain_cert(device->tls, above) != 1) {
            X509_free(above);
            return device_no_memory(error);
        }
    }
    device->has_certificate = true;
    return IOTHUB_OK;
}

static enum iothub_result use_certificate(struct iothub_device *device,
                                          struct certificate *certificate,
                                          struct iothub_error *error)
{
    if (device->credential != CREDENTIAL_CERTIFICATE) {
        return device_failed(error, IOTHUB_INVALID,
                             "the connection string names a SharedAccessKey or "
                             "SharedAccessSignature: write x509=true in its place to use a "
                             "certificate");
    }
    ERR_clear_error();
    const enum iothub_result result = read_pair(certificate, error);
    return result == IOTHUB_OK ? use_pair(device, certificate, error) : result;
}

enum iothub_result iothub_device_use_certificate(struct iothub_device *device,
                                                 const char *chain_path, const char *key_path,
                                                 const char *passphrase, struct iothub_error *error)
{
    struct certificate certificate CLEANUP(certificate_finish) = {.passphrase = passphrase};
    const char *failed = chain_path;
    certificate.chain_text = BIO_new_file(chain_path, "r");
    if (certificate.chain_text != NULL) {
        failed = key_path;
        certificate.key_text = BIO_new_file(key_path, "r");
    }
    if (certificate.key_text == NULL) {
        return device_failed(error, IOTHUB_INVALID, "the file \"%s\" cannot be read: %s", failed,
                             strerror(errno));
    }
    return use_certificate(device, &certificate, error);
}

enum iothub_result iothub_device_use_certificate_pem(struct iothub_device *device,
                                                     const char *chain_pem, const char *key_pem,
                                                     const char *passphrase,
                                                     struct iothub_error *error)
{
    struct certificate certificate CLEANUP(certificate_finish) = {.passphrase = passphrase};
    certificate.chain_text = BIO_new_mem_buf(chain_pem, -1);
    certificate.key_text = BIO_new_mem_buf(key_pem, -1);
    if (certificate.chain_text == NULL || certificate.key_text == NULL) {
        return device_no_memory(error);
    }
    return use_certificate(device, &certificate, error);
}
