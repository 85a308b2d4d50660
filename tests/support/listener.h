/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_LISTENER_H
#define TESTS_SUPPORT_LISTENER_H

/* Ports on the loopback interface: where somebody answers, where nobody is, where all is silent. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"

/* A socket that listens on a free port, and where that is. */
static inline int listen_somewhere(int backlog, struct sockaddr_in *ret_address)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fd, backlog), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *ret_address = address;
    return fd;
}

static inline struct sockaddr_in nobody_listens(void)
{
    struct sockaddr_in address;
    assert_int_equal(close(listen_somewhere(1, &address)), 0);
    return address;
}

/* A listener whose backlog is full lets the handshake of TCP hang, as a firewall does. */
struct silence {
    int fds[5];
    struct sockaddr_in address;
};

static inline void silence_begin(struct silence *silence)
{
    silence->fds[0] = listen_somewhere(0, &silence->address);
    for (size_t i = 1; i < ARRAY_SIZE(silence->fds); i++) {
        silence->fds[i] = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(fcntl(silence->fds[i], F_SETFL, O_NONBLOCK), 0);
        (void)connect(silence->fds[i], (const struct sockaddr *)&silence->address,
                      sizeof(silence->address));
    }
}

static inline void silence_end(const struct silence *silence)
{
    for (size_t i = 0; i < ARRAY_SIZE(silence->fds); i++) {
        assert_int_equal(close(silence->fds[i]), 0);
    }
}

#endif
