/* SPDX-License-Identifier: MIT */
#include "main/service_manager.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"

enum { FIRST_PASSED_FD = 3 };

/* ---- sockets ---- */

static bool env_number(const char *name, uint64_t *ret_number)
{
    const char *value = getenv(name);
    return value != NULL && str_to_u64(str_from(value), ret_number);
}

/* The names are separated by colons; a manager that names nothing sends none. */
static void name_sockets(struct passed_sockets *sockets)
{
    const char *value = getenv("LISTEN_FDNAMES");
    const int size = snprintf(sockets->names, sizeof(sockets->names), "%s", value ? value : "");
    struct str rest = STR_EMPTY;
    if (size > 0 && (size_t)size < sizeof(sockets->names)) {
        rest = str_from(sockets->names);
    }
    for (size_t i = 0; i < sockets->count; i++) {
        struct str name;
        (void)str_cut(rest, ':', &name, &rest);
        sockets->sockets[i].name = name;
    }
}

static enum status look_at_sockets(struct passed_sockets *sockets, struct problem *problem)
{
    for (size_t i = 0; i < sockets->count; i++) {
        struct passed_socket *socket = &sockets->sockets[i];
        if (!net_socket_facts(socket->fd, &socket->facts)) {
            problem_set(problem, PROBLEM_NO_OFFSET,
                        "what the service manager passed as '%.*s' is no listening TCP socket",
                        STR_ARG(socket->name));
            return STATUS_INVALID;
        }
    }
    return STATUS_OK;
}

enum status passed_sockets_init(struct passed_sockets *sockets, struct problem *problem)
{
    uint64_t pid = 0;
    uint64_t count = 0;
    sockets->count = 0;
    if (!env_number("LISTEN_PID", &pid) || pid != (uint64_t)getpid() ||
        !env_number("LISTEN_FDS", &count)) {
        return STATUS_OK; /* meant for somebody else, or for nobody */
    }
    if (count > PASSED_SOCKETS_MAX) {
        problem_set(problem, PROBLEM_NO_OFFSET, "the service manager passed more than %d sockets",
                    PASSED_SOCKETS_MAX);
        return STATUS_INVALID;
    }
    for (size_t i = 0; i < count; i++) {
        sockets->sockets[i] = (struct passed_socket){.fd = FIRST_PASSED_FD + (int)i};
    }
    sockets->count = (size_t)count;
    name_sockets(sockets);
    return look_at_sockets(sockets, problem);
}

void passed_sockets_finish(struct passed_sockets *sockets)
{
    for (size_t i = 0; i < sockets->count; i++) {
        if (sockets->sockets[i].fd >= 0) {
            (void)close(sockets->sockets[i].fd);
        }
    }
    sockets->count = 0;
}

/* ---- notes to the manager ---- */

/* A path, or with '@' in front a name in Linux's abstract space. */
static socklen_t manager_address(const char *where, struct sockaddr_un *ret_address)
{
    const size_t size = strlen(where);
    if ((where[0] != '/' && where[0] != '@') || size >= sizeof(ret_address->sun_path)) {
        return 0;
    }
    ret_address->sun_family = AF_UNIX;
    memcpy(ret_address->sun_path, where, size + 1);
    if (where[0] != '@') {
        return (socklen_t)sizeof(*ret_address);
    }
    ret_address->sun_path[0] = '\0';
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
}

void service_manager_tell(const char *state)
{
    const char *where = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNSPEC};
    if (where == NULL) {
        return;
    }
    const socklen_t size = manager_address(where, &address);
    const int fd = size == 0 ? -1 : socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&address,
                         size) < 0) {
        LOG_WARN("main", "could not tell the service manager at %s: %s", where,
                 size == 0 ? "it is neither a path nor an abstract name" : strerror(errno));
    }
    if (fd >= 0) {
        (void)close(fd);
    }
}
