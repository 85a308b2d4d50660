/* SPDX-License-Identifier: MIT */
#include "base/base64.h"
#include "https/https_internal.h"

#define BATCH_TYPE STR("application/vnd.microsoft.iothub.json")

/* ---- a batch ---- */

/* Base64 unless base64Encoded is false: one SDK leaves the member out and encodes. */
static bool read_message_body(const cJSON *element, struct arena *arena, struct str *ret_body,
                              struct problem *problem)
{
    struct str text = STR_EMPTY;
    bool encoded = true;
    if (!https_member_text(element, "body", &text, problem) ||
        !https_member_flag(element, "base64Encoded", &encoded, problem)) {
        return false;
    }
    if (!encoded) {
        *ret_body = text;
        return true;
    }
    CLEANUP(buf_finish) struct buf bytes = BUF_INIT(HTTPS_BODY_MAX);
    if (!base64_decode_append(&bytes, text)) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "'body' is not base64 (set base64Encoded to false for text)");
        return false;
    }
    const char *copy = arena_copy(arena, buf_str(&bytes));
    if (copy == NULL || buf_status(&bytes) != STATUS_OK) {
        problem_set(problem, PROBLEM_NO_OFFSET, "'body' does not fit into memory");
        return false;
    }
    *ret_body = str_of(copy, bytes.size);
    return true;
}

/* Strings as they are, null as null, numbers and booleans as JSON writes them. */
static bool read_value(const cJSON *member, struct arena *arena, struct str *ret_value,
                       struct problem *problem)
{
    if (cJSON_IsNull(member)) {
        *ret_value = (struct str){0};
        return true;
    }
    if (cJSON_IsString(member)) {
        *ret_value = json_str(member);
        return true;
    }
    if (cJSON_IsObject(member) || cJSON_IsArray(member)) {
        problem_set(problem, PROBLEM_NO_OFFSET, "property '%s' must be a string", member->string);
        return false;
    }
    return https_tree_text(member, 64, arena, ret_value);
}

/* Names as in headers; some clients leave the prefix of their own out, and mean the same. */
static bool read_properties(const cJSON *element, struct arena *arena,
                            struct https_properties *ret_properties, struct problem *problem)
{
    const cJSON *object = NULL;
    struct https_properties properties;
    if (!https_member_object(element, "properties", &object, problem) ||
        !https_properties_reserve(arena, (size_t)cJSON_GetArraySize(object), &properties)) {
        return false;
    }
    const cJSON *member = NULL;
    cJSON_ArrayForEach(member, object)
    {
        struct str value;
        const struct str name = str_from(member->string);
        if (!read_value(member, arena, &value, problem)) {
            return false;
        }
        if (!https_properties_add(&properties, name, value) &&
            !str_starts_nocase(name, STR("iothub-"))) {
            properties.application[properties.application_count++] =
                (struct hub_property){.name = name, .value = value};
        }
    }
    *ret_properties = properties;
    return true;
}

static bool read_message(const cJSON *element, struct arena *arena, struct hub_message *ret_message,
                         struct problem *problem)
{
    struct str body;
    struct https_properties properties;
    if (!cJSON_IsObject(element)) {
        problem_set(problem, PROBLEM_NO_OFFSET, "not an object");
        return false;
    }
    if (!read_message_body(element, arena, &body, problem) ||
        !read_properties(element, arena, &properties, problem)) {
        return false;
    }
    *ret_message = https_properties_message(&properties, body);
    return true;
}

static enum hub_code check_count(int count, struct problem *problem)
{
    if (count == 0) {
        problem_set(problem, PROBLEM_NO_OFFSET, "the batch holds no message");
        return HUB_ARGUMENT_INVALID;
    }
    if (count > HTTPS_BATCH_MAX) {
        problem_set(problem, PROBLEM_NO_OFFSET, "the batch holds %d messages, at most %d fit",
                    count, HTTPS_BATCH_MAX);
        return HUB_MESSAGE_TOO_LARGE;
    }
    return HUB_OK;
}

enum hub_code https_batch_read(const cJSON *tree, struct arena *arena,
                               struct hub_message **ret_messages, size_t *ret_count,
                               struct problem *problem)
{
    const enum hub_code code = check_count(cJSON_GetArraySize(tree), problem);
    if (code != HUB_OK) {
        return code;
    }
    struct hub_message *messages = ARENA_ARRAY(arena, struct hub_message, HTTPS_BATCH_MAX);
    if (messages == NULL) {
        return HUB_SERVER_ERROR;
    }
    size_t count = 0;
    size_t size = 0;
    const cJSON *element = NULL;
    cJSON_ArrayForEach(element, tree)
    {
        struct problem reason = {0};
        if (!read_message(element, arena, &messages[count], &reason)) {
            problem_set(problem, PROBLEM_NO_OFFSET, "message %zu of the batch: %s", count,
                        reason.text);
            return HUB_ARGUMENT_INVALID;
        }
        size += hub_message_size(&messages[count]);
        count++;
    }
    if (size > HUB_MESSAGE_SIZE_MAX) {
        problem_set(problem, PROBLEM_NO_OFFSET, "the batch has %zu bytes, at most %d fit", size,
                    HUB_MESSAGE_SIZE_MAX);
        return HUB_MESSAGE_TOO_LARGE;
    }
    *ret_messages = messages;
    *ret_count = count;
    return HUB_OK;
}

/* ---- the request ---- */

static enum hub_code publish(struct https_request *request, const struct hub_message *messages,
                             size_t count, struct problem *problem)
{
    enum hub_code code = HUB_OK;
    for (size_t i = 0; i < count && code == HUB_OK; i++) {
        code = hub_telemetry(request->hub, request->key, &request->principal, NULL, &messages[i],
                             problem);
    }
    return code;
}

static enum hub_code publish_one(struct https_request *request, struct problem *problem)
{
    struct https_properties properties;
    if (!https_properties_of_headers(request, &properties)) {
        return HUB_SERVER_ERROR;
    }
    const struct hub_message message =
        https_properties_message(&properties, http_body(request->exchange));
    return publish(request, &message, 1, problem);
}

/* All or none: what the hub could refuse was looked at before the first is published. */
static enum hub_code publish_batch(struct https_request *request, const cJSON *body,
                                   struct problem *problem)
{
    struct hub_message *messages = NULL;
    size_t count = 0;
    const enum hub_code code = https_batch_read(body, request->arena, &messages, &count, problem);
    return code == HUB_OK ? publish(request, messages, count, problem) : code;
}

static bool is_batch(const struct https_request *request)
{
    struct str type = http_header(request->exchange, "Content-Type");
    struct str parameters;
    if (type.data == NULL) {
        return false;
    }
    (void)str_cut(type, ';', &type, &parameters);
    return str_equal_nocase(str_trim(type), BATCH_TYPE);
}

void https_telemetry(struct https_request *request)
{
    struct problem problem = {0};
    CLEANUP(json_destroyp) cJSON *body = NULL;
    enum hub_code code;
    if (is_batch(request)) {
        if (!https_read_body(request, cJSON_Array, &body)) {
            return;
        }
        code = publish_batch(request, body, &problem);
    } else {
        code = publish_one(request, &problem);
    }
    if (code != HUB_OK) {
        https_answer_error(request, code, problem.text);
        return;
    }
    https_answer_empty(request);
}
