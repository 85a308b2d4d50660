/* SPDX-License-Identifier: MIT */

/*
 * Tutorial: module identities and twins, first part.
 *
 * Whatever connects to a hub needs an identity there, with a key that only the two of them know. A
 * device has one; each module of the device (a program of its own on it, say) may have another,
 * with its own twin. This program registers a device and a module of it, or finds them where they
 * exist already, and prints their keys and the connection strings for the other tutorials.
 */
#include "clients/service/service_client.h"
#include "clients/tutorials/program.h"

static const char *device_id = "myFirstDevice";
static const char *module_id = "myFirstModule";

static const struct program program = {
    .name = "create_identities",
    .purpose = "Creates a device and a module of it, or finds them, and prints their keys.",
    .environment = "IOTHUB_CONNECTION_STRING",
    .options = {{"--device", "ID", "the device to create", &device_id},
                {"--module", "ID", "the module to create on it", &module_id}},
};

/* The hub refuses to create what exists already: 409, Conflict. Then it is there to be read. */
static enum service_result create_or_get(struct service_client *client,
                                         struct service_identity identity, cJSON **ret_identity,
                                         struct service_error *error)
{
    const enum service_result result =
        service_identity_create(client, identity, ret_identity, error);
    if (result == SERVICE_REFUSED && error->http_status == 409) {
        return service_identity_get(client, identity, ret_identity, error);
    }
    return result;
}

int main(int argc, char **argv)
{
    const char *connection_string = program_connection_string(&program, argc, argv);
    struct service_error error;

    struct service_client *client CLEANUP(service_client_destroyp) = NULL;
    if (service_client_create(connection_string, &client, &error) != SERVICE_OK) {
        return program_fail(error.text);
    }

    /* We send no keys, so the hub makes them up. */
    const struct service_identity device = {.device_id = device_id};
    cJSON *device_identity CLEANUP(json_destroyp) = NULL;
    if (create_or_get(client, device, &device_identity, &error) != SERVICE_OK) {
        return program_fail(error.text);
    }

    const struct service_identity module = {.device_id = device_id, .module_id = module_id};
    cJSON *module_identity CLEANUP(json_destroyp) = NULL;
    if (create_or_get(client, module, &module_identity, &error) != SERVICE_OK) {
        return program_fail(error.text);
    }

    const char *device_key = service_identity_primary_key(device_identity);
    const char *module_key = service_identity_primary_key(module_identity);
    program_say("Primary key of device %s: %s", device_id, device_key);
    program_say("Primary key of module %s: %s", module_id, module_key);

    /* What a device or module needs to know: which hub, who it is, and its key. */
    const char *host = service_client_host(client);
    program_say("\nFor the programs of the device and of the module:");
    program_say("export IOTHUB_DEVICE_CONNECTION_STRING="
                "'HostName=%s;DeviceId=%s;SharedAccessKey=%s'",
                host, device_id, device_key);
    program_say("export IOTHUB_MODULE_CONNECTION_STRING="
                "'HostName=%s;DeviceId=%s;ModuleId=%s;SharedAccessKey=%s'",
                host, device_id, module_id, module_key);
    return 0;
}
