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

#endif
