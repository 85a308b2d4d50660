/* SPDX-License-Identifier: MIT */
#ifndef BASE_SAS_H
#define BASE_SAS_H

/*
 * Shared access signature tokens: "SharedAccessSignature sr=<resource>&sig=<signature>&se=<expiry>
 * [&skn=<policy>]", fields in any order, names in any case. The signature is HMAC-SHA256 over the
 * resource exactly as it stands in the token, a line feed, and the expiry's text; clients differ in
 * how they encode the resource, so nothing is re-encoded. (Device protocol reference, 7.1.)
 *
 * Pure functions: no clock, no key store. `sig` is compared in constant time.
 */
#include "base/attr.h"
#include "base/buf.h"
#include "base/status.h"
#include "base/str.h"

#define SAS_TOKEN_SIZE_MAX 4096U
#define SAS_KEY_SIZE_MAX   64U /* bytes of a decoded key; 16 at least */
#define SAS_KEY_SIZE_MIN   16U

/* A token taken apart; every str points into the token's text and is still percent-encoded. */
struct sas_token {
    struct str resource;    /* raw `sr` */
    struct str signature;   /* raw `sig` */
    struct str expiry_text; /* raw `se` */
    struct str policy;      /* raw `skn`; empty when absent or empty */
    int64_t expiry_s;       /* `se` in seconds since 1970, without its fraction; at most
                             * 253402300799, the end of the year 9999 */
};

/* STATUS_INVALID with a problem that names the missing or malformed field. */
MUST_CHECK enum status sas_parse(struct str text, struct sas_token *ret_token,
                                 struct problem *problem);

/* True when `key_base64` signs this token. False also when the key itself is not base64. */
bool sas_verify(const struct sas_token *token, struct str key_base64);

/*
 * True when `key`, as its text stands, signs this token. So sign the clients of Event Hubs, whose
 * keys are no base64 to them (azure-eventhub's generate_sas_token, core-amqp's SasTokenProvider,
 * uamqp).
 */
bool sas_verify_text(const struct sas_token *token, struct str key);

/*
 * Appends a token. `resource` is percent-encoded first, as most SDKs do. STATUS_INVALID when the
 * key is not base64. `policy` may be empty.
 */
MUST_CHECK enum status sas_sign(struct buf *out, struct str resource, struct str key_base64,
                                struct str policy, int64_t expiry_s);

/* The same with the key's own bytes, not decoded: sas_verify_text() says who wants that. */
MUST_CHECK enum status sas_sign_text(struct buf *out, struct str resource, struct str key,
                                     struct str policy, int64_t expiry_s);

/* True when `text` is base64 of SAS_KEY_SIZE_MIN to SAS_KEY_SIZE_MAX bytes. */
bool sas_key_valid(struct str text);

#endif
