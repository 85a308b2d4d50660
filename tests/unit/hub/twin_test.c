/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "hub_fixture.h"

static struct fixture fixture;

static int set_up(void **state)
{
    (void)state;
    fixture_init(&fixture);
    (void)fixture_create(&fixture, device_key("d1"));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fixture_finish(&fixture);
    return 0;
}

static void a_fresh_twin_reads_as_the_service_writes_it(void **state)
{
    (void)state;
    struct buf text = BUF_INIT(65536);
    const struct storage_identity *twin = fixture_twin(&fixture, device_key("d1"));
    hub_twin_append(&text, twin);
    struct buf etag = BUF_INIT(64);
    hub_identity_etag_append(&etag, twin);
    char expected[1024];
    (void)snprintf(
        expected, sizeof(expected),
        "{\"deviceId\":\"d1\",\"etag\":\"AAAAAAAAAAE=\",\"deviceEtag\":\"%.*s\","
        "\"status\":\"enabled\",\"statusUpdateTime\":\"0001-01-01T00:00:00Z\","
        "\"connectionState\":\"Disconnected\",\"lastActivityTime\":\"0001-01-01T00:00:00Z\","
        "\"cloudToDeviceMessageCount\":0,\"authenticationType\":\"sas\","
        "\"x509Thumbprint\":{\"primaryThumbprint\":null,\"secondaryThumbprint\":null},"
        "\"modelId\":\"\",\"version\":2,\"properties\":{\"desired\":{\"$metadata\":"
        "{\"$lastUpdated\":\"2026-11-21T11:00:00.0000000Z\"},\"$version\":1},\"reported\":"
        "{\"$metadata\":{\"$lastUpdated\":\"2026-11-21T11:00:00.0000000Z\"},\"$version\":1}},"
        "\"capabilities\":{\"iotEdge\":false}}",
        STR_ARG(buf_str(&etag)));
    assert_str_equal(buf_str(&text), expected);
    buf_clear(&text);
    hub_twin_device_append(&text, twin);
    assert_str_equal(buf_str(&text),
                     "{\"desired\":{\"$version\":1},\"reported\":{\"$version\":1}}");
    buf_finish(&text);
    buf_finish(&etag);
}

static void patches_merge_and_count_versions(void **state)
{
    (void)state;
    /* patch, replaced?, desired after, desired version, twin version, etag counter */
    static const struct {
        const char *tags;
        const char *patch;
        bool replace;
        const char *desired;
        uint64_t desired_version, twin_version, etag;
    } rows[] = {
        {NULL, "{\"a\":1}", false, "{\"a\":1}", 2, 3, 2},
        {NULL, "{\"b\":{\"c\":1}}", false, "{\"a\":1,\"b\":{\"c\":1}}", 3, 4, 3},
        {NULL, "{\"b\":{\"d\":[1,{}]}}", false, "{\"a\":1,\"b\":{\"c\":1,\"d\":[1,{}]}}", 4, 5, 4},
        {NULL, "{\"b\":{\"d\":[2]}}", false, "{\"a\":1,\"b\":{\"c\":1,\"d\":[2]}}", 5, 6, 5},
        {NULL, "{\"a\":null,\"zz\":null}", false, "{\"b\":{\"c\":1,\"d\":[2]}}", 6, 7, 6},
        {NULL, "{\"b\":1,\"e\":{\"f\":null}}", false, "{\"b\":1,\"e\":{}}", 7, 8, 7},
        {NULL, "{\"b\":{\"x\":true}}", false, "{\"b\":{\"x\":true},\"e\":{}}", 8, 9, 8},
        /* What SDKs send back unasked changes nothing by itself. */
        {NULL, "{\"$version\":3,\"$metadata\":{}}", false, "{\"b\":{\"x\":true},\"e\":{}}", 8, 9,
         8},
        {"{\"t\":1}", NULL, false, "{\"b\":{\"x\":true},\"e\":{}}", 8, 10, 9},
        {NULL, "{\"$version\":3,\"q\":1,\"n\":null}", true, "{\"q\":1}", 9, 11, 10},
        {NULL, "null", false, "{}", 10, 12, 11},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_int_equal(
            fixture_patch(&fixture, device_key("d1"), rows[i].tags, rows[i].patch, rows[i].replace),
            HUB_OK);
        const struct storage_identity *twin = fixture_twin(&fixture, device_key("d1"));
        assert_str_equal(twin->desired, rows[i].desired);
        assert_int_equal(twin->desired_version, rows[i].desired_version);
        assert_int_equal(twin->twin_version, rows[i].twin_version);
        assert_int_equal(twin->twin_etag, rows[i].etag);
    }
    /* The PUT had cleared the tags. */
    assert_str_equal(fixture_twin(&fixture, device_key("d1"))->tags, "{}");
}

static void metadata_keeps_in_step(void **state)
{
    (void)state;
    assert_int_equal(fixture_patch(&fixture, device_key("d1"), NULL,
                                   "{\"a\":{\"b\":1,\"c\":2},\"d\":[1]}", false),
                     HUB_OK);
    fixture_advance(&fixture, 60);
    assert_int_equal(
        fixture_patch(&fixture, device_key("d1"), NULL, "{\"a\":{\"b\":null,\"c\":3}}", false),
        HUB_OK);
    assert_str_equal(
        fixture_twin(&fixture, device_key("d1"))->desired_metadata,
        "{\"$lastUpdated\":\"2026-11-21T11:01:00.0000000Z\","
        "\"$lastUpdatedVersion\":3,\"a\":{\"$lastUpdated\":\"2026-11-21T11:01:00.0000000Z\","
        "\"$lastUpdatedVersion\":3,"
        "\"c\":{\"$lastUpdated\":\"2026-11-21T11:01:00.0000000Z\","
        "\"$lastUpdatedVersion\":3}},"
        "\"d\":{\"$lastUpdated\":\"2026-11-21T11:00:00.0000000Z\","
        "\"$lastUpdatedVersion\":2}}");
}

/* `depth` objects inside each other below the section. */
static char *nested(char *out, size_t size, unsigned depth)
{
    size_t at = (size_t)snprintf(out, size, "{");
    for (unsigned i = 0; i < depth; i++) {
        at += (size_t)snprintf(out + at, size - at, "\"k\":{");
    }
    at += (size_t)snprintf(out + at, size - at, "\"v\":1");
    for (unsigned i = 0; i <= depth; i++) {
        at += (size_t)snprintf(out + at, size - at, "}");
    }
    return out;
}

static char *with_string(char *out, size_t size, size_t string_size)
{
    const size_t at = (size_t)snprintf(out, size, "{\"s\":\"");
    memset(out + at, 'x', string_size);
    (void)snprintf(out + at + string_size, size - at - string_size, "\"}");
    return out;
}

static void limits_hold_on_both_sides(void **state)
{
    (void)state;
    static char text[16384];
    const struct {
        const char *patch;
        enum hub_code code;
    } rows[] = {
        {"{\"i\":4503599627370495}", HUB_OK},
        {"{\"i\":4503599627370496}", HUB_ARGUMENT_INVALID},
        {"{\"i\":-4503599627370496}", HUB_OK},
        {"{\"i\":-4503599627370497}", HUB_ARGUMENT_INVALID},
        {"{\"f\":1e300}", HUB_OK},
        {"{\"a.b\":1}", HUB_ARGUMENT_INVALID},
        {"{\"a b\":1}", HUB_ARGUMENT_INVALID},
        {"{\"$a\":1}", HUB_ARGUMENT_INVALID},
        {"{\"x\":{\"$version\":1}}", HUB_ARGUMENT_INVALID},
        {"{\"a\\u0001\":1}", HUB_ARGUMENT_INVALID},
        {"{\"\":1}", HUB_ARGUMENT_INVALID},
        {"{\"l\":[1,null]}", HUB_ARGUMENT_INVALID},
        {"{\"l\":[{\"n\":null}]}", HUB_OK},
        {"[1]", HUB_ARGUMENT_INVALID},
        {"7", HUB_ARGUMENT_INVALID},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_int_equal(fixture_patch(&fixture, device_key("d1"), NULL, rows[i].patch, false),
                         rows[i].code);
    }
    const struct identity_key d1 = device_key("d1");
    assert_int_equal(fixture_patch(&fixture, d1, NULL, nested(text, sizeof(text), 10), false),
                     HUB_OK);
    assert_int_equal(fixture_patch(&fixture, d1, NULL, nested(text, sizeof(text), 11), false),
                     HUB_ARGUMENT_INVALID);
    assert_int_equal(
        fixture_patch(&fixture, d1, NULL, with_string(text, sizeof(text), 4096), false), HUB_OK);
    assert_int_equal(
        fixture_patch(&fixture, d1, NULL, with_string(text, sizeof(text), 4097), false),
        HUB_ARGUMENT_INVALID);
}

static void sections_have_a_size(void **state)
{
    (void)state;
    char text[8192];
    /* Tags: 8192 bytes; "s" and 4095 characters are 4096, twice. */
    for (int i = 0; i < 2; i++) {
        (void)with_string(text, sizeof(text), 4095);
        text[2] = (char)('a' + i);
        assert_int_equal(fixture_patch(&fixture, device_key("d1"), text, NULL, false), HUB_OK);
    }
    assert_int_equal(fixture_patch(&fixture, device_key("d1"), "{\"c\":true}", NULL, false),
                     HUB_ARGUMENT_INVALID);
    assert_non_null(strstr(fixture.problem.text, "tags would have 8197 bytes"));
    /* A refused patch leaves all as it was. */
    assert_int_equal(fixture_twin(&fixture, device_key("d1"))->twin_version, 4);
}

static void a_stale_etag_is_refused(void **state)
{
    (void)state;
    cJSON *tags = cJSON_Parse("{\"a\":1}");
    struct hub_twin_change change = {.tags = tags};
    const struct hub_match fresh = {.kind = HUB_MATCH_ETAG, .etag = STR("AAAAAAAAAAE=")};
    const struct hub_match any = {.kind = HUB_MATCH_ANY};
    struct storage_identity *twin = NULL;
    change.match = &fresh;
    assert_int_equal(hub_twin_update(fixture.hub, device_key("d1"), &change, &fixture.arena, &twin,
                                     &fixture.problem),
                     HUB_OK);
    change.match = &fresh;
    assert_int_equal(hub_twin_update(fixture.hub, device_key("d1"), &change, &fixture.arena, &twin,
                                     &fixture.problem),
                     HUB_PRECONDITION_FAILED);
    assert_non_null(strstr(fixture.problem.text, "ETag mismatch for device ID 'd1'"));
    change.match = &any;
    assert_int_equal(hub_twin_update(fixture.hub, device_key("d1"), &change, &fixture.arena, &twin,
                                     &fixture.problem),
                     HUB_OK);
    cJSON_Delete(tags);
}

static void a_listening_device_hears_of_desired_changes(void **state)
{
    (void)state;
    static struct fake_client client;
    fake_connect(&fixture, device_key("d1"), &client);
    assert_int_equal(fixture_patch(&fixture, device_key("d1"), NULL, "{\"a\":1}", false), HUB_OK);
    assert_int_equal(client.desired_count, 0); /* not listening yet */
    hub_link_interests(client.link, HUB_INTEREST_DESIRED);
    assert_int_equal(fixture_patch(&fixture, device_key("d1"), NULL,
                                   "{\"a\":null,\"b\":2,\"$version\":9}", false),
                     HUB_OK);
    assert_string_equal(client.desired, "{\"a\":null,\"b\":2,\"$version\":3}");
    assert_int_equal(client.desired_version, 3);
    assert_int_equal(fixture_patch(&fixture, device_key("d1"), "{\"t\":1}", NULL, false), HUB_OK);
    assert_int_equal(client.desired_count, 1); /* tags are none of its business */
    assert_int_equal(fixture_patch(&fixture, device_key("d1"), NULL, "{\"c\":{\"d\":1}}", true),
                     HUB_OK);
    assert_string_equal(client.desired, "{\"c\":{\"d\":1},\"$version\":4}");
}

static void reported_properties_move_their_own_versions(void **state)
{
    (void)state;
    const int64_t id = fixture_twin(&fixture, device_key("d1"))->id;
    static const struct {
        const char *patch;
        uint64_t expected;
        enum hub_code code;
        uint64_t version;
    } rows[] = {
        {"{\"a\":1,\"b\":{\"c\":true}}", 0, HUB_OK, 2},   {"{\"a\":null}", 2, HUB_OK, 3},
        {"{\"a\":1}", 2, HUB_PRECONDITION_FAILED, 0},     {"{}", 0, HUB_OK, 4},
        {"{\"a\":", 0, HUB_ARGUMENT_INVALID, 0},          {"[]", 0, HUB_ARGUMENT_INVALID, 0},
        {"{\"$version\":1}", 0, HUB_ARGUMENT_INVALID, 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        uint64_t version = 0;
        const struct hub_report report = {.id = id,
                                          .key = device_key("d1"),
                                          .patch = str_from(rows[i].patch),
                                          .expected_version = rows[i].expected};
        assert_int_equal(hub_reported_update(fixture.hub, &report, &version, &fixture.problem),
                         rows[i].code);
        assert_int_equal(version, rows[i].version);
    }
    const struct storage_identity *twin = fixture_twin(&fixture, device_key("d1"));
    assert_str_equal(twin->reported, "{\"b\":{\"c\":true}}");
    assert_int_equal(twin->twin_etag, 1);
    assert_int_equal(twin->twin_version, 5);
    assert_str_equal(twin->reported_metadata,
                     "{\"$lastUpdated\":\"2026-11-21T11:00:00.0000000Z\","
                     "\"b\":{\"$lastUpdated\":\"2026-11-21T11:00:00.0000000Z\","
                     "\"c\":{\"$lastUpdated\":\"2026-11-21T11:00:00.0000000Z\"}}}");
}

static void a_patch_that_is_no_json_is_called_so(void **state)
{
    (void)state;
    const struct hub_report report = {.id = fixture_twin(&fixture, device_key("d1"))->id,
                                      .key = device_key("d1"),
                                      .patch = STR("{\"a\":")};
    uint64_t version = 0;
    assert_int_equal(hub_reported_update(fixture.hub, &report, &version, &fixture.problem),
                     HUB_ARGUMENT_INVALID);
    assert_non_null(
        strstr(fixture.problem.text, "the reported properties are no JSON: unexpected"));
}

static void every_change_is_in_the_journal(void **state)
{
    (void)state;
    assert_int_equal(
        fixture_patch(&fixture, device_key("d1"), "{\"t\":1}", "{\"a\":{\"b\":1}}", false), HUB_OK);
    assert_int_equal(fixture.hub->figures.events[HUB_EVENT_TWIN_CHANGED], 1);
    assert_int_equal(fixture.hub->figures.events[HUB_EVENT_IDENTITY_CREATED], 1);
}

/* "k<i>" for each of [from, to): an object, then changed, deleted or replaced by kind of i. */
static void append_changes(struct buf *out, unsigned from, unsigned to, bool first)
{
    static const char *const later[] = {"{\"b\":2}", "null", "{\"a\":null}", "[3]"};
    buf_clear(out);
    for (unsigned i = from; i < to; i++) {
        buf_append_format(out, "%s\"k%u\":%s", i == from ? "{" : ",", i,
                          first ? "{\"a\":1}" : later[i % ARRAY_SIZE(later)]);
    }
    buf_append_format(out, "}%c", '\0');
    assert_int_equal(buf_status(out), STATUS_OK);
}

static void a_patch_of_many_members_does_what_many_patches_do(void **state)
{
    (void)state;
    enum { BEFORE = 40, AFTER = 60, AT_ONCE = 10 };
    struct buf patch = BUF_INIT(65536);
    (void)fixture_create(&fixture, device_key("d2"));
    append_changes(&patch, 0, BEFORE, true);
    assert_int_equal(fixture_patch(&fixture, device_key("d1"), NULL, patch.data, false), HUB_OK);
    assert_int_equal(fixture_patch(&fixture, device_key("d2"), NULL, patch.data, false), HUB_OK);

    append_changes(&patch, 0, AFTER, false);
    assert_int_equal(fixture_patch(&fixture, device_key("d1"), NULL, patch.data, false), HUB_OK);
    for (unsigned i = 0; i < AFTER; i += AT_ONCE) {
        append_changes(&patch, i, i + AT_ONCE, false);
        assert_int_equal(fixture_patch(&fixture, device_key("d2"), NULL, patch.data, false),
                         HUB_OK);
    }
    const struct storage_identity *one = fixture_twin(&fixture, device_key("d1"));
    const struct storage_identity *other = fixture_twin(&fixture, device_key("d2"));
    assert_true(str_equal(one->desired, other->desired));

    buf_clear(&patch);
    buf_append_str(&patch, one->desired_metadata);
    buf_append_byte(&patch, '\0');
    assert_non_null(strstr(patch.data, "\"k0\":")); /* changed below: both were noted */
    assert_null(strstr(patch.data, "\"k1\":"));     /* deleted */
    buf_finish(&patch);
}

static void a_twin_of_as_many_members_as_fit_is_read_and_written(void **state)
{
    (void)state;
    struct buf patch = BUF_INIT(1 << 20);
    append_tiny_members(&patch, 10900);
    for (int i = 0; i < 2; i++) {
        arena_reset(&fixture.arena);
        assert_int_equal(fixture_patch(&fixture, device_key("d1"), NULL, patch.data, false),
                         HUB_OK);
        const struct hub_report report = {
            .id = fixture_twin(&fixture, device_key("d1"))->id,
            .key = device_key("d1"),
            .patch = str_from(patch.data),
        };
        uint64_t version = 0;
        assert_int_equal(hub_reported_update(fixture.hub, &report, &version, NULL), HUB_OK);
    }
    assert_true(str_equal(fixture_twin(&fixture, device_key("d1"))->desired, str_from(patch.data)));
    assert_true(hubs_commit(fixture.hubs));

    buf_clear(&patch);
    append_tiny_members(&patch, 10923);
    assert_int_equal(fixture_patch(&fixture, device_key("d1"), NULL, patch.data, false),
                     HUB_ARGUMENT_INVALID);
    buf_finish(&patch);
}

/* Control characters do not count, so that a section could grow for ever. */
static void what_does_not_count_is_bounded_too(void **state)
{
    (void)state;
    enum hub_code code = HUB_OK;
    for (unsigned i = 0; i < 100 && code == HUB_OK; i++) {
        char patch[6200];
        size_t size = (size_t)snprintf(patch, sizeof(patch), "{\"%02u\":\"", i);
        for (unsigned k = 0; k < 1000; k++, size += 6) {
            memcpy(patch + size, "\\u0001", 7);
        }
        memcpy(patch + size, "\"}", 3);
        arena_reset(&fixture.arena);
        code = fixture_patch(&fixture, device_key("d1"), NULL, patch, false);
    }
    assert_int_equal(code, HUB_ARGUMENT_INVALID);
    assert_non_null(strstr(fixture.problem.text, "longer than 524288 bytes"));
    assert_true(hubs_commit(fixture.hubs));
}

/* Walking the document for each of them took half a minute, and everybody waited. */
static void a_huge_patch_is_refused_soon(void **state)
{
    (void)state;
    struct buf patch = BUF_INIT(1 << 20);
    for (unsigned i = 0; i < 25000; i++) {
        buf_append_format(&patch, "%s\"%x\":1", i == 0 ? "{" : ",", i);
    }
    buf_append_byte(&patch, '}');
    const struct hub_report report = {
        .id = fixture_twin(&fixture, device_key("d1"))->id,
        .key = device_key("d1"),
        .patch = buf_str(&patch),
    };
    const int64_t started_us = clock_monotonic_us();
    uint64_t version = 0;
    assert_int_equal(hub_reported_update(fixture.hub, &report, &version, &fixture.problem),
                     HUB_ARGUMENT_INVALID);
    assert_true(clock_monotonic_us() - started_us < 2 * CLOCK_SECOND);
    buf_finish(&patch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_fresh_twin_reads_as_the_service_writes_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(patches_merge_and_count_versions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(metadata_keeps_in_step, set_up, tear_down),
        cmocka_unit_test_setup_teardown(limits_hold_on_both_sides, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sections_have_a_size, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stale_etag_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_listening_device_hears_of_desired_changes, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(reported_properties_move_their_own_versions, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_patch_that_is_no_json_is_called_so, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_change_is_in_the_journal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_patch_of_many_members_does_what_many_patches_do, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_twin_of_as_many_members_as_fit_is_read_and_written,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_does_not_count_is_bounded_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_huge_patch_is_refused_soon, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
