/* SPDX-License-Identifier: MIT */
/* device show, module create, show, list, and the keys of both. */
#include <limits.h>

#include "clients/cli/commands.h"
#include "clients/cli/identity.h"

/* ---- show ---- */

static enum cli_exit show(const struct cli_call *call, struct iothub_service_id id,
                          struct cli_columns columns)
{
    CLEANUP(cli_service_finish) struct cli_service service = {0};
    CLEANUP(json_destroyp) cJSON *identity = NULL;
    struct iothub_error error;
    const enum cli_exit exit_code = cli_service_open(call, &service);
    if (exit_code != CLI_DONE) {
        return exit_code;
    }
    if (iothub_service_identity_get(service.client, id, &identity, &error) != IOTHUB_OK) {
        return hub_fail(&service.hub, &error);
    }
    return cli_print(call, identity, columns);
}

static enum cli_exit show_device(const struct cli_call *call)
{
    return show(call, cli_device(call), cli_device_columns);
}

static enum cli_exit show_module(const struct cli_call *call)
{
    return show(call, cli_module(call), cli_module_columns);
}

static const struct cli_option device_options[] = {CLI_OPTION_DEVICE};
static const struct cli_option module_options[] = {CLI_OPTION_DEVICE, CLI_OPTION_MODULE};

const struct cli_command cli_device_show = {
    .group = "device",
    .name = "show",
    .az = "device-identity show",
    .summary = "show a device's identity, keys included",
    CLI_OPTIONS(device_options),
    .run = show_device,
};

const struct cli_command cli_module_show = {
    .group = "module",
    .name = "show",
    .az = "module-identity show",
    .summary = "show a module's identity, keys included",
    CLI_OPTIONS(module_options),
    .run = show_module,
};

/* ---- module list ---- */

static enum cli_exit list_modules(const struct cli_call *call)
{
    CLEANUP(cli_service_finish) struct cli_service service = {0};
    CLEANUP(json_destroyp) cJSON *modules = NULL;
    struct cli_rows rows;
    struct iothub_error error;
    const enum cli_exit exit_code = cli_service_open(call, &service);
    if (exit_code != CLI_DONE) {
        return exit_code;
    }
    if (iothub_service_modules(service.client, cli_value(call, "device-id"), &modules, &error) !=
        IOTHUB_OK) {
        return hub_fail(&service.hub, &error);
    }
    cli_rows_begin(&rows, call, cli_module_columns);
    long left = cli_number(call, "top", LONG_MAX);
    for (const cJSON *module = modules->child; module != NULL && left > 0; module = module->next) {
        left = cli_rows_add(&rows, module) ? left - 1 : 0;
    }
    return cli_rows_end(&rows, CLI_DONE);
}

static const struct cli_option list_options[] = {CLI_OPTION_DEVICE, CLI_OPTION_TOP};

const struct cli_command cli_module_list = {
    .group = "module",
    .name = "list",
    .az = "module-identity list",
    .summary = "list the modules of a device",
    CLI_OPTIONS(list_options),
    .run = list_modules,
};

/* ---- module create ---- */

static enum cli_exit create_module(const struct cli_call *call)
{
    CLEANUP(cli_service_finish) struct cli_service service = {0};
    CLEANUP(json_destroyp) cJSON *identity = NULL;
    struct iothub_service_registration registration;
    struct iothub_error error;
    enum cli_exit exit_code = cli_registration(call, &registration);
    if (exit_code != CLI_DONE) {
        return exit_code;
    }
    exit_code = cli_service_open(call, &service);
    if (exit_code != CLI_DONE) {
        return exit_code;
    }
    registration.managed_by = cli_value(call, "managed-by");
    if (iothub_service_identity_create(service.client, cli_module(call), &registration, &identity,
                                       &error) != IOTHUB_OK) {
        return hub_fail(&service.hub, &error);
    }
    return cli_print(call, identity, cli_module_columns);
}

static const struct cli_option create_options[] = {
    CLI_OPTION_DEVICE,
    CLI_OPTION_MODULE,
    CLI_OPTION_AUTH_METHOD,
    CLI_OPTION_PRIMARY_KEY,
    CLI_OPTION_SECONDARY_KEY,
    CLI_OPTION_PRIMARY_THUMBPRINT,
    CLI_OPTION_SECONDARY_THUMBPRINT,
    {.name = "managed-by", .value = "WHO", .meaning = "who looks after it, such as iotEdge"},
};

static const struct cli_example create_examples[] = {
    {"register the module camera of dev1", "iothub module create dev1 camera"},
};

const struct cli_command cli_module_create = {
    .group = "module",
    .name = "create",
    .az = "module-identity create",
    .summary = "register a module of a device",
    CLI_OPTIONS(create_options),
    CLI_EXAMPLES(create_examples),
    .run = create_module,
};
