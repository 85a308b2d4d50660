/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_HUB_C2D_FIXTURE_H
#define TESTS_UNIT_HUB_C2D_FIXTURE_H

/* The hub of hub_fixture.h with a device d1, and messages that carry their id as their body. */
#include "hub/c2d.h"
#include "hub_fixture.h"

static struct fixture fixture;

static inline int set_up(void **state)
{
    (void)state;
    fixture_init(&fixture);
    (void)fixture_create(&fixture, device_key("d1"));
    assert_true(hubs_commit(fixture.hubs));
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    fixture_finish(&fixture);
    return 0;
}

static inline enum hub_code send_with(const char *id, enum hub_ack ack, int64_t expires_us)
{
    const struct hub_property system = {STR("messageId"), str_from(id)};
    const struct hub_c2d send = {
        .key = device_key("d1"),
        .message = {.system = &system, .system_count = 1, .body = str_from(id)},
        .ack = ack,
        .expires_us = expires_us,
    };
    return hub_c2d_send(fixture.hub, &send, &fixture.problem);
}

static inline void send(const char *id)
{
    assert_int_equal(send_with(id, HUB_ACK_NONE, 0), HUB_OK);
}

static inline struct hub_delivery *receive_on(struct hub_link *link)
{
    struct hub_delivery *delivery = NULL;
    assert_int_equal(
        hub_c2d_receive(fixture.hub, device_key("d1"), link, &fixture.arena, &delivery), HUB_OK);
    return delivery;
}

static inline struct hub_delivery *receive(void)
{
    return receive_on(NULL);
}

static inline enum hub_code settle(const struct hub_delivery *delivery,
                                   enum hub_settlement settlement)
{
    return hub_c2d_settle(fixture.hub, device_key("d1"), &delivery->lock_token, settlement,
                          &fixture.problem);
}

/* The bodies of all that waits, in order: "a b c ". They stay locked. */
static inline void expect_queue(const char *expected)
{
    CLEANUP(buf_finish) struct buf bodies = BUF_INIT(4096);
    for (struct hub_delivery *next = receive(); next != NULL; next = receive()) {
        buf_append_str(&bodies, next->message.body);
        buf_append_byte(&bodies, ' ');
    }
    assert_str_equal(buf_str(&bodies), expected);
}

static inline uint32_t shown_count(void)
{
    return fixture_twin(&fixture, device_key("d1"))->c2d_count;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
