/* SPDX-License-Identifier: MIT */
#ifndef MAIN_READY_FILE_H
#define MAIN_READY_FILE_H

/*
 * The file by which programs find the running emulator. It is there from when everything is up
 * until the clean end; its writer holds a lock (flock) on it meanwhile, so that what a killed
 * emulator left behind is told from what a living one stands by, whatever became of its pid.
 *
 * A living emulator's file is never taken from it.
 */
#include <limits.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/status.h"
#include "base/str.h"

struct ready_file {
    char path[PATH_MAX + 64];
    int fd;           /* locked while the file is ours; -1 otherwise */
    long holder;      /* pid of the emulator that has the file already; 0: nobody, -1: unknown */
    bool other_holds; /* and it goes on holding it: nothing is written */
};

#define READY_FILE_INIT                                                                            \
    {                                                                                              \
        .fd = -1                                                                                   \
    }

/* Removes what a killed emulator left at `path`, so that a file there means a ready emulator.
 * Where a living one stands by it, sets other_holds and its pid. */
MUST_CHECK enum status ready_file_claim(struct ready_file *file, const char *path,
                                        struct problem *problem);

/* Writes it whole, unless another holds it. */
MUST_CHECK enum status ready_file_write(struct ready_file *file, struct str text, unsigned mode,
                                        struct problem *problem);

/* Removes it if it is this process's; harmless when it never came to be. */
void ready_file_remove(struct ready_file *file);

#endif
