/* SPDX-License-Identifier: MIT */
/*
 * What became of messages, to services that listen (service reference, 6.5). One message is one
 * batch; who has credit first gets it, and it comes again unless somebody accepts or rejects it.
 */
#include "amqp/kinds_internal.h"

struct feedback {
    struct hub_feedback_watcher watcher;
};

/* .NET needs the user id and the time, and a tag of 16 bytes. */
static enum status write_batch(struct buf *out, struct hub *hub, const struct hub_feedback *batch)
{
    const struct amqp_locked locked = {
        .lock_token = &batch->lock_token,
        .sequence_number = batch->sequence_number,
        .enqueued_us = batch->enqueued_us,
        .delivery_count = batch->delivery_count,
    };
    char token[GUID_TEXT_SIZE];
    struct amqp_entry annotations[AMQP_LOCKED_ANNOTATIONS];
    struct amqp_value properties[AMQP_PROPERTY_COUNT] = {{.type = AMQP_NULL}};
    properties[AMQP_USER_ID] = amqp_binary(hub_name(hub));
    properties[AMQP_CONTENT_TYPE] =
        amqp_symbol(STR("application/vnd.microsoft.iothub.feedback.json"));
    amqp_lock_annotations(&locked, token, annotations);
    buf_clear(out);
    amqp_append_annotations(out, AMQP_SECTION_ANNOTATIONS, annotations, AMQP_LOCKED_ANNOTATIONS);
    amqp_append_properties(out, properties);
    amqp_append_data(out, batch->body);
    return buf_status(out);
}

static void settle(struct amqp_link *link, const struct guid *token, enum hub_settlement settlement)
{
    struct problem problem = {.text = ""};
    const enum hub_code code =
        hub_feedback_settle(amqp_link_hub(link), token, settlement, &problem);
    if (code != HUB_OK) {
        amqp_link_refuse(link, code, problem.text);
    }
}

static void send_batch(struct amqp_link *link, const struct hub_feedback *batch)
{
    struct buf *out = &amqp_link_endpoint(link)->message;
    if (write_batch(out, amqp_link_hub(link), batch) != STATUS_OK) {
        /* Its lock runs out; given back by hand it would be offered again before this returns. */
        amqp_link_refuse(link, HUB_SERVER_ERROR, "feedback could not be written");
        return;
    }
    if (amqp_send_locked(link, &batch->lock_token)) {
        settle(link, &batch->lock_token, HUB_COMPLETE);
    }
}

/* False: there is none, or no more will go. */
static bool send_next(struct amqp_link *link)
{
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(HUB_C2D_ARENA_MAX);
    struct hub_feedback *batch = NULL;
    if (amqp_link_credit(link) == 0) {
        return false;
    }
    const enum hub_code code = hub_feedback_receive(amqp_link_hub(link), &arena, &batch);
    if (code != HUB_OK) {
        amqp_link_refuse(link, code, "feedback could not be read");
        return false;
    }
    if (batch == NULL) {
        return false;
    }
    send_batch(link, batch);
    return true;
}

static void pump(struct amqp_link *link)
{
    while (send_next(link)) {
    }
}

/* ---- the link ---- */

static void available(void *ctx)
{
    pump(ctx);
}

static enum hub_code attach(struct amqp_link *link, struct problem *problem)
{
    struct feedback *feedback = link->state;
    (void)problem;
    feedback->watcher = (struct hub_feedback_watcher){.available = available, .ctx = link};
    hub_feedback_watch(amqp_link_hub(link), &feedback->watcher);
    return HUB_OK;
}

static void detached(struct amqp_link *link)
{
    struct feedback *feedback = link->state;
    hub_feedback_unwatch(&feedback->watcher);
}

static enum hub_code disposition(struct amqp_link *link, const struct amqp_disposition *disposition,
                                 struct problem *problem)
{
    struct guid token;
    if (!amqp_lock_token_of(disposition->tag, &token, problem)) {
        return HUB_DEVICE_MESSAGE_LOCK_LOST;
    }
    return hub_feedback_settle(amqp_link_hub(link), &token, amqp_settlement_of(disposition),
                               problem);
}

const struct amqp_link_kind amqp_kind_feedback = {
    .name = "feedback",
    .pattern = "messages/servicebound/feedback",
    .direction = AMQP_TO_PEER,
    .right = AMQP_SERVICE_CONNECT,
    .state_size = sizeof(struct feedback),
    .attach = attach,
    .resume = pump,
    .disposition = disposition,
    .detached = detached,
};

/* Of files that devices uploaded (service reference, 6.6). Nothing comes: this hub takes no
 * uploads. */
const struct amqp_link_kind amqp_kind_file_notifications = {
    .name = "file notifications",
    .pattern = "messages/servicebound/filenotifications",
    .direction = AMQP_TO_PEER,
    .right = AMQP_SERVICE_CONNECT,
};
