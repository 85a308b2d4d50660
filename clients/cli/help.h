/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_CLI_HELP_H
#define CLIENTS_CLI_HELP_H

/* What `iothub --help`, `iothub device --help` and `iothub device create --help` print, and the
 * man page. `width` is in columns. */
#include "base/buf.h"
#include "clients/cli/cli.h"

void help_append_all(struct buf *out, size_t width);
void help_append_group(struct buf *out, const char *group, size_t width);
void help_append_command(struct buf *out, const struct cli_command *command, size_t width);

/* iothub(1), in the man macros of groff and mandoc. */
void help_append_man(struct buf *out);

/* All commands and their options as JSON, for programs that want to know: {"commands": [{"group",
 * "name", "options": [{"name", "aliases", "letter", "value" ...}] ...}], "options": [...]}, the
 * last being those that every command has. */
void help_append_listing(struct buf *out);

/* "iothub device create DEVICE... [OPTION...]" */
void help_append_usage(struct buf *out, const struct cli_command *command);

/* "az iot hub query", "az iot device c2d-message send" */
void help_append_az(struct buf *out, const char *name);

/* "-o, --output FORMAT"; az's other name stands between: "--key-type, --kt KIND". */
void help_append_option(struct buf *out, const struct cli_option *option);

/* "json|table|tsv" -> "json, table or tsv" */
void help_append_choices(struct buf *out, const char *choices);

#endif
