/* SPDX-License-Identifier: MIT */
#include "storage/storage.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "tests/unit/storage/fixture.h"

static void everything_is_there_after_a_restart(void **state)
{
    (void)state;
    struct place place = place_make();
    struct storage *storage = open_storage(place.directory);
    const int64_t id = insert(storage, "d1", "");
    insert(storage, "d1", "m1");
    assert_int_equal(storage_session_put(storage, id, STR("subscriptions")), STATUS_OK);
    assert_int_equal(append(storage, 1, "d1", STR("hello")), 1);
    commit(storage);
    storage_close(storage);

    storage = open_storage(place.directory);
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 20);
    assert_non_null(get(storage, &arena, "d1", "m1"));
    const struct storage_identity *device = get(storage, &arena, "d1", "");
    assert_non_null(device);
    assert_int_equal(device->id, id);
    struct str session = STR_EMPTY;
    assert_int_equal(storage_session_get(storage, id, &arena, &session), STATUS_OK);
    assert_str_equal(session, "subscriptions");
    assert_int_equal(counts(storage).devices, 1);
    assert_int_equal(counts(storage).modules, 1);
    assert_int_equal(storage_journal_last(storage), 1);
    assert_int_equal(append(storage, 1, "d1", STR("again")), 2);
    storage_close(storage);
    place_remove(&place);
}

static void what_was_not_committed_is_gone_after_close(void **state)
{
    (void)state;
    struct place place = place_make();
    struct storage *storage = open_storage(place.directory);
    insert(storage, "d1", "");
    commit(storage);
    insert(storage, "d2", "");
    append(storage, 1, "d2", STR("x"));
    assert_true(storage_dirty(storage));
    storage_close(storage);

    storage = open_storage(place.directory);
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 20);
    assert_non_null(get(storage, &arena, "d1", ""));
    assert_null(get(storage, &arena, "d2", ""));
    assert_int_equal(storage_journal_last(storage), 0);
    storage_close(storage);
    place_remove(&place);
}

static void a_rollback_leaves_all_as_before(void **state)
{
    (void)state;
    struct storage *storage = open_storage(NULL);
    const int64_t id = insert(storage, "d1", "");
    append(storage, 1, "d1", STR("x"));
    commit(storage);

    insert(storage, "d2", "");
    assert_int_equal(storage_connection_update(storage, id, true, 5), STATUS_OK);
    append(storage, 1, "d2", STR("x"));
    assert_int_equal(storage_journal_trim(storage, 1), STATUS_OK);
    assert_true(storage_dirty(storage));
    storage_rollback(storage);
    assert_false(storage_dirty(storage));

    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 20);
    assert_null(get(storage, &arena, "d2", ""));
    assert_false(get(storage, &arena, "d1", "")->connected);
    assert_int_equal(counts(storage).devices, 1);
    assert_int_equal(counts(storage).connected, 0);
    assert_int_equal(storage_journal_last(storage), 1);
    assert_int_equal(append(storage, 1, "d1", STR("x")), 2);
    storage_close(storage);
}

static void a_commit_or_rollback_of_nothing_is_fine(void **state)
{
    (void)state;
    struct storage *storage = open_storage(NULL);
    assert_false(storage_dirty(storage));
    commit(storage);
    storage_rollback(storage);
    storage_close(storage);
    storage_close(NULL);
}

static void a_clear_empties_all_but_the_numbers_go_on(void **state)
{
    (void)state;
    struct place place = place_make();
    struct storage *storage = open_storage(place.directory);
    const int64_t id = insert(storage, "d1", "");
    insert(storage, "d1", "m1");
    assert_int_equal(storage_session_put(storage, id, STR("s")), STATUS_OK);
    append(storage, 1, "d1", STR("x"));
    append(storage, 1, "d1", STR("y"));
    commit(storage);
    assert_int_equal(storage_clear(storage), STATUS_OK);
    commit(storage);
    assert_int_equal(counts(storage).devices + counts(storage).modules, 0);
    assert_int_equal(storage_journal_last(storage), 2);
    storage_close(storage);

    storage = open_storage(place.directory);
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 20);
    assert_null(get(storage, &arena, "d1", ""));
    assert_int_equal(append(storage, 1, "d1", STR("z")), 3);
    const int64_t again = insert(storage, "d1", "");
    assert_true(again > id + 1);
    struct str session = STR("?");
    assert_int_equal(storage_session_get(storage, again, &arena, &session), STATUS_OK);
    assert_null(session.data);
    storage_close(storage);
    place_remove(&place);
}

static void a_second_opener_is_refused_and_told_where(void **state)
{
    (void)state;
    struct place place = place_make();
    struct storage *storage = open_storage(place.directory);
    const struct storage_config config = {.directory = place.directory};
    struct storage *second = NULL;
    struct problem problem = {0};
    assert_int_equal(storage_open(&config, &second, &problem), STATUS_UNAVAILABLE);
    assert_null(second);
    assert_non_null(strstr(problem.text, place.directory));
    assert_non_null(strstr(problem.text, "another process"));

    storage_close(storage);
    storage_close(open_storage(place.directory));
    place_remove(&place);
}

static void open_must_be_refused(const struct place *place)
{
    const struct storage_config config = {.directory = place->directory};
    struct storage *storage = NULL;
    _exit(storage_open(&config, &storage, NULL) == STATUS_UNAVAILABLE ? 7 : 1);
}

static void a_second_process_is_refused(void **state)
{
    (void)state;
    struct place place = place_make();
    struct storage *storage = open_storage(place.directory);
    const int ended = in_child(open_must_be_refused, &place);
    assert_int_equal(WEXITSTATUS(ended), 7);
    storage_close(storage);
    place_remove(&place);
}

static void die_in_a_transaction(const struct place *place)
{
    struct storage *storage = open_storage(place->directory);
    insert(storage, "kept", "");
    append(storage, 1, "kept", STR("kept"));
    if (storage_commit(storage) == STATUS_OK) {
        insert(storage, "lost", "");
        for (int i = 0; i < 100000; i++) { /* enough for pages to reach the log before a commit */
            append(storage, 1, "lost", STR("0123456789012345678901234567890123456789"));
        }
        (void)kill(getpid(), SIGKILL);
    }
}

static void a_killed_process_loses_nothing_that_was_committed(void **state)
{
    (void)state;
    struct place place = place_make();
    const int ended = in_child(die_in_a_transaction, &place);
    assert_true(WIFSIGNALED(ended));
    assert_int_equal(WTERMSIG(ended), SIGKILL);

    struct storage *storage = open_storage(place.directory);
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 20);
    assert_non_null(get(storage, &arena, "kept", ""));
    assert_null(get(storage, &arena, "lost", ""));
    assert_int_equal(counts(storage).devices, 1);
    assert_int_equal(storage_journal_last(storage), 1);
    storage_close(storage);
    place_remove(&place);
}

static void directories_are_made_and_private(void **state)
{
    (void)state;
    struct place place = place_make();
    char nested[128];
    (void)snprintf(nested, sizeof(nested), "%s/a/b", place.directory);
    storage_close(open_storage(nested));

    char path[160];
    struct stat found;
    (void)snprintf(path, sizeof(path), "%s/state.db", nested);
    assert_int_equal(stat(nested, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0700);
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0600);

    for (size_t i = 0; i < 3; i++) {
        static const char *const files[] = {"state.db", "journal.db", "lock"};
        (void)snprintf(path, sizeof(path), "%s/%s", nested, files[i]);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(nested), 0);
    (void)snprintf(path, sizeof(path), "%s/a", place.directory);
    assert_int_equal(rmdir(path), 0);
    place_remove(&place);
}

static void expect_refused(const char *directory, enum status expected, const char *word)
{
    const struct storage_config config = {.directory = directory};
    struct storage *storage = NULL;
    struct problem problem = {0};
    assert_int_equal(storage_open(&config, &storage, &problem), expected);
    assert_null(storage);
    if (strstr(problem.text, word) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", problem.text, word);
    }
    assert_int_equal(storage_open(&config, &storage, NULL), expected);
}

static void places_that_cannot_be_used_are_explained(void **state)
{
    (void)state;
    expect_refused("", STATUS_INVALID, "0 bytes");
    char endless[5000];
    memset(endless, 'a', sizeof(endless) - 1);
    endless[sizeof(endless) - 1] = '\0';
    expect_refused(endless, STATUS_INVALID, "4999 bytes");
    expect_refused("/dev/null/data", STATUS_IO, "/dev/null");
    expect_refused("/dev/null", STATUS_IO, "/dev/null/lock");
}

static void write_file(const struct place *place, const char *file, const char *text)
{
    char path[128];
    place_file(place, file, path);
    const int out = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(out >= 0);
    assert_int_equal(write(out, text, strlen(text)), strlen(text));
    assert_int_equal(close(out), 0);
}

static void files_that_are_not_ours_are_refused_and_left_alone(void **state)
{
    (void)state;
    struct place place = place_make();
    write_file(&place, "state.db",
               "this is a letter to my grandmother, not a database at all ....."
               "..............................................................");
    expect_refused(place.directory, STATUS_CORRUPT, "not a database");
    place_remove(&place);

    place = place_make();
    place_run_sql(&place, "journal.db", "CREATE TABLE recipes(name TEXT)");
    expect_refused(place.directory, STATUS_CORRUPT, "another program");
    place_run_sql(&place, "journal.db", "SELECT * FROM recipes");
    place_run_sql(&place, "journal.db", "PRAGMA application_id = 5");
    expect_refused(place.directory, STATUS_CORRUPT, "another program");
    place_remove(&place);
}

static void a_later_version_is_refused(void **state)
{
    (void)state;
    struct place place = place_make();
    storage_close(open_storage(place.directory));
    place_run_sql(&place, "state.db", "PRAGMA user_version = 5");
    expect_refused(place.directory, STATUS_CORRUPT, "later version");
    place_run_sql(&place, "state.db", "PRAGMA user_version = 4");
    storage_close(open_storage(place.directory));
    place_remove(&place);
}

static void an_earlier_version_is_brought_up_to_date(void **state)
{
    (void)state;
    struct place place = place_make();
    struct storage *storage = open_storage(place.directory);
    insert(storage, "d1", "");
    commit(storage);
    storage_close(storage);
    place_run_sql(&place, "state.db",
                  "DROP TABLE job; DROP TABLE message; DROP TABLE feedback_record;"
                  "DROP TABLE feedback_batch; DROP TABLE message_ids; PRAGMA user_version = 1");
    storage = open_storage(place.directory);
    assert_int_equal(counts(storage).devices, 1);
    struct storage_job job = {.key = key_of("d1", ""), .job = STR("j1")};
    assert_int_equal(storage_job_insert(storage, &job), STATUS_OK);
    struct storage_message message = {.identity = 1};
    assert_int_equal(storage_message_insert(storage, &message, NULL), STATUS_OK);
    assert_int_equal(storage_feedback_note(storage, 1, STR("{}")), STATUS_OK);
    storage_close(storage);
    place_remove(&place);
}

static const char version_3_messages[] =
    "DROP TABLE message; DROP TABLE message_ids;"
    "CREATE TABLE message (id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " identity INTEGER NOT NULL REFERENCES identity(id) ON DELETE CASCADE,"
    " enqueued_us INTEGER NOT NULL, expires_us INTEGER NOT NULL, delivery_count INTEGER NOT NULL,"
    " delivered INTEGER NOT NULL, ack INTEGER NOT NULL, locked_until_us INTEGER, lock BLOB,"
    " held INTEGER NOT NULL, message_id TEXT, properties TEXT NOT NULL, body BLOB NOT NULL)"
    " STRICT;"
    "CREATE INDEX message_queue ON message(identity);"
    "CREATE INDEX message_locked ON message(locked_until_us) WHERE locked_until_us IS NOT NULL;"
    "CREATE INDEX message_waiting ON message(expires_us) WHERE locked_until_us IS NULL;"
    "INSERT INTO message VALUES (3, 1, 100, 500, 2, 4, 3, NULL, NULL, 0, 'm3', '{}', x'61'),"
    " (4, 1, 101, 600, 0, 1, 0, 300, zeroblob(16), 0, NULL, '{}', x'62'),"
    " (5, 1, 102, 700, 0, 1, 0, 9223372036854775807, x'01', 1, NULL, '{}', x'63'),"
    " (9, 1, 103, 800, 0, 0, 0, NULL, NULL, 0, NULL, '{}', x'64');"
    "DELETE FROM message WHERE id = 9;"
    "UPDATE identity SET c2d_count = 3 WHERE id = 1; PRAGMA user_version = 3";

static void messages_of_an_earlier_version_are_kept(void **state)
{
    (void)state;
    struct place place = place_make();
    struct storage *storage = open_storage(place.directory);
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 16);
    const int64_t d1 = insert(storage, "d1", "");
    assert_int_equal(d1, 1);
    commit(storage);
    storage_close(storage);
    place_run_sql(&place, "state.db", version_3_messages);
    storage = open_storage(place.directory);
    struct storage_message *message = NULL;
    assert_int_equal(storage_message_next(storage, d1, 150, &arena, &message), STATUS_OK);
    assert_int_equal(message->id, 3);
    assert_int_equal(message->enqueued_us, 100);
    assert_int_equal(message->expires_us, 500);
    assert_int_equal(message->delivery_count, 2);
    assert_int_equal(message->delivered, 4);
    assert_int_equal(message->ack, 3);
    assert_str_equal(message->message_id, "m3");
    assert_str_equal(message->body, "a");
    const struct guid zero = {0};
    assert_int_equal(storage_message_find(storage, d1, &zero, 299, &arena, &message), STATUS_OK);
    assert_int_equal(message->id, 4);
    int64_t due_us = 0;
    assert_int_equal(storage_messages_due(storage, &due_us), STATUS_OK);
    assert_int_equal(due_us, 300);
    assert_int_equal(get(storage, &arena, "d1", "")->c2d_count, 3);
    assert_int_equal(storage_messages_unhold(storage, 0), STATUS_OK);
    const struct storage_messages_filter filter = {
        .which = STORAGE_MESSAGES_EXPIRED, .value = 700, .limit = 9};
    struct storage_message **messages = NULL;
    size_t count = 0;
    assert_int_equal(storage_messages_list(storage, &filter, &arena, &messages, &count), STATUS_OK);
    assert_int_equal(count, 2); /* the one that was held, too */
    assert_int_equal(messages[1]->id, 5);
    assert_int_equal(storage_message_delete(storage, messages[0]), STATUS_OK);
    assert_int_equal(get(storage, &arena, "d1", "")->c2d_count, 2);
    struct storage_message new = {.identity = d1};
    assert_int_equal(storage_message_insert(storage, &new, NULL), STATUS_OK);
    assert_int_equal(new.id, 10);
    storage_close(storage);
    place_remove(&place);
}

static void full_sync_works_as_well(void **state)
{
    (void)state;
    struct place place = place_make();
    const struct storage_config config = {.directory = place.directory, .sync_full = true};
    struct storage *storage = NULL;
    assert_int_equal(storage_open(&config, &storage, NULL), STATUS_OK);
    insert(storage, "d1", "");
    append(storage, 1, "d1", STR("x"));
    commit(storage);
    storage_close(storage);
    storage = open_storage(place.directory);
    assert_int_equal(counts(storage).devices, 1);
    storage_close(storage);
    place_remove(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_there_after_a_restart),
        cmocka_unit_test(what_was_not_committed_is_gone_after_close),
        cmocka_unit_test(a_rollback_leaves_all_as_before),
        cmocka_unit_test(a_commit_or_rollback_of_nothing_is_fine),
        cmocka_unit_test(a_clear_empties_all_but_the_numbers_go_on),
        cmocka_unit_test(a_second_opener_is_refused_and_told_where),
        cmocka_unit_test(a_second_process_is_refused),
        cmocka_unit_test(a_killed_process_loses_nothing_that_was_committed),
        cmocka_unit_test(directories_are_made_and_private),
        cmocka_unit_test(places_that_cannot_be_used_are_explained),
        cmocka_unit_test(files_that_are_not_ours_are_refused_and_left_alone),
        cmocka_unit_test(a_later_version_is_refused),
        cmocka_unit_test(an_earlier_version_is_brought_up_to_date),
        cmocka_unit_test(messages_of_an_earlier_version_are_kept),
        cmocka_unit_test(full_sync_works_as_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
