/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "parsed.h"
#include "query/dialect_internal.h"
#include "query/parser_internal.h"

/* ---- trees ---- */

static void check_tree(const char *text, const char *expected)
{
    struct parsed parsed CLEANUP(parsed_finish) = parse_right(text);
    struct buf tree CLEANUP(buf_finish) = BUF_INIT(1U << 20);
    query_print_tree(parsed.query, &tree);
    if (!str_equal(buf_str(&tree), str_from(expected))) {
        fail_msg("%s\n gave %s\n not  %s", text, tree.data, expected);
    }
}

static void check_where(const char *where, const char *expected)
{
    char text[512];
    char tree[512];
    (void)snprintf(text, sizeof(text), "SELECT * FROM devices WHERE %s", where);
    (void)snprintf(tree, sizeof(tree), "select=*; from=devices; where=%s", expected);
    check_tree(text, tree);
}

/* Query language reference, 7.3: A1 to A12. */
static void the_trees_of_the_reference(void **state)
{
    (void)state;
    check_where("a = 1 OR b = 2 AND NOT c = 3",
                "or(cmp(=,path [\"a\"],1),and(cmp(=,path [\"b\"],2),not(cmp(=,path [\"c\"],3))))");
    check_where("NOT NOT a", "not(not(path [\"a\"]))");
    check_where("1 + 2 * 3 - 4", "sub(add(1,mul(2,3)),4)");
    check_where("- - 1", "neg(neg(1))");
    check_where("a IN [1, -2, 'x', null, true]", "in(path [\"a\"],[1,-2,\"x\",null,true])");
    check_where("tags.[[a.b]].c = 1", "cmp(=,path [\"tags\",\"a.b\",\"c\"],1)");
    check_tree("SELECT * FROM devices.modules WHERE devices.modules.moduleId",
               "select=*; from=modules; where=path [\"moduleId\"]");
    check_where("devices.tags.x", "path [\"tags\",\"x\"]");
    check_where("DEVICEID", "path [\"deviceId\"]");
    check_where("a-b - c", "sub(path [\"a-b\"],path [\"c\"])");
    check_tree("SELECT TOP 3 a.b AS x, COUNT() AS n FROM devices GROUP BY a.b",
               "top=3; select=[(\"x\",path [\"a\",\"b\"]),(\"n\",count)]; from=devices; "
               "group=[path [\"a\",\"b\"]]");
    check_tree("SELECT True, [[true]] FROM devices",
               "select=[(\"True\",path [\"True\"]),(\"true\",path [\"true\"])]; from=devices");
    check_tree("SELECT min, count FROM devices",
               "select=[(\"min\",path [\"min\"]),(\"count\",path [\"count\"])]; from=devices");
}

static void operators_bind_and_associate(void **state)
{
    (void)state;
    check_where("1 - 2 - 3", "sub(sub(1,2),3)");
    check_where("1 - (2 - 3)", "sub(1,sub(2,3))");
    check_where("8 / 4 % 3 * 2", "mul(mod(div(8,4),3),2)");
    check_where("- 1 * 2", "mul(neg(1),2)");
    check_where("-1 - -2", "sub(neg(1),neg(2))");
    check_where("1 + 2 < 3 * 4", "cmp(<,add(1,2),mul(3,4))");
    check_where("a AND b AND c", "and(and(path [\"a\"],path [\"b\"]),path [\"c\"])");
    check_where("a OR b OR c", "or(or(path [\"a\"],path [\"b\"]),path [\"c\"])");
    check_where("(a OR b) AND c", "and(or(path [\"a\"],path [\"b\"]),path [\"c\"])");
    check_where("NOT a AND b", "and(not(path [\"a\"]),path [\"b\"])");
    check_where("NOT (a AND b)", "not(and(path [\"a\"],path [\"b\"]))");
    check_where("(a = b) = true", "cmp(=,cmp(=,path [\"a\"],path [\"b\"]),true)");
    check_where("a <> 1", "cmp(!=,path [\"a\"],1)");
    check_where("a nin ['x']", "nin(path [\"a\"],[\"x\"])");
    check_where("a + 1 in [2]", "in(add(path [\"a\"],1),[2])");
    check_where("a in []", "in(path [\"a\"],[])");
    check_where("NOT a in ['x']", "not(in(path [\"a\"],[\"x\"]))");
    check_where("Is_Defined(a) and STARTSWITH(a, 'b')",
                "and(\"Is_Defined\"(path [\"a\"]),\"STARTSWITH\"(path [\"a\"],\"b\"))");
    check_where("array_contains(['a', ['b'], []], b)",
                "\"array_contains\"([\"a\",[\"b\"],[]],path [\"b\"])");
}

static void names_become_paths_and_literals(void **state)
{
    (void)state;
    check_where("true = TRUE", "cmp(=,true,path [\"TRUE\"])");
    check_where("[[true]] = null", "cmp(=,path [\"true\"],null)");
    check_where("true.x = undefined", "cmp(=,path [\"true\",\"x\"],undefined)");
    check_where("Tags.Location", "path [\"tags\",\"Location\"]");
    check_where("Properties.DESIRED.Desired", "path [\"properties\",\"desired\",\"Desired\"]");
    check_where("x509thumbprint.PRIMARYTHUMBPRINT",
                "path [\"x509Thumbprint\",\"primaryThumbprint\"]");
    check_where("properties.desired.$Version", "path [\"properties\",\"desired\",\"$Version\"]");
    check_where("Id = 'a'", "cmp(=,path [\"id\"],\"a\")");
    check_where("devices.devices.x", "path [\"devices\",\"x\"]");
    check_where("devices", "path [\"devices\"]");
    check_where("devices.modules.moduleId", "path [\"modules\",\"moduleId\"]");
    check_tree("SELECT * FROM devices.modules WHERE Devices.Modules.ModuleID = DEVICES.id",
               "select=*; from=modules; where=cmp(=,path [\"moduleId\"],path [\"id\"])");
    check_tree("SELECT * FROM devices.modules WHERE devices.modules",
               "select=*; from=modules; where=path [\"modules\"]");
    check_tree("SELECT * FROM Devices.Jobs WHERE devices.jobs.JOBID = devices.status",
               "select=*; from=jobs; where=cmp(=,path [\"jobId\"],path [\"status\"])");
}

static void select_lists_and_clauses(void **state)
{
    (void)state;
    check_tree("SELECT TOP (5) * FROM devices", "top=5; select=*; from=devices");
    check_tree("select DeviceId, tags.[[a b]] from DEVICES",
               "select=[(\"deviceId\",path [\"deviceId\"]),(\"a b\",path [\"tags\",\"a b\"])]; "
               "from=devices");
    check_tree("SELECT COUNT(), avg(a.b), SUM(a) AS [[the sum]], Min(a), MAX(a) FROM devices",
               "select=[(\"$1\",count),(\"$2\",avg path [\"a\",\"b\"]),(\"the sum\",sum path "
               "[\"a\"]),(\"$3\",min path [\"a\"]),(\"$4\",max path [\"a\"])]; from=devices");
    check_tree("SELECT status FROM devices GROUP BY status, tags.a",
               "select=[(\"status\",path [\"status\"])]; from=devices; group=[path "
               "[\"status\"],path [\"tags\",\"a\"]]");
}

/* Routes bind NOT with the unary operators: the one switch that decides it. */
static void a_dialect_can_bind_not_tightly(void **state)
{
    (void)state;
    struct query_dialect dialect = query_twin_dialect;
    dialect.not_binds_tight = true;
    struct arena arena = ARENA_INIT(QUERY_ARENA_SIZE);
    struct query query = {.dialect = &dialect};
    struct query_parser parser = {
        .lexer = {.text = STR("SELECT * FROM devices WHERE NOT a = NOT - b AND c")},
        .arena = &arena,
        .query = &query};
    query_parser_advance(&parser);
    assert_true(query_parse_statement(&parser));
    struct buf tree = BUF_INIT(1000);
    query_print_tree(&query, &tree);
    assert_str_equal(buf_str(&tree),
                     "select=*; from=devices; where=and(cmp(=,not(path [\"a\"]),not(neg(path "
                     "[\"b\"]))),path [\"c\"])");
    buf_finish(&tree);
    arena_finish(&arena);
}

/* ---- printing ---- */

static void a_query_prints_in_one_form(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *printed;
    } queries[] = {
        {"select*from devices", "SELECT * FROM devices"},
        {"select top (3)DEVICEID as [[id]]from DEVICES.Modules",
         "SELECT TOP 3 deviceId AS id FROM devices.modules"},
        {"select count(),min(a)as m,a.group1 from devices group by a.group1",
         "SELECT COUNT(), MIN(a) AS m, a.group1 FROM devices GROUP BY a.group1"},
        {"select*from devices where((a))", "SELECT * FROM devices WHERE a"},
        {"select*from devices where((a<>1)and not((b)or c))or d",
         "SELECT * FROM devices WHERE a != 1 AND NOT (b OR c) OR d"},
        {"select*from devices where(a and b)and c", "SELECT * FROM devices WHERE (a AND b) AND c"},
        {"select*from devices where(a=b)=c", "SELECT * FROM devices WHERE (a = b) = c"},
        {"select*from devices where a -(b+c)*-(-d)=0x1F",
         "SELECT * FROM devices WHERE a - (b + c) * - - d = 0x1F"},
        {"select*from devices where a in[-.5,\"it's\",'\\\\\\u0001']",
         "SELECT * FROM devices WHERE a IN [-.5, 'it\\'s', '\\\\\\u0001']"},
        {"select*from devices where array_contains([ [[a b]],1],b)",
         "SELECT * FROM devices WHERE array_contains([ [[a b]], 1], b)"},
        {"select*from devices where array_contains([ ['x']],b)",
         "SELECT * FROM devices WHERE array_contains([ ['x']], b)"},
        {"select*from devices where [[a b]].[[group]].[[2]].[[x]]=devices.devices.y",
         "SELECT * FROM devices WHERE [[a b]].[[group]].2.x = devices.devices.y"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(queries); i++) {
        struct parsed parsed CLEANUP(parsed_finish) = parse_right(queries[i].text);
        struct buf printed CLEANUP(buf_finish) = BUF_INIT(1000);
        query_print(parsed.query, &printed);
        assert_str_equal(buf_str(&printed), queries[i].printed);
    }
}

/* ---- limits ---- */

/* "SELECT * FROM devices WHERE " and what `fill` makes `count` times, between two other texts. */
static struct parsed parse_repeated(const char *before, const char *fill, size_t count,
                                    const char *after)
{
    struct buf text = BUF_INIT(1U << 20);
    buf_append_format(&text, "SELECT * FROM devices WHERE %s", before);
    for (size_t i = 0; i < count; i++) {
        buf_append_str(&text, str_from(fill));
    }
    buf_append_str(&text, str_from(after));
    struct parsed parsed = parse_str(buf_str(&text));
    parsed.query = NULL; /* it points into the text */
    buf_finish(&text);
    return parsed;
}

static void check_limit(struct parsed parsed, const char *told)
{
    if (told == NULL) {
        assert_int_equal(parsed.status, STATUS_OK);
    } else {
        assert_int_equal(parsed.status, STATUS_INVALID);
        assert_non_null(strstr(parsed.problem.text, told));
    }
    parsed_finish(&parsed);
}

static void a_query_has_at_most_8192_characters(void **state)
{
    (void)state;
    static const char told[] = "longer than 8192 characters";
    const size_t room = QUERY_CHARACTERS_MAX - strlen("SELECT * FROM devices WHERE a = ''");
    check_limit(parse_repeated("a = '", "x", room, "'"), NULL);
    check_limit(parse_repeated("a = '", "x", room + 1, "'"), told);
    check_limit(parse_repeated("a = '", "\xE2\x82\xAC", room, "'"), NULL);
    check_limit(parse_repeated("a = '", "\xE2\x82\xAC", room + 1, "'"), told);
    struct parsed parsed = parse_repeated("", "(", 10000, "");
    assert_int_equal(parsed.problem.offset, QUERY_CHARACTERS_MAX);
    check_limit(parsed, told);
}

static void nesting_is_bounded_and_length_is_not(void **state)
{
    (void)state;
    static const char told[] = "nested too deeply";
    struct buf closing = BUF_INIT(1000);
    for (size_t i = 0; i < QUERY_DEPTH_MAX; i++) {
        buf_append_byte(&closing, ')');
    }
    /* The expression itself is the first level. */
    check_limit(parse_repeated("", "(", QUERY_DEPTH_MAX - 1, "a"), "Unexpected end");
    closing.data[QUERY_DEPTH_MAX - 1] = '\0';
    struct buf inner = BUF_INIT(1000);
    buf_append_format(&inner, "a%s", closing.data);
    check_limit(parse_repeated("", "(", QUERY_DEPTH_MAX - 1, inner.data), NULL);
    check_limit(parse_repeated("", "(", QUERY_DEPTH_MAX, "a"), told);
    check_limit(parse_repeated("", "(", 8000, ""), told);
    check_limit(parse_repeated("", "NOT ", QUERY_DEPTH_MAX - 1, "a"), NULL);
    check_limit(parse_repeated("", "NOT ", QUERY_DEPTH_MAX, "a"), told);
    check_limit(parse_repeated("", "-", QUERY_DEPTH_MAX - 1, "1"), NULL);
    check_limit(parse_repeated("", "-", QUERY_DEPTH_MAX, "1"), told);
    check_limit(parse_repeated("", "is_null(", QUERY_DEPTH_MAX, ""), told);
    check_limit(parse_repeated("", "[ ", QUERY_DEPTH_MAX, ""), told);
    check_limit(parse_repeated("1", " + 1", 2000, ""), NULL);
    check_limit(parse_repeated("a = 1", " OR a = 1", 800, ""), NULL);
    buf_finish(&closing);
    buf_finish(&inner);
}

static void a_path_has_at_most_64_names(void **state)
{
    (void)state;
    check_limit(parse_repeated("a", ".a", QUERY_SEGMENTS_MAX - 1, ""), NULL);
    check_limit(parse_repeated("a", ".a", QUERY_SEGMENTS_MAX, ""), "at most 64 names");
}

static void group_by_takes_at_most_64_paths(void **state)
{
    (void)state;
    for (size_t count = QUERY_GROUP_PATHS_MAX; count <= QUERY_GROUP_PATHS_MAX + 1; count++) {
        struct buf text = BUF_INIT(4096);
        buf_append_str(&text, STR("SELECT COUNT() FROM devices GROUP BY a"));
        for (size_t i = 1; i < count; i++) {
            buf_append_str(&text, STR(", a"));
        }
        struct parsed parsed = parse_str(buf_str(&text));
        check_limit(parsed, count > QUERY_GROUP_PATHS_MAX ? "at most 64 paths" : NULL);
        buf_finish(&text);
    }
}

/* The texts of 8192 characters that need the most memory. */
static void the_advised_arena_holds_every_query(void **state)
{
    (void)state;
    static const struct {
        const char *before, *fill, *after;
    } worst[] = {{"1", "+1", ""},
                 {"a", "+a", ""},
                 {"a", " or a", ""},
                 {"a in [1", ",1", "]"},
                 {"is_null([a", ",a", "])"},
                 {"a=1", " and a=1", ""},
                 {"a", ".a=a and a", ""},
                 {"1", " and properties=x509Thumbprint", ""}};
    for (size_t i = 0; i < ARRAY_SIZE(worst); i++) {
        const size_t used = strlen("SELECT * FROM devices WHERE ") + strlen(worst[i].before) +
                            strlen(worst[i].after);
        const size_t count = (QUERY_CHARACTERS_MAX - used) / strlen(worst[i].fill);
        struct parsed parsed =
            parse_repeated(worst[i].before, worst[i].fill, count, worst[i].after);
        assert_true(parsed.arena.size < QUERY_ARENA_SIZE / 2);
        check_limit(parsed, NULL);
    }
    struct buf columns = BUF_INIT(QUERY_CHARACTERS_MAX);
    buf_append_str(&columns, STR("SELECT a"));
    for (size_t i = 0; columns.size < QUERY_CHARACTERS_MAX - 30; i++) {
        buf_append_format(&columns, ",a%zx", i);
    }
    buf_append_str(&columns, STR(" FROM devices"));
    struct parsed parsed = parse_str(buf_str(&columns));
    assert_true(parsed.arena.size < QUERY_ARENA_SIZE / 2);
    check_limit(parsed, NULL);
    buf_finish(&columns);
}

static void an_arena_that_is_full_is_no_fault_of_the_text(void **state)
{
    (void)state;
    const struct str text =
        STR("SELECT COUNT(), a.b FROM devices WHERE a = 'it''s' AND x IN [1, 2] "
            "AND NOT startswith(deviceId, 'y') GROUP BY a.b");
    struct parsed whole = parse_str(text);
    assert_int_equal(whole.status, STATUS_OK);
    for (size_t size = 0; size < whole.arena.size; size += 8) {
        struct arena arena = ARENA_INIT(size);
        const struct query *query = NULL;
        struct problem problem;
        assert_int_equal(query_parse(text, &arena, &query, &problem), STATUS_NO_MEMORY);
        assert_null(query);
        arena_finish(&arena);
    }
    parsed_finish(&whole);
}

static void parse_once(void *ctx)
{
    struct parsed parsed = parse(ctx);
    assert_true(parsed.status == STATUS_OK || parsed.status == STATUS_NO_MEMORY);
    assert_true((parsed.query != NULL) == (parsed.status == STATUS_OK));
    parsed_finish(&parsed);
}

static void parsing_survives_failing_allocations(void **state)
{
    (void)state;
    char text[] = "SELECT COUNT(), properties FROM devices WHERE a IN ['it''s'] AND NOT b = [1] OR "
                  "is_null(tags.c) GROUP BY properties";
    check_under_failing_allocations(parse_once, text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_trees_of_the_reference),
        cmocka_unit_test(operators_bind_and_associate),
        cmocka_unit_test(names_become_paths_and_literals),
        cmocka_unit_test(select_lists_and_clauses),
        cmocka_unit_test(a_dialect_can_bind_not_tightly),
        cmocka_unit_test(a_query_prints_in_one_form),
        cmocka_unit_test(a_query_has_at_most_8192_characters),
        cmocka_unit_test(nesting_is_bounded_and_length_is_not),
        cmocka_unit_test(a_path_has_at_most_64_names),
        cmocka_unit_test(group_by_takes_at_most_64_paths),
        cmocka_unit_test(the_advised_arena_holds_every_query),
        cmocka_unit_test(an_arena_that_is_full_is_no_fault_of_the_text),
        cmocka_unit_test(parsing_survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
