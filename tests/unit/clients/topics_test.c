/* SPDX-License-Identifier: MIT */
#include "clients/device/topics_internal.h"

#include "check.h"

#define ROOM 4096U

static void requests_are_named_as_the_reference_says(void **state)
{
    (void)state;
    struct buf out CLEANUP(buf_finish) = BUF_INIT(ROOM);
    topic_append_twin_get(&out, 7);
    assert_str_equal(buf_str(&out), "$iothub/twin/GET/?$rid=7");
    buf_clear(&out);
    topic_append_reported_patch(&out, UINT32_MAX);
    assert_str_equal(buf_str(&out), "$iothub/twin/PATCH/properties/reported/?$rid=4294967295");
    buf_clear(&out);
    topic_append_method_response(&out, 200, "a1");
    assert_str_equal(buf_str(&out), "$iothub/methods/res/200/?$rid=a1");
    buf_clear(&out);
    topic_append_method_response(&out, -1, "a1");
    assert_str_equal(buf_str(&out), "$iothub/methods/res/-1/?$rid=a1");
}

static void telemetry_carries_its_properties_encoded(void **state)
{
    (void)state;
    static const struct iothub_device_property properties[] = {
        {"a b", "1&2=3/4+5"},
        {"empty", ""},
        {"null", NULL},
    };
    static const struct iothub_device_message whole = {
        .message_id = "m",
        .correlation_id = "c",
        .user_id = "u",
        .content_type = "application/json",
        .content_encoding = "utf-8",
        .creation_time_utc = "t",
        .expiry_time_utc = "e",
        .component = "s",
        .output = "o",
        .properties = properties,
        .property_count = 1,
    };
    static const struct iothub_device_message none = {.body = "x", .body_size = 1};
    static const struct iothub_device_message type_only = {.content_type = "a/b"};
    static const struct iothub_device_message own = {
        .properties = properties,
        .property_count = ARRAY_SIZE(properties),
    };
    static const struct {
        const char *device;
        const char *module;
        const struct iothub_device_message *message;
        const char *topic;
    } cases[] = {
        {"d1", "", &none, "devices/d1/messages/events/"},
        {"d1", "m1", &none, "devices/d1/modules/m1/messages/events/"},
        {"d'1", "", &type_only, "devices/d'1/messages/events/%24.ct=a%2Fb"},
        {"d1", "", &own, "devices/d1/messages/events/a%20b=1%262%3D3%2F4%2B5&empty=&null"},
        {"d1", "m1", &whole,
         "devices/d1/modules/m1/messages/events/%24.mid=m&%24.cid=c&%24.uid=u"
         "&%24.ct=application%2Fjson&%24.ce=utf-8&%24.ctime=t&%24.exp=e&%24.sub=s&%24.on=o"
         "&a%20b=1%262%3D3%2F4%2B5"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct buf out CLEANUP(buf_finish) = BUF_INIT(ROOM);
        topic_append_telemetry(&out, cases[i].device, cases[i].module, cases[i].message);
        assert_str_equal(buf_str(&out), cases[i].topic);
    }
}

static void a_topic_too_long_is_a_limit_and_not_a_cut_topic(void **state)
{
    (void)state;
    struct buf out CLEANUP(buf_finish) = BUF_INIT(20);
    const struct iothub_device_message message = {.body = NULL};
    topic_append_telemetry(&out, "a-device-of-some-length", "", &message);
    assert_int_equal(buf_status(&out), STATUS_LIMIT);
}

static void what_the_hub_sends_is_understood(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum topic_kind kind;
        int status;
        int64_t version;
        const char *name;
        const char *request_id;
    } cases[] = {
        {"$iothub/twin/res/200/?$rid=1", TOPIC_TWIN_RESPONSE, 200, -1, "", "1"},
        {"$iothub/twin/res/204/?$rid=ho&$version=88", TOPIC_TWIN_RESPONSE, 204, 88, "", "ho"},
        {"$iothub/twin/res/429/?$rid=1&x=y", TOPIC_TWIN_RESPONSE, 429, -1, "", "1"},
        {"$iothub/twin/PATCH/properties/desired/?$version=15", TOPIC_DESIRED, 0, 15, "", ""},
        {"$iothub/twin/PATCH/properties/desired/?$version=0", TOPIC_DESIRED, 0, 0, "", ""},
        {"$iothub/methods/POST/reboot/?$rid=a1", TOPIC_METHOD, 0, -1, "reboot", "a1"},
        {"$iothub/methods/POST/a/b/?$rid=1", TOPIC_METHOD, 0, -1, "a/b", "1"},
        {"$iothub/methods/POST/a/?x/?$rid=1", TOPIC_METHOD, 0, -1, "a/?x", "1"},
        /* what a client should not trip over */
        {"", TOPIC_UNKNOWN, 0, -1, "", ""},
        {"$iothub/twin/res/", TOPIC_UNKNOWN, 0, -1, "", ""},
        {"$iothub/twin/res/abc/?$rid=1", TOPIC_UNKNOWN, 0, -1, "", ""},
        {"$iothub/twin/res/-1/?$rid=1", TOPIC_UNKNOWN, 0, -1, "", ""},
        {"$iothub/twin/res/2147483647/?$rid=1", TOPIC_TWIN_RESPONSE, 2147483647, -1, "", "1"},
        {"$iothub/twin/res/2147483648/?$rid=1", TOPIC_UNKNOWN, 0, -1, "", ""},
        {"$iothub/twin/res/200/?$rid=", TOPIC_UNKNOWN, 0, -1, "", ""},
        {"$iothub/twin/res/200/", TOPIC_UNKNOWN, 0, -1, "", ""},
        {"$iothub/twin/res/200/$rid=1", TOPIC_UNKNOWN, 0, -1, "", ""},
        {"$iothub/twin/res/204/?$rid=1&$version=x", TOPIC_UNKNOWN, 0, -1, "", ""},
        {"$iothub/twin/PATCH/properties/desired/", TOPIC_UNKNOWN, 0, -1, "", ""},
        {"$iothub/twin/PATCH/properties/desired/?$rid=1", TOPIC_UNKNOWN, 0, -1, "", ""},
        {"$iothub/twin/PATCH/properties/desired/?$version=-2", TOPIC_UNKNOWN, 0, -1, "", ""},
        {"$iothub/methods/POST/reboot", TOPIC_UNKNOWN, 0, -1, "", ""},
        {"$iothub/methods/POST//?$rid=1", TOPIC_UNKNOWN, 0, -1, "", ""},
        {"$iothub/methods/POST/?$rid=1", TOPIC_UNKNOWN, 0, -1, "", ""},
        {"$iothub/methods/POST/reboot/?", TOPIC_UNKNOWN, 0, -1, "", ""},
        {"$IOTHUB/twin/res/200/?$rid=1", TOPIC_UNKNOWN, 0, -1, "", ""},
        {"devices/d1/messages/events/", TOPIC_UNKNOWN, 0, -1, "", ""},
        {"devices/d1", TOPIC_UNKNOWN, 0, -1, "", ""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct topic topic = topic_parse(str_from(cases[i].text));
        if (topic.kind != cases[i].kind) {
            print_error("%s\n", cases[i].text);
        }
        assert_int_equal(topic.kind, cases[i].kind);
        assert_int_equal(topic.status, cases[i].status);
        assert_true(topic.version == cases[i].version);
        assert_str_equal(topic.name, cases[i].name);
        assert_str_equal(topic.request_id, cases[i].request_id);
    }
}

static void messages_are_told_from_inputs(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum topic_kind kind;
        const char *input;
        const char *bag;
    } cases[] = {
        {"devices/d1/messages/devicebound/%24.to=x&a=b", TOPIC_MESSAGE, "", "%24.to=x&a=b"},
        {"devices/d1/messages/devicebound/", TOPIC_MESSAGE, "", ""},
        {"devices/d1/modules/m1/inputs/in/%24.cdid=d", TOPIC_MESSAGE, "in", "%24.cdid=d"},
        {"devices/d1/modules/m1/inputs/in/a=b/", TOPIC_MESSAGE, "in", "a=b"},
        {"devices/d1/modules/m1/inputs/in", TOPIC_MESSAGE, "in", ""},
        {"devices/d1/modules/m1/inputs/", TOPIC_UNKNOWN, "", ""},
        {"devices/d1/modules/m1/outputs/x/", TOPIC_UNKNOWN, "", ""},
        {"devices/d1/modules/m1", TOPIC_UNKNOWN, "", ""},
        {"devices/d1/messages/devicebound", TOPIC_UNKNOWN, "", ""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct topic topic = topic_parse(str_from(cases[i].text));
        assert_int_equal(topic.kind, cases[i].kind);
        assert_str_equal(topic.name, cases[i].input);
        assert_str_equal(topic.bag, cases[i].bag);
    }
}

static void messages_are_subscribed_as_the_reference_says(void **state)
{
    (void)state;
    struct buf out CLEANUP(buf_finish) = BUF_INIT(ROOM);
    topic_append_message_filter(&out, "d1", "");
    assert_str_equal(buf_str(&out), "devices/d1/messages/devicebound/#");
    buf_clear(&out);
    topic_append_message_filter(&out, "d1", "m1");
    assert_str_equal(buf_str(&out), "devices/d1/modules/m1/inputs/#");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_named_as_the_reference_says),
        cmocka_unit_test(telemetry_carries_its_properties_encoded),
        cmocka_unit_test(a_topic_too_long_is_a_limit_and_not_a_cut_topic),
        cmocka_unit_test(what_the_hub_sends_is_understood),
        cmocka_unit_test(messages_are_told_from_inputs),
        cmocka_unit_test(messages_are_subscribed_as_the_reference_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
