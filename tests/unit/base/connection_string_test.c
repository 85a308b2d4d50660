/* SPDX-License-Identifier: MIT */
#include "base/connection_string.h"

#include "check.h"

static void a_device_s_string_is_taken_apart(void **state)
{
    (void)state;
    struct connection_string parts;
    assert_int_equal(
        connection_string_parse(STR("HostName=hub.localhost:8883;DeviceId=d1;ModuleId=m1;"
                                    "SharedAccessKey=AAEC+/8=;GatewayHostName=localhost"),
                                &parts, NULL),
        STATUS_OK);
    assert_str_equal(parts.host_name, "hub.localhost:8883");
    assert_str_equal(parts.gateway_host_name, "localhost");
    assert_str_equal(parts.device_id, "d1");
    assert_str_equal(parts.module_id, "m1");
    assert_str_equal(parts.shared_access_key, "AAEC+/8=");
    assert_str_equal(parts.shared_access_key_name, "");
    assert_str_equal(parts.shared_access_signature, "");
}

static void a_service_s_string_is_taken_apart(void **state)
{
    (void)state;
    struct connection_string parts;
    assert_int_equal(
        connection_string_parse(
            STR("HostName=localhost;SharedAccessKeyName=iothubowner;SharedAccessKey=AA=="), &parts,
            NULL),
        STATUS_OK);
    assert_str_equal(parts.shared_access_key_name, "iothubowner");
    assert_str_equal(parts.shared_access_key, "AA==");
    assert_str_equal(parts.device_id, "");
}

static void a_signature_is_kept_whole(void **state)
{
    (void)state;
    struct connection_string parts;
    assert_int_equal(connection_string_parse(STR("HostName=h;DeviceId=d;SharedAccessSignature="
                                                 "SharedAccessSignature sr=a&sig=b&se=1"),
                                             &parts, NULL),
                     STATUS_OK);
    assert_str_equal(parts.shared_access_signature, "SharedAccessSignature sr=a&sig=b&se=1");
}

static void other_spellings_are_read(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "hostname=h;DEVICEID=D",           "HostName=h;DeviceId=D;",
        ";;HostName=h;;DeviceId=D",        "HostName=h; DeviceId=D ",
        "HostName=h;DeviceId=D;x509=true", "DeviceId=C;HostName=h;DeviceId=D",
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct connection_string parts;
        assert_int_equal(connection_string_parse(str_from(texts[i]), &parts, NULL), STATUS_OK);
        assert_str_equal(parts.host_name, "h");
        assert_str_equal(parts.device_id, "D");
    }
}

static void a_certificate_s_mark_is_kept_as_written(void **state)
{
    (void)state;
    struct connection_string parts;
    assert_int_equal(connection_string_parse(STR("HostName=h;DeviceId=d;X509=True"), &parts, NULL),
                     STATUS_OK);
    assert_str_equal(parts.x509, "True");
    assert_int_equal(connection_string_parse(STR("HostName=h;DeviceId=d"), &parts, NULL),
                     STATUS_OK);
    assert_str_equal(parts.x509, "");
}

static void what_is_no_connection_string_is_refused_without_repeating_a_key(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t offset;
        const char *problem;
    } rows[] = {
        {"", PROBLEM_NO_OFFSET, "the connection string is missing"},
        {" ", PROBLEM_NO_OFFSET, "the connection string is missing"},
        {"HostName=", PROBLEM_NO_OFFSET, "no HostName, the hub's name"},
        {"DeviceId=d;SharedAccessKey=AA==", PROBLEM_NO_OFFSET, "no HostName, the hub's name"},
        {"HostName=h;secret", 11, "the part at byte 11 has no '=', expected Name=value"},
        {"secret;HostName=h", 0, "the part at byte 0 has no '=', expected Name=value"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct connection_string parts = {.device_id = STR("kept")};
        struct problem problem = {0};
        assert_int_equal(connection_string_parse(str_from(rows[i].text), &parts, &problem),
                         STATUS_INVALID);
        assert_string_equal(problem.text, rows[i].problem);
        assert_true(problem.offset == rows[i].offset);
        assert_str_equal(parts.device_id, "kept");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_s_string_is_taken_apart),
        cmocka_unit_test(a_service_s_string_is_taken_apart),
        cmocka_unit_test(a_signature_is_kept_whole),
        cmocka_unit_test(other_spellings_are_read),
        cmocka_unit_test(a_certificate_s_mark_is_kept_as_written),
        cmocka_unit_test(what_is_no_connection_string_is_refused_without_repeating_a_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
