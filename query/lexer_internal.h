/* SPDX-License-Identifier: MIT */
#ifndef QUERY_LEXER_INTERNAL_H
#define QUERY_LEXER_INTERNAL_H

/*
 * Text to tokens (reference, 1.1). The lexer touches nothing but its position: a token is a kind
 * and the bytes it covers; what is no token of the language is a token of kind TOKEN_ILLEGAL that
 * says why. What a character means depends on the token before it (`.5` is a number, but a member
 * after a name), so the lexer remembers that one kind.
 *
 * Message routes have words of their own (reference, 6.1; lexer_route.c): nearly every character
 * may stand in a name, and the longest token wins. Strings and numbers are shared.
 */
#include "base/arena.h"
#include "base/str.h"

enum query_token_kind {
    TOKEN_END,
    TOKEN_ILLEGAL,
    TOKEN_NAME,
    TOKEN_QUOTED_NAME, /* [[ ... ]] */
    TOKEN_STRING,
    TOKEN_NUMBER,
    TOKEN_DOLLAR_NAME,   /* $name, $body.a[0]: routes only, as are || ?? { and } */
    TOKEN_OPEN,          /* ( */
    TOKEN_CLOSE,         /* ) */
    TOKEN_OPEN_BRACKET,  /* [ */
    TOKEN_CLOSE_BRACKET, /* ] */
    TOKEN_COMMA,
    TOKEN_DOT,
    TOKEN_OPEN_BRACE,
    TOKEN_CLOSE_BRACE,
    TOKEN_STAR,
    TOKEN_PLUS,
    TOKEN_MINUS,
    TOKEN_SLASH,
    TOKEN_PERCENT,
    TOKEN_CONCAT,   /* || */
    TOKEN_COALESCE, /* ?? */
    TOKEN_EQUAL,
    TOKEN_NOT_EQUAL,
    TOKEN_LESS,
    TOKEN_LESS_EQUAL,
    TOKEN_GREATER,
    TOKEN_GREATER_EQUAL,
    TOKEN_SELECT,
    TOKEN_TOP,
    TOKEN_FROM,
    TOKEN_WHERE,
    TOKEN_GROUP,
    TOKEN_BY,
    TOKEN_AND,
    TOKEN_OR,
    TOKEN_NOT,
    TOKEN_IN,
    TOKEN_NIN,
    TOKEN_AS,
};

struct query_token {
    enum query_token_kind kind;
    size_t offset;
    size_t size;
    const char *reason; /* ILLEGAL: why, in plain words; a constant */
};

enum query_syntax { SYNTAX_QUERY, SYNTAX_ROUTE };

struct query_lexer {
    struct str text; /* well-formed UTF-8 */
    size_t position;
    enum query_token_kind previous;
    enum query_syntax syntax;
};

/* The next token; TOKEN_END again and again at the end. After TOKEN_ILLEGAL do not go on. */
struct query_token query_lexer_next(struct query_lexer *lexer);

/* ---- what the two syntaxes share ---- */

/* The character `ahead` of the position, NUL at the end: NUL is part of no token, so the two need
 * no telling apart. */
char query_lexer_peek(const struct query_lexer *lexer, size_t ahead);
struct query_token query_lexer_token(struct query_lexer *lexer, enum query_token_kind kind,
                                     size_t size);
struct query_token query_lexer_illegal(struct query_lexer *lexer, size_t ahead, size_t size,
                                       const char *reason);

/* The string that starts here. */
struct query_token query_lexer_string(struct query_lexer *lexer);

/* The size of the number `ahead`, without a sign; 0 when a digit is missing where one must be. */
size_t query_lexer_number_size(const struct query_lexer *lexer, size_t ahead);

/* The reason why the character `ahead` looks like another that was meant; NULL: it does not. */
const char *query_lexer_look_alike(const struct query_lexer *lexer, size_t ahead);

size_t query_utf8_size(char lead);

struct query_token query_lexer_next_route(struct query_lexer *lexer);

/* ---- names and values ---- */

/* true, false, null and undefined, in lower case. */
bool query_name_is_literal(struct str name);

/* Whether `name` can be written without [[ ]]: as the first name of a path, or after a dot. */
bool query_name_is_bare(struct str name, bool first);

/*
 * The values of TOKEN_STRING and TOKEN_NUMBER tokens. The string is a part of the token when it has
 * no escapes, else a copy in the arena; false when the arena refuses.
 */
MUST_CHECK bool query_string_decode(struct str token, struct arena *arena, struct str *ret_value);
double query_number_decode(struct str token);

/* Four hex digits; UINT32_MAX when they are none. */
uint32_t query_hex4(const char *digits);

/* Reads \uXXXX, or a pair of them that makes one code point, at the start of `at`. Returns the size
 * it took, 0 when the digits are none. */
size_t query_escape_u(struct str at, uint32_t *ret_code_point);

/* Writes a code point as UTF-8, a surrogate as U+FFFD; returns its size, at most 4. */
size_t query_utf8_encode(uint32_t code_point, char *out);

#endif
