/* SPDX-License-Identifier: MIT */
#include "storage/storage.h"

#include "tests/unit/storage/naive.h"

/* Every attribute at least once in WHERE and once in SELECT; every way to find rows, as first
 * chosen: an equality whose path was asked for before has its index. */
static const struct {
    const char *text;
    const char *access;
} queries[] = {
    {"SELECT * FROM devices", "scan"},
    {"SELECT deviceId FROM devices", "scan"},
    {"SELECT * FROM devices WHERE tags.location.plant = 'Redmond43'", "scan"},
    {"SELECT tags, deviceId FROM devices WHERE tags.location.region = 'US'", "scan"},
    {"SELECT properties FROM devices WHERE tags.n >= 1", "scan"},
    {"SELECT * FROM devices WHERE tags.location.plant = null", "index"},
    {"SELECT * FROM devices WHERE NOT is_defined(tags.location)", "scan"},
    {"SELECT properties.reported.connectivity AS c FROM devices "
     "WHERE properties.reported.connectivity = 'cellular' AND properties.desired.interval > 5",
     "scan"},
    {"SELECT etag, deviceEtag, version FROM devices WHERE version > 1", "scan"},
    {"SELECT * FROM devices WHERE etag = 'AAAAAAAAAAE=' OR deviceEtag = 'MQ=='", "scan"},
    {"SELECT status, statusReason, statusUpdateTime FROM devices WHERE status = 'enabled'", "scan"},
    {"SELECT * FROM devices WHERE statusReason = 'broken' "
     "AND statusUpdateTime > '2020-01-01T00:00:00Z'",
     "scan"},
    {"SELECT lastActivityTime, connectionState FROM devices "
     "WHERE connectionState = 'Connected' AND lastActivityTime > '2020-01-01T00:00:00Z'",
     "scan"},
    {"SELECT cloudToDeviceMessageCount FROM devices WHERE cloudToDeviceMessageCount = 2", "scan"},
    {"SELECT authenticationType FROM devices WHERE authenticationType != 'sas'", "scan"},
    {"SELECT x509Thumbprint FROM devices WHERE x509Thumbprint.primaryThumbprint = 'AB' "
     "AND x509Thumbprint.secondaryThumbprint = null",
     "scan"},
    {"SELECT modelId FROM devices WHERE modelId = 'dtmi:a;1'", "scan"},
    {"SELECT * FROM devices WHERE modelId = ''", "index"},
    {"SELECT capabilities.iotEdge AS edge FROM devices WHERE capabilities.iotEdge = true", "scan"},
    {"SELECT deviceScope FROM devices WHERE is_defined(deviceScope)", "scan"},
    {"SELECT parentScopes FROM devices WHERE ARRAY_CONTAINS(parentScopes, 'p')", "scan"},
    {"SELECT configurations FROM devices WHERE configurations.[[c1]].status = 'Applied'", "scan"},
    {"SELECT * FROM devices WHERE NOT is_defined(configurations)", "scan"},
    {"SELECT properties.desired.$version AS d, properties.reported.$version AS r FROM devices "
     "WHERE properties.desired.$version > 1 AND properties.reported.$version < 3",
     "scan"},
    {"SELECT properties.desired.$metadata.$lastUpdated AS at FROM devices "
     "WHERE properties.reported.$metadata.$lastUpdated > '2022-01-01T00:00:00Z'",
     "scan"},
    {"SELECT * FROM devices WHERE deviceId = 'device-007'", "key deviceId"},
    {"SELECT deviceId, properties.reported FROM devices WHERE deviceId = 'sensor-009'",
     "key deviceId"},
    {"SELECT * FROM devices WHERE deviceId = 'nobody'", "key deviceId"},
    {"SELECT * FROM devices WHERE deviceId = 'a' AND deviceId = 'b'", "key deviceId"},
    {"SELECT tags FROM devices WHERE deviceId IN ['sensor-021', 'device-001', 'device-001', "
     "'device-002', 'sensor-003', 'nobody'] AND status = 'enabled'",
     "key deviceId"},
    {"SELECT * FROM devices WHERE STARTSWITH(deviceId, 'sensor-1')", "prefix deviceId"},
    {"SELECT tags FROM devices WHERE STARTSWITH(deviceId, 'device') AND tags.n = 1",
     "prefix deviceId"},
    {"SELECT * FROM devices WHERE STARTSWITH(deviceId, 'x')", "prefix deviceId"},
    {"SELECT * FROM devices WHERE deviceId = 'device-007' OR tags.n = 1", "scan"},
    {"SELECT * FROM devices.modules", "scan"},
    {"SELECT deviceId, moduleId FROM devices.modules WHERE moduleId = '$edgeAgent0'", "scan"},
    {"SELECT tags, capabilities FROM devices.modules WHERE tags.n >= 1", "scan"},
    {"SELECT * FROM devices.modules WHERE is_defined(capabilities.iotEdge)", "scan"},
    {"SELECT moduleId FROM devices.modules WHERE deviceId = 'device-011'", "key deviceId"},
    {"SELECT * FROM devices.modules WHERE deviceId IN ['device-011', 'sensor-021']",
     "key deviceId"},
    {"SELECT * FROM devices.modules WHERE STARTSWITH(deviceId, 'sensor')", "prefix deviceId"},
};

static void scans_answer_what_a_look_at_every_record_does(void **state)
{
    (void)state;
    struct storage *storage = fleet_make();
    static struct answer expected;
    static struct answer found;
    static const struct {
        size_t page, slice;
    } ways[] = {{SIZE_MAX, SIZE_MAX}, {SIZE_MAX, 7}, {1, 1000}, {13, 3}, {100, 1}};
    size_t empty = 0;
    for (size_t i = 0; i < ARRAY_SIZE(queries); i++) {
        CLEANUP(arena_finish) struct arena arena = ARENA_INIT(QUERY_ARENA_SIZE);
        const struct query *query = parse(queries[i].text, &arena);
        assert_access(storage, query, queries[i].access);
        expected = (struct answer){.text = BUF_INIT(ARENA_MAX)};
        answer_naively(storage, query, &expected);
        empty += expected.count == 0 ? 1U : 0U;
        for (size_t way = 0; way < ARRAY_SIZE(ways); way++) {
            found = (struct answer){.text = BUF_INIT(ARENA_MAX)};
            answer_by_pages(storage, query, ways[way].page, ways[way].slice, &found);
            assert_same_answer(queries[i].text, &found, &expected);
            buf_finish(&found.text);
        }
        buf_finish(&expected.text);
    }
    assert_int_equal(empty, 4); /* the queries that are meant to match nothing */
    storage_close(storage);
}

struct scan_context {
    struct storage *storage;
    const struct query *query;
};

static void scan_all(void *ctx)
{
    const struct scan_context *context = ctx;
    struct storage_scan *scan = NULL;
    enum status status = storage_scan_open(context->storage, context->query, 0, &scan);
    enum storage_scan_result result = STORAGE_SCAN_ROW;
    size_t rows_left = SIZE_MAX;
    while (status == STATUS_OK && result != STORAGE_SCAN_END) {
        const struct query_row *row = NULL;
        status = storage_scan_next(scan, &rows_left, &result, &row);
    }
    assert_true(status == STATUS_OK || status == STATUS_NO_MEMORY);
    storage_scan_close(scan);
}

static void scans_survive_failing_allocations(void **state)
{
    (void)state;
    struct storage *storage = fleet_make();
    for (size_t i = 0; i < ARRAY_SIZE(queries); i++) {
        CLEANUP(arena_finish) struct arena arena = ARENA_INIT(QUERY_ARENA_SIZE);
        struct scan_context context = {storage, parse(queries[i].text, &arena)};
        check_under_failing_allocations(scan_all, &context);
        assert_answers_as_naively(storage, queries[i].text, SIZE_MAX, SIZE_MAX);
    }
    storage_close(storage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scans_answer_what_a_look_at_every_record_does),
        cmocka_unit_test(scans_survive_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
