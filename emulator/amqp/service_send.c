/* SPDX-License-Identifier: MIT */
/*
 * What services send to devices (service reference, 6.4). Whom a message is for stands in its `to`,
 * which the SDKs spell in their own ways.
 */
#include "amqp/kinds_internal.h"
#include "amqp/limits.h"
#include "amqp/message.h"

/* Ids are at most 128 characters, three bytes each when they are encoded, and once more. */
enum { TO_SIZE_MAX = 4096 };

static const struct str ack_property = {"iothub-ack", 10};

/* ---- whom it is for ---- */

static bool match(struct str to, char *store, struct identity_key *ret_key)
{
    struct amqp_address address;
    if (!amqp_address_match("devices/{d}/messages/devicebound", to, store, &address) &&
        !amqp_address_match("devices/{d}/modules/{m}/messages/devicebound", to, store, &address)) {
        return false;
    }
    *ret_key = (struct identity_key){.device = address.device, .module = address.module};
    return true;
}

/* The same address with each '%' encoded, so that decoding gives what was written. */
static struct str as_written(struct str to, struct arena *arena)
{
    char *out = arena_alloc(arena, 3 * to.size + 1);
    size_t size = 0;
    for (size_t i = 0; out != NULL && i < to.size; i++) {
        out[size++] = to.data[i];
        if (to.data[i] == '%') {
            out[size++] = '2';
            out[size++] = '5';
        }
    }
    return str_of(out, size);
}

static bool is_there(struct hub *hub, struct identity_key key, struct arena *arena)
{
    struct storage_identity *identity = NULL;
    return hub_identity_get(hub, key, arena, &identity, NULL) == HUB_OK;
}

/* Node and .NET encode the id, the others do not, and '%' may be in one: the id as it is written is
 * tried first (6.4). */
static enum hub_code find_target(struct amqp_link *link, const struct amqp_value *to,
                                 struct identity_key *ret_key, struct problem *problem)
{
    struct arena *arena = &amqp_link_endpoint(link)->arena;
    if (to->type == AMQP_NULL || to->bytes.size > TO_SIZE_MAX) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    to->type == AMQP_NULL
                        ? "the message has no 'to': it says which device it is for"
                        : "the message's 'to' is too long for any device");
        return HUB_ARGUMENT_INVALID;
    }
    char *store = arena_alloc(arena, 3 * to->bytes.size + 1);
    const bool encoded = str_find(to->bytes, '%') != SIZE_MAX;
    const struct str written = encoded ? as_written(to->bytes, arena) : to->bytes;
    if (store == NULL || written.data == NULL) {
        problem_set(problem, PROBLEM_NO_OFFSET, "out of memory");
        return HUB_SERVER_ERROR;
    }
    if (!match(written, store, ret_key)) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "the message's 'to' is '%.*s', and must be "
                    "'/devices/{device id}/messages/devicebound'",
                    (int)(to->bytes.size > 160 ? 160 : to->bytes.size), to->bytes.data);
        return HUB_ARGUMENT_INVALID;
    }
    if (encoded && !is_there(amqp_link_hub(link), *ret_key, arena)) {
        (void)match(to->bytes, store, ret_key);
    }
    return HUB_OK;
}

/* ---- what is asked of it ---- */

static enum hub_code read_ack(const struct amqp_message *message, enum hub_ack *ret_ack,
                              struct problem *problem)
{
    struct amqp_value ack;
    if (!amqp_map_find(&message->application, ack_property, &ack) || ack.type == AMQP_NULL) {
        *ret_ack = HUB_ACK_NONE;
        return HUB_OK;
    }
    if ((ack.type == AMQP_STRING || ack.type == AMQP_SYMBOL) &&
        hub_ack_from_name(ack.bytes, ret_ack)) {
        return HUB_OK;
    }
    problem_set(problem, PROBLEM_NO_OFFSET,
                "application property 'iothub-ack' must be \"none\", \"positive\", \"negative\" or "
                "\"full\"");
    return HUB_ARGUMENT_INVALID;
}

/* On the wire in milliseconds; what is before 1970, or too late to count, is past or never. */
static int64_t expiry_of(const struct amqp_value *expiry)
{
    if (expiry->type == AMQP_NULL) {
        return 0;
    }
    if (expiry->i < 1) {
        return 1;
    }
    return expiry->i > INT64_MAX / 1000 ? INT64_MAX : expiry->i * 1000;
}

static enum hub_code delivery(struct amqp_link *link, const struct amqp_delivery *delivery,
                              struct problem *problem)
{
    struct amqp_message message;
    struct hub_c2d send = {.ack = HUB_ACK_NONE};
    if (delivery->format == AMQP_FORMAT_BATCH) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "cloud-to-device messages are sent one by one, not in batches");
        return HUB_INVALID_OPERATION;
    }
    if (!amqp_message_read(delivery->message, &message, problem)) {
        return HUB_FORMAT_ERROR;
    }
    enum hub_code code = find_target(link, &message.properties[AMQP_TO], &send.key, problem);
    if (code == HUB_OK) {
        code = read_ack(&message, &send.ack, problem);
    }
    if (code == HUB_OK) {
        code =
            amqp_message_to_hub(&message, &amqp_link_endpoint(link)->arena, &send.message, problem);
    }
    if (code != HUB_OK) {
        return code;
    }
    send.expires_us = expiry_of(&message.properties[AMQP_ABSOLUTE_EXPIRY_TIME]);
    return hub_c2d_send(amqp_link_hub(link), &send, problem);
}

const struct amqp_link_kind amqp_kind_service_send = {
    .name = "service send",
    .pattern = "messages/devicebound",
    .direction = AMQP_FROM_PEER,
    .right = AMQP_SERVICE_CONNECT,
    .credit = AMQP_CREDIT,
    .message_size_max = AMQP_MESSAGE_SIZE_MAX,
    .max_message_shown = HUB_MESSAGE_SIZE_MAX,
    .delivery = delivery,
};
