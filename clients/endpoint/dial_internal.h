/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_ENDPOINT_DIAL_INTERNAL_H
#define CLIENTS_ENDPOINT_DIAL_INTERNAL_H

/*
 * Getting a TCP connection to one of several addresses, without ever blocking: one after the other,
 * each for its share of the time that is left, so that one where nothing answers does not use up
 * all of it.
 */
#include <stdint.h>

#include "base/attr.h"

struct addrinfo;

struct dial {
    int fd;                      /* owned; -1: none */
    const struct addrinfo *next; /* borrowed: to be tried after the one being dialled */
    int64_t deadline_us;         /* of clock_monotonic_us(), for all of them together */
    int64_t address_deadline_us; /* for the one being dialled */
    int failure;                 /* errno of the first that failed; 0: none has */
};

enum dial_result {
    DIAL_CONNECTED, /* on fd */
    DIAL_WAITS,     /* until fd is writable or the time is address_deadline_us: then dial_step() */
    DIAL_FAILED,    /* everywhere: dial_why() */
};

/* Without a socket; dial_finish() may follow at once. */
void dial_init(struct dial *dial);
void dial_finish(struct dial *dial); /* closes */

/* The addresses (not none) must stay until it is connected or has failed. */
MUST_CHECK enum dial_result dial_begin(struct dial *dial, const struct addrinfo *addresses,
                                       int64_t deadline_us);
MUST_CHECK enum dial_result dial_step(struct dial *dial);

/* After DIAL_FAILED. The first refusal is told rather than the last: it is of the address that is
 * preferred. */
const char *dial_why(const struct dial *dial);

#endif
