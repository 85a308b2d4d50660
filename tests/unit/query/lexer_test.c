/* SPDX-License-Identifier: MIT */
#include "query/lexer_internal.h"

#include <math.h>

#include "check.h"

/* One letter per token kind, to write expectations as strings. */
static char letter_of(enum query_token_kind kind)
{
    static const char letters[] = {
        [TOKEN_END] = '.',
        [TOKEN_ILLEGAL] = '!',
        [TOKEN_NAME] = 'n',
        [TOKEN_QUOTED_NAME] = 'q',
        [TOKEN_STRING] = 's',
        [TOKEN_NUMBER] = '1',
        [TOKEN_OPEN] = '(',
        [TOKEN_CLOSE] = ')',
        [TOKEN_OPEN_BRACKET] = '[',
        [TOKEN_CLOSE_BRACKET] = ']',
        [TOKEN_COMMA] = ',',
        [TOKEN_DOT] = 'd',
        [TOKEN_STAR] = '*',
        [TOKEN_PLUS] = '+',
        [TOKEN_MINUS] = '-',
        [TOKEN_SLASH] = '/',
        [TOKEN_PERCENT] = '%',
        [TOKEN_EQUAL] = '=',
        [TOKEN_NOT_EQUAL] = '#',
        [TOKEN_LESS] = '<',
        [TOKEN_LESS_EQUAL] = 'l',
        [TOKEN_GREATER] = '>',
        [TOKEN_GREATER_EQUAL] = 'g',
        [TOKEN_SELECT] = 'S',
        [TOKEN_TOP] = 'T',
        [TOKEN_FROM] = 'F',
        [TOKEN_WHERE] = 'W',
        [TOKEN_GROUP] = 'G',
        [TOKEN_BY] = 'B',
        [TOKEN_AND] = 'A',
        [TOKEN_OR] = 'O',
        [TOKEN_NOT] = 'N',
        [TOKEN_IN] = 'I',
        [TOKEN_NIN] = 'J',
        [TOKEN_AS] = 'C',
    };
    return letters[kind];
}

static void letters_of(const char *text, char *out, size_t size)
{
    struct query_lexer lexer = {.text = str_from(text)};
    size_t count = 0;
    struct query_token token;
    do {
        token = query_lexer_next(&lexer);
        assert_true(token.offset + token.size <= lexer.text.size);
        assert_true(token.kind != TOKEN_ILLEGAL || token.reason != NULL);
        assert_true(count + 1 < size);
        out[count++] = letter_of(token.kind);
    } while (token.kind != TOKEN_END && token.kind != TOKEN_ILLEGAL);
    out[count] = '\0';
}

static void a_text_becomes_its_tokens(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *tokens;
    } texts[] = {
        {"", "."},
        {" \t\r\n", "."},
        {"select Top FROM where gRoUp by and or not in nin as", "STFWGBAONIJC."},
        {"selects topp _from $where group1 bY-x", "nnnnnn."},
        {"= != <> < <= > >= + - * / %", "=##<l>g+-*/%."},
        {"a<=b>=c<>d!=e<f>g=h", "nlngn#n#n<n>n=n."},
        {"()[],.", "()[],d."},
        {"a.b.c", "ndndn."},
        {"a-b", "n."},     /* '-' is a character of names, */
        {"a - b", "n-n."}, /* but not their first */
        {"-b", "-n."},
        {"1-2", "1-1."},
        {"version-1", "n."},
        {"tags.where.and.select", "ndndndn."}, /* after a dot a keyword is a name, */
        {"tags.2nd.3", "ndndn."},              /* and a digit may come first */
        {"tags . 2nd", "ndn."},
        {"tags .5", "ndn."},
        {"[[a]].5", "qdn."},
        {".5", "1."},
        {"where .5", "W1."},
        {"(.5", "(1."},
        {"0 12 1.5 1e3 1E+3 1.5e-3 0x1F 0XaB", "11111111."},
        {"[[a.b c]]", "q."},
        {"[[a]b]]", "q."},
        {"in [[1]]", "I[[1]]."}, /* after IN it is a list in a list */
        {"nin [[", "J[[."},
        {"[ [a]", "[[n]."},
        {"'a' \"b\" '' \"\"", "ssss."},
        {"'it''s' \"a\"\"b\" '\"' \"'\"", "ssss."},
        {"'\\'' \"\\\"\" '\\\\' '\\u00fC'", "ssss."},
        {"'a\nb'", "s."},
        {"Z\xC3\xBCrich \xF0\x9F\x98\x80", "nn."},
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        char tokens[64];
        letters_of(texts[i].text, tokens, sizeof(tokens));
        if (strcmp(tokens, texts[i].tokens) != 0) {
            fail_msg("%s gave %s, not %s", texts[i].text, tokens, texts[i].tokens);
        }
    }
}

static void what_is_no_token_is_told_where_it_stands(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t offset, size;
    } texts[] = {
        {"a == b", 2, 2},
        {"a && b", 2, 2},
        {"a || b", 2, 2},
        {"a ?? b", 2, 1},
        {"!a", 0, 1},
        {"a;", 1, 1},
        {"a:b", 1, 1},
        {"{a}", 0, 1},
        {"a \\ b", 2, 1},
        {"/* c */", 0, 2},
        {"`a`", 0, 1},
        {"~", 0, 1},
        {"'abc", 0, 1},
        {"'abc''", 0, 1},
        {"\"abc'", 0, 1},
        {"'a\\q'", 2, 2},
        {"'\\u12g4'", 1, 2},
        {"'\\u123", 1, 2},
        {"'\\", 1, 1},
        {"'\\\xC3\xBC'", 1, 3},
        {"1\xC3\xBC", 0, 3},
        {"[[abc", 0, 2},
        {"[[abc]", 0, 2},
        {"[[]]", 0, 4},
        {"1.", 0, 1},
        {"1e", 0, 1},
        {"1e+", 0, 1},
        {"0x", 0, 1},
        {"12abc", 0, 3},
        {"0x1g", 0, 4},
        {"a\xC2\xA0= 1", 1, 2},
        {"\xE2\x80\x98x\xE2\x80\x99", 0, 3},
        {"\xEF\xBB\xBFselect", 0, 3},
        {"a\xE2\x80\x8B", 1, 3},
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct query_lexer lexer = {.text = str_from(texts[i].text)};
        struct query_token token = query_lexer_next(&lexer);
        while (token.kind != TOKEN_ILLEGAL && token.kind != TOKEN_END) {
            token = query_lexer_next(&lexer);
        }
        if (token.kind != TOKEN_ILLEGAL || token.offset != texts[i].offset ||
            token.size != texts[i].size) {
            fail_msg("%s: kind %d at %zu, size %zu", texts[i].text, (int)token.kind, token.offset,
                     token.size);
        }
    }
}

static void a_nul_byte_ends_no_string_and_is_no_token(void **state)
{
    (void)state;
    struct query_lexer lexer = {.text = STR("'a\0b' \0")};
    struct query_token token = query_lexer_next(&lexer);
    assert_int_equal(token.kind, TOKEN_STRING);
    assert_int_equal(token.size, 5);
    token = query_lexer_next(&lexer);
    assert_int_equal(token.kind, TOKEN_ILLEGAL);
}

static void strings_decode(void **state)
{
    (void)state;
    static const struct {
        const char *token;
        const char *value;
    } strings[] = {
        {"''", ""},
        {"'abc'", "abc"},
        {"'it''s'", "it's"},
        {"\"it''s\"", "it''s"},
        {"\"a\"\"b\"", "a\"b"},
        {"'\\'\\\"\\\\'", "'\"\\"},
        {"'\\u0041\\u00fc\\u20AC'", "A\xC3\xBC\xE2\x82\xAC"},
        {"'\\ud83d\\ude00'", "\xF0\x9F\x98\x80"},
        {"'\\ud83dx'", "\xEF\xBF\xBDx"}, /* half a pair is U+FFFD */
        {"'\\ude00\\ud83d'", "\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"'\\ud83d\\u0041'", "\xEF\xBF\xBD"
                             "A"},
        {"'\\ud83d\\ue000'", "\xEF\xBF\xBD\xEE\x80\x80"},
        {"'\\udbff\\udfff'", "\xF4\x8F\xBF\xBF"},
        {"'\\u007f\\u0080\\u07ff\\u0800'", "\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(strings); i++) {
        struct arena arena = ARENA_INIT(1000);
        struct str value;
        assert_true(query_string_decode(str_from(strings[i].token), &arena, &value));
        assert_str_equal(value, strings[i].value);
        arena_finish(&arena);
    }
    struct arena none = ARENA_INIT(0);
    struct str untouched = STR("untouched");
    assert_false(query_string_decode(STR("'it''s'"), &none, &untouched));
    assert_str_equal(untouched, "untouched");
}

static void numbers_decode(void **state)
{
    (void)state;
    static const struct {
        const char *token;
        double value;
    } numbers[] = {
        {"0", 0},           {"11", 11},   {"1.5", 1.5},  {".5", 0.5},
        {"1e3", 1000},      {"0x1F", 31}, {"0XfF", 255}, {"0xFFFFFFFFFFFFF", 0xFFFFFFFFFFFFFp0},
        {"1e999", HUGE_VAL}};
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        assert_true(query_number_decode(str_from(numbers[i].token)) == numbers[i].value);
    }
}

static void a_name_is_bare_when_it_would_be_read_back(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool first, after_dot;
    } names[] = {
        {"a", true, true},      {"a-b_$1", true, true},   {"2nd", false, true},
        {"where", false, true}, {"group", false, false},  {"Group", false, false},
        {"true", false, true},  {"True", true, true},     {"undefined", false, true},
        {"a b", false, false},  {"a.b", false, false},    {"a:b", false, false},
        {"-a", false, false},   {"\xC3\xBC", true, true}, {"a\xC2\xA0", false, false},
        {"1.5", false, false},  {"'a'", false, false},    {" a", false, false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (query_name_is_bare(str_from(names[i].name), true) != names[i].first ||
            query_name_is_bare(str_from(names[i].name), false) != names[i].after_dot) {
            fail_msg("%s", names[i].name);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_becomes_its_tokens),
        cmocka_unit_test(what_is_no_token_is_told_where_it_stands),
        cmocka_unit_test(a_nul_byte_ends_no_string_and_is_no_token),
        cmocka_unit_test(strings_decode),
        cmocka_unit_test(numbers_decode),
        cmocka_unit_test(a_name_is_bare_when_it_would_be_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
