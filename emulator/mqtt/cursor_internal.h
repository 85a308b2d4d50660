/* SPDX-License-Identifier: MIT */
#ifndef MQTT_CURSOR_INTERNAL_H
#define MQTT_CURSOR_INTERNAL_H

/*
 * Reads the fields of one packet body, left to right. The first fault sticks: it fills the problem,
 * and every later read gives zero or "". A decoder reads all its fields and asks once at the end.
 * `what` names the field for the person who sent it ("client identifier").
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/status.h"
#include "base/str.h"

struct cursor {
    struct str left; /* in the packet */
    size_t offset;   /* of `left` in the body */
    bool failed;
    struct problem *problem; /* may be NULL */
};

void cursor_init(struct cursor *cursor, struct str body, struct problem *problem);

uint8_t cursor_byte(struct cursor *cursor, const char *what);
uint16_t cursor_u16(struct cursor *cursor, const char *what);
struct str cursor_binary(struct cursor *cursor, const char *what); /* two bytes of length first */
struct str cursor_text(struct cursor *cursor, const char *what);   /* the same, UTF-8, no NUL */
struct str cursor_rest(struct cursor *cursor);

/* Packet identifiers are never 0 [MQTT-2.3.1-1]. */
uint16_t cursor_packet_id(struct cursor *cursor);

/* Makes it fail where it stands, unless it failed before. */
void cursor_refuse(struct cursor *cursor, const char *format, ...) PRINTF_LIKE(2, 3);

/* True when every field was there and nothing is left over. */
MUST_CHECK bool cursor_finish(struct cursor *cursor);

#endif
