/* SPDX-License-Identifier: MIT */
#include "c2d_fixture.h"

/* ---- connected clients ---- */

static void a_client_that_listens_is_told(void **state)
{
    (void)state;
    static struct fake_client client;
    fake_connect(&fixture, device_key("d1"), &client);
    send("a");
    assert_int_equal(client.c2d_count, 0);
    hub_link_interests(client.link, HUB_INTEREST_C2D);
    assert_int_equal(client.c2d_count, 1);
    send("b");
    assert_int_equal(client.c2d_count, 2);
    const struct hub_delivery *delivery = receive_on(client.link);
    assert_int_equal(client.c2d_count, 2);
    assert_int_equal(settle(delivery, HUB_ABANDON), HUB_OK);
    assert_int_equal(client.c2d_count, 3);
    (void)receive();
    fixture_advance(&fixture, 60);
    assert_int_equal(client.c2d_count, 4);
    hub_link_interests(client.link, 0);
    send("c");
    assert_int_equal(client.c2d_count, 4);
    hub_link_close(client.link, "over");
}

static void what_a_client_did_not_settle_comes_back_in_order_when_it_leaves(void **state)
{
    (void)state;
    static struct fake_client client;
    fake_connect(&fixture, device_key("d1"), &client);
    send("a");
    send("b");
    send("c");
    (void)receive_on(client.link);
    const struct hub_delivery *second = receive_on(client.link);
    const struct hub_delivery *third = receive(); /* not by this link */
    hub_link_close(client.link, "over");
    assert_int_equal(settle(second, HUB_COMPLETE), HUB_DEVICE_MESSAGE_LOCK_LOST);
    expect_queue("a b ");
    assert_int_equal(settle(third, HUB_COMPLETE), HUB_OK);
}

static void a_takeover_gives_the_new_client_what_the_old_one_had(void **state)
{
    (void)state;
    static struct fake_client old, new;
    fake_connect(&fixture, device_key("d1"), &old);
    send("a");
    (void)receive_on(old.link);
    fake_connect(&fixture, device_key("d1"), &new);
    const struct hub_delivery *again = receive_on(new.link);
    assert_str_equal(again->message.body, "a");
    assert_int_equal(again->delivery_count, 0);
    hub_link_close(new.link, "over");
}

static void a_client_that_holds_has_no_time_limit(void **state)
{
    (void)state;
    static const struct hub_link_ops ops = {
        .protocol = "mqtt", .c2d = fake_c2d, .c2d_held = true, .close = fake_close};
    static struct fake_client client;
    fake_connect_with(&fixture, device_key("d1"), &ops, &client);
    assert_int_equal(send_with("a", HUB_ACK_NONE, FIXTURE_NOW_US + 2 * CLOCK_SECOND), HUB_OK);
    send("b");
    const struct hub_delivery *first = receive_on(client.link);
    fixture_advance(&fixture, 1800);
    assert_int_equal(settle(first, HUB_COMPLETE), HUB_OK);
    (void)receive_on(client.link);
    fixture_advance(&fixture, 3600);
    assert_int_equal(shown_count(), 1);
    hub_link_close(client.link, "over"); /* it is past its time, and free now */
    hubs_wake(fixture.hubs);
    assert_int_equal(shown_count(), 0);
}

/* ---- the journal ---- */

static void append_row(void *ctx, const struct journal_row *row)
{
    buf_append_format(ctx, "%s %.*s\n", hub_event_name((enum hub_event)row->kind),
                      STR_ARG(row->detail));
}

static void expect_rows(uint64_t after, const char *expected)
{
    CLEANUP(buf_finish) struct buf rows = BUF_INIT(65536);
    const struct journal_filter filter = {.after = after, .limit = 100, .rows_read_max = 100};
    uint64_t next = 0;
    assert_int_equal(hub_journal_read(fixture.hub, &filter, append_row, &rows, &next), HUB_OK);
    assert_str_equal(buf_str(&rows), expected);
}

static void the_journal_tells_a_messages_life(void **state)
{
    (void)state;
    const uint64_t start = storage_journal_last(fixture.storage);
    assert_int_equal(send_with("m1", HUB_ACK_FULL, 0), HUB_OK);
    assert_int_equal(settle(receive(), HUB_ABANDON), HUB_OK);
    (void)receive();
    fixture_advance(&fixture, 60);
    assert_int_equal(settle(receive(), HUB_COMPLETE), HUB_OK);
    fixture_advance(&fixture, 1);
    struct hub_feedback *feedback = NULL;
    assert_int_equal(hub_feedback_receive(fixture.hub, &fixture.arena, &feedback), HUB_OK);
    assert_int_equal(
        hub_feedback_settle(fixture.hub, &feedback->lock_token, HUB_COMPLETE, &fixture.problem),
        HUB_OK);
    expect_rows(start,
                "c2dEnqueued {\"sequenceNumber\":1,\"ack\":\"full\",\"systemProperties\":"
                "{\"messageId\":\"m1\",\"to\":\"/devices/d1/messages/deviceBound\"}}\n"
                "c2dDelivered {\"protocol\":\"https\",\"sequenceNumber\":1,\"deliveryCount\":0,"
                "\"messageId\":\"m1\"}\n"
                "c2dSettled {\"outcome\":\"abandoned\",\"sequenceNumber\":1,\"messageId\":\"m1\"}\n"
                "c2dDelivered {\"protocol\":\"https\",\"sequenceNumber\":1,\"deliveryCount\":1,"
                "\"messageId\":\"m1\"}\n"
                "c2dSettled {\"outcome\":\"lockTimedOut\",\"sequenceNumber\":1,"
                "\"messageId\":\"m1\"}\n"
                "c2dDelivered {\"protocol\":\"https\",\"sequenceNumber\":1,\"deliveryCount\":1,"
                "\"messageId\":\"m1\"}\n"
                "c2dSettled {\"outcome\":\"completed\",\"sequenceNumber\":1,\"messageId\":\"m1\"}\n"
                "feedbackEnqueued {\"records\":1}\n"
                "feedbackSettled {\"outcome\":\"completed\"}\n");
}

/* ---- failures ---- */

static void an_undone_tick_leaves_the_queue_as_it_was(void **state)
{
    (void)state;
    send("a");
    assert_true(hubs_commit(fixture.hubs));
    const struct hub_delivery *delivery = receive();
    assert_int_equal(settle(delivery, HUB_COMPLETE), HUB_OK);
    fixture.hub->failed = true;
    assert_false(hubs_commit(fixture.hubs));
    assert_int_equal(shown_count(), 1);
    expect_queue("a ");
}

static void tolerate_failures(void *ctx)
{
    (void)ctx;
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(HUB_C2D_ARENA_MAX);
    enum hub_code code = send_with("a", HUB_ACK_FULL, 0);
    struct hub_delivery *delivery = NULL;
    if (code == HUB_OK) {
        code = hub_c2d_receive(fixture.hub, device_key("d1"), NULL, &arena, &delivery);
    }
    if (code == HUB_OK) {
        code = settle(delivery, HUB_REJECT);
    }
    fixture_advance(&fixture, 1);
    if (code == HUB_OK && hubs_commit(fixture.hubs)) {
        return;
    }
    assert_true(code == HUB_OK || code == HUB_SERVER_ERROR);
    (void)hubs_commit(fixture.hubs);
}

static void refused_allocations_are_survived(void **state)
{
    (void)state;
    check_under_failing_allocations(tolerate_failures, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_client_that_listens_is_told),
        TEST(what_a_client_did_not_settle_comes_back_in_order_when_it_leaves),
        TEST(a_takeover_gives_the_new_client_what_the_old_one_had),
        TEST(a_client_that_holds_has_no_time_limit),
        TEST(the_journal_tells_a_messages_life),
        TEST(an_undone_tick_leaves_the_queue_as_it_was),
        TEST(refused_allocations_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
