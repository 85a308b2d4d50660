/* SPDX-License-Identifier: MIT */
#include "clients/device/topics_internal.h"

#include <limits.h>
#include <stddef.h>

#include "base/url.h"

#define TWIN_RESPONSE  "$iothub/twin/res/"
#define DESIRED        "$iothub/twin/PATCH/properties/desired/"
#define METHOD_REQUEST "$iothub/methods/POST/"

void topic_append_twin_get(struct buf *out, uint32_t request_id)
{
    buf_append_format(out, "$iothub/twin/GET/?$rid=%u", request_id);
}

void topic_append_reported_patch(struct buf *out, uint32_t request_id)
{
    buf_append_format(out, "$iothub/twin/PATCH/properties/reported/?$rid=%u", request_id);
}

void topic_append_method_response(struct buf *out, int status, const char *request_id)
{
    buf_append_format(out, "$iothub/methods/res/%d/?$rid=%s", status, request_id);
}

/* The system properties, as a property bag spells them (device protocol reference, 2.2). */
static const struct {
    struct str key;
    size_t offset; /* of the text in struct iothub_device_message */
} system_properties[] = {
    {{"$.mid", 5}, offsetof(struct iothub_device_message, message_id)},
    {{"$.cid", 5}, offsetof(struct iothub_device_message, correlation_id)},
    {{"$.uid", 5}, offsetof(struct iothub_device_message, user_id)},
    {{"$.ct", 4}, offsetof(struct iothub_device_message, content_type)},
    {{"$.ce", 4}, offsetof(struct iothub_device_message, content_encoding)},
    {{"$.ctime", 7}, offsetof(struct iothub_device_message, creation_time_utc)},
    {{"$.exp", 5}, offsetof(struct iothub_device_message, expiry_time_utc)},
    {{"$.sub", 5}, offsetof(struct iothub_device_message, component)},
    {{"$.on", 4}, offsetof(struct iothub_device_message, output)},
};

static void append_property(struct buf *out, size_t bag_start, struct str key, const char *value)
{
    if (out->size > bag_start) {
        buf_append_byte(out, '&');
    }
    url_encode_append(out, key);
    if (value != NULL) {
        buf_append_byte(out, '=');
        url_encode_append(out, str_from(value));
    }
}

void topic_append_telemetry(struct buf *out, const char *device_id, const char *module_id,
                            const struct iothub_device_message *message)
{
    buf_append_format(out, "devices/%s/", device_id);
    if (module_id[0] != '\0') {
        buf_append_format(out, "modules/%s/", module_id);
    }
    buf_append_str(out, STR("messages/events/"));
    const size_t start = out->size;
    for (size_t i = 0; i < ARRAY_SIZE(system_properties); i++) {
        const char *const *value =
            (const void *)((const char *)message + system_properties[i].offset);
        if (*value != NULL) {
            append_property(out, start, system_properties[i].key, *value);
        }
    }
    for (size_t i = 0; i < message->property_count; i++) {
        append_property(out, start, str_from(message->properties[i].name),
                        message->properties[i].value);
    }
}

/* Reads "?$rid=...&$version=..." into the topic; false when a version is no number. */
static bool read_bag(struct str bag, struct topic *topic)
{
    if (!str_starts(bag, STR("?"))) {
        return false;
    }
    struct str rest = str_skip(bag, 1);
    struct str key = STR_EMPTY;
    struct str value = STR_EMPTY;
    bool has_value = false;
    while (url_pair_next(&rest, &key, &value, &has_value)) {
        if (str_equal(key, STR("$rid"))) {
            topic->request_id = value;
        } else if (str_equal(key, STR("$version")) && !str_to_i64(value, &topic->version)) {
            return false;
        }
    }
    return true;
}

/* "200/?$rid=1" */
static bool read_twin_response(struct str rest, struct topic *topic)
{
    struct str code = STR_EMPTY;
    struct str bag = STR_EMPTY;
    uint64_t status = 0;
    if (!str_cut(rest, '/', &code, &bag) || !str_to_u64(code, &status) || status > INT_MAX) {
        return false;
    }
    topic->status = (int)status;
    return read_bag(bag, topic) && topic->request_id.size > 0;
}

/* "name/?$rid=1". A name may hold slashes (reference, 4), so it ends at the last "/?". */
static bool read_method(struct str rest, struct topic *topic)
{
    for (size_t end = rest.size; end >= 2; end--) {
        if (rest.data[end - 2] == '/' && rest.data[end - 1] == '?') {
            topic->name = str_of(rest.data, end - 2);
            return topic->name.size > 0 && read_bag(str_skip(rest, end - 1), topic) &&
                   topic->request_id.size > 0;
        }
    }
    return false;
}

struct topic topic_parse(struct str text)
{
    const struct topic unknown = {.kind = TOPIC_UNKNOWN, .version = TOPIC_NO_VERSION};
    struct topic topic = unknown;
    bool good = false;
    if (str_starts(text, STR(TWIN_RESPONSE))) {
        topic.kind = TOPIC_TWIN_RESPONSE;
        good = read_twin_response(str_skip(text, sizeof(TWIN_RESPONSE) - 1), &topic);
    } else if (str_starts(text, STR(DESIRED))) {
        topic.kind = TOPIC_DESIRED;
        good = read_bag(str_skip(text, sizeof(DESIRED) - 1), &topic) && topic.version >= 0;
    } else if (str_starts(text, STR(METHOD_REQUEST))) {
        topic.kind = TOPIC_METHOD;
        good = read_method(str_skip(text, sizeof(METHOD_REQUEST) - 1), &topic);
    }
    return good ? topic : unknown;
}
