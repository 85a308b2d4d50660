/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "base/guid.h"
#include "check.h"
#include "fakes.h"
#include "hub/c2d.h"
#include "message_text.h"

#define DEVICEBOUND "/devices/d1/messages/deviceBound"

static void send_to(const char *device, const char *module, const char *body, enum hub_ack ack)
{
    static const struct hub_property system[] = {
        {{"messageId", 9}, {"m1", 2}},
        {{"contentType", 11}, {"text/plain", 10}},
        {{"userId", 6}, {"alice", 5}},
    };
    static const struct hub_property application[] = {{{"k", 1}, {"v", 1}}};
    const struct hub_c2d send = {
        .key = {.device = str_from(device), .module = str_from(module)},
        .message = {.system = system,
                    .system_count = ARRAY_SIZE(system),
                    .application = application,
                    .application_count = ARRAY_SIZE(application),
                    .body = str_from(body)},
        .ack = ack,
        .expires_us = hub_now_us(fake_hub) + 3600 * CLOCK_SECOND,
    };
    struct problem problem;
    assert_int_equal(hub_c2d_send(fake_hub, &send, &problem), HUB_OK);
}

static void send(const char *body)
{
    send_to("d1", "", body, HUB_ACK_NONE);
}

static struct peer *connect(const char *of)
{
    struct peer *peer = peer_open(NULL);
    assert_int_equal(peer_put_token(peer, fake_device_token(of)), 200);
    return peer;
}

/* The body of the next message, settled with `outcome`. */
static const char *received(struct peer *peer, pn_link_t *link, uint64_t outcome)
{
    const char *text = message_text(peer_receive(peer, link, outcome));
    const char *body = strstr(text, "> ");
    return body == NULL ? "" : body + 2;
}

/* What is in the annotation of what is waiting to be settled. */
static void check_delivery_count(struct str message, uint64_t wanted)
{
    char part[64];
    (void)snprintf(part, sizeof(part), "@iothub-deliverycount=ubyte %u;", (unsigned)wanted);
    assert_non_null(strstr(message_text(message), part));
}

static unsigned waiting(void)
{
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(1 << 20);
    struct storage_identity *identity = NULL;
    const struct identity_key key = {.device = STR("d1"), .module = STR_EMPTY};
    assert_int_equal(hub_identity_get(fake_hub, key, &arena, &identity, NULL), HUB_OK);
    return identity->c2d_count;
}

/* ---- what a message is like ---- */

static void case_46_the_tag_is_the_lock_token_as_NET_orders_it(void **state)
{
    (void)state;
    struct peer *peer = connect("d1");
    pn_link_t *link = peer_receiver(peer, DEVICEBOUND, 10);
    send_to("d1", "", "hello", HUB_ACK_FULL);
    const char *text = message_text(peer_receive(peer, link, 0));
    const pn_delivery_tag_t tag = pn_delivery_tag(pn_unsettled_head(link));
    assert_int_equal(tag.size, GUID_SIZE);
    struct guid swapped;
    memcpy(swapped.bytes, tag.start, GUID_SIZE);
    const struct guid token = guid_swapped(&swapped);
    char token_text[GUID_TEXT_SIZE];
    char wanted[512];
    guid_text(&token, token_text);
    (void)snprintf(wanted, sizeof(wanted),
                   "@x-opt-lock-token=string %s;@x-opt-sequence-number=ulong 1;"
                   "@iothub-enqueuedtime=timestamp 1795258800000;@iothub-deliverycount=ubyte 0;"
                   "message-id=string m1;user-id=binary 616c696365;"
                   "to=string /devices/d1/messages/deviceBound;content-type=symbol text/plain;"
                   "absolute-expiry-time=timestamp 1795262400000;#iothub-ack=string full;"
                   "#k=string v;> hello",
                   token_text);
    assert_string_equal(text, wanted);
    peer_close(peer);
}

static void no_ack_that_nobody_asked_for_is_shown(void **state)
{
    (void)state;
    struct peer *peer = connect("d1");
    pn_link_t *link = peer_receiver(peer, DEVICEBOUND, 10);
    send("hello");
    assert_null(strstr(message_text(peer_receive(peer, link, PN_ACCEPTED)), "iothub-ack"));
    peer_close(peer);
}

/* ---- outcomes ---- */

static void case_46_accepted_completes_rejected_drops_released_brings_back(void **state)
{
    (void)state;
    static const struct {
        uint64_t outcome;
        bool comes_again;
        const char *journal;
    } rows[] = {
        {PN_ACCEPTED, false, "\"outcome\":\"completed\""},
        {PN_REJECTED, false, "\"outcome\":\"rejected\""},
        {PN_RELEASED, true, "\"outcome\":\"abandoned\""},
        {PN_MODIFIED, true, "\"outcome\":\"abandoned\""},
    };
    struct peer *peer = connect("d1");
    pn_link_t *link = peer_receiver(peer, DEVICEBOUND, 10);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        send("hello");
        check_delivery_count(peer_receive(peer, link, rows[i].outcome), 0);
        assert_non_null(strstr(fake_journal(), rows[i].journal));
        const struct str again = peer_receive(peer, link, PN_ACCEPTED);
        assert_int_equal(again.size > 0, rows[i].comes_again);
        if (rows[i].comes_again) {
            check_delivery_count(again, 1);
        }
        assert_int_equal(waiting(), 0);
    }
    peer_close(peer);
}

static pn_link_t *receiver_with(struct peer *peer, pn_snd_settle_mode_t sends,
                                pn_rcv_settle_mode_t receives)
{
    pn_link_t *link = pn_receiver(peer->session, "settling");
    pn_terminus_set_address(pn_link_source(link), DEVICEBOUND);
    pn_link_set_snd_settle_mode(link, sends);
    pn_link_set_rcv_settle_mode(link, receives);
    pn_link_open(link);
    pn_link_flow(link, 10);
    peer_pump(peer);
    assert_string_equal(peer_refusal(link), "");
    return link;
}

static void case_46_who_settles_second_gets_the_outcome_settled(void **state)
{
    (void)state;
    static const uint64_t outcomes[] = {PN_ACCEPTED, PN_REJECTED, PN_RELEASED};
    struct peer *peer = connect("d1");
    pn_link_t *link = receiver_with(peer, PN_SND_UNSETTLED, PN_RCV_SECOND);
    assert_int_equal(pn_link_remote_rcv_settle_mode(link), PN_RCV_SECOND);
    for (size_t i = 0; i < ARRAY_SIZE(outcomes); i++) {
        send("hello");
        assert_string_equal(received(peer, link, 0), "hello");
        pn_delivery_t *delivery = pn_unsettled_head(link);
        assert_false(pn_delivery_settled(delivery));
        pn_delivery_update(delivery, outcomes[i]); /* not settled: the hub is to do it */
        peer_pump(peer);
        assert_true(pn_delivery_settled(delivery));
        assert_int_equal(pn_delivery_remote_state(delivery), outcomes[i]);
        pn_delivery_settle(delivery);
    }
    assert_string_equal(received(peer, link, PN_ACCEPTED), "hello"); /* the released one */
    peer_close(peer);
}

static void who_wants_everything_settled_has_completed_it(void **state)
{
    (void)state;
    struct peer *peer = connect("d1");
    pn_link_t *link = receiver_with(peer, PN_SND_SETTLED, PN_RCV_FIRST);
    send("hello");
    assert_string_equal(received(peer, link, 0), "hello");
    assert_int_equal(waiting(), 0);
    peer_close(peer);
}

static void a_lock_that_is_over_is_told_to_who_settles_too_late(void **state)
{
    (void)state;
    struct peer *peer = connect("d1");
    pn_link_t *link = receiver_with(peer, PN_SND_UNSETTLED, PN_RCV_SECOND);
    send("hello");
    assert_string_equal(received(peer, link, 0), "hello");
    pn_delivery_t *late = pn_unsettled_head(link);
    fake_advance_hub(61);
    assert_string_equal(received(peer, link, 0), "hello"); /* it has come again */
    pn_delivery_update(late, PN_ACCEPTED);
    peer_pump(peer);
    assert_true(pn_delivery_settled(late));
    assert_int_equal(pn_delivery_remote_state(late), PN_REJECTED);
    assert_string_equal(pn_condition_get_name(pn_disposition_condition(pn_delivery_remote(late))),
                        "com.microsoft:message-lock-lost");
    assert_int_equal(waiting(), 1);
    peer_close(peer);
}

/* ---- credit and the end of links ---- */

static void credit_is_respected_and_order_kept(void **state)
{
    (void)state;
    struct peer *peer = connect("d1");
    send("1");
    send("2");
    send("3");
    pn_link_t *link = peer_receiver(peer, DEVICEBOUND, 0);
    assert_string_equal(received(peer, link, PN_ACCEPTED), "");
    pn_link_flow(link, 1);
    assert_string_equal(received(peer, link, PN_ACCEPTED), "1");
    assert_string_equal(received(peer, link, PN_ACCEPTED), "");
    pn_link_flow(link, 5);
    assert_string_equal(received(peer, link, PN_ACCEPTED), "2");
    assert_string_equal(received(peer, link, PN_ACCEPTED), "3");
    send("4"); /* credit is left: it comes at once */
    assert_string_equal(received(peer, link, PN_ACCEPTED), "4");
    assert_int_equal(waiting(), 0);
    peer_close(peer);
}

static void what_was_not_settled_is_back_when_link_or_connection_end(void **state)
{
    (void)state;
    struct peer *peer = connect("d1");
    send("1");
    send("2");
    pn_link_t *link = peer_receiver(peer, DEVICEBOUND, 10);
    assert_string_equal(received(peer, link, 0), "1");
    assert_string_equal(received(peer, link, 0), "2");
    pn_link_close(link);
    peer_pump(peer);
    link = peer_receiver(peer, DEVICEBOUND, 10);
    check_delivery_count(peer_receive(peer, link, 0), 0); /* that was nobody's decision */
    peer_close(peer);

    peer = connect("d1");
    link = peer_receiver(peer, DEVICEBOUND, 10);
    assert_string_equal(received(peer, link, PN_ACCEPTED), "1");
    assert_string_equal(received(peer, link, PN_ACCEPTED), "2");
    peer_close(peer);
}

static void case_50_the_old_links_end_and_the_new_ones_get_what_they_held(void **state)
{
    (void)state;
    struct peer *old = connect("d1");
    pn_link_t *link = peer_receiver(old, DEVICEBOUND, 10);
    send("1");
    assert_string_equal(received(old, link, 0), "1");
    struct peer *new = connect("d1");
    pn_link_t *newer = peer_receiver(new, DEVICEBOUND, 10);
    peer_pump(old);
    assert_string_equal(peer_refusal(link), "com.microsoft:link-creation-conflict");
    assert_string_equal(peer_ending(old), "");
    assert_string_equal(received(new, newer, PN_ACCEPTED), "1");
    peer_close(old);
    peer_close(new);
}

static void a_receiver_that_ends_gives_to_the_other_one(void **state)
{
    (void)state;
    struct peer *peer = connect("d1");
    pn_link_t *first = peer_receiver(peer, DEVICEBOUND, 10);
    send("1");
    assert_string_equal(received(peer, first, 0), "1");
    pn_link_t *second = peer_receiver(peer, DEVICEBOUND, 10);
    assert_string_equal(received(peer, second, 0), "");
    pn_link_close(first);
    assert_string_equal(received(peer, second, PN_ACCEPTED), "1");
    peer_close(peer);
}

/* ---- modules ---- */

static void modules_have_a_queue_and_inputs_that_stay_empty(void **state)
{
    (void)state;
    struct peer *device = connect("d1");
    struct peer *module = connect("d1/modules/m1");
    pn_link_t *of_device = peer_receiver(device, DEVICEBOUND, 10);
    pn_link_t *link = peer_receiver(module, "/devices/d1/modules/m1/messages/devicebound", 10);
    pn_link_t *inputs = peer_receiver(module, "/devices/d1/modules/m1/messages/events", 10);
    assert_string_equal(peer_refusal(link), "");
    assert_string_equal(peer_refusal(inputs), "");
    send_to("d1", "m1", "for m1", HUB_ACK_NONE);
    assert_string_equal(received(device, of_device, PN_ACCEPTED), "");
    assert_string_equal(received(module, inputs, PN_ACCEPTED), "");
    assert_string_equal(received(module, link, PN_ACCEPTED), "for m1");
    peer_close(device);
    peer_close(module);
}

static void anothers_messages_are_not_to_be_had(void **state)
{
    (void)state;
    struct peer *peer = connect("d1");
    assert_string_equal(peer_refusal(peer_receiver(peer, "/devices/d2/messages/devicebound", 1)),
                        "amqp:unauthorized-access");
    assert_string_equal(peer_refusal(peer_sender(peer, DEVICEBOUND)), "amqp:not-allowed");
    peer_close(peer);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, fake_setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(case_46_the_tag_is_the_lock_token_as_NET_orders_it),
        TEST(no_ack_that_nobody_asked_for_is_shown),
        TEST(case_46_accepted_completes_rejected_drops_released_brings_back),
        TEST(case_46_who_settles_second_gets_the_outcome_settled),
        TEST(who_wants_everything_settled_has_completed_it),
        TEST(a_lock_that_is_over_is_told_to_who_settles_too_late),
        TEST(credit_is_respected_and_order_kept),
        TEST(what_was_not_settled_is_back_when_link_or_connection_end),
        TEST(a_receiver_that_ends_gives_to_the_other_one),
        TEST(case_50_the_old_links_end_and_the_new_ones_get_what_they_held),
        TEST(modules_have_a_queue_and_inputs_that_stay_empty),
        TEST(anothers_messages_are_not_to_be_had),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
