/* SPDX-License-Identifier: MIT */

/*
 * Tutorial: direct methods, the device's side.
 *
 * A direct method is a call: the service waits for the device's answer. This device understands one
 * method, rebootDevice. It takes its time over the "reboot", reports in its twin when that was, and
 * only then answers.
 *
 * While it reboots the program goes on calling iothub_device_run(), so that the connection stays
 * alive: it takes down the call, and answers when the time has come. A program that slept instead
 * would hear nothing meanwhile, and with a longer nap would be taken for dead.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <iothub/device.h>

#include "clients/tutorials/program.h"

static const char *seconds = "20";

static const struct program program = {
    .name = "reboot_device",
    .purpose = "Connects as a device and answers the direct method rebootDevice, until Ctrl-C.",
    .environment = "IOTHUB_DEVICE_CONNECTION_STRING",
    .options = {{"--seconds", "N", "how long a reboot takes", &seconds}},
};

struct reboot {
    int duration_s;
    bool running;
    double done_at_s;                               /* on the clock of seconds_since_boot() */
    char request_id[IOTHUB_DEVICE_REQUEST_ID_SIZE]; /* whom to answer then */
};

/* Whoever sets the machine's clock meanwhile does not change how long something takes. */
static double seconds_since_boot(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void answer(struct iothub_device *device, const char *request_id, int status,
                   const char *payload)
{
    struct iothub_error error;
    if (iothub_device_respond(device, request_id, status, payload, &error) != IOTHUB_OK) {
        (void)program_fail(error.text);
    }
}

/* Somebody calls a method of ours. The answer is a status, as in HTTP, and a JSON payload. */
static void method_called(struct iothub_device *device, const struct iothub_device_method *method,
                          void *ctx)
{
    struct reboot *reboot = ctx;
    if (strcmp(method->name, "rebootDevice") != 0) {
        answer(device, method->request_id, 404, "{\"Response\": \"Unknown method\"}");
    } else if (reboot->running) {
        answer(device, method->request_id, 409, "{\"Response\": \"A reboot is under way\"}");
    } else {
        program_say("Rebooting device");
        reboot->running = true;
        reboot->done_at_s = seconds_since_boot() + reboot->duration_s;
        memcpy(reboot->request_id, method->request_id, sizeof(reboot->request_id));
    }
}

static void finish(struct iothub_device *device, struct reboot *reboot)
{
    reboot->running = false;
    program_say("Device rebooted");

    /* Tell the twin when it was ... */
    struct timespec moment;
    struct tm utc;
    char now[32];
    (void)clock_gettime(CLOCK_REALTIME, &moment);
    (void)strftime(now, sizeof(now), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&moment.tv_sec, &utc));
    char patch[64];
    (void)snprintf(patch, sizeof(patch), "{\"rebootTime\": \"%s\"}", now);
    struct iothub_error error;
    if (iothub_device_report(device, patch, NULL, &error) == IOTHUB_OK) {
        program_say("Device twin updated with the latest rebootTime, %s", now);
    } else {
        (void)program_fail(error.text);
    }

    /* ... and the caller that it is done. */
    answer(device, reboot->request_id, 200,
           "{\"Response\": \"This is the response from the device\"}");
}

static int answer_until_stopped(struct iothub_device *device, struct reboot *reboot)
{
    struct iothub_error error;
    if (iothub_device_connect(device, &error) != IOTHUB_OK) {
        return program_fail(error.text);
    }
    program_say("Waiting for the direct method rebootDevice; Ctrl-C ends.");

    while (!program_stopped()) {
        if (iothub_device_run(device, 100, &error) != IOTHUB_OK) {
            return program_fail(error.text);
        }
        if (reboot->running && seconds_since_boot() >= reboot->done_at_s) {
            finish(device, reboot);
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    const char *connection_string = program_connection_string(&program, argc, argv);
    struct reboot reboot = {.duration_s = program_number("--seconds", seconds)};
    program_catch_ctrl_c();

    const struct iothub_device_handlers handlers = {.method = method_called, .ctx = &reboot};
    struct iothub_device *device = NULL;
    struct iothub_error error;
    if (iothub_device_create(connection_string, &handlers, &device, &error) != IOTHUB_OK) {
        return program_fail(error.text);
    }
    const int code = answer_until_stopped(device, &reboot);
    iothub_device_destroy(device);
    return code;
}
