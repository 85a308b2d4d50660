/* SPDX-License-Identifier: MIT */
#include "clients/service/service_client.h"

#include <stdlib.h>

#include "check.h"

#define KEY "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

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
        {"", NULL, "HostName"},
        {"nonsense", NULL, "has no '='"},
        {"HostName=h;SharedAccessKeyName=n", NULL, "SharedAccessKey"},
        {"HostName=h;SharedAccessKey=" KEY, NULL, "SharedAccessKeyName"},
        {"HostName=h;SharedAccessKeyName=n;SharedAccessKey=short", NULL, "base64"},
        {"HostName=h;DeviceId=d;SharedAccessKey=" KEY, NULL, "of a device"},
        {"HostName=https://h;SharedAccessKeyName=n;SharedAccessKey=" KEY, NULL, "https://"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct service_client *client CLEANUP(service_client_destroyp) = NULL;
        struct service_error error = {.http_status = 1};
        const enum service_result result = service_client_create(cases[i].text, &client, &error);
        if (cases[i].host == NULL) {
            assert_int_equal(result, SERVICE_FAILED);
            assert_null(client);
            assert_int_equal(error.http_status, 0);
            if (strstr(error.text, cases[i].says) == NULL) {
                print_error("\"%s\" does not say \"%s\"\n", error.text, cases[i].says);
            }
            assert_non_null(strstr(error.text, cases[i].says));
        } else {
            assert_int_equal(result, SERVICE_OK);
            assert_string_equal(service_client_host(client), cases[i].host);
        }
    }
}

/* Nobody listens on port 1, and nothing below gets as far as to find out. */
static struct service_client *open_client(void)
{
    struct service_client *client = NULL;
    struct service_error error;
    assert_int_equal(
        service_client_create("HostName=localhost:1;SharedAccessKeyName=n;SharedAccessKey=" KEY,
                              &client, &error),
        SERVICE_OK);
    return client;
}

static void what_is_not_json_is_not_sent(void **state)
{
    (void)state;
    struct service_client *client CLEANUP(service_client_destroyp) = open_client();
    const struct service_identity device = {.device_id = "d1"};
    struct service_error error;
    cJSON *tree = NULL;
    int status = 7;
    assert_int_equal(service_twin_update(client, device, "{\"tags\":", NULL, &tree, &error),
                     SERVICE_FAILED);
    assert_non_null(strstr(error.text, "the patch is not JSON"));
    const struct service_method method = {.name = "m", .payload_json = "{"};
    assert_int_equal(service_method_invoke(client, device, &method, &status, &tree, &error),
                     SERVICE_FAILED);
    assert_non_null(strstr(error.text, "the payload is not JSON"));
    assert_null(tree);
    assert_int_equal(status, 7);
}

static void a_hub_that_does_not_answer_is_named(void **state)
{
    (void)state;
    struct service_client *client CLEANUP(service_client_destroyp) = open_client();
    struct service_error error;
    cJSON *tree = NULL;
    assert_int_equal(
        service_twin_get(client, (struct service_identity){.device_id = "d1"}, &tree, &error),
        SERVICE_FAILED);
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
        assert_string_equal(service_identity_primary_key(identity), cases[i].key);
    }
}

static void create_one(void *ctx)
{
    (void)ctx;
    struct service_client *client = NULL;
    struct service_error error = {.text = ""};
    const enum service_result result = service_client_create(
        "HostName=localhost:1;SharedAccessKeyName=n;SharedAccessKey=" KEY, &client, &error);
    assert_true((result == SERVICE_OK) == (client != NULL));
    assert_true(result == SERVICE_OK || error.text[0] != '\0');
    if (client != NULL) {
        cJSON *tree = NULL;
        const struct service_identity module = {.device_id = "d1", .module_id = "m1"};
        assert_int_equal(service_identity_create(client, module, &tree, &error), SERVICE_FAILED);
        assert_null(tree);
    }
    service_client_destroy(client);
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
