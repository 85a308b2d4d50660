/* SPDX-License-Identifier: MIT */
#include "route.h"

/* The functions of message routes, and the values that come out of a body. */

/* The functions, each with what the routing code's own tests expect. */
static void functions_compute(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"abs(-12) = 12", "true"},
        {"abs(exp(1) - 2.718281) < 1e-6", "true"},
        {"exp(4000) = 3 / 0", "true"},
        {"POWER(3, 2) = 9", "true"},
        {"square(3) = 9", "true"},
        {"ceiling(-2.1) = -2", "true"},
        {"floor(-2.1) = -3", "true"},
        {"sign(0) = 0 and sign(2.1) = 1 and sign(-3 / 0) = -1", "true"},
        {"sqrt(4) = 2", "true"},
        {"is_defined(sqrt(3 % 0))", "false"},
        {"abs(3, 4) = 3", "error"},
        {"as_number('10e10') = 10e10", "true"},
        {"as_number('10e1000') = 1 / 0", "true"},
        {"as_number(' -1.5 ') = -1.5", "true"},
        {"as_number('+.5') = .5", "true"},
        {"as_number('1.') = 1", "true"},
        {"as_number('.') = 0", "undefined"},
        {"as_number('1e') = 1", "undefined"},
        {"as_number('1x') = 1", "undefined"},
        {"as_number('+-1') = -1", "undefined"},
        {"as_number('') = 0", "undefined"},
        {"as_number(none) = 0", "undefined"},
        {"as_number(null_value) = 0", "undefined"},
        {"is_bool(true)", "true"},
        {"is_bool(key1)", "false"},
        {"is_null(none)", "false"},
        {"is_number(as_number(key2))", "true"},
        {"is_number(3 / 0)", "false"},
        {"is_string(null_value)", "false"},
        {"is_defined(null_value)", "true"},
        {"concat('a', null_value, key1) = 'avalue1'", "true"},
        {"is_defined(concat('a', none))", "false"},
        {"'a' || null_value || 'd' = 'ad'", "true"},
        {"is_defined('a' || none || 'd')", "false"},
        {"length('\\u00e9\\ud83d\\ude00') = 3", "true"},
        {"length(null_value) = 0", "undefined"},
        {"lower('HEL\\u00c9\\u0416') = 'hel\\u00e9\\u0436'", "true"},
        {"upper('a\\u0101\\u0100b\\u00f7z') = 'A\\u0100\\u0100B\\u00f7Z'", "true"},
        {"upper('\\u0450') = '\\u0400' and lower('\\u0400') = '\\u0450'", "true"},
        {"substring('abc', 1) = 'bc'", "true"},
        {"substring('abc', -1) = ''", "undefined"},
        {"substring('abc', 1 % 0) = ''", "undefined"},
        {"substring('abc', 1, 1) = 'b'", "true"},
        {"substring('abc', 1, 2) = 'bc'", "true"},
        {"substring('abc', 1, 3) = 'bc'", "undefined"},
        {"substring('abc', 3, 0) = ''", "undefined"},
        {"substring('abc', 1, -2) = ''", "undefined"},
        {"substring('\\ud83d\\ude00x', 2) = 'x'", "true"},
        {"substring('\\ud83d\\ude00x', 1) = 'x'", "undefined"},
        {"index_of('lue1value1', key1) = 4", "true"},
        {"index_of('\\ud83d\\ude00x', 'x') = 2", "true"},
        {"index_of('abc', '') = 0", "true"},
        {"index_of('', 'a') = -1", "true"},
        {"starts_with('abc', 'ab') and ends_with('abc', 'bc')", "true"},
        {"contains('value1value1', key1)", "true"},
        {"contains('abc', none)", "undefined"},
        {"concat() = ''", "error"},
        {"substring('a') = ''", "error"},
        {"substring('a', 1, 2, 3) = ''", "error"},
        {"contains(key1) = true", "error"},
        {"array_contains(key1, 'a')", "error"},
        {"twin_change_includes(tags)", "error"},
    };
    route_check_all(VECTORS_FILE, rows, ARRAY_SIZE(rows));
}

static void dates_in_the_body_have_no_value(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_date;
    } rows[] = {
        {"2017-03-09T00:00:00Z", true},
        {"2017-03-09T00:00:00", true},
        {"2017-03-09T23:59:59.1234567+01:00", true},
        {"2017-03-09T00:00:00-0100", true},
        {"2017-03-09T00:00:00+01", true},
        {"2016-02-29T00:00:00Z", true},
        {"2017-02-29T00:00:00Z", false},
        {"1900-02-29T00:00:00Z", false},
        {"2000-02-29T00:00:00Z", true},
        {"2017-13-01T00:00:00Z", false},
        {"2017-00-01T00:00:00Z", false},
        {"2017-04-31T00:00:00Z", false},
        {"2017-03-09T24:00:00Z", false},
        {"2017-03-09T00:60:00Z", false},
        {"2017-03-09T00:00:60Z", false},
        {"2017-03-09 00:00:00Z", false},
        {"2017-03-09T00:00:00.Z", false},
        {"2017-03-09T00:00:00+24:00", false},
        {"2017-03-09T00:00:00+01:60", false},
        {"2017-03-09T00:00:00+1", false},
        {"2017-03-09T00:00:00Zx", false},
        {"2017-03-09T00:00Z", false},
        {"2017-03-09", false},
        {"2017-03-0xT00:00:00Z", false},
    };
    static const struct query_property system[] = {{{"contentType", 11}, {"application/json", 16}},
                                                   {{"contentEncoding", 15}, {"utf-8", 5}}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char body[128];
        (void)snprintf(body, sizeof(body), "{\"d\":\"%s\"}", rows[i].text);
        const struct query_message message = {
            .system = system, .system_count = 2, .body = str_from(body)};
        route_check("is_string($body.d)", rows[i].is_date ? "false" : "true", &message);
    }
}

static void a_body_is_read_when_its_type_and_encoding_say_json(void **state)
{
    (void)state;
    static const struct {
        const char *type, *encoding;
        struct str body;
        const char *expected;
    } rows[] = {
        {"application/json", "utf-8", {"{\"a\":1}", 7}, "true"},
        {"text/plain", "utf-8", {"{\"a\":1}", 7}, "undefined"},
        {"application/json", "us-ascii", {"{\"a\":1}", 7}, "undefined"},
        {"application/json", "", {"{\"a\":1}", 7}, "undefined"},
        {"", "utf-8", {"{\"a\":1}", 7}, "undefined"},
        {"application/json", "utf-8", {"{\"a\":1", 6}, "undefined"},
        {"application/json", "utf-8", {"", 0}, "undefined"},
        {"application/json", "UTF-16", {"{\0\"\0a\0\"\0:\0001\0}\0", 14}, "true"},
        {"application/json", "utf-16", {"\xFE\xFF\0{\0\"\0a\0\"\0:\0001\0}", 16}, "true"},
        {"application/json", "utf-16", {"\xFF\xFE{\0\"\0a\0\"\0:\0001\0}\0", 16}, "true"},
        {"application/json", "utf-16", {"{\0\"\0a\0\"\0:\0001\0}", 13}, "undefined"},
        {"application/json",
         "utf-32",
         {"{\0\0\0\"\0\0\0a\0\0\0\"\0\0\0:\0\0\0001\0\0\0}\0\0\0", 28},
         "true"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct query_property system[] = {
            {{"contentType", 11}, str_from(rows[i].type)},
            {{"contentEncoding", 15}, str_from(rows[i].encoding)}};
        const struct query_message message = {
            .system = system, .system_count = 2, .body = rows[i].body};
        route_check("$body.a = 1", rows[i].expected, &message);
    }
    const struct query_message bare = {.body = STR("{\"a\":1}")};
    route_check("$body.a = 1", "undefined", &bare);
    static const struct query_property system[] = {{{"contentType", 11}, {"application/json", 16}},
                                                   {{"contentEncoding", 15}, {"utf-16", 6}}};
    const struct query_message pair = {
        .system = system,
        .system_count = 2,
        .body = {"{\0\"\0a\0\"\0:\0\"\0\x3D\xD8\x00\xDE\"\0}\0", 20}};
    route_check("$body.a = '\\ud83d\\ude00'", "true", &pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_compute),
        cmocka_unit_test(dates_in_the_body_have_no_value),
        cmocka_unit_test(a_body_is_read_when_its_type_and_encoding_say_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
