/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include <iothub/service.h>

#include "base/json.h"
#include "base/url.h"
#include "clients/cli/cli.h"

enum { REQUEST_MAX = 1 << 20, ANSWER_MAX = 4 << 20, PAGE_SIZE = 100 };

static bool explains;
static const char *control_url = CLI_CONTROL_DEFAULT;
static const char *hub_name;

const struct cli_option cli_query_options[] = {
    {"--explain", "      tell how the query is answered, not what the answer is", NULL, &explains},
    {"--control",
     "URL   for --explain: the emulator's control endpoint (default: " CLI_CONTROL_DEFAULT ")",
     &control_url, NULL},
    {"--hub", "NAME      for --explain: which hub of the emulator (default: its first)", &hub_name,
     NULL},
};
const size_t cli_query_option_count = ARRAY_SIZE(cli_query_options);

/* ---- the answer ---- */

static bool print_row(const cJSON *row, void *ctx)
{
    bool *ok = ctx;
    CLEANUP(buf_finish) struct buf line = BUF_INIT(ANSWER_MAX);
    json_append_tree(&line, row);
    buf_append_byte(&line, '\n');
    *ok = buf_status(&line) == STATUS_OK && fputs(line.data, stdout) >= 0;
    return *ok;
}

static int ask(const char *query)
{
    const char *connection_string = getenv(CLI_CONNECTION_VARIABLE);
    if (connection_string == NULL || connection_string[0] == '\0') {
        return cli_fail(
            CLI_MISUSED,
            "the hub's connection string is missing: put it into " CLI_CONNECTION_VARIABLE);
    }
    struct iothub_error error;
    struct iothub_service *service = NULL;
    bool printed = true;
    enum iothub_result result = iothub_service_create(connection_string, NULL, &service, &error);
    if (result == IOTHUB_OK) {
        result = iothub_service_query(service, query, PAGE_SIZE, print_row, &printed, &error);
    }
    iothub_service_destroy(service);
    if (result != IOTHUB_OK) {
        return cli_fail(CLI_FAILED, "%s", error.text);
    }
    return printed ? CLI_DONE : cli_fail(CLI_FAILED, "the answer could not be written");
}

/* ---- how it is answered ---- */

static void print_text(const char *label, const cJSON *explanation, const char *name)
{
    const struct str text = json_str(json_member(explanation, name));
    (void)printf("%-15s%.*s\n", label, STR_ARG(text));
}

static void print_number(const char *label, const cJSON *explanation, const char *name,
                         const char *unit)
{
    double number = 0.0;
    (void)json_member_number(explanation, name, &number);
    (void)printf("%-15s", label);
    CLEANUP(buf_finish) struct buf text = BUF_INIT(64);
    json_append_number(&text, number);
    (void)printf("%s%s\n", text.data == NULL ? "" : text.data, unit);
}

static int print_explanation(const cJSON *explanation)
{
    print_text("query", explanation, "query");
    print_text("tree", explanation, "tree");
    print_text("access", explanation, "access");
    print_number("rows read", explanation, "rowsRead", "");
    print_number("rows returned", explanation, "rowsReturned", "");
    print_number("time", explanation, "timeMs", " ms");
    return CLI_DONE;
}

static int explain(const char *query)
{
    CLEANUP(buf_finish) struct buf path = BUF_INIT(1024);
    CLEANUP(buf_finish) struct buf request = BUF_INIT(REQUEST_MAX);
    CLEANUP(buf_finish) struct buf answer = BUF_INIT(ANSWER_MAX);
    buf_append_str(&path, STR("/query/explain"));
    if (hub_name != NULL) {
        buf_append_str(&path, STR("?hub="));
        url_encode_append(&path, str_from(hub_name));
    }
    buf_append_str(&request, STR("{\"query\":"));
    json_append_string(&request, str_from(query));
    buf_append_byte(&request, '}');
    if (buf_status(&request) != STATUS_OK || buf_status(&path) != STATUS_OK) {
        return cli_fail(CLI_FAILED, "the query is too long");
    }
    long http_status = 0;
    if (!cli_control_post(control_url, path.data, buf_str(&request), &http_status, &answer)) {
        return CLI_FAILED;
    }
    CLEANUP(json_destroyp) cJSON *tree = NULL;
    if (json_parse(buf_str(&answer), &tree, NULL) != STATUS_OK) {
        return cli_fail(CLI_FAILED, "%s is no control endpoint of an emulator: it answered %ld",
                        control_url, http_status);
    }
    if (http_status != 200) {
        const struct str why = json_str(json_member(tree, "error"));
        return cli_fail(CLI_FAILED, "%.*s", STR_ARG(why));
    }
    return print_explanation(tree);
}

int cli_query(int argc, char **argv)
{
    const char *query = NULL;
    if (!cli_arguments(argc, argv, cli_query_options, cli_query_option_count, &query)) {
        return CLI_MISUSED;
    }
    if (query == NULL) {
        return cli_fail(CLI_MISUSED,
                        "the query is missing: iothub query \"SELECT * FROM devices\"");
    }
    return explains ? explain(query) : ask(query);
}
