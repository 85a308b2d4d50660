/* SPDX-License-Identifier: MIT */
#include "hub_fixture.h"

static void hosts_lose_scheme_port_and_brackets(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        const char *bare;
    } rows[] = {
        {"localhost", "localhost"},
        {"localhost:8443", "localhost"},
        {"https://hub.localhost:443", "hub.localhost"},
        {"127.0.0.1:1", "127.0.0.1"},
        {"[::1]:8883", "::1"},
        {"[::1]", "::1"},
        {"::1", "::1"},
        {"hub.example.", "hub.example"},
        {"", ""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_str_equal(hub_host_bare(str_from(rows[i].host)), rows[i].bare);
    }
}

static void loopback_names_are_known(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        bool loopback;
    } rows[] = {
        {"localhost", true},     {"LOCALHOST", true},           {"a.b.localhost", true},
        {"127.0.0.1", true},     {"127.1.2.3", true},           {"::1", true},
        {".localhost", false},   {"notlocalhost", false},       {"128.0.0.1", false},
        {"127.evil.com", false}, {"localhost.evil.com", false}, {"", false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_int_equal(hub_host_is_loopback(str_from(rows[i].host)), rows[i].loopback);
    }
}

static void a_hub_is_found_by_name_and_strangers_are_told_the_names(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    assert_ptr_equal(hubs_find(fixture.hubs, STR("HUB.localhost:8883"), NULL), fixture.hub);
    assert_ptr_equal(hubs_find(fixture.hubs, STR("other.localhost"), NULL), fixture.hub);
    assert_null(hubs_find(fixture.hubs, STR("contoso.azure-devices.net"), &fixture.problem));
    assert_non_null(strstr(fixture.problem.text, "--hostname contoso.azure-devices.net"));
    assert_ptr_equal(hubs_named(fixture.hubs, STR("hub")), fixture.hub);
    assert_null(hubs_named(fixture.hubs, STR("hu")));
    fixture_finish(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_lose_scheme_port_and_brackets),
        cmocka_unit_test(loopback_names_are_known),
        cmocka_unit_test(a_hub_is_found_by_name_and_strangers_are_told_the_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
