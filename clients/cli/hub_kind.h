/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_CLI_HUB_KIND_H
#define CLIENTS_CLI_HUB_KIND_H

#include "base/connection_string.h"
#include "clients/cli/ready_file.h"

/* One of the names of this very machine, with or without a port: localhost, x.localhost, 127.0.0.1,
 * [::1]. */
bool hub_is_local_name(struct str host);

/* The policy of the running emulator, or NULL; names in any case. */
const cJSON *hub_emulator_policy(const struct ready_file *ready, struct str name);

/* Whether `key` is one of the policy's two; false for NULL. */
bool hub_policy_has_key(const cJSON *policy, struct str key);

/*
 * Whether a connection string is an emulator's: by its name, or because it bears a key of the one
 * that runs here, which may go by any name.
 */
bool hub_is_emulator(const struct connection_string *parts, const struct ready_file *ready);

#endif
