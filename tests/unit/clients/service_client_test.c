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
        {"Endpoint=sb://n.servicebus.windows.net/;SharedAccessKeyName=n;SharedAccessKey=" KEY, NULL,
         "Event Hubs"},
        {"DefaultEndpointsProtocol=https;AccountName=a;AccountKey=" KEY, NULL, "storage"},
        {"", NULL, "HostName"},
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
        const struct iothub_service_id module = {.device_id = "d1", .module_id = "m1"};
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
        cmocka_unit_test(refused_memory_is_told_and_nothing_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
