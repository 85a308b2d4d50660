/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "c2d_fixture.h"

static struct hub_feedback *fetch(void)
{
    struct hub_feedback *feedback = NULL;
    assert_int_equal(hub_feedback_receive(fixture.hub, &fixture.arena, &feedback), HUB_OK);
    return feedback;
}

static enum hub_code settle_feedback(const struct hub_feedback *feedback,
                                     enum hub_settlement settlement)
{
    return hub_feedback_settle(fixture.hub, &feedback->lock_token, settlement, &fixture.problem);
}

static void send_and(const char *id, enum hub_ack ack, enum hub_settlement settlement)
{
    assert_int_equal(send_with(id, ack, 0), HUB_OK);
    assert_int_equal(settle(receive(), settlement), HUB_OK);
}

/* Service reference, cases 77 and 78. */
static void case_77_feedback_says_what_became_of_a_message(void **state)
{
    (void)state;
    send_and("m1", HUB_ACK_FULL, HUB_COMPLETE);
    assert_null(fetch());
    fixture_advance(&fixture, 1);
    const struct hub_feedback *feedback = fetch();
    assert_true(feedback->enqueued_us == FIXTURE_NOW_US + CLOCK_SECOND);
    assert_int_equal(feedback->delivery_count, 0);
    const int64_t generation = fixture_twin(&fixture, device_key("d1"))->generation;
    char expected[512];
    (void)snprintf(expected, sizeof(expected),
                   "[{\"originalMessageId\":\"m1\",\"deviceGenerationId\":\"%lld\",\"deviceId\":"
                   "\"d1\",\"enqueuedTimeUtc\":\"2026-11-21T11:00:00.0000000Z\",\"statusCode\":"
                   "\"Success\",\"description\":\"Success\"}]",
                   (long long)generation);
    assert_str_equal(feedback->body, expected);
}

enum way { COMPLETED, REJECTED, EXPIRED, EXCEEDED, PURGED };

static void end_message(enum way way)
{
    size_t count = 0;
    switch (way) {
    case COMPLETED:
        assert_int_equal(settle(receive(), HUB_COMPLETE), HUB_OK);
        break;
    case REJECTED:
        assert_int_equal(settle(receive(), HUB_REJECT), HUB_OK);
        break;
    case EXPIRED:
        fixture_advance(&fixture, 3600);
        break;
    case EXCEEDED:
        for (int i = 0; i < 10; i++) {
            assert_int_equal(settle(receive(), HUB_ABANDON), HUB_OK);
        }
        break;
    case PURGED:
        assert_int_equal(hub_c2d_purge(fixture.hub, device_key("d1"), &count, NULL), HUB_OK);
        break;
    }
}

static void the_sender_is_told_what_it_asked_for(void **state)
{
    (void)state;
    static const struct {
        enum way way;
        const char *code;
        bool told[4]; /* by enum hub_ack */
    } cases[] = {
        {COMPLETED, "\"statusCode\":\"Success\"", {false, true, false, true}},
        {REJECTED, "\"statusCode\":\"Rejected\"", {false, false, true, true}},
        {EXPIRED, "\"statusCode\":\"Expired\"", {false, false, true, true}},
        {EXCEEDED, "\"statusCode\":\"DeliveryCountExceeded\"", {false, false, true, true}},
        {PURGED, "\"statusCode\":\"Purged\"", {false, false, true, true}},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        for (unsigned ack = HUB_ACK_NONE; ack <= HUB_ACK_FULL; ack++) {
            assert_int_equal(send_with("m", (enum hub_ack)ack, 0), HUB_OK);
            end_message(cases[i].way);
            fixture_advance(&fixture, 1);
            const struct hub_feedback *feedback = fetch();
            assert_int_equal(feedback != NULL, cases[i].told[ack]);
            if (feedback != NULL) {
                assert_non_null(strstr(feedback->body.data, cases[i].code));
                assert_int_equal(settle_feedback(feedback, HUB_COMPLETE), HUB_OK);
            }
        }
    }
}

static size_t records_of(const struct hub_feedback *feedback)
{
    CLEANUP(json_destroyp) cJSON *tree = NULL;
    assert_non_null(feedback);
    assert_int_equal(json_parse(feedback->body, &tree, NULL), STATUS_OK);
    return (size_t)cJSON_GetArraySize(tree);
}

static void a_batch_has_64_records_or_what_its_window_brought(void **state)
{
    (void)state;
    for (int i = 0; i < 64; i++) {
        assert_null(fetch());
        send_and("m", HUB_ACK_FULL, HUB_COMPLETE);
    }
    hubs_wake(fixture.hubs);
    send_and("m", HUB_ACK_FULL, HUB_COMPLETE);
    hubs_wake(fixture.hubs);
    assert_int_equal(records_of(fetch()), 64);
    assert_null(fetch());
    clock_advance(&fixture.hub->clock, CLOCK_SECOND / 2);
    send_and("m", HUB_ACK_FULL, HUB_COMPLETE);
    clock_advance(&fixture.hub->clock, CLOCK_SECOND / 2 - 1);
    hubs_wake(fixture.hubs);
    assert_null(fetch());
    clock_advance(&fixture.hub->clock, 1);
    hubs_wake(fixture.hubs);
    assert_int_equal(records_of(fetch()), 2);
}

/* Service reference, 6.5: one client takes the bytes for characters. */
static void a_batch_is_ascii_whatever_the_message_id(void **state)
{
    (void)state;
    send_and("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\x01\"", HUB_ACK_FULL, HUB_COMPLETE);
    fixture_advance(&fixture, 1);
    const struct hub_feedback *feedback = fetch();
    assert_non_null(strstr(feedback->body.data,
                           "{\"originalMessageId\":\"\\u00e9\\u20ac\\ud83d\\ude00\\u0001\\\"\","));
}

static void a_message_without_an_id_has_null_for_one(void **state)
{
    (void)state;
    const struct hub_c2d send = {.key = device_key("d1"), .ack = HUB_ACK_POSITIVE};
    assert_int_equal(hub_c2d_send(fixture.hub, &send, &fixture.problem), HUB_OK);
    assert_int_equal(settle(receive(), HUB_COMPLETE), HUB_OK);
    fixture_advance(&fixture, 1);
    assert_non_null(strstr(fetch()->body.data, "{\"originalMessageId\":null,"));
}

static void a_batch_that_is_given_back_comes_again(void **state)
{
    (void)state;
    send_and("m", HUB_ACK_FULL, HUB_COMPLETE);
    fixture_advance(&fixture, 1);
    const struct hub_feedback *feedback = fetch();
    assert_null(fetch());
    assert_int_equal(settle_feedback(feedback, HUB_RELEASE), HUB_OK);
    assert_int_equal(settle_feedback(feedback, HUB_COMPLETE), HUB_DEVICE_MESSAGE_LOCK_LOST);
    for (uint32_t i = 0; i < 10; i++) {
        feedback = fetch();
        assert_int_equal(feedback->delivery_count, i);
        assert_int_equal(settle_feedback(feedback, HUB_ABANDON), HUB_OK);
    }
    assert_null(fetch());
}

static void a_batch_is_dropped_when_it_is_rejected(void **state)
{
    (void)state;
    send_and("m", HUB_ACK_FULL, HUB_COMPLETE);
    fixture_advance(&fixture, 1);
    const struct hub_feedback *feedback = fetch();
    assert_int_equal(settle_feedback(feedback, HUB_REJECT), HUB_OK);
    assert_int_equal(settle_feedback(feedback, HUB_REJECT), HUB_DEVICE_MESSAGE_LOCK_LOST);
    fixture_advance(&fixture, 60);
    assert_null(fetch());
}

static void a_lock_of_a_batch_lasts_60_seconds(void **state)
{
    (void)state;
    send_and("m", HUB_ACK_FULL, HUB_COMPLETE);
    fixture_advance(&fixture, 1);
    const struct hub_feedback *feedback = fetch();
    fixture_advance(&fixture, 59);
    assert_null(fetch());
    fixture_advance(&fixture, 1);
    assert_int_equal(settle_feedback(feedback, HUB_COMPLETE), HUB_DEVICE_MESSAGE_LOCK_LOST);
    assert_int_equal(fetch()->delivery_count, 0);
}

static void a_batch_that_nobody_fetches_expires(void **state)
{
    (void)state;
    send_and("early", HUB_ACK_FULL, HUB_COMPLETE);
    fixture_advance(&fixture, 1);
    send_and("late", HUB_ACK_FULL, HUB_COMPLETE);
    fixture_advance(&fixture, 1);
    fixture_advance(&fixture, 3599);
    const struct hub_feedback *feedback = fetch();
    assert_non_null(strstr(feedback->body.data, "late"));
    assert_null(fetch());
}

/* ---- watchers ---- */

struct watcher {
    struct hub_feedback_watcher watcher;
    unsigned count;
    unsigned order; /* of the last call, among all */
};
static unsigned calls;

static void available(void *ctx)
{
    struct watcher *watcher = ctx;
    watcher->count++;
    watcher->order = ++calls;
}

static void leave(void *ctx)
{
    available(ctx);
    hub_feedback_unwatch(&((struct watcher *)ctx)->watcher);
}

static void those_who_watch_are_told_in_turns(void **state)
{
    (void)state;
    struct watcher first = {.watcher = {.available = available, .ctx = &first}};
    struct watcher second = {.watcher = {.available = available, .ctx = &second}};
    struct watcher third = {.watcher = {.available = leave, .ctx = &third}};
    calls = 0;
    hub_feedback_unwatch(&first.watcher); /* it does not watch yet */
    hub_feedback_watch(fixture.hub, &first.watcher);
    hub_feedback_watch(fixture.hub, &second.watcher);
    hub_feedback_watch(fixture.hub, &third.watcher);
    send_and("m", HUB_ACK_FULL, HUB_COMPLETE);
    assert_int_equal(calls, 0);
    fixture_advance(&fixture, 1);
    assert_int_equal(calls, 3);
    assert_int_equal(third.count, 1);
    const bool second_was_before = second.order < first.order;
    assert_int_equal(settle_feedback(fetch(), HUB_ABANDON), HUB_OK);
    assert_int_equal(calls, 5);
    assert_int_equal(third.count, 1);
    assert_int_equal(second.order < first.order, !second_was_before);
    (void)fetch();
    fixture_advance(&fixture, 60);
    assert_int_equal(calls, 7);
    hub_feedback_unwatch(&second.watcher);
    assert_int_equal(settle_feedback(fetch(), HUB_RELEASE), HUB_OK);
    assert_int_equal(first.count, 4);
    assert_int_equal(second.count, 3);
    hub_feedback_unwatch(&first.watcher);
}

static void a_reset_forgets_all_feedback(void **state)
{
    (void)state;
    send_and("m1", HUB_ACK_FULL, HUB_COMPLETE);
    fixture_advance(&fixture, 1);
    (void)fixture_create(&fixture, device_key("d2"));
    send_and("m2", HUB_ACK_FULL, HUB_COMPLETE);
    assert_int_equal(hub_reset(fixture.hub), HUB_OK);
    fixture_advance(&fixture, 1);
    assert_null(fetch());
}

static void tolerate_failures(void *ctx)
{
    (void)ctx;
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(HUB_C2D_ARENA_MAX);
    struct hub_feedback *feedback = NULL;
    fixture_advance(&fixture, 61);
    enum hub_code code = hub_feedback_receive(fixture.hub, &arena, &feedback);
    if (code == HUB_OK && feedback != NULL) {
        code = settle_feedback(feedback, HUB_RELEASE);
    }
    assert_true(code == HUB_OK || code == HUB_SERVER_ERROR);
    (void)hubs_commit(fixture.hubs);
}

static void refused_allocations_are_survived(void **state)
{
    (void)state;
    send_and("m1", HUB_ACK_FULL, HUB_COMPLETE);
    assert_true(hubs_commit(fixture.hubs));
    check_under_failing_allocations(tolerate_failures, NULL);
    fixture_advance(&fixture, 61);
    assert_non_null(fetch());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(case_77_feedback_says_what_became_of_a_message),
        TEST(the_sender_is_told_what_it_asked_for),
        TEST(a_batch_has_64_records_or_what_its_window_brought),
        TEST(a_batch_is_ascii_whatever_the_message_id),
        TEST(a_message_without_an_id_has_null_for_one),
        TEST(a_batch_that_is_given_back_comes_again),
        TEST(a_batch_is_dropped_when_it_is_rejected),
        TEST(a_lock_of_a_batch_lasts_60_seconds),
        TEST(a_batch_that_nobody_fetches_expires),
        TEST(those_who_watch_are_told_in_turns),
        TEST(a_reset_forgets_all_feedback),
        TEST(refused_allocations_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
