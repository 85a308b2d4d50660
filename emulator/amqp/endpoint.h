/* SPDX-License-Identifier: MIT */
#ifndef AMQP_ENDPOINT_H
#define AMQP_ENDPOINT_H

/*
 * The door of amqp/, for main: the AMQP 1.0 endpoint of all hubs. A listener, or net's table of
 * WebSocket protocols, gets amqp_protocol() with the endpoint; from then on connections become
 * engines, their links rows of a table, and their messages calls of the hub.
 */
#include "base/attr.h"
#include "base/status.h"

struct amqp_endpoint;
struct hubs;
struct net;
struct net_protocol;

/* Both are borrowed; the hubs outlive the endpoint. */
MUST_CHECK enum status amqp_endpoint_create(struct net *net, struct hubs *hubs,
                                            struct amqp_endpoint **ret_endpoint);

/* After the last connection is closed and before net goes; takes NULL. */
void amqp_endpoint_destroy(struct amqp_endpoint *endpoint);

/* For net_listener_config, with the endpoint as its `endpoint`. */
const struct net_protocol *amqp_protocol(void);

#endif
