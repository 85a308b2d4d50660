/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "parsed.h"

#define PREFIX "SQL query parse failed due to following errors: \n\t"

/* The text of each refusal, less its prefix: where, what was found, what was expected, and what to
 * write instead. */
static const struct {
    const char *text;
    const char *problem;
} refusals[] = {
    {"", "Line 1:1 Unexpected end of the query, expected SELECT"},
    {"SELECT", "Line 1:7 Unexpected end of the query, expected a path, an aggregate or '*'"},
    {"UPDATE x", "Line 1:1 Unexpected 'UPDATE', expected SELECT"},
    {"SELECT *", "Line 1:9 Unexpected end of the query, expected FROM"},
    {"SELECT *, a FROM devices", "Line 1:9 Unexpected ',', expected FROM"},
    {"SELECT DISTINCT deviceId FROM devices",
     "Line 1:8 Unexpected 'DISTINCT', expected a path, an aggregate or '*': there is no DISTINCT; "
     "select the path and COUNT() with GROUP BY path"},
    {"SELECT deviceId a FROM devices",
     "Line 1:17 Unexpected 'a', expected ',', AS or FROM: another name for a column is written "
     "after AS"},
    {"SELECT a + 1 FROM devices",
     "Line 1:10 Unexpected '+', expected ',', AS or FROM: columns cannot be computed"},
    {"SELECT is_defined(a) FROM devices",
     "Line 1:18 Unexpected '(', expected ',', AS or FROM: only COUNT, AVG, SUM, MIN and MAX can be "
     "selected, no other function"},
    {"SELECT true FROM devices",
     "Line 1:8 Unexpected 'true', expected a path, an aggregate or '*'"},
    {"SELECT a, null AS n FROM devices",
     "Line 1:11 Unexpected 'null', expected a path, an aggregate or '*'"},
    {"SELECT SUM(undefined) FROM devices",
     "Line 1:12 Unexpected 'undefined', expected the path of a property"},
    {"SELECT COUNT() FROM devices GROUP BY false",
     "Line 1:38 Unexpected 'false', expected the path to group by"},
    {"SELECT a FROM devices GROUP BY a WHERE b",
     "Line 1:34 Unexpected 'WHERE', expected ',' or the end of the query: WHERE stands before "
     "GROUP BY"},
    {"SELECT a[0] FROM devices",
     "Line 1:9 Unexpected '[', expected ',', AS or FROM: elements of an array cannot be addressed"},
    {"SELECT a AS from FROM devices",
     "Line 1:13 Unexpected 'from', expected a name for the column: a reserved word as a name is "
     "written [[like this]]"},
    {"SELECT a AS group FROM devices",
     "Line 1:13 Unexpected 'group', expected a name for the column: group is a reserved word, as a "
     "name it is written [[group]]"},
    {"SELECT COUNT(*) FROM devices",
     "Line 1:14 Unexpected '*', expected ')': COUNT() counts documents and takes no argument"},
    {"SELECT SUM() FROM devices", "Line 1:12 Unexpected ')', expected the path of a property"},
    {"SELECT TOP 0 * FROM devices",
     "Line 1:12 Unexpected '0', expected a whole number of at least 1 after TOP"},
    {"SELECT TOP 1.5 * FROM devices",
     "Line 1:12 Unexpected '1.5', expected a whole number of at least 1 after TOP"},
    {"SELECT TOP 99999999999999999999 * FROM devices",
     "Line 1:12 Unexpected '99999999999999999999', expected a whole number of at least 1 after "
     "TOP"},
    {"SELECT TOP (1 * FROM devices", "Line 1:15 Unexpected '*', expected ')'"},
    {"SELECT * FROM c",
     "Line 1:15 Unexpected 'c', expected devices, devices.modules or devices.jobs"},
    {"SELECT * FROM devices.foo",
     "Line 1:23 Unexpected 'foo', expected devices, devices.modules or devices.jobs"},
    {"SELECT * FROM devices d",
     "Line 1:23 Unexpected 'd', expected WHERE, GROUP BY or the end of the query: one query reads "
     "one collection, which takes no other name"},
    {"SELECT * FROM devices, devices.modules",
     "Line 1:22 Unexpected ',', expected WHERE, GROUP BY or the end of the query: one query reads "
     "one collection, which takes no other name"},
    {"SELECT * FROM devices ORDER BY deviceId",
     "Line 1:23 Unexpected 'ORDER', expected WHERE, GROUP BY or the end of the query: results "
     "cannot be sorted; sort them in your program"},
    {"SELECT * FROM devices LIMIT 5",
     "Line 1:23 Unexpected 'LIMIT', expected WHERE, GROUP BY or the end of the query: use SELECT "
     "TOP n"},
    {"SELECT * FROM devices;",
     "Line 1:22 Unexpected character at input ';': a query ends without ';'"},
    {"SELECT *\nFROM devices\n  WHERE a == 1",
     "Line 3:11 Unexpected character at input '==': equality is written with one '='"},
    {"SELECT * FROM devices WHERE z\xC3\xBC = 'a\\n'",
     "Line 1:36 Unexpected character at input '\\n': the escapes of a string are \\' \\\" \\\\ "
     "and \\uXXXX"},
    {"SELECT * FROM devices WHERE a && b",
     "Line 1:31 Unexpected character at input '&&': write AND"},
    {"SELECT * FROM devices WHERE",
     "Line 1:28 Unexpected end of the query, expected a value, a path, a function or '('"},
    {"SELECT * FROM devices WHERE a LIKE 'b%'",
     "Line 1:31 Unexpected 'LIKE', expected an operator, AND, OR, GROUP BY or the end of the "
     "query: there is no LIKE; use STARTSWITH(path, 'text')"},
    {"SELECT * FROM devices WHERE a BETWEEN 1 AND 2",
     "Line 1:31 Unexpected 'BETWEEN', expected an operator, AND, OR, GROUP BY or the end of the "
     "query: write path >= low AND path <= high"},
    {"SELECT * FROM devices WHERE a IS NULL",
     "Line 1:31 Unexpected 'IS', expected an operator, AND, OR, GROUP BY or the end of the query: "
     "write path = null, or is_defined(path)"},
    {"SELECT * FROM devices WHERE a NOT IN ['b']",
     "Line 1:31 Unexpected 'NOT', expected an operator, AND, OR, GROUP BY or the end of the "
     "query: 'not in' is written NIN: path NIN ['a', 'b']"},
    {"SELECT * FROM devices WHERE (a NOT IN ['b'])",
     "Line 1:32 Unexpected 'NOT', expected an operator, AND, OR or ')': 'not in' is written NIN: "
     "path NIN ['a', 'b']"},
    {"SELECT * FROM devices WHERE a IN ('b')",
     "Line 1:34 Unexpected '(', expected '[': lists stand in brackets: IN ['a', 'b']"},
    {"SELECT * FROM devices WHERE a IN ['b',]",
     "Line 1:39 Unexpected ']', expected a number, a string, true, false or null: the list after "
     "IN holds constants only"},
    {"SELECT * FROM devices WHERE a IN [b]",
     "Line 1:35 Unexpected 'b', expected a number, a string, true, false or null: the list after "
     "IN holds constants only"},
    {"SELECT * FROM devices WHERE a IN [[1]]",
     "Line 1:35 Unexpected '[', expected a number, a string, true, false or null: the list after "
     "IN holds constants only"},
    {"SELECT * FROM devices WHERE a IN [-'b']",
     "Line 1:36 Unexpected ''b'', expected a number, a string, true, false or null: the list after "
     "IN holds constants only"},
    {"SELECT * FROM devices WHERE a IN [undefined]",
     "Line 1:35 Nothing is ever equal to undefined; the list after IN cannot hold it"},
    {"SELECT * FROM devices WHERE a IN ['b'", "Line 1:38 Unexpected end of the query, expected "
                                              "',' or ']'"},
    {"SELECT * FROM devices WHERE a = b = c",
     "Line 1:35 Unexpected '=', expected AND, OR or the end of the comparison: comparisons cannot "
     "be chained; write a = b AND b = c"},
    {"SELECT * FROM devices WHERE (a = 1",
     "Line 1:35 Unexpected end of the query, expected an operator, AND, OR or ')'"},
    {"SELECT * FROM devices WHERE a = 1)",
     "Line 1:34 Unexpected ')', expected an operator, AND, OR, GROUP BY or the end of the query: "
     "this ')' closes nothing"},
    {"SELECT * FROM devices WHERE a[0] = 1",
     "Line 1:30 Unexpected '[', expected an operator, AND, OR, GROUP BY or the end of the query: "
     "elements of an array cannot be addressed"},
    {"SELECT * FROM devices WHERE tags. = 1",
     "Line 1:35 Unexpected '=', expected a name after '.'"},
    {"SELECT * FROM devices WHERE tags.group = 'x'",
     "Line 1:34 Unexpected 'group', expected a name after '.': group is a reserved word, as a name "
     "it is written [[group]]"},
    {"SELECT * FROM devices WHERE Group = 'x'",
     "Line 1:29 Unexpected 'Group', expected a value, a path, a function or '(': group is a "
     "reserved word, as a name it is written [[group]]"},
    {"SELECT * FROM devices WHERE a.b(1)",
     "Line 1:32 Unexpected '(', expected an operator, AND, OR, GROUP BY or the end of the query"},
    {"SELECT * FROM devices WHERE (SELECT 1) = 1",
     "Line 1:30 Unexpected 'SELECT', expected a value, a path, a function or '(': there are no "
     "subqueries"},
    {"SELECT * FROM devices WHERE STARTS_WITH(deviceId, 'a')",
     "Line 1:29 Unknown function 'STARTS_WITH': in twin queries it is written STARTSWITH"},
    {"SELECT * FROM devices WHERE CONTAINS(deviceId, 'a')",
     "Line 1:29 Unknown function 'CONTAINS': it exists in message routes only; twin queries have "
     "STARTSWITH and ARRAY_CONTAINS"},
    {"SELECT * FROM devices WHERE floor(a) = 1",
     "Line 1:29 Unknown function 'floor': it exists in message routes only"},
    {"SELECT * FROM devices WHERE TWIN_CHANGE_INCLUDES(tags.a)",
     "Line 1:29 Unknown function 'TWIN_CHANGE_INCLUDES': it exists in the routes of an IoT Edge "
     "hub "
     "only"},
    {"SELECT * FROM devices WHERE HAS_INTERFACE('a')",
     "Line 1:29 Unknown function 'HAS_INTERFACE': it was in a preview of 2019 only; compare "
     "modelId"},
    {"SELECT * FROM devices WHERE COUNT() > 1",
     "Line 1:29 Unknown function 'COUNT': aggregates stand in the SELECT list only"},
    {"SELECT * FROM devices WHERE a = 1 AND foo(a)", "Line 1:39 Unknown function 'foo'"},
    {"SELECT * FROM devices WHERE is_defined()", "Line 1:29 IS_DEFINED takes 1 argument, not 0"},
    {"SELECT * FROM devices WHERE startswith(a)", "Line 1:29 STARTSWITH takes 2 arguments, not 1"},
    {"SELECT * FROM devices WHERE is_defined('x')",
     "Line 1:40 IS_DEFINED takes the path of a property"},
    {"SELECT * FROM devices WHERE is_defined(a b)",
     "Line 1:42 Unexpected 'b', expected ',' or ')'"},
    {"SELECT a FROM devices GROUP a", "Line 1:29 Unexpected 'a', expected BY"},
    {"SELECT a FROM devices GROUP BY",
     "Line 1:31 Unexpected end of the query, expected the path to group by"},
    {"SELECT a FROM devices GROUP BY a HAVING COUNT() > 1",
     "Line 1:34 Unexpected 'HAVING', expected ',' or the end of the query: there is no HAVING; "
     "filter the groups in your program"},
    {"SELECT a FROM devices GROUP BY b", "Line 1:8 This path is not one of those after GROUP BY"},
    {"SELECT COUNT() AS n, a FROM devices",
     "Line 1:22 A path beside an aggregate needs GROUP BY with that path"},
    {"SELECT * FROM devices GROUP BY a",
     "Line 1:23 SELECT * cannot be grouped: select the GROUP BY paths and aggregates"},
    {"SELECT COUNT() FROM devices.modules GROUP BY a",
     "Line 1:37 GROUP BY is for queries FROM devices only"},
    {"SELECT deviceId FROM devices.jobs", "Line 1:8 Queries of devices.jobs are SELECT * only"},
    {"SELECT a, b.a FROM devices",
     "Line 1:11 Two columns are called 'a': give one another name with AS"},
    {"SELECT COUNT(), a AS [[$1]] FROM devices GROUP BY a",
     "Line 1:17 Two columns are called '$1': give one another name with AS"},
    {"SELECT * FROM devices WHERE a = = b",
     "Line 1:33 Unexpected '=', expected a value, a path, a function or '(': equality is written "
     "with one '='"},
    {"SELECT * FROM devices WHERE NOT IN ['b']",
     "Line 1:33 Unexpected 'IN', expected a value, a path, a function or '(': 'not in' is written "
     "path NIN ['a', 'b']"},
    {"SELECT a 5 FROM devices", "Line 1:10 Unexpected '5', expected ',', AS or FROM"},
    {"SELECT * FROM devices WHERE z\xC3\xBC = '\xFF abcdef'",
     "Line 1:35 The query is not well-formed UTF-8 here"},
    {"SELECT * FROM devices WHERE a = '\xC3('",
     "Line 1:34 The query is not well-formed UTF-8 here"},
    {"SELECT * FROM devices WHERE abcdefghijabcdefghijabcdefghijabcdefghijabcdefghij(1)",
     "Line 1:29 Unknown function 'abcdefghijabcdefghijabcdefghijabcdefghij...'"},
};

static void a_refusal_says_where_and_what_to_write_instead(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
        struct parsed parsed CLEANUP(parsed_finish) = parse(refusals[i].text);
        assert_int_equal(parsed.status, STATUS_INVALID);
        assert_null(parsed.query);
        const struct str text = str_from(parsed.problem.text);
        assert_true(str_starts(text, STR(PREFIX)));
        const struct str told = str_skip(text, sizeof(PREFIX) - 1);
        if (!str_equal(told, str_from(refusals[i].problem))) {
            fail_msg("%s\n gave %s\n not  %s", refusals[i].text, told.data, refusals[i].problem);
        }
    }
}

static void the_offset_is_the_byte_and_the_column_the_character(void **state)
{
    (void)state;
    struct parsed parsed CLEANUP(parsed_finish) =
        parse("SELECT *\nFROM devices WHERE \xC3\xBC\xC3\xBC\xC3\xBC LIKE 'x'");
    assert_int_equal(parsed.problem.offset, 9 + 19 + 6 + 1);
    assert_non_null(strstr(parsed.problem.text, "Line 2:24 Unexpected 'LIKE'"));
}

static void a_problem_may_be_left_out(void **state)
{
    (void)state;
    struct arena arena = ARENA_INIT(QUERY_ARENA_SIZE);
    const struct query *query = NULL;
    assert_int_equal(query_parse(STR("SELECT"), &arena, &query, NULL), STATUS_INVALID);
    assert_null(query);
    arena_finish(&arena);
}

/* ---- the caret ---- */

static void check_caret(struct str text, size_t offset, const char *expected)
{
    struct buf out CLEANUP(buf_finish) = BUF_INIT(1000);
    query_caret_append(&out, text, offset);
    assert_str_equal(buf_str(&out), expected);
}

/* A long token is quoted in part, cut at a whole character. */
static void a_long_token_is_cut(void **state)
{
    (void)state;
    static const char euros[] = "\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC";
    char text[200];
    (void)snprintf(text, sizeof(text), "SELECT * FROM devices WHERE a a%s%s%s", euros, euros,
                   euros);
    struct parsed parsed CLEANUP(parsed_finish) = parse(text);
    assert_non_null(strstr(parsed.problem.text, "Unexpected 'a\xE2\x82\xAC"));
    assert_non_null(strstr(parsed.problem.text, "\xE2\x82\xAC...', expected"));
    assert_true(str_is_utf8(str_from(parsed.problem.text)));
}

static void a_caret_stands_under_the_fault(void **state)
{
    (void)state;
    check_caret(STR("SELECT x"), 7, "SELECT x\n       ^\n");
    check_caret(STR("SELECT x"), 8, "SELECT x\n        ^\n");
    check_caret(STR("SELECT x"), 99, "SELECT x\n        ^\n");
    check_caret(STR(""), 0, "\n^\n");
    check_caret(STR("one\ntwo\nthree"), 5, "two\n ^\n");
    check_caret(STR("one\ntwo\nthree"), 3, "one\n   ^\n");
    check_caret(STR("\xC3\xBC\xC3\xBC x"), 5, "\xC3\xBC\xC3\xBC x\n   ^\n");
    check_caret(STR("a\tb\rc\x01"
                    "d"),
                5, "a b c?d\n     ^\n");
    check_caret(STR("\xC3x"), 1, "?x\n ^\n"); /* no UTF-8: no byte of it reaches the terminal */
}

static void a_long_line_is_cut_round_the_caret(void **state)
{
    (void)state;
    char text[300];
    memset(text, 'x', sizeof(text));
    char expected[200];
    (void)snprintf(expected, sizeof(expected), "...%.76s...\n%*s^\n", text, 53, "");
    check_caret(str_of(text, sizeof(text)), 150, expected);
    (void)snprintf(expected, sizeof(expected), "%.76s...\n%*s^\n", text, 50, "");
    check_caret(str_of(text, sizeof(text)), 50, expected);
    (void)snprintf(expected, sizeof(expected), "...%.50s\n%*s^\n", text, 53, "");
    check_caret(str_of(text, sizeof(text)), sizeof(text), expected);

    /* Three bytes a character: both cuts would fall inside one. */
    static const char euro[] = {'\xE2', '\x82', '\xAC'};
    char euros[301] = "x";
    for (size_t i = 1; i < sizeof(euros); i++) {
        euros[i] = euro[(i - 1) % 3];
    }
    (void)snprintf(expected, sizeof(expected), "...%.75s...\n%*s^\n", euros + 1, 19, "");
    check_caret(str_of(euros, sizeof(euros)), 151, expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refusal_says_where_and_what_to_write_instead),
        cmocka_unit_test(the_offset_is_the_byte_and_the_column_the_character),
        cmocka_unit_test(a_problem_may_be_left_out),
        cmocka_unit_test(a_long_token_is_cut),
        cmocka_unit_test(a_caret_stands_under_the_fault),
        cmocka_unit_test(a_long_line_is_cut_round_the_caret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
