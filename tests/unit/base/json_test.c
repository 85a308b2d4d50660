/* SPDX-License-Identifier: MIT */
#include "base/json.h"

#include "check.h"

static int use_our_allocator(void **state)
{
    (void)state;
    mem_use_for_json();
    return 0;
}

/* The text of `text` after reading and writing; the caller frees it with mem_free(). */
static char *rewritten(struct str text)
{
    CLEANUP(json_destroyp) cJSON *tree = NULL;
    struct problem problem = {0};
    if (json_parse(text, &tree, &problem) != STATUS_OK) {
        fail_msg("%s", problem.text);
    }
    struct buf out = BUF_INIT(100000);
    json_append_tree(&out, tree);
    assert_int_equal(buf_status(&out), STATUS_OK);
    return buf_take(&out);
}

static void good_texts_are_read_and_written_back_compact(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *expected;
    } rows[] = {
        {"null", "null"},
        {"true", "true"},
        {"false", "false"},
        {"0", "0"},
        {"\"\"", "\"\""},
        {"{}", "{}"},
        {"[]", "[]"},
        {" \t\r\n[ 1 ,\t2 ,3 ] \n", "[1,2,3]"},
        {"{ \"a\" : { \"b\" : [ null , true , false ] } }", "{\"a\":{\"b\":[null,true,false]}}"},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\""},
        {"\"\\u0041\\u00e9\\u20AC\\uD83D\\ude00\"", "\"A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {"\"\\u0001\\u001F\x7f\"", "\"\\u0001\\u001f\x7f\""},
        {"\"\xc3\xa9\"", "\"\xc3\xa9\""},
        {"[0.1,-1.5,1e2,1E+2,1e-2,-0,0.0]", "[0.1,-1.5,100,100,0.01,-0,0]"},
        {"[9007199254740992,-9007199254740992]", "[9007199254740992,-9007199254740992]"},
        {"{\"A\":1,\"a\":2}", "{\"A\":1,\"a\":2}"}, /* two names */
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char *text = rewritten(str_from(rows[i].text));
        assert_string_equal(text, rows[i].expected);
        mem_free(text);
        assert_int_equal(json_check(str_from(rows[i].text), NULL), STATUS_OK);
    }
}

static const struct {
    const char *text;
    size_t offset;
    const char *problem;
} bad_texts[] = {
    {"", 0, "unexpected end at byte 0, expected a value"},
    {"  ", 2, "unexpected end at byte 2, expected a value"},
    {"[1,,2]", 3, "unexpected ',' at byte 3, expected a value"},
    {"[1,]", 3, "unexpected ']' at byte 3, expected a value"},
    {"[1 2]", 3, "unexpected '2' at byte 3, expected ',' or ']'"},
    {"[1", 2, "unexpected end at byte 2, expected ',' or ']'"},
    {"[", 1, "unexpected end at byte 1, expected a value"},
    {"{", 1, "unexpected end at byte 1, expected a name in double quotes or '}'"},
    {"{a:1}", 1, "unexpected 'a' at byte 1, expected a name in double quotes or '}'"},
    {"{'a':1}", 1, "unexpected ''' at byte 1, expected a name in double quotes or '}'"},
    {"{\"a\" 1}", 5, "unexpected '1' at byte 5, expected ':'"},
    {"{\"a\"", 4, "unexpected end at byte 4, expected ':'"},
    {"{\"a\":}", 5, "unexpected '}' at byte 5, expected a value"},
    {"{\"a\":1,}", 7, "unexpected '}' at byte 7, expected a name in double quotes"},
    {"{\"a\":1 \"b\":2}", 7, "unexpected '\"' at byte 7, expected ',' or '}'"},
    {"{\"a\":1]", 6, "unexpected ']' at byte 6, expected ',' or '}'"},
    {"[1}", 2, "unexpected '}' at byte 2, expected ',' or ']'"},
    {"1 2", 2, "unexpected '2' at byte 2, expected the end"},
    {"{}x", 2, "unexpected 'x' at byte 2, expected the end"},
    {"{}\v", 2, "unexpected byte 0x0b at byte 2, expected the end"},
    {"\xef\xbb\xbf{}", 0, "a byte order mark at byte 0, JSON begins without one"},
    {"\xc3\xa9", 0, "unexpected byte 0xc3 at byte 0, expected a value"},
    {"True", 0, "unexpected 'T' at byte 0, expected a value"},
    {"tru", 0, "unexpected 't' at byte 0, expected a value"},
    {"nul", 0, "unexpected 'n' at byte 0, expected a value"},
    {"fals", 0, "unexpected 'f' at byte 0, expected a value"},
    {"nullx", 4, "unexpected 'x' at byte 4, expected the end"},
    {"NaN", 0, "unexpected 'N' at byte 0, expected a value"},
    {"01", 0, "unexpected '0' at byte 0, expected a number without a leading zero"},
    {"-01", 1, "unexpected '0' at byte 1, expected a number without a leading zero"},
    {"-", 1, "unexpected end at byte 1, expected a digit"},
    {"-a", 1, "unexpected 'a' at byte 1, expected a digit"},
    {"+1", 0, "unexpected '+' at byte 0, expected a value"},
    {".5", 0, "unexpected '.' at byte 0, expected a value"},
    {"1.", 2, "unexpected end at byte 2, expected a digit"},
    {"1.e5", 2, "unexpected 'e' at byte 2, expected a digit"},
    {"1e", 2, "unexpected end at byte 2, expected a digit"},
    {"1e+", 3, "unexpected end at byte 3, expected a digit"},
    {"0x10", 1, "unexpected 'x' at byte 1, expected the end"},
    {"[1e999]", 1, "number out of range at byte 1: 1e999"},
    {"-1e309", 0, "number out of range at byte 0: -1e309"},
    {"\"abc", 4, "unexpected end at byte 4, the string that begins at byte 0 is open"},
    {"\"abc\\", 5, "unexpected end at byte 5, expected one of \"\\/bfnrtu after '\\'"},
    {"\"a\\x\"", 3, "unexpected 'x' at byte 3, expected one of \"\\/bfnrtu after '\\'"},
    {"\"a\nb\"", 2, "control character 0x0a at byte 2, inside a string it must be escaped"},
    {"\"\x1f\"", 1, "control character 0x1f at byte 1, inside a string it must be escaped"},
    {"\"\\u12\"", 1, "'\\u' at byte 1 needs four hex digits"},
    {"\"\\u12g4\"", 1, "'\\u' at byte 1 needs four hex digits"},
    {"\"\\u0000\"", 1, "a NUL character, '\\u0000', at byte 1"},
    {"\"\\ud800\"", 1, "half a surrogate pair, '\\ud800', at byte 1"},
    {"\"\\ud800\\u0041\"", 1, "half a surrogate pair, '\\ud800', at byte 1"},
    {"\"\\ud800\\ud800\"", 1, "half a surrogate pair, '\\ud800', at byte 1"},
    {"\"\\udc00\\udc00\"", 1, "half a surrogate pair, '\\udc00', at byte 1"},
    {"\"a\xff\"", 2, "byte 0xff at byte 2 is not UTF-8"},
    {"\"\xc0\xaf\"", 1, "byte 0xc0 at byte 1 is not UTF-8"},
    {"\"\xed\xa0\x80\"", 1, "byte 0xed at byte 1 is not UTF-8"},
    {"\"\xc3\"", 1, "byte 0xc3 at byte 1 is not UTF-8"},
};

static void bad_texts_are_refused_with_the_place_and_the_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad_texts); i++) {
        cJSON *tree = NULL;
        struct problem problem = {0};
        assert_int_equal(json_parse(str_from(bad_texts[i].text), &tree, &problem), STATUS_INVALID);
        assert_null(tree);
        assert_string_equal(problem.text, bad_texts[i].problem);
        assert_int_equal(problem.offset, bad_texts[i].offset);
        assert_int_equal(json_check(str_from(bad_texts[i].text), NULL), STATUS_INVALID);
    }
}

static void every_cut_of_a_good_text_is_refused(void **state)
{
    (void)state;
    const struct str text =
        STR("{\"a\\u0041\\ud83d\\ude00\":[1,-2.5e-3,true,false,null,{\"\xe2\x82\xac\":\"\\n\"}]}");
    assert_int_equal(json_check(text, NULL), STATUS_OK);
    for (size_t size = 0; size < text.size; size++) {
        /* A block of its own size, so that the address sanitizer sees a byte read too far. */
        char *copy = mem_alloc(size);
        assert_non_null(copy);
        memcpy(copy, text.data, size);
        assert_int_equal(json_check(str_of(copy, size), NULL), STATUS_INVALID);
        mem_free(copy);
    }
}

static void a_nul_byte_ends_nothing(void **state)
{
    (void)state;
    struct problem problem = {0};
    assert_int_equal(json_check(str_of("1\0", 2), &problem), STATUS_INVALID);
    assert_string_equal(problem.text, "unexpected byte 0x00 at byte 1, expected the end");
    assert_int_equal(json_check(str_of("\"a\0b\"", 5), &problem), STATUS_INVALID);
    assert_int_equal(problem.offset, 2);
}

static void depth_is_bounded(void **state)
{
    (void)state;
    static const struct {
        const char *open;
        const char *close;
    } kinds[] = {{"[", "]"}, {"{\"a\":", "}"}};
    for (size_t kind = 0; kind < ARRAY_SIZE(kinds); kind++) {
        for (size_t depth = JSON_DEPTH_MAX; depth <= JSON_DEPTH_MAX + 1; depth++) {
            CLEANUP(buf_finish) struct buf text = BUF_INIT(10000);
            for (size_t i = 0; i < depth; i++) {
                buf_append_str(&text, str_from(kinds[kind].open));
            }
            buf_append_byte(&text, '1');
            for (size_t i = 0; i < depth; i++) {
                buf_append_str(&text, str_from(kinds[kind].close));
            }
            struct problem problem = {0};
            const enum status status = json_check(buf_str(&text), &problem);
            assert_int_equal(status, depth == JSON_DEPTH_MAX ? STATUS_OK : STATUS_INVALID);
            if (status != STATUS_OK) {
                assert_non_null(strstr(problem.text, "nested deeper than 64 levels"));
                assert_int_equal(problem.offset, strlen(kinds[kind].open) * JSON_DEPTH_MAX);
            }
        }
    }
    /* What was left counts no more. */
    CLEANUP(buf_finish) struct buf wide = BUF_INIT(10000);
    buf_append_byte(&wide, '[');
    for (size_t i = 0; i < (size_t)2 * JSON_DEPTH_MAX; i++) {
        buf_append_str(&wide, STR("[],{},"));
    }
    buf_append_str(&wide, STR("0]"));
    assert_int_equal(json_check(buf_str(&wide), NULL), STATUS_OK);
}

static void numbers_are_bounded_in_length(void **state)
{
    (void)state;
    char text[65];
    memset(text, '1', sizeof(text));
    CLEANUP(json_destroyp) cJSON *tree = NULL;
    assert_int_equal(json_parse(str_of(text, 63), &tree, NULL), STATUS_OK);
    assert_true(tree->valuedouble > 1e62 && tree->valuedouble < 1e63);

    struct problem problem = {0};
    assert_int_equal(json_check(str_of(text, 64), &problem), STATUS_INVALID);
    assert_string_equal(problem.text, "number of 64 characters at byte 0, at most 63 are allowed");
}

static void of_duplicate_names_the_last_wins(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *expected;
    } rows[] = {
        {"{\"a\":1,\"a\":2}", "{\"a\":2}"},
        {"{\"a\":1,\"b\":2,\"a\":3}", "{\"b\":2,\"a\":3}"},
        {"{\"a\":1,\"a\":2,\"a\":3,\"c\":4}", "{\"a\":3,\"c\":4}"},
        {"{\"a\":1,\"\\u0061\":2}", "{\"a\":2}"},
        {"[{\"x\":{\"a\":1,\"a\":[{\"b\":1,\"b\":2}]}}]", "[{\"x\":{\"a\":[{\"b\":2}]}}]"},
        {"{\"\":1,\"\":2}", "{\"\":2}"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char *text = rewritten(str_from(rows[i].text));
        assert_string_equal(text, rows[i].expected);
        mem_free(text);
    }
}

/* Both sides of the size from which members are sorted instead of compared each with each. */
static void of_duplicates_among_many_the_last_wins_too(void **state)
{
    (void)state;
    for (int members = 2; members <= 40; members++) {
        CLEANUP(buf_finish) struct buf text = BUF_INIT(10000);
        for (int i = 0; i < members; i++) {
            buf_append_format(&text, "%c\"n%d\":%d", i == 0 ? '{' : ',', i % (members / 2), i);
        }
        buf_append_byte(&text, '}');
        CLEANUP(json_destroyp) cJSON *tree = NULL;
        assert_int_equal(json_parse(buf_str(&text), &tree, NULL), STATUS_OK);

        int left = 0;
        int last = -1;
        for (const cJSON *member = tree->child; member != NULL; member = member->next) {
            assert_true(member->valueint >= members - members / 2);
            assert_true(member->valueint > last); /* the order of the text */
            last = member->valueint;
            left++;
        }
        assert_int_equal(left, members / 2);
    }
}

static void a_hundred_thousand_names_take_no_quadratic_time(void **state)
{
    (void)state;
    CLEANUP(buf_finish) struct buf text = BUF_INIT(10000000);
    for (int i = 0; i < 100000; i++) {
        buf_append_format(&text, "%c\"n%d\":1", i == 0 ? '{' : ',', i / 2);
    }
    buf_append_byte(&text, '}');
    CLEANUP(json_destroyp) cJSON *tree = NULL;
    assert_int_equal(json_parse(buf_str(&text), &tree, NULL), STATUS_OK);
    assert_int_equal(cJSON_GetArraySize(tree), 50000);
}

static void numbers_are_written_as_short_as_they_read_back(void **state)
{
    (void)state;
    static const struct {
        double number;
        const char *text;
    } rows[] = {
        {0.0, "0"},
        {-0.0, "-0"},
        {1.0, "1"},
        {-17.0, "-17"},
        {0.1, "0.1"},
        {0.30000000000000004, "0.30000000000000004"},
        {1.0 / 3.0, "0.3333333333333333"},
        {2.5, "2.5"},
        {1e15, "1000000000000000"},
        {9007199254740991.0, "9007199254740991"},
        {9007199254740992.0, "9007199254740992"},
        {-9007199254740992.0, "-9007199254740992"},
        {9007199254740994.0, "9007199254740994"},
        {1e20, "1e20"},
        {1e21, "1e21"},
        {1.5e300, "1.5e300"},
        {1e-7, "1e-7"},
        {1.25e-10, "1.25e-10"},
        {1e100, "1e100"},
        {-1e-100, "-1e-100"},
        {1.7976931348623157e308, "1.7976931348623157e308"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {5e-324, "5e-324"},
        {1e308 * 10, "null"},
        {-1e308 * 10, "null"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(buf_finish) struct buf out = BUF_INIT(100);
        json_append_number(&out, rows[i].number);
        assert_str_equal(buf_str(&out), rows[i].text);
    }
}

static void any_double_reads_back_the_same(void **state)
{
    (void)state;
    uint64_t bits = 88172645463325252U;
    for (int i = 0; i < 20000; i++) {
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        double number = 0;
        memcpy(&number, &bits, sizeof(number));
        if (number != number || number - number != 0) {
            continue; /* no number, or infinite */
        }
        CLEANUP(buf_finish) struct buf out = BUF_INIT(100);
        json_append_number(&out, number);
        CLEANUP(json_destroyp) cJSON *tree = NULL;
        assert_int_equal(json_parse(buf_str(&out), &tree, NULL), STATUS_OK);
        assert_memory_equal(&tree->valuedouble, &number, sizeof(number));
    }
}

static void bytes_that_are_no_text_are_replaced_one_by_one(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        const char *expected;
    } rows[] = {
        {"\xff", "\"\xef\xbf\xbd\""},
        {"a\xc3", "\"a\xef\xbf\xbd\""},
        {"\xe2\x82z", "\"\xef\xbf\xbd\xef\xbf\xbdz\""},
        {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xc3\xa9\x80\xc3\xa9", "\"\xc3\xa9\xef\xbf\xbd\xc3\xa9\""},
        {"</script>", "\"</script>\""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(buf_finish) struct buf out = BUF_INIT(100);
        json_append_string(&out, str_from(rows[i].bytes));
        assert_str_equal(buf_str(&out), rows[i].expected);
        assert_int_equal(json_check(buf_str(&out), NULL), STATUS_OK);
    }
    CLEANUP(buf_finish) struct buf out = BUF_INIT(100);
    json_append_string(&out, str_of("a\0b", 3));
    assert_str_equal(buf_str(&out), "\"a\\u0000b\"");
}

static void raw_nodes_are_written_as_they_are(void **state)
{
    (void)state;
    CLEANUP(json_destroyp) cJSON *tree = cJSON_CreateObject();
    assert_non_null(cJSON_AddRawToObject(tree, "version", "1.0"));
    assert_non_null(cJSON_AddStringToObject(tree, "etag", "\"AA==\""));
    CLEANUP(buf_finish) struct buf out = BUF_INIT(100);
    json_append_tree(&out, tree);
    assert_str_equal(buf_str(&out), "{\"version\":1.0,\"etag\":\"\\\"AA==\\\"\"}");
}

static void a_tree_that_could_not_be_built_fails_the_buffer(void **state)
{
    (void)state;
    CLEANUP(buf_finish) struct buf out = BUF_INIT(100);
    json_append_tree(&out, NULL);
    assert_int_equal(buf_status(&out), STATUS_NO_MEMORY);

    CLEANUP(buf_finish) struct buf full = BUF_INIT(3);
    buf_append_str(&full, STR("four"));
    json_append_tree(&full, NULL);
    assert_int_equal(buf_status(&full), STATUS_LIMIT); /* the first failure sticks */
}

static void a_writer_stops_at_the_limit(void **state)
{
    (void)state;
    CLEANUP(json_destroyp) cJSON *tree = NULL;
    const struct str text = STR("{\"a\":[1,\"b\",null]}");
    assert_int_equal(json_parse(text, &tree, NULL), STATUS_OK);
    for (size_t limit = 0; limit <= text.size; limit++) {
        CLEANUP(buf_finish) struct buf out = BUF_INIT(limit);
        json_append_tree(&out, tree);
        assert_int_equal(buf_status(&out), limit == text.size ? STATUS_OK : STATUS_LIMIT);
        assert_true(out.size <= limit);
    }
}

static void members_are_found_by_their_exact_name_and_type(void **state)
{
    (void)state;
    CLEANUP(json_destroyp) cJSON *tree = NULL;
    assert_int_equal(
        json_parse(STR("{\"Name\":\"x\",\"name\":\"y\",\"on\":true,\"off\":false,\"n\":2.5,"
                       "\"none\":null,\"list\":[1]}"),
                   &tree, NULL),
        STATUS_OK);

    struct str text = STR("kept");
    assert_true(json_member_str(tree, "name", &text));
    assert_str_equal(text, "y");
    assert_true(json_member_str(tree, "Name", &text));
    assert_str_equal(text, "x");
    assert_false(json_member_str(tree, "NAME", &text));
    assert_false(json_member_str(tree, "n", &text));
    assert_false(json_member_str(tree, "none", &text));
    assert_false(json_member_str(NULL, "name", &text));
    assert_str_equal(text, "x");

    bool on = false;
    assert_true(json_member_bool(tree, "on", &on));
    assert_true(on);
    assert_false(json_member_bool(tree, "n", &on));
    assert_false(json_member_bool(tree, "none", &on));
    assert_true(on);
    assert_true(json_member_bool(tree, "off", &on));
    assert_false(on);

    double number = 7;
    assert_false(json_member_number(tree, "on", &number));
    assert_false(json_member_number(tree, "name", &number));
    assert_true(number > 6.9);
    assert_true(json_member_number(tree, "n", &number));
    assert_true(number > 2.4 && number < 2.6);

    assert_null(json_member(NULL, "a"));
    assert_null(json_member(json_member(tree, "list"), "a"));
    assert_null(json_member(json_member(tree, "name"), "a"));
    assert_true(cJSON_IsNull(json_member(tree, "none")));

    assert_str_equal(json_str(json_member(tree, "name")), "y");
    assert_str_equal(json_str(json_member(tree, "n")), "");
    assert_str_equal(json_str(NULL), "");
}

static void rewrite_whatever_fails(void *ctx)
{
    const struct str *text = ctx;
    CLEANUP(json_destroyp) cJSON *tree = NULL;
    const enum status status = json_parse(*text, &tree, NULL);
    assert_true(status == STATUS_OK || (status == STATUS_NO_MEMORY && tree == NULL));
    if (status != STATUS_OK) {
        return;
    }
    CLEANUP(buf_finish) struct buf out = BUF_INIT(10000);
    json_append_tree(&out, tree);
    if (buf_status(&out) == STATUS_OK) {
        assert_true(out.size > 0);
    }
}

static void a_refused_allocation_is_reported_and_leaks_nothing(void **state)
{
    (void)state;
    struct str text = STR("{\"a\":[1,\"two\",{\"b\":null,\"b\":true}],\"c\":\"\\u20ac\",\"c\":1,"
                          "\"1\":0,\"2\":0,\"3\":0,\"4\":0,\"5\":0,\"6\":0,\"7\":0,\"8\":0,"
                          "\"9\":0,\"10\":0,\"11\":0,\"12\":0,\"13\":0,\"14\":0,\"15\":0}");
    check_under_failing_allocations(rewrite_whatever_fails, &text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_texts_are_read_and_written_back_compact),
        cmocka_unit_test(bad_texts_are_refused_with_the_place_and_the_reason),
        cmocka_unit_test(every_cut_of_a_good_text_is_refused),
        cmocka_unit_test(a_nul_byte_ends_nothing),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(numbers_are_bounded_in_length),
        cmocka_unit_test(of_duplicate_names_the_last_wins),
        cmocka_unit_test(of_duplicates_among_many_the_last_wins_too),
        cmocka_unit_test(a_hundred_thousand_names_take_no_quadratic_time),
        cmocka_unit_test(numbers_are_written_as_short_as_they_read_back),
        cmocka_unit_test(any_double_reads_back_the_same),
        cmocka_unit_test(bytes_that_are_no_text_are_replaced_one_by_one),
        cmocka_unit_test(raw_nodes_are_written_as_they_are),
        cmocka_unit_test(a_tree_that_could_not_be_built_fails_the_buffer),
        cmocka_unit_test(a_writer_stops_at_the_limit),
        cmocka_unit_test(members_are_found_by_their_exact_name_and_type),
        cmocka_unit_test(a_refused_allocation_is_reported_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, use_our_allocator, NULL);
}
