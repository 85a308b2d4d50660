/* SPDX-License-Identifier: MIT */
#include "fakes.h"

#include <stdio.h>

#include "amqp/limits.h"
#include "amqp/message.h"
#include "base/sas.h"
#include "check.h"

#define EVENTS "/devices/d1/messages/events"

/* A request as a test wants it: what is NULL is left out. */
struct request {
    struct amqp_value id;
    const char *operation, *type, *name;
    struct str token;
    bool data_body;
};

static struct request good(struct str token)
{
    return (struct request){
        .id = amqp_string(STR("1")),
        .operation = "put-token",
        .type = "servicebus.windows.net:sastoken",
        .name = "localhost",
        .token = token,
    };
}

static void append_request(struct buf *out, const struct request *request)
{
    struct amqp_value properties[AMQP_PROPERTY_COUNT] = {{0}};
    const struct {
        const char *name, *value;
    } pairs[] = {
        {"operation", request->operation}, {"type", request->type}, {"name", request->name}};
    struct amqp_entry application[3];
    size_t count = 0;
    properties[AMQP_MESSAGE_ID] = request->id;
    for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
        if (pairs[i].value != NULL) {
            application[count++] =
                (struct amqp_entry){str_from(pairs[i].name), amqp_string(str_from(pairs[i].value))};
        }
    }
    amqp_append_properties(out, properties);
    amqp_append_application(out, application, count);
    if (request->data_body) {
        amqp_append_data(out, request->token);
    } else {
        amqp_append_value_section(out);
        amqp_append_string(out, request->token);
    }
}

/* The answer's status; *ret_id (may be NULL) lives until the next message. */
static int ask(struct peer *peer, const struct request *request, struct amqp_value *ret_id)
{
    CLEANUP(buf_finish) struct buf bytes = BUF_INIT(1U << 20);
    append_request(&bytes, request);
    if (peer->cbs_sender == NULL) {
        peer->cbs_receiver = peer_receiver(peer, "$cbs", 10);
        peer->cbs_sender = peer_sender(peer, "$cbs");
    }
    assert_string_equal(peer_send(peer, peer->cbs_sender, buf_str(&bytes)), "accepted");
    struct amqp_message answer;
    struct amqp_value status = {0};
    struct amqp_value description = {0};
    assert_true(
        amqp_message_read(peer_receive(peer, peer->cbs_receiver, PN_ACCEPTED), &answer, NULL));
    assert_true(amqp_map_find(&answer.application, STR("status-code"), &status));
    assert_true(amqp_map_find(&answer.application, STR("status-description"), &description));
    assert_int_equal(status.type, AMQP_INT);
    assert_int_equal(description.type, AMQP_STRING);
    pn_link_flow(peer->cbs_receiver, 1);
    if (ret_id != NULL) {
        *ret_id = answer.properties[AMQP_CORRELATION_ID];
    }
    return (int)status.i;
}

static void service_cases_71_and_72_the_id_comes_back_in_its_type(void **state)
{
    (void)state;
    const struct amqp_value ids[] = {
        amqp_string(STR("request1")), amqp_uuid(STR("0123456789abcdef")), amqp_ulong(0),
        amqp_ulong(UINT64_MAX),       amqp_binary(STR("\x00\xff")),
    };
    struct peer *peer = peer_open(NULL);
    for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
        struct request request = good(fake_device_token("d1"));
        struct amqp_value id;
        request.id = ids[i];
        assert_int_equal(ask(peer, &request, &id), 200);
        assert_int_equal(id.type, ids[i].type);
        if (id.type == AMQP_ULONG) {
            assert_true(id.u == ids[i].u);
        } else {
            assert_true(str_equal(id.bytes, ids[i].bytes));
        }
    }
    peer_close(peer);
}

static void what_is_no_put_token_is_answered_400_and_other_refusals_have_theirs(void **state)
{
    (void)state;
    const struct str wrong_key = STR("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    const struct str token = fake_device_token("d1");
    struct {
        int status;
        struct request request;
    } rows[] = {
        {200, good(token)}, {400, good(token)}, {400, good(token)}, {400, good(token)},
        {401, good(token)}, {401, good(token)}, {400, good(token)}, {400, good(token)},
        {401, good(token)}, {401, good(token)}, {401, good(token)}, {404, good(token)},
        {200, good(token)}, {401, good(token)}, {401, good(token)}, {401, good(token)},
    };
    rows[1].request.operation = "delete-token";
    rows[2].request.operation = NULL;
    rows[3].request.type = "amqp:swt";
    rows[4].request.type = "Bearer";
    rows[5].request.type = "jwt";
    rows[6].request.token = STR_EMPTY;
    rows[7].request.data_body = true;
    rows[8].request.token = STR("nonsense");
    rows[9].request.token =
        fake_token("localhost/devices/d1", wrong_key, NULL, INT64_C(2000000000));
    rows[10].request.token = fake_token("localhost", wrong_key, "service", INT64_C(2000000000));
    rows[11].request.token =
        fake_token("localhost/devices/gone", wrong_key, NULL, INT64_C(2000000000));
    rows[12].request.name = "localhost/devices/another"; /* the token says for whom it is */
    rows[13].request.token = fake_token("localhost", wrong_key, NULL, INT64_C(2000000000));
    rows[14].request.token = fake_token("localhost", wrong_key, "nopolicy", INT64_C(2000000000));
    rows[15].request.token = fake_token("other.host/devices/d1", wrong_key, NULL, 2000000000);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct peer *peer = peer_open(NULL);
        const int status = ask(peer, &rows[i].request, NULL);
        if (status != rows[i].status) {
            fail_msg("row %zu: %d", i, status);
        }
        peer_close(peer);
    }
}

static void a_message_that_is_none_is_rejected(void **state)
{
    (void)state;
    struct peer *peer = peer_open(NULL);
    pn_link_t *sender = peer_sender(peer, "$cbs");
    assert_string_equal(peer_send(peer, sender, STR("\xff\xff")), "rejected amqp:decode-error");
    CLEANUP(buf_finish) struct buf large = BUF_INIT(1U << 20);
    for (size_t i = 0; i <= AMQP_REQUEST_SIZE_MAX; i++) {
        buf_append_byte(&large, 0);
    }
    assert_string_equal(peer_send(peer, sender, buf_str(&large)),
                        "rejected amqp:link:message-size-exceeded");
    peer_close(peer);
}

static void answers_wait_for_the_receivers_credit(void **state)
{
    (void)state;
    struct peer *peer = peer_open(NULL);
    CLEANUP(buf_finish) struct buf bytes = BUF_INIT(1U << 20);
    const struct request request = good(fake_device_token("d1"));
    append_request(&bytes, &request);
    pn_link_t *receiver = peer_receiver(peer, "$cbs", 0);
    pn_link_t *sender = peer_sender(peer, "/$cbs");
    assert_true(pn_link_credit(sender) >= 1);
    assert_string_equal(peer_send(peer, sender, buf_str(&bytes)), "accepted");
    assert_int_equal(peer_receive(peer, receiver, 0).size, 0);
    assert_string_equal(peer_refusal(peer_sender(peer, EVENTS)), ""); /* it counts already */
    pn_link_flow(receiver, 1);
    assert_true(peer_receive(peer, receiver, PN_ACCEPTED).size > 0);
    peer_close(peer);
}

static void answers_that_nobody_fetches_end_their_link(void **state)
{
    (void)state;
    struct peer *peer = peer_open(NULL);
    CLEANUP(buf_finish) struct buf bytes = BUF_INIT(1U << 20);
    const struct request request = good(fake_device_token("d1"));
    append_request(&bytes, &request);
    pn_link_t *receiver = peer_receiver(peer, "$cbs", 0);
    pn_link_t *sender = peer_sender(peer, "$cbs");
    for (int i = 0; i < AMQP_ANSWERS_MAX; i++) {
        assert_string_equal(peer_refusal(receiver), "");
        assert_string_equal(peer_send(peer, sender, buf_str(&bytes)), "accepted");
    }
    assert_string_equal(peer_send(peer, sender, buf_str(&bytes)), "accepted");
    assert_string_equal(peer_refusal(receiver), "amqp:resource-limit-exceeded");
    assert_string_equal(peer_ending(peer), "");
    peer_close(peer);
}

static void answers_go_to_the_receiver_of_the_same_session(void **state)
{
    (void)state;
    struct peer *peer = peer_open(NULL);
    pn_session_t *second = peer_session(peer);
    assert_int_equal(peer_put_token(peer, fake_device_token("d1")), 200);
    assert_int_equal(peer_put_token_on(peer, second, fake_device_token("d2")), 200);
    assert_int_equal(peer_put_token(peer, fake_device_token("d1")), 200);
    peer_close(peer);
}

static void who_has_no_receiver_is_served_all_the_same(void **state)
{
    (void)state;
    struct peer *peer = peer_open(NULL);
    CLEANUP(buf_finish) struct buf bytes = BUF_INIT(1U << 20);
    const struct request request = good(fake_device_token("d1"));
    append_request(&bytes, &request);
    pn_link_t *sender = peer_sender(peer, "amqps://localhost:5671/$cbs");
    assert_string_equal(peer_send(peer, sender, buf_str(&bytes)), "accepted");
    assert_string_equal(peer_refusal(peer_sender(peer, EVENTS)), "");
    peer_close(peer);
}

/* ---- expiry ---- */

static void a_token_that_runs_out_takes_its_links_and_no_others(void **state)
{
    (void)state;
    const int64_t grace_s = hub_settings(fake_hub)->token_close_grace_s;
    struct peer *peer = peer_open(NULL);
    assert_int_equal(peer_put_token(peer, fake_device_token("d1")), 200);
    fake_advance_hub(600);
    assert_int_equal(peer_put_token(peer, fake_device_token("d2")), 200);
    pn_link_t *first = peer_sender(peer, EVENTS);
    pn_link_t *second = peer_sender(peer, "/devices/d2/messages/events");
    fake_advance_hub(3000 + grace_s - 1);
    peer_pump(peer);
    assert_string_equal(peer_refusal(first), "");
    fake_advance_hub(1);
    peer_pump(peer);
    assert_string_equal(peer_refusal(first), "amqp:unauthorized-access");
    assert_string_equal(peer_refusal(second), "");
    assert_string_equal(peer_refusal(peer_sender(peer, EVENTS)), "amqp:unauthorized-access");
    assert_non_null(strstr(fake_journal(), "the token for '/devices/d1' has expired"));
    assert_string_equal(peer_ending(peer), "");
    peer_close(peer);
}

static void a_renewed_token_keeps_its_links(void **state)
{
    (void)state;
    const int64_t grace_s = hub_settings(fake_hub)->token_close_grace_s;
    struct peer *peer = peer_open(NULL);
    assert_int_equal(peer_put_token(peer, fake_device_token("d1")), 200);
    pn_link_t *link = peer_sender(peer, EVENTS);
    for (int i = 0; i < 3; i++) {
        fake_advance_hub(3500);
        assert_int_equal(peer_put_token(peer, fake_device_token("d1")), 200);
    }
    fake_advance_hub(3600 + grace_s - 1);
    peer_pump(peer);
    assert_string_equal(peer_refusal(link), "");
    fake_advance_hub(1);
    peer_pump(peer);
    assert_string_equal(peer_refusal(link), "amqp:unauthorized-access");
    peer_close(peer);
}

static void too_many_tokens_are_answered_403(void **state)
{
    (void)state;
    struct peer *peer = peer_open(NULL);
    const struct hub_policy *owner = &hub_policies(fake_hub)[0];
    for (size_t i = 0; i < AMQP_TOKENS_MAX + 1; i++) {
        char resource[64];
        (void)snprintf(resource, sizeof(resource), "localhost/devices/x%zu", i);
        const struct request request =
            good(fake_token(resource, str_from(owner->primary_key), owner->name, 2000000000));
        assert_int_equal(ask(peer, &request, NULL), i < AMQP_TOKENS_MAX ? 200 : 403);
    }
    assert_int_equal(ask(peer,
                         &(struct request){.id = amqp_string(STR("1")),
                                           .operation = "put-token",
                                           .type = "servicebus.windows.net:sastoken",
                                           .token = fake_token("localhost/devices/x0",
                                                               str_from(owner->primary_key),
                                                               owner->name, 2000000001)},
                         NULL),
                     200); /* a renewal */
    assert_non_null(strstr(fake_journal(), "403005"));
    peer_close(peer);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(service_cases_71_and_72_the_id_comes_back_in_its_type),
        TEST(what_is_no_put_token_is_answered_400_and_other_refusals_have_theirs),
        TEST(a_message_that_is_none_is_rejected),
        TEST(answers_wait_for_the_receivers_credit),
        TEST(answers_that_nobody_fetches_end_their_link),
        TEST(answers_go_to_the_receiver_of_the_same_session),
        TEST(who_has_no_receiver_is_served_all_the_same),
        TEST(a_token_that_runs_out_takes_its_links_and_no_others),
        TEST(a_renewed_token_keeps_its_links),
        TEST(too_many_tokens_are_answered_403),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
