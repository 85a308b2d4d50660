/* SPDX-License-Identifier: MIT */
#include "base/sas.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdio.h>

#include "base/base64.h"
#include "base/url.h"

enum { SIGNATURE_BYTES = 32, ENCODED_SIZE_MAX = 3 * SAS_TOKEN_SIZE_MAX };

/* The end of the year 9999. A later expiry is taken as this one, so that no unit it is turned into
 * overflows; clients that count in milliseconds do send such. */
#define EXPIRY_LAST_S UINT64_C(253402300799)

static const struct str scheme = {.data = "SharedAccessSignature ", .size = 22};

/* Where the field called `key` goes, or NULL when it is none of a token's. */
static struct str *field_of(struct sas_token *token, struct str key)
{
    if (str_equal_nocase(key, STR("sr"))) {
        return &token->resource;
    }
    if (str_equal_nocase(key, STR("sig"))) {
        return &token->signature;
    }
    if (str_equal_nocase(key, STR("se"))) {
        return &token->expiry_text;
    }
    return str_equal_nocase(key, STR("skn")) ? &token->policy : NULL;
}

/* Digits, with a fraction if there must be one: the service reads a double. */
static bool read_expiry(struct str text, int64_t *ret_expiry_s)
{
    struct str whole;
    struct str fraction;
    uint64_t ignored = 0;
    if (str_cut(text, '.', &whole, &fraction)) {
        for (size_t i = 0; i < fraction.size; i++) {
            if (!str_to_u64(str_of(fraction.data + i, 1), &ignored)) {
                return false;
            }
        }
    }
    if (whole.size == 0) {
        return false;
    }
    uint64_t seconds = 0;
    for (size_t i = 0; i < whole.size; i++) {
        uint64_t digit = 0;
        if (!str_to_u64(str_of(whole.data + i, 1), &digit)) {
            return false;
        }
        seconds = seconds * 10 + digit;
        seconds = seconds > EXPIRY_LAST_S ? EXPIRY_LAST_S : seconds;
    }
    *ret_expiry_s = (int64_t)seconds;
    return true;
}

static enum status read_fields(struct str text, struct sas_token *token, struct problem *problem)
{
    struct str rest = str_skip(text, scheme.size);
    struct str key;
    struct str value;
    bool has_value = false;
    while (url_pair_next(&rest, &key, &value, &has_value)) {
        struct str *field = field_of(token, key);
        if (field == NULL) {
            continue;
        }
        if (!has_value) {
            problem_set(problem, (size_t)(key.data - text.data), "'%.*s' has no value",
                        STR_ARG(key));
            return STATUS_INVALID;
        }
        if (field->data != NULL) {
            problem_set(problem, (size_t)(key.data - text.data), "'%.*s' stands there twice",
                        STR_ARG(key));
            return STATUS_INVALID;
        }
        *field = value;
    }
    return STATUS_OK;
}

enum status sas_parse(struct str text, struct sas_token *ret_token, struct problem *problem)
{
    if (text.size > SAS_TOKEN_SIZE_MAX) {
        problem_set(problem, SAS_TOKEN_SIZE_MAX, "a token of %zu bytes, at most %u are allowed",
                    text.size, SAS_TOKEN_SIZE_MAX);
        return STATUS_INVALID;
    }
    if (!str_starts(text, scheme)) {
        problem_set(problem, 0, "a token begins with 'SharedAccessSignature' and one space");
        return STATUS_INVALID;
    }
    struct sas_token token = {0};
    const enum status status = read_fields(text, &token, problem);
    if (status != STATUS_OK) {
        return status;
    }
    const struct {
        struct str value;
        const char *problem;
    } needed[] = {
        {token.resource, "no 'sr', the resource that the token is for"},
        {token.signature, "no 'sig', the signature"},
        {token.expiry_text, "no 'se', the time of expiry in seconds since 1970"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
        if (needed[i].value.size == 0) {
            problem_set(problem, PROBLEM_NO_OFFSET, "%s", needed[i].problem);
            return STATUS_INVALID;
        }
    }
    if (!read_expiry(token.expiry_text, &token.expiry_s)) {
        problem_set(problem, (size_t)(token.expiry_text.data - text.data),
                    "'se' is \"%.*s\", not a number of seconds since 1970",
                    STR_ARG(token.expiry_text));
        return STATUS_INVALID;
    }
    if (token.policy.data == NULL) {
        token.policy = STR_EMPTY;
    }
    *ret_token = token;
    return STATUS_OK;
}

/* Frees key bytes so that nothing of them stays behind in the heap. */
static void finish_secret(struct buf *buf)
{
    if (buf->data != NULL) {
        OPENSSL_cleanse(buf->data, buf->capacity);
    }
    buf_finish(buf);
}

static void free_mac(EVP_MAC **mac)
{
    EVP_MAC_free(*mac);
}

static void free_mac_context(EVP_MAC_CTX **context)
{
    EVP_MAC_CTX_free(*context);
}

static bool update(EVP_MAC_CTX *context, struct str part)
{
    return EVP_MAC_update(context, (const unsigned char *)part.data, part.size) == 1;
}

/* HMAC-SHA256 over resource, line feed, expiry. False: OpenSSL had no memory. */
static bool sign(struct str key, struct str resource, struct str expiry_text,
                 unsigned char ret_signature[SIGNATURE_BYTES])
{
    CLEANUP(free_mac) EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    CLEANUP(free_mac_context) EVP_MAC_CTX *context = mac == NULL ? NULL : EVP_MAC_CTX_new(mac);
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string("digest", digest, 0),
        OSSL_PARAM_construct_end(),
    };
    size_t size = 0;
    return context != NULL &&
           EVP_MAC_init(context, (const unsigned char *)key.data, key.size, params) == 1 &&
           update(context, resource) && update(context, STR("\n")) &&
           update(context, expiry_text) &&
           EVP_MAC_final(context, ret_signature, &size, SIGNATURE_BYTES) == 1 &&
           size == SIGNATURE_BYTES;
}

/* Decodes into `key` (of SAS_KEY_SIZE_MAX): STATUS_INVALID when it is no base64 of 1 to that many
 * bytes. */
static enum status decode_key(struct buf *key, struct str key_base64)
{
    if (key_base64.size > BASE64_SIZE(SAS_KEY_SIZE_MAX) || !base64_decode_append(key, key_base64)) {
        return STATUS_INVALID;
    }
    const enum status status = buf_status(key);
    if (status == STATUS_OK && key->size == 0) {
        return STATUS_INVALID;
    }
    return status == STATUS_LIMIT ? STATUS_INVALID : status;
}

bool sas_verify_text(const struct sas_token *token, struct str key)
{
    CLEANUP(buf_finish) struct buf encoded = BUF_INIT(SAS_TOKEN_SIZE_MAX);
    CLEANUP(buf_finish) struct buf given = BUF_INIT(SAS_TOKEN_SIZE_MAX);
    url_decode_append(&encoded, token->signature);
    if (!base64_decode_append(&given, buf_str(&encoded)) || given.size != SIGNATURE_BYTES) {
        return false;
    }
    unsigned char expected[SIGNATURE_BYTES];
    return sign(key, token->resource, token->expiry_text, expected) &&
           CRYPTO_memcmp(expected, given.data, SIGNATURE_BYTES) == 0;
}

bool sas_verify(const struct sas_token *token, struct str key_base64)
{
    CLEANUP(finish_secret) struct buf key = BUF_INIT(SAS_KEY_SIZE_MAX);
    return decode_key(&key, key_base64) == STATUS_OK && sas_verify_text(token, buf_str(&key));
}

enum status sas_sign_text(struct buf *out, struct str resource, struct str key, struct str policy,
                          int64_t expiry_s)
{
    CLEANUP(buf_finish) struct buf encoded = BUF_INIT(ENCODED_SIZE_MAX);
    url_encode_append(&encoded, resource);
    const enum status status = buf_status(&encoded);
    if (status != STATUS_OK) {
        return status;
    }
    char expiry_text[24];
    const int expiry_size = snprintf(expiry_text, sizeof(expiry_text), "%" PRId64, expiry_s);
    unsigned char signature[SIGNATURE_BYTES];
    if (!sign(key, buf_str(&encoded), str_of(expiry_text, (size_t)expiry_size), signature)) {
        return STATUS_NO_MEMORY;
    }
    char signature_base64[BASE64_SIZE(SIGNATURE_BYTES)];
    base64_encode(str_of(signature, sizeof(signature)), signature_base64);

    buf_append_str(out, scheme);
    buf_append_str(out, STR("sr="));
    buf_append_str(out, buf_str(&encoded));
    buf_append_str(out, STR("&sig="));
    url_encode_append(out, str_of(signature_base64, sizeof(signature_base64)));
    buf_append_str(out, STR("&se="));
    buf_append_str(out, str_of(expiry_text, (size_t)expiry_size));
    if (policy.size > 0) {
        buf_append_str(out, STR("&skn="));
        url_encode_append(out, policy);
    }
    return buf_status(out);
}

enum status sas_sign(struct buf *out, struct str resource, struct str key_base64, struct str policy,
                     int64_t expiry_s)
{
    CLEANUP(finish_secret) struct buf key = BUF_INIT(SAS_KEY_SIZE_MAX);
    const enum status status = decode_key(&key, key_base64);
    return status != STATUS_OK ? status
                               : sas_sign_text(out, resource, buf_str(&key), policy, expiry_s);
}

bool sas_key_valid(struct str text)
{
    CLEANUP(finish_secret) struct buf key = BUF_INIT(SAS_KEY_SIZE_MAX);
    return decode_key(&key, text) == STATUS_OK && key.size >= SAS_KEY_SIZE_MIN;
}
