/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_MESSAGING_BACKOFF_INTERNAL_H
#define CLIENTS_MESSAGING_BACKOFF_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

/* How long to wait before attempt number `attempt` (0 is the first): a second, twice as long each
 * time, half a minute at most, and up to half as long again by `chance`, lest many come back as
 * one. In microseconds. */
int64_t backoff_delay_us(unsigned attempt, uint64_t chance);

/* Sleeps until a time of clock_monotonic_us(). False: a signal was handled before. */
bool backoff_sleep(int64_t until_us);

#endif
