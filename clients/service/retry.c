/* SPDX-License-Identifier: MIT */
#include "clients/service/service_internal.h"

#include <time.h>

#include "base/clock.h"

enum {
    FIRST_WAIT_MS = 1000,
    WAIT_MS_MAX = 30000,
    SLICE_US = 100000, /* how often somebody who wants to stop is heard */
};

int64_t service_retry_wait_ms(int tries, int64_t retry_after_s, uint64_t chance)
{
    if (retry_after_s > 0) {
        const int64_t most_s = SERVICE_TIME_S_MAX;
        return (retry_after_s < most_s ? retry_after_s : most_s) * 1000 +
               (int64_t)(chance % FIRST_WAIT_MS);
    }
    int64_t wait_ms = FIRST_WAIT_MS;
    for (int i = 1; i < tries && wait_ms < WAIT_MS_MAX; i++) {
        wait_ms *= 2;
    }
    wait_ms = wait_ms < WAIT_MS_MAX ? wait_ms : WAIT_MS_MAX;
    return wait_ms / 2 + (int64_t)(chance % (uint64_t)(wait_ms / 2 + 1));
}

bool service_retry_sleep(const struct iothub_service *service, int64_t wait_ms)
{
    const int64_t until_us = clock_monotonic_us() + wait_ms * 1000;
    int64_t left_us = wait_ms * 1000;
    while (left_us > 0) {
        if (service->stop != NULL && service->stop(service->stop_ctx)) {
            return false;
        }
        const int64_t slice_us = left_us < SLICE_US ? left_us : SLICE_US;
        const struct timespec slice = {.tv_nsec = (long)slice_us * 1000};
        (void)nanosleep(&slice, NULL);
        left_us = until_us - clock_monotonic_us();
    }
    return true;
}
