/* SPDX-License-Identifier: MIT */
#ifndef STORAGE_CHECKPOINT_INTERNAL_H
#define STORAGE_CHECKPOINT_INTERNAL_H

/*
 * Moves the write-ahead logs into their databases on a thread of its own, since in the event loop
 * the two fsyncs of a checkpoint cost everyone 9-28 ms.
 *
 * The thread has its own connections. All that crosses between it and the loop is a page count and
 * a flag per database, under one mutex.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/status.h"

struct checkpointer;

struct checkpoint_file {
    const char *path;
    size_t page_size;
};

/* `files` are copied; at most CHECKPOINT_FILES_MAX. */
enum { CHECKPOINT_FILES_MAX = 2 };
MUST_CHECK enum status checkpointer_create(const struct checkpoint_file *files, size_t count,
                                           bool sync_full, struct checkpointer **ret_checkpointer);
void checkpointer_destroy(struct checkpointer *checkpointer); /* awaits a pass; takes NULL */

/*
 * After a commit: the log of files[index] now has so many pages. The thread is woken when that is
 * worth its while. True when the log is too long and the thread at rest: it cannot catch up with
 * the writer, who is then to copy the little that is left himself.
 */
MUST_CHECK bool checkpointer_note(struct checkpointer *checkpointer, size_t index, size_t pages);

#endif
