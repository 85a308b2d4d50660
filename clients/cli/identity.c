/* SPDX-License-Identifier: MIT */
#include "clients/cli/identity.h"

#include <stdio.h>
#include <string.h>

const char *cli_numbered_id(const char *prefix, long i, long count, char text[CLI_ID_SIZE])
{
    int digits = 1;
    for (long last = count - 1; last >= 10; last /= 10) {
        digits++;
    }
    (void)snprintf(text, CLI_ID_SIZE, "%s%0*ld", prefix == NULL ? CLI_PREFIX_DEFAULT : prefix,
                   digits, i);
    return text;
}

struct iothub_service_id cli_device(const struct cli_call *call)
{
    return (struct iothub_service_id){.device_id = cli_value(call, "device-id")};
}

struct iothub_service_id cli_module(const struct cli_call *call)
{
    return (struct iothub_service_id){
        .device_id = cli_value(call, "device-id"),
        .module_id = cli_value(call, "module-id"),
    };
}

static enum iothub_service_auth auth_of(const char *method, bool has_thumbprint)
{
    if (method == NULL) {
        return has_thumbprint ? IOTHUB_SERVICE_AUTH_SELF_SIGNED : IOTHUB_SERVICE_AUTH_KEYS;
    }
    if (strcmp(method, "x509_ca") == 0) {
        return IOTHUB_SERVICE_AUTH_CA;
    }
    return strcmp(method, "x509_thumbprint") == 0 ? IOTHUB_SERVICE_AUTH_SELF_SIGNED
                                                  : IOTHUB_SERVICE_AUTH_KEYS;
}

enum cli_exit cli_registration(const struct cli_call *call,
                               struct iothub_service_registration *ret_registration)
{
    struct iothub_service_registration wanted = {
        .primary_key = cli_value(call, "primary-key"),
        .secondary_key = cli_value(call, "secondary-key"),
        .primary_thumbprint = cli_value(call, "primary-thumbprint"),
        .secondary_thumbprint = cli_value(call, "secondary-thumbprint"),
    };
    const bool has_key = wanted.primary_key != NULL || wanted.secondary_key != NULL;
    const bool has_thumbprint =
        wanted.primary_thumbprint != NULL || wanted.secondary_thumbprint != NULL;
    wanted.auth = auth_of(cli_value(call, "auth-method"), has_thumbprint);
    if (has_key && wanted.auth != IOTHUB_SERVICE_AUTH_KEYS) {
        return cli_fail(CLI_MISUSED, "keys are for --auth-method shared_private_key only");
    }
    if (has_thumbprint && wanted.auth != IOTHUB_SERVICE_AUTH_SELF_SIGNED) {
        return cli_fail(CLI_MISUSED, "thumbprints are for --auth-method x509_thumbprint only");
    }
    if (wanted.auth == IOTHUB_SERVICE_AUTH_SELF_SIGNED && wanted.primary_thumbprint == NULL) {
        return cli_fail(CLI_MISUSED, "--primary-thumbprint is missing");
    }
    if (has_key && (wanted.primary_key == NULL || wanted.secondary_key == NULL)) {
        return cli_fail(CLI_MISUSED, "--primary-key and --secondary-key belong together");
    }
    *ret_registration = wanted;
    return CLI_DONE;
}

static const struct cli_column device_columns[] = {
    {.title = "Device", .path = "deviceId"},
    {.title = "Status", .path = "status"},
    {.title = "Connection", .path = "connectionState"},
    {.title = "Authentication", .path = "authentication.type"},
    {.title = "Edge", .path = "capabilities.iotEdge"},
    {.title = "Messages", .path = "cloudToDeviceMessageCount"},
    {.title = "ETag", .path = "etag"},
};
const struct cli_columns cli_device_columns = {
    .items = device_columns,
    .count = ARRAY_SIZE(device_columns),
};

static const struct cli_column module_columns[] = {
    {.title = "Device", .path = "deviceId"},
    {.title = "Module", .path = "moduleId"},
    {.title = "Connection", .path = "connectionState"},
    {.title = "Authentication", .path = "authentication.type"},
    {.title = "Managed by", .path = "managedBy"},
    {.title = "ETag", .path = "etag"},
};
const struct cli_columns cli_module_columns = {
    .items = module_columns,
    .count = ARRAY_SIZE(module_columns),
};
