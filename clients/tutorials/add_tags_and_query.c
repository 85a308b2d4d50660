/* SPDX-License-Identifier: MIT */

/*
 * Tutorial: device twins, the service's side.
 *
 * A hub keeps a twin of each device, a JSON document of three parts:
 *
 *   tags                 what the service notes about the device; the device never sees them
 *   properties.desired   what the service wishes the device to be; the device is told
 *   properties.reported  what the device says that it is; see report_connectivity.c
 *
 * This program tags a device with its location, wishes it a power level, and then lets the hub find
 * devices by tag, and by tag and reported property together.
 */
#include <unistd.h>

#include <iothub/service.h>

#include "clients/tutorials/program.h"

static const char *device_id = "myFirstDevice";

static const struct program program = {
    .name = "add_tags_and_query",
    .purpose = "Tags a device with its location and asks the hub which devices stand there.",
    .environment = "IOTHUB_CONNECTION_STRING",
    .options = {{"--device", "ID", "the device to tag", &device_id}},
};

static enum iothub_result tag_device(struct iothub_service *service, struct iothub_error *error)
{
    /* Read the twin first, for its etag: a value that changes whenever the twin does. */
    const struct iothub_service_id device = {.device_id = device_id};
    cJSON *twin = NULL;
    enum iothub_result result = iothub_service_twin_get(service, device, &twin, error);
    if (result != IOTHUB_OK) {
        return result;
    }
    const char *etag = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(twin, "etag"));

    /* A patch holds only what changes. Because we send the etag along, the hub refuses the patch
     * (412) if somebody else changed the twin in between. */
    const char *patch =
        "{"
        "  \"tags\": {\"location\": {\"region\": \"US\", \"plant\": \"Redmond43\"}},"
        "  \"properties\": {\"desired\": {\"power_level\": 1}}"
        "}";
    cJSON *updated = NULL;
    result = iothub_service_twin_update(service, device, patch, etag, &updated, error);
    cJSON_Delete(updated);
    cJSON_Delete(twin);
    return result;
}

/* Called for each row of a query's result. The query says SELECT *, so each row is a twin. */
static bool say_device_id(const cJSON *twin, void *ctx)
{
    (void)ctx;
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(twin, "deviceId");
    program_say("  %s", cJSON_GetStringValue(id));
    return true; /* go on with the next */
}

static enum iothub_result say_devices(struct iothub_service *service, const char *query,
                                      struct iothub_error *error)
{
    /* The hub answers in pages, here of 100 rows; they are fetched as they are needed. */
    return iothub_service_query(service, query, 100, say_device_id, NULL, error);
}

static enum iothub_result tag_and_query(struct iothub_service *service, struct iothub_error *error)
{
    enum iothub_result result = tag_device(service, error);
    if (result != IOTHUB_OK) {
        return result;
    }

    /* In the cloud the index that answers queries follows a little later. */
    (void)sleep(1);

    program_say("Devices in Redmond43 plant:");
    result = say_devices(service, "SELECT * FROM devices WHERE tags.location.plant = 'Redmond43'",
                         error);
    if (result != IOTHUB_OK) {
        return result;
    }

    program_say("Devices in Redmond43 plant using cellular network:");
    return say_devices(service,
                       "SELECT * FROM devices WHERE tags.location.plant = 'Redmond43'"
                       " AND properties.reported.connectivity = 'cellular'",
                       error);
}

int main(int argc, char **argv)
{
    const char *connection_string = program_connection_string(&program, argc, argv);
    struct iothub_service *service = NULL;
    struct iothub_error error;

    enum iothub_result result = iothub_service_create(connection_string, NULL, &service, &error);
    if (result == IOTHUB_OK) {
        result = tag_and_query(service, &error);
    }
    iothub_service_destroy(service);
    return result == IOTHUB_OK ? 0 : program_fail(error.text);
}
