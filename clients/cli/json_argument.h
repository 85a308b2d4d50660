/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_CLI_JSON_ARGUMENT_H
#define CLIENTS_CLI_JSON_ARGUMENT_H

/* JSON on the command line: as text, in a file, from standard input; and single changes to it. */
#include "base/json.h"
#include "clients/cli/cli.h"

enum { JSON_ARGUMENT_MAX = 64 << 20 };

/*
 * Reads what an option like --json was given: "-" means standard input, the name of a file the
 * file, anything else is JSON itself. `what` names it for refusals: "--json". Anything but CLI_DONE
 * was said.
 */
MUST_CHECK enum cli_exit json_argument_read(const char *argument, const char *what,
                                            cJSON **ret_tree);

/* The same without reading the text as JSON: its bytes, at most `out`'s maximum. */
MUST_CHECK enum cli_exit json_argument_text(const char *argument, const char *what,
                                            struct buf *out);

/*
 * Changes `tree`, an object, by "tags.floor=2": the member at the path becomes the value, which is
 * read as JSON or, where it is none, taken as text. Objects on the way are made. False when there
 * is no '=', a name is empty, or something on the way is no object; `problem` says so.
 */
MUST_CHECK bool json_argument_set(cJSON *tree, const char *change, struct problem *problem);

/* All of --set's changes; anything but CLI_DONE was said. */
MUST_CHECK enum cli_exit json_argument_set_all(const struct cli_call *call, cJSON *tree);

#endif
