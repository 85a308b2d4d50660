/* SPDX-License-Identifier: MIT */
/* The bytes of a message, section by section (AMQP 1.0 part 3, 3.2), made into JSON. */
#include <inttypes.h>
#include <stdio.h>

#include <proton/codec.h>

#include "base/base64.h"
#include "clients/messaging/message_internal.h"

enum section {
    SECTION_HEADER = 0x70,
    SECTION_DELIVERY_ANNOTATIONS = 0x71,
    SECTION_ANNOTATIONS = 0x72,
    SECTION_PROPERTIES = 0x73,
    SECTION_APPLICATION = 0x74,
    SECTION_DATA = 0x75,
    SECTION_SEQUENCE = 0x76,
    SECTION_VALUE = 0x77,
    SECTION_FOOTER = 0x78,
};

void message_init(struct message *message)
{
    *message = (struct message){.body = BUF_INIT(MESSAGE_SIZE_MAX)};
}

void message_finish(struct message *message)
{
    cJSON_Delete(message->annotations);
    cJSON_Delete(message->properties);
    cJSON_Delete(message->application);
    cJSON_Delete(message->value);
    buf_finish(&message->body);
    message_init(message);
}

/* ---- Values ---- */

/* Each gives NULL when there is no memory, and for nothing else: what is missing is null. */
static cJSON *value_of(pn_data_t *data, unsigned depth);

static struct str bytes_of(pn_bytes_t bytes)
{
    return str_of(bytes.start == NULL ? "" : bytes.start, bytes.size);
}

static cJSON *text_node(struct str text)
{
    struct buf ended CLEANUP(buf_finish) = BUF_INIT(2UL * MESSAGE_SIZE_MAX);
    if (str_is_utf8(text)) {
        buf_append_str(&ended, text);
    } else {
        base64_append(&ended, text);
    }
    if (buf_status(&ended) != STATUS_OK) {
        return NULL;
    }
    return cJSON_CreateString(ended.data == NULL ? "" : ended.data);
}

static cJSON *uuid_node(pn_uuid_t uuid)
{
    char text[2 * sizeof(uuid.bytes) + 5];
    size_t at = 0;
    for (size_t i = 0; i < sizeof(uuid.bytes); i++) {
        const bool dash = i == 4 || i == 6 || i == 8 || i == 10;
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%02x", dash ? "-" : "",
                               (unsigned)(unsigned char)uuid.bytes[i]);
    }
    return cJSON_CreateString(text);
}

static cJSON *char_node(pn_char_t code)
{
    char text[16];
    (void)snprintf(text, sizeof(text), "U+%04" PRIX32, (uint32_t)code);
    return cJSON_CreateString(text);
}

/* Of a list, an array or a described value: all that stands in it. */
static cJSON *list_node(pn_data_t *data, unsigned depth)
{
    cJSON *list CLEANUP(json_destroyp) = cJSON_CreateArray();
    if (list == NULL || !pn_data_enter(data)) {
        return TAKE(list);
    }
    while (pn_data_next(data)) {
        cJSON *item = value_of(data, depth + 1);
        if (item == NULL || !cJSON_AddItemToArray(list, item)) {
            cJSON_Delete(item);
            return NULL;
        }
    }
    (void)pn_data_exit(data);
    return TAKE(list);
}

static bool add_pair(cJSON *object, const cJSON *key, cJSON *value)
{
    struct buf name CLEANUP(buf_finish) = BUF_INIT(MESSAGE_SIZE_MAX);
    if (cJSON_IsString(key)) {
        buf_append_str(&name, str_from(key->valuestring));
    } else {
        json_append_tree(&name, key);
    }
    if (value == NULL || buf_status(&name) != STATUS_OK) {
        return false;
    }
    return cJSON_AddItemToObject(object, name.data == NULL ? "" : name.data, value);
}

static cJSON *map_node(pn_data_t *data, unsigned depth)
{
    cJSON *object CLEANUP(json_destroyp) = cJSON_CreateObject();
    if (object == NULL || !pn_data_enter(data)) {
        return TAKE(object);
    }
    while (pn_data_next(data)) {
        cJSON *key CLEANUP(json_destroyp) = value_of(data, depth + 1);
        cJSON *value = pn_data_next(data) ? value_of(data, depth + 1) : cJSON_CreateNull();
        if (key == NULL || !add_pair(object, key, value)) {
            cJSON_Delete(value);
            return NULL;
        }
    }
    (void)pn_data_exit(data);
    return TAKE(object);
}

static cJSON *described_node(pn_data_t *data, unsigned depth)
{
    if (!pn_data_enter(data)) {
        return cJSON_CreateNull();
    }
    const bool has_descriptor = pn_data_next(data);
    cJSON *value =
        has_descriptor && pn_data_next(data) ? value_of(data, depth + 1) : cJSON_CreateNull();
    (void)pn_data_exit(data);
    return value;
}

static cJSON *number_node(pn_data_t *data)
{
    switch ((int)pn_data_type(data)) {
    case PN_UBYTE:
        return cJSON_CreateNumber(pn_data_get_ubyte(data));
    case PN_BYTE:
        return cJSON_CreateNumber(pn_data_get_byte(data));
    case PN_USHORT:
        return cJSON_CreateNumber(pn_data_get_ushort(data));
    case PN_SHORT:
        return cJSON_CreateNumber(pn_data_get_short(data));
    case PN_UINT:
        return cJSON_CreateNumber(pn_data_get_uint(data));
    case PN_INT:
        return cJSON_CreateNumber(pn_data_get_int(data));
    case PN_ULONG:
        return cJSON_CreateNumber((double)pn_data_get_ulong(data));
    case PN_LONG:
        return cJSON_CreateNumber((double)pn_data_get_long(data));
    case PN_TIMESTAMP:
        return cJSON_CreateNumber((double)pn_data_get_timestamp(data));
    case PN_FLOAT:
        return cJSON_CreateNumber((double)pn_data_get_float(data));
    case PN_DOUBLE:
        return cJSON_CreateNumber(pn_data_get_double(data));
    default: /* decimals, which nobody sends */
        return cJSON_CreateNull();
    }
}

static cJSON *value_of(pn_data_t *data, unsigned depth)
{
    if (depth > MESSAGE_DEPTH_MAX) {
        return cJSON_CreateNull();
    }
    switch ((int)pn_data_type(data)) {
    case PN_NULL:
        return cJSON_CreateNull();
    case PN_BOOL:
        return cJSON_CreateBool(pn_data_get_bool(data));
    case PN_CHAR:
        return char_node(pn_data_get_char(data));
    case PN_UUID:
        return uuid_node(pn_data_get_uuid(data));
    case PN_BINARY:
    case PN_STRING:
    case PN_SYMBOL:
        return text_node(bytes_of(pn_data_get_bytes(data)));
    case PN_LIST:
    case PN_ARRAY:
        return list_node(data, depth);
    case PN_MAP:
        return map_node(data, depth);
    case PN_DESCRIBED:
        return described_node(data, depth);
    default:
        return number_node(data);
    }
}

/* ---- Sections ---- */

static const char *const property_names[] = {
    "message_id",        "user_id",          "to",
    "subject",           "reply_to",         "correlation_id",
    "content_type",      "content_encoding", "absolute_expiry_time",
    "creation_time",     "group_id",         "group_sequence",
    "reply_to_group_id",
};

static enum status read_properties(pn_data_t *data, struct message *message)
{
    if (pn_data_type(data) != PN_LIST || !pn_data_enter(data)) {
        return STATUS_OK;
    }
    for (size_t i = 0; i < ARRAY_SIZE(property_names) && pn_data_next(data); i++) {
        if (pn_data_type(data) == PN_NULL) {
            continue;
        }
        cJSON *value = value_of(data, 0);
        if (value == NULL ||
            !cJSON_AddItemToObject(message->properties, property_names[i], value)) {
            cJSON_Delete(value);
            return STATUS_NO_MEMORY;
        }
    }
    (void)pn_data_exit(data);
    return STATUS_OK;
}

static enum status read_map(pn_data_t *data, cJSON **tree)
{
    if (pn_data_type(data) != PN_MAP) {
        return STATUS_OK;
    }
    cJSON *read = map_node(data, 0);
    if (read == NULL) {
        return STATUS_NO_MEMORY;
    }
    cJSON_Delete(*tree);
    *tree = read;
    return STATUS_OK;
}

static enum status read_body(pn_data_t *data, struct message *message)
{
    const pn_type_t type = pn_data_type(data);
    if (type == PN_BINARY || type == PN_STRING) {
        buf_append_str(&message->body, bytes_of(pn_data_get_bytes(data)));
        return buf_status(&message->body);
    }
    cJSON *value = value_of(data, 0);
    if (value == NULL) {
        return STATUS_NO_MEMORY;
    }
    json_append_tree(&message->body, value);
    cJSON_Delete(message->value);
    message->value = value;
    return buf_status(&message->body);
}

static enum status read_section(uint64_t section, pn_data_t *data, struct message *message)
{
    switch (section) {
    case SECTION_ANNOTATIONS:
        return read_map(data, &message->annotations);
    case SECTION_PROPERTIES:
        return read_properties(data, message);
    case SECTION_APPLICATION:
        return read_map(data, &message->application);
    case SECTION_DATA:
    case SECTION_SEQUENCE:
    case SECTION_VALUE:
        return read_body(data, message);
    default:
        return STATUS_OK;
    }
}

static enum status malformed(size_t offset, struct problem *problem)
{
    problem_set(problem, offset, "a message came that is not well formed at byte %zu", offset);
    return STATUS_INVALID;
}

/* One section; *ret_size says how long it was. */
static enum status read_next(struct str bytes, size_t offset, pn_data_t *data,
                             struct message *message, size_t *ret_size, struct problem *problem)
{
    const struct str rest = str_skip(bytes, offset);
    pn_data_clear(data);
    const ssize_t size = pn_data_decode(data, rest.data, rest.size);
    pn_data_rewind(data);
    if (size <= 0 || !pn_data_next(data) || pn_data_type(data) != PN_DESCRIBED ||
        !pn_data_enter(data) || !pn_data_next(data) || pn_data_type(data) != PN_ULONG) {
        return malformed(offset, problem);
    }
    const uint64_t section = pn_data_get_ulong(data);
    if (!pn_data_next(data)) {
        return malformed(offset, problem);
    }
    *ret_size = (size_t)size;
    return read_section(section, data, message);
}

static bool begin(struct message *message)
{
    message_finish(message);
    message->annotations = cJSON_CreateObject();
    message->properties = cJSON_CreateObject();
    message->application = cJSON_CreateObject();
    return message->annotations != NULL && message->properties != NULL &&
           message->application != NULL;
}

enum status message_read(struct str bytes, struct message *message, struct problem *problem)
{
    pn_data_t *data = pn_data(64);
    enum status status = data != NULL && begin(message) ? STATUS_OK : STATUS_NO_MEMORY;
    size_t offset = 0;
    while (status == STATUS_OK && offset < bytes.size) {
        size_t size = 0;
        status = read_next(bytes, offset, data, message, &size, problem);
        offset += size;
    }
    pn_data_free(data);
    return status;
}
