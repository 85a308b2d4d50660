/* SPDX-License-Identifier: MIT */
#include "clients/cli/service.h"

enum { STRING_MAX = 4096 };

enum cli_exit cli_service_open(const struct cli_call *call, struct cli_service *ret_service)
{
    CLEANUP(buf_finish) struct buf text = BUF_INIT(STRING_MAX);
    struct iothub_error error;
    *ret_service = (struct cli_service){0};
    const enum cli_exit exit_code = hub_find(call, &ret_service->hub);
    if (exit_code != CLI_DONE) {
        return exit_code;
    }
    hub_append_string(&text, &ret_service->hub, HUB_HTTPS);
    if (buf_status(&text) != STATUS_OK) {
        return cli_fail(CLI_MISUSED, "the connection string is too long");
    }
    const struct iothub_service_options options = {.user_agent = "iothub/" CLI_VERSION};
    if (iothub_service_create(text.data == NULL ? "" : text.data, &options, &ret_service->client,
                              &error) != IOTHUB_OK) {
        return hub_fail(&ret_service->hub, &error);
    }
    return CLI_DONE;
}

void cli_service_finish(struct cli_service *service)
{
    iothub_service_destroy(service->client);
    service->client = NULL;
    hub_finish(&service->hub);
}

/* ---- documents ---- */

static const struct cli_column twin_columns[] = {
    {.title = "Device", .path = "deviceId"}, {.title = "Module", .path = "moduleId"},
    {.title = "Status", .path = "status"},   {.title = "Connection", .path = "connectionState"},
    {.title = "Version", .path = "version"}, {.title = "Tags", .path = "tags"},
};

const struct cli_columns cli_twin_columns = {
    .items = twin_columns,
    .count = ARRAY_SIZE(twin_columns),
};

bool cli_is_twin(const cJSON *row)
{
    return json_member(row, "deviceId") != NULL && json_member(row, "etag") != NULL &&
           json_member(row, "properties") != NULL;
}
