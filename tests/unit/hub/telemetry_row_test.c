/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "hub_fixture.h"

#include "hub/events.h"

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

static const char *const hard[] = {
    "",
    "plain",
    "\"quoted\\\"",
    "\n\t\x01\x1f/",
    "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80",
    "null",
    "{\"a\":\"b\"}",
    ",",
    "}",
    "\\u0041",
};

struct expectation {
    const struct hub_message *message;
    struct arena *arena;
    bool compared;
    enum status status;
};

static void compare_properties(const struct hub_property *actual, size_t actual_count,
                               const struct hub_property *expected, size_t expected_count)
{
    assert_int_equal(actual_count, expected_count);
    for (size_t i = 0; i < expected_count; i++) {
        assert_true(str_equal(actual[i].name, expected[i].name));
        assert_true(str_equal(actual[i].value, expected[i].value));
        assert_int_equal(actual[i].value.data == NULL, expected[i].value.data == NULL);
    }
}

static void compare(void *ctx, const struct journal_row *row)
{
    struct expectation *expectation = ctx;
    struct hub_sent sent;
    expectation->status = hub_telemetry_read(row, expectation->arena, &sent);
    if (expectation->status != STATUS_OK) {
        return;
    }
    const struct hub_message *message = expectation->message;
    assert_str_equal(sent.auth, "device.sas");
    assert_true(sent.generation.size >= 17);
    compare_properties(sent.message.system, sent.message.system_count, message->system,
                       message->system_count);
    compare_properties(sent.message.application, sent.message.application_count,
                       message->application, message->application_count);
    assert_true(str_equal(sent.message.body, message->body));
    expectation->compared = true;
}

static void write_and_read(const struct hub_message *message, struct expectation *expectation)
{
    struct storage_identity *identity = NULL;
    assert_int_equal(
        hub_identity_get(fixture.hub, device_key("d1"), &fixture.arena, &identity, NULL), HUB_OK);
    const struct hub_principal principal = {
        .id = identity->id, .generation = identity->generation, .method = HUB_AUTH_DEVICE_KEY};
    assert_int_equal(hub_telemetry(fixture.hub, device_key("d1"), &principal, NULL, message, NULL),
                     HUB_OK);
    const struct journal_filter filter = {
        .after = storage_journal_last(fixture.storage) - 1, .limit = 1, .rows_read_max = 1};
    uint64_t next = 0;
    expectation->message = message;
    assert_int_equal(hub_journal_read(fixture.hub, &filter, compare, expectation, &next), HUB_OK);
}

static void what_was_written_is_read_back(void **state)
{
    (void)state;
    struct hub_property system[ARRAY_SIZE(hard)];
    struct hub_property application[ARRAY_SIZE(hard)];
    char names[ARRAY_SIZE(hard)][64];
    for (size_t i = 0; i < ARRAY_SIZE(hard); i++) {
        (void)snprintf(names[i], sizeof(names[i]), "%zu%s", i, hard[i]);
        system[i] = (struct hub_property){str_from(names[i]), str_from(hard[i])};
        application[i] = system[i];
    }
    application[3].value = (struct str){0};
    for (size_t count = 0; count <= ARRAY_SIZE(hard); count++) {
        const struct hub_message message = {.system = system,
                                            .system_count = count,
                                            .application = application,
                                            .application_count = ARRAY_SIZE(hard) - count,
                                            .body = STR("\0\xff")};
        struct expectation expectation = {.arena = &fixture.arena};
        write_and_read(&message, &expectation);
        assert_int_equal(expectation.status, STATUS_OK);
        assert_true(expectation.compared);
    }
}

static void a_model_that_was_announced_is_in_the_row(void **state)
{
    (void)state;
    struct fake_client client;
    fake_connect(&fixture, device_key("d1"), &client);
    assert_int_equal(hub_link_model(client.link, STR("dtmi:com:example;1")), HUB_OK);
    assert_int_equal(hub_link_model(client.link, STR("dtmi:com:example;2")), HUB_OK);
    const struct hub_principal principal = {.id = 1, .generation = 5};
    const struct hub_message message = {.body = STR("x")};
    assert_int_equal(
        hub_telemetry(fixture.hub, device_key("d1"), &principal, client.link, &message, NULL),
        HUB_OK);
    struct journal_row row = {.detail = STR_EMPTY};
    struct hub_sent sent;
    assert_int_equal(hub_telemetry_read(&row, &fixture.arena, &sent), STATUS_CORRUPT);
    row.detail = buf_str(&fixture.hub->scratch);
    assert_int_equal(hub_telemetry_read(&row, &fixture.arena, &sent), STATUS_OK);
    assert_str_equal(sent.model_id, "dtmi:com:example;2");
    hub_link_close(client.link, "bye");
}

static void every_cut_of_a_row_is_corrupt(void **state)
{
    (void)state;
    const struct str whole =
        STR("{\"auth\":\"device.sas\",\"generationId\":\"637\",\"modelId\":\"m\","
            "\"systemProperties\":{\"a\":\"\\u0001b\",\"c\":null},\"properties\":{\"d\":\"e\"}}");
    struct hub_sent sent;
    for (size_t size = 0; size <= whole.size; size++) {
        const struct journal_row row = {.detail = str_of(whole.data, size)};
        assert_int_equal(hub_telemetry_read(&row, &fixture.arena, &sent),
                         size == whole.size ? STATUS_OK : STATUS_CORRUPT);
    }
    static const char *const others[] = {"null",
                                         "{}",
                                         "{\"auth\":1}",
                                         "{\"auth\":\"a\"}}",
                                         "{\"what\":\"a\"}",
                                         "{\"properties\":{\"a\":{}}}",
                                         "{\"auth\":\"\\q\"}",
                                         "{\"properties\":{,}}",
                                         "{\"auth\":\"a\",}"};
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        const struct journal_row row = {.detail = str_from(others[i])};
        if (hub_telemetry_read(&row, &fixture.arena, &sent) != STATUS_CORRUPT) {
            fail_msg("%s", others[i]);
        }
    }
}

static void try_read(void *ctx)
{
    const struct journal_row *row = ctx;
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(65536);
    struct hub_sent sent;
    const enum status status = hub_telemetry_read(row, &arena, &sent);
    assert_true(status == STATUS_OK || status == STATUS_NO_MEMORY);
}

static void refused_memory_is_told_from_a_corrupt_row(void **state)
{
    (void)state;
    struct journal_row row = {
        .detail = STR("{\"auth\":\"a\",\"systemProperties\":{\"a\":\"\\n\",\"c\":null}}")};
    check_under_failing_allocations(try_read, &row);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_written_is_read_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_model_that_was_announced_is_in_the_row, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(every_cut_of_a_row_is_corrupt, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refused_memory_is_told_from_a_corrupt_row, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
