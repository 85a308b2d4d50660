/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_AMQP_EVENTS_RIG_H
#define TESTS_UNIT_AMQP_EVENTS_RIG_H

/* What the tests of event readers share: one peer with a service's token, telemetry of d1, readers
 * of its partition. */
#include <inttypes.h>
#include <stdio.h>

#include "fakes.h"

#include "amqp/limits.h"
#include "amqp/message.h"
#include "check.h"
#include "hub/events.h"
/* The tests change settings and look at what holds memory. */
#include "hub/hub_internal.h"

static struct peer *peer;

static inline int set_up(void **state)
{
    if (fake_setup(state) != 0) {
        return -1;
    }
    peer = peer_open(NULL);
    assert_int_equal(peer_put_token(peer, fake_policy_token("service")), 200);
    return 0;
}

static inline int tear_down(void **state)
{
    peer_close(TAKE(peer));
    return fake_teardown(state);
}

/* ---- events ---- */

static inline void send_from(const char *device, const char *module,
                             const struct hub_message *message)
{
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(HUB_TWIN_ARENA_MAX);
    const struct identity_key key = {.device = str_from(device), .module = str_from(module)};
    struct storage_identity *identity = NULL;
    assert_int_equal(hub_identity_get(fake_hub, key, &arena, &identity, NULL), HUB_OK);
    const struct hub_principal principal = {
        .id = identity->id,
        .generation = 637547758448037735,
        .method = key.module.size > 0 ? HUB_AUTH_MODULE_KEY : HUB_AUTH_DEVICE_KEY,
    };
    assert_int_equal(hub_telemetry(fake_hub, key, &principal, NULL, message, NULL), HUB_OK);
}

static inline void send_bodies(size_t first, size_t count)
{
    for (size_t i = first; i < first + count; i++) {
        char body[24];
        (void)snprintf(body, sizeof(body), "%zu", i);
        const struct hub_message message = {.body = str_from(body)};
        send_from("d1", "", &message);
    }
    fake_tick();
}

/* ---- readers ---- */

struct wish {
    const char *address; /* NULL: that of d1's partition */
    const char *filter;  /* NULL: none */
    uint64_t descriptor; /* 0: the symbol that Python sends */
    bool bare;           /* not described at all */
    int64_t epoch;       /* below 0: none */
    bool metrics;
    pn_snd_settle_mode_t mode;
    int credit;
};

static inline const char *address_of_d1(void)
{
    static char address[64];
    (void)snprintf(address, sizeof(address), "hub/ConsumerGroups/$Default/Partitions/%u",
                   hub_partition_of(fake_hub, STR("d1")));
    return address;
}

static inline void put_filter(pn_data_t *data, const struct wish *wish)
{
    static const char name[] = "apache.org:selector-filter:string";
    pn_data_put_map(data);
    pn_data_enter(data);
    pn_data_put_symbol(data, pn_bytes(sizeof(name) - 1, name));
    if (!wish->bare) {
        pn_data_put_described(data);
        pn_data_enter(data);
        if (wish->descriptor == 0) {
            pn_data_put_symbol(data, pn_bytes(sizeof(name) - 1, name));
        } else {
            pn_data_put_ulong(data, wish->descriptor);
        }
    }
    pn_data_put_string(data, pn_bytes(strlen(wish->filter), wish->filter));
    if (!wish->bare) {
        pn_data_exit(data);
    }
    pn_data_exit(data);
}

static inline void put_properties(pn_data_t *data, const struct wish *wish)
{
    static const char epoch[] = "com.microsoft:epoch";
    /* Proton sends no desired capabilities of a link; the emulator looks for the name only. */
    static const char metrics[] = "com.microsoft:enable-receiver-runtime-metric";
    pn_data_put_map(data);
    pn_data_enter(data);
    if (wish->epoch >= 0) {
        pn_data_put_symbol(data, pn_bytes(sizeof(epoch) - 1, epoch));
        pn_data_put_long(data, wish->epoch);
    }
    if (wish->metrics) {
        pn_data_put_symbol(data, pn_bytes(sizeof(metrics) - 1, metrics));
        pn_data_put_null(data);
    }
    pn_data_exit(data);
}

static inline pn_link_t *open_reader(struct wish wish)
{
    char name[32];
    (void)snprintf(name, sizeof(name), "reader-%" PRIu64, peer->tag++);
    pn_link_t *link = pn_receiver(peer->session, name);
    pn_terminus_set_address(pn_link_source(link),
                            wish.address == NULL ? address_of_d1() : wish.address);
    pn_terminus_set_address(pn_link_target(link), name);
    if (wish.filter != NULL) {
        put_filter(pn_terminus_filter(pn_link_source(link)), &wish);
    }
    put_properties(pn_link_properties(link), &wish);
    pn_link_set_snd_settle_mode(link, wish.mode);
    pn_link_open(link);
    pn_link_flow(link, wish.credit);
    peer_pump(peer);
    return link;
}

#define NO_EPOCH   .epoch = -1, .mode = PN_SND_MIXED
#define ALL_EVENTS ((struct wish){NO_EPOCH, .credit = 1000})

/* The next event's body; "" when none came. */
static inline const char *next_body(pn_link_t *link)
{
    static char body[64];
    struct amqp_message message;
    const struct str bytes = peer_receive(peer, link, PN_ACCEPTED);
    if (bytes.size == 0) {
        return "";
    }
    assert_true(amqp_message_read(bytes, &message, NULL));
    assert_int_equal(message.body_is, AMQP_SECTION_DATA);
    assert_true(message.body.bytes.size < sizeof(body));
    memcpy(body, message.body.bytes.data, message.body.bytes.size);
    body[message.body.bytes.size] = '\0';
    return body;
}

static inline size_t count_events(pn_link_t *link)
{
    size_t count = 0;
    while (peer_receive(peer, link, PN_ACCEPTED).size > 0) {
        count++;
    }
    return count;
}

/* When the hub's clock stands, as events show it. */
#define NOW_MS     "1795258800000"

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
