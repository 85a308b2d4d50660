/* SPDX-License-Identifier: MIT */
#include "storage/storage.h"

#include "tests/unit/storage/fleet.h"

enum { IDS_MAX = 2048, ARENA_MAX = 64 << 20 };

/* ---- what the answer should be: every record, given to the query whole ---- */

static struct query_value text_or_nothing(struct str text)
{
    return text.size > 0 ? query_string(text) : (struct query_value){0};
}

static struct query_value text_or_null(struct str text)
{
    return text.size > 0 ? query_string(text) : query_null();
}

static struct str iso(struct arena *arena, int64_t time_us)
{
    char *text = arena_alloc(arena, CLOCK_TEXT_SIZE);
    assert_non_null(text);
    clock_text_iso(time_us, text);
    return str_from(text);
}

static struct str etag_text(struct arena *arena, uint64_t etag,
                            void (*append_etag)(struct buf *out, uint64_t etag))
{
    CLEANUP(buf_finish) struct buf text = BUF_INIT(100);
    append_etag(&text, etag);
    return str_from(arena_copy(arena, buf_str(&text)));
}

static void give_plain(struct query_row *row, const struct storage_identity *r, struct arena *arena)
{
    query_row_set(row, QUERY_DEVICE_ID, query_string(r->key.device));
    query_row_set(row, QUERY_MODULE_ID, text_or_nothing(r->key.module));
    query_row_set(row, QUERY_ETAG,
                  query_string(etag_text(arena, r->twin_etag, storage_twin_etag_append)));
    query_row_set(row, QUERY_DEVICE_ETAG,
                  query_string(etag_text(arena, r->etag, storage_etag_append)));
    query_row_set(row, QUERY_VERSION, query_number((double)r->twin_version));
    query_row_set(row, QUERY_STATUS, query_string(r->enabled ? STR("enabled") : STR("disabled")));
    query_row_set(row, QUERY_STATUS_REASON, text_or_nothing(r->status_reason));
    query_row_set(row, QUERY_STATUS_UPDATE_TIME, query_string(iso(arena, r->status_updated_us)));
    query_row_set(row, QUERY_CONNECTION_STATE,
                  query_string(r->connected ? STR("Connected") : STR("Disconnected")));
    query_row_set(row, QUERY_LAST_ACTIVITY_TIME, query_string(iso(arena, r->last_activity_us)));
    query_row_set(row, QUERY_C2D_MESSAGE_COUNT, query_number((double)r->c2d_count));
    query_row_set(row, QUERY_AUTHENTICATION_TYPE,
                  query_string(str_from(storage_auth_name(r->auth))));
    query_row_set(row, QUERY_PRIMARY_THUMBPRINT, text_or_null(r->primary_thumbprint));
    query_row_set(row, QUERY_SECONDARY_THUMBPRINT, text_or_null(r->secondary_thumbprint));
    query_row_set(row, QUERY_MODEL_ID,
                  query_string(r->model_id.data == NULL ? STR_EMPTY : r->model_id));
    if (r->key.module.size == 0) {
        query_row_set(row, QUERY_IOT_EDGE, query_boolean(r->edge));
    }
    query_row_set(row, QUERY_DEVICE_SCOPE, text_or_nothing(r->device_scope));
    query_row_set(row, QUERY_DESIRED_VERSION, query_number((double)r->desired_version));
    query_row_set(row, QUERY_REPORTED_VERSION, query_number((double)r->reported_version));
}

static void give_json(struct query_row *row, enum query_attribute attribute, struct str json,
                      size_t nothing)
{
    if (json.size > nothing) {
        assert_int_equal(query_row_scan(row, attribute, json), STATUS_OK);
    }
}

static void give_whole(struct query_row *row, const struct storage_identity *r, struct arena *arena)
{
    query_row_clear(row);
    give_plain(row, r, arena);
    give_json(row, QUERY_PARENT_SCOPES, r->parent_scopes, 0);
    give_json(row, QUERY_CONFIGURATIONS, r->configurations, 2);
    give_json(row, QUERY_TAGS, r->tags, 0);
    give_json(row, QUERY_DESIRED, r->desired, 0);
    give_json(row, QUERY_REPORTED, r->reported, 0);
    give_json(row, QUERY_DESIRED_METADATA, r->desired_metadata, 0);
    give_json(row, QUERY_REPORTED_METADATA, r->reported_metadata, 0);
}

struct answer {
    size_t count;
    int64_t ids[IDS_MAX];
    struct buf text; /* ids and projections, line by line */
};

static void answer_add(struct answer *answer, const struct query *query,
                       const struct query_row *row, int64_t id)
{
    assert_true(answer->count < IDS_MAX);
    answer->ids[answer->count++] = id;
    buf_append_format(&answer->text, "%lld ", (long long)id);
    if (query_info(query)->shape == QUERY_ROWS) {
        query_project(query, row, &answer->text);
    }
    buf_append_byte(&answer->text, '\n');
}

static void add_if_passing(struct storage *storage, const struct query *query,
                           struct identity_key key, struct arena *arena, struct answer *answer)
{
    CLEANUP(query_row_destroyp) struct query_row *row = NULL;
    assert_int_equal(query_row_create(query, &row), STATUS_OK);
    struct storage_identity *r = NULL;
    assert_int_equal(storage_identity_get(storage, key, STORAGE_TWIN | STORAGE_METADATA, arena, &r),
                     STATUS_OK);
    give_whole(row, r, arena);
    if (query_where(query, row)) {
        answer_add(answer, query, row, r->id);
    }
}

/* In the order of ids: modules are registered right behind their device in this fleet. */
static void answer_naively(struct storage *storage, const struct query *query,
                           struct answer *answer)
{
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(ARENA_MAX);
    struct storage_identity **devices = NULL;
    size_t device_count = 0;
    assert_int_equal(storage_devices_list(storage, SIZE_MAX, &arena, &devices, &device_count),
                     STATUS_OK);
    for (size_t i = 0; i < device_count; i++) {
        struct storage_identity **modules = NULL;
        size_t module_count = 0;
        if (query_info(query)->collection == QUERY_DEVICES) {
            add_if_passing(storage, query, devices[i]->key, &arena, answer);
            continue;
        }
        assert_int_equal(
            storage_modules_list(storage, devices[i]->key.device, &arena, &modules, &module_count),
            STATUS_OK);
        for (size_t m = 0; m < module_count; m++) {
            add_if_passing(storage, query, modules[m]->key, &arena, answer);
        }
    }
}

/* ---- what the scan answers ---- */

/* From behind `after`, `page` rows at most, in slices of `slice` rows read. True: there may be
 * more. */
static bool answer_page(struct storage *storage, const struct query *query, int64_t after,
                        size_t page, size_t slice, struct answer *answer)
{
    struct storage_scan *scan = NULL;
    assert_int_equal(storage_scan_open(storage, query, after, &scan), STATUS_OK);
    enum storage_scan_result result = STORAGE_SCAN_ROW;
    size_t rows = 0;
    size_t rows_left = slice;
    while (result != STORAGE_SCAN_END && rows < page) {
        const struct query_row *row = NULL;
        assert_int_equal(storage_scan_next(scan, &rows_left, &result, &row), STATUS_OK);
        if (result == STORAGE_SCAN_ROW) {
            answer_add(answer, query, row, storage_scan_id(scan));
            rows++;
        } else if (result == STORAGE_SCAN_PAUSED) {
            assert_int_equal(rows_left, 0);
            rows_left = slice;
        }
    }
    storage_scan_close(scan);
    return result != STORAGE_SCAN_END;
}

static void answer_by_pages(struct storage *storage, const struct query *query, size_t page,
                            size_t slice, struct answer *answer)
{
    int64_t after = 0;
    while (answer_page(storage, query, after, page, slice, answer)) {
        after = answer->ids[answer->count - 1];
    }
}

/* Every attribute at least once in WHERE and once in SELECT; every way to find rows. */
static const struct {
    const char *text;
    const char *access;
} queries[] = {
    {"SELECT * FROM devices", "scan"},
    {"SELECT deviceId FROM devices", "scan"},
    {"SELECT * FROM devices WHERE tags.location.plant = 'Redmond43'", "scan"},
    {"SELECT tags, deviceId FROM devices WHERE tags.location.region = 'US'", "scan"},
    {"SELECT properties FROM devices WHERE tags.n >= 1", "scan"},
    {"SELECT * FROM devices WHERE tags.location.plant = null", "scan"},
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
    {"SELECT * FROM devices WHERE modelId = ''", "scan"},
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

static void assert_same_answer(const char *text, const struct answer *found,
                               const struct answer *expected)
{
    assert_int_equal(buf_status(&found->text), STATUS_OK);
    assert_int_equal(buf_status(&expected->text), STATUS_OK);
    if (!str_equal(buf_str(&found->text), buf_str(&expected->text))) {
        fail_msg("%s\nanswers %zu rows\n%.2000s\nnot %zu\n%.2000s", text, found->count,
                 buf_str(&found->text).data, expected->count, buf_str(&expected->text).data);
    }
}

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
