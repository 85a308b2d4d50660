/* SPDX-License-Identifier: MIT */
#ifndef MQTT_SUBSCRIPTIONS_INTERNAL_H
#define MQTT_SUBSCRIPTIONS_INTERNAL_H

/*
 * What a client has subscribed to: the filters as they were written, and the flows they add up to.
 * The list has the form of a SUBSCRIBE's payload, in memory as in a stored session.
 */
#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/status.h"
#include "mqtt/packet.h"
#include "mqtt/topic.h"

struct subscriptions {
    struct buf list; /* for packet_read_filter_list() */
    size_t count;
    unsigned flows; /* 1 << enum topic_flow */
};

void subscriptions_init(struct subscriptions *subscriptions);
void subscriptions_finish(struct subscriptions *subscriptions);

/* Adds the filter, or changes its QoS. It must be none that topic_read_filter() forbids.
 * STATUS_LIMIT past MQTT_SUBSCRIPTIONS_SIZE_MAX; a failure changes nothing. */
MUST_CHECK enum status subscriptions_add(struct subscriptions *subscriptions,
                                         const struct topic_owner *owner,
                                         const struct packet_filter *filter);

/* Without effect when the filter was not there. */
MUST_CHECK enum status subscriptions_remove(struct subscriptions *subscriptions,
                                            const struct topic_owner *owner, struct str filter);

/* Takes over a stored list. STATUS_CORRUPT when it is none. */
MUST_CHECK enum status subscriptions_restore(struct subscriptions *subscriptions,
                                             const struct topic_owner *owner, struct str list);

static inline bool subscriptions_have(const struct subscriptions *subscriptions,
                                      enum topic_flow flow)
{
    return (subscriptions->flows & 1U << (unsigned)flow) != 0;
}

/* True when a filter for all methods, or for this one, is there. */
bool subscriptions_have_method(const struct subscriptions *subscriptions,
                               const struct topic_owner *owner, struct str method);

#endif
