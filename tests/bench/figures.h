/* SPDX-License-Identifier: MIT */
#ifndef BENCH_FIGURES_H
#define BENCH_FIGURES_H

/* What a run has used, for the programs that measure. */
#include <stdbool.h>
#include <stdint.h>

/* User and system time of this process. */
int64_t figures_own_cpu_us(void);

/* The same of another one and all its threads, those that ended too; 0 when it is gone, or `pid`
 * is 0. The kernel counts in ticks of 10 ms. */
int64_t figures_process_cpu_us(uint64_t pid);

/* An option's number from `min` to `max`; complains on stderr, in the name of `program`. */
bool figures_number(const char *program, const char *text, uint64_t min, uint64_t max,
                    uint64_t *ret_value);

#endif
