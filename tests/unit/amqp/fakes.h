/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_AMQP_FAKES_H
#define TESTS_UNIT_AMQP_FAKES_H

/*
 * A real hub in memory and the real endpoint, under a network that only remembers; Proton itself
 * as the client. Both clocks stand still until a test moves them.
 *
 *     struct peer *peer = peer_open(NULL);
 *     assert_int_equal(peer_put_token(peer, fake_device_token("d1")), 200);
 *     pn_link_t *link = peer_sender(peer, "/devices/d1/messages/events");
 *     assert_string_equal(peer_send(peer, link, bytes), "accepted");
 */
#include <proton/engine.h>
#include <stdbool.h>
#include <stdint.h>

#include "amqp/endpoint.h"
#include "base/buf.h"
#include "base/str.h"
#include "hub/hub.h"
#include "net/net.h"

/* One connection as net would have it. */
struct net_conn {
    uint64_t id;
    void *session;
    struct buf input;  /* bytes the endpoint has left */
    struct buf output; /* queued, or sent and not read by a test */
    bool closing;
    bool was_reset;
    bool paused;
    char why[PROBLEM_TEXT_SIZE];
    struct str server_name;
    const struct net_client_certificate *certificate; /* NULL: none */
};

extern struct hub *fake_hub;
extern struct hubs *fake_hubs;
extern struct amqp_endpoint *fake_endpoint;

/* A hub with the devices d1 and d2, the module d1/m1, and d3, known by FAKE_CERTIFICATE. */
int fake_setup(void **state); /* for cmocka_unit_test_setup_teardown() */
int fake_teardown(void **state);
extern const struct net_client_certificate FAKE_CERTIFICATE;

/* Tokens live until the teardown; the last 32 of them. */
struct str fake_token(const char *resource, struct str key, const char *policy, int64_t expiry_s);
struct str fake_device_token(const char *device);         /* "d1", "d1/modules/m1" */
struct str fake_policy_token(const char *policy);         /* for the whole hub */
void fake_create(const char *device, const char *module); /* module NULL: a device */

void fake_advance_hub(int64_t seconds);  /* the hub's clock */
void fake_advance_wire(int64_t seconds); /* the machine's, in steps of its timers */
void fake_tick(void);                    /* the end of one */

/* The journal as text since the start: "telemetry d1 {detail} body\n" each. */
const char *fake_journal(void);

/* ---- bytes ---- */

struct net_conn *fake_open(void);
void fake_receive(struct net_conn *conn, struct str bytes);
void fake_closed(struct net_conn *conn, const char *why); /* by the peer; frees it */
struct str fake_output(struct net_conn *conn);            /* since the last call */

/* ---- a client with Proton's engine ---- */

struct peer {
    struct net_conn *conn;
    pn_transport_t *transport;
    pn_connection_t *engine;
    pn_collector_t *collector;
    pn_session_t *session; /* the first one */
    pn_link_t *cbs_sender, *cbs_receiver;
    bool holds_back; /* reads nothing */
    uint64_t tag;
    struct buf text; /* of what was last asked for */
};

/* Opens a connection without SASL to `host`; NULL: "localhost". */
struct peer *peer_open(const char *host);
struct peer *peer_open_on(struct net_conn *conn, const char *host); /* after its SASL */
void peer_close(struct peer *peer);                 /* as a socket that closes; takes NULL */
void peer_pump(struct peer *peer);                  /* moves bytes until both sides are quiet */
void peer_raw(struct peer *peer, struct str bytes); /* behind Proton's back */

/* The status-code of the answer. */
int peer_put_token(struct peer *peer, struct str token);
int peer_put_token_on(struct peer *peer, pn_session_t *session, struct str token);

pn_session_t *peer_session(struct peer *peer);
/* Attach in the first session, or in a given one, and see what came of it: peer_refusal(). */
pn_link_t *peer_sender(struct peer *peer, const char *address);
pn_link_t *peer_receiver(struct peer *peer, const char *address, int credit);
pn_link_t *peer_sender_on(struct peer *peer, pn_session_t *session, const char *address,
                          const char *name);
pn_link_t *peer_receiver_on(struct peer *peer, pn_session_t *session, const char *address,
                            const char *name);
/* The condition's name when the hub ended the link; "" when it stands. */
const char *peer_refusal(const pn_link_t *link);
/* The condition of close; "" when the connection stands. */
const char *peer_ending(const struct peer *peer);

/* Sends and gives the outcome: "accepted", "rejected amqp:...", "none" (not settled). */
const char *peer_send(struct peer *peer, pn_link_t *link, struct str message);
/* The next message that came, settled with `outcome` (PN_ACCEPTED ...; 0: not yet); empty: none. */
struct str peer_receive(struct peer *peer, pn_link_t *link, uint64_t outcome);

/* A message with one data section. */
struct str peer_message(struct peer *peer, const char *body);

#endif
