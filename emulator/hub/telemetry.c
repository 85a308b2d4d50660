/* SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "base/json.h"
#include "hub/hub_internal.h"

size_t hub_message_size(const struct hub_message *message)
{
    size_t size = message->body.size;
    for (size_t i = 0; i < message->system_count; i++) {
        size += message->system[i].value.size;
    }
    for (size_t i = 0; i < message->application_count; i++) {
        size += message->application[i].name.size + message->application[i].value.size;
    }
    return size;
}

static void append_properties(struct buf *out, struct str name,
                              const struct hub_property *properties, size_t count)
{
    if (count == 0) {
        return;
    }
    buf_append_str(out, STR(",\""));
    buf_append_str(out, name);
    buf_append_str(out, STR("\":{"));
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            buf_append_byte(out, ',');
        }
        json_append_string(out, properties[i].name);
        buf_append_byte(out, ':');
        if (properties[i].value.data == NULL) {
            buf_append_str(out, STR("null"));
        } else {
            json_append_string(out, properties[i].value);
        }
    }
    buf_append_byte(out, '}');
}

static void append_sender(struct buf *out, const struct hub_principal *principal)
{
    buf_append_str(out, STR("{\"auth\":\""));
    buf_append_str(out, str_from(hub_auth_method_name(principal->method)));
    buf_append_str(out, STR("\",\"generationId\":\""));
    char digits[20];
    size_t at = sizeof(digits);
    for (uint64_t left = (uint64_t)principal->generation; left > 0 || at == sizeof(digits);
         left /= 10) {
        digits[--at] = (char)('0' + left % 10);
    }
    buf_append(out, digits + at, sizeof(digits) - at);
    buf_append_byte(out, '"');
}

enum hub_code hub_telemetry(struct hub *hub, struct identity_key key,
                            const struct hub_principal *principal, struct hub_link *link,
                            const struct hub_message *message, struct problem *problem)
{
    const size_t size = hub_message_size(message);
    if (size > HUB_MESSAGE_SIZE_MAX) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "the message has %zu bytes with its properties; at most %d are allowed", size,
                    HUB_MESSAGE_SIZE_MAX);
        return HUB_MESSAGE_TOO_LARGE;
    }
    struct buf *detail = &hub->scratch;
    buf_clear(detail);
    append_sender(detail, principal);
    append_properties(detail, STR("systemProperties"), message->system, message->system_count);
    append_properties(detail, STR("properties"), message->application, message->application_count);
    buf_append_byte(detail, '}');
    if (buf_status(detail) != STATUS_OK) {
        return hub_fail(hub, buf_status(detail), problem);
    }
    const struct str body = message->body.data == NULL ? STR_EMPTY : message->body;
    hub_event(hub, HUB_EVENT_TELEMETRY, key, buf_str(detail), body);
    if (link != NULL) {
        hub_link_touch(link);
        return hub->failed ? HUB_SERVER_ERROR : HUB_OK;
    }
    const enum status status =
        storage_activity_update(hub->storage, principal->id, hub_now_us(hub));
    return status == STATUS_OK ? HUB_OK : hub_fail(hub, status, problem);
}
