/* SPDX-License-Identifier: MIT */
#include "clients/cli/fleet.h"

#include "check.h"

static void check_array(const cJSON *array, const char *expected)
{
    CLEANUP(buf_finish) struct buf out = BUF_INIT(4096);
    json_append_tree(&out, array);
    assert_str_equal(buf_str(&out), expected);
}

static void each_form_becomes_items(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *devices;
        const char *modules;
    } cases[] = {
        {"[]", "[]", "[]"},
        {"{\"id\":\"a\"}", "[{\"id\":\"a\",\"importMode\":\"create\"}]", "[]"},
        {"[{\"deviceId\":\"a\",\"status\":\"disabled\",\"etag\":\"x\",\"statusReason\":null}]",
         "[{\"id\":\"a\",\"importMode\":\"create\",\"status\":\"disabled\"}]", "[]"},
        {"{\"id\":\"a\",\"importMode\":\"delete\"}\r\n\n{\"id\":\"b\"}\n",
         "[{\"id\":\"a\",\"importMode\":\"delete\"},{\"id\":\"b\",\"importMode\":\"create\"}]",
         "[]"},
        {"{\"devices\":[{\"deviceId\":\"a\"}],\"devices.modules\":[{\"deviceId\":\"a\","
         "\"moduleId\":\"m\"}]}",
         "[{\"id\":\"a\",\"importMode\":\"create\"}]",
         "[{\"id\":\"a\",\"moduleId\":\"m\",\"importMode\":\"create\"}]"},
        {"{\"deviceId\":\"a\",\"authenticationType\":\"sas\",\"symmetricKey\":{\"primaryKey\":"
         "\"k\"}}",
         "[{\"id\":\"a\",\"importMode\":\"create\",\"authentication\":{\"type\":\"sas\","
         "\"symmetricKey\":{\"primaryKey\":\"k\"}}}]",
         "[]"},
        {"{\"deviceId\":\"a\",\"properties\":{\"desired\":{\"x\":1,\"$version\":2,\"$metadata\":{}}"
         ",\"reported\":{\"y\":1,\"$version\":1}}}",
         "[{\"id\":\"a\",\"importMode\":\"create\",\"properties\":{\"desired\":{\"x\":1},"
         "\"reported\":{\"y\":1}}}]",
         "[]"},
        {"{\"devices\":{\"a\":{\"identity\":{\"status\":\"enabled\"},\"twin\":{\"tags\":{\"t\":1}},"
         "\"modules\":{\"m\":{\"identity\":{},\"twin\":{}},\"$edgeHub\":{\"identity\":{}}}}}}",
         "[{\"id\":\"a\",\"importMode\":\"create\",\"status\":\"enabled\",\"tags\":{\"t\":1}}]",
         "[{\"id\":\"a\",\"moduleId\":\"m\",\"importMode\":\"create\"}]"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(fleet_finish) struct fleet fleet = {0};
        struct problem problem = {0};
        assert_true(fleet_read(str_from(cases[i].text), "create", &fleet, &problem));
        check_array(fleet.devices, cases[i].devices);
        check_array(fleet.modules, cases[i].modules);
    }
}

static void what_an_item_cannot_say_is_counted(void **state)
{
    (void)state;
    CLEANUP(fleet_finish) struct fleet fleet = {0};
    struct problem problem = {0};
    assert_true(fleet_read(STR("[{\"id\":\"a\",\"parentScopes\":[\"x\"]},{\"id\":\"b\","
                               "\"parentScopes\":[]},{\"id\":\"c\",\"parent\":\"a\"},{\"id\":\"a\","
                               "\"moduleId\":\"$edgeAgent\"}]"),
                           "create", &fleet, &problem));
    assert_int_equal(fleet.parents, 2);
    assert_int_equal(fleet.reserved, 1);
}

static void a_twin_becomes_the_item_that_the_hub_exports(void **state)
{
    (void)state;
    static const struct {
        const char *twin;
        const char *identity;
        const char *item;
    } cases[] = {
        {"{\"deviceId\":\"a\",\"etag\":\"e\",\"status\":\"enabled\",\"authenticationType\":\"sas\","
         "\"x509Thumbprint\":{\"primaryThumbprint\":null},\"tags\":{\"t\":1},\"properties\":{"
         "\"desired\":{\"$version\":1}},\"capabilities\":{\"iotEdge\":false}}",
         NULL,
         "{\"id\":\"a\",\"authentication\":{\"type\":\"sas\",\"x509Thumbprint\":{"
         "\"primaryThumbprint\":null}},\"status\":\"enabled\",\"capabilities\":{\"iotEdge\":false},"
         "\"tags\":{\"t\":1},\"properties\":{\"desired\":{}}}"},
        {"{\"deviceId\":\"a\",\"authenticationType\":\"sas\"}",
         "{\"authentication\":{\"type\":\"sas\",\"symmetricKey\":{\"primaryKey\":\"k\"}}}",
         "{\"id\":\"a\",\"authentication\":{\"type\":\"sas\",\"symmetricKey\":{\"primaryKey\":"
         "\"k\"}}}"},
        {"{\"deviceId\":\"a\",\"moduleId\":\"m\",\"status\":\"enabled\",\"capabilities\":{}}", NULL,
         "{\"id\":\"a\",\"moduleId\":\"m\"}"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(json_destroyp) cJSON *twin = NULL;
        CLEANUP(json_destroyp) cJSON *identity = NULL;
        assert_int_equal(json_parse(str_from(cases[i].twin), &twin, NULL), STATUS_OK);
        assert_true(cases[i].identity == NULL ||
                    json_parse(str_from(cases[i].identity), &identity, NULL) == STATUS_OK);
        CLEANUP(json_destroyp) cJSON *item = fleet_item(twin, identity);
        check_array(item, cases[i].item);
    }
}

static void read_once(void *ctx)
{
    CLEANUP(fleet_finish) struct fleet fleet = {0};
    struct problem problem = {0};
    assert_true(fleet_read(str_from(ctx), "create", &fleet, &problem) || problem.text[0] != '\0');
}

static void failing_allocations_are_survived(void **state)
{
    (void)state;
    char array[] =
        "[{\"id\":\"a\",\"tags\":{\"t\":1},\"properties\":{\"desired\":{\"x\":1}}},"
        "{\"deviceId\":\"a\",\"moduleId\":\"m\",\"symmetricKey\":{\"primaryKey\":\"k\"}}]";
    char exported[] =
        "{\"devices\":{\"a\":{\"identity\":{\"status\":\"enabled\"},\"twin\":{\"tags\":"
        "{\"t\":1}},\"parent\":\"p\"}}}";
    check_under_failing_allocations(read_once, array);
    check_under_failing_allocations(read_once, exported);
}

int main(void)
{
    mem_use_for_json();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_form_becomes_items),
        cmocka_unit_test(what_an_item_cannot_say_is_counted),
        cmocka_unit_test(a_twin_becomes_the_item_that_the_hub_exports),
        cmocka_unit_test(failing_allocations_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
