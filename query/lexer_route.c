/* SPDX-License-Identifier: MIT */
#include "query/lexer_internal.h"

/*
 * The words of message routes (reference, 6.1). A name may hold anything but white space and
 * `()<>@,;:\"/?={}`: dots, signs and operators too. So what a run of such characters is, is decided
 * by its length: the longest token wins, and of equal ones the name loses. `a-1` is a name, `a - 1`
 * is not; `-1` is a number.
 */
static const struct {
    const char *text;
    enum query_token_kind kind;
    const char *reason; /* ILLEGAL */
} signs[] = {
    {"||", TOKEN_CONCAT, NULL},
    {"??", TOKEN_COALESCE, NULL},
    {"!=", TOKEN_NOT_EQUAL, NULL},
    {"<>", TOKEN_NOT_EQUAL, NULL},
    {"<=", TOKEN_LESS_EQUAL, NULL},
    {">=", TOKEN_GREATER_EQUAL, NULL},
    {"==", TOKEN_ILLEGAL, "equality is written with one '='"},
    {"&&", TOKEN_ILLEGAL, "write AND"},
    {"(", TOKEN_OPEN, NULL},
    {")", TOKEN_CLOSE, NULL},
    {"{", TOKEN_OPEN_BRACE, NULL},
    {"}", TOKEN_CLOSE_BRACE, NULL},
    {",", TOKEN_COMMA, NULL},
    {"*", TOKEN_STAR, NULL},
    {"+", TOKEN_PLUS, NULL},
    {"-", TOKEN_MINUS, NULL},
    {"/", TOKEN_SLASH, NULL},
    {"%", TOKEN_PERCENT, NULL},
    {"=", TOKEN_EQUAL, NULL},
    {"<", TOKEN_LESS, NULL},
    {">", TOKEN_GREATER, NULL},
    {"!", TOKEN_ILLEGAL, "write NOT, or '!=' between two values"},
    {"?", TOKEN_ILLEGAL, "a value for what is missing is written after two '?'"},
    {";", TOKEN_ILLEGAL, "a condition ends without ';'"},
    {"\\", TOKEN_ILLEGAL, "a backslash is allowed inside strings only"},
};

static const struct {
    const char *word;
    enum query_token_kind kind;
} words[] = {{"AND", TOKEN_AND}, {"OR", TOKEN_OR}, {"NOT", TOKEN_NOT}};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* A character of a path of $body or $twin; of a name when it is no bracket. */
static bool is_path_part(char c)
{
    return (unsigned char)c > ' ' && c != 0x7F && strchr("()<>@,;:\\\"/?={}", c) == NULL;
}

/* The size of the run of such characters; *ret_reason when one of them only looks right. */
static size_t run_size(const struct query_lexer *lexer, bool *ret_brackets, const char **ret_reason)
{
    size_t size = 0;
    *ret_brackets = false;
    *ret_reason = NULL;
    for (char c = query_lexer_peek(lexer, 0); is_path_part(c); c = query_lexer_peek(lexer, size)) {
        *ret_reason = (unsigned char)c >= 0x80 ? query_lexer_look_alike(lexer, size) : NULL;
        if (*ret_reason != NULL) {
            break;
        }
        *ret_brackets = *ret_brackets || c == '[' || c == ']';
        size += query_utf8_size(c);
    }
    return size;
}

static size_t number_size(const struct query_lexer *lexer)
{
    const size_t sign = query_lexer_peek(lexer, 0) == '-' ? 1 : 0;
    const char first = query_lexer_peek(lexer, sign);
    const char second = query_lexer_peek(lexer, sign + 1);
    const bool digit = first >= '0' && first <= '9';
    if (!digit && (first != '.' || second < '0' || second > '9')) {
        return 0;
    }
    const size_t size = query_lexer_number_size(lexer, sign);
    const bool negative_hex = sign > 0 && first == '0' && (second | 0x20) == 'x';
    return size == 0 || negative_hex ? 0 : size + sign;
}

/* Index into `signs`, ARRAY_SIZE(signs) when none stands here. */
static size_t find_sign(const struct query_lexer *lexer)
{
    const struct str rest = str_skip(lexer->text, lexer->position);
    size_t i = 0;
    while (i < ARRAY_SIZE(signs) && !str_starts(rest, str_from(signs[i].text))) {
        i++;
    }
    return i;
}

static struct query_token lex_name(struct query_lexer *lexer, size_t size, bool brackets)
{
    if (query_lexer_peek(lexer, 0) == '$' && size > 1) {
        return query_lexer_token(lexer, TOKEN_DOLLAR_NAME, size);
    }
    if (brackets) {
        return query_lexer_illegal(lexer, 0, size,
                                   "brackets stand in paths of $body and $twin only, like "
                                   "$body.a[0]; a route has no lists");
    }
    const struct str name = str_of(lexer->text.data + lexer->position, size);
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (str_equal_nocase(name, str_from(words[i].word))) {
            return query_lexer_token(lexer, words[i].kind, size);
        }
    }
    return query_lexer_token(lexer, TOKEN_NAME, size);
}

static struct query_token lex_string(struct query_lexer *lexer)
{
    const struct query_token string = query_lexer_string(lexer);
    if (string.kind == TOKEN_STRING && is_path_part(query_lexer_peek(lexer, 0))) {
        /* The service takes 'a'||b for one name, which no message has. */
        return query_lexer_illegal(lexer, 0, query_utf8_size(query_lexer_peek(lexer, 0)),
                                   "put a space between a string and what follows");
    }
    return string;
}

/* Skips white space and comments. False at a comment that never ends. */
static bool skip_space(struct query_lexer *lexer)
{
    for (;;) {
        while (is_space(query_lexer_peek(lexer, 0))) {
            lexer->position++;
        }
        if (query_lexer_peek(lexer, 0) != '/' || query_lexer_peek(lexer, 1) != '*') {
            return true;
        }
        size_t size = 2;
        while (query_lexer_peek(lexer, size) != '*' || query_lexer_peek(lexer, size + 1) != '/') {
            if (lexer->position + size >= lexer->text.size) {
                return false;
            }
            size++;
        }
        lexer->position += size + 2;
    }
}

struct query_token query_lexer_next_route(struct query_lexer *lexer)
{
    if (!skip_space(lexer)) {
        return query_lexer_illegal(lexer, 0, 2, "this comment is never closed");
    }
    if (lexer->position >= lexer->text.size) {
        return query_lexer_token(lexer, TOKEN_END, 0);
    }
    const char c = query_lexer_peek(lexer, 0);
    if (c == '\'' || c == '"') {
        return lex_string(lexer);
    }
    bool brackets = false;
    const char *reason = NULL;
    const size_t run = run_size(lexer, &brackets, &reason);
    if (reason != NULL) {
        return query_lexer_illegal(lexer, run, query_utf8_size(query_lexer_peek(lexer, run)),
                                   reason);
    }
    const size_t number = number_size(lexer);
    if (number > 0 && number >= run) {
        return query_lexer_token(lexer, TOKEN_NUMBER, number);
    }
    const size_t sign = find_sign(lexer);
    const size_t sign_size = sign < ARRAY_SIZE(signs) ? strlen(signs[sign].text) : 0;
    if (run > sign_size) {
        return lex_name(lexer, run, brackets);
    }
    if (sign_size == 0 || signs[sign].kind == TOKEN_ILLEGAL) {
        return query_lexer_illegal(lexer, 0, sign_size == 0 ? 1 : sign_size,
                                   sign_size == 0 ? "no word of the language starts with it"
                                                  : signs[sign].reason);
    }
    return query_lexer_token(lexer, signs[sign].kind, sign_size);
}
