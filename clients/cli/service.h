/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_CLI_SERVICE_H
#define CLIENTS_CLI_SERVICE_H

/* The service client of a command, and what the documents of a hub look like in tables. */
#include <iothub/service.h>

#include "clients/cli/hub.h"
#include "clients/cli/output.h"

struct cli_service {
    struct hub hub;
    struct iothub_service *client;
};

/* Finds the hub and makes a client for it. Anything but CLI_DONE was said. Finish it in any case.
 */
MUST_CHECK enum cli_exit cli_service_open(const struct cli_call *call,
                                          struct cli_service *ret_service);
void cli_service_finish(struct cli_service *service);

/* ---- documents ---- */

bool cli_is_twin(const cJSON *row); /* a whole twin, not what a query chose of one */

extern const struct cli_columns cli_twin_columns;

#endif
