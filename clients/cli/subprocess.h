/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_CLI_SUBPROCESS_H
#define CLIENTS_CLI_SUBPROCESS_H

/* Another program's few words: "node --version". */
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"

enum subprocess_result {
    SUBPROCESS_DONE,    /* it ended; *ret_exit_code says how */
    SUBPROCESS_MISSING, /* there is no such program in PATH */
    SUBPROCESS_SLOW,    /* it was ended after `timeout_ms` */
    SUBPROCESS_FAILED,  /* it was killed, or could not be started */
};

/*
 * Runs argv[0], found in PATH, with nothing to read, and appends what it prints on both streams to
 * `output` (what does not fit is passed over).
 */
MUST_CHECK enum subprocess_result subprocess_run(const char *const *argv, int64_t timeout_ms,
                                                 struct buf *output, int *ret_exit_code);

/*
 * The same for a function of our own, in a process of its own, since what it calls cannot be told
 * to stop: name resolution. Its exit code is what `body` returns.
 */
MUST_CHECK enum subprocess_result subprocess_call(int (*body)(int output_fd, void *ctx), void *ctx,
                                                  int64_t timeout_ms, struct buf *output,
                                                  int *ret_exit_code);

#endif
