/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_CLI_MESSAGE_ARGUMENT_H
#define CLIENTS_CLI_MESSAGE_ARGUMENT_H

/* The options --data, --data-file and --properties of commands that send a message. */
#include "base/buf.h"
#include "base/str.h"
#include "clients/cli/cli.h"

/*
 * Appends the message's body: text, @FILE, or - for standard input; where nothing is given,
 * `when_not_given`, or with NULL that is not understood. Anything but CLI_DONE was said.
 */
MUST_CHECK enum cli_exit message_argument_body(const struct cli_call *call,
                                               const char *when_not_given, struct buf *out);

/* Calls `add` for each pair of --properties, "NAME=VALUE;...", while it returns CLI_DONE; at most
 * `count_max` times. Names are trimmed, and not empty. */
MUST_CHECK enum cli_exit
message_argument_properties(const struct cli_call *call, size_t count_max,
                            enum cli_exit (*add)(void *ctx, struct str name, struct str value),
                            void *ctx);

#endif
