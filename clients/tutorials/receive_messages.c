/* SPDX-License-Identifier: MIT */

/*
 * Tutorial: cloud-to-device messages, the device's side.
 *
 * A message waits at the hub until the device comes, an hour by default; a direct method would have
 * failed at once. The hub counts it as delivered when our handler has returned: a device that
 * loses its power in between gets the message again. Whoever sent it may ask for a receipt.
 *
 * Send one with "iothub c2d send", with "az iot device c2d-message send", or from the portal.
 */
#include <iothub/device.h>

#include "clients/tutorials/program.h"

static const struct program program = {
    .name = "receive_messages",
    .purpose =
        "Connects as a device and prints each message that the cloud sends it, until Ctrl-C.",
    .environment = "IOTHUB_DEVICE_CONNECTION_STRING",
};

/* The body is bytes: what they mean, the content type tells, if the sender wrote one. */
static void message_came(struct iothub_device *device, const struct iothub_device_message *message,
                         void *ctx)
{
    (void)device;
    int *count = ctx;
    *count += 1;
    program_say("Message %d: %.*s", *count, (int)message->body_size, (const char *)message->body);
    if (message->message_id != NULL) {
        program_say("  message id: %s", message->message_id);
    }
    if (message->content_type != NULL) {
        program_say("  content type: %s", message->content_type);
    }

    /* Whatever else the sender wrote on it. A property may come without a value. */
    for (size_t i = 0; i < message->property_count; i++) {
        const struct iothub_device_property *property = &message->properties[i];
        program_say("  %s: %s", property->name, property->value == NULL ? "" : property->value);
    }
}

static int receive_until_stopped(struct iothub_device *device)
{
    struct iothub_error error;
    if (iothub_device_connect(device, &error) != IOTHUB_OK) {
        return program_fail(error.text);
    }
    program_say("Waiting for messages; Ctrl-C ends.");

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

    int count = 0;
    const struct iothub_device_handlers handlers = {.message = message_came, .ctx = &count};
    struct iothub_device *device = NULL;
    struct iothub_error error;
    if (iothub_device_create(connection_string, &handlers, &device, &error) != IOTHUB_OK) {
        return program_fail(error.text);
    }
    const int code = receive_until_stopped(device);
    iothub_device_destroy(device);
    return code;
}
