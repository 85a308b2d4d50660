/* SPDX-License-Identifier: MIT */
/* device import and device exporting. */
#include <string.h>
#include <unistd.h>

#include "clients/cli/bulk.h"
#include "clients/cli/commands.h"
#include "clients/cli/fleet.h"
#include "clients/cli/json_argument.h"

enum { PAGE_SIZE = 100 };
#define FILE_MAX ((size_t)1 << 30)

/* ---- import ---- */

static const struct {
    const char *name;
    const char *import_mode; /* as the service calls it */
} modes[] = {
    {"create", "create"},          {"update", "update"}, {"create-or-update", "createOrUpdate"},
    {"update-twin", "updateTwin"}, {"delete", "delete"},
};

static const char *import_mode(const struct cli_call *call)
{
    const char *name = cli_value(call, "mode");
    for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
        if (name != NULL && strcmp(modes[i].name, name) == 0) {
            return modes[i].import_mode;
        }
    }
    return modes[0].import_mode;
}

static enum cli_exit read_fleet(const struct cli_call *call, struct fleet *fleet)
{
    CLEANUP(buf_finish) struct buf text = BUF_INIT(FILE_MAX);
    struct problem problem = {0};
    const char *file = cli_value(call, "file");
    const enum cli_exit exit_code = json_argument_text(file, "the fleet", &text);
    if (exit_code != CLI_DONE) {
        return exit_code;
    }
    if (!fleet_read(buf_str(&text), import_mode(call), fleet, &problem)) {
        return cli_fail(CLI_MISUSED, "%s: %s", strcmp(file, "-") == 0 ? "standard input" : file,
                        problem.text);
    }
    if (fleet->parents > 0) {
        cli_say("%zu of the devices had a parent, which is not set: give them one afterwards",
                fleet->parents);
    }
    if (fleet->reserved > 0) {
        cli_say_verbose(call, "left out %zu modules that the hub makes itself", fleet->reserved);
    }
    return CLI_DONE;
}

static enum cli_exit import(const struct cli_call *call)
{
    CLEANUP(cli_service_finish) struct cli_service service = {0};
    CLEANUP(fleet_finish) struct fleet fleet = {0};
    const struct bulk bulk = {.service = &service, .doing = "importing", .things = "imported"};
    enum cli_exit exit_code = read_fleet(call, &fleet);
    if (exit_code != CLI_DONE) {
        return exit_code;
    }
    exit_code = cli_service_open(call, &service);
    return exit_code == CLI_DONE ? bulk_send(call, &bulk, fleet.devices, fleet.modules) : exit_code;
}

static const struct cli_option import_options[] = {
    {.name = "file",
     .plain = true,
     .required = true,
     .value = "FILE",
     .meaning = "the fleet; - means standard input"},
    {.name = "mode",
     .value = "MODE",
     .choices = "create|update|create-or-update|update-twin|delete",
     .meaning = "what is done with an entry that does not say so itself (importMode); by default "
                "it is created, and refused where it exists"},
};

static const struct cli_example import_examples[] = {
    {"copy a fleet from one hub to another, keys included",
     "iothub device export --include-keys --login \"$FROM\" | iothub device import - --login "
     "\"$TO\""},
    {"set the tags of devices that exist", "iothub device import tags.json --mode update-twin"},
};

const struct cli_command cli_device_import = {
    .group = "device",
    .name = "import",
    .az = "device-identity import",
    .summary = "register devices and modules from a file",
    .description =
        "Takes what `iothub device export` and the hub's own export write; identities and twins as "
        "the service shows them; seeds of the emulator; and the devices of `az iot hub state "
        "export`. As an array, or with an entry in each line.\n\n"
        "Sends a hundred at a time and prints the hub's result, and which it refused: the others "
        "are "
        "done. Where a file has no keys, the hub makes some.",
    CLI_OPTIONS(import_options),
    CLI_EXAMPLES(import_examples),
    .run = import,
};

/* ---- export ---- */

static const struct cli_column columns[] = {
    {.title = "Device", .path = "id"},
    {.title = "Module", .path = "moduleId"},
    {.title = "Status", .path = "status"},
    {.title = "Authentication", .path = "authentication.type"},
    {.title = "Tags", .path = "tags"},
};

struct exporting {
    const struct cli_service *service;
    struct cli_rows rows;
    struct progress bar;
    bool with_keys;
    bool shows_progress; /* rows go to no terminal */
    enum cli_exit exit_code;
};

/* The keys are in the registry alone; certificates are in the twin, too. */
static bool read_identity(struct exporting *exporting, const cJSON *twin, cJSON **ret_identity)
{
    const cJSON *device_id = json_member(twin, "deviceId");
    const cJSON *module_id = json_member(twin, "moduleId");
    struct iothub_error error;
    const struct iothub_service_id id = {
        .device_id = cJSON_IsString(device_id) ? device_id->valuestring : "",
        .module_id = cJSON_IsString(module_id) ? module_id->valuestring : NULL,
    };
    const enum iothub_result result =
        iothub_service_identity_get(exporting->service->client, id, ret_identity, &error);
    if (result != IOTHUB_OK && error.http_status != 404) { /* deleted meanwhile is no failure */
        exporting->exit_code = hub_fail(&exporting->service->hub, &error);
    }
    return result == IOTHUB_OK;
}

static bool add_twin(const cJSON *twin, void *ctx)
{
    struct exporting *exporting = ctx;
    CLEANUP(json_destroyp) cJSON *identity = NULL;
    if (exporting->with_keys && !read_identity(exporting, twin, &identity)) {
        return exporting->exit_code == CLI_DONE;
    }
    CLEANUP(json_destroyp) cJSON *item = fleet_item(twin, identity);
    if (item == NULL) {
        exporting->exit_code = cli_fail(CLI_FAILED, "out of memory");
        return false;
    }
    if (!cli_rows_add(&exporting->rows, item)) {
        return false;
    }
    if (exporting->shows_progress) {
        progress_step(&exporting->bar, exporting->rows.count);
    }
    return true;
}

/* How many there are is only for the bar: not to be allowed to ask is no failure. */
static uint64_t count_devices(const struct cli_service *service)
{
    CLEANUP(json_destroyp) cJSON *statistics = NULL;
    struct iothub_error error;
    double count = 0.0;
    if (iothub_service_statistics_devices(service->client, &statistics, &error) == IOTHUB_OK) {
        (void)json_member_number(statistics, "totalDeviceCount", &count);
    }
    return count >= 1.0 ? (uint64_t)count : 0;
}

static enum cli_exit run_export(const struct cli_call *call)
{
    static const char *const queries[] = {"SELECT * FROM devices", "SELECT * FROM devices.modules"};
    CLEANUP(cli_service_finish) struct cli_service service = {0};
    struct iothub_error error;
    const enum cli_exit exit_code = cli_service_open(call, &service);
    if (exit_code != CLI_DONE) {
        return exit_code;
    }
    struct exporting exporting = {
        .service = &service,
        .with_keys = cli_given(call, "include-keys"),
        .shows_progress = isatty(STDOUT_FILENO) == 0,
    };
    cli_rows_begin(&exporting.rows, call, CLI_COLUMNS(columns));
    progress_start(&exporting.bar, "exporting",
                   exporting.shows_progress ? count_devices(&service) : 0);
    for (size_t i = 0; i < ARRAY_SIZE(queries) && exporting.exit_code == CLI_DONE; i++) {
        if (iothub_service_query(service.client, queries[i], PAGE_SIZE, add_twin, &exporting,
                                 &error) != IOTHUB_OK) {
            exporting.exit_code = hub_fail(&service.hub, &error);
        }
    }
    progress_stop(&exporting.bar);
    return cli_rows_end(&exporting.rows, exporting.exit_code);
}

static const struct cli_option export_options[] = {
    {.name = "include-keys",
     .alias = "ik",
     .meaning = "keys, too; each costs a request, and the file is a secret then"},
};

static const struct cli_example export_examples[] = {
    {"keep a fleet in a file", "iothub device export --include-keys > fleet.json"},
};

const struct cli_command cli_device_export = {
    .group = "device",
    .name = "export",
    .az = "device-identity export",
    .summary = "print all devices and modules, as import takes them",
    .description =
        "Identities, tags, desired and reported properties, in the form of the hub's own "
        "export.",
    CLI_OPTIONS(export_options),
    CLI_EXAMPLES(export_examples),
    .run = run_export,
};
