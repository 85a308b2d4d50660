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

#include "clients/service/service_client.h"
#include "clients/tutorials/program.h"

static const char *device_id = "myFirstDevice";

static const struct program program = {
    .name = "add_tags_and_query",
    .purpose = "Tags a device with its location and asks the hub which devices stand there.",
    .environment = "IOTHUB_CONNECTION_STRING",
    .options = {{"--device", "ID", "the device to tag", &device_id}},
};

/* Called for each row of a query's result. The query says SELECT *, so each row is a twin. */
static bool say_device_id(const cJSON *twin, void *ctx)
{
    (void)ctx;
    program_say("  %s", cJSON_GetStringValue(json_member(twin, "deviceId")));
    return true; /* go on with the next */
}

static enum service_result say_devices(struct service_client *client, const char *query,
                                       struct service_error *error)
{
    return service_query(client, query, 100, say_device_id, NULL, error); /* 100 rows to a page */
}

int main(int argc, char **argv)
{
    const char *connection_string = program_connection_string(&program, argc, argv);
    struct service_error error;

    /* CLEANUP(f) means: when this variable goes out of scope, call f on it. */
    struct service_client *client CLEANUP(service_client_destroyp) = NULL;
    if (service_client_create(connection_string, &client, &error) != SERVICE_OK) {
        return program_fail(error.text);
    }

    /* Read the twin first, for its etag: a value that changes whenever the twin does. */
    const struct service_identity device = {.device_id = device_id};
    cJSON *twin CLEANUP(json_destroyp) = NULL;
    if (service_twin_get(client, device, &twin, &error) != SERVICE_OK) {
        return program_fail(error.text);
    }
    const char *etag = cJSON_GetStringValue(json_member(twin, "etag"));

    /* A patch holds only what changes. Because we send the etag along, the hub refuses the patch
     * (412) if somebody else changed the twin in between. */
    const char *patch =
        "{"
        "  \"tags\": {\"location\": {\"region\": \"US\", \"plant\": \"Redmond43\"}},"
        "  \"properties\": {\"desired\": {\"power_level\": 1}}"
        "}";
    cJSON *updated CLEANUP(json_destroyp) = NULL;
    if (service_twin_update(client, device, patch, etag, &updated, &error) != SERVICE_OK) {
        return program_fail(error.text);
    }

    /* In the cloud the index that answers queries follows a little later. */
    (void)sleep(1);

    program_say("Devices in Redmond43 plant:");
    const char *in_plant = "SELECT * FROM devices WHERE tags.location.plant = 'Redmond43'";
    if (say_devices(client, in_plant, &error) != SERVICE_OK) {
        return program_fail(error.text);
    }

    program_say("Devices in Redmond43 plant using cellular network:");
    const char *by_radio = "SELECT * FROM devices WHERE tags.location.plant = 'Redmond43'"
                           " AND properties.reported.connectivity = 'cellular'";
    if (say_devices(client, by_radio, &error) != SERVICE_OK) {
        return program_fail(error.text);
    }
    return 0;
}
