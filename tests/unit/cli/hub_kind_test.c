/* SPDX-License-Identifier: MIT */
#include "clients/cli/hub_kind.h"

#include "check.h"

static void names_of_this_machine_are_known(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        bool local;
    } cases[] = {
        {"localhost", true},
        {"LOCALHOST:8443", true},
        {"hub.localhost", true},
        {"a.b.localhost:1", true},
        {"127.0.0.1:8443", true},
        {"[::1]:8443", true},
        {"::1", true},
        {"localhost.example.org", false},
        {"xlocalhost", false},
        {".localhost", false},
        {"127.0.0.10", false},
        {"myhub.azure-devices.net", false},
        {"", false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_int_equal(hub_is_local_name(str_from(cases[i].host)), cases[i].local);
    }
}

static void a_key_of_the_emulator_tells_it_under_any_name(void **state)
{
    (void)state;
    CLEANUP(json_destroyp) cJSON *policies = NULL;
    assert_int_equal(json_parse(STR("[{\"name\":\"iothubowner\",\"primaryKey\":\"AAAA\","
                                    "\"secondaryKey\":\"BBBB\"},{\"name\":\"service\","
                                    "\"primaryKey\":\"CCCC\",\"secondaryKey\":\"\"}]"),
                                &policies, NULL),
                     STATUS_OK);
    const struct ready_file ready = {.policies = policies};
    static const struct {
        const char *policy;
        const char *key;
        bool emulator;
    } cases[] = {
        {"iothubowner", "AAAA", true}, {"IotHubOwner", "BBBB", true}, {"service", "AAAA", false},
        {"service", "CCCC", true},     {"service", "", false},        {"nobody", "AAAA", false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct connection_string parts = {
            .host_name = STR("myhub.azure-devices.net"),
            .shared_access_key_name = str_from(cases[i].policy),
            .shared_access_key = str_from(cases[i].key),
        };
        assert_int_equal(hub_is_emulator(&parts, &ready), cases[i].emulator);
    }
    const struct connection_string local = {.host_name = STR("localhost")};
    assert_true(hub_is_emulator(&local, &(struct ready_file){0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_this_machine_are_known),
        cmocka_unit_test(a_key_of_the_emulator_tells_it_under_any_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
