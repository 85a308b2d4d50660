/* SPDX-License-Identifier: MIT */
#include "clients/endpoint/dial_internal.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

void dial_init(struct dial *dial)
{
    *dial = (struct dial){.fd = -1};
}

void dial_finish(struct dial *dial)
{
    if (dial->fd >= 0) {
        (void)close(dial->fd);
    }
    dial->fd = -1;
}

static void note_failure(struct dial *dial, int failure)
{
    dial_finish(dial);
    if (dial->failure == 0) {
        dial->failure = failure;
    }
}

/* When the next address must have answered. */
static int64_t share_ends_us(const struct dial *dial)
{
    int64_t addresses = 0;
    for (const struct addrinfo *at = dial->next; at != NULL; at = at->ai_next) {
        addresses++;
    }
    const int64_t now_us = clock_monotonic_us();
    return now_us + (dial->deadline_us - now_us) / addresses;
}

/* 0: connected; EINPROGRESS; or why not. */
static int connect_to(struct dial *dial, const struct addrinfo *address)
{
    const int on = 1;
    dial->fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (dial->fd < 0) {
        return errno;
    }
    (void)setsockopt(dial->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(dial->fd, address->ai_addr, address->ai_addrlen) == 0) {
        return 0;
    }
    return errno == EINTR ? EINPROGRESS : errno; /* it goes on without us */
}

static enum dial_result dial_next(struct dial *dial)
{
    while (dial->next != NULL) {
        const struct addrinfo *address = dial->next;
        dial->address_deadline_us = share_ends_us(dial);
        dial->next = address->ai_next;
        const int failure = connect_to(dial, address);
        if (failure == 0) {
            return DIAL_CONNECTED;
        }
        if (failure == EINPROGRESS) {
            return DIAL_WAITS;
        }
        note_failure(dial, failure);
    }
    return DIAL_FAILED;
}

enum dial_result dial_begin(struct dial *dial, const struct addrinfo *addresses,
                            int64_t deadline_us)
{
    assert(addresses != NULL);
    assert(dial->fd < 0);

    dial->next = addresses;
    dial->deadline_us = deadline_us;
    dial->failure = 0;
    return dial_next(dial);
}

enum dial_result dial_step(struct dial *dial)
{
    assert(dial->fd >= 0);

    struct pollfd poll_fd = {.fd = dial->fd, .events = POLLOUT};
    if (poll(&poll_fd, 1, 0) <= 0) {
        if (clock_monotonic_us() < dial->address_deadline_us) {
            return DIAL_WAITS;
        }
        note_failure(dial, ETIMEDOUT);
        return dial_next(dial);
    }
    int failure = 0;
    socklen_t size = sizeof(failure);
    if (getsockopt(dial->fd, SOL_SOCKET, SO_ERROR, &failure, &size) != 0) {
        failure = errno;
    }
    if (failure == 0) {
        return DIAL_CONNECTED;
    }
    note_failure(dial, failure);
    return dial_next(dial);
}

const char *dial_why(const struct dial *dial)
{
    assert(dial->failure != 0);

    return dial->failure == ETIMEDOUT ? "no answer in time" : strerror(dial->failure);
}
