/* SPDX-License-Identifier: MIT */
#include "clients/device/device_internal.h"

#include <pthread.h>
#include <stdio.h>

#include "base/json.h"

#include "check.h"

#define KEY "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

/* What the handlers were given, as text: "whole 3 {...}|method reboot 7 {...}|". */
struct heard {
    struct buf text;
    const char *report; /* reported from within the desired handler, when not NULL */
};

static void hear_desired(struct iothub_device *device, const struct iothub_device_desired *desired,
                         void *ctx)
{
    (void)device;
    struct heard *heard = ctx;
    buf_append_format(&heard->text, "%s %d ", desired->whole ? "whole" : "patch",
                      (int)desired->version);
    json_append_tree(&heard->text, desired->properties);
    buf_append_byte(&heard->text, '|');
}

static void hear_method(struct iothub_device *device, const struct iothub_device_method *method,
                        void *ctx)
{
    (void)device;
    struct heard *heard = ctx;
    buf_append_format(&heard->text, "method %s %s ", method->name, method->request_id);
    if (method->payload != NULL) {
        json_append_tree(&heard->text, method->payload);
    }
    buf_append_byte(&heard->text, '|');
}

static struct iothub_device *open_client(struct heard *heard)
{
    heard->text = BUF_INIT(65536);
    const struct iothub_device_handlers handlers = {
        .desired = hear_desired,
        .method = hear_method,
        .ctx = heard,
    };
    struct iothub_device *device = NULL;
    assert_int_equal(iothub_device_create("HostName=localhost:1;DeviceId=d1;SharedAccessKey=" KEY,
                                          &handlers, &device, NULL),
                     IOTHUB_OK);
    return device;
}

/* ---- Names ---- */

#define TOKEN "SharedAccessSignature sr=h%2Fdevices%2Fd1&sig=AA%3D%3D&se=1924992000"

static void connection_strings_are_taken(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum credential credential;
        const char *dials;
        unsigned port;
        const char *resource;
    } cases[] = {
        {"HostName=hub.azure-devices.net;DeviceId=d1;SharedAccessKey=" KEY, CREDENTIAL_KEY,
         "hub.azure-devices.net", 8883, "hub.azure-devices.net/devices/d1"},
        {"HostName=localhost:18883;DeviceId=d1;ModuleId=m1;SharedAccessKey=" KEY, CREDENTIAL_KEY,
         "localhost", 18883, "localhost/devices/d1/modules/m1"},
        {"HostName=hub.localhost;DeviceId=d1;GatewayHostName=localhost:9;SharedAccessKey=" KEY,
         CREDENTIAL_KEY, "localhost", 9, "hub.localhost/devices/d1"},
        {"HostName=h;DeviceId=d1;SharedAccessKeyName=device;SharedAccessKey=" KEY, CREDENTIAL_KEY,
         "h", 8883, "h/devices/d1"},
        {"HostName=h;DeviceId=d1;x509=false;SharedAccessKey=" KEY, CREDENTIAL_KEY, "h", 8883,
         "h/devices/d1"},
        {"HostName=h;DeviceId=d1;SharedAccessSignature=" TOKEN, CREDENTIAL_SIGNATURE, "h", 8883,
         "h/devices/d1"},
        {"HostName=h;DeviceId=d1;x509=true", CREDENTIAL_CERTIFICATE, "h", 8883, "h/devices/d1"},
        {"HostName=h;DeviceId=d1;X509=True", CREDENTIAL_CERTIFICATE, "h", 8883, "h/devices/d1"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct iothub_device *device CLEANUP(device_destroyp) = NULL;
        assert_int_equal(iothub_device_create(cases[i].text, NULL, &device, NULL), IOTHUB_OK);
        assert_int_equal(device->credential, cases[i].credential);
        assert_string_equal(device->endpoint.host, cases[i].dials);
        assert_int_equal(device->endpoint.port, cases[i].port);
        assert_str_equal(buf_str(&device->resource), cases[i].resource);
        assert_string_equal(iothub_device_id(device), "d1");
    }
}

#define LONG_ID_128                                                                                \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"                             \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void connection_strings_that_cannot_work_are_refused_with_advice(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *says; /* NULL: taken, just */
    } cases[] = {
        {"DeviceId=d1;SharedAccessKey=" KEY, "HostName"},
        {"HostName=h;SharedAccessKeyName=n;SharedAccessKey=" KEY, "no DeviceId"},
        {"HostName=h;DeviceId=;SharedAccessKey=" KEY, "no DeviceId"},
        {"HostName=h;DeviceId=d1", "no SharedAccessKey; an identity with a certificate has"},
        {"HostName=h;DeviceId=d1;x509=false", "no SharedAccessKey"},
        {"HostName=h;DeviceId=d1;SharedAccessKey=AAAA", "base64"},
        {"HostName=h:x;DeviceId=d1;SharedAccessKey=" KEY, "port"},
        {"HostName=h;DeviceId=d1;GatewayHostName=a/b;SharedAccessKey=" KEY, "a/b"},
        {"HostName=h;DeviceId=d1;x509=yes", "x509=yes"},
        {"HostName=h;DeviceId=d1;x509=true;SharedAccessKey=" KEY, "keep the one"},
        {"HostName=h;DeviceId=d1;x509=true;SharedAccessSignature=" TOKEN, "keep the one"},
        {"HostName=h;DeviceId=d1;SharedAccessKey=" KEY ";SharedAccessSignature=" TOKEN,
         "leave one out"},
        {"HostName=h;DeviceId=d1;SharedAccessSignature=SharedAccessSignature sr=h", "sig"},
        {"HostName=h;DeviceId=" LONG_ID_128 ";SharedAccessKey=" KEY, NULL},
        {"HostName=h;DeviceId=" LONG_ID_128 "x;SharedAccessKey=" KEY, "128"},
        {"HostName=h;DeviceId=d1;ModuleId=" LONG_ID_128 "x;SharedAccessKey=" KEY, "128"},
        {NULL, "missing"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct iothub_device *device CLEANUP(device_destroyp) = NULL;
        struct iothub_error error = {.text = ""};
        const enum iothub_result result =
            iothub_device_create(cases[i].text, NULL, &device, &error);
        if (cases[i].says == NULL) {
            assert_int_equal(result, IOTHUB_OK);
            continue;
        }
        assert_int_equal(result, IOTHUB_INVALID);
        assert_int_equal(error.result, IOTHUB_INVALID);
        assert_null(device);
        if (strstr(error.text, cases[i].says) == NULL) {
            print_error("%s\n", error.text);
        }
        assert_non_null(strstr(error.text, cases[i].says));
        assert_null(strstr(error.text, KEY));
    }
}

static void a_certificate_must_be_given_before_connecting(void **state)
{
    (void)state;
    struct iothub_error error = {.text = ""};
    struct iothub_device *device CLEANUP(device_destroyp) = NULL;
    assert_int_equal(iothub_device_create("HostName=h;DeviceId=d;x509=true", NULL, &device, NULL),
                     IOTHUB_OK);
    assert_int_equal(iothub_device_connect(device, &error), IOTHUB_INVALID);
    assert_non_null(strstr(error.text, "iothub_device_use_certificate()"));
}

static void a_signature_takes_the_place_of_a_signature_only(void **state)
{
    (void)state;
    static const struct {
        const char *credential;
        const char *signature;
        enum iothub_result result;
    } cases[] = {
        {"SharedAccessSignature=" TOKEN, TOKEN, IOTHUB_OK},
        {"SharedAccessSignature=" TOKEN, "SharedAccessSignature sr=h&sig=x", IOTHUB_INVALID},
        {"SharedAccessKey=" KEY, TOKEN, IOTHUB_INVALID},
        {"x509=true", TOKEN, IOTHUB_INVALID},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char text[256];
        struct iothub_device *device CLEANUP(device_destroyp) = NULL;
        (void)snprintf(text, sizeof(text), "HostName=h;DeviceId=d;%s", cases[i].credential);
        assert_int_equal(iothub_device_create(text, NULL, &device, NULL), IOTHUB_OK);
        assert_int_equal(iothub_device_use_signature(device, cases[i].signature, NULL),
                         cases[i].result);
    }
}

static void product_and_model_are_plain_text(void **state)
{
    (void)state;
    struct heard heard;
    struct iothub_device *device CLEANUP(device_destroyp) = open_client(&heard);
    assert_int_equal(iothub_device_set_product(device, "thermo/1.0", NULL), IOTHUB_OK);
    assert_int_equal(iothub_device_set_model(device, "dtmi:com:example:T;1", NULL), IOTHUB_OK);
    assert_int_equal(iothub_device_set_product(device, "a\nb", NULL), IOTHUB_INVALID);
    assert_string_equal(device->product, "thermo/1.0");
    assert_int_equal(iothub_device_set_product(device, NULL, NULL), IOTHUB_OK);
    assert_null(device->product);
}

static void an_unreachable_hub_is_named(void **state)
{
    (void)state;
    struct heard heard;
    struct iothub_device *device CLEANUP(device_destroyp) = open_client(&heard);
    struct iothub_error error = {.text = ""};
    assert_int_equal(iothub_device_connect(device, &error), IOTHUB_UNAVAILABLE);
    assert_non_null(strstr(error.text, "localhost, port 1"));

    /* Never connected: there is nothing to keep, and no reason to wait. */
    assert_int_equal(iothub_device_run(device, 60000, &error), IOTHUB_UNAVAILABLE);
    assert_int_equal(iothub_device_report(device, "{}", NULL, &error), IOTHUB_UNAVAILABLE);
    assert_int_equal(iothub_device_respond(device, "1", 200, NULL, &error), IOTHUB_UNAVAILABLE);
    const struct iothub_device_message message = {.body = "x", .body_size = 1};
    assert_int_equal(iothub_device_send(device, &message, &error), IOTHUB_UNAVAILABLE);
    buf_finish(&heard.text);
}

static void what_is_not_json_is_not_sent(void **state)
{
    (void)state;
    struct heard heard;
    struct iothub_device *device CLEANUP(device_destroyp) = open_client(&heard);
    assert_int_equal(iothub_device_report(device, "{\"a\":}", NULL, NULL), IOTHUB_INVALID);
    assert_int_equal(iothub_device_respond(device, "1", 200, "oops", NULL), IOTHUB_INVALID);
}

/* ---- The inbox ---- */

static const char whole_5[] =
    "{\"desired\":{\"a\":5,\"$version\":5},\"reported\":{\"$version\":1}}";

static void the_inbox_delivers_each_change_once_and_in_order(void **state)
{
    (void)state;
    static const struct {
        const char *topic;
        const char *payload;
    } messages[] = {
        {"$iothub/twin/PATCH/properties/desired/?$version=3", "{\"a\":3,\"$version\":3}"},
        {"$iothub/methods/POST/reboot/?$rid=7", "{\"delay\":1}"},
        {"$iothub/methods/POST/ping/?$rid=8", ""},
        {"$iothub/twin/res/200/?$rid=99", whole_5},                         /* after a reconnect */
        {"$iothub/twin/PATCH/properties/desired/?$version=4", "{\"a\":4}"}, /* in the whole */
        {"$iothub/twin/PATCH/properties/desired/?$version=5", "{\"a\":5}"}, /* likewise */
        {"$iothub/twin/PATCH/properties/desired/?$version=6", "{\"a\":6}"},
        {"$iothub/twin/res/200/?$rid=98", whole_5}, /* nobody asked */
        {"something/else", "{}"},
    };
    struct heard heard;
    struct iothub_device *device CLEANUP(device_destroyp) = open_client(&heard);
    device->resync_id = 99;
    for (size_t i = 0; i < ARRAY_SIZE(messages); i++) {
        inbox_receive(device, str_from(messages[i].topic), str_from(messages[i].payload), 0);
    }
    assert_int_equal(heard.text.size, 0); /* not before the program asks */
    assert_int_equal(inbox_deliver(device), STATUS_OK);
    assert_str_equal(buf_str(&heard.text), "patch 3 {\"a\":3,\"$version\":3}|"
                                           "method reboot 7 {\"delay\":1}|"
                                           "method ping 8 |"
                                           "whole 5 {\"a\":5,\"$version\":5}|"
                                           "patch 6 {\"a\":6}|");
    assert_int_equal(device->inbox_size, 0);
    buf_finish(&heard.text);
}

static void the_twin_is_delivered_only_when_something_was_missed(void **state)
{
    (void)state;
    static const struct {
        int64_t known;
        int status;
        const char *twin;
        const char *heard;
    } cases[] = {
        {-1, 200, whole_5, ""}, /* the first look tells where we start */
        {4, 200, whole_5, "whole 5 {\"a\":5,\"$version\":5}|"},
        {5, 200, whole_5, ""},
        {6, 200, whole_5, "whole 5 {\"a\":5,\"$version\":5}|"}, /* the hub was set up anew */
        {4, 429, whole_5, ""},
        {4, 200, "{}", ""},
        {4, 200, "not json", ""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct heard heard;
        struct iothub_device *device CLEANUP(device_destroyp) = open_client(&heard);
        char topic[64];
        (void)snprintf(topic, sizeof(topic), "$iothub/twin/res/%d/?$rid=1", cases[i].status);
        device->resync_id = 1;
        device->desired_known = cases[i].known;
        inbox_receive(device, str_from(topic), str_from(cases[i].twin), 0);
        assert_int_equal(inbox_deliver(device), STATUS_OK);
        assert_str_equal(buf_str(&heard.text), cases[i].heard);
        buf_finish(&heard.text);
    }
}

static void an_answer_goes_to_the_one_who_waits(void **state)
{
    (void)state;
    struct heard heard;
    struct iothub_device *device CLEANUP(device_destroyp) = open_client(&heard);
    device->answer.request_id = 12;
    inbox_receive(device, STR("$iothub/twin/res/204/?$rid=11&$version=1"), STR_EMPTY, 0);
    inbox_receive(device, STR("$iothub/twin/res/204/?$rid=0012x&$version=1"), STR_EMPTY, 0);
    assert_false(device->answer.arrived);
    inbox_receive(device, STR("$iothub/twin/res/204/?$rid=12&$version=9"), STR_EMPTY, 0);
    assert_true(device->answer.arrived);
    assert_int_equal(device->answer.status, 204);
    assert_int_equal(device->answer.version, 9);
    assert_true(list_empty(&device->inbox));
}

static void a_full_inbox_drops_and_remembers_to_ask(void **state)
{
    (void)state;
    static char payload[((size_t)256 * 1024)];
    memset(payload, ' ', sizeof(payload));
    struct heard heard;
    struct iothub_device *device CLEANUP(device_destroyp) = open_client(&heard);
    for (size_t i = 0; i < DEVICE_INBOX_SIZE_MAX / sizeof(payload) - 1; i++) {
        inbox_receive(device, STR("$iothub/twin/PATCH/properties/desired/?$version=3"),
                      str_of(payload, sizeof(payload)), 0);
    }
    assert_false(device->resync_wanted);
    inbox_receive(device, STR("$iothub/twin/PATCH/properties/desired/?$version=3"),
                  str_of(payload, sizeof(payload)), 0);
    assert_true(device->resync_wanted);
    assert_true(device->inbox_size <= DEVICE_INBOX_SIZE_MAX);
}

static void request_ids_fit_or_the_call_is_passed_over(void **state)
{
    (void)state;
    struct heard heard;
    struct iothub_device *device CLEANUP(device_destroyp) = open_client(&heard);
    char topic[256] = "$iothub/methods/POST/m/?$rid=";
    const size_t start = strlen(topic);
    memset(topic + start, 'x', IOTHUB_DEVICE_REQUEST_ID_SIZE);
    inbox_receive(device, str_of(topic, start + IOTHUB_DEVICE_REQUEST_ID_SIZE), STR_EMPTY, 0);
    assert_int_equal(inbox_deliver(device), STATUS_OK);
    assert_int_equal(heard.text.size, 0);
    inbox_receive(device, str_of(topic, start + IOTHUB_DEVICE_REQUEST_ID_SIZE - 1), STR_EMPTY, 0);
    assert_int_equal(inbox_deliver(device), STATUS_OK);
    assert_true(heard.text.size > 0);
    buf_finish(&heard.text);
}

/* ---- Threads ---- */

static void *create_many(void *ctx)
{
    bool *good = ctx;
    *good = true;
    for (int i = 0; i < 20; i++) {
        struct iothub_device *device CLEANUP(device_destroyp) = NULL;
        *good = *good && iothub_device_create("HostName=h;DeviceId=d1;SharedAccessKey=" KEY, NULL,
                                              &device, NULL) == IOTHUB_OK;
    }
    return NULL;
}

static void devices_of_several_threads_do_not_meet(void **state)
{
    (void)state;
    pthread_t threads[4];
    bool good[ARRAY_SIZE(threads)] = {false};
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, create_many, &good[i]), 0);
    }
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(good[i]);
    }
}

/* ---- Refused memory ---- */

static void create_and_receive(void *ctx)
{
    (void)ctx;
    struct heard heard = {.text = BUF_INIT(65536)};
    const struct iothub_device_handlers handlers = {
        .desired = hear_desired,
        .method = hear_method,
        .ctx = &heard,
    };
    struct iothub_device *device = NULL;
    struct iothub_error error = {.text = ""};
    const enum iothub_result result = iothub_device_create(
        "HostName=h;DeviceId=d1;ModuleId=m;SharedAccessKey=" KEY, &handlers, &device, &error);
    if (result != IOTHUB_OK) {
        assert_null(device);
        assert_true(error.text[0] != '\0');
        return;
    }
    device->answer.request_id = 1;
    inbox_receive(device, STR("$iothub/twin/res/200/?$rid=1"), STR("{}"), 0);
    inbox_receive(device, STR("$iothub/twin/PATCH/properties/desired/?$version=1"), STR("{}"), 0);
    inbox_receive(device, STR("$iothub/methods/POST/m/?$rid=7"), STR("[1]"), 0);
    const enum status delivered = inbox_deliver(device);
    assert_true(delivered == STATUS_OK || delivered == STATUS_NO_MEMORY);
    iothub_device_destroy(device);
    buf_finish(&heard.text);
}

static void refused_memory_is_told_and_nothing_leaks(void **state)
{
    (void)state;
    check_under_failing_allocations(create_and_receive, NULL);
}

int main(void)
{
    mem_use_for_json();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connection_strings_are_taken),
        cmocka_unit_test(connection_strings_that_cannot_work_are_refused_with_advice),
        cmocka_unit_test(a_certificate_must_be_given_before_connecting),
        cmocka_unit_test(a_signature_takes_the_place_of_a_signature_only),
        cmocka_unit_test(product_and_model_are_plain_text),
        cmocka_unit_test(an_unreachable_hub_is_named),
        cmocka_unit_test(what_is_not_json_is_not_sent),
        cmocka_unit_test(the_inbox_delivers_each_change_once_and_in_order),
        cmocka_unit_test(the_twin_is_delivered_only_when_something_was_missed),
        cmocka_unit_test(an_answer_goes_to_the_one_who_waits),
        cmocka_unit_test(a_full_inbox_drops_and_remembers_to_ask),
        cmocka_unit_test(request_ids_fit_or_the_call_is_passed_over),
        cmocka_unit_test(devices_of_several_threads_do_not_meet),
        cmocka_unit_test(refused_memory_is_told_and_nothing_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
