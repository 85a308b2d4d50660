/* SPDX-License-Identifier: MIT */
#ifndef BASE_TIMERS_H
#define BASE_TIMERS_H

/*
 * Timers on a clock that somebody else reads: a binary heap of due times, memory of each timer with
 * its owner. Equal due times fire in the order they were started, so that a run can be repeated.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/status.h"

struct timer {
    void (*fire)(void *ctx); /* may start or stop any timer, this one too, or free its owner */
    void *ctx;
    int64_t due_us; /* private from here on */
    uint64_t order;
    size_t position; /* in the heap + 1; 0: not running */
};

struct timers {
    struct timer **heap; /* owned array of borrowed timers */
    size_t size;
    size_t capacity;
    uint64_t order_next;
};

void timers_init(struct timers *timers);
void timers_finish(struct timers *timers); /* forgets all timers; none fires */

/* Starts or restarts `timer` (zeroed before its first start, with fire and ctx set). */
MUST_CHECK enum status timers_start(struct timers *timers, struct timer *timer, int64_t due_us);
void timers_stop(struct timers *timers, struct timer *timer); /* harmless when not running */
bool timer_running(const struct timer *timer);

/* Due time of the first, or INT64_MAX when none runs. */
int64_t timers_next_us(const struct timers *timers);

/* Fires every timer due at or before `now_us`, earliest first, also those started meanwhile. */
void timers_fire(struct timers *timers, int64_t now_us);

#endif
