/* SPDX-License-Identifier: MIT */
#include "query/lexer_internal.h"

static const struct {
    const char *word;
    enum query_token_kind kind;
} keywords[] = {
    {"SELECT", TOKEN_SELECT}, {"TOP", TOKEN_TOP}, {"FROM", TOKEN_FROM}, {"WHERE", TOKEN_WHERE},
    {"GROUP", TOKEN_GROUP},   {"BY", TOKEN_BY},   {"AND", TOKEN_AND},   {"OR", TOKEN_OR},
    {"NOT", TOKEN_NOT},       {"IN", TOKEN_IN},   {"NIN", TOKEN_NIN},   {"AS", TOKEN_AS},
};

static const struct {
    char character;
    enum query_token_kind kind;
} single_characters[] = {
    {'(', TOKEN_OPEN},  {')', TOKEN_CLOSE},         {'[', TOKEN_OPEN_BRACKET}, {',', TOKEN_COMMA},
    {'.', TOKEN_DOT},   {']', TOKEN_CLOSE_BRACKET}, {'*', TOKEN_STAR},         {'+', TOKEN_PLUS},
    {'-', TOKEN_MINUS}, {'/', TOKEN_SLASH},         {'%', TOKEN_PERCENT},      {'=', TOKEN_EQUAL},
    {'<', TOKEN_LESS},  {'>', TOKEN_GREATER},
};

/* Longest first: the first that fits is the token. Those with a reason are other languages'. */
static const struct {
    const char *text;
    enum query_token_kind kind;
    const char *reason;
} operators[] = {
    {"!=", TOKEN_NOT_EQUAL, NULL},
    {"<>", TOKEN_NOT_EQUAL, NULL},
    {"<=", TOKEN_LESS_EQUAL, NULL},
    {">=", TOKEN_GREATER_EQUAL, NULL},
    {"==", TOKEN_ILLEGAL, "equality is written with one '='"},
    {"&&", TOKEN_ILLEGAL, "write AND"},
    {"||", TOKEN_ILLEGAL, "write OR"},
    {"?", TOKEN_ILLEGAL, "it exists in message routes only; test with is_defined(path)"},
    {"/*", TOKEN_ILLEGAL, "a query has no comments"},
    {"!", TOKEN_ILLEGAL, "write NOT, or '!=' between two values"},
    {";", TOKEN_ILLEGAL, "a query ends without ';'"},
    {":", TOKEN_ILLEGAL, "a name with ':' is written in double brackets, like tags.[[a:b]]"},
    {"#", TOKEN_ILLEGAL, "a name with '#' is written in double brackets, like tags.[[a#b]]"},
    {"@", TOKEN_ILLEGAL, "a name with '@' is written in double brackets, like tags.[[a@b]]"},
    {"{", TOKEN_ILLEGAL, "'{' exists in message routes only"},
    {"`", TOKEN_ILLEGAL, "strings stand in ' or \", special names in [[ ]]"},
    {"\\", TOKEN_ILLEGAL, "a backslash is allowed inside strings only"},
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' ||
           (unsigned char)c >= 0x80;
}

static bool is_name_part(char c)
{
    return is_name_start(c) || is_digit(c) || c == '-';
}

char query_lexer_peek(const struct query_lexer *lexer, size_t ahead)
{
    const struct str rest = str_skip(lexer->text, lexer->position + ahead);
    if (rest.size == 0) {
        return '\0';
    }
    return rest.data[0];
}

struct query_token query_lexer_token(struct query_lexer *lexer, enum query_token_kind kind,
                                     size_t size)
{
    const struct query_token token = {.kind = kind, .offset = lexer->position, .size = size};
    lexer->position += size;
    lexer->previous = kind;
    return token;
}

struct query_token query_lexer_illegal(struct query_lexer *lexer, size_t ahead, size_t size,
                                       const char *reason)
{
    lexer->position += ahead;
    const size_t left = lexer->text.size - lexer->position;
    struct query_token token = query_lexer_token(lexer, TOKEN_ILLEGAL, size < left ? size : left);
    token.reason = reason;
    return token;
}

/*
 * Spaces and quotation marks that word processors and web pages put in place of the real ones. A
 * bare name may hold any other character from U+0080 on; with these it would look right and match
 * nothing. They can still stand inside [[ ]].
 */
const char *query_lexer_look_alike(const struct query_lexer *lexer, size_t ahead)
{
    static const struct {
        const char *bytes;
        const char *reason;
    } marks[] = {
        {"\xC2\xA0", "this is a no-break space; type a plain one"},
        {"\xE3\x80\x80", "this is an ideographic space; type a plain one"},
        {"\xEF\xBB\xBF", "this is an invisible byte order mark; delete it"},
        {"\xE2\x80\x8B", "this is an invisible zero-width space; delete it"},
        {"\xE2\x80\x98", "this is a typographic quote; strings stand in ' or \""},
        {"\xE2\x80\x99", "this is a typographic quote; strings stand in ' or \""},
        {"\xE2\x80\x9C", "this is a typographic quote; strings stand in ' or \""},
        {"\xE2\x80\x9D", "this is a typographic quote; strings stand in ' or \""},
    };
    const struct str rest = str_skip(lexer->text, lexer->position + ahead);
    for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
        if (str_starts(rest, str_from(marks[i].bytes))) {
            return marks[i].reason;
        }
    }
    return NULL;
}

size_t query_utf8_size(char lead)
{
    const unsigned char c = (unsigned char)lead;
    return c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
}

/* name; after a dot it may start with a digit and may be a keyword. */
static struct query_token lex_name(struct query_lexer *lexer, bool after_dot)
{
    size_t size = 0;
    while (is_name_part(query_lexer_peek(lexer, size))) {
        const char lead = query_lexer_peek(lexer, size);
        const char *reason =
            (unsigned char)lead >= 0x80 ? query_lexer_look_alike(lexer, size) : NULL;
        if (reason != NULL) {
            return query_lexer_illegal(lexer, size, query_utf8_size(lead), reason);
        }
        size += query_utf8_size(lead);
    }
    const struct str word = str_of(lexer->text.data + lexer->position, size);
    enum query_token_kind kind = TOKEN_NAME;
    for (size_t i = 0; i < ARRAY_SIZE(keywords) && !after_dot; i++) {
        if (str_equal_nocase(word, str_from(keywords[i].word))) {
            kind = keywords[i].kind;
        }
    }
    return query_lexer_token(lexer, kind, size);
}

/* "[[" any characters but "]]" "]]" */
static struct query_token lex_quoted_name(struct query_lexer *lexer)
{
    size_t size = 2;
    while (query_lexer_peek(lexer, size) != ']' || query_lexer_peek(lexer, size + 1) != ']') {
        if (lexer->position + size >= lexer->text.size) {
            return query_lexer_illegal(lexer, 0, 2, "a name that starts with [[ must end with ]]");
        }
        size++;
    }
    if (size == 2) {
        return query_lexer_illegal(lexer, 0, 4, "a name cannot be empty");
    }
    return query_lexer_token(lexer, TOKEN_QUOTED_NAME, size + 2);
}

/* The size of an escape that starts with a backslash, 0 when there is no such escape. */
static size_t escape_size(const struct query_lexer *lexer, size_t ahead)
{
    const char c = query_lexer_peek(lexer, ahead + 1);
    if (c == '\'' || c == '"' || c == '\\') {
        return 2;
    }
    if (c != 'u') {
        return 0;
    }
    for (size_t i = 2; i < 6; i++) {
        if (!is_hex(query_lexer_peek(lexer, ahead + i))) {
            return 0;
        }
    }
    return 6;
}

struct query_token query_lexer_string(struct query_lexer *lexer)
{
    const char quote = query_lexer_peek(lexer, 0);
    size_t size = 1;
    while (lexer->position + size < lexer->text.size) {
        const char c = query_lexer_peek(lexer, size);
        if (c == '\\') {
            const size_t escape = escape_size(lexer, size);
            if (escape == 0) {
                return query_lexer_illegal(lexer, size,
                                           1 + query_utf8_size(query_lexer_peek(lexer, size + 1)),
                                           "the escapes of a string are \\' \\\" \\\\ and \\uXXXX");
            }
            size += escape;
        } else if (c != quote) {
            size++;
        } else if (query_lexer_peek(lexer, size + 1) == quote) {
            size += 2;
        } else {
            return query_lexer_token(lexer, TOKEN_STRING, size + 1);
        }
    }
    return query_lexer_illegal(lexer, 0, 1, "this string is never closed");
}

static size_t count_digits(const struct query_lexer *lexer, size_t ahead)
{
    size_t count = 0;
    while (is_digit(query_lexer_peek(lexer, ahead + count))) {
        count++;
    }
    return count;
}

size_t query_lexer_number_size(const struct query_lexer *lexer, size_t ahead)
{
    if (query_lexer_peek(lexer, ahead) == '0' &&
        (query_lexer_peek(lexer, ahead + 1) | 0x20) == 'x') {
        size_t size = 2;
        while (is_hex(query_lexer_peek(lexer, ahead + size))) {
            size++;
        }
        return size > 2 ? size : 0;
    }
    size_t size = count_digits(lexer, ahead);
    if (query_lexer_peek(lexer, ahead + size) == '.') {
        const size_t fraction = count_digits(lexer, ahead + size + 1);
        if (fraction == 0) {
            return 0;
        }
        size += 1 + fraction;
    }
    if ((query_lexer_peek(lexer, ahead + size) | 0x20) == 'e') {
        const char sign = query_lexer_peek(lexer, ahead + size + 1);
        const size_t start = size + (sign == '+' || sign == '-' ? 2 : 1);
        const size_t exponent = count_digits(lexer, ahead + start);
        if (exponent == 0) {
            return 0;
        }
        size = start + exponent;
    }
    return size;
}

static struct query_token lex_number(struct query_lexer *lexer)
{
    const size_t size = query_lexer_number_size(lexer, 0);
    if (size == 0 || is_name_start(query_lexer_peek(lexer, size))) {
        return query_lexer_illegal(
            lexer, 0, size == 0 ? 1 : size + query_utf8_size(query_lexer_peek(lexer, size)),
            "this is no number; a name that starts with a digit stands in [[ ]]");
    }
    return query_lexer_token(lexer, TOKEN_NUMBER, size);
}

static struct query_token lex_operator(struct query_lexer *lexer)
{
    const struct str rest = str_skip(lexer->text, lexer->position);
    for (size_t i = 0; i < ARRAY_SIZE(operators); i++) {
        const struct str text = str_from(operators[i].text);
        if (str_starts(rest, text)) {
            return operators[i].kind == TOKEN_ILLEGAL
                       ? query_lexer_illegal(lexer, 0, text.size, operators[i].reason)
                       : query_lexer_token(lexer, operators[i].kind, text.size);
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(single_characters); i++) {
        if (query_lexer_peek(lexer, 0) == single_characters[i].character) {
            return query_lexer_token(lexer, single_characters[i].kind, 1);
        }
    }
    return query_lexer_illegal(lexer, 0, 1, "no word of the language starts with it");
}

struct query_token query_lexer_next(struct query_lexer *lexer)
{
    if (lexer->syntax == SYNTAX_ROUTE) {
        return query_lexer_next_route(lexer);
    }
    char c = query_lexer_peek(lexer, 0);
    while (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
        lexer->position++;
        c = query_lexer_peek(lexer, 0);
    }
    if (lexer->position >= lexer->text.size) {
        return query_lexer_token(lexer, TOKEN_END, 0);
    }
    const enum query_token_kind before = lexer->previous;
    const bool after_dot = before == TOKEN_DOT;
    if (is_name_start(c) || (after_dot && is_digit(c))) {
        return lex_name(lexer, after_dot);
    }
    const bool after_name = before == TOKEN_NAME || before == TOKEN_QUOTED_NAME;
    if (is_digit(c) || (c == '.' && !after_name && is_digit(query_lexer_peek(lexer, 1)))) {
        return lex_number(lexer);
    }
    if (c == '\'' || c == '"') {
        return query_lexer_string(lexer);
    }
    if (c == '[' && query_lexer_peek(lexer, 1) == '[' && before != TOKEN_IN &&
        before != TOKEN_NIN) {
        return lex_quoted_name(lexer);
    }
    return lex_operator(lexer);
}

bool query_name_is_literal(struct str name)
{
    const char *literals[] = {"true", "false", "null", "undefined"};
    for (size_t i = 0; i < ARRAY_SIZE(literals); i++) {
        if (str_equal(name, str_from(literals[i]))) {
            return true;
        }
    }
    return false;
}

bool query_name_is_bare(struct str name, bool first)
{
    if (str_equal_nocase(name, STR("group")) || (first && query_name_is_literal(name))) {
        return false;
    }
    struct query_lexer lexer = {.text = name, .previous = first ? TOKEN_END : TOKEN_DOT};
    const struct query_token token = query_lexer_next(&lexer);
    return token.kind == TOKEN_NAME && token.offset == 0 && token.size == name.size;
}
