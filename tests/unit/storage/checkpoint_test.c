/* SPDX-License-Identifier: MIT */
#include "storage/checkpoint_internal.h"

#include <sys/stat.h>

#include "tests/unit/storage/fixture.h"

enum { ROW_SIZE = 1000, TICK_ROWS = 1000, PAGE = 4096 };

static const size_t mebi = 1 << 20;

static long long file_size(const struct place *place, const char *file)
{
    char path[128];
    struct stat found;
    place_file(place, file, path);
    return stat(path, &found) == 0 ? (long long)found.st_size : -1;
}

static void write_rows(struct storage *storage, size_t count)
{
    static const char body[ROW_SIZE];
    for (size_t i = 0; i < count; i++) {
        append(storage, 1, "device", str_of(body, sizeof(body)));
    }
}

/* Commits about `mebibytes` of rows in small ticks. */
static void write_journal(struct storage *storage, size_t mebibytes)
{
    for (size_t rows = 0; rows < mebibytes * mebi / ROW_SIZE; rows += TICK_ROWS) {
        write_rows(storage, TICK_ROWS);
        commit(storage);
    }
}

/* True when the file reaches the size within some seconds. */
static bool grows_to(const struct place *place, const char *file, size_t size)
{
    for (int i = 0; i < 1000; i++) {
        if (file_size(place, file) >= (long long)size) {
            return true;
        }
        (void)usleep(10000);
    }
    return false;
}

static void the_log_is_copied_behind_the_writer_s_back(void **state)
{
    (void)state;
    struct place place = place_make();
    struct storage *storage = open_storage(place.directory);
    write_journal(storage, 20);
    assert_true(grows_to(&place, "journal.db", 15 * mebi)); /* no further commit was needed */

    /* Written while a pass may be running; every row is there. */
    write_journal(storage, 60);
    assert_true(grows_to(&place, "journal.db", 60 * mebi));
    const uint64_t last = storage_journal_last(storage);
    storage_close(storage);
    assert_int_equal(file_size(&place, "journal.db-wal"), -1); /* the last to close empties it */

    storage = open_storage(place.directory);
    assert_int_equal(storage_journal_last(storage), last);
    storage_close(storage);
    place_remove(&place);
}

static void a_small_log_is_left_alone(void **state)
{
    (void)state;
    struct place place = place_make();
    struct storage *storage = open_storage(place.directory);
    const long long before = file_size(&place, "journal.db");
    write_journal(storage, 4);
    (void)usleep(50000);
    assert_int_equal(file_size(&place, "journal.db"), before);
    storage_close(storage);
    place_remove(&place);
}

static void a_log_that_started_again_is_small(void **state)
{
    (void)state;
    struct place place = place_make();
    struct storage *storage = open_storage(place.directory);
    write_rows(storage, 20 * mebi / ROW_SIZE);
    commit(storage); /* one commit: the pass it asks for copies all there is */
    assert_true(grows_to(&place, "journal.db", 20 * mebi));
    (void)usleep(100000);
    const long long copied = file_size(&place, "journal.db");
    write_journal(storage, 4);
    (void)usleep(50000);
    assert_int_equal(file_size(&place, "journal.db"), copied);
    storage_close(storage);
    place_remove(&place);
}

static void a_log_that_cannot_be_caught_up_with_is_given_to_the_writer(void **state)
{
    (void)state;
    const struct checkpoint_file file = {"/dev/null/nothing.db", PAGE}; /* no pass can succeed */
    struct checkpointer *checkpointer = NULL;
    assert_int_equal(checkpointer_create(&file, 1, false, &checkpointer), STATUS_OK);
    assert_false(checkpointer_note(checkpointer, 0, 1));
    assert_false(checkpointer_note(checkpointer, 0, 300 * (mebi / PAGE)));
    bool given = false;
    for (int i = 0; i < 1000 && !given; i++) { /* as soon as the pass asked for above is over */
        given = checkpointer_note(checkpointer, 0, 600 * (mebi / PAGE));
        (void)usleep(1000);
    }
    assert_true(given);
    checkpointer_destroy(checkpointer);
}

static void a_close_during_a_pass_waits_for_it(void **state)
{
    (void)state;
    struct place place = place_make();
    struct storage *storage = open_storage(place.directory);
    write_journal(storage, 17);
    const uint64_t last = storage_journal_last(storage);
    storage_close(storage);
    storage = open_storage(place.directory);
    assert_int_equal(storage_journal_last(storage), last);
    storage_close(storage);
    place_remove(&place);
    checkpointer_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_log_is_copied_behind_the_writer_s_back),
        cmocka_unit_test(a_small_log_is_left_alone),
        cmocka_unit_test(a_log_that_started_again_is_small),
        cmocka_unit_test(a_log_that_cannot_be_caught_up_with_is_given_to_the_writer),
        cmocka_unit_test(a_close_during_a_pass_waits_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
