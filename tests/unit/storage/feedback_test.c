/* SPDX-License-Identifier: MIT */
#include "storage/storage.h"

#include "tests/unit/storage/fixture.h"

static const struct guid token = {.bytes = {1}};

static void note(struct storage *storage, int64_t at_us, const char *record)
{
    assert_int_equal(storage_feedback_note(storage, at_us, str_from(record)), STATUS_OK);
}

static void expect_noted(struct storage *storage, size_t count, int64_t first_us)
{
    size_t found = 99;
    int64_t first = 0;
    assert_int_equal(storage_feedback_noted(storage, &found, &first), STATUS_OK);
    assert_int_equal(found, count);
    assert_true(first == first_us);
}

static size_t gather(struct storage *storage, size_t limit, int64_t expires_us)
{
    size_t count = 99;
    assert_int_equal(storage_feedback_gather(storage, limit, 100, expires_us, &count), STATUS_OK);
    return count;
}

static struct storage_feedback *next(struct storage *storage, struct arena *arena, int64_t now_us)
{
    struct storage_feedback *feedback = NULL;
    assert_int_equal(storage_feedback_next(storage, now_us, arena, &feedback), STATUS_OK);
    return feedback;
}

static int64_t due(struct storage *storage)
{
    int64_t due_us = 0;
    assert_int_equal(storage_feedback_due(storage, &due_us), STATUS_OK);
    return due_us;
}

static void records_become_batches_in_their_order(void **state)
{
    (void)state;
    struct storage *storage = open_storage(NULL);
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 16);
    expect_noted(storage, 0, INT64_MAX);
    assert_int_equal(gather(storage, 64, 500), 0);
    assert_null(next(storage, &arena, 150));
    note(storage, 10, "{\"a\":1}");
    note(storage, 20, "{\"b\":2}");
    note(storage, 30, "{\"c\":3}");
    expect_noted(storage, 3, 10);
    assert_int_equal(gather(storage, 2, 500), 2);
    expect_noted(storage, 1, 30);
    assert_int_equal(gather(storage, 2, 600), 1);
    expect_noted(storage, 0, INT64_MAX);
    const struct storage_feedback *feedback = next(storage, &arena, 150);
    assert_str_equal(feedback->body, "[{\"a\":1},{\"b\":2}]");
    assert_int_equal(feedback->enqueued_us, 100);
    assert_int_equal(feedback->expires_us, 500);
    assert_int_equal(feedback->delivery_count, 0);
    assert_str_equal(next(storage, &arena, 500)->body, "[{\"c\":3}]");
    assert_null(next(storage, &arena, 600));
    assert_int_equal(storage_feedback_delete(storage, feedback->id), STATUS_OK);
    assert_str_equal(next(storage, &arena, 150)->body, "[{\"c\":3}]");
    storage_close(storage);
}

static void a_locked_batch_is_nobody_elses(void **state)
{
    (void)state;
    struct storage *storage = open_storage(NULL);
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 16);
    note(storage, 10, "{}");
    assert_int_equal(due(storage), INT64_MAX);
    (void)gather(storage, 64, 500);
    assert_int_equal(due(storage), 500);
    struct storage_feedback *found = next(storage, &arena, 150);
    const int64_t id = found->id;
    assert_int_equal(storage_feedback_lock(storage, id, &token, 300), STATUS_OK);
    assert_int_equal(due(storage), 300);
    assert_null(next(storage, &arena, 150));
    assert_int_equal(storage_feedback_find(storage, &token, 299, &arena, &found), STATUS_OK);
    assert_int_equal(found->id, id);
    assert_int_equal(storage_feedback_find(storage, &token, 300, &arena, &found), STATUS_OK);
    assert_null(found);
    assert_int_equal(storage_feedback_lock_over(storage, 299, &arena, &found), STATUS_OK);
    assert_null(found);
    assert_int_equal(storage_feedback_lock_over(storage, 300, &arena, &found), STATUS_OK);
    assert_int_equal(found->id, id);
    assert_int_equal(storage_feedback_expired(storage, 500, &arena, &found), STATUS_OK);
    assert_null(found);
    assert_int_equal(storage_feedback_unlock(storage, id, 4), STATUS_OK);
    assert_int_equal(next(storage, &arena, 150)->delivery_count, 4);
    assert_int_equal(storage_feedback_expired(storage, 499, &arena, &found), STATUS_OK);
    assert_null(found);
    assert_int_equal(storage_feedback_expired(storage, 500, &arena, &found), STATUS_OK);
    assert_int_equal(found->id, id);
    storage_close(storage);
}

static void a_clear_forgets_records_and_batches(void **state)
{
    (void)state;
    struct storage *storage = open_storage(NULL);
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 16);
    note(storage, 10, "{}");
    (void)gather(storage, 64, 500);
    note(storage, 20, "{}");
    commit(storage);
    assert_int_equal(storage_clear(storage), STATUS_OK);
    expect_noted(storage, 0, INT64_MAX);
    assert_null(next(storage, &arena, 150));
    storage_rollback(storage);
    expect_noted(storage, 1, 20);
    assert_non_null(next(storage, &arena, 150));
    storage_close(storage);
}

static void all_of_it_is_there_after_a_restart(void **state)
{
    (void)state;
    struct place place = place_make();
    struct storage *storage = open_storage(place.directory);
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 16);
    note(storage, 10, "{}");
    (void)gather(storage, 64, 500);
    note(storage, 20, "{}");
    commit(storage);
    storage_close(storage);
    storage = open_storage(place.directory);
    expect_noted(storage, 1, 20);
    assert_str_equal(next(storage, &arena, 150)->body, "[{}]");
    storage_close(storage);
    place_remove(&place);
}

static void tolerate_failures(void *ctx)
{
    struct storage *storage = ctx;
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 16);
    struct storage_feedback *feedback = NULL;
    size_t count = 0;
    enum status status = storage_feedback_gather(storage, 64, 100, 500, &count);
    if (status == STATUS_OK) {
        assert_int_equal(count, 1);
        status = storage_feedback_next(storage, 150, &arena, &feedback);
    }
    assert_true(status == STATUS_NO_MEMORY || (status == STATUS_OK && feedback != NULL));
    storage_rollback(storage);
}

static void a_refused_allocation_is_reported(void **state)
{
    (void)state;
    struct storage *storage = open_storage(NULL);
    note(storage, 10, "{}");
    commit(storage);
    check_under_failing_allocations(tolerate_failures, storage);
    storage_close(storage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_become_batches_in_their_order),
        cmocka_unit_test(a_locked_batch_is_nobody_elses),
        cmocka_unit_test(a_clear_forgets_records_and_batches),
        cmocka_unit_test(all_of_it_is_there_after_a_restart),
        cmocka_unit_test(a_refused_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
