/* SPDX-License-Identifier: MIT */
#include "net/tls_words_internal.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/attr.h"

static const struct {
    int reason;
    bool name_ca; /* the CA's path follows */
    const char *words;
} reasons[] = {
    {SSL_R_TLSV1_ALERT_UNKNOWN_CA, true, "the client does not trust this CA; point it at "},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, true,
     "the client did not accept the server's certificate, most likely because it does not trust "
     "this CA or dials a name the certificate does not carry; point it at "},
    {SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, true,
     "the client calls the server's certificate bad: it does not trust this CA, or it dials a "
     "name the certificate does not carry (see --hostname); point it at "},
    {SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE, false,
     "the client cannot use this kind of certificate"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, false,
     "the client finds the server's certificate expired: compare the two clocks"},
    {SSL_R_TLSV1_ALERT_ACCESS_DENIED, false, "the client denied access"},
    {SSL_R_TLSV1_ALERT_DECRYPT_ERROR, false, "the client could not check a signature"},
    {SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE, false,
     "the client found no common ground (ciphers, curves or a certificate it can use)"},
    {SSL_R_TLSV1_ALERT_INTERNAL_ERROR, false, "the client had an error of its own"},
    {SSL_R_TLSV1_ALERT_USER_CANCELLED, false, "the client's user cancelled it"},
    {SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, false,
     "the client refuses the TLS version; 1.2 and 1.3 are spoken here"},
    {SSL_R_UNSUPPORTED_PROTOCOL, false,
     "the client speaks an older TLS only; 1.2 and 1.3 are spoken here"},
    {SSL_R_VERSION_TOO_LOW, false,
     "the client speaks an older TLS only; 1.2 and 1.3 are spoken here"},
    {SSL_R_NO_SHARED_CIPHER, false, "the client and the server have no cipher in common"},
    {SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, false,
     "the client and the server have no signature algorithm in common"},
    {SSL_R_NO_SUITABLE_KEY_SHARE, false, "the client and the server have no curve in common"},
    {SSL_R_HTTP_REQUEST, false, "it is a plain HTTP request; use https://"},
    {SSL_R_WRONG_VERSION_NUMBER, false, "what came is not TLS"},
    {SSL_R_UNEXPECTED_EOF_WHILE_READING, true,
     "the client hung up in the middle; one that does not trust this CA may do that: point it "
     "at "},
    {SSL_R_NO_RENEGOTIATION, false, "the client wanted to renegotiate"},
    {SSL_R_BAD_SIGNATURE, false,
     "the client's certificate does not belong to the key it signs with"},
};

void tls_words(unsigned long error, int error_number, const char *ca_path, char out[TLS_WORDS_SIZE])
{
    const int reason = ERR_GET_REASON(error);
    for (size_t i = 0; error != 0 && i < ARRAY_SIZE(reasons); i++) {
        if (reasons[i].reason == reason && ERR_GET_LIB(error) == ERR_LIB_SSL) {
            snprintf(out, TLS_WORDS_SIZE, "%s%s", reasons[i].words,
                     reasons[i].name_ca ? ca_path : "");
            return;
        }
    }
    if (error != 0) {
        const char *text = ERR_reason_error_string(error);
        snprintf(out, TLS_WORDS_SIZE, "%s", text == NULL ? "for no reason OpenSSL can name" : text);
    } else if (error_number != 0) {
        snprintf(out, TLS_WORDS_SIZE, "%s", strerror(error_number));
    } else {
        snprintf(out, TLS_WORDS_SIZE,
                 "the client hung up in the middle; one that does not trust this CA may do that: "
                 "point it at %s",
                 ca_path);
    }
}
