/* SPDX-License-Identifier: MIT */
#ifndef MQTT_PACKET_H
#define MQTT_PACKET_H

/*
 * The server's half of the MQTT 3.1.1 wire format: reads the packets a client may send, writes
 * those a server sends. Pure functions over the caller's bytes; the only state is a buffer's.
 *
 * Reading takes two steps. packet_frame() finds where a packet ends and checks its fixed header;
 * the packet_read_x() of its type takes the body apart. Every struct str of a result points into
 * the input. A refusal fills `problem` (may be NULL) with plain words and the rule that was broken,
 * as [MQTT-x.y.z-n] of the standard; outputs are written only on success.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/status.h"
#include "base/str.h"

enum packet_type { /* values of the wire, MQTT 3.1.1 table 2.1 */
                   PACKET_CONNECT = 1,
                   PACKET_CONNACK = 2,
                   PACKET_PUBLISH = 3,
                   PACKET_PUBACK = 4,
                   PACKET_PUBREC = 5,
                   PACKET_PUBREL = 6,
                   PACKET_PUBCOMP = 7,
                   PACKET_SUBSCRIBE = 8,
                   PACKET_SUBACK = 9,
                   PACKET_UNSUBSCRIBE = 10,
                   PACKET_UNSUBACK = 11,
                   PACKET_PINGREQ = 12,
                   PACKET_PINGRESP = 13,
                   PACKET_DISCONNECT = 14,
};

enum packet_result {
    PACKET_OK,
    PACKET_NEED_MORE, /* the input ends inside the packet: call again when more has arrived */
    PACKET_MALFORMED, /* the peer is at fault: close the connection [MQTT-4.8.0-1] */
};

struct packet_frame {
    enum packet_type type; /* one a client may send at QoS 0 and 1 */
    uint8_t flags;         /* low four bits of the first byte */
    struct str body;       /* all that follows the fixed header; in the input */
    size_t size;           /* of the whole packet */
};

/*
 * Finds the packet at the start of `input`. Wrong types and flags, and a packet larger than
 * `size_max` (limits.h), are refused as soon as the header shows them, before the body arrives.
 */
MUST_CHECK enum packet_result packet_frame(struct str input, size_t size_max,
                                           struct packet_frame *ret_frame, struct problem *problem);

const char *packet_type_name(enum packet_type type); /* "CONNECT" */

/* ---- Reading: false is PACKET_MALFORMED ---- */

#define PACKET_LEVEL_3_1_1 4U

/*
 * A CONNECT of another protocol level (3 with the name "MQIsdp", 5, or a bridge's 0x84) yields its
 * `level` and nothing else: the answer is CONNACK 1 [MQTT-3.1.2-2] whatever follows, and what
 * follows may have another layout.
 */
struct packet_connect {
    uint8_t level;
    bool clean_session;
    uint16_t keep_alive_s; /* 0: none asked for */
    struct str client_id;  /* may be empty */
    bool has_will;
    uint8_t will_qos; /* 0 to 2 */
    bool will_retain;
    struct str will_topic;
    struct str will_message;
    bool has_username;
    struct str username;
    bool has_password;
    struct str password; /* binary */
};
MUST_CHECK bool packet_read_connect(const struct packet_frame *frame,
                                    struct packet_connect *ret_connect, struct problem *problem);

struct packet_publish {
    struct str topic;
    struct str payload;
    uint16_t packet_id; /* 0 at QoS 0 */
    uint8_t qos;        /* 0 to 2; that the hub has no QoS 2 is the session's business */
    bool retain;
    bool duplicate;
};
MUST_CHECK bool packet_read_publish(const struct packet_frame *frame,
                                    struct packet_publish *ret_publish, struct problem *problem);

MUST_CHECK bool packet_read_puback(const struct packet_frame *frame, uint16_t *ret_packet_id,
                                   struct problem *problem);

/* SUBSCRIBE and UNSUBSCRIBE: at least one filter, all of them well formed; walk them with
 * packet_filter_next(). */
struct packet_filters {
    uint16_t packet_id;
    bool with_qos;   /* SUBSCRIBE */
    size_t count;    /* of filters left */
    struct str left; /* in the packet */
};
struct packet_filter {
    struct str text;
    uint8_t qos; /* 0 to 2; 0 in UNSUBSCRIBE */
};
MUST_CHECK bool packet_read_filters(const struct packet_frame *frame,
                                    struct packet_filters *ret_filters, struct problem *problem);

/* Moves the next filter out of `filters`; false at the end. */
bool packet_filter_next(struct packet_filters *filters, struct packet_filter *ret_filter);

/* The list of a SUBSCRIBE alone, as packet_append_filter() wrote it: may be empty. */
MUST_CHECK bool packet_read_filter_list(struct str list, struct packet_filters *ret_filters,
                                        struct problem *problem);

/* PINGREQ and DISCONNECT: nothing may follow the fixed header. */
MUST_CHECK bool packet_read_empty(const struct packet_frame *frame, struct problem *problem);

/* ---- Writing: appends one whole packet; ask buf_status() ---- */

enum packet_connack { /* MQTT 3.1.1 table 3.1 */
                      PACKET_CONNACK_ACCEPTED = 0,
                      PACKET_CONNACK_BAD_VERSION = 1,
                      PACKET_CONNACK_BAD_CLIENT_ID = 2,
                      PACKET_CONNACK_UNAVAILABLE = 3,
                      PACKET_CONNACK_BAD_USERNAME = 4,
                      PACKET_CONNACK_NOT_AUTHORIZED = 5,
};
#define PACKET_SUBACK_FAILURE 0x80U

/* `session_present` is sent as 0 with any refusal [MQTT-3.2.2-4]. */
void packet_append_connack(struct buf *out, bool session_present, enum packet_connack code);

/* The topic is at most MQTT_TEXT_SIZE_MAX bytes; QoS 0 or 1; an identifier with QoS 1 only. */
void packet_append_publish(struct buf *out, const struct packet_publish *publish);

void packet_append_puback(struct buf *out, uint16_t packet_id);
void packet_append_suback(struct buf *out, uint16_t packet_id, const uint8_t *codes, size_t count);
void packet_append_unsuback(struct buf *out, uint16_t packet_id);
void packet_append_pingresp(struct buf *out);

/* One filter and its QoS as they stand in SUBSCRIBE: no packet by itself, but a list to be kept. */
void packet_append_filter(struct buf *out, const struct packet_filter *filter);

#endif
