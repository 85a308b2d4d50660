/* SPDX-License-Identifier: MIT */
#include "amqp/address.h"

#include "base/attr.h"
#include "check.h"

enum { STORE_SIZE = 512 };

static void every_spelling_of_an_address_means_the_same(void **state)
{
    (void)state;
    static const char *const spellings[] = {
        "/devices/d1/messages/devicebound",
        "devices/d1/messages/devicebound",
        "/devices/d1/messages/deviceBound",
        "/Devices/d1/Messages/DEVICEBOUND/",
        "amqps://localhost/devices/d1/messages/devicebound",
        "amqps://localhost:5671/devices/d1/messages/deviceBound",
        "amqps://hub.azure-devices.net:5671//devices/d1/messages/devicebound",
        "/devices/%64%31/messages/device%62ound",
    };
    for (size_t i = 0; i < ARRAY_SIZE(spellings); i++) {
        char store[STORE_SIZE];
        struct amqp_address address;
        if (!amqp_address_match("devices/{d}/messages/devicebound", str_from(spellings[i]), store,
                                &address)) {
            fail_msg("%s", spellings[i]);
        }
        assert_str_equal(address.device, "d1");
        assert_str_equal(address.module, "");
    }
}

static void ids_are_decoded_and_keep_their_case(void **state)
{
    (void)state;
    static const struct {
        const char *address, *device, *module;
    } rows[] = {
        {"/devices/D1/modules/M1/twin", "D1", "M1"},
        {"/devices/a%23b/modules/%24edgeHub/twin", "a#b", "$edgeHub"},
        {"/devices/a.b:c=d@e(1)%25/modules/m/twin", "a.b:c=d@e(1)%", "m"},
        {"/devices/100%/modules/m/twin", "100%", "m"},
        {"/devices/a+b/modules/m/twin", "a+b", "m"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char store[STORE_SIZE];
        struct amqp_address address;
        assert_true(amqp_address_match("devices/{d}/modules/{m}/twin", str_from(rows[i].address),
                                       store, &address));
        assert_str_equal(address.device, rows[i].device);
        assert_str_equal(address.module, rows[i].module);
    }
}

static void parts_are_given_in_order(void **state)
{
    (void)state;
    char store[STORE_SIZE];
    struct amqp_address address;
    assert_true(amqp_address_match("{}/ConsumerGroups/{}/Partitions/{}",
                                   STR("amqps://h/hub/consumergroups/$Default/Partitions/3"), store,
                                   &address));
    assert_str_equal(address.parts[0], "hub");
    assert_str_equal(address.parts[1], "$Default");
    assert_str_equal(address.parts[2], "3");
    assert_str_equal(address.device, "");
}

static void other_addresses_do_not_match(void **state)
{
    (void)state;
    static const char *const addresses[] = {
        "",
        "/",
        "devices",
        "/devices/d1",
        "/devices//twin",
        "/devices/d1/twin/", /* matches: a slash at the end is none */
        "/devices/d1/twin/x",
        "/devices/d1/twins",
        "/xdevices/d1/twin",
        "/devices/d1/modules/m1/twin",
        "amqps://localhost",
        "amqps://",
        "://",
    };
    for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
        char store[STORE_SIZE];
        struct amqp_address address = {.device = STR("untouched")};
        const bool matches =
            amqp_address_match("devices/{d}/twin", str_from(addresses[i]), store, &address);
        if (matches != (strcmp(addresses[i], "/devices/d1/twin/") == 0)) {
            fail_msg("%s", addresses[i]);
        }
        if (!matches) {
            assert_str_equal(address.device, "untouched");
        }
    }
}

static void without_memory_nothing_matches(void *ctx)
{
    (void)ctx;
    char store[STORE_SIZE];
    struct amqp_address address;
    (void)amqp_address_match("devices/{d}/twin", STR("/devices/d1/twin"), store, &address);
}

static void failing_allocations_only_refuse(void **state)
{
    (void)state;
    check_under_failing_allocations(without_memory_nothing_matches, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_spelling_of_an_address_means_the_same),
        cmocka_unit_test(ids_are_decoded_and_keep_their_case),
        cmocka_unit_test(parts_are_given_in_order),
        cmocka_unit_test(other_addresses_do_not_match),
        cmocka_unit_test(failing_allocations_only_refuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
