/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_CLI_PORT_HOLDER_H
#define CLIENTS_CLI_PORT_HOLDER_H

/*
 * Who listens on a TCP port of this machine, as far as /proc tells: the socket is seen by
 * everybody, the process that holds it by its own user and by root.
 */
#include <stdbool.h>
#include <stdint.h>

#define PORT_HOLDER_TEXT_SIZE 256U

struct port_holder {
    bool listening;
    long pid;                            /* 0: not told */
    char command[PORT_HOLDER_TEXT_SIZE]; /* its command line, cut off; "" */
    char unit[PORT_HOLDER_TEXT_SIZE];    /* the systemd service it belongs to; "" */
};

/* All zero when nobody listens there, or there is no /proc. */
struct port_holder port_holder_find(uint16_t port);

#endif
