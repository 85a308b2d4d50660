/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "c2d_fixture.h"

/* ---- queueing ---- */

static void messages_come_in_the_order_they_were_sent(void **state)
{
    (void)state;
    assert_null(receive());
    send("a");
    send("b");
    send("c");
    assert_int_equal(shown_count(), 3);
    const struct hub_delivery *first = receive();
    assert_str_equal(first->message.body, "a");
    assert_int_equal(first->delivery_count, 0);
    assert_false(first->redelivered);
    assert_true(first->enqueued_us == FIXTURE_NOW_US);
    assert_true(first->expires_us == FIXTURE_NOW_US + 3600 * CLOCK_SECOND);
    expect_queue("b c ");
    assert_null(receive());
    assert_int_equal(shown_count(), 3);
    assert_int_equal(settle(first, HUB_COMPLETE), HUB_OK);
    assert_int_equal(shown_count(), 2);
}

static struct str property(const struct hub_property *properties, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (str_equal(properties[i].name, str_from(name))) {
            return properties[i].value;
        }
    }
    fail_msg("there is no property %s", name);
    return STR_EMPTY;
}

static void a_message_arrives_as_it_was_sent(void **state)
{
    (void)state;
    const struct hub_property system[] = {
        {STR("messageId"), STR("m1")},
        {STR("expiryTimeUtc"), STR("nonsense")},
        {STR("ack"), STR("nonsense")},
        {STR("userId"), STR("")},
    };
    const struct hub_property application[] = {
        {STR("a/&=b %"), STR("\xc3\xa9 \"\\\t/")},
        {STR("none"), {0}},
        {STR("empty"), STR("")},
        {STR("NONE"), STR("differs in case only: the first stays")},
    };
    const struct hub_c2d send = {
        .key = device_key("d1"),
        .message = {.system = system,
                    .system_count = ARRAY_SIZE(system),
                    .application = application,
                    .application_count = ARRAY_SIZE(application),
                    .body = str_of("\0\xff{", 3)},
        .ack = HUB_ACK_FULL,
        .expires_us = FIXTURE_NOW_US + 90 * CLOCK_SECOND,
    };
    assert_int_equal(hub_c2d_send(fixture.hub, &send, &fixture.problem), HUB_OK);
    const struct hub_delivery *got = receive();
    const struct hub_message *message = &got->message;
    assert_int_equal(got->ack, HUB_ACK_FULL);
    assert_true(got->expires_us == send.expires_us);
    assert_int_equal(message->system_count, 4);
    assert_str_equal(property(message->system, 4, "messageId"), "m1");
    assert_str_equal(property(message->system, 4, "userId"), "");
    assert_str_equal(property(message->system, 4, "to"), "/devices/d1/messages/deviceBound");
    assert_str_equal(property(message->system, 4, "expiryTimeUtc"), "2026-11-21T11:01:30.0000000Z");
    assert_int_equal(message->application_count, 3);
    assert_str_equal(property(message->application, 3, "a/&=b %"), "\xc3\xa9 \"\\\t/");
    assert_null(property(message->application, 3, "none").data);
    assert_str_equal(property(message->application, 3, "empty"), "");
    assert_int_equal(message->body.size, 3);
    assert_memory_equal(message->body.data, "\0\xff{", 3);
}

static void to_is_kept_as_it_was_sent(void **state)
{
    (void)state;
    const struct hub_property to = {STR("to"), STR("/devices/d1/messages/devicebound")};
    const struct hub_c2d send = {.key = device_key("d1"),
                                 .message = {.system = &to, .system_count = 1}};
    assert_int_equal(hub_c2d_send(fixture.hub, &send, &fixture.problem), HUB_OK);
    const struct hub_delivery *got = receive();
    assert_int_equal(got->message.system_count, 1);
    assert_str_equal(got->message.system[0].value, "/devices/d1/messages/devicebound");
}

/* Device protocol reference, case 25; service reference, case 76. */
static void case_25_the_51st_message_is_refused_whether_others_wait_or_are_locked(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        send("m");
    }
    assert_int_equal(shown_count(), 50);
    assert_int_equal(send_with("m", HUB_ACK_NONE, 0), HUB_DEVICE_MAXIMUM_QUEUE_DEPTH_EXCEEDED);
    const struct hub_delivery *first = receive();
    assert_int_equal(send_with("m", HUB_ACK_NONE, 0), HUB_DEVICE_MAXIMUM_QUEUE_DEPTH_EXCEEDED);
    assert_int_equal(settle(first, HUB_COMPLETE), HUB_OK);
    send("m");
    assert_int_equal(send_with("m", HUB_ACK_NONE, 0), HUB_DEVICE_MAXIMUM_QUEUE_DEPTH_EXCEEDED);
    /* A module's queue is its own. */
    (void)fixture_create(&fixture, module_key("d1", "m1"));
    const struct hub_c2d to_module = {.key = module_key("d1", "m1")};
    assert_int_equal(hub_c2d_send(fixture.hub, &to_module, &fixture.problem), HUB_OK);
}

static void whom_nobody_knows_nothing_is_sent_to(void **state)
{
    (void)state;
    const struct hub_c2d unknown[] = {{.key = device_key("nope")}, {.key = module_key("d1", "no")}};
    assert_int_equal(hub_c2d_send(fixture.hub, &unknown[0], &fixture.problem),
                     HUB_DEVICE_NOT_FOUND);
    assert_int_equal(hub_c2d_send(fixture.hub, &unknown[1], &fixture.problem),
                     HUB_MODULE_NOT_FOUND);
    struct hub_delivery *delivery = NULL;
    assert_int_equal(
        hub_c2d_receive(fixture.hub, device_key("nope"), NULL, &fixture.arena, &delivery),
        HUB_DEVICE_NOT_FOUND);
    size_t count = 0;
    assert_int_equal(hub_c2d_purge(fixture.hub, device_key("nope"), &count, &fixture.problem),
                     HUB_DEVICE_NOT_FOUND);
}

/* Service reference, case 81: the limit is 64 KB, properties included. */
static void case_81_a_message_has_at_most_64_kb(void **state)
{
    (void)state;
    static char body[HUB_C2D_SIZE_MAX + 1];
    memset(body, 'x', sizeof(body));
    const struct hub_property property = {STR("a"), STR("b")};
    struct hub_c2d send = {.key = device_key("d1"),
                           .message = {.body = str_of(body, HUB_C2D_SIZE_MAX)}};
    assert_int_equal(hub_c2d_send(fixture.hub, &send, &fixture.problem), HUB_OK);
    assert_int_equal(receive()->message.body.size, HUB_C2D_SIZE_MAX);
    send.message.application = &property;
    send.message.application_count = 1;
    assert_int_equal(hub_c2d_send(fixture.hub, &send, &fixture.problem), HUB_MESSAGE_TOO_LARGE);
    send.message.body.size -= 2;
    assert_int_equal(hub_c2d_send(fixture.hub, &send, &fixture.problem), HUB_OK);
    send.message = (struct hub_message){.body = str_of(body, HUB_C2D_SIZE_MAX + 1)};
    assert_int_equal(hub_c2d_send(fixture.hub, &send, &fixture.problem), HUB_MESSAGE_TOO_LARGE);
}

/* One property with two characters in name and value, of which there is room for the most. */
static void a_message_of_nothing_but_properties_arrives(void **state)
{
    (void)state;
    enum { COUNT = HUB_C2D_SIZE_MAX / 4 };
    static struct hub_property properties[COUNT];
    static char names[COUNT][4];
    for (size_t i = 0; i < COUNT; i++) {
        const int size = snprintf(names[i], sizeof(names[i]), "%zx", i % 0xfff);
        properties[i] = (struct hub_property){str_of(names[i], (size_t)size), STR("\n")};
    }
    const struct hub_c2d send = {
        .key = device_key("d1"),
        .message = {.application = properties, .application_count = COUNT}};
    assert_int_equal(hub_c2d_send(fixture.hub, &send, &fixture.problem), HUB_OK);
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(HUB_C2D_ARENA_MAX);
    struct hub_delivery *delivery = NULL;
    assert_int_equal(hub_c2d_receive(fixture.hub, device_key("d1"), NULL, &arena, &delivery),
                     HUB_OK);
    assert_int_equal(delivery->message.application_count, 0xfff); /* the repeated ones are gone */
}

static void what_is_no_text_is_refused(void **state)
{
    (void)state;
    const struct {
        struct str name, value;
        bool system;
        enum hub_code code;
    } texts[] = {
        {STR("a"), STR("\xc3\xa9"), false, HUB_OK},
        {STR("a"), STR("\xe9"), false, HUB_ARGUMENT_INVALID},
        {STR("\xe9"), STR("a"), false, HUB_ARGUMENT_INVALID},
        {STR("a"), STR("a\0b"), false, HUB_ARGUMENT_INVALID},
        {STR("a\0"), STR("b"), false, HUB_ARGUMENT_INVALID},
        {STR("userId"), STR("\xff\xfe"), true, HUB_ARGUMENT_INVALID},
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        const struct hub_property property = {texts[i].name, texts[i].value};
        struct hub_c2d send = {.key = device_key("d1")};
        if (texts[i].system) {
            send.message = (struct hub_message){.system = &property, .system_count = 1};
        } else {
            send.message = (struct hub_message){.application = &property, .application_count = 1};
        }
        assert_int_equal(hub_c2d_send(fixture.hub, &send, &fixture.problem), texts[i].code);
    }
}

static void a_message_id_has_at_most_128_characters(void **state)
{
    (void)state;
    char id[130];
    memset(id, 'i', sizeof(id));
    id[128] = '\0';
    assert_int_equal(send_with(id, HUB_ACK_NONE, 0), HUB_OK);
    id[128] = 'i';
    id[129] = '\0';
    assert_int_equal(send_with(id, HUB_ACK_NONE, 0), HUB_ARGUMENT_INVALID);
}

static void a_disabled_device_keeps_its_queue(void **state)
{
    (void)state;
    const struct hub_identity_desc desc = {.status = STR("disabled")};
    const struct hub_identity_write put = {
        .key = device_key("d1"), .desc = &desc, .mode = HUB_UPDATE};
    struct storage_identity *identity = NULL;
    send("before");
    assert_int_equal(hub_identity_put(fixture.hub, &put, &fixture.arena, &identity, NULL), HUB_OK);
    assert_int_equal(identity->c2d_count, 1);
    send("after");
    expect_queue("before after ");
}

/* ---- settling ---- */

/* Case 41: abandon, and the message is there again with a higher delivery count. */
static void case_41_an_abandoned_message_comes_again_in_its_place(void **state)
{
    (void)state;
    send("a");
    send("b");
    const struct hub_delivery *first = receive();
    assert_int_equal(settle(first, HUB_ABANDON), HUB_OK);
    const struct hub_delivery *again = receive();
    assert_str_equal(again->message.body, "a");
    assert_int_equal(again->delivery_count, 1);
    assert_true(again->redelivered);
    assert_true(again->sequence_number == first->sequence_number);
    assert_false(guid_equal(&again->lock_token, &first->lock_token));
    assert_int_equal(settle(first, HUB_COMPLETE), HUB_DEVICE_MESSAGE_LOCK_LOST);
    assert_int_equal(settle(again, HUB_RELEASE), HUB_OK);
    assert_int_equal(receive()->delivery_count, 1);
}

static void a_message_is_settled_once(void **state)
{
    (void)state;
    send("a");
    const struct hub_delivery *delivery = receive();
    assert_int_equal(settle(delivery, HUB_COMPLETE), HUB_OK);
    assert_int_equal(settle(delivery, HUB_COMPLETE), HUB_DEVICE_MESSAGE_LOCK_LOST);
    assert_int_equal(settle(delivery, HUB_ABANDON), HUB_DEVICE_MESSAGE_LOCK_LOST);
    const struct guid unknown = {.bytes = {0}};
    assert_int_equal(
        hub_c2d_settle(fixture.hub, device_key("d1"), &unknown, HUB_COMPLETE, &fixture.problem),
        HUB_DEVICE_MESSAGE_LOCK_LOST);
}

static void a_lock_counts_for_its_own_device_only(void **state)
{
    (void)state;
    (void)fixture_create(&fixture, device_key("d2"));
    send("a");
    const struct hub_delivery *delivery = receive();
    assert_int_equal(hub_c2d_settle(fixture.hub, device_key("d2"), &delivery->lock_token,
                                    HUB_COMPLETE, &fixture.problem),
                     HUB_DEVICE_MESSAGE_LOCK_LOST);
    assert_int_equal(settle(delivery, HUB_COMPLETE), HUB_OK);
}

static void a_message_that_is_given_back_ten_times_is_dropped(void **state)
{
    (void)state;
    send("a");
    for (uint32_t i = 0; i < 10; i++) {
        const struct hub_delivery *delivery = receive();
        assert_non_null(delivery);
        assert_int_equal(delivery->delivery_count, i);
        assert_int_equal(settle(delivery, HUB_ABANDON), HUB_OK);
    }
    assert_null(receive());
    assert_int_equal(shown_count(), 0);
}

static void a_lock_lasts_60_seconds(void **state)
{
    (void)state;
    send("a");
    const struct hub_delivery *delivery = receive();
    fixture_advance(&fixture, 59);
    assert_null(receive());
    fixture_advance(&fixture, 1);
    assert_int_equal(settle(delivery, HUB_COMPLETE), HUB_DEVICE_MESSAGE_LOCK_LOST);
    const struct hub_delivery *again = receive();
    assert_int_equal(again->delivery_count, 0); /* only abandoning counts */
    assert_true(again->redelivered);
    fixture_advance(&fixture, 59);
    assert_int_equal(settle(again, HUB_COMPLETE), HUB_OK);
}

static void a_lock_that_times_out_counts_when_it_is_set_so(void **state)
{
    (void)state;
    fixture.hub->settings.c2d_lock_end_counts = true;
    fixture.hub->settings.c2d_deliveries_max = 2;
    send("a");
    (void)receive();
    fixture_advance(&fixture, 60);
    assert_int_equal(receive()->delivery_count, 1);
    fixture_advance(&fixture, 60);
    assert_null(receive());
    assert_int_equal(shown_count(), 0);
}

static void a_message_that_expires_is_gone(void **state)
{
    (void)state;
    assert_int_equal(send_with("short", HUB_ACK_NONE, FIXTURE_NOW_US + CLOCK_SECOND), HUB_OK);
    send("long");
    assert_int_equal(shown_count(), 2);
    clock_advance(&fixture.hub->clock, CLOCK_SECOND); /* before any timer fires */
    assert_str_equal(receive()->message.body, "long");
    hubs_wake(fixture.hubs);
    assert_int_equal(shown_count(), 1);
    fixture_advance(&fixture, 3600);
    fixture_advance(&fixture, 1);
    assert_int_equal(shown_count(), 0);
}

static void many_messages_expire_at_once(void **state)
{
    (void)state;
    char name[16];
    for (int device = 0; device < 6; device++) {
        (void)snprintf(name, sizeof(name), "many%d", device);
        (void)fixture_create(&fixture, device_key(name));
        for (int i = 0; i < 50; i++) {
            const struct hub_c2d send = {.key = device_key(name)};
            assert_int_equal(hub_c2d_send(fixture.hub, &send, &fixture.problem), HUB_OK);
        }
    }
    fixture_advance(&fixture, 3600);
    for (int device = 0; device < 6; device++) {
        (void)snprintf(name, sizeof(name), "many%d", device);
        assert_int_equal(fixture_twin(&fixture, device_key(name))->c2d_count, 0);
    }
}

static void a_locked_message_does_not_expire_until_it_is_given_back(void **state)
{
    (void)state;
    assert_int_equal(send_with("a", HUB_ACK_NONE, FIXTURE_NOW_US + CLOCK_SECOND), HUB_OK);
    assert_int_equal(send_with("b", HUB_ACK_NONE, FIXTURE_NOW_US + CLOCK_SECOND), HUB_OK);
    const struct hub_delivery *a = receive();
    const struct hub_delivery *b = receive();
    fixture_advance(&fixture, 2);
    assert_int_equal(settle(a, HUB_COMPLETE), HUB_OK);
    assert_int_equal(settle(b, HUB_ABANDON), HUB_OK);
    assert_null(receive());
    hubs_wake(fixture.hubs);
    assert_int_equal(shown_count(), 0);
}

static void an_expiry_that_is_past_is_refused(void **state)
{
    (void)state;
    assert_int_equal(send_with("a", HUB_ACK_NONE, FIXTURE_NOW_US), HUB_INVALID_MESSAGE_EXPIRY_TIME);
    assert_int_equal(send_with("a", HUB_ACK_NONE, CLOCK_NEVER), HUB_INVALID_MESSAGE_EXPIRY_TIME);
    assert_int_equal(send_with("a", HUB_ACK_NONE, FIXTURE_NOW_US + 1), HUB_OK);
}

static void a_purge_takes_all_and_says_how_many(void **state)
{
    (void)state;
    send("a");
    send("b");
    const struct hub_delivery *locked = receive();
    size_t count = 99;
    assert_int_equal(hub_c2d_purge(fixture.hub, device_key("d1"), &count, &fixture.problem),
                     HUB_OK);
    assert_int_equal(count, 2);
    assert_int_equal(shown_count(), 0);
    assert_int_equal(settle(locked, HUB_COMPLETE), HUB_DEVICE_MESSAGE_LOCK_LOST);
    assert_int_equal(hub_c2d_purge(fixture.hub, device_key("d1"), &count, &fixture.problem),
                     HUB_OK);
    assert_int_equal(count, 0);
}

static void a_deleted_device_takes_its_queue_along(void **state)
{
    (void)state;
    send("a");
    assert_int_equal(hub_identity_delete(fixture.hub, device_key("d1"), NULL, &fixture.problem),
                     HUB_OK);
    assert_int_equal(fixture_create(&fixture, device_key("d1"))->c2d_count, 0);
    assert_null(receive());
}

static void a_reset_empties_all_queues(void **state)
{
    (void)state;
    send("a");
    assert_int_equal(hub_reset(fixture.hub), HUB_OK);
    (void)fixture_create(&fixture, device_key("d1"));
    assert_null(receive());
    fixture_advance(&fixture, 3600); /* the timer of what is gone does no harm */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(messages_come_in_the_order_they_were_sent),
        TEST(a_message_arrives_as_it_was_sent),
        TEST(to_is_kept_as_it_was_sent),
        TEST(case_25_the_51st_message_is_refused_whether_others_wait_or_are_locked),
        TEST(whom_nobody_knows_nothing_is_sent_to),
        TEST(case_81_a_message_has_at_most_64_kb),
        TEST(a_message_of_nothing_but_properties_arrives),
        TEST(what_is_no_text_is_refused),
        TEST(a_message_id_has_at_most_128_characters),
        TEST(a_disabled_device_keeps_its_queue),
        TEST(case_41_an_abandoned_message_comes_again_in_its_place),
        TEST(a_message_is_settled_once),
        TEST(a_lock_counts_for_its_own_device_only),
        TEST(a_message_that_is_given_back_ten_times_is_dropped),
        TEST(a_lock_lasts_60_seconds),
        TEST(a_lock_that_times_out_counts_when_it_is_set_so),
        TEST(a_message_that_expires_is_gone),
        TEST(many_messages_expire_at_once),
        TEST(a_locked_message_does_not_expire_until_it_is_given_back),
        TEST(an_expiry_that_is_past_is_refused),
        TEST(a_purge_takes_all_and_says_how_many),
        TEST(a_deleted_device_takes_its_queue_along),
        TEST(a_reset_empties_all_queues),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
