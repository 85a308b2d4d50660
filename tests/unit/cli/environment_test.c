/* SPDX-License-Identifier: MIT */
#include "clients/cli/environment.h"

#include "base/buf.h"
#include "check.h"

#define KEYED "SharedAccessKeyName=iothubowner;SharedAccessKey=AAAA"

static const struct environment_hub emulator = {
    .service_string = {"HostName=localhost:8443;" KEYED,
                       sizeof("HostName=localhost:8443;" KEYED) - 1},
    .event_hubs_string = {"Endpoint=sb://localhost", 23},
    .host = {"localhost", 9},
    .mqtt_port = 8883,
    .ca_path = {"/ca.pem", 7},
    .bundle_path = {"/bundle.pem", 11},
    .java_store_path = {"/s.p12", 6},
};

static struct str value_of(const struct environment *environment, const char *name)
{
    for (size_t i = 0; i < environment->count; i++) {
        if (strcmp(environment->variables[i].name, name) == 0) {
            return environment->variables[i].value;
        }
    }
    return STR("(unset)");
}

static void each_sdk_gets_what_it_reads(void **state)
{
    (void)state;
    static const struct {
        const char *sdk;
        const char *names; /* in the table's order */
    } cases[] = {
        {NULL, "IOTHUB_CONNECTION_STRING EVENTHUB_CONNECTION_STRING IOTHUB_CA_FILE SSL_CERT_FILE "
               "REQUESTS_CA_BUNDLE CURL_CA_BUNDLE NODE_EXTRA_CA_CERTS JAVA_TOOL_OPTIONS "},
        {"node", "IOTHUB_CONNECTION_STRING EVENTHUB_CONNECTION_STRING IOTHUB_CA_FILE "
                 "NODE_EXTRA_CA_CERTS "},
        {"python", "IOTHUB_CONNECTION_STRING EVENTHUB_CONNECTION_STRING IOTHUB_CA_FILE "
                   "SSL_CERT_FILE REQUESTS_CA_BUNDLE "},
        {"java", "IOTHUB_CONNECTION_STRING EVENTHUB_CONNECTION_STRING IOTHUB_CA_FILE "
                 "JAVA_TOOL_OPTIONS "},
        {"c", "IOTHUB_CONNECTION_STRING IOTHUB_CA_FILE SSL_CERT_FILE "
              "AZ_IOT_DEVICE_X509_TRUST_PEM_FILE_PATH "},
        {"dotnet", "IOTHUB_CONNECTION_STRING EVENTHUB_CONNECTION_STRING IOTHUB_CA_FILE "
                   "SSL_CERT_FILE "},
        {"az", "IOTHUB_CONNECTION_STRING IOTHUB_CA_FILE SSL_CERT_FILE REQUESTS_CA_BUNDLE "},
        {"eventhubs", "EVENTHUB_CONNECTION_STRING IOTHUB_CA_FILE SSL_CERT_FILE REQUESTS_CA_BUNDLE "
                      "NODE_EXTRA_CA_CERTS JAVA_TOOL_OPTIONS "},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(arena_finish) struct arena arena = ARENA_INIT(65536);
        CLEANUP(buf_finish) struct buf names = BUF_INIT(4096);
        struct environment environment;
        assert_int_equal(
            environment_make(&arena, &emulator, environment_sdk_named(cases[i].sdk), &environment),
            STATUS_OK);
        for (size_t at = 0; at < environment.count; at++) {
            assert_true(environment.variables[at].value.size > 0);
            buf_append_format(&names, "%s ", environment.variables[at].name);
        }
        assert_str_equal(buf_str(&names), cases[i].names);
    }
    assert_int_equal(environment_sdk_named("cobol"), 0);
}

static void a_real_hub_needs_its_strings_only(void **state)
{
    (void)state;
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(65536);
    const struct environment_hub real = {
        .service_string = STR("HostName=h.azure-devices.net;" KEYED),
        .host = STR("h.azure-devices.net"),
        .mqtt_port = 8883,
    };
    struct environment environment;
    assert_int_equal(environment_make(&arena, &real, SDK_ALL, &environment), STATUS_OK);
    assert_int_equal(environment.count, 1);
    assert_str_equal(environment.variables[0].value, "HostName=h.azure-devices.net;" KEYED);
    assert_int_equal(environment_make(&arena, &real, SDK_JAVA, &environment), STATUS_OK);
    assert_str_equal(environment.variables[0].value, "HostName=h.azure-devices.net;" KEYED);
}

static void names_get_a_dot_where_one_is_wanted(void **state)
{
    (void)state;
    static const struct environment_device device = {.id = {"d1", 2}, .key = {"BBBB", 4}};
    static const struct environment_device module = {
        .id = {"d1", 2}, .module_id = {"m1", 2}, .key = {"BBBB", 4}};
    static const struct environment_device certified = {.id = {"d1", 2}};
    static const struct {
        const char *sdk;
        const struct environment_device *device;
        uint16_t mqtt_port;
        bool resolves;
        const char *service;
        const char *string;
    } cases[] = {
        {NULL, &device, 8883, true, "HostName=localhost:8443;" KEYED,
         "HostName=localhost;DeviceId=d1;SharedAccessKey=BBBB"},
        {"node", &device, 18883, true, "HostName=localhost:8443;" KEYED,
         "HostName=localhost:18883;DeviceId=d1;SharedAccessKey=BBBB"},
        {"python", &module, 8883, true, "HostName=localhost:8443;" KEYED,
         "HostName=localhost;DeviceId=d1;ModuleId=m1;SharedAccessKey=BBBB"},
        {"java", &device, 8883, true, "HostName=hub.localhost:8443;" KEYED,
         "HostName=hub.localhost;DeviceId=d1;SharedAccessKey=BBBB"},
        {"java", &device, 8883, false, "HostName=localhost:8443;" KEYED,
         "HostName=hub.localhost;DeviceId=d1;SharedAccessKey=BBBB;GatewayHostName=localhost"},
        {"c", &certified, 8883, false, "HostName=localhost:8443;" KEYED,
         "HostName=hub.localhost;DeviceId=d1;x509=true;GatewayHostName=localhost"},
        {"dotnet", &module, 8883, false, "HostName=localhost:8443;" KEYED,
         "HostName=hub.localhost;DeviceId=d1;ModuleId=m1;SharedAccessKey=BBBB;"
         "GatewayHostName=localhost"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(arena_finish) struct arena arena = ARENA_INIT(65536);
        struct environment_hub hub = emulator;
        struct environment environment;
        hub.device = cases[i].device;
        hub.mqtt_port = cases[i].mqtt_port;
        hub.dotted_resolves = cases[i].resolves;
        assert_int_equal(
            environment_make(&arena, &hub, environment_sdk_named(cases[i].sdk), &environment),
            STATUS_OK);
        assert_str_equal(value_of(&environment, "IOTHUB_CONNECTION_STRING"), cases[i].service);
        assert_str_equal(value_of(&environment, ENVIRONMENT_DEVICE), cases[i].string);
    }
}

static void make_all(void *ctx)
{
    (void)ctx;
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(65536);
    struct environment environment = {0};
    if (environment_make(&arena, &emulator, SDK_ALL, &environment) != STATUS_OK) {
        assert_int_equal(environment.count, 0);
    }
}

static void failing_allocations_leave_nothing(void **state)
{
    (void)state;
    check_under_failing_allocations(make_all, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_sdk_gets_what_it_reads),
        cmocka_unit_test(a_real_hub_needs_its_strings_only),
        cmocka_unit_test(names_get_a_dot_where_one_is_wanted),
        cmocka_unit_test(failing_allocations_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
