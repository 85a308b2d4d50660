/* SPDX-License-Identifier: MIT */

/*
 * Tutorial: device twins, the device's side.
 *
 * The device reports how it is connected, and listens for what is desired of it. Run it, then run
 * add_tags_and_query.c: the second query there finds this device by what it reported, and the
 * desired power level arrives here.
 */
#include <iothub/device.h>

#include "clients/tutorials/program.h"

static const struct program program = {
    .name = "report_connectivity",
    .purpose = "Connects as a device, reports that it uses a cellular network, and prints each\n"
               "change of its desired properties until Ctrl-C.",
    .environment = "IOTHUB_DEVICE_CONNECTION_STRING",
};

/* The service changed what it desires. A patch holds the changed properties only. */
static void desired_changed(struct iothub_device *device,
                            const struct iothub_device_desired *desired, void *ctx)
{
    (void)device;
    (void)ctx;
    program_say_json("The desired properties changed:", desired->properties);
}

static int report_and_listen(struct iothub_device *device)
{
    struct iothub_error error;
    if (iothub_device_connect(device, &error) != IOTHUB_OK) {
        return program_fail(error.text);
    }

    /* Reported properties are merged into the twin, just as desired ones are. */
    if (iothub_device_report(device, "{\"connectivity\": \"cellular\"}", NULL, &error) !=
        IOTHUB_OK) {
        return program_fail(error.text);
    }
    program_say("Reported: connectivity is cellular. Waiting for desired properties; Ctrl-C ends.");

    while (!program_stopped()) {
        /* Our handler is called from within. */
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
    const int code = report_and_listen(device);
    iothub_device_destroy(device);
    return code;
}
