/* SPDX-License-Identifier: MIT */
#include "base/map.h"

#include <stdio.h>

#include "check.h"

struct thing {
    char name[16];
    bool present; /* what the naive model knows */
    int seen;
};

static void put_new(struct map *map, struct thing *thing)
{
    void *old = thing;
    assert_int_equal(map_put(map, str_from(thing->name), thing, &old), STATUS_OK);
    assert_null(old);
}

static void an_empty_map_holds_nothing(void **state)
{
    (void)state;
    CLEANUP(map_finish) struct map map;
    map_init(&map);
    size_t position = 0;
    assert_null(map_get(&map, STR("a")));
    assert_null(map_remove(&map, STR("a")));
    assert_null(map_next(&map, &position));
    assert_int_equal(map.count, 0);
    map_finish(NULL);
}

static void a_key_is_bytes(void **state)
{
    (void)state;
    CLEANUP(map_finish) struct map map;
    map_init(&map);
    int values[4];
    const struct str keys[] = {STR_EMPTY, str_of("a\0b", 3), str_of("a\0c", 3), STR("A")};
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        assert_int_equal(map_put(&map, keys[i], &values[i], NULL), STATUS_OK);
    }
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        assert_ptr_equal(map_get(&map, keys[i]), &values[i]);
    }
    assert_null(map_get(&map, STR("a")));
    assert_int_equal(map.count, 4);
}

static void a_second_value_replaces_the_first_with_its_key(void **state)
{
    (void)state;
    CLEANUP(map_finish) struct map map;
    map_init(&map);
    struct thing first = {.name = "same"};
    struct thing second = {.name = "same"};
    put_new(&map, &first);
    void *old = NULL;
    assert_int_equal(map_put(&map, str_from(second.name), &second, &old), STATUS_OK);
    assert_ptr_equal(old, &first);
    assert_int_equal(map.count, 1);
    first.name[0] = 'x'; /* as if its owner had freed it */
    assert_ptr_equal(map_get(&map, STR("same")), &second);
    assert_ptr_equal(map_remove(&map, STR("same")), &second);
    assert_null(map_get(&map, STR("same")));
    assert_int_equal(map.count, 0);
}

enum { THINGS = 500 };

static void check_against_model(const struct map *map, struct thing *things)
{
    size_t expected = 0;
    for (size_t i = 0; i < THINGS; i++) {
        struct thing *thing = &things[i];
        assert_ptr_equal(map_get(map, str_from(thing->name)), thing->present ? thing : NULL);
        thing->seen = 0;
        expected += thing->present;
    }
    assert_int_equal(map->count, expected);

    size_t position = 0;
    for (struct thing *at = map_next(map, &position); at != NULL; at = map_next(map, &position)) {
        at->seen++;
    }
    for (size_t i = 0; i < THINGS; i++) {
        assert_int_equal(things[i].seen, things[i].present);
    }
}

static uint64_t next_number(uint64_t *number)
{
    *number = *number * 6364136223846793005U + 1442695040888963407U;
    return *number >> 33;
}

/* Growing, full, shrinking and again: what the map holds is what a plain array says. */
static void it_agrees_with_a_naive_model(void **state)
{
    (void)state;
    static struct thing things[THINGS];
    for (size_t i = 0; i < THINGS; i++) {
        (void)snprintf(things[i].name, sizeof(things[i].name), "device-%zu", i);
    }
    CLEANUP(map_finish) struct map map;
    map_init(&map);
    uint64_t number = 1;
    for (int step = 0; step < 20000; step++) {
        struct thing *thing = &things[next_number(&number) % THINGS];
        const bool fill = (step / 2500) % 2 == 0;
        const bool put = next_number(&number) % 4 != (fill ? 0 : 1) ? fill : !fill;
        if (put && !thing->present) {
            put_new(&map, thing);
        } else if (!put) {
            assert_ptr_equal(map_remove(&map, str_from(thing->name)),
                             thing->present ? thing : NULL);
        }
        thing->present = put;
        if (step % 250 == 249) {
            check_against_model(&map, things);
        }
    }
}

enum { FEW = 12 }; /* as many as sixteen slots hold */

static void check_few(const struct map *map, struct thing *things)
{
    for (size_t i = 0; i < FEW; i++) {
        assert_ptr_equal(map_get(map, str_from(things[i].name)),
                         things[i].present ? &things[i] : NULL);
    }
}

static void fill_and_empty(struct thing *things, size_t start, size_t stride)
{
    CLEANUP(map_finish) struct map map;
    map_init(&map);
    for (size_t i = 0; i < FEW; i++) {
        put_new(&map, &things[i]);
        things[i].present = true;
    }
    assert_int_equal(map.slot_count, 16);
    for (size_t i = 0; i < FEW; i++) {
        struct thing *leaving = &things[(start + i * stride) % FEW];
        assert_ptr_equal(map_remove(&map, str_from(leaving->name)),
                         leaving->present ? leaving : NULL);
        leaving->present = false;
        check_few(&map, things);
    }
}

/* So full that clusters wrap around the table's end, and emptied in many orders. */
static void any_member_of_a_cluster_may_leave_first(void **state)
{
    (void)state;
    static struct thing things[FEW];
    for (size_t i = 0; i < FEW; i++) {
        (void)snprintf(things[i].name, sizeof(things[i].name), "k%zu", i);
    }
    for (size_t start = 0; start < FEW; start++) {
        for (size_t stride = 1; stride < FEW; stride++) {
            fill_and_empty(things, start, stride);
        }
    }
}

static void the_same_history_gives_the_same_order(void **state)
{
    (void)state;
    static struct thing things[100];
    const struct thing *orders[2][ARRAY_SIZE(things)];
    for (size_t round = 0; round < 2; round++) {
        CLEANUP(map_finish) struct map map;
        map_init(&map);
        for (size_t i = 0; i < ARRAY_SIZE(things); i++) {
            (void)snprintf(things[i].name, sizeof(things[i].name), "d%zu", i);
            put_new(&map, &things[i]);
        }
        size_t position = 0;
        for (size_t i = 0; i < ARRAY_SIZE(things); i++) {
            orders[round][i] = map_next(&map, &position);
        }
        assert_null(map_next(&map, &position));
    }
    assert_memory_equal(orders[0], orders[1], sizeof(orders[0]));
}

static void fill_whatever_fails(void *ctx)
{
    (void)ctx;
    static struct thing things[60];
    CLEANUP(map_finish) struct map map;
    map_init(&map);
    for (size_t i = 0; i < ARRAY_SIZE(things); i++) {
        (void)snprintf(things[i].name, sizeof(things[i].name), "d%zu", i);
        void *old = &things[i];
        const enum status status = map_put(&map, str_from(things[i].name), &things[i], &old);
        things[i].present = status == STATUS_OK;
        assert_true(status == STATUS_OK ? old == NULL : old == &things[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(things); i++) {
        assert_ptr_equal(map_get(&map, str_from(things[i].name)),
                         things[i].present ? &things[i] : NULL);
    }
}

static void a_refused_allocation_leaves_a_sound_map(void **state)
{
    (void)state;
    check_under_failing_allocations(fill_whatever_fails, NULL);
}

static void replacing_in_a_full_map_needs_no_memory(void **state)
{
    (void)state;
    static struct thing things[12];
    CLEANUP(map_finish) struct map map;
    map_init(&map);
    for (size_t i = 0; i < ARRAY_SIZE(things); i++) {
        (void)snprintf(things[i].name, sizeof(things[i].name), "d%zu", i);
        put_new(&map, &things[i]);
    }
    mem_fail_after(0);
    struct thing again = {.name = "d3"};
    void *old = NULL;
    assert_int_equal(map_put(&map, str_from(again.name), &again, &old), STATUS_OK);
    assert_ptr_equal(old, &things[3]);
    struct thing thirteenth = {.name = "d12"};
    assert_int_equal(map_put(&map, str_from(thirteenth.name), &thirteenth, NULL), STATUS_NO_MEMORY);
    mem_fail_after(-1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_map_holds_nothing),
        cmocka_unit_test(a_key_is_bytes),
        cmocka_unit_test(a_second_value_replaces_the_first_with_its_key),
        cmocka_unit_test(it_agrees_with_a_naive_model),
        cmocka_unit_test(any_member_of_a_cluster_may_leave_first),
        cmocka_unit_test(the_same_history_gives_the_same_order),
        cmocka_unit_test(a_refused_allocation_leaves_a_sound_map),
        cmocka_unit_test(replacing_in_a_full_map_needs_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
