/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"

#include <cjson/cJSON.h>

#include "check.h"

static void a_block_of_no_bytes_is_still_a_block(void **state)
{
    (void)state;
    void *block = mem_alloc(0);
    assert_non_null(block);
    block = mem_realloc(block, 0);
    assert_non_null(block);
    mem_free(block);
    block = mem_zalloc(0);
    assert_non_null(block);
    mem_free(block);
    mem_free(NULL);
}

static void blocks_are_zeroed_and_grow(void **state)
{
    (void)state;
    unsigned char *block = mem_zalloc(100);
    assert_non_null(block);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(block[i], 0);
        block[i] = (unsigned char)i;
    }
    unsigned char *larger = mem_realloc(block, 10000);
    assert_non_null(larger);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(larger[i], i);
    }
    mem_free(larger);
}

static void exactly_one_allocation_is_refused(void **state)
{
    (void)state;
    void *kept = mem_alloc(1);
    assert_non_null(kept);
    mem_fail_after(2);
    void *first = mem_alloc(1);
    void *second = mem_zalloc(1);
    assert_non_null(first);
    assert_non_null(second);
    assert_false(mem_fail_happened());
    assert_null(mem_realloc(kept, 2));
    assert_true(mem_fail_happened());
    void *third = mem_alloc(1);
    assert_non_null(third);
    mem_fail_after(-1);
    assert_false(mem_fail_happened());
    mem_free(first);
    mem_free(second);
    mem_free(third);
    mem_free(kept); /* it still stands */
}

static void each_kind_of_allocation_can_be_refused(void **state)
{
    (void)state;
    mem_fail_after(0);
    assert_null(mem_alloc(1));
    mem_fail_after(0);
    assert_null(mem_zalloc(1));
    mem_fail_after(0);
    assert_null(mem_realloc(NULL, 1));
    mem_fail_after(-1);
    void *block = mem_alloc(1);
    assert_non_null(block);
    mem_free(block);
}

static void json_comes_from_the_same_heap(void **state)
{
    (void)state;
    mem_use_for_json();
    mem_fail_after(0);
    assert_null(cJSON_CreateObject());
    assert_true(mem_fail_happened());
    mem_fail_after(-1);
    cJSON *object = cJSON_CreateObject();
    assert_non_null(object);
    cJSON_Delete(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_of_no_bytes_is_still_a_block),
        cmocka_unit_test(blocks_are_zeroed_and_grow),
        cmocka_unit_test(exactly_one_allocation_is_refused),
        cmocka_unit_test(each_kind_of_allocation_can_be_refused),
        cmocka_unit_test(json_comes_from_the_same_heap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
