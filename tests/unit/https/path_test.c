/* SPDX-License-Identifier: MIT */
#include "https/https_internal.h"

#include "check.h"

static void check_parse(const char *raw, const char *expected)
{
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 16);
    CLEANUP(buf_finish) struct buf joined = BUF_INIT(1 << 16);
    struct https_path path;
    assert_int_equal(https_path_parse(str_from(raw), &arena, &path), STATUS_OK);
    for (size_t i = 0; i < path.count; i++) {
        buf_append_str(&joined, i == 0 ? STR_EMPTY : STR("|"));
        buf_append_str(&joined, path.segments[i]);
    }
    assert_str_equal(buf_str(&joined), expected);
}

/* Each form was seen from a client (service reference, 2.1; device protocol reference, 8.1). */
static void every_spelling_of_a_path_gives_its_segments(void **state)
{
    (void)state;
    static const struct {
        const char *raw, *segments;
    } cases[] = {
        {"/devices/d1", "devices|d1"},
        {"/devices/d1/", "devices|d1"},
        {"/devices/", "devices"},
        {"/twins%2Fd1", "twins|d1"},
        {"/twins%2fd1%2fmethods", "twins|d1|methods"},
        {"%2Ftwins%2Fd1", "twins|d1"},
        {"/devices/d/modules/m//messages/events", "devices|d|modules|m|messages|events"},
        {"/devices/a%23b", "devices|a#b"},
        {"/devices/a%2523b", "devices|a%23b"}, /* once: the second time is the router's */
        {"/devices/a%252Fb", "devices|a%2Fb"},
        {"/devices/a+b", "devices|a+b"},
        {"/devices/100%", "devices|100%"}, /* a stray percent sign stays */
        {"/devices/%zz%2", "devices|%zz%2"},
        {"/", ""},
        {"//", ""},
        {"", ""},
        {"/1/2/3/4/5/6/7/8/9/10", "1|2|3|4|5|6|7|8|9|10"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        check_parse(cases[i].raw, cases[i].segments);
    }
}

static void more_segments_than_any_route_has_are_refused(void **state)
{
    (void)state;
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 16);
    struct https_path path = {.count = 77};
    assert_int_equal(https_path_parse(STR("/1/2/3/4/5/6/7/8/9/10/11"), &arena, &path),
                     STATUS_LIMIT);
    assert_int_equal(path.count, 77);
    assert_int_equal(https_path_parse(STR("/1/2/3/4/5/6/7/8/9/10///"), &arena, &path), STATUS_OK);
}

static void a_nul_is_refused(void **state)
{
    (void)state;
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 16);
    struct https_path path;
    assert_int_equal(https_path_parse(STR("/devices/a%00b"), &arena, &path), STATUS_INVALID);
    assert_int_equal(https_path_parse(STR("/devices/a%2500b"), &arena, &path), STATUS_OK);
}

static void parse_tolerantly(void *ctx)
{
    (void)ctx;
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 16);
    struct https_path path = {.count = 77};
    if (https_path_parse(STR("/devices/a%23b/modules/m"), &arena, &path) == STATUS_OK) {
        assert_int_equal(path.count, 4);
    } else {
        assert_int_equal(path.count, 77);
    }
}

static void a_refused_allocation_leaves_the_path_alone(void **state)
{
    (void)state;
    check_under_failing_allocations(parse_tolerantly, NULL);
}

static void a_path_is_written_decoded(void **state)
{
    (void)state;
    CLEANUP(buf_finish) struct buf out = BUF_INIT(1000);
    struct https_path path = {.segments = {STR("devices"), STR("a#b")}, .count = 2};
    https_path_append(&out, &path);
    assert_str_equal(buf_str(&out), "/devices/a#b");

    buf_clear(&out);
    path.count = 0;
    https_path_append(&out, &path);
    assert_str_equal(buf_str(&out), "/");
}

static void parameters_are_found_in_any_order_and_case(void **state)
{
    (void)state;
    const struct str query = STR("top=5&API-Version=2021-04-12&reject&empty=");
    struct str value = STR("untouched");
    assert_false(https_parameter(query, "to", &value));
    assert_false(https_parameter(STR_EMPTY, "top", &value));
    assert_str_equal(value, "untouched");

    assert_true(https_parameter(query, "api-version", &value));
    assert_str_equal(value, "2021-04-12");
    assert_true(https_parameter(query, "top", &value));
    assert_str_equal(value, "5");
    assert_true(https_parameter(query, "reject", &value));
    assert_str_equal(value, "");
    assert_true(https_parameter(query, "empty", &value));
    assert_str_equal(value, "");
}

static void api_versions_are_dates(void **state)
{
    (void)state;
    static const char *const good[] = {"2021-04-12", "2016-02-03", "2099-12-31",
                                       "2020-05-31-preview", "2020-05-31-Preview"};
    static const char *const bad[] = {"",           "1",           "2021-04-1",  "2021-04-123",
                                      "2021/04/12", "2021-04-12 ", "20210412xx", "2021-04-12-beta",
                                      "v021-04-12", "2021-0a-12"};
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        assert_true(https_api_version_valid(str_from(good[i])));
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_false(https_api_version_valid(str_from(bad[i])));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_spelling_of_a_path_gives_its_segments),
        cmocka_unit_test(more_segments_than_any_route_has_are_refused),
        cmocka_unit_test(a_nul_is_refused),
        cmocka_unit_test(a_refused_allocation_leaves_the_path_alone),
        cmocka_unit_test(a_path_is_written_decoded),
        cmocka_unit_test(parameters_are_found_in_any_order_and_case),
        cmocka_unit_test(api_versions_are_dates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
