/* SPDX-License-Identifier: MIT */
#include "clients/device/settings_internal.h"

#include "check.h"

static void every_setting_has_a_default_within_its_range(void **state)
{
    (void)state;
    static const struct {
        enum iothub_device_setting setting;
        int64_t standard;
        int64_t min;
        int64_t max;
    } rows[] = {
        {IOTHUB_DEVICE_CONNECT_TIMEOUT_MS, 30000, 100, 600000},
        {IOTHUB_DEVICE_ANSWER_TIMEOUT_MS, 30000, 100, 600000},
        {IOTHUB_DEVICE_KEEP_ALIVE_S, 60, 5, 1177},
        {IOTHUB_DEVICE_TOKEN_LIFETIME_S, 3600, 1, 31536000},
        {IOTHUB_DEVICE_TOKEN_RENEWAL_PERCENT, 80, 1, 99},
        {IOTHUB_DEVICE_RETRY_FIRST_MS, 1000, 10, 3600000},
        {IOTHUB_DEVICE_RETRY_MAX_MS, 30000, 10, 3600000},
        {IOTHUB_DEVICE_RETRY_JITTER_PERCENT, 50, 0, 100},
        {IOTHUB_DEVICE_PENDING_MAX, 1000, 1, 10000},
        {IOTHUB_DEVICE_PENDING_BYTES_MAX, 16777216, 1024, 1073741824},
    };
    assert_int_equal(ARRAY_SIZE(rows), DEVICE_SETTING_COUNT);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        int64_t settings[DEVICE_SETTING_COUNT];
        settings_init(settings);
        int64_t *one = &settings[rows[i].setting];
        assert_true(*one == rows[i].standard);
        assert_int_equal(settings_set(settings, rows[i].setting, rows[i].min, NULL), IOTHUB_OK);
        assert_true(*one == rows[i].min);
        assert_int_equal(settings_set(settings, rows[i].setting, rows[i].max, NULL), IOTHUB_OK);
        assert_int_equal(settings_set(settings, rows[i].setting, rows[i].min - 1, NULL),
                         IOTHUB_INVALID);
        assert_int_equal(settings_set(settings, rows[i].setting, rows[i].max + 1, NULL),
                         IOTHUB_INVALID);
        assert_true(*one == rows[i].max);
    }
}

static void a_value_out_of_range_is_told_its_range(void **state)
{
    (void)state;
    int64_t settings[DEVICE_SETTING_COUNT];
    struct iothub_error error;
    settings_init(settings);
    assert_int_equal(settings_set(settings, IOTHUB_DEVICE_KEEP_ALIVE_S, 4, &error), IOTHUB_INVALID);
    assert_string_equal(error.text, "the keep alive time, in seconds, is 5 to 1177, not 4");
}

static void waits_double_up_to_the_longest(void **state)
{
    (void)state;
    static const struct {
        unsigned failures;
        int64_t seconds;
    } rows[] = {{0, 1}, {1, 2}, {2, 4}, {3, 8}, {4, 16}, {5, 30}, {6, 30}, {1000000, 30}};
    int64_t settings[DEVICE_SETTING_COUNT];
    settings_init(settings);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const int64_t least = rows[i].seconds * 1000000;
        const int64_t most = least + least / 2;
        assert_true(settings_retry_delay_us(settings, rows[i].failures, 0) == least);
        /* the largest that a die can make of it, and the first that wraps */
        assert_true(settings_retry_delay_us(settings, rows[i].failures, (uint64_t)least / 2) ==
                    most);
        assert_true(settings_retry_delay_us(settings, rows[i].failures, (uint64_t)least / 2 + 1) ==
                    least);
        const int64_t any = settings_retry_delay_us(settings, rows[i].failures, UINT64_MAX);
        assert_true(any >= least && any <= most);
    }
}

static void the_schedule_can_be_set(void **state)
{
    (void)state;
    int64_t settings[DEVICE_SETTING_COUNT];
    settings_init(settings);
    settings[IOTHUB_DEVICE_RETRY_FIRST_MS] = 10;
    settings[IOTHUB_DEVICE_RETRY_MAX_MS] = 35;
    settings[IOTHUB_DEVICE_RETRY_JITTER_PERCENT] = 0;
    assert_true(settings_retry_delay_us(settings, 0, 99) == 10000);
    assert_true(settings_retry_delay_us(settings, 1, 99) == 20000);
    assert_true(settings_retry_delay_us(settings, 2, 99) == 35000);
    settings[IOTHUB_DEVICE_RETRY_MAX_MS] = 10;
    settings[IOTHUB_DEVICE_RETRY_FIRST_MS] = 1000; /* the longest wins */
    assert_true(settings_retry_delay_us(settings, 0, 99) == 10000);
}

static void a_token_is_renewed_at_its_part_of_life(void **state)
{
    (void)state;
    int64_t settings[DEVICE_SETTING_COUNT];
    settings_init(settings);
    assert_true(settings_renewal_us(settings, INT64_C(3600) * 1000000) == INT64_C(2880) * 1000000);
    settings[IOTHUB_DEVICE_TOKEN_RENEWAL_PERCENT] = 99;
    assert_true(settings_renewal_us(settings, 100) == 99);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_setting_has_a_default_within_its_range),
        cmocka_unit_test(a_value_out_of_range_is_told_its_range),
        cmocka_unit_test(waits_double_up_to_the_longest),
        cmocka_unit_test(the_schedule_can_be_set),
        cmocka_unit_test(a_token_is_renewed_at_its_part_of_life),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
