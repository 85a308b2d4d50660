/* SPDX-License-Identifier: MIT */
#include "clients/messaging/place_internal.h"

#include "check.h"

#define KEY "c2VjcmV0LWtleS1vZi1tYW55LWJ5dGVz"

static struct place parsed(const char *text)
{
    struct place place;
    struct problem problem = {.text = ""};
    if (place_parse(str_from(text), 5671, &place, &problem) != STATUS_OK) {
        fail_msg("\"%s\": %s", text, problem.text);
    }
    return place;
}

static void both_kinds_of_connection_strings_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *host;
        unsigned port;
        bool tls, is_event_hub;
        const char *entity;
    } cases[] = {
        {"HostName=h.azure-devices.net;SharedAccessKeyName=p;SharedAccessKey=" KEY,
         "h.azure-devices.net", 5671, true, false, ""},
        {"HostName=localhost:8443;SharedAccessKeyName=p;SharedAccessKey=" KEY, "localhost", 5671,
         true, false, ""},
        {"SharedAccessKey=" KEY ";sharedaccesskeyname=p;hostname=h", "h", 5671, true, false, ""},
        {"HostName=h;SharedAccessSignature=SharedAccessSignature sr=h", "h", 5671, true, false, ""},
        {"Endpoint=sb://n.servicebus.windows.net/;SharedAccessKeyName=p;SharedAccessKey=" KEY
         ";EntityPath=e",
         "n.servicebus.windows.net", 5671, true, true, "e"},
        {"Endpoint=sb://h;EntityPath=e;SharedAccessKeyName=p;SharedAccessKey=" KEY, "h", 5671, true,
         true, "e"},
        {"Endpoint=SB://h:99/;EntityPath=e;SharedAccessKeyName=p;SharedAccessKey=" KEY, "h", 99,
         true, true, "e"},
        {"Endpoint=sb://localhost;EntityPath=e;SharedAccessKeyName=p;SharedAccessKey=" KEY
         ";UseDevelopmentEmulator=true",
         "localhost", 5672, false, true, "e"},
        {"Endpoint=sb://localhost:7;EntityPath=e;SharedAccessKeyName=p;SharedAccessKey=" KEY
         ";UseDevelopmentEmulator=TRUE;",
         "localhost", 7, false, true, "e"},
        {"Endpoint=sb://localhost;EntityPath=e;SharedAccessKeyName=p;SharedAccessKey=" KEY
         ";UseDevelopmentEmulator=false",
         "localhost", 5671, true, true, "e"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct place place = parsed(cases[i].text);
        assert_string_equal(place.endpoint.host, cases[i].host);
        assert_int_equal(place.endpoint.port, cases[i].port);
        assert_int_equal(place.tls, cases[i].tls);
        assert_int_equal(place.is_event_hub, cases[i].is_event_hub);
        assert_string_equal(place.entity, cases[i].entity);
    }
}

static void what_is_missing_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *words;
    } cases[] = {
        {"", "is missing"},
        {"HostName=h", "SharedAccessKeyName"},
        {"HostName=h;SharedAccessKeyName=p", "no SharedAccessKey:"},
        {"HostName=h;DeviceId=d1;SharedAccessKey=" KEY, "device \"d1\""},
        {"HostName=https://h;SharedAccessKeyName=p;SharedAccessKey=" KEY, "https://"},
        {"Endpoint=h;EntityPath=e;SharedAccessKeyName=p;SharedAccessKey=" KEY, "sb://HOST/"},
        {"Endpoint=sb://;EntityPath=e;SharedAccessKeyName=p;SharedAccessKey=" KEY, "host name"},
        {"Endpoint=sb://h:0;EntityPath=e;SharedAccessKeyName=p;SharedAccessKey=" KEY, "port"},
        {"Endpoint=sb://h;SharedAccessKeyName=p;SharedAccessKey=" KEY, "EntityPath"},
        {"Endpoint=sb://h;EntityPath=e;SharedAccessKey=" KEY, "SharedAccessKeyName"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct place place = {.entity = "untouched"};
        struct problem problem = {.text = ""};
        assert_int_equal(place_parse(str_from(cases[i].text), 5671, &place, &problem),
                         STATUS_INVALID);
        if (strstr(problem.text, cases[i].words) == NULL) {
            fail_msg("\"%s\": %s", cases[i].text, problem.text);
        }
        assert_string_equal(place.entity, "untouched");
    }
}

static void names_have_a_longest(void **state)
{
    (void)state;
    for (size_t size = PLACE_TEXT_SIZE - 1; size <= PLACE_TEXT_SIZE; size++) {
        char text[4 * PLACE_TEXT_SIZE] = "Endpoint=sb://h;SharedAccessKeyName=p;"
                                         "SharedAccessKey=k;EntityPath=";
        struct place place;
        memset(text + strlen(text), 'e', size);
        assert_int_equal(place_parse(str_from(text), 5671, &place, NULL),
                         size < PLACE_TEXT_SIZE ? STATUS_OK : STATUS_INVALID);
    }
}

static void a_redirect_says_where_the_event_hub_is(void **state)
{
    (void)state;
    static const struct {
        const char *address, *host;
        int64_t port;
        const char *to_host;
        unsigned to_port;
    } cases[] = {
        {"amqps://n.net:5671/hub/$management", "n.net", 5671, "n.net", 5671},
        {"amqps://n.net/hub/$management", "", 0, "n.net", 5671},
        {"amqps://n.net:99/hub/$management", "", 0, "n.net", 99},
        {"amqps://n.net:99/hub", "other.net", 0, "other.net", 99},
        {"amqps://n.net:99/hub", "other.net", 98, "other.net", 98},
        {"amqps://n.net:99/hub", "n.net", 70000, "n.net", 99},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct place place = parsed("HostName=h;SharedAccessKeyName=p;SharedAccessKey=" KEY);
        assert_int_equal(place_redirect(&place, str_from(cases[i].address), str_from(cases[i].host),
                                        cases[i].port, NULL),
                         STATUS_OK);
        assert_true(place.is_event_hub && place.tls);
        assert_string_equal(place.entity, "hub");
        assert_string_equal(place.endpoint.host, cases[i].to_host);
        assert_int_equal(place.endpoint.port, cases[i].to_port);
        assert_string_equal(place.policy, "p");
    }
    static const char *const wrong[] = {
        "", "hub", "https://n.net/hub", "amqps://n.net", "amqps://n.net/", "amqps:///hub"};
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        struct place place = parsed("HostName=h;SharedAccessKeyName=p;SharedAccessKey=" KEY);
        assert_int_equal(place_redirect(&place, str_from(wrong[i]), STR_EMPTY, 0, NULL),
                         STATUS_INVALID);
        assert_false(place.is_event_hub);
        assert_string_equal(place.endpoint.host, "h");
    }
}

static void assert_token(const char *connection_string, const char *resource, bool by_text)
{
    struct buf token CLEANUP(buf_finish) = BUF_INIT(SAS_TOKEN_SIZE_MAX);
    struct sas_token parts;
    const struct place place = parsed(connection_string);
    assert_int_equal(place_token(&place, 1900000000, &token, NULL), STATUS_OK);
    assert_int_equal(sas_parse(buf_str(&token), &parts, NULL), STATUS_OK);
    assert_str_equal(parts.resource, resource);
    assert_str_equal(parts.policy, "p");
    assert_int_equal(parts.expiry_s, 1900000000);
    assert_int_equal(sas_verify_text(&parts, STR(KEY)), by_text);
    assert_int_equal(sas_verify(&parts, STR(KEY)), !by_text);
}

static void tokens_are_signed_as_each_service_wants_them(void **state)
{
    (void)state;
    assert_token("HostName=h:8443;SharedAccessKeyName=p;SharedAccessKey=" KEY, "h", false);
    assert_token("Endpoint=sb://h:7/;EntityPath=e;SharedAccessKeyName=p;SharedAccessKey=" KEY,
                 "sb%3A%2F%2Fh%2Fe", true);

    struct buf token CLEANUP(buf_finish) = BUF_INIT(SAS_TOKEN_SIZE_MAX);
    const struct place given =
        parsed("HostName=h;SharedAccessSignature=SharedAccessSignature sr=h");
    assert_int_equal(place_token(&given, 1, &token, NULL), STATUS_OK);
    assert_str_equal(buf_str(&token), "SharedAccessSignature sr=h");

    struct problem problem = {.text = ""};
    const struct place bad = parsed("HostName=h;SharedAccessKeyName=p;SharedAccessKey=?");
    buf_clear(&token);
    assert_int_equal(place_token(&bad, 1, &token, &problem), STATUS_INVALID);
    assert_non_null(strstr(problem.text, "base64"));
}

static void the_user_of_plain_is_the_policy_at_the_hub(void **state)
{
    (void)state;
    struct buf user CLEANUP(buf_finish) = BUF_INIT(100);
    const struct place place =
        parsed("HostName=hub.azure-devices.net;SharedAccessKeyName=p;SharedAccessKey=" KEY);
    place_plain_user(&place, &user);
    assert_str_equal(buf_str(&user), "p@sas.root.hub");
}

static void make_token(void *ctx)
{
    struct buf token CLEANUP(buf_finish) = BUF_INIT(SAS_TOKEN_SIZE_MAX);
    const enum status status = place_token(ctx, 1900000000, &token, NULL);
    assert_true(status == STATUS_OK || status == STATUS_NO_MEMORY || status == STATUS_INVALID);
}

static void a_refused_allocation_is_told(void **state)
{
    (void)state;
    struct place place = parsed("Endpoint=sb://h;EntityPath=e;SharedAccessKeyName=p;"
                                "SharedAccessKey=" KEY);
    check_under_failing_allocations(make_token, &place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_kinds_of_connection_strings_are_read),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(names_have_a_longest),
        cmocka_unit_test(a_redirect_says_where_the_event_hub_is),
        cmocka_unit_test(tokens_are_signed_as_each_service_wants_them),
        cmocka_unit_test(the_user_of_plain_is_the_policy_at_the_hub),
        cmocka_unit_test(a_refused_allocation_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
