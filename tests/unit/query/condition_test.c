/* SPDX-License-Identifier: MIT */
#include "vectors.h"

/* The conditions of configurations (reference, 6.2) and jobs (6.3). */

struct condition {
    struct arena arena;
    const struct query *query; /* NULL: refused */
    enum status status;
    struct problem problem;
};

static void condition_finish(struct condition *condition)
{
    arena_finish(&condition->arena);
}

static struct condition parse(enum query_condition_kind kind, const char *text)
{
    struct condition condition = {.arena = ARENA_INIT(QUERY_ARENA_SIZE)};
    condition.status = query_condition_parse(kind, str_from(text), &condition.arena,
                                             &condition.query, &condition.problem);
    return condition;
}

static void check_target(const cJSON *vector, const cJSON *fixture)
{
    const char *text = json_member(vector, "condition")->valuestring;
    struct condition condition CLEANUP(condition_finish) = parse(QUERY_TARGET_CONDITION, text);
    const cJSON *ids = json_member(vector, "ids");
    if ((condition.status == STATUS_OK) != (ids != NULL)) {
        fail_msg("%s gave status %d: %s", text, (int)condition.status, condition.problem.text);
    }
    if (ids == NULL) {
        struct str name;
        if (json_member_str(vector, "names", &name)) {
            char told[256];
            (void)snprintf(told, sizeof(told),
                           "Invalid targetCondition. It must be a filter condition based on "
                           "'deviceId', 'tags', or 'properties.reported'. It contains: %.*s",
                           STR_ARG(name));
            assert_string_equal(condition.problem.text, told);
        }
        return;
    }
    const struct str collection = json_str(json_member(vector, "collection"));
    assert_int_equal(query_info(condition.query)->collection == QUERY_MODULES,
                     str_equal(collection, STR("devices.modules")));
    struct buf actual CLEANUP(buf_finish) = BUF_INIT(1U << 20);
    struct buf expected CLEANUP(buf_finish) = BUF_INIT(1U << 20);
    document_run(condition.query, json_member(fixture, collection.data), &actual);
    json_append_tree(&expected, ids);
    assert_string_equal(actual.data, expected.data);
}

static void every_target_vector_of_the_reference_finds_its_devices(void **state)
{
    (void)state;
    cJSON *file = vectors_file(VECTORS_FILE);
    size_t count = 0;
    const cJSON *vector = NULL;
    cJSON_ArrayForEach(vector, json_member(file, "targetConditions"))
    {
        check_target(vector, json_member(file, "fixture"));
        count++;
    }
    assert_int_equal(count, 12);
    cJSON_Delete(file);
}

static void a_condition_has_one_tree_and_one_form(void **state)
{
    (void)state;
    static const struct {
        enum query_condition_kind kind;
        const char *text;
        const char *tree;
        const char *printed;
    } rows[] = {
        {QUERY_TARGET_CONDITION, "tags.a='x'or tags.b=1",
         "or(cmp(=,path [\"tags\",\"a\"],\"x\"),cmp(=,path [\"tags\",\"b\"],1))",
         "tags.a = 'x' OR tags.b = 1"},
        {QUERY_TARGET_CONDITION, " * ", "*", "*"},
        {QUERY_TARGET_CONDITION, " \n", "undefined", ""},
        {QUERY_TARGET_CONDITION, "Properties.Reported.x > 1 AND NOT DEVICEID = 'a'",
         "and(cmp(>,path [\"properties\",\"reported\",\"x\"],1),not(cmp(=,path "
         "[\"deviceId\"],\"a\")))",
         "properties.reported.x > 1 AND NOT deviceId = 'a'"},
        {QUERY_TARGET_CONDITION, "from Devices.Modules where moduleId='m'",
         "from=modules; where=cmp(=,path [\"moduleId\"],\"m\")",
         "FROM devices.modules WHERE moduleId = 'm'"},
        {QUERY_TARGET_CONDITION, "FROM devices.modules WHERE *", "from=modules; where=*",
         "FROM devices.modules WHERE *"},
        {QUERY_TARGET_CONDITION, "is_defined(properties.reported)",
         "\"is_defined\"(path [\"properties\",\"reported\"])", "is_defined(properties.reported)"},
        {QUERY_JOB_CONDITION, "deviceId IN ['a','b']", "in(path [\"deviceId\"],[\"a\",\"b\"])",
         "deviceId IN ['a', 'b']"},
        {QUERY_JOB_CONDITION, "IS_DEFINED(deviceId)", "\"IS_DEFINED\"(path [\"deviceId\"])",
         "IS_DEFINED(deviceId)"},
        {QUERY_JOB_CONDITION, "*", "*", "*"},
        {QUERY_JOB_CONDITION, "status = 'enabled' and properties.desired.x = 1",
         "and(cmp(=,path [\"status\"],\"enabled\"),cmp(=,path "
         "[\"properties\",\"desired\",\"x\"],1))",
         "status = 'enabled' AND properties.desired.x = 1"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct condition condition CLEANUP(condition_finish) = parse(rows[i].kind, rows[i].text);
        if (condition.status != STATUS_OK) {
            fail_msg("%s: %s", rows[i].text, condition.problem.text);
        }
        struct buf tree CLEANUP(buf_finish) = BUF_INIT(4096);
        struct buf printed CLEANUP(buf_finish) = BUF_INIT(4096);
        query_print_tree(condition.query, &tree);
        query_print(condition.query, &printed);
        assert_str_equal(buf_str(&tree), rows[i].tree);
        assert_str_equal(buf_str(&printed), rows[i].printed);
    }
}

static void what_a_condition_cannot_be_is_explained(void **state)
{
    (void)state;
    static const struct {
        enum query_condition_kind kind;
        const char *text;
        size_t offset;
        const char *told;
    } rows[] = {
        {QUERY_TARGET_CONDITION, "deviceId IN ['a']", 9, "write deviceId = 'a' OR"},
        {QUERY_TARGET_CONDITION, "deviceId NIN ['a']", 9, "a target condition has no IN and NIN"},
        {QUERY_TARGET_CONDITION, "SELECT * FROM devices", 0, "only what would stand after WHERE"},
        {QUERY_TARGET_CONDITION, "FROM devices WHERE tags.a = 1", 5, "stands alone"},
        {QUERY_TARGET_CONDITION, "FROM devices.jobs WHERE tags.a = 1", 5, "stands alone"},
        {QUERY_TARGET_CONDITION, "FROM devices.modules", 20, "expected WHERE"},
        {QUERY_TARGET_CONDITION, "FROM devices.modules WHERE ", 27, "end of the query"},
        {QUERY_TARGET_CONDITION, "* AND tags.a = 1", 2, "end of the condition"},
        {QUERY_TARGET_CONDITION, "(tags.a = 1))", 12, "closes nothing"},
        {QUERY_TARGET_CONDITION, "tags.a = 1 GROUP BY tags.a", 11, "end of the condition"},
        {QUERY_TARGET_CONDITION, "tags.a LIKE 'x'", 7, "there is no LIKE"},
        {QUERY_TARGET_CONDITION, "starts_with(tags.a, 'x')", 0, "it is written STARTSWITH"},
        {QUERY_TARGET_CONDITION, "is_defined(properties)", 11, "It contains: properties"},
        {QUERY_TARGET_CONDITION, "deviceId.x = 1", 0, "It contains: deviceId.x"},
        {QUERY_TARGET_CONDITION, "moduleId = 'x'", 0, "It contains: moduleId"},
        {QUERY_TARGET_CONDITION, "tags.a = 1 AND connectionState = 'Connected'", 15,
         "It contains: connectionState"},
        {QUERY_TARGET_CONDITION, "from devices.modules where version = 1", 27,
         "It contains: version"},
        {QUERY_JOB_CONDITION, "", 0, "for all devices write *"},
        {QUERY_JOB_CONDITION, "SELECT * FROM devices", 0,
         "SQL query parse failed due to following errors: \n\tLine 1:1 Unexpected 'SELECT'"},
        {QUERY_JOB_CONDITION, "deviceId IN ('a')", 12, "lists stand in brackets"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct condition condition CLEANUP(condition_finish) = parse(rows[i].kind, rows[i].text);
        assert_int_equal(condition.status, STATUS_INVALID);
        assert_null(condition.query);
        if (strstr(condition.problem.text, rows[i].told) == NULL) {
            fail_msg("%s: %s", rows[i].text, condition.problem.text);
        }
        assert_int_equal(condition.problem.offset, rows[i].offset);
    }
}

/* Users scan with it as with a query: what is known of the keys is known here too. */
static void a_condition_is_a_query_to_its_users(void **state)
{
    (void)state;
    struct condition condition CLEANUP(condition_finish) =
        parse(QUERY_JOB_CONDITION, "deviceId IN ['b', 'a'] AND tags.x = 1");
    const struct query_info *info = query_info(condition.query);
    assert_int_equal(info->shape, QUERY_DOCUMENTS);
    assert_true(info->has_where);
    assert_true(info->top == QUERY_NO_TOP);
    assert_int_equal(info->device_id.kind, QUERY_KEY_ONE_OF);
    assert_int_equal(info->device_id.id_count, 2);
    assert_int_equal(info->equality_count, 1);
    struct condition all CLEANUP(condition_finish) = parse(QUERY_TARGET_CONDITION, "*");
    assert_false(query_info(all.query)->has_where);
    struct condition none CLEANUP(condition_finish) = parse(QUERY_TARGET_CONDITION, "");
    assert_true(query_info(none.query)->has_where);
}

static void a_verdict_is_told_apart_from_no_verdict(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum query_verdict verdict;
    } rows[] = {{"tags.x = 1", QUERY_VERDICT_TRUE},        {"tags.x = 2", QUERY_VERDICT_FALSE},
                {"tags.y = 1", QUERY_VERDICT_UNDEFINED},   {"tags.x", QUERY_VERDICT_UNDEFINED},
                {"null", QUERY_VERDICT_UNDEFINED},         {"*", QUERY_VERDICT_TRUE},
                {"tags.y = 1 OR true", QUERY_VERDICT_TRUE}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct condition condition CLEANUP(condition_finish) =
            parse(QUERY_JOB_CONDITION, rows[i].text);
        assert_int_equal(condition.status, STATUS_OK);
        struct query_row *row CLEANUP(query_row_destroyp) = NULL;
        assert_int_equal(query_row_create(condition.query, &row), STATUS_OK);
        assert_int_equal(query_row_scan(row, QUERY_TAGS, STR("{\"x\":1}")), STATUS_OK);
        enum query_verdict verdict = QUERY_VERDICT_UNDEFINED;
        assert_int_equal(query_judge(condition.query, row, &verdict), STATUS_OK);
        assert_int_equal(verdict, rows[i].verdict);
        assert_int_equal(query_where(condition.query, row), verdict == QUERY_VERDICT_TRUE);
    }
}

static void parse_once(void *ctx)
{
    struct condition condition = parse(QUERY_TARGET_CONDITION, ctx);
    assert_true(condition.status != STATUS_OK || condition.query != NULL);
    assert_true(condition.status == STATUS_OK || condition.query == NULL);
    condition_finish(&condition);
}

static void parsing_survives_failing_allocations(void **state)
{
    (void)state;
    char right[] = "from devices.modules where tags.a = 'it''s' or not is_defined(deviceId)";
    check_under_failing_allocations(parse_once, right);
    char wrong[] = "tags.a = 1 and properties.desired.b = 2";
    check_under_failing_allocations(parse_once, wrong);
    char empty[] = "";
    check_under_failing_allocations(parse_once, empty);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_target_vector_of_the_reference_finds_its_devices),
        cmocka_unit_test(a_condition_has_one_tree_and_one_form),
        cmocka_unit_test(what_a_condition_cannot_be_is_explained),
        cmocka_unit_test(a_condition_is_a_query_to_its_users),
        cmocka_unit_test(a_verdict_is_told_apart_from_no_verdict),
        cmocka_unit_test(parsing_survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
