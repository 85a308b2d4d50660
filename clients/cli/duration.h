/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_CLI_DURATION_H
#define CLIENTS_CLI_DURATION_H

#include <stdint.h>

#include "base/buf.h"

/* Appends a duration in words of at most two units: "3 d 4 h", "12 min", "40 s". Negative ones lose
 * their sign. */
void duration_append(struct buf *out, int64_t seconds);

#endif
