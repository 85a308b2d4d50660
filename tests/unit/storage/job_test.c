/* SPDX-License-Identifier: MIT */
#include "storage/storage.h"

#include "tests/unit/storage/fleet.h"

static struct storage_job job_of(const char *device, const char *module, const char *job)
{
    return (struct storage_job){
        .key = key_of(device, module),
        .job = str_from(job),
        .type = STR("scheduleUpdateTwin"),
        .status = STR("completed"),
        .started_us = 1,
        .ended_us = CLOCK_NEVER,
        .created_us = 2,
        .updated_us = 3,
        .error = STR("{\"code\":\"DeviceNotFound\"}"),
    };
}

static void add(struct storage *storage, const char *device, const char *module, const char *job)
{
    struct storage_job record = job_of(device, module, job);
    assert_int_equal(storage_job_insert(storage, &record), STATUS_OK);
    assert_true(record.id > 0);
}

static struct storage_job *find(struct storage *storage, struct arena *arena, const char *device,
                                const char *module, const char *job)
{
    struct storage_job *found = NULL;
    assert_int_equal(storage_job_get(storage, key_of(device, module), str_from(job), arena, &found),
                     STATUS_OK);
    return found;
}

static void a_job_is_found_by_its_three_ids(void **state)
{
    (void)state;
    struct storage *storage = open_storage(NULL);
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 16);
    add(storage, "a", "", "j1");
    add(storage, "a", "m", "j1");
    add(storage, "b", "", "j1");
    add(storage, "a", "", "j2");
    const struct storage_job *job = find(storage, &arena, "a", "m", "j1");
    assert_non_null(job);
    assert_str_equal(job->key.device, "a");
    assert_str_equal(job->key.module, "m");
    assert_str_equal(job->job, "j1");
    assert_str_equal(job->type, "scheduleUpdateTwin");
    assert_str_equal(job->status, "completed");
    assert_int_equal(job->started_us, 1);
    assert_int_equal(job->ended_us, CLOCK_NEVER);
    assert_int_equal(job->created_us, 2);
    assert_int_equal(job->updated_us, 3);
    assert_null(job->outcome.data);
    assert_str_equal(job->error, "{\"code\":\"DeviceNotFound\"}");
    assert_null(find(storage, &arena, "b", "m", "j1"));
    assert_null(find(storage, &arena, "b", "", "j2"));
    storage_close(storage);
}

static void a_job_is_there_once(void **state)
{
    (void)state;
    struct storage *storage = open_storage(NULL);
    add(storage, "a", "", "j1");
    struct storage_job again = job_of("a", "", "j1");
    assert_int_equal(storage_job_insert(storage, &again), STATUS_INVALID);
    storage_rollback(storage);
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 16);
    assert_null(find(storage, &arena, "a", "", "j1"));
    storage_close(storage);
}

static void a_clear_forgets_jobs(void **state)
{
    (void)state;
    struct storage *storage = open_storage(NULL);
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 16);
    add(storage, "a", "", "j1");
    commit(storage);
    assert_int_equal(storage_clear(storage), STATUS_OK);
    assert_null(find(storage, &arena, "a", "", "j1"));
    storage_rollback(storage);
    assert_non_null(find(storage, &arena, "a", "", "j1"));
    storage_close(storage);
}

static const struct {
    const char *where;
    const char *jobs; /* of the rows, in order */
} conditions[] = {
    {"jobId = 'j1'", "j1 j1 "},
    {"deviceId = 'a'", "j1 j2 "},
    {"moduleId = 'm'", "j1 "},
    {"NOT is_defined(moduleId)", "j1 j2 "},
    {"status = 'Completed' AND jobType = 'SCHEDULEUPDATETWIN'", "j1 j1 j2 "},
    {"startTimeUtc < '1971-01-01'", "j1 j1 j2 "},
    {"is_defined(endTimeUtc)", ""},
    {"createdTimeUtc = createdDateTimeUtc", "j1 j1 j2 "},
    {"lastUpdatedDateTimeUtc = '1970-01-01T00:00:00.0000030Z'", "j1 j1 j2 "},
    {"error.code = 'DeviceNotFound' AND NOT is_defined(outcome)", "j1 j1 j2 "},
};

static void jobs_are_queried(void **state)
{
    (void)state;
    struct storage *storage = fleet_make();
    add(storage, "a", "", "j1");
    add(storage, "b", "m", "j1");
    add(storage, "a", "", "j2");
    for (size_t i = 0; i < ARRAY_SIZE(conditions); i++) {
        CLEANUP(arena_finish) struct arena arena = ARENA_INIT(QUERY_ARENA_SIZE);
        CLEANUP(buf_finish) struct buf found = BUF_INIT(1 << 16);
        char text[256];
        (void)snprintf(text, sizeof(text), "SELECT * FROM devices.jobs WHERE %s",
                       conditions[i].where);
        struct storage_scan *scan = NULL;
        assert_int_equal(storage_scan_open(storage, parse(text, &arena), 0, &scan), STATUS_OK);
        enum storage_scan_result result = STORAGE_SCAN_ROW;
        for (size_t rows_left = 100; result == STORAGE_SCAN_ROW;) {
            const struct query_row *row = NULL;
            assert_int_equal(storage_scan_next(scan, &rows_left, &result, &row), STATUS_OK);
            if (result == STORAGE_SCAN_ROW) {
                struct storage_job *job = NULL;
                assert_int_equal(storage_scan_job(scan, &arena, &job), STATUS_OK);
                assert_int_equal(job->id, storage_scan_id(scan));
                buf_append_format(&found, "%.*s ", STR_ARG(job->job));
            }
        }
        assert_int_equal(result, STORAGE_SCAN_END);
        if (!str_equal(buf_str(&found), str_from(conditions[i].jobs))) {
            fail_msg("%s gave %s", text, buf_str(&found).data);
        }
        storage_scan_close(scan);
    }
    storage_close(storage);
}

static void tolerate_failures(void *ctx)
{
    struct storage *storage = ctx;
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 16);
    struct storage_job *job = NULL;
    const enum status status = storage_job_get(storage, key_of("a", ""), STR("j1"), &arena, &job);
    assert_true(status == STATUS_NO_MEMORY || (status == STATUS_OK && job != NULL));
}

static void a_refused_allocation_is_reported(void **state)
{
    (void)state;
    struct storage *storage = open_storage(NULL);
    add(storage, "a", "", "j1");
    check_under_failing_allocations(tolerate_failures, storage);
    storage_close(storage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_is_found_by_its_three_ids),
        cmocka_unit_test(a_job_is_there_once),
        cmocka_unit_test(a_clear_forgets_jobs),
        cmocka_unit_test(jobs_are_queried),
        cmocka_unit_test(a_refused_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
