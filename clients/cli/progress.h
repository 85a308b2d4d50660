/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_CLI_PROGRESS_H
#define CLIENTS_CLI_PROGRESS_H

/*
 * A bar on standard error for what takes longer than a second:
 *
 *   creating [#########---------------]  37,000 of 100,000  38 %  9,250/s  7 s left
 *
 * It appears after a second, only where standard error is a terminal, and leaves nothing behind.
 * There is one at a time.
 */
#include <stdint.h>

#include "base/buf.h"

struct progress {
    const char *what; /* "creating"; outlives it */
    uint64_t total;   /* 0: nobody knows */
    char note[64];    /* stands after the rate: ASCII, "" at first */
    uint64_t done;
    int64_t started_us; /* monotonic, as are the others */
    int64_t drawn_us;
    bool wanted; /* standard error is a terminal */
    bool shown;  /* there is something to be cleared away */
};

void progress_start(struct progress *progress, const char *what, uint64_t total);
void progress_step(struct progress *progress, uint64_t done); /* so many in all, up to now */
void progress_stop(const struct progress *progress);          /* clears it away */

/* Clears the bar that is shown, if any, so that something else can be written; it comes back with
 * the next step. Also clears the ^C that a terminal shows for a Ctrl-C that was caught. */
void progress_hide(void);

/* True while there are characters of a bar on the terminal: for a signal handler. */
bool progress_is_shown(void);

/* The text of a bar, at most `width` columns of it: what it would draw at `now_us`. */
void progress_append(struct buf *out, const struct progress *progress, int64_t now_us,
                     size_t width);

#endif
