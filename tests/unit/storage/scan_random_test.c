/* SPDX-License-Identifier: MIT */
#include "storage/storage.h"

#include "tests/unit/storage/naive.h"

/*
 * Scans keep what they read, and rule out what cannot match: neither may ever show. Random writes,
 * commits and undoings between random queries, each answered as a look at every record answers it.
 */
enum { STEPS = 8000, DEVICES = 200 };

static const char *const texts[] = {
    "SELECT * FROM devices WHERE tags.location.plant = 'Redmond43'",
    "SELECT tags, properties.reported FROM devices WHERE tags.location.plant = 'Redmond43'",
    "SELECT deviceId FROM devices WHERE tags.n = 1",
    "SELECT deviceId FROM devices WHERE tags.n = '1'",
    "SELECT deviceId FROM devices WHERE tags.n = 2.5 AND properties.desired.interval = 60",
    "SELECT * FROM devices WHERE tags.location.plant = null AND status = 'enabled'",
    ("SELECT version, etag FROM devices WHERE properties.reported.connectivity = 'cellular' "
     "AND tags.location.region = 'US'"),
    "SELECT lastActivityTime FROM devices WHERE lastActivityTime = '2023-11-14T22:13:20.0000000Z'",
    "SELECT connectionState, version FROM devices WHERE connectionState = 'Connected'",
    "SELECT statusReason FROM devices WHERE statusReason = 'broken' OR tags.n = 1",
    ("SELECT properties.reported.$metadata.$lastUpdated AS at FROM devices "
     "WHERE properties.reported.$metadata.$lastUpdated = '2024-01-01T00:00:00Z'"),
    "SELECT properties.reported.$version AS v FROM devices WHERE properties.reported.$version = 2",
    "SELECT properties.desired FROM devices WHERE properties.desired.interval = 60",
    ("SELECT properties.desired.$metadata.a AS a FROM devices "
     "WHERE properties.desired.$metadata.$lastUpdated = '2024-01-01T00:00:00Z'"),
    "SELECT cloudToDeviceMessageCount FROM devices WHERE cloudToDeviceMessageCount = 1",
    "SELECT capabilities.iotEdge AS e FROM devices WHERE capabilities.iotEdge = true",
    "SELECT * FROM devices",
};

static size_t below(struct random *random, size_t count)
{
    return (size_t)(random_u64(random) % count);
}

static struct storage_identity *any_device(struct storage *storage, struct random *random,
                                           struct arena *arena)
{
    char name[32];
    (void)snprintf(name, sizeof(name), "device-%03zu", below(random, DEVICES));
    return get(storage, arena, name, "");
}

static void add_or_delete(struct storage *storage, struct random *random)
{
    char name[32];
    size_t count = 0;
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 20);
    (void)snprintf(name, sizeof(name), "device-%03zu", below(random, DEVICES));
    if (get(storage, &arena, name, "") == NULL) {
        insert_random(storage, random, name, "");
        if (below(random, 4) == 0) {
            insert_random(storage, random, name, "m");
        }
    } else if (below(random, 3) == 0) {
        assert_int_equal(storage_identity_delete(storage, key_of(name, ""), &count), STATUS_OK);
    }
}

static void change(struct storage *storage, struct random *random)
{
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 20);
    struct storage_identity *device = any_device(storage, random, &arena);
    if (device == NULL) {
        return;
    }
    const unsigned sections = (unsigned)below(random, 8);
    device->tags = pick(random, tag_texts, ARRAY_SIZE(tag_texts));
    device->desired = pick(random, desired_texts, ARRAY_SIZE(desired_texts));
    device->reported = pick(random, reported_texts, ARRAY_SIZE(reported_texts));
    device->reported_metadata = below(random, 2) == 0
                                    ? STR("{\"$lastUpdated\":\"2024-01-01T00:00:00Z\"}")
                                    : STR("{\"$lastUpdated\":\"2020-01-01T00:00:00Z\"}");
    device->desired_metadata = below(random, 2) == 0
                                   ? STR("{\"a\":1,\"$lastUpdated\":\"2024-01-01T00:00:00Z\"}")
                                   : STR("{\"a\":2,\"$lastUpdated\":\"2020-01-01T00:00:00Z\"}");
    device->twin_etag++;
    device->twin_version++;
    device->reported_version = below(random, 4);
    device->enabled = below(random, 2) == 0;
    device->status_reason = below(random, 2) == 0 ? STR("broken") : (struct str){0};
    device->edge = below(random, 2) == 0;
    const int64_t at_us = below(random, 2) == 0 ? 1700000000000000 : 5;
    switch (below(random, 4)) {
    case 0:
        assert_int_equal(storage_identity_update(storage, device), STATUS_OK);
        break;
    case 1:
        assert_int_equal(
            storage_connection_update(storage, device->id, below(random, 2) == 0, at_us),
            STATUS_OK);
        break;
    case 2:
        assert_int_equal(storage_activity_update(storage, device->id, at_us), STATUS_OK);
        break;
    default:
        assert_int_equal(storage_twin_update(storage, device, sections), STATUS_OK);
        break;
    }
}

/* A message comes, or the oldest goes: the device's count changes. */
static void queue_or_settle(struct storage *storage, struct random *random)
{
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 20);
    struct storage_identity *device = any_device(storage, random, &arena);
    if (device == NULL) {
        return;
    }
    struct storage_message *oldest = NULL;
    assert_int_equal(storage_message_next(storage, device->id, 0, &arena, &oldest), STATUS_OK);
    if (oldest != NULL && below(random, 2) == 0) {
        assert_int_equal(storage_message_delete(storage, oldest), STATUS_OK);
    } else {
        struct storage_message message = {.identity = device->id, .expires_us = 1};
        assert_int_equal(storage_message_insert(storage, &message, NULL), STATUS_OK);
    }
}

static void write_something(struct storage *storage, struct random *random)
{
    const size_t kind = below(random, 1000);
    if (kind < 250) {
        add_or_delete(storage, random);
    } else if (kind < 820) {
        change(storage, random);
    } else if (kind < 900) {
        queue_or_settle(storage, random);
    } else if (kind < 980) {
        commit(storage);
    } else if (kind < 990) {
        storage_rollback(storage);
    } else if (kind < 997) {
        assert_int_equal(storage_connections_clear(storage, 7), STATUS_OK);
    } else {
        assert_int_equal(storage_clear(storage), STATUS_OK);
    }
}

static void no_write_is_missed_by_a_later_scan(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 2, 7, 64, SIZE_MAX};
    struct storage *storage = open_storage(NULL);
    struct random random;
    random_init_seed(&random, 11);
    for (size_t step = 0; step < STEPS; step++) {
        write_something(storage, &random);
        if (step % 4 == 0 && step / 500 % 3 != 0) { /* there are long times without a query */
            assert_answers_as_naively(storage, texts[below(&random, ARRAY_SIZE(texts))],
                                      sizes[below(&random, ARRAY_SIZE(sizes))],
                                      sizes[below(&random, ARRAY_SIZE(sizes))]);
        }
    }
    storage_close(storage);
}

struct busy {
    struct storage *storage;
    struct random random;
};

/* Everything may be refused memory here; what is answered must be right all the same. */
static void answer_without_memory(void *ctx)
{
    struct busy *busy = ctx;
    static const char text[] = "SELECT * FROM devices WHERE tags.location.plant = 'Redmond43'";
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(QUERY_ARENA_SIZE);
    const struct query *query = NULL;
    struct storage_scan *scan = NULL;
    size_t rows_left = SIZE_MAX;
    size_t rows = 0;
    enum status status = query_parse(str_from(text), &arena, &query, NULL);
    if (status == STATUS_OK) {
        status = storage_scan_open(busy->storage, query, 0, &scan);
    }
    enum storage_scan_result result = STORAGE_SCAN_ROW;
    while (status == STATUS_OK && result == STORAGE_SCAN_ROW) {
        const struct query_row *row = NULL;
        status = storage_scan_next(scan, &rows_left, &result, &row);
        rows += status == STATUS_OK && result == STORAGE_SCAN_ROW ? 1U : 0U;
    }
    storage_scan_close(scan);
    assert_true(status == STATUS_NO_MEMORY || (status == STATUS_OK && rows == DEVICES / 2));
}

static void memory_that_is_refused_makes_a_scan_slow_not_wrong(void **state)
{
    (void)state;
    struct storage *storage = open_storage(NULL);
    for (size_t i = 0; i < DEVICES; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "device-%03zu", i);
        struct storage_identity record = record_of(name, "");
        record.tags = str_from(tag_texts[i % 2 == 0 ? 1 : 2]);
        assert_int_equal(storage_identity_insert(storage, &record), STATUS_OK);
    }
    struct busy busy = {.storage = storage};
    for (size_t round = 0; round < 4; round++) { /* with nothing in memory, with columns, marks */
        check_under_failing_allocations(answer_without_memory, &busy);
    }
    storage_close(storage);
}

/* Twins so large that only some of them are kept. */
static void what_does_not_fit_in_memory_is_read_from_the_table(void **state)
{
    (void)state;
    enum { LARGE = 300, TEXT_SIZE = 200000 };
    struct storage *storage = open_storage(NULL);
    CLEANUP(buf_finish) struct buf tags = BUF_INIT(1 << 20);
    for (size_t i = 0; i < LARGE; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "device-%03zu", i);
        struct storage_identity record = record_of(name, "");
        buf_clear(&tags);
        buf_append_format(&tags, "{\"n\":%zu,\"text\":\"%0*d\"}", i % 3, TEXT_SIZE, 0);
        record.tags = buf_str(&tags);
        assert_int_equal(storage_identity_insert(storage, &record), STATUS_OK);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_answers_as_naively(storage, "SELECT deviceId FROM devices WHERE tags.n = 1", 30, 7);
        assert_answers_as_naively(storage, "SELECT deviceId FROM devices WHERE tags.n != 1", 30, 7);
    }
    storage_close(storage);
}

/* Ids begin again far from where they were: nothing is looked for in between. */
static void ids_that_are_far_apart_are_found(void **state)
{
    (void)state;
    struct place place = place_make();
    struct storage *storage = open_storage(place.directory);
    static const int64_t ids[] = {5000, 300000, 70000000, INT64_C(1) << 40, INT64_C(1) << 41};
    for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
        char name[32];
        char sql[256];
        (void)snprintf(name, sizeof(name), "device-%03zu", i);
        (void)insert(storage, name, "");
        commit(storage);
        storage_close(storage);
        (void)snprintf(sql, sizeof(sql),
                       "UPDATE sqlite_sequence SET seq = %lld WHERE name = 'identity'",
                       (long long)ids[i]);
        place_run_sql(&place, "state.db", sql);
        storage = open_storage(place.directory);
    }
    for (size_t i = 0; i < 3; i++) {
        assert_answers_as_naively(storage, "SELECT deviceId FROM devices", 2, 1);
        assert_answers_as_naively(storage, "SELECT deviceId FROM devices WHERE version = 1", 2, 1);
    }
    storage_close(storage);
    place_remove(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_write_is_missed_by_a_later_scan),
        cmocka_unit_test(memory_that_is_refused_makes_a_scan_slow_not_wrong),
        cmocka_unit_test(what_does_not_fit_in_memory_is_read_from_the_table),
        cmocka_unit_test(ids_that_are_far_apart_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
