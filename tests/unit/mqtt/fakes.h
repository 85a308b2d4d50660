/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_MQTT_FAKES_H
#define TESTS_UNIT_MQTT_FAKES_H

/*
 * A hub and a network that only remember: sessions are driven by bytes and by the hub's callbacks,
 * and what they did is read as text. Each hub call adds a line to fake_log(); each packet the
 * client would get is a line of fake_output().
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "hub/c2d.h"
#include "hub/hub.h"
#include "mqtt/endpoint.h"
#include "net/net.h"

/* One client's connection. */
struct net_conn {
    uint64_t id;
    void *session;
    struct buf input; /* bytes the session has left */
    struct buf output;
    bool closing;
    bool was_reset;
    bool paused;
    char why[PROBLEM_TEXT_SIZE];
    const struct net_client_certificate *certificate; /* NULL: none */
};

struct hub_link {
    struct hub *hub;
    struct identity_key key; /* borrowed from the session */
    const struct hub_link_ops *ops;
    void *ctx;
    bool open;
    unsigned interests;
    bool stores_session; /* session holds a stored one */
    struct buf session;
};

/* What the hub answers; set before the call that asks. */
struct fake_hub {
    enum hub_code authenticate, link_open, session, telemetry, twin;
    int64_t expires_us;
    uint64_t reported_version; /* after the next patch */
    struct hub_settings settings;
    int64_t now_us;
    struct hub_link link; /* the one link there is */
    enum hub_code c2d;    /* of receiving and settling */
};
extern struct fake_hub fake_hub;

int fake_setup(void **state); /* for cmocka_unit_test_setup_teardown() */
int fake_teardown(void **state);

/* ---- the network ---- */
struct net_conn *fake_open(void);
void fake_receive(struct net_conn *conn, struct str bytes);
void fake_closed(struct net_conn *conn, const char *why); /* by the peer; frees it */
void fake_drained(struct net_conn *conn); /* the client has read all; what waited is offered */
const char *fake_output(struct net_conn *conn); /* what came since the last call */

/* ---- the hub ---- */
const char *fake_log(void); /* since the last call */
void fake_advance(int64_t duration_us);

/* Queues a message, numbered from 1, and tells the client. The sequence number is `first` + its
 * number; everything in `delivery` but this, the token and whether it is a redelivery is taken. */
void fake_c2d(const struct hub_delivery *delivery);
void fake_c2d_text(const char *body); /* with "to" and nothing else */
extern uint64_t fake_c2d_first;

/* ---- a client's packets ---- */
void fake_puback(struct net_conn *conn, uint16_t packet_id);
struct fake_connect {
    const char *client_id, *username, *password; /* NULL: left out */
    const char *will_topic, *will_message;       /* NULL: no Will */
    unsigned will_qos;
    bool will_retain;
    bool clean;
    uint16_t keep_alive_s;
};
#define FAKE_D1                                                                                    \
    ((struct fake_connect){.client_id = "d1", .username = "hub/d1/?api-version=1", .password = "p"})
void fake_append_connect(struct buf *out, const struct fake_connect *connect);
void fake_connect(struct net_conn *conn, const struct fake_connect *connect);
void fake_publish(struct net_conn *conn, const char *topic, const char *payload,
                  uint16_t packet_id); /* 0: QoS 0 */
void fake_subscribe(struct net_conn *conn, uint16_t packet_id, const char *filter, uint8_t qos);
void fake_unsubscribe(struct net_conn *conn, uint16_t packet_id, const char *filter);
void fake_disconnect(struct net_conn *conn);

/* A connection with d1's session accepted and both texts read. */
struct net_conn *fake_connected(void);

#endif
