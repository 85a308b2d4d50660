/* SPDX-License-Identifier: MIT */
#include "clients/service/service_internal.h"

#include "check.h"

#define ALL_CHARACTERS "azAZ09-:.+%_#*?!(),=@;$'"
#define X32            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X128           X32 X32 X32 X32
#define KEY_16         "AAECAwQFBgcICQoLDA0ODw=="
#define HEX40          "0123456789abcdefABCDEF0123456789abcdefAB"
#define HEX64          "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void ids_have_a_length_and_an_alphabet(void **state)
{
    (void)state;
    static const struct {
        struct iothub_service_id id;
        const char *says; /* NULL: fine */
    } cases[] = {
        {{ALL_CHARACTERS, NULL}, NULL},
        {{"d", ALL_CHARACTERS}, NULL},
        {{X128, X128}, NULL},
        {{X128 "x", NULL}, "the device id \"" X32 "...\" has 129 characters"},
        {{"d", X128 "x"}, "the module id \"" X32 "...\" has 129 characters"},
        {{NULL, NULL}, "the device id is missing"},
        {{"", NULL}, "the device id is missing"},
        {{"d", ""}, "the module id is missing"},
        {{"a b", NULL}, "character 2 of the device id"},
        {{"a/b", NULL}, "character 2 of the device id"},
        {{"\"", NULL}, "character 1 of the device id"},
        {{"d", "m\\"}, "character 2 of the module id"},
        {{"\xc3\xa4", NULL}, "character 1 of the device id"},
        {{"d\n", NULL}, "character 2 of the device id"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct iothub_error error = {.text = ""};
        const enum iothub_result result = service_check_id(cases[i].id, &error);
        assert_int_equal(result, cases[i].says == NULL ? IOTHUB_OK : IOTHUB_INVALID);
        assert_int_equal(error.result, result);
        assert_true(cases[i].says == NULL || strstr(error.text, cases[i].says) != NULL);
    }
}

static void etags_stand_without_their_quotation_marks(void **state)
{
    (void)state;
    static const char *const good[] = {NULL, "AAAAAAAAAAE=", "*", "!#~"};
    static const char *const bad[] = {"", "\"AAAAAAAAAAE=\"", "a b", "a\r\nb", "\x7f", "\xc3\xa4"};
    struct iothub_error error;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        assert_int_equal(service_check_etag(good[i], &error), IOTHUB_OK);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_int_equal(service_check_etag(bad[i], &error), IOTHUB_INVALID);
    }
}

static void registrations_are_what_the_hub_takes(void **state)
{
    (void)state;
    static const struct {
        struct iothub_service_registration registration;
        const char *says;
    } cases[] = {
        {{.disabled = false}, NULL},
        {{.primary_key = KEY_16, .secondary_key = KEY_16}, NULL},
        {{.primary_key = KEY_16}, "both or none"},
        {{.secondary_key = KEY_16}, "both or none"},
        {{.primary_key = "AAECAwQFBgcICQoLDA0O", .secondary_key = KEY_16}, "the primary key"},
        {{.primary_key = KEY_16, .secondary_key = "x"}, "the secondary key"},
        {{.auth = IOTHUB_SERVICE_AUTH_CA}, NULL},
        {{.auth = IOTHUB_SERVICE_AUTH_SELF_SIGNED, .primary_thumbprint = HEX40}, NULL},
        {{.auth = IOTHUB_SERVICE_AUTH_SELF_SIGNED,
          .primary_thumbprint = HEX64,
          .secondary_thumbprint = HEX40},
         NULL},
        {{.auth = IOTHUB_SERVICE_AUTH_SELF_SIGNED}, "the primary one is missing"},
        {{.auth = IOTHUB_SERVICE_AUTH_SELF_SIGNED, .secondary_thumbprint = HEX40},
         "the primary one is missing"},
        {{.auth = IOTHUB_SERVICE_AUTH_SELF_SIGNED, .primary_thumbprint = HEX40 "0"},
         "the primary thumbprint"},
        {{.auth = IOTHUB_SERVICE_AUTH_SELF_SIGNED,
          .primary_thumbprint = HEX40,
          .secondary_thumbprint = "g123456789abcdefABCDEF0123456789abcdefAB"},
         "the secondary thumbprint"},
        {{.status_reason = X128}, NULL},
        {{.status_reason = X128 "x"}, "more than 128"},
        {{.auth = (enum iothub_service_auth)7}, "no such kind"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct iothub_error error = {.text = ""};
        const enum iothub_result result =
            service_check_registration(&cases[i].registration, &error);
        assert_int_equal(result, cases[i].says == NULL ? IOTHUB_OK : IOTHUB_INVALID);
        assert_true(cases[i].says == NULL || strstr(error.text, cases[i].says) != NULL);
    }
}

static void options_have_sensible_times(void **state)
{
    (void)state;
    static const struct {
        struct iothub_service_options options;
        bool good;
    } cases[] = {
        {{.timeout_s = 0}, true},
        {{.timeout_s = 86400, .connect_timeout_s = 86400, .token_lifetime_s = 86400}, true},
        {{.timeout_s = 86401}, false},
        {{.timeout_s = -1}, false},
        {{.connect_timeout_s = -1}, false},
        {{.token_lifetime_s = -1}, false},
        {{.token_lifetime_s = 86401}, false},
        {{.retry_time_s = -1}, true},
        {{.retry_time_s = 86401}, false},
        {{.user_agent = "mine/1.0 (x; y)"}, true},
        {{.user_agent = "mine\r\nX: y"}, false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct iothub_error error;
        assert_int_equal(service_check_options(&cases[i].options, &error),
                         cases[i].good ? IOTHUB_OK : IOTHUB_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_have_a_length_and_an_alphabet),
        cmocka_unit_test(etags_stand_without_their_quotation_marks),
        cmocka_unit_test(registrations_are_what_the_hub_takes),
        cmocka_unit_test(options_have_sensible_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
