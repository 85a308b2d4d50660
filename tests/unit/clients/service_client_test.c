/* SPDX-License-Identifier: MIT */
#include <iothub/service.h>

#include <stdlib.h>

#include "base/json.h"
#include "check.h"

#define KEY "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

static void destroyp(struct iothub_service **service)
{
    iothub_service_destroy(*service);
}

static void connection_strings_are_taken_or_explained(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *host; /* NULL: refused */
        const char *says; /* in the refusal */
    } cases[] = {
        {"HostName=hub.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey=" KEY,
         "hub.azure-devices.net", ""},
        {"HostName=localhost:8443;SharedAccessKeyName=service;SharedAccessKey=" KEY, "localhost",
         ""},
        {"HostName=h;SharedAccessSignature=SharedAccessSignature sr=h&sig=x&se=1", "h", ""},
        {"HostName=h;SharedAccessSignature=SharedAccessSignature sr=h&se=1", NULL,
         "the SharedAccessSignature cannot be read"},
        {"HostName=h;SharedAccessSignature=x;SharedAccessKeyName=n;SharedAccessKey=" KEY, "h", ""},
        {"hostname=h ; sharedaccesskeyname=n;SharedAccessKey=" KEY ";", "h", ""},
        {"HostName=h;GatewayHostName=g;SharedAccessKeyName=n;SharedAccessKey=" KEY, "h", ""},
        {"HostName=d.azure-devices-provisioning.net;SharedAccessKeyName=n;SharedAccessKey=" KEY,
         NULL, "provisioning"},
        {"HostName=h;DeviceId=d;x509=true", NULL, "of a device"},
        {"Endpoint=sb://n.servicebus.windows.net/;SharedAccessKeyName=n;SharedAccessKey=" KEY, NULL,
         "Event Hubs"},
        {"DefaultEndpointsProtocol=https;AccountName=a;AccountKey=" KEY, NULL, "storage"},
        {"", NULL, "is missing"},
        {"nonsense", NULL, "has no '='"},
        {"HostName=h;SharedAccessKeyName=n", NULL, "SharedAccessKey"},
        {"HostName=h;SharedAccessKey=" KEY, NULL, "SharedAccessKeyName"},
        {"HostName=h;SharedAccessKeyName=n;SharedAccessKey=short", NULL, "base64"},
        {"HostName=h;DeviceId=d;SharedAccessKey=" KEY, NULL, "of a device"},
        {"HostName=https://h;SharedAccessKeyName=n;SharedAccessKey=" KEY, NULL, "https://"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct iothub_service *client CLEANUP(destroyp) = NULL;
        struct iothub_error error = {.http_status = 1};
        const enum iothub_result result =
            iothub_service_create(cases[i].text, NULL, &client, &error);
        if (cases[i].host == NULL) {
            assert_int_equal(result, IOTHUB_INVALID);
            assert_null(client);
            assert_int_equal(error.http_status, 0);
            if (strstr(error.text, cases[i].says) == NULL) {
                print_error("\"%s\" does not say \"%s\"\n", error.text, cases[i].says);
            }
            assert_non_null(strstr(error.text, cases[i].says));
        } else {
            assert_int_equal(result, IOTHUB_OK);
            assert_string_equal(iothub_service_host(client), cases[i].host);
        }
    }
}

/* Nobody listens on port 1, and nothing below gets as far as to find out. */
static struct iothub_service *open_client(void)
{
    struct iothub_service *client = NULL;
    struct iothub_error error;
    assert_int_equal(
        iothub_service_create("HostName=localhost:1;SharedAccessKeyName=n;SharedAccessKey=" KEY,
                              NULL, &client, &error),
        IOTHUB_OK);
    return client;
}

static void what_is_not_json_is_not_sent(void **state)
{
    (void)state;
    struct iothub_service *client CLEANUP(destroyp) = open_client();
    const struct iothub_service_id device = {.device_id = "d1"};
    struct iothub_error error;
    cJSON *tree = NULL;
    int status = 7;
    assert_int_equal(iothub_service_twin_update(client, device, "{\"tags\":", NULL, &tree, &error),
                     IOTHUB_INVALID);
    assert_non_null(strstr(error.text, "the patch is not JSON"));
    const struct iothub_service_method method = {.name = "m", .payload_json = "{"};
    assert_int_equal(iothub_service_method_invoke(client, device, &method, &status, &tree, &error),
                     IOTHUB_INVALID);
    assert_non_null(strstr(error.text, "the payload is not JSON"));
    assert_null(tree);
    assert_int_equal(status, 7);
}

static void a_hub_that_does_not_answer_is_named(void **state)
{
    (void)state;
    struct iothub_service *client CLEANUP(destroyp) = open_client();
    struct iothub_error error;
    cJSON *tree = NULL;
    assert_int_equal(iothub_service_twin_get(client, (struct iothub_service_id){.device_id = "d1"},
                                             &tree, &error),
                     IOTHUB_UNAVAILABLE);
    assert_non_null(strstr(error.text, "localhost, port 1"));
    assert_int_equal(error.http_status, 0);
    assert_null(tree);
}

static void a_key_is_found_or_is_empty(void **state)
{
    (void)state;
    static const struct {
        const char *identity;
        const char *key;
    } cases[] = {
        {"{\"authentication\":{\"symmetricKey\":{\"primaryKey\":\"abc\"}}}", "abc"},
        {"{\"authentication\":{\"symmetricKey\":{\"primaryKey\":null}}}", ""},
        {"{\"authentication\":{\"type\":\"selfSigned\"}}", ""},
        {"{}", ""},
        {"[]", ""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        cJSON *identity CLEANUP(json_destroyp) = NULL;
        assert_int_equal(json_parse(str_from(cases[i].identity), &identity, NULL), STATUS_OK);
        assert_string_equal(iothub_service_identity_key(identity, IOTHUB_SERVICE_PRIMARY_KEY),
                            cases[i].key);
    }
}

static void no_connection_string_is_told(void **state)
{
    (void)state;
    struct iothub_service *client = NULL;
    struct iothub_error error;
    assert_int_equal(iothub_service_create(NULL, NULL, &client, &error), IOTHUB_INVALID);
    assert_non_null(strstr(error.text, "missing"));
    assert_int_equal(iothub_service_create("", NULL, &client, NULL), IOTHUB_INVALID);
    assert_null(client);
}

static void an_expired_signature_is_not_sent(void **state)
{
    (void)state;
    struct iothub_service *client CLEANUP(destroyp) = NULL;
    struct iothub_error error;
    cJSON *tree = NULL;
    assert_int_equal(
        iothub_service_create("HostName=localhost:1;SharedAccessSignature=SharedAccessSignature "
                              "sr=localhost&sig=x&se=1700000000&skn=n",
                              NULL, &client, &error),
        IOTHUB_OK);
    assert_int_equal(iothub_service_devices(client, 1, &tree, &error), IOTHUB_INVALID);
    assert_non_null(strstr(error.text, "expired at 2023-11-14T22:13:20 UTC"));
}

static void a_device_is_told_what_it_connects_with(void **state)
{
    (void)state;
    struct iothub_service *client CLEANUP(destroyp) = open_client();
    static const struct {
        const char *identity;
        const char *primary; /* NULL: refused */
        const char *secondary;
    } cases[] = {
        {"{\"deviceId\":\"d#1\",\"authentication\":{\"type\":\"sas\",\"symmetricKey\":"
         "{\"primaryKey\":\"p==\",\"secondaryKey\":\"s=\"}}}",
         "HostName=localhost;DeviceId=d#1;SharedAccessKey=p==",
         "HostName=localhost;DeviceId=d#1;SharedAccessKey=s="},
        {"{\"deviceId\":\"d\",\"moduleId\":\"m\",\"authentication\":{\"type\":\"SAS\","
         "\"symmetricKey\":{\"primaryKey\":\"p\",\"secondaryKey\":\"s\"}}}",
         "HostName=localhost;DeviceId=d;ModuleId=m;SharedAccessKey=p",
         "HostName=localhost;DeviceId=d;ModuleId=m;SharedAccessKey=s"},
        {"{\"deviceId\":\"d\",\"authentication\":{\"type\":\"selfSigned\"}}",
         "HostName=localhost;DeviceId=d;x509=true", "HostName=localhost;DeviceId=d;x509=true"},
        {"{\"deviceId\":\"d\",\"authentication\":{\"type\":\"certificateAuthority\"}}",
         "HostName=localhost;DeviceId=d;x509=true", "HostName=localhost;DeviceId=d;x509=true"},
        {"{\"deviceId\":\"d\",\"authentication\":{\"type\":\"none\"}}", NULL, NULL},
        {"{\"deviceId\":\"d\",\"authentication\":{\"type\":\"sas\"}}", NULL, NULL},
        {"{\"deviceId\":\"d\"}", NULL, NULL},
        {"{}", NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        cJSON *identity CLEANUP(json_destroyp) = NULL;
        assert_int_equal(json_parse(str_from(cases[i].identity), &identity, NULL), STATUS_OK);
        const char *const expected[] = {cases[i].primary, cases[i].secondary};
        for (size_t key = 0; key < ARRAY_SIZE(expected); key++) {
            char text[IOTHUB_SERVICE_CONNECTION_STRING_SIZE] = "untouched";
            struct iothub_error error;
            const enum iothub_result result = iothub_service_connection_string(
                client, identity, (enum iothub_service_key)key, text, &error);
            assert_int_equal(result, expected[key] == NULL ? IOTHUB_INVALID : IOTHUB_OK);
            assert_string_equal(text, expected[key] == NULL ? "untouched" : expected[key]);
        }
    }
}

static void items_of_a_bulk_request_stand_as_the_reference_says(void **state)
{
    (void)state;
    static const struct {
        enum iothub_service_bulk_mode mode;
        struct iothub_service_id id;
        struct iothub_service_registration registration;
        const char *item;
    } cases[] = {
        {IOTHUB_SERVICE_BULK_CREATE,
         {"d", NULL},
         {.disabled = true,
          .status_reason = "why",
          .iot_edge = true,
          .auth = IOTHUB_SERVICE_AUTH_CA},
         "{\"id\":\"d\",\"importMode\":\"create\",\"status\":\"disabled\",\"statusReason\":\"why\","
         "\"capabilities\":{\"iotEdge\":true},\"authentication\":{\"type\":"
         "\"certificateAuthority\"}}"},
        {IOTHUB_SERVICE_BULK_CREATE_OR_UPDATE,
         {"d", "m"},
         {.managed_by = "us", .primary_key = KEY, .secondary_key = KEY},
         "{\"id\":\"d\",\"moduleId\":\"m\",\"importMode\":\"createOrUpdate\",\"managedBy\":\"us\","
         "\"authentication\":{\"type\":\"sas\",\"symmetricKey\":{\"primaryKey\":\"" KEY "\","
         "\"secondaryKey\":\"" KEY "\"}}}"},
        {IOTHUB_SERVICE_BULK_DELETE,
         {"d", NULL},
         {.disabled = false},
         "{\"id\":\"d\",\"importMode\":\"delete\"}"},
        {IOTHUB_SERVICE_BULK_UPDATE_TWIN,
         {"d", "m"},
         {.disabled = false},
         "{\"id\":\"d\",\"moduleId\":\"m\",\"importMode\":\"updateTwin\"}"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        cJSON *items CLEANUP(json_destroyp) = cJSON_CreateArray();
        cJSON *item = NULL;
        struct iothub_error error;
        assert_int_equal(iothub_service_bulk_add(items, cases[i].mode, cases[i].id,
                                                 &cases[i].registration, &item, &error),
                         IOTHUB_OK);
        assert_ptr_equal(item, cJSON_GetArrayItem(items, 0));
        char *text = cJSON_PrintUnformatted(item);
        assert_string_equal(text, cases[i].item);
        cJSON_free(text);
    }
}

static void an_item_that_no_hub_takes_is_not_added(void **state)
{
    (void)state;
    cJSON *items CLEANUP(json_destroyp) = cJSON_CreateArray();
    cJSON *object CLEANUP(json_destroyp) = cJSON_CreateObject();
    const struct iothub_service_id good = {.device_id = "d"};
    const struct iothub_service_id bad = {.device_id = "a b"};
    const struct iothub_service_registration one_key = {.primary_key = KEY};
    assert_int_equal(
        iothub_service_bulk_add(items, IOTHUB_SERVICE_BULK_DELETE, bad, NULL, NULL, NULL),
        IOTHUB_INVALID);
    assert_int_equal(
        iothub_service_bulk_add(items, IOTHUB_SERVICE_BULK_CREATE, good, &one_key, NULL, NULL),
        IOTHUB_INVALID);
    assert_int_equal(
        iothub_service_bulk_add(items, (enum iothub_service_bulk_mode)9, good, NULL, NULL, NULL),
        IOTHUB_INVALID);
    assert_int_equal(
        iothub_service_bulk_add(object, IOTHUB_SERVICE_BULK_DELETE, good, NULL, NULL, NULL),
        IOTHUB_INVALID);
    assert_int_equal(cJSON_GetArraySize(items), 0);
}

static void a_payload_has_a_size(void **state)
{
    (void)state;
    enum { PAYLOAD_MAX = 128 * 1024 };
    struct iothub_service *client CLEANUP(destroyp) = open_client();
    const struct iothub_service_id device = {.device_id = "d1"};
    static char payload[PAYLOAD_MAX + 2];
    struct iothub_error error;
    cJSON *tree = NULL;
    int status = 0;
    for (size_t size = PAYLOAD_MAX; size <= PAYLOAD_MAX + 1; size++) {
        memset(payload, ' ', size);
        payload[0] = '1';
        const struct iothub_service_method method = {.name = "m", .payload_json = payload};
        assert_int_equal(
            iothub_service_method_invoke(client, device, &method, &status, &tree, &error),
            size > PAYLOAD_MAX ? IOTHUB_INVALID : IOTHUB_UNAVAILABLE);
    }
    assert_non_null(strstr(error.text, "131073 bytes; at most 131072"));
}

static void create_one(void *ctx)
{
    (void)ctx;
    struct iothub_service *client = NULL;
    struct iothub_error error = {.text = ""};
    const enum iothub_result result = iothub_service_create(
        "HostName=localhost:1;SharedAccessKeyName=n;SharedAccessKey=" KEY, NULL, &client, &error);
    assert_true((result == IOTHUB_OK) == (client != NULL));
    assert_true(result == IOTHUB_OK || error.text[0] != '\0');
    if (client != NULL) {
        cJSON *tree = NULL;
        cJSON *items CLEANUP(json_destroyp) = cJSON_CreateArray();
        struct iothub_service_page page;
        const struct iothub_service_id module = {.device_id = "d1", .module_id = "m1"};
        if (items != NULL && iothub_service_bulk_add(items, IOTHUB_SERVICE_BULK_CREATE, module,
                                                     NULL, NULL, &error) == IOTHUB_OK) {
            assert_int_not_equal(iothub_service_bulk(client, items, NULL, NULL, &tree, &error),
                                 IOTHUB_OK);
        }
        assert_int_not_equal(iothub_service_query_page(client, "SELECT *", 1, NULL, &page, &error),
                             IOTHUB_OK);
        assert_int_not_equal(iothub_service_identity_create(client, module, NULL, &tree, &error),
                             IOTHUB_OK);
        assert_null(tree);
    }
    iothub_service_destroy(client);
}

static void refused_memory_is_told_and_nothing_leaks(void **state)
{
    (void)state;
    check_under_failing_allocations(create_one, NULL);
}

int main(void)
{
    mem_use_for_json();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connection_strings_are_taken_or_explained),
        cmocka_unit_test(what_is_not_json_is_not_sent),
        cmocka_unit_test(a_hub_that_does_not_answer_is_named),
        cmocka_unit_test(a_key_is_found_or_is_empty),
        cmocka_unit_test(no_connection_string_is_told),
        cmocka_unit_test(an_expired_signature_is_not_sent),
        cmocka_unit_test(a_device_is_told_what_it_connects_with),
        cmocka_unit_test(items_of_a_bulk_request_stand_as_the_reference_says),
        cmocka_unit_test(an_item_that_no_hub_takes_is_not_added),
        cmocka_unit_test(a_payload_has_a_size),
        cmocka_unit_test(refused_memory_is_told_and_nothing_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
