/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_CLI_SAS_KEY_H
#define CLIENTS_CLI_SAS_KEY_H

/* Whose key `iothub sas` signs with, by its options. */
#include "base/buf.h"
#include "base/connection_string.h"
#include "clients/cli/cli.h"

struct sas_key {
    struct buf resource; /* "localhost/devices/dev1", not encoded */
    struct buf key;      /* base64 */
    struct buf policy;   /* empty: a device's or module's own key */
};

/* Anything but CLI_DONE was said. Finish it in any case. */
MUST_CHECK enum cli_exit sas_key_find(const struct cli_call *call, struct sas_key *ret_key);
void sas_key_finish(struct sas_key *key);

/* Appends what a connection string is for: the hub, or a device or module of it. False when its
 * HostName is none. */
bool sas_append_resource(struct buf *out, const struct connection_string *parts);

#endif
