/* SPDX-License-Identifier: MIT */
#include "clients/cli/simulator.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "clients/cli/simulated_internal.h"

enum {
    ROWS_MAX = 4096, /* that wait to be shown; then the devices wait */
    STACK_SIZE = 512 << 10,
};

struct waiting_row {
    struct list link; /* in simulator->rows */
    cJSON *row;       /* owned */
};

/* ---- rows, from the devices' threads to the caller's ---- */

static bool is_stopping(struct simulator *simulator)
{
    return atomic_load(&simulator->stopping);
}

void simulator_push(struct simulator *simulator, cJSON *row)
{
    struct waiting_row *waiting = mem_zalloc(sizeof(*waiting));
    if (row == NULL || waiting == NULL) {
        cJSON_Delete(row); /* what is not shown still counts */
        mem_free(waiting);
        return;
    }
    waiting->row = row;
    (void)pthread_mutex_lock(&simulator->lock);
    while (simulator->row_count >= ROWS_MAX && !is_stopping(simulator)) {
        (void)pthread_cond_wait(&simulator->has_room, &simulator->lock);
    }
    list_append(&simulator->rows, &waiting->link);
    simulator->row_count++;
    (void)pthread_cond_signal(&simulator->has_rows);
    (void)pthread_mutex_unlock(&simulator->lock);
}

static cJSON *take_row(struct simulator *simulator)
{
    if (list_empty(&simulator->rows)) {
        return NULL;
    }
    struct waiting_row *waiting = LIST_ENTRY(simulator->rows.next, struct waiting_row, link);
    cJSON *row = waiting->row;
    list_remove(&waiting->link);
    mem_free(waiting);
    simulator->row_count--;
    (void)pthread_cond_signal(&simulator->has_room);
    return row;
}

static void wait_for_rows(struct simulator *simulator, int timeout_ms)
{
    const int64_t until_us = clock_monotonic_us() + (int64_t)timeout_ms * 1000;
    const struct timespec until = {.tv_sec = (time_t)(until_us / CLOCK_SECOND),
                                   .tv_nsec = (long)(until_us % CLOCK_SECOND) * 1000};
    int result = 0;
    while (list_empty(&simulator->rows) && simulator->running > 0 && result == 0) {
        result = pthread_cond_timedwait(&simulator->has_rows, &simulator->lock, &until);
    }
}

bool simulator_next(struct simulator *simulator, int timeout_ms, cJSON **ret_row)
{
    (void)pthread_mutex_lock(&simulator->lock);
    wait_for_rows(simulator, timeout_ms);
    *ret_row = take_row(simulator);
    const bool more = *ret_row != NULL || simulator->running > 0;
    (void)pthread_mutex_unlock(&simulator->lock);
    return more;
}

void simulator_note_failure(struct simulator *simulator, const struct iothub_error *error)
{
    (void)pthread_mutex_lock(&simulator->lock);
    if (simulator->failure.result == IOTHUB_OK) {
        simulator->failure = *error;
    }
    (void)pthread_mutex_unlock(&simulator->lock);
}

struct iothub_error simulator_failure(struct simulator *simulator)
{
    (void)pthread_mutex_lock(&simulator->lock);
    const struct iothub_error failure = simulator->failure;
    (void)pthread_mutex_unlock(&simulator->lock);
    return failure;
}

/* ---- threads ---- */

static void *run_device(void *ctx)
{
    struct simulated *self = ctx;
    struct simulator *simulator = self->simulator;
    simulated_run(self);
    (void)pthread_mutex_lock(&simulator->lock);
    simulator->running--;
    (void)pthread_cond_signal(&simulator->has_rows);
    (void)pthread_mutex_unlock(&simulator->lock);
    return NULL;
}

static bool start_thread(struct simulator *simulator, struct simulated *self,
                         const pthread_attr_t *attributes)
{
    (void)pthread_mutex_lock(&simulator->lock);
    simulator->running++;
    (void)pthread_mutex_unlock(&simulator->lock);
    self->started = pthread_create(&self->thread, attributes, run_device, self) == 0;
    if (!self->started) {
        (void)pthread_mutex_lock(&simulator->lock);
        simulator->running--;
        (void)pthread_mutex_unlock(&simulator->lock);
    }
    return self->started;
}

enum status simulator_start(struct simulator *simulator)
{
    /* Signals are the caller's: a thread inherits what is blocked when it is made. */
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_t attributes;
    bool started = pthread_attr_init(&attributes) == 0;
    if (started) {
        (void)pthread_attr_setstacksize(&attributes, STACK_SIZE);
        simulator->started_us = clock_monotonic_us();
        for (size_t i = 0; i < simulator->count && started; i++) {
            started = start_thread(simulator, &simulator->devices[i], &attributes);
        }
        (void)pthread_attr_destroy(&attributes);
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started ? STATUS_OK : STATUS_UNAVAILABLE;
}

void simulator_stop(struct simulator *simulator)
{
    (void)pthread_mutex_lock(&simulator->lock);
    atomic_store(&simulator->stopping, true);
    (void)pthread_cond_broadcast(&simulator->has_room);
    (void)pthread_mutex_unlock(&simulator->lock);
}

/* ---- life ---- */

static enum status set_up(struct simulator *simulator, const struct acting *acting,
                          struct problem *problem)
{
    simulator->devices = mem_zalloc(acting->count * sizeof(*simulator->devices));
    if (simulator->devices == NULL) {
        return STATUS_NO_MEMORY;
    }
    simulator->count = acting->count;
    for (size_t i = 0; i < acting->count; i++) {
        const enum status status =
            simulated_init(&simulator->devices[i], simulator, i, acting, problem);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

static enum status make_locks(struct simulator *simulator)
{
    pthread_condattr_t monotonic;
    if (pthread_condattr_init(&monotonic) != 0) {
        return STATUS_NO_MEMORY;
    }
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    const bool made = pthread_mutex_init(&simulator->lock, NULL) == 0 &&
                      pthread_cond_init(&simulator->has_rows, &monotonic) == 0 &&
                      pthread_cond_init(&simulator->has_room, NULL) == 0 &&
                      sem_init(&simulator->gate, 0, SIMULATOR_CONNECTING_MAX) == 0;
    (void)pthread_condattr_destroy(&monotonic);
    return made ? STATUS_OK : STATUS_NO_MEMORY;
}

void simulator_destroyp(struct simulator **simulator)
{
    simulator_destroy(*simulator);
}

enum status simulator_create(const struct simulation *simulation, const struct acting *acting,
                             struct simulator **ret_simulator, struct problem *problem)
{
    assert(acting->count > 0 && acting->count <= SIMULATOR_DEVICES_MAX);
    assert(simulation->property_count <= SIMULATOR_PROPERTIES_MAX);

    struct simulator *simulator CLEANUP(simulator_destroyp) = mem_zalloc(sizeof(*simulator));
    if (simulator == NULL) {
        return STATUS_NO_MEMORY;
    }
    list_init(&simulator->rows);
    simulator->plan = simulation;
    if (make_locks(simulator) != STATUS_OK) {
        mem_free(TAKE(simulator));
        return STATUS_NO_MEMORY;
    }
    const enum status status = set_up(simulator, acting, problem);
    if (status == STATUS_OK) {
        *ret_simulator = TAKE(simulator);
    }
    return status;
}

void simulator_destroy(struct simulator *simulator)
{
    if (simulator == NULL) {
        return;
    }
    simulator_stop(simulator);
    for (size_t i = 0; i < simulator->count; i++) {
        if (simulator->devices[i].started) {
            (void)pthread_join(simulator->devices[i].thread, NULL);
        }
        simulated_finish(&simulator->devices[i]);
    }
    cJSON *row = NULL;
    while ((row = take_row(simulator)) != NULL) {
        cJSON_Delete(row);
    }
    mem_free(simulator->devices);
    (void)sem_destroy(&simulator->gate);
    (void)pthread_cond_destroy(&simulator->has_room);
    (void)pthread_cond_destroy(&simulator->has_rows);
    (void)pthread_mutex_destroy(&simulator->lock);
    mem_free(simulator);
}

void simulator_totals(const struct simulator *simulator, struct simulator_totals *ret_totals)
{
    const struct simulator_counts *counts = &simulator->counts;
    const int64_t first_us = atomic_load(&counts->first_us);
    const int64_t last_us = atomic_load(&counts->last_us);
    *ret_totals = (struct simulator_totals){
        .devices = simulator->count,
        .connected = atomic_load(&counts->connected),
        .failed = atomic_load(&counts->failed),
        .sent = atomic_load(&counts->sent),
        .acknowledged = atomic_load(&counts->acknowledged),
        .bytes = atomic_load(&counts->bytes),
        .reconnects = atomic_load(&counts->reconnects),
        .methods = atomic_load(&counts->methods),
        .messages = atomic_load(&counts->messages),
        .desired = atomic_load(&counts->desired),
        .elapsed_us = first_us == 0 || last_us < first_us ? 0 : last_us - first_us,
    };
}
