/* SPDX-License-Identifier: MIT */
#include "c2d_fixture.h"

/* A client that fetches what waits from inside the call that tells it so. */
enum answer { LEAVE, KEEP, COMPLETE, REJECT, ABANDON_ONCE, GO };

static struct eager {
    struct fake_client client; /* first, for the fake's own operations */
    enum answer answer;
    char got[256]; /* bodies */
    struct guid token;
    bool redelivered;
    uint32_t delivery_count;
} eager;

static void note(const struct hub_delivery *delivery)
{
    const size_t had = strlen(eager.got);
    fake_copy(eager.got + had, sizeof(eager.got) - had - 1, delivery->message.body);
    eager.got[had + delivery->message.body.size] = ' ';
    eager.got[had + delivery->message.body.size + 1] = '\0';
    eager.token = delivery->lock_token;
    eager.redelivered = delivery->redelivered;
    eager.delivery_count = delivery->delivery_count;
}

static void fetch(void *ctx)
{
    (void)ctx;
    while (eager.answer != LEAVE && eager.client.link != NULL) {
        const struct hub_delivery *delivery = receive_on(eager.client.link);
        if (delivery == NULL) {
            return;
        }
        note(delivery);
        switch (eager.answer) {
        case COMPLETE:
            assert_int_equal(settle(delivery, HUB_COMPLETE), HUB_OK);
            break;
        case REJECT:
            assert_int_equal(settle(delivery, HUB_REJECT), HUB_OK);
            break;
        case ABANDON_ONCE:
            eager.answer = KEEP;
            assert_int_equal(settle(delivery, HUB_ABANDON), HUB_OK);
            break;
        case GO:
            hub_link_close(eager.client.link, "over");
            eager.client.link = NULL;
            break;
        case KEEP:
        case LEAVE:
            break;
        }
    }
}

static void connect_held(enum answer answer, bool held)
{
    static struct hub_link_ops ops;
    ops = (struct hub_link_ops){.protocol = "test",
                                .desired = fake_desired,
                                .method = fake_method,
                                .c2d = fetch,
                                .c2d_held = held,
                                .close = fake_close};
    eager = (struct eager){.answer = answer};
    fake_connect_with(&fixture, device_key("d1"), &ops, &eager.client);
    hub_link_interests(eager.client.link, HUB_INTEREST_C2D);
}

static void connect(enum answer answer)
{
    connect_held(answer, true);
}

static void leave(void)
{
    hub_link_close(eager.client.link, "over");
    eager.client.link = NULL;
}

static enum hub_code complete(void)
{
    const struct hub_delivery delivery = {.lock_token = eager.token};
    return settle(&delivery, HUB_COMPLETE);
}

static void a_message_goes_straight_and_is_kept_until_it_is_settled(void **state)
{
    (void)state;
    connect(KEEP);
    send("a");
    assert_string_equal(eager.got, "a ");
    assert_false(eager.redelivered);
    assert_int_equal(shown_count(), 1);
    assert_null(receive());
    assert_true(hubs_commit(fixture.hubs));
    fixture_advance(&fixture, 1000);
    assert_int_equal(shown_count(), 1);
    assert_int_equal(complete(), HUB_OK);
    assert_int_equal(shown_count(), 0);
    assert_int_equal(complete(), HUB_DEVICE_MESSAGE_LOCK_LOST);
    leave();
    expect_queue("");
}

static void more_messages_follow_in_order_while_others_are_not_settled(void **state)
{
    (void)state;
    connect(KEEP);
    send("a");
    send("b");
    eager.answer = LEAVE;
    send("c");
    send("d");
    assert_string_equal(eager.got, "a b ");
    eager.answer = KEEP;
    send("e");
    assert_string_equal(eager.got, "a b c d e ");
    assert_int_equal(shown_count(), 5);
    leave();
    expect_queue("a b c d e ");
}

static void what_is_settled_at_once_is_gone(void **state)
{
    (void)state;
    static const enum answer answers[] = {COMPLETE, REJECT};
    for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
        connect(answers[i]);
        send("a");
        send("b");
        assert_string_equal(eager.got, "a b ");
        assert_int_equal(shown_count(), 0);
        leave();
        expect_queue("");
    }
}

static void what_is_given_back_at_once_comes_again(void **state)
{
    (void)state;
    connect(ABANDON_ONCE);
    send("a");
    assert_string_equal(eager.got, "a a ");
    assert_true(eager.redelivered);
    assert_int_equal(eager.delivery_count, 1);
    assert_int_equal(complete(), HUB_OK);
    assert_int_equal(shown_count(), 0);
    leave();
}

static void a_client_that_goes_with_it_leaves_it_in_the_queue(void **state)
{
    (void)state;
    connect(GO);
    send("a");
    assert_string_equal(eager.got, "a ");
    assert_null(eager.client.link);
    assert_int_equal(complete(), HUB_DEVICE_MESSAGE_LOCK_LOST);
    const struct hub_delivery *again = receive();
    assert_str_equal(again->message.body, "a");
    assert_true(again->redelivered);
    assert_int_equal(again->delivery_count, 0);
}

static void a_tick_that_is_undone_leaves_nothing_of_it(void **state)
{
    (void)state;
    connect(KEEP);
    assert_true(hubs_commit(fixture.hubs));
    send("a");
    hub_note_failure(fixture.hub, STATUS_IO, NULL);
    assert_false(hubs_commit(fixture.hubs));
    assert_int_equal(shown_count(), 0);
    assert_int_equal(complete(), HUB_DEVICE_MESSAGE_LOCK_LOST);
    expect_queue("");
    send("b");
    assert_string_equal(eager.got, "a b ");
    assert_true(hubs_commit(fixture.hubs));
    assert_int_equal(complete(), HUB_OK);
    hub_note_failure(fixture.hub, STATUS_IO, NULL);
    assert_false(hubs_commit(fixture.hubs));
    assert_int_equal(shown_count(), 1);
    assert_int_equal(complete(), HUB_OK);
    assert_int_equal(shown_count(), 0);
    leave();
}

static void what_was_purged_cannot_be_settled(void **state)
{
    (void)state;
    connect(KEEP);
    send("a");
    size_t purged = 0;
    assert_int_equal(hub_c2d_purge(fixture.hub, device_key("d1"), &purged, NULL), HUB_OK);
    assert_int_equal(purged, 1);
    assert_int_equal(complete(), HUB_DEVICE_MESSAGE_LOCK_LOST);
    leave();
}

static void purge(void)
{
    size_t purged = 0;
    assert_int_equal(hub_c2d_purge(fixture.hub, device_key("d1"), &purged, NULL), HUB_OK);
    assert_int_equal(purged, 2);
}

static void abandon(void)
{
    eager.answer = LEAVE;
    const struct hub_delivery delivery = {.lock_token = eager.token};
    assert_int_equal(settle(&delivery, HUB_ABANDON), HUB_OK);
}

static void undo(void)
{
    hub_note_failure(fixture.hub, STATUS_IO, NULL);
    assert_false(hubs_commit(fixture.hubs));
}

static void time_out(void)
{
    eager.answer = LEAVE;
    fixture_advance(&fixture, 60);
}

/* Whatever becomes of what it had, nothing overtakes what waits. */
static void what_a_client_lost_makes_no_message_overtake_another(void **state)
{
    (void)state;
    static const struct {
        void (*lose)(void);
        bool held;
        const char *got;
    } cases[] = {
        {purge, true, "c d e "},
        {abandon, true, "b c d e "},
        {undo, true, "c d e "},
        {time_out, false, "a b c d e "},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        connect_held(KEEP, cases[i].held);
        assert_true(hubs_commit(fixture.hubs));
        send("a");
        send("b");
        eager.got[0] = '\0';
        cases[i].lose();
        eager.answer = LEAVE;
        send("c");
        send("d");
        eager.answer = KEEP;
        send("e");
        assert_string_equal(eager.got, cases[i].got);
        leave();
        size_t purged = 0;
        assert_int_equal(hub_c2d_purge(fixture.hub, device_key("d1"), &purged, NULL), HUB_OK);
        assert_true(hubs_commit(fixture.hubs));
    }
}

static void somebody_elses_token_settles_nothing(void **state)
{
    (void)state;
    (void)fixture_create(&fixture, device_key("d2"));
    connect(KEEP);
    send("a");
    assert_int_equal(
        hub_c2d_settle(fixture.hub, device_key("d2"), &eager.token, HUB_COMPLETE, NULL),
        HUB_DEVICE_MESSAGE_LOCK_LOST);
    assert_int_equal(shown_count(), 1);
    assert_int_equal(complete(), HUB_OK);
    leave();
}

static void a_lock_that_has_a_time_ends_with_it(void **state)
{
    (void)state;
    connect_held(KEEP, false);
    send("a");
    eager.answer = LEAVE;
    const struct guid first = eager.token;
    fixture_advance(&fixture, 60);
    assert_int_equal(complete(), HUB_DEVICE_MESSAGE_LOCK_LOST);
    const struct hub_delivery *again = receive();
    assert_str_equal(again->message.body, "a");
    assert_memory_not_equal(again->lock_token.bytes, first.bytes, GUID_SIZE);
    leave();
}

static void more_than_is_remembered_is_settled_as_well(void **state)
{
    (void)state;
    connect(KEEP);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < HUB_C2D_QUEUE_MAX; i++) {
            eager.got[0] = '\0';
            send("a");
        }
        size_t purged = 0;
        if (round < 2) {
            assert_int_equal(hub_c2d_purge(fixture.hub, device_key("d1"), &purged, NULL), HUB_OK);
            assert_int_equal(purged, HUB_C2D_QUEUE_MAX);
        }
    }
    assert_int_equal(complete(), HUB_OK);
    assert_int_equal(shown_count(), HUB_C2D_QUEUE_MAX - 1);
    leave();
}

static void check_content(void *ctx)
{
    (void)ctx;
    for (;;) {
        const struct hub_delivery *delivery = receive_on(eager.client.link);
        if (delivery == NULL) {
            return;
        }
        const struct hub_message *message = &delivery->message;
        assert_int_equal(message->application_count, 2);
        assert_str_equal(message->application[0].name, "a");
        assert_str_equal(message->application[0].value, "1");
        assert_str_equal(message->application[1].name, "b");
        assert_null(message->application[1].value.data);
        assert_int_equal(message->system_count, 2);
        assert_str_equal(message->system[0].value, "m");
        assert_str_equal(message->system[1].name, "to");
        assert_str_equal(message->system[1].value, "/devices/d1/messages/deviceBound");
        assert_int_equal(delivery->enqueued_us, hub_now_us(fixture.hub));
        assert_int_equal(delivery->ack, HUB_ACK_FULL);
        assert_int_equal(settle(delivery, HUB_COMPLETE), HUB_OK);
        eager.delivery_count++;
    }
}

/* Of names that differ in nothing but their case the first stays. */
static void a_message_has_the_same_content_either_way(void **state)
{
    (void)state;
    static const struct hub_link_ops ops = {.protocol = "test",
                                            .desired = fake_desired,
                                            .method = fake_method,
                                            .c2d = check_content,
                                            .close = fake_close};
    const struct hub_property system = {STR("messageId"), STR("m")};
    const struct hub_property application[] = {
        {STR("a"), STR("1")}, {STR("b"), {0}}, {STR("A"), STR("2")}};
    eager = (struct eager){.answer = KEEP};
    fake_connect_with(&fixture, device_key("d1"), &ops, &eager.client);
    for (size_t count = 2; count <= ARRAY_SIZE(application); count++) {
        const struct hub_c2d send = {.key = device_key("d1"),
                                     .ack = HUB_ACK_FULL,
                                     .message = {.system = &system,
                                                 .system_count = 1,
                                                 .application = application,
                                                 .application_count = count,
                                                 .body = STR("x")}};
        eager.delivery_count = 0;
        hub_link_interests(eager.client.link, 0);
        assert_int_equal(hub_c2d_send(fixture.hub, &send, NULL), HUB_OK);
        hub_link_interests(eager.client.link, HUB_INTEREST_C2D);
        assert_int_equal(eager.delivery_count, 1);
        assert_int_equal(hub_c2d_send(fixture.hub, &send, NULL), HUB_OK);
        assert_int_equal(eager.delivery_count, 2);
    }
    leave();
}

/* Sends and settles; whatever fails undoes the tick. */
static void send_and_settle(void *ctx)
{
    (void)ctx;
    eager.got[0] = '\0';
    const enum hub_code sent = send_with("a", HUB_ACK_FULL, 0);
    const enum hub_code settled = sent == HUB_OK ? complete() : HUB_OK;
    const bool well = sent == HUB_OK && settled == HUB_OK;
    assert_true(well || sent == HUB_SERVER_ERROR || settled == HUB_SERVER_ERROR);
    assert_int_equal(hubs_commit(fixture.hubs), well);
}

static void fetch_if_it_can_be(void *ctx)
{
    (void)ctx;
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(HUB_C2D_ARENA_MAX);
    struct hub_delivery *delivery = NULL;
    if (hub_c2d_receive(fixture.hub, device_key("d1"), eager.client.link, &arena, &delivery) ==
            HUB_OK &&
        delivery != NULL) {
        eager.token = delivery->lock_token;
    }
}

static void a_refused_allocation_undoes_the_tick(void **state)
{
    (void)state;
    static const struct hub_link_ops ops = {.protocol = "test",
                                            .desired = fake_desired,
                                            .method = fake_method,
                                            .c2d = fetch_if_it_can_be,
                                            .c2d_held = true,
                                            .close = fake_close};
    eager = (struct eager){.answer = KEEP};
    fake_connect_with(&fixture, device_key("d1"), &ops, &eager.client);
    hub_link_interests(eager.client.link, HUB_INTEREST_C2D);
    assert_true(hubs_commit(fixture.hubs));
    check_under_failing_allocations(send_and_settle, NULL);
    assert_int_equal(shown_count(), 0);
    leave();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_message_goes_straight_and_is_kept_until_it_is_settled),
        TEST(more_messages_follow_in_order_while_others_are_not_settled),
        TEST(what_is_settled_at_once_is_gone),
        TEST(what_is_given_back_at_once_comes_again),
        TEST(a_client_that_goes_with_it_leaves_it_in_the_queue),
        TEST(a_tick_that_is_undone_leaves_nothing_of_it),
        TEST(what_was_purged_cannot_be_settled),
        TEST(what_a_client_lost_makes_no_message_overtake_another),
        TEST(somebody_elses_token_settles_nothing),
        TEST(a_lock_that_has_a_time_ends_with_it),
        TEST(more_than_is_remembered_is_settled_as_well),
        TEST(a_message_has_the_same_content_either_way),
        TEST(a_refused_allocation_undoes_the_tick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
