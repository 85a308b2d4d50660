/* SPDX-License-Identifier: MIT */
/*
 * Any bytes, as a stream of MQTT from libmosquitto: relayed in one piece or byte by byte, the same
 * comes out, and never more than went in but for our own acknowledgement.
 */
#include <stdlib.h>

#include "clients/device/relay_internal.h"

enum { PUBACK_SIZE = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct relay whole CLEANUP(relay_finish);
    struct relay pieces CLEANUP(relay_finish);
    relay_init(&whole);
    relay_init(&pieces);
    if (size > 0) {
        relay_acknowledge(&whole, 7);
        relay_acknowledge(&pieces, 7);
    }
    relay_filter(&whole, data, size);
    for (size_t i = 0; i < size; i++) {
        relay_filter(&pieces, data + i, 1);
    }
    if (whole.up.size > size + PUBACK_SIZE || !str_equal(buf_str(&whole.up), buf_str(&pieces.up))) {
        abort();
    }
    return 0;
}
