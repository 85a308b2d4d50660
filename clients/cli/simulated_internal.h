/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_CLI_SIMULATED_INTERNAL_H
#define CLIENTS_CLI_SIMULATED_INTERNAL_H

/*
 * What simulator.c, which has the threads and the rows, shares with simulated.c, which is one
 * device: all that a device touches of the others is counts, rows and the gate.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/random.h"
#include "clients/cli/simulator.h"

/* How many may be connecting at the same time: more would only wait for each other's handshakes. */
enum { SIMULATOR_CONNECTING_MAX = 32 };

struct simulator_counts {
    _Atomic uint64_t connected;
    _Atomic uint64_t failed;
    _Atomic uint64_t sent;
    _Atomic uint64_t acknowledged;
    _Atomic uint64_t bytes;
    _Atomic uint64_t reconnects;
    _Atomic uint64_t methods;
    _Atomic uint64_t messages;
    _Atomic uint64_t desired;
    _Atomic int64_t first_us; /* when the first message was sent; monotonic; 0: none was */
    _Atomic int64_t last_us;  /* when the last one was */
};

struct simulated {
    struct simulator *simulator;
    size_t index;
    struct iothub_device *device; /* owned; its own thread's, once that has started */
    struct random random;
    struct template_state body_state;
    struct template_state *property_states; /* owned; one for each property */
    struct buf body;                        /* the next message's */
    struct buf values;                      /* of its properties, a NUL after each */
    bool rendered;                          /* body and values are there, but not yet sent */
    uint64_t sent;
    int64_t start_us; /* when its first message is due; monotonic */
    pthread_t thread;
    bool started;
};

struct simulator {
    const struct simulation *plan; /* borrowed */
    struct simulated *devices;     /* owned */
    size_t count;
    int64_t started_us;
    struct simulator_counts counts;
    atomic_bool stopping;
    sem_t gate; /* in front of connecting */

    pthread_mutex_t lock; /* for what follows */
    pthread_cond_t has_rows;
    pthread_cond_t has_room;
    struct list rows; /* of struct waiting_row, oldest first */
    size_t row_count;
    size_t running;              /* threads */
    struct iothub_error failure; /* the first */
};

/* Hands a row over; waits while too many wait already. NULL (memory was refused) is left out. */
void simulator_push(struct simulator *simulator, cJSON *row);

void simulator_note_failure(struct simulator *simulator, const struct iothub_error *error);

/* simulated.c */

MUST_CHECK enum status simulated_init(struct simulated *self, struct simulator *simulator,
                                      size_t index, const struct acting *acting,
                                      struct problem *problem);
void simulated_finish(struct simulated *self); /* takes zeroed and half-built ones */

/* A device's life, in its thread: until its messages are sent, or the simulator stops, or it is
 * refused for good. */
void simulated_run(struct simulated *self);

/* When message k (0, 1 ...) is due: on a grid, so that lateness does not add up. */
int64_t simulated_due_us(int64_t start_us, int64_t interval_us, uint64_t k);

/* simulated_rows.c: rows as simulator.h describes them; NULL when memory was refused */

cJSON *row_event(const struct simulated *self, const char *event);
cJSON *row_reason(const struct simulated *self, const char *event, const char *reason);
cJSON *row_message(const struct simulated *self, const char *event,
                   const struct iothub_device_message *message);
cJSON *row_method(const struct simulated *self, const struct iothub_device_method *method,
                  int status, const char *answer);
cJSON *row_desired(const struct simulated *self, const struct iothub_device_desired *desired);

#endif
