/* SPDX-License-Identifier: MIT */
#ifndef MAIN_KEYS_H
#define MAIN_KEYS_H

/*
 * The policies' keys: made at the first start and kept in the installation's folder, or given by a
 * file for runs that must repeat. One form for all:
 *   {"policies": {"iothubowner": {"primaryKey": "<base64>", "secondaryKey": "<base64>"}, ...}}
 */
#include "hub/hub.h"

/* Takes over the keys that `text` names; the others stay. STATUS_INVALID with a problem. */
MUST_CHECK enum status keys_read(struct str text, struct hub_policy policies[HUB_POLICY_COUNT],
                                 struct problem *problem);

/* Reads `path`, or makes it (mode 0600) with keys from `random` when there is none. */
MUST_CHECK enum status keys_load_or_make(const char *path, struct random *random,
                                         struct hub_policy policies[HUB_POLICY_COUNT],
                                         struct problem *problem);

#endif
