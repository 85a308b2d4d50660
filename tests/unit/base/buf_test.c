/* SPDX-License-Identifier: MIT */
#include "base/buf.h"

#include "check.h"

static void bytes_are_appended_and_a_nul_follows(void **state)
{
    (void)state;
    CLEANUP(buf_finish) struct buf buf = BUF_INIT(100);
    assert_str_equal(buf_str(&buf), "");
    buf_append(&buf, NULL, 0);
    assert_null(buf.data);
    buf_append_str(&buf, STR("ab"));
    buf_append_byte(&buf, 'c');
    buf_append_format(&buf, "%d-%s", 42, "d");
    buf_append_format(&buf, "%s", "");
    assert_int_equal(buf_status(&buf), STATUS_OK);
    assert_str_equal(buf_str(&buf), "abc42-d");
    assert_string_equal(buf.data, "abc42-d");
    buf_append_byte(&buf, 0);
    assert_int_equal(buf.size, 8);
    assert_int_equal(buf.data[8], 0);
}

static void growth_keeps_every_byte(void **state)
{
    (void)state;
    CLEANUP(buf_finish) struct buf buf = BUF_INIT(10000);
    for (size_t i = 0; i < 10000; i++) {
        buf_append_byte(&buf, (uint8_t)(i % 251));
    }
    assert_int_equal(buf_status(&buf), STATUS_OK);
    for (size_t i = 0; i < 10000; i++) {
        assert_int_equal((uint8_t)buf.data[i], i % 251);
    }
}

static void the_maximum_is_reached_and_not_passed(void **state)
{
    (void)state;
    CLEANUP(buf_finish) struct buf buf = BUF_INIT(5);
    buf_append_str(&buf, STR("12345"));
    assert_int_equal(buf_status(&buf), STATUS_OK);
    buf_append_byte(&buf, '6');
    assert_int_equal(buf_status(&buf), STATUS_LIMIT);
    assert_str_equal(buf_str(&buf), "12345");

    CLEANUP(buf_finish) struct buf formatted = BUF_INIT(5);
    buf_append_format(&formatted, "%d", 123456);
    assert_int_equal(buf_status(&formatted), STATUS_LIMIT);
    assert_str_equal(buf_str(&formatted), "");

    CLEANUP(buf_finish) struct buf huge = BUF_INIT(5);
    assert_null(buf_room(&huge, SIZE_MAX));
    assert_int_equal(buf_status(&huge), STATUS_LIMIT);

    CLEANUP(buf_finish) struct buf none = {0};
    buf_append_byte(&none, 'x');
    assert_int_equal(buf_status(&none), STATUS_LIMIT);
}

static void a_failure_sticks_until_cleared(void **state)
{
    (void)state;
    CLEANUP(buf_finish) struct buf buf = BUF_INIT(3);
    buf_append_str(&buf, STR("four"));
    buf_append_str(&buf, STR("ok"));
    assert_int_equal(buf_status(&buf), STATUS_LIMIT);
    assert_str_equal(buf_str(&buf), "");
    assert_null(buf_room(&buf, 0));

    buf_clear(&buf);
    buf_append_str(&buf, STR("ok"));
    assert_int_equal(buf_status(&buf), STATUS_OK);
    assert_str_equal(buf_str(&buf), "ok");
    buf_clear(&buf);
    assert_string_equal(buf.data, "");
}

static void room_is_written_in_place(void **state)
{
    (void)state;
    CLEANUP(buf_finish) struct buf buf = BUF_INIT(10);
    buf_append_byte(&buf, 'a');
    char *room = buf_room(&buf, 9);
    assert_non_null(room);
    room[0] = 'b';
    room[1] = 'c';
    room[2] = 'd';
    buf_grown(&buf, 2);
    assert_string_equal(buf.data, "abc");
    assert_int_equal(buf.size, 3);
    buf_grown(&buf, 0);
    assert_int_equal(buf.size, 3);
}

static void consuming_moves_the_rest_to_the_front(void **state)
{
    (void)state;
    CLEANUP(buf_finish) struct buf buf = BUF_INIT(10);
    buf_consume(&buf, 0);
    buf_append_str(&buf, STR("abcdef"));
    buf_consume(&buf, 0);
    assert_string_equal(buf.data, "abcdef");
    buf_consume(&buf, 2);
    assert_string_equal(buf.data, "cdef");
    buf_consume(&buf, 4);
    assert_string_equal(buf.data, "");
    assert_int_equal(buf.size, 0);
}

static void truncating_only_shortens(void **state)
{
    (void)state;
    CLEANUP(buf_finish) struct buf buf = BUF_INIT(10);
    buf_truncate(&buf, 0);
    buf_append_str(&buf, STR("abc"));
    buf_truncate(&buf, 4);
    buf_truncate(&buf, 3);
    assert_string_equal(buf.data, "abc");
    buf_truncate(&buf, 1);
    assert_string_equal(buf.data, "a");
    buf_truncate(&buf, 0);
    assert_string_equal(buf.data, "");
}

static void taking_moves_the_bytes_out(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT(10);
    buf_append_str(&buf, STR("abc"));
    char *taken = buf_take(&buf);
    assert_string_equal(taken, "abc");
    mem_free(taken);
    assert_null(buf.data);
    assert_int_equal(buf.size_max, 10);
    assert_null(buf_take(&buf)); /* empty */

    buf_append_str(&buf, STR("longer than ten"));
    assert_null(buf_take(&buf)); /* failed */
    buf_append_str(&buf, STR("abc"));
    assert_int_equal(buf_status(&buf), STATUS_OK); /* and usable again */
    buf_finish(&buf);
    buf_finish(&buf);
    buf_finish(NULL);
}

static void append_whatever_fails(void *ctx)
{
    (void)ctx;
    struct buf buf;
    buf_init(&buf, 1000);
    size_t appended = 0;
    for (int i = 0; i < 100; i++) {
        buf_append_format(&buf, "%d,", i % 10);
        appended += buf_status(&buf) == STATUS_OK ? 2 : 0;
    }
    assert_true(buf_status(&buf) == STATUS_OK || buf_status(&buf) == STATUS_NO_MEMORY);
    assert_int_equal(buf.size, appended); /* what went in before stays */
    buf_finish(&buf);
}

static void a_refused_allocation_keeps_what_there_was(void **state)
{
    (void)state;
    check_under_failing_allocations(append_whatever_fails, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_appended_and_a_nul_follows),
        cmocka_unit_test(growth_keeps_every_byte),
        cmocka_unit_test(the_maximum_is_reached_and_not_passed),
        cmocka_unit_test(a_failure_sticks_until_cleared),
        cmocka_unit_test(room_is_written_in_place),
        cmocka_unit_test(consuming_moves_the_rest_to_the_front),
        cmocka_unit_test(truncating_only_shortens),
        cmocka_unit_test(taking_moves_the_bytes_out),
        cmocka_unit_test(a_refused_allocation_keeps_what_there_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
