/* SPDX-License-Identifier: MIT */
/*
 * Receivers of a partition's events (service reference, 7.3). Events go out as credit and the
 * connection's room allow, a number of them in one turn, so that links and connections take theirs
 * one after the other.
 */
#include "amqp/event_hub.h"
#include "amqp/event_message.h"
#include "amqp/kinds_internal.h"
#include "amqp/limits.h"
#include "amqp/selector.h"

enum { EVENTS_OF_A_TURN = 256 };

struct reader {
    struct amqp_link *link;
    struct hub_reader *reader; /* NULL: refused, or stolen */
    unsigned partition;
    bool metrics;
    struct timer turn; /* the next one */
};

/* ---- where it wants to start ---- */

/* The selector's text: under its name in the map, described by whatever the SDK describes it with,
 * or by nothing. STATUS_OK with no text: there is no filter. */
static enum status read_selector(pn_data_t *filter, struct str *ret_text, struct problem *problem)
{
    pn_data_rewind(filter);
    if (!pn_data_next(filter) || pn_data_type(filter) != PN_MAP || !pn_data_enter(filter) ||
        !pn_data_lookup(filter, "apache.org:selector-filter:string")) {
        *ret_text = (struct str){0};
        return STATUS_OK;
    }
    if (pn_data_type(filter) == PN_DESCRIBED && pn_data_enter(filter)) {
        (void)pn_data_next(filter); /* the descriptor */
        (void)pn_data_next(filter);
    }
    if (pn_data_type(filter) != PN_STRING && pn_data_type(filter) != PN_SYMBOL) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "the filter apache.org:selector-filter:string is a %s, not a string",
                    pn_type_name(pn_data_type(filter)));
        return STATUS_INVALID;
    }
    const pn_bytes_t bytes = pn_data_get_bytes(filter);
    *ret_text = str_of(bytes.start == NULL ? "" : bytes.start, bytes.size);
    return STATUS_OK;
}

/* Without a filter it starts with the first event (inferred there). */
static enum status read_start(const struct amqp_link *link, struct hub_start *ret_start,
                              struct problem *problem)
{
    struct str text;
    const enum status status =
        read_selector(pn_terminus_filter(pn_link_remote_source(link->engine)), &text, problem);
    if (status != STATUS_OK) {
        return status;
    }
    if (text.data == NULL) {
        *ret_start = (struct hub_start){.at = HUB_START_FIRST};
        return STATUS_OK;
    }
    return amqp_selector_parse(text, ret_start, problem);
}

/* ---- sending ---- */

struct turn {
    struct amqp_link *link;
    struct hub_partition partition;
    struct amqp_event_metrics metrics;
    size_t left;
    bool blocked;
    enum status status;
};

/* Who settles nothing and asks for more would make us remember all of it. */
static bool may_send(const struct amqp_link *link)
{
    return amqp_link_credit(link) > 0 &&
           pn_link_unsettled(link->engine) < AMQP_UNSETTLED_EVENTS_MAX;
}

static bool send_event(void *ctx, const struct hub_read_event *event)
{
    struct turn *turn = ctx;
    struct amqp_endpoint *endpoint = amqp_link_endpoint(turn->link);
    if (turn->left == 0) {
        return false;
    }
    turn->blocked = !may_send(turn->link);
    if (turn->blocked) {
        return false;
    }
    const struct reader *reader = turn->link->state;
    buf_clear(&endpoint->message);
    turn->status = amqp_event_append(&endpoint->message, amqp_link_hub(turn->link), event,
                                     reader->metrics ? &turn->metrics : NULL, &endpoint->arena);
    arena_reset(&endpoint->arena);
    if (turn->status != STATUS_OK) {
        return false;
    }
    const struct amqp_outgoing outgoing = {.message = buf_str(&endpoint->message), .settled = true};
    amqp_link_send(turn->link, &outgoing);
    turn->left--;
    return true;
}

static void take_turn(struct amqp_link *link)
{
    struct reader *reader = link->state;
    if (reader->reader == NULL || !may_send(link)) {
        return; /* resume() or disposition() comes */
    }
    struct hub *hub = amqp_link_hub(link);
    struct turn turn = {.link = link, .left = EVENTS_OF_A_TURN, .status = STATUS_OK};
    turn.metrics = (struct amqp_event_metrics){&turn.partition, hub_now_us(hub)};
    enum hub_code code = HUB_OK;
    if (reader->metrics) {
        code = hub_partition_get(hub, reader->partition, &turn.partition);
    }
    bool more = false;
    if (code == HUB_OK) {
        code = hub_reader_read(reader->reader, send_event, &turn, &more);
    }
    if (code != HUB_OK || turn.status != STATUS_OK) {
        amqp_link_refuse(link, HUB_SERVER_ERROR,
                         turn.status == STATUS_OK ? "the emulator could not read its journal"
                                                  : status_text(turn.status));
    } else if (!more) {
        hub_reader_wait(reader->reader);
    } else if (!turn.blocked) {
        hub_timer_start(hub, &reader->turn, 0);
    }
}

static void next_turn(void *ctx)
{
    take_turn(((struct reader *)ctx)->link);
}

static void available(void *ctx)
{
    take_turn(((struct reader *)ctx)->link);
}

static void stolen(void *ctx, const char *why)
{
    struct reader *reader = ctx;
    reader->reader = NULL;
    const struct amqp_error error = {.condition = "amqp:link:stolen", .description = why};
    amqp_link_detach(reader->link, &error);
}

/* ---- the link ---- */

static void refuse_open(struct amqp_link *link, enum hub_reader_answer answer, const char *why)
{
    switch (answer) {
    case HUB_READER_NO_GROUP:
        amqp_event_hub_refuse(link, "amqp:not-found", HUB_GENERIC_NOT_FOUND, why);
        return;
    case HUB_READER_BAD_START:
        amqp_event_hub_refuse(link, "com.microsoft:argument-error", HUB_ARGUMENT_INVALID, why);
        return;
    case HUB_READER_LOWER:
        amqp_event_hub_refuse(link, "amqp:link:stolen", HUB_CONNECTION_CLOSED_ON_NEW_CONNECTION,
                              why);
        return;
    case HUB_READER_TOO_MANY:
        amqp_event_hub_refuse(link, "amqp:resource-limit-exceeded", HUB_THROTTLING, why);
        return;
    case HUB_READER_FAILED:
    case HUB_READER_OPEN:
        break;
    }
    amqp_event_hub_refuse(link, "amqp:internal-error", HUB_SERVER_ERROR, why);
}

static void open_reader(struct amqp_link *link, const struct hub_reader_request *request)
{
    struct reader *reader = link->state;
    struct problem problem = {.text = ""};
    const enum hub_reader_answer answer =
        hub_reader_open(amqp_link_hub(link), request, &reader->reader, &problem);
    if (answer != HUB_READER_OPEN) {
        refuse_open(link, answer, problem.text);
    }
}

static enum hub_code attach(struct amqp_link *link, struct problem *problem)
{
    static const struct hub_reader_ops ops = {.stolen = stolen, .available = available};
    const struct hub *hub = amqp_link_hub(link);
    struct reader *reader = link->state;
    reader->link = link;
    reader->metrics = link->conn->frame.wants_metrics;
    reader->turn = (struct timer){.fire = next_turn, .ctx = reader};
    struct hub_reader_request request = {
        .group = link->address.parts[1], .ops = &ops, .ctx = reader};
    request.exclusive = amqp_link_property_long(link, "com.microsoft:epoch", &request.epoch);
    if (!amqp_event_hub_named(hub, link->address.parts[0], problem)) {
        amqp_event_hub_refuse(link, "amqp:not-found", HUB_GENERIC_NOT_FOUND, problem->text);
    } else if (!amqp_event_hub_partition(hub, link->address.parts[2], &request.partition,
                                         problem) ||
               read_start(link, &request.start, problem) != STATUS_OK) {
        amqp_event_hub_refuse(link, "com.microsoft:argument-error", HUB_ARGUMENT_INVALID,
                              problem->text);
    } else {
        reader->partition = request.partition;
        open_reader(link, &request);
    }
    return HUB_OK;
}

static enum hub_code disposition(struct amqp_link *link, const struct amqp_disposition *disposition,
                                 struct problem *problem)
{
    (void)problem;
    struct reader *reader = link->state;
    /* Whatever it was: events are not sent again. But there is room for one more now. */
    if (!disposition->gone && pn_link_unsettled(link->engine) >= AMQP_UNSETTLED_EVENTS_MAX) {
        hub_timer_start(amqp_link_hub(link), &reader->turn, 0);
    }
    return HUB_OK;
}

static void detached(struct amqp_link *link)
{
    struct reader *reader = link->state;
    hub_timer_stop(amqp_link_hub(link), &reader->turn);
    hub_reader_close(reader->reader);
}

const struct amqp_link_kind amqp_kind_events = {
    .name = "events",
    .pattern = "{}/ConsumerGroups/{}/Partitions/{}",
    .direction = AMQP_TO_PEER,
    .right = AMQP_READ_EVENTS,
    .state_size = sizeof(struct reader),
    .attach = attach,
    .resume = take_turn,
    .disposition = disposition,
    .detached = detached,
};
