/* SPDX-License-Identifier: MIT */
/*
 * Proton's core engine, driven by hand: bytes go in frame by frame, events come out and are handed
 * on, and at the end of the tick what it has to say goes into net's output.
 */
#include <inttypes.h>
#include <stdio.h>

#include "amqp/amqp_internal.h"
#include "amqp/complete.h"
#include "amqp/conditions.h"
#include "amqp/frame.h"
#include "amqp/incoming.h"
#include "amqp/limits.h"
#include "amqp/sasl.h"
#include "base/log.h"

enum status amqp_engine_start(struct amqp_conn *conn)
{
    conn->transport = pn_transport();
    conn->engine = pn_connection();
    if (conn->transport == NULL || conn->engine == NULL) {
        return STATUS_NO_MEMORY;
    }
    pn_transport_set_server(conn->transport);
    pn_transport_set_max_frame(conn->transport, AMQP_FRAME_SIZE_MAX);
    pn_transport_set_channel_max(conn->transport, AMQP_CHANNEL_MAX);
    pn_transport_set_idle_timeout(conn->transport, AMQP_IDLE_TIMEOUT_MS);
    pn_connection_set_context(conn->engine, conn);
    pn_connection_collect(conn->engine, conn->endpoint->collector);
    return pn_transport_bind(conn->transport, conn->engine) == 0 ? STATUS_OK : STATUS_NO_MEMORY;
}

void amqp_engine_finish(struct amqp_conn *conn)
{
    while (!list_empty(&conn->links)) {
        struct amqp_link *link = LIST_ENTRY(conn->links.next, struct amqp_link, conn_link);
        amqp_link_settle_all(link);
        amqp_link_over(link);
    }
    if (conn->engine != NULL) {
        pn_connection_set_context(conn->engine, NULL); /* what it still says is nobody's */
    }
    if (conn->transport != NULL) {
        pn_transport_unbind(conn->transport);
    }
    amqp_engine_events(conn->endpoint);
    amqp_incoming_finish(conn);
    if (conn->engine != NULL) {
        pn_connection_free(conn->engine);
    }
    if (conn->transport != NULL) {
        pn_transport_free(conn->transport);
    }
    conn->engine = NULL;
    conn->transport = NULL;
}

/* ---- closing ---- */

static void note_why(struct amqp_conn *conn, const char *why)
{
    if (conn->why[0] == '\0') {
        (void)snprintf(conn->why, sizeof(conn->why), "%s", why);
    }
}

/* The engine will say close; whatever the peer does then, it has only so long. What was accepted
 * is said before. */
static void begin_closing(struct amqp_conn *conn, const char *why)
{
    amqp_engine_say(conn);
    note_why(conn, why);
    conn->closing = true;
    pn_connection_close(conn->engine);
    amqp_timer_start(conn->endpoint, &conn->wait, AMQP_CLOSE_WAIT_MS);
    amqp_conn_touch(conn);
}

void amqp_engine_close(struct amqp_conn *conn, const struct amqp_error *error)
{
    if (conn->closing) {
        return;
    }
    if (error != NULL) {
        pn_condition_t *condition = pn_connection_condition(conn->engine);
        pn_condition_set_name(condition, error->condition);
        pn_condition_set_description(condition, error->description);
    }
    begin_closing(conn, error != NULL ? error->description : "closed");
}

void amqp_engine_refuse(struct amqp_conn *conn, enum hub_code code, const char *why)
{
    if (conn->closing) {
        return;
    }
    amqp_conn_note_refused(conn, amqp_nobody, code, why);
    amqp_condition_set(pn_connection_condition(conn->engine), conn->hub, code, why,
                       &conn->endpoint->text);
    begin_closing(conn, why);
}

/* ---- connection and sessions ---- */

/* The name in open decides; without one, where the client dialled (service reference, 6). */
static struct hub *hub_named(struct amqp_conn *conn, struct problem *problem)
{
    const char *name = pn_connection_remote_hostname(conn->engine);
    const struct str host = name == NULL ? STR_EMPTY : str_from(name);
    if (host.size > 0) {
        return hubs_find(conn->endpoint->hubs, host, problem);
    }
    struct hub *dialled = amqp_hub_dialled(conn);
    if (dialled == NULL) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "the client named no host in its open, and no hub answers where it dialled");
    }
    return dialled;
}

static void connection_opened(struct amqp_conn *conn)
{
    struct problem problem = {.text = ""};
    struct hub *hub = hub_named(conn, &problem);
    conn->opened = true;
    pn_connection_set_container(conn->engine, "iothub-emulator");
    pn_connection_open(conn->engine);
    amqp_conn_touch(conn);
    if (hub == NULL) {
        amqp_engine_refuse(conn, HUB_IOTHUB_NOT_FOUND, problem.text);
        return;
    }
    if (conn->by_plain && conn->hub != hub) {
        amqp_engine_refuse(conn, HUB_UNAUTHORIZED_ACCESS,
                           "SASL PLAIN authenticated at another hub than open names");
        return;
    }
    conn->hub = hub;
    if (!conn->had_grant) {
        amqp_timer_start(conn->endpoint, &conn->wait, AMQP_TOKEN_WAIT_MS);
    } else {
        timers_stop(&conn->endpoint->timers, &conn->wait);
    }
    const char *container = pn_connection_remote_container(conn->engine);
    LOG_INFO("amqp", "conn=%" PRIu64 " peer=%.*s connected container=\"%.128s\"",
             net_conn_id(conn->net), STR_ARG(net_conn_peer(conn->net)),
             container == NULL ? "" : container);
}

static void connection_closed(struct amqp_conn *conn)
{
    const char *name = pn_condition_get_name(pn_connection_remote_condition(conn->engine));
    char why[128];
    (void)snprintf(why, sizeof(why),
                   name == NULL ? "the client closed the connection%s"
                                : "the client closed the connection: %.64s",
                   name == NULL ? "" : name);
    if (!conn->closing) {
        begin_closing(conn, why);
    }
}

static void session_opened(struct amqp_conn *conn, pn_session_t *session)
{
    conn->session_count++;
    if (!conn->had_grant && conn->session_count > AMQP_SESSIONS_BEFORE_TOKEN) {
        amqp_engine_refuse(conn, HUB_MAX_CBS_TOKEN_EXCEEDED,
                           "more than 16 sessions were opened before a token came");
        return;
    }
    pn_session_open(session);
    amqp_conn_touch(conn);
}

/* Of the session's links that ended before it, without the peer's word: they go with it. */
static void forget_ended(struct amqp_conn *conn, const pn_session_t *session)
{
    for (pn_link_t *engine = pn_link_head(conn->engine, PN_LOCAL_CLOSED | PN_REMOTE_ACTIVE);
         engine != NULL && conn->links_ended > 0;
         engine = pn_link_next(engine, PN_LOCAL_CLOSED | PN_REMOTE_ACTIVE)) {
        if (pn_link_session(engine) == session) {
            conn->links_ended--;
        }
    }
}

static void session_closed(struct amqp_conn *conn, pn_session_t *session)
{
    forget_ended(conn, session);
    for (struct list *at = conn->links.next; at != &conn->links;) {
        struct amqp_link *link = LIST_ENTRY(at, struct amqp_link, conn_link);
        at = at->next;
        if (pn_link_session(link->engine) == session) {
            amqp_link_settle_all(link);
            pn_link_set_context(link->engine, NULL);
            amqp_link_over(link);
        }
    }
    conn->session_count--;
    pn_session_close(session);
    pn_session_free(session);
    amqp_conn_touch(conn);
}

/* What the engine itself found wrong with the peer's bytes. It says so to the peer. */
static void transport_failed(struct amqp_conn *conn)
{
    pn_condition_t *condition = pn_transport_condition(conn->transport);
    const char *name = pn_condition_get_name(condition);
    const char *description = pn_condition_get_description(condition);
    struct problem why;
    problem_set(&why, PROBLEM_NO_OFFSET, "%s: %s", name == NULL ? "the connection failed" : name,
                description == NULL ? "" : description);
    if (!conn->closing) {
        amqp_conn_note_refused(conn, amqp_nobody, HUB_FORMAT_ERROR, why.text);
    }
    note_why(conn, why.text);
}

/* Proton stops reading without a word where it cannot tell what a frame is. */
static void input_stopped(struct amqp_conn *conn)
{
    if (!pn_condition_is_set(pn_transport_condition(conn->transport))) {
        pn_connection_open(conn->engine); /* a close needs one before it */
        amqp_engine_refuse(conn, HUB_FORMAT_ERROR,
                           "a frame came whose performative is unknown or not well encoded");
    }
}

/* ---- events ---- */

static void dispatch(struct amqp_conn *conn, pn_event_t *event)
{
    const pn_event_type_t type = pn_event_type(event);
    switch ((int)type) {
    case PN_CONNECTION_REMOTE_OPEN:
        connection_opened(conn);
        break;
    case PN_CONNECTION_REMOTE_CLOSE:
        connection_closed(conn);
        break;
    case PN_SESSION_REMOTE_OPEN:
        session_opened(conn, pn_event_session(event));
        break;
    case PN_SESSION_REMOTE_CLOSE:
        session_closed(conn, pn_event_session(event));
        break;
    case PN_LINK_REMOTE_OPEN:
        amqp_link_remote_open(conn, pn_event_link(event));
        break;
    case PN_LINK_REMOTE_CLOSE:
    case PN_LINK_REMOTE_DETACH:
        amqp_link_remote_gone(conn, pn_event_link(event), type == PN_LINK_REMOTE_CLOSE);
        break;
    case PN_LINK_FLOW:
        amqp_link_flow(conn, pn_event_link(event));
        break;
    case PN_DELIVERY: /* of a link that was refused or has ended: what still comes is let go */
        pn_delivery_settle(pn_event_delivery(event));
        amqp_conn_touch(conn);
        break;
    case PN_TRANSPORT_ERROR:
        transport_failed(conn);
        break;
    case PN_TRANSPORT_TAIL_CLOSED:
        input_stopped(conn);
        break;
    case PN_TRANSPORT:
        amqp_conn_touch(conn);
        break;
    default:
        break;
    }
}

/* What comes after the end concerns nobody, but that the end has come. */
static bool matters(const struct amqp_conn *conn, pn_event_type_t type)
{
    if (type == PN_TRANSPORT_ERROR || type == PN_CONNECTION_REMOTE_CLOSE) {
        return true;
    }
    return !conn->closing && (conn->opened || type == PN_CONNECTION_REMOTE_OPEN ||
                              type == PN_TRANSPORT || type == PN_TRANSPORT_TAIL_CLOSED);
}

/* Most events are deliveries, which find their way by the link: an event asks with every step's
 * class. False: the event is another one, or of no link that is. */
static bool serve_delivery(pn_event_t *event)
{
    if (pn_event_type(event) != PN_DELIVERY) {
        return false;
    }
    pn_delivery_t *delivery = pn_event_delivery(event);
    struct amqp_link *link = pn_link_get_context(pn_delivery_link(delivery));
    if (link == NULL) {
        return false;
    }
    if (!link->conn->closing) {
        amqp_link_delivery(link, delivery);
    }
    return true;
}

static void serve(pn_event_t *event)
{
    pn_connection_t *engine = pn_event_connection(event);
    struct amqp_conn *conn = engine == NULL ? NULL : pn_connection_get_context(engine);
    if (conn != NULL && matters(conn, pn_event_type(event))) {
        dispatch(conn, event);
    }
}

void amqp_engine_events(struct amqp_endpoint *endpoint)
{
    pn_event_t *event = pn_collector_peek(endpoint->collector);
    while (event != NULL) {
        if (!serve_delivery(event)) {
            serve(event);
        }
        amqp_links_free_ended(endpoint);
        arena_reset(&endpoint->arena);
        pn_collector_pop(endpoint->collector);
        event = pn_collector_peek(endpoint->collector);
    }
}

/* ---- bytes ---- */

/* Returns whether the engine has given all it had. */
static bool give_output(struct amqp_conn *conn)
{
    size_t partial = 0; /* bytes of a frame that has not come whole */
    for (;;) {
        const ssize_t pending = pn_transport_pending(conn->transport);
        if (pending < 0) {
            amqp_conn_end(conn, conn->why[0] != '\0' ? conn->why : "the connection was closed");
            return true;
        }
        if ((size_t)pending == partial) {
            return true;
        }
        if (net_conn_unsent(conn->net) >= AMQP_OUTPUT_SIZE_HIGH) {
            return false;
        }
        amqp_incoming_note_output(conn,
                                  str_of(pn_transport_head(conn->transport), (size_t)pending));
        const size_t taken = amqp_complete_append(
            net_conn_output(conn->net), str_of(pn_transport_head(conn->transport), (size_t)pending),
            conn->peer_frame_size_max);
        pn_transport_pop(conn->transport, taken);
        partial = (size_t)pending - taken; /* asked again, Proton makes room for the rest of it */
    }
}

/* Into net's output: what the engine has, then outcomes. Returns whether that was all, and little
 * enough of it waits to leave. */
static bool say(struct amqp_conn *conn)
{
    const bool all = give_output(conn);
    if (conn->state == AMQP_ENGINE && !conn->closing) {
        amqp_incoming_flush(conn);
    }
    return all && net_conn_unsent(conn->net) < AMQP_OUTPUT_SIZE_HIGH;
}

/* The engine is to leave room in its frames for what completes them. The size of the open that was
 * put into `copy`; 0: it goes to the engine as it is. */
static size_t prepare_open(struct amqp_conn *conn, struct str bytes, struct buf *copy)
{
    struct frame frame;
    if (conn->peer_frame_size_max != 0 || str_starts(bytes, amqp_header) ||
        frame_read(bytes, AMQP_FRAME_SIZE_MAX, &frame, NULL) != FRAME_WHOLE) {
        return 0;
    }
    conn->peer_frame_size_max = SIZE_MAX;
    const struct str open = str_of(bytes.data, frame.size);
    return amqp_complete_open(open, copy, &conn->peer_frame_size_max) ? frame.size : 0;
}

/* Gives the engine what it can take and serves what comes of it. False: it takes nothing more. */
static bool push_as_it_is(struct amqp_conn *conn, struct str bytes)
{
    while (bytes.size > 0) {
        const ssize_t taken = pn_transport_push(conn->transport, bytes.data, bytes.size);
        amqp_engine_events(conn->endpoint);
        if (taken <= 0 || conn->state == AMQP_ENDING) {
            return false;
        }
        bytes = str_skip(bytes, (size_t)taken);
    }
    return true;
}

static bool push(struct amqp_conn *conn, struct str bytes)
{
    CLEANUP(buf_finish) struct buf open = BUF_INIT(AMQP_FRAME_SIZE_MAX);
    const size_t open_size = prepare_open(conn, bytes, &open);
    if (open_size > 0 && !push_as_it_is(conn, buf_str(&open))) {
        return false;
    }
    return push_as_it_is(conn, str_skip(bytes, open_size));
}

/* What of the unread bytes goes to the engine at once. */
struct run {
    size_t size;
    struct frame special; /* the one in it that is looked at here too; else zeroed */
    bool malformed;       /* what follows is to be refused */
    size_t late;          /* bytes of a frame that is passed over; then there is nothing else */
};

/* The Python SDK for Event Hubs detaches links after it has ended their session, which the service
 * passes over; Proton would close the connection. */
static bool is_late(struct amqp_conn *conn, const struct frame *frame)
{
    if (!conn->session_ended || frame->channel != conn->channel_ended ||
        frame->code <= FRAME_OPEN || frame->code == FRAME_CLOSE) {
        return false;
    }
    conn->session_ended = frame->code != FRAME_BEGIN;
    return conn->session_ended;
}

static void note_end(struct amqp_conn *conn, const struct frame *frame)
{
    if (frame->code == FRAME_END) {
        conn->session_ended = true;
        conn->channel_ended = frame->channel;
    }
}

/* May the frame come now? An open comes once. */
static bool is_due(struct amqp_conn *conn, const struct frame *frame, struct problem *problem)
{
    if (frame->code != FRAME_OPEN || !conn->open_came) {
        conn->open_came = conn->open_came || frame->code == FRAME_OPEN;
        return true;
    }
    problem_set(problem, PROBLEM_NO_OFFSET, "a second open came");
    return false;
}

/* Takes one more frame into the run; false: it ends before it. */
static bool take_frame(struct amqp_conn *conn, struct str rest, struct run *run,
                       struct problem *problem)
{
    struct frame frame;
    switch (frame_read(rest, AMQP_FRAME_SIZE_MAX, &frame, problem)) {
    case FRAME_NEED_MORE:
        return false;
    case FRAME_MISFRAMED:
        run->size += rest.size;
        return false;
    case FRAME_MALFORMED:
        run->malformed = true;
        return false;
    case FRAME_WHOLE:
        break;
    }
    const bool special = frame.code == FRAME_TRANSFER || amqp_incoming_is_special(&frame);
    if (special && run->size > 0) {
        return false;
    }
    if (is_late(conn, &frame)) {
        run->late = run->size == 0 ? frame.size : 0;
        return false;
    }
    if (!is_due(conn, &frame, problem)) {
        run->malformed = true;
        return false;
    }
    note_end(conn, &frame);
    run->size += frame.size;
    if (special) {
        run->special = frame;
    }
    return !special;
}

/* Whole frames, up to the next transfer, attach, detach or end, which goes alone: transfers are not
 * for the engine, and what comes of the others is known to be theirs. */
static struct run next_run(struct amqp_conn *conn, struct str data, struct problem *problem)
{
    struct run run = {.size = 0};
    if (str_starts(data, amqp_header)) {
        run.size = SASL_HEADER_SIZE;
        return run;
    }
    while (run.size < data.size && take_frame(conn, str_skip(data, run.size), &run, problem)) {
    }
    return run;
}

/* Proton says attaches before detaches; a peer that gives a link's name to a new one right behind
 * its detach would hear of the new one first, and take it for the old. */
static void answer_detach(struct amqp_conn *conn)
{
    if (conn->state == AMQP_ENGINE) {
        (void)say(conn);
    }
}

size_t amqp_engine_received(struct amqp_conn *conn, struct str data)
{
    struct problem problem; /* cleared no further: this runs for every record */
    problem.text[0] = '\0';
    if (conn->closing) {
        return data.size; /* nothing it could say is of interest any more */
    }
    const struct run run = next_run(conn, data, &problem);
    if (run.late > 0) {
        return run.late;
    }
    if (run.special.code == FRAME_TRANSFER && amqp_incoming_transfer(conn, &run.special)) {
        return run.size;
    }
    if (run.size > 0) {
        amqp_conn_touch(conn);
        conn->frame = run.special;
        const bool taken = push(conn, str_of(data.data, run.size));
        if (taken) {
            amqp_incoming_after(conn, &run.special);
        }
        conn->frame = (struct frame){0};
        if (!taken) {
            return data.size;
        }
        if (run.special.code == FRAME_DETACH) {
            answer_detach(conn);
        }
    }
    if (run.malformed && !conn->closing) {
        amqp_engine_refuse(conn, HUB_FORMAT_ERROR, problem.text);
        return data.size;
    }
    return run.size;
}

/* Transfers pass the engine by: once a second it is told that the peer is still there. */
static void tell_heard(struct amqp_conn *conn, int64_t now_ms)
{
    enum { INTERVAL_MS = 1000 };
    static const char heartbeat[] = {0, 0, 0, 8, 2, 0, 0, 0};
    if (conn->heard && now_ms - conn->heard_ms >= INTERVAL_MS) {
        conn->heard = false;
        conn->heard_ms = now_ms;
        (void)pn_transport_push(conn->transport, heartbeat, sizeof(heartbeat));
    }
}

static void tell_time(struct amqp_conn *conn)
{
    const int64_t now_ms = conn->endpoint->now_us() / 1000;
    tell_heard(conn, now_ms);
    const int64_t due_ms = pn_transport_tick(conn->transport, now_ms);
    /* Due times only ever move away: a timer that comes early asks again. */
    if (due_ms > 0 &&
        (!timer_running(&conn->heartbeat) || conn->heartbeat.due_us > due_ms * 1000)) {
        amqp_timer_start(conn->endpoint, &conn->heartbeat,
                         due_ms > now_ms ? (uint64_t)(due_ms - now_ms) : 0);
    }
}

void amqp_engine_say(struct amqp_conn *conn)
{
    if (conn->transport != NULL && conn->state == AMQP_ENGINE && !list_empty(&conn->channels_due)) {
        (void)say(conn);
    }
}

void amqp_engine_flush(struct amqp_conn *conn)
{
    if (conn->transport == NULL || conn->state != AMQP_ENGINE) {
        return;
    }
    tell_time(conn);
    const bool all = say(conn);
    if (conn->paused != !all) {
        conn->paused = !all;
        net_conn_pause(conn->net, conn->paused);
    }
    if (all && conn->starved) {
        conn->starved = false;
        amqp_links_resume(conn);
    }
}
