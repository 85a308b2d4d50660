/* SPDX-License-Identifier: MIT */
#include "fakes.h"

#include <inttypes.h>

#include "check.h"
#include "mqtt/packet.h"
#include "mqtt/varint.h"

enum { TEXT_MAX = 1 << 20 };

struct hub {
    struct timers timers;
    struct random random;
};

static struct hub the_hub;
static struct mqtt_endpoint *the_endpoint;
static struct buf log_text = {.size_max = TEXT_MAX};
static struct buf log_shown = {.size_max = TEXT_MAX};
static struct buf output_shown = {.size_max = TEXT_MAX};
static uint64_t next_conn_id;
struct fake_hub fake_hub;

enum { C2D_MAX = 200 };
static struct {
    struct hub_delivery delivery;
    bool locked;
    bool gone;
} c2d_queue[C2D_MAX];
static size_t c2d_count;
uint64_t fake_c2d_first;

int fake_setup(void **state)
{
    (void)state;
    fake_hub = (struct fake_hub){
        .expires_us = INT64_MAX,
        .settings = {.token_close_grace_s = 600, .c2d_on_first_subscribe = true},
        .now_us = INT64_C(1000000) * CLOCK_SECOND,
        .link = {.session = BUF_INIT(TEXT_MAX)},
    };
    next_conn_id = 1;
    c2d_count = 0;
    fake_c2d_first = 0;
    timers_init(&the_hub.timers);
    random_init_seed(&the_hub.random, 1);
    return mqtt_endpoint_create((struct hubs *)(void *)&the_hub, &the_endpoint) == STATUS_OK ? 0
                                                                                             : -1;
}

int fake_teardown(void **state)
{
    (void)state;
    mqtt_endpoint_destroy(the_endpoint);
    timers_finish(&the_hub.timers);
    buf_finish(&log_text);
    buf_finish(&log_shown);
    buf_finish(&output_shown);
    buf_finish(&fake_hub.link.session);
    return 0;
}

/* ---- net ---- */

struct net_conn *fake_open(void)
{
    struct net_conn *conn = mem_zalloc(sizeof(*conn));
    assert_non_null(conn);
    conn->id = next_conn_id++;
    buf_init(&conn->input, TEXT_MAX);
    buf_init(&conn->output, TEXT_MAX);
    conn->session = mqtt_protocol()->opened(the_endpoint, conn);
    assert_non_null(conn->session);
    return conn;
}

void fake_receive(struct net_conn *conn, struct str bytes)
{
    buf_append_str(&conn->input, bytes);
    if (conn->paused) {
        return;
    }
    const size_t taken = mqtt_protocol()->received(conn->session, buf_str(&conn->input));
    assert_true(taken <= conn->input.size);
    buf_consume(&conn->input, taken);
}

void fake_drained(struct net_conn *conn)
{
    buf_clear(&conn->output);
    mqtt_protocol()->drained(conn->session);
    fake_receive(conn, STR_EMPTY);
}

void fake_closed(struct net_conn *conn, const char *why)
{
    mqtt_protocol()->closed(conn->session, conn->closing ? conn->why : why, conn->closing);
    buf_finish(&conn->input);
    buf_finish(&conn->output);
    mem_free(conn);
}

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
    return STR("127.0.0.1:8883");
}

struct str net_conn_server_name(const struct net_conn *conn)
{
    (void)conn;
    return STR_EMPTY;
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
        const size_t size = strlen(why) < sizeof(conn->why) ? strlen(why) : sizeof(conn->why) - 1;
        memcpy(conn->why, why, size);
    }
}

void net_conn_reset(struct net_conn *conn, const char *why)
{
    net_conn_close(conn, why);
    conn->was_reset = true;
}

/* At QoS 1 with its identifier: "PUBLISH 2 #7 topic payload". */
static void describe_publish(struct buf *out, unsigned flags, struct str body)
{
    const size_t size = (size_t)(uint8_t)body.data[0] << 8 | (uint8_t)body.data[1];
    const struct str topic = str_of(body.data + 2, size);
    struct str payload = str_skip(body, 2 + size);
    buf_append_format(out, "PUBLISH %x ", flags);
    if ((flags & 6U) != 0) {
        const unsigned id = (unsigned)(uint8_t)payload.data[0] << 8 | (uint8_t)payload.data[1];
        buf_append_format(out, "#%u ", id);
        payload = str_skip(payload, 2);
    }
    buf_append_format(out, "%.*s %.*s\n", STR_ARG(topic), STR_ARG(payload));
}

static void describe(struct buf *out, uint8_t first, struct str body)
{
    if (first >> 4 == PACKET_PUBLISH) {
        describe_publish(out, first & 0x0fU, body);
        return;
    }
    buf_append_str(out, str_from(packet_type_name((enum packet_type)(first >> 4))));
    for (size_t i = 0; i < body.size; i++) {
        buf_append_format(out, " %u", (unsigned)(uint8_t)body.data[i]);
    }
    buf_append_str(out, STR("\n"));
}

const char *fake_output(struct net_conn *conn)
{
    struct str left = buf_str(&conn->output);
    buf_clear(&output_shown);
    buf_append_str(&output_shown, STR_EMPTY);
    while (left.size > 0) {
        uint32_t size = 0;
        size_t length_size = 0;
        assert_int_equal(
            varint_decode((const uint8_t *)left.data + 1, left.size - 1, &size, &length_size),
            VARINT_OK);
        const struct str body = str_of(left.data + 1 + length_size, size);
        assert_true(size <= left.size - 1 - length_size);
        describe(&output_shown, (uint8_t)left.data[0], body);
        left = str_skip(left, 1 + length_size + size);
    }
    buf_clear(&conn->output);
    assert_int_equal(buf_status(&output_shown), STATUS_OK);
    return output_shown.size == 0 ? "" : output_shown.data;
}

/* ---- hub ---- */

const char *fake_log(void)
{
    buf_clear(&log_shown);
    buf_append_str(&log_shown, buf_str(&log_text));
    buf_clear(&log_text);
    return log_shown.size == 0 ? "" : log_shown.data;
}

void fake_advance(int64_t duration_us)
{
    fake_hub.now_us += duration_us;
    timers_fire(&the_hub.timers, fake_hub.now_us);
}

static void note_key(struct identity_key key)
{
    buf_append_format(&log_text, " %.*s", STR_ARG(key.device));
    if (key.module.size > 0) {
        buf_append_format(&log_text, "/%.*s", STR_ARG(key.module));
    }
}

struct hub *hubs_find(struct hubs *hubs, struct str host, struct problem *problem)
{
    (void)hubs;
    if (str_equal(host, STR("hub")) || str_starts(host, STR("127.0.0.1"))) {
        return &the_hub;
    }
    problem_set(problem, PROBLEM_NO_OFFSET, "no hub answers to \"%.*s\"", STR_ARG(host));
    return NULL;
}

int64_t hub_now_us(const struct hub *hub)
{
    (void)hub;
    return fake_hub.now_us;
}

const struct hub_settings *hub_settings(const struct hub *hub)
{
    (void)hub;
    return &fake_hub.settings;
}

struct random *hub_random(struct hub *hub)
{
    return &hub->random;
}

void hub_timer_start(struct hub *hub, struct timer *timer, int64_t in_us)
{
    assert_true(in_us >= 0);
    /* refused only where a test refuses allocations; then, as in the hub, it does not run */
    const enum status status = timers_start(&hub->timers, timer, fake_hub.now_us + in_us);
    assert_true(status == STATUS_OK || status == STATUS_NO_MEMORY);
}

void hub_timer_stop(struct hub *hub, struct timer *timer)
{
    timers_stop(&hub->timers, timer);
}

enum hub_code hub_authenticate(struct hub *hub, const struct hub_credentials *credentials,
                               struct hub_principal *ret_principal, struct problem *problem)
{
    (void)hub;
    buf_append_str(&log_text, STR("authenticate"));
    note_key(credentials->key);
    buf_append_format(&log_text, " token=%.*s certificate=%s\n", STR_ARG(credentials->token),
                      credentials->certificate == NULL ? "none" : credentials->certificate->sha1);
    if (fake_hub.authenticate != HUB_OK) {
        problem_set(problem, PROBLEM_NO_OFFSET, "the key is wrong");
        return fake_hub.authenticate;
    }
    *ret_principal = (struct hub_principal){.id = 7, .expires_us = fake_hub.expires_us};
    return HUB_OK;
}

const char *hub_auth_method_name(enum hub_auth_method method)
{
    (void)method;
    return "device.sas";
}

static void c2d_release(void)
{
    for (size_t i = 0; i < c2d_count; i++) {
        c2d_queue[i].delivery.redelivered |= c2d_queue[i].locked;
        c2d_queue[i].locked = false;
    }
}

enum hub_code hub_link_open(struct hub *hub, struct identity_key key,
                            const struct hub_principal *principal, const struct hub_link_ops *ops,
                            void *ctx, struct hub_link **ret_link)
{
    struct hub_link *link = &fake_hub.link;
    assert_int_equal(principal->id, 7);
    assert_string_equal(ops->protocol, "mqtt");
    if (fake_hub.link_open != HUB_OK) {
        return fake_hub.link_open;
    }
    if (link->open) {
        link->open = false;
        c2d_release();
        link->ops->close(link->ctx, HUB_CONNECTION_CLOSED_ON_NEW_CONNECTION, "taken over");
    }
    link->interests = 0;
    link->hub = hub;
    link->key = key;
    link->ops = ops;
    link->ctx = ctx;
    link->open = true;
    buf_append_str(&log_text, STR("open"));
    note_key(key);
    buf_append_str(&log_text, STR("\n"));
    *ret_link = link;
    return HUB_OK;
}

void hub_link_close(struct hub_link *link, const char *why)
{
    if (link != NULL) {
        link->open = false;
        c2d_release();
        buf_append_format(&log_text, "close %s\n", why);
    }
}

void hub_link_interests(struct hub_link *link, unsigned interests)
{
    assert_true(link->open);
    buf_append_format(&log_text, "interests %u\n", interests);
    const bool c2d_new = (interests & ~link->interests & HUB_INTEREST_C2D) != 0;
    link->interests = interests;
    if (c2d_new) {
        link->ops->c2d(link->ctx);
    }
}

/* ---- cloud-to-device messages ---- */

void fake_c2d(const struct hub_delivery *delivery)
{
    assert_true(c2d_count < C2D_MAX);
    c2d_queue[c2d_count].delivery = *delivery;
    c2d_queue[c2d_count].locked = false;
    c2d_queue[c2d_count].gone = false;
    c2d_count++;
    struct hub_delivery *queued = &c2d_queue[c2d_count - 1].delivery;
    queued->sequence_number = fake_c2d_first + c2d_count;
    queued->lock_token = (struct guid){.bytes = {(uint8_t)c2d_count}};
    if (fake_hub.link.open && (fake_hub.link.interests & HUB_INTEREST_C2D) != 0) {
        fake_hub.link.ops->c2d(fake_hub.link.ctx);
    }
}

void fake_c2d_text(const char *body)
{
    static const struct hub_property to = {{"to", 2}, {"/t", 2}};
    fake_c2d(&(struct hub_delivery){
        .enqueued_us = fake_hub.now_us,
        .message = {.system = &to, .system_count = 1, .body = str_from(body)}});
}

enum hub_code hub_c2d_receive(struct hub *hub, struct identity_key key, struct hub_link *link,
                              struct arena *arena, struct hub_delivery **ret_delivery)
{
    (void)hub;
    (void)key;
    assert_true(link->open && link->ops->c2d_held);
    if (fake_hub.c2d != HUB_OK) {
        return fake_hub.c2d;
    }
    *ret_delivery = NULL;
    for (size_t i = 0; i < c2d_count; i++) {
        if (!c2d_queue[i].locked && !c2d_queue[i].gone) {
            struct hub_delivery *delivery = ARENA_NEW(arena, struct hub_delivery);
            if (delivery == NULL) {
                return HUB_SERVER_ERROR;
            }
            *delivery = c2d_queue[i].delivery;
            c2d_queue[i].locked = true;
            *ret_delivery = delivery;
            return HUB_OK;
        }
    }
    return HUB_OK;
}

enum hub_code hub_c2d_settle(struct hub *hub, struct identity_key key,
                             const struct guid *lock_token, enum hub_settlement settlement,
                             struct problem *problem)
{
    (void)hub;
    (void)problem;
    const size_t number = lock_token->bytes[0];
    assert_true(number >= 1 && number <= c2d_count && c2d_queue[number - 1].locked);
    buf_append_str(&log_text, settlement == HUB_COMPLETE ? STR("complete") : STR("reject"));
    note_key(key);
    buf_append_format(&log_text, " %zu\n", number);
    if (fake_hub.c2d != HUB_OK) {
        return fake_hub.c2d;
    }
    c2d_queue[number - 1].locked = false;
    c2d_queue[number - 1].gone = true;
    return HUB_OK;
}

const char *hub_ack_name(enum hub_ack ack)
{
    static const char *const names[] = {"none", "positive", "negative", "full"};
    return names[ack];
}

enum hub_code hub_link_model(struct hub_link *link, struct str model_id)
{
    assert_true(link->open);
    buf_append_format(&log_text, "model %.*s\n", STR_ARG(model_id));
    return HUB_OK;
}

enum hub_code hub_session_load(struct hub_link *link, struct arena *arena, struct str *ret_session)
{
    if (fake_hub.session != HUB_OK) {
        return fake_hub.session;
    }
    *ret_session = (struct str){0};
    if (link->stores_session) {
        const char *copy = arena_copy(arena, buf_str(&link->session));
        if (copy == NULL) {
            return HUB_SERVER_ERROR;
        }
        *ret_session = str_of(copy, link->session.size);
    }
    return HUB_OK;
}

enum hub_code hub_session_store(struct hub_link *link, struct str session)
{
    if (fake_hub.session != HUB_OK) {
        return fake_hub.session;
    }
    buf_clear(&link->session);
    buf_append_str(&link->session, session);
    link->stores_session = true;
    return HUB_OK;
}

enum hub_code hub_session_drop(struct hub_link *link)
{
    link->stores_session = false;
    return fake_hub.session;
}

void hub_note_refused(struct hub *hub, const char *endpoint, uint64_t conn_id,
                      struct identity_key key, enum hub_code code, const char *why)
{
    (void)hub;
    (void)conn_id;
    assert_string_equal(endpoint, "mqtt");
    buf_append_format(&log_text, "refused %d", (int)code);
    note_key(key);
    buf_append_format(&log_text, ": %s\n", why);
}

void hub_note_subscribed(struct hub_link *link, struct str filter, bool on)
{
    (void)link;
    buf_append_format(&log_text, "%s %.*s\n", on ? "subscribed" : "unsubscribed", STR_ARG(filter));
}

static void note_properties(const struct hub_property *properties, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buf_append_format(&log_text, " %.*s", STR_ARG(properties[i].name));
        if (properties[i].value.data != NULL) {
            buf_append_format(&log_text, "=%.*s", STR_ARG(properties[i].value));
        }
    }
    buf_append_str(&log_text, STR(" |"));
}

enum hub_code hub_telemetry(struct hub *hub, struct identity_key key,
                            const struct hub_principal *principal, struct hub_link *link,
                            const struct hub_message *message, struct problem *problem)
{
    (void)hub;
    assert_int_equal(principal->id, 7);
    buf_append_str(&log_text, STR("telemetry"));
    note_key(key);
    buf_append_str(&log_text, link == NULL ? STR(" (no link)") : STR_EMPTY);
    buf_append_str(&log_text, STR(":"));
    note_properties(message->system, message->system_count);
    note_properties(message->application, message->application_count);
    buf_append_format(&log_text, " %.*s\n", STR_ARG(message->body));
    if (fake_hub.telemetry != HUB_OK) {
        problem_set(problem, PROBLEM_NO_OFFSET, "the message is too large");
    }
    return fake_hub.telemetry;
}

enum hub_code hub_twin_get(struct hub *hub, struct identity_key key, struct arena *arena,
                           struct storage_identity **ret_twin, struct problem *problem)
{
    (void)hub;
    buf_append_str(&log_text, STR("twin"));
    note_key(key);
    buf_append_str(&log_text, STR("\n"));
    if (fake_hub.twin != HUB_OK) {
        problem_set(problem, PROBLEM_NO_OFFSET, "there is no \"d1\"");
        return fake_hub.twin;
    }
    *ret_twin = ARENA_NEW(arena, struct storage_identity);
    return *ret_twin == NULL ? HUB_SERVER_ERROR : HUB_OK;
}

void hub_twin_device_append(struct buf *out, const struct storage_identity *twin)
{
    assert_non_null(twin);
    buf_append_str(out, STR("{\"desired\":{\"$version\":1},\"reported\":{\"$version\":1}}"));
}

enum hub_code hub_reported_update(struct hub *hub, const struct hub_report *report,
                                  uint64_t *ret_version, struct problem *problem)
{
    (void)hub;
    assert_int_equal(report->id, 7);
    buf_append_str(&log_text, STR("reported"));
    note_key(report->key);
    buf_append_format(&log_text, " %.*s expecting %" PRIu64 "\n", STR_ARG(report->patch),
                      report->expected_version);
    if (fake_hub.twin != HUB_OK) {
        problem_set(problem, PROBLEM_NO_OFFSET, "no \"valid\" patch");
        return fake_hub.twin;
    }
    *ret_version = fake_hub.reported_version;
    return HUB_OK;
}

void hub_method_answer(struct hub_link *link, uint64_t request_id, int64_t status,
                       struct str payload)
{
    assert_true(link->open);
    buf_append_format(&log_text, "answer %" PRIu64 " %" PRId64 " %.*s\n", request_id, status,
                      STR_ARG(payload));
}
