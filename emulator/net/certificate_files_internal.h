/* SPDX-License-Identifier: MIT */
#ifndef NET_CERTIFICATE_FILES_INTERNAL_H
#define NET_CERTIFICATE_FILES_INTERNAL_H

/* The directory of certificates: one writer at a time, no file ever half written. */
#include <sys/types.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/status.h"

#define CERTIFICATE_FILE_SIZE_MAX                                                                  \
    ((size_t)4 * 1024 * 1024) /* a bundle of all public roots is 220 KiB */

/* Makes the directory and its parents where missing, and waits for the lock on it. */
MUST_CHECK enum status certificate_directory_lock(const char *directory, int *ret_fd,
                                                  struct problem *problem);
void certificate_directory_unlockp(const int *fd); /* for CLEANUP; -1 is allowed */

/* Appends the file's bytes. STATUS_UNAVAILABLE when there is no such file. `directory_fd` may be
 * AT_FDCWD. */
MUST_CHECK enum status certificate_file_read(int directory_fd, const char *name, struct buf *out);

/* Writes beside it, syncs and renames. */
MUST_CHECK enum status certificate_file_write(int directory_fd, const char *name, mode_t mode,
                                              struct str bytes, struct problem *problem);

#endif
