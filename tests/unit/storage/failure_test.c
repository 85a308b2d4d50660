/* SPDX-License-Identifier: MIT */
#include "storage/storage.h"

#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>

#include "tests/unit/storage/fixture.h"

/*
 * SQLite's memory, made to fail: `passes_left` allocations more succeed, then `failures` are
 * refused. Negative: none is. The helper thread never fails.
 */
static sqlite3_mem_methods real;
static _Thread_local long passes_left = -1;
static _Thread_local bool refused;

static bool refuse_this_one(void)
{
    if (passes_left < 0) {
        return false;
    }
    if (passes_left > 0) {
        passes_left--;
        return false;
    }
    refused = true; /* and every one after it, until somebody stops it */
    return true;
}

static void *failing_malloc(int size)
{
    return refuse_this_one() ? NULL : real.xMalloc(size);
}

static void *failing_realloc(void *memory, int size)
{
    return refuse_this_one() ? NULL : real.xRealloc(memory, size);
}

static int install_failing_memory(void **state)
{
    (void)state;
    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real) != SQLITE_OK) {
        return -1;
    }
    sqlite3_mem_methods failing = real;
    failing.xMalloc = failing_malloc;
    failing.xRealloc = failing_realloc;
    return sqlite3_config(SQLITE_CONFIG_MALLOC, &failing) == SQLITE_OK ? 0 : -1;
}

/* The writes of one tick, in the order given; stops at the first that fails. */
static enum status one_tick(struct storage *storage, int64_t known)
{
    struct storage_identity record = record_of("new", "");
    struct storage_identity twin = record_of("known", "");
    twin.id = known;
    twin.tags = STR("{\"changed\":true}");
    const struct journal_row row = {.kind = 1, .detail = STR("{}"), .body = STR("changed")};
    uint64_t sequence = 0;
    size_t count = 0;
    enum status status = storage_identity_insert(storage, &record);
    status = status != STATUS_OK ? status : storage_identity_update(storage, &twin);
    status = status != STATUS_OK ? status : storage_twin_update(storage, &twin, STORAGE_TAGS);
    status = status != STATUS_OK ? status : storage_connection_update(storage, known, true, 7);
    status = status != STATUS_OK ? status : storage_activity_update(storage, known, 8);
    status = status != STATUS_OK ? status : storage_session_put(storage, known, STR("changed"));
    status = status != STATUS_OK ? status : storage_journal_append(storage, &row, &sequence);
    status = status != STATUS_OK ? status
                                 : storage_identity_delete(storage, key_of("doomed", ""), &count);
    status = status != STATUS_OK ? status : storage_connections_clear(storage, 9);
    status = status != STATUS_OK ? status : storage_journal_trim(storage, 1);
    return status != STATUS_OK ? status : storage_commit(storage);
}

static int64_t before_the_tick(struct storage *storage)
{
    const int64_t known = insert(storage, "known", "");
    insert(storage, "doomed", "");
    insert(storage, "doomed", "m");
    append(storage, 1, "known", STR("kept"));
    commit(storage);
    return known;
}

static void assert_as_before_the_tick(struct storage *storage, int64_t known)
{
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 20);
    assert_null(get(storage, &arena, "new", ""));
    assert_non_null(get(storage, &arena, "doomed", "m"));
    const struct storage_identity *found = get(storage, &arena, "known", "");
    assert_non_null(found);
    assert_str_equal(found->tags, "{}");
    assert_int_equal(found->last_activity_us, CLOCK_NEVER);
    struct str session = STR("?");
    assert_int_equal(storage_session_get(storage, known, &arena, &session), STATUS_OK);
    assert_null(session.data);
    assert_int_equal(counts(storage).devices, 2);
    assert_int_equal(counts(storage).modules, 1);
    assert_int_equal(storage_journal_last(storage), 1);
}

static void assert_as_after_the_tick(struct storage *storage)
{
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 20);
    assert_non_null(get(storage, &arena, "new", ""));
    assert_null(get(storage, &arena, "doomed", ""));
    assert_str_equal(get(storage, &arena, "known", "")->tags, "{\"changed\":true}");
    assert_int_equal(counts(storage).devices, 2);
    assert_int_equal(counts(storage).modules, 0);
    assert_int_equal(storage_journal_last(storage), 2);
}

static void a_tick_without_memory_changes_nothing(void **state)
{
    (void)state;
    bool through = false;
    for (long n = 0; !through; n++) {
        struct storage *storage = open_storage(NULL);
        const int64_t known = before_the_tick(storage);
        passes_left = n;
        refused = false;
        const enum status status = one_tick(storage, known);
        if (status != STATUS_OK) {
            assert_int_equal(status, STATUS_NO_MEMORY);
            if (storage_dirty(storage)) {
                assert_int_equal(storage_commit(storage), STATUS_NO_MEMORY);
            }
            storage_rollback(storage); /* memory is still short: undoing needs none */
        }
        passes_left = -1;
        through = !refused;
        if (status != STATUS_OK) {
            assert_as_before_the_tick(storage, known);
            assert_int_equal(one_tick(storage, known), STATUS_OK);
        }
        assert_as_after_the_tick(storage);
        storage_close(storage);
    }
}

static void reads_without_memory_say_so(void **state)
{
    (void)state;
    bool through = false;
    for (long n = 0; !through; n++) {
        struct storage *storage = open_storage(NULL);
        const int64_t known = before_the_tick(storage);
        CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 20);
        struct storage_identity *identity = NULL;
        struct storage_identity **list = NULL;
        struct str session = STR("?");
        size_t count = 99;
        passes_left = n;
        refused = false;
        enum status status =
            storage_identity_get(storage, key_of("known", ""), 3, &arena, &identity);
        if (status == STATUS_OK) {
            status = storage_session_get(storage, known, &arena, &session);
        }
        if (status == STATUS_OK) {
            status = storage_devices_list(storage, 1, &arena, &list, &count);
        }
        passes_left = -1;
        through = !refused;
        assert_int_equal(status, through ? STATUS_OK : STATUS_NO_MEMORY);
        assert_as_before_the_tick(storage, known); /* and works again at once */
        storage_close(storage);
    }
}

/* One open with the nth allocation refused; true when it got through without needing it. */
static bool open_with_failure(const char *directory, long n)
{
    const struct storage_config config = {.directory = directory};
    struct storage *storage = NULL;
    struct problem problem = {0};
    passes_left = n;
    refused = false;
    const enum status status = storage_open(&config, &storage, &problem);
    passes_left = -1;
    if (status == STATUS_OK) {
        storage_close(storage);
    } else {
        assert_int_equal(status, STATUS_NO_MEMORY);
        assert_null(storage);
        assert_true(problem.text[0] != '\0');
    }
    return !refused;
}

static void an_open_without_memory_is_refused(void **state)
{
    (void)state;
    for (long n = 0; !open_with_failure(NULL, n); n++) {
    }
}

static void an_open_that_failed_leaves_no_half_schema(void **state)
{
    (void)state;
    bool through = false;
    for (long n = 0; !through; n += 61) { /* a sample: each round waits for the disk */
        struct place place = place_make();
        through = open_with_failure(place.directory, n);
        storage_close(open_storage(place.directory));
        place_remove(&place);
    }
}

static void open_and_close(void *ctx)
{
    const struct storage_config config = {.directory = ctx};
    struct storage *storage = NULL;
    const enum status status = storage_open(&config, &storage, NULL);
    assert_true(status == STATUS_OK || status == STATUS_NO_MEMORY);
    assert_int_equal(storage == NULL, status != STATUS_OK);
    storage_close(storage);
}

static void our_own_memory_may_fail_too(void **state)
{
    (void)state;
    struct place place = place_make();
    check_under_failing_allocations(open_and_close, NULL);
    check_under_failing_allocations(open_and_close, place.directory);
    place_remove(&place);
}

/* A disk that takes no more than some bytes per file. */
static void limit_files(rlim_t size)
{
    (void)signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit = {.rlim_cur = size, .rlim_max = RLIM_INFINITY};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) {
        _exit(20);
    }
}

static enum status fill_journal(struct storage *storage)
{
    static const char text[1000];
    const struct journal_row row = {
        .detail = STR("{}"), .kind = 2, .body = {.data = text, .size = sizeof(text)}};
    enum status status = STATUS_OK;
    for (int i = 0; status == STATUS_OK && i < 100000; i++) {
        uint64_t sequence = 0;
        status = storage_journal_append(storage, &row, &sequence);
    }
    return status == STATUS_OK ? storage_commit(storage) : status;
}

static enum status fill_state(struct storage *storage)
{
    enum status status = STATUS_OK;
    for (int i = 0; status == STATUS_OK && i < 100000; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "filler-%d", i);
        struct storage_identity record = record_of(name, "");
        status = storage_identity_insert(storage, &record);
    }
    return status == STATUS_OK ? storage_commit(storage) : status;
}

static void meet_a_full_disk(const struct place *place,
                             enum status (*fill)(struct storage *storage))
{
    struct storage *storage = open_storage(place->directory);
    const int64_t known = before_the_tick(storage);
    if (storage_last_failure(storage)[0] != '\0') {
        _exit(19);
    }
    limit_files(400000);
    if (fill(storage) != STATUS_IO) {
        _exit(21);
    }
    if (strstr(storage_last_failure(storage), "full") == NULL &&
        strstr(storage_last_failure(storage), "I/O") == NULL) {
        _exit(20);
    }
    if (storage_commit(storage) != STATUS_IO) {
        _exit(22);
    }
    storage_rollback(storage);
    if (counts(storage).devices != 2 || storage_journal_last(storage) != 1) {
        _exit(23);
    }
    limit_files(RLIM_INFINITY);
    if (one_tick(storage, known) != STATUS_OK) {
        _exit(24);
    }
    storage_close(storage);
    _exit(7);
}

static void fill_the_journal_s_disk(const struct place *place)
{
    meet_a_full_disk(place, fill_journal);
}

static void fill_the_state_s_disk(const struct place *place)
{
    meet_a_full_disk(place, fill_state);
}

static void a_full_disk_is_told_and_undone(void **state)
{
    (void)state;
    void (*const bodies[])(const struct place *) = {fill_the_journal_s_disk, fill_the_state_s_disk};
    for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
        struct place place = place_make();
        const int ended = in_child(bodies[i], &place);
        assert_true(WIFEXITED(ended));
        assert_int_equal(WEXITSTATUS(ended), 7);
        struct storage *storage = open_storage(place.directory);
        assert_as_after_the_tick(storage);
        storage_close(storage);
        place_remove(&place);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tick_without_memory_changes_nothing),
        cmocka_unit_test(reads_without_memory_say_so),
        cmocka_unit_test(an_open_without_memory_is_refused),
        cmocka_unit_test(an_open_that_failed_leaves_no_half_schema),
        cmocka_unit_test(our_own_memory_may_fail_too),
        cmocka_unit_test(a_full_disk_is_told_and_undone),
    };
    return cmocka_run_group_tests(tests, install_failing_memory, NULL);
}
