/* SPDX-License-Identifier: MIT */
#ifndef AMQP_CONDITIONS_H
#define AMQP_CONDITIONS_H

/* The one place where the hub's codes become AMQP's conditions (device protocol reference, 9.9). */
#include <proton/condition.h>

#include "base/buf.h"
#include "hub/hub.h"

const char *amqp_condition_of(enum hub_code code);

/* What went wrong as the service writes it: a JSON text with the code, a tracking id, the words and
 * the time. */
void amqp_error_append(struct buf *out, struct hub *hub, enum hub_code code, const char *why);

/* An error as a rejected outcome has it, with the same (AMQP 1.0, 2.8.14). */
void amqp_error_list_append(struct buf *out, struct hub *hub, enum hub_code code, const char *why,
                            struct buf *scratch);

/* Fills a condition as the service does: the description is that text, and the info has the
 * tracking id. `scratch` is cleared first. */
void amqp_condition_set(pn_condition_t *condition, struct hub *hub, enum hub_code code,
                        const char *why, struct buf *scratch);

#endif
