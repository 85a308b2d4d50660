/* SPDX-License-Identifier: MIT */
#include "clients/device/topics_internal.h"

#include <limits.h>

#include "base/url.h"
#include "clients/device/messages_internal.h"

#define TWIN_RESPONSE  "$iothub/twin/res/"
#define DESIRED        "$iothub/twin/PATCH/properties/desired/"
#define METHOD_REQUEST "$iothub/methods/POST/"
#define DEVICE_BOUND   "messages/devicebound/"

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

void topic_append_telemetry(struct buf *out, const char *device_id, const char *module_id,
                            const struct iothub_device_message *message)
{
    buf_append_format(out, "devices/%s/", device_id);
    if (module_id[0] != '\0') {
        buf_append_format(out, "modules/%s/", module_id);
    }
    buf_append_str(out, STR("messages/events/"));
    message_append_bag(out, message);
}

void topic_append_message_filter(struct buf *out, const char *device_id, const char *module_id)
{
    buf_append_format(out, "devices/%s/", device_id);
    if (module_id[0] != '\0') {
        buf_append_format(out, "modules/%s/inputs/#", module_id);
    } else {
        buf_append_str(out, STR("messages/devicebound/#"));
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

/*
 * "{d}/messages/devicebound/{bag}" or "{d}/modules/{m}/inputs/{input}/{bag}" (reference, 3 and 6).
 * Ids have no slashes. A slash after the bag is not part of it, as Edge sends one.
 */
static bool read_message(struct str rest, struct topic *topic)
{
    struct str id = STR_EMPTY;
    if (!str_cut(rest, '/', &id, &rest)) {
        return false;
    }
    if (str_starts(rest, STR(DEVICE_BOUND))) {
        topic->bag = str_skip(rest, sizeof(DEVICE_BOUND) - 1);
    } else if (str_starts(rest, STR("modules/")) &&
               str_cut(str_skip(rest, sizeof("modules/") - 1), '/', &id, &rest) &&
               str_starts(rest, STR("inputs/"))) {
        (void)str_cut(str_skip(rest, sizeof("inputs/") - 1), '/', &topic->name, &topic->bag);
        if (topic->name.size == 0) {
            return false;
        }
    } else {
        return false;
    }
    if (str_ends(topic->bag, STR("/"))) {
        topic->bag.size--;
    }
    return true;
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
    } else if (str_starts(text, STR("devices/"))) {
        topic.kind = TOPIC_MESSAGE;
        good = read_message(str_skip(text, sizeof("devices/") - 1), &topic);
    }
    return good ? topic : unknown;
}
