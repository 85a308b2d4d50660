/* SPDX-License-Identifier: MIT */
#ifndef AMQP_FRAME_H
#define AMQP_FRAME_H

/*
 * Frames before the engine has them (AMQP 1.0, 2.3 and 2.7). Proton passes over performatives that
 * it does not know or cannot read, and follows values within values as deep as they go; here they
 * are refused. It also keeps to itself a transfer's message-format, by which batches are told, and
 * a capability that event readers ask for in their attach.
 */
#include <stdbool.h>

#include "base/attr.h"
#include "base/status.h"
#include "base/str.h"

enum frame_result {
    FRAME_WHOLE,
    FRAME_NEED_MORE,
    FRAME_MISFRAMED, /* its head is none: the engine says so in AMQP's words */
    FRAME_MALFORMED, /* what is in it is no performative; the problem says why */
};

/* The performatives, and no performative at all: a heartbeat. */
enum frame_code {
    FRAME_EMPTY = 0,
    FRAME_OPEN = 0x10,
    FRAME_BEGIN = 0x11,
    FRAME_ATTACH = 0x12,
    FRAME_TRANSFER = 0x14,
    FRAME_DETACH = 0x16,
    FRAME_END = 0x17,
    FRAME_CLOSE = 0x18,
};

/* The fields of a transfer (2.7.5); of an attach and a detach only the handle is read. */
struct frame_transfer {
    uint32_t handle;
    uint32_t id, format; /* of the delivery, when `has_id`; format 0: the ordinary one */
    bool has_id, settled, more, aborted;
    struct str tag, payload; /* in the frame */
};

struct frame {
    size_t size;
    uint16_t channel;
    unsigned code;      /* FRAME_OPEN to FRAME_CLOSE, or FRAME_EMPTY */
    bool wants_metrics; /* an attach names com.microsoft:enable-receiver-runtime-metric */
    struct frame_transfer transfer;
};
MUST_CHECK enum frame_result frame_read(struct str data, size_t size_max, struct frame *ret_frame,
                                        struct problem *problem);

#endif
