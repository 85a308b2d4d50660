/* SPDX-License-Identifier: MIT */
#ifndef AMQP_FRAME_H
#define AMQP_FRAME_H

/*
 * Where a frame ends, and what Proton keeps to itself of one: the message-format of a transfer, by
 * which batches are told, and a capability that event readers ask for in their attach (AMQP 1.0,
 * 2.3, 2.7.3 and 2.7.5).
 */
#include <stdbool.h>

#include "base/attr.h"
#include "base/str.h"

enum frame_result {
    FRAME_WHOLE,
    FRAME_NEED_MORE,
    FRAME_MALFORMED, /* too short or too long to be one: the engine says so in AMQP's words */
};

struct frame {
    size_t size;
    uint32_t message_format; /* of a transfer; 0: none, or not a transfer */
    bool wants_metrics;      /* an attach that names com.microsoft:enable-receiver-runtime-metric */
};
MUST_CHECK enum frame_result frame_read(struct str data, size_t size_max, struct frame *ret_frame);

#endif
