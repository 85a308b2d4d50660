/* SPDX-License-Identifier: MIT */
#ifndef AMQP_LIMITS_H
#define AMQP_LIMITS_H

#include <stddef.h>
#include <stdint.h>

/* Everything a client can make grow, and every wait it can cause, in one place. */

/* What open promises (device protocol reference, 9.2). The peer is to send something every 240 s
 * and is cut off after twice that: Proton announces half of what it waits. */
#define AMQP_FRAME_SIZE_MAX  65536U
#define AMQP_CHANNEL_MAX     4095U
#define AMQP_IDLE_TIMEOUT_MS 480000U

/* SASL's frames hold a mechanism's name and a token. */
#define AMQP_SASL_FRAME_SIZE_MAX ((size_t)8 * 1024)

/* Links of one connection. Pools carry up to 1000 devices with seven links each; who has shown no
 * token yet needs two, and may try a few that will be refused. */
#define AMQP_LINKS_MAX              ((size_t)8192)
#define AMQP_LINKS_BEFORE_TOKEN_MAX ((size_t)16)
#define AMQP_SESSIONS_BEFORE_TOKEN  ((size_t)16)
/* Links that were refused or ended and that the peer has not let go of. */
#define AMQP_LINKS_ENDED_MAX ((size_t)2048)

/* A pool has one token for each of its devices (device protocol reference, 9.2 and 9.3). */
#define AMQP_TOKENS_MAX ((size_t)1500)

/* An address: two ids of 128 characters, all of them percent-encoded, and a host. */
#define AMQP_ADDRESS_SIZE_MAX ((size_t)2048)

/* One message from a peer: the hub's own limit counts body and properties (device protocol
 * reference, 0), so what is around them must fit too. */
#define AMQP_MESSAGE_SIZE_MAX ((size_t)300 * 1024)
#define AMQP_REQUEST_SIZE_MAX ((size_t)64 * 1024)
/* Of messages that have not come whole, all links of a connection together. */
#define AMQP_PARTIAL_SIZE_MAX ((size_t)4 * 1024 * 1024)

/* Messages to a peer. Above the first, no more are made until the peer has read; what cannot wait
 * (answers) may go on to the others, which end the link or the connection. */
#define AMQP_OUTPUT_SIZE_HIGH ((size_t)256 * 1024)
#define AMQP_OUTPUT_SIZE_MAX  ((size_t)8 * 1024 * 1024)
#define AMQP_ANSWERS_MAX      256
#define AMQP_ANSWER_BYTES_MAX ((size_t)4 * 1024 * 1024)
#define AMQP_ANSWER_SIZE_MAX  ((size_t)1200 * 1024) /* a device's twin, two sections of 512 KB */

/* Events sent to a reader that settles them itself and has not yet. */
#define AMQP_UNSETTLED_EVENTS_MAX 5000

/* Credit that senders are kept supplied with (device protocol reference, 9.4). */
#define AMQP_CREDIT 500

/* Waits, in milliseconds of real time: for open, for the first token after it (service reference,
 * 6.3), and for the last bytes to be taken once the connection is to be closed. */
#define AMQP_OPEN_WAIT_MS  60000U
#define AMQP_TOKEN_WAIT_MS 60000U
#define AMQP_CLOSE_WAIT_MS 10000U

#endif
