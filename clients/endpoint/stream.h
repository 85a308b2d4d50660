/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_STREAM_H
#define CLIENTS_STREAM_H

/*
 * A TCP connection to an endpoint, with TLS or plain, for libraries that bring none of their own or
 * bring one that blocks. It goes DIALLING -> SHAKING -> OPEN (plain: DIALLING -> OPEN), either step
 * by step in the caller's own poll(), or in one call that is told how long it may wait. Nothing
 * else blocks, but the look-up of a name, and SIGPIPE is never raised. One thread at a time.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <iothub/common.h>

#include "clients/endpoint/endpoint.h"

struct stream;

struct stream_target {
    struct endpoint endpoint;
    const char *protocol; /* "MQTT", for the words of a failure; must outlive the stream */
    bool tls;
    /* Whom to believe, and who we are, with tls; the stream keeps a reference. It must have been
     * through endpoint_trust() and endpoint_expect_host(). NULL: one that has is made. */
    struct ssl_ctx_st *context;
};

/* ---- Opening ---- */

enum stream_state {
    STREAM_DIALLING, /* one address of the host after the other, each for its share of the time */
    STREAM_SHAKING,  /* TLS is being begun */
    STREAM_OPEN,
};

/*
 * Looks the host up, which takes as long as it takes, and begins to dial. `deadline_us` is of
 * clock_monotonic_us(). Not IOTHUB_OK: the problem says why, in words for the user, unless it is
 * IOTHUB_NO_MEMORY.
 */
MUST_CHECK enum iothub_result stream_open(const struct stream_target *target, int64_t deadline_us,
                                          struct stream **ret_stream, struct problem *problem);

/*
 * Until it is OPEN: goes on as far as it can without waiting, when stream_fd() is ready for
 * stream_events(), or at stream_due_us(). A host that accepts and then is silent in TLS is not
 * given up here, but by the caller, at the deadline. Failures are as above; then only
 * stream_close() is left to be called.
 */
MUST_CHECK enum iothub_result stream_step(struct stream *stream, struct problem *problem);

enum stream_state stream_state(const struct stream *stream);
int stream_fd(const struct stream *stream); /* another one after a step, maybe */

/* What poll() should wait for: until it is OPEN, for the next step; then, what the last read or
 * write that gave STREAM_WAITS waits for, which in TLS need not be its own direction; or 0. */
short stream_events(const struct stream *stream);

/* Until it is OPEN: when to step even if nothing happened. */
int64_t stream_due_us(const struct stream *stream);

/* How long to wait: until a time of clock_monotonic_us(), or, if wished, until a signal that was
 * handled. */
struct patience {
    int64_t until_us;
    bool ends_with_signal;
};

/* All of the above at once. */
MUST_CHECK enum iothub_result stream_dial(const struct stream_target *target,
                                          const struct patience *patience,
                                          struct stream **ret_stream, struct problem *problem);

/* Says goodbye in TLS when OPEN; closes in any state. NULL is allowed. */
void stream_close(struct stream *stream);

/* ---- Using, when OPEN ---- */

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

/* True when bytes were received that poll() does not know of any more. */
bool stream_has_pending(const struct stream *stream);

enum stream_waited { STREAM_READY, STREAM_TIMED_OUT, STREAM_INTERRUPTED };

/* Waits until something can be read, or, with `to_write`, written. */
enum stream_waited stream_wait(struct stream *stream, bool to_write,
                               const struct patience *patience);

/* After STREAM_ENDED: was it the other side that closed it, rather than a fault? Whether it said
 * goodbye in TLS or not; that nothing was cut off, the protocol's own framing tells. */
bool stream_was_closed(const struct stream *stream);

/* Why it ended: lower case, no full stop. */
const char *stream_why(const struct stream *stream);

#endif
