/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "hub_fixture.h"

static struct fixture fixture;

static int set_up(void **state)
{
    (void)state;
    fixture_init(&fixture);
    (void)fixture_create(&fixture, device_key("d1"));
    (void)fixture_create(&fixture, device_key("d2"));
    assert_true(hubs_commit(fixture.hubs));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fixture_finish(&fixture);
    return 0;
}

static struct hub_principal principal_of(const char *device)
{
    struct storage_identity *identity = NULL;
    assert_int_equal(
        hub_identity_get(fixture.hub, device_key(device), &fixture.arena, &identity, NULL), HUB_OK);
    return (struct hub_principal){
        .id = identity->id, .generation = identity->generation, .method = HUB_AUTH_DEVICE_KEY};
}

static void append_row(void *ctx, const struct journal_row *row)
{
    hub_journal_row_append(ctx, row);
    buf_append_byte(ctx, '\n');
}

static struct str read_journal(struct buf *out, uint64_t after, uint64_t kinds, const char *device)
{
    const struct journal_filter filter = {.after = after,
                                          .kinds = kinds,
                                          .device = str_from(device),
                                          .limit = 100,
                                          .rows_read_max = 1000};
    uint64_t next = 0;
    buf_clear(out);
    assert_int_equal(hub_journal_read(fixture.hub, &filter, append_row, out, &next), HUB_OK);
    return buf_str(out);
}

static void telemetry_keeps_properties_and_bytes(void **state)
{
    (void)state;
    const struct hub_principal principal = principal_of("d1");
    const struct hub_property system[] = {{STR("messageId"), STR("m\"1")},
                                          {STR("contentType"), STR("application/json")}};
    const struct hub_property application[] = {{STR("alert"), STR("true")},
                                               {STR("nothing"), {.data = NULL}}};
    const struct {
        struct str body;
        const char *shown;
    } rows[] = {
        {STR("{\"t\":1}"), ",\"body\":{\"t\":1}"},
        {STR("plain"), ",\"bodyText\":\"plain\""},
        {{"\xff\x00", 2}, ",\"bodyBase64\":\"/wA=\""},
        {{NULL, 0}, ",\"bodyText\":\"\""},
    };
    struct buf out = BUF_INIT(65536);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const uint64_t before = storage_journal_last(fixture.storage);
        const struct hub_message message = {.system = system,
                                            .system_count = ARRAY_SIZE(system),
                                            .application = application,
                                            .application_count = ARRAY_SIZE(application),
                                            .body = rows[i].body};
        assert_int_equal(hub_telemetry(fixture.hub, device_key("d1"), &principal, NULL, &message,
                                       &fixture.problem),
                         HUB_OK);
        char expected[512];
        (void)snprintf(expected, sizeof(expected),
                       "{\"sequence\":%llu,\"time\":\"2026-11-21T11:00:00.0000000Z\","
                       "\"kind\":\"telemetry\",\"deviceId\":\"d1\",\"auth\":\"device.sas\","
                       "\"generationId\":\"%lld\",\"systemProperties\":{\"messageId\":\"m\\\"1\","
                       "\"contentType\":\"application/json\"},\"properties\":{\"alert\":\"true\","
                       "\"nothing\":null}%s}\n",
                       (unsigned long long)before + 1, (long long)principal.generation,
                       rows[i].shown);
        assert_str_equal(read_journal(&out, before, 0, ""), expected);
    }
    buf_finish(&out);
}

static void send(const struct hub_message *message)
{
    const struct hub_principal principal = principal_of("d1");
    assert_int_equal(
        hub_telemetry(fixture.hub, device_key("d1"), &principal, NULL, message, &fixture.problem),
        HUB_OK);
}

static void of_names_that_differ_in_case_only_the_first_stays(void **state)
{
    (void)state;
    const struct hub_property properties[] = {
        {STR("Alert"), STR("1")}, {STR("alert"), STR("2")}, {STR("b"), STR("3")},
        {STR("ALERT"), STR("4")}, {STR("b"), STR("5")},     {STR("alerts"), STR("6")},
    };
    const struct hub_property system[] = {{STR("messageId"), STR("m1")},
                                          {STR("messageId"), STR("m2")}};
    const struct hub_message message = {.system = system,
                                        .system_count = ARRAY_SIZE(system),
                                        .application = properties,
                                        .application_count = ARRAY_SIZE(properties),
                                        .body = STR_EMPTY};
    const uint64_t before = storage_journal_last(fixture.storage);
    send(&message);
    struct buf out = BUF_INIT(65536);
    (void)read_journal(&out, before, 0, "");
    buf_append_byte(&out, '\0');
    assert_int_equal(buf_status(&out), STATUS_OK);
    assert_non_null(strstr(out.data, "\"systemProperties\":{\"messageId\":\"m1\"},"
                                     "\"properties\":{\"Alert\":\"1\",\"b\":\"3\","
                                     "\"alerts\":\"6\"}"));
    buf_finish(&out);
}

/* As many as fit into a topic. Comparing each with each would take seconds. */
static void tens_of_thousands_of_properties_are_sorted_out(void **state)
{
    (void)state;
    enum { COUNT = 30000, DISTINCT = 10000 };
    static char names[COUNT][8];
    static struct hub_property properties[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        (void)snprintf(names[i], sizeof(names[i]), i < DISTINCT ? "n%zu" : "N%zu", i % DISTINCT);
        properties[i] = (struct hub_property){str_from(names[i]), STR_EMPTY};
    }
    const struct hub_message message = {
        .application = properties, .application_count = COUNT, .body = STR_EMPTY};
    const uint64_t before = storage_journal_last(fixture.storage);
    send(&message);
    struct buf out = BUF_INIT(1 << 20);
    (void)read_journal(&out, before, 0, "");
    buf_append_byte(&out, '\0');
    assert_int_equal(buf_status(&out), STATUS_OK);
    assert_non_null(strstr(out.data, "\"n9999\":\"\"}"));
    assert_null(strstr(out.data, "\"N"));
    buf_finish(&out);
}

static void the_oldest_rows_go_when_the_journal_is_full(void **state)
{
    (void)state;
    enum { MESSAGES = 400, SIZE = 50000, MB = 1 << 20 };
    static char body[SIZE];
    const struct hub_message message = {.body = {body, sizeof(body)}};
    fixture.hub->settings.journal_max_mb = 5;
    for (int i = 0; i < MESSAGES; i++) {
        arena_reset(&fixture.arena);
        send(&message);
        assert_true(hubs_commit(fixture.hubs));
    }
    uint64_t size = 0;
    assert_int_equal(storage_journal_size(fixture.storage, &size), STATUS_OK);
    assert_in_range(size, 3 * MB, 6 * MB);
    const uint64_t rows = storage_journal_rows(fixture.storage);
    assert_in_range(rows, 3 * MB / SIZE, 6 * MB / SIZE);
    struct buf out = BUF_INIT(1 << 20);
    const uint64_t last = storage_journal_last(fixture.storage);
    (void)read_journal(&out, last - 1, 0, "d1");
    assert_true(out.size > 0); /* the newest is there */
    buf_finish(&out);

    fixture.hub->settings.journal_max_mb = 0;
    for (int i = 0; i < MESSAGES; i++) {
        arena_reset(&fixture.arena);
        send(&message);
    }
    assert_int_equal(storage_journal_rows(fixture.storage), rows + MESSAGES);
}

static void a_message_is_metered_with_its_properties(void **state)
{
    (void)state;
    static char body[HUB_MESSAGE_SIZE_MAX];
    const struct hub_principal principal = principal_of("d1");
    const struct hub_property system = {STR("messageId"), STR("12345")};
    const struct hub_property application = {STR("abc"), STR("de")};
    struct hub_message message = {.system = &system,
                                  .system_count = 1,
                                  .application = &application,
                                  .application_count = 1,
                                  .body = {body, sizeof(body) - 10}};
    assert_int_equal(hub_telemetry(fixture.hub, device_key("d1"), &principal, NULL, &message, NULL),
                     HUB_OK);
    message.body.size++;
    assert_int_equal(
        hub_telemetry(fixture.hub, device_key("d1"), &principal, NULL, &message, &fixture.problem),
        HUB_MESSAGE_TOO_LARGE);
}

static void rows_are_filtered_by_device_and_kind(void **state)
{
    (void)state;
    struct buf out = BUF_INIT(65536);
    const struct str created =
        read_journal(&out, 0, UINT64_C(1) << HUB_EVENT_IDENTITY_CREATED, "d2");
    assert_true(str_starts(created, STR("{\"sequence\":3,")));
    assert_int_equal(str_find(str_skip(created, 1), '\n') + 2, created.size); /* one row */
    assert_int_equal(read_journal(&out, 0, UINT64_C(1) << HUB_EVENT_TELEMETRY, "").size, 0);
    assert_int_equal(read_journal(&out, 99, 0, "").size, 0);
    hub_note_refused(fixture.hub, "mqtt", 7, device_key("d1"), HUB_UNAUTHORIZED_ACCESS,
                     "wrong \"key\"");
    assert_non_null(strstr(read_journal(&out, 3, 0, "d1").data,
                           "\"kind\":\"refused\",\"deviceId\":\"d1\",\"endpoint\":\"mqtt\","
                           "\"connection\":7,\"code\":401002,\"why\":\"wrong \\\"key\\\"\"}"));
    buf_finish(&out);
}

static void count_up(void *ctx)
{
    (*(unsigned *)ctx)++;
}

static void watchers_wake_after_the_commit_and_once(void **state)
{
    (void)state;
    unsigned woken = 0;
    struct hub_watcher watcher = {.changed = count_up, .ctx = &woken};
    hub_journal_watch(fixture.hub, &watcher);
    hub_note_refused(fixture.hub, "mqtt", 1, device_key("d1"), HUB_UNAUTHORIZED_ACCESS, "x");
    assert_int_equal(woken, 0);
    assert_true(hubs_commit(fixture.hubs));
    assert_int_equal(woken, 1);
    hub_note_refused(fixture.hub, "mqtt", 1, device_key("d1"), HUB_UNAUTHORIZED_ACCESS, "x");
    assert_true(hubs_commit(fixture.hubs));
    assert_int_equal(woken, 1);
    hub_journal_watch(fixture.hub, &watcher);
    hub_journal_unwatch(&watcher);
    hub_note_refused(fixture.hub, "mqtt", 1, device_key("d1"), HUB_UNAUTHORIZED_ACCESS, "x");
    assert_true(hubs_commit(fixture.hubs));
    assert_int_equal(woken, 1);
}

static void a_failed_tick_is_undone(void **state)
{
    (void)state;
    const uint64_t before = storage_journal_last(fixture.storage);
    (void)fixture_create(&fixture, device_key("d3"));
    (void)hub_fail(fixture.hub, STATUS_IO, &fixture.problem);
    assert_false(hubs_commit(fixture.hubs));
    struct storage_identity *identity = NULL;
    assert_int_equal(
        hub_identity_get(fixture.hub, device_key("d3"), &fixture.arena, &identity, NULL),
        HUB_DEVICE_NOT_FOUND);
    assert_true(storage_journal_last(fixture.storage) == before);
    assert_true(hubs_commit(fixture.hubs));
}

static void activity_is_fresh_whenever_it_is_looked_at(void **state)
{
    (void)state;
    static struct fake_client client;
    fake_connect(&fixture, device_key("d1"), &client);
    fixture_advance(&fixture, 10);
    const struct hub_principal principal = principal_of("d1");
    const struct hub_message message = {.body = STR("x")};
    assert_int_equal(
        hub_telemetry(fixture.hub, device_key("d1"), &principal, client.link, &message, NULL),
        HUB_OK);
    const struct storage_identity *twin = fixture_twin(&fixture, device_key("d1"));
    assert_true(twin->last_activity_us == FIXTURE_NOW_US + 10 * CLOCK_SECOND);
    assert_true(twin->connected);
    hub_link_close(client.link, "done");
    assert_false(fixture_twin(&fixture, device_key("d1"))->connected);
}

static void a_reset_empties_the_hub_and_seeds_it_again(void **state)
{
    (void)state;
    assert_int_equal(hub_seed(fixture.hub,
                              STR("{\"devices\":[{\"deviceId\":\"s1\",\"tags\":"
                                  "{\"a\":1}}]}"),
                              &fixture.problem),
                     HUB_OK);
    static struct fake_client client;
    fake_connect(&fixture, device_key("d1"), &client);
    assert_int_equal(fixture_patch(&fixture, device_key("s1"), "{\"a\":2}", NULL, false), HUB_OK);
    assert_int_equal(hub_reset(fixture.hub), HUB_OK);
    assert_true(hubs_commit(fixture.hubs));
    assert_int_equal(client.closed_count, 1);
    assert_str_equal(fixture_twin(&fixture, device_key("s1"))->tags, "{\"a\":1}");
    struct storage_counts counts;
    assert_int_equal(hub_counts(fixture.hub, &counts), HUB_OK);
    assert_int_equal(counts.devices, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(telemetry_keeps_properties_and_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(of_names_that_differ_in_case_only_the_first_stays, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(tens_of_thousands_of_properties_are_sorted_out, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_oldest_rows_go_when_the_journal_is_full, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_message_is_metered_with_its_properties, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(rows_are_filtered_by_device_and_kind, set_up, tear_down),
        cmocka_unit_test_setup_teardown(watchers_wake_after_the_commit_and_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failed_tick_is_undone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(activity_is_fresh_whenever_it_is_looked_at, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_reset_empties_the_hub_and_seeds_it_again, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
