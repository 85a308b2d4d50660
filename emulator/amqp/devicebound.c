/* SPDX-License-Identifier: MIT */
/*
 * Cloud-to-device messages to a device or module (device protocol reference, 9.6). A message is
 * fetched when there is credit for it, and named by its lock token: the delivery tag is the token
 * in .NET's byte order.
 */
#include "amqp/kinds_internal.h"

/* ---- a message ---- */

/* The hub's message with `iothub-ack` among its properties, when the sender asked for one. */
static bool with_ack(const struct hub_delivery *delivery, struct arena *arena,
                     struct hub_message *ret_message)
{
    *ret_message = delivery->message;
    if (delivery->ack == HUB_ACK_NONE) {
        return true;
    }
    const size_t count = delivery->message.system_count;
    struct hub_property *system = ARENA_ARRAY(arena, struct hub_property, count + 1);
    if (system == NULL) {
        return false;
    }
    if (count > 0) {
        memcpy(system, delivery->message.system, count * sizeof(*system));
    }
    system[count] = (struct hub_property){
        .name = STR("ack"),
        .value = str_from(hub_ack_name(delivery->ack)),
    };
    ret_message->system = system;
    ret_message->system_count = count + 1;
    return true;
}

static enum status write_message(struct buf *out, const struct hub_delivery *delivery,
                                 struct arena *arena)
{
    const struct amqp_locked locked = {
        .lock_token = &delivery->lock_token,
        .sequence_number = delivery->sequence_number,
        .enqueued_us = delivery->enqueued_us,
        .delivery_count = delivery->delivery_count,
    };
    char token[GUID_TEXT_SIZE];
    struct amqp_entry annotations[AMQP_LOCKED_ANNOTATIONS];
    struct hub_message message;
    if (!with_ack(delivery, arena, &message)) {
        return STATUS_NO_MEMORY;
    }
    amqp_lock_annotations(&locked, token, annotations);
    buf_clear(out);
    amqp_append_hub_message(out, &message, annotations, AMQP_LOCKED_ANNOTATIONS);
    return buf_status(out);
}

static void settle(struct amqp_link *link, const struct guid *token, enum hub_settlement settlement)
{
    struct problem problem = {.text = ""};
    const enum hub_code code =
        hub_c2d_settle(amqp_link_hub(link), link->client->key, token, settlement, &problem);
    if (code != HUB_OK) {
        amqp_link_refuse(link, code, problem.text);
    }
}

static void send_message(struct amqp_link *link, const struct hub_delivery *delivery,
                         struct arena *arena)
{
    struct buf *out = &amqp_link_endpoint(link)->message;
    if (write_message(out, delivery, arena) != STATUS_OK) {
        /* Not given back by hand: the hub would offer it again before this returns. */
        amqp_link_refuse(link, HUB_SERVER_ERROR, "a message could not be written");
        return;
    }
    if (amqp_send_locked(link, &delivery->lock_token)) {
        settle(link, &delivery->lock_token, HUB_COMPLETE);
    }
}

/* ---- the link ---- */

/* The next message, if there is one; false: there is none, or no more will go. It has an arena of
 * its own: the hub may call while another kind is using the endpoint's. */
static bool send_next(struct amqp_link *link)
{
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(HUB_C2D_ARENA_MAX);
    struct hub_delivery *delivery = NULL;
    if (link->client == NULL || link->client->hub_link == NULL || amqp_link_credit(link) == 0) {
        return false;
    }
    const enum hub_code code = hub_c2d_receive(amqp_link_hub(link), link->client->key,
                                               link->client->hub_link, &arena, &delivery);
    if (code != HUB_OK) {
        amqp_link_refuse(link, code, "the next message could not be read");
        return false;
    }
    if (delivery == NULL) {
        return false;
    }
    send_message(link, delivery, &arena);
    return true;
}

static void pump(struct amqp_link *link)
{
    while (send_next(link)) {
    }
}

static enum hub_code attach(struct amqp_link *link, struct problem *problem)
{
    (void)problem;
    amqp_link_interests(link, HUB_INTEREST_C2D);
    return HUB_OK;
}

static enum hub_code disposition(struct amqp_link *link, const struct amqp_disposition *disposition,
                                 struct problem *problem)
{
    struct guid token;
    if (!amqp_lock_token_of(disposition->tag, &token, problem)) {
        return HUB_DEVICE_MESSAGE_LOCK_LOST;
    }
    return hub_c2d_settle(amqp_link_hub(link), link->client->key, &token,
                          amqp_settlement_of(disposition), problem);
}

#define DEVICEBOUND(kind_name, kind_pattern)                                                       \
    {                                                                                              \
        .name = (kind_name), .pattern = (kind_pattern), .direction = AMQP_TO_PEER,                 \
        .right = AMQP_AS_DEVICE, .attach = attach, .resume = pump, .disposition = disposition,     \
        .c2d = pump,                                                                               \
    }

const struct amqp_link_kind amqp_kind_devicebound =
    DEVICEBOUND("devicebound", "devices/{d}/messages/devicebound");
const struct amqp_link_kind amqp_kind_module_devicebound =
    DEVICEBOUND("module devicebound", "devices/{d}/modules/{m}/messages/devicebound");

/* A module's inputs, which are an edge hub's to fill (device protocol reference, 9.4): the SDKs
 * attach to them all the same, and here nothing comes. */
const struct amqp_link_kind amqp_kind_module_inputs = {
    .name = "module inputs",
    .pattern = "devices/{d}/modules/{m}/messages/events",
    .direction = AMQP_TO_PEER,
    .right = AMQP_AS_DEVICE,
};
