/* SPDX-License-Identifier: MIT */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

/* Base64 of RFC 4648 section 4: the ordinary alphabet, with padding. */
#include "base/buf.h"
#include "base/str.h"

/* Characters that `size` bytes take. */
#define BASE64_SIZE(size) (((size_t)(size) + 2U) / 3U * 4U)

/* Writes BASE64_SIZE(bytes.size) characters, and no NUL. */
void base64_encode(struct str bytes, char *out);
void base64_append(struct buf *out, struct str bytes);

/*
 * Appends the decoded bytes; false, leaving `out` as it was, when `text` is not base64: a character
 * outside the alphabet, wrong padding, or a length that is no multiple of four.
 */
bool base64_decode_append(struct buf *out, struct str text);

#endif
