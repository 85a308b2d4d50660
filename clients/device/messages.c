/* SPDX-License-Identifier: MIT */
#include "clients/device/messages_internal.h"

#include <stddef.h>

#include "base/clock.h"
#include "base/url.h"
#include "clients/device/errors_internal.h"

enum { MESSAGE_ID_SIZE_MAX = 128, BAG_SIZE_MAX = 65535 - 512 /* for the ids before it */ };

enum direction { SENT = 1, RECEIVED = 2 };

/* The system properties, as a property bag spells them. */
static const struct {
    struct str key;
    size_t offset; /* of the text in struct iothub_device_message */
    unsigned directions;
    const char *name; /* in our header */
} system_properties[] = {
    {{"$.mid", 5},
     offsetof(struct iothub_device_message, message_id),
     SENT | RECEIVED,
     "message_id"},
    {{"$.cid", 5},
     offsetof(struct iothub_device_message, correlation_id),
     SENT | RECEIVED,
     "correlation_id"},
    {{"$.uid", 5}, offsetof(struct iothub_device_message, user_id), SENT | RECEIVED, "user_id"},
    {{"$.to", 4}, offsetof(struct iothub_device_message, to), RECEIVED, "to"},
    {{"$.ct", 4},
     offsetof(struct iothub_device_message, content_type),
     SENT | RECEIVED,
     "content_type"},
    {{"$.ce", 4},
     offsetof(struct iothub_device_message, content_encoding),
     SENT | RECEIVED,
     "content_encoding"},
    {{"$.ctime", 7},
     offsetof(struct iothub_device_message, creation_time_utc),
     SENT | RECEIVED,
     "creation_time_utc"},
    {{"$.exp", 5},
     offsetof(struct iothub_device_message, expiry_time_utc),
     SENT | RECEIVED,
     "expiry_time_utc"},
    {{"$.sub", 5}, offsetof(struct iothub_device_message, component), SENT, "component"},
    {{"$.on", 4}, offsetof(struct iothub_device_message, output), SENT, "output"},
    {{"iothub-ack", 10}, offsetof(struct iothub_device_message, ack), RECEIVED, "ack"},
};

/* As the hub writes them; what begins so and is not in the table is the hub's own affair. */
static const struct str system_prefix = {"$.", 2};

static const char *text_of(const struct iothub_device_message *message, size_t i)
{
    const char *const *text = (const void *)((const char *)message + system_properties[i].offset);
    return *text;
}

/* ---- Checking ---- */

static enum iothub_result check_time(const char *name, const char *text, struct iothub_error *error)
{
    int64_t time_us = 0;
    if (text == NULL || clock_from_iso(str_from(text), &time_us)) {
        return IOTHUB_OK;
    }
    return device_failed(error, IOTHUB_INVALID,
                         "%s is \"%s\", which is no time as in \"2026-11-21T19:00:00Z\"", name,
                         text);
}

static enum iothub_result check_system(const struct iothub_device_message *message,
                                       bool from_module, size_t *size, struct iothub_error *error)
{
    for (size_t i = 0; i < ARRAY_SIZE(system_properties); i++) {
        const struct str text = str_from(text_of(message, i));
        if ((system_properties[i].directions & SENT) == 0) {
            continue;
        }
        if (!str_is_utf8(text)) {
            return device_failed(error, IOTHUB_INVALID, "%s is not UTF-8",
                                 system_properties[i].name);
        }
        *size += text.size;
    }
    if (str_from(message->message_id).size > MESSAGE_ID_SIZE_MAX) {
        return device_failed(error, IOTHUB_INVALID, "a message_id has at most %d characters",
                             (int)MESSAGE_ID_SIZE_MAX);
    }
    if (message->output != NULL && !from_module) {
        return device_failed(error, IOTHUB_INVALID,
                             "a device has no outputs: only a module's message may name one");
    }
    const enum iothub_result result =
        check_time("creation_time_utc", message->creation_time_utc, error);
    return result != IOTHUB_OK ? result
                               : check_time("expiry_time_utc", message->expiry_time_utc, error);
}

static enum iothub_result check_property(const struct iothub_device_property *property,
                                         struct iothub_error *error)
{
    const struct str name = str_from(property->name);
    if (name.size == 0) {
        return device_failed(error, IOTHUB_INVALID, "an application property has no name");
    }
    if (!str_is_utf8(name) || !str_is_utf8(str_from(property->value))) {
        return device_failed(error, IOTHUB_INVALID, "an application property is not UTF-8");
    }
    if (str_starts(name, system_prefix)) {
        return device_failed(error, IOTHUB_INVALID,
                             "the application property \"%s\": names that begin with \"$.\" are "
                             "the system's, and have members of struct iothub_device_message",
                             property->name);
    }
    return IOTHUB_OK;
}

enum iothub_result message_check(const struct iothub_device_message *message, bool from_module,
                                 struct iothub_error *error)
{
    size_t size = 0;
    enum iothub_result result = check_system(message, from_module, &size, error);
    for (size_t i = 0; result == IOTHUB_OK && i < message->property_count; i++) {
        const struct iothub_device_property *property = &message->properties[i];
        result = check_property(property, error);
        size += str_from(property->name).size + str_from(property->value).size;
    }
    if (result != IOTHUB_OK) {
        return result;
    }
    if (size > MESSAGE_SIZE_MAX || message->body_size > MESSAGE_SIZE_MAX - size) {
        return device_failed(error, IOTHUB_INVALID,
                             "the message has %zu bytes of body and %zu of properties; a hub takes "
                             "262144 together",
                             message->body_size, size);
    }
    struct buf bag CLEANUP(buf_finish) = BUF_INIT(BAG_SIZE_MAX);
    message_append_bag(&bag, message);
    if (buf_status(&bag) == STATUS_NO_MEMORY) {
        return device_no_memory(error);
    }
    return buf_status(&bag) == STATUS_OK
               ? IOTHUB_OK
               : device_failed(error, IOTHUB_INVALID,
                               "the properties take more than the %d bytes, encoded, that fit "
                               "into an MQTT topic",
                               (int)BAG_SIZE_MAX);
}

/* ---- Writing ---- */

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

void message_append_bag(struct buf *out, const struct iothub_device_message *message)
{
    const size_t start = out->size;
    for (size_t i = 0; i < ARRAY_SIZE(system_properties); i++) {
        const char *text = text_of(message, i);
        if (text != NULL && (system_properties[i].directions & SENT) != 0) {
            append_property(out, start, system_properties[i].key, text);
        }
    }
    for (size_t i = 0; i < message->property_count; i++) {
        append_property(out, start, str_from(message->properties[i].name),
                        message->properties[i].value);
    }
}

/* ---- Reading ---- */

static size_t count_pairs(struct str bag)
{
    size_t count = 0;
    struct str key = STR_EMPTY;
    struct str value = STR_EMPTY;
    bool has_value = false;
    while (url_pair_next(&bag, &key, &value, &has_value)) {
        count++;
    }
    return count;
}

static char *decoded(struct str text, struct arena *arena)
{
    struct buf out CLEANUP(buf_finish) = BUF_INIT(text.size + 1);
    url_decode_append(&out, text);
    return buf_status(&out) == STATUS_OK ? arena_copy(arena, buf_str(&out)) : NULL;
}

/* True when the name is the system's; then it is dealt with. */
static bool read_system(const char *name, const char *value, struct iothub_device_message *message)
{
    for (size_t i = 0; i < ARRAY_SIZE(system_properties); i++) {
        if ((system_properties[i].directions & RECEIVED) != 0 &&
            str_equal(str_from(name), system_properties[i].key)) {
            const char **text = (void *)((char *)message + system_properties[i].offset);
            *text = value == NULL ? "" : value;
            return true;
        }
    }
    return str_starts(str_from(name), system_prefix);
}

enum status message_read_bag(struct str bag, struct arena *arena,
                             struct iothub_device_message *ret_message)
{
    const size_t count = count_pairs(bag);
    struct iothub_device_message message = {.body = NULL};
    struct iothub_device_property *properties = NULL;
    if (count > 0) {
        properties = ARENA_ARRAY(arena, struct iothub_device_property, count);
        if (properties == NULL) {
            return STATUS_NO_MEMORY;
        }
    }
    struct str key = STR_EMPTY;
    struct str value = STR_EMPTY;
    bool has_value = false;
    while (url_pair_next(&bag, &key, &value, &has_value)) {
        const char *name = decoded(key, arena);
        const char *text = has_value ? decoded(value, arena) : NULL;
        if (name == NULL || (has_value && text == NULL)) {
            return STATUS_NO_MEMORY;
        }
        /* A text ends at a NUL, here as everywhere in C; without a name it is none. */
        if (name[0] != '\0' && !read_system(name, text, &message) && properties != NULL) {
            properties[message.property_count++] =
                (struct iothub_device_property){.name = name, .value = text};
        }
    }
    message.properties = properties;
    *ret_message = message;
    return STATUS_OK;
}
