/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_ENDPOINT_STREAM_INTERNAL_H
#define CLIENTS_ENDPOINT_STREAM_INTERNAL_H

/* What a stream is made of, and the part of it that talks to OpenSSL (tls.c). */
#include "clients/endpoint/dial_internal.h"
#include "clients/endpoint/stream.h"

struct ssl_st;

struct stream {
    struct stream_target target; /* with a reference of ours to its context; NULL: plain */
    enum stream_state state;
    struct addrinfo *addresses; /* owned; while DIALLING */
    struct dial dial;           /* the socket stays in it */
    struct ssl_st *tls;         /* owned; NULL: plain, or still DIALLING */
    short events;               /* POLLIN, POLLOUT: what was last waited for */
    bool closed;                /* by the other side */
    char why[128];
};

/* Notes why it ended: `why`, or, with NULL, that the other side closed it. */
enum stream_moved stream_end(struct stream *stream, const char *why);

/* Gives the target a context of its own, or takes a reference to the caller's. */
MUST_CHECK enum iothub_result tls_prepare(struct stream *stream, struct problem *problem);

/* On the socket, which is connected. */
MUST_CHECK enum iothub_result tls_begin(struct stream *stream);

/* STREAM_ENDED: tls_explain() tells. */
MUST_CHECK enum stream_moved tls_shake(struct stream *stream);
enum iothub_result tls_explain(const struct stream *stream, struct problem *problem);

MUST_CHECK enum stream_moved tls_read(struct stream *stream, void *data, size_t size,
                                      size_t *ret_size);
MUST_CHECK enum stream_moved tls_write(struct stream *stream, const void *data, size_t size,
                                       size_t *ret_size);
bool tls_has_pending(const struct stream *stream);
void tls_finish(struct stream *stream); /* with a goodbye, if there was a greeting */

#endif
