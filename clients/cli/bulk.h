/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_CLI_BULK_H
#define CLIENTS_CLI_BULK_H

/* Many identities at once: a hundred in a request, a bar that tells how far it is, and the hub's
 * result for all of them. */
#include "clients/cli/progress.h"
#include "clients/cli/service.h"

struct bulk {
    struct cli_service *service;
    const char *doing;  /* for the bar: "creating" */
    const char *things; /* for the sum: "created" */
};

/*
 * Sends `items`, and then `more` (NULL: none), as iothub_service_bulk_add() makes them, and prints
 * the hub's result: with CLI_TABLE as a sum on standard error and a table of what was refused.
 * CLI_FAILED when anything was.
 */
MUST_CHECK enum cli_exit bulk_send(const struct cli_call *call, const struct bulk *bulk,
                                   const cJSON *items, const cJSON *more);

#endif
