/* SPDX-License-Identifier: MIT */

/*
 * Tutorial: module identities and twins, the service's side.
 *
 * A module's twin is like a device's, and belongs to the module alone. This program prints it, sets
 * a desired property, and prints it again. If module_twin_listener.c runs meanwhile, it is told of
 * the change at once.
 */
#include "clients/service/service_client.h"
#include "clients/tutorials/program.h"

static const char *device_id = "myFirstDevice";
static const char *module_id = "myFirstModule";

static const struct program program = {
    .name = "update_module_twin",
    .purpose = "Sets the telemetry interval that a module should use, and prints the module's\n"
               "twin before and after.",
    .environment = "IOTHUB_CONNECTION_STRING",
    .options = {{"--device", "ID", "the device of the module", &device_id},
                {"--module", "ID", "the module to update", &module_id}},
};

int main(int argc, char **argv)
{
    const char *connection_string = program_connection_string(&program, argc, argv);
    struct service_error error;

    struct service_client *client CLEANUP(service_client_destroyp) = NULL;
    if (service_client_create(connection_string, &client, &error) != SERVICE_OK) {
        return program_fail(error.text);
    }

    const struct service_identity module = {.device_id = device_id, .module_id = module_id};
    cJSON *before CLEANUP(json_destroyp) = NULL;
    if (service_twin_get(client, module, &before, &error) != SERVICE_OK) {
        return program_fail(error.text);
    }
    program_say_json("Module twin before the update:", before);

    /* The etag makes sure that we change the twin we have just seen, and no newer one. */
    const char *patch = "{\"properties\": {\"desired\": {\"telemetryInterval\": 122}}}";
    const char *etag = cJSON_GetStringValue(json_member(before, "etag"));
    cJSON *after CLEANUP(json_destroyp) = NULL;
    if (service_twin_update(client, module, patch, etag, &after, &error) != SERVICE_OK) {
        return program_fail(error.text);
    }
    program_say_json("Module twin after the update:", after);
    return 0;
}
