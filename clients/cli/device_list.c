/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <string.h>

#include "clients/cli/commands.h"
#include "clients/cli/identity.h"

enum { QUERY_MAX = 64 << 10, PAGE_SIZE = 1000 };

/* Twins, as az lists them: the registry itself tells no more than a thousand. */
static const struct cli_column columns[] = {
    {.title = "Device", .path = "deviceId"},
    {.title = "Status", .path = "status"},
    {.title = "Connection", .path = "connectionState"},
    {.title = "Last activity", .path = "lastActivityTime"},
    {.title = "Authentication", .path = "authenticationType"},
    {.title = "Edge", .path = "capabilities.iotEdge"},
};

/* ---- the query ---- */

static void append_condition(struct buf *query, size_t *count, const char *text)
{
    buf_append_format(query, " %s %s", (*count)++ == 0 ? "WHERE" : "AND", text);
}

/* A text of the query language; a quotation mark in it is doubled. */
static void append_text(struct buf *query, const char *text)
{
    buf_append_byte(query, '\'');
    for (; *text != '\0'; text++) {
        buf_append_str(query, *text == '\'' ? STR("''") : str_of(text, 1));
    }
    buf_append_byte(query, '\'');
}

static void append_query(struct buf *query, const struct cli_call *call)
{
    size_t count = 0;
    const char *prefix = cli_value(call, "prefix");
    const char *status = cli_value(call, "status");
    const char *where = cli_value(call, "where");
    buf_append_str(query, STR("SELECT * FROM devices"));
    if (prefix != NULL) {
        append_condition(query, &count, "STARTSWITH(deviceId, ");
        append_text(query, prefix);
        buf_append_byte(query, ')');
    }
    if (status != NULL) {
        append_condition(query, &count, "status = ");
        append_text(query, status);
    }
    if (cli_given(call, "edge-enabled")) {
        append_condition(query, &count, "capabilities.iotEdge = true");
    }
    if (where != NULL) {
        append_condition(query, &count, "");
        buf_append_format(query, "(%s)", where);
    }
}

/* ---- the command ---- */

struct list {
    struct cli_rows rows;
    long left;
};

static bool add_row(const cJSON *twin, void *ctx)
{
    struct list *list = ctx;
    list->left--;
    return cli_rows_add(&list->rows, twin) && list->left > 0;
}

static enum cli_exit run(const struct cli_call *call)
{
    CLEANUP(cli_service_finish) struct cli_service service = {0};
    CLEANUP(buf_finish) struct buf query = BUF_INIT(QUERY_MAX);
    struct iothub_error error;
    enum cli_exit exit_code = cli_service_open(call, &service);
    if (exit_code != CLI_DONE) {
        return exit_code;
    }
    append_query(&query, call);
    if (buf_status(&query) != STATUS_OK) {
        return cli_fail(CLI_MISUSED, "the condition is too long");
    }
    cli_say_verbose(call, "asking: %s", query.data);
    struct list list = {.left = cli_number(call, "top", LONG_MAX)};
    cli_rows_begin(&list.rows, call, CLI_COLUMNS(columns));
    const int page_size = list.left < PAGE_SIZE ? (int)list.left : PAGE_SIZE;
    if (iothub_service_query(service.client, query.data, page_size, add_row, &list, &error) !=
        IOTHUB_OK) {
        exit_code = hub_fail(&service.hub, &error);
    }
    return cli_rows_end(&list.rows, exit_code);
}

static const struct cli_option options[] = {
    {.name = "prefix",
     .plain = true,
     .value = "PREFIX",
     .meaning = "those whose ID begins with it"},
    CLI_OPTION_TOP,
    {.name = "status",
     .alias = "sta",
     .value = "STATUS",
     .choices = "enabled|disabled",
     .meaning = "those with this status"},
    {.name = "edge-enabled", .alias = "ee", .meaning = "IoT Edge devices only"},
    {.name = "where",
     .value = "CONDITION",
     .meaning = "those that meet a condition of the query language"},
};

static const struct cli_example examples[] = {
    {"list the disabled devices whose ID begins with pump",
     "iothub device list pump --status disabled"},
    {"delete the devices of a building", "iothub device list --where \"tags.building = 43\" -o tsv "
                                         "| cut -f1 | xargs iothub device delete"},
};

const struct cli_command cli_device_list = {
    .group = "device",
    .name = "list",
    .az = "device-identity list",
    .summary = "list devices",
    .description =
        "Prints the devices' twins. Any number of them, page after page; `iothub query` can "
        "choose what is shown.",
    CLI_OPTIONS(options),
    CLI_EXAMPLES(examples),
    .run = run,
};
