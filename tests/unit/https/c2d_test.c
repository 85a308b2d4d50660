/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "fakes.h"
#include "hub/c2d.h"

#include "base/log.h"
#include "check.h"

#define QUEUE "/devices/d1/messages/deviceBound"

static int set_up(void **state)
{
    assert_int_equal(fake_setup(state), 0);
    log_set_level(LOG_LEVEL_ERROR);
    assert_int_equal(fake_status("PUT", "/devices/d1", "{}"), 200);
    return 0;
}

/* The value of a header of the answer; NULL when it is not there. */
static const char *answered(const struct http_exchange *exchange, const char *name)
{
    static char value[256];
    const size_t name_size = strlen(name);
    const char *at = buf_str(&exchange->answer_headers).data;
    while (at != NULL && *at != '\0') {
        const char *end = strchr(at, '\n');
        assert_non_null(end);
        if (strncmp(at, name, name_size) == 0 && at[name_size] == ':') {
            at += name_size + 2;
            assert_true((size_t)(end - at) < sizeof(value));
            (void)snprintf(value, sizeof(value), "%.*s", (int)(end - at), at);
            return value;
        }
        at = end + 1;
    }
    return NULL;
}

struct header {
    const char *name, *value;
};

static unsigned post(const char *path, const char *body, const struct header *headers, size_t count)
{
    CLEANUP(fake_finish) struct http_exchange exchange = fake_request("POST", path, body);
    for (size_t i = 0; i < count; i++) {
        fake_set_header(&exchange, str_from(headers[i].name), str_from(headers[i].value));
    }
    fake_send(&exchange);
    return exchange.status;
}

static struct http_exchange get(const char *path)
{
    struct http_exchange exchange = fake_request("GET", path, NULL);
    fake_send(&exchange);
    return exchange;
}

/* The path of what a GET locked: "QUEUE/<token>", the quotes cut off. */
static const char *settling(const struct http_exchange *exchange, const char *queue,
                            const char *after)
{
    static char path[256];
    const char *etag = answered(exchange, "ETag");
    if (etag == NULL || strlen(etag) != 38) {
        fail_msg("the ETag is %s", etag == NULL ? "missing" : etag);
        return NULL;
    }
    assert_int_equal(etag[0], '"');
    (void)snprintf(path, sizeof(path), "%s/%.36s%s", queue, etag + 1, after);
    return path;
}

static void what_a_service_posts_a_device_gets(void **state)
{
    (void)state;
    static const struct header headers[] = {
        {"iothub-messageid", "m1"},
        {"iothub-correlationid", "c1"},
        {"iothub-userid", "u1"},
        {"iothub-ack", "FULL"},
        {"iothub-expiry", "2100-01-01T00:00:00Z"},
        {"iothub-contenttype", "application/json"},
        {"Content-Type", "text/plain"},
        {"Content-Encoding", "utf-8"},
        {"iothub-app-Key", "a value"},
        {"X-Other", "not ours"},
    };
    assert_int_equal(post(QUEUE, "{\"t\":1}", headers, ARRAY_SIZE(headers)), 204);
    CLEANUP(fake_finish) struct http_exchange got = get(QUEUE);
    assert_int_equal(got.status, 200);
    assert_str_equal(buf_str(&got.answer_body), "{\"t\":1}");
    static const struct header expected[] = {
        {"iothub-messageid", "m1"},
        {"iothub-correlationid", "c1"},
        {"iothub-userid", "u1"},
        {"iothub-to", "/devices/d1/messages/deviceBound"},
        {"iothub-ack", "full"},
        {"iothub-expiry", "2100-01-01T00:00:00.0000000Z"},
        {"iothub-contenttype", "application/json"},
        {"iothub-contentencoding", "utf-8"},
        {"ContentType", "application/json"},
        {"ContentEncoding", "utf-8"},
        {"iothub-app-Key", "a value"},
        {"iothub-sequencenumber", "1"},
        {"iothub-deliverycount", "0"},
        {"Content-Type", "application/octet-stream"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
        const char *value = answered(&got, expected[i].name);
        assert_non_null(value);
        assert_string_equal(value, expected[i].value);
    }
    assert_non_null(answered(&got, "iothub-enqueuedtime"));
    assert_null(answered(&got, "iothub-app-X-Other"));
}

static void an_empty_queue_is_204(void **state)
{
    (void)state;
    assert_int_equal(fake_status("GET", QUEUE, NULL), 204);
    assert_int_equal(fake_status("GET", "/devices/nope/messages/deviceBound", NULL), 404);
}

static const struct {
    struct header header;
    unsigned status;
} posts[] = {
    {{"iothub-ack", "positive"}, 204},
    {{"iothub-ack", "yes"}, 400},
    {{"iothub-ack", ""}, 204},
    {{"iothub-expiry", "2100-01-01T00:00:00Z"}, 204},
    {{"iothub-expiry", "4102444800000"}, 204},
    {{"iothub-expiry", "9223372036854775"}, 204},
    {{"iothub-expiry", "9223372036854776"}, 400},
    {{"iothub-expiry", "1600000000000"}, 403},
    {{"iothub-expiry", "soon"}, 400},
    {{"iothub-app-k", "\xc3\xa9"}, 204},
    {{"iothub-app-k", "\xe9"}, 400},
};

static void headers_are_checked(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(posts); i++) {
        assert_int_equal(post(QUEUE, "x", &posts[i].header, 1), posts[i].status);
    }
}

static void each_settlement_has_its_request(void **state)
{
    (void)state;
    static const struct {
        const char *method, *after, *query;
        const char *said; /* in the feedback; NULL: it is back */
    } cases[] = {
        {"DELETE", "", "api-version=2021-04-12", "Success"},
        {"DELETE", "", "api-version=2021-04-12&reject", "Rejected"},
        {"DELETE", "", "reject=true&api-version=2021-04-12", "Rejected"},
        {"DELETE", "", "reject=false&api-version=2021-04-12", "Success"},
        {"POST", "/abandon", "api-version=2021-04-12", NULL},
    };
    static const struct header ack = {"iothub-ack", "full"};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_int_equal(post(QUEUE, "x", &ack, 1), 204);
        CLEANUP(fake_finish) struct http_exchange got = get(QUEUE);
        CLEANUP(fake_finish)
        struct http_exchange settled =
            fake_request(cases[i].method, settling(&got, QUEUE, cases[i].after), NULL);
        settled.query = str_from(cases[i].query);
        fake_send(&settled);
        assert_int_equal(settled.status, 204);
        CLEANUP(fake_finish)
        struct http_exchange again =
            fake_request(cases[i].method, settling(&got, QUEUE, cases[i].after), NULL);
        fake_send(&again);
        assert_int_equal(again.status, 412);
        assert_string_equal(answered(&again, "iothub-errorcode"), "DeviceMessageLockLost");
        if (cases[i].said == NULL) {
            CLEANUP(fake_finish) struct http_exchange back = get(QUEUE);
            assert_string_equal(answered(&back, "iothub-deliverycount"), "1");
            continue;
        }
        fake_advance(1);
        CLEANUP(fake_finish) struct http_exchange feedback = get("/messages/serviceBound/feedback");
        assert_int_equal(feedback.status, 200);
        assert_non_null(strstr(feedback.answer_body.data, cases[i].said));
    }
}

static void a_token_may_be_written_in_many_ways(void **state)
{
    (void)state;
    static const char *const quotes[] = {"", "\"", "%22"};
    for (size_t i = 0; i < ARRAY_SIZE(quotes); i++) {
        assert_int_equal(post(QUEUE, "x", NULL, 0), 204);
        CLEANUP(fake_finish) struct http_exchange got = get(QUEUE);
        char path[256];
        (void)snprintf(path, sizeof(path), "%s/%s%.36s%s", QUEUE, quotes[i],
                       answered(&got, "ETag") + 1, quotes[i]);
        assert_int_equal(fake_status("DELETE", path, NULL), 204);
    }
    assert_int_equal(fake_status("DELETE", QUEUE "/nonsense", NULL), 412);
    assert_int_equal(fake_status("DELETE", QUEUE "/*", NULL), 412);
    assert_int_equal(fake_status("POST", QUEUE "/nonsense/abandon", NULL), 412);
    assert_int_equal(fake_status("DELETE", "/messages/serviceBound/feedback/nonsense", NULL), 412);
}

static void a_module_has_a_queue_of_its_own(void **state)
{
    (void)state;
    static const char queue[] = "/devices/d1/modules/m1/messages/devicebound";
    assert_int_equal(fake_status("PUT", "/devices/d1/modules/m1", "{}"), 200);
    assert_int_equal(post(queue, "to the module", NULL, 0), 204);
    assert_int_equal(fake_status("GET", QUEUE, NULL), 204);
    CLEANUP(fake_finish)
    struct http_exchange got = get("/devices/d1/modules/m1//messages/deviceBound");
    assert_int_equal(got.status, 200);
    assert_string_equal(answered(&got, "iothub-to"), "/devices/d1/modules/m1/messages/deviceBound");
    assert_int_equal(fake_status("DELETE", settling(&got, queue, ""), NULL), 204);
}

/* What came in by another protocol may hold what HTTP cannot say. */
static void a_property_that_no_header_carries_is_left_out(void **state)
{
    (void)state;
    static char large[20000];
    memset(large, 'x', sizeof(large));
    const struct hub_property application[] = {
        {STR("fine"), STR("\xc3\xa9")},
        {STR("a space"), STR("x")},
        {STR(""), STR("x")},
        {STR("line"), STR("a\nb")},
        {STR("del"), STR("\x7f")},
        {STR("none"), {0}},
        {STR("large1"), str_of(large, sizeof(large))},
        {STR("large2"), str_of(large, sizeof(large))},
        {STR("last"), STR("x")},
    };
    const struct hub_property system[] = {{STR("ownName"), STR("x")},
                                          {STR("contentType"), STR("a\nb")},
                                          {STR("contentEncoding"), STR("utf-8")}};
    const struct hub_c2d send = {
        .key = {.device = STR("d1"), .module = STR_EMPTY},
        .message = {.system = system,
                    .system_count = ARRAY_SIZE(system),
                    .application = application,
                    .application_count = ARRAY_SIZE(application)},
    };
    assert_int_equal(hub_c2d_send(fake_hub, &send, NULL), HUB_OK);
    CLEANUP(fake_finish) struct http_exchange got = get(QUEUE);
    assert_int_equal(got.status, 200);
    assert_string_equal(answered(&got, "iothub-app-fine"), "\xc3\xa9");
    assert_string_equal(answered(&got, "iothub-app-last"), "x");
    assert_string_equal(answered(&got, "iothub-app-none"), "");
    assert_string_equal(answered(&got, "ContentEncoding"), "utf-8");
    static const char *const missing[] = {"iothub-app-a space", "iothub-app-", "iothub-app-line",
                                          "iothub-app-del", "ownName"};
    for (size_t i = 0; i < ARRAY_SIZE(missing); i++) {
        assert_null(answered(&got, missing[i]));
    }
    assert_non_null(strstr(got.answer_headers.data, "iothub-app-large1"));
    assert_null(strstr(got.answer_headers.data, "iothub-app-large2"));
}

static void feedback_is_fetched_and_settled(void **state)
{
    (void)state;
    static const char queue[] = "/messages/serviceBound/feedback";
    static const struct header ack = {"iothub-ack", "full"};
    assert_int_equal(fake_status("GET", queue, NULL), 204);
    assert_int_equal(post(QUEUE, "x", &ack, 1), 204);
    assert_int_equal(post(QUEUE, "x", &ack, 1), 204);
    CLEANUP(fake_finish)
    struct http_exchange purge = fake_request("DELETE", "/devices/d1/commands", NULL);
    fake_send(&purge);
    assert_int_equal(purge.status, 200);
    assert_str_equal(buf_str(&purge.answer_body),
                     "{\"totalMessagesPurged\":2,\"deviceId\":\"d1\",\"moduleId\":null}");
    fake_advance(1);
    CLEANUP(fake_finish) struct http_exchange got = get(queue);
    assert_int_equal(got.status, 200);
    assert_string_equal(answered(&got, "Content-Type"),
                        "application/vnd.microsoft.iothub.feedback.json");
    assert_string_equal(answered(&got, "iothub-userid"), "hub");
    assert_string_equal(answered(&got, "iothub-enqueuedtime"), "2026-11-21T11:00:01.0000000Z");
    assert_int_equal(fake_status("GET", queue, NULL), 204);
    assert_int_equal(fake_status("POST", settling(&got, queue, "/abandon"), NULL), 204);
    CLEANUP(fake_finish) struct http_exchange again = get(queue);
    assert_int_equal(fake_status("DELETE", settling(&got, queue, ""), NULL), 412);
    assert_int_equal(
        fake_status("DELETE", settling(&again, queue, "?reject&api-version=2020-03-13"), NULL),
        204);
    assert_int_equal(fake_status("GET", queue, NULL), 204);
}

static void there_are_no_file_notifications(void **state)
{
    (void)state;
    static const char queue[] = "/messages/serviceBound/filenotifications";
    assert_int_equal(fake_status("GET", queue, NULL), 204);
    assert_int_equal(
        fake_status("DELETE",
                    "/messages/serviceBound/filenotifications/00112233-4455-6677-8899-aabbccddeeff",
                    NULL),
        412);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_a_service_posts_a_device_gets),
        TEST(an_empty_queue_is_204),
        TEST(headers_are_checked),
        TEST(each_settlement_has_its_request),
        TEST(a_token_may_be_written_in_many_ways),
        TEST(a_module_has_a_queue_of_its_own),
        TEST(a_property_that_no_header_carries_is_left_out),
        TEST(feedback_is_fetched_and_settled),
        TEST(there_are_no_file_notifications),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
