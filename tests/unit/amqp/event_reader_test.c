/* SPDX-License-Identifier: MIT */
#include "events_rig.h"

/* ---- where it starts ---- */

static void case_86_readers_start_where_their_filter_says(void **state)
{
    (void)state;
    send_bodies(0, 3);
    fake_advance_hub(10);
    send_bodies(3, 2); /* offsets 6 to 10, sequence numbers 0 to 4 */
    static const struct {
        const char *filter;
        size_t count;
    } filters[] = {
        {"amqp.annotation.x-opt-offset > '-1'", 5},
        {"amqp.annotation.x-opt-offset > '@latest'", 0},
        {"amqp.annotation.x-opt-offset > 8", 2},
        {"amqp.annotation.x-opt-offset >= '8'", 3},
        {"amqp.annotation.x-opt-sequence-number >= 4", 1},
        {"amqp.annotation.x-opt-sequence-number > '0'", 4},
        {"amqp.annotation.x-opt-enqueued-time > '" NOW_MS "'", 2},
        {"amqp.annotation.x-opt-enqueued-time >= " NOW_MS, 5},
        {"amqp.annotation.x-opt-enqueuedtimeutc > " NOW_MS, 2},
        {NULL, 5},
    };
    static const uint64_t descriptors[] = {0, 77567109365764, 83483426826};
    for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
        const size_t count = i % ARRAY_SIZE(descriptors);
        pn_link_t *link = open_reader((struct wish){NO_EPOCH, .filter = filters[i].filter,
                                                    .descriptor = descriptors[count],
                                                    .bare = i == 3, .credit = 100});
        assert_string_equal(peer_refusal(link), "");
        if (count_events(link) != filters[i].count) {
            fail_msg("%s", filters[i].filter);
        }
        /* The filter is echoed. */
        pn_data_t *echoed = pn_terminus_filter(pn_link_remote_source(link));
        pn_data_rewind(echoed);
        assert_int_equal(pn_data_next(echoed), filters[i].filter != NULL);
        pn_link_close(link);
        peer_pump(peer);
    }
}

static void what_cannot_be_read_is_refused_with_its_condition(void **state)
{
    (void)state;
    send_bodies(0, 1);
    static const struct {
        const char *address, *filter, *condition, *word;
    } refusals[] = {
        {NULL, "amqp.annotation.x-opt-enqueuedtimeutc > 'NaN'", "com.microsoft:argument-error",
         "at byte 41"},
        {NULL, "nonsense", "com.microsoft:argument-error", "at byte 0"},
        {NULL, "amqp.annotation.x-opt-sequence-number > 5", "com.microsoft:argument-error",
         "The last sequence number in the system is '0'"},
        {"hub/ConsumerGroups/$Default/Partitions/4", NULL, "com.microsoft:argument-error",
         "between 0 and 3"},
        {"hub/ConsumerGroups/$Default/Partitions/-1", NULL, "com.microsoft:argument-error",
         "between 0 and 3"},
        {"hub/ConsumerGroups/web/Partitions/0", NULL, "amqp:not-found", "--consumer-groups web"},
        {"iothub-ehub-1/ConsumerGroups/$Default/Partitions/0", NULL, "amqp:not-found",
         "EntityPath=hub"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
        pn_link_t *link = open_reader((struct wish){NO_EPOCH, .address = refusals[i].address,
                                                    .filter = refusals[i].filter, .credit = 10});
        assert_string_equal(peer_refusal(link), refusals[i].condition);
        const char *said = pn_condition_get_description(pn_link_remote_condition(link));
        if (strstr(said, refusals[i].word) == NULL) {
            fail_msg("%s", said);
        }
        assert_non_null(strstr(fake_journal(), refusals[i].word));
    }
    assert_string_equal(peer_ending(peer), "");
}

static void group_and_event_hub_are_named_in_any_case(void **state)
{
    (void)state;
    static const char *const addresses[] = {
        "HUB/consumergroups/$default/partitions/0",
        "/hub/ConsumerGroups/%24Default/Partitions/0",
        "amqps://localhost/hub/ConsumerGroups/$Default/Partitions/0",
        "amqps://localhost:5671/hub/ConsumerGroups/$DEFAULT/Partitions/0",
    };
    for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
        pn_link_t *link = open_reader((struct wish){NO_EPOCH, .address = addresses[i]});
        assert_string_equal(peer_refusal(link), "");
    }
}

static void a_device_reads_no_events(void **state)
{
    (void)state;
    peer_close(peer);
    peer = peer_open(NULL);
    assert_int_equal(peer_put_token(peer, fake_device_token("d1")), 200);
    assert_string_equal(peer_refusal(open_reader(ALL_EVENTS)), "amqp:unauthorized-access");
    assert_int_equal(peer_put_token(peer, fake_policy_token("registryReadWrite")), 200);
    assert_string_equal(peer_refusal(open_reader(ALL_EVENTS)), "amqp:unauthorized-access");
}

/* ---- as they come ---- */

static void a_waiting_reader_gets_what_is_committed(void **state)
{
    (void)state;
    pn_link_t *link = open_reader(
        (struct wish){NO_EPOCH, .filter = "amqp.annotation.x-opt-offset > '@latest'", .credit = 2});
    assert_string_equal(next_body(link), "");
    send_bodies(0, 3);
    assert_string_equal(next_body(link), "0");
    assert_string_equal(next_body(link), "1");
    assert_string_equal(next_body(link), ""); /* no credit */
    pn_link_flow(link, 5);
    assert_string_equal(next_body(link), "2");
    send_bodies(3, 1);
    assert_string_equal(next_body(link), "3");
}

static void many_events_come_in_turns_and_all_of_them(void **state)
{
    (void)state;
    enum { MANY = 3000 };
    send_bodies(0, MANY);
    pn_link_t *link = open_reader((struct wish){NO_EPOCH, .credit = MANY * 2});
    size_t count = 0;
    char expected[24];
    for (int turns = 0; turns < 100 && count < MANY; turns++) {
        for (const char *body = next_body(link); body[0] != '\0'; body = next_body(link)) {
            (void)snprintf(expected, sizeof(expected), "%zu", count++);
            assert_string_equal(body, expected);
        }
        fake_advance_hub(0);
    }
    assert_int_equal(count, MANY);
}

static void who_does_not_read_costs_little(void **state)
{
    (void)state;
    char *large = mem_alloc(200000);
    memset(large, 'x', 200000);
    const struct hub_message telemetry = {.body = str_of(large, 200000)};
    for (int i = 0; i < 50; i++) {
        send_from("d1", "", &telemetry);
    }
    fake_tick();
    mem_free(large);
    peer->holds_back = true;
    pn_link_t *link = open_reader((struct wish){NO_EPOCH, .credit = 1000});
    for (int i = 0; i < 20; i++) {
        fake_advance_hub(0);
    }
    assert_true(peer->conn->output.size < 4 * AMQP_OUTPUT_SIZE_HIGH);
    peer->holds_back = false;
    size_t count = 0;
    for (int turns = 0; turns < 100 && count < 50; turns++) {
        count += count_events(link);
        fake_advance_hub(0);
    }
    assert_int_equal(count, 50);
}

static void unsettled_events_are_bounded_and_settling_brings_more(void **state)
{
    (void)state;
    enum { MORE = 300 };
    send_bodies(0, AMQP_UNSETTLED_EVENTS_MAX + MORE);
    pn_link_t *link = open_reader((struct wish){
        .epoch = -1, .mode = PN_SND_UNSETTLED, .credit = AMQP_UNSETTLED_EVENTS_MAX * 2});
    size_t count = 0;
    for (int turns = 0; turns < 60; turns++) {
        while (pn_link_current(link) != NULL && pn_delivery_readable(pn_link_current(link))) {
            pn_link_advance(link);
            count++;
        }
        fake_advance_hub(0);
        peer_pump(peer);
    }
    assert_int_equal(count, AMQP_UNSETTLED_EVENTS_MAX);
    while (pn_unsettled_head(link) != NULL) {
        pn_delivery_settle(pn_unsettled_head(link));
    }
    for (int turns = 0; turns < 20; turns++) {
        peer_pump(peer);
        fake_advance_hub(0);
        while (pn_link_current(link) != NULL && pn_delivery_readable(pn_link_current(link))) {
            pn_link_advance(link);
            count++;
        }
    }
    assert_int_equal(count, AMQP_UNSETTLED_EVENTS_MAX + MORE);
}

static void mixed_readers_are_sent_settled_events(void **state)
{
    (void)state;
    send_bodies(0, 1);
    for (int unsettled = 0; unsettled < 2; unsettled++) {
        pn_link_t *link = open_reader((struct wish){
            .epoch = -1, .mode = unsettled != 0 ? PN_SND_UNSETTLED : PN_SND_MIXED, .credit = 1});
        assert_non_null(pn_link_current(link));
        assert_int_equal(pn_delivery_settled(pn_link_current(link)), unsettled == 0);
    }
}

/* ---- epochs (USERS, no. 42) ---- */

static void case_87_a_higher_epoch_steals_the_partition(void **state)
{
    (void)state;
    pn_link_t *one = open_reader((struct wish){.epoch = 1, .credit = 10});
    assert_string_equal(peer_refusal(one), "");
    pn_link_t *two = open_reader((struct wish){.epoch = 2, .credit = 10});
    assert_string_equal(peer_refusal(one), "amqp:link:stolen");
    assert_string_equal(peer_refusal(two), "");
    pn_link_t *again = open_reader((struct wish){.epoch = 2, .credit = 10});
    assert_string_equal(peer_refusal(two), "amqp:link:stolen");
    assert_string_equal(peer_refusal(open_reader((struct wish){.epoch = 1, .credit = 10})),
                        "amqp:link:stolen");
    pn_link_t *plain = open_reader(ALL_EVENTS);
    assert_string_equal(peer_refusal(plain), "amqp:link:stolen");
    assert_non_null(
        strstr(pn_condition_get_description(pn_link_remote_condition(plain)), "epoch 2"));
    send_bodies(0, 1);
    assert_string_equal(next_body(again), "0");
    /* When it is gone, others may. */
    pn_link_close(again);
    peer_pump(peer);
    assert_string_equal(next_body(open_reader(ALL_EVENTS)), "0");
}

static void a_sixth_reader_without_epoch_is_one_too_many(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        assert_string_equal(peer_refusal(open_reader(ALL_EVENTS)), "");
    }
    assert_string_equal(peer_refusal(open_reader(ALL_EVENTS)), "amqp:resource-limit-exceeded");
    peer_close(peer); /* and all its readers with it */
    peer = peer_open(NULL);
    assert_int_equal(peer_put_token(peer, fake_policy_token("iothubowner")), 200);
    assert_string_equal(peer_refusal(open_reader(ALL_EVENTS)), "");
}

static void a_reset_leaves_readers_reading(void **state)
{
    (void)state;
    send_bodies(0, 3);
    pn_link_t *link = open_reader(ALL_EVENTS);
    assert_int_equal(count_events(link), 3);
    assert_int_equal(hub_reset(fake_hub), HUB_OK);
    fake_tick();
    fake_create("d1", NULL);
    send_bodies(7, 1);
    assert_string_equal(next_body(link), "7");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(case_86_readers_start_where_their_filter_says),
        TEST(what_cannot_be_read_is_refused_with_its_condition),
        TEST(group_and_event_hub_are_named_in_any_case),
        TEST(a_device_reads_no_events),
        TEST(a_waiting_reader_gets_what_is_committed),
        TEST(many_events_come_in_turns_and_all_of_them),
        TEST(who_does_not_read_costs_little),
        TEST(unsettled_events_are_bounded_and_settling_brings_more),
        TEST(mixed_readers_are_sent_settled_events),
        TEST(case_87_a_higher_epoch_steals_the_partition),
        TEST(a_sixth_reader_without_epoch_is_one_too_many),
        TEST(a_reset_leaves_readers_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
