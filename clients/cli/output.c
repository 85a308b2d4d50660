/* SPDX-License-Identifier: MIT */
#include "clients/cli/output.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clients/cli/output_internal.h"
#include "clients/cli/progress.h"
#include "clients/cli/terminal.h"

enum { OUT_MAX = 64 << 20, WRITE_SIZE = 32 << 10 };

/* ---- writing ---- */

/* A reader that has gone (`| head`) is no fault worth a word: end as other filters do. */
static enum cli_exit could_not_write(int error)
{
    if (error == EPIPE) {
        (void)signal(SIGPIPE, SIG_DFL);
        (void)raise(SIGPIPE);
    }
    return cli_fail(CLI_FAILED, "the answer could not be written: %s", strerror(error));
}

void cli_rows_heed_reader(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO}; /* POLLERR need not be asked for */
    if (poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0) {
        (void)could_not_write(EPIPE);
    }
}

static enum cli_exit write_out(struct buf *out, bool at_once)
{
    if (buf_status(out) != STATUS_OK) {
        return cli_fail(CLI_FAILED, "the answer cannot be shown: %s", status_text(buf_status(out)));
    }
    if (out->size > 0 && isatty(STDOUT_FILENO)) {
        progress_hide(); /* it is on the same terminal, as a rule */
    }
    errno = 0;
    if (fwrite(out->data == NULL ? "" : out->data, 1, out->size, stdout) != out->size ||
        (at_once && fflush(stdout) != 0)) {
        return could_not_write(errno);
    }
    buf_clear(out);
    return CLI_DONE;
}

enum cli_exit cli_print_text(struct str text)
{
    CLEANUP(buf_finish) struct buf out = BUF_INIT(OUT_MAX);
    buf_append_str(&out, text);
    return write_out(&out, true);
}

/* ---- one document ---- */

static void append_members(struct buf *out, const cJSON *document,
                           const struct cli_columns *columns)
{
    size_t title_width = 0;
    for (size_t i = 0; i < columns->count; i++) {
        const size_t width = text_width(str_from(columns->items[i].title));
        title_width = width > title_width ? width : title_width;
    }
    const bool cuts = isatty(STDOUT_FILENO) != 0;
    const size_t screen = terminal_width(STDOUT_FILENO);
    for (size_t i = 0; i < columns->count; i++) {
        const struct str title = str_from(columns->items[i].title);
        CLEANUP(buf_finish) struct buf cell = BUF_INIT(OUT_MAX);
        const cJSON *value = output_at(document, columns->items[i].path);
        if (value == NULL) {
            continue; /* a device has no module, a twin without tags none */
        }
        output_append_shown(&cell, value);
        buf_append_str(out, title);
        if (cell.size > 0) {
            buf_append_format(out, "%*s", (int)(title_width + 2 - text_width(title)), "");
        }
        const size_t left = screen > title_width + 10 ? screen - title_width - 2 : 8;
        text_append_cut(out, buf_str(&cell), cuts ? left : SIZE_MAX);
        buf_append_byte(out, '\n');
    }
}

static void append_values(struct buf *out, const cJSON *row, const struct cli_columns *columns)
{
    for (size_t i = 0; i < columns->count; i++) {
        buf_append_str(out, i > 0 ? STR("\t") : STR_EMPTY);
        output_append_cell(out, output_at(row, columns->items[i].path));
    }
    buf_append_byte(out, '\n');
}

enum cli_exit cli_print(const struct cli_call *call, const cJSON *document,
                        struct cli_columns columns)
{
    struct cli_column members[CLI_COLUMNS_MAX];
    if (columns.count == 0) {
        columns = (struct cli_columns){.items = members};
        columns.count = output_add_members(members, 0, document, NULL);
    }
    CLEANUP(buf_finish) struct buf out = BUF_INIT(OUT_MAX);
    switch (call->format) {
    case CLI_JSON:
        output_append_json(&out, document, 0);
        buf_append_byte(&out, '\n');
        break;
    case CLI_TABLE:
        append_members(&out, document, &columns);
        break;
    case CLI_TSV:
        append_values(&out, document, &columns);
        break;
    }
    return write_out(&out, true);
}

/* ---- rows ---- */

void cli_rows_begin(struct cli_rows *rows, const struct cli_call *call, struct cli_columns columns)
{
    *rows = (struct cli_rows){
        .call = call,
        .columns = columns,
        .out = BUF_INIT(OUT_MAX),
        .arena = ARENA_INIT(1 << 20),
    };
}

void cli_rows_begin_stream(struct cli_rows *rows, const struct cli_call *call,
                           struct cli_columns columns)
{
    cli_rows_begin(rows, call, columns);
    rows->stream = true;
}

static void append_json_row(struct cli_rows *rows, const cJSON *row)
{
    if (rows->stream) {
        json_append_tree(&rows->out, row);
        buf_append_byte(&rows->out, '\n');
        return;
    }
    buf_append_str(&rows->out, rows->count == 0 ? STR("[\n  ") : STR(",\n  "));
    output_append_json(&rows->out, row, 1);
}

static void append_row(struct cli_rows *rows, const cJSON *row)
{
    switch (rows->call->format) {
    case CLI_JSON:
        append_json_row(rows, row);
        break;
    case CLI_TABLE:
        output_table_add(rows, row);
        break;
    case CLI_TSV:
        if (!rows->laid_out) {
            output_table_choose(rows, row);
        }
        append_values(&rows->out, row, &rows->columns);
        break;
    }
    rows->count++;
}

bool cli_rows_add(struct cli_rows *rows, const cJSON *row)
{
    if (!rows->failed) {
        append_row(rows, row);
        if (rows->stream || rows->out.size >= WRITE_SIZE) {
            rows->failed = write_out(&rows->out, rows->stream) != CLI_DONE;
        }
    }
    return !rows->failed;
}

enum cli_exit cli_rows_end(struct cli_rows *rows, enum cli_exit so_far)
{
    const enum cli_format format = rows->call->format;
    if (format == CLI_TABLE && !rows->failed) {
        output_table_finish(rows);
    }
    if (format == CLI_JSON && !rows->stream && so_far == CLI_DONE) {
        buf_append_str(&rows->out, rows->count == 0 ? STR("[]\n") : STR("\n]\n"));
    }
    if (!rows->failed) {
        rows->failed = write_out(&rows->out, true) != CLI_DONE;
    }
    if (format == CLI_TABLE && !rows->stream && rows->count == 0 && so_far == CLI_DONE &&
        isatty(STDERR_FILENO)) {
        cli_say("there is nothing to show");
    }
    cJSON_Delete(rows->waiting);
    arena_finish(&rows->arena);
    buf_finish(&rows->out);
    return so_far == CLI_DONE && rows->failed ? CLI_FAILED : so_far;
}
