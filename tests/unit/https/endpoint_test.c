/* SPDX-License-Identifier: MIT */
#include "fakes.h"

#include "base/json.h"
#include "base/log.h"

#include "check.h"

/* ---- a device that answers methods ---- */

struct device {
    struct hub_link *link;
    uint64_t request_id; /* of the last call; 0: none came */
};

static void device_desired(void *ctx, uint64_t version, struct str patch)
{
    (void)ctx;
    (void)version;
    (void)patch;
}

static bool device_method(void *ctx, uint64_t request_id, struct str name, struct str payload)
{
    (void)name;
    (void)payload;
    struct device *device = ctx;
    device->request_id = request_id;
    return true;
}

static void device_close(void *ctx, enum hub_code code, const char *why)
{
    (void)code;
    (void)why;
    struct device *device = ctx;
    device->link = NULL;
}

static const struct hub_link_ops device_ops = {
    .protocol = "test",
    .desired = device_desired,
    .method = device_method,
    .close = device_close,
};

static const struct identity_key d1 = {{"d1", 2}, {"", 0}};

static void device_connect(struct device *device)
{
    assert_int_equal(fake_status("PUT", "/devices/d1", "{}"), 200);
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1U << 20);
    struct storage_identity *identity = NULL;
    assert_int_equal(hub_identity_get(fake_hub, d1, &arena, &identity, NULL), HUB_OK);
    const struct hub_principal principal = {
        .id = identity->id,
        .generation = identity->generation,
        .method = HUB_AUTH_DEVICE_KEY,
        .expires_us = INT64_MAX,
    };
    assert_int_equal(hub_link_open(fake_hub, d1, &principal, &device_ops, device, &device->link),
                     HUB_OK);
    hub_link_interests(device->link, HUB_INTEREST_METHODS);
}

#define CALL "{\"methodName\":\"reboot\",\"responseTimeoutInSeconds\":5}"

static void a_method_waits_for_its_device(void **state)
{
    (void)state;
    struct device device = {0};
    device_connect(&device);
    CLEANUP(fake_finish)
    struct http_exchange call = fake_request("POST", "/twins/d1/methods", CALL);
    fake_send(&call);
    assert_int_equal(call.status, 0);
    assert_non_null(call.gone);
    hub_method_answer(device.link, device.request_id, 201, STR("{\"a\":1}"));
    assert_int_equal(call.status, 200);
    assert_str_equal(buf_str(&call.answer_body), "{\"status\":201,\"payload\":{\"a\":1}}");
    hub_link_close(device.link, "done");
}

static void an_answer_after_the_caller_left_touches_nothing(void **state)
{
    (void)state;
    struct device device = {0};
    device_connect(&device);
    CLEANUP(fake_finish)
    struct http_exchange call = fake_request("POST", "/twins/d1/methods", CALL);
    fake_send(&call);
    fake_leave(&call);
    assert_int_equal(call.status, 0);
    hub_method_answer(device.link, device.request_id, 200, STR("{}"));
    hub_link_close(device.link, "done");
}

static void a_call_ends_with_the_hub_that_is_reset(void **state)
{
    (void)state;
    struct device device = {0};
    device_connect(&device);
    CLEANUP(fake_finish)
    struct http_exchange call = fake_request("POST", "/twins/d1/methods", CALL);
    fake_send(&call);
    assert_int_equal(hub_reset(fake_hub), HUB_OK);
    assert_null(device.link);
    assert_int_not_equal(call.status, 0);
    assert_null(call.gone);
}

static void a_body_that_is_too_large_is_refused_in_our_own_words(void **state)
{
    (void)state;
    CLEANUP(fake_finish) struct http_exchange exchange = fake_request("PUT", "/devices/d1", NULL);
    fake_send_too_large(&exchange);
    assert_int_equal(exchange.status, 413);
    assert_non_null(
        strstr(exchange.answer_headers.data, "iothub-errorcode: GenericRequestEntityTooLarge\n"));
}

/* Device protocol reference, 7.3: no token, a certificate whose thumbprint is registered. */
static void a_device_may_show_a_certificate(void **state)
{
    (void)state;
    static const struct net_client_certificate shown = {
        .sha1 = "0123456789ABCDEF0123456789ABCDEF01234567",
        .sha256 = "00",
        .common_name = "d1",
        .not_after_us = INT64_MAX,
    };
    static const struct {
        const char *registered;
        unsigned status;
    } cases[] = {
        {"0123456789abcdef0123456789abcdef01234567", 204},
        {"1123456789abcdef0123456789abcdef01234567", 401},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(buf_finish) struct buf body = BUF_INIT(4096);
        buf_append_format(&body,
                          "{\"authentication\":{\"type\":\"selfSigned\",\"x509Thumbprint\":{"
                          "\"primaryThumbprint\":\"%s\"}}}",
                          cases[i].registered);
        (void)fake_status("DELETE", "/devices/d1", NULL);
        assert_int_equal(fake_status("PUT", "/devices/d1", body.data), 200);

        CLEANUP(fake_finish)
        struct http_exchange exchange = fake_request("POST", "/devices/d1/messages/events", "x");
        fake_set_header(&exchange, STR("Authorization"), STR_EMPTY);
        fake_certificate = &shown;
        fake_send(&exchange);
        fake_certificate = NULL;
        assert_int_equal(exchange.status, cases[i].status);
    }
}

/* ---- refused memory ---- */

struct recipe {
    const char *method, *path, *body;
};

static void send_tolerantly(void *ctx)
{
    const struct recipe *recipe = ctx;
    CLEANUP(fake_finish)
    struct http_exchange exchange = fake_request(recipe->method, recipe->path, recipe->body);
    fake_send(&exchange);
    assert_true(exchange.status != 0 || exchange.gone != NULL);
    if (exchange.gone != NULL) {
        fake_leave(&exchange);
    }
    (void)hubs_commit(fake_hubs);
}

static void every_request_survives_refused_memory(void **state)
{
    (void)state;
    static struct recipe recipes[] = {
        {"PUT", "/devices/d1", "{\"authentication\":{\"type\":\"sas\"},\"parentScopes\":[\"s\"]}"},
        {"GET", "/devices/d1", NULL},
        {"GET", "/devices%2Fd%2531", NULL},
        {"GET", "/devices", NULL},
        {"PUT", "/devices/d1/modules/m1", "{}"},
        {"GET", "/devices/d1/modules", NULL},
        {"PATCH", "/twins/d1",
         "{\"tags\":{\"a\":1},\"properties\":{\"desired\":{\"b\":{\"c\":2}}}}"},
        {"PUT", "/twins/d1/modules/m1", "{\"tags\":{\"a\":1}}"},
        {"POST", "/devices/query", "{\"query\":\"SELECT * FROM devices\"}"},
        {"POST", "/devices/query", "{\"query\":\"SELECT FROM\"}"},
        {"POST", "/twins/d1/methods", "{\"methodName\":\"m\",\"payload\":{\"a\":[1]}}"},
        {"POST", "/twins/d1/methods", "{\"methodName\":\"m\",\"connectTimeoutInSeconds\":5}"},
        {"POST", "/devices",
         "[{\"id\":\"d2\",\"tags\":{\"a\":1}},{\"id\":\"bad id\"},{\"id\":\"d1\"}]"},
        {"POST", "/devices/d1/messages/events", "hello"},
        {"POST", "/devices/d1/messages/deviceBound", "hello"},
        {"GET", "/devices/d1/messages/deviceBound", NULL},
        {"POST", "/devices/d1/messages/deviceBound/token/abandon", NULL},
        {"DELETE", "/devices/d1/messages/deviceBound/token", NULL},
        {"GET", "/messages/serviceBound/feedback", NULL},
        {"DELETE", "/messages/serviceBound/feedback/token", NULL},
        {"DELETE", "/devices/d1/commands", NULL},
        {"GET", "/statistics/devices", NULL},
        {"GET", "/nope", NULL},
        {"DELETE", "/devices/d1/modules/m1", NULL},
        {"DELETE", "/devices/d1", NULL},
    };
    log_set_level(LOG_LEVEL_ERROR);
    for (size_t i = 0; i < ARRAY_SIZE(recipes); i++) {
        check_under_failing_allocations(send_tolerantly, &recipes[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_method_waits_for_its_device, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(an_answer_after_the_caller_left_touches_nothing, fake_setup,
                                        fake_teardown),
        cmocka_unit_test_setup_teardown(a_call_ends_with_the_hub_that_is_reset, fake_setup,
                                        fake_teardown),
        cmocka_unit_test_setup_teardown(a_body_that_is_too_large_is_refused_in_our_own_words,
                                        fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(a_device_may_show_a_certificate, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(every_request_survives_refused_memory, fake_setup,
                                        fake_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
