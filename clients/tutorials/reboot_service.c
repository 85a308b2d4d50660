/* SPDX-License-Identifier: MIT */

/*
 * Tutorial: direct methods, the service's side.
 *
 * Calls rebootDevice on a device that runs reboot_device.c, prints what the device answers, and
 * then looks into the device's twin for the time of the reboot, which the device reports.
 */
#include <unistd.h>

#include "clients/service/service_client.h"
#include "clients/tutorials/program.h"

static const char *device_id = "myFirstDevice";

static const struct program program = {
    .name = "reboot_service",
    .purpose = "Calls the direct method rebootDevice of a device, and waits until the device's\n"
               "twin tells when it rebooted.",
    .environment = "IOTHUB_CONNECTION_STRING",
    .options = {{"--device", "ID", "the device to reboot", &device_id}},
};

enum { TRIES = 10, SECONDS_BETWEEN_TRIES = 1 };

int main(int argc, char **argv)
{
    const char *connection_string = program_connection_string(&program, argc, argv);
    struct service_error error;

    struct service_client *client CLEANUP(service_client_destroyp) = NULL;
    if (service_client_create(connection_string, &client, &error) != SERVICE_OK) {
        return program_fail(error.text);
    }

    /* The device must be connected: a call is never kept for later. It may take its time, though;
     * this call returns when the device has answered, or when the time is up. */
    const struct service_identity device = {.device_id = device_id};
    const struct service_method method = {
        .name = "rebootDevice",
        .payload_json = "{\"method_number\": 42}",
        .response_timeout_s = 60,
    };
    program_say("Invoking the device to reboot ...");
    int status = 0;
    cJSON *payload CLEANUP(json_destroyp) = NULL;
    if (service_method_invoke(client, device, &method, &status, &payload, &error) != SERVICE_OK) {
        return program_fail(error.text);
    }
    program_say("The device answered with status %d.", status);
    if (payload != NULL) {
        program_say_json("Its payload:", payload);
    }

    /* The method's answer was for us; the twin keeps the time for everybody. */
    for (int i = 0; i < TRIES; i++) {
        cJSON *twin CLEANUP(json_destroyp) = NULL;
        if (service_twin_get(client, device, &twin, &error) != SERVICE_OK) {
            return program_fail(error.text);
        }
        const cJSON *reported = json_member(json_member(twin, "properties"), "reported");
        const char *time = cJSON_GetStringValue(json_member(reported, "rebootTime"));
        if (time != NULL) {
            program_say("Last reboot time: %s", time);
            return 0;
        }
        program_say("Waiting for the device to report its last reboot time ...");
        (void)sleep(SECONDS_BETWEEN_TRIES);
    }
    return program_fail("the device did not report a reboot time");
}
