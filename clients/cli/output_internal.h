/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_CLI_OUTPUT_INTERNAL_H
#define CLIENTS_CLI_OUTPUT_INTERNAL_H

/* What output.c has table.c do: how rows become lines under titles. */
#include "clients/cli/output.h"

/*
 * Adds a column for each member of `row` that has none yet, to those in members[0..count); returns
 * their new number. Names are copied into the arena; with none they are borrowed from the row.
 */
size_t output_add_members(struct cli_column *members, size_t count, const cJSON *row,
                          struct arena *arena);

/* Decides the columns by one row, where all members are wanted. */
void output_table_choose(struct cli_rows *rows, const cJSON *row);

/* One more row of a table: it waits, or is written if the widths are decided. */
void output_table_add(struct cli_rows *rows, const cJSON *row);
void output_table_finish(struct cli_rows *rows);

#endif
