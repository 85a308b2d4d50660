/* SPDX-License-Identifier: MIT */
#include "fakes.h"

#include <stdio.h>

#include "amqp/amqp_internal.h"
#include "amqp/limits.h"
#include "amqp/sasl.h"
#include "check.h"

#define EVENTS "/devices/d1/messages/events"

static struct peer *open_as(const char *device)
{
    struct peer *peer = peer_open(NULL);
    assert_int_equal(peer_put_token(peer, fake_device_token(device)), 200);
    return peer;
}

static void an_attach_is_echoed(void **state)
{
    (void)state;
    struct peer *peer = open_as("d1");
    pn_link_t *link = pn_sender(peer->session, "a name");
    pn_terminus_set_address(pn_link_target(link), "amqps://localhost:5671" EVENTS);
    pn_terminus_set_address(pn_link_source(link), "d1");
    pn_link_set_snd_settle_mode(link, PN_SND_SETTLED);
    pn_link_set_rcv_settle_mode(link, PN_RCV_SECOND);
    pn_link_open(link);
    peer_pump(peer);
    assert_string_equal(pn_terminus_get_address(pn_link_remote_target(link)),
                        "amqps://localhost:5671" EVENTS);
    assert_string_equal(pn_terminus_get_address(pn_link_remote_source(link)), "d1");
    assert_int_equal(pn_link_remote_snd_settle_mode(link), PN_SND_SETTLED);
    assert_int_equal(pn_link_remote_rcv_settle_mode(link), PN_RCV_SECOND);
    assert_true(pn_link_remote_max_message_size(link) == HUB_MESSAGE_SIZE_MAX);
    assert_int_equal(pn_link_credit(link), AMQP_CREDIT);
    peer_close(peer);
}

static void who_may_not_is_refused_with_a_condition(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        bool receives;
        const char *condition;
    } rows[] = {
        {EVENTS, false, ""},
        {"devices/d1/messages/events/", false, ""},
        {EVENTS, true, "amqp:not-allowed"},
        {"/devices/d1/messages/devicebound", false, "amqp:not-allowed"},
        {"/devices/d2/messages/events", false, "amqp:unauthorized-access"},
        {"/devices/D1/messages/events", false, "amqp:unauthorized-access"},
        {"/devices/d1/modules/m1/messages/events", false, "amqp:unauthorized-access"},
        {"/devices/gone/messages/events", false, "amqp:unauthorized-access"},
        {"/messages/devicebound", false, "amqp:unauthorized-access"},
        {"/messages/serviceBound/feedback", true, "amqp:unauthorized-access"},
        {"/devices/d1/nonsense", false, "amqp:not-found"},
        {"", false, "amqp:not-found"},
        {"", true, "amqp:not-found"},
    };
    struct peer *peer = open_as("d1");
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        pn_link_t *link = rows[i].receives ? peer_receiver(peer, rows[i].address, 1)
                                           : peer_sender(peer, rows[i].address);
        if (strcmp(peer_refusal(link), rows[i].condition) != 0) {
            fail_msg("%s: %s", rows[i].address, peer_refusal(link));
        }
        pn_terminus_t *terminus =
            rows[i].receives ? pn_link_remote_source(link) : pn_link_remote_target(link);
        assert_int_equal(pn_terminus_get_type(terminus) == PN_UNSPECIFIED,
                         rows[i].condition[0] != '\0');
    }
    assert_string_equal(peer_ending(peer), "");
    peer_close(peer);
}

static void service_case_73_without_a_token_nothing_but_cbs_is_open(void **state)
{
    (void)state;
    static const char *const addresses[] = {"/messages/devicebound", EVENTS};
    struct peer *peer = peer_open(NULL);
    for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
        assert_string_equal(peer_refusal(peer_sender(peer, addresses[i])),
                            "amqp:unauthorized-access");
    }
    assert_non_null(strstr(fake_journal(), "neither a token (put-token on $cbs"));
    peer_close(peer);
}

static void policies_open_what_they_are_for(void **state)
{
    (void)state;
    static const struct {
        const char *policy, *address, *condition;
    } rows[] = {
        {"service", "/messages/devicebound", ""},
        {"iothubowner", "amqps://localhost:5671/messages/deviceBound", ""},
        {"device", "/messages/devicebound", "amqp:unauthorized-access"},
        {"registryReadWrite", "/messages/devicebound", "amqp:unauthorized-access"},
        {"device", EVENTS, ""},
        {"iothubowner", "/devices/d1/modules/m1/messages/events", ""},
        {"service", EVENTS, "amqp:unauthorized-access"},
        {"device", "/devices/gone/messages/events", "amqp:not-found"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct peer *peer = peer_open(NULL);
        assert_int_equal(peer_put_token(peer, fake_policy_token(rows[i].policy)), 200);
        pn_link_t *link = peer_sender(peer, rows[i].address);
        if (strcmp(peer_refusal(link), rows[i].condition) != 0) {
            fail_msg("row %zu: %s", i, peer_refusal(link));
        }
        peer_close(peer);
    }
}

static void a_module_has_links_of_its_own(void **state)
{
    (void)state;
    struct peer *peer = open_as("d1/modules/m1");
    assert_string_equal(peer_refusal(peer_sender(peer, "/devices/d1/modules/m1/messages/events")),
                        "");
    assert_string_equal(peer_refusal(peer_sender(peer, EVENTS)), "amqp:unauthorized-access");
    assert_non_null(strstr(fake_journal(), "connected d1/m1 "));
    peer_close(peer);
}

static void many_devices_share_a_connection(void **state)
{
    (void)state;
    struct peer *peer = open_as("d1");
    assert_int_equal(peer_put_token(peer, fake_device_token("d2")), 200);
    pn_session_t *second = peer_session(peer);
    /* The same name in both sessions, as pools have it. */
    pn_link_t *one = peer_sender_on(peer, peer->session, EVENTS, "TelemetrySenderLink");
    pn_link_t *two =
        peer_sender_on(peer, second, "/devices/d2/messages/events", "TelemetrySenderLink");
    assert_string_equal(peer_send(peer, one, peer_message(peer, "from d1")), "accepted");
    assert_string_equal(peer_send(peer, two, peer_message(peer, "from d2")), "accepted");
    pn_session_close(second);
    peer_pump(peer);
    assert_non_null(strstr(fake_journal(), "disconnected d2 "));
    assert_null(strstr(fake_journal(), "disconnected d1 "));
    assert_string_equal(peer_send(peer, one, peer_message(peer, "again d1")), "accepted");
    const char *journal = fake_journal();
    assert_true(strstr(journal, "telemetry d1 ") < strstr(journal, "} from d1\n"));
    assert_true(strstr(journal, "telemetry d2 ") < strstr(journal, "} from d2\n"));
    peer_close(peer);
}

static void the_last_link_ends_the_devices_connection(void **state)
{
    (void)state;
    struct peer *peer = open_as("d1");
    pn_link_t *one = peer_sender(peer, EVENTS);
    pn_link_t *two = peer_sender(peer, EVENTS);
    pn_link_close(one);
    peer_pump(peer);
    assert_null(strstr(fake_journal(), "disconnected"));
    pn_link_detach(two);
    peer_pump(peer);
    assert_non_null(strstr(fake_journal(), "its last link was detached"));
    assert_string_equal(peer_refusal(peer_sender(peer, EVENTS)), "");
    assert_string_equal(peer_ending(peer), "");
    peer_close(peer);
}

static void case_50_who_comes_later_has_it(void **state)
{
    (void)state;
    struct peer *old = open_as("d1");
    assert_int_equal(peer_put_token(old, fake_device_token("d2")), 200);
    pn_link_t *events = peer_sender(old, EVENTS);
    pn_link_t *more = peer_sender(old, EVENTS);
    pn_link_t *other = peer_sender(old, "/devices/d2/messages/events");
    struct peer *young = open_as("d1");
    pn_link_t *winner = peer_sender(young, EVENTS);
    peer_pump(old);
    assert_string_equal(peer_refusal(events), "com.microsoft:link-creation-conflict");
    assert_string_equal(peer_refusal(more), "com.microsoft:link-creation-conflict");
    assert_string_equal(peer_refusal(other), "");
    assert_string_equal(peer_ending(old), "");
    assert_string_equal(peer_send(young, winner, peer_message(young, "mine")), "accepted");
    assert_string_equal(peer_refusal(peer_sender(old, EVENTS)), ""); /* and back again */
    peer_pump(young);
    assert_string_equal(peer_refusal(winner), "com.microsoft:link-creation-conflict");
    peer_close(old);
    peer_close(young);
}

static void what_the_registry_does_reaches_the_links(void **state)
{
    (void)state;
    struct peer *peer = open_as("d1");
    pn_link_t *link = peer_sender(peer, EVENTS);
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(HUB_TWIN_ARENA_MAX);
    const struct identity_key key = {.device = STR("d1"), .module = STR_EMPTY};
    const struct hub_identity_desc disabled = {.status = STR("disabled")};
    const struct hub_identity_write put = {.key = key, .desc = &disabled, .mode = HUB_UPDATE};
    struct storage_identity *identity = NULL;
    assert_int_equal(hub_identity_put(fake_hub, &put, &arena, &identity, NULL), HUB_OK);
    peer_pump(peer);
    assert_string_equal(peer_refusal(link), "amqp:unauthorized-access");
    assert_string_equal(peer_refusal(peer_sender(peer, EVENTS)), "amqp:unauthorized-access");
    assert_int_equal(
        hub_identity_delete(fake_hub, key, &(struct hub_match){.kind = HUB_MATCH_ANY}, NULL),
        HUB_OK);
    assert_string_equal(peer_refusal(peer_sender(peer, EVENTS)), "amqp:not-found");
    peer_close(peer);
}

static void a_certificate_is_one_device_on_a_connection(void **state)
{
    (void)state;
    struct net_conn *conn = fake_open();
    conn->certificate = &FAKE_CERTIFICATE;
    struct peer *peer = peer_open_on(conn, NULL);
    assert_string_equal(peer_refusal(peer_sender(peer, EVENTS)), "amqp:unauthorized-access");
    assert_string_equal(peer_refusal(peer_sender(peer, "/devices/d3/messages/events")), "");
    assert_string_equal(peer_refusal(peer_sender(peer, "/devices/d3/messages/events")), "");
    assert_string_equal(peer_refusal(peer_sender(peer, EVENTS)), "amqp:unauthorized-access");
    assert_non_null(strstr(fake_journal(), "is for one device or module only"));
    assert_string_equal(peer_refusal(peer_sender(peer, "/messages/devicebound")),
                        "amqp:unauthorized-access");
    fake_advance_wire(61); /* no token is waited for */
    assert_string_equal(peer_ending(peer), "");
    peer_close(peer);
}

/* ---- limits ---- */

static void links_before_a_token_are_few(void **state)
{
    (void)state;
    struct peer *peer = peer_open(NULL);
    for (size_t i = 0; i < AMQP_LINKS_BEFORE_TOKEN_MAX; i++) {
        assert_string_equal(peer_refusal(peer_sender(peer, "$cbs")), "");
    }
    assert_string_equal(peer_refusal(peer_sender(peer, "$cbs")), "amqp:resource-limit-exceeded");
    assert_string_equal(peer_ending(peer), "");
    peer_close(peer);
}

static void ten_thousand_links_are_stopped_at_the_limit_and_nobody_else_is(void **state)
{
    (void)state;
    struct peer *witness = open_as("d2");
    pn_link_t *mine = peer_sender(witness, "/devices/d2/messages/events");
    struct peer *peer = open_as("d1");
    pn_link_t *links[10000];
    for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "many-%zu", i);
        links[i] = pn_sender(peer->session, name);
        pn_terminus_set_address(pn_link_target(links[i]), EVENTS);
        pn_link_open(links[i]);
    }
    peer_pump(peer);
    assert_string_equal(peer_ending(peer), "");
    size_t refused = 0;
    for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
        if (peer_refusal(links[i])[0] != '\0') {
            assert_string_equal(peer_refusal(links[i]), "amqp:resource-limit-exceeded");
            refused++;
        }
    }
    assert_int_equal(refused, ARRAY_SIZE(links) + 2 - AMQP_LINKS_MAX); /* and two for $cbs */
    assert_string_equal(peer_send(witness, mine, peer_message(witness, "still here")), "accepted");
    peer_close(peer);
    peer_close(witness);
}

/* attach, again and again, from one who never says detach. */
static void refused_links_that_are_never_let_go_end_the_connection(void **state)
{
    (void)state;
    struct peer *peer = peer_open(NULL);
    for (size_t i = 0; i <= AMQP_LINKS_ENDED_MAX && !peer->conn->closing; i++) {
        const uint8_t frame[] = {0,
                                 0,
                                 0,
                                 27,
                                 2,
                                 0,
                                 0,
                                 0,
                                 0x00,
                                 0x53,
                                 0x12,
                                 0xc0,
                                 14,
                                 5, /* name, handle, role ... */
                                 0xa1,
                                 3,
                                 (uint8_t)('a' + i / 676 % 26),
                                 (uint8_t)('a' + i / 26 % 26),
                                 (uint8_t)('a' + i % 26),
                                 0x70,
                                 0,
                                 0,
                                 (uint8_t)(i >> 8),
                                 (uint8_t)i,
                                 0x42,
                                 0x40,
                                 0x40};
        fake_receive(peer->conn, str_of(frame, sizeof(frame)));
        buf_clear(&peer->conn->output);
        amqp_protocol()->drained(peer->conn->session);
    }
    fake_tick();
    assert_true(peer->conn->closing);
    assert_non_null(strstr(peer->conn->why, "too many links were refused"));
    peer_close(peer);
}

static void addresses_on_both_sides_of_the_limit(void **state)
{
    (void)state;
    struct peer *peer = open_as("d1");
    CLEANUP(buf_finish) struct buf address = BUF_INIT(1U << 20);
    while (address.size + sizeof(EVENTS) - 1 < AMQP_ADDRESS_SIZE_MAX) {
        buf_append_byte(&address, '/');
    }
    buf_append_str(&address, STR(EVENTS));
    assert_int_equal(address.size, AMQP_ADDRESS_SIZE_MAX);
    assert_string_equal(peer_refusal(peer_sender(peer, address.data)), "");
    buf_append_byte(&address, '/');
    assert_string_equal(peer_refusal(peer_sender(peer, address.data)), "amqp:not-found");
    peer_close(peer);
}

static void who_does_not_read_is_not_read_and_loses_nothing(void **state)
{
    (void)state;
    enum { TRIES = 1500 }; /* each is answered with some hundred bytes */
    struct peer *peer = open_as("d1");
    pn_link_t *links[TRIES];
    peer->holds_back = true;
    for (size_t i = 0; i < TRIES; i++) {
        links[i] = peer_sender(peer, "/nonsense");
    }
    assert_true(peer->conn->paused);
    assert_true(peer->conn->output.size >= AMQP_OUTPUT_SIZE_HIGH);
    assert_true(peer->conn->output.size < AMQP_OUTPUT_SIZE_HIGH + AMQP_FRAME_SIZE_MAX);
    peer->holds_back = false;
    peer_pump(peer);
    assert_false(peer->conn->paused);
    for (size_t i = 0; i < TRIES; i++) {
        assert_string_equal(peer_refusal(links[i]), "amqp:not-found");
    }
    assert_string_equal(peer_ending(peer), "");
    peer_close(peer);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_attach_is_echoed),
        TEST(who_may_not_is_refused_with_a_condition),
        TEST(service_case_73_without_a_token_nothing_but_cbs_is_open),
        TEST(policies_open_what_they_are_for),
        TEST(a_module_has_links_of_its_own),
        TEST(many_devices_share_a_connection),
        TEST(the_last_link_ends_the_devices_connection),
        TEST(case_50_who_comes_later_has_it),
        TEST(what_the_registry_does_reaches_the_links),
        TEST(a_certificate_is_one_device_on_a_connection),
        TEST(links_before_a_token_are_few),
        TEST(ten_thousand_links_are_stopped_at_the_limit_and_nobody_else_is),
        TEST(refused_links_that_are_never_let_go_end_the_connection),
        TEST(who_does_not_read_is_not_read_and_loses_nothing),
        TEST(addresses_on_both_sides_of_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
