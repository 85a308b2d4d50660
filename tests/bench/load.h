/* SPDX-License-Identifier: MIT */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

/*
 * What mqtt_load's files share: the run's settings, its figures, and one connection. A connection
 * speaks as much MQTT 3.1.1 as telemetry needs: CONNECT, QoS 1 PUBLISH, PUBACK, DISCONNECT. Packets
 * are written by hand here, not by the emulator's codec: who measures does not share the code that
 * is measured.
 */
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"
#include "base/str.h"
#include "tests/bench/latency.h"

enum { LOAD_WINDOW_MAX = 1024, LOAD_BODY_MAX = 128 * 1024, LOAD_INPUT_SIZE = 16 * 1024 };

struct load_config {
    const char *host; /* an address to connect to */
    char name[256];   /* what the server's certificate must say, also the SNI */
    const char *ca_path;
    struct str hub;       /* host in user names and tokens; empty: connect without a user name */
    struct str key;       /* base64, signs every device's token; with `hub` only */
    struct str id_prefix; /* client ids: prefix and four digits */
    uint16_t port;
    uint64_t connections;
    uint64_t window;    /* PUBLISH packets in flight on each connection, at most */
    uint64_t rate;      /* PUBLISH packets a second on all of them together; 0: what fits */
    uint64_t body_size; /* bytes of payload */
    uint64_t warm_up_s;
    uint64_t seconds;
    uint64_t hold_s;     /* connect, publish nothing, stay this long; 0: publish */
    uint64_t server_pid; /* whose CPU time is measured; 0: nobody's */
    bool per_record;     /* one TLS record per PUBLISH, instead of one for all that may be sent */
};

struct load {
    struct load_config *config; /* borrowed */
    SSL_CTX *tls;               /* owned */
    int epoll;
    bool publishing; /* a freed place in the window is used at once */
    bool measuring;  /* latencies count */
    int64_t paced_from_us;
    uint64_t connected;
    uint64_t sent;
    uint64_t acknowledged;
    struct latency latency;
    struct problem problem; /* why the run failed */
};

enum connection_state {
    CONNECTION_CLOSED,
    CONNECTION_HANDSHAKE,
    CONNECTION_CONNECTING, /* CONNECT is on its way */
    CONNECTION_CONNECTED,
};

struct connection {
    struct load *load; /* borrowed */
    SSL *ssl;          /* owned */
    int fd;
    enum connection_state state;
    bool wants_write; /* what epoll is armed with */
    unsigned number;

    struct buf publish; /* a whole PUBLISH; its identifier and sequence number are filled in */
    size_t identifier_at, sequence_at;
    struct buf output; /* not yet written */
    uint8_t input[LOAD_INPUT_SIZE];
    size_t input_size;

    uint64_t sent; /* PUBLISH packets; the nth has identifier n modulo 65535, plus 1 */
    uint64_t acknowledged;
    int64_t sent_us[LOAD_WINDOW_MAX]; /* of packet n, at n modulo the window */
};

/* Each returns false after a failure, with the reason in load->problem. */

/* Begins to connect `connection`, which is zeroed. */
bool connection_start(struct load *load, struct connection *connection, unsigned number);
/* Its descriptor is ready: goes on with whatever it was doing. */
bool connection_ready(struct connection *connection);
/* Fills the window, with so many more packets at most. */
bool connection_publish(struct connection *connection, int64_t now_us, uint64_t more_max);

/* Says DISCONNECT and closes; takes a zeroed one too. */
void connection_finish(struct connection *connection);

#endif
