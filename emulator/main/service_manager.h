/* SPDX-License-Identifier: MIT */
#ifndef MAIN_SERVICE_MANAGER_H
#define MAIN_SERVICE_MANAGER_H

/*
 * What systemd and its like say to a service and hear from it: sd_listen_fds(3) and sd_notify(3),
 * whose protocols are a few environment variables and a datagram. Without such a manager nothing
 * here does anything.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/status.h"
#include "base/str.h"
#include "net/net.h"

enum { PASSED_SOCKETS_MAX = 64 };

struct passed_socket {
    int fd;
    struct str name; /* FileDescriptorName= of its unit; in passed_sockets.names */
    struct net_socket_facts facts;
};

struct passed_sockets {
    struct passed_socket sockets[PASSED_SOCKETS_MAX]; /* those taken have fd -1 */
    size_t count;
    char names[PASSED_SOCKETS_MAX * 256];
};

/* Takes over the sockets that were passed, none as a rule. STATUS_INVALID with a problem when one
 * is no listening TCP socket. */
MUST_CHECK enum status passed_sockets_init(struct passed_sockets *sockets, struct problem *problem);
void passed_sockets_finish(struct passed_sockets *sockets); /* closes those that nobody took */

/* Tells the manager, if there is one that wants to know: "READY=1", "STOPPING=1". */
void service_manager_tell(const char *state);

#endif
