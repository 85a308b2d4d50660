/* SPDX-License-Identifier: MIT */
/*
 * What devices and modules send: single messages, and batches in which each data section is a whole
 * message (device protocol reference, 9.5). A batch is taken as one: its transfer has one outcome.
 */
#include "amqp/kinds_internal.h"
#include "amqp/limits.h"
#include "amqp/message.h"

/* The model that a client's links announce becomes its twin's. */
static enum hub_code attach(struct amqp_link *link, struct problem *problem)
{
    struct str model;
    if (!amqp_link_property(link, "com.microsoft:model-id", &model) || model.size == 0) {
        return HUB_OK;
    }
    problem_set(problem, PROBLEM_NO_OFFSET, "the hub could not store the model id");
    return hub_link_model(link->client->hub_link, model);
}

static enum hub_code one(struct amqp_link *link, struct str bytes, struct problem *problem)
{
    const struct amqp_client *client = link->client;
    struct arena *arena = &amqp_link_endpoint(link)->arena;
    struct amqp_message message;
    struct hub_message whole;
    if (!amqp_message_read(bytes, &message, problem)) {
        return HUB_FORMAT_ERROR;
    }
    const enum hub_code code = amqp_message_to_hub(&message, arena, &whole, problem);
    if (code != HUB_OK) {
        return code;
    }
    return hub_telemetry(amqp_link_hub(link), client->key, &client->principal, client->hub_link,
                         &whole, problem);
}

/* What is in a batch that will be refused: nothing of it may be stored. */
static enum hub_code check_batch(struct amqp_link *link, const struct amqp_message *batch,
                                 struct problem *problem)
{
    struct amqp_reader sections = amqp_body(batch);
    struct arena *arena = &amqp_link_endpoint(link)->arena;
    struct str bytes;
    size_t size = 0;
    while (amqp_body_next(&sections, &bytes)) {
        struct amqp_message message;
        struct hub_message whole;
        if (!amqp_message_read(bytes, &message, problem)) {
            return HUB_FORMAT_ERROR;
        }
        const enum hub_code code = amqp_message_to_hub(&message, arena, &whole, problem);
        if (code != HUB_OK) {
            return code;
        }
        size += hub_message_size(&whole);
        arena_reset(arena);
    }
    if (size > HUB_MESSAGE_SIZE_MAX) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "the batch has %zu bytes with all properties; at most %d are allowed", size,
                    HUB_MESSAGE_SIZE_MAX);
        return HUB_MESSAGE_TOO_LARGE;
    }
    return HUB_OK;
}

static enum hub_code many(struct amqp_link *link, struct str bytes, struct problem *problem)
{
    struct amqp_message batch;
    if (!amqp_message_read(bytes, &batch, problem)) {
        return HUB_FORMAT_ERROR;
    }
    enum hub_code code = check_batch(link, &batch, problem);
    struct amqp_reader sections = amqp_body(&batch);
    struct str message;
    while (code == HUB_OK && amqp_body_next(&sections, &message)) {
        code = one(link, message, problem);
        arena_reset(&amqp_link_endpoint(link)->arena);
    }
    return code;
}

static enum hub_code delivery(struct amqp_link *link, const struct amqp_delivery *delivery,
                              struct problem *problem)
{
    return delivery->format == AMQP_FORMAT_BATCH ? many(link, delivery->message, problem)
                                                 : one(link, delivery->message, problem);
}

#define TELEMETRY(kind_name, kind_pattern)                                                         \
    {                                                                                              \
        .name = (kind_name), .pattern = (kind_pattern), .direction = AMQP_FROM_PEER,               \
        .right = AMQP_AS_DEVICE, .credit = AMQP_CREDIT, .message_size_max = AMQP_MESSAGE_SIZE_MAX, \
        .max_message_shown = HUB_MESSAGE_SIZE_MAX, .attach = attach, .delivery = delivery,         \
    }

const struct amqp_link_kind amqp_kind_telemetry =
    TELEMETRY("telemetry", "devices/{d}/messages/events");
const struct amqp_link_kind amqp_kind_module_telemetry =
    TELEMETRY("module telemetry", "devices/{d}/modules/{m}/messages/events");
