/* SPDX-License-Identifier: MIT */
#include "mqtt/topic.h"

#include "check.h"

static const struct topic_owner device = {.device_id = {"d1", 2}, .module_id = {"", 0}};
static const struct topic_owner module = {.device_id = {"d1", 2}, .module_id = {"m1", 2}};

static void telemetry_topics_give_the_bag_as_it_stands(void **state)
{
    (void)state;
    static const struct {
        const struct topic_owner *owner;
        const char *name;
        const char *bag;
    } rows[] = {
        {&device, "devices/d1/messages/events", ""},
        {&device, "devices/d1/messages/events/", ""},
        {&device, "devices/d1/messages/events/a=b&c", "a=b&c"},
        {&device, "devices/d1/messages/events/?a=b", "?a=b"},
        {&device, "devices/d1/messages/events/a=b/", "a=b/"},
        {&device, "devices/d1/messages/events//", "/"},
        {&module, "devices/d1/modules/m1/messages/events/%24.on=o", "%24.on=o"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct topic topic;
        assert_int_equal(topic_read(rows[i].owner, str_from(rows[i].name), &topic, NULL),
                         TOPIC_TELEMETRY);
        assert_int_equal(topic.operation, TOPIC_TELEMETRY);
        assert_str_equal(topic.bag, rows[i].bag);
    }
}

static void twin_and_method_topics_give_their_fields(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum topic_operation operation;
        const char *rid;
        enum topic_version version_is;
        int64_t version;
        int32_t status;
    } rows[] = {
        {"$iothub/twin/GET/?$rid=42", TOPIC_TWIN_GET, "42", TOPIC_VERSION_ABSENT, 0, 0},
        {"$iothub/twin/GET/?$rid=a%20b", TOPIC_TWIN_GET, "a%20b", TOPIC_VERSION_ABSENT, 0, 0},
        {"$iothub/twin/GET/?x=1&$rid=7&$rid=8", TOPIC_TWIN_GET, "7", TOPIC_VERSION_ABSENT, 0, 0},
        {"$iothub/twin/PATCH/properties/reported/?$rid=f6", TOPIC_TWIN_PATCH_REPORTED, "f6",
         TOPIC_VERSION_ABSENT, 0, 0},
        {"$iothub/twin/PATCH/properties/reported/?$rid=1&$version=12", TOPIC_TWIN_PATCH_REPORTED,
         "1", TOPIC_VERSION_GIVEN, 12, 0},
        {"$iothub/twin/PATCH/properties/reported/?$version=-1&$rid=1", TOPIC_TWIN_PATCH_REPORTED,
         "1", TOPIC_VERSION_GIVEN, -1, 0},
        {"$iothub/twin/PATCH/properties/reported/?$rid=1&$version=x", TOPIC_TWIN_PATCH_REPORTED,
         "1", TOPIC_VERSION_MALFORMED, 0, 0},
        {"$iothub/twin/PATCH/properties/reported/?$rid=1&$version=", TOPIC_TWIN_PATCH_REPORTED, "1",
         TOPIC_VERSION_MALFORMED, 0, 0},
        /* a PATCH that nobody waits for */
        {"$iothub/twin/PATCH/properties/reported/", TOPIC_TWIN_PATCH_REPORTED, "",
         TOPIC_VERSION_ABSENT, 0, 0},
        {"$iothub/methods/res/200/?$rid=1a", TOPIC_METHOD_RESPONSE, "1a", TOPIC_VERSION_ABSENT, 0,
         200},
        {"$iothub/methods/res/-5/?$rid=1", TOPIC_METHOD_RESPONSE, "1", TOPIC_VERSION_ABSENT, 0, -5},
        {"$iothub/methods/res/2147483647/?$rid=1", TOPIC_METHOD_RESPONSE, "1", TOPIC_VERSION_ABSENT,
         0, INT32_MAX},
        {"$iothub/methods/res/-2147483648/?$rid=1", TOPIC_METHOD_RESPONSE, "1",
         TOPIC_VERSION_ABSENT, 0, INT32_MIN},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        for (int of_module = 0; of_module < 2; of_module++) {
            struct topic topic;
            topic_read(of_module ? &module : &device, str_from(rows[i].name), &topic, NULL);
            assert_int_equal(topic.operation, rows[i].operation);
            assert_str_equal(topic.request_id, rows[i].rid);
            assert_int_equal(topic.version_is, rows[i].version_is);
            assert_int_equal(topic.version, rows[i].version);
            assert_int_equal(topic.status, rows[i].status);
        }
    }
}

static void all_other_topics_are_forbidden_and_say_why(void **state)
{
    (void)state;
    static const struct {
        const struct topic_owner *owner;
        const char *name;
        const char *why;
    } rows[] = {
        {&device, "foo/bar", "the hub is no broker and knows only devices/d1/messages/events/"},
        {&device, "/devices/d1/messages/events/", "no broker"},
        {&device, "devices/d2/messages/events/", "publish for nobody else"},
        {&device, "devices/D1/messages/events/", "publish for nobody else"},
        {&device, "devices/d1x/messages/events/", "publish for nobody else"},
        {&device, "devices/d1/messages/eventsx", "only messages/events/ may be published to"},
        {&device, "devices/d1/messages/devicebound/", "only messages/events/"},
        {&device, "devices/d1/modules/m1/messages/events/", "only messages/events/"},
        {&module, "devices/d1/messages/events/", "devices/d1/modules/m1/messages/events/"},
        {&module, "devices/d1/modules/m2/messages/events/", "publish for nobody else"},
        {&device, "$iothub/twin/GET/", "the request id is missing"},
        {&device, "$iothub/twin/GET/?$rid=", "the request id is missing"},
        {&device, "$iothub/twin/GET/?%24rid=1", "the request id is missing"},
        {&device, "$iothub/twin/GET?$rid=1", "no broker"},
        {&device, "$iothub/twin/GET/x?$rid=1", "no broker"},
        {&device, "$iothub/twin/PUT/properties/reported/?$rid=1", "no broker"},
        {&device, "$iothub/twin/PATCH/properties/desired/?$rid=1", "no broker"},
        {&device, "$iothub/twin/PATCH/properties/reported/x", "no broker"},
        {&device, "$iothub/methods/res/ok/?$rid=1", "status \"ok\""},
        {&device, "$iothub/methods/res//?$rid=1", "status \"\""},
        {&device, "$iothub/methods/res/2147483648/?$rid=1", "32 bits"},
        {&device, "$iothub/methods/res/-2147483649/?$rid=1", "32 bits"},
        {&device, "$iothub/methods/res/200/$rid=1", "must be followed by /?$rid"},
        {&device, "$iothub/methods/res/200", "the request id is missing"},
        {&device, "$iothub/methods/POST/x/?$rid=1", "no broker"},
        {&device, "", "no broker"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct topic topic;
        struct problem problem = {0};
        assert_int_equal(topic_read(rows[i].owner, str_from(rows[i].name), &topic, &problem),
                         TOPIC_FORBIDDEN);
        assert_int_equal(topic.operation, TOPIC_FORBIDDEN);
        if (strstr(problem.text, rows[i].why) == NULL) {
            fail_msg("%s: \"%s\" does not say \"%s\"", rows[i].name, problem.text, rows[i].why);
        }
    }
}

static void each_filter_means_its_flow(void **state)
{
    (void)state;
    static const struct {
        const struct topic_owner *owner;
        const char *filter;
        enum topic_flow flow;
        const char *method;
    } rows[] = {
        {&device, "devices/d1/messages/devicebound/#", TOPIC_FLOW_C2D, ""},
        {&device, "$iothub/methods/POST/#", TOPIC_FLOW_METHODS, ""},
        {&device, "$iothub/methods/POST/reboot/#", TOPIC_FLOW_METHOD, "reboot"},
        {&device, "$iothub/methods/POST/a/b/#", TOPIC_FLOW_METHOD, "a/b"},
        {&device, "$iothub/twin/res/#", TOPIC_FLOW_TWIN_RESULTS, ""},
        {&device, "$iothub/twin/PATCH/properties/desired/#", TOPIC_FLOW_DESIRED, ""},
        {&module, "devices/d1/modules/m1/#", TOPIC_FLOW_MODULE, ""},
        {&module, "devices/d1/modules/m1/inputs/#", TOPIC_FLOW_INPUTS, ""},
        {&module, "devices/d1/modules/m1/messages/devicebound/#", TOPIC_FLOW_C2D, ""},
        {&module, "$iothub/methods/POST/#", TOPIC_FLOW_METHODS, ""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct str method;
        assert_int_equal(topic_read_filter(rows[i].owner, str_from(rows[i].filter), &method, NULL),
                         rows[i].flow);
        assert_str_equal(method, rows[i].method);
    }
}

static void all_other_filters_are_forbidden_and_say_why(void **state)
{
    (void)state;
    static const struct {
        const struct topic_owner *owner;
        const char *filter;
        const char *why;
    } rows[] = {
        {&device, "#", "no broker"},
        {&device, "+/#", "no broker"},
        {&device, "foo", "no broker"},
        {&device, "devices/+/messages/devicebound/#", "nobody else's"},
        {&device, "devices/d2/messages/devicebound/#", "nobody else's"},
        {&device, "devices/D1/messages/devicebound/#", "nobody else's"},
        {&device, "devices/d1/messages/devicebound/", "written exactly so"},
        {&device, "devices/d1/messages/devicebound/x/#", "written exactly so"},
        {&device, "devices/d1/messages/events/#", "devices/d1/messages/devicebound/#"},
        {&device, "devices/d1/#", "written exactly so"},
        {&device, "devices/d1/inputs/#", "written exactly so"},
        {&device, "devices/d1/modules/m1/#", "nobody else's"},
        {&module, "devices/d1/messages/devicebound/#", "devices/d1/modules/m1/#"},
        {&module, "devices/d1/modules/m2/#", "nobody else's"},
        {&device, "$iothub/#", "no broker"},
        {&device, "$iothub/methods/POST/+/#", "no broker"},
        {&device, "$iothub/methods/POST//#", "no broker"},
        {&device, "$iothub/methods/POST/#/#", "no broker"},
        {&device, "$iothub/methods/POST/reboot", "no broker"},
        {&device, "$iothub/methods/res/#", "no broker"},
        {&device, "$iothub/twin/res/200/#", "no broker"},
        {&device, "$iothub/twin/PATCH/properties/desired", "no broker"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct str method;
        struct problem problem = {0};
        assert_int_equal(
            topic_read_filter(rows[i].owner, str_from(rows[i].filter), &method, &problem),
            TOPIC_FLOW_FORBIDDEN);
        assert_int_equal(method.size, 0);
        if (strstr(problem.text, rows[i].why) == NULL) {
            fail_msg("%s: \"%s\" does not say \"%s\"", rows[i].filter, problem.text, rows[i].why);
        }
    }
}

static void a_long_hostile_topic_is_quoted_in_part(void **state)
{
    (void)state;
    static char name[60000];
    memset(name, 'x', sizeof(name));
    struct topic topic;
    struct problem problem = {0};
    assert_int_equal(topic_read(&device, str_of(name, sizeof(name)), &topic, &problem),
                     TOPIC_FORBIDDEN);
    assert_non_null(strstr(problem.text, "$iothub/twin/GET/"));
}

static void the_hubs_topics_are_written_as_the_sdks_read_them(void **state)
{
    (void)state;
    const int64_t version = 88;
    struct buf out CLEANUP(buf_finish) = BUF_INIT(1024);
    topic_append_method_request(&out, STR("reboot"), STR("1f"));
    assert_str_equal(buf_str(&out), "$iothub/methods/POST/reboot/?$rid=1f");
    buf_clear(&out);
    topic_append_twin_result(&out, 200, STR("hey"), NULL);
    assert_str_equal(buf_str(&out), "$iothub/twin/res/200/?$rid=hey");
    buf_clear(&out);
    topic_append_twin_result(&out, 204, STR("ho"), &version);
    assert_str_equal(buf_str(&out), "$iothub/twin/res/204/?$rid=ho&$version=88");
    buf_clear(&out);
    topic_append_desired(&out, 15);
    assert_str_equal(buf_str(&out), "$iothub/twin/PATCH/properties/desired/?$version=15");
}

static void forbid_with_no_memory(void *ctx)
{
    (void)ctx;
    struct topic topic;
    struct str method;
    struct problem problem = {0};
    assert_int_equal(topic_read(&device, STR("devices/x"), &topic, &problem), TOPIC_FORBIDDEN);
    assert_int_equal(topic_read_filter(&device, STR("#"), &method, &problem), TOPIC_FLOW_FORBIDDEN);
}

static void refusals_survive_failing_allocations(void **state)
{
    (void)state;
    check_under_failing_allocations(forbid_with_no_memory, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(telemetry_topics_give_the_bag_as_it_stands),
        cmocka_unit_test(twin_and_method_topics_give_their_fields),
        cmocka_unit_test(all_other_topics_are_forbidden_and_say_why),
        cmocka_unit_test(each_filter_means_its_flow),
        cmocka_unit_test(all_other_filters_are_forbidden_and_say_why),
        cmocka_unit_test(a_long_hostile_topic_is_quoted_in_part),
        cmocka_unit_test(the_hubs_topics_are_written_as_the_sdks_read_them),
        cmocka_unit_test(refusals_survive_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
