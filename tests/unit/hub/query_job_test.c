/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "hub_fixture.h"

enum { DEVICES = 5000 };

static struct fixture fixture;

struct page {
    unsigned count;
    enum hub_code code;
    char problem[PROBLEM_TEXT_SIZE];
    char items[4096];
    char item_type[16];
    char continuation[256];
};

static void keep_page(void *ctx, const struct hub_query_result *result)
{
    struct page *page = ctx;
    page->count++;
    page->code = result->code;
    if (result->code != HUB_OK) {
        (void)snprintf(page->problem, sizeof(page->problem), "%s", result->problem->text);
        return;
    }
    (void)snprintf(page->items, sizeof(page->items), "%.*s", STR_ARG(result->items));
    (void)snprintf(page->item_type, sizeof(page->item_type), "%s", result->item_type);
    fake_copy(page->continuation, sizeof(page->continuation), result->continuation);
}

/* Starts a query and lets the hub run until it is done; returns the slices it took besides the
 * first. */
static unsigned ask(const char *text, size_t item_max, const char *continuation, struct page *page)
{
    struct hub_query_job *job = NULL;
    *page = (struct page){0};
    const struct hub_query_request request = {.text = str_from(text),
                                              .item_max = item_max,
                                              .continuation = str_from(continuation),
                                              .done = keep_page,
                                              .ctx = page};
    hub_query_start(fixture.hub, &request, &job);
    unsigned slices = 0;
    while (page->count == 0) {
        assert_non_null(job);
        assert_int_equal(hubs_sleep_us(fixture.hubs), 0);
        hubs_wake(fixture.hubs);
        slices++;
    }
    assert_int_equal(page->count, 1);
    return slices;
}

static int set_up(void **state)
{
    (void)state;
    fixture_init(&fixture);
    fixture.hub->settings.query_slice_us = 0; /* a step to a slice, however fast the machine is */
    for (int i = 0; i < DEVICES; i++) {
        char id[16];
        char tags[64];
        (void)snprintf(id, sizeof(id), "d%04d", i);
        (void)snprintf(tags, sizeof(tags), "{\"plant\":\"p%d\"}", i % 1000);
        (void)fixture_create(&fixture, device_key(id));
        assert_int_equal(fixture_patch(&fixture, device_key(id), tags, NULL, false), HUB_OK);
        arena_reset(&fixture.arena);
    }
    assert_true(hubs_commit(fixture.hubs));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fixture_finish(&fixture);
    return 0;
}

static void pages_follow_each_other_without_gap_or_overlap(void **state)
{
    (void)state;
    static const char text[] = "SELECT deviceId FROM devices WHERE tags.plant = 'p7'";
    struct page page;
    (void)ask(text, 2, "", &page);
    assert_string_equal(page.items, "[{\"deviceId\":\"d0007\"},{\"deviceId\":\"d1007\"}]");
    assert_string_equal(page.item_type, "Raw");
    char token[256];
    memcpy(token, page.continuation, sizeof(token));
    (void)ask(text, 2, token, &page);
    assert_string_equal(page.items, "[{\"deviceId\":\"d2007\"},{\"deviceId\":\"d3007\"}]");
    memcpy(token, page.continuation, sizeof(token));
    (void)ask(text, 2, token, &page);
    assert_string_equal(page.items, "[{\"deviceId\":\"d4007\"}]");
    assert_string_equal(page.continuation, "");
}

static void the_last_full_page_has_no_continuation(void **state)
{
    (void)state;
    struct page page;
    (void)ask("SELECT deviceId FROM devices WHERE deviceId IN ['d0001','d0002']", 2, "", &page);
    assert_string_equal(page.items, "[{\"deviceId\":\"d0001\"},{\"deviceId\":\"d0002\"}]");
    assert_string_equal(page.continuation, "");
}

static void top_counts_over_all_pages(void **state)
{
    (void)state;
    static const char text[] = "SELECT TOP 3 deviceId FROM devices";
    struct page page;
    (void)ask(text, 2, "", &page);
    assert_string_equal(page.items, "[{\"deviceId\":\"d0000\"},{\"deviceId\":\"d0001\"}]");
    char token[256];
    memcpy(token, page.continuation, sizeof(token));
    (void)ask(text, 2, token, &page);
    assert_string_equal(page.items, "[{\"deviceId\":\"d0002\"}]");
    assert_string_equal(page.continuation, "");
}

static void aggregates_count_everything_and_page_too(void **state)
{
    (void)state;
    struct page page;
    (void)ask("SELECT COUNT() AS n FROM devices", 100, "", &page);
    assert_string_equal(page.items, "[{\"n\":5000}]");
    static const char text[] =
        "SELECT tags.plant AS p, COUNT() AS n FROM devices GROUP BY tags.plant";
    assert_true(ask(text, 2, "", &page) >= 15); /* 5000 rows are so many slices */
    assert_string_equal(page.items, "[{\"p\":\"p0\",\"n\":5},{\"p\":\"p1\",\"n\":5}]");
    char token[256];
    memcpy(token, page.continuation, sizeof(token));
    (void)ask(text, 1, token, &page);
    assert_string_equal(page.items, "[{\"p\":\"p2\",\"n\":5}]");
}

static void a_page_of_large_twins_ends_early(void **state)
{
    (void)state;
    enum { LARGE = 12 }; /* of 0.8 MB each, with their metadata */
    struct buf desired = BUF_INIT(1 << 20);
    append_tiny_members(&desired, 10900);
    for (int i = 0; i < LARGE; i++) {
        char id[16];
        (void)snprintf(id, sizeof(id), "d%04d", i);
        arena_reset(&fixture.arena);
        assert_int_equal(
            fixture_patch(&fixture, device_key(id), "{\"large\":true}", desired.data, false),
            HUB_OK);
    }
    buf_finish(&desired);
    static const char query[] = "SELECT * FROM devices WHERE tags.large = true";
    struct page page = {0};
    (void)ask(query, 1000, "", &page);
    assert_int_equal(page.code, HUB_OK);
    assert_string_not_equal(page.continuation, "");
    struct page last = {0};
    (void)ask(query, 1000, page.continuation, &last);
    assert_int_equal(last.code, HUB_OK);
    assert_string_equal(last.continuation, "");
}

static void tokens_of_other_queries_and_garbage_are_refused(void **state)
{
    (void)state;
    struct page page;
    (void)ask("SELECT deviceId FROM devices", 1, "", &page);
    char token[256];
    memcpy(token, page.continuation, sizeof(token));
    assert_true(strlen(token) > 0);
    const char *const tokens[] = {token, "x", "MS4yLjMuNA==", "MS4x"};
    for (size_t i = 0; i < ARRAY_SIZE(tokens); i++) {
        (void)ask("SELECT status FROM devices", 1, tokens[i], &page);
        assert_int_equal(page.code, HUB_ARGUMENT_INVALID);
        assert_non_null(strstr(page.problem, "x-ms-continuation"));
    }
}

static void a_syntax_error_shows_where(void **state)
{
    (void)state;
    struct page page;
    (void)ask("SELECT * FROM devices WHERE tags.a == 1", 1, "", &page);
    assert_int_equal(page.code, HUB_ARGUMENT_INVALID);
    assert_non_null(strstr(page.problem, "\n"));
    assert_non_null(strstr(page.problem, "^"));
}

struct explained {
    unsigned count;
    enum hub_code code;
    char text[256], tree[256], access[32], item_type[16];
    uint64_t rows_read, rows_returned;
};

static void keep_explanation(void *ctx, const struct hub_query_result *result)
{
    struct explained *explained = ctx;
    explained->count++;
    explained->code = result->code;
    if (result->code != HUB_OK) {
        return;
    }
    assert_non_null(result->explanation);
    assert_int_equal(result->items.size, 0);
    fake_copy(explained->text, sizeof(explained->text), result->explanation->text);
    fake_copy(explained->tree, sizeof(explained->tree), result->explanation->tree);
    fake_copy(explained->access, sizeof(explained->access), str_from(result->explanation->access));
    fake_copy(explained->item_type, sizeof(explained->item_type), str_from(result->item_type));
    explained->rows_read = result->explanation->rows_read;
    explained->rows_returned = result->explanation->rows_returned;
}

static void an_explained_query_runs_to_its_end(void **state)
{
    (void)state;
    static const struct {
        const char *text, *printed, *tree, *access, *item_type;
        uint64_t rows_read, rows_returned;
    } rows[] = {
        {"select*from devices where deviceId='d0001'",
         "SELECT * FROM devices WHERE deviceId = 'd0001'",
         "select=*; from=devices; where=cmp(=,path [\"deviceId\"],\"d0001\")", "key deviceId",
         "Twin", 1, 1},
        {"SELECT deviceId FROM devices WHERE tags.plant != 'p0'",
         "SELECT deviceId FROM devices WHERE tags.plant != 'p0'",
         "select=[(\"deviceId\",path [\"deviceId\"])]; from=devices; where=cmp(!=,path "
         "[\"tags\",\"plant\"],\"p0\")",
         "scan", "Raw", DEVICES, DEVICES - 5},
        {"SELECT tags.plant, COUNT() FROM devices GROUP BY tags.plant",
         "SELECT tags.plant, COUNT() FROM devices GROUP BY tags.plant",
         "select=[(\"plant\",path [\"tags\",\"plant\"]),(\"$1\",count)]; from=devices; group=[path "
         "[\"tags\",\"plant\"]]",
         "scan", "Raw", DEVICES, DEVICES / 5},
        {"SELECT COUNT() FROM devices", "SELECT COUNT() FROM devices",
         "select=[(\"$1\",count)]; from=devices", "count", "Raw", 0, 1},
        {"SELECT COUNT() AS n FROM devices.modules", "SELECT COUNT() AS n FROM devices.modules",
         "select=[(\"n\",count)]; from=modules", "count", "Raw", 0, 1},
        {"SELECT TOP 3 * FROM devices", "SELECT TOP 3 * FROM devices",
         "top=3; select=*; from=devices", "scan", "Twin", 3, 3},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct explained explained = {0};
        struct hub_query_job *job = NULL;
        const struct hub_query_request request = {.text = str_from(rows[i].text),
                                                  .explains = true,
                                                  .done = keep_explanation,
                                                  .ctx = &explained};
        hub_query_start(fixture.hub, &request, &job);
        while (explained.count == 0) {
            hubs_wake(fixture.hubs);
        }
        assert_int_equal(explained.code, HUB_OK);
        assert_string_equal(explained.text, rows[i].printed);
        assert_string_equal(explained.tree, rows[i].tree);
        assert_string_equal(explained.access, rows[i].access);
        assert_string_equal(explained.item_type, rows[i].item_type);
        assert_int_equal(explained.rows_read, rows[i].rows_read);
        assert_int_equal(explained.rows_returned, rows[i].rows_returned);
    }
}

static void a_cancelled_query_never_reports(void **state)
{
    (void)state;
    struct page page = {0};
    struct hub_query_job *job = NULL;
    const struct hub_query_request request = {
        .text = STR("SELECT * FROM devices WHERE STARTSWITH(tags.plant, 'none')"),
        .item_max = 10,
        .done = keep_page,
        .ctx = &page};
    hub_query_start(fixture.hub, &request, &job);
    assert_non_null(job);
    hub_query_cancel(job);
    assert_true(hubs_sleep_us(fixture.hubs) > 0);
    hubs_wake(fixture.hubs);
    assert_int_equal(page.count, 0);
}

static void queries_take_turns(void **state)
{
    (void)state;
    struct page pages[3] = {{0}};
    struct hub_query_job *jobs[3];
    for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
        const struct hub_query_request request = {
            .text = STR("SELECT * FROM devices WHERE STARTSWITH(tags.plant, 'none')"),
            .item_max = 10,
            .done = keep_page,
            .ctx = &pages[i]};
        hub_query_start(fixture.hub, &request, &jobs[i]);
        assert_non_null(jobs[i]);
    }
    while (pages[0].count == 0) {
        hubs_wake(fixture.hubs);
    }
    assert_int_equal(pages[1].count + pages[2].count, 0);
    hubs_wake(fixture.hubs);
    hubs_wake(fixture.hubs);
    assert_int_equal(pages[1].count + pages[2].count, 2);
}

static void a_slice_with_time_goes_on(void **state)
{
    (void)state;
    struct page page;
    fixture.hub->settings.query_slice_us = 60 * CLOCK_SECOND;
    assert_true(hubs_commit(fixture.hubs));
    assert_int_equal(
        ask("SELECT * FROM devices WHERE STARTSWITH(tags.plant, 'none')", 10, "", &page), 0);
    fixture.hub->settings.query_slice_us = 0;
    assert_true(hubs_commit(fixture.hubs));
}

/* Where it is not in storage yet. */
static void activity_is_fresh_in_every_query_that_shows_it(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "SELECT * FROM devices WHERE deviceId = 'd0001'",
        "SELECT lastActivityTime FROM devices WHERE deviceId = 'd0001'",
        "SELECT deviceId FROM devices WHERE lastActivityTime = '2026-11-21T11:00:03.0000000Z'",
    };
    static const char *const shown[] = {"11:00:01.0000000Z", "11:00:02.0000000Z", "d0001"};
    static struct fake_client client;
    struct page page;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        fake_connect(&fixture, device_key("d0001"), &client);
        clock_set(&fixture.hub->clock, FIXTURE_NOW_US + (int64_t)(i + 1) * CLOCK_SECOND);
        hub_link_touch(client.link);
        (void)ask(texts[i], 10, "", &page);
        assert_non_null(strstr(page.items, shown[i]));
        hub_link_close(client.link, "done");
        clock_set(&fixture.hub->clock, FIXTURE_NOW_US);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_follow_each_other_without_gap_or_overlap),
        cmocka_unit_test(the_last_full_page_has_no_continuation),
        cmocka_unit_test(top_counts_over_all_pages),
        cmocka_unit_test(aggregates_count_everything_and_page_too),
        cmocka_unit_test(a_page_of_large_twins_ends_early),
        cmocka_unit_test(tokens_of_other_queries_and_garbage_are_refused),
        cmocka_unit_test(a_syntax_error_shows_where),
        cmocka_unit_test(an_explained_query_runs_to_its_end),
        cmocka_unit_test(a_cancelled_query_never_reports),
        cmocka_unit_test(queries_take_turns),
        cmocka_unit_test(a_slice_with_time_goes_on),
        cmocka_unit_test(activity_is_fresh_in_every_query_that_shows_it),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
