/* SPDX-License-Identifier: MIT */
#ifndef MQTT_ENDPOINT_H
#define MQTT_ENDPOINT_H

/*
 * The door of mqtt/, for main: the MQTT 3.1.1 endpoint of all hubs. A listener gets
 * mqtt_protocol() with the endpoint; from then on connections become sessions, and their packets
 * calls of the hub that the user name names.
 */
#include "base/attr.h"
#include "base/status.h"

struct hubs;
struct mqtt_endpoint;
struct net_protocol;

/* `hubs` is borrowed and outlives the endpoint. */
MUST_CHECK enum status mqtt_endpoint_create(struct hubs *hubs, struct mqtt_endpoint **ret_endpoint);

/* After the last connection is closed; takes NULL. */
void mqtt_endpoint_destroy(struct mqtt_endpoint *endpoint);

/* For net_listener_config, with the endpoint as its `endpoint`. */
const struct net_protocol *mqtt_protocol(void);

#endif
