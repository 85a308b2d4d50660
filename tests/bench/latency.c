/* SPDX-License-Identifier: MIT */
#include "tests/bench/latency.h"

#include <stddef.h>

enum { EXACT = 2 * LATENCY_STEPS };

/* The first two rows of steps are exact; row n > 0 covers [32 << (n-1), 64 << (n-1)). */
static size_t bucket_of(uint64_t value)
{
    unsigned shift = 0;
    while (value >> shift >= EXACT) {
        shift++;
    }
    const size_t bucket = (size_t)shift * LATENCY_STEPS + (size_t)(value >> shift);
    return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

static uint64_t upper_end(size_t bucket)
{
    if (bucket < EXACT) {
        return bucket;
    }
    const size_t shift = bucket / LATENCY_STEPS - 1;
    const uint64_t step = bucket - shift * LATENCY_STEPS;
    return ((step + 1) << shift) - 1;
}

void latency_add(struct latency *latency, int64_t duration_us)
{
    latency->counts[bucket_of(duration_us < 0 ? 0 : (uint64_t)duration_us)]++;
    latency->total++;
}

uint64_t latency_percentile_us(const struct latency *latency, double share)
{
    const double wanted = share * (double)latency->total;
    uint64_t below = 0;
    for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
        below += latency->counts[i];
        if (below > 0 && (double)below >= wanted) {
            return upper_end(i);
        }
    }
    return 0;
}
