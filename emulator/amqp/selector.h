/* SPDX-License-Identifier: MIT */
#ifndef AMQP_SELECTOR_H
#define AMQP_SELECTOR_H

/*
 * Where an event reader wants to start, as it writes it into its source's filter (service
 * reference, 7.3): one comparison such as
 *
 *     amqp.annotation.x-opt-offset > '@latest'
 *     amqp.annotation.x-opt-enqueuedtimeutc >= 1700000000000
 */
#include "base/attr.h"
#include "base/status.h"
#include "base/str.h"
#include "hub/events.h"

/* STATUS_INVALID: the problem says at which byte, and what was expected there. */
MUST_CHECK enum status amqp_selector_parse(struct str text, struct hub_start *ret_start,
                                           struct problem *problem);

#endif
