/* SPDX-License-Identifier: MIT */

/*
 * Tutorial: module identities and twins, the module's side.
 *
 * A module connects just as a device does; its connection string names a ModuleId besides the
 * DeviceId. This one waits for a desired telemetry interval, as update_module_twin.c sets it, and
 * reports back which interval it uses from then on. So the service can see in one document what it
 * wished for and whether that came true.
 */
#include <stdio.h>

#include <iothub/device.h>

#include "clients/tutorials/program.h"

static const struct program program = {
    .name = "module_twin_listener",
    .purpose = "Connects as a module, prints each change of its desired properties, and reports\n"
               "the telemetry interval it took over, until Ctrl-C.",
    .environment = "IOTHUB_MODULE_CONNECTION_STRING",
};

static void desired_changed(struct iothub_device *device,
                            const struct iothub_device_desired *desired, void *ctx)
{
    (void)ctx;
    program_say_json("The desired properties changed:", desired->properties);

    /* A patch holds what changed, which may be something else. */
    const cJSON *interval =
        cJSON_GetObjectItemCaseSensitive(desired->properties, "telemetryInterval");
    if (!cJSON_IsNumber(interval)) {
        return;
    }

    /* Here a real module would set its timer. Then it says so. */
    char patch[64];
    (void)snprintf(patch, sizeof(patch), "{\"telemetryInterval\": %g}", interval->valuedouble);
    struct iothub_error error;
    if (iothub_device_report(device, patch, NULL, &error) != IOTHUB_OK) {
        (void)program_fail(error.text); /* no reason to end: the next change may fare better */
        return;
    }
    program_say("Reported: %s", patch);
}

static int listen_until_stopped(struct iothub_device *device)
{
    struct iothub_error error;
    if (iothub_device_connect(device, &error) != IOTHUB_OK) {
        return program_fail(error.text);
    }
    program_say("Waiting for desired properties; Ctrl-C ends.");

    while (!program_stopped()) {
        if (iothub_device_run(device, 1000, &error) != IOTHUB_OK) {
            return program_fail(error.text);
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    const char *connection_string = program_connection_string(&program, argc, argv);
    program_catch_ctrl_c();

    const struct iothub_device_handlers handlers = {.desired = desired_changed};
    struct iothub_device *device = NULL;
    struct iothub_error error;
    if (iothub_device_create(connection_string, &handlers, &device, &error) != IOTHUB_OK) {
        return program_fail(error.text);
    }
    const int code = listen_until_stopped(device);
    iothub_device_destroy(device);
    return code;
}
