/* SPDX-License-Identifier: MIT */
#include "route.h"

/* What message routes mean (reference, 6.1 and 7.4). */

static void every_route_vector_of_the_reference_gives_its_result(void **state)
{
    (void)state;
    cJSON *file = vectors_file(VECTORS_FILE);
    const cJSON *routes = json_member(file, "routes");
    struct envelope envelope;
    struct buf body CLEANUP(buf_finish) = BUF_INIT(TEXT_MAX);
    fill_envelope(&envelope, json_member(routes, "message"), &body, "");
    size_t count = 0;
    const cJSON *vector = NULL;
    cJSON_ArrayForEach(vector, json_member(routes, "vectors"))
    {
        route_check(json_member(vector, "condition")->valuestring,
                    json_member(vector, "result")->valuestring, &envelope.message);
        count++;
    }
    assert_int_equal(count, 32);
    cJSON_Delete(file);
}

static void logic_knows_null_and_undefined(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"true", "true"},
        {"null", "false"},
        {"undefined", "undefined"},
        {"not null", "true"},
        {"null and null", "false"},
        {"(null and false) = null", "true"},
        {"(false and null) = null", "true"},
        {"(null and true) = null", "true"},
        {"null or true", "true"},
        {"null or false", "false"},
        {"(null or null) = null", "true"},
        {"undefined or true", "true"},
        {"undefined or false", "undefined"},
        {"undefined and false", "false"},
        {"false and undefined", "false"},
        {"undefined and true", "undefined"},
        {"true and undefined", "undefined"},
        {"true and undefined and false", "false"},
        {"false or undefined or true", "true"},
        {"true or undefined or false", "true"},
        {"not true or true", "true"},
        {"not (true or true)", "false"},
        {"not $body.W.N", "true"},
        {"$body.W.N or $body.W.On", "true"},
        {"$body.W.N and $body.W.On", "false"},
        {"$body.W.T or true", "true"},
        {"$body.W.T and true", "undefined"},
        {"$body.W.N", "false"},
        {"'true'", "undefined"},
        {"3", "undefined"},
    };
    route_check_all(VECTORS_FILE, rows, ARRAY_SIZE(rows));
}

static void operands_of_different_kinds_are_refused_when_saved(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"3 = key1", "error"},
        {"3 < none", "error"},
        {"key1 = null", "error"},
        {"key1 != undefined", "error"},
        {"null = null", "true"},
        {"null >= null", "true"},
        {"undefined < undefined", "undefined"},
        {"true < false", "false"},
        {"true = 'true'", "error"},
        {"'a' + 'b'", "error"},
        {"undefined + undefined", "error"},
        {"- (key1)", "error"},
        {"- as_number(key2) = -3", "true"},
        {"not key1", "error"},
        {"not undefined", "error"},
        {"none and true", "error"},
        {"undefined and 'hello'", "error"},
        {"'a' || null = 'a'", "error"},
        {"'a' || 1 = 'a1'", "error"},
        {"key1 ?? \"hello\" = \"value1\"", "error"},
        {"(key1 ?? 12.34)", "error"},
        {"(key1 ?? null)", "error"},
        {"undefined ?? undefined", "undefined"},
        {"(as_number(key1) ?? 12.34) = 12.34", "true"},
        {"(none ?? none ?? 'h') = 'h'", "true"},
        {"length(12.34) = 5", "error"},
        {"abs(key1) = 1", "error"},
        {"power(2, null) = 1", "error"},
        {"substring('abc', 'a') = 'a'", "error"},
        {"as_number(true) = 1", "error"},
        {"as_number(as_number(4)) * 3 = 12", "true"},
        {"$body.W.T = '50' or $body.W.T = 50", "true"},
        {"$body.W.T + 1 = 51", "true"},
        {"$body.W.T || 'x' = 'x'", "undefined"},
        {"$body.none = undefined", "undefined"},
        {"abs($body.W.T) = 50", "true"},
        {"not $body.W.T", "undefined"},
        {"1 < 2 < 3", "error"},
        {"1 < 2 = true", "true"},
        {"true = 1 < 2", "true"},
        {"1 = 1 = true != false", "true"},
        {"not 1 = 1", "error"},
        {"not false = true", "true"},
    };
    route_check_all(VECTORS_FILE, rows, ARRAY_SIZE(rows));
}

static void names_find_properties_body_and_twin(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"KEY3 = 'VALUE3'", "true"},
        {"$SYS2 = '4'", "true"},
        {"{ $sys1 } = 'sysvalue1'", "true"},
        {"{$none} = 'x'", "undefined"},
        {"$none = 'x'", "undefined"},
        {"sys1 = 'sysvalue1'", "undefined"},
        {"-undefined = 'x'", "undefined"},
        {"$BODY.W.T = 50", "true"},
        {"{$body.W.T} = 50", "true"},
        {"$body.w.T = 50", "undefined"},
        {"$body = 'x'", "undefined"},
        {"$body.none = null", "undefined"},
        {"$body.W.N = null", "true"},
        {"$body.W.N != 1", "true"},
        {"$body.W.N < 1", "undefined"},
        {"$body.W.T != null", "true"},
        {"$body.W.Prev[2] = 40", "true"},
        {"$body.W.Prev[3] = 40", "undefined"},
        {"$body.W.T[0] = 50", "undefined"},
        {"$body.W.Prev = null", "undefined"},
        {"is_defined($body.W.Prev)", "false"},
        {"is_array($body.W.Prev)", "true"},
        {"is_object($body.W)", "true"},
        {"is_object($body.W.T)", "false"},
        {"is_primitive($body.W.T)", "true"},
        {"is_primitive($body.W)", "false"},
        {"is_defined($body.W.D)", "false"},
        {"is_string($body.W.D)", "false"},
        {"$twin.tags.floor = 3", "true"},
        {"$TWIN.Tags.FLOOR = 2", "true"},
        {"$twin.TAGS.site = 'x'", "true"},
        {"$twin.properties.desired.list[0].A = 1", "true"},
        {"$twin.none[0].a = 1", "undefined"},
        {"$twin = 1", "undefined"},
        {"$body.[0] = 1", "error"},
        {"$body.a[0][1] = 1", "error"},
        {"$body.a[x] = 1", "error"},
        {"$body.a[] = 1", "error"},
        {"$body.a[0 = 1", "error"},
        {"$body.a]0[ = 1", "error"},
        {"$body.a[0]b = 1", "error"},
        {"$body..a = 1", "error"},
        {"$body. = 1", "error"},
        {"$body[0] = 1", "error"},
        {"$sys1[0] = 'x'", "error"},
        {"key1[0] = 'x'", "error"},
        {"{key1} = 'x'", "error"},
        {"{$key1 = 'x'", "error"},
    };
    route_check_all(VECTORS_FILE, rows, ARRAY_SIZE(rows));
}

static void an_application_property_wins_over_the_body(void **state)
{
    (void)state;
    static const struct query_property properties[] = {{{"$body.a", 7}, {"text", 4}}};
    static const struct query_property system[] = {
        {{"contenttype", 11}, {"Application/JSON; charset=utf-8", 31}},
        {{"CONTENTENCODING", 15}, {" UTF-8 ", 7}}};
    const struct query_message message = {
        .application = properties,
        .application_count = 1,
        .system = system,
        .system_count = 2,
        .body = STR("{\"a\":1,\"[b]\":2}"),
    };
    route_check("$body.a = 'text'", "true", &message);
    route_check("$BODY.A = 'text'", "true", &message);
    route_check("{$body.a} = 1", "true", &message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_vector_of_the_reference_gives_its_result),
        cmocka_unit_test(logic_knows_null_and_undefined),
        cmocka_unit_test(operands_of_different_kinds_are_refused_when_saved),
        cmocka_unit_test(names_find_properties_body_and_twin),
        cmocka_unit_test(an_application_property_wins_over_the_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
