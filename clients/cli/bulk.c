/* SPDX-License-Identifier: MIT */
#include "clients/cli/bulk.h"

static const struct cli_column error_columns[] = {
    {.title = "Device", .path = "deviceId"},
    {.title = "Module", .path = "moduleId"},
    {.title = "Error", .path = "errorCode"},
    {.title = "Reason", .path = "errorStatus"},
};

static const struct cli_column result_columns[] = {
    {.title = "Successful", .path = "isSuccessful"},
    {.title = "Errors", .path = "errors"},
    {.title = "Warnings", .path = "warnings"},
};

struct sending {
    struct progress bar;
    size_t done;
};

static bool sent(size_t done, const cJSON *result, void *ctx)
{
    (void)result;
    struct sending *sending = ctx;
    sending->done = done;
    progress_step(&sending->bar, done);
    return true;
}

/* ---- the result ---- */

static enum cli_exit print_errors(const struct cli_call *call, const cJSON *errors)
{
    struct cli_rows rows;
    const cJSON *error = NULL;
    cli_rows_begin(&rows, call, CLI_COLUMNS(error_columns));
    cJSON_ArrayForEach(error, errors)
    {
        if (!cli_rows_add(&rows, error)) {
            break;
        }
    }
    return cli_rows_end(&rows, CLI_DONE);
}

static enum cli_exit print_result(const struct cli_call *call, const struct bulk *bulk,
                                  const cJSON *result, int total)
{
    const cJSON *errors = json_member(result, "errors");
    const int refused = cJSON_GetArraySize(errors);
    if (call->format == CLI_JSON) {
        return cli_print(call, result, CLI_COLUMNS(result_columns));
    }
    if (call->format == CLI_TABLE) {
        cli_say("%s %d of %d", bulk->things, total - refused, total);
    }
    return refused > 0 ? print_errors(call, errors) : CLI_DONE;
}

enum cli_exit bulk_send(const struct cli_call *call, const struct bulk *bulk, const cJSON *items)
{
    CLEANUP(json_destroyp) cJSON *result = NULL;
    struct iothub_error error;
    struct sending sending = {.done = 0};
    const int total = cJSON_GetArraySize(items);
    progress_start(&sending.bar, bulk->doing, (uint64_t)total);
    const enum iothub_result sent_all =
        iothub_service_bulk(bulk->service->client, items, sent, &sending, &result, &error);
    progress_stop(&sending.bar);
    if (sent_all != IOTHUB_OK) {
        const enum cli_exit exit_code = hub_fail(&bulk->service->hub, &error);
        if (sending.done > 0) {
            cli_say("that was after %zu of %d", sending.done, total);
        }
        return exit_code;
    }
    const enum cli_exit exit_code = print_result(call, bulk, result, total);
    const bool refused = !cJSON_IsTrue(json_member(result, "isSuccessful"));
    return exit_code == CLI_DONE && refused ? CLI_FAILED : exit_code;
}
