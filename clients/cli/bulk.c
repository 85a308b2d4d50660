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
    size_t before; /* items of the call before this one */
    size_t done;
};

static bool sent(size_t done, const cJSON *result, void *ctx)
{
    (void)result;
    struct sending *sending = ctx;
    sending->done = sending->before + done;
    progress_step(&sending->bar, sending->done);
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

/* Appends the members of the second's arrays to those of the first. */
static void join(cJSON *result, cJSON *second)
{
    static const char *const arrays[] = {"errors", "warnings"};
    for (size_t i = 0; i < ARRAY_SIZE(arrays); i++) {
        cJSON *to = json_member(result, arrays[i]);
        cJSON *from = json_member(second, arrays[i]);
        while (to != NULL && from != NULL && from->child != NULL) {
            (void)cJSON_AddItemToArray(to, cJSON_DetachItemViaPointer(from, from->child));
        }
    }
    if (!cJSON_IsTrue(json_member(second, "isSuccessful"))) {
        cJSON *no = cJSON_CreateFalse();
        if (!cJSON_ReplaceItemInObjectCaseSensitive(result, "isSuccessful", no)) {
            cJSON_Delete(no);
        }
    }
}

static enum iothub_result send_all(const struct bulk *bulk, struct sending *sending,
                                   const cJSON *items, const cJSON *more, cJSON **ret_result,
                                   struct iothub_error *error)
{
    CLEANUP(json_destroyp) cJSON *second = NULL;
    struct iothub_service *client = bulk->service->client;
    enum iothub_result result =
        iothub_service_bulk(client, items, sent, sending, ret_result, error);
    if (result == IOTHUB_OK && cJSON_GetArraySize(more) > 0) {
        sending->before = sending->done;
        result = iothub_service_bulk(client, more, sent, sending, &second, error);
    }
    if (second != NULL) {
        join(*ret_result, second);
    }
    return result;
}

enum cli_exit bulk_send(const struct cli_call *call, const struct bulk *bulk, const cJSON *items,
                        const cJSON *more)
{
    CLEANUP(json_destroyp) cJSON *result = NULL;
    struct iothub_error error;
    struct sending sending = {.done = 0};
    const int total = cJSON_GetArraySize(items) + cJSON_GetArraySize(more);
    progress_start(&sending.bar, bulk->doing, (uint64_t)total);
    const enum iothub_result sent_all = send_all(bulk, &sending, items, more, &result, &error);
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
