/* SPDX-License-Identifier: MIT */
#ifndef AMQP_COMPLETE_H
#define AMQP_COMPLETE_H

/*
 * Frames on their way out, with all the fields that their performatives have. Proton leaves out
 * what is null at the end of a list, as it may (AMQP 1.0, 1.4); the service never does, and the
 * Python SDK for Event Hubs looks for fields by their place without asking how many there are.
 */
#include "base/buf.h"
#include "base/str.h"

/* What completing adds to a frame at most. */
enum { AMQP_COMPLETE_GROWTH_MAX = 32 };

/* Appends the whole frames at the start of `bytes`, each completed unless it would grow beyond
 * `frame_size_max`, and a protocol header as it is. Returns how much of `bytes` they were. */
size_t amqp_complete_append(struct buf *out, struct str bytes, size_t frame_size_max);

/*
 * An open as the engine is to read it: its sender takes frames so much smaller that they can be
 * completed. `frame` is the open; it is copied into `copy`, and *ret_size_max says what the sender
 * really takes. False: it sets no limit of its own, or such a low one that no frame is completed.
 */
bool amqp_complete_open(struct str frame, struct buf *copy, size_t *ret_size_max);

#endif
