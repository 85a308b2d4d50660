/* SPDX-License-Identifier: MIT */
/*
 * A pair of links (device protocol reference, 9.7): calls leave on the one that the device
 * receives from, its answers come on the other. A call's number is the correlation id, a uuid since
 * the C SDK refuses any other type: the number stands in its last eight bytes.
 */
#include "amqp/kinds_internal.h"
#include "amqp/limits.h"
#include "amqp/message.h"
#include "base/guid.h"

enum { NUMBER_SIZE = 8, NUMBER_AT = GUID_SIZE - NUMBER_SIZE };

static struct guid id_of(uint64_t request_id)
{
    struct guid id = {.bytes = {0}};
    for (unsigned i = 0; i < NUMBER_SIZE; i++) {
        id.bytes[NUMBER_AT + i] = (uint8_t)(request_id >> (8 * (NUMBER_SIZE - 1 - i)));
    }
    return id;
}

/* False: no call had such an id. */
static bool number_of(const struct guid *id, uint64_t *ret_request_id)
{
    uint64_t number = 0;
    for (unsigned i = 0; i < GUID_SIZE; i++) {
        if (i < NUMBER_AT && id->bytes[i] != 0) {
            return false;
        }
        number = number << 8 | id->bytes[i];
    }
    *ret_request_id = number;
    return true;
}

/* ---- calls ---- */

static enum hub_code calls_attach(struct amqp_link *link, struct problem *problem)
{
    (void)problem;
    amqp_link_interests(link, HUB_INTEREST_METHODS);
    return HUB_OK;
}

static bool send_call(struct amqp_link *link, uint64_t request_id, struct str name,
                      struct str payload)
{
    struct buf *out = &amqp_link_endpoint(link)->message;
    const struct guid id = id_of(request_id);
    const struct amqp_entry application[] = {{STR("IoThub-methodname"), amqp_string(name)}};
    struct amqp_value properties[AMQP_PROPERTY_COUNT] = {{.type = AMQP_NULL}};
    properties[AMQP_CORRELATION_ID] = amqp_uuid(str_of(id.bytes, sizeof(id.bytes)));
    buf_clear(out);
    amqp_append_properties(out, properties);
    amqp_append_application(out, application, ARRAY_SIZE(application));
    amqp_append_data(out, payload);
    if (buf_status(out) != STATUS_OK) {
        return false;
    }
    const struct amqp_outgoing outgoing = {.message = buf_str(out), .settled = true};
    amqp_link_send(link, &outgoing);
    return true;
}

/* ---- answers ---- */

/* As a uuid, or as its text: the Node SDK sends either. */
static bool read_id(const struct amqp_value *value, uint64_t *ret_request_id)
{
    struct guid id;
    if (value->type == AMQP_UUID) {
        memcpy(id.bytes, value->bytes.data, GUID_SIZE);
    } else if (value->type != AMQP_STRING || !guid_from_text(value->bytes, &id)) {
        return false;
    }
    return number_of(&id, ret_request_id);
}

static enum hub_code read_status(const struct amqp_message *message, int64_t *ret_status,
                                 struct problem *problem)
{
    struct amqp_value status;
    if (!amqp_map_find(&message->application, STR("IoThub-status"), &status)) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "a method's answer without application property 'IoThub-status'");
        return HUB_ARGUMENT_INVALID;
    }
    if (!amqp_whole_number(&status, ret_status)) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "application property 'IoThub-status' is a %s and must be an int",
                    amqp_type_name(status.type));
        return HUB_ARGUMENT_INVALID;
    }
    return HUB_OK;
}

/* Late answers and those to nothing are ignored, as the service does. */
static enum hub_code answer_came(struct amqp_link *link, const struct amqp_delivery *delivery,
                                 struct problem *problem)
{
    struct amqp_message message;
    uint64_t request_id = 0;
    int64_t status = 0;
    struct str body = STR_EMPTY;
    if (!amqp_message_read(delivery->message, &message, problem)) {
        return HUB_FORMAT_ERROR;
    }
    enum hub_code code = read_status(&message, &status, problem);
    if (code == HUB_OK) {
        code = amqp_message_body(&message, &amqp_link_endpoint(link)->arena, &body, problem);
    }
    if (code == HUB_OK && read_id(&message.properties[AMQP_CORRELATION_ID], &request_id)) {
        hub_method_answer(link->client->hub_link, request_id, status, body);
    }
    return code;
}

#define CALLS(kind_name, kind_pattern)                                                             \
    {                                                                                              \
        .name = (kind_name), .pattern = (kind_pattern), .direction = AMQP_TO_PEER,                 \
        .right = AMQP_AS_DEVICE, .attach = calls_attach, .method = send_call,                      \
    }
#define ANSWERS(kind_name, kind_pattern)                                                           \
    {                                                                                              \
        .name = (kind_name), .pattern = (kind_pattern), .direction = AMQP_FROM_PEER,               \
        .right = AMQP_AS_DEVICE, .credit = AMQP_CREDIT, .message_size_max = AMQP_MESSAGE_SIZE_MAX, \
        .max_message_shown = HUB_MESSAGE_SIZE_MAX, .delivery = answer_came,                        \
    }

const struct amqp_link_kind amqp_kind_method_calls =
    CALLS("method calls", "devices/{d}/methods/devicebound");
const struct amqp_link_kind amqp_kind_method_answers =
    ANSWERS("method answers", "devices/{d}/methods/devicebound");
const struct amqp_link_kind amqp_kind_module_method_calls =
    CALLS("module method calls", "devices/{d}/modules/{m}/methods/devicebound");
const struct amqp_link_kind amqp_kind_module_method_answers =
    ANSWERS("module method answers", "devices/{d}/modules/{m}/methods/devicebound");
