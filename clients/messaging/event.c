/* SPDX-License-Identifier: MIT */
#include "clients/messaging/event_internal.h"

static const char *text_in(const cJSON *object, const char *name)
{
    const cJSON *member = json_member(object, name);
    return cJSON_IsString(member) ? member->valuestring : "";
}

static int64_t number_in(const cJSON *object, const char *name)
{
    const double largest = 9007199254740992.0; /* beyond it a double is no whole number's */
    double number = 0;
    if (!json_member_number(object, name, &number) || number > largest || number < -largest) {
        return 0;
    }
    return (int64_t)number;
}

struct iothub_event event_of(const struct message *message, const char *partition)
{
    const cJSON *annotations = message->annotations;
    const cJSON *properties = message->properties;
    return (struct iothub_event){
        .body = message->body.data == NULL ? "" : message->body.data,
        .body_size = message->body.size,
        .partition = partition,
        .sequence_number = number_in(annotations, "x-opt-sequence-number"),
        .offset = text_in(annotations, "x-opt-offset"),
        .enqueued_ms = number_in(annotations, "x-opt-enqueued-time"),
        .device_id = text_in(annotations, "iothub-connection-device-id"),
        .module_id = text_in(annotations, "iothub-connection-module-id"),
        .source = text_in(annotations, "iothub-message-source"),
        .content_type = text_in(properties, "content_type"),
        .content_encoding = text_in(properties, "content_encoding"),
        .annotations = annotations,
        .properties = properties,
        .application = message->application,
    };
}
