/* SPDX-License-Identifier: MIT */

/*
 * Tutorial: device twins, the device's side.
 *
 * The device reports how it is connected, and listens for what is desired of it. Run it, then run
 * add_tags_and_query.c: the second query there finds this device by what it reported, and the
 * desired power level arrives here.
 */
#include "clients/device/device_client.h"
#include "clients/tutorials/program.h"

static const struct program program = {
    .name = "report_connectivity",
    .purpose = "Connects as a device, reports that it uses a cellular network, and prints each\n"
               "change of its desired properties until Ctrl-C.",
    .environment = "IOTHUB_DEVICE_CONNECTION_STRING",
};

/* The service changed what it desires. A patch holds the changed properties only. */
static void desired_changed(struct device_client *client, const struct device_desired *desired,
                            void *ctx)
{
    (void)client;
    (void)ctx;
    program_say_json("The desired properties changed:", desired->properties);
}

int main(int argc, char **argv)
{
    const char *connection_string = program_connection_string(&program, argc, argv);
    struct problem problem;
    program_catch_ctrl_c();

    /* The client calls our handler from within device_client_run(), below. */
    const struct device_client_handlers handlers = {.desired = desired_changed};
    struct device_client *client CLEANUP(device_client_destroyp) = NULL;
    if (device_client_create(connection_string, &handlers, &client, &problem) != STATUS_OK ||
        device_client_connect(client, &problem) != STATUS_OK) {
        return program_fail(problem.text);
    }

    /* Reported properties are merged into the twin, just as desired ones are. */
    if (device_client_report(client, "{\"connectivity\": \"cellular\"}", NULL, &problem) !=
        STATUS_OK) {
        return program_fail(problem.text);
    }
    program_say("Reported: connectivity is cellular. Waiting for desired properties; Ctrl-C ends.");

    while (!program_stopped()) {
        if (device_client_run(client, 1000, &problem) != STATUS_OK) {
            return program_fail(problem.text);
        }
    }
    return 0;
}
