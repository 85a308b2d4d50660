/* SPDX-License-Identifier: MIT */
#ifndef MQTT_LIMITS_H
#define MQTT_LIMITS_H

#include <stddef.h>

/* Everything a client can make grow, and every wait it can cause, in one place. */

/* A whole packet, fixed header included. Before CONNECT is accepted nobody needs more than a user
 * name, a token and a small Will; after it the largest message, 262,144 bytes of body and
 * properties, must fit with its topic (device protocol reference, 0 and 1.5). */
#define MQTT_PACKET_SIZE_MAX_BEFORE_CONNECT ((size_t)8 * 1024)
#define MQTT_PACKET_SIZE_MAX                ((size_t)300 * 1024)

/* A topic name or any other text: its length is two bytes on the wire [MQTT-1.5.3]. */
#define MQTT_TEXT_SIZE_MAX ((size_t)65535)

/* Nobody subscribes to more than a handful of filters at once; the longest sensible list is one of
 * single methods. */
#define MQTT_FILTERS_PER_PACKET_MAX ((size_t)64)
#define MQTT_SUBSCRIPTIONS_SIZE_MAX ((size_t)16 * 1024)

/* What the hub sends and a client does not read. Above the first its packets wait until it has read
 * all; only what the hub sends of its own accord can then still reach the second, which ends it. */
#define MQTT_OUTPUT_SIZE_HIGH ((size_t)64 * 1024)
#define MQTT_OUTPUT_SIZE_MAX  ((size_t)2 * 1024 * 1024)

/* Cloud-to-device messages at QoS 1 without a PUBACK: enough for a long way, and few enough to be
 * looked through. */
#define MQTT_C2D_IN_FLIGHT_MAX ((size_t)20)

/* A device's twin as JSON text (two sections of 512 KB at most), or the words that refuse it. */
#define MQTT_BODY_SIZE_MAX ((size_t)1100 * 1024)

/* Waits, in seconds: for CONNECT (device protocol reference, 1.1), and for the next packet when the
 * keep alive asks for more (1.4). */
#define MQTT_CONNECT_WAIT_S   60
#define MQTT_KEEP_ALIVE_MAX_S 1767

/* For the last bytes to be taken, once the connection is to be closed. */
#define MQTT_CLOSE_WAIT_S 10

#endif
