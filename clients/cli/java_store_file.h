/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_CLI_JAVA_STORE_FILE_H
#define CLIENTS_CLI_JAVA_STORE_FILE_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/status.h"
#include "clients/cli/ready_file.h"

/*
 * Sees to it that there is a Java trust store of the emulator's bundle, and appends its path:
 * beside the emulator's authority, or, where that folder is not ours to write in, in the user's
 * cache
 * ($XDG_CACHE_HOME/iothub, or ~/.cache/iothub). One that is as it should be is left alone. A
 * problem says what is in the way.
 */
MUST_CHECK enum status java_store_provide(const struct ready_file *ready, struct buf *path,
                                          struct problem *problem);

#endif
