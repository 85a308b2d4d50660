/* SPDX-License-Identifier: MIT */
#include "fakes.h"

#include <inttypes.h>
#include <stdio.h>

#include "amqp/amqp_internal.h"
#include "amqp/limits.h"
#include "amqp/message.h"
#include "amqp/sasl.h"
#include "base/sas.h"
#include "check.h"
/* The tests move time: they are the only ones that look behind the door. */
#include "hub/hub_internal.h"

enum { TEXT_MAX = 64 << 20, TOKENS = 32 };

#define START_US INT64_C(1795258800000000) /* 2026-11-21T11:00:00Z */

struct net {
    struct net_tick_end *tick_end;
    bool again;
};
struct net_alarm {
    void (*fire)(void *ctx);
    void *ctx;
    int64_t due_us; /* INT64_MAX: not set */
};

struct hub *fake_hub;
struct hubs *fake_hubs;
struct amqp_endpoint *fake_endpoint;

static struct storage *storage;
static struct net the_net;
static struct net_alarm the_alarm;
static struct buf tokens[TOKENS];
static size_t token_count;
static struct buf journal_text = {.size_max = TEXT_MAX};
static struct buf output_shown = {.size_max = TEXT_MAX};
static uint64_t next_conn_id;
static int64_t wire_us;

const struct net_client_certificate FAKE_CERTIFICATE = {
    .sha1 = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    .sha256 = "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB",
    .common_name = "d3",
    .not_after_us = INT64_MAX,
};

static int64_t wire_now_us(void)
{
    return wire_us;
}

/* ---- net ---- */

uint64_t net_conn_id(const struct net_conn *conn)
{
    return conn->id;
}

struct str net_conn_peer(const struct net_conn *conn)
{
    (void)conn;
    return STR("127.0.0.1:50000");
}

struct str net_conn_local(const struct net_conn *conn)
{
    (void)conn;
    return STR("127.0.0.1:5671");
}

struct str net_conn_server_name(const struct net_conn *conn)
{
    return conn->server_name;
}

bool net_conn_client_certificate(const struct net_conn *conn,
                                 struct net_client_certificate *ret_certificate)
{
    if (conn->certificate == NULL) {
        return false;
    }
    *ret_certificate = *conn->certificate;
    return true;
}

struct buf *net_conn_output(struct net_conn *conn)
{
    return &conn->output;
}

size_t net_conn_unsent(const struct net_conn *conn)
{
    return conn->output.size;
}

void net_conn_pause(struct net_conn *conn, bool paused)
{
    conn->paused = paused;
}

void net_conn_close(struct net_conn *conn, const char *why)
{
    if (!conn->closing) {
        conn->closing = true;
        (void)snprintf(conn->why, sizeof(conn->why), "%s", why);
    }
}

void net_conn_reset(struct net_conn *conn, const char *why)
{
    net_conn_close(conn, why);
    conn->was_reset = true;
}

void net_tick_end_add(struct net *net, struct net_tick_end *tick_end)
{
    net->tick_end = tick_end;
}

void net_tick_end_remove(struct net_tick_end *tick_end)
{
    (void)tick_end;
    the_net.tick_end = NULL;
}

void net_tick_again(struct net *net)
{
    net->again = true;
}

enum status net_alarm_create(struct net *net, void (*fire)(void *ctx), void *ctx,
                             struct net_alarm **ret_alarm)
{
    (void)net;
    the_alarm = (struct net_alarm){.fire = fire, .ctx = ctx, .due_us = INT64_MAX};
    *ret_alarm = &the_alarm;
    return STATUS_OK;
}

enum status net_alarm_set(struct net_alarm *alarm, uint64_t in_ms)
{
    alarm->due_us = wire_us + (int64_t)in_ms * 1000;
    return STATUS_OK;
}

void net_alarm_stop(struct net_alarm *alarm)
{
    alarm->due_us = INT64_MAX;
}

void net_alarm_destroy(struct net_alarm *alarm)
{
    (void)alarm;
}

/* ---- setting up ---- */

static void create(struct identity_key key, const struct hub_identity_desc *desc)
{
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(HUB_TWIN_ARENA_MAX);
    struct storage_identity *identity = NULL;
    const struct hub_identity_write put = {.key = key, .desc = desc, .mode = HUB_CREATE};
    assert_int_equal(hub_identity_put(fake_hub, &put, &arena, &identity, NULL), HUB_OK);
}

void fake_create(const char *device, const char *module)
{
    const struct hub_identity_desc desc = {.status = {0}};
    create((struct identity_key){.device = str_from(device),
                                 .module = module == NULL ? STR_EMPTY : str_from(module)},
           &desc);
}

static bool make_hub(void)
{
    const struct storage_config in_memory = {.directory = NULL};
    static struct hub_policy policies[HUB_POLICY_COUNT];
    struct hub_config config = {
        .name = STR("hub"),
        .policies = policies,
        .settings = hub_settings_default(),
        .clock = {.frozen = true, .frozen_at_us = START_US},
    };
    mem_use_for_json();
    random_init_seed(&config.random, 7);
    hub_policies_generate(&config.random, policies);
    if (storage_open(&in_memory, &storage, NULL) != STATUS_OK ||
        hubs_create(&fake_hubs) != STATUS_OK) {
        return false;
    }
    config.storage = storage;
    return hubs_add(fake_hubs, &config, &fake_hub) == STATUS_OK;
}

int fake_setup(void **state)
{
    (void)state;
    wire_us = START_US;
    next_conn_id = 1;
    the_net = (struct net){.again = false};
    if (!make_hub() || amqp_endpoint_create(&the_net, fake_hubs, &fake_endpoint) != STATUS_OK) {
        return -1;
    }
    fake_endpoint->now_us = wire_now_us;
    fake_create("d1", NULL);
    fake_create("d2", NULL);
    fake_create("d1", "m1");
    const struct hub_identity_desc by_certificate = {
        .auth_type = STR("selfSigned"),
        .primary_thumbprint = str_from(FAKE_CERTIFICATE.sha1),
    };
    create((struct identity_key){.device = STR("d3"), .module = STR_EMPTY}, &by_certificate);
    return hubs_commit(fake_hubs) ? 0 : -1;
}

int fake_teardown(void **state)
{
    (void)state;
    amqp_endpoint_destroy(TAKE(fake_endpoint));
    hubs_destroy(TAKE(fake_hubs));
    storage_close(TAKE(storage));
    for (size_t i = 0; i < TOKENS; i++) {
        buf_finish(&tokens[i]);
    }
    token_count = 0;
    buf_finish(&journal_text);
    buf_finish(&output_shown);
    return 0;
}

/* ---- tokens ---- */

struct str fake_token(const char *resource, struct str key, const char *policy, int64_t expiry_s)
{
    struct buf *token = &tokens[token_count++ % TOKENS];
    buf_finish(token);
    buf_init(token, SAS_TOKEN_SIZE_MAX);
    assert_int_equal(sas_sign(token, str_from(resource), key,
                              policy == NULL ? STR_EMPTY : str_from(policy), expiry_s),
                     STATUS_OK);
    return buf_str(token);
}

static int64_t in_an_hour_s(void)
{
    return hub_now_us(fake_hub) / CLOCK_SECOND + 3600;
}

struct str fake_device_token(const char *device)
{
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(HUB_TWIN_ARENA_MAX);
    struct identity_key key = {.device = str_from(device), .module = STR_EMPTY};
    struct storage_identity *identity = NULL;
    struct str kind;
    char resource[300];
    if (str_cut(str_from(device), '/', &key.device, &key.module)) {
        (void)str_cut(key.module, '/', &kind, &key.module);
    }
    (void)snprintf(resource, sizeof(resource), "localhost/devices/%s", device);
    assert_int_equal(hub_identity_get(fake_hub, key, &arena, &identity, NULL), HUB_OK);
    return fake_token(resource, identity->primary_key, NULL, in_an_hour_s());
}

struct str fake_policy_token(const char *policy)
{
    const struct hub_policy *policies = hub_policies(fake_hub);
    for (size_t i = 0; i < HUB_POLICY_COUNT; i++) {
        if (strcmp(policies[i].name, policy) == 0) {
            return fake_token("localhost", str_from(policies[i].primary_key), policy,
                              in_an_hour_s());
        }
    }
    fail_msg("there is no policy %s", policy);
    return STR_EMPTY;
}

/* ---- time ---- */

void fake_tick(void)
{
    for (int i = 0; i < 16; i++) {
        the_net.again = false;
        the_net.tick_end->run(the_net.tick_end->ctx);
        assert_true(hubs_commit(fake_hubs));
        if (!the_net.again) {
            return;
        }
    }
}

void fake_advance_hub(int64_t seconds)
{
    clock_advance(&fake_hub->clock, seconds * CLOCK_SECOND);
    hubs_wake(fake_hubs);
    fake_tick();
}

void fake_advance_wire(int64_t seconds)
{
    const int64_t end_us = wire_us + seconds * CLOCK_SECOND;
    while (the_alarm.due_us <= end_us) {
        wire_us = the_alarm.due_us > wire_us ? the_alarm.due_us : wire_us;
        the_alarm.due_us = INT64_MAX;
        the_alarm.fire(the_alarm.ctx);
        fake_tick();
    }
    wire_us = end_us;
}

/* ---- the journal ---- */

static void append_row(void *ctx, const struct journal_row *row)
{
    struct buf *out = ctx;
    buf_append_str(out, str_from(hub_event_name((enum hub_event)row->kind)));
    buf_append_byte(out, ' ');
    buf_append_str(out, row->key.device);
    if (row->key.module.size > 0) {
        buf_append_byte(out, '/');
        buf_append_str(out, row->key.module);
    }
    buf_append_byte(out, ' ');
    buf_append_str(out, row->detail);
    buf_append_byte(out, ' ');
    buf_append_str(out, row->body);
    buf_append_byte(out, '\n');
}

const char *fake_journal(void)
{
    const struct journal_filter all = {.limit = 1000000, .rows_read_max = 1000000};
    uint64_t next = 0;
    buf_clear(&journal_text);
    buf_append_str(&journal_text, STR_EMPTY);
    assert_int_equal(hub_journal_read(fake_hub, &all, append_row, &journal_text, &next), HUB_OK);
    buf_append_byte(&journal_text, '\0');
    return journal_text.data;
}

/* ---- bytes ---- */

struct net_conn *fake_open(void)
{
    struct net_conn *conn = mem_zalloc(sizeof(*conn));
    assert_non_null(conn);
    conn->id = next_conn_id++;
    conn->server_name = STR_EMPTY;
    buf_init(&conn->input, TEXT_MAX);
    buf_init(&conn->output, TEXT_MAX);
    conn->session = amqp_protocol()->opened(fake_endpoint, conn);
    assert_non_null(conn->session);
    return conn;
}

void fake_receive(struct net_conn *conn, struct str bytes)
{
    buf_append_str(&conn->input, bytes);
    if (conn->paused || conn->closing) {
        return;
    }
    const size_t taken = amqp_protocol()->received(conn->session, buf_str(&conn->input));
    assert_true(taken <= conn->input.size);
    buf_consume(&conn->input, taken);
    fake_tick();
}

void fake_closed(struct net_conn *conn, const char *why)
{
    amqp_protocol()->closed(conn->session, conn->closing ? conn->why : why, conn->closing);
    fake_tick();
    buf_finish(&conn->input);
    buf_finish(&conn->output);
    mem_free(conn);
}

struct str fake_output(struct net_conn *conn)
{
    buf_clear(&output_shown);
    buf_append_str(&output_shown, buf_str(&conn->output));
    if (conn->output.size > 0) {
        buf_clear(&conn->output);
        if (!conn->closing) {
            amqp_protocol()->drained(conn->session);
        }
        fake_tick();
    }
    return buf_str(&output_shown);
}
