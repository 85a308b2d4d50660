/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "parsed.h"

/* Adds one document whose tags are `json`. */
static enum status add(struct query_groups *groups, struct query_row *row, const char *json)
{
    query_row_clear(row);
    assert_int_equal(query_row_scan(row, QUERY_TAGS, str_from(json)), STATUS_OK);
    return query_groups_add(groups, row);
}

/* The rows of `text` over documents with these tags. */
static void check_rows(const char *text, const char *const *documents, const char *expected)
{
    struct parsed parsed CLEANUP(parsed_finish) = parse_right(text);
    struct query_row *row CLEANUP(query_row_destroyp) = NULL;
    assert_int_equal(query_row_create(parsed.query, &row), STATUS_OK);
    struct query_groups *groups CLEANUP(query_groups_destroyp) = NULL;
    assert_int_equal(query_groups_create(parsed.query, 100, 1U << 20, &groups), STATUS_OK);
    for (; *documents != NULL; documents++) {
        assert_int_equal(add(groups, row, *documents), STATUS_OK);
    }
    struct buf out CLEANUP(buf_finish) = BUF_INIT(1U << 16);
    for (size_t i = 0; i < query_groups_size(groups); i++) {
        query_groups_append(groups, i, &out);
    }
    if (!str_equal(buf_str(&out), str_from(expected))) {
        fail_msg("%s\n gave %s\n not  %s", text, out.data, expected);
    }
}

#define DOCUMENTS(...)                                                                             \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }
#define NONE ((const char *const[]){NULL})

static void without_group_by_there_is_one_row(void **state)
{
    (void)state;
    check_rows("SELECT COUNT() AS n FROM devices", NONE, "{\"n\":0}");
    check_rows("SELECT COUNT() AS n FROM devices", DOCUMENTS("{}", "{}"), "{\"n\":2}");
    check_rows("SELECT SUM(tags.a) AS s, AVG(tags.a) AS a, MIN(tags.a) AS lo, MAX(tags.a) AS hi, "
               "COUNT() FROM devices",
               NONE, "{\"s\":0,\"$1\":0}");
    check_rows("SELECT TOP 1 COUNT() FROM devices", NONE, "{\"$1\":0}");
}

static void aggregates_skip_what_is_missing(void **state)
{
    (void)state;
    static const char text[] = "SELECT COUNT() AS n, SUM(tags.a) AS s, AVG(tags.a) AS a, "
                               "MIN(tags.a) AS lo, MAX(tags.a) AS hi FROM devices";
    check_rows(text, DOCUMENTS("{\"a\":1}", "{}", "{\"a\":4.5}", "{\"a\":-2}"),
               "{\"n\":4,\"s\":3.5,\"a\":1.1666666666666667,\"lo\":-2,\"hi\":4.5}");
    check_rows(text, DOCUMENTS("{}", "{}"), "{\"n\":2,\"s\":0}");
    check_rows(text, DOCUMENTS("{\"a\":1}", "{\"a\":null}"), "{\"n\":2}");
    check_rows(text, DOCUMENTS("{\"a\":1}", "{\"a\":\"x\"}", "{\"a\":2}"), "{\"n\":3}");
    check_rows(text, DOCUMENTS("{\"a\":{}}"), "{\"n\":1}");
    check_rows(text, DOCUMENTS("{\"a\":null}"), "{\"n\":1,\"lo\":null,\"hi\":null}");
    check_rows(text, DOCUMENTS("{\"a\":true}", "{\"a\":false}"),
               "{\"n\":2,\"lo\":false,\"hi\":true}");
    check_rows(text, DOCUMENTS("{\"a\":\"b\"}", "{\"a\":\"a much longer one\"}", "{\"a\":\"\"}"),
               "{\"n\":3,\"lo\":\"\",\"hi\":\"b\"}");
    check_rows(text, DOCUMENTS("{\"a\":1e308}", "{\"a\":1e308}"),
               "{\"n\":2,\"lo\":1e308,\"hi\":1e308}"); /* infinity is no JSON */
}

static void groups_come_in_the_order_they_were_seen(void **state)
{
    (void)state;
    static const char text[] = "SELECT tags.g, COUNT() AS n FROM devices GROUP BY tags.g";
    check_rows(text, NONE, "");
    check_rows(text, DOCUMENTS("{\"g\":\"b\"}", "{\"g\":\"a\"}", "{}", "{\"g\":\"b\"}"),
               "{\"g\":\"b\",\"n\":2}{\"g\":\"a\",\"n\":1}{\"n\":1}");
    check_rows("SELECT TOP 2 tags.g FROM devices GROUP BY tags.g",
               DOCUMENTS("{\"g\":1}", "{\"g\":2}", "{\"g\":3}"), "{\"g\":1}{\"g\":2}");
}

/* Reference, 3.8: by JSON value. */
static void keys_are_equal_when_their_values_are(void **state)
{
    (void)state;
    static const char text[] = "SELECT tags.g, COUNT() AS n FROM devices GROUP BY tags.g";
    check_rows(text, DOCUMENTS("{\"g\":1}", "{\"g\":1.0}", "{\"g\":10e-1}", "{\"g\":\"1\"}"),
               "{\"g\":1,\"n\":3}{\"g\":\"1\",\"n\":1}");
    check_rows(text, DOCUMENTS("{\"g\":0}", "{\"g\":-0.0}"), "{\"g\":0,\"n\":2}");
    check_rows(text, DOCUMENTS("{\"g\":\"A\"}", "{\"g\":\"\\u0041\"}", "{\"g\":\"a\"}"),
               "{\"g\":\"A\",\"n\":2}{\"g\":\"a\",\"n\":1}");
    check_rows(text, DOCUMENTS("{\"g\":null}", "{\"g\":true}", "{\"g\":\"null\"}", "{\"g\":null}"),
               "{\"g\":null,\"n\":2}{\"g\":true,\"n\":1}{\"g\":\"null\",\"n\":1}");
    check_rows(text,
               DOCUMENTS("{\"g\":{\"a\":1,\"b\":[1,{}]}}", "{\"g\":{\"b\":[1.0,{}],\"a\":1}}",
                         "{\"g\":{\"b\":[{},1],\"a\":1}}"),
               "{\"g\":{\"a\":1,\"b\":[1,{}]},\"n\":2}{\"g\":{\"b\":[{},1],\"a\":1},\"n\":1}");
    check_rows("SELECT tags.a, tags.b FROM devices GROUP BY tags.a, tags.b",
               DOCUMENTS("{\"a\":\"x\"}", "{\"b\":\"x\"}", "{\"a\":\"x\"}"),
               "{\"a\":\"x\"}{\"b\":\"x\"}");
}

static void the_number_of_groups_is_bounded(void **state)
{
    (void)state;
    struct parsed parsed CLEANUP(parsed_finish) =
        parse_right("SELECT tags.g, COUNT() AS n FROM devices GROUP BY tags.g");
    struct query_row *row CLEANUP(query_row_destroyp) = NULL;
    assert_int_equal(query_row_create(parsed.query, &row), STATUS_OK);
    struct query_groups *groups CLEANUP(query_groups_destroyp) = NULL;
    assert_int_equal(query_groups_create(parsed.query, 2, 1U << 20, &groups), STATUS_OK);
    assert_int_equal(add(groups, row, "{\"g\":1}"), STATUS_OK);
    assert_int_equal(add(groups, row, "{\"g\":2}"), STATUS_OK);
    assert_int_equal(add(groups, row, "{\"g\":1}"), STATUS_OK);
    assert_int_equal(add(groups, row, "{\"g\":3}"), STATUS_LIMIT);
    assert_int_equal(add(groups, row, "{\"g\":2}"), STATUS_OK); /* those there are still count */
    assert_int_equal(query_groups_size(groups), 2);
}

static void the_bytes_of_groups_are_bounded(void **state)
{
    (void)state;
    struct parsed parsed CLEANUP(parsed_finish) =
        parse_right("SELECT MAX(tags.m) FROM devices GROUP BY tags.g");
    struct query_row *row CLEANUP(query_row_destroyp) = NULL;
    assert_int_equal(query_row_create(parsed.query, &row), STATUS_OK);
    struct query_groups *groups CLEANUP(query_groups_destroyp) = NULL;
    assert_int_equal(query_groups_create(parsed.query, 1000, 500, &groups), STATUS_OK);
    char json[700];
    (void)snprintf(json, sizeof(json), "{\"m\":\"t%0*d\"}", 600, 0);
    assert_int_equal(add(groups, row, "{\"m\":\"short\"}"), STATUS_OK);
    assert_int_equal(add(groups, row, json), STATUS_LIMIT);
    enum status status = STATUS_OK;
    for (int i = 0; i < 100 && status == STATUS_OK; i++) {
        char tags[32];
        (void)snprintf(tags, sizeof(tags), "{\"g\":\"%d\"}", i);
        status = add(groups, row, tags);
    }
    assert_int_equal(status, STATUS_LIMIT);
}

static void documents_can_be_counted_unseen(void **state)
{
    (void)state;
    struct parsed parsed CLEANUP(parsed_finish) =
        parse_right("SELECT COUNT() AS a, COUNT() AS b FROM devices");
    struct query_groups *groups CLEANUP(query_groups_destroyp) = NULL;
    assert_int_equal(query_groups_create(parsed.query, 1, 1000, &groups), STATUS_OK);
    query_groups_count_rows(groups, UINT64_C(5000000000));
    query_groups_count_rows(groups, 1);
    struct buf out CLEANUP(buf_finish) = BUF_INIT(1000);
    query_groups_append(groups, 0, &out);
    assert_str_equal(buf_str(&out), "{\"a\":5000000001,\"b\":5000000001}");
}

static void group_once(void *ctx)
{
    const struct parsed *parsed = ctx;
    struct query_row *row CLEANUP(query_row_destroyp) = NULL;
    struct query_groups *groups CLEANUP(query_groups_destroyp) = NULL;
    if (query_row_create(parsed->query, &row) != STATUS_OK ||
        query_row_scan(row, QUERY_TAGS, STR("{\"g\":{\"b\":[1],\"a\":\"\\u0041\"},\"m\":\"x\"}")) !=
            STATUS_OK ||
        query_groups_create(parsed->query, 10, 1U << 16, &groups) != STATUS_OK) {
        return;
    }
    const enum status status = query_groups_add(groups, row);
    assert_true(status == STATUS_OK || status == STATUS_NO_MEMORY);
}

static void grouping_survives_failing_allocations(void **state)
{
    (void)state;
    struct parsed parsed CLEANUP(parsed_finish) =
        parse_right("SELECT tags.g, MAX(tags.m) FROM devices GROUP BY tags.g, tags.m");
    check_under_failing_allocations(group_once, &parsed);
    struct parsed one CLEANUP(parsed_finish) = parse_right("SELECT MAX(tags.m) FROM devices");
    check_under_failing_allocations(group_once, &one);
}

int main(void)
{
    mem_use_for_json();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_group_by_there_is_one_row),
        cmocka_unit_test(aggregates_skip_what_is_missing),
        cmocka_unit_test(groups_come_in_the_order_they_were_seen),
        cmocka_unit_test(keys_are_equal_when_their_values_are),
        cmocka_unit_test(the_number_of_groups_is_bounded),
        cmocka_unit_test(the_bytes_of_groups_are_bounded),
        cmocka_unit_test(documents_can_be_counted_unseen),
        cmocka_unit_test(grouping_survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
