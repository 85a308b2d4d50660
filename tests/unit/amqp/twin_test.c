/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "check.h"
#include "fakes.h"
#include "message_text.h"

#define REPORTED      "/properties/reported"
#define NOTIFICATIONS "/notifications/twin/properties/desired"

struct pair {
    struct peer *peer;
    pn_link_t *requests, *answers;
};

static struct pair attach(const char *of, const char *address)
{
    struct pair pair = {.peer = peer_open(NULL)};
    assert_int_equal(peer_put_token(pair.peer, fake_device_token(of)), 200);
    pair.answers = peer_receiver(pair.peer, address, 10);
    pair.requests = peer_sender(pair.peer, address);
    assert_string_equal(peer_refusal(pair.answers), "");
    assert_string_equal(peer_refusal(pair.requests), "");
    return pair;
}

struct ask {
    const char *operation, *resource; /* NULL: left out */
    struct amqp_value version;        /* zeroed: null, as .NET sends it */
    struct amqp_value id;
    const char *body;
};

static const char *send(const struct pair *pair, const struct ask *ask)
{
    struct amqp_entry annotations[3];
    size_t count = 0;
    if (ask->operation != NULL) {
        annotations[count++] =
            (struct amqp_entry){STR("operation"), amqp_string(str_from(ask->operation))};
    }
    if (ask->resource != NULL) {
        annotations[count++] =
            (struct amqp_entry){STR("resource"), amqp_string(str_from(ask->resource))};
    }
    annotations[count++] = (struct amqp_entry){STR("version"), ask->version};
    const struct message_parts parts = {
        .annotations = annotations,
        .annotation_count = count,
        .correlation_id = ask->id,
        .body = str_from(ask->body),
    };
    return peer_send(pair->peer, pair->requests, message_of(&parts));
}

static const char *received(const struct pair *pair)
{
    return message_text(peer_receive(pair->peer, pair->answers, PN_ACCEPTED));
}

/* Sends and gives the answer. */
static const char *ask(const struct pair *pair, const struct ask *what)
{
    assert_string_equal(send(pair, what), "accepted");
    return received(pair);
}

#define ID amqp_string(STR("id"))

/* What a service writes; `json` is {"desired": {...}}. */
static void write_desired(const char *device, const char *module, const char *json)
{
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(HUB_TWIN_ARENA_MAX);
    cJSON *desired = cJSON_Parse(json);
    const struct hub_twin_change change = {.desired = desired};
    struct storage_identity *twin = NULL;
    const struct identity_key key = {.device = str_from(device), .module = str_from(module)};
    assert_non_null(desired);
    assert_int_equal(hub_twin_update(fake_hub, key, &change, &arena, &twin, NULL), HUB_OK);
    cJSON_Delete(desired);
}

/* ---- requests ---- */

static void case_47_correlation_ids_come_back_as_they_are(void **state)
{
    (void)state;
    const struct pair pair = attach("d1", "/devices/d1/twin");
    const struct {
        struct amqp_value id;
        const char *text;
    } rows[] = {
        {amqp_string(STR("Get1234")), "string Get1234"},
        {amqp_uuid(STR("\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff")),
         "uuid 00112233-4455-6677-8899-aabbccddeeff"},
        {amqp_ulong(7), "ulong 7"},
        {amqp_binary(STR("\x01\xff")), "binary 01ff"},
        {amqp_string(STR_EMPTY), "string "},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char wanted[256];
        const struct ask get = {.operation = "GET", .id = rows[i].id, .body = " "};
        assert_true(snprintf(wanted, sizeof(wanted),
                             "@status=int 200;correlation-id=%s;> {\"desired\":{\"$version\":1},"
                             "\"reported\":{\"$version\":1}}",
                             rows[i].text) > 0);
        assert_string_equal(ask(&pair, &get), wanted);
    }
    peer_close(pair.peer);
}

static void case_47_a_patch_is_answered_with_an_int_and_a_long(void **state)
{
    (void)state;
    const struct pair pair = attach("d1", "amqps://localhost/devices/d1/Twin");
    const struct ask first = {
        .operation = "PATCH", .resource = REPORTED, .id = ID, .body = "{\"a\":1,\"b\":2}"};
    assert_string_equal(ask(&pair, &first),
                        "@status=int 204;@version=long 2;correlation-id=string id;> ");
    const struct ask second = {.operation = "PATCH",
                               .resource = REPORTED,
                               .version = amqp_int(2),
                               .id = ID,
                               .body = "{\"b\":null}"};
    assert_string_equal(ask(&pair, &second),
                        "@status=int 204;@version=long 3;correlation-id=string id;> ");
    const struct ask get = {.operation = "GET", .id = ID, .body = ""};
    assert_string_equal(ask(&pair, &get),
                        "@status=int 200;correlation-id=string id;> {\"desired\":{\"$version\":1},"
                        "\"reported\":{\"a\":1,\"$version\":3}}");
    peer_close(pair.peer);
}

static void refused_requests_are_answered_with_a_status_and_words(void **state)
{
    (void)state;
    const struct pair pair = attach("d1", "/devices/d1/twin");
    const struct {
        struct ask ask;
        int status;
        const char *part;
    } rows[] = {
        {{.operation = "PATCH", .resource = REPORTED, .id = ID, .body = "{"}, 400, "no JSON"},
        {{.operation = "PATCH", .resource = REPORTED, .id = ID, .body = "{\"$a\":1}"}, 400, "$a"},
        {{.operation = "PATCH",
          .resource = REPORTED,
          .version = amqp_long(9),
          .id = ID,
          .body = "{}"},
         412,
         "\"errorCode\":412001"},
        {{.operation = "PATCH",
          .resource = REPORTED,
          .version = amqp_int(0),
          .id = ID,
          .body = "{}"},
         412,
         "versions start at 1"},
        {{.operation = "PATCH",
          .resource = REPORTED,
          .version = amqp_string(STR("1")),
          .id = ID,
          .body = "{}"},
         400,
         "annotation 'version' is a string"},
        {{.operation = "PATCH", .resource = "/properties/desired", .id = ID, .body = "{}"},
         400,
         "no operation 'PATCH' on '/properties/desired'"},
        {{.operation = "PATCH", .id = ID, .body = "{}"}, 400, "no operation 'PATCH' on ''"},
        {{.operation = "POST", .id = ID, .body = ""}, 400, "no operation 'POST'"},
        {{.operation = "PUT", .resource = REPORTED, .id = ID, .body = ""}, 400, "no operation"},
        {{.id = ID, .body = ""}, 400, "no operation ''"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char wanted[64];
        const char *text = ask(&pair, &rows[i].ask);
        (void)snprintf(wanted, sizeof(wanted), "@status=int %d;correlation-id=string id;> {\"error",
                       rows[i].status);
        assert_true(str_starts(str_from(text), str_from(wanted)));
        assert_non_null(strstr(text, rows[i].part));
        assert_non_null(strstr(text, "\"trackingId\":\""));
    }
    assert_non_null(strstr(fake_journal(), "refused d1"));
    peer_close(pair.peer);
}

static void a_request_without_correlation_id_is_done_and_not_answered(void **state)
{
    (void)state;
    const struct pair pair = attach("d1", "/devices/d1/twin");
    const struct ask good = {.operation = "PATCH", .resource = REPORTED, .body = "{\"a\":1}"};
    assert_string_equal(send(&pair, &good), "accepted");
    const struct ask bad = {.operation = "PATCH", .resource = REPORTED, .body = "1"};
    assert_string_equal(send(&pair, &bad), "rejected com.microsoft:argument-error");
    const struct ask get = {.operation = "GET", .id = ID, .body = ""};
    assert_non_null(strstr(ask(&pair, &get), "\"reported\":{\"a\":1,\"$version\":2}"));
    assert_string_equal(received(&pair), "");
    peer_close(pair.peer);
}

static void a_request_without_receiver_is_done_where_that_makes_sense(void **state)
{
    (void)state;
    struct pair pair = {.peer = peer_open(NULL)};
    assert_int_equal(peer_put_token(pair.peer, fake_device_token("d1")), 200);
    pair.requests = peer_sender(pair.peer, "/devices/d1/twin");
    const struct ask patch = {
        .operation = "PATCH", .resource = REPORTED, .id = ID, .body = "{\"a\":1}"};
    assert_string_equal(send(&pair, &patch), "accepted");
    const struct ask put = {.operation = "PUT", .resource = NOTIFICATIONS, .id = ID, .body = ""};
    assert_string_equal(send(&pair, &put), "rejected amqp:not-allowed");
    peer_close(pair.peer);
}

static void bytes_that_are_no_message_are_rejected(void **state)
{
    (void)state;
    const struct pair pair = attach("d1", "/devices/d1/twin");
    assert_string_equal(peer_send(pair.peer, pair.requests, STR("hello")),
                        "rejected amqp:decode-error");
    const struct ask get = {.operation = "GET", .id = ID, .body = ""};
    assert_string_not_equal(ask(&pair, &get), "");
    peer_close(pair.peer);
}

/* ---- notifications ---- */

static void case_47_desired_properties_come_between_PUT_and_DELETE(void **state)
{
    (void)state;
    const struct pair pair = attach("d1", "/devices/d1/twin");
    write_desired("d1", "", "{\"a\":1}");
    assert_string_equal(received(&pair), "");

    const struct ask put = {.operation = "PUT", .resource = NOTIFICATIONS, .id = ID, .body = ""};
    assert_string_equal(ask(&pair, &put), "@status=int 200;correlation-id=string id;> ");
    write_desired("d1", "", "{\"a\":2}");
    assert_string_equal(received(&pair), "@resource=string /properties/desired;@version=long 3;> "
                                         "{\"a\":2,\"$version\":3}");

    const struct ask stop = {
        .operation = "DELETE", .resource = NOTIFICATIONS, .id = ID, .body = " "};
    assert_string_equal(ask(&pair, &stop), "@status=int 200;correlation-id=string id;> ");
    write_desired("d1", "", "{\"a\":3}");
    assert_string_equal(received(&pair), "");
    peer_close(pair.peer);
}

static void notifications_end_with_the_receiver(void **state)
{
    (void)state;
    const struct pair pair = attach("d1", "/devices/d1/twin");
    const struct ask put = {.operation = "PUT", .resource = NOTIFICATIONS, .id = ID, .body = ""};
    assert_string_not_equal(ask(&pair, &put), "");
    pn_link_close(pair.answers);
    peer_pump(pair.peer);
    write_desired("d1", "", "{\"a\":2}");
    pn_link_t *again = peer_receiver(pair.peer, "/devices/d1/twin", 10);
    assert_int_equal(peer_receive(pair.peer, again, PN_ACCEPTED).size, 0);
    peer_close(pair.peer);
}

static void a_module_has_a_twin_of_its_own(void **state)
{
    (void)state;
    const struct pair device = attach("d1", "/devices/d1/twin");
    const struct pair module = attach("d1/modules/m1", "/devices/d1/modules/m1/twin");
    const struct ask patch = {
        .operation = "PATCH", .resource = REPORTED, .id = ID, .body = "{\"module\":true}"};
    const struct ask put = {.operation = "PUT", .resource = NOTIFICATIONS, .id = ID, .body = ""};
    const struct ask get = {.operation = "GET", .id = ID, .body = ""};
    assert_non_null(strstr(ask(&module, &patch), "204"));
    assert_non_null(strstr(ask(&module, &put), "200"));
    assert_non_null(strstr(ask(&module, &get), "\"module\":true"));
    assert_null(strstr(ask(&device, &get), "\"module\":true"));
    write_desired("d1", "m1", "{\"a\":1}");
    assert_non_null(strstr(received(&module), "{\"a\":1,\"$version\":2}"));
    assert_string_equal(received(&device), "");
    peer_close(device.peer);
    peer_close(module.peer);
}

static void devices_on_one_connection_get_their_own_answers(void **state)
{
    (void)state;
    struct pair one = attach("d1", "/devices/d1/twin");
    assert_int_equal(peer_put_token(one.peer, fake_device_token("d2")), 200);
    pn_session_t *session = peer_session(one.peer);
    struct pair two = {.peer = one.peer};
    two.answers = peer_receiver_on(one.peer, session, "/devices/d2/twin", "TwinReceiverLink");
    two.requests = peer_sender_on(one.peer, session, "/devices/d2/twin", "TwinSenderLink");
    pn_link_flow(two.answers, 10);
    const struct ask patch = {
        .operation = "PATCH", .resource = REPORTED, .id = ID, .body = "{\"two\":2}"};
    const struct ask get = {.operation = "GET", .id = ID, .body = ""};
    assert_non_null(strstr(ask(&two, &patch), "204"));
    assert_string_equal(received(&one), "");
    assert_null(strstr(ask(&one, &get), "\"two\":2"));
    assert_non_null(strstr(ask(&two, &get), "\"two\":2"));
    peer_close(one.peer);
}

static void anothers_twin_is_not_to_be_had(void **state)
{
    (void)state;
    struct peer *peer = peer_open(NULL);
    assert_int_equal(peer_put_token(peer, fake_device_token("d1")), 200);
    assert_string_equal(peer_refusal(peer_sender(peer, "/devices/d2/twin")),
                        "amqp:unauthorized-access");
    assert_string_equal(peer_refusal(peer_receiver(peer, "/devices/d2/twin", 1)),
                        "amqp:unauthorized-access");
    peer_close(peer);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, fake_setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(case_47_correlation_ids_come_back_as_they_are),
        TEST(case_47_a_patch_is_answered_with_an_int_and_a_long),
        TEST(refused_requests_are_answered_with_a_status_and_words),
        TEST(a_request_without_correlation_id_is_done_and_not_answered),
        TEST(a_request_without_receiver_is_done_where_that_makes_sense),
        TEST(bytes_that_are_no_message_are_rejected),
        TEST(case_47_desired_properties_come_between_PUT_and_DELETE),
        TEST(notifications_end_with_the_receiver),
        TEST(a_module_has_a_twin_of_its_own),
        TEST(devices_on_one_connection_get_their_own_answers),
        TEST(anothers_twin_is_not_to_be_had),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
