/* SPDX-License-Identifier: MIT */
#include "base/timers.h"

#include <assert.h>

#include "base/alloc.h"

enum { CAPACITY_FIRST = 16 };

void timers_init(struct timers *timers)
{
    *timers = (struct timers){0};
}

void timers_finish(struct timers *timers)
{
    if (timers == NULL) {
        return;
    }
    for (size_t i = 0; i < timers->size; i++) {
        timers->heap[i]->position = 0;
    }
    mem_free(timers->heap);
    timers_init(timers);
}

static bool before(const struct timer *a, const struct timer *b)
{
    return a->due_us != b->due_us ? a->due_us < b->due_us : a->order < b->order;
}

static void place(struct timers *timers, struct timer *timer, size_t index)
{
    timers->heap[index] = timer;
    timer->position = index + 1;
}

/* Puts `timer` at `index`, or higher, where its parent is before it. */
static void sift_up(struct timers *timers, struct timer *timer, size_t index)
{
    while (index > 0) {
        struct timer *parent = timers->heap[(index - 1) / 2];
        if (before(parent, timer)) {
            break;
        }
        place(timers, parent, index);
        index = (index - 1) / 2;
    }
    place(timers, timer, index);
}

/* Puts `timer` at `index`, or lower, where it is before its children. */
static void sift_down(struct timers *timers, struct timer *timer, size_t index)
{
    while (2 * index + 1 < timers->size) {
        size_t child = 2 * index + 1;
        if (child + 1 < timers->size && before(timers->heap[child + 1], timers->heap[child])) {
            child++;
        }
        if (before(timer, timers->heap[child])) {
            break;
        }
        place(timers, timers->heap[child], index);
        index = child;
    }
    place(timers, timer, index);
}

static void sift(struct timers *timers, struct timer *timer, size_t index)
{
    if (index > 0 && before(timer, timers->heap[(index - 1) / 2])) {
        sift_up(timers, timer, index);
    } else {
        sift_down(timers, timer, index);
    }
}

static enum status make_room(struct timers *timers)
{
    if (timers->size < timers->capacity) {
        return STATUS_OK;
    }
    const size_t capacity = timers->capacity == 0 ? CAPACITY_FIRST : timers->capacity * 2;
    if (capacity > SIZE_MAX / sizeof(struct timer *)) {
        return STATUS_NO_MEMORY;
    }
    struct timer **heap = mem_realloc(timers->heap, capacity * sizeof(struct timer *));
    if (heap == NULL) {
        return STATUS_NO_MEMORY;
    }
    timers->heap = heap;
    timers->capacity = capacity;
    return STATUS_OK;
}

enum status timers_start(struct timers *timers, struct timer *timer, int64_t due_us)
{
    assert(timer->fire != NULL);
    if (!timer_running(timer)) {
        const enum status status = make_room(timers);
        if (status != STATUS_OK) {
            return status;
        }
        place(timers, timer, timers->size++);
    }
    timer->due_us = due_us;
    timer->order = timers->order_next++;
    sift(timers, timer, timer->position - 1);
    return STATUS_OK;
}

void timers_stop(struct timers *timers, struct timer *timer)
{
    if (!timer_running(timer)) {
        return;
    }
    const size_t hole = timer->position - 1;
    assert(hole < timers->size && timers->heap[hole] == timer);
    timer->position = 0;
    struct timer *last = timers->heap[--timers->size];
    if (last != timer) {
        sift(timers, last, hole);
    }
}

bool timer_running(const struct timer *timer)
{
    return timer->position != 0;
}

int64_t timers_next_us(const struct timers *timers)
{
    return timers->size == 0 ? INT64_MAX : timers->heap[0]->due_us;
}

void timers_fire(struct timers *timers, int64_t now_us)
{
    while (timers->size > 0 && timers->heap[0]->due_us <= now_us) {
        struct timer *timer = timers->heap[0];
        timers_stop(timers, timer);
        timer->fire(timer->ctx); /* `timer` may be gone after this */
    }
}
