/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_MESSAGING_SELECTOR_INTERNAL_H
#define CLIENTS_MESSAGING_SELECTOR_INTERNAL_H

/* Where a partition's events are to start, and the filter that says so (service API
 * reference, 7.3). Pure. */
#include <iothub/messaging.h>

#include "base/buf.h"

/* No offset seen is longer than a decimal 64-bit number; newer namespaces write longer texts. */
#define SELECTOR_OFFSET_SIZE 128U

struct position {
    enum iothub_start start;
    int64_t value;                     /* IOTHUB_START_TIME, IOTHUB_START_SEQUENCE */
    char offset[SELECTOR_OFFSET_SIZE]; /* IOTHUB_START_OFFSET */
};

/* The position behind what has been seen: offset if the event had one, else its number. */
struct position position_after(const char *offset, int64_t sequence_number);

/* STATUS_INVALID with a problem: an offset that cannot stand in a filter. */
MUST_CHECK enum status position_of(const struct iothub_reader_options *options,
                                   struct position *ret_position, struct problem *problem);

/* Appends "amqp.annotation.x-opt-offset > '12'" and the like, as the SDKs write it. */
void selector_append(const struct position *position, struct buf *out);

#endif
