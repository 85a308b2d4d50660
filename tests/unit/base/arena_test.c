/* SPDX-License-Identifier: MIT */
#include "base/arena.h"

#include <stdalign.h>

#include "check.h"

static void pieces_are_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(100000);
    unsigned char *pieces[200];
    for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
        pieces[i] = arena_alloc(&arena, i);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
        for (size_t k = 0; k < i; k++) {
            assert_int_equal(pieces[i][k], 0);
        }
        memset(pieces[i], (int)i, i);
    }
    for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
        for (size_t k = 0; k < i; k++) {
            assert_int_equal(pieces[i][k], i);
        }
    }
    assert_int_equal(arena.size, 199 * 200 / 2);
}

static void a_piece_may_be_larger_than_a_block(void **state)
{
    (void)state;
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(100000);
    char *large = arena_alloc(&arena, 50000);
    assert_non_null(large);
    memset(large, 1, 50000);
    char *small = ARENA_NEW(&arena, char);
    assert_non_null(small);
    assert_int_equal(*small, 0);
    uint64_t *numbers = ARENA_ARRAY(&arena, uint64_t, 10);
    assert_non_null(numbers);
    assert_int_equal(arena.size, 50000 + 1 + 80);
}

static void the_maximum_is_reached_and_not_passed(void **state)
{
    (void)state;
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(10);
    assert_non_null(arena_alloc(&arena, 9));
    assert_null(arena_alloc(&arena, 2));
    assert_non_null(arena_alloc(&arena, 1));
    assert_null(arena_alloc(&arena, 1));
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_non_null(arena_alloc(&arena, 0));
}

static void text_is_copied_with_a_nul(void **state)
{
    (void)state;
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(14);
    char *copy = arena_copy(&arena, str_of("abcdef", 3));
    assert_string_equal(copy, "abc");
    assert_string_equal(arena_copy(&arena, str_of(NULL, 0)), "");
    assert_string_equal(arena_format(&arena, "%s=%d", "n", 42), "n=42");
    assert_int_equal(arena.size, 10);
    assert_null(arena_copy(&arena, STR("four"))); /* the NUL counts */
    assert_null(arena_format(&arena, "%d", 1234));
    assert_string_equal(arena_copy(&arena, STR("abc")), "abc");
}

static void a_reset_arena_begins_anew(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 20000);
    arena_reset(&arena);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 5; i++) {
            unsigned char *piece = arena_alloc(&arena, 4000);
            assert_non_null(piece);
            assert_int_equal(piece[0], 0);
            assert_int_equal(piece[3999], 0);
            memset(piece, 0xff, 4000);
        }
        assert_null(arena_alloc(&arena, 1));
        arena_reset(&arena);
        assert_int_equal(arena.size, 0);
    }
    arena_finish(&arena);
    assert_non_null(arena_alloc(&arena, 1)); /* usable after */
    arena_finish(&arena);
    arena_finish(&arena);
    arena_finish(NULL);
}

static void allocate_whatever_fails(void *ctx)
{
    (void)ctx;
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(100000);
    for (int i = 0; i < 5; i++) {
        const size_t before = arena.size;
        if (arena_alloc(&arena, 3000) == NULL) {
            assert_int_equal(arena.size, before);
        }
    }
}

static void a_refused_allocation_leaves_a_sound_arena(void **state)
{
    (void)state;
    check_under_failing_allocations(allocate_whatever_fails, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_zeroed_aligned_and_apart),
        cmocka_unit_test(a_piece_may_be_larger_than_a_block),
        cmocka_unit_test(the_maximum_is_reached_and_not_passed),
        cmocka_unit_test(text_is_copied_with_a_nul),
        cmocka_unit_test(a_reset_arena_begins_anew),
        cmocka_unit_test(a_refused_allocation_leaves_a_sound_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
