/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_DEVICE_WIRE_INTERNAL_H
#define CLIENTS_DEVICE_WIRE_INTERNAL_H

/*
 * The connection to a hub: TCP and TLS, never blocking but for the look-up of a name. It goes
 * CLOSED -> DIALLING -> SHAKING -> OPEN; every address of the host is tried, each for its share of
 * the time that is left. libmosquitto could dial as well, but would wait for an address where
 * nothing answers as long as the system's TCP does, which is minutes.
 */
#include <stdint.h>

#include <iothub/common.h>

#include "base/buf.h"
#include "clients/endpoint/endpoint.h"

struct ssl_ctx_st;
struct ssl_st;
struct addrinfo;

enum wire_state { WIRE_CLOSED, WIRE_DIALLING, WIRE_SHAKING, WIRE_OPEN };

struct wire {
    const struct endpoint *endpoint; /* borrowed: whom to dial */
    struct ssl_ctx_st *tls;          /* borrowed: whom to believe, and who we are */
    enum wire_state state;
    int fd;                        /* -1 when CLOSED */
    struct ssl_st *ssl;            /* owned */
    struct addrinfo *addresses;    /* owned; while DIALLING */
    struct addrinfo *next_address; /* in addresses: to be tried after this one */
    int failure;                   /* errno of the last address that failed */
    int64_t deadline_us;           /* monotonic, for all of them together */
    int64_t address_deadline_us;   /* for the one being dialled */
    short events;                  /* what poll() should wait for, while not OPEN */
    bool write_waits;              /* TLS could not write all; wait for POLLOUT */
    bool ended;                    /* the other side closed */
};

void wire_init(struct wire *wire, const struct endpoint *endpoint, struct ssl_ctx_st *tls);

/* From CLOSED; wire_step() goes on from there. */
MUST_CHECK enum iothub_result wire_open(struct wire *wire, int64_t deadline_us,
                                        struct iothub_error *error);

/* While DIALLING or SHAKING: goes on as far as it can without waiting. */
MUST_CHECK enum iothub_result wire_step(struct wire *wire, struct iothub_error *error);

/* Appends what has arrived, until `into` holds about `size_max` bytes. The other side's end of the
 * connection is noted in wire->ended. */
MUST_CHECK enum iothub_result wire_read(struct wire *wire, struct buf *into, size_t size_max,
                                        struct iothub_error *error);

/* Sends as much of `from` as it can, and drops that from it. */
MUST_CHECK enum iothub_result wire_write(struct wire *wire, struct buf *from,
                                         struct iothub_error *error);

/* True when bytes were received that poll() does not know of any more. */
bool wire_has_pending(const struct wire *wire);

/* Says goodbye in TLS when OPEN; closes in any state. */
void wire_close(struct wire *wire);

#endif
