/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_MESSAGING_PEER_INTERNAL_H
#define CLIENTS_MESSAGING_PEER_INTERNAL_H

/*
 * One AMQP connection: Proton's engine, driven by hand over a stream. What is to be said is told to
 * the engine; peer_step() and peer_wait() then move bytes until what was waited for is there. State
 * is read from the engine, not its events.
 */
#include <proton/engine.h>
#include <proton/event.h>

#include <iothub/common.h>

#include "base/buf.h"
#include "clients/endpoint/stream.h"

struct peer {
    struct endpoint endpoint;
    struct stream *stream;
    pn_transport_t *transport;
    pn_connection_t *connection;
    pn_collector_t *collector;
    uint64_t number_next; /* of links, deliveries and requests */
    bool ended;           /* nothing moves any more, and `error` says why */
    struct iothub_error error;
};

struct peer_login {
    struct endpoint endpoint;
    bool tls;
    const char *user; /* SASL PLAIN with the password; NULL: ANONYMOUS */
    const char *password;
};

/* Connects, logs in and opens. */
MUST_CHECK enum iothub_result peer_open(const struct peer_login *login,
                                        const struct patience *patience, struct peer **ret_peer,
                                        struct iothub_error *error);

/* Says close, and waits half a second at most for the same. NULL is allowed. */
void peer_close(struct peer *peer);

enum peer_stepped {
    PEER_WENT_ON,     /* bytes moved, or something was due */
    PEER_TIMED_OUT,   /* until patience->until_us nothing happened */
    PEER_INTERRUPTED, /* a signal was handled */
    PEER_ENDED,       /* peer->error says why */
};

/* Says what is to be said, and takes in what comes next. */
enum peer_stepped peer_step(struct peer *peer, const struct patience *patience);

/* Says what can be said and takes in what is there, without waiting. */
void peer_turn(struct peer *peer);

/* Steps until the condition holds. `what` for "WHAT did not come in time". */
MUST_CHECK enum iothub_result peer_wait(struct peer *peer, bool (*holds)(void *ctx), void *ctx,
                                        const struct patience *patience, const char *what,
                                        struct iothub_error *error);

/* ---- Links ---- */

struct peer_link_request {
    pn_session_t *session;
    const char *address;
    bool sends;
    const char *selector; /* NULL: none */
};

/* A link that is being attached; NULL: no memory. */
MUST_CHECK pn_link_t *peer_attach(struct peer *peer, const struct peer_link_request *request);

MUST_CHECK pn_session_t *peer_session(struct peer *peer);

/* Whether a link's fate is known: attached, refused, or gone with the connection. */
bool peer_link_decided(pn_link_t *link);

/* After that: did it end well? `what` for "WHAT was refused". */
MUST_CHECK enum iothub_result peer_link_verdict(struct peer *peer, pn_link_t *link,
                                                const char *what, struct iothub_error *error);

/* Sends a whole message on a link with credit; NULL: no memory. */
MUST_CHECK pn_delivery_t *peer_send(struct peer *peer, pn_link_t *link, struct str message);

/*
 * The next whole message of a receiver: true, with its bytes in `out`, which is emptied before, and
 * the delivery, not settled. Parts that came before the rest wait in `out`: each link needs its
 * own.
 */
MUST_CHECK bool peer_receive(pn_link_t *link, struct buf *out, pn_delivery_t **ret_delivery);

#endif
