/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_CLI_FLEET_H
#define CLIENTS_CLI_FLEET_H

/*
 * Fleets in files. Written is what the hub's own export writes: {"id", "status", "authentication",
 * "tags", "properties", ...} for each device or module. Read are besides that identities and twins
 * as the service shows them, each alone, in an array, or one a line; the emulator's seeds
 * ({"devices": [...], "devices.modules": [...]}); and of `az iot hub state export` the devices.
 */
#include "base/json.h"
#include "clients/cli/cli.h"

/* Items of a bulk request. Devices go before modules, which need them. */
struct fleet {
    cJSON *devices; /* arrays; owned */
    cJSON *modules;
    size_t parents;  /* devices that had a parent, which an item cannot say */
    size_t reserved; /* $edgeAgent and $edgeHub: the hub makes them itself */
};

/*
 * Reads `text`. Each item gets `import_mode`, such as "create", unless it says its own. False when
 * something cannot be understood; `problem` says what, and where.
 */
MUST_CHECK bool fleet_read(struct str text, const char *import_mode, struct fleet *ret_fleet,
                           struct problem *problem);
void fleet_finish(struct fleet *fleet); /* takes zeroed ones */

/*
 * The item for a twin as a query shows it. `identity` is where keys are taken from; NULL: they are
 * left out. NULL when memory runs out.
 */
MUST_CHECK cJSON *fleet_item(const cJSON *twin, const cJSON *identity);

#endif
