/* SPDX-License-Identifier: MIT */
#include "clients/messaging/peer_internal.h"

#include <inttypes.h>
#include <stdio.h>

#include <proton/sasl.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/random.h"
#include "clients/messaging/failure_internal.h"
#include "clients/messaging/message_internal.h"

enum {
    FRAME_SIZE_MAX = 65536,
    SESSION_BYTES = 8 << 20,  /* that wait for the program, in whole frames */
    IDLE_TIMEOUT_MS = 120000, /* after which we take a silent peer for dead */
};

/* How long the other side's close is waited for. */
#define CLOSE_US (CLOCK_SECOND / 2)

/* ---- Ending ---- */

static void end_with(struct peer *peer, enum iothub_result result, const char *why)
{
    if (!peer->ended) {
        peer->ended = true;
        (void)failure(&peer->error, result, "the connection to %s, port %u ended: %s",
                      peer->endpoint.host, (unsigned)peer->endpoint.port, why);
    }
}

/* What the other side said or the engine found before nothing moved any more; `stream_says`, if it
 * is the stream that ended (NULL: it is not), knows better than an engine that was cut off. */
static void end_as_told(struct peer *peer, const char *stream_says)
{
    pn_condition_t *remote = pn_connection_remote_condition(peer->connection);
    pn_condition_t *own = pn_transport_condition(peer->transport);
    if (peer->ended) {
        return;
    }
    if (pn_condition_is_set(remote)) {
        peer->ended = true;
        (void)failure_condition(&peer->error, remote, "the connection");
        return;
    }
    const pn_sasl_outcome_t outcome = pn_sasl_outcome(pn_sasl(peer->transport));
    if (outcome == PN_SASL_AUTH || outcome == PN_SASL_PERM) {
        peer->ended = true;
        (void)failure_answer(&peer->error, 401, "amqp:unauthorized-access",
                             "compare SharedAccessKeyName and SharedAccessKey with the hub's",
                             "the log-in");
        return;
    }
    const char *name = pn_condition_is_set(own) ? pn_condition_get_name(own) : "";
    const char *words = pn_condition_is_set(own) ? pn_condition_get_description(own) : NULL;
    if (strcmp(name, "amqp:resource-limit-exceeded") == 0) {
        stream_says = "the other side went silent";
    } else if (stream_says == NULL) {
        stream_says = words != NULL ? words : "the other side closed it";
    }
    end_with(peer, IOTHUB_UNAVAILABLE, stream_says);
}

/* ---- Moving bytes ---- */

/* True when something was said or taken in. */
static bool say(struct peer *peer)
{
    bool moved = false;
    for (;;) {
        size_t size = 0;
        const ssize_t pending = pn_transport_pending(peer->transport);
        if (pending <= 0) {
            if (pending < 0 && !peer->ended) {
                end_as_told(peer, NULL);
            }
            return moved;
        }
        const enum stream_moved result =
            stream_write(peer->stream, pn_transport_head(peer->transport), (size_t)pending, &size);
        if (result == STREAM_ENDED) {
            (void)pn_transport_close_head(peer->transport);
            end_as_told(peer, stream_why(peer->stream));
        }
        if (result != STREAM_MOVED) {
            return moved;
        }
        pn_transport_pop(peer->transport, size);
        moved = true;
    }
}

static bool hear(struct peer *peer)
{
    bool moved = false;
    for (;;) {
        size_t size = 0;
        const ssize_t capacity = pn_transport_capacity(peer->transport);
        if (capacity <= 0) {
            if (capacity < 0) {
                end_as_told(peer, NULL);
            }
            return moved;
        }
        const enum stream_moved result =
            stream_read(peer->stream, pn_transport_tail(peer->transport), (size_t)capacity, &size);
        if (result == STREAM_ENDED) {
            (void)pn_transport_close_tail(peer->transport);
            end_as_told(peer, stream_why(peer->stream));
        }
        if (result != STREAM_MOVED) {
            return moved;
        }
        (void)pn_transport_process(peer->transport, size);
        moved = true;
    }
}

/* Heartbeats and idle time-outs, after what came was heard. When it wants to be called next, in
 * clock_monotonic_us(). */
static int64_t tick(struct peer *peer)
{
    const int64_t now_ms = clock_monotonic_us() / 1000;
    const int64_t next_ms = pn_transport_tick(peer->transport, now_ms);
    return next_ms == 0 ? INT64_MAX : next_ms * 1000;
}

/* Nobody looks at the events, and they would pile up. */
static void forget_events(struct peer *peer)
{
    while (pn_collector_peek(peer->collector) != NULL) {
        (void)pn_collector_pop(peer->collector);
    }
}

static bool move(struct peer *peer, int64_t *ret_tick_us)
{
    bool moved = hear(peer);
    *ret_tick_us = tick(peer);
    moved = say(peer) || moved;
    if ((pn_connection_state(peer->connection) & PN_REMOTE_CLOSED) != 0) {
        end_as_told(peer, NULL);
    }
    forget_events(peer);
    return moved;
}

enum peer_stepped peer_step(struct peer *peer, const struct patience *patience)
{
    int64_t tick_us = INT64_MAX;
    if (peer->ended) {
        return PEER_ENDED;
    }
    const bool moved = move(peer, &tick_us);
    if (peer->ended) {
        return PEER_ENDED;
    }
    if (moved) {
        return PEER_WENT_ON;
    }
    const bool tick_first = tick_us < patience->until_us;
    const struct patience until = {.until_us = tick_first ? tick_us : patience->until_us,
                                   .ends_with_signal = patience->ends_with_signal};
    switch (stream_wait(peer->stream, pn_transport_pending(peer->transport) > 0, &until)) {
    case STREAM_READY:
        return PEER_WENT_ON;
    case STREAM_INTERRUPTED:
        return PEER_INTERRUPTED;
    case STREAM_TIMED_OUT:
        break;
    }
    return tick_first ? PEER_WENT_ON : PEER_TIMED_OUT;
}

void peer_turn(struct peer *peer)
{
    int64_t ignored = 0;
    while (!peer->ended && move(peer, &ignored)) {
    }
}

static enum iothub_result tell(const struct peer *peer, struct iothub_error *error)
{
    if (error != NULL) {
        *error = peer->error;
    }
    return peer->error.result;
}

enum iothub_result peer_wait(struct peer *peer, bool (*holds)(void *ctx), void *ctx,
                             const struct patience *patience, const char *what,
                             struct iothub_error *error)
{
    while (!holds(ctx)) {
        switch (peer_step(peer, patience)) {
        case PEER_WENT_ON:
            break;
        case PEER_ENDED:
            return holds(ctx) ? IOTHUB_OK : tell(peer, error);
        case PEER_TIMED_OUT:
            return failure(error, IOTHUB_UNAVAILABLE, "%s did not come in time from %s, port %u",
                           what, peer->endpoint.host, (unsigned)peer->endpoint.port);
        case PEER_INTERRUPTED:
            return failure(error, IOTHUB_UNAVAILABLE, "interrupted by a signal");
        }
    }
    return IOTHUB_OK;
}

/* ---- Opening and closing ---- */

static bool is_open(void *ctx)
{
    const struct peer *peer = ctx;
    return (pn_connection_state(peer->connection) & PN_REMOTE_ACTIVE) != 0;
}

/*
 * The library's own "secure" means that Proton did the encryption; ours is below it. Each
 * connection has a container name of its own, since some services tell connections apart by it.
 */
static enum status start_engine(struct peer *peer, const struct peer_login *login)
{
    struct random random;
    char container[RANDOM_UUID_SIZE];
    peer->transport = pn_transport();
    peer->connection = pn_connection();
    peer->collector = pn_collector();
    if (peer->transport == NULL || peer->connection == NULL || peer->collector == NULL ||
        random_init_system(&random) != STATUS_OK) {
        return STATUS_NO_MEMORY;
    }
    random_uuid(&random, container);
    pn_connection_collect(peer->connection, peer->collector);
    pn_connection_set_container(peer->connection, container);
    pn_connection_set_hostname(peer->connection, login->endpoint.host);
    if (login->user != NULL) {
        pn_connection_set_user(peer->connection, login->user);
        pn_connection_set_password(peer->connection, login->password);
    }
    pn_sasl_t *sasl = pn_sasl(peer->transport);
    pn_sasl_allowed_mechs(sasl, login->user != NULL ? "PLAIN" : "ANONYMOUS");
    pn_sasl_set_allow_insecure_mechs(sasl, true);
    pn_transport_set_max_frame(peer->transport, FRAME_SIZE_MAX);
    pn_transport_set_idle_timeout(peer->transport, IDLE_TIMEOUT_MS);
    if (pn_transport_bind(peer->transport, peer->connection) != 0) {
        return STATUS_NO_MEMORY;
    }
    pn_connection_open(peer->connection);
    return STATUS_OK;
}

static void free_peer(struct peer *peer)
{
    if (peer->transport != NULL) {
        (void)pn_transport_unbind(peer->transport);
        pn_transport_free(peer->transport);
    }
    if (peer->connection != NULL) {
        pn_connection_free(peer->connection);
    }
    if (peer->collector != NULL) {
        pn_collector_free(peer->collector);
    }
    stream_close(peer->stream);
    mem_free(peer);
}

void peer_close(struct peer *peer)
{
    if (peer == NULL) {
        return;
    }
    if (peer->connection != NULL && peer->stream != NULL && !peer->ended) {
        const struct patience patience = {.until_us = clock_monotonic_us() + CLOSE_US};
        pn_connection_close(peer->connection);
        while (peer_step(peer, &patience) == PEER_WENT_ON) {
        }
    }
    free_peer(peer);
}

static void peer_closep(struct peer **peer)
{
    peer_close(*peer);
}

enum iothub_result peer_open(const struct peer_login *login, const struct patience *patience,
                             struct peer **ret_peer, struct iothub_error *error)
{
    struct problem problem = {.offset = PROBLEM_NO_OFFSET};
    struct peer *peer CLEANUP(peer_closep) = mem_zalloc(sizeof(*peer));
    if (peer == NULL) {
        return failure_status(error, STATUS_NO_MEMORY, NULL);
    }
    peer->endpoint = login->endpoint;
    const struct stream_target target = {
        .endpoint = login->endpoint, .protocol = "AMQP", .tls = login->tls};
    enum iothub_result result = stream_dial(&target, patience, &peer->stream, &problem);
    if (result != IOTHUB_OK) {
        return failure(error, result, "%s",
                       result == IOTHUB_NO_MEMORY ? status_text(STATUS_NO_MEMORY) : problem.text);
    }
    if (start_engine(peer, login) != STATUS_OK) {
        return failure_status(error, STATUS_NO_MEMORY, NULL);
    }
    result = peer_wait(peer, is_open, peer, patience, "an AMQP greeting", error);
    if (result == IOTHUB_OK) {
        *ret_peer = TAKE(peer);
    }
    return result;
}

/* ---- Links ---- */

pn_session_t *peer_session(struct peer *peer)
{
    pn_session_t *session = pn_session(peer->connection);
    if (session != NULL) {
        pn_session_set_incoming_capacity(session, SESSION_BYTES);
        pn_session_open(session);
    }
    return session;
}

/* Described by its own name, as the Python SDK does; services look at the text alone. */
static void put_selector(pn_data_t *filter, const char *selector)
{
    static const char name[] = "apache.org:selector-filter:string";
    const pn_bytes_t symbol = pn_bytes(sizeof(name) - 1, name);
    pn_data_put_map(filter);
    pn_data_enter(filter);
    pn_data_put_symbol(filter, symbol);
    pn_data_put_described(filter);
    pn_data_enter(filter);
    pn_data_put_symbol(filter, symbol);
    pn_data_put_string(filter, pn_bytes(strlen(selector), selector));
    pn_data_exit(filter);
    pn_data_exit(filter);
}

static void put_client_version(pn_data_t *properties)
{
    static const char name[] = "com.microsoft:client-version";
    static const char version[] = "iothub-messaging/0.1";
    pn_data_put_map(properties);
    pn_data_enter(properties);
    pn_data_put_symbol(properties, pn_bytes(sizeof(name) - 1, name));
    pn_data_put_string(properties, pn_bytes(sizeof(version) - 1, version));
    pn_data_exit(properties);
}

pn_link_t *peer_attach(struct peer *peer, const struct peer_link_request *request)
{
    char name[64];
    (void)snprintf(name, sizeof(name), "%s-%" PRIu64, request->sends ? "sender" : "receiver",
                   peer->number_next++);
    pn_link_t *link =
        request->sends ? pn_sender(request->session, name) : pn_receiver(request->session, name);
    if (link == NULL) {
        return NULL;
    }
    pn_terminus_t *theirs = request->sends ? pn_link_target(link) : pn_link_source(link);
    pn_terminus_t *ours = request->sends ? pn_link_source(link) : pn_link_target(link);
    (void)pn_terminus_set_address(theirs, request->address);
    (void)pn_terminus_set_address(ours, name);
    if (request->selector != NULL) {
        put_selector(pn_terminus_filter(theirs), request->selector);
    }
    put_client_version(pn_link_properties(link));
    pn_link_open(link);
    return link;
}

/* A refusal is an attach without the address, and a detach behind it. */
static bool is_refused(pn_link_t *link)
{
    pn_terminus_t *theirs =
        pn_link_is_sender(link) ? pn_link_remote_target(link) : pn_link_remote_source(link);
    return pn_terminus_get_type(theirs) == PN_UNSPECIFIED;
}

bool peer_link_decided(pn_link_t *link)
{
    const pn_state_t state = pn_link_state(link);
    const pn_state_t session = pn_session_state(pn_link_session(link));
    return ((state | session) & PN_REMOTE_CLOSED) != 0 ||
           ((state & PN_REMOTE_ACTIVE) != 0 && !is_refused(link));
}

enum iothub_result peer_link_verdict(struct peer *peer, pn_link_t *link, const char *what,
                                     struct iothub_error *error)
{
    pn_session_t *session = pn_link_session(link);
    if (peer->ended) {
        return tell(peer, error);
    }
    if ((pn_link_state(link) & PN_REMOTE_CLOSED) != 0) {
        return failure_condition(error, pn_link_remote_condition(link), what);
    }
    if ((pn_session_state(session) & PN_REMOTE_CLOSED) != 0) {
        return failure_condition(error, pn_session_remote_condition(session), what);
    }
    return IOTHUB_OK;
}

pn_delivery_t *peer_send(struct peer *peer, pn_link_t *link, struct str message)
{
    char tag[24];
    const int size = snprintf(tag, sizeof(tag), "%" PRIu64, peer->number_next++);
    pn_delivery_t *delivery = pn_delivery(link, pn_dtag(tag, (size_t)size));
    if (delivery == NULL || pn_link_send(link, message.data, message.size) < 0) {
        return NULL;
    }
    (void)pn_link_advance(link);
    return delivery;
}

/* False: the rest has still to come, or the message was broken off, or there is no room. */
static bool take_bytes(pn_link_t *link, pn_delivery_t *delivery, struct buf *out)
{
    for (size_t pending = pn_delivery_pending(delivery); pending > 0;
         pending = pn_delivery_pending(delivery)) {
        char *room = buf_room(out, pending);
        char none[4096];
        const ssize_t size = room != NULL ? pn_link_recv(link, room, pending)
                                          : pn_link_recv(link, none, sizeof(none));
        if (size <= 0) {
            break;
        }
        if (room != NULL) {
            buf_grown(out, (size_t)size);
        }
    }
    return !pn_delivery_partial(delivery);
}

bool peer_receive(pn_link_t *link, struct buf *out, pn_delivery_t **ret_delivery)
{
    for (;;) {
        pn_delivery_t *delivery = pn_link_current(link);
        if (delivery == NULL || !pn_delivery_readable(delivery) ||
            !take_bytes(link, delivery, out)) {
            return false;
        }
        const bool aborted = pn_delivery_aborted(delivery);
        (void)pn_link_advance(link);
        if (!aborted) {
            *ret_delivery = delivery;
            return true;
        }
        pn_delivery_settle(delivery);
        buf_clear(out);
    }
}
