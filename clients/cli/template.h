/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_CLI_TEMPLATE_H
#define CLIENTS_CLI_TEMPLATE_H

/*
 * Text with places that differ from message to message:
 *
 *   {"n": {{n}}, "temperature": {{walk 18 30}}, "door": "{{choose open closed}}"}
 *
 * A place is a word and what it needs, spaces apart, between two pairs of braces:
 *
 *   n                    the message's number, counted from 1
 *   device               the device's ID
 *   time, unix           the time: 2026-11-21T10:00:00.0000000Z, or in seconds since 1970
 *   uuid                 a random UUID
 *   walk LOW HIGH        a number that wanders between two bounds, a small step at a time
 *   wave LOW HIGH EVERY  a number that swings between two bounds, once in EVERY messages
 *   random LOW HIGH      a number between two bounds
 *   int LOW HIGH         a whole number, both bounds included
 *   choose WORD...       one of the words
 *
 * Four opening braces in a row stand for two of them. Text is parsed once and may be rendered for
 * many devices, each with a state of its own. From the same seed comes the same text, but for the
 * places that tell the time.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/random.h"
#include "base/status.h"

enum { TEMPLATE_SIZE_MAX = 256 << 10, TEMPLATE_PARTS_MAX = 1024 };

struct template_part;

struct template
{
    struct template_part *parts; /* in the arena, as is their text */
    size_t part_count;
    struct arena arena;
};

/*
 * STATUS_INVALID: a place was not understood; `problem` says which and what there is instead.
 * STATUS_LIMIT: longer than TEMPLATE_SIZE_MAX, or more than TEMPLATE_PARTS_MAX places.
 */
MUST_CHECK enum status template_parse(struct str text, struct template *ret_template,
                                      struct problem *problem);
void template_finish(struct template *template); /* takes NULL and zeroed ones */

/* True when there are places at all: otherwise it renders to the same each time. */
bool template_varies(const struct template *template);

/* What one device remembers between its messages. */
struct template_state {
    struct random *random; /* borrowed */
    double *walks;         /* where each part of the template stands; owned */
};

/* STATUS_NO_MEMORY. A state belongs to one template. `random` must outlive it. */
MUST_CHECK enum status template_state_init(struct template_state *state,
                                           const struct template *template, struct random *random);
void template_state_finish(struct template_state *state); /* takes NULL and zeroed ones */

/* Of whom and when it tells. */
struct template_moment {
    const char *device_id;
    uint64_t n;     /* the device's messages, counted from 1 */
    int64_t now_us; /* the time of day */
};

/* Appends the text of one message. */
void template_append(struct buf *out, const struct template *template, struct template_state *state,
                     const struct template_moment *moment);

#endif
