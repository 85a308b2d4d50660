/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "hub_fixture.h"

static struct storage_identity *device(struct fixture *fixture, const char *id)
{
    struct storage_identity *twin = fixture_twin(fixture, device_key(id));
    struct storage_identity *whole = NULL;
    assert_int_equal(hub_identity_get(fixture->hub, device_key(id), &fixture->arena, &whole, NULL),
                     HUB_OK);
    assert_str_equal(whole->primary_key, twin->primary_key.data);
    return twin;
}

static uint64_t count(struct fixture *fixture)
{
    struct storage_counts counts = {0};
    assert_int_equal(hub_counts(fixture->hub, &counts), HUB_OK);
    return counts.devices;
}

static void make(struct fixture *fixture, uint64_t devices, uint64_t seed)
{
    assert_int_equal(hub_fleet(fixture->hub, devices, seed, NULL), HUB_OK);
    assert_true(hubs_commit(fixture->hubs));
    assert_true(count(fixture) >= devices);
}

static void a_device_is_its_seed_and_its_number(void **state)
{
    (void)state;
    struct fixture a;
    struct fixture b;
    struct fixture c;
    fixture_init(&a);
    fixture_init(&b);
    fixture_init(&c);
    make(&a, 10, 7);
    make(&b, 5000, 7);
    make(&c, 10, 8);
    const struct storage_identity *first = device(&a, "device-0000009");
    const struct storage_identity *second = device(&b, "device-0000009");
    const struct storage_identity *third = device(&c, "device-0000009");
    assert_str_equal(first->primary_key, second->primary_key.data);
    assert_str_equal(first->secondary_key, second->secondary_key.data);
    assert_str_equal(first->tags, second->tags.data);
    assert_str_equal(first->desired, second->desired.data);
    assert_str_equal(first->reported, second->reported.data);
    assert_int_equal(first->generation, second->generation);
    assert_int_equal(first->last_activity_us, second->last_activity_us);
    assert_false(str_equal(first->primary_key, first->secondary_key));
    assert_false(str_equal(first->primary_key, third->primary_key));
    assert_false(str_equal(first->primary_key, device(&a, "device-0000008")->primary_key));
    fixture_finish(&a);
    fixture_finish(&b);
    fixture_finish(&c);
}

static void a_device_is_one_that_the_hub_itself_could_have_made(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    make(&fixture, 300, 1);
    size_t size = 0;
    for (unsigned i = 0; i < 300; i++) {
        char id[16];
        (void)snprintf(id, sizeof(id), "device-%07u", i);
        const struct storage_identity *twin = device(&fixture, id);
        assert_true(sas_key_valid(twin->primary_key));
        const struct str sections[] = {twin->tags, twin->desired, twin->reported};
        for (size_t s = 0; s < ARRAY_SIZE(sections); s++) {
            CLEANUP(json_destroyp) cJSON *tree = NULL;
            struct problem problem;
            assert_int_equal(json_parse(sections[s], &tree, &problem), STATUS_OK);
            assert_int_equal(hub_section_check(tree, HUB_SECTION_TAGS, false, &problem), HUB_OK);
            size += sections[s].size;
        }
        arena_reset(&fixture.arena);
    }
    assert_in_range(size / 300, 400, 600);
    assert_int_equal(
        fixture_patch(&fixture, device_key("device-0000000"), "{\"a\":1}", "{\"b\":2}", false),
        HUB_OK);
    fixture_finish(&fixture);
}

static void what_is_there_stays_until_a_reset(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    (void)fixture_create(&fixture, device_key("device-0000001"));
    (void)fixture_create(&fixture, device_key("mine"));
    make(&fixture, 3, 1);
    assert_int_equal(count(&fixture), 4);
    assert_str_equal(device(&fixture, "device-0000001")->tags, "{}");
    assert_int_equal(hub_reset(fixture.hub), HUB_OK);
    assert_int_equal(count(&fixture), 3);
    assert_true(device(&fixture, "device-0000001")->tags.size > 2);
    fixture_finish(&fixture);
}

static void none_is_none(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    make(&fixture, 0, 1);
    assert_int_equal(count(&fixture), 0);
    fixture_finish(&fixture);
}

static void make_under_failure(void *ctx)
{
    struct fixture *fixture = ctx;
    const enum hub_code code = hub_fleet(fixture->hub, 20, 1, &fixture->problem);
    assert_true(code == HUB_OK || code == HUB_SERVER_ERROR);
    assert_int_equal(hubs_commit(fixture->hubs), code == HUB_OK);
    assert_true(count(fixture) == 0 || count(fixture) == 20);
}

static void a_refused_allocation_leaves_nothing_half_made(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    check_under_failing_allocations(make_under_failure, &fixture);
    assert_int_equal(count(&fixture), 20);
    fixture_finish(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_is_its_seed_and_its_number),
        cmocka_unit_test(a_device_is_one_that_the_hub_itself_could_have_made),
        cmocka_unit_test(what_is_there_stays_until_a_reset),
        cmocka_unit_test(none_is_none),
        cmocka_unit_test(a_refused_allocation_leaves_nothing_half_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
