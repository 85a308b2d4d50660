/* SPDX-License-Identifier: MIT */
#ifndef BASE_URL_H
#define BASE_URL_H

/*
 * Percent encoding (RFC 3986) as the hub's clients use it: '+' is a plus, never a space.
 */
#include "base/buf.h"
#include "base/str.h"

/* Appends `s` with every byte but ALPHA DIGIT - . _ ~ written as %XX (capitals). */
void url_encode_append(struct buf *out, struct str s);

/*
 * Appends `s` with every %XX replaced by its byte. A stray '%' stays as it is (the C device SDK
 * sends values unencoded), so this never refuses.
 */
void url_decode_append(struct buf *out, struct str s);

/* The strict form: false, leaving `out` as it was, at the first '%' not followed by two hex digits.
 */
bool url_decode_strict_append(struct buf *out, struct str s);

/*
 * Walks "a=1&b=&c": each call moves the next pair out of *rest. Keys and values come raw (encoded);
 * *ret_has_value tells "c" from "c=". Empty pieces ("&&") are skipped. False at the end.
 */
bool url_pair_next(struct str *rest, struct str *ret_key, struct str *ret_value,
                   bool *ret_has_value);

#endif
