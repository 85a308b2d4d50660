/* SPDX-License-Identifier: MIT */
#include "storage/storage.h"

#include "tests/unit/storage/fixture.h"

/* A record with something of its own in every field. */
static struct storage_identity whole_record(void)
{
    return (struct storage_identity){
        .key = key_of("device-\xc3\xa9", "module"),
        .generation = INT64_MAX,
        .etag = UINT64_MAX,
        .enabled = false,
        .status_reason = STR("sent back"),
        .status_updated_us = 11,
        .connected = true,
        .connection_updated_us = 12,
        .last_activity_us = 13,
        .c2d_count = UINT32_MAX,
        .auth = STORAGE_AUTH_SELF_SIGNED,
        .primary_key = STR_EMPTY,
        .secondary_key = STR("c2Vjb25k"),
        .primary_thumbprint = STR("AB"),
        .secondary_thumbprint = STR("CD"),
        .edge = true,
        .device_scope = STR("ms-azure-iot-edge://x"),
        .parent_scopes = STR("[\"p\"]"),
        .managed_by = STR("IotEdge"),
        .model_id = STR("dtmi:a;1"),
        .configurations = STR("{\"c\":{\"status\":\"Applied\"}}"),
        .twin_etag = 21,
        .twin_version = 22,
        .desired_version = 23,
        .reported_version = 24,
        .tags = STR("{\"plant\":\"Redmond43\"}"),
        .desired = STR("{\"interval\":5}"),
        .reported = STR("{\"connectivity\":\"cellular\"}"),
        .desired_metadata = STR("{\"$lastUpdated\":\"a\"}"),
        .reported_metadata = STR("{\"$lastUpdated\":\"b\"}"),
    };
}

static void assert_same(struct str a, struct str b)
{
    assert_true(str_equal(a, b));
    assert_int_equal(a.data == NULL, b.data == NULL);
}

static void assert_same_identity(const struct storage_identity *a, const struct storage_identity *b)
{
    assert_int_equal(a->id, b->id);
    assert_same(a->key.device, b->key.device);
    assert_same(a->key.module, b->key.module);
    assert_int_equal(a->generation, b->generation);
    assert_true(a->etag == b->etag);
    assert_int_equal(a->enabled, b->enabled);
    assert_int_equal(a->status_updated_us, b->status_updated_us);
    assert_int_equal(a->connected, b->connected);
    assert_int_equal(a->connection_updated_us, b->connection_updated_us);
    assert_int_equal(a->last_activity_us, b->last_activity_us);
    assert_int_equal(a->c2d_count, b->c2d_count);
    assert_int_equal(a->auth, b->auth);
    assert_int_equal(a->edge, b->edge);
    assert_same(a->status_reason, b->status_reason);
    assert_same(a->primary_key, b->primary_key);
    assert_same(a->secondary_key, b->secondary_key);
    assert_same(a->primary_thumbprint, b->primary_thumbprint);
    assert_same(a->secondary_thumbprint, b->secondary_thumbprint);
    assert_same(a->device_scope, b->device_scope);
    assert_same(a->parent_scopes, b->parent_scopes);
    assert_same(a->managed_by, b->managed_by);
    assert_same(a->model_id, b->model_id);
    assert_same(a->configurations, b->configurations);
}

static void assert_same_twin(const struct storage_identity *a, const struct storage_identity *b)
{
    assert_true(a->twin_etag == b->twin_etag);
    assert_true(a->twin_version == b->twin_version);
    assert_true(a->desired_version == b->desired_version);
    assert_true(a->reported_version == b->reported_version);
    assert_same(a->tags, b->tags);
    assert_same(a->desired, b->desired);
    assert_same(a->reported, b->reported);
    assert_same(a->desired_metadata, b->desired_metadata);
    assert_same(a->reported_metadata, b->reported_metadata);
}

static void every_field_comes_back(void **state)
{
    (void)state;
    struct storage *storage = open_storage(NULL);
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 20);
    struct storage_identity full = whole_record();
    assert_int_equal(storage_identity_insert(storage, &full), STATUS_OK);
    const struct storage_identity *found = get(storage, &arena, "device-\xc3\xa9", "module");
    assert_non_null(found);
    assert_same_identity(found, &full);
    assert_same_twin(found, &full);

    struct storage_identity bare = record_of("bare", "");
    assert_int_equal(storage_identity_insert(storage, &bare), STATUS_OK);
    assert_int_equal(bare.id, full.id + 1);
    found = get(storage, &arena, "bare", "");
    assert_same_identity(found, &bare);
    assert_same_twin(found, &bare);
    storage_close(storage);
}

static void only_the_parts_asked_for_are_read(void **state)
{
    (void)state;
    struct storage *storage = open_storage(NULL);
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 20);
    struct storage_identity full = whole_record();
    assert_int_equal(storage_identity_insert(storage, &full), STATUS_OK);
    for (unsigned parts = 0; parts < 4; parts++) {
        struct storage_identity *found = NULL;
        assert_int_equal(storage_identity_get(storage, full.key, parts, &arena, &found), STATUS_OK);
        assert_same_identity(found, &full);
        const bool twin = (parts & STORAGE_TWIN) != 0;
        const bool metadata = (parts & STORAGE_METADATA) != 0;
        assert_int_equal(found->tags.data != NULL, twin);
        assert_int_equal(found->desired.data != NULL, twin);
        assert_int_equal(found->reported.data != NULL, twin);
        assert_int_equal(found->desired_metadata.data != NULL, metadata);
        assert_int_equal(found->reported_metadata.data != NULL, metadata);
        assert_int_equal(found->twin_version, full.twin_version);
    }
    storage_close(storage);
}

static void a_key_is_found_by_its_exact_bytes(void **state)
{
    (void)state;
    struct storage *storage = open_storage(NULL);
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 20);
    insert(storage, "Device", "");
    assert_non_null(get(storage, &arena, "Device", ""));
    assert_null(get(storage, &arena, "device", ""));
    assert_null(get(storage, &arena, "Devic", ""));
    assert_null(get(storage, &arena, "Device ", ""));
    assert_null(get(storage, &arena, "Device", "m"));
    struct storage_identity *found = NULL;
    const struct identity_key without_module = {.device = STR("Device")}; /* data NULL */
    assert_int_equal(storage_identity_get(storage, without_module, 0, &arena, &found), STATUS_OK);
    assert_non_null(found);
    storage_close(storage);
}

static void a_key_that_is_taken_is_refused(void **state)
{
    (void)state;
    struct storage *storage = open_storage(NULL);
    insert(storage, "d", "");
    insert(storage, "d", "m");
    commit(storage);
    struct storage_identity twice = record_of("d", "m");
    twice.id = -5;
    assert_int_equal(storage_identity_insert(storage, &twice), STATUS_INVALID);
    assert_int_equal(twice.id, -5);
    assert_int_equal(storage_commit(storage), STATUS_INVALID); /* and nothing goes on before ... */
    storage_rollback(storage);
    insert(storage, "e", "");
    commit(storage);
    assert_int_equal(counts(storage).modules, 1);
    storage_close(storage);
}

static void ids_are_never_given_twice(void **state)
{
    (void)state;
    struct storage *storage = open_storage(NULL);
    const int64_t first = insert(storage, "d", "");
    size_t count = 0;
    assert_int_equal(storage_identity_delete(storage, key_of("d", ""), &count), STATUS_OK);
    assert_true(insert(storage, "d", "") > first);
    storage_close(storage);
}

static void an_update_writes_the_identity_and_leaves_key_and_twin(void **state)
{
    (void)state;
    struct storage *storage = open_storage(NULL);
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 20);
    struct storage_identity record = record_of("device-\xc3\xa9", "module");
    assert_int_equal(storage_identity_insert(storage, &record), STATUS_OK);

    struct storage_identity full = whole_record();
    full.id = record.id;
    full.key = key_of("another", "name");
    assert_int_equal(storage_identity_update(storage, &full), STATUS_OK);

    const struct storage_identity *found = get(storage, &arena, "device-\xc3\xa9", "module");
    assert_non_null(found);
    assert_same_twin(found, &record);
    full.key = record.key;
    assert_same_identity(found, &full);

    full.id = record.id + 100; /* one that is gone: nothing happens */
    assert_int_equal(storage_identity_update(storage, &full), STATUS_OK);
    assert_int_equal(counts(storage).modules, 1);
    storage_close(storage);
}

static void a_twin_update_writes_the_named_sections(void **state)
{
    (void)state;
    struct storage *storage = open_storage(NULL);
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 20);
    for (unsigned sections = 0; sections < 8; sections++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "d%u", sections);
        const struct storage_identity before = record_of(name, "");
        struct storage_identity record = before;
        assert_int_equal(storage_identity_insert(storage, &record), STATUS_OK);
        const struct storage_identity full = whole_record();
        struct storage_identity change = full;
        change.id = record.id;
        assert_int_equal(storage_twin_update(storage, &change, sections), STATUS_OK);

        const struct storage_identity *found = get(storage, &arena, name, "");
        struct storage_identity expected = full;
        expected.tags = (sections & STORAGE_TAGS) != 0 ? full.tags : before.tags;
        if ((sections & STORAGE_DESIRED) == 0) {
            expected.desired = before.desired;
            expected.desired_metadata = before.desired_metadata;
        }
        if ((sections & STORAGE_REPORTED) == 0) {
            expected.reported = before.reported;
            expected.reported_metadata = before.reported_metadata;
        }
        assert_same_twin(found, &expected);
        assert_same_identity(found, &record);
    }
    storage_close(storage);
}

static void the_small_writes_touch_what_they_say(void **state)
{
    (void)state;
    struct storage *storage = open_storage(NULL);
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 20);
    struct storage_identity record = record_of("d", "");
    assert_int_equal(storage_identity_insert(storage, &record), STATUS_OK);

    assert_int_equal(storage_connection_update(storage, record.id, true, 100), STATUS_OK);
    assert_int_equal(storage_activity_update(storage, record.id, 200), STATUS_OK);
    struct storage_identity expected = record;
    expected.connected = true;
    expected.connection_updated_us = 100;
    expected.last_activity_us = 200;
    assert_same_identity(get(storage, &arena, "d", ""), &expected);
    assert_same_twin(get(storage, &arena, "d", ""), &record);

    assert_int_equal(storage_connection_update(storage, record.id, false, 300), STATUS_OK);
    expected.connected = false;
    expected.connection_updated_us = 300;
    assert_same_identity(get(storage, &arena, "d", ""), &expected);
    assert_int_equal(storage_connection_update(storage, 99, true, 1), STATUS_OK); /* nobody */
    assert_int_equal(counts(storage).connected, 0);
    storage_close(storage);
}

static void the_start_disconnects_whom_a_killed_process_left_connected(void **state)
{
    (void)state;
    struct place place = place_make();
    struct storage *storage = open_storage(place.directory);
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 20);
    insert(storage, "off", "");
    const int64_t module = insert(storage, "off", "on");
    commit(storage);
    assert_int_equal(storage_connections_clear(storage, 50), STATUS_OK);
    assert_false(storage_dirty(storage)); /* nothing to do, nothing written */
    assert_int_equal(storage_connection_update(storage, module, true, 100), STATUS_OK);
    commit(storage);
    storage_close(storage);

    storage = open_storage(place.directory);
    assert_true(get(storage, &arena, "off", "on")->connected);
    assert_int_equal(storage_connections_clear(storage, 500), STATUS_OK);
    assert_false(get(storage, &arena, "off", "on")->connected);
    assert_int_equal(get(storage, &arena, "off", "on")->connection_updated_us, 500);
    assert_int_equal(get(storage, &arena, "off", "")->connection_updated_us, CLOCK_NEVER);
    storage_close(storage);
    place_remove(&place);
}

static size_t remove_key(struct storage *storage, const char *device, const char *module)
{
    size_t count = 99;
    assert_int_equal(storage_identity_delete(storage, key_of(device, module), &count), STATUS_OK);
    return count;
}

static void a_device_goes_with_its_modules_and_sessions(void **state)
{
    (void)state;
    struct storage *storage = open_storage(NULL);
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 20);
    insert(storage, "d", "");
    const int64_t module = insert(storage, "d", "m1");
    insert(storage, "d", "m2");
    insert(storage, "dd", "");
    assert_int_equal(storage_session_put(storage, module, STR("s")), STATUS_OK);

    assert_int_equal(remove_key(storage, "x", ""), 0);
    assert_int_equal(remove_key(storage, "d", "x"), 0);
    assert_int_equal(remove_key(storage, "d", "m2"), 1);
    assert_null(get(storage, &arena, "d", "m2"));
    assert_non_null(get(storage, &arena, "d", ""));
    assert_int_equal(remove_key(storage, "d", ""), 2);
    assert_null(get(storage, &arena, "d", ""));
    assert_null(get(storage, &arena, "d", "m1"));
    assert_non_null(get(storage, &arena, "dd", ""));
    struct str session = STR("?");
    assert_int_equal(storage_session_get(storage, module, &arena, &session), STATUS_OK);
    assert_null(session.data);
    storage_close(storage);
}

static void lists_come_in_the_order_of_registration(void **state)
{
    (void)state;
    struct storage *storage = open_storage(NULL);
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(16 << 20);
    struct storage_identity **list = NULL;
    size_t count = 99;
    assert_int_equal(storage_devices_list(storage, 10, &arena, &list, &count), STATUS_OK);
    assert_int_equal(count, 0);

    for (int i = 50; i > 0; i--) {
        char name[16];
        (void)snprintf(name, sizeof(name), "d%02d", i);
        insert(storage, name, "");
        insert(storage, name, "z");
        insert(storage, name, "a");
    }
    assert_int_equal(storage_devices_list(storage, 33, &arena, &list, &count), STATUS_OK);
    assert_int_equal(count, 33);
    assert_str_equal(list[0]->key.device, "d50");
    assert_str_equal(list[32]->key.device, "d18");
    assert_int_equal(storage_devices_list(storage, SIZE_MAX, &arena, &list, &count), STATUS_OK);
    assert_int_equal(count, 50);
    assert_int_equal(storage_devices_list(storage, 0, &arena, &list, &count), STATUS_OK);
    assert_int_equal(count, 0);

    assert_int_equal(storage_modules_list(storage, STR("d07"), &arena, &list, &count), STATUS_OK);
    assert_int_equal(count, 2);
    assert_str_equal(list[0]->key.module, "z");
    assert_str_equal(list[1]->key.module, "a");
    assert_int_equal(storage_modules_list(storage, STR("no"), &arena, &list, &count), STATUS_OK);
    assert_int_equal(count, 0);
    assert_int_equal(storage_modules_count(storage, STR("d07"), &count), STATUS_OK);
    assert_int_equal(count, 2);
    assert_int_equal(storage_modules_count(storage, STR("no"), &count), STATUS_OK);
    assert_int_equal(count, 0);
    storage_close(storage);
}

static void assert_counts(struct storage *storage, const uint64_t expected[4])
{
    const struct storage_counts found = counts(storage);
    assert_int_equal(found.devices, expected[0]);
    assert_int_equal(found.enabled, expected[1]);
    assert_int_equal(found.modules, expected[2]);
    assert_int_equal(found.connected, expected[3]);
}

static void the_counts_follow_every_change(void **state)
{
    (void)state;
    struct place place = place_make();
    struct storage *storage = open_storage(place.directory);
    assert_counts(storage, (const uint64_t[]){0, 0, 0, 0});
    struct storage_identity a = record_of("a", "");
    assert_int_equal(storage_identity_insert(storage, &a), STATUS_OK);
    struct storage_identity b = record_of("b", "");
    b.enabled = false;
    b.connected = true;
    assert_int_equal(storage_identity_insert(storage, &b), STATUS_OK);
    const int64_t module = insert(storage, "b", "m");
    assert_counts(storage, (const uint64_t[]){2, 1, 1, 1});

    assert_int_equal(storage_connection_update(storage, a.id, true, 1), STATUS_OK);
    assert_int_equal(storage_connection_update(storage, a.id, true, 2), STATUS_OK);
    assert_int_equal(storage_connection_update(storage, module, true, 2), STATUS_OK);
    assert_counts(storage, (const uint64_t[]){2, 1, 1, 2});
    b.enabled = true;
    b.connected = false;
    assert_int_equal(storage_identity_update(storage, &b), STATUS_OK);
    assert_counts(storage, (const uint64_t[]){2, 2, 1, 1});
    commit(storage);

    assert_int_equal(remove_key(storage, "b", ""), 2);
    assert_counts(storage, (const uint64_t[]){1, 1, 0, 1});
    storage_rollback(storage);
    assert_counts(storage, (const uint64_t[]){2, 2, 1, 1});
    storage_close(storage);

    storage = open_storage(place.directory);
    assert_counts(storage, (const uint64_t[]){2, 2, 1, 1});
    assert_int_equal(storage_connections_clear(storage, 3), STATUS_OK);
    assert_counts(storage, (const uint64_t[]){2, 2, 1, 0});
    storage_close(storage);
    place_remove(&place);
}

static void sessions_are_put_got_and_deleted(void **state)
{
    (void)state;
    struct storage *storage = open_storage(NULL);
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 20);
    const int64_t id = insert(storage, "d", "");
    struct str session = STR("?");
    assert_int_equal(storage_session_get(storage, id, &arena, &session), STATUS_OK);
    assert_null(session.data);

    const struct str puts[] = {STR("one"), STR("a\0b"), STR_EMPTY};
    for (size_t i = 0; i < ARRAY_SIZE(puts); i++) {
        assert_int_equal(storage_session_put(storage, id, puts[i]), STATUS_OK);
        assert_int_equal(storage_session_get(storage, id, &arena, &session), STATUS_OK);
        assert_non_null(session.data);
        assert_true(str_equal(session, puts[i]));
    }
    assert_int_equal(storage_session_delete(storage, id), STATUS_OK);
    assert_int_equal(storage_session_delete(storage, id), STATUS_OK);
    assert_int_equal(storage_session_get(storage, id, &arena, &session), STATUS_OK);
    assert_null(session.data);

    assert_int_equal(storage_session_put(storage, 99, STR("s")), STATUS_INVALID); /* whose? */
    storage_rollback(storage);
    storage_close(storage);
}

static void a_small_arena_is_no_memory_and_nothing_is_broken(void **state)
{
    (void)state;
    struct storage *storage = open_storage(NULL);
    struct storage_identity full = whole_record();
    assert_int_equal(storage_identity_insert(storage, &full), STATUS_OK);
    insert(storage, "d", "");
    assert_int_equal(storage_session_put(storage, full.id, STR("bytes")), STATUS_OK);
    bool enough = false;
    for (size_t size = 0; !enough; size++) {
        CLEANUP(arena_finish) struct arena arena = ARENA_INIT(size);
        struct storage_identity *found = NULL;
        const enum status status = storage_identity_get(
            storage, full.key, STORAGE_TWIN | STORAGE_METADATA, &arena, &found);
        enough = status == STATUS_OK;
        assert_true(enough || (status == STATUS_NO_MEMORY && found == NULL));
        struct storage_identity **list = NULL;
        size_t count = 99;
        if (storage_devices_list(storage, 9, &arena, &list, &count) != STATUS_OK) {
            assert_null(list);
            assert_int_equal(count, 99);
        }
    }
    CLEANUP(arena_finish) struct arena tiny = ARENA_INIT(5);
    struct str session = STR("?");
    assert_int_equal(storage_session_get(storage, full.id, &tiny, &session), STATUS_NO_MEMORY);
    assert_str_equal(session, "?");
    commit(storage); /* the transaction was not hurt */
    storage_close(storage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_comes_back),
        cmocka_unit_test(only_the_parts_asked_for_are_read),
        cmocka_unit_test(a_key_is_found_by_its_exact_bytes),
        cmocka_unit_test(a_key_that_is_taken_is_refused),
        cmocka_unit_test(ids_are_never_given_twice),
        cmocka_unit_test(an_update_writes_the_identity_and_leaves_key_and_twin),
        cmocka_unit_test(a_twin_update_writes_the_named_sections),
        cmocka_unit_test(the_small_writes_touch_what_they_say),
        cmocka_unit_test(the_start_disconnects_whom_a_killed_process_left_connected),
        cmocka_unit_test(a_device_goes_with_its_modules_and_sessions),
        cmocka_unit_test(lists_come_in_the_order_of_registration),
        cmocka_unit_test(the_counts_follow_every_change),
        cmocka_unit_test(sessions_are_put_got_and_deleted),
        cmocka_unit_test(a_small_arena_is_no_memory_and_nothing_is_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
