/* SPDX-License-Identifier: MIT */
#include "base/base64.h"
#include "clients/cli/simulated_internal.h"

/* Adds text as a member; what is NULL is left out. */
static bool add_text(cJSON *row, const char *name, const char *text)
{
    return text == NULL || cJSON_AddStringToObject(row, name, text) != NULL;
}

/* Adds a tree, owned from now on, as a member. */
static bool add_tree(cJSON *row, const char *name, cJSON *tree)
{
    if (tree != NULL && cJSON_AddItemToObject(row, name, tree)) {
        return true;
    }
    cJSON_Delete(tree);
    return false;
}

static cJSON *whole(cJSON *row, bool complete)
{
    if (complete) {
        return row;
    }
    cJSON_Delete(row);
    return NULL;
}

cJSON *row_event(const struct simulated *self, const char *event)
{
    const struct clock clock = CLOCK_SYSTEM;
    char time[CLOCK_TEXT_SIZE];
    clock_text_iso(clock_now_us(&clock), time);
    const char *module = iothub_device_module_id(self->device);
    cJSON *row = cJSON_CreateObject();
    return whole(row, row != NULL && add_text(row, "time", time) &&
                          add_text(row, "deviceId", iothub_device_id(self->device)) &&
                          add_text(row, "moduleId", module[0] == '\0' ? NULL : module) &&
                          add_text(row, "event", event));
}

cJSON *row_reason(const struct simulated *self, const char *event, const char *reason)
{
    cJSON *row = row_event(self, event);
    return row == NULL ? NULL : whole(row, add_text(row, "reason", reason));
}

/* JSON as it is, other text as a string, anything else in base64. */
static bool add_payload(cJSON *row, struct str body)
{
    cJSON *tree = NULL;
    if (json_parse(body, &tree, NULL) == STATUS_OK) {
        return add_tree(row, "payload", tree);
    }
    CLEANUP(buf_finish) struct buf text = BUF_INIT((size_t)1 << 20);
    const bool is_text = str_is_utf8(body) && str_find(body, '\0') == SIZE_MAX;
    if (is_text) {
        buf_append_str(&text, body);
    } else {
        base64_append(&text, body);
    }
    return buf_status(&text) == STATUS_OK &&
           add_text(row, "payload", text.data == NULL ? "" : text.data) &&
           (is_text || add_text(row, "payloadEncoding", "base64"));
}

static bool add_properties(cJSON *row, const struct iothub_device_message *message)
{
    if (message->property_count == 0) {
        return true;
    }
    cJSON *properties = cJSON_AddObjectToObject(row, "properties");
    bool complete = properties != NULL;
    for (size_t i = 0; i < message->property_count && complete; i++) {
        const struct iothub_device_property *property = &message->properties[i];
        complete = property->value == NULL
                       ? cJSON_AddNullToObject(properties, property->name) != NULL
                       : add_text(properties, property->name, property->value);
    }
    return complete;
}

cJSON *row_message(const struct simulated *self, const char *event,
                   const struct iothub_device_message *message)
{
    cJSON *row = row_event(self, event);
    if (row == NULL) {
        return NULL;
    }
    const bool complete =
        add_text(row, "messageId", message->message_id) &&
        add_text(row, "correlationId", message->correlation_id) &&
        add_text(row, "userId", message->user_id) &&
        add_text(row, "contentType", message->content_type) &&
        add_text(row, "contentEncoding", message->content_encoding) &&
        add_text(row, "expiryTimeUtc", message->expiry_time_utc) &&
        add_text(row, "input", message->input) && add_text(row, "ack", message->ack) &&
        add_payload(row, str_of(message->body, message->body_size)) && add_properties(row, message);
    return whole(row, complete);
}

cJSON *row_method(const struct simulated *self, const struct iothub_device_method *method,
                  int status, const char *answer)
{
    cJSON *row = row_event(self, "method");
    if (row == NULL) {
        return NULL;
    }
    cJSON *response = NULL;
    const bool complete = add_text(row, "name", method->name) &&
                          (method->payload == NULL ||
                           add_tree(row, "payload", cJSON_Duplicate(method->payload, true))) &&
                          cJSON_AddNumberToObject(row, "status", status) != NULL &&
                          json_parse(str_from(answer), &response, NULL) == STATUS_OK &&
                          add_tree(row, "response", response);
    return whole(row, complete);
}

cJSON *row_desired(const struct simulated *self, const struct iothub_device_desired *desired)
{
    cJSON *row = row_event(self, "desired");
    if (row == NULL) {
        return NULL;
    }
    const bool complete =
        cJSON_AddNumberToObject(row, "version", (double)desired->version) != NULL &&
        cJSON_AddBoolToObject(row, "whole", desired->whole) != NULL &&
        add_tree(row, "payload", cJSON_Duplicate(desired->properties, true));
    return whole(row, complete);
}
