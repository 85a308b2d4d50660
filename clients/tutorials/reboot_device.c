/* SPDX-License-Identifier: MIT */

/*
 * Tutorial: direct methods, the device's side.
 *
 * A direct method is a call: the service waits for the device's answer. This device understands one
 * method, rebootDevice. It takes its time over the "reboot", reports in its twin when that was, and
 * only then answers.
 *
 * While it reboots the program goes on calling device_client_run(), so that the connection stays
 * alive: it takes down the call, and answers when the time has come. A program that slept instead
 * would hear nothing meanwhile, and with a longer nap would be taken for dead.
 */
#include <stdio.h>

#include "base/clock.h"
#include "clients/device/device_client.h"
#include "clients/tutorials/program.h"

static const char *seconds = "20";

static const struct program program = {
    .name = "reboot_device",
    .purpose = "Connects as a device and answers the direct method rebootDevice, until Ctrl-C.",
    .environment = "IOTHUB_DEVICE_CONNECTION_STRING",
    .options = {{"--seconds", "N", "how long a reboot takes", &seconds}},
};

struct reboot {
    int64_t duration_us;
    bool running;
    int64_t done_at_us;                      /* on the clock of clock_monotonic_us() */
    char request_id[DEVICE_REQUEST_ID_SIZE]; /* whom to answer then */
};

static void answer(struct device_client *client, const char *request_id, int status,
                   const char *payload)
{
    struct problem problem;
    if (device_client_respond(client, request_id, status, payload, &problem) != STATUS_OK) {
        (void)program_fail(problem.text);
    }
}

/* Somebody calls a method of ours. The answer is a status, as in HTTP, and a JSON payload. */
static void method_called(struct device_client *client, const struct device_method *method,
                          void *ctx)
{
    struct reboot *reboot = ctx;
    if (strcmp(method->name, "rebootDevice") != 0) {
        answer(client, method->request_id, 404, "{\"Response\": \"Unknown method\"}");
    } else if (reboot->running) {
        answer(client, method->request_id, 409, "{\"Response\": \"A reboot is under way\"}");
    } else {
        program_say("Rebooting device");
        reboot->running = true;
        reboot->done_at_us = clock_monotonic_us() + reboot->duration_us;
        memcpy(reboot->request_id, method->request_id, sizeof(reboot->request_id));
    }
}

static void finish(struct device_client *client, struct reboot *reboot)
{
    reboot->running = false;
    program_say("Device rebooted");

    /* Tell the twin when it was ... */
    const struct clock clock = CLOCK_SYSTEM;
    char now[CLOCK_TEXT_SIZE];
    clock_text_iso(clock_now_us(&clock), now);
    char patch[64];
    (void)snprintf(patch, sizeof(patch), "{\"rebootTime\": \"%s\"}", now);
    struct problem problem;
    if (device_client_report(client, patch, NULL, &problem) == STATUS_OK) {
        program_say("Device twin updated with the latest rebootTime, %s", now);
    } else {
        (void)program_fail(problem.text);
    }

    /* ... and the caller that it is done. */
    answer(client, reboot->request_id, 200,
           "{\"Response\": \"This is the response from the device\"}");
}

int main(int argc, char **argv)
{
    const char *connection_string = program_connection_string(&program, argc, argv);
    struct reboot reboot = {.duration_us = program_number("--seconds", seconds) * CLOCK_SECOND};
    struct problem problem;
    program_catch_ctrl_c();

    const struct device_client_handlers handlers = {.method = method_called, .ctx = &reboot};
    struct device_client *client CLEANUP(device_client_destroyp) = NULL;
    if (device_client_create(connection_string, &handlers, &client, &problem) != STATUS_OK ||
        device_client_connect(client, &problem) != STATUS_OK) {
        return program_fail(problem.text);
    }
    program_say("Waiting for the direct method rebootDevice; Ctrl-C ends.");

    while (!program_stopped()) {
        if (device_client_run(client, 100, &problem) != STATUS_OK) {
            return program_fail(problem.text);
        }
        if (reboot.running && clock_monotonic_us() >= reboot.done_at_us) {
            finish(client, &reboot);
        }
    }
    return 0;
}
