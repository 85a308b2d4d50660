/* SPDX-License-Identifier: MIT */
#include "check.h"
#include "fakes.h"
#include "message_text.h"

struct pair {
    struct peer *peer;
    pn_link_t *calls, *answers;
};

static struct pair attach(const char *of, const char *address)
{
    struct pair pair = {.peer = peer_open(NULL)};
    assert_int_equal(peer_put_token(pair.peer, fake_device_token(of)), 200);
    pair.calls = peer_receiver(pair.peer, address, 10);
    pair.answers = peer_sender(pair.peer, address);
    assert_string_equal(peer_refusal(pair.calls), "");
    assert_string_equal(peer_refusal(pair.answers), "");
    return pair;
}

/* What the service got. */
struct outcome {
    unsigned count;
    enum hub_code code;
    int64_t status;
    char payload[256];
};

static void note(void *ctx, const struct hub_method_result *result)
{
    struct outcome *outcome = ctx;
    outcome->count++;
    outcome->code = result->code;
    outcome->status = result->status;
    assert_true(result->payload.size < sizeof(outcome->payload));
    if (result->payload.size > 0) {
        memcpy(outcome->payload, result->payload.data, result->payload.size);
    }
    outcome->payload[result->payload.size] = '\0';
}

static void invoke(const char *device, const char *module, const char *payload,
                   struct outcome *outcome)
{
    const struct hub_method method = {
        .key = {.device = str_from(device), .module = str_from(module)},
        .name = STR("reboot"),
        .payload = str_from(payload),
        .response_timeout_s = 30,
    };
    struct hub_call *call = NULL;
    *outcome = (struct outcome){0};
    assert_int_equal(hub_method_invoke(fake_hub, &method, note, outcome, &call, NULL), HUB_OK);
}

static const char *received(const struct pair *pair)
{
    return message_text(peer_receive(pair->peer, pair->calls, PN_ACCEPTED));
}

static const char *answer(const struct pair *pair, struct amqp_value id, struct amqp_value status,
                          const char *body)
{
    const struct amqp_entry application[] = {{STR("IoThub-status"), status}};
    const struct message_parts parts = {
        .correlation_id = id,
        .application = application,
        .application_count = status.type == AMQP_NULL ? 0 : 1,
        .body = str_from(body),
    };
    return peer_send(pair->peer, pair->answers, message_of(&parts));
}

/* Of the first call. */
#define FIRST amqp_uuid(STR("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"))

static void case_48_a_call_has_a_uuid_and_its_answer_an_int(void **state)
{
    (void)state;
    const struct pair pair = attach("d1", "/devices/d1/methods/deviceBound");
    struct outcome outcome;
    invoke("d1", "", "{\"delay\":5}", &outcome);
    assert_string_equal(received(&pair), "correlation-id=uuid 00000000-0000-0000-0000-000000000001;"
                                         "#IoThub-methodname=string reboot;> {\"delay\":5}");
    assert_int_equal(outcome.count, 0);
    assert_string_equal(answer(&pair, FIRST, amqp_int(-3), "{\"ok\":true}"), "accepted");
    assert_int_equal(outcome.count, 1);
    assert_int_equal(outcome.code, HUB_OK);
    assert_int_equal(outcome.status, -3);
    assert_string_equal(outcome.payload, "{\"ok\":true}");
    peer_close(pair.peer);
}

static void case_48_an_answer_may_name_its_call_in_text_and_be_empty(void **state)
{
    (void)state;
    const struct pair pair = attach("d1", "/devices/d1/methods/devicebound");
    struct outcome outcome;
    invoke("d1", "", "", &outcome);
    assert_string_equal(received(&pair), "correlation-id=uuid 00000000-0000-0000-0000-000000000001;"
                                         "#IoThub-methodname=string reboot;> ");
    const struct amqp_value id = amqp_string(STR("00000000-0000-0000-0000-000000000001"));
    assert_string_equal(answer(&pair, id, amqp_int(200), ""), "accepted");
    assert_int_equal(outcome.count, 1);
    assert_string_equal(outcome.payload, "null");
    peer_close(pair.peer);
}

static void late_and_unknown_answers_are_ignored(void **state)
{
    (void)state;
    const struct pair pair = attach("d1", "/devices/d1/methods/devicebound");
    const struct amqp_value ids[] = {
        amqp_uuid(STR("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02")),
        amqp_uuid(STR("\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01")),
        amqp_string(STR("1")),
        amqp_ulong(1),
        {.type = AMQP_NULL},
    };
    struct outcome outcome;
    invoke("d1", "", "", &outcome);
    for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
        assert_string_equal(answer(&pair, ids[i], amqp_int(200), ""), "accepted");
        assert_int_equal(outcome.count, 0);
    }
    fake_advance_hub(31);
    assert_int_equal(outcome.count, 1);
    assert_int_equal(outcome.code, HUB_GATEWAY_TIMEOUT);
    assert_string_equal(answer(&pair, FIRST, amqp_int(200), ""), "accepted");
    assert_int_equal(outcome.count, 1);
    peer_close(pair.peer);
}

static void an_answer_without_a_whole_number_for_a_status_is_rejected(void **state)
{
    (void)state;
    const struct pair pair = attach("d1", "/devices/d1/methods/devicebound");
    const struct amqp_value statuses[] = {
        {.type = AMQP_NULL},
        amqp_string(STR("200")),
        {.type = AMQP_DOUBLE, .d = 200},
    };
    struct outcome outcome;
    invoke("d1", "", "", &outcome);
    for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
        assert_string_equal(answer(&pair, FIRST, statuses[i], ""),
                            "rejected com.microsoft:argument-error");
    }
    assert_int_equal(outcome.count, 0);
    assert_string_equal(answer(&pair, FIRST, amqp_long(200), ""), "accepted");
    assert_int_equal(outcome.count, 1);
    peer_close(pair.peer);
}

static void bytes_that_are_no_message_are_rejected(void **state)
{
    (void)state;
    const struct pair pair = attach("d1", "/devices/d1/methods/devicebound");
    assert_string_equal(peer_send(pair.peer, pair.answers, STR("\x00\x53\x73\x40")),
                        "rejected amqp:decode-error");
    peer_close(pair.peer);
}

static void who_only_answers_or_left_is_not_online_for_methods(void **state)
{
    (void)state;
    struct pair pair = attach("d1", "/devices/d1/methods/devicebound");
    struct outcome outcome;
    pn_link_close(pair.calls);
    peer_pump(pair.peer);
    invoke("d1", "", "", &outcome);
    assert_int_equal(outcome.count, 1);
    assert_int_equal(outcome.code, HUB_DEVICE_NOT_ONLINE);
    peer_close(pair.peer);
}

static void a_modules_methods_are_its_own(void **state)
{
    (void)state;
    const struct pair device = attach("d1", "/devices/d1/methods/devicebound");
    const struct pair module =
        attach("d1/modules/m1", "/devices/d1/modules/m1/methods/devicebound");
    struct outcome outcome;
    invoke("d1", "m1", "1", &outcome);
    assert_string_equal(received(&device), "");
    assert_non_null(strstr(received(&module), "#IoThub-methodname=string reboot;> 1"));
    /* Nobody else can answer for it. */
    assert_string_equal(answer(&device, FIRST, amqp_int(200), ""), "accepted");
    assert_int_equal(outcome.count, 0);
    assert_string_equal(answer(&module, FIRST, amqp_int(200), "\"m\""), "accepted");
    assert_string_equal(outcome.payload, "\"m\"");
    peer_close(device.peer);
    peer_close(module.peer);
}

static void a_call_waits_for_credit(void **state)
{
    (void)state;
    struct pair pair = {.peer = peer_open(NULL)};
    assert_int_equal(peer_put_token(pair.peer, fake_device_token("d1")), 200);
    pair.calls = peer_receiver(pair.peer, "/devices/d1/methods/devicebound", 0);
    struct outcome outcome;
    invoke("d1", "", "7", &outcome);
    assert_string_equal(received(&pair), "");
    pn_link_flow(pair.calls, 1);
    assert_non_null(strstr(received(&pair), "> 7"));
    assert_int_equal(outcome.count, 0);
    peer_close(pair.peer);
    fake_advance_hub(31);
    assert_int_equal(outcome.code, HUB_GATEWAY_TIMEOUT); /* nobody was left to answer */
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, fake_setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(case_48_a_call_has_a_uuid_and_its_answer_an_int),
        TEST(case_48_an_answer_may_name_its_call_in_text_and_be_empty),
        TEST(late_and_unknown_answers_are_ignored),
        TEST(an_answer_without_a_whole_number_for_a_status_is_rejected),
        TEST(bytes_that_are_no_message_are_rejected),
        TEST(who_only_answers_or_left_is_not_online_for_methods),
        TEST(a_modules_methods_are_its_own),
        TEST(a_call_waits_for_credit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
