/* SPDX-License-Identifier: MIT */
#include "amqp/sasl.h"

#include "amqp/limits.h"
#include "base/alloc.h"
#include "check.h"

/* sasl-init of `mechanism` with a response and a host, as Proton writes it. */
#define INIT_ANONYMOUS                                                                             \
    "\x00\x00\x00\x1c\x02\x01\x00\x00\x00\x53\x41\xc0\x0f\x03\xa3\x09"                             \
    "ANONYMOUS\x40\xa1\x00"

static void the_mechanisms_are_an_array_of_symbols(void **state)
{
    (void)state;
    CLEANUP(buf_finish) struct buf out = BUF_INIT(1024);
    sasl_append_mechanisms(&out);
    const struct str expected = STR("\x00\x00\x00\x33\x02\x01\x00\x00\x00\x53\x40\xc0\x26\x01"
                                    "\xe0\x23\x04\xa3\x07MSSBCBS\x05PLAIN\x09"
                                    "ANONYMOUS\x08"
                                    "EXTERNAL");
    assert_int_equal(out.size, expected.size);
    assert_memory_equal(out.data, expected.data, expected.size);
}

static void an_outcome_is_one_ubyte(void **state)
{
    (void)state;
    CLEANUP(buf_finish) struct buf out = BUF_INIT(1024);
    sasl_append_outcome(&out, SASL_OK);
    sasl_append_outcome(&out, SASL_AUTH);
    const struct str expected =
        STR("\x00\x00\x00\x10\x02\x01\x00\x00\x00\x53\x44\xc0\x03\x01\x50\x00"
            "\x00\x00\x00\x10\x02\x01\x00\x00\x00\x53\x44\xc0\x03\x01\x50\x01");
    assert_int_equal(out.size, expected.size);
    assert_memory_equal(out.data, expected.data, expected.size);
}

static void good_inits_are_read(void **state)
{
    (void)state;
    static const struct {
        struct str frame;
        const char *mechanism, *response, *host; /* response NULL: none */
    } rows[] = {
        {{INIT_ANONYMOUS, sizeof(INIT_ANONYMOUS) - 1}, "ANONYMOUS", NULL, ""},
        /* list32, a descriptor of eight bytes, an empty response, no host */
        {{"\x00\x00\x00\x26\x02\x01\x00\x00\x00\x80\x00\x00\x00\x00\x00\x00\x00\x41\xd0\x00\x00"
          "\x00\x0f\x00\x00\x00\x02\xa3\x07MSSBCBS\xa0\x00",
          38},
         "MSSBCBS",
         "",
         ""},
        /* texts with sizes of four bytes, a head longer than needed */
        {{"\x00\x00\x00\x2a\x03\x01\x00\x00\xff\xff\xff\xff\x00\x53\x41\xc0\x19\x03\xb3\x00\x00\x00"
          "\x05PLAIN\xb0\x00\x00\x00\x03\x00u\x00\xb1\x00\x00\x00\x01h",
          42},
         "PLAIN",
         "\0u",
         "h"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct sasl_init init;
        struct problem problem = {.text = ""};
        const enum sasl_result result = sasl_read_init(rows[i].frame, &init, &problem);
        if (result != SASL_WHOLE) {
            fail_msg("row %zu: %s", i, problem.text);
        }
        assert_int_equal(init.size, rows[i].frame.size);
        assert_str_equal(init.mechanism, rows[i].mechanism);
        assert_int_equal(init.response.data == NULL, rows[i].response == NULL);
        assert_str_equal(init.host, rows[i].host);
        for (size_t cut = 0; cut < rows[i].frame.size; cut++) {
            assert_int_equal(sasl_read_init(str_of(rows[i].frame.data, cut), &init, &problem),
                             SASL_NEED_MORE);
        }
    }
}

static void other_bytes_are_refused(void **state)
{
    (void)state;
    static const struct {
        struct str frame;
        const char *why;
    } rows[] = {
        {{"\x00\x00\x00\x08\x02\x00\x00\x00", 8}, "not SASL's"},
        {{"\x00\x00\x00\x07\x02\x01\x00\x00", 8}, "shorter than its own head"},
        {{"\x00\x00\x00\x08\x01\x01\x00\x00", 8}, "shorter than its own head"},
        {{"\x00\x00\x20\x01\x02\x01\x00\x00", 8}, "more than 8 KB"},
        {{"\x00\x00\x00\x08\x02\x01\x00\x00", 8}, "another frame of SASL's"},
        {{"\x00\x00\x00\x0c\x02\x01\x00\x00\x00\x53\x44\x45", 12}, "another frame of SASL's"},
        {{"\x00\x00\x00\x0c\x02\x01\x00\x00\x00\x53\x41\x45", 12}, "fields that are not its own"},
        {{"\x00\x00\x00\x0f\x02\x01\x00\x00\x00\x53\x41\xc0\x02\x01\x40", 15},
         "fields that are not its own"},
        {{"\x00\x00\x00\x10\x02\x01\x00\x00\x00\x53\x41\xc0\x03\x01\xa3\x09", 16},
         "fields that are not its own"},
        {{"\x00\x00\x00\x10\x02\x01\x00\x00\x00\x53\x41\xc0\x03\x01\x50\x09", 16},
         "fields that are not its own"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct sasl_init init = {.size = 77};
        struct problem problem = {.text = ""};
        assert_int_equal(sasl_read_init(rows[i].frame, &init, &problem), SASL_MALFORMED);
        if (strstr(problem.text, rows[i].why) == NULL) {
            fail_msg("row %zu: %s", i, problem.text);
        }
        assert_int_equal(init.size, 77);
    }
}

static void the_largest_frame_is_waited_for(void **state)
{
    (void)state;
    struct sasl_init init;
    struct problem problem;
    assert_int_equal(sasl_read_init(STR("\x00\x00\x20\x00\x02\x01\x00\x00"), &init, &problem),
                     SASL_NEED_MORE);
    assert_int_equal(AMQP_SASL_FRAME_SIZE_MAX, 0x2000);
}

static void plain_names_a_policy_a_device_or_a_module(void **state)
{
    (void)state;
    static const struct {
        struct str response;
        const char *policy, *device, *module;
    } rows[] = {
        {{"\0service@sas.root.hub\0t", 23}, "service", "", ""},
        {{"\0service@SAS.Root.hub\0t", 23}, "service", "", ""},
        {{"\0d1@sas.hub\0t", 13}, "", "d1", ""},
        {{"\0d1@SAS.hub\0t", 13}, "", "d1", ""},
        {{"\0d1/modules/m1@sas.hub\0t", 24}, "", "d1", "m1"},
        {{"\0d1/Modules/m1@sas.hub\0t", 24}, "", "d1", "m1"},
        {{"\0a@b@sas.hub\0t", 14}, "", "a@b", ""},
        {{"as\0d1@sas.hub\0t", 15}, "", "d1", ""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct sasl_user user;
        struct problem problem = {.text = ""};
        if (!sasl_read_plain(rows[i].response, &user, &problem)) {
            fail_msg("row %zu: %s", i, problem.text);
        }
        assert_str_equal(user.policy, rows[i].policy);
        assert_str_equal(user.device, rows[i].device);
        assert_str_equal(user.module, rows[i].module);
        assert_str_equal(user.password, "t");
    }
}

static void other_users_are_refused(void **state)
{
    (void)state;
    static const struct str responses[] = {
        {"", 0},         {"\0d1@sas.hub", 11},    {"d1", 2},
        {"\0d1\0t", 5},  {"\0@sas.hub\0t", 11},   {"\0d1@root.hub\0t", 14},
        {"\0d1@\0t", 6}, {"\0d1@sasxhub\0t", 13},
    };
    for (size_t i = 0; i < ARRAY_SIZE(responses); i++) {
        struct sasl_user user;
        struct problem problem = {.text = ""};
        assert_false(sasl_read_plain(responses[i], &user, &problem));
        assert_non_null(strstr(problem.text, "PLAIN"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_mechanisms_are_an_array_of_symbols),
        cmocka_unit_test(an_outcome_is_one_ubyte),
        cmocka_unit_test(good_inits_are_read),
        cmocka_unit_test(other_bytes_are_refused),
        cmocka_unit_test(the_largest_frame_is_waited_for),
        cmocka_unit_test(plain_names_a_policy_a_device_or_a_module),
        cmocka_unit_test(other_users_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
