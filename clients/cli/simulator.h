/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_CLI_SIMULATOR_H
#define CLIENTS_CLI_SIMULATOR_H

/*
 * Devices that send telemetry at a rate and answer what they are asked: each in a thread of its
 * own, as the device library's calls wait. What happens to them comes to the caller's thread as
 * rows:
 *
 *   struct simulator *simulator = NULL;
 *   if (simulator_create(&plan, actors, count, &simulator, &problem) == STATUS_OK) {
 *       while (simulator_next(simulator, 100, &row)) {
 *           ... show the row, if there is one; maybe simulator_stop() ...
 *       }
 *   }
 *   simulator_destroy(simulator);
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "clients/cli/acting.h"
#include "clients/cli/template.h"

enum { SIMULATOR_DEVICES_MAX = 1000, SIMULATOR_PROPERTIES_MAX = 64 };

struct simulated_property {
    const char *name; /* "$.ct" and the other short names of system properties are understood */
    struct template value;
};

/* What each device does. What it points to must outlive the simulator. */
struct simulation {
    const struct template *body;
    const struct simulated_property *properties;
    size_t property_count;
    const char *content_type;  /* NULL: application/json, and utf-8, for what is JSON */
    uint64_t count;            /* messages of each device; UINT64_MAX: there is no end */
    bool stays;                /* after its messages it stays connected, until simulator_stop() */
    int64_t interval_us;       /* between two messages of a device; 0: as fast as they go */
    int64_t patience_us;       /* at the end, with what the hub has not confirmed; 0: no limit */
    bool listens;              /* answers methods, hears messages and desired properties */
    int method_status;         /* what methods are answered with */
    const char *method_answer; /* JSON; NULL: the request, as an echo */
    const char *reported;      /* JSON, reported once at the start; NULL: nothing */
    bool shows_sent;           /* each message sent is a row, too */
    bool seeded;               /* device i draws from (seed, i); otherwise nobody knows from what */
    uint64_t seed;
};

struct simulator;

/*
 * Reads the connection strings; nothing is sent yet. STATUS_INVALID: one of them, or its
 * certificate, cannot be used, and `problem` says why. STATUS_NO_MEMORY.
 */
MUST_CHECK enum status simulator_create(const struct simulation *simulation,
                                        const struct acting *acting,
                                        struct simulator **ret_simulator, struct problem *problem);
void simulator_destroy(struct simulator *simulator);   /* waits for all devices; takes NULL */
void simulator_destroyp(struct simulator **simulator); /* for CLEANUP */

/* STATUS_UNAVAILABLE: the system gives no more threads; those that started go on. */
MUST_CHECK enum status simulator_start(struct simulator *simulator);

/*
 * Waits for the next row, at most so long; *ret_row is NULL when there was none. False when all
 * devices have ended and all rows were taken. Free rows with cJSON_Delete().
 *
 * A row has "time", "deviceId", "moduleId" for a module, and "event":
 *   connected                       at last
 *   lost, failed   "reason"         it is being made again; it is given up
 *   back
 *   sent           "n" "payload" "properties"
 *   method         "name" "payload" "status" "response"
 *   message        "payload" "properties" ...
 *   desired        "version" "payload" "whole"
 */
bool simulator_next(struct simulator *simulator, int timeout_ms, cJSON **ret_row);

/* No more messages; what is under way is waited for, a little while. */
void simulator_stop(struct simulator *simulator);

struct simulator_totals {
    uint64_t devices;
    uint64_t connected; /* now */
    uint64_t failed;    /* devices that gave up */
    uint64_t sent;
    uint64_t acknowledged; /* of those, what the hub has stored */
    uint64_t bytes;        /* in the bodies of those */
    uint64_t reconnects;
    uint64_t methods;
    uint64_t messages;
    uint64_t desired;
    int64_t elapsed_us; /* since the first message, up to the last */
};

/* Why the first device that gave up did; `result` is IOTHUB_OK when none has. */
struct iothub_error simulator_failure(struct simulator *simulator);

void simulator_totals(const struct simulator *simulator, struct simulator_totals *ret_totals);

#endif
