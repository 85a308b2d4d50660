/* SPDX-License-Identifier: MIT */
#include "clients/cli/commands.h"
#include "clients/cli/identity.h"
#include "clients/cli/json_argument.h"

enum { PAYLOAD_MAX = 1 << 20, RESPONSE_TIMEOUT_S = 30 };

static const struct cli_column columns[] = {
    {.title = "Status", .path = "status"},
    {.title = "Payload", .path = "payload"},
};

static enum cli_exit read_payload(const struct cli_call *call, struct buf *text)
{
    CLEANUP(json_destroyp) cJSON *payload = NULL;
    const char *argument = cli_value(call, "method-payload");
    if (argument == NULL) {
        return CLI_DONE;
    }
    const enum cli_exit exit_code = json_argument_read(argument, "the payload", &payload);
    if (exit_code != CLI_DONE) {
        return exit_code;
    }
    json_append_tree(text, payload);
    return buf_status(text) == STATUS_OK ? CLI_DONE
                                         : cli_fail(CLI_MISUSED, "the payload is too large");
}

/* What az prints: {"status": 200, "payload": ...}. Takes the payload, whatever happens. */
static enum cli_exit print_answer(const struct cli_call *call, int status, cJSON *payload)
{
    CLEANUP(json_destroyp) cJSON *answer = cJSON_CreateObject();
    payload = payload == NULL ? cJSON_CreateNull() : payload;
    if (cJSON_AddNumberToObject(answer, "status", status) == NULL ||
        !cJSON_AddItemToObject(answer, "payload", payload)) {
        cJSON_Delete(payload);
        return cli_fail(CLI_FAILED, "out of memory");
    }
    return cli_print(call, answer, CLI_COLUMNS(columns));
}

static enum cli_exit run(const struct cli_call *call)
{
    CLEANUP(cli_service_finish) struct cli_service service = {0};
    CLEANUP(buf_finish) struct buf payload = BUF_INIT(PAYLOAD_MAX);
    struct iothub_error error;
    enum cli_exit exit_code = read_payload(call, &payload);
    if (exit_code != CLI_DONE) {
        return exit_code;
    }
    exit_code = cli_service_open(call, &service);
    if (exit_code != CLI_DONE) {
        return exit_code;
    }
    const struct iothub_service_method method = {
        .name = cli_value(call, "method-name"),
        .payload_json = payload.data,
        .response_timeout_s = (int)cli_number(call, "timeout", RESPONSE_TIMEOUT_S),
        .connect_timeout_s = (int)cli_number(call, "method-connect-timeout", 0),
    };
    int status = 0;
    cJSON *answer = NULL;
    if (iothub_service_method_invoke(service.client, cli_module(call), &method, &status, &answer,
                                     &error) != IOTHUB_OK) {
        return hub_fail(&service.hub, &error);
    }
    return print_answer(call, status, answer);
}

static const struct cli_option options[] = {
    CLI_OPTION_DEVICE,
    {.name = "method-name",
     .alias = "mn",
     .plain = true,
     .required = true,
     .value = "METHOD",
     .meaning = "the method's name"},
    {.name = "method-payload",
     .alias = "mp",
     .plain = true,
     .value = "JSON",
     .meaning = "what is passed to it: text, the name of a file, or - for standard input"},
    {.name = "module-id",
     .letter = 'm',
     .value = "MODULE",
     .meaning = "a module of the device; without it the device itself is meant"},
    {.name = "timeout",
     .alias = "to",
     .value = "SECONDS",
     .min = 5,
     .max = 300,
     .meaning = "how long the device may take for its answer; by default 30"},
    {.name = "method-connect-timeout",
     .alias = "mct",
     .value = "SECONDS",
     .min = 0,
     .max = 300,
     .meaning = "how long to wait for it to connect; by default it has to be connected"},
};

static const struct cli_example examples[] = {
    {"reboot a device in ten seconds", "iothub method invoke dev1 reboot '{\"delay\": 10}'"},
    {"print the status alone", "iothub method invoke dev1 reboot -o tsv | cut -f1"},
};

const struct cli_command cli_method_invoke = {
    .group = "method",
    .name = "invoke",
    .az = "invoke-device-method",
    .summary = "call a direct method of a device or module",
    .description =
        "Prints the status and the payload that the device answered. Whatever the status is, the "
        "exit code is 0 then: what it means is between the device and its callers.",
    CLI_OPTIONS(options),
    CLI_EXAMPLES(examples),
    .run = run,
};
