/* SPDX-License-Identifier: MIT */
#include "clients/endpoint/stream.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "clients/endpoint/stream_internal.h"

/* ---- Opening ---- */

static enum iothub_result unreachable(const struct stream *stream, const char *why,
                                      struct problem *problem)
{
    const struct endpoint *endpoint = &stream->target.endpoint;
    problem_set(problem, PROBLEM_NO_OFFSET, "could not reach %s, port %u: %s", endpoint->host,
                (unsigned)endpoint->port, why);
    return IOTHUB_UNAVAILABLE;
}

static enum iothub_result look_up(struct stream *stream, struct problem *problem)
{
    const struct endpoint *endpoint = &stream->target.endpoint;
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    char port[8];
    (void)snprintf(port, sizeof(port), "%u", (unsigned)endpoint->port);
    const int failed = getaddrinfo(endpoint->host, port, &hints, &stream->addresses);
    if (failed == 0) {
        return IOTHUB_OK;
    }
    const char *why = failed == EAI_SYSTEM ? strerror(errno) : gai_strerror(failed);
    stream->addresses = NULL;
    if (failed == EAI_MEMORY) {
        return IOTHUB_NO_MEMORY;
    }
    problem_set(problem, PROBLEM_NO_OFFSET, "the host name \"%s\" cannot be found: %s",
                endpoint->host, why);
    return IOTHUB_UNAVAILABLE;
}

static void forget_addresses(struct stream *stream)
{
    if (stream->addresses != NULL) {
        freeaddrinfo(stream->addresses);
    }
    stream->addresses = NULL;
}

static enum iothub_result shake(struct stream *stream, struct problem *problem)
{
    switch (tls_shake(stream)) {
    case STREAM_MOVED:
        stream->state = STREAM_OPEN;
        break;
    case STREAM_WAITS:
        break;
    case STREAM_ENDED:
        return tls_explain(stream, problem);
    }
    return IOTHUB_OK;
}

static enum iothub_result after_dialling(struct stream *stream, enum dial_result dialled,
                                         struct problem *problem)
{
    switch (dialled) {
    case DIAL_WAITS:
        stream->events = POLLOUT;
        return IOTHUB_OK;
    case DIAL_FAILED:
        return unreachable(stream, dial_why(&stream->dial), problem);
    case DIAL_CONNECTED:
        break;
    }
    forget_addresses(stream);
    stream->events = 0;
    if (!stream->target.tls) {
        stream->state = STREAM_OPEN;
        return IOTHUB_OK;
    }
    stream->state = STREAM_SHAKING;
    const enum iothub_result result = tls_begin(stream);
    return result == IOTHUB_OK ? shake(stream, problem) : result;
}

static enum iothub_result begin(struct stream *stream, int64_t deadline_us, struct problem *problem)
{
    enum iothub_result result =
        stream->target.tls ? tls_prepare(stream, problem) : IOTHUB_OK; /* before any noise */
    if (result == IOTHUB_OK) {
        result = look_up(stream, problem);
    }
    return result == IOTHUB_OK
               ? after_dialling(stream, dial_begin(&stream->dial, stream->addresses, deadline_us),
                                problem)
               : result;
}

static void stream_closep(struct stream **stream)
{
    stream_close(*stream);
}

enum iothub_result stream_open(const struct stream_target *target, int64_t deadline_us,
                               struct stream **ret_stream, struct problem *problem)
{
    assert(target->tls || target->context == NULL);

    struct stream *stream CLEANUP(stream_closep) = mem_zalloc(sizeof(*stream));
    if (stream == NULL) {
        return IOTHUB_NO_MEMORY;
    }
    stream->target = *target;
    stream->state = STREAM_DIALLING;
    dial_init(&stream->dial);
    const enum iothub_result result = begin(stream, deadline_us, problem);
    if (result == IOTHUB_OK) {
        *ret_stream = TAKE(stream);
    }
    return result;
}

enum iothub_result stream_step(struct stream *stream, struct problem *problem)
{
    assert(stream->state != STREAM_OPEN);

    return stream->state == STREAM_DIALLING
               ? after_dialling(stream, dial_step(&stream->dial), problem)
               : shake(stream, problem);
}

enum stream_state stream_state(const struct stream *stream)
{
    return stream->state;
}

int stream_fd(const struct stream *stream)
{
    return stream->dial.fd;
}

short stream_events(const struct stream *stream)
{
    return stream->events;
}

int64_t stream_due_us(const struct stream *stream)
{
    return stream->state == STREAM_DIALLING ? stream->dial.address_deadline_us
                                            : stream->dial.deadline_us;
}

void stream_close(struct stream *stream)
{
    if (stream == NULL) {
        return;
    }
    tls_finish(stream);
    dial_finish(&stream->dial);
    forget_addresses(stream);
    mem_free(stream);
}

/* ---- Waiting ---- */

enum { WAIT_MS_MAX = 1000000 };

static enum stream_waited wait_for(int fd, short events, const struct patience *patience)
{
    for (;;) {
        const int64_t left_us = patience->until_us - clock_monotonic_us();
        const int64_t left_ms = left_us <= 0 ? 0 : (left_us + 999) / 1000;
        struct pollfd poll_fd = {.fd = fd, .events = events};
        const int ready = poll(&poll_fd, 1, left_ms > WAIT_MS_MAX ? WAIT_MS_MAX : (int)left_ms);
        if (ready > 0) {
            return STREAM_READY;
        }
        if (ready < 0 && (errno != EINTR || patience->ends_with_signal)) {
            return STREAM_INTERRUPTED;
        }
        if (ready == 0 && left_ms <= WAIT_MS_MAX) {
            return STREAM_TIMED_OUT;
        }
    }
}

enum stream_waited stream_wait(struct stream *stream, bool to_write,
                               const struct patience *patience)
{
    assert(stream->state == STREAM_OPEN);

    if (stream_has_pending(stream)) {
        return STREAM_READY;
    }
    const int wanted = (to_write ? POLLIN | POLLOUT : POLLIN) | stream->events;
    return wait_for(stream->dial.fd, (short)wanted, patience);
}

/* Waits for the next step, and takes it. */
static enum iothub_result await_step(struct stream *stream, const struct patience *patience,
                                     struct problem *problem)
{
    const struct patience until_due = {.until_us = stream_due_us(stream),
                                       .ends_with_signal = patience->ends_with_signal};
    switch (wait_for(stream->dial.fd, stream->events, &until_due)) {
    case STREAM_INTERRUPTED:
        return unreachable(stream, "interrupted by a signal", problem);
    case STREAM_TIMED_OUT:
        if (stream->state == STREAM_SHAKING) {
            return unreachable(stream, "no answer in time", problem);
        }
        break;
    case STREAM_READY:
        break;
    }
    return stream_step(stream, problem);
}

enum iothub_result stream_dial(const struct stream_target *target, const struct patience *patience,
                               struct stream **ret_stream, struct problem *problem)
{
    struct stream *stream CLEANUP(stream_closep) = NULL;
    enum iothub_result result = stream_open(target, patience->until_us, &stream, problem);
    while (result == IOTHUB_OK && stream->state != STREAM_OPEN) {
        result = await_step(stream, patience, problem);
    }
    if (result == IOTHUB_OK) {
        *ret_stream = TAKE(stream);
    }
    return result;
}

/* ---- Using ---- */

enum stream_moved stream_end(struct stream *stream, const char *why)
{
    stream->closed = stream->closed || why == NULL;
    (void)snprintf(stream->why, sizeof(stream->why), "%s",
                   why == NULL ? "the other side closed it" : why);
    return STREAM_ENDED;
}

/* What came of recv() or send(), which waits for `events` if there was nothing to be done. */
static enum stream_moved plainly(struct stream *stream, ssize_t result, short events,
                                 size_t *ret_size)
{
    stream->events = 0;
    if (result > 0) {
        *ret_size = (size_t)result;
        return STREAM_MOVED;
    }
    if (result < 0 && (errno == EAGAIN || errno == EINTR)) {
        stream->events = events;
        return STREAM_WAITS;
    }
    return stream_end(stream, result == 0 ? NULL : strerror(errno));
}

enum stream_moved stream_read(struct stream *stream, void *data, size_t size, size_t *ret_size)
{
    assert(stream->state == STREAM_OPEN);
    assert(size > 0);

    return stream->tls != NULL
               ? tls_read(stream, data, size, ret_size)
               : plainly(stream, recv(stream->dial.fd, data, size, 0), POLLIN, ret_size);
}

enum stream_moved stream_write(struct stream *stream, const void *data, size_t size,
                               size_t *ret_size)
{
    assert(stream->state == STREAM_OPEN);
    assert(size > 0);

    return stream->tls != NULL ? tls_write(stream, data, size, ret_size)
                               : plainly(stream, send(stream->dial.fd, data, size, MSG_NOSIGNAL),
                                         POLLOUT, ret_size);
}

bool stream_has_pending(const struct stream *stream)
{
    return tls_has_pending(stream);
}

bool stream_was_closed(const struct stream *stream)
{
    return stream->closed;
}

const char *stream_why(const struct stream *stream)
{
    return stream->why;
}
