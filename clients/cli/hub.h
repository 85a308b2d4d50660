/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_CLI_HUB_H
#define CLIENTS_CLI_HUB_H

/*
 * Which hub a command is for: that of --login, else of IOTHUB_CONNECTION_STRING, else the emulator
 * that runs here, by its ready file. Found that way, the emulator's certificate authority is
 * trusted, as if IOTHUB_CA_FILE named it, unless that is set.
 */
#include <iothub/common.h>

#include "clients/cli/cli.h"
#include "clients/cli/ready_file.h"

#define CLI_CONNECTION_VARIABLE "IOTHUB_CONNECTION_STRING"
#define CLI_CA_VARIABLE         "IOTHUB_CA_FILE"

enum hub_source {
    HUB_FROM_LOGIN,
    HUB_FROM_VARIABLE,
    HUB_FROM_READY_FILE,
};

enum hub_door {
    HUB_HTTPS,
    HUB_AMQP,
    HUB_MQTT,
};

struct hub {
    enum hub_source source;
    const char *connection_string; /* as it was given; never NULL */
    struct ready_file ready;       /* from HUB_FROM_READY_FILE; zeroed otherwise */
};

/* Finds it. Anything but CLI_DONE was said. The hub is to be finished in both cases. */
MUST_CHECK enum cli_exit hub_find(const struct cli_call *call, struct hub *ret_hub);
void hub_finish(struct hub *hub); /* takes zeroed ones */

/*
 * Appends the connection string for a client that dials `door`: the one that was given, but for an
 * emulator found by its ready file with the port it listens on, where that is not the usual one.
 */
void hub_append_string(struct buf *out, const struct hub *hub, enum hub_door door);

/* The same for the connection string of a device or module of the hub, made from its identity. */
void hub_append_device_string(struct buf *out, const struct hub *hub, const char *text);

/*
 * What the libraries' errors mean to somebody who typed a command: says `error.text` and, where it
 * is known, what to do about it. Returns the exit code.
 */
enum cli_exit hub_fail(const struct hub *hub, const struct iothub_error *error);

#endif
