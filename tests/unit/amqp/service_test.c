/* SPDX-License-Identifier: MIT */
/* What services do over AMQP but for events: send to devices, and learn what became of it. */
#include <stdio.h>

#include "base/alloc.h"
#include "check.h"
#include "fakes.h"
#include "hub/c2d.h"
#include "message_text.h"

#define SEND     "/messages/devicebound"
#define FEEDBACK "/messages/serviceBound/feedback"
#define TO_D1    "/devices/d1/messages/devicebound"

static struct peer *service(const char *policy)
{
    struct peer *peer = peer_open(NULL);
    assert_int_equal(peer_put_token(peer, fake_policy_token(policy)), 200);
    return peer;
}

static struct peer *device(pn_link_t **ret_link)
{
    struct peer *peer = peer_open(NULL);
    assert_int_equal(peer_put_token(peer, fake_device_token("d1")), 200);
    *ret_link = peer_receiver(peer, TO_D1, 100);
    return peer;
}

struct what {
    const char *to; /* NULL: none */
    const char *ack, *id, *body;
    int64_t expiry_ms;
    size_t size; /* of the body, instead */
};

static const char *send(struct peer *peer, pn_link_t *link, const struct what *what)
{
    char *filler = mem_zalloc(what->size + 1);
    assert_non_null(filler);
    const struct amqp_entry application[] = {
        {STR("iothub-ack"), amqp_string(str_from(what->ack))},
    };
    const struct message_parts parts = {
        .message_id = what->id == NULL ? (struct amqp_value){0} : amqp_string(str_from(what->id)),
        .to = what->to == NULL ? (struct amqp_value){0} : amqp_string(str_from(what->to)),
        .expiry = {.type = what->expiry_ms == 0 ? AMQP_NULL : AMQP_TIMESTAMP, .i = what->expiry_ms},
        .application = application,
        .application_count = what->ack == NULL ? 0 : 1,
        .body = what->size > 0 ? str_of(filler, what->size) : str_from(what->body),
    };
    const char *outcome = peer_send(peer, link, message_of(&parts));
    mem_free(filler);
    return outcome;
}

static const char *received(struct peer *peer, pn_link_t *link, uint64_t outcome)
{
    return message_text(peer_receive(peer, link, outcome));
}

/* ---- whom it is for ---- */

static void a_to_is_understood_in_every_spelling(void **state)
{
    (void)state;
    static const struct {
        const char *device, *module;
        const char *to;
    } rows[] = {
        {"plain", NULL, "/devices/plain/messages/devicebound"},
        {"upper", NULL, "/devices/upper/messages/deviceBound"},
        {"bare", NULL, "devices/bare/messages/devicebound"},
        {"url", NULL, "amqps://localhost:5671/devices/url/messages/deviceBound"},
        {"a.b:c=d@e(1)", NULL, "/devices/a.b%3Ac%3Dd%40e(1)/messages/devicebound"},
        {"a.b:c=d@e(2)", NULL, "/devices/a.b:c=d@e(2)/messages/devicebound"},
        {"per%20cent", NULL, "/devices/per%20cent/messages/devicebound"},
        {"per%41", NULL, "/devices/per%2541/messages/devicebound"},
        {"hash#1", NULL, "/devices/hash%231/messages/devicebound"},
        {"m.d", "m:1", "/devices/m.d/modules/m%3a1/messages/deviceBound"},
    };
    struct peer *peer = service("service");
    pn_link_t *link = peer_sender(peer, SEND);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(arena_finish) struct arena arena = ARENA_INIT(HUB_C2D_ARENA_MAX);
        fake_create(rows[i].device, NULL);
        if (rows[i].module != NULL) {
            fake_create(rows[i].device, rows[i].module);
        }
        const struct what what = {.to = rows[i].to, .body = "x"};
        assert_string_equal(send(peer, link, &what), "accepted");
        struct hub_delivery *delivery = NULL;
        const struct identity_key key = {.device = str_from(rows[i].device),
                                         .module = str_from(rows[i].module)};
        assert_int_equal(hub_c2d_receive(fake_hub, key, NULL, &arena, &delivery), HUB_OK);
        assert_non_null(delivery);
    }
    peer_close(peer);
}

static void an_id_as_it_is_written_goes_before_what_it_decodes_to(void **state)
{
    (void)state;
    struct peer *peer = service("service");
    pn_link_t *link = peer_sender(peer, SEND);
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(HUB_C2D_ARENA_MAX);
    struct hub_delivery *delivery = NULL;
    fake_create("A", NULL);
    fake_create("%41", NULL);
    const struct what what = {.to = "/devices/%41/messages/devicebound", .body = "x"};
    assert_string_equal(send(peer, link, &what), "accepted");
    const struct identity_key decoded = {.device = STR("A"), .module = STR_EMPTY};
    assert_int_equal(hub_c2d_receive(fake_hub, decoded, NULL, &arena, &delivery), HUB_OK);
    assert_null(delivery);
    const struct identity_key written = {.device = STR("%41"), .module = STR_EMPTY};
    assert_int_equal(hub_c2d_receive(fake_hub, written, NULL, &arena, &delivery), HUB_OK);
    assert_non_null(delivery);
    peer_close(peer);
}

/* ---- refusals ---- */

static void what_cannot_be_sent_is_rejected_with_its_condition(void **state)
{
    (void)state;
    static const struct {
        struct what what;
        const char *outcome;
    } rows[] = {
        {{.to = "/devices/nobody/messages/devicebound", .body = "x"}, "rejected amqp:not-found"},
        {{.to = "/devices/d1/modules/no/messages/devicebound", .body = "x"},
         "rejected amqp:not-found"},
        {{.to = "/devices/nobody%41/messages/devicebound", .body = "x"}, "rejected amqp:not-found"},
        {{.to = NULL, .body = "x"}, "rejected com.microsoft:argument-error"},
        {{.to = "", .body = "x"}, "rejected com.microsoft:argument-error"},
        {{.to = "/devices/d1/messages/events", .body = "x"},
         "rejected com.microsoft:argument-error"},
        {{.to = "/devices/d1", .body = "x"}, "rejected com.microsoft:argument-error"},
        {{.to = TO_D1, .ack = "always", .body = "x"}, "rejected com.microsoft:argument-error"},
        {{.to = TO_D1, .expiry_ms = 1, .body = "x"}, "rejected com.microsoft:argument-error"},
        {{.to = TO_D1, .expiry_ms = -1, .body = "x"}, "rejected com.microsoft:argument-error"},
        {{.to = TO_D1, .ack = "full", .body = ""}, "accepted"},
        {{.to = TO_D1, .ack = "None", .expiry_ms = INT64_MAX, .body = "x"}, "accepted"},
    };
    struct peer *peer = service("service");
    pn_link_t *link = peer_sender(peer, SEND);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_string_equal(send(peer, link, &rows[i].what), rows[i].outcome);
    }
    assert_string_equal(peer_send(peer, link, STR("hello")), "rejected amqp:decode-error");
    peer_close(peer);
}

static void case_76_the_51st_is_rejected(void **state)
{
    (void)state;
    struct peer *peer = service("service");
    pn_link_t *link = peer_sender(peer, SEND);
    const struct what what = {.to = TO_D1, .body = "x"};
    for (size_t i = 0; i < HUB_C2D_QUEUE_MAX; i++) {
        assert_string_equal(send(peer, link, &what), "accepted");
    }
    assert_string_equal(send(peer, link, &what), "rejected amqp:resource-limit-exceeded");
    peer_close(peer);
}

static void case_81_64_KB_are_taken_and_a_byte_more_is_not(void **state)
{
    (void)state;
    struct peer *peer = service("service");
    pn_link_t *link = peer_sender(peer, SEND);
    const size_t fits = HUB_C2D_SIZE_MAX - strlen(TO_D1);
    const struct what largest = {.to = TO_D1, .size = fits};
    assert_string_equal(send(peer, link, &largest), "accepted");
    const struct what larger = {.to = TO_D1, .size = fits + 1};
    assert_string_equal(send(peer, link, &larger), "rejected amqp:link:message-size-exceeded");
    peer_close(peer);
}

static void case_73_without_a_token_or_the_right_nothing_is_attached(void **state)
{
    (void)state;
    static const char *const policies[] = {NULL, "device", "registryRead", "registryReadWrite"};
    for (size_t i = 0; i < ARRAY_SIZE(policies); i++) {
        struct peer *peer = policies[i] == NULL ? peer_open(NULL) : service(policies[i]);
        assert_string_equal(peer_refusal(peer_sender(peer, SEND)), "amqp:unauthorized-access");
        assert_string_equal(peer_refusal(peer_receiver(peer, FEEDBACK, 1)),
                            "amqp:unauthorized-access");
        peer_close(peer);
    }
    struct peer *owner = service("iothubowner");
    assert_string_equal(peer_refusal(peer_sender(owner, "amqps://localhost:5671" SEND)), "");
    assert_string_equal(peer_refusal(peer_receiver(owner, SEND, 1)), "amqp:not-allowed");
    peer_close(owner);
}

/* ---- feedback ---- */

struct listening {
    struct peer *service, *device;
    pn_link_t *sender, *feedback, *devicebound;
};

static struct listening listen(void)
{
    struct listening all = {.service = service("service")};
    all.sender = peer_sender(all.service, SEND);
    all.feedback = peer_receiver(all.service, FEEDBACK, 10);
    all.device = device(&all.devicebound);
    return all;
}

static void finish(struct listening *all)
{
    peer_close(all->service);
    peer_close(all->device);
}

static void send_with_ack(struct listening *all, const char *id)
{
    const struct what what = {.to = TO_D1, .ack = "full", .id = id, .body = "x"};
    assert_string_equal(send(all->service, all->sender, &what), "accepted");
}

static void case_77_feedback_says_what_became_of_a_message(void **state)
{
    (void)state;
    static const struct {
        uint64_t outcome; /* 0: nothing is done until it expires */
        const char *status;
    } rows[] = {{PN_ACCEPTED, "Success"}, {PN_REJECTED, "Rejected"}, {0, "Expired"}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char part[128];
        struct listening all = listen();
        send_with_ack(&all, "m1");
        assert_string_not_equal(received(all.device, all.devicebound, rows[i].outcome), "");
        assert_string_equal(received(all.service, all.feedback, PN_ACCEPTED), "");
        if (rows[i].outcome == 0) {
            peer_close(all.device); /* it is in the queue again, for an hour */
            all.device = NULL;
            fake_advance_hub(3601);
        }
        fake_advance_hub(2);
        const char *text = received(all.service, all.feedback, PN_ACCEPTED);
        assert_non_null(strstr(text, "\"originalMessageId\":\"m1\""));
        (void)snprintf(part, sizeof(part), "\"deviceId\":\"d1\",");
        assert_non_null(strstr(text, part));
        (void)snprintf(part, sizeof(part), "\"statusCode\":\"%s\"", rows[i].status);
        assert_non_null(strstr(text, part));
        assert_string_equal(received(all.service, all.feedback, PN_ACCEPTED), "");
        finish(&all);
    }
}

static void case_78_feedback_has_tag_time_and_user_id(void **state)
{
    (void)state;
    struct listening all = listen();
    send_with_ack(&all, "m1");
    assert_string_not_equal(received(all.device, all.devicebound, PN_ACCEPTED), "");
    fake_advance_hub(2);
    const char *text = received(all.service, all.feedback, 0);
    assert_int_equal(pn_delivery_tag(pn_unsettled_head(all.feedback)).size, 16);
    assert_non_null(strstr(text, "@iothub-enqueuedtime=timestamp 17952588"));
    assert_non_null(strstr(text, "user-id=binary 687562;")); /* "hub" */
    assert_non_null(strstr(text, "content-type=symbol "
                                 "application/vnd.microsoft.iothub.feedback.json;"));
    assert_non_null(strstr(text, "> [{\"originalMessageId\""));
    finish(&all);
}

static void feedback_comes_again_unless_it_is_accepted_or_rejected(void **state)
{
    (void)state;
    static const struct {
        uint64_t outcome;
        bool comes_again;
    } rows[] = {
        {PN_ACCEPTED, false}, {PN_REJECTED, false}, {PN_RELEASED, true}, {PN_MODIFIED, true}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct listening all = listen();
        send_with_ack(&all, "m1");
        assert_string_not_equal(received(all.device, all.devicebound, PN_ACCEPTED), "");
        fake_advance_hub(2);
        assert_string_not_equal(received(all.service, all.feedback, rows[i].outcome), "");
        const char *again = received(all.service, all.feedback, PN_ACCEPTED);
        assert_int_equal(again[0] != '\0', rows[i].comes_again);
        finish(&all);
    }
}

static void feedback_that_was_not_settled_is_for_the_next_receiver(void **state)
{
    (void)state;
    struct listening all = listen();
    send_with_ack(&all, "m1");
    assert_string_not_equal(received(all.device, all.devicebound, PN_ACCEPTED), "");
    fake_advance_hub(2);
    assert_string_not_equal(received(all.service, all.feedback, 0), "");
    pn_link_close(all.feedback);
    peer_pump(all.service);
    pn_link_t *next = peer_receiver(all.service, "/messages/servicebound/feedback", 1);
    assert_string_not_equal(received(all.service, next, PN_ACCEPTED), "");
    finish(&all);
}

static void receivers_compete_for_feedback(void **state)
{
    (void)state;
    struct listening all = listen();
    struct peer *other = service("service");
    pn_link_t *others = peer_receiver(other, FEEDBACK, 10);
    size_t count = 0;
    size_t others_count = 0;
    for (size_t i = 0; i < 4; i++) {
        send_with_ack(&all, "m1");
        assert_string_not_equal(received(all.device, all.devicebound, PN_ACCEPTED), "");
        fake_advance_hub(2);
        count += received(all.service, all.feedback, PN_ACCEPTED)[0] != '\0' ? 1 : 0;
        others_count += received(other, others, PN_ACCEPTED)[0] != '\0' ? 1 : 0;
    }
    assert_int_equal(count + others_count, 4); /* each once */
    peer_close(other);
    finish(&all);
}

static void who_has_no_credit_leaves_feedback_to_others(void **state)
{
    (void)state;
    struct listening all = listen();
    struct peer *idle = service("service");
    pn_link_t *idles = peer_receiver(idle, FEEDBACK, 0);
    for (size_t i = 0; i < 3; i++) {
        send_with_ack(&all, "m1");
        assert_string_not_equal(received(all.device, all.devicebound, PN_ACCEPTED), "");
        fake_advance_hub(2);
        assert_string_equal(received(idle, idles, PN_ACCEPTED), "");
        assert_string_not_equal(received(all.service, all.feedback, PN_ACCEPTED), "");
    }
    peer_close(idle);
    finish(&all);
}

static pn_link_t *feedback_with(struct peer *peer, pn_snd_settle_mode_t sends,
                                pn_rcv_settle_mode_t receives)
{
    pn_link_t *link = pn_receiver(peer->session, "settling");
    pn_terminus_set_address(pn_link_source(link), FEEDBACK);
    pn_link_set_snd_settle_mode(link, sends);
    pn_link_set_rcv_settle_mode(link, receives);
    pn_link_open(link);
    pn_link_flow(link, 10);
    peer_pump(peer);
    return link;
}

static void both_settle_modes_of_feedback_work(void **state)
{
    (void)state;
    struct listening all = listen();
    pn_link_close(all.feedback);
    pn_link_t *second = feedback_with(all.service, PN_SND_UNSETTLED, PN_RCV_SECOND);
    send_with_ack(&all, "m1");
    assert_string_not_equal(received(all.device, all.devicebound, PN_ACCEPTED), "");
    fake_advance_hub(2);
    assert_string_not_equal(received(all.service, second, 0), "");
    pn_delivery_t *delivery = pn_unsettled_head(second);
    pn_delivery_update(delivery, PN_ACCEPTED); /* as .NET: the hub settles */
    peer_pump(all.service);
    assert_true(pn_delivery_settled(delivery));
    assert_int_equal(pn_delivery_remote_state(delivery), PN_ACCEPTED);
    pn_link_close(second);
    peer_pump(all.service);

    pn_link_t *settled = feedback_with(all.service, PN_SND_SETTLED, PN_RCV_FIRST);
    send_with_ack(&all, "m2");
    assert_string_not_equal(received(all.device, all.devicebound, PN_ACCEPTED), "");
    fake_advance_hub(2);
    assert_non_null(strstr(received(all.service, settled, 0), "\"m2\""));
    pn_link_close(settled);
    pn_link_t *after = peer_receiver(all.service, FEEDBACK, 10);
    assert_string_equal(received(all.service, after, PN_ACCEPTED), "");
    finish(&all);
}

static void file_notifications_can_be_attached_and_are_empty(void **state)
{
    (void)state;
    struct peer *peer = service("service");
    pn_link_t *link = peer_receiver(peer, "/messages/serviceBound/filenotifications", 10);
    assert_string_equal(peer_refusal(link), "");
    assert_string_equal(received(peer, link, PN_ACCEPTED), "");
    peer_close(peer);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, fake_setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_to_is_understood_in_every_spelling),
        TEST(an_id_as_it_is_written_goes_before_what_it_decodes_to),
        TEST(what_cannot_be_sent_is_rejected_with_its_condition),
        TEST(case_76_the_51st_is_rejected),
        TEST(case_81_64_KB_are_taken_and_a_byte_more_is_not),
        TEST(case_73_without_a_token_or_the_right_nothing_is_attached),
        TEST(case_77_feedback_says_what_became_of_a_message),
        TEST(case_78_feedback_has_tag_time_and_user_id),
        TEST(feedback_comes_again_unless_it_is_accepted_or_rejected),
        TEST(feedback_that_was_not_settled_is_for_the_next_receiver),
        TEST(receivers_compete_for_feedback),
        TEST(who_has_no_credit_leaves_feedback_to_others),
        TEST(both_settle_modes_of_feedback_work),
        TEST(file_notifications_can_be_attached_and_are_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
