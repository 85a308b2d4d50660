/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_CLI_READY_FILE_H
#define CLIENTS_CLI_READY_FILE_H

/*
 * The file in which a running emulator tells where it is. Looked for are, in this order,
 * $IOTHUB_READY_FILE, and where that is not set ready.json in the emulator's default home
 * ($XDG_DATA_HOME/iothub-emulator, or ~/.local/share/iothub-emulator), and
 * /run/iothub-emulator/ready.json, the system service's.
 */
#include <stdint.h>

#include "base/json.h"
#include "clients/cli/cli.h"

#define READY_FILE_VARIABLE "IOTHUB_READY_FILE"
#define READY_FILE_SERVICE  "/run/iothub-emulator/ready.json"

enum { READY_PATH_SIZE = 1024, READY_PLACES = 2 };

struct ready_ports { /* 0: not bound */
    uint16_t mqtt;
    uint16_t https; /* 443, or what was asked for instead */
    uint16_t https_alt;
    uint16_t amqp;
    uint16_t amqp_plain;
    uint16_t control;
};

/* What stands in it. The texts are never NULL: "" when the emulator did not tell. */
struct ready_file {
    char path[READY_PATH_SIZE]; /* where it was found */
    long pid;
    const char *version; /* in the tree, as are all texts */
    const char *hub_name;
    const char *host_name;
    struct ready_ports ports;
    const char *ca_path;
    const char *ca_bundle_path;
    const char *service_connection_string;
    const char *event_hubs_connection_string;
    const cJSON *policies; /* [{"name", "primaryKey", "secondaryKey", "permissions"}] or NULL */
    cJSON *tree;           /* owned */
};

enum ready_result {
    READY_FOUND,
    READY_NONE,       /* there is no file at any of the places */
    READY_STALE,      /* there is one, but its emulator has ended; its pid is in *ret_file */
    READY_UNREADABLE, /* there is one that cannot be read, or is no ready file */
};

/*
 * Looks at the places and reads the first file whose emulator runs. On anything but READY_FOUND,
 * `problem` says in plain words what is wrong with the first of them. *ret_file is always set and
 * always to be finished.
 */
MUST_CHECK enum ready_result ready_file_find(struct ready_file *ret_file, struct problem *problem);

/* The same for one file. */
MUST_CHECK enum ready_result ready_file_read(const char *path, struct ready_file *ret_file,
                                             struct problem *problem);
void ready_file_finish(struct ready_file *file); /* takes NULL and zeroed ones */

/* The places that are looked at, at most READY_PLACES of them; returns how many. */
size_t ready_file_places(char paths[READY_PLACES][READY_PATH_SIZE]);

#endif
