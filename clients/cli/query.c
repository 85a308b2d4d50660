/* SPDX-License-Identifier: MIT */
#include <limits.h>

#include "base/url.h"
#include "clients/cli/commands.h"
#include "clients/cli/control.h"
#include "clients/cli/output.h"
#include "clients/cli/service.h"

enum { REQUEST_MAX = 1 << 20, PAGE_SIZE = 100 };

/* ---- the answer ---- */

struct answer {
    struct cli_rows rows;
    long left; /* rows that are still wanted */
};

static bool add_row(const cJSON *row, void *ctx)
{
    struct answer *answer = ctx;
    if (answer->rows.count == 0 && cli_is_twin(row)) {
        answer->rows.columns = cli_twin_columns;
    }
    answer->left--;
    return cli_rows_add(&answer->rows, row) && answer->left > 0;
}

static enum cli_exit ask(const struct cli_call *call, const char *query)
{
    CLEANUP(cli_service_finish) struct cli_service service = {0};
    enum cli_exit exit_code = cli_service_open(call, &service);
    if (exit_code != CLI_DONE) {
        return exit_code;
    }
    struct answer answer = {.left = cli_number(call, "top", LONG_MAX)};
    struct iothub_error error;
    cli_rows_begin(&answer.rows, call, CLI_ALL_MEMBERS);
    const int page_size = answer.left < PAGE_SIZE ? (int)answer.left : PAGE_SIZE;
    if (iothub_service_query(service.client, query, page_size, add_row, &answer, &error) !=
        IOTHUB_OK) {
        exit_code = hub_fail(&service.hub, &error);
    }
    return cli_rows_end(&answer.rows, exit_code);
}

/* ---- how it is answered ---- */

static const struct cli_column explanation_columns[] = {
    {.title = "query", .path = "query"},
    {.title = "tree", .path = "tree"},
    {.title = "access", .path = "access"},
    {.title = "rows read", .path = "rowsRead"},
    {.title = "rows returned", .path = "rowsReturned"},
    {.title = "time, ms", .path = "timeMs"},
};

static enum cli_exit explain(const struct cli_call *call, const char *query)
{
    CLEANUP(buf_finish) struct buf path = BUF_INIT(1024);
    CLEANUP(buf_finish) struct buf request = BUF_INIT(REQUEST_MAX);
    CLEANUP(json_destroyp) cJSON *explanation = NULL;
    const char *hub = cli_value(call, "hub");
    char url[CONTROL_URL_SIZE];
    buf_append_str(&path, STR("/query/explain"));
    if (hub != NULL) {
        buf_append_str(&path, STR("?hub="));
        url_encode_append(&path, str_from(hub));
    }
    buf_append_str(&request, STR("{\"query\":"));
    json_append_string(&request, str_from(query));
    buf_append_byte(&request, '}');
    if (buf_status(&request) != STATUS_OK || buf_status(&path) != STATUS_OK) {
        return cli_fail(CLI_FAILED, "the query is too long");
    }
    control_url(call, url);
    const enum cli_exit exit_code =
        control_ask(url, "POST", path.data, buf_str(&request), &explanation);
    return exit_code != CLI_DONE ? exit_code
                                 : cli_print(call, explanation, CLI_COLUMNS(explanation_columns));
}

/* ---- the command ---- */

static enum cli_exit run(const struct cli_call *call)
{
    const char *query = cli_value(call, "query-command");
    return cli_given(call, "explain") ? explain(call, query) : ask(call, query);
}

static const struct cli_option options[] = {
    {.name = "query-command",
     .letter = 'q',
     .plain = true,
     .required = true,
     .value = "QUERY",
     .meaning = "what to ask, in the hub's query language"},
    CLI_OPTION_TOP,
    {.name = "explain",
     .meaning = "tell how an emulator answers the query, not what the answer is (emulator only)"},
    CLI_OPTION_CONTROL,
    {.name = "hub", .value = "NAME", .meaning = "for --explain: which hub of the emulator"},
};

static const struct cli_example examples[] = {
    {"list the devices of the second floor",
     "iothub query \"SELECT deviceId FROM devices WHERE tags.floor = 2\""},
    {"count devices by their status",
     "iothub query \"SELECT status, COUNT() AS count FROM devices GROUP BY status\""},
    {"see how an emulator finds them",
     "iothub query --explain \"SELECT * FROM devices WHERE tags.floor = 2\""},
};

const struct cli_command cli_query = {
    .name = "query",
    .az = "query",
    .summary = "ask a hub in its query language",
    .description =
        "Prints every row of the answer, fetching page after page.\n\nWith --explain an emulator "
        "tells how it answers instead: the tree, the access path, rows read and returned, the "
        "time.",
    CLI_OPTIONS(options),
    CLI_EXAMPLES(examples),
    .run = run,
};
