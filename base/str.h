/* SPDX-License-Identifier: MIT */
#ifndef BASE_STR_H
#define BASE_STR_H

/*
 * A borrowed run of bytes: pointer and size, never freed by its holder, never assumed to end in
 * NUL. A struct str kept for longer than a call says in a comment who owns the bytes.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *data; /* may be NULL when size is 0 */
    size_t size;
};

#define STR(literal) ((struct str){.data = ("" literal ""), .size = sizeof(literal) - 1})
#define STR_EMPTY    ((struct str){.data = "", .size = 0})
#define STR_ARG(s)   (int)(s).size, (s).data /* for "%.*s"; the size must fit an int */

static inline struct str str_from(const char *text)
{
    return (struct str){.data = text, .size = text == NULL ? 0 : strlen(text)};
}

static inline struct str str_of(const void *data, size_t size)
{
    return (struct str){.data = data, .size = size};
}

static inline bool str_equal(struct str a, struct str b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

bool str_equal_nocase(struct str a, struct str b); /* ASCII letters only */
bool str_starts(struct str s, struct str prefix);
bool str_starts_nocase(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
int str_compare(struct str a, struct str b);        /* by bytes, shorter first: <0, 0, >0 */
int str_compare_nocase(struct str a, struct str b); /* the same, capitals as small letters */

/* The rest after the first `size` bytes; everything is skipped when there are fewer. */
struct str str_skip(struct str s, size_t size);
struct str str_trim(struct str s); /* spaces and tabs off both ends */

/* Index of the first `c`, or SIZE_MAX. */
size_t str_find(struct str s, char c);

/*
 * Splits at the first `separator`: *ret_head is what stands before it, *ret_tail what follows.
 * Returns false, with the whole in *ret_head and nothing in *ret_tail, when there is none.
 */
bool str_cut(struct str s, char separator, struct str *ret_head, struct str *ret_tail);

/* Whole decimal numbers, no sign (u64) or an optional '-' (i64); false on anything else. */
bool str_to_u64(struct str s, uint64_t *ret_value);
bool str_to_i64(struct str s, int64_t *ret_value);

/* Bytes of the well-formed UTF-8 sequence that `s` begins with, 1 to 4; 0 when it does not. */
size_t str_utf8_size(struct str s);
bool str_is_utf8(struct str s);  /* well formed, no surrogates, up to U+10FFFF */
uint64_t str_hash(struct str s); /* FNV-1a, 64 bits: stable between runs and machines */

#endif
