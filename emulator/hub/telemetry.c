/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>

#include "base/alloc.h"
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

/* ---- names that are there twice ---- */

struct ranked {
    struct str name; /* in the message */
    size_t index;
};

static int compare_ranked(const void *a, const void *b)
{
    const struct ranked *left = a;
    const struct ranked *right = b;
    const int names = str_compare_nocase(left->name, right->name);
    return names != 0 ? names : (left->index > right->index) - (left->index < right->index);
}

/*
 * Names are looked up in any case, so of those that differ in nothing else one stays: the first
 * (device protocol reference, 2.2). Sorted, because a message has room for tens of thousands.
 */
static enum status mark_repeated(const struct hub_property *properties, size_t count,
                                 bool **ret_repeated)
{
    struct ranked *ranked = mem_alloc(count * sizeof(*ranked));
    bool *repeated = mem_zalloc(count * sizeof(*repeated));
    if (ranked == NULL || repeated == NULL) {
        mem_free(ranked);
        mem_free(repeated);
        return STATUS_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        ranked[i] = (struct ranked){.name = properties[i].name, .index = i};
    }
    qsort(ranked, count, sizeof(*ranked), compare_ranked);
    for (size_t i = 1; i < count; i++) {
        repeated[ranked[i].index] = str_equal_nocase(ranked[i].name, ranked[i - 1].name);
    }
    mem_free(ranked);
    *ret_repeated = repeated;
    return STATUS_OK;
}

static bool repeats(const struct hub_property *properties, size_t count)
{
    enum { WORTH_LOOKING = 16 };
    if (count > WORTH_LOOKING) {
        return true;
    }
    for (size_t i = 1; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (str_equal_nocase(properties[i].name, properties[j].name)) {
                return true;
            }
        }
    }
    return false;
}

bool hub_message_repeats(const struct hub_message *message)
{
    return repeats(message->system, message->system_count) ||
           repeats(message->application, message->application_count);
}

/* ---- the journal's row ---- */

static void append_property(struct buf *out, const struct hub_property *property)
{
    json_append_string(out, property->name);
    buf_append_byte(out, ':');
    if (property->value.data == NULL) {
        buf_append_str(out, STR("null"));
    } else {
        json_append_string(out, property->value);
    }
}

static enum status append_properties(struct buf *out, struct str name,
                                     const struct hub_property *properties, size_t count)
{
    if (count == 0) {
        return STATUS_OK;
    }
    bool *repeated = NULL;
    const enum status status = mark_repeated(properties, count, &repeated);
    if (status != STATUS_OK) {
        return status;
    }
    buf_append_str(out, STR(",\""));
    buf_append_str(out, name);
    buf_append_str(out, STR("\":{"));
    for (size_t i = 0; i < count; i++) {
        if (repeated[i]) {
            continue;
        }
        if (i > 0) { /* the first is never a repetition */
            buf_append_byte(out, ',');
        }
        append_property(out, &properties[i]);
    }
    buf_append_byte(out, '}');
    mem_free(repeated);
    return STATUS_OK;
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

enum status hub_message_properties_append(struct buf *out, const struct hub_message *message)
{
    const enum status status =
        append_properties(out, STR("systemProperties"), message->system, message->system_count);
    return status == STATUS_OK ? append_properties(out, STR("properties"), message->application,
                                                   message->application_count)
                               : status;
}

static enum status append_detail(struct buf *out, const struct hub_principal *principal,
                                 struct str model_id, const struct hub_message *message)
{
    buf_clear(out);
    append_sender(out, principal);
    if (model_id.size > 0) {
        buf_append_str(out, STR(",\"modelId\":"));
        json_append_string(out, model_id);
    }
    const enum status status = hub_message_properties_append(out, message);
    buf_append_byte(out, '}');
    return status == STATUS_OK ? buf_status(out) : status;
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
    enum status status = append_detail(
        detail, principal, link == NULL ? STR_EMPTY : buf_str(&link->model_id), message);
    if (status != STATUS_OK) {
        return hub_fail(hub, status, problem);
    }
    const struct str body = message->body.data == NULL ? STR_EMPTY : message->body;
    hub_event(hub, HUB_EVENT_TELEMETRY, key, buf_str(detail), body);
    if (link != NULL) {
        hub_link_touch(link);
        return hub->failed ? HUB_SERVER_ERROR : HUB_OK;
    }
    status = storage_activity_update(hub->storage, principal->id, hub_now_us(hub));
    return status == STATUS_OK ? HUB_OK : hub_fail(hub, status, problem);
}
