/* SPDX-License-Identifier: MIT */
#ifndef AMQP_EVENT_MESSAGE_H
#define AMQP_EVENT_MESSAGE_H

/* An event of the journal as the message that readers get (service reference, 7.4 and 8). */
#include "base/arena.h"
#include "hub/events.h"

/* What a reader is told of the partition with each event, when it asked for it (7.3). */
struct amqp_event_metrics {
    const struct hub_partition *partition;
    int64_t now_us;
};

/* Appends the whole message; `metrics` NULL: none. `arena` holds what is needed on the way.
 * STATUS_CORRUPT when the row is not what a hub writes. */
MUST_CHECK enum status amqp_event_append(struct buf *out, const struct hub *hub,
                                         const struct hub_read_event *event,
                                         const struct amqp_event_metrics *metrics,
                                         struct arena *arena);

/* An offset as readers see it: "-1" for that of no event (0). */
enum { AMQP_OFFSET_TEXT_SIZE = 24 };
struct str amqp_offset_text(uint64_t offset, char out[AMQP_OFFSET_TEXT_SIZE]);

#endif
