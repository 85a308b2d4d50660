/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "clients/cli/commands.h"
#include "clients/cli/identity.h"
#include "clients/cli/json_argument.h"

enum { PATCH_MAX = 1 << 20 };

static const struct cli_column columns[] = {
    {.title = "Device", .path = "deviceId"},
    {.title = "Module", .path = "moduleId"},
    {.title = "Status", .path = "status"},
    {.title = "Connection", .path = "connectionState"},
    {.title = "Last activity", .path = "lastActivityTime"},
    {.title = "ETag", .path = "etag"},
    {.title = "Version", .path = "version"},
    {.title = "Tags", .path = "tags"},
    {.title = "Desired", .path = "properties.desired"},
    {.title = "Reported", .path = "properties.reported"},
};

/* What only the machine reads would hide the rest in a table. */
static enum cli_exit print_twin(const struct cli_call *call, cJSON *twin)
{
    const cJSON *properties = json_member(twin, "properties");
    cJSON *part = NULL;
    if (call->format == CLI_TABLE) {
        cJSON_ArrayForEach(part, properties)
        {
            cJSON_DeleteItemFromObjectCaseSensitive(part, "$metadata");
        }
    }
    return cli_print(call, twin, CLI_COLUMNS(columns));
}

/* ---- show ---- */

static enum cli_exit show(const struct cli_call *call)
{
    CLEANUP(cli_service_finish) struct cli_service service = {0};
    CLEANUP(json_destroyp) cJSON *twin = NULL;
    struct iothub_error error;
    const enum cli_exit exit_code = cli_service_open(call, &service);
    if (exit_code != CLI_DONE) {
        return exit_code;
    }
    if (iothub_service_twin_get(service.client, cli_module(call), &twin, &error) != IOTHUB_OK) {
        return hub_fail(&service.hub, &error);
    }
    return print_twin(call, twin);
}

static const struct cli_option show_options[] = {CLI_OPTION_DEVICE, CLI_OPTION_MODULE_OR_NONE};

const struct cli_command cli_twin_show = {
    .group = "twin",
    .name = "show",
    .az = "device-twin show",
    .summary = "show the twin of a device or module",
    CLI_OPTIONS(show_options),
    .run = show,
};

/* ---- changes ---- */

typedef enum iothub_result (*change_function)(struct iothub_service *service,
                                              struct iothub_service_id id, const char *json,
                                              const char *etag, cJSON **ret_twin,
                                              struct iothub_error *error);

static enum cli_exit change(const struct cli_call *call, const cJSON *document,
                            change_function function)
{
    CLEANUP(cli_service_finish) struct cli_service service = {0};
    CLEANUP(buf_finish) struct buf text = BUF_INIT(PATCH_MAX);
    CLEANUP(json_destroyp) cJSON *twin = NULL;
    struct iothub_error error;
    json_append_tree(&text, document);
    if (buf_status(&text) != STATUS_OK) {
        return cli_fail(CLI_MISUSED, "the twin is too large: %s", status_text(buf_status(&text)));
    }
    const enum cli_exit exit_code = cli_service_open(call, &service);
    if (exit_code != CLI_DONE) {
        return exit_code;
    }
    if (function(service.client, cli_module(call), text.data, cli_value(call, "etag"), &twin,
                 &error) != IOTHUB_OK) {
        return hub_fail(&service.hub, &error);
    }
    return print_twin(call, twin);
}

/* Puts the object that an option holds under `name` into `patch`. */
static enum cli_exit add_object(const struct cli_call *call, const char *option, cJSON *patch,
                                const char *name)
{
    const char *argument = cli_value(call, option);
    char what[32] = "--";
    cJSON *given = NULL;
    if (argument == NULL) {
        return CLI_DONE;
    }
    memcpy(what + 2, option, strlen(option) + 1);
    const enum cli_exit exit_code = json_argument_read(argument, what, &given);
    if (exit_code != CLI_DONE) {
        return exit_code;
    }
    if (!cJSON_IsObject(given) && !cJSON_IsNull(given)) {
        cJSON_Delete(given);
        return cli_fail(CLI_MISUSED, "%s is a JSON object", what);
    }
    if (!cJSON_AddItemToObject(patch, name, given)) {
        cJSON_Delete(given);
        return cli_fail(CLI_FAILED, "out of memory");
    }
    return CLI_DONE;
}

static enum cli_exit make_patch(const struct cli_call *call, cJSON *patch)
{
    enum cli_exit exit_code = add_object(call, "tags", patch, "tags");
    if (exit_code == CLI_DONE && cli_given(call, "desired")) {
        cJSON *properties = cJSON_AddObjectToObject(patch, "properties");
        exit_code = properties == NULL ? cli_fail(CLI_FAILED, "out of memory")
                                       : add_object(call, "desired", properties, "desired");
    }
    return exit_code == CLI_DONE ? json_argument_set_all(call, patch) : exit_code;
}

static enum cli_exit update(const struct cli_call *call)
{
    CLEANUP(json_destroyp) cJSON *patch = cJSON_CreateObject();
    const enum cli_exit exit_code = make_patch(call, patch);
    if (exit_code != CLI_DONE) {
        return exit_code;
    }
    for (const cJSON *member = patch->child; member != NULL; member = member->next) {
        if (strcmp(member->string, "tags") != 0 && strcmp(member->string, "properties") != 0) {
            return cli_fail(CLI_MISUSED, "a back end changes tags and properties.desired, not '%s'",
                            member->string);
        }
    }
    if (patch->child == NULL) {
        return cli_fail(CLI_MISUSED, "nothing to change: give --tags, --desired or --set");
    }
    return change(call, patch, iothub_service_twin_update);
}

static const struct cli_option update_options[] = {
    CLI_OPTION_DEVICE,
    CLI_OPTION_MODULE_OR_NONE,
    {.name = "tags",
     .value = "JSON",
     .meaning =
         "an object that is merged into the tags; null removes a member. Text, the name of a "
         "file, or - for standard input"},
    {.name = "desired", .value = "JSON", .meaning = "likewise for the desired properties"},
    CLI_OPTION_SET,
    CLI_OPTION_ETAG,
};

static const struct cli_example update_examples[] = {
    {"put a device on the second floor", "iothub twin update dev1 --set tags.floor=2"},
    {"ask it to send each minute, and forget its former name",
     "iothub twin update dev1 --desired '{\"interval\": 60}' --tags '{\"name\": null}'"},
};

const struct cli_command cli_twin_update = {
    .group = "twin",
    .name = "update",
    .az = "device-twin update",
    .summary = "change tags and desired properties of a twin",
    .description = "What is given is merged into the twin; null removes a member. Prints the twin "
                   "after the change.",
    CLI_OPTIONS(update_options),
    CLI_EXAMPLES(update_examples),
    .run = update,
};

static enum cli_exit replace(const struct cli_call *call)
{
    CLEANUP(json_destroyp) cJSON *twin = NULL;
    const enum cli_exit exit_code = json_argument_read(cli_value(call, "json"), "--json", &twin);
    if (exit_code != CLI_DONE) {
        return exit_code;
    }
    if (!cJSON_IsObject(twin)) {
        return cli_fail(CLI_MISUSED, "--json is a twin: an object with tags and properties");
    }
    return change(call, twin, iothub_service_twin_replace);
}

static const struct cli_option replace_options[] = {
    CLI_OPTION_DEVICE,
    CLI_OPTION_MODULE_OR_NONE,
    {.name = "json",
     .letter = 'j',
     .required = true,
     .value = "JSON",
     .meaning = "the new twin: text, the name of a file, or - for standard input"},
    CLI_OPTION_ETAG,
};

static const struct cli_example replace_examples[] = {
    {"give dev2 the tags and desired properties of dev1",
     "iothub twin show dev1 -o json | iothub twin replace dev2 --json -"},
};

const struct cli_command cli_twin_replace = {
    .group = "twin",
    .name = "replace",
    .az = "device-twin replace",
    .summary = "replace tags and desired properties of a twin",
    .description =
        "Tags and desired properties become what is given; what it leaves out goes. What "
        "only the hub or the device may change is passed over. Prints the twin after "
        "the change.",
    CLI_OPTIONS(replace_options),
    CLI_EXAMPLES(replace_examples),
    .run = replace,
};
