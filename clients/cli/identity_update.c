/* SPDX-License-Identifier: MIT */
/* device update, module update and delete. */
#include <string.h>

#include "clients/cli/commands.h"
#include "clients/cli/identity.h"
#include "clients/cli/json_argument.h"

/* ---- changes to an identity's tree ---- */

/* Each option is a change of its own, as --set would write it: {option, path}. */
static const struct {
    const char *option;
    const char *path[3];
} simple[] = {
    {"status", {"status"}},
    {"status-reason", {"statusReason"}},
    {"managed-by", {"managedBy"}},
    {"primary-key", {"authentication", "symmetricKey", "primaryKey"}},
    {"secondary-key", {"authentication", "symmetricKey", "secondaryKey"}},
    {"primary-thumbprint", {"authentication", "x509Thumbprint", "primaryThumbprint"}},
    {"secondary-thumbprint", {"authentication", "x509Thumbprint", "secondaryThumbprint"}},
};

/* Takes the value, whatever happens. */
static bool put(cJSON *object, const char *name, cJSON *value)
{
    const bool done =
        value != NULL && (json_member(object, name) != NULL
                              ? cJSON_ReplaceItemInObjectCaseSensitive(object, name, value) != 0
                              : cJSON_AddItemToObject(object, name, value) != 0);
    if (!done) {
        cJSON_Delete(value);
    }
    return done;
}

static cJSON *object_in(cJSON *object, const char *name)
{
    cJSON *member = json_member(object, name);
    if (cJSON_IsObject(member)) {
        return member;
    }
    return put(object, name, cJSON_CreateObject()) ? json_member(object, name) : NULL;
}

static bool put_text(cJSON *identity, const char *const path[3], const char *value)
{
    cJSON *object = identity;
    size_t i = 0;
    for (; object != NULL && i < 2 && path[i + 1] != NULL; i++) {
        object = object_in(object, path[i]);
    }
    return object != NULL && put(object, path[i], cJSON_CreateString(value));
}

static bool has_option(const struct cli_call *call, const char *name)
{
    for (size_t i = 0; i < call->command->option_count; i++) {
        if (strcmp(call->command->options[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static const char *type_of(const char *method)
{
    return strcmp(method, "x509_ca") == 0           ? "certificateAuthority"
           : strcmp(method, "x509_thumbprint") == 0 ? "selfSigned"
                                                    : "sas";
}

/* Keys of before would be sent back to a hub that wants none, and the reverse. */
static bool put_method(const struct cli_call *call, cJSON *identity)
{
    const char *method = cli_value(call, "auth-method");
    if (method == NULL) {
        return true;
    }
    return put(identity, "authentication", cJSON_CreateObject()) &&
           put(json_member(identity, "authentication"), "type",
               cJSON_CreateString(type_of(method)));
}

static enum cli_exit apply(const struct cli_call *call, cJSON *identity)
{
    bool done = put_method(call, identity);
    for (size_t i = 0; i < ARRAY_SIZE(simple) && done; i++) {
        const char *value =
            has_option(call, simple[i].option) ? cli_value(call, simple[i].option) : NULL;
        done = value == NULL || put_text(identity, simple[i].path, value);
    }
    if (done && has_option(call, "edge-enabled") && cli_given(call, "edge-enabled")) {
        cJSON *capabilities = object_in(identity, "capabilities");
        const bool is_edge = strcmp(cli_value(call, "edge-enabled"), "true") == 0;
        done = capabilities != NULL && put(capabilities, "iotEdge", cJSON_CreateBool(is_edge));
    }
    return done ? json_argument_set_all(call, identity) : cli_fail(CLI_FAILED, "out of memory");
}

/* ---- update ---- */

static bool has_change(const struct cli_call *call)
{
    for (size_t i = 0; i < call->command->option_count; i++) {
        const char *name = call->command->options[i].name;
        const bool says_which = strcmp(name, "device-id") == 0 || strcmp(name, "module-id") == 0 ||
                                strcmp(name, "etag") == 0;
        if (!says_which && cli_given(call, name)) {
            return true;
        }
    }
    return false;
}

static enum cli_exit update(const struct cli_call *call, struct iothub_service_id id,
                            struct cli_columns columns)
{
    CLEANUP(cli_service_finish) struct cli_service service = {0};
    CLEANUP(json_destroyp) cJSON *identity = NULL;
    CLEANUP(json_destroyp) cJSON *updated = NULL;
    struct iothub_error error;
    if (!has_change(call)) {
        return cli_fail(CLI_MISUSED, "nothing to change: give --status, --set, or another option");
    }
    enum cli_exit exit_code = cli_service_open(call, &service);
    if (exit_code != CLI_DONE) {
        return exit_code;
    }
    if (iothub_service_identity_get(service.client, id, &identity, &error) != IOTHUB_OK) {
        return hub_fail(&service.hub, &error);
    }
    /* What somebody else changes between reading and writing is not overwritten. */
    CLEANUP(buf_finish) struct buf etag = BUF_INIT(1024);
    const char *given = cli_value(call, "etag");
    buf_append_str(&etag,
                   given != NULL ? str_from(given) : json_str(json_member(identity, "etag")));
    exit_code = apply(call, identity);
    if (exit_code != CLI_DONE) {
        return exit_code;
    }
    if (iothub_service_identity_update(service.client, identity, etag.data, &updated, &error) !=
        IOTHUB_OK) {
        return hub_fail(&service.hub, &error);
    }
    return cli_print(call, updated, columns);
}

static enum cli_exit update_device(const struct cli_call *call)
{
    return update(call, cli_device(call), cli_device_columns);
}

static enum cli_exit update_module(const struct cli_call *call)
{
    return update(call, cli_module(call), cli_module_columns);
}

static const struct cli_option device_options[] = {
    CLI_OPTION_DEVICE,
    CLI_OPTION_STATUS,
    CLI_OPTION_STATUS_REASON,
    {.name = "edge-enabled",
     .alias = "ee",
     .value = "YES",
     .choices = "true|false",
     .meaning = "whether it is an IoT Edge device"},
    CLI_OPTION_AUTH_METHOD,
    CLI_OPTION_PRIMARY_KEY,
    CLI_OPTION_SECONDARY_KEY,
    CLI_OPTION_PRIMARY_THUMBPRINT,
    CLI_OPTION_SECONDARY_THUMBPRINT,
    CLI_OPTION_SET,
    CLI_OPTION_ETAG,
};

static const struct cli_example device_examples[] = {
    {"keep a device out",
     "iothub device update dev1 --status disabled --status-reason 'for repair'"},
    {"do the same as az does", "iothub device update -d dev1 --set status=disabled"},
};

const struct cli_command cli_device_update = {
    .group = "device",
    .name = "update",
    .az = "device-identity update",
    .summary = "change a device's identity",
    .description =
        "Reads the identity, changes it, and writes it back if nobody else changed it in "
        "between. Prints it as it is then.",
    CLI_OPTIONS(device_options),
    CLI_EXAMPLES(device_examples),
    .run = update_device,
};

static const struct cli_option module_options[] = {
    CLI_OPTION_DEVICE,
    CLI_OPTION_MODULE,
    CLI_OPTION_AUTH_METHOD,
    CLI_OPTION_PRIMARY_KEY,
    CLI_OPTION_SECONDARY_KEY,
    CLI_OPTION_PRIMARY_THUMBPRINT,
    CLI_OPTION_SECONDARY_THUMBPRINT,
    {.name = "managed-by", .value = "WHO", .meaning = "who looks after it"},
    CLI_OPTION_SET,
    CLI_OPTION_ETAG,
};

const struct cli_command cli_module_update = {
    .group = "module",
    .name = "update",
    .az = "module-identity update",
    .summary = "change a module's identity",
    .description =
        "Reads the identity, changes it, and writes it back if nobody else changed it in "
        "between. Prints it as it is then.",
    CLI_OPTIONS(module_options),
    .run = update_module,
};

/* ---- deleting a module ---- */

static enum cli_exit delete_module(const struct cli_call *call)
{
    CLEANUP(cli_service_finish) struct cli_service service = {0};
    struct iothub_error error;
    const enum cli_exit exit_code = cli_service_open(call, &service);
    if (exit_code != CLI_DONE) {
        return exit_code;
    }
    if (iothub_service_identity_delete(service.client, cli_module(call), cli_value(call, "etag"),
                                       &error) != IOTHUB_OK) {
        return hub_fail(&service.hub, &error);
    }
    return CLI_DONE;
}

static const struct cli_option delete_options[] = {CLI_OPTION_DEVICE, CLI_OPTION_MODULE,
                                                   CLI_OPTION_ETAG};

const struct cli_command cli_module_delete = {
    .group = "module",
    .name = "delete",
    .az = "module-identity delete",
    .summary = "delete a module",
    CLI_OPTIONS(delete_options),
    .run = delete_module,
};
