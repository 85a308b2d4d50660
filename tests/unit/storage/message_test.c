/* SPDX-License-Identifier: MIT */
#include "storage/storage.h"

#include "tests/unit/storage/fixture.h"

static const struct guid first_token = {.bytes = {1}};
static const struct guid second_token = {.bytes = {2}};

static int64_t add(struct storage *storage, int64_t identity, const char *body, int64_t expires_us)
{
    struct storage_message message = {
        .identity = identity,
        .enqueued_us = 100,
        .expires_us = expires_us,
        .ack = 3,
        .message_id = STR("m1"),
        .properties = STR("{\"form\":1}"),
        .body = str_from(body),
    };
    assert_int_equal(storage_message_insert(storage, &message, NULL), STATUS_OK);
    assert_true(message.id > 0);
    return message.id;
}

static struct storage_message *next(struct storage *storage, struct arena *arena, int64_t identity,
                                    int64_t now_us)
{
    struct storage_message *message = NULL;
    assert_int_equal(storage_message_next(storage, identity, now_us, arena, &message), STATUS_OK);
    return message;
}

static struct storage_message *find(struct storage *storage, struct arena *arena, int64_t identity,
                                    const struct guid *token, int64_t now_us)
{
    struct storage_message *message = NULL;
    assert_int_equal(storage_message_find(storage, identity, token, now_us, arena, &message),
                     STATUS_OK);
    return message;
}

static void lock(struct storage *storage, int64_t identity, int64_t id, struct guid token,
                 int64_t until_us, bool held)
{
    const struct storage_lock lock = {.token = token, .until_us = until_us, .held = held};
    const struct storage_message message = {.id = id, .identity = identity};
    assert_int_equal(storage_message_lock(storage, &message, &lock), STATUS_OK);
}

static int64_t due(struct storage *storage)
{
    int64_t due_us = 0;
    assert_int_equal(storage_messages_due(storage, &due_us), STATUS_OK);
    return due_us;
}

static uint32_t count(struct storage *storage, const char *device)
{
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 16);
    return get(storage, &arena, device, "")->c2d_count;
}

static void a_message_is_kept_whole(void **state)
{
    (void)state;
    struct storage *storage = open_storage(NULL);
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 16);
    const int64_t d1 = insert(storage, "d1", "");
    const int64_t m1 = insert(storage, "d1", "m1");
    const int64_t id = add(storage, d1, "for d1", 200);
    (void)add(storage, m1, "for m1", 200);
    const struct storage_message *message = next(storage, &arena, d1, 150);
    assert_int_equal(message->id, id);
    assert_int_equal(message->identity, d1);
    assert_str_equal(message->key.device, "d1");
    assert_str_equal(message->key.module, "");
    assert_int_equal(message->generation, 637000000000000000);
    assert_int_equal(message->enqueued_us, 100);
    assert_int_equal(message->expires_us, 200);
    assert_int_equal(message->delivery_count, 0);
    assert_int_equal(message->delivered, 0);
    assert_int_equal(message->ack, 3);
    assert_str_equal(message->message_id, "m1");
    assert_str_equal(message->properties, "{\"form\":1}");
    assert_str_equal(message->body, "for d1");
    assert_str_equal(next(storage, &arena, m1, 150)->key.module, "m1");
    struct storage_message bare = {.identity = d1, .expires_us = 200};
    assert_int_equal(storage_message_insert(storage, &bare, NULL), STATUS_OK);
    lock(storage, d1, id, first_token, 300, false);
    message = next(storage, &arena, d1, 150);
    assert_null(message->message_id.data);
    assert_str_equal(message->body, "");
    storage_close(storage);
}

static void the_oldest_that_is_free_and_not_expired_is_next(void **state)
{
    (void)state;
    struct storage *storage = open_storage(NULL);
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 16);
    const int64_t d1 = insert(storage, "d1", "");
    const int64_t a = add(storage, d1, "a", 200);
    const int64_t b = add(storage, d1, "b", 300);
    const struct storage_message *next_a = next(storage, &arena, d1, 199);
    assert_int_equal(next_a->id, a);
    assert_int_equal(next(storage, &arena, d1, 200)->id, b);
    lock(storage, d1, a, first_token, 1000, false);
    assert_int_equal(next(storage, &arena, d1, 150)->id, b);
    lock(storage, d1, b, second_token, 1000, false);
    assert_null(next(storage, &arena, d1, 150));
    assert_int_equal(storage_message_unlock(storage, next_a, 7), STATUS_OK);
    const struct storage_message *again = next(storage, &arena, d1, 150);
    assert_int_equal(again->id, a);
    assert_int_equal(again->delivery_count, 7);
    assert_int_equal(again->delivered, 1);
    storage_close(storage);
}

static void a_lock_is_found_by_its_token_while_it_lasts(void **state)
{
    (void)state;
    struct storage *storage = open_storage(NULL);
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 16);
    const int64_t d1 = insert(storage, "d1", "");
    const int64_t d2 = insert(storage, "d2", "");
    const int64_t id = add(storage, d1, "a", 200);
    assert_null(find(storage, &arena, d1, &first_token, 0));
    lock(storage, d1, id, first_token, 1000, false);
    assert_int_equal(find(storage, &arena, d1, &first_token, 999)->id, id);
    assert_null(find(storage, &arena, d1, &first_token, 1000));
    assert_null(find(storage, &arena, d1, &second_token, 999));
    assert_null(find(storage, &arena, d2, &first_token, 999));
    storage_close(storage);
}

static void held_locks_end_together(void **state)
{
    (void)state;
    struct storage *storage = open_storage(NULL);
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 16);
    const int64_t d1 = insert(storage, "d1", "");
    const int64_t d2 = insert(storage, "d2", "");
    const int64_t held = add(storage, d1, "held", 200);
    const int64_t timed = add(storage, d1, "timed", 200);
    const int64_t other = add(storage, d2, "other", 200);
    lock(storage, d1, held, first_token, INT64_MAX, true);
    lock(storage, d1, timed, second_token, 1000, false);
    lock(storage, d2, other, first_token, INT64_MAX, true);
    assert_int_equal(due(storage), 1000);
    assert_int_equal(storage_messages_unhold(storage, d1), STATUS_OK);
    assert_int_equal(next(storage, &arena, d1, 150)->id, held);
    assert_null(next(storage, &arena, d2, 150));
    lock(storage, d1, held, first_token, INT64_MAX, true);
    assert_int_equal(storage_messages_unhold(storage, 0), STATUS_OK);
    assert_int_equal(next(storage, &arena, d1, 150)->id, held);
    assert_int_equal(next(storage, &arena, d2, 150)->id, other);
    assert_non_null(find(storage, &arena, d1, &second_token, 150));
    storage_close(storage);
}

static size_t list(struct storage *storage, enum storage_messages which, int64_t value,
                   struct storage_message ***ret_messages, struct arena *arena)
{
    const struct storage_messages_filter filter = {.which = which, .value = value, .limit = 3};
    size_t found = 0;
    assert_int_equal(storage_messages_list(storage, &filter, arena, ret_messages, &found),
                     STATUS_OK);
    return found;
}

static void lists_are_told_apart_and_bounded(void **state)
{
    (void)state;
    struct storage *storage = open_storage(NULL);
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 16);
    struct storage_message **messages = NULL;
    const int64_t d1 = insert(storage, "d1", "");
    const int64_t d2 = insert(storage, "d2", "");
    assert_int_equal(list(storage, STORAGE_MESSAGES_OF, d1, &messages, &arena), 0);
    const int64_t a = add(storage, d1, "a", 500);
    const int64_t b = add(storage, d1, "b", 300);
    const int64_t c = add(storage, d2, "c", 400);
    assert_int_equal(due(storage), 300);
    assert_int_equal(list(storage, STORAGE_MESSAGES_EXPIRED, 299, &messages, &arena), 0);
    assert_int_equal(list(storage, STORAGE_MESSAGES_EXPIRED, 400, &messages, &arena), 2);
    assert_int_equal(messages[0]->id, b);
    assert_int_equal(messages[1]->id, c);
    lock(storage, d1, b, first_token, 350, false);
    assert_int_equal(due(storage), 350);
    assert_int_equal(list(storage, STORAGE_MESSAGES_EXPIRED, 400, &messages, &arena), 1);
    assert_int_equal(list(storage, STORAGE_MESSAGES_LOCK_OVER, 349, &messages, &arena), 0);
    assert_int_equal(list(storage, STORAGE_MESSAGES_LOCK_OVER, 350, &messages, &arena), 1);
    assert_int_equal(messages[0]->id, b);
    assert_int_equal(list(storage, STORAGE_MESSAGES_OF, d1, &messages, &arena), 2);
    assert_int_equal(messages[0]->id, a);
    for (int i = 0; i < 4; i++) {
        (void)add(storage, d2, "more", 600);
    }
    assert_int_equal(list(storage, STORAGE_MESSAGES_OF, d2, &messages, &arena), 3);
    storage_close(storage);
}

static void the_identity_shows_how_many_wait(void **state)
{
    (void)state;
    struct storage *storage = open_storage(NULL);
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 16);
    const int64_t d1 = insert(storage, "d1", "");
    assert_int_equal(storage_messages_count(storage, d1), 0);
    (void)add(storage, d1, "a", 500);
    (void)add(storage, d1, "b", 500);
    assert_int_equal(count(storage, "d1"), 2);
    const struct storage_message *message = next(storage, &arena, d1, 150);
    assert_int_equal(storage_message_delete(storage, message), STATUS_OK);
    assert_int_equal(count(storage, "d1"), 1);
    assert_int_equal(storage_messages_count(storage, d1), 1);
    commit(storage);
    (void)add(storage, d1, "c", 500);
    storage_rollback(storage);
    assert_int_equal(count(storage, "d1"), 1);
    storage_close(storage);
}

static void a_number_that_came_with_a_record_lasts_until_a_message_comes(void **state)
{
    (void)state;
    struct storage *storage = open_storage(NULL);
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 16);
    const int64_t d1 = insert(storage, "d1", "");
    struct storage_identity *record = get(storage, &arena, "d1", "");
    record->c2d_count = 5;
    assert_int_equal(storage_identity_update(storage, record), STATUS_OK);
    commit(storage);
    assert_int_equal(count(storage, "d1"), 5);
    assert_int_equal(storage_messages_count(storage, d1), 0);
    (void)add(storage, d1, "a", 500);
    assert_int_equal(count(storage, "d1"), 1);
    storage_rollback(storage);
    assert_int_equal(count(storage, "d1"), 5);
    (void)add(storage, d1, "a", 500);
    assert_int_equal(storage_identity_update(storage, get(storage, &arena, "d1", "")), STATUS_OK);
    assert_int_equal(count(storage, "d1"), 1);
    const struct storage_message *message = next(storage, &arena, d1, 150);
    assert_int_equal(storage_message_delete(storage, message), STATUS_OK);
    assert_int_equal(count(storage, "d1"), 0);
    commit(storage);
    assert_int_equal(count(storage, "d1"), 0);
    storage_close(storage);
}

static void ids_are_never_given_twice(void **state)
{
    (void)state;
    struct place place = place_make();
    struct storage *storage = open_storage(place.directory);
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 16);
    const int64_t d1 = insert(storage, "d1", "");
    const int64_t first = add(storage, d1, "a", 500);
    assert_int_equal(add(storage, insert(storage, "d2", ""), "b", 500), first + 1);
    int64_t set_aside = 0;
    assert_int_equal(storage_message_id(storage, &set_aside), STATUS_OK);
    assert_int_equal(set_aside, first + 2);
    assert_int_equal(storage_message_delete(storage, next(storage, &arena, d1, 150)), STATUS_OK);
    commit(storage);
    storage_close(storage);
    storage = open_storage(place.directory);
    int64_t last = add(storage, d1, "c", 500);
    assert_true(last > set_aside);
    for (int i = 0; i < 3000; i++) { /* beyond what is set aside at a time */
        int64_t id = 0;
        assert_int_equal(storage_message_id(storage, &id), STATUS_OK);
        assert_int_equal(id, last + 1);
        last = id;
    }
    commit(storage);
    storage_close(storage);
    storage = open_storage(place.directory);
    assert_true(add(storage, d1, "d", 500) > last);
    storage_close(storage);
    place_remove(&place);
}

static void a_message_may_come_locked(void **state)
{
    (void)state;
    struct storage *storage = open_storage(NULL);
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 16);
    const int64_t d1 = insert(storage, "d1", "");
    const struct storage_lock for_good = {
        .token = first_token, .until_us = INT64_MAX, .held = true};
    struct storage_message message = {.identity = d1, .expires_us = 200, .delivered = 1};
    assert_int_equal(storage_message_insert(storage, &message, &for_good), STATUS_OK);
    assert_null(next(storage, &arena, d1, 150));
    assert_int_equal(due(storage), INT64_MAX);
    assert_int_equal(find(storage, &arena, d1, &first_token, INT64_MAX - 1)->id, message.id);
    assert_int_equal(storage_messages_unhold(storage, d1), STATUS_OK);
    assert_int_equal(due(storage), 200);
    assert_int_equal(next(storage, &arena, d1, 150)->delivered, 1);
    storage_close(storage);
}

static bool delete_locked(struct storage *storage, const struct storage_message *message,
                          const struct guid *token, int64_t now_us)
{
    bool deleted = false;
    assert_int_equal(storage_message_delete_locked(storage, message, token, now_us, &deleted),
                     STATUS_OK);
    return deleted;
}

static void only_who_has_the_lock_can_delete_by_it(void **state)
{
    (void)state;
    struct storage *storage = open_storage(NULL);
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 16);
    const int64_t d1 = insert(storage, "d1", "");
    (void)add(storage, d1, "a", 200);
    (void)add(storage, d1, "b", 200);
    const struct storage_message *a = next(storage, &arena, d1, 150);
    assert_false(delete_locked(storage, a, &first_token, 999));
    lock(storage, d1, a->id, first_token, 1000, false);
    const struct storage_message *b = next(storage, &arena, d1, 150);
    lock(storage, d1, b->id, second_token, INT64_MAX, true);
    assert_false(delete_locked(storage, a, &second_token, 999));
    assert_false(delete_locked(storage, a, &first_token, 1000));
    assert_int_equal(count(storage, "d1"), 2);
    assert_true(delete_locked(storage, a, &first_token, 999));
    assert_int_equal(count(storage, "d1"), 1);
    assert_false(delete_locked(storage, a, &first_token, 999));
    assert_int_equal(count(storage, "d1"), 1);
    assert_true(delete_locked(storage, b, &second_token, INT64_MAX - 1));
    assert_int_equal(count(storage, "d1"), 0);
    storage_close(storage);
}

static void a_record_that_comes_back_has_its_count_again(void **state)
{
    (void)state;
    struct storage *storage = open_storage(NULL);
    const int64_t d1 = insert(storage, "d1", "");
    (void)add(storage, d1, "a", 500);
    commit(storage);
    size_t gone = 0;
    assert_int_equal(storage_identity_delete(storage, key_of("d1", ""), &gone), STATUS_OK);
    assert_int_equal(storage_messages_count(storage, d1), 0);
    storage_rollback(storage);
    assert_int_equal(storage_messages_count(storage, d1), 1);
    assert_int_equal(storage_clear(storage), STATUS_OK);
    assert_int_equal(storage_messages_count(storage, d1), 0);
    storage_rollback(storage);
    assert_int_equal(count(storage, "d1"), 1);
    storage_close(storage);
}

static void messages_go_with_their_record(void **state)
{
    (void)state;
    struct storage *storage = open_storage(NULL);
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 16);
    const int64_t d1 = insert(storage, "d1", "");
    (void)add(storage, d1, "a", 500);
    size_t gone = 0;
    assert_int_equal(storage_identity_delete(storage, key_of("d1", ""), &gone), STATUS_OK);
    assert_int_equal(due(storage), INT64_MAX);
    assert_null(next(storage, &arena, d1, 150));
    struct storage_message orphan = {.identity = d1};
    assert_int_equal(storage_message_insert(storage, &orphan, NULL), STATUS_INVALID);
    storage_rollback(storage);
    (void)add(storage, insert(storage, "d2", ""), "a", 500);
    assert_int_equal(storage_clear(storage), STATUS_OK);
    assert_int_equal(due(storage), INT64_MAX);
    storage_close(storage);
}

static void everything_is_there_after_a_restart(void **state)
{
    (void)state;
    struct place place = place_make();
    struct storage *storage = open_storage(place.directory);
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 16);
    const int64_t d1 = insert(storage, "d1", "");
    const int64_t locked = add(storage, d1, "a", 500);
    const int64_t waiting = add(storage, d1, "b", 500);
    lock(storage, d1, locked, first_token, 1000, false);
    commit(storage);
    (void)add(storage, d1, "uncommitted", 500);
    storage_close(storage);
    storage = open_storage(place.directory);
    assert_int_equal(find(storage, &arena, d1, &first_token, 999)->id, locked);
    assert_int_equal(next(storage, &arena, d1, 150)->id, waiting);
    assert_int_equal(count(storage, "d1"), 2);
    storage_close(storage);
    place_remove(&place);
}

static void tolerate_failures(void *ctx)
{
    struct storage *storage = ctx;
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 16);
    struct storage_message *message = NULL;
    struct storage_message **messages = NULL;
    size_t found = 0;
    const struct storage_messages_filter filter = {
        .which = STORAGE_MESSAGES_EXPIRED, .value = 1000, .limit = 3};
    enum status status = storage_message_next(storage, 1, 150, &arena, &message);
    if (status == STATUS_OK) {
        assert_non_null(message);
        status = storage_messages_list(storage, &filter, &arena, &messages, &found);
    }
    assert_true(status == STATUS_NO_MEMORY || (status == STATUS_OK && found == 1));
}

static void a_refused_allocation_is_reported(void **state)
{
    (void)state;
    struct storage *storage = open_storage(NULL);
    (void)add(storage, insert(storage, "d1", ""), "a", 500);
    check_under_failing_allocations(tolerate_failures, storage);
    storage_close(storage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_is_kept_whole),
        cmocka_unit_test(the_oldest_that_is_free_and_not_expired_is_next),
        cmocka_unit_test(a_lock_is_found_by_its_token_while_it_lasts),
        cmocka_unit_test(held_locks_end_together),
        cmocka_unit_test(lists_are_told_apart_and_bounded),
        cmocka_unit_test(the_identity_shows_how_many_wait),
        cmocka_unit_test(a_number_that_came_with_a_record_lasts_until_a_message_comes),
        cmocka_unit_test(ids_are_never_given_twice),
        cmocka_unit_test(a_message_may_come_locked),
        cmocka_unit_test(only_who_has_the_lock_can_delete_by_it),
        cmocka_unit_test(a_record_that_comes_back_has_its_count_again),
        cmocka_unit_test(messages_go_with_their_record),
        cmocka_unit_test(everything_is_there_after_a_restart),
        cmocka_unit_test(a_refused_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
