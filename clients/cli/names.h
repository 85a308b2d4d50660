/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_CLI_NAMES_H
#define CLIENTS_CLI_NAMES_H

/* What a host's name resolves to here, asked with a time limit. */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

enum { NAMES_ADDRESSES_MAX = 8 };

struct names_answer {
    char addresses[NAMES_ADDRESSES_MAX][INET6_ADDRSTRLEN]; /* as text, in the resolver's order */
    size_t count;                                          /* 0: it does not resolve */
    struct problem why_not;                                /* when count is 0 */
};

struct names_answer names_resolve(const char *host, int64_t timeout_ms);

bool names_is_loopback(const char *address);                /* 127.0.0.0/8 and ::1, as text */
bool names_all_loopback(const struct names_answer *answer); /* false when there are none */

#endif
