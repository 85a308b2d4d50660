/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_DEVICE_RELAY_INTERNAL_H
#define CLIENTS_DEVICE_RELAY_INTERNAL_H

/*
 * What stands between libmosquitto and the hub: a socket of this process to itself, on the
 * loopback interface, over which libmosquitto speaks plain MQTT to us.
 *
 * Why: libmosquitto 2.0 acknowledges a message before it hands it over, and has no way to wait. A
 * hub takes that PUBACK for "completed" and deletes the message (device protocol reference, 1.7),
 * so that a program which fails in between has lost it. Here its PUBACKs are dropped, and sent in
 * its place once the handler has returned. As a gift the stream to the hub is ours, and with it
 * every timeout.
 */
#include <stdbool.h>
#include <stdint.h>

#include <mosquitto.h>

#include <iothub/common.h>

#include "base/buf.h"

#define RELAY_SIZE_MAX ((size_t)128 * 1024) /* waiting in each direction, about */

/* Walks the packets in a stream of MQTT (MQTT 3.1.1 section 2.2). */
struct relay_framing {
    uint8_t header[5];
    size_t header_size; /* bytes of it that have come */
    uint32_t left;      /* bytes of the packet after its header that are still to come */
    bool dropping;      /* this packet is a PUBACK */
};

struct relay {
    int fd;          /* our end; -1: closed */
    struct buf up;   /* from libmosquitto, for the hub, without its PUBACKs and with ours */
    struct buf down; /* from the hub, for libmosquitto */
    struct buf acks; /* PUBACKs that wait for the end of the packet being relayed */
    struct relay_framing framing;
};

void relay_init(struct relay *relay);
void relay_finish(struct relay *relay);

/* Makes libmosquitto connect to us, which sends CONNECT. */
MUST_CHECK enum iothub_result relay_open(struct relay *relay, struct mosquitto *mosquitto,
                                         int keep_alive_s, struct iothub_error *error);
void relay_close(struct relay *relay); /* and forgets what was under way */

/* Moves what libmosquitto sent to relay->up. */
MUST_CHECK enum iothub_result relay_take(struct relay *relay, struct iothub_error *error);

/* Hands relay->down to libmosquitto, as much as it takes. */
void relay_give(struct relay *relay);

/* Sends PUBACK for the packet `id`, after what is in relay->up. */
void relay_acknowledge(struct relay *relay, uint16_t id);

/* The filter of relay_take(): pure. */
void relay_filter(struct relay *relay, const uint8_t *data, size_t size);

#endif
