/* SPDX-License-Identifier: MIT */
#include "clients/device/relay_internal.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clients/device/errors_internal.h"

enum {
    CHUNK_SIZE = 16384,
    STRANGERS_MAX = 8, /* that may come to our door before libmosquitto does */
    TYPE_PUBACK = 4,   /* in the upper half of a packet's first byte */
    PUBACK_SIZE = 4,
    MORE_FOLLOWS = 0x80,
    GROUP_BITS = 7,
};

static_assert(RELAY_SIZE_MAX > CHUNK_SIZE, "there is room to read into");

void relay_init(struct relay *relay)
{
    relay->fd = -1;
    relay->framing = (struct relay_framing){.left = 0};
    buf_init(&relay->up, 2 * RELAY_SIZE_MAX);
    buf_init(&relay->down, 2 * RELAY_SIZE_MAX);
    buf_init(&relay->acks, RELAY_SIZE_MAX);
}

void relay_close(struct relay *relay)
{
    if (relay->fd >= 0) {
        (void)close(relay->fd);
    }
    relay->fd = -1;
    relay->framing = (struct relay_framing){.left = 0};
    buf_clear(&relay->up);
    buf_clear(&relay->down);
    buf_clear(&relay->acks);
}

void relay_finish(struct relay *relay)
{
    if (relay->up.size_max > 0) { /* it was initialised */
        relay_close(relay);
    }
    buf_finish(&relay->up);
    buf_finish(&relay->down);
    buf_finish(&relay->acks);
}

/* ---- Opening ---- */

static bool same_address(const struct sockaddr_in *a, const struct sockaddr_in *b)
{
    return a->sin_port == b->sin_port && a->sin_addr.s_addr == b->sin_addr.s_addr;
}

/* Anybody on this machine may knock at the port for the moment that it is open; only the connection
 * that comes from libmosquitto's own socket is taken. */
static int accept_ours(int listener, int theirs)
{
    struct sockaddr_in expected;
    socklen_t size = sizeof(expected);
    if (theirs < 0 || getsockname(theirs, (struct sockaddr *)&expected, &size) != 0) {
        return -1;
    }
    for (int i = 0; i < STRANGERS_MAX; i++) {
        struct sockaddr_in from;
        size = sizeof(from);
        const int fd = accept(listener, (struct sockaddr *)&from, &size);
        if (fd >= 0 && same_address(&from, &expected)) {
            return fd;
        }
        if (fd < 0) {
            return -1;
        }
        (void)close(fd);
    }
    return -1;
}

static int open_listener(uint16_t *ret_port)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(fd, STRANGERS_MAX) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return -1;
    }
    *ret_port = ntohs(address.sin_port);
    return fd;
}

enum iothub_result relay_open(struct relay *relay, struct mosquitto *mosquitto, int keep_alive_s,
                              struct iothub_error *error)
{
    assert(relay->fd < 0);
    relay_close(relay); /* a PUBACK that came too late is not for this connection */

    uint16_t port = 0;
    const int listener = open_listener(&port);
    int code = MOSQ_ERR_ERRNO;
    if (listener >= 0) {
        code = mosquitto_connect(mosquitto, "127.0.0.1", port, keep_alive_s);
    }
    if (code == MOSQ_ERR_SUCCESS) {
        relay->fd = accept_ours(listener, mosquitto_socket(mosquitto));
    }
    const int system_error = errno;
    if (listener >= 0) {
        (void)close(listener);
    }
    if (code == MOSQ_ERR_NOMEM) {
        return device_no_memory(error);
    }
    const int on = 1;
    if (relay->fd < 0 || setsockopt(relay->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0) {
        return device_failed(
            error, IOTHUB_UNAVAILABLE, "no connection within this machine, on 127.0.0.1: %s",
            code == MOSQ_ERR_ERRNO || code == MOSQ_ERR_SUCCESS ? strerror(system_error)
                                                               : mosquitto_strerror(code));
    }
    return IOTHUB_OK;
}

/* ---- Relaying ---- */

/* Takes header bytes until they are complete; returns how many it took. */
static size_t read_header(struct relay_framing *framing, const uint8_t *data, size_t size)
{
    size_t taken = 0;
    while (taken < size) {
        const uint8_t byte = data[taken++];
        framing->header[framing->header_size++] = byte;
        const bool last = framing->header_size == sizeof(framing->header) ||
                          (framing->header_size > 1 && (byte & MORE_FOLLOWS) == 0);
        if (last) {
            break;
        }
    }
    return taken;
}

static bool header_is_complete(const struct relay_framing *framing)
{
    const size_t size = framing->header_size;
    return size == sizeof(framing->header) ||
           (size > 1 && (framing->header[size - 1] & MORE_FOLLOWS) == 0);
}

static void start_packet(struct relay *relay)
{
    struct relay_framing *framing = &relay->framing;
    framing->left = 0;
    for (size_t i = 1; i < framing->header_size; i++) {
        const uint32_t group = framing->header[i] & (MORE_FOLLOWS - 1);
        framing->left |= group << (GROUP_BITS * (i - 1));
    }
    framing->dropping = framing->header[0] >> 4 == TYPE_PUBACK;
    if (!framing->dropping) {
        buf_append(&relay->up, framing->header, framing->header_size);
    }
    framing->header_size = 0;
}

/* Between two packets there is room for ours. */
static void insert_acks(struct relay *relay)
{
    if (relay->framing.left == 0 && relay->framing.header_size == 0 && relay->acks.size > 0) {
        buf_append_str(&relay->up, buf_str(&relay->acks));
        buf_clear(&relay->acks);
    }
}

void relay_filter(struct relay *relay, const uint8_t *data, size_t size)
{
    struct relay_framing *framing = &relay->framing;
    size_t at = 0;
    while (at < size) {
        if (framing->left == 0) {
            at += read_header(framing, data + at, size - at);
            if (header_is_complete(framing)) {
                start_packet(relay);
            }
        } else {
            const size_t rest = size - at;
            const size_t part = rest < framing->left ? rest : framing->left;
            if (!framing->dropping) {
                buf_append(&relay->up, data + at, part);
            }
            framing->left -= (uint32_t)part;
            at += part;
        }
        insert_acks(relay);
    }
}

enum iothub_result relay_take(struct relay *relay, struct iothub_error *error)
{
    uint8_t chunk[CHUNK_SIZE];
    insert_acks(relay);
    while (relay->fd >= 0 && relay->up.size < RELAY_SIZE_MAX) {
        const ssize_t size = recv(relay->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
        if (size <= 0) {
            break; /* nothing there; or libmosquitto closed, and tells so itself */
        }
        relay_filter(relay, chunk, (size_t)size);
    }
    return buf_status(&relay->up) == STATUS_OK && buf_status(&relay->acks) == STATUS_OK
               ? IOTHUB_OK
               : device_no_memory(error);
}

void relay_give(struct relay *relay)
{
    while (relay->fd >= 0 && relay->down.size > 0) {
        const ssize_t size =
            send(relay->fd, relay->down.data, relay->down.size, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (size <= 0) {
            break;
        }
        buf_consume(&relay->down, (size_t)size);
    }
}

void relay_acknowledge(struct relay *relay, uint16_t id)
{
    const uint8_t puback[PUBACK_SIZE] = {TYPE_PUBACK << 4, PUBACK_SIZE - 2, (uint8_t)(id >> 8),
                                         (uint8_t)(id & 0xff)};
    buf_append(&relay->acks, puback, sizeof(puback));
}
