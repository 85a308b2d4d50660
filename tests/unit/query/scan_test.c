/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "parsed.h"

/* What is projected of one JSON text given as tags. */
static void check_scan(const char *select, struct str json, const char *expected)
{
    char text[512];
    (void)snprintf(text, sizeof(text), "SELECT %s FROM devices", select);
    struct parsed parsed CLEANUP(parsed_finish) = parse_right(text);
    struct query_row *row CLEANUP(query_row_destroyp) = NULL;
    assert_int_equal(query_row_create(parsed.query, &row), STATUS_OK);
    const enum status status = query_row_scan(row, QUERY_TAGS, json);
    if (expected == NULL) {
        assert_int_equal(status, STATUS_CORRUPT);
        return;
    }
    assert_int_equal(status, STATUS_OK);
    struct buf out CLEANUP(buf_finish) = BUF_INIT(1U << 20);
    query_project(parsed.query, row, &out);
    assert_str_equal(buf_str(&out), expected);
}

static void the_scanner_finds_what_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *select;
        const char *json;
        const char *row;
    } scans[] = {
        {"tags", "{}", "{\"tags\":{}}"},
        {"tags", " {\"a\" : 1 } ", "{\"tags\":{\"a\" : 1 }}"},
        {"tags", "", "{}"},
        {"tags.a", "{}", "{}"},
        {"tags.a", "{\"a\":1}", "{\"a\":1}"},
        {"tags.a", "{\"b\":1}", "{}"},
        {"tags.a", "{\"A\":1}", "{}"},
        {"tags.a", "{\"aa\":1,\"\":2,\"a\":3}", "{\"a\":3}"},
        {"tags.a", "{\"x\":{\"a\":1},\"y\":[{\"a\":2}],\"a\":3}", "{\"a\":3}"},
        {"tags.a", "{\"x\":\"\\\"a\\\":1,}]\",\"a\":2}", "{\"a\":2}"},
        {"tags.a", "{\"x\":\"\\\\\",\"a\":2}", "{\"a\":2}"},
        {"tags.a", "\t{ \"a\"\r\n:\t[ 1 , 2 ]\n}", "{\"a\":[ 1 , 2 ]}"},
        {"tags.a", "{\"a\":\"x\\u0041\\n\\/\\\"\"}", "{\"a\":\"xA\\n/\\\"\"}"},
        {"tags.a", "{\"a\":\"\\ud83d\\ude00\\ud83d\"}", "{\"a\":\"\xF0\x9F\x98\x80\xEF\xBF\xBD\"}"},
        {"tags.a", "{\"\\u0061\":1}", "{\"a\":1}"},
        {"tags.[[a\"b]]", "{\"a\\\"b\":1}", "{\"a\\\"b\":1}"},
        {"tags.a", "{\"a\":1.50}", "{\"a\":1.50}"}, /* numbers come out as they were stored */
        {"tags.a", "{\"a\":123456789012345678901234567890}",
         "{\"a\":123456789012345678901234567890}"},
        {"tags.a, tags.b, tags.c, tags.d", "{\"a\":true,\"b\":false,\"c\":null,\"d\":\"\"}",
         "{\"a\":true,\"b\":false,\"c\":null,\"d\":\"\"}"},
        {"tags.b.c, tags.a.b.c AS x, tags.b AS y",
         "{\"a\":{\"b\":{\"c\":1,\"d\":2},\"e\":3},\"b\":{\"c\":4}}",
         "{\"c\":4,\"x\":1,\"y\":{\"c\":4}}"},
        {"tags AS t, tags.a AS u, tags.a.b AS v", "{\"x\":0,\"a\":{\"y\":1,\"b\":2},\"z\":3}",
         "{\"t\":{\"x\":0,\"a\":{\"y\":1,\"b\":2},\"z\":3},\"u\":{\"y\":1,\"b\":2},\"v\":2}"},
        {"tags.a.b", "{\"a\":1}", "{}"},
        {"tags.a.b", "{\"a\":\"b\"}", "{}"},
        {"tags.a.b", "{\"a\":[{\"b\":1}]}", "{}"},
        {"tags.a.b", "{\"a\":null}", "{}"},
        {"tags.a.b, tags.c", "{\"a\":{},\"c\":1}", "{\"c\":1}"},
        {"tags.a.b, tags.c", "{\"a\":{\"b\":1,\"x\":{\"c\":2}},\"c\":3}", "{\"b\":1,\"c\":3}"},
        {"tags.a", "{\"a\":1,\"a\":2}", "{\"a\":1}"}, /* the first of two counts */
        {"tags.a.b, tags.c", "{\"a\":3,\"a\":{\"b\":2},\"c\":4}", "{\"c\":4}"},
        {"tags.a", "[1,2]", "{}"},
        {"tags.a", "7", "{}"},
        {"tags", "7", "{\"tags\":7}"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(scans); i++) {
        check_scan(scans[i].select, str_from(scans[i].json), scans[i].row);
    }
}

static void what_is_no_json_is_corrupt_and_never_read_past(void **state)
{
    (void)state;
    static const char *const texts[] = {
        " ",
        "{",
        "{\"",
        "{\"a",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":\"",
        "{\"a\":\"\\",
        "{\"b\":[",
        "{\"b\":{\"c",
        "{\"b\":1",
        "{\"b\":1,",
        "{\"b\":1 \"a\":2}",
        "{\"b\" 1}",
        "{\"a\":}",
        "{\"a\":x}",
        "{\"a\":tru}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12\"}",
        "{\"\\x\":1}",
        "{b:1}",
        "{\"b\":1]",
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        /* A copy of the exact size: the address sanitizer sees a byte too many. */
        const size_t size = strlen(texts[i]);
        char *copy = mem_alloc(size);
        assert_non_null(copy);
        memcpy(copy, texts[i], size);
        check_scan("tags.a", str_of(copy, size), NULL);
        mem_free(copy);
    }
}

static void a_row_forgets_the_last_document(void **state)
{
    (void)state;
    struct parsed parsed CLEANUP(parsed_finish) =
        parse_right("SELECT tags.a, deviceId FROM devices");
    struct query_row *row CLEANUP(query_row_destroyp) = NULL;
    assert_int_equal(query_row_create(parsed.query, &row), STATUS_OK);
    struct buf out CLEANUP(buf_finish) = BUF_INIT(1000);
    for (size_t i = 0; i < 3; i++) {
        query_row_clear(row);
        query_row_set(row, QUERY_DEVICE_ID, query_string(STR("d")));
        query_row_set(row, QUERY_ETAG, query_string(STR("not asked for")));
        assert_int_equal(query_row_scan(row, QUERY_TAGS, STR("{\"a\":\"\\u0041\"}")), STATUS_OK);
        assert_int_equal(query_row_scan(row, QUERY_DESIRED, STR("not asked for")), STATUS_OK);
        buf_clear(&out);
        query_project(parsed.query, row, &out);
        assert_str_equal(buf_str(&out), "{\"a\":\"A\",\"deviceId\":\"d\"}");
    }
    query_row_clear(row);
    buf_clear(&out);
    query_project(parsed.query, row, &out);
    assert_str_equal(buf_str(&out), "{}");
}

static void many_paths_are_found_in_one_walk(void **state)
{
    (void)state;
    struct buf text CLEANUP(buf_finish) = BUF_INIT(1U << 16);
    struct buf json CLEANUP(buf_finish) = BUF_INIT(1U << 16);
    buf_append_str(&text, STR("SELECT "));
    buf_append_byte(&json, '{');
    for (int i = 0; i < 300; i++) {
        buf_append_format(&text, "%stags.k%d", i == 0 ? "" : ",", i * 7 % 300);
        buf_append_format(&json, "%s\"k%d\":%d", i == 0 ? "" : ",", i, i);
    }
    buf_append_str(&text, STR(" FROM devices"));
    buf_append_byte(&json, '}');
    struct parsed parsed CLEANUP(parsed_finish) = parse_str(buf_str(&text));
    assert_int_equal(parsed.status, STATUS_OK);
    struct query_row *row CLEANUP(query_row_destroyp) = NULL;
    assert_int_equal(query_row_create(parsed.query, &row), STATUS_OK);
    assert_int_equal(query_row_scan(row, QUERY_TAGS, buf_str(&json)), STATUS_OK);
    struct buf expected CLEANUP(buf_finish) = BUF_INIT(1U << 16);
    for (int i = 0; i < 300; i++) {
        buf_append_format(&expected, "%s\"k%d\":%d", i == 0 ? "{" : ",", i * 7 % 300, i * 7 % 300);
    }
    buf_append_byte(&expected, '}');
    struct buf out CLEANUP(buf_finish) = BUF_INIT(1U << 16);
    query_project(parsed.query, row, &out);
    assert_str_equal(buf_str(&out), expected.data);
}

/* Wholes that the hub keeps in parts (reference, 2.2). */
static void objects_are_put_together_from_their_parts(void **state)
{
    (void)state;
    struct parsed parsed CLEANUP(parsed_finish) =
        parse_right("SELECT properties, properties.desired, properties.reported.$version AS v, "
                    "properties.desired.$metadata.$lastUpdated, x509Thumbprint, capabilities, "
                    "capabilities.iotEdge AS edge, properties.desired.x FROM devices");
    struct query_row *row CLEANUP(query_row_destroyp) = NULL;
    assert_int_equal(query_row_create(parsed.query, &row), STATUS_OK);
    assert_int_equal(query_row_scan(row, QUERY_DESIRED, STR("{ \"x\":1 }")), STATUS_OK);
    assert_int_equal(query_row_scan(row, QUERY_REPORTED, STR("{}")), STATUS_OK);
    assert_int_equal(
        query_row_scan(row, QUERY_DESIRED_METADATA, STR("{\"$lastUpdated\":\"2024\"}")), STATUS_OK);
    query_row_set(row, QUERY_DESIRED_VERSION, query_number(4));
    query_row_set(row, QUERY_REPORTED_VERSION, query_number(7));
    query_row_set(row, QUERY_PRIMARY_THUMBPRINT, query_null());
    query_row_set(row, QUERY_IOT_EDGE, query_boolean(false));
    struct buf out CLEANUP(buf_finish) = BUF_INIT(4096);
    query_project(parsed.query, row, &out);
    assert_str_equal(
        buf_str(&out),
        "{\"properties\":{\"desired\":{\"x\":1 ,\"$metadata\":{\"$lastUpdated\":\"2024\"},"
        "\"$version\":4},\"reported\":{\"$version\":7}},"
        "\"desired\":{\"x\":1 ,\"$metadata\":{\"$lastUpdated\":\"2024\"},\"$version\":4},"
        "\"v\":7,\"$lastUpdated\":\"2024\",\"x509Thumbprint\":{\"primaryThumbprint\":null},"
        "\"capabilities\":{\"iotEdge\":false},\"edge\":false,\"x\":1}");
}

static void a_buffer_too_small_says_so(void **state)
{
    (void)state;
    struct parsed parsed CLEANUP(parsed_finish) = parse_right("SELECT deviceId FROM devices");
    struct query_row *row CLEANUP(query_row_destroyp) = NULL;
    assert_int_equal(query_row_create(parsed.query, &row), STATUS_OK);
    query_row_set(row, QUERY_DEVICE_ID, query_string(STR("d")));
    const size_t whole = strlen("{\"deviceId\":\"d\"}");
    for (size_t size = 0; size <= whole; size++) {
        struct buf out CLEANUP(buf_finish) = BUF_INIT(size);
        query_project(parsed.query, row, &out);
        assert_int_equal(buf_status(&out), size < whole ? STATUS_LIMIT : STATUS_OK);
    }
}

static void scan_once(void *ctx)
{
    const struct query *query = ctx;
    struct query_row *row CLEANUP(query_row_destroyp) = NULL;
    if (query_row_create(query, &row) != STATUS_OK) {
        assert_null(row);
        return;
    }
    const enum status status =
        query_row_scan(row, QUERY_TAGS, STR("{\"\\u0062\":1,\"a\":\"\\u0041\"}"));
    assert_true(status == STATUS_OK || status == STATUS_NO_MEMORY);
}

static void scanning_survives_failing_allocations(void **state)
{
    (void)state;
    struct parsed parsed CLEANUP(parsed_finish) = parse_right("SELECT tags.a FROM devices");
    union {
        const struct query *query;
        void *ctx;
    } same = {.query = parsed.query};
    check_under_failing_allocations(scan_once, same.ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_scanner_finds_what_is_named),
        cmocka_unit_test(what_is_no_json_is_corrupt_and_never_read_past),
        cmocka_unit_test(a_row_forgets_the_last_document),
        cmocka_unit_test(many_paths_are_found_in_one_walk),
        cmocka_unit_test(objects_are_put_together_from_their_parts),
        cmocka_unit_test(a_buffer_too_small_says_so),
        cmocka_unit_test(scanning_survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
