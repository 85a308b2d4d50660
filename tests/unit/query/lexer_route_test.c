/* SPDX-License-Identifier: MIT */
#include "query/lexer_internal.h"

#include "check.h"

/* The words of message routes: each token is written with a space after it. */
static void split(const char *text, char *out, size_t size)
{
    struct query_lexer lexer = {.text = str_from(text), .syntax = SYNTAX_ROUTE};
    size_t at = 0;
    for (;;) {
        const struct query_token token = query_lexer_next(&lexer);
        assert_true(token.offset + token.size <= lexer.text.size);
        if (token.kind == TOKEN_END) {
            break;
        }
        assert_true(at + token.size + 2 < size);
        if (token.kind == TOKEN_ILLEGAL) {
            assert_non_null(token.reason);
            out[at++] = '!';
            break;
        }
        const int mark = token.kind == TOKEN_NAME          ? 'n'
                         : token.kind == TOKEN_DOLLAR_NAME ? '$'
                         : token.kind == TOKEN_NUMBER      ? '1'
                         : token.kind == TOKEN_STRING      ? 's'
                         : token.kind >= TOKEN_SELECT      ? 'k'
                                                           : 'o';
        out[at++] = (char)mark;
        memcpy(out + at, text + token.offset, token.size);
        at += token.size;
        out[at++] = ' ';
    }
    out[at] = '\0';
}

static void the_longest_word_wins(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *words;
    } rows[] = {
        {"", ""},
        {"a-1", "na-1 "},
        {"a - 1", "na o- 11 "},
        {"a -1", "na 1-1 "},
        {"-a", "n-a "},
        {"-(a", "o- o( na "},
        {"- 1", "o- 11 "},
        {"3/4", "13 o/ 14 "},
        {"3*4", "n3*4 "},
        {"3.x 3. .5 -.5 1e5 1e 0x1F 0x -0x1F", "n3.x n3. 1.5 1-.5 11e5 n1e 10x1F n0x n-0x1F "},
        {"a||b", "na||b "},
        {"a || b ?? c", "na o|| nb o?? nc "},
        {"a!=b", "na! o= nb "},
        {"a != b<>c", "na o!= nb o<> nc "},
        {"a<=b>=c<d>e=f", "na o<= nb o>= nc o< nd o> ne o= nf "},
        {"And oR not ands", "kAnd koR knot nands "},
        {"select from in", "nselect nfrom nin "},
        {"$a $body.x[0].y $", "$$a $$body.x[0].y n$ "},
        {"{$a}", "o{ $$a o} "},
        {"f(a,b)", "nf o( na o, nb o) "},
        {"'a' \"b\"='c'", "s'a' s\"b\" o= s'c' "},
        {"it's", "nit's "},
        {"a/**/b/* x * / */c", "na nb nc "},
        {"/***/a", "na "},
        {"\xC3\xA9=\xE2\x82\xAC", "n\xC3\xA9 o= n\xE2\x82\xAC "},
        {"* + - / %", "o* o+ o- o/ o% "},
        {"** +", "n** o+ "},
        {"a[0]", "!"},
        {"a == b", "na !"},
        {"a && b", "na !"},
        {"a ! b", "na !"},
        {"a ? b", "na !"},
        {"a;", "na !"},
        {"a@b", "na !"},
        {"a\\", "na !"},
        {"'a'b", "!"},
        {"'a", "!"},
        {"'\\x'", "!"},
        {"/*", "!"},
        {"/* *", "!"},
        {"a\xC2\xA0=", "!"},
        {"\x01", "!"},
        {"\x7F", "!"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char out[256];
        split(rows[i].text, out, sizeof(out));
        assert_string_equal(out, rows[i].words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_word_wins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
