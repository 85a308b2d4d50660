/* SPDX-License-Identifier: MIT */

/*
 * Tutorial: direct methods, the service's side.
 *
 * Calls rebootDevice on a device that runs reboot_device.c, prints what the device answers, and
 * then looks into the device's twin for the time of the reboot, which the device reports.
 */
#include <unistd.h>

#include <iothub/service.h>

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

static enum iothub_result call_reboot(struct iothub_service *service, struct iothub_error *error)
{
    /* The device must be connected: a call is never kept for later. It may take its time, though;
     * this call returns when the device has answered, or when the time is up. */
    const struct iothub_service_id device = {.device_id = device_id};
    const struct iothub_service_method method = {
        .name = "rebootDevice",
        .payload_json = "{\"method_number\": 42}",
        .response_timeout_s = 60,
    };
    program_say("Invoking the device to reboot ...");
    int status = 0;
    cJSON *payload = NULL;
    const enum iothub_result result =
        iothub_service_method_invoke(service, device, &method, &status, &payload, error);
    if (result == IOTHUB_OK) {
        program_say("The device answered with status %d.", status);
    }
    if (payload != NULL) {
        program_say_json("Its payload:", payload);
    }
    cJSON_Delete(payload);
    return result;
}

/* True when the twin tells of a reboot, which is then printed. */
static bool say_reboot_time(const cJSON *twin)
{
    const cJSON *properties = cJSON_GetObjectItemCaseSensitive(twin, "properties");
    const cJSON *reported = cJSON_GetObjectItemCaseSensitive(properties, "reported");
    const cJSON *time = cJSON_GetObjectItemCaseSensitive(reported, "rebootTime");
    if (!cJSON_IsString(time)) {
        return false;
    }
    program_say("Last reboot time: %s", cJSON_GetStringValue(time));
    return true;
}

/* The method's answer was for us; the twin keeps the time for everybody. */
static enum iothub_result find_reboot_time(struct iothub_service *service, bool *ret_found,
                                           struct iothub_error *error)
{
    const struct iothub_service_id device = {.device_id = device_id};
    enum iothub_result result = IOTHUB_OK;
    bool found = false;
    for (int i = 0; i < TRIES && !found && result == IOTHUB_OK; i++) {
        if (i > 0) {
            program_say("Waiting for the device to report its last reboot time ...");
            (void)sleep(SECONDS_BETWEEN_TRIES);
        }
        cJSON *twin = NULL;
        result = iothub_service_twin_get(service, device, &twin, error);
        found = result == IOTHUB_OK && say_reboot_time(twin);
        cJSON_Delete(twin);
    }
    *ret_found = found;
    return result;
}

int main(int argc, char **argv)
{
    const char *connection_string = program_connection_string(&program, argc, argv);
    struct iothub_service *service = NULL;
    struct iothub_error error;
    bool found = false;

    enum iothub_result result = iothub_service_create(connection_string, NULL, &service, &error);
    if (result == IOTHUB_OK) {
        result = call_reboot(service, &error);
    }
    if (result == IOTHUB_OK) {
        result = find_reboot_time(service, &found, &error);
    }
    iothub_service_destroy(service);
    if (result != IOTHUB_OK) {
        return program_fail(error.text);
    }
    return found ? 0 : program_fail("the device did not report a reboot time");
}
