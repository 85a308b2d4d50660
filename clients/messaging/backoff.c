/* SPDX-License-Identifier: MIT */
#include "clients/messaging/backoff_internal.h"

#include <errno.h>
#include <time.h>

#include "base/clock.h"

int64_t backoff_delay_us(unsigned attempt, uint64_t chance)
{
    enum { DOUBLINGS = 5, MAX_S = 30 };
    const int64_t delay_us = attempt < DOUBLINGS ? CLOCK_SECOND << attempt : MAX_S * CLOCK_SECOND;
    return delay_us + (int64_t)(chance % (uint64_t)(delay_us / 2 + 1));
}

bool backoff_sleep(int64_t until_us)
{
    const int64_t left_us = until_us - clock_monotonic_us();
    const struct timespec time = {.tv_sec = (time_t)(left_us / CLOCK_SECOND),
                                  .tv_nsec = (long)(left_us % CLOCK_SECOND * 1000)};
    return left_us <= 0 || nanosleep(&time, NULL) == 0 || errno != EINTR;
}
