/* SPDX-License-Identifier: MIT */
/* device create and device delete: one by one, or many at once. */
#include "clients/cli/bulk.h"
#include "clients/cli/commands.h"
#include "clients/cli/identity.h"

enum { COUNT_MAX = 1000000 };

/* ---- which ---- */

static enum cli_exit check_which(const struct cli_call *call)
{
    const bool named = cli_given(call, "device-id");
    const bool counted = cli_given(call, "count");
    if (named == counted) {
        return cli_fail(CLI_MISUSED, named ? "give IDs or --count, not both"
                                           : "DEVICE is missing: an ID, or several, or --count");
    }
    if (cli_given(call, "prefix") && !counted) {
        return cli_fail(CLI_MISUSED, "--prefix goes with --count");
    }
    return CLI_DONE;
}

/* ---- creating ---- */

static enum cli_exit create_one(const struct cli_call *call, struct cli_service *service,
                                const char *device_id,
                                const struct iothub_service_registration *registration)
{
    CLEANUP(json_destroyp) cJSON *identity = NULL;
    struct iothub_error error;
    const struct iothub_service_id id = {.device_id = device_id};
    if (iothub_service_identity_create(service->client, id, registration, &identity, &error) !=
        IOTHUB_OK) {
        return hub_fail(&service->hub, &error);
    }
    return cli_print(call, identity, cli_device_columns);
}

static enum cli_exit create_many(const struct cli_call *call, struct cli_service *service,
                                 const struct iothub_service_registration *registration)
{
    CLEANUP(json_destroyp) cJSON *items = cJSON_CreateArray();
    const struct bulk bulk = {.service = service, .doing = "creating", .things = "created"};
    const struct cli_values named = cli_values(call, "device-id");
    const long count = cli_number(call, "count", (long)named.count);
    struct iothub_error error;
    for (long i = 0; i < count; i++) {
        char text[CLI_ID_SIZE];
        const struct iothub_service_id id = {
            .device_id = named.count > 0
                             ? named.items[i]
                             : cli_numbered_id(cli_value(call, "prefix"), i, count, text)};
        if (iothub_service_bulk_add(items, IOTHUB_SERVICE_BULK_CREATE, id, registration, NULL,
                                    &error) != IOTHUB_OK) {
            return hub_fail(&service->hub, &error);
        }
    }
    return bulk_send(call, &bulk, items, NULL);
}

static enum cli_exit create(const struct cli_call *call)
{
    CLEANUP(cli_service_finish) struct cli_service service = {0};
    struct iothub_service_registration registration;
    const struct cli_values named = cli_values(call, "device-id");
    const char *status = cli_value(call, "status");
    enum cli_exit exit_code = check_which(call);
    if (exit_code == CLI_DONE) {
        exit_code = cli_registration(call, &registration);
    }
    if (exit_code == CLI_DONE) {
        exit_code = cli_service_open(call, &service);
    }
    if (exit_code != CLI_DONE) {
        return exit_code;
    }
    registration.disabled = status != NULL && status[0] == 'd';
    registration.status_reason = cli_value(call, "status-reason");
    registration.iot_edge = cli_given(call, "edge-enabled");
    return named.count == 1 ? create_one(call, &service, named.items[0], &registration)
                            : create_many(call, &service, &registration);
}

static const struct cli_option create_options[] = {
    {.name = "device-id",
     .letter = 'd',
     .plain = true,
     .repeats = true,
     .value = "DEVICE",
     .meaning = "the device's ID"},
    {.name = "count",
     .value = "COUNT",
     .min = 1,
     .max = COUNT_MAX,
     .meaning = "register so many devices, numbered from 0"},
    {.name = "prefix",
     .value = "PREFIX",
     .meaning = "what stands before the numbers; by default device-"},
    CLI_OPTION_AUTH_METHOD,
    CLI_OPTION_PRIMARY_KEY,
    CLI_OPTION_SECONDARY_KEY,
    CLI_OPTION_PRIMARY_THUMBPRINT,
    CLI_OPTION_SECONDARY_THUMBPRINT,
    CLI_OPTION_STATUS,
    CLI_OPTION_STATUS_REASON,
    {.name = "edge-enabled", .alias = "ee", .meaning = "it is an IoT Edge device"},
};

static const struct cli_example create_examples[] = {
    {"register a device, with keys that the hub makes", "iothub device create dev1"},
    {"register pump-000 to pump-999", "iothub device create --count 1000 --prefix pump-"},
    {"register one that has a certificate",
     "iothub device create dev1 --am x509_thumbprint --ptp $(openssl x509 -in dev1.pem -noout "
     "-fingerprint -sha256 | cut -d= -f2 | tr -d :)"},
};

const struct cli_command cli_device_create = {
    .group = "device",
    .name = "create",
    .az = "device-identity create",
    .summary = "register devices",
    .description =
        "Prints the identity of a single device. Several are sent a hundred at a time; what is "
        "printed then is the hub's result, and which of them it refused: the others are "
        "registered.",
    CLI_OPTIONS(create_options),
    CLI_EXAMPLES(create_examples),
    .run = create,
};

/* ---- deleting ---- */

static enum cli_exit delete_many(const struct cli_call *call, struct cli_service *service,
                                 struct cli_values named)
{
    CLEANUP(json_destroyp) cJSON *items = cJSON_CreateArray();
    const struct bulk bulk = {.service = service, .doing = "deleting", .things = "deleted"};
    struct iothub_error error;
    for (size_t i = 0; i < named.count; i++) {
        const struct iothub_service_id id = {.device_id = named.items[i]};
        if (iothub_service_bulk_add(items, IOTHUB_SERVICE_BULK_DELETE, id, NULL, NULL, &error) !=
            IOTHUB_OK) {
            return hub_fail(&service->hub, &error);
        }
    }
    return bulk_send(call, &bulk, items, NULL);
}

static enum cli_exit delete_devices(const struct cli_call *call)
{
    CLEANUP(cli_service_finish) struct cli_service service = {0};
    const struct cli_values named = cli_values(call, "device-id");
    const char *etag = cli_value(call, "etag");
    struct iothub_error error;
    if (etag != NULL && named.count > 1) {
        return cli_fail(CLI_MISUSED, "an ETag belongs to one device");
    }
    const enum cli_exit exit_code = cli_service_open(call, &service);
    if (exit_code != CLI_DONE) {
        return exit_code;
    }
    if (named.count > 1) {
        return delete_many(call, &service, named);
    }
    const struct iothub_service_id id = {.device_id = named.items[0]};
    return iothub_service_identity_delete(service.client, id, etag, &error) == IOTHUB_OK
               ? CLI_DONE
               : hub_fail(&service.hub, &error);
}

static const struct cli_option delete_options[] = {
    {.name = "device-id",
     .letter = 'd',
     .plain = true,
     .required = true,
     .repeats = true,
     .value = "DEVICE",
     .meaning = "the device's ID"},
    CLI_OPTION_ETAG,
};

static const struct cli_example delete_examples[] = {
    {"delete two devices", "iothub device delete dev1 dev2"},
};

const struct cli_command cli_device_delete = {
    .group = "device",
    .name = "delete",
    .az = "device-identity delete",
    .summary = "delete devices and their modules",
    .description = "Prints nothing for a single device. For several, the hub's result.",
    CLI_OPTIONS(delete_options),
    CLI_EXAMPLES(delete_examples),
    .run = delete_devices,
};
