/* SPDX-License-Identifier: MIT */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

/*
 * What the load generators share: a run's settings, its figures, and one connection over TLS. What
 * a connection says is a struct load_protocol: MQTT 3.1.1 or AMQP 1.0, as much of each as it takes.
 * Packets and frames are written by hand here, neither by the emulator's codec nor by the engine it
 * uses: who measures does not share the code that is measured, and costs little itself.
 */
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"
#include "base/str.h"
#include "tests/bench/latency.h"

enum {
    LOAD_WINDOW_MAX = 1024,
    LOAD_BODY_MAX = 128 * 1024,
    LOAD_INPUT_SIZE = 16 * 1024,
    LOAD_ID_SIZE = 64,
    LOAD_MESSAGE_MAX = LOAD_BODY_MAX + 1024,
};

struct load_config {
    const char *host; /* an address to connect to */
    char name[256];   /* what the server's certificate must say, also the SNI */
    const char *ca_path;
    struct str hub;    /* host in user names and tokens; empty: connect without a user name */
    struct str key;    /* base64, signs every token; with `hub` only */
    struct str policy; /* AMQP: connect as a service, with this policy's `key`; empty: a device */
    struct str id_prefix; /* client ids: prefix and four digits */
    struct str topic;     /* MQTT: where to publish; empty: the device's telemetry topic */
    struct str filter;    /* MQTT: what to subscribe to instead of publishing */
    struct str address;   /* AMQP: where to send to; empty: the device's telemetry address */
    struct str to;        /* AMQP: who is meant; empty: nobody in particular */
    uint16_t port;
    uint64_t connections;
    uint64_t window;    /* messages in flight on each connection, at most */
    uint64_t rate;      /* messages a second on all of them together; 0: what fits */
    uint64_t body_size; /* bytes of payload */
    uint64_t warm_up_s;
    uint64_t seconds;
    uint64_t hold_s;     /* connect, send nothing, stay this long; 0: send */
    uint64_t server_pid; /* whose CPU time is measured; 0: nobody's */
    bool per_record;     /* one TLS record per message, instead of one for all that may be sent */
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
    uint64_t received; /* by connections that subscribed */
    struct latency latency;
    struct problem problem; /* why the run failed */
};

enum connection_state {
    CONNECTION_CLOSED,
    CONNECTION_HANDSHAKE,
    CONNECTION_CONNECTING, /* TLS stands, the protocol's greetings are on their way */
    CONNECTION_CONNECTED,
};

struct connection;

/* Each returns false after a failure, with the reason told by connection_fail(). */
struct load_protocol {
    /* Makes connection->message, all of a message but its numbers. May be NULL. */
    bool (*prepare)(struct connection *connection);
    /* TLS stands: appends the first bytes to connection->output. */
    bool (*begin)(struct connection *connection);
    /* Takes whole packets off the front of connection->input; what is left is kept. */
    bool (*take)(struct connection *connection, struct str input, int64_t now_us,
                 size_t *ret_taken);
    /* How many more messages the server is ready for. NULL: any number. */
    uint64_t (*allowance)(const struct connection *connection);
    /* Writes the number of the next message into connection->message. NULL: it never sends. */
    void (*number)(struct connection *connection, uint64_t number);
    /* Appends what is polite to say before leaving. */
    void (*end)(struct connection *connection);
};

extern const struct load_protocol load_mqtt;          /* QoS 1 PUBLISH */
extern const struct load_protocol load_mqtt_receiver; /* SUBSCRIBE, and PUBACK for what comes */
extern const struct load_protocol load_amqp;          /* unsettled transfers */

struct connection {
    struct load *load; /* borrowed */
    const struct load_protocol *protocol;
    SSL *ssl; /* owned */
    int fd;
    enum connection_state state;
    bool wants_write; /* what epoll is armed with */
    unsigned number;

    struct buf message; /* a whole packet or frame, as it is sent */
    size_t identifier_at, tag_at, sequence_at;
    struct buf output; /* not yet written */
    uint8_t input[LOAD_INPUT_SIZE];
    size_t input_size;

    /* AMQP: transfers that the link's credit and the session's window let us send, in all. */
    uint64_t credit_end, window_end;
    bool amqp_began; /* SASL is over */

    uint64_t sent; /* messages */
    uint64_t acknowledged;
    int64_t sent_us[LOAD_WINDOW_MAX]; /* of message n, at n modulo the window */
};

/* ---- for programs; each returns false after a failure, with the reason in load->problem ---- */

/* Opens load->tls and load->epoll. */
bool load_open(struct load *load, struct load_config *config);
void load_close(struct load *load);
/* Waits until `until_us` at most, and lets the connections that are ready go on. */
bool load_poll(struct load *load, int64_t until_us);

/* Begins to connect `connection`, which is zeroed. */
bool connection_start(struct load *load, struct connection *connection, unsigned number,
                      const struct load_protocol *protocol);
/* Fills the window, with so many more messages at most. */
bool connection_publish(struct connection *connection, int64_t now_us, uint64_t more_max);
/* Says good-bye and closes; takes a zeroed one too. */
void connection_finish(struct connection *connection);

/* ---- for protocols ---- */

bool connection_fail(struct connection *connection, const char *what, const char *why);
/* The prefix and the connection's number. */
struct str connection_id(const struct connection *connection, char out[LOAD_ID_SIZE]);
/* Appends a token for `resource`, signed by the run's key. */
bool connection_sign(struct connection *connection, struct buf *out, struct str resource,
                     struct str policy);
/* JSON-like text: room for a sequence number, when body_size allows, and letters. */
void connection_append_body(const struct connection *connection, struct buf *out);
/* Writes `number` into connection->message's body. */
void connection_number_body(struct connection *connection, uint64_t number);
void connection_is_up(struct connection *connection);
/* The oldest message that is not acknowledged yet is. */
void connection_acknowledge(struct connection *connection, int64_t now_us);

#endif
