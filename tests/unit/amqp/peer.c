/* SPDX-License-Identifier: MIT */
/* The client of fakes.h: Proton's engine, its bytes carried by hand. */
#include "fakes.h"

#include <inttypes.h>
#include <stdio.h>

#include "amqp/message.h"
#include "check.h"

enum { TEXT_MAX = 64 << 20 };

static struct buf between = {.size_max = TEXT_MAX}; /* bytes on their way to the hub */

struct peer *peer_open_on(struct net_conn *conn, const char *host)
{
    struct peer *peer = mem_zalloc(sizeof(*peer));
    assert_non_null(peer);
    buf_init(&peer->text, TEXT_MAX);
    peer->conn = conn;
    peer->transport = pn_transport();
    peer->engine = pn_connection();
    peer->collector = pn_collector();
    pn_connection_collect(peer->engine, peer->collector);
    pn_connection_set_container(peer->engine, "peer");
    pn_connection_set_hostname(peer->engine, host == NULL ? "localhost" : host);
    pn_connection_open(peer->engine);
    assert_int_equal(pn_transport_bind(peer->transport, peer->engine), 0);
    peer->session = peer_session(peer);
    peer_pump(peer);
    return peer;
}

struct peer *peer_open(const char *host)
{
    return peer_open_on(fake_open(), host);
}

void peer_close(struct peer *peer)
{
    if (peer == NULL) {
        return;
    }
    fake_closed(peer->conn, "closed by the peer");
    pn_transport_unbind(peer->transport);
    pn_collector_free(peer->collector);
    pn_connection_free(peer->engine);
    pn_transport_free(peer->transport);
    buf_finish(&peer->text);
    buf_finish(&between);
    mem_free(peer);
}

/* Answers the ends that the hub brings about; links stay to be looked at. */
static void serve_events(struct peer *peer)
{
    for (pn_event_t *event = pn_collector_peek(peer->collector); event != NULL;
         event = pn_collector_peek(peer->collector)) {
        if (pn_event_type(event) == PN_LINK_REMOTE_CLOSE) {
            pn_link_close(pn_event_link(event));
        } else if (pn_event_type(event) == PN_CONNECTION_REMOTE_CLOSE) {
            pn_connection_close(peer->engine);
        }
        pn_collector_pop(peer->collector);
    }
}

/* Returns whether there were any. */
static bool give_to_hub(struct peer *peer)
{
    bool any = false;
    for (ssize_t size = pn_transport_pending(peer->transport); size > 0;
         size = pn_transport_pending(peer->transport)) {
        buf_clear(&between);
        buf_append(&between, pn_transport_head(peer->transport), (size_t)size);
        pn_transport_pop(peer->transport, (size_t)size);
        fake_receive(peer->conn, buf_str(&between));
        any = true;
    }
    return any;
}

static bool take_from_hub(struct peer *peer)
{
    fake_tick();
    if (peer->holds_back) {
        return false;
    }
    const struct str bytes = fake_output(peer->conn);
    struct str left = bytes;
    while (left.size > 0) {
        const ssize_t taken = pn_transport_push(peer->transport, left.data, left.size);
        if (taken <= 0) {
            break;
        }
        left = str_skip(left, (size_t)taken);
        serve_events(peer);
    }
    return bytes.size > 0;
}

void peer_pump(struct peer *peer)
{
    for (int quiet = 0; quiet < 2;) {
        serve_events(peer);
        const bool sent = give_to_hub(peer);
        const bool got = take_from_hub(peer);
        if (!peer->conn->paused && !peer->conn->closing && peer->conn->input.size > 0) {
            fake_receive(peer->conn, STR_EMPTY);
        }
        quiet = sent || got ? 0 : quiet + 1;
    }
}

void peer_raw(struct peer *peer, struct str bytes)
{
    peer_pump(peer);
    fake_receive(peer->conn, bytes);
    peer_pump(peer);
}

pn_session_t *peer_session(struct peer *peer)
{
    pn_session_t *session = pn_session(peer->engine);
    pn_session_open(session);
    return session;
}

pn_link_t *peer_sender_on(struct peer *peer, pn_session_t *session, const char *address,
                          const char *name)
{
    pn_link_t *link = pn_sender(session, name);
    pn_terminus_set_address(pn_link_target(link), address);
    pn_terminus_set_address(pn_link_source(link), name);
    pn_link_open(link);
    peer_pump(peer);
    return link;
}

pn_link_t *peer_receiver_on(struct peer *peer, pn_session_t *session, const char *address,
                            const char *name)
{
    pn_link_t *link = pn_receiver(session, name);
    pn_terminus_set_address(pn_link_source(link), address);
    pn_terminus_set_address(pn_link_target(link), name);
    pn_link_open(link);
    peer_pump(peer);
    return link;
}

/* A name of its own for each link. */
static const char *fresh_name(struct peer *peer, char name[32])
{
    (void)snprintf(name, 32, "link-%" PRIu64, peer->tag++);
    return name;
}

pn_link_t *peer_sender(struct peer *peer, const char *address)
{
    char name[32];
    return peer_sender_on(peer, peer->session, address, fresh_name(peer, name));
}

pn_link_t *peer_receiver(struct peer *peer, const char *address, int credit)
{
    char name[32];
    pn_link_t *link = peer_receiver_on(peer, peer->session, address, fresh_name(peer, name));
    pn_link_flow(link, credit);
    peer_pump(peer);
    return link;
}

static const char *name_of(pn_condition_t *condition)
{
    const char *name = pn_condition_get_name(condition);
    return name == NULL ? "" : name;
}

const char *peer_refusal(const pn_link_t *link)
{
    pn_link_t *of = (pn_link_t *)(uintptr_t)link;
    return (pn_link_state(of) & PN_REMOTE_CLOSED) == 0 ? "" : name_of(pn_link_remote_condition(of));
}

const char *peer_ending(const struct peer *peer)
{
    return name_of(pn_connection_remote_condition(peer->engine));
}

const char *peer_send(struct peer *peer, pn_link_t *link, struct str message)
{
    const uint64_t number = peer->tag++;
    pn_delivery_t *delivery = pn_delivery(link, pn_dtag((const char *)&number, sizeof(number)));
    pn_link_send(link, message.data, message.size);
    pn_link_advance(link);
    peer_pump(peer);
    buf_clear(&peer->text);
    switch (pn_delivery_remote_state(delivery)) {
    case PN_ACCEPTED:
        buf_append_str(&peer->text, STR("accepted"));
        break;
    case PN_REJECTED:
        buf_append_format(&peer->text, "rejected %s",
                          name_of(pn_disposition_condition(pn_delivery_remote(delivery))));
        break;
    default:
        buf_append_str(&peer->text, STR("none"));
    }
    pn_delivery_settle(delivery);
    peer_pump(peer);
    return peer->text.data;
}

struct str peer_receive(struct peer *peer, pn_link_t *link, uint64_t outcome)
{
    peer_pump(peer);
    pn_delivery_t *delivery = pn_link_current(link);
    buf_clear(&peer->text);
    if (delivery == NULL || pn_delivery_partial(delivery)) {
        return STR_EMPTY;
    }
    const size_t size = pn_delivery_pending(delivery);
    char *room = buf_room(&peer->text, size + 1);
    assert_non_null(room);
    const ssize_t read = pn_link_recv(link, room, size);
    buf_grown(&peer->text, read > 0 ? (size_t)read : 0);
    pn_link_advance(link);
    if (outcome != 0) {
        pn_delivery_update(delivery, outcome);
        pn_delivery_settle(delivery);
    }
    peer_pump(peer);
    return buf_str(&peer->text);
}

struct str peer_message(struct peer *peer, const char *body)
{
    buf_clear(&peer->text);
    amqp_append_data(&peer->text, str_from(body));
    return buf_str(&peer->text);
}

/* ---- $cbs ---- */

static struct str put_token_message(struct peer *peer, struct str token)
{
    struct amqp_value properties[AMQP_PROPERTY_COUNT] = {{0}};
    properties[AMQP_MESSAGE_ID] = amqp_string(STR("put-1"));
    const struct amqp_entry application[] = {
        {STR("operation"), amqp_string(STR("put-token"))},
        {STR("type"), amqp_string(STR("servicebus.windows.net:sastoken"))},
        {STR("name"), amqp_string(STR("localhost"))},
    };
    buf_clear(&peer->text);
    amqp_append_properties(&peer->text, properties);
    amqp_append_application(&peer->text, application, ARRAY_SIZE(application));
    amqp_append_value_section(&peer->text);
    amqp_append_string(&peer->text, token);
    return buf_str(&peer->text);
}

static int put_token(struct peer *peer, pn_link_t *sender, pn_link_t *receiver, struct str token)
{
    CLEANUP(buf_finish) struct buf request = BUF_INIT(TEXT_MAX);
    buf_append_str(&request, put_token_message(peer, token));
    assert_string_equal(peer_send(peer, sender, buf_str(&request)), "accepted");
    const struct str answer = peer_receive(peer, receiver, PN_ACCEPTED);
    struct amqp_message message;
    struct amqp_value status = {0};
    assert_true(amqp_message_read(answer, &message, NULL));
    assert_true(amqp_map_find(&message.application, STR("status-code"), &status));
    assert_int_equal(status.type, AMQP_INT);
    pn_link_flow(receiver, 1);
    return (int)status.i;
}

int peer_put_token(struct peer *peer, struct str token)
{
    if (peer->cbs_sender == NULL) {
        peer->cbs_receiver = peer_receiver(peer, "$cbs", 10);
        peer->cbs_sender = peer_sender(peer, "$cbs");
    }
    return put_token(peer, peer->cbs_sender, peer->cbs_receiver, token);
}

int peer_put_token_on(struct peer *peer, pn_session_t *session, struct str token)
{
    pn_link_t *receiver = peer_receiver_on(peer, session, "$cbs", "cbs-receiver");
    pn_link_flow(receiver, 10);
    pn_link_t *sender = peer_sender_on(peer, session, "$cbs", "cbs-sender");
    return put_token(peer, sender, receiver, token);
}
