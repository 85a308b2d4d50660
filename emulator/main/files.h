/* SPDX-License-Identifier: MIT */
#ifndef MAIN_FILES_H
#define MAIN_FILES_H

/* Whole files: read at once, or written so that nobody ever sees half of one. */
#include "base/attr.h"
#include "base/buf.h"
#include "base/status.h"

/* Appends the file's bytes; *ret_there tells whether there is one (an absent file is no failure).
 */
MUST_CHECK enum status file_read(const char *path, struct buf *out, bool *ret_there,
                                 struct problem *problem);

/* Writes beside it, fsyncs, renames. `mode` holds whatever the umask says. */
MUST_CHECK enum status file_write(const char *path, struct str bytes, unsigned mode,
                                  struct problem *problem);

/* The same, left open with a lock on it (flock), which lasts until *ret_fd, the caller's, is
 * closed. `mode` holds whatever the umask says. */
MUST_CHECK enum status file_write_locked(const char *path, struct str bytes, unsigned mode,
                                         int *ret_fd, struct problem *problem);

/* Whether a process has written it with file_write_locked() and not closed it yet. */
bool file_locked(const char *path);

/* An absent file is no failure. */
MUST_CHECK enum status file_remove(const char *path, struct problem *problem);

/* Makes what is missing of the folder and those above it; `mode` holds whatever the umask says. */
MUST_CHECK enum status folder_make(const char *path, unsigned mode, struct problem *problem);

#endif
