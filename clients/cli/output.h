/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_CLI_OUTPUT_H
#define CLIENTS_CLI_OUTPUT_H

/*
 * What a command found goes to standard output, as --output says:
 *
 *   json    one document, indented; for a list one array; for a stream a document a line
 *   table   for people: a list has a line for each row, a document one for each member
 *   tsv     for cut and read: values only, a tab between them, a line for each row; tab, line feed,
 *           carriage return and backslash are written \t \n \r \\
 *
 * A command hands over JSON, and columns that say what of it a table and tsv show.
 */
#include "base/json.h"
#include "clients/cli/cli.h"

struct cli_column {
    const char *title; /* of a table: "Status" */
    const char *path; /* of the value: "status", "properties.desired.$version"; "": the whole row */
    size_t width; /* in a stream, whose rows are not known before: its columns; 0: the title's */
};

struct cli_columns {
    const struct cli_column *items;
    size_t count;
};

#define CLI_COLUMNS(array) ((struct cli_columns){.items = (array), .count = ARRAY_SIZE(array)})
/* Every member is a column, those of the first thousand rows: for rows of any shape. */
#define CLI_ALL_MEMBERS ((struct cli_columns){0})

enum { CLI_COLUMNS_MAX = 32 }; /* more members than that are not shown */

/* Prints one document. CLI_FAILED, which was said, when it cannot be written. */
MUST_CHECK enum cli_exit cli_print(const struct cli_call *call, const cJSON *document,
                                   struct cli_columns columns);

/* Prints text as it is, for what no JSON would make better: a script, an explanation. */
MUST_CHECK enum cli_exit cli_print_text(struct str text);

/*
 * Row after row. A table waits for the end, or for a thousand rows, to see how wide its columns
 * have to be; JSON and tsv are written as rows come. In a stream (something that goes on until it
 * is interrupted) everything is written at once, and JSON is one document a line.
 */
struct cli_rows {
    const struct cli_call *call;
    struct cli_columns columns;
    bool stream;
    size_t count;   /* rows that were added */
    cJSON *waiting; /* rows of a table, copied; owned */
    bool laid_out;  /* columns and widths are decided */
    size_t widths[CLI_COLUMNS_MAX];
    struct cli_column members[CLI_COLUMNS_MAX]; /* for CLI_ALL_MEMBERS; titles in the arena */
    struct arena arena;
    struct buf out;
    bool failed; /* which was said */
};

void cli_rows_begin(struct cli_rows *rows, const struct cli_call *call, struct cli_columns columns);
void cli_rows_begin_stream(struct cli_rows *rows, const struct cli_call *call,
                           struct cli_columns columns);

/* False when it could not be written: no more of them are wanted. */
bool cli_rows_add(struct cli_rows *rows, const cJSON *row);

/*
 * For streams with nothing to write for a while: has whoever read standard output gone (`| head`)?
 * The program then ends as one that writes into a closed pipe.
 */
void cli_rows_heed_reader(void);

/*
 * Writes what is left and frees everything. `so_far` is what the command would return: when that is
 * no CLI_DONE, a JSON array is left open, so that nobody takes it for the whole. Call it once,
 * whatever happened.
 */
MUST_CHECK enum cli_exit cli_rows_end(struct cli_rows *rows, enum cli_exit so_far);

/* ---- the parts, for tests ---- */

/* JSON indented by two spaces a level; an empty object is {}. `level` is that of its first line. */
void output_append_json(struct buf *out, const cJSON *tree, size_t level);

/* One value in plain text: strings bare, null and nothing empty, objects as JSON. Control
 * characters are escaped, so that no value can move the cursor or end the line. */
void output_append_cell(struct buf *out, const cJSON *value);

/* The same for somebody who reads it: times have no parts of a second, and the hub's
 * "0001-01-01T00:00:00Z" is "never". */
void output_append_shown(struct buf *out, const cJSON *value);

/* The value at "a.b.c", or the member of that whole name, or NULL. */
const cJSON *output_at(const cJSON *row, const char *path);

/* Makes the widest columns narrower until all of them, two spaces apart, fit `width`; none gets
 * narrower than eight. */
void output_fit(size_t *widths, size_t count, size_t width);

#endif
