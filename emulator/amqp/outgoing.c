/* SPDX-License-Identifier: MIT */
/*
 * Messages to peers and their outcomes: they wait for the peer's credit here, and in Proton for
 * its window.
 */
#include "amqp/amqp_internal.h"
#include "amqp/conditions.h"
#include "amqp/limits.h"
#include "base/alloc.h"

static struct str tag_of(pn_delivery_t *delivery)
{
    const pn_delivery_tag_t tag = pn_delivery_tag(delivery);
    return str_of(tag.start, tag.size);
}

static bool choked(const struct amqp_link *link)
{
    return net_conn_unsent(link->conn->net) >= AMQP_OUTPUT_SIZE_HIGH ||
           pn_session_outgoing_bytes(pn_link_session(link->engine)) >= AMQP_OUTPUT_SIZE_HIGH;
}

size_t amqp_link_credit(const struct amqp_link *link)
{
    const int credit = pn_link_credit(link->engine);
    if (credit <= 0 || link->ending) {
        return 0;
    }
    if (choked(link)) {
        link->conn->starved = true;
        amqp_conn_touch(link->conn);
        return 0;
    }
    return (size_t)credit;
}

bool amqp_link_presettled(const struct amqp_link *link)
{
    return pn_link_remote_snd_settle_mode(link->engine) == PN_SND_SETTLED;
}

/* A message that the peer has given no credit for: kept here, since Proton says no detach before it
 * has sent all that it was given. */
struct waiting {
    struct list link; /* amqp_link.waiting */
    size_t tag_size, message_size;
    bool settled;
    char bytes[]; /* the tag, then the message */
};

static struct amqp_outgoing waiting_message(const struct waiting *waiting)
{
    return (struct amqp_outgoing){
        .tag = str_of(waiting->bytes, waiting->tag_size),
        .message = str_of(waiting->bytes + waiting->tag_size, waiting->message_size),
        .settled = waiting->settled,
    };
}

static void forget_waiting(struct amqp_link *link, struct waiting *waiting)
{
    list_remove(&waiting->link);
    link->waiting_count--;
    link->waiting_size -= waiting->tag_size + waiting->message_size;
    mem_free(waiting);
}

static void send_now(struct amqp_link *link, const struct amqp_outgoing *outgoing)
{
    pn_link_t *engine = link->engine;
    const uint64_t number = link->tag_last++;
    const struct str tag = outgoing->tag.size > 0 ? outgoing->tag : str_of(&number, sizeof(number));
    pn_delivery_t *delivery = pn_delivery(engine, pn_dtag(tag.data, tag.size));
    pn_link_send(engine, outgoing->message.data, outgoing->message.size);
    const pn_snd_settle_mode_t mode = pn_link_remote_snd_settle_mode(engine);
    pn_link_advance(engine);
    if (mode == PN_SND_SETTLED || (mode == PN_SND_MIXED && outgoing->settled)) {
        pn_delivery_settle(delivery);
    }
    amqp_conn_touch(link->conn);
}

/* Answers are made for who asked; who lets them lie loses the link (limits.h). */
static void send_later(struct amqp_link *link, const struct amqp_outgoing *outgoing)
{
    const size_t size = outgoing->tag.size + outgoing->message.size;
    struct waiting *waiting = NULL;
    if (link->waiting_count < AMQP_ANSWERS_MAX &&
        size <= AMQP_ANSWER_BYTES_MAX - link->waiting_size) {
        waiting = mem_alloc(sizeof(*waiting) + size);
    }
    if (waiting == NULL) {
        amqp_link_refuse(link, HUB_MAX_CBS_TOKEN_EXCEEDED,
                         "more answers wait for this receiver's credit than are kept");
        return;
    }
    waiting->tag_size = outgoing->tag.size;
    waiting->message_size = outgoing->message.size;
    waiting->settled = outgoing->settled;
    if (outgoing->tag.size > 0) {
        memcpy(waiting->bytes, outgoing->tag.data, outgoing->tag.size);
    }
    if (outgoing->message.size > 0) {
        memcpy(waiting->bytes + outgoing->tag.size, outgoing->message.data, outgoing->message.size);
    }
    link->waiting_count++;
    link->waiting_size += size;
    list_append(&link->waiting, &waiting->link);
    link->conn->starved = true; /* it may have waited for room only */
    amqp_conn_touch(link->conn);
}

void amqp_link_send(struct amqp_link *link, const struct amqp_outgoing *outgoing)
{
    if (link->over) {
        return; /* it ended while its kind was at it */
    }
    if (pn_link_credit(link->engine) > 0 && list_empty(&link->waiting) && !choked(link)) {
        send_now(link, outgoing);
    } else {
        send_later(link, outgoing);
    }
}

/* What waited goes before anything new. */
static void send_waiting(struct amqp_link *link)
{
    while (!list_empty(&link->waiting) && amqp_link_credit(link) > 0) {
        struct waiting *waiting = LIST_ENTRY(link->waiting.next, struct waiting, link);
        const struct amqp_outgoing outgoing = waiting_message(waiting);
        send_now(link, &outgoing);
        forget_waiting(link, waiting);
    }
}

static enum amqp_outcome outcome_of(uint64_t state)
{
    switch (state) {
    case PN_ACCEPTED:
        return AMQP_ACCEPTED;
    case PN_REJECTED:
        return AMQP_REJECTED;
    case PN_MODIFIED:
        return AMQP_MODIFIED;
    default: /* settled without a word: the safe reading is that it was not handled */
        return AMQP_RELEASED;
    }
}

static bool is_terminal(uint64_t state)
{
    return state == PN_ACCEPTED || state == PN_REJECTED || state == PN_MODIFIED ||
           state == PN_RELEASED;
}

/* Settles the engine's side with what the peer said, or with why that was not possible: who asked
 * for rcv-settle-mode second waits for it (device protocol reference, 9.6). */
void amqp_link_settled(struct amqp_link *link, pn_delivery_t *delivery)
{
    const uint64_t state = pn_delivery_remote_state(delivery);
    if (!is_terminal(state) && !pn_delivery_settled(delivery)) {
        return;
    }
    pn_disposition_t *remote = pn_delivery_remote(delivery);
    const struct amqp_disposition disposition = {
        .tag = tag_of(delivery),
        .outcome = outcome_of(state),
        .failed = state == PN_MODIFIED && pn_disposition_is_failed(remote),
        .undeliverable = state == PN_MODIFIED && pn_disposition_is_undeliverable(remote),
    };
    struct problem problem = {.text = ""};
    struct amqp_conn *conn = link->conn;
    const enum hub_code code = link->kind->disposition == NULL
                                   ? HUB_OK
                                   : link->kind->disposition(link, &disposition, &problem);
    if (link->over) {
        return;
    }
    if (code != HUB_OK) {
        const struct identity_key key = {.device = link->address.device,
                                         .module = link->address.module};
        amqp_conn_note_refused(conn, key, code, problem.text);
        amqp_condition_set(pn_disposition_condition(pn_delivery_local(delivery)), conn->hub, code,
                           problem.text, &conn->endpoint->text);
        pn_delivery_update(delivery, PN_REJECTED);
    } else if (is_terminal(state)) {
        pn_delivery_update(delivery, state);
    }
    pn_delivery_settle(delivery);
    amqp_conn_touch(conn);
}

static void release(struct amqp_link *link, struct str tag)
{
    const struct amqp_disposition disposition = {
        .tag = tag,
        .outcome = AMQP_RELEASED,
        .gone = true,
    };
    struct problem problem = {.text = ""};
    if (link->kind->disposition != NULL) {
        (void)link->kind->disposition(link, &disposition, &problem);
    }
}

void amqp_link_settle_all(struct amqp_link *link)
{
    if (link->kind->direction != AMQP_TO_PEER) {
        return;
    }
    link->ending = true;
    pn_delivery_t *delivery = pn_unsettled_head(link->engine);
    while (delivery != NULL) {
        pn_delivery_t *next = pn_unsettled_next(delivery);
        release(link, tag_of(delivery));
        pn_delivery_settle(delivery);
        delivery = next;
    }
    while (!list_empty(&link->waiting)) {
        struct waiting *waiting = LIST_ENTRY(link->waiting.next, struct waiting, link);
        const struct amqp_outgoing outgoing = waiting_message(waiting);
        if (!waiting->settled) {
            release(link, outgoing.tag);
        }
        forget_waiting(link, waiting);
    }
}

/* ---- events ---- */

static void resume(struct amqp_link *link)
{
    send_waiting(link);
    if (link->kind->resume != NULL && pn_link_credit(link->engine) > 0) {
        link->kind->resume(link);
    }
}

void amqp_link_flow(struct amqp_conn *conn, pn_link_t *engine)
{
    struct amqp_link *link = pn_link_get_context(engine);
    if (link == NULL || link->kind->direction != AMQP_TO_PEER) {
        return;
    }
    amqp_conn_touch(conn);
    resume(link);
    if (!link->over && pn_link_get_drain(engine)) {
        pn_link_drained(engine); /* there is no more to send now */
    }
}

void amqp_links_resume(struct amqp_conn *conn)
{
    for (struct list *at = conn->links.next; at != &conn->links;) {
        struct amqp_link *link = LIST_ENTRY(at, struct amqp_link, conn_link);
        at = at->next;
        if (link->kind->direction == AMQP_TO_PEER) {
            resume(link);
        }
    }
}

void amqp_link_delivery(struct amqp_link *link, pn_delivery_t *delivery)
{
    amqp_conn_touch(link->conn);
    if (pn_delivery_updated(delivery)) {
        amqp_link_settled(link, delivery);
    }
}
