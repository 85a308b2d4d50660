/* SPDX-License-Identifier: MIT */
#ifndef AMQP_ADDRESS_H
#define AMQP_ADDRESS_H

/*
 * Link addresses. Clients write "/devices/d1/twin", "devices/d1/twin" or
 * "amqps://hub:5671/devices/d1/twin", fixed parts in any case, ids percent-encoded or not (device
 * protocol reference, 9.4): all of it means the same here.
 */
#include <stdbool.h>

#include "base/str.h"

enum { AMQP_ADDRESS_PARTS_MAX = 3 };

/* Decoded, in `store`. */
struct amqp_address {
    struct str device, module; /* where the pattern has {d} and {m}; empty otherwise */
    struct str parts[AMQP_ADDRESS_PARTS_MAX]; /* where it has {}, in order */
};

/*
 * Does `address` have the form of `pattern`: segments without a slash before the first, such as
 * "devices/{d}/twin" or "{}/ConsumerGroups/{}/Partitions/{}", where {d}, {m} and {} stand for one
 * segment that is not empty? `store` has room for address.size bytes.
 */
bool amqp_address_match(const char *pattern, struct str address, char *store,
                        struct amqp_address *ret_address);

#endif
