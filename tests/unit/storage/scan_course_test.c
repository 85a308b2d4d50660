/* SPDX-License-Identifier: MIT */
#include "storage/storage.h"

#include "tests/unit/storage/fleet.h"

/* How a scan goes along: where it stops, what it reads, what may happen between two calls. */

static void a_page_ends_where_the_next_begins(void **state)
{
    (void)state;
    struct storage *storage = fleet_make();
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(QUERY_ARENA_SIZE);
    const struct query *query = parse("SELECT * FROM devices", &arena);
    struct storage_scan *scan = NULL;
    assert_int_equal(storage_scan_open(storage, query, INT64_MAX, &scan), STATUS_OK);
    size_t rows_left = 10;
    enum storage_scan_result result = STORAGE_SCAN_ROW;
    const struct query_row *row = NULL;
    assert_int_equal(storage_scan_next(scan, &rows_left, &result, &row), STATUS_OK);
    assert_int_equal(result, STORAGE_SCAN_END);
    assert_int_equal(rows_left, 10);
    assert_int_equal(storage_scan_next(scan, &rows_left, &result, &row), STATUS_OK);
    assert_int_equal(result, STORAGE_SCAN_END); /* and stays there */
    storage_scan_close(scan);

    assert_int_equal(storage_scan_open(storage, query, 0, &scan), STATUS_OK);
    rows_left = 0;
    assert_int_equal(storage_scan_next(scan, &rows_left, &result, &row), STATUS_OK);
    assert_int_equal(result, STORAGE_SCAN_PAUSED);
    storage_scan_close(scan);
    storage_scan_close(NULL);
    storage_close(storage);
}

static void the_key_reads_what_it_must(void **state)
{
    (void)state;
    struct storage *storage = fleet_make();
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(QUERY_ARENA_SIZE);
    const struct query *query =
        parse("SELECT * FROM devices WHERE deviceId IN ['sensor-021', 'device-007']", &arena);
    struct storage_scan *scan = NULL;
    assert_int_equal(storage_scan_open(storage, query, 0, &scan), STATUS_OK);
    size_t rows_left = 100;
    enum storage_scan_result result = STORAGE_SCAN_ROW;
    while (result == STORAGE_SCAN_ROW) {
        const struct query_row *row = NULL;
        assert_int_equal(storage_scan_next(scan, &rows_left, &result, &row), STATUS_OK);
    }
    assert_int_equal(storage_scan_rows_read(scan), 2);
    assert_int_equal(rows_left, 98);
    storage_scan_close(scan);
    storage_close(storage);
}

static void too_many_keys_are_scanned_for(void **state)
{
    (void)state;
    struct storage *storage = open_storage(NULL);
    for (int i = 0; i < 4096; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "d%d", i);
        insert(storage, name, "");
    }
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(QUERY_ARENA_SIZE);
    const struct query *query =
        parse("SELECT * FROM devices WHERE STARTSWITH(deviceId, 'd')", &arena);
    assert_access(storage, query, "prefix deviceId");
    insert(storage, "d-and-one-more", "");
    assert_access(storage, query, "scan");
    insert(storage, "other", "");

    struct storage_scan *scan = NULL;
    assert_int_equal(storage_scan_open(storage, query, 0, &scan), STATUS_OK);
    size_t rows_left = SIZE_MAX;
    size_t count = 0;
    enum storage_scan_result result = STORAGE_SCAN_ROW;
    while (result != STORAGE_SCAN_END) {
        const struct query_row *row = NULL;
        assert_int_equal(storage_scan_next(scan, &rows_left, &result, &row), STATUS_OK);
        count += result == STORAGE_SCAN_ROW ? 1U : 0U;
    }
    assert_int_equal(count, 4097);
    assert_int_equal(storage_scan_rows_read(scan), 4098);
    storage_scan_close(scan);
    storage_close(storage);
}

/* Between any two calls: a write, a commit, a rollback, a deletion of what lies behind. */
static void disturb(struct storage *storage, size_t step)
{
    char name[32];
    (void)snprintf(name, sizeof(name), "new-%zu", step);
    size_t count = 0;
    switch (step % 5) {
    case 0:
        insert(storage, name, "");
        break;
    case 1:
        commit(storage);
        break;
    case 2:
        assert_int_equal(storage_activity_update(storage, (int64_t)step, 5), STATUS_OK);
        break;
    case 3:
        storage_rollback(storage);
        break;
    default:
        (void)snprintf(name, sizeof(name), "device-%03zu", step % FLEET_DEVICES);
        assert_int_equal(storage_identity_delete(storage, key_of(name, ""), &count), STATUS_OK);
        break;
    }
}

static void writes_between_the_calls_disturb_no_scan(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "SELECT tags FROM devices",
        "SELECT properties.reported FROM devices WHERE STARTSWITH(deviceId, 'device')"};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct storage *storage = fleet_make();
        CLEANUP(arena_finish) struct arena arena = ARENA_INIT(QUERY_ARENA_SIZE);
        const struct query *query = parse(texts[i], &arena);
        struct storage_scan *scan = NULL;
        assert_int_equal(storage_scan_open(storage, query, 0, &scan), STATUS_OK);
        int64_t last = 0;
        size_t rows = 0;
        enum storage_scan_result result = STORAGE_SCAN_ROW;
        for (size_t step = 0; result != STORAGE_SCAN_END; step++) {
            const struct query_row *row = NULL;
            size_t rows_left = 1;
            assert_int_equal(storage_scan_next(scan, &rows_left, &result, &row), STATUS_OK);
            if (result == STORAGE_SCAN_ROW) {
                disturb(storage, step); /* the row outlives it */
                CLEANUP(buf_finish) struct buf text = BUF_INIT(1 << 16);
                query_project(query, row, &text);
                assert_true(buf_str(&text).size >= 2);
                assert_true(storage_scan_id(scan) > last);
                last = storage_scan_id(scan);
                rows++;
            }
            disturb(storage, step * 3 + 1);
        }
        assert_true(rows > 50);
        storage_scan_close(scan);
        storage_close(storage);
    }
}

static void the_current_record_is_had_whole(void **state)
{
    (void)state;
    struct storage *storage = fleet_make();
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(QUERY_ARENA_SIZE);
    const struct query *query = parse("SELECT * FROM devices WHERE tags.n = 1", &arena);
    struct storage_scan *scan = NULL;
    assert_int_equal(storage_scan_open(storage, query, 0, &scan), STATUS_OK);
    size_t rows_left = SIZE_MAX;
    enum storage_scan_result result = STORAGE_SCAN_END;
    const struct query_row *row = NULL;
    assert_int_equal(storage_scan_next(scan, &rows_left, &result, &row), STATUS_OK);
    assert_int_equal(result, STORAGE_SCAN_ROW);
    CLEANUP(arena_finish) struct arena record_arena = ARENA_INIT(1 << 20);
    struct storage_identity *whole = NULL;
    assert_int_equal(storage_scan_identity(scan, &record_arena, &whole), STATUS_OK);
    assert_int_equal(whole->id, storage_scan_id(scan));
    assert_non_null(strstr(whole->tags.data, "\"n\":1"));
    assert_non_null(whole->reported_metadata.data);

    size_t count = 0;
    assert_int_equal(storage_identity_delete(storage, whole->key, &count), STATUS_OK);
    assert_int_equal(storage_scan_identity(scan, &record_arena, &whole), STATUS_OK);
    assert_null(whole);
    storage_scan_close(scan);
    storage_close(storage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_ends_where_the_next_begins),
        cmocka_unit_test(the_key_reads_what_it_must),
        cmocka_unit_test(too_many_keys_are_scanned_for),
        cmocka_unit_test(writes_between_the_calls_disturb_no_scan),
        cmocka_unit_test(the_current_record_is_had_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
