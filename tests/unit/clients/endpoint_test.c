/* SPDX-License-Identifier: MIT */
#include "clients/endpoint/endpoint.h"

#include "check.h"

static void host_names_come_with_and_without_a_port(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *host; /* NULL: refused */
        unsigned port;
    } cases[] = {
        {"myhub.azure-devices.net", "myhub.azure-devices.net", 8883},
        {"localhost:18883", "localhost", 18883},
        {"localhost:1", "localhost", 1},
        {"localhost:65535", "localhost", 65535},
        {"127.0.0.1:443", "127.0.0.1", 443},
        {"::1", "::1", 8883},
        {"[::1]", "::1", 8883},
        {"[::1]:18883", "::1", 18883},
        {"", NULL, 0},
        {":8883", NULL, 0},
        {"localhost:", NULL, 0},
        {"localhost:0", NULL, 0},
        {"localhost:65536", NULL, 0},
        {"localhost:-1", NULL, 0},
        {"localhost:88x", NULL, 0},
        {"[::1", NULL, 0},
        {"[::1]8883", NULL, 0},
        {"[::1]:", NULL, 0},
        {"[]", NULL, 0},
        {"https://myhub.azure-devices.net", NULL, 0},
        {"my hub", NULL, 0},
        {"myhub\n", NULL, 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct endpoint endpoint = {.host = "untouched", .port = 1};
        struct problem problem = {.offset = 0};
        const enum status status =
            endpoint_parse(str_from(cases[i].text), 8883, &endpoint, &problem);
        if (cases[i].host == NULL) {
            assert_int_equal(status, STATUS_INVALID);
            assert_string_equal(endpoint.host, "untouched");
            assert_true(strstr(problem.text, "\"") != NULL);
        } else {
            assert_int_equal(status, STATUS_OK);
            assert_string_equal(endpoint.host, cases[i].host);
            assert_int_equal(endpoint.port, cases[i].port);
        }
    }
}

static void a_host_fits_exactly_or_is_refused(void **state)
{
    (void)state;
    char name[ENDPOINT_HOST_SIZE + 1];
    memset(name, 'a', sizeof(name));
    struct endpoint endpoint = {.port = 0};
    assert_int_equal(endpoint_parse(str_of(name, ENDPOINT_HOST_SIZE - 1), 1, &endpoint, NULL),
                     STATUS_OK);
    assert_int_equal(strlen(endpoint.host), ENDPOINT_HOST_SIZE - 1);
    assert_int_equal(endpoint_parse(str_of(name, ENDPOINT_HOST_SIZE), 1, &endpoint, NULL),
                     STATUS_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(host_names_come_with_and_without_a_port),
        cmocka_unit_test(a_host_fits_exactly_or_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
