/* SPDX-License-Identifier: MIT */
#include "events_rig.h"

static void check_annotation(const struct amqp_message *message, const char *name,
                             enum amqp_type type, const char *text)
{
    struct amqp_value value;
    if (!amqp_map_find(&message->annotations, str_from(name), &value) || value.type != type) {
        fail_msg("%s is not there, or of another type", name);
    }
    if (type == AMQP_STRING) {
        assert_str_equal(value.bytes, text);
    } else {
        char number[32];
        (void)snprintf(number, sizeof(number), "%" PRId64, value.i);
        assert_string_equal(number, text);
    }
}

static void check_absent(const struct amqp_message *message, const char *name)
{
    struct amqp_value value;
    assert_false(amqp_map_find(&message->annotations, str_from(name), &value));
}

static void check_text(const struct amqp_value *map, const char *name, const char *text)
{
    struct amqp_value value;
    if (!amqp_map_find(map, str_from(name), &value)) {
        fail_msg("%s is not there", name);
    }
    assert_int_equal(value.type, AMQP_STRING);
    assert_str_equal(value.bytes, text);
}

static void case_85_telemetry_has_its_annotations_and_the_same_bytes(void **state)
{
    (void)state;
    const struct hub_property system[] = {{STR("messageId"), STR("m1")},
                                          {STR("contentType"), STR("application/json")},
                                          {STR("componentName"), STR("thermo")},
                                          {STR("creationTimeUtc"), STR("2026-11-21T10:00:00Z")}};
    const struct hub_property application[] = {{STR("alert"), STR("tr\"ue")}};
    const struct hub_message telemetry = {.system = system,
                                          .system_count = ARRAY_SIZE(system),
                                          .application = application,
                                          .application_count = 1,
                                          .body = STR("\0\xff{")};
    send_from("d1", "", &telemetry);
    fake_tick();
    pn_link_t *link = open_reader(ALL_EVENTS);
    assert_string_equal(peer_refusal(link), "");
    const struct str bytes = peer_receive(peer, link, PN_ACCEPTED);
    struct amqp_message message;
    assert_true(amqp_message_read(bytes, &message, NULL));
    check_annotation(&message, "x-opt-sequence-number", AMQP_LONG, "0");
    check_annotation(&message, "x-opt-offset", AMQP_STRING, "6");
    check_annotation(&message, "x-opt-enqueued-time", AMQP_TIMESTAMP, NOW_MS);
    check_annotation(&message, "x-opt-partition-key", AMQP_STRING, "d1");
    check_annotation(&message, "iothub-enqueuedtime", AMQP_TIMESTAMP, NOW_MS);
    check_annotation(&message, "iothub-connection-device-id", AMQP_STRING, "d1");
    check_annotation(&message, "iothub-message-source", AMQP_STRING, "Telemetry");
    check_annotation(&message, "iothub-connection-auth-method", AMQP_STRING,
                     "{\"scope\":\"device\",\"type\":\"sas\",\"issuer\":\"iothub\","
                     "\"acceptingIpFilterRule\":null}");
    check_annotation(&message, "iothub-connection-auth-generation-id", AMQP_STRING,
                     "637547758448037735");
    check_annotation(&message, "dt-subject", AMQP_STRING, "thermo");
    check_absent(&message, "iothub-connection-module-id");
    check_absent(&message, "dt-dataschema");
    assert_str_equal(message.properties[AMQP_MESSAGE_ID].bytes, "m1");
    assert_str_equal(message.properties[AMQP_CONTENT_TYPE].bytes, "application/json");
    check_text(&message.application, "alert", "tr\"ue");
    check_text(&message.application, "iothub-creation-time-utc", "2026-11-21T10:00:00Z");
    assert_true(str_equal(message.body.bytes, telemetry.body));
}

static void a_module_says_which_it_is(void **state)
{
    (void)state;
    const struct hub_message telemetry = {.body = STR("x")};
    send_from("d1", "m1", &telemetry);
    fake_tick();
    pn_link_t *link = open_reader(ALL_EVENTS);
    struct amqp_message message;
    assert_true(amqp_message_read(peer_receive(peer, link, PN_ACCEPTED), &message, NULL));
    check_annotation(&message, "iothub-connection-module-id", AMQP_STRING, "m1");
    check_annotation(&message, "iothub-connection-auth-method", AMQP_STRING,
                     "{\"scope\":\"module\",\"type\":\"sas\",\"issuer\":\"iothub\","
                     "\"acceptingIpFilterRule\":null}");
}

static void a_lifecycle_event_has_the_services_properties(void **state)
{
    (void)state;
    fake_hub->settings.routes = HUB_ROUTE_LIFECYCLE | HUB_ROUTE_CONNECTION;
    fake_create("d1", "m2");
    fake_tick();
    pn_link_t *link = open_reader(ALL_EVENTS);
    struct amqp_message message;
    assert_true(amqp_message_read(peer_receive(peer, link, PN_ACCEPTED), &message, NULL));
    check_annotation(&message, "iothub-message-source", AMQP_STRING, "deviceLifecycleEvents");
    check_annotation(&message, "iothub-connection-device-id", AMQP_STRING, "d1");
    check_annotation(&message, "iothub-connection-module-id", AMQP_STRING, "m2");
    assert_str_equal(message.properties[AMQP_CONTENT_TYPE].bytes, "application/json");
    assert_str_equal(message.properties[AMQP_CONTENT_ENCODING].bytes, "utf-8");
    assert_str_equal(message.properties[AMQP_USER_ID].bytes, "hub");
    assert_true(message.properties[AMQP_CORRELATION_ID].type == AMQP_STRING);
    check_text(&message.application, "hubName", "hub");
    check_text(&message.application, "deviceId", "d1");
    check_text(&message.application, "moduleId", "m2");
    check_text(&message.application, "opType", "createModuleIdentity");
    check_text(&message.application, "operationTimestamp", "2026-11-21T11:00:00.0000000Z");
    check_text(&message.application, "iothub-message-schema", "moduleLifecycleNotification");
    assert_true(str_starts(message.body.bytes, STR("{\"deviceId\":\"d1\",\"moduleId\":\"m2\",")));
}

/* ---- runtime metrics ---- */

static void who_asks_is_told_how_far_the_partition_goes(void **state)
{
    (void)state;
    send_bodies(0, 3);
    pn_link_t *link = open_reader((struct wish){NO_EPOCH, .metrics = true, .credit = 1});
    const struct str bytes = peer_receive(peer, link, PN_ACCEPTED);
    struct amqp_reader sections;
    struct amqp_value described;
    amqp_reader_init(&sections, bytes, NULL);
    assert_true(amqp_read(&sections, &described));
    assert_int_equal(described.type, AMQP_DESCRIBED);
    struct amqp_reader inside = amqp_reader_inside(&described);
    struct amqp_value code;
    struct amqp_value map;
    assert_true(amqp_read(&inside, &code) && amqp_read(&inside, &map));
    assert_int_equal(code.u, AMQP_SECTION_DELIVERY_ANNOTATIONS);
    struct amqp_value value;
    assert_true(amqp_map_find(&map, STR("last_enqueued_sequence_number"), &value));
    assert_true(value.type == AMQP_LONG && value.i == 2);
    assert_true(amqp_map_find(&map, STR("last_enqueued_offset"), &value));
    assert_str_equal(value.bytes, "8");
    assert_true(amqp_map_find(&map, STR("last_enqueued_time_utc"), &value));
    assert_true(value.type == AMQP_TIMESTAMP && value.i == INT64_C(1795258800000));
    assert_true(amqp_map_find(&map, STR("runtime_info_retrieval_time_utc"), &value));
    assert_int_equal(value.type, AMQP_TIMESTAMP);

    /* The next attach did not ask. */
    link = open_reader(ALL_EVENTS);
    amqp_reader_init(&sections, peer_receive(peer, link, PN_ACCEPTED), NULL);
    assert_true(amqp_read(&sections, &described));
    inside = amqp_reader_inside(&described);
    assert_true(amqp_read(&inside, &code));
    assert_int_equal(code.u, AMQP_SECTION_ANNOTATIONS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(case_85_telemetry_has_its_annotations_and_the_same_bytes),
        TEST(a_module_says_which_it_is),
        TEST(a_lifecycle_event_has_the_services_properties),
        TEST(who_asks_is_told_how_far_the_partition_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
