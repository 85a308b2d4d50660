/* SPDX-License-Identifier: MIT */
#ifndef NET_TLS_WORDS_INTERNAL_H
#define NET_TLS_WORDS_INTERNAL_H

/* Says in plain words why a TLS handshake failed and what the client's owner should do. Pure. */
#include <stddef.h>

#define TLS_WORDS_SIZE 512U

/* `error` is OpenSSL's, 0 when it had none: then `error_number` (errno) is told, or the peer just
 * left. `ca_path` is what a client should be pointed at. */
void tls_words(unsigned long error, int error_number, const char *ca_path,
               char out[TLS_WORDS_SIZE]);

#endif
