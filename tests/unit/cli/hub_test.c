/* SPDX-License-Identifier: MIT */
#include "clients/cli/hub.h"

#include "check.h"

#define KEY ";SharedAccessKeyName=iothubowner;SharedAccessKey=a2V5"

static void the_port_is_that_of_the_door(void **state)
{
    (void)state;
    static const struct {
        const char *given;
        struct ready_ports ports;
        enum hub_door door;
        const char *expected;
    } cases[] = {
        {"HostName=localhost" KEY,
         {.https = 443, .https_alt = 8443},
         HUB_HTTPS,
         "HostName=localhost" KEY},
        {"HostName=localhost" KEY,
         {.https = 0, .https_alt = 8443},
         HUB_HTTPS,
         "HostName=localhost:8443" KEY},
        {"HostName=localhost:8443" KEY,
         {.https = 443, .https_alt = 8443},
         HUB_HTTPS,
         "HostName=localhost" KEY},
        {"HostName=localhost:8443" KEY, {.amqp = 5671}, HUB_AMQP, "HostName=localhost" KEY},
        {"HostName=localhost:8443" KEY, {.amqp = 15671}, HUB_AMQP, "HostName=localhost:15671" KEY},
        {"HostName=localhost:8443" KEY, {.mqtt = 18883}, HUB_MQTT, "HostName=localhost:18883" KEY},
        {"HostName=localhost" KEY, {.mqtt = 8883}, HUB_MQTT, "HostName=localhost" KEY},
        {"HostName=[::1]:8443" KEY, {.amqp = 7}, HUB_AMQP, "HostName=[::1]:7" KEY},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(buf_finish) struct buf out = BUF_INIT(1024);
        const struct hub hub = {.source = HUB_FROM_READY_FILE,
                                .connection_string = cases[i].given,
                                .ready = {.ports = cases[i].ports}};
        hub_append_string(&out, &hub, cases[i].door);
        assert_str_equal(buf_str(&out), cases[i].expected);
    }
}

static void a_string_that_was_given_is_not_touched(void **state)
{
    (void)state;
    CLEANUP(buf_finish) struct buf out = BUF_INIT(1024);
    const struct hub hub = {.source = HUB_FROM_LOGIN,
                            .connection_string = "HostName=localhost:8443" KEY,
                            .ready = {.ports = {.amqp = 15671}}};
    hub_append_string(&out, &hub, HUB_AMQP);
    assert_str_equal(buf_str(&out), "HostName=localhost:8443" KEY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_port_is_that_of_the_door),
        cmocka_unit_test(a_string_that_was_given_is_not_touched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
