/* SPDX-License-Identifier: MIT */
#include "clients/messaging/selector_internal.h"

#include "base/clock.h"
#include "check.h"
#include "clients/messaging/backoff_internal.h"

static void assert_selector(const struct position *position, const char *expected)
{
    struct buf text CLEANUP(buf_finish) = BUF_INIT(1000);
    selector_append(position, &text);
    assert_str_equal(buf_str(&text), expected);
}

static void every_start_is_a_filter(void **state)
{
    (void)state;
    static const struct {
        struct iothub_reader_options options;
        const char *selector;
    } cases[] = {
        {{.start = IOTHUB_START_LATEST}, "amqp.annotation.x-opt-offset > '@latest'"},
        {{.start = IOTHUB_START_EARLIEST}, "amqp.annotation.x-opt-offset > '-1'"},
        {{.start = IOTHUB_START_TIME, .start_value = 1900000000000},
         "amqp.annotation.x-opt-enqueued-time > '1900000000000'"},
        {{.start = IOTHUB_START_SEQUENCE, .start_value = 7},
         "amqp.annotation.x-opt-sequence-number >= '7'"},
        {{.start = IOTHUB_START_OFFSET, .start_offset = "42"},
         "amqp.annotation.x-opt-offset > '42'"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct position position;
        assert_int_equal(position_of(&cases[i].options, &position, NULL), STATUS_OK);
        assert_selector(&position, cases[i].selector);
    }
}

static void an_offset_that_would_change_the_filter_is_refused(void **state)
{
    (void)state;
    char longest[SELECTOR_OFFSET_SIZE + 1];
    static const char *const wrong[] = {NULL, "", "1' OR '1"};
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        const struct iothub_reader_options options = {.start = IOTHUB_START_OFFSET,
                                                      .start_offset = wrong[i]};
        struct position position = {.value = 5};
        struct problem problem = {.text = ""};
        assert_int_equal(position_of(&options, &position, &problem), STATUS_INVALID);
        assert_int_equal(position.value, 5);
        assert_true(problem.text[0] != '\0');
    }
    for (size_t size = SELECTOR_OFFSET_SIZE - 1; size <= SELECTOR_OFFSET_SIZE; size++) {
        struct position position;
        memset(longest, '1', size);
        longest[size] = '\0';
        const struct iothub_reader_options options = {.start = IOTHUB_START_OFFSET,
                                                      .start_offset = longest};
        assert_int_equal(position_of(&options, &position, NULL),
                         size < SELECTOR_OFFSET_SIZE ? STATUS_OK : STATUS_INVALID);
        position = position_after(longest, 6);
        assert_int_equal(position.start,
                         size < SELECTOR_OFFSET_SIZE ? IOTHUB_START_OFFSET : IOTHUB_START_SEQUENCE);
    }
}

static void reading_goes_on_behind_what_was_seen(void **state)
{
    (void)state;
    const struct position by_offset = position_after("42", 6);
    const struct position by_number = position_after("", 6);
    const struct position odd = position_after("4'2", 6);
    assert_selector(&by_offset, "amqp.annotation.x-opt-offset > '42'");
    assert_selector(&by_number, "amqp.annotation.x-opt-sequence-number >= '7'");
    assert_selector(&odd, "amqp.annotation.x-opt-sequence-number >= '7'");
}

static void attempts_get_rarer_up_to_half_a_minute(void **state)
{
    (void)state;
    static const int64_t seconds[] = {1, 2, 4, 8, 16, 30, 30};
    for (unsigned i = 0; i < ARRAY_SIZE(seconds); i++) {
        const int64_t least_us = seconds[i] * CLOCK_SECOND;
        const int64_t most_us = least_us + least_us / 2;
        assert_int_equal(backoff_delay_us(i, 0), least_us);
        assert_int_equal(backoff_delay_us(i, (uint64_t)(least_us / 2)), most_us);
        assert_int_equal(backoff_delay_us(i, (uint64_t)(least_us / 2) + 1), least_us);
    }
    assert_int_equal(backoff_delay_us(1000000, 0), 30 * CLOCK_SECOND);
    assert_true(backoff_sleep(clock_monotonic_us() - 1));
    assert_true(backoff_sleep(clock_monotonic_us() + 2000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_start_is_a_filter),
        cmocka_unit_test(an_offset_that_would_change_the_filter_is_refused),
        cmocka_unit_test(reading_goes_on_behind_what_was_seen),
        cmocka_unit_test(attempts_get_rarer_up_to_half_a_minute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
