/* SPDX-License-Identifier: MIT */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

/*
 * Time as a parameter. A clock runs with the system's, is shifted against it, or stands still;
 * every timestamp, expiry and timer of a hub comes from its clock. Times are microseconds since
 * 1970-01-01 UTC; durations are microseconds too. This is the only file that asks the system for
 * the time.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

#define CLOCK_SECOND INT64_C(1000000)

/* 0001-01-01T00:00:00Z, what the hub shows for "never" (.NET's smallest date). */
#define CLOCK_NEVER INT64_C(-62135596800000000)

struct clock {
    bool frozen;
    int64_t frozen_at_us; /* the time while frozen */
    int64_t shift_us;     /* added to the system's time while running */
};

#define CLOCK_SYSTEM ((struct clock){0})

int64_t clock_now_us(const struct clock *clock);
void clock_freeze(struct clock *clock);
void clock_run(struct clock *clock);                 /* goes on from where it stood */
void clock_set(struct clock *clock, int64_t now_us); /* frozen or running, as it was */
void clock_advance(struct clock *clock, int64_t duration_us);

/* Monotonic microseconds of the machine, for measuring only: never shown, never stored. */
int64_t clock_monotonic_us(void);

/* ISO 8601 as the service writes it: "2020-08-14T21:35:30.4092697Z", seven fraction digits always;
 * CLOCK_NEVER is "0001-01-01T00:00:00Z", without a fraction. */
#define CLOCK_TEXT_SIZE 29U
void clock_append_iso(struct buf *out, int64_t time_us);
void clock_text_iso(int64_t time_us, char out[CLOCK_TEXT_SIZE]); /* NUL-ended */

/* "11/21/2026 11:00:00", the form inside the service's tracking ids; NUL-ended. */
#define CLOCK_TEXT_US_SIZE 20U
void clock_text_us(int64_t time_us, char out[CLOCK_TEXT_US_SIZE]);

/* Reads ISO 8601: date, "T", time, 0 to 9 fraction digits (cut to six), "Z", "+hh:mm" or nothing
 * (UTC). False on anything else, leaving *ret_time_us. */
bool clock_from_iso(struct str text, int64_t *ret_time_us);

/* .NET ticks (100 ns since 0001-01-01), the generationId's unit. */
int64_t clock_dotnet_ticks(int64_t time_us);

#endif
