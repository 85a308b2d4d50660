/* SPDX-License-Identifier: MIT */
/* Messages to devices and what became of them, on one connection that is kept. */
#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/random.h"
#include "clients/messaging/backoff_internal.h"
#include "clients/messaging/failure_internal.h"
#include "clients/messaging/feedback_internal.h"
#include "clients/messaging/login_internal.h"

struct iothub_messaging {
    struct iothub_messaging_options options;
    struct login login;
    pn_link_t *sender;   /* NULL: not attached */
    pn_link_t *receiver; /* likewise, of feedback */
    struct buf incoming; /* feedback that has partly come */
    uint64_t connection; /* the number of this one, which feedback remembers */
    struct random random;
};

/* The addresses as the Node SDK writes them (service API reference, 6.4 and 6.5). */
static const struct address {
    const char *address;
    const char *what;
    bool sends;
} to_devices = {"/messages/devicebound", "the link to the devices", true},
  from_feedback = {"/messages/serviceBound/feedback", "the link for feedback", false};

/* ---- The connection ---- */

static void disconnect(struct iothub_messaging *messaging)
{
    messaging->sender = NULL;
    messaging->receiver = NULL;
    buf_clear(&messaging->incoming);
    login_close(&messaging->login);
}

/* Looks whether the connection still stands after a while of silence, and makes it if not. */
static enum iothub_result connected(struct iothub_messaging *messaging,
                                    const struct patience *patience, struct iothub_error *error)
{
    if (messaging->login.peer != NULL) {
        peer_turn(messaging->login.peer);
        if (!messaging->login.peer->ended &&
            login_renew(&messaging->login, patience) == IOTHUB_OK) {
            return IOTHUB_OK;
        }
        disconnect(messaging);
    }
    messaging->connection++;
    return login_open(&messaging->login, patience, error);
}

static bool link_lives(pn_link_t *link)
{
    const pn_state_t state = link == NULL
                                 ? PN_REMOTE_CLOSED
                                 : pn_link_state(link) | pn_session_state(pn_link_session(link));
    return (state & PN_REMOTE_CLOSED) == 0;
}

static bool link_decided(void *ctx)
{
    return peer_link_decided(ctx);
}

static enum iothub_result attach(struct peer *peer, const struct address *address,
                                 const struct patience *patience, pn_link_t **ret_link,
                                 struct iothub_error *error)
{
    pn_session_t *session = peer_session(peer);
    const struct peer_link_request request = {
        .session = session, .address = address->address, .sends = address->sends};
    pn_link_t *link = session == NULL ? NULL : peer_attach(peer, &request);
    if (link == NULL) {
        return failure_status(error, STATUS_NO_MEMORY, NULL);
    }
    enum iothub_result result = peer_wait(peer, link_decided, link, patience, address->what, error);
    if (result == IOTHUB_OK) {
        result = peer_link_verdict(peer, link, address->what, error);
    }
    if (result == IOTHUB_OK) {
        *ret_link = link;
    }
    return result;
}

/* `link` is one of the two in `messaging`. */
static enum iothub_result attached(struct iothub_messaging *messaging,
                                   const struct address *address, const struct patience *patience,
                                   pn_link_t **link, struct iothub_error *error)
{
    const enum iothub_result result = connected(messaging, patience, error);
    if (result != IOTHUB_OK || link_lives(*link)) {
        return result;
    }
    *link = NULL;
    return attach(messaging->login.peer, address, patience, link, error);
}

enum iothub_result iothub_messaging_create(const char *connection_string,
                                           const struct iothub_messaging_options *options,
                                           struct iothub_messaging **ret_messaging,
                                           struct iothub_error *error)
{
    const struct iothub_messaging_options defaults = {.timeout_ms = 0};
    struct problem problem = {.offset = PROBLEM_NO_OFFSET};
    struct iothub_messaging *messaging = mem_zalloc(sizeof(*messaging));
    if (messaging == NULL) {
        return failure_status(error, STATUS_NO_MEMORY, NULL);
    }
    struct login *login = &messaging->login;
    messaging->options = options == NULL ? defaults : *options;
    messaging->incoming = BUF_INIT(MESSAGE_SIZE_MAX);
    const uint16_t port = messaging->options.port;
    const unsigned lifetime_s = messaging->options.token_lifetime_s;
    login->token_lifetime_s = lifetime_s == 0 ? LOGIN_TOKEN_S : lifetime_s;
    enum status status = place_parse(str_from(connection_string), port == 0 ? PLACE_PORT_TLS : port,
                                     &login->place, &problem);
    if (status == STATUS_OK && login->place.is_event_hub) {
        problem_set(&problem, PROBLEM_NO_OFFSET,
                    "this is the connection string of an event hub, which only tells events; "
                    "devices are reached with that of an IoT hub, HostName=...");
        status = STATUS_INVALID;
    }
    if (status == STATUS_OK) {
        status = random_init_system(&messaging->random);
    }
    if (status != STATUS_OK) {
        iothub_messaging_destroy(messaging);
        return failure_status(error, status, &problem);
    }
    *ret_messaging = messaging;
    return IOTHUB_OK;
}

void iothub_messaging_destroy(struct iothub_messaging *messaging)
{
    if (messaging != NULL) {
        disconnect(messaging);
        buf_finish(&messaging->incoming);
        mem_free(messaging);
    }
}

/* ---- Sending ---- */

static bool has_credit(void *ctx)
{
    pn_link_t *link = ctx;
    return pn_link_credit(link) > 0 || !link_lives(link);
}

static bool has_outcome(void *ctx)
{
    pn_delivery_t *delivery = ctx;
    return pn_delivery_remote_state(delivery) != 0 || pn_delivery_settled(delivery) ||
           !link_lives(pn_delivery_link(delivery));
}

static enum iothub_result outcome_of(struct peer *peer, pn_delivery_t *delivery,
                                     struct iothub_error *error)
{
    pn_condition_t *condition = pn_disposition_condition(pn_delivery_remote(delivery));
    switch (pn_delivery_remote_state(delivery)) {
    case PN_ACCEPTED:
        return IOTHUB_OK;
    case PN_REJECTED:
        return pn_condition_is_set(condition)
                   ? failure_condition(error, condition, "the message")
                   : failure(error, IOTHUB_REFUSED, "the message was rejected, with no reason");
    case PN_RELEASED:
    case PN_MODIFIED:
        return failure(error, IOTHUB_UNAVAILABLE, "the hub did not take the message now");
    default:
        break;
    }
    const enum iothub_result result =
        peer_link_verdict(peer, pn_delivery_link(delivery), "the message", error);
    return result != IOTHUB_OK ? result
                               : failure(error, IOTHUB_UNAVAILABLE,
                                         "the hub did not say whether it has the message");
}

/* What went wrong after the message had left. */
static enum iothub_result uncertain(const struct iothub_error *why, struct iothub_error *error)
{
    return failure(error, IOTHUB_UNAVAILABLE, "whether the hub has the message is not known: %s",
                   why->text);
}

static enum iothub_result send_bytes(struct iothub_messaging *messaging, struct str bytes,
                                     const struct patience *patience, struct iothub_error *error)
{
    struct iothub_error why = {.result = IOTHUB_OK};
    struct peer *peer = messaging->login.peer;
    enum iothub_result result =
        peer_wait(peer, has_credit, messaging->sender, patience, "leave to send", error);
    if (result == IOTHUB_OK) {
        result = peer_link_verdict(peer, messaging->sender, to_devices.what, error);
    }
    if (result != IOTHUB_OK) {
        return result;
    }
    pn_delivery_t *delivery = peer_send(peer, messaging->sender, bytes);
    if (delivery == NULL) {
        return failure_status(error, STATUS_NO_MEMORY, NULL);
    }
    result = peer_wait(peer, has_outcome, delivery, patience, "the hub's word", &why);
    if (result != IOTHUB_OK) {
        disconnect(messaging); /* a late word would be taken for the next message's */
        return uncertain(&why, error);
    }
    result = outcome_of(peer, delivery, error);
    pn_delivery_settle(delivery);
    return result;
}

enum iothub_result iothub_messaging_send(struct iothub_messaging *messaging,
                                         const struct iothub_c2d_message *message,
                                         struct iothub_error *error)
{
    struct problem problem = {.offset = PROBLEM_NO_OFFSET};
    struct buf bytes CLEANUP(buf_finish) = BUF_INIT(MESSAGE_SIZE_MAX);
    const enum status status = message_write_device(message, &bytes, &problem);
    if (status != STATUS_OK) {
        return failure_status(error, status, &problem);
    }
    const struct patience patience = login_patience(&messaging->options, false);
    const enum iothub_result result =
        attached(messaging, &to_devices, &patience, &messaging->sender, error);
    return result != IOTHUB_OK ? result : send_bytes(messaging, buf_str(&bytes), &patience, error);
}

/* ---- Feedback ---- */

static enum iothub_result read_feedback(struct iothub_messaging *messaging, pn_delivery_t *delivery,
                                        struct feedback **ret_feedback, struct iothub_error *error)
{
    struct problem problem = {.offset = PROBLEM_NO_OFFSET};
    struct message message CLEANUP(message_finish);
    message_init(&message);
    enum status status = buf_status(&messaging->incoming);
    if (status == STATUS_OK) {
        status = message_read(buf_str(&messaging->incoming), &message, &problem);
    }
    buf_clear(&messaging->incoming);
    if (status == STATUS_OK) {
        status = feedback_read(&message, ret_feedback, &problem);
    }
    if (status != STATUS_OK) {
        pn_delivery_update(delivery, PN_RELEASED);
        pn_delivery_settle(delivery);
        return failure_status(error, status, &problem);
    }
    (*ret_feedback)->delivery = delivery;
    (*ret_feedback)->connection = messaging->connection;
    return IOTHUB_OK;
}

/* One after the other, as the Java SDK does: what is on its way to a receiver is locked. */
static void ask_for_one(pn_link_t *receiver)
{
    if (pn_link_credit(receiver) == 0) {
        pn_link_flow(receiver, 1);
    }
}

/* IOTHUB_OK with nothing in *ret_feedback: the time is over, or a signal came. */
static enum iothub_result wait_for_feedback(struct iothub_messaging *messaging,
                                            const struct patience *patience,
                                            struct feedback **ret_feedback,
                                            struct iothub_error *error)
{
    struct peer *peer = messaging->login.peer;
    ask_for_one(messaging->receiver);
    for (;;) {
        pn_delivery_t *delivery = NULL;
        if (peer_receive(messaging->receiver, &messaging->incoming, &delivery)) {
            return read_feedback(messaging, delivery, ret_feedback, error);
        }
        enum iothub_result result =
            peer_link_verdict(peer, messaging->receiver, from_feedback.what, error);
        if (result == IOTHUB_OK) {
            result = login_keep(&messaging->login, error);
        }
        if (result != IOTHUB_OK) {
            return result;
        }
        const int64_t due_us = login_due_us(&messaging->login);
        const struct patience step = {.until_us =
                                          due_us < patience->until_us ? due_us : patience->until_us,
                                      .ends_with_signal = true};
        const enum peer_stepped stepped = peer_step(peer, &step);
        if (stepped == PEER_INTERRUPTED ||
            (stepped == PEER_TIMED_OUT && clock_monotonic_us() >= patience->until_us)) {
            return IOTHUB_OK;
        }
    }
}

/* False: the time was over before, or a signal came. */
static bool pause_before(struct iothub_messaging *messaging, unsigned attempt,
                         const struct patience *patience)
{
    const int64_t until_us =
        clock_monotonic_us() + backoff_delay_us(attempt, random_u64(&messaging->random));
    return until_us < patience->until_us && backoff_sleep(until_us);
}

enum iothub_result iothub_messaging_receive_feedback(struct iothub_messaging *messaging,
                                                     unsigned timeout_ms,
                                                     struct iothub_feedback **ret_feedback,
                                                     struct iothub_error *error)
{
    const struct patience patience = {.until_us =
                                          clock_monotonic_us() + (int64_t)timeout_ms * 1000};
    struct feedback *feedback = NULL;
    for (unsigned attempt = 0;; attempt++) {
        const struct patience to_connect = login_patience(&messaging->options, false);
        enum iothub_result result =
            attached(messaging, &from_feedback, &to_connect, &messaging->receiver, error);
        const bool was_attached = result == IOTHUB_OK;
        if (was_attached) {
            result = wait_for_feedback(messaging, &patience, &feedback, error);
        }
        if (result == IOTHUB_OK) {
            *ret_feedback = feedback == NULL ? NULL : &feedback->shown;
            return IOTHUB_OK;
        }
        if (result == IOTHUB_NO_MEMORY || result == IOTHUB_INVALID) {
            return result;
        }
        /* What breaks off is tried again; what was refused from the start is told. */
        if (!was_attached && attempt == 0) {
            return result;
        }
        disconnect(messaging);
        if (!pause_before(messaging, attempt, &patience)) {
            return result;
        }
    }
}

enum iothub_result iothub_messaging_settle_feedback(struct iothub_messaging *messaging,
                                                    struct iothub_feedback *feedback,
                                                    enum iothub_settlement settlement,
                                                    struct iothub_error *error)
{
    struct feedback *batch = (struct feedback *)(void *)feedback;
    struct peer *peer = messaging->login.peer;
    if (batch->settled) {
        return failure(error, IOTHUB_INVALID, "the feedback is settled already");
    }
    if (peer == NULL || peer->ended || batch->connection != messaging->connection) {
        return failure(error, IOTHUB_UNAVAILABLE,
                       "the connection that the feedback came on is gone: it will come again");
    }
    pn_delivery_update(batch->delivery, settlement == IOTHUB_ACCEPT ? PN_ACCEPTED : PN_RELEASED);
    pn_delivery_settle(batch->delivery);
    batch->settled = true;
    peer_turn(peer);
    return IOTHUB_OK;
}
