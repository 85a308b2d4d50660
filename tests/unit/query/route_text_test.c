/* SPDX-License-Identifier: MIT */
#include "route.h"

/* The texts of message routes: trees, refusals, limits. */

/* ---- trees and texts ---- */

static void a_condition_has_one_tree_and_one_form(void **state)
{
    (void)state;
    static const struct {
        const char *text, *tree, *printed;
    } rows[] = {
        {"", "undefined", ""},
        {"/* all */ true /**/", "true", "true"},
        {"NOT a = b", "cmp(=,not(property [\"a\"]),property [\"b\"])", NULL},
        {"a='x' OR b='y' AND not $body.c",
         "or(cmp(=,property [\"a\"],\"x\"),and(cmp(=,property [\"b\"],\"y\"),not(body [\"c\"])))",
         "a = 'x' OR b = 'y' AND NOT $body.c"},
        {"1 + 2 * 3 - -4 < 5 = true", "cmp(=,cmp(<,sub(add(1,mul(2,3)),-4),5),true)",
         "1 + 2 * 3 - -4 < 5 = true"},
        {"- 1 = - - 1", "cmp(=,neg(1),neg(neg(1)))", "- 1 = - - 1"},
        {"1 <> (2 = 3 = true)", NULL, NULL},
        {"'a'  || b  || c = d",
         "cmp(=,concat(concat(\"a\",property [\"b\"]),property "
         "[\"c\"]),property [\"d\"])",
         "'a' || b || c = d"},
        {"((a ?? b) ?? c) = d",
         "cmp(=,coalesce(coalesce(property [\"a\"],property [\"b\"]),property [\"c\"]),property "
         "[\"d\"])",
         "((a ?? b) ?? c) = d"},
        {"{ $body.W[2].x } = $twin.a", "cmp(=,{body} [\"W\",2,\"x\"],twin [\"a\"])",
         "{$body.W[2].x} = $twin.a"},
        {"{$sys}=$sys", "cmp(=,{system} [\"$sys\"],property [\"$sys\"])", "{$sys} = $sys"},
        {"a.b-c*d+$e = 'x'", "cmp(=,property [\"a.b-c*d+$e\"],\"x\")", "a.b-c*d+$e = 'x'"},
        {"not not (a = 'x' and (b = 'y' or true))",
         "not(not(and(cmp(=,property [\"a\"],\"x\"),or(cmp(=,property [\"b\"],\"y\"),true))))",
         "NOT NOT (a = 'x' AND (b = 'y' OR true))"},
        {"0x1F = 31 and TRUE = 'x'", "and(cmp(=,31,31),cmp(=,property [\"TRUE\"],\"x\"))",
         "0x1F = 31 AND TRUE = 'x'"},
        {"\"a\\\"b\" = 'it''s'", "cmp(=,\"a\\\"b\",\"it's\")", "'a\"b' = 'it\\'s'"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct route route CLEANUP(route_finish) = route_parse(rows[i].text);
        if (rows[i].tree == NULL) {
            assert_int_equal(route.status, STATUS_INVALID);
            continue;
        }
        if (route.status != STATUS_OK && rows[i].printed != NULL) {
            fail_msg("%s: %s", rows[i].text, route.problem.text);
        }
        if (route.status != STATUS_OK) {
            continue; /* the tree is right, the types are not */
        }
        struct buf tree CLEANUP(buf_finish) = BUF_INIT(TEXT_MAX);
        struct buf printed CLEANUP(buf_finish) = BUF_INIT(TEXT_MAX);
        query_print_tree(route.query, &tree);
        query_print(route.query, &printed);
        assert_str_equal(buf_str(&tree), rows[i].tree);
        assert_str_equal(buf_str(&printed), rows[i].printed);
    }
}

static void a_refusal_says_where_and_what_instead(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t offset;
        const char *told;
    } rows[] = {
        {"3 + key1", 4, "AS_NUMBER(name) makes a number"},
        {"key1 + 3", 0, "takes numbers, but this is a string"},
        {"3 = key1", 4, "the left one is a number and this is a string"},
        {"key1 IN ['x']", 5, "a route has no IN"},
        {"STARTSWITH(a, 'b')", 0, "it is written STARTS_WITH"},
        {"concat('a') = 'a'", 0, "CONCAT takes at least 2 arguments, not 1"},
        {"substring('a', 1, 2, 3) = ''", 0, "SUBSTRING takes at most 3 arguments, not 4"},
        {"abs() = 1", 0, "ABS takes 1 argument, not 0"},
        {"test == true", 5, "equality is written with one '='"},
        {"a = 'x' && b = 'y'", 8, "write AND"},
        {"'a'||b = 'x'", 3, "put a space between"},
        {"'a", 0, "never closed"},
        {"true /* x", 5, "this comment is never closed"},
        {"true; ", 4, "ends without ';'"},
        {"a = b\\c", 5, "backslash"},
        {"SELECT * FROM x", 14, "Unexpected 'x', expected an operator"},
        {"key[0] = 'x'", 0, "brackets stand in paths"},
        {"a = \xE2\x80\x98x\xE2\x80\x99", 4, "typographic quote"},
        {"(true", 5, "')'"},
        {"true)", 4, "closes nothing"},
        {"true = ", 7, "a value, a property, a function or '('"},
        {"*", 0, "a value, a property"},
        {"length(3) = 1", 7, "LENGTH takes a string here, but this is a number"},
        {"as_number(true) = 1", 10, "takes a string or number here"},
        {"not 'x'", 4, "NOT takes a boolean, but this is a string"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct route route CLEANUP(route_finish) = route_parse(rows[i].text);
        assert_int_equal(route.status, STATUS_INVALID);
        if (strstr(route.problem.text, rows[i].told) == NULL ||
            route.problem.offset != rows[i].offset) {
            fail_msg("%s: byte %zu: %s", rows[i].text, route.problem.offset, route.problem.text);
        }
    }
}

/* ---- limits ---- */

static enum status parse_repeated(const char *before, const char *fill, size_t count,
                                  const char *after)
{
    struct buf text CLEANUP(buf_finish) = BUF_INIT(1U << 20);
    buf_append_str(&text, str_from(before));
    for (size_t i = 0; i < count; i++) {
        buf_append_str(&text, str_from(fill));
    }
    buf_append_str(&text, str_from(after));
    struct route route CLEANUP(route_finish) = route_parse_str(buf_str(&text));
    assert_true(route.arena.size < QUERY_ARENA_SIZE / 2);
    return route.status;
}

static void length_and_depth_are_bounded(void **state)
{
    (void)state;
    const size_t room = QUERY_CHARACTERS_MAX - strlen("a = ''");
    assert_int_equal(parse_repeated("a = '", "x", room, "'"), STATUS_OK);
    assert_int_equal(parse_repeated("a = '", "x", room + 1, "'"), STATUS_INVALID);
    assert_int_equal(parse_repeated("", "NOT ", QUERY_DEPTH_MAX - 1, "true"), STATUS_OK);
    assert_int_equal(parse_repeated("", "NOT ", QUERY_DEPTH_MAX, "true"), STATUS_INVALID);
    assert_int_equal(parse_repeated("", "(", 8000, ""), STATUS_INVALID);
    assert_int_equal(parse_repeated("$body", ".a", QUERY_SEGMENTS_MAX, ""), STATUS_OK);
    assert_int_equal(parse_repeated("$body", ".a", QUERY_SEGMENTS_MAX + 1, ""), STATUS_INVALID);
    assert_int_equal(parse_repeated("true", " = true", 1100, ""), STATUS_OK);
    assert_int_equal(parse_repeated("$a", "||$a", 1000, " = 'x'"), STATUS_OK);
    assert_int_equal(parse_repeated("$a", " || $a", 1300, " = 'x'"), STATUS_OK);
    assert_int_equal(parse_repeated("true", " or a = b", 900, ""), STATUS_OK);
}

static enum status judge_joined(size_t part_size, size_t parts)
{
    struct buf text CLEANUP(buf_finish) = BUF_INIT(1U << 20);
    struct buf value CLEANUP(buf_finish) = BUF_INIT(QUERY_ROW_SCRATCH_SIZE);
    buf_append_str(&text, STR("p"));
    for (size_t i = 1; i < parts; i++) {
        buf_append_str(&text, STR(" || p"));
    }
    buf_append_str(&text, STR(" = 'x'"));
    memset(buf_room(&value, part_size), 'v', part_size);
    buf_grown(&value, part_size);
    struct route route CLEANUP(route_finish) = route_parse_str(buf_str(&text));
    assert_int_equal(route.status, STATUS_OK);
    struct query_row *row CLEANUP(query_row_destroyp) = NULL;
    assert_int_equal(query_row_create(route.query, &row), STATUS_OK);
    const struct query_property property = {{"p", 1}, buf_str(&value)};
    const struct query_message message = {.application = &property, .application_count = 1};
    assert_int_equal(query_row_set_message(row, &message), STATUS_OK);
    enum query_verdict verdict = QUERY_VERDICT_TRUE;
    const enum status status = query_judge(route.query, row, &verdict);
    assert_int_equal(verdict == QUERY_VERDICT_FALSE, status == STATUS_OK);
    /* A row can be judged again: what the first time made is gone. */
    assert_int_equal(query_judge(route.query, row, &verdict), status);
    return status;
}

static void what_a_route_puts_together_is_bounded(void **state)
{
    (void)state;
    assert_int_equal(judge_joined(4000, 1000), STATUS_OK);
    assert_int_equal(judge_joined(5000, 1000), STATUS_LIMIT);
}

static void route_once(void *ctx)
{
    struct route route = route_parse(ctx);
    struct query_row *row = NULL;
    assert_true((route.query != NULL) == (route.status == STATUS_OK));
    if (route.status == STATUS_OK && query_row_create(route.query, &row) == STATUS_OK) {
        static const struct query_property system[] = {
            {{"contentType", 11}, {"application/json", 16}},
            {{"contentEncoding", 15}, {"utf-16", 6}}};
        const struct query_message message = {.system = system,
                                              .system_count = 2,
                                              .body = {"{\0\"\0a\0\"\0:\0001\0}\0", 14},
                                              .twin = STR("{\"b\":\"x\"}")};
        enum query_verdict verdict = QUERY_VERDICT_UNDEFINED;
        if (query_row_set_message(row, &message) == STATUS_OK &&
            query_judge(route.query, row, &verdict) == STATUS_OK) {
            assert_int_equal(verdict, QUERY_VERDICT_TRUE);
        }
    }
    query_row_destroy(row);
    route_finish(&route);
}

static void routes_survive_failing_allocations(void **state)
{
    (void)state;
    char text[] = "$body.a = 1 and upper($twin.b || 'it''s') = concat('XIT', \"'S\") and "
                  "(none ?? 'x') = 'x' and not false";
    route_once(text);
    check_under_failing_allocations(route_once, text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_condition_has_one_tree_and_one_form),
        cmocka_unit_test(a_refusal_says_where_and_what_instead),
        cmocka_unit_test(length_and_depth_are_bounded),
        cmocka_unit_test(what_a_route_puts_together_is_bounded),
        cmocka_unit_test(routes_survive_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
