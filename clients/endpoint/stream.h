/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_STREAM_H
#define CLIENTS_STREAM_H

/*
 * A TCP connection to an endpoint, with TLS or plain, for libraries that bring none of their own.
 * It never blocks but where it is told how long, and never raises SIGPIPE. One thread at a time.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <iothub/common.h>

#include "clients/endpoint/endpoint.h"

struct stream;

/* How long to wait: until a time of clock_monotonic_us(), or, if wished, until a signal that was
 * handled. */
struct patience {
    int64_t until_us;
    bool ends_with_signal;
};

/*
 * Connects to one address of the host after the other, and shares the time between them; with `tls`
 * the host's certificate is verified (endpoint_trust()). Only the look-up of the host's name takes
 * as long as it takes. Not IOTHUB_OK: the problem says why, in words for the user.
 */
MUST_CHECK enum iothub_result stream_dial(const struct endpoint *endpoint, bool tls,
                                          const struct patience *patience,
                                          struct stream **ret_stream, struct problem *problem);
void stream_close(struct stream *stream); /* NULL is allowed */

enum stream_moved {
    STREAM_MOVED,
    STREAM_WAITS, /* nothing can be moved now */
    STREAM_ENDED, /* by the other side or a fault: stream_why() tells */
};

/* Move what can be moved at once, `size` bytes (not 0) at most. */
MUST_CHECK enum stream_moved stream_read(struct stream *stream, void *data, size_t size,
                                         size_t *ret_size);
MUST_CHECK enum stream_moved stream_write(struct stream *stream, const void *data, size_t size,
                                          size_t *ret_size);

enum stream_waited { STREAM_READY, STREAM_TIMED_OUT, STREAM_INTERRUPTED };

/* Waits until something can be read, or, with `to_write`, written. */
enum stream_waited stream_wait(struct stream *stream, bool to_write,
                               const struct patience *patience);

/* Why it ended: lower case, no full stop. */
const char *stream_why(const struct stream *stream);

#endif
