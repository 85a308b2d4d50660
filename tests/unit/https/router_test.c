/* SPDX-License-Identifier: MIT */
#include "https/https_internal.h"

#include "check.h"

struct found {
    const struct https_route *route;
    struct identity_key key;
    char allow[HTTPS_ALLOW_SIZE];
};

/* The key points into the arena: look at it before the next call. */
static struct found find(struct arena *arena, const char *method, const char *raw)
{
    struct https_path path;
    struct found found = {.key = {.device = STR_EMPTY, .module = STR_EMPTY}};
    assert_int_equal(https_path_parse(str_from(raw), arena, &path), STATUS_OK);
    found.route = https_route_find(str_from(method), &path, &found.key, found.allow);
    return found;
}

static void each_resource_has_its_handler_and_permission(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path;
        void (*handle)(struct https_request *request);
        unsigned permission;
        const char *device, *module;
    } cases[] = {
        {"GET", "/statistics/devices", https_statistics_devices, HUB_REGISTRY_READ, "", ""},
        {"GET", "/statistics/service", https_statistics_service, HUB_SERVICE_CONNECT, "", ""},
        {"GET", "/devices", https_devices_list, HUB_REGISTRY_READ, "", ""},
        {"GET", "/devices/", https_devices_list, HUB_REGISTRY_READ, "", ""},
        {"POST", "/devices/", https_bulk, HUB_REGISTRY_WRITE, "", ""},
        {"POST", "/devices/query", https_query, HUB_SERVICE_CONNECT, "", ""},
        {"GET", "/devices/query", https_identity_get, HUB_REGISTRY_READ, "query", ""},
        {"PUT", "/devices/keys", https_identity_put, HUB_REGISTRY_WRITE, "keys", ""},
        {"DELETE", "/devices/d1", https_identity_delete, HUB_REGISTRY_WRITE, "d1", ""},
        {"GET", "/devices/d1/modules", https_modules_list, HUB_REGISTRY_READ, "d1", ""},
        {"PUT", "/devices/d1/modules/m1", https_identity_put, HUB_REGISTRY_WRITE, "d1", "m1"},
        {"GET", "/DEVICES/D1/Modules/M1", https_identity_get, HUB_REGISTRY_READ, "D1", "M1"},
        {"GET", "/twins/d1", https_twin_get, HUB_SERVICE_CONNECT, "d1", ""},
        {"PATCH", "/twins%2Fd1%2Fmodules%2Fm1", https_twin_patch, HUB_SERVICE_CONNECT, "d1", "m1"},
        {"PUT", "/twins/modules", https_twin_put, HUB_SERVICE_CONNECT, "modules", ""},
        {"POST", "/twins/d1/methods", https_method_invoke, HUB_SERVICE_CONNECT, "d1", ""},
        {"POST", "/twins/d1/modules/m1/methods", https_method_invoke, HUB_SERVICE_CONNECT, "d1",
         "m1"},
        {"POST", "/devices/d1/messages/events", https_telemetry, HUB_DEVICE_CONNECT, "d1", ""},
        {"POST", "/devices/d1/modules/m1//messages/events", https_telemetry, HUB_DEVICE_CONNECT,
         "d1", "m1"},
        {"GET", "/devices/d1/messages/devicebound", https_c2d_receive, HUB_DEVICE_CONNECT, "d1",
         ""},
        {"DELETE", "/devices/d1/messages/deviceBound/t", https_c2d_delete, HUB_DEVICE_CONNECT, "d1",
         ""},
        {"POST", "/devices/d1/messages/devicebound/t/abandon", https_c2d_abandon,
         HUB_DEVICE_CONNECT, "d1", ""},
        {"POST", "/devices/d1/messages/deviceBound", https_c2d_send, HUB_SERVICE_CONNECT, "d1", ""},
        {"GET", "/devices/d1/modules/m1//messages/devicebound", https_c2d_receive,
         HUB_DEVICE_CONNECT, "d1", "m1"},
        {"DELETE", "/devices/d1/modules/m1/messages/devicebound/t", https_c2d_delete,
         HUB_DEVICE_CONNECT, "d1", "m1"},
        {"POST", "/devices/d1/modules/m1/messages/devicebound/t/abandon", https_c2d_abandon,
         HUB_DEVICE_CONNECT, "d1", "m1"},
        {"POST", "/devices/d1/modules/m1/messages/devicebound", https_c2d_send, HUB_SERVICE_CONNECT,
         "d1", "m1"},
        {"DELETE", "/devices/d1/commands", https_c2d_purge, HUB_SERVICE_CONNECT, "d1", ""},
        {"GET", "/messages/servicebound/feedback", https_feedback_receive, HUB_SERVICE_CONNECT, "",
         ""},
        {"DELETE", "/messages/serviceBound/feedback/t", https_feedback_delete, HUB_SERVICE_CONNECT,
         "", ""},
        {"POST", "/messages/serviceBound/feedback/t/abandon", https_feedback_abandon,
         HUB_SERVICE_CONNECT, "", ""},
        {"GET", "/messages/serviceBound/filenotifications", https_file_notification_receive,
         HUB_SERVICE_CONNECT, "", ""},
        {"POST", "/messages/serviceBound/fileNotifications/t/abandon",
         https_file_notification_settle, HUB_SERVICE_CONNECT, "", ""},
    };
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 16);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct found found = find(&arena, cases[i].method, cases[i].path);
        assert_non_null(found.route);
        assert_true(found.route->handle == cases[i].handle);
        assert_int_equal(found.route->permission, cases[i].permission);
        assert_str_equal(found.key.device, cases[i].device);
        assert_str_equal(found.key.module, cases[i].module);
    }
}

static void what_the_service_has_and_we_have_not_is_told_by_name(void **state)
{
    (void)state;
    static const char *const paths[][2] = {
        {"PUT", "/jobs/v2/j1"},
        {"GET", "/jobs/v2/query"},
        {"POST", "/jobs/create"},
        {"GET", "/jobs/j1"},
        {"GET", "/configurations"},
        {"POST", "/configurations/testQueries"},
        {"GET", "/digitaltwins/d1"},
        {"POST", "/digitaltwins/d1/components/c/commands/x"},
        {"POST", "/devices/keys/regenerate"},
        {"POST", "/devices/d1/applyconfigurationcontent"},
        {"POST", "/devices/d1/files/notifications/c1"},
    };
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 16);
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        const struct found found = find(&arena, paths[i][0], paths[i][1]);
        assert_non_null(found.route);
        assert_null(found.route->handle);
        assert_non_null(found.route->missing);
    }
}

static void an_unknown_path_has_no_methods(void **state)
{
    (void)state;
    static const char *const paths[] = {"/",
                                        "/device/d1",
                                        "/devices/d1/module",
                                        "/twins",
                                        "/devices/d1/twins",
                                        "/statistics",
                                        "/twins/d1/x",
                                        "/devices/d1/modules/m1/x",
                                        "/jobs/v2/j/c/d"};
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 16);
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        const struct found found = find(&arena, "GET", paths[i]);
        assert_null(found.route);
        assert_string_equal(found.allow, "");
    }
}

static void a_known_path_tells_the_methods_it_has(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"DELETE", "/statistics/devices", "GET"},   {"POST", "/devices/d1", "GET, PUT, DELETE"},
        {"DELETE", "/twins/d1", "GET, PATCH, PUT"}, {"GET", "/twins/d1/methods", "POST"},
        {"get", "/devices", "GET, POST"}, /* methods have one spelling */
    };
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 16);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct found found = find(&arena, cases[i][0], cases[i][1]);
        assert_null(found.route);
        assert_string_equal(found.allow, cases[i][2]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_resource_has_its_handler_and_permission),
        cmocka_unit_test(what_the_service_has_and_we_have_not_is_told_by_name),
        cmocka_unit_test(an_unknown_path_has_no_methods),
        cmocka_unit_test(a_known_path_tells_the_methods_it_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
