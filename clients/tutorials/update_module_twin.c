/* SPDX-License-Identifier: MIT */

/*
 * Tutorial: module identities and twins, the service's side.
 *
 * A module's twin is like a device's, and belongs to the module alone. This program prints it, sets
 * a desired property, and prints it again. If module_twin_listener.c runs meanwhile, it is told of
 * the change at once.
 */
#include <iothub/service.h>

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

static enum iothub_result update(struct iothub_service *service, struct iothub_error *error)
{
    const struct iothub_service_id module = {.device_id = device_id, .module_id = module_id};
    cJSON *before = NULL;
    cJSON *after = NULL;
    enum iothub_result result = iothub_service_twin_get(service, module, &before, error);
    if (result == IOTHUB_OK) {
        program_say_json("Module twin before the update:", before);

        /* The etag makes sure that we change the twin we have just seen, and no newer one. */
        const char *patch = "{\"properties\": {\"desired\": {\"telemetryInterval\": 122}}}";
        const char *etag = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(before, "etag"));
        result = iothub_service_twin_update(service, module, patch, etag, &after, error);
    }
    if (result == IOTHUB_OK) {
        program_say_json("Module twin after the update:", after);
    }
    cJSON_Delete(before);
    cJSON_Delete(after);
    return result;
}

int main(int argc, char **argv)
{
    const char *connection_string = program_connection_string(&program, argc, argv);
    struct iothub_service *service = NULL;
    struct iothub_error error;

    enum iothub_result result = iothub_service_create(connection_string, NULL, &service, &error);
    if (result == IOTHUB_OK) {
        result = update(service, &error);
    }
    iothub_service_destroy(service);
    return result == IOTHUB_OK ? 0 : program_fail(error.text);
}
