/* SPDX-License-Identifier: MIT */
#include "fakes.h"

#include <stdio.h>

#include "amqp/limits.h"
#include "amqp/message.h"
#include "check.h"

#define EVENTS "/devices/d1/messages/events"

static struct peer *open_as(const char *device)
{
    struct peer *peer = peer_open(NULL);
    assert_int_equal(peer_put_token(peer, fake_device_token(device)), 200);
    return peer;
}

static size_t stored(const char *text)
{
    size_t count = 0;
    for (const char *at = strstr(fake_journal(), text); at != NULL; at = strstr(at + 1, text)) {
        count++;
    }
    return count;
}

static void a_message_is_stored_with_its_properties(void **state)
{
    (void)state;
    struct peer *peer = open_as("d1");
    pn_link_t *link = peer_sender(peer, EVENTS);
    CLEANUP(buf_finish) struct buf message = BUF_INIT(1U << 20);
    struct amqp_value properties[AMQP_PROPERTY_COUNT] = {{0}};
    properties[AMQP_MESSAGE_ID] = amqp_string(STR("m1"));
    properties[AMQP_CONTENT_TYPE] = amqp_symbol(STR("application/json"));
    const struct amqp_entry application[] = {{STR("alert"), amqp_boolean(true)}};
    amqp_append_properties(&message, properties);
    amqp_append_application(&message, application, 1);
    amqp_append_data(&message, STR("{\"t\":1}"));
    assert_string_equal(peer_send(peer, link, buf_str(&message)), "accepted");
    const char *journal = fake_journal();
    assert_non_null(strstr(journal, "telemetry d1 {\"auth\":\"device.sas\",\"generationId\":\""));
    assert_non_null(strstr(journal, "\"messageId\":\"m1\""));
    assert_non_null(strstr(journal, "\"contentType\":\"application/json\""));
    assert_non_null(strstr(journal, "\"properties\":{\"alert\":\"true\"}} {\"t\":1}\n"));
    peer_close(peer);
}

static void a_modules_message_is_the_modules(void **state)
{
    (void)state;
    struct peer *peer = open_as("d1/modules/m1");
    pn_link_t *link = peer_sender(peer, "/devices/d1/modules/m1/messages/events");
    assert_string_equal(peer_send(peer, link, peer_message(peer, "x")), "accepted");
    assert_non_null(strstr(fake_journal(), "telemetry d1/m1 {\"auth\":\"module.sas\""));
    peer_close(peer);
}

static void who_attaches_with_a_model_id_has_it_in_his_twin(void **state)
{
    (void)state;
    struct peer *peer = open_as("d1");
    pn_link_t *link = pn_sender(peer->session, "with a model");
    pn_terminus_set_address(pn_link_target(link), EVENTS);
    pn_data_t *map = pn_link_properties(link);
    pn_data_put_map(map);
    pn_data_enter(map);
    pn_data_put_symbol(map, pn_bytes(26, "com.microsoft:api-version "));
    pn_data_put_string(map, pn_bytes(1, "x"));
    pn_data_put_symbol(map, pn_bytes(22, "com.microsoft:model-id"));
    pn_data_put_string(map, pn_bytes(8, "dtmi:a;1"));
    pn_data_exit(map);
    pn_link_open(link);
    peer_pump(peer);
    assert_string_equal(peer_refusal(link), "");
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(HUB_TWIN_ARENA_MAX);
    const struct identity_key key = {.device = STR("d1"), .module = STR_EMPTY};
    struct storage_identity *twin = NULL;
    assert_int_equal(hub_twin_get(fake_hub, key, &arena, &twin, NULL), HUB_OK);
    assert_str_equal(twin->model_id, "dtmi:a;1");
    peer_close(peer);
}

static void bodies_on_both_sides_of_the_limit(void **state)
{
    (void)state;
    struct peer *peer = open_as("d1");
    pn_link_t *link = peer_sender(peer, EVENTS);
    CLEANUP(buf_finish) struct buf body = BUF_INIT(1U << 20);
    while (body.size < HUB_MESSAGE_SIZE_MAX) {
        buf_append_byte(&body, 'x');
    }
    CLEANUP(buf_finish) struct buf message = BUF_INIT(1U << 20);
    amqp_append_data(&message, buf_str(&body));
    assert_string_equal(peer_send(peer, link, buf_str(&message)), "accepted"); /* five frames */
    buf_append_byte(&body, 'x');
    buf_clear(&message);
    amqp_append_data(&message, buf_str(&body));
    assert_string_equal(peer_send(peer, link, buf_str(&message)),
                        "rejected amqp:link:message-size-exceeded");
    assert_int_equal(stored("telemetry"), 1);
    peer_close(peer);
}

static void what_is_far_too_large_is_refused_before_it_is_whole(void **state)
{
    (void)state;
    struct peer *peer = open_as("d1");
    pn_link_t *link = peer_sender(peer, EVENTS);
    CLEANUP(buf_finish) struct buf bytes = BUF_INIT(8U << 20);
    while (bytes.size <= AMQP_MESSAGE_SIZE_MAX) {
        buf_append_byte(&bytes, 0);
    }
    /* A delivery whose end never comes: it is refused as it stands. */
    pn_delivery_t *delivery = pn_delivery(link, pn_dtag("t", 1));
    pn_link_send(link, bytes.data, bytes.size);
    peer_pump(peer);
    assert_int_equal(pn_delivery_remote_state(delivery), PN_REJECTED);
    pn_link_send(link, bytes.data, bytes.size); /* what follows is let go */
    peer_pump(peer);
    pn_link_advance(link);
    pn_delivery_settle(delivery);
    peer_pump(peer);
    assert_string_equal(peer_refusal(link), "");
    assert_string_equal(peer_send(peer, link, peer_message(peer, "small")), "accepted");
    assert_int_equal(stored("telemetry"), 1);
    peer_close(peer);
}

static void an_aborted_message_was_none(void **state)
{
    (void)state;
    struct peer *peer = open_as("d1");
    pn_link_t *link = peer_sender(peer, EVENTS);
    for (int i = 0; i < 3; i++) {
        pn_delivery_t *delivery = pn_delivery(link, pn_dtag("t", 1));
        pn_link_send(link, "half", 4);
        peer_pump(peer);
        pn_delivery_abort(delivery);
        peer_pump(peer);
    }
    assert_string_equal(peer_send(peer, link, peer_message(peer, "whole")), "accepted");
    assert_int_equal(stored("telemetry"), 1);
    peer_close(peer);
}

static void messages_under_way_are_bounded_together(void **state)
{
    (void)state;
    struct peer *peer = open_as("d1");
    CLEANUP(buf_finish) struct buf half = BUF_INIT(1U << 20);
    while (half.size < AMQP_MESSAGE_SIZE_MAX / 2) {
        buf_append_byte(&half, 0);
    }
    const size_t fit = AMQP_PARTIAL_SIZE_MAX / half.size;
    pn_delivery_t *last = NULL;
    for (size_t i = 0; i <= fit; i++) {
        assert_true(last == NULL || pn_delivery_remote_state(last) == 0);
        pn_link_t *link = peer_sender(peer, EVENTS);
        last = pn_delivery(link, pn_dtag("t", 1));
        pn_link_send(link, half.data, half.size);
        peer_pump(peer);
    }
    assert_int_equal(pn_delivery_remote_state(last), PN_REJECTED);
    assert_string_equal(pn_condition_get_name(pn_disposition_condition(pn_delivery_remote(last))),
                        "amqp:resource-limit-exceeded");
    peer_close(peer);
}

static void what_is_no_message_is_rejected_and_the_link_goes_on(void **state)
{
    (void)state;
    struct peer *peer = open_as("d1");
    pn_link_t *link = peer_sender(peer, EVENTS);
    assert_string_equal(peer_send(peer, link, STR("\x00\x53")), "rejected amqp:decode-error");
    CLEANUP(buf_finish) struct buf list = BUF_INIT(100);
    amqp_append_value_section(&list);
    (void)amqp_open_list(&list);
    assert_string_equal(peer_send(peer, link, STR("\x00\x53\x77\x45")),
                        "rejected com.microsoft:argument-error");
    assert_string_equal(peer_send(peer, link, peer_message(peer, "good")), "accepted");
    assert_int_equal(stored("telemetry"), 1);
    peer_close(peer);
}

static void a_presettled_message_has_no_answer(void **state)
{
    (void)state;
    struct peer *peer = open_as("d1");
    pn_link_t *link = peer_sender(peer, EVENTS);
    for (int i = 0; i < 2; i++) {
        pn_delivery_t *delivery = pn_delivery(link, pn_dtag(NULL, 0)); /* as .NET tags it */
        const struct str bytes = i == 0 ? peer_message(peer, "fire") : STR("\xff");
        pn_link_send(link, bytes.data, bytes.size);
        pn_link_advance(link);
        pn_delivery_settle(delivery);
        peer_pump(peer);
    }
    assert_int_equal(stored("} fire\n"), 1);
    assert_string_equal(peer_refusal(link), "");
    peer_close(peer);
}

static void credit_is_kept_topped_up(void **state)
{
    (void)state;
    struct peer *peer = open_as("d1");
    pn_link_t *link = peer_sender(peer, EVENTS);
    CLEANUP(buf_finish) struct buf message = BUF_INIT(1024);
    amqp_append_data(&message, STR("x"));
    for (int i = 0; i < 3 * AMQP_CREDIT; i++) {
        assert_true(pn_link_credit(link) > 0);
        assert_string_equal(peer_send(peer, link, buf_str(&message)), "accepted");
    }
    assert_int_equal(stored("telemetry"), 3 * AMQP_CREDIT);
    peer_close(peer);
}

/* ---- batches: Proton sends no message-format, so these are frames by hand ---- */

/* One transfer on a channel's first link, in a frame of its own. */
static void append_transfer(struct buf *out, uint8_t channel, const char *format,
                            struct str payload)
{
    const size_t format_size = 4;
    const size_t size = 8 + 5 + 1 + 6 + 1 + 4 + 1 + format_size + payload.size;
    const uint8_t head[] = {(uint8_t)(size >> 24),
                            (uint8_t)(size >> 16),
                            (uint8_t)(size >> 8),
                            (uint8_t)size,
                            2,
                            0,
                            0,
                            channel,
                            0x00,
                            0x53,
                            0x14,
                            0xc0,
                            17,
                            4,
                            0x70,
                            0,
                            0,
                            0,
                            0,
                            0x43,
                            0xa0,
                            3,
                            't',
                            'a',
                            'g',
                            0x70};
    buf_append(out, head, sizeof(head));
    buf_append(out, format, format_size);
    buf_append_str(out, payload);
}

static void append_part(struct buf *batch, const char *body)
{
    CLEANUP(buf_finish) struct buf part = BUF_INIT(1U << 20);
    const struct amqp_entry application[] = {{STR("of"), amqp_string(STR("a batch"))}};
    amqp_append_application(&part, application, 1);
    amqp_append_data(&part, str_from(body));
    amqp_append_data(batch, buf_str(&part));
}

static void a_transfer_without_an_id_ends_the_connection(void **state)
{
    (void)state;
    struct peer *peer = open_as("d1");
    pn_session_t *session = peer_session(peer);
    (void)peer_sender_on(peer, session, EVENTS, "batches");
    peer_raw(peer, STR("\x00\x00\x00\x12\x02\x00\x00\x01\x00\x53\x14\xc0\x05\x04\x43\x40\x40\x43"));
    assert_string_equal(peer_ending(peer), "amqp:decode-error");
    assert_non_null(strstr(peer->conn->why, "without a delivery-id"));
    peer_close(peer);
}

static void a_transfer_of_a_handle_that_was_detached_ends_the_connection(void **state)
{
    (void)state;
    struct peer *peer = open_as("d1");
    CLEANUP(buf_finish) struct buf frame = BUF_INIT(1U << 20);
    pn_session_t *session = peer_session(peer);
    pn_link_t *link = peer_sender_on(peer, session, EVENTS, "batches");
    pn_link_close(link);
    peer_pump(peer);
    append_transfer(&frame, 1, "\x00\x00\x00\x00", STR("x"));
    peer_raw(peer, buf_str(&frame));
    assert_string_not_equal(peer_ending(peer), "");
    assert_int_equal(stored("telemetry"), 0);
    peer_close(peer);
}

static void send_batch(struct peer *peer, const char *format, struct str payload)
{
    CLEANUP(buf_finish) struct buf frame = BUF_INIT(1U << 20);
    pn_session_t *session = peer_session(peer);
    (void)peer_sender_on(peer, session, EVENTS, "batches");
    append_transfer(&frame, 1, format, payload);
    peer_raw(peer, buf_str(&frame));
}

static void case_45_a_batch_is_stored_message_by_message(void **state)
{
    (void)state;
    struct peer *peer = open_as("d1");
    CLEANUP(buf_finish) struct buf batch = BUF_INIT(1U << 20);
    append_part(&batch, "first");
    append_part(&batch, "second");
    append_part(&batch, "third");
    send_batch(peer, "\x80\x01\x37\x00", buf_str(&batch));
    assert_int_equal(stored("telemetry"), 3);
    assert_int_equal(stored("\"properties\":{\"of\":\"a batch\"}"), 3);
    const char *journal = fake_journal();
    assert_true(strstr(journal, "} first\n") < strstr(journal, "} second\n"));
    assert_true(strstr(journal, "} second\n") < strstr(journal, "} third\n"));
    peer_close(peer);
}

static void the_same_bytes_in_the_ordinary_format_are_one_message(void **state)
{
    (void)state;
    struct peer *peer = open_as("d1");
    CLEANUP(buf_finish) struct buf batch = BUF_INIT(1U << 20);
    append_part(&batch, "first");
    append_part(&batch, "second");
    send_batch(peer, "\x00\x00\x00\x00", buf_str(&batch));
    assert_int_equal(stored("telemetry"), 1);
    peer_close(peer);
}

static void a_batch_with_a_bad_message_is_refused_as_a_whole(void **state)
{
    (void)state;
    struct peer *peer = open_as("d1");
    CLEANUP(buf_finish) struct buf batch = BUF_INIT(1U << 20);
    append_part(&batch, "good");
    amqp_append_data(&batch, STR("bad"));
    send_batch(peer, "\x80\x01\x37\x00", buf_str(&batch));
    assert_int_equal(stored("telemetry"), 0);
    assert_int_equal(stored("refused d1"), 1);
    assert_string_equal(peer_ending(peer), "");
    peer_close(peer);
}

static void what_still_comes_for_a_link_that_ended_is_let_go(void **state)
{
    (void)state;
    struct peer *peer = open_as("d1");
    CLEANUP(buf_finish) struct buf frame = BUF_INIT(1U << 20);
    pn_session_t *session = peer_session(peer);
    pn_link_t *link = peer_sender_on(peer, session, EVENTS, "batches");
    struct peer *other = open_as("d1");
    (void)peer_sender(other, EVENTS);
    append_transfer(&frame, 1, "\x00\x00\x00\x00", STR("sent before the detach was read"));
    fake_receive(peer->conn, buf_str(&frame));
    peer_pump(peer);
    assert_string_equal(peer_refusal(link), "com.microsoft:link-creation-conflict");
    assert_string_equal(peer_ending(peer), "");
    assert_int_equal(stored("telemetry"), 0);
    peer_close(peer);
    peer_close(other);
}

static void a_server_that_stops_says_what_it_accepted_first(void **state)
{
    (void)state;
    struct peer *peer = open_as("d1");
    pn_link_t *link = peer_sender(peer, EVENTS);
    const struct str bytes = peer_message(peer, "last");
    pn_delivery_t *delivery = pn_delivery(link, pn_dtag("t", 1));
    pn_link_send(link, bytes.data, bytes.size);
    pn_link_advance(link);
    const ssize_t size = pn_transport_pending(peer->transport);
    CLEANUP(buf_finish) struct buf frames = BUF_INIT(1U << 20);
    buf_append(&frames, pn_transport_head(peer->transport), (size_t)size);
    pn_transport_pop(peer->transport, (size_t)size);
    (void)amqp_protocol()->received(peer->conn->session, buf_str(&frames)); /* and no tick's end */
    amqp_protocol()->closed(peer->conn->session, "the server is stopping", true);
    peer->conn->session = amqp_protocol()->opened(fake_endpoint, peer->conn);
    const struct str said = fake_output(peer->conn);
    (void)pn_transport_push(peer->transport, said.data, said.size);
    assert_int_equal(pn_delivery_remote_state(delivery), PN_ACCEPTED);
    assert_string_equal(peer_ending(peer), "amqp:connection:forced");
    peer_close(peer);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_message_is_stored_with_its_properties),
        TEST(a_modules_message_is_the_modules),
        TEST(who_attaches_with_a_model_id_has_it_in_his_twin),
        TEST(bodies_on_both_sides_of_the_limit),
        TEST(what_is_far_too_large_is_refused_before_it_is_whole),
        TEST(an_aborted_message_was_none),
        TEST(messages_under_way_are_bounded_together),
        TEST(what_is_no_message_is_rejected_and_the_link_goes_on),
        TEST(a_presettled_message_has_no_answer),
        TEST(credit_is_kept_topped_up),
        TEST(case_45_a_batch_is_stored_message_by_message),
        TEST(the_same_bytes_in_the_ordinary_format_are_one_message),
        TEST(a_batch_with_a_bad_message_is_refused_as_a_whole),
        TEST(a_transfer_without_an_id_ends_the_connection),
        TEST(a_transfer_of_a_handle_that_was_detached_ends_the_connection),
        TEST(what_still_comes_for_a_link_that_ended_is_let_go),
        TEST(a_server_that_stops_says_what_it_accepted_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
