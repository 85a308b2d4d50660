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

#include "clients/device/device_client.h"
#include "clients/tutorials/program.h"

static const struct program program = {
    .name = "module_twin_listener",
    .purpose = "Connects as a module, prints each change of its desired properties, and reports\n"
               "the telemetry interval it took over, until Ctrl-C.",
    .environment = "IOTHUB_MODULE_CONNECTION_STRING",
};

static void desired_changed(struct device_client *client, const struct device_desired *desired,
                            void *ctx)
{
    (void)ctx;
    program_say_json("The desired properties changed:", desired->properties);

    /* A patch holds what changed, which may be something else. */
    const cJSON *interval = json_member(desired->properties, "telemetryInterval");
    if (!cJSON_IsNumber(interval)) {
        return;
    }

    /* Here a real module would set its timer. Then it says so. */
    char patch[64];
    (void)snprintf(patch, sizeof(patch), "{\"telemetryInterval\": %g}", interval->valuedouble);
    struct problem problem;
    if (device_client_report(client, patch, NULL, &problem) != STATUS_OK) {
        (void)program_fail(problem.text); /* no reason to end: the next change may fare better */
        return;
    }
    program_say("Reported: %s", patch);
}

int main(int argc, char **argv)
{
    const char *connection_string = program_connection_string(&program, argc, argv);
    struct problem problem;
    program_catch_ctrl_c();

    const struct device_client_handlers handlers = {.desired = desired_changed};
    struct device_client *client CLEANUP(device_client_destroyp) = NULL;
    if (device_client_create(connection_string, &handlers, &client, &problem) != STATUS_OK ||
        device_client_connect(client, &problem) != STATUS_OK) {
        return program_fail(problem.text);
    }
    program_say("Waiting for desired properties; Ctrl-C ends.");

    while (!program_stopped()) {
        if (device_client_run(client, 1000, &problem) != STATUS_OK) {
            return program_fail(problem.text);
        }
    }
    return 0;
}
