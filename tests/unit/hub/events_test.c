/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "hub_fixture.h"

#include "hub/events.h"

static struct fixture fixture;

enum { ALL_ROUTES = 15 };

static int set_up(void **state)
{
    (void)state;
    fixture_init(&fixture);
    fixture.hub->settings.routes = HUB_ROUTE_TELEMETRY;
    (void)fixture_create(&fixture, device_key("d1"));
    assert_true(hubs_commit(fixture.hubs));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fixture_finish(&fixture);
    return 0;
}

static unsigned partition(void)
{
    return hub_partition_of(fixture.hub, STR("d1"));
}

static void send_one(const char *body)
{
    struct storage_identity *identity = NULL;
    assert_int_equal(
        hub_identity_get(fixture.hub, device_key("d1"), &fixture.arena, &identity, NULL), HUB_OK);
    const struct hub_principal principal = {
        .id = identity->id, .generation = identity->generation, .method = HUB_AUTH_DEVICE_KEY};
    const struct hub_message message = {.body = str_from(body)};
    assert_int_equal(
        hub_telemetry(fixture.hub, device_key("d1"), &principal, NULL, &message, &fixture.problem),
        HUB_OK);
}

static void send_and_commit(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char body[24];
        (void)snprintf(body, sizeof(body), "%zu", i);
        send_one(body);
        fixture_advance(&fixture, 1);
    }
    assert_true(hubs_commit(fixture.hubs));
}

/* ---- a reader that notes what it hears ---- */

struct listener {
    struct hub_reader *reader;
    struct hub_read_event events[32];
    char bodies[32][16];
    size_t count, count_max;
    unsigned stolen, available;
};

static void stolen(void *ctx, const char *why)
{
    struct listener *listener = ctx;
    assert_non_null(strstr(why, "epoch"));
    listener->reader = NULL;
    listener->stolen++;
}

static void available(void *ctx)
{
    ((struct listener *)ctx)->available++;
}

static bool note_event(void *ctx, const struct hub_read_event *event)
{
    struct listener *listener = ctx;
    if (listener->count == listener->count_max) {
        return false;
    }
    fake_copy(listener->bodies[listener->count], sizeof(listener->bodies[0]), event->row->body);
    listener->events[listener->count++] = *event;
    return true;
}

static enum hub_reader_answer open_reader(struct listener *listener, struct hub_start start,
                                          int64_t epoch)
{
    static const struct hub_reader_ops ops = {.stolen = stolen, .available = available};
    *listener = (struct listener){.count_max = ARRAY_SIZE(listener->events)};
    const struct hub_reader_request request = {
        .group = STR("$default"),
        .partition = partition(),
        .start = start,
        .exclusive = epoch >= 0,
        .epoch = epoch,
        .ops = &ops,
        .ctx = listener,
    };
    return hub_reader_open(fixture.hub, &request, &listener->reader, &fixture.problem);
}

static void hear(struct listener *listener)
{
    for (bool more = true; more;) {
        const size_t before = listener->count;
        assert_int_equal(hub_reader_read(listener->reader, note_event, listener, &more), HUB_OK);
        if (listener->count == before && listener->count == listener->count_max) {
            return;
        }
    }
}

/* ---- where reading starts ---- */

#define MS(seconds) ((FIXTURE_NOW_US + (seconds)*CLOCK_SECOND) / 1000)

static void a_reader_starts_where_it_asked_to(void **state)
{
    (void)state;
    send_and_commit(10); /* bodies 0 to 9, a second apart, behind two rows: started, created */
    const struct {
        struct hub_start start;
        size_t count;
        const char *first;
    } starts[] = {
        {{.at = HUB_START_FIRST}, 10, "0"},
        {{.at = HUB_START_LATEST}, 0, ""},
        {{HUB_START_SEQUENCE, -1, false}, 10, "0"},
        {{HUB_START_SEQUENCE, -1, true}, 10, "0"},
        {{HUB_START_SEQUENCE, INT64_MIN, false}, 10, "0"},
        {{HUB_START_SEQUENCE, 0, false}, 9, "1"},
        {{HUB_START_SEQUENCE, 0, true}, 10, "0"},
        {{HUB_START_SEQUENCE, 9, true}, 1, "9"},
        {{HUB_START_SEQUENCE, 9, false}, 0, ""},
        {{HUB_START_SEQUENCE, 10, true}, 0, ""},
        {{HUB_START_OFFSET, -1, false}, 10, "0"},
        {{HUB_START_OFFSET, 0, false}, 10, "0"},
        {{HUB_START_OFFSET, 3, true}, 10, "0"},
        {{HUB_START_OFFSET, 3, false}, 9, "1"},
        {{HUB_START_OFFSET, 12, true}, 1, "9"},
        {{HUB_START_OFFSET, 12, false}, 0, ""},
        {{HUB_START_TIME, 0, false}, 10, "0"},
        {{HUB_START_TIME, INT64_MIN, true}, 10, "0"},
        {{HUB_START_TIME, MS(0), true}, 10, "0"},
        {{HUB_START_TIME, MS(0), false}, 9, "1"},
        {{HUB_START_TIME, MS(9) - 1, false}, 1, "9"},
        {{HUB_START_TIME, MS(9), true}, 1, "9"},
        {{HUB_START_TIME, MS(9), false}, 0, ""},
        {{HUB_START_TIME, INT64_MAX, false}, 0, ""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
        struct listener listener;
        assert_int_equal(open_reader(&listener, starts[i].start, -1), HUB_READER_OPEN);
        hear(&listener);
        if (listener.count != starts[i].count) {
            fail_msg("start %zu: %zu events", i, listener.count);
        }
        if (listener.count > 0) {
            assert_string_equal(listener.bodies[0], starts[i].first);
            assert_int_equal(listener.events[0].sequence, 10 - listener.count);
            assert_int_equal(listener.events[0].offset, 13 - listener.count);
        }
        hub_reader_close(listener.reader);
    }
}

static void a_start_behind_the_end_is_refused(void **state)
{
    (void)state;
    send_and_commit(10);
    const struct hub_start starts[] = {
        {HUB_START_SEQUENCE, 10, false},        {HUB_START_SEQUENCE, 11, true},
        {HUB_START_SEQUENCE, INT64_MAX, false}, {HUB_START_OFFSET, 13, false},
        {HUB_START_OFFSET, 14, true},           {HUB_START_OFFSET, INT64_MAX, false}};
    for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
        struct listener listener;
        assert_int_equal(open_reader(&listener, starts[i], -1), HUB_READER_BAD_START);
        assert_non_null(strstr(fixture.problem.text, i < 3 ? "'9'" : "'12'"));
    }
}

/* ---- waking ---- */

static void a_reader_that_waits_is_told_once_after_the_commit(void **state)
{
    (void)state;
    struct listener listener;
    assert_int_equal(open_reader(&listener, (struct hub_start){.at = HUB_START_LATEST}, -1),
                     HUB_READER_OPEN);
    hub_reader_wait(listener.reader);
    hub_reader_wait(listener.reader);
    send_one("a");
    hear(&listener);
    assert_int_equal(listener.count, 0); /* not committed */
    assert_int_equal(listener.available, 0);
    assert_true(hubs_commit(fixture.hubs));
    assert_int_equal(listener.available, 1);
    send_and_commit(1);
    assert_int_equal(listener.available, 1);
    hear(&listener);
    assert_int_equal(listener.count, 2);

    /* Rows that are not this partition's events wake nobody. */
    hub_reader_wait(listener.reader);
    (void)fixture_create(&fixture, device_key("d2"));
    assert_true(hubs_commit(fixture.hubs));
    assert_int_equal(listener.available, 1);
    send_and_commit(1);
    assert_int_equal(listener.available, 2);
    hub_reader_close(listener.reader);
}

static void a_full_reader_gets_the_refused_event_again(void **state)
{
    (void)state;
    send_and_commit(5);
    struct listener listener;
    assert_int_equal(open_reader(&listener, (struct hub_start){.at = HUB_START_FIRST}, -1),
                     HUB_READER_OPEN);
    listener.count_max = 2;
    hear(&listener);
    listener.count_max = 32;
    hear(&listener);
    assert_int_equal(listener.count, 5);
    assert_string_equal(listener.bodies[2], "2");
    assert_int_equal(listener.events[4].sequence, 4);
    hub_reader_close(listener.reader);
}

/* ---- epochs ---- */

static const struct hub_start first = {.at = HUB_START_FIRST};

static void an_epoch_as_high_takes_the_partition(void **state)
{
    (void)state;
    struct listener plain, one, same, two, lower;
    assert_int_equal(open_reader(&plain, first, -1), HUB_READER_OPEN);
    assert_int_equal(open_reader(&one, first, 1), HUB_READER_OPEN);
    assert_int_equal(plain.stolen, 1);
    assert_int_equal(open_reader(&same, first, 1), HUB_READER_OPEN);
    assert_int_equal(one.stolen, 1);
    assert_int_equal(open_reader(&two, first, 2), HUB_READER_OPEN);
    assert_int_equal(same.stolen, 1);
    assert_int_equal(open_reader(&lower, first, 1), HUB_READER_LOWER);
    assert_int_equal(open_reader(&lower, first, -1), HUB_READER_LOWER);
    assert_non_null(strstr(fixture.problem.text, "epoch 2"));
    assert_int_equal(two.stolen, 0);
    /* Who is refused for another reason steals nothing. */
    assert_int_equal(open_reader(&lower, (struct hub_start){HUB_START_OFFSET, INT64_MAX, false}, 7),
                     HUB_READER_BAD_START);
    assert_int_equal(two.stolen, 0);
    hub_reader_close(two.reader);
    assert_int_equal(open_reader(&lower, first, -1), HUB_READER_OPEN);
    hub_reader_close(lower.reader);
}

static void five_readers_without_epoch_share_a_partition(void **state)
{
    (void)state;
    struct listener listeners[6];
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(open_reader(&listeners[i], first, -1), HUB_READER_OPEN);
    }
    assert_int_equal(open_reader(&listeners[5], first, -1), HUB_READER_TOO_MANY);
    assert_non_null(strstr(fixture.problem.text, "at most 5"));
    assert_int_equal(open_reader(&listeners[5], first, 0), HUB_READER_OPEN);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(listeners[i].stolen, 1);
    }
    hub_reader_close(listeners[5].reader);
}

static void consumer_groups_are_those_configured(void **state)
{
    (void)state;
    struct problem problem;
    assert_true(hub_consumer_group(fixture.hub, STR("$Default"), &problem));
    assert_true(hub_consumer_group(fixture.hub, STR("$DEFAULT"), &problem));
    assert_false(hub_consumer_group(fixture.hub, STR("web"), &problem));
    assert_non_null(strstr(problem.text, "--consumer-groups web"));
    struct listener listener = {0};
    const struct hub_reader_request request = {.group = STR("web")};
    assert_int_equal(hub_reader_open(fixture.hub, &request, &listener.reader, &problem),
                     HUB_READER_NO_GROUP);
}

/* ---- retention ---- */

static void what_is_older_than_the_retention_is_not_served(void **state)
{
    (void)state;
    send_and_commit(10);
    struct listener listener;
    assert_int_equal(open_reader(&listener, first, -1), HUB_READER_OPEN);
    fixture_advance(&fixture, fixture.hub->settings.events_retention_s - 5);
    hear(&listener);
    assert_int_equal(listener.count, 5);
    assert_string_equal(listener.bodies[0], "5");
    assert_int_equal(listener.events[0].sequence, 5);
    struct hub_partition figures;
    assert_int_equal(hub_partition_get(fixture.hub, partition(), &figures), HUB_OK);
    assert_int_equal(figures.begin, 5);
    assert_int_equal(figures.next, 10);
    fixture_advance(&fixture, 100);
    assert_int_equal(hub_partition_get(fixture.hub, partition(), &figures), HUB_OK);
    assert_int_equal(figures.begin, 10);
    assert_int_equal(figures.last_us, FIXTURE_NOW_US + 9 * CLOCK_SECOND);
    hub_reader_close(listener.reader);
}

static void a_reset_empties_partitions_and_numbers_go_on(void **state)
{
    (void)state;
    send_and_commit(3);
    struct listener listener;
    assert_int_equal(open_reader(&listener, first, -1), HUB_READER_OPEN);
    assert_int_equal(hub_reset(fixture.hub), HUB_OK);
    assert_true(hubs_commit(fixture.hubs));
    struct hub_partition figures;
    assert_int_equal(hub_partition_get(fixture.hub, partition(), &figures), HUB_OK);
    assert_int_equal(figures.begin, 3);
    assert_int_equal(figures.next, 3);
    (void)fixture_create(&fixture, device_key("d1"));
    send_and_commit(1);
    hear(&listener);
    assert_int_equal(listener.count, 1);
    assert_int_equal(listener.events[0].sequence, 3);
    hub_reader_close(listener.reader);
}

/* ---- routes ---- */

static void routes_are_named(void **state)
{
    (void)state;
    const struct {
        const char *text;
        bool good;
        unsigned routes;
    } texts[] = {
        {"telemetry", true, HUB_ROUTE_TELEMETRY},
        {"Telemetry, TWIN,lifecycle,connection", true, ALL_ROUTES},
        {"twin", true, HUB_ROUTE_TWIN},
        {"", false, 0},
        {"telemetry,", false, 0},
        {"telemetry;twin", false, 0},
        {"tele", false, 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        unsigned routes = 99;
        assert_int_equal(hub_routes_from_text(str_from(texts[i].text), &routes), texts[i].good);
        assert_int_equal(routes, texts[i].good ? texts[i].routes : 99);
    }
}

static bool show(void *ctx, const struct hub_read_event *event)
{
    struct buf *out = ctx;
    const struct hub_notification notification = hub_notification_of(event->row);
    buf_append_format(out, "%s %s %s ", notification.source,
                      notification.schema == NULL ? "-" : notification.schema,
                      notification.operation == NULL ? "-" : notification.operation);
    hub_notification_body_append(out, event->row);
    buf_append_str(out, event->row->body);
    buf_append_byte(out, '\n');
    return true;
}

#define AT "2026-11-21T11:00:00.0000000Z"

/* Service reference, 8. */
static const char notifications[] =
    "deviceConnectionStateEvents deviceConnectionStateNotification deviceConnected "
    "{\"sequenceNumber\":\"0000000000000000000000000000000000000000000000000000000000000003\"}\n"
    "twinChangeEvents twinChangeNotification updateTwin "
    "{\"version\":3,\"tags\":{\"a\":1},\"properties\":{\"desired\":{\"b\":2,\"$metadata\":"
    "{\"$lastUpdated\":\"" AT "\",\"$lastUpdatedVersion\":2,\"b\":{\"$lastUpdated\":\"" AT "\","
    "\"$lastUpdatedVersion\":2}},\"$version\":2}}}\n"
    "deviceConnectionStateEvents deviceConnectionStateNotification deviceDisconnected "
    "{\"sequenceNumber\":\"0000000000000000000000000000000000000000000000000000000000000005\"}\n"
    "deviceLifecycleEvents moduleLifecycleNotification createModuleIdentity "
    "{\"deviceId\":\"d1\",\"moduleId\":\"m\",\"etag\":\"AAAAAAAAAAE=\",\"version\":2,"
    "\"properties\":{\"desired\":{\"$metadata\":{\"$lastUpdated\":\"0001-01-01T00:00:00Z\"},"
    "\"$version\":1},\"reported\":{\"$metadata\":{\"$lastUpdated\":\"0001-01-01T00:00:00Z\"},"
    "\"$version\":1}}}\n"
    "deviceLifecycleEvents deviceLifecycleNotification deleteDeviceIdentity "
    "{\"deviceId\":\"d1\",\"etag\":\"AAAAAAAAAAI=\",\"version\":3,\"tags\":{\"a\":1},"
    "\"properties\":{\"desired\":{\"b\":2,\"$metadata\":{\"$lastUpdated\":\"" AT "\","
    "\"$lastUpdatedVersion\":2,\"b\":{\"$lastUpdated\":\"" AT "\",\"$lastUpdatedVersion\":2}},"
    "\"$version\":2},\"reported\":{\"$metadata\":{\"$lastUpdated\":\"" AT "\"},\"$version\":1}}}\n"
    "deviceLifecycleEvents deviceLifecycleNotification createDeviceIdentity ";

static void other_rows_are_events_when_their_route_is_on(void **state)
{
    (void)state;
    fixture.hub->settings.routes = HUB_ROUTE_TWIN | HUB_ROUTE_LIFECYCLE | HUB_ROUTE_CONNECTION;
    struct fake_client client;
    fake_connect(&fixture, device_key("d1"), &client);
    assert_int_equal(fixture_patch(&fixture, device_key("d1"), "{\"a\":1}", "{\"b\":2}", false),
                     HUB_OK);
    hub_link_close(client.link, "bye");
    (void)fixture_create(&fixture, module_key("d1", "m"));
    send_one("not on its way");
    assert_int_equal(hub_identity_delete(fixture.hub, device_key("d1"), NULL, NULL), HUB_OK);
    (void)fixture_create(&fixture, device_key("d1"));
    assert_true(hubs_commit(fixture.hubs));

    struct listener listener;
    assert_int_equal(open_reader(&listener, first, -1), HUB_READER_OPEN);
    struct buf out = BUF_INIT(65536);
    bool more = true;
    while (more) {
        assert_int_equal(hub_reader_read(listener.reader, show, &out, &more), HUB_OK);
    }
    if (!str_starts(buf_str(&out), str_from(notifications))) {
        fail_msg("%.*s", STR_ARG(buf_str(&out)));
    }
    buf_finish(&out);
    hub_reader_close(listener.reader);
}

static void a_replaced_twin_says_so(void **state)
{
    (void)state;
    fixture.hub->settings.routes = HUB_ROUTE_TWIN;
    assert_int_equal(fixture_patch(&fixture, device_key("d1"), "{\"a\":1}", "{\"b\":2}", true),
                     HUB_OK);
    assert_true(hubs_commit(fixture.hubs));
    struct listener listener;
    assert_int_equal(open_reader(&listener, first, -1), HUB_READER_OPEN);
    struct buf out = BUF_INIT(65536);
    bool more = true;
    assert_int_equal(hub_reader_read(listener.reader, show, &out, &more), HUB_OK);
    assert_true(str_starts(buf_str(&out), STR("twinChangeEvents twinChangeNotification replaceTwin "
                                              "{\"deviceId\":\"d1\",")));
    buf_finish(&out);
    hub_reader_close(listener.reader);
}

/* Stable: what readers remember of a partition must stand between versions and machines. */
static void devices_spread_over_partitions_the_same_way_always(void **state)
{
    (void)state;
    size_t counts[4] = {0};
    for (int i = 0; i < 1000; i++) {
        char id[24];
        (void)snprintf(id, sizeof(id), "device-%d", i);
        counts[hub_partition_of(fixture.hub, str_from(id))]++;
    }
    for (size_t i = 0; i < 4; i++) {
        assert_true(counts[i] > 200 && counts[i] < 300);
    }
    assert_int_equal(hub_partition_of(fixture.hub, STR("device-1")), 1);
}

static void try_reader(void *ctx)
{
    (void)ctx;
    struct listener listener;
    if (open_reader(&listener, first, 3) == HUB_READER_OPEN) {
        hub_reader_close(listener.reader);
    }
    fixture.hub->failed = false;
}

static void refused_memory_refuses_the_reader(void **state)
{
    (void)state;
    send_and_commit(1);
    check_under_failing_allocations(try_reader, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_reader_starts_where_it_asked_to, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_start_behind_the_end_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_reader_that_waits_is_told_once_after_the_commit, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_full_reader_gets_the_refused_event_again, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_epoch_as_high_takes_the_partition, set_up, tear_down),
        cmocka_unit_test_setup_teardown(five_readers_without_epoch_share_a_partition, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(consumer_groups_are_those_configured, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_older_than_the_retention_is_not_served, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_reset_empties_partitions_and_numbers_go_on, set_up,
                                        tear_down),
        cmocka_unit_test(routes_are_named),
        cmocka_unit_test_setup_teardown(other_rows_are_events_when_their_route_is_on, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_replaced_twin_says_so, set_up, tear_down),
        cmocka_unit_test_setup_teardown(devices_spread_over_partitions_the_same_way_always, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(refused_memory_refuses_the_reader, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
