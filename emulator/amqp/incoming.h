/* SPDX-License-Identifier: MIT */
#ifndef AMQP_INCOMING_H
#define AMQP_INCOMING_H

/*
 * What peers send: transfers, from frames to whole messages and their outcomes. Proton never sees
 * them: what it keeps for each delivery cost as much as all the rest of a message (tests/bench),
 * and an endpoint that decides at once needs none of it. Its counts of transfers stand still
 * meanwhile, which the credit and windows that it announces allow for (AMQP 1.0, 2.6.7).
 *
 * A handle is known from its attach to its detach, whoever ended the link before that.
 */
#include "amqp/amqp_internal.h"

/* Before and after the engine has been given a frame alone: an attach, a detach or an end. */
bool amqp_incoming_is_special(const struct frame *frame);
void amqp_incoming_after(struct amqp_conn *conn, const struct frame *frame);
/* The link that came of the attach that the engine has now. False: no memory. */
MUST_CHECK bool amqp_incoming_bind(struct amqp_link *link);
void amqp_incoming_over(struct amqp_link *link); /* what still comes for it is let go */

/* False: nobody has such a handle, and the engine is to say so. */
MUST_CHECK bool amqp_incoming_transfer(struct amqp_conn *conn, const struct frame *frame);
void amqp_incoming_supply(struct amqp_link *link); /* credit */

/* The engine's begin tells which channel answers which. */
void amqp_incoming_note_output(struct amqp_conn *conn, struct str bytes);
/* Outcomes, behind what the engine had to say. */
void amqp_incoming_flush(struct amqp_conn *conn);
void amqp_incoming_finish(struct amqp_conn *conn);

#endif
