/* SPDX-License-Identifier: MIT */
#include "mqtt/property_bag.h"

#include <assert.h>

#include "base/url.h"

#define TEXT(literal)                                                                              \
    {                                                                                              \
        ("" literal ""), sizeof(literal) - 1                                                       \
    }

static const struct {
    struct str key; /* on the wire, after "$." */
    struct str name;
} system_properties[BAG_NAME_COUNT] = {
    [BAG_APPLICATION] = {TEXT(""), TEXT("")},
    [BAG_MESSAGE_ID] = {TEXT("mid"), TEXT("messageId")},
    [BAG_CORRELATION_ID] = {TEXT("cid"), TEXT("correlationId")},
    [BAG_USER_ID] = {TEXT("uid"), TEXT("userId")},
    [BAG_TO] = {TEXT("to"), TEXT("to")},
    [BAG_CONTENT_TYPE] = {TEXT("ct"), TEXT("contentType")},
    [BAG_CONTENT_ENCODING] = {TEXT("ce"), TEXT("contentEncoding")},
    [BAG_EXPIRY_TIME_UTC] = {TEXT("exp"), TEXT("expiryTimeUtc")},
    [BAG_CREATION_TIME_UTC] = {TEXT("ctime"), TEXT("creationTimeUtc")},
    [BAG_OUTPUT_NAME] = {TEXT("on"), TEXT("outputName")},
    [BAG_COMPONENT_NAME] = {TEXT("sub"), TEXT("componentName")},
    [BAG_INTERFACE_ID] = {TEXT("ifid"), TEXT("interfaceId")},
    [BAG_MESSAGE_SCHEMA] = {TEXT("schema"), TEXT("messageSchema")},
    [BAG_CONNECTION_DEVICE_ID] = {TEXT("cdid"), TEXT("connectionDeviceId")},
    [BAG_CONNECTION_MODULE_ID] = {TEXT("cmid"), TEXT("connectionModuleId")},
    [BAG_DIAGNOSTIC_ID] = {TEXT("diagid"), TEXT("diagnosticId")},
    [BAG_DIAGNOSTIC_CONTEXT] = {TEXT("diagctx"), TEXT("diagnosticContext")},
};

struct str bag_system_name(enum bag_name name)
{
    assert(name < BAG_NAME_COUNT);
    return system_properties[name].name;
}

static enum bag_name name_of(struct str key)
{
    if (!str_starts(key, STR("$."))) {
        return BAG_APPLICATION;
    }
    const struct str short_key = str_skip(key, 2);
    for (unsigned name = BAG_MESSAGE_ID; name < BAG_NAME_COUNT; name++) {
        if (str_equal(short_key, system_properties[name].key)) {
            return (enum bag_name)name;
        }
    }
    return BAG_APPLICATION;
}

enum status bag_init(struct bag *bag, struct str raw, struct buf *scratch)
{
    if (raw.size > 0 && raw.data[0] == '?') {
        raw = str_skip(raw, 1);
    }
    if (raw.size > 0 && raw.data[raw.size - 1] == '/') {
        raw.size--;
    }
    buf_clear(scratch);
    /* Decoding never lengthens, so room for the whole keeps every decoded text where it is. */
    if (str_find(raw, '%') != SIZE_MAX && buf_room(scratch, raw.size) == NULL) {
        return buf_status(scratch);
    }
    *bag = (struct bag){.rest = raw, .scratch = scratch};
    return STATUS_OK;
}

static struct str decoded(struct bag *bag, struct str raw)
{
    if (str_find(raw, '%') == SIZE_MAX) {
        return raw;
    }
    const size_t start = bag->scratch->size;
    url_decode_append(bag->scratch, raw);
    return str_skip(buf_str(bag->scratch), start);
}

bool bag_next(struct bag *bag, struct bag_property *ret_property)
{
    struct bag_property property = {.name = BAG_APPLICATION};
    struct str key = STR_EMPTY;
    struct str value = STR_EMPTY;
    if (!url_pair_next(&bag->rest, &key, &value, &property.has_value)) {
        return false;
    }
    property.key = decoded(bag, key);
    property.value = property.has_value ? decoded(bag, value) : STR_EMPTY;
    property.name = name_of(property.key);
    *ret_property = property;
    return true;
}

/* ---- Writing ---- */

static void append_value(struct buf *topic, struct str value)
{
    if (value.data != NULL) {
        buf_append_byte(topic, '=');
        url_encode_append(topic, value);
    }
}

static void append_separator(struct buf *topic)
{
    if (topic->size > 0 && topic->data[topic->size - 1] != '/') { /* no pair ends in one */
        buf_append_byte(topic, '&');
    }
}

void bag_append(struct buf *topic, struct str key, struct str value)
{
    append_separator(topic);
    url_encode_append(topic, key);
    append_value(topic, value);
}

void bag_append_system(struct buf *topic, enum bag_name name, struct str value)
{
    assert(name > BAG_APPLICATION && name < BAG_NAME_COUNT);

    append_separator(topic);
    buf_append_str(topic, STR("%24."));
    buf_append_str(topic, system_properties[name].key);
    append_value(topic, value);
}
