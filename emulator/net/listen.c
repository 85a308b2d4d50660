/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "net/net_internal.h"

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static bool address_parse(struct str text, uint16_t port, union address *ret_address)
{
    char host[INET6_ADDRSTRLEN];
    if (text.size >= sizeof(host)) {
        return false;
    }
    memcpy(host, text.data, text.size);
    host[text.size] = '\0';
    union address address;
    memset(&address, 0, sizeof(address));
    if (inet_pton(AF_INET, host, &address.v4.sin_addr) == 1) {
        address.v4.sin_family = AF_INET;
        address.v4.sin_port = htons(port);
    } else if (inet_pton(AF_INET6, host, &address.v6.sin6_addr) == 1) {
        address.v6.sin6_family = AF_INET6;
        address.v6.sin6_port = htons(port);
    } else {
        return false;
    }
    *ret_address = address;
    return true;
}

static socklen_t address_size(const union address *address)
{
    return address->any.sa_family == AF_INET6 ? sizeof(address->v6) : sizeof(address->v4);
}

/* ---- running out of descriptors ---- */

static void accept_ready(uv_poll_t *poll, int status, int events);

static void again_fired(uv_timer_t *timer)
{
    listeners_accept_again(timer->data);
}

/* Whoever waits in the backlog goes on waiting: that is kinder than taking and dropping him. */
static void accept_pause(struct net *net, int error_number)
{
    for (struct net_listener *listener = net->listeners; listener != NULL;
         listener = listener->next) {
        if (listener->fd >= 0) {
            uv_poll_stop(&listener->poll);
        }
    }
    uv_timer_start(&net->accept_again, again_fired, NET_NO_FILES_MS, 0);
    const int64_t now_us = clock_monotonic_us();
    if (net->accept_logged_us == 0 || now_us - net->accept_logged_us > NET_NO_FILES_LOG_US) {
        net->accept_logged_us = now_us;
        LOG_ERROR("net",
                  "new connections have to wait: %s; connections=%llu, raise the limit of open "
                  "files (ulimit -n)",
                  strerror(error_number), (unsigned long long)net->figures.open);
    }
}

void listeners_accept_again(struct net *net)
{
    if (!net->accept_paused || net->stopping) {
        return;
    }
    net->accept_paused = false;
    uv_timer_stop(&net->accept_again);
    for (struct net_listener *listener = net->listeners; listener != NULL;
         listener = listener->next) {
        if (listener->fd >= 0) {
            uv_poll_start(&listener->poll, UV_READABLE, accept_ready);
        }
    }
}

static void accept_failed(struct net_listener *listener, int error_number)
{
    switch (error_number) {
    case EAGAIN:
    case EINTR:
    case ECONNABORTED: /* it left while it waited */
        return;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        listener->net->accept_paused = true;
        accept_pause(listener->net, error_number);
        return;
    default: /* errors of one connection (EPROTO, ENETDOWN ...), as accept(2) says */
        LOG_WARN("net", "could not accept a connection: %s", strerror(error_number));
    }
}

static void accept_ready(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    struct net_listener *listener = poll->data;
    for (int i = 0; i < NET_ACCEPT_PER_EVENT && listener->fd >= 0; i++) {
        const int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            accept_failed(listener, errno);
            return;
        }
        conn_accept(listener, fd);
    }
}

/* ---- listening ---- */

static int socket_open(const union address *address)
{
    const int family = address->any.sa_family;
    const int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    const int on = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0) ||
        bind(fd, &address->any, address_size(address)) != 0 || listen(fd, NET_BACKLOG) != 0) {
        const int error_number = errno;
        close(fd);
        errno = error_number;
        return -1;
    }
    return fd;
}

static enum status listen_problem(const struct net_listener_config *config, int error_number,
                                  struct problem *problem)
{
    switch (error_number) {
    case EADDRINUSE:
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "port %u of %.*s is taken: another program listens there", config->port,
                    STR_ARG(config->address));
        return STATUS_UNAVAILABLE;
    case EACCES:
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "port %u needs a privilege; to let this program bind it: sudo setcap "
                    "cap_net_bind_service=+ep <this program>, or sudo sysctl -w "
                    "net.ipv4.ip_unprivileged_port_start=%u, or in a container publish %u:8443",
                    config->port, config->port, config->port);
        return STATUS_UNAVAILABLE;
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
        problem_set(problem, PROBLEM_NO_OFFSET, "this machine has no address %.*s",
                    STR_ARG(config->address));
        return STATUS_UNAVAILABLE;
    default:
        problem_set(problem, PROBLEM_NO_OFFSET, "could not listen on %.*s, port %u: %s",
                    STR_ARG(config->address), config->port, strerror(error_number));
        return STATUS_IO;
    }
}

static bool address_is_loopback(const union address *address)
{
    enum { LOOPBACK_NET = 127, NET_SHIFT = 24 };
    return address->any.sa_family == AF_INET6
               ? IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr)
               : ntohl(address->v4.sin_addr.s_addr) >> NET_SHIFT == LOOPBACK_NET;
}

bool net_socket_facts(int fd, struct net_socket_facts *ret_facts)
{
    union address address;
    memset(&address, 0, sizeof(address));
    socklen_t size = sizeof(address);
    int listens = 0;
    socklen_t listens_size = sizeof(listens);
    int type = 0;
    socklen_t type_size = sizeof(type);
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &listens_size) != 0 || listens == 0 ||
        getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) != 0 || type != SOCK_STREAM ||
        getsockname(fd, &address.any, &size) != 0 ||
        (address.any.sa_family != AF_INET && address.any.sa_family != AF_INET6)) {
        return false;
    }
    ret_facts->port =
        ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
    ret_facts->loopback = address_is_loopback(&address);
    return true;
}

static enum status listener_add(struct net *net, int fd, const struct net_listener_config *config,
                                struct problem *problem)
{
    struct net_listener *listener = mem_zalloc(sizeof(*listener));
    if (listener == NULL) {
        close(fd);
        return STATUS_NO_MEMORY;
    }
    const int rc = uv_poll_init(&net->loop, &listener->poll, fd);
    if (rc != 0) {
        close(fd);
        mem_free(listener);
        return listen_problem(config, -rc, problem);
    }
    listener->poll.data = listener;
    listener->fd = fd;
    listener->net = net;
    listener->tls = config->tls;
    listener->protocol = config->protocol;
    listener->endpoint = config->endpoint;
    struct net_socket_facts facts = {.port = 0};
    (void)net_socket_facts(fd, &facts);
    listener->port = facts.port;
    listener->next = net->listeners;
    net->listeners = listener;
    uv_poll_start(&listener->poll, UV_READABLE, accept_ready);
    return STATUS_OK;
}

enum status net_listen(struct net *net, const struct net_listener_config *config,
                       uint16_t *ret_port, struct problem *problem)
{
    union address address;
    if (!address_parse(config->address, config->port, &address)) {
        problem_set(problem, PROBLEM_NO_OFFSET, "\"%.*s\" is no IP address",
                    STR_ARG(config->address));
        return STATUS_INVALID;
    }
    const int fd = socket_open(&address);
    if (fd < 0) {
        return listen_problem(config, errno, problem);
    }
    const enum status status = listener_add(net, fd, config, problem);
    if (status == STATUS_OK) {
        *ret_port = net->listeners->port;
    }
    return status;
}

enum status net_listen_on(struct net *net, int fd, const struct net_listener_config *config,
                          struct problem *problem)
{
    const int on = 1;
    /* Its maker chose a queue of his own length; ours holds a fleet that comes back. */
    if (ioctl(fd, FIONBIO, &on) != 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 ||
        listen(fd, NET_BACKLOG) != 0) {
        problem_set(problem, PROBLEM_NO_OFFSET, "could not listen on a socket that was passed: %s",
                    strerror(errno));
        close(fd);
        return STATUS_IO;
    }
    return listener_add(net, fd, config, problem);
}

/* The listeners themselves stay: connections point at them. */
void listeners_close(struct net *net)
{
    uv_timer_stop(&net->accept_again);
    for (struct net_listener *listener = net->listeners; listener != NULL;
         listener = listener->next) {
        if (listener->fd >= 0) {
            uv_close((uv_handle_t *)&listener->poll, NULL);
            close(listener->fd);
            listener->fd = -1;
        }
    }
}

void listeners_free(struct net *net)
{
    while (net->listeners != NULL) {
        struct net_listener *listener = net->listeners;
        net->listeners = listener->next;
        mem_free(listener);
    }
}
