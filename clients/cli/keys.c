/* SPDX-License-Identifier: MIT */
/* keys and connection-string, of devices and modules. */
#include <string.h>

#include "clients/cli/commands.h"
#include "clients/cli/identity.h"

/* ---- keys ---- */

static const struct cli_column key_columns[] = {
    {.title = "Primary key", .path = "primaryKey"},
    {.title = "Secondary key", .path = "secondaryKey"},
};

static bool wants_change(const struct cli_call *call, enum iothub_service_key_change *ret_change)
{
    const char *which = cli_value(call, "regenerate");
    if (cli_given(call, "swap")) {
        *ret_change = IOTHUB_SERVICE_SWAP_KEYS;
        return true;
    }
    if (which != NULL) {
        *ret_change = strcmp(which, "primary") == 0     ? IOTHUB_SERVICE_NEW_PRIMARY_KEY
                      : strcmp(which, "secondary") == 0 ? IOTHUB_SERVICE_NEW_SECONDARY_KEY
                                                        : IOTHUB_SERVICE_NEW_KEYS;
    }
    return which != NULL;
}

static enum cli_exit keys(const struct cli_call *call, struct iothub_service_id id)
{
    CLEANUP(cli_service_finish) struct cli_service service = {0};
    CLEANUP(json_destroyp) cJSON *identity = NULL;
    enum iothub_service_key_change change = IOTHUB_SERVICE_NEW_KEYS;
    struct iothub_error error;
    if (cli_given(call, "swap") && cli_given(call, "regenerate")) {
        return cli_fail(CLI_MISUSED, "--swap and --regenerate are two different things");
    }
    const enum cli_exit exit_code = cli_service_open(call, &service);
    if (exit_code != CLI_DONE) {
        return exit_code;
    }
    const enum iothub_result result =
        wants_change(call, &change)
            ? iothub_service_change_keys(service.client, id, change, &identity, &error)
            : iothub_service_identity_get(service.client, id, &identity, &error);
    if (result != IOTHUB_OK) {
        return hub_fail(&service.hub, &error);
    }
    const cJSON *pair = json_member(json_member(identity, "authentication"), "symmetricKey");
    if (iothub_service_identity_key(identity, IOTHUB_SERVICE_PRIMARY_KEY)[0] == '\0') {
        return cli_fail(CLI_FAILED, "%s has no keys: it proves who it is by a certificate",
                        id.module_id != NULL ? id.module_id : id.device_id);
    }
    return cli_print(call, pair, CLI_COLUMNS(key_columns));
}

static enum cli_exit device_keys(const struct cli_call *call)
{
    return keys(call, cli_device(call));
}

static enum cli_exit module_keys(const struct cli_call *call)
{
    return keys(call, cli_module(call));
}

#define OPTION_REGENERATE                                                                          \
    {                                                                                              \
        .name = "regenerate", .value = "WHICH", .choices = "primary|secondary|both",               \
        .meaning = "make new ones first"                                                           \
    }
#define OPTION_SWAP                                                                                \
    {                                                                                              \
        .name = "swap", .meaning = "make the primary key the secondary one and the reverse"        \
    }

static const struct cli_option device_key_options[] = {CLI_OPTION_DEVICE, OPTION_REGENERATE,
                                                       OPTION_SWAP};
static const struct cli_option module_key_options[] = {CLI_OPTION_DEVICE, CLI_OPTION_MODULE,
                                                       OPTION_REGENERATE, OPTION_SWAP};

static const struct cli_example key_examples[] = {
    {"change keys without a gap: move the device to the secondary key, then",
     "iothub device keys dev1 --regenerate primary"},
};

const struct cli_command cli_device_keys = {
    .group = "device",
    .name = "keys",
    .az = "device-identity renew-key",
    .summary = "show or change the keys of a device",
    CLI_OPTIONS(device_key_options),
    CLI_EXAMPLES(key_examples),
    .run = device_keys,
};

const struct cli_command cli_module_keys = {
    .group = "module",
    .name = "keys",
    .az = "module-identity renew-key",
    .summary = "show or change the keys of a module",
    CLI_OPTIONS(module_key_options),
    .run = module_keys,
};

/* ---- connection strings ---- */

static const struct cli_column string_columns[] = {
    {.title = "Connection string", .path = "connectionString"},
};

static enum cli_exit connection_string(const struct cli_call *call, struct iothub_service_id id)
{
    CLEANUP(cli_service_finish) struct cli_service service = {0};
    CLEANUP(json_destroyp) cJSON *identity = NULL;
    CLEANUP(json_destroyp) cJSON *document = cJSON_CreateObject();
    char text[IOTHUB_SERVICE_CONNECTION_STRING_SIZE];
    struct iothub_error error;
    const char *kind = cli_value(call, "key-type");
    const enum iothub_service_key which = kind != NULL && strcmp(kind, "secondary") == 0
                                              ? IOTHUB_SERVICE_SECONDARY_KEY
                                              : IOTHUB_SERVICE_PRIMARY_KEY;
    const enum cli_exit exit_code = cli_service_open(call, &service);
    if (exit_code != CLI_DONE) {
        return exit_code;
    }
    if (iothub_service_identity_get(service.client, id, &identity, &error) != IOTHUB_OK ||
        iothub_service_connection_string(service.client, identity, which, text, &error) !=
            IOTHUB_OK) {
        return hub_fail(&service.hub, &error);
    }
    if (cJSON_AddStringToObject(document, "connectionString", text) == NULL) {
        return cli_fail(CLI_FAILED, "out of memory");
    }
    /* On a terminal it is there to be copied: whole, and with nothing before it. */
    if (call->format == CLI_TABLE) {
        CLEANUP(buf_finish) struct buf line = BUF_INIT(sizeof(text) + 1);
        buf_append_format(&line, "%s\n", text);
        return cli_print_text(buf_str(&line));
    }
    return cli_print(call, document, CLI_COLUMNS(string_columns));
}

static enum cli_exit device_string(const struct cli_call *call)
{
    return connection_string(call, cli_device(call));
}

static enum cli_exit module_string(const struct cli_call *call)
{
    return connection_string(call, cli_module(call));
}

#define OPTION_KEY_TYPE                                                                            \
    {                                                                                              \
        .name = "key-type", .alias = "kt", .value = "KIND", .choices = "primary|secondary",        \
        .meaning = "which of its keys; by default the primary one"                                 \
    }

static const struct cli_option device_string_options[] = {CLI_OPTION_DEVICE, OPTION_KEY_TYPE};
static const struct cli_option module_string_options[] = {CLI_OPTION_DEVICE, CLI_OPTION_MODULE,
                                                          OPTION_KEY_TYPE};

static const struct cli_example string_examples[] = {
    {"start a program as the device dev1",
     "IOTHUB_DEVICE_CONNECTION_STRING=$(iothub device connection-string dev1 -o tsv) ./program"},
};

const struct cli_command cli_device_connection_string = {
    .group = "device",
    .name = "connection-string",
    .az = "device-identity connection-string show",
    .summary = "print what a device connects with",
    CLI_OPTIONS(device_string_options),
    CLI_EXAMPLES(string_examples),
    .run = device_string,
};

const struct cli_command cli_module_connection_string = {
    .group = "module",
    .name = "connection-string",
    .az = "module-identity connection-string show",
    .summary = "print what a module connects with",
    CLI_OPTIONS(module_string_options),
    .run = module_string,
};
