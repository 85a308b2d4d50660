/* SPDX-License-Identifier: MIT */
#ifndef BENCH_LATENCY_H
#define BENCH_LATENCY_H

/*
 * A histogram of latencies in microseconds: exact up to 63, then 32 steps to each doubling, so that
 * a percentile is told to within 3 %. Fixed size, no allocation, any number of samples.
 */
#include <stdint.h>

enum {
    LATENCY_STEP_BITS = 5,
    LATENCY_STEPS = 1 << LATENCY_STEP_BITS,
    LATENCY_DOUBLINGS = 32,
    LATENCY_BUCKETS = LATENCY_STEPS * LATENCY_DOUBLINGS,
};

struct latency {
    uint64_t counts[LATENCY_BUCKETS];
    uint64_t total;
};

void latency_add(struct latency *latency, int64_t duration_us);

/* The upper end of the step below which `share` (0 to 1) of the samples lie; 0 without samples. */
uint64_t latency_percentile_us(const struct latency *latency, double share);

#endif
