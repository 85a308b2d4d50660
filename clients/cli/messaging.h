/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_CLI_MESSAGING_H
#define CLIENTS_CLI_MESSAGING_H

/*
 * Where a command's messaging goes: the hub's AMQP port, which no connection string tells. A port
 * in HostName is HTTPS's; that of an emulator which runs here stands in its ready file.
 */
#include <iothub/messaging.h>

#include "clients/cli/hub.h"

/* How long to wait; `means` is what becomes of it then. */
#define CLI_OPTION_TIMEOUT(means)                                                                  \
    {                                                                                              \
        .name = "timeout", .alias = "to", .letter = 't', .value = "SECONDS", .min = 0,             \
        .max = 86400, .meaning = (means)                                                           \
    }

struct cli_messaging {
    struct hub hub;
    const char *connection_string; /* as it was given; the hub's, or the environment's */
    struct iothub_messaging_options options;
};

/* Finds the hub. Anything but CLI_DONE was said. Finish it in any case. */
MUST_CHECK enum cli_exit cli_messaging_find(const struct cli_call *call,
                                            struct cli_messaging *ret_messaging);
void cli_messaging_finish(struct cli_messaging *messaging);

/*
 * The same for a reader of events: the event hub of --event-hub-connection-string comes first, and
 * that of EVENTHUB_CONNECTION_STRING where no IoT hub was named.
 */
#define CLI_EVENT_HUB_OPTION   "event-hub-connection-string"
#define CLI_EVENT_HUB_VARIABLE "EVENTHUB_CONNECTION_STRING"
MUST_CHECK enum cli_exit cli_messaging_find_events(const struct cli_call *call,
                                                   struct cli_messaging *ret_messaging);

#endif
