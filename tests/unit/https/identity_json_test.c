/* SPDX-License-Identifier: MIT */
#include "https/https_internal.h"

#include "check.h"

static cJSON *parsed(const char *text)
{
    cJSON *tree = NULL;
    assert_int_equal(json_parse(str_from(text), &tree, NULL), STATUS_OK);
    return tree;
}

static void a_whole_device_is_read(void **state)
{
    (void)state;
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 16);
    CLEANUP(json_destroyp)
    cJSON *tree =
        parsed("{\"deviceId\":\"d1\",\"generationId\":\"1\",\"etag\":\"x\",\"connectionState\":"
               "\"Connected\","
               "\"status\":\"disabled\",\"statusReason\":\"stolen\","
               "\"authentication\":{\"type\":\"selfSigned\",\"symmetricKey\":{\"primaryKey\":\"\","
               "\"secondaryKey\":null},\"x509Thumbprint\":{\"primaryThumbprint\":\"AA\","
               "\"secondaryThumbprint\":\"BB\"}},\"capabilities\":{\"iotEdge\":true},"
               "\"deviceScope\":\"s\",\"parentScopes\":[\"p\"],\"managedBy\":\"me\"}");
    struct hub_identity_desc desc;
    assert_true(https_identity_read(tree, &arena, &desc, NULL));
    assert_str_equal(desc.status, "disabled");
    assert_str_equal(desc.status_reason, "stolen");
    assert_str_equal(desc.auth_type, "selfSigned");
    assert_str_equal(desc.primary_key, "");
    assert_null(desc.secondary_key.data);
    assert_str_equal(desc.primary_thumbprint, "AA");
    assert_str_equal(desc.secondary_thumbprint, "BB");
    assert_true(desc.edge);
    assert_str_equal(desc.device_scope, "s");
    assert_str_equal(desc.parent_scopes, "[\"p\"]");
    assert_str_equal(desc.managed_by, "me");
}

static void nulls_and_absent_members_are_not_given(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{}",
        "{\"status\":null,\"statusReason\":null,\"authentication\":null,\"capabilities\":null,"
        "\"deviceScope\":null,\"parentScopes\":null,\"managedBy\":null}",
        "{\"authentication\":{\"symmetricKey\":null,\"x509Thumbprint\":null,\"type\":null},"
        "\"capabilities\":{}}",
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 16);
        CLEANUP(json_destroyp) cJSON *tree = parsed(texts[i]);
        struct hub_identity_desc desc;
        assert_true(https_identity_read(tree, &arena, &desc, NULL));
        assert_null(desc.status.data);
        assert_null(desc.status_reason.data);
        assert_null(desc.auth_type.data);
        assert_null(desc.primary_key.data);
        assert_null(desc.primary_thumbprint.data);
        assert_false(desc.edge);
        assert_null(desc.device_scope.data);
        assert_null(desc.parent_scopes.data);
        assert_null(desc.managed_by.data);
        assert_null(desc.tags);
        assert_null(desc.desired);
    }
}

static void a_member_of_the_wrong_type_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *problem;
    } cases[] = {
        {"{\"status\":1}", "'status' must be a string"},
        {"{\"authentication\":[]}", "'authentication' must be an object"},
        {"{\"authentication\":{\"type\":{}}}", "'type' must be a string"},
        {"{\"authentication\":{\"symmetricKey\":\"k\"}}", "'symmetricKey' must be an object"},
        {"{\"capabilities\":{\"iotEdge\":\"true\"}}", "'iotEdge' must be true or false"},
        {"{\"parentScopes\":\"p\"}", "'parentScopes' must be an array of strings"},
        {"{\"parentScopes\":[\"p\",1]}", "'parentScopes' must be an array of strings"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 16);
        CLEANUP(json_destroyp) cJSON *tree = parsed(cases[i].text);
        struct problem problem;
        struct hub_identity_desc desc = {.edge = true};
        assert_false(https_identity_read(tree, &arena, &desc, &problem));
        assert_true(desc.edge);
        assert_string_equal(problem.text, cases[i].problem);
    }
}

static struct storage_identity a_new_device(void)
{
    return (struct storage_identity){
        .id = 1,
        .key = {.device = STR("d1"), .module = STR_EMPTY},
        .generation = INT64_C(637335579304092697),
        .etag = 945273454,
        .enabled = true,
        .status_updated_us = CLOCK_NEVER,
        .connection_updated_us = CLOCK_NEVER,
        .last_activity_us = CLOCK_NEVER,
        .primary_key = STR("cHJpbWFyeQ=="),
        .secondary_key = STR("c2Vjb25kYXJ5"),
    };
}

static void check_written(const struct storage_identity *identity, enum https_identity_form form,
                          const char *expected)
{
    CLEANUP(buf_finish) struct buf out = BUF_INIT(1 << 16);
    https_identity_append(&out, identity, form);
    assert_int_equal(buf_status(&out), STATUS_OK);
    assert_str_equal(buf_str(&out), expected);
}

/* Member order and times as recorded (service reference, 2.5). */
static void a_device_is_written_as_recorded(void **state)
{
    (void)state;
    const struct storage_identity device = a_new_device();
    check_written(
        &device, HTTPS_IDENTITY_CREATED,
        "{\"deviceId\":\"d1\",\"generationId\":\"637335579304092697\",\"etag\":\"OTQ1MjczNDU0\","
        "\"connectionState\":\"Disconnected\",\"status\":\"enabled\",\"statusReason\":null,"
        "\"connectionStateUpdatedTime\":\"0001-01-01T00:00:00\","
        "\"statusUpdatedTime\":\"0001-01-01T00:00:00\",\"lastActivityTime\":\"0001-01-01T00:00:"
        "00\","
        "\"cloudToDeviceMessageCount\":0,\"authentication\":{\"symmetricKey\":{"
        "\"primaryKey\":\"cHJpbWFyeQ==\",\"secondaryKey\":\"c2Vjb25kYXJ5\"},\"x509Thumbprint\":{"
        "\"primaryThumbprint\":null,\"secondaryThumbprint\":null},\"type\":\"sas\"},"
        "\"capabilities\":{\"iotEdge\":false},\"parentScopes\":[]}");
}

static void a_device_read_later_has_z_and_no_empty_scopes(void **state)
{
    (void)state;
    struct storage_identity device = a_new_device();
    device.enabled = false;
    device.connected = true;
    device.status_reason = STR("a \"reason\"");
    device.status_updated_us = INT64_C(1597440930409269);
    device.auth = STORAGE_AUTH_SELF_SIGNED;
    device.primary_key = STR_EMPTY;
    device.secondary_key = STR_EMPTY;
    device.primary_thumbprint = STR("AB");
    device.edge = true;
    device.device_scope = STR("ms-azure-iot-edge://d1-1");
    check_written(
        &device, HTTPS_IDENTITY_READ,
        "{\"deviceId\":\"d1\",\"generationId\":\"637335579304092697\",\"etag\":\"OTQ1MjczNDU0\","
        "\"connectionState\":\"Connected\",\"status\":\"disabled\",\"statusReason\":\"a "
        "\\\"reason\\\"\","
        "\"connectionStateUpdatedTime\":\"0001-01-01T00:00:00Z\","
        "\"statusUpdatedTime\":\"2020-08-14T21:35:30.4092690Z\","
        "\"lastActivityTime\":\"0001-01-01T00:00:00Z\","
        "\"cloudToDeviceMessageCount\":0,\"authentication\":{\"symmetricKey\":{"
        "\"primaryKey\":null,\"secondaryKey\":null},\"x509Thumbprint\":{"
        "\"primaryThumbprint\":\"AB\",\"secondaryThumbprint\":null},\"type\":\"selfSigned\"},"
        "\"capabilities\":{\"iotEdge\":true},\"deviceScope\":\"ms-azure-iot-edge://d1-1\"}");
}

static void an_updated_device_always_has_parent_scopes(void **state)
{
    (void)state;
    CLEANUP(buf_finish) struct buf out = BUF_INIT(1 << 16);
    struct storage_identity device = a_new_device();
    https_identity_append(&out, &device, HTTPS_IDENTITY_UPDATED);
    assert_true(str_ends(buf_str(&out), STR(",\"parentScopes\":[]}")));
    assert_non_null(strstr(out.data, "\"lastActivityTime\":\"0001-01-01T00:00:00Z\""));

    buf_clear(&out);
    device.parent_scopes = STR("[\"p\"]");
    https_identity_append(&out, &device, HTTPS_IDENTITY_READ);
    assert_true(str_ends(buf_str(&out), STR(",\"parentScopes\":[\"p\"]}")));
}

static void a_module_has_no_status(void **state)
{
    (void)state;
    struct storage_identity module = a_new_device();
    module.key.module = STR("m1");
    check_written(
        &module, HTTPS_IDENTITY_CREATED,
        "{\"moduleId\":\"m1\",\"managedBy\":null,\"deviceId\":\"d1\","
        "\"generationId\":\"637335579304092697\",\"etag\":\"OTQ1MjczNDU0\","
        "\"connectionState\":\"Disconnected\","
        "\"connectionStateUpdatedTime\":\"0001-01-01T00:00:00\","
        "\"lastActivityTime\":\"0001-01-01T00:00:00\",\"cloudToDeviceMessageCount\":0,"
        "\"authentication\":{\"symmetricKey\":{\"primaryKey\":\"cHJpbWFyeQ==\","
        "\"secondaryKey\":\"c2Vjb25kYXJ5\"},\"x509Thumbprint\":{\"primaryThumbprint\":null,"
        "\"secondaryThumbprint\":null},\"type\":\"sas\"}}");
}

static void write_tolerantly(void *ctx)
{
    const struct storage_identity *device = ctx;
    CLEANUP(buf_finish) struct buf out = BUF_INIT(1 << 16);
    https_identity_append(&out, device, HTTPS_IDENTITY_READ);
}

static void a_refused_allocation_is_survived(void **state)
{
    (void)state;
    struct storage_identity device = a_new_device();
    check_under_failing_allocations(write_tolerantly, &device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_device_is_read),
        cmocka_unit_test(nulls_and_absent_members_are_not_given),
        cmocka_unit_test(a_member_of_the_wrong_type_is_named),
        cmocka_unit_test(a_device_is_written_as_recorded),
        cmocka_unit_test(a_device_read_later_has_z_and_no_empty_scopes),
        cmocka_unit_test(an_updated_device_always_has_parent_scopes),
        cmocka_unit_test(a_module_has_no_status),
        cmocka_unit_test(a_refused_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
