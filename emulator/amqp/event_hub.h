/* SPDX-License-Identifier: MIT */
#ifndef AMQP_EVENT_HUB_H
#define AMQP_EVENT_HUB_H

/* What the links of the Event Hubs-compatible endpoint share. */
#include "amqp/amqp_internal.h"
#include "hub/events.h"

/* Is this what the event hub is called? It has its hub's name, in any case. */
bool amqp_event_hub_named(const struct hub *hub, struct str name, struct problem *problem);

/* A partition by its number in an address or request. False: the problem says which there are. */
bool amqp_event_hub_partition(const struct hub *hub, struct str number, unsigned *ret_partition,
                              struct problem *problem);

/* Ends the link with a condition of Event Hubs; `code` is for log and journal. */
void amqp_event_hub_refuse(struct amqp_link *link, const char *condition, enum hub_code code,
                           const char *why);

#endif
