/* SPDX-License-Identifier: MIT */
#include "check.h"

#include "amqp/selector.h"

static const struct {
    const char *text;
    struct hub_start start;
} good[] = {
    /* What the SDKs write (service reference, 7.3). */
    {"amqp.annotation.x-opt-offset > '-1'", {HUB_START_OFFSET, -1, false}},
    {"amqp.annotation.x-opt-offset > '@latest'", {HUB_START_LATEST, 0, false}},
    {"amqp.annotation.x-opt-offset >'-1'", {HUB_START_OFFSET, -1, false}},
    {"amqp.annotation.x-opt-offset >= '1234'", {HUB_START_OFFSET, 1234, true}},
    {"amqp.annotation.x-opt-sequence-number > '5'", {HUB_START_SEQUENCE, 5, false}},
    {"amqp.annotation.x-opt-sequence-number >= 5", {HUB_START_SEQUENCE, 5, true}},
    {"amqp.annotation.x-opt-enqueued-time > '1700000000000'",
     {HUB_START_TIME, 1700000000000, false}},
    {"amqp.annotation.x-opt-enqueued-time >= 1700000000000", {HUB_START_TIME, 1700000000000, true}},
    {"amqp.annotation.x-opt-enqueuedtimeutc > 1700000000000",
     {HUB_START_TIME, 1700000000000, false}},
    /* Spaces and case do not matter. */
    {"amqp.annotation.x-opt-offset>5", {HUB_START_OFFSET, 5, false}},
    {" \tAMQP.Annotation.X-Opt-Offset\n>=  '@LATEST' ", {HUB_START_LATEST, 0, false}},
    {"amqp.annotation.x-opt-offset > 5 ", {HUB_START_OFFSET, 5, false}},
    {"amqp.annotation.x-opt-offset > @latest", {HUB_START_LATEST, 0, false}},
    {"amqp.annotation.x-opt-sequence-number > 9223372036854775807",
     {HUB_START_SEQUENCE, INT64_MAX, false}},
    {"amqp.annotation.x-opt-sequence-number > '-9223372036854775808'",
     {HUB_START_SEQUENCE, INT64_MIN, false}},
};

static void case_86_every_form_of_filter_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        struct hub_start start = {.value = 99};
        struct problem problem;
        if (amqp_selector_parse(str_from(good[i].text), &start, &problem) != STATUS_OK) {
            fail_msg("%s", problem.text);
        }
        assert_int_equal(start.at, good[i].start.at);
        assert_int_equal(start.value, good[i].start.value);
        assert_int_equal(start.inclusive, good[i].start.inclusive);
    }
}

static const struct {
    const char *text;
    size_t offset;
    const char *word;
} bad[] = {
    {"", 0, "amqp.annotation.x-opt-offset"},
    {"x-opt-offset > 5", 0, "amqp.annotation.x-opt-offset"},
    {"amqp.annotation.x-opt-partition-key > 'a'", 0, "amqp.annotation.x-opt-offset"},
    {"amqp.annotation.x-opt-offsets > 5", 0, "amqp.annotation.x-opt-offset"},
    {"amqp.annotation.x-opt-offset", 28, "> or >="},
    {"amqp.annotation.x-opt-offset < 5", 29, "> or >="},
    {"amqp.annotation.x-opt-offset = 5", 29, "> or >="},
    {"amqp.annotation.x-opt-offset >", 30, "a whole number"},
    {"amqp.annotation.x-opt-offset > = 5", 31, "a whole number"},
    {"amqp.annotation.x-opt-offset > ''", 32, "a whole number"},
    {"amqp.annotation.x-opt-offset > '5", 33, "a ' at the end"},
    {"amqp.annotation.x-opt-offset > \"5\"", 31, "a whole number"},
    {"amqp.annotation.x-opt-offset > '5' AND 1", 35, "nothing after"},
    {"amqp.annotation.x-opt-offset > 5 AND 1", 31, "a whole number"},
    {"amqp.annotation.x-opt-offset > '@first'", 32, "a whole number, or @latest"},
    {"amqp.annotation.x-opt-offset > '+5'", 32, "a whole number"},
    {"amqp.annotation.x-opt-offset > 5.0", 31, "a whole number"},
    {"amqp.annotation.x-opt-sequence-number > 9223372036854775808", 40, "a whole number"},
    /* What a monitor once sent (USERS, no. 42). */
    {"amqp.annotation.x-opt-enqueuedtimeutc > 'NaN'", 41, "milliseconds since 1970"},
    {"amqp.annotation.x-opt-enqueuedtimeutc > NaN", 40, "milliseconds since 1970"},
};

static void what_is_wrong_with_a_filter_is_told_with_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct hub_start start = {.value = 99};
        struct problem problem = {.text = ""};
        assert_int_equal(amqp_selector_parse(str_from(bad[i].text), &start, &problem),
                         STATUS_INVALID);
        assert_int_equal(start.value, 99);
        if (problem.offset != bad[i].offset || strstr(problem.text, bad[i].word) == NULL) {
            fail_msg("%s: offset %zu: %s", bad[i].text, problem.offset, problem.text);
        }
        assert_int_equal(amqp_selector_parse(str_from(bad[i].text), &start, NULL), STATUS_INVALID);
    }
}

static void a_long_filter_is_shown_shortened(void **state)
{
    (void)state;
    char text[5000];
    memset(text, 'x', sizeof(text));
    struct hub_start start;
    struct problem problem;
    assert_int_equal(amqp_selector_parse(str_of(text, sizeof(text)), &start, &problem),
                     STATUS_INVALID);
    assert_non_null(strstr(problem.text, "xxx\" is not understood at byte 0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_86_every_form_of_filter_is_read),
        cmocka_unit_test(what_is_wrong_with_a_filter_is_told_with_its_place),
        cmocka_unit_test(a_long_filter_is_shown_shortened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
