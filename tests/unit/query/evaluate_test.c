/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "parsed.h"
#include "query/row_internal.h"

/*
 * Each condition is judged in one document. `truth` is T, F or U: a condition passes when it is
 * true, its NOT passes when it is false, and neither when it is undefined.
 */
static const char tags[] =
    "{\"s\":\"abc\",\"n\":5,\"t\":true,\"f\":false,\"z\":null,\"o\":{\"k\":\"v\"},\"a\":[1,\"b\","
    "null,true,[2],{},\"q\\\"\\u00fc\"],\"e\":\"\",\"neg\":-0,\"big\":1e400,\"empty\":[]}";

static bool passes(const char *text)
{
    struct parsed parsed CLEANUP(parsed_finish) = parse_right(text);
    struct query_row *row CLEANUP(query_row_destroyp) = NULL;
    assert_int_equal(query_row_create(parsed.query, &row), STATUS_OK);
    query_row_set(row, QUERY_DEVICE_ID, query_string(STR("dev-a1")));
    query_row_set(row, QUERY_STATUS, query_string(STR("failed")));
    query_row_set(row, QUERY_JOB_TYPE, query_string(STR("scheduleUpdateTwin")));
    query_row_set(row, QUERY_VERSION, query_number(11));
    query_row_set(row, QUERY_PRIMARY_THUMBPRINT, query_null());
    query_row_set(row, QUERY_DESIRED_VERSION, query_number(4));
    assert_int_equal(query_row_scan(row, QUERY_TAGS, str_from(tags)), STATUS_OK);
    return query_where(parsed.query, row);
}

static char truth_of(const char *condition)
{
    char text[1024];
    (void)snprintf(text, sizeof(text), "SELECT * FROM devices WHERE %s", condition);
    const bool is_true = passes(text);
    (void)snprintf(text, sizeof(text), "SELECT * FROM devices WHERE NOT (%s)", condition);
    const bool is_false = passes(text);
    assert_false(is_true && is_false);
    if (is_true) {
        return 'T';
    }
    return is_false ? 'F' : 'U';
}

struct condition {
    const char *text;
    char truth;
};

static void check_conditions(const struct condition *conditions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char truth = truth_of(conditions[i].text);
        if (truth != conditions[i].truth) {
            fail_msg("%s is %c, not %c", conditions[i].text, truth, conditions[i].truth);
        }
    }
}

/* Reference, 3.3: the whole tables, with U written as a missing tag. */
static void logic_has_three_values(void **state)
{
    (void)state;
    static const char *const operands[] = {"true", "false", "tags.nope"};
    static const char and_table[3][4] = {"TFU", "FFF", "UFU"};
    static const char or_table[3][4] = {"TTT", "TFU", "TUU"};
    static const char not_table[4] = "FTU";
    for (size_t a = 0; a < 3; a++) {
        char text[64];
        for (size_t b = 0; b < 3; b++) {
            (void)snprintf(text, sizeof(text), "%s AND %s", operands[a], operands[b]);
            assert_int_equal(truth_of(text), and_table[a][b]);
            (void)snprintf(text, sizeof(text), "%s OR %s", operands[a], operands[b]);
            assert_int_equal(truth_of(text), or_table[a][b]);
        }
        (void)snprintf(text, sizeof(text), "NOT %s", operands[a]);
        assert_int_equal(truth_of(text), not_table[a]);
    }
}

static void what_is_no_boolean_is_undefined_in_logic(void **state)
{
    (void)state;
    static const struct condition conditions[] = {
        {"tags.t", 'T'},
        {"tags.f", 'F'},
        {"tags.s", 'U'},
        {"tags.n", 'U'},
        {"tags.z", 'U'},
        {"tags.o", 'U'},
        {"tags.a", 'U'},
        {"1", 'U'},
        {"'true'", 'U'},
        {"null", 'U'},
        {"undefined", 'U'},
        {"1 AND true", 'U'},
        {"1 AND false", 'F'},
        {"'x' OR true", 'T'},
        {"null OR false", 'U'},
        {"tags.t AND tags.t AND tags.f", 'F'},
        {"tags.nope AND tags.t AND tags.f", 'F'},
        {"tags.nope OR tags.f OR tags.t", 'T'},
        {"tags.f OR tags.f OR tags.f", 'F'},
    };
    check_conditions(conditions, ARRAY_SIZE(conditions));
}

/* Reference, 3.4. */
static void values_compare_within_their_type(void **state)
{
    (void)state;
    static const struct condition conditions[] = {
        {"tags.n = 5", 'T'},
        {"tags.n = 5.0", 'T'},
        {"tags.n != 5", 'F'},
        {"tags.n < 5", 'F'},
        {"tags.n <= 5", 'T'},
        {"tags.n > 5", 'F'},
        {"tags.n >= 5", 'T'},
        {"tags.n < 5.5", 'T'},
        {"tags.n > 4.5", 'T'},
        {"tags.neg = 0", 'T'},
        {"tags.big > 1e308", 'T'},
        {"tags.s = 'abc'", 'T'},
        {"tags.s = 'ABC'", 'F'},
        {"tags.s != 'ABC'", 'T'},
        {"tags.s < 'abd'", 'T'},
        {"tags.s < 'abc'", 'F'},
        {"tags.s <= 'abc'", 'T'},
        {"tags.s > 'ab'", 'T'},
        {"tags.s < 'abcd'", 'T'},
        {"tags.s > 'Z'", 'T'},
        {"tags.e = ''", 'T'},
        {"tags.e < 'a'", 'T'},
        {"tags.t = true", 'T'},
        {"tags.t > tags.f", 'T'},
        {"tags.f < tags.f", 'F'},
        {"tags.f <= tags.f", 'T'},
        {"tags.z = null", 'T'},
        {"tags.z != null", 'F'},
        {"tags.z < null", 'F'},
        {"tags.z <= null", 'T'},
        {"tags.z >= null", 'T'},
        {"tags.z > null", 'F'},
        {"'\xEE\x80\x80' > '\xF0\x90\x80\x80'", 'T'}, /* U+E000 after U+10000: UTF-16 order */
        {"'\xF0\x90\x80\x80' < '\xEE\x80\x80'", 'T'},
        {"'\xEF\xBF\xBF' < '\xF0\x90\x80\x80'", 'F'},
        {"'\xED\x9F\xBF' < '\xF0\x90\x80\x80'", 'T'}, /* U+D7FF before it */
        {"'\xEE\x80\x80' > '\xED\x9F\xBF'", 'T'},
        {"'\xF0\x90\x80\x80' < '\xF0\x90\x80\x81'", 'T'},
    };
    check_conditions(conditions, ARRAY_SIZE(conditions));
}

static void values_of_two_types_are_unequal_and_have_no_order(void **state)
{
    (void)state;
    static const struct condition conditions[] = {
        {"tags.n = '5'", 'F'},
        {"tags.n != '5'", 'T'},
        {"tags.n < '5'", 'U'},
        {"tags.n >= '5'", 'U'},
        {"tags.t = 1", 'F'},
        {"tags.t != 'true'", 'T'},
        {"tags.z = 0", 'F'},
        {"tags.z != 0", 'T'},
        {"tags.s != null", 'T'},
        {"tags.s = null", 'F'},
        {"null < 1", 'U'},
        {"tags.nope = null", 'U'},
        {"tags.nope != null", 'U'},
        {"undefined = undefined", 'U'},
        {"tags.nope != tags.nope", 'U'},
        {"tags.nope < 1", 'U'},
        {"tags.o = tags.o", 'U'},
        {"tags.o != 1", 'U'},
        {"tags.a = tags.a", 'U'},
        {"tags.a != null", 'U'},
        {"1 = tags.o", 'U'},
        {"[1] = [1]", 'U'},
        {"properties.desired != 'x'", 'U'},
    };
    check_conditions(conditions, ARRAY_SIZE(conditions));
}

/* The other reading of open question 2, for the switch in the dialect. */
static void a_dialect_can_refuse_to_compare_types(void **state)
{
    (void)state;
    const struct query_value number = query_number(1);
    const struct query_value string = query_string(STR("1"));
    assert_int_equal(query_compare_equal(&number, &string, false, false), TRUTH_FALSE);
    assert_int_equal(query_compare_equal(&number, &string, true, false), TRUTH_UNDEFINED);
    assert_int_equal(query_compare_equal(&number, &number, true, false), TRUTH_TRUE);
}

static void in_and_nin(void **state)
{
    (void)state;
    static const struct condition conditions[] = {
        {"tags.n IN [1, 5]", 'T'},
        {"tags.n IN [1, 2]", 'F'},
        {"tags.n NIN [1, 5]", 'F'},
        {"tags.n NIN [1, 2]", 'T'},
        {"tags.n IN ['5']", 'F'},
        {"tags.z IN [1, null]", 'T'},
        {"tags.t IN [false, true]", 'T'},
        {"- tags.n IN [-5]", 'T'},
        {"tags.n IN []", 'F'},
        {"tags.n NIN []", 'T'},
        {"tags.nope IN [1]", 'U'},
        {"tags.nope NIN [1]", 'U'},
        {"tags.nope IN []", 'U'},
        {"tags.o NIN [1]", 'U'},
        {"tags.a IN [1]", 'U'},
        {"deviceId IN ['x', 'dev-a1']", 'T'},
        {"deviceId IN ['DEV-A1']", 'F'},
    };
    check_conditions(conditions, ARRAY_SIZE(conditions));
}

/* Reference, 3.5. */
static void arithmetic_is_for_numbers(void **state)
{
    (void)state;
    static const struct condition conditions[] = {
        {"tags.n + 1 = 6", 'T'},   {"tags.n - 1 = 4", 'T'},    {"tags.n * 2 = 10", 'T'},
        {"tags.n / 2 = 2.5", 'T'}, {"tags.n % 3 = 2", 'T'},    {"-5 % 3 = -2", 'T'},
        {"5 % -3 = 2", 'T'},       {"-tags.n = -5", 'T'},      {"- - 5 = 5", 'T'},
        {"1 / 0 > 1e308", 'T'},    {"-1 / 0 < -1e308", 'T'},   {"0 / 0 = 0 / 0", 'U'},
        {"5 % 0 = 0", 'U'},        {"1 / 0 - 1 / 0 = 0", 'U'}, {"tags.s + 'x' = 'abcx'", 'U'},
        {"tags.n + '1' = 6", 'U'}, {"tags.n + null = 5", 'U'}, {"tags.n + tags.nope = 5", 'U'},
        {"-tags.s = 'abc'", 'U'},  {"tags.t + 1 = 2", 'U'},    {"is_null(0 / 0)", 'F'},
        {"is_number(1 / 0)", 'T'}, {"is_number(0 / 0)", 'F'},  {"0 / 0 + 1 = 1", 'U'},
        {"0.1 + 0.2 = 0.3", 'F'},  {"1 - 2 - 3 = -4", 'T'},    {"8 / 4 / 2 = 1", 'T'},
    };
    check_conditions(conditions, ARRAY_SIZE(conditions));
}

/* Reference, 1.4. */
static void functions(void **state)
{
    (void)state;
    static const struct condition conditions[] = {
        {"is_defined(tags.s)", 'T'},
        {"is_defined(tags.z)", 'T'},
        {"is_defined(tags.o)", 'T'},
        {"is_defined(tags.nope)", 'F'},
        {"is_defined(tags.s.x)", 'F'},
        {"is_defined(tags.o.k)", 'T'},
        {"is_defined(nope)", 'F'},
        {"is_defined(deviceId.x)", 'F'},
        {"is_defined(properties)", 'T'},
        {"is_defined(properties.desired)", 'T'},
        {"is_defined(properties.reported)", 'F'},
        {"is_defined(x509Thumbprint)", 'T'},
        {"is_defined(capabilities)", 'F'},
        {"startswith(deviceId, 'dev-')", 'T'},
        {"startswith(deviceId, 'dev-a1')", 'T'},
        {"startswith(deviceId, 'dev-a12')", 'F'},
        {"startswith(deviceId, '')", 'T'},
        {"startswith(deviceId, 'DEV')", 'F'},
        {"startswith(version, '1')", 'U'},
        {"startswith(deviceId, 1)", 'U'},
        {"startswith(tags.nope, 'x')", 'U'},
        {"startswith('abc', tags.s)", 'T'},
        {"endswith(deviceId, 'a1')", 'T'},
        {"endswith(deviceId, 'A1')", 'F'},
        {"endswith(tags.n, '5')", 'U'},
        {"array_contains(tags.a, 1)", 'T'},
        {"array_contains(tags.a, 2)", 'F'},
        {"array_contains(tags.a, 'b')", 'T'},
        {"array_contains(tags.a, 'c')", 'F'},
        {"array_contains(tags.a, null)", 'T'},
        {"array_contains(tags.a, true)", 'T'},
        {"array_contains(tags.a, false)", 'F'},
        {"array_contains(tags.a, 'q\"\xC3\xBC')", 'T'},
        {"array_contains(tags.a, 'q\"\xC3\xBCx')", 'F'},
        {"array_contains(tags.a, 'q\"')", 'F'},
        {"array_contains(tags.empty, 1)", 'F'},
        {"array_contains(tags.a, tags.o)", 'U'},
        {"array_contains(tags.a, tags.nope)", 'U'},
        {"array_contains(tags.s, 'a')", 'U'},
        {"array_contains(tags.nope, 'a')", 'U'},
        {"array_contains([1, tags.s], 'abc')", 'T'},
        {"array_contains([1, tags.s], 'x')", 'F'},
        {"array_contains([], 'x')", 'F'},
        {"is_null(tags.z)", 'T'},
        {"is_null(tags.nope)", 'F'},
        {"is_bool(tags.f)", 'T'},
        {"is_bool(tags.n)", 'F'},
        {"is_number(version)", 'T'},
        {"is_number(tags.s)", 'F'},
        {"is_string(tags.s)", 'T'},
        {"is_string(tags.n)", 'F'},
        {"is_array(tags.a)", 'T'},
        {"is_array([1])", 'T'},
        {"is_array(tags.o)", 'F'},
        {"is_object(tags.o)", 'T'},
        {"is_object(properties)", 'T'},
        {"is_object(tags.a)", 'F'},
        {"is_primitive(tags.z)", 'T'},
        {"is_primitive(tags.s)", 'T'},
        {"is_primitive(tags.o)", 'F'},
        {"is_primitive(tags.nope)", 'F'},
    };
    check_conditions(conditions, ARRAY_SIZE(conditions));
}

/* Reference, 2.4: jobs compare status and type ignoring case, nothing else does. */
static void a_jobs_words_ignore_case(void **state)
{
    (void)state;
    assert_true(passes("SELECT * FROM devices.jobs WHERE status = 'Failed'"));
    assert_true(passes("SELECT * FROM devices.jobs WHERE 'FAILED' = devices.jobs.status"));
    assert_false(passes("SELECT * FROM devices.jobs WHERE status != 'Failed'"));
    assert_true(passes("SELECT * FROM devices.jobs WHERE status IN ['x', 'FaileD']"));
    assert_false(passes("SELECT * FROM devices.jobs WHERE status NIN ['FaileD']"));
    assert_true(passes("SELECT * FROM devices.jobs WHERE jobType = 'ScheduleUpdateTwin'"));
    assert_false(passes("SELECT * FROM devices.jobs WHERE deviceId = 'DEV-A1'"));
    assert_false(passes("SELECT * FROM devices WHERE status = 'Failed'"));
}

static void conditions_are_values_too(void **state)
{
    (void)state;
    static const struct condition conditions[] = {
        {"(tags.n = 5) = true", 'T'},
        {"(tags.n = 4) = true", 'F'},
        {"(tags.n = 4) = false", 'T'},
        {"(tags.nope = 4) = false", 'U'},
        {"(tags.t AND tags.f) = false", 'T'},
        {"(tags.t OR tags.f) IN [true]", 'T'},
        {"(NOT tags.t) = tags.f", 'T'},
        {"is_bool(tags.n IN [5])", 'T'},
        {"is_bool(tags.nope IN [5])", 'F'},
        {"array_contains([tags.n > 4], true)", 'T'},
        {"is_string(tags.s) = is_number(tags.n)", 'T'},
        {"(tags.n > 4) + 1 = 2", 'U'},
    };
    check_conditions(conditions, ARRAY_SIZE(conditions));
}

static void no_where_passes_everything(void **state)
{
    (void)state;
    assert_true(passes("SELECT * FROM devices"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logic_has_three_values),
        cmocka_unit_test(what_is_no_boolean_is_undefined_in_logic),
        cmocka_unit_test(values_compare_within_their_type),
        cmocka_unit_test(values_of_two_types_are_unequal_and_have_no_order),
        cmocka_unit_test(a_dialect_can_refuse_to_compare_types),
        cmocka_unit_test(in_and_nin),
        cmocka_unit_test(arithmetic_is_for_numbers),
        cmocka_unit_test(functions),
        cmocka_unit_test(a_jobs_words_ignore_case),
        cmocka_unit_test(conditions_are_values_too),
        cmocka_unit_test(no_where_passes_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
