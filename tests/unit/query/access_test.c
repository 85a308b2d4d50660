/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "parsed.h"

static const struct query_info *info_of(const struct parsed *parsed)
{
    return query_info(parsed->query);
}

static void append_hint(struct buf *out, const struct query_key_hint *hint)
{
    switch (hint->kind) {
    case QUERY_KEY_ANY:
        buf_append_str(out, STR("any"));
        break;
    case QUERY_KEY_ONE_OF:
        buf_append_str(out, STR("one of"));
        for (size_t i = 0; i < hint->id_count; i++) {
            buf_append_format(out, " %.*s", STR_ARG(hint->ids[i]));
        }
        break;
    case QUERY_KEY_PREFIX:
        buf_append_format(out, "prefix %.*s", STR_ARG(hint->prefix));
        break;
    }
}

static void conjuncts_narrow_the_keys(void **state)
{
    (void)state;
    static const struct {
        const char *where;
        const char *device, *module;
    } hints[] = {
        {"true", "any", "any"},
        {"deviceId = 'a'", "one of a", "any"},
        {"'a' = deviceId", "one of a", "any"},
        {"DEVICES.DeviceId = 'a'", "one of a", "any"},
        {"id = 'a'", "one of a", "any"},
        {"deviceId IN ['b', 'a', 'b', 1, null]", "one of a b", "any"},
        {"deviceId IN []", "one of", "any"},
        {"deviceId = 5", "one of", "any"},
        {"deviceId = 'a' AND tags.x = 1", "one of a", "any"},
        {"tags.x = 1 AND (tags.y = 2 AND deviceId = 'a')", "one of a", "any"},
        {"deviceId IN ['a', 'b'] AND deviceId = 'a'", "one of a", "any"},
        {"deviceId = 'a' AND deviceId IN ['a', 'b']", "one of a", "any"},
        {"startswith(deviceId, 'de')", "prefix de", "any"},
        {"StartsWith(deviceId, 'de') AND startswith(deviceId, 'dev')", "prefix dev", "any"},
        {"startswith(deviceId, 'dev') AND startswith(deviceId, 'de')", "prefix dev", "any"},
        {"startswith(deviceId, 'de') AND deviceId = 'a'", "one of a", "any"},
        {"deviceId = 'a' AND startswith(deviceId, 'de')", "one of a", "any"},
        {"moduleId = 'm' AND deviceId = 'a'", "one of a", "one of m"},
        {"startswith(moduleId, '$')", "any", "prefix $"},
        {"deviceId != 'a'", "any", "any"},
        {"deviceId > 'a'", "any", "any"},
        {"deviceId NIN ['a']", "any", "any"},
        {"NOT deviceId = 'a'", "any", "any"},
        {"deviceId = 'a' OR tags.x = 1", "any", "any"},
        {"deviceId = tags.x", "any", "any"},
        {"deviceId = undefined", "any", "any"},
        {"(deviceId = 'a') = true", "any", "any"},
        {"startswith(deviceId, 1)", "any", "any"},
        {"startswith(tags.x, 'a')", "any", "any"},
        {"startswith('abc', deviceId)", "any", "any"},
        {"endswith(deviceId, 'a')", "any", "any"},
        {"tags.deviceId = 'a'", "any", "any"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(hints); i++) {
        char text[256];
        (void)snprintf(text, sizeof(text), "SELECT * FROM devices.modules WHERE %s",
                       hints[i].where);
        struct parsed parsed CLEANUP(parsed_finish) = parse_right(text);
        struct buf device CLEANUP(buf_finish) = BUF_INIT(1000);
        struct buf module CLEANUP(buf_finish) = BUF_INIT(1000);
        append_hint(&device, &info_of(&parsed)->device_id);
        append_hint(&module, &info_of(&parsed)->module_id);
        if (!str_equal(buf_str(&device), str_from(hints[i].device)) ||
            !str_equal(buf_str(&module), str_from(hints[i].module))) {
            fail_msg("%s: %s, %s", hints[i].where, device.data, module.data);
        }
    }
}

static void equalities_with_constants_are_listed(void **state)
{
    (void)state;
    struct parsed parsed CLEANUP(parsed_finish) = parse_right(
        "SELECT * FROM devices WHERE tags.a.b = 'x' AND (5 = properties.reported.n AND "
        "capabilities.iotEdge = true) AND tags.c != 1 AND (tags.d = 1 OR tags.e = 2) AND "
        "nothing = 1 AND properties = 1 AND status = null AND tags.f = undefined");
    const struct query_info *info = info_of(&parsed);
    assert_int_equal(info->equality_count, 4);
    const struct query_equality *equalities = info->equalities;
    assert_int_equal(equalities[0].attribute, QUERY_TAGS);
    assert_int_equal(equalities[0].name_count, 2);
    assert_str_equal(equalities[0].names[0], "a");
    assert_str_equal(equalities[0].names[1], "b");
    assert_str_equal(equalities[0].value.text, "x");
    assert_int_equal(equalities[1].attribute, QUERY_REPORTED);
    assert_str_equal(equalities[1].names[0], "n");
    assert_true(equalities[1].value.number == 5.0);
    assert_int_equal(equalities[2].attribute, QUERY_IOT_EDGE);
    assert_int_equal(equalities[2].name_count, 0);
    assert_true(equalities[2].value.boolean);
    assert_int_equal(equalities[3].attribute, QUERY_STATUS);
    assert_int_equal(equalities[3].value.type, QUERY_NULL);
}

/* An index that knows no letter case but one could not answer it. */
static void a_comparison_that_ignores_case_is_no_equality(void **state)
{
    (void)state;
    struct parsed parsed CLEANUP(parsed_finish) =
        parse_right("SELECT * FROM devices.jobs WHERE status = 'failed' AND jobId = 'j'");
    assert_int_equal(info_of(&parsed)->equality_count, 1);
    assert_int_equal(info_of(&parsed)->equalities[0].attribute, QUERY_JOB_ID);
}

static void a_query_says_what_it_needs(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t where, select;
    } needs[] = {
        {"SELECT * FROM devices", 0, 0},
        {"SELECT * FROM devices WHERE tags.a = 1 AND tags.b = status",
         QUERY_BIT(QUERY_TAGS) | QUERY_BIT(QUERY_STATUS), 0},
        {"SELECT deviceId FROM devices WHERE is_defined(properties.desired.$metadata.x)",
         QUERY_BIT(QUERY_DESIRED_METADATA), QUERY_BIT(QUERY_DEVICE_ID)},
        {"SELECT nothing, moduleId, jobId FROM devices WHERE etag.x = 1", 0, 0},
        {"SELECT COUNT(), AVG(version) FROM devices", 0, QUERY_BIT(QUERY_VERSION)},
        {"SELECT COUNT() FROM devices GROUP BY tags.a", 0, QUERY_BIT(QUERY_TAGS)},
        {"SELECT properties.reported FROM devices", 0,
         QUERY_BIT(QUERY_REPORTED) | QUERY_BIT(QUERY_REPORTED_METADATA) |
             QUERY_BIT(QUERY_REPORTED_VERSION)},
        {"SELECT x509Thumbprint, capabilities FROM devices", 0,
         QUERY_BIT(QUERY_PRIMARY_THUMBPRINT) | QUERY_BIT(QUERY_SECONDARY_THUMBPRINT) |
             QUERY_BIT(QUERY_IOT_EDGE)},
        {"SELECT * FROM devices.jobs WHERE createdTimeUtc > 'a' OR createdDateTimeUtc > 'b' OR "
         "error.code = 'x' OR tags.a = 1",
         QUERY_BIT(QUERY_CREATED_TIME) | QUERY_BIT(QUERY_JOB_ERROR), 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(needs); i++) {
        struct parsed parsed CLEANUP(parsed_finish) = parse_right(needs[i].text);
        if (info_of(&parsed)->where_needs != needs[i].where ||
            info_of(&parsed)->select_needs != needs[i].select) {
            fail_msg("%s", needs[i].text);
        }
    }
}

static void a_query_says_what_it_gives(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum query_shape shape;
        const char *item_type;
        bool counts_only, has_where;
        uint64_t top;
    } shapes[] = {
        {"SELECT * FROM devices", QUERY_DOCUMENTS, "Twin", false, false, QUERY_NO_TOP},
        {"SELECT TOP 1 * FROM devices.modules WHERE true", QUERY_DOCUMENTS, "Twin", false, true, 1},
        {"SELECT * FROM devices.jobs", QUERY_DOCUMENTS, "DeviceJob", false, false, QUERY_NO_TOP},
        {"SELECT deviceId FROM devices", QUERY_ROWS, "Raw", false, false, QUERY_NO_TOP},
        {"SELECT COUNT(), COUNT() AS b FROM devices", QUERY_GROUPS, "Raw", true, false,
         QUERY_NO_TOP},
        {"SELECT COUNT(), SUM(version) FROM devices", QUERY_GROUPS, "Raw", false, false,
         QUERY_NO_TOP},
        {"SELECT COUNT() FROM devices GROUP BY a", QUERY_GROUPS, "Raw", false, false, QUERY_NO_TOP},
        {"SELECT a FROM devices GROUP BY a", QUERY_GROUPS, "Raw", false, false, QUERY_NO_TOP},
    };
    for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
        struct parsed parsed CLEANUP(parsed_finish) = parse_right(shapes[i].text);
        const struct query_info *info = info_of(&parsed);
        assert_int_equal(info->shape, shapes[i].shape);
        assert_string_equal(info->item_type, shapes[i].item_type);
        assert_int_equal(info->counts_only, shapes[i].counts_only);
        assert_int_equal(info->has_where, shapes[i].has_where);
        assert_true(info->top == shapes[i].top);
    }
}

/* Status is "enabled"; tags are {"a":1,"b":"x"}; nothing is reported. */
static const struct {
    const char *where;
    bool status, tags; /* with these given, is the row excluded? */
} exclusions[] = {
    {"status = 'enabled' AND tags.a = 1", false, false},
    {"status = 'disabled' AND tags.a = 1", true, false},
    {"status = 'enabled' AND tags.a = 2", false, true},
    {"tags.a = 2 AND tags.b = 'x' AND status = 'disabled'", true, true},
    {"tags.a = 2 AND properties.reported.c = 1", false, true},
    {"tags.c = 1 AND is_defined(properties.reported.c)", false, true}, /* undefined is not true */
    {"tags.a = properties.reported.c AND true", false, false},
    {"(tags.a = 2 OR properties.reported.c = 1) AND true", false, false},
    {"(tags.a = 2 OR tags.b = 'y') AND properties.reported.c = 1", false, true},
    {"NOT (tags.a = 1) AND properties.reported.c = 1", false, true},
    {"tags.a = 1 AND false", true, true},  /* that needs nothing at all */
    {"status = 'disabled'", false, false}, /* query_where() is no dearer */
    {"status = 'disabled' OR tags.a = 2", false, false},
};

static void a_conjunct_that_fails_settles_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(exclusions); i++) {
        char text[256];
        (void)snprintf(text, sizeof(text), "SELECT * FROM devices WHERE %s", exclusions[i].where);
        struct parsed parsed CLEANUP(parsed_finish) = parse_right(text);
        struct query_row *row CLEANUP(query_row_destroyp) = NULL;
        assert_int_equal(query_row_create(parsed.query, &row), STATUS_OK);
        query_row_set(row, QUERY_STATUS, query_string(STR("enabled")));
        const bool status = query_where_excludes(parsed.query, row, QUERY_BIT(QUERY_STATUS));
        query_row_clear(row);
        const struct str tags = STR("{\"a\":1,\"b\":\"x\"}");
        assert_int_equal(query_row_scan(row, QUERY_TAGS, tags), STATUS_OK);
        const bool by_tags = query_where_excludes(parsed.query, row, QUERY_BIT(QUERY_TAGS));
        if (status != exclusions[i].status || by_tags != exclusions[i].tags) {
            fail_msg("%s: %d, %d", exclusions[i].where, status, by_tags);
        }
    }
    struct parsed all CLEANUP(parsed_finish) = parse_right("SELECT * FROM devices");
    struct query_row *row CLEANUP(query_row_destroyp) = NULL;
    assert_int_equal(query_row_create(all.query, &row), STATUS_OK);
    assert_false(query_where_excludes(all.query, row, UINT64_MAX));
}

static void what_stands_at_the_path_of_an_equality_is_found(void **state)
{
    (void)state;
    struct parsed parsed CLEANUP(parsed_finish) =
        parse_right("SELECT * FROM devices WHERE tags.z = 1 AND tags.a.b = 'x' AND tags.none = 1");
    const struct query_equality *equalities = info_of(&parsed)->equalities;
    struct query_row *row CLEANUP(query_row_destroyp) = NULL;
    assert_int_equal(query_row_create(parsed.query, &row), STATUS_OK);
    assert_int_equal(query_equality_found(&equalities[0], row)->type, QUERY_UNDEFINED);
    const struct str tags = STR("{\"a\":{\"b\":\"found\"},\"z\":7}");
    assert_int_equal(query_row_scan(row, QUERY_TAGS, tags), STATUS_OK);
    assert_true(query_equality_found(&equalities[0], row)->number == 7.0);
    assert_str_equal(query_equality_found(&equalities[1], row)->text, "found");
    assert_int_equal(query_equality_found(&equalities[2], row)->type, QUERY_UNDEFINED);
}

static void equal_values_have_one_hash(void **state)
{
    (void)state;
    const struct query_value nothing[] = {
        {.type = QUERY_UNDEFINED}, {.type = QUERY_ARRAY}, {.type = QUERY_OBJECT}};
    for (size_t i = 0; i < ARRAY_SIZE(nothing); i++) {
        assert_int_equal(query_value_hash(&nothing[i]), 0);
    }
    const struct query_value values[] = {
        query_null(),          query_boolean(false),     query_boolean(true),
        query_number(0),       query_number(1),          query_number(1.5),
        query_string(STR("")), query_string(STR("abc")), query_string(STR("abd"))};
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        struct query_value again = values[i];
        assert_true(query_value_hash(&values[i]) != 0);
        assert_true(query_value_hash(&again) == query_value_hash(&values[i]));
        for (size_t j = 0; j < i; j++) {
            assert_true(query_value_hash(&values[j]) != query_value_hash(&values[i]));
        }
    }
    /* Equal numbers, written differently. */
    const struct query_value minus_zero = query_number(-0.0);
    assert_true(query_value_hash(&minus_zero) == query_value_hash(&values[3]));
    struct query_value written = query_number(1);
    written.text = STR("1.0");
    assert_true(query_value_hash(&written) == query_value_hash(&values[4]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conjuncts_narrow_the_keys),
        cmocka_unit_test(equalities_with_constants_are_listed),
        cmocka_unit_test(a_comparison_that_ignores_case_is_no_equality),
        cmocka_unit_test(a_query_says_what_it_needs),
        cmocka_unit_test(a_query_says_what_it_gives),
        cmocka_unit_test(a_conjunct_that_fails_settles_it),
        cmocka_unit_test(what_stands_at_the_path_of_an_equality_is_found),
        cmocka_unit_test(equal_values_have_one_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
