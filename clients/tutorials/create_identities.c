/* SPDX-License-Identifier: MIT */

/*
 * Tutorial: module identities and twins, first part.
 *
 * Whatever connects to a hub needs an identity there, with a key that only the two of them know. A
 * device has one; each module of the device (a program of its own on it, say) may have another,
 * with its own twin. This program registers a device and a module of it, or finds them where they
 * exist already, and prints their keys and the connection strings for the other tutorials.
 */
#include <iothub/service.h>

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
static enum iothub_result create_or_get(struct iothub_service *service, struct iothub_service_id id,
                                        cJSON **ret_identity, struct iothub_error *error)
{
    /* We say nothing of keys (NULL), so the hub makes them up. */
    const enum iothub_result result =
        iothub_service_identity_create(service, id, NULL, ret_identity, error);
    if (result == IOTHUB_REFUSED && error->http_status == 409) {
        return iothub_service_identity_get(service, id, ret_identity, error);
    }
    return result;
}

/* Prints the key, and keeps what the device or module needs to connect: which hub, who, and the
 * key. */
static enum iothub_result create(struct iothub_service *service, struct iothub_service_id id,
                                 char *connection_string, struct iothub_error *error)
{
    cJSON *identity = NULL;
    enum iothub_result result = create_or_get(service, id, &identity, error);
    if (result == IOTHUB_OK) {
        program_say("Primary key of %s %s: %s", id.module_id == NULL ? "device" : "module",
                    id.module_id == NULL ? id.device_id : id.module_id,
                    iothub_service_identity_key(identity, IOTHUB_SERVICE_PRIMARY_KEY));
        result = iothub_service_connection_string(service, identity, IOTHUB_SERVICE_PRIMARY_KEY,
                                                  connection_string, error);
    }
    cJSON_Delete(identity);
    return result;
}

static enum iothub_result create_both(struct iothub_service *service, struct iothub_error *error)
{
    char of_device[IOTHUB_SERVICE_CONNECTION_STRING_SIZE];
    char of_module[IOTHUB_SERVICE_CONNECTION_STRING_SIZE];
    const struct iothub_service_id device = {.device_id = device_id};
    const struct iothub_service_id module = {.device_id = device_id, .module_id = module_id};

    enum iothub_result result = create(service, device, of_device, error);
    if (result == IOTHUB_OK) {
        result = create(service, module, of_module, error);
    }
    if (result == IOTHUB_OK) {
        program_say("\nFor the programs of the device and of the module:");
        program_say("export IOTHUB_DEVICE_CONNECTION_STRING='%s'", of_device);
        program_say("export IOTHUB_MODULE_CONNECTION_STRING='%s'", of_module);
    }
    return result;
}

int main(int argc, char **argv)
{
    const char *connection_string = program_connection_string(&program, argc, argv);
    struct iothub_service *service = NULL;
    struct iothub_error error;

    enum iothub_result result = iothub_service_create(connection_string, NULL, &service, &error);
    if (result == IOTHUB_OK) {
        result = create_both(service, &error);
    }
    iothub_service_destroy(service);
    return result == IOTHUB_OK ? 0 : program_fail(error.text);
}
