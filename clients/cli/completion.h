/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_CLI_COMPLETION_H
#define CLIENTS_CLI_COMPLETION_H

/*
 * Scripts that let bash and zsh complete groups, commands, options and the values of options that
 * have choices; values that are files by the shell's own means. Made from the table of commands.
 */
#include "base/buf.h"
#include "clients/cli/cli.h"

void completion_append_bash(struct buf *out);
void completion_append_zsh(struct buf *out);

/* Files are what an option called FILE takes. */
bool completion_wants_file(const struct cli_option *option);

#endif
