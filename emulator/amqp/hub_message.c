/* SPDX-License-Identifier: MIT */
/* Which part of an AMQP message is which property of the hub's (device protocol reference, 2.2),
 * both ways. */
#include <inttypes.h>
#include <math.h>

#include "amqp/message.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/guid.h"
#include "base/json.h"

#define TEXT(literal)                                                                              \
    {                                                                                              \
        ("" literal ""), sizeof(literal) - 1                                                       \
    }

enum place { IN_PROPERTIES, IN_APPLICATION, IN_ANNOTATIONS };

#define NO_FIELD AMQP_PROPERTY_COUNT

/* The hub's name, and where it is on AMQP. The hub's own names come in the order in which they are
 * looked for. */
static const struct mapping {
    struct str hub_name;
    enum place place;
    enum amqp_property property; /* IN_PROPERTIES */
    struct str name;             /* otherwise */
} mappings[] = {
    {TEXT("messageId"), IN_PROPERTIES, AMQP_MESSAGE_ID, TEXT("")},
    {TEXT("correlationId"), IN_PROPERTIES, AMQP_CORRELATION_ID, TEXT("")},
    {TEXT("userId"), IN_PROPERTIES, AMQP_USER_ID, TEXT("")},
    {TEXT("to"), IN_PROPERTIES, AMQP_TO, TEXT("")},
    {TEXT("contentType"), IN_PROPERTIES, AMQP_CONTENT_TYPE, TEXT("")},
    {TEXT("contentEncoding"), IN_PROPERTIES, AMQP_CONTENT_ENCODING, TEXT("")},
    {TEXT("expiryTimeUtc"), IN_PROPERTIES, AMQP_ABSOLUTE_EXPIRY_TIME, TEXT("")},
    {TEXT("creationTimeUtc"), IN_APPLICATION, NO_FIELD, TEXT("iothub-creation-time-utc")},
    {TEXT("messageSchema"), IN_APPLICATION, NO_FIELD, TEXT("iothub-message-schema")},
    {TEXT("outputName"), IN_APPLICATION, NO_FIELD, TEXT("iothub-outputname")},
    {TEXT("ack"), IN_APPLICATION, NO_FIELD, TEXT("iothub-ack")},
    {TEXT("interfaceId"), IN_ANNOTATIONS, NO_FIELD, TEXT("iothub-interface-id")},
    {TEXT("componentName"), IN_ANNOTATIONS, NO_FIELD, TEXT("dt-subject")},
    {TEXT("diagnosticId"), IN_ANNOTATIONS, NO_FIELD, TEXT("Diagnostic-Id")},
    {TEXT("diagnosticContext"), IN_ANNOTATIONS, NO_FIELD, TEXT("Correlation-Context")},
};

enum { MAPPING_COUNT = ARRAY_SIZE(mappings), NUMBER_SIZE_MAX = 32, NO_MAPPING = -1 };

/* Who sent a message the hub says itself, whatever a client writes there. */
static bool is_stamped(struct str name)
{
    return str_equal(name, STR("iothub-connection-device-id")) ||
           str_equal(name, STR("iothub-connection-module-id"));
}

static int find_named(enum place place, struct str name)
{
    for (size_t i = 0; i < MAPPING_COUNT; i++) {
        if (mappings[i].place == place && str_equal(mappings[i].name, name)) {
            return (int)i;
        }
    }
    return NO_MAPPING;
}

/* ---- values as texts ---- */

static enum hub_code kept(const char *text, size_t size, struct str *ret_text,
                          struct problem *problem)
{
    if (text == NULL) {
        problem_set(problem, PROBLEM_NO_OFFSET, "the message does not fit into memory");
        return HUB_SERVER_ERROR;
    }
    *ret_text = str_of(text, size);
    return HUB_OK;
}

static enum hub_code keep(struct arena *arena, struct str text, struct str *ret_text,
                          struct problem *problem)
{
    return kept(arena_copy(arena, text), text.size, ret_text, problem);
}

static enum hub_code keep_formatted(char *text, struct str *ret_text, struct problem *problem)
{
    return kept(text, text == NULL ? 0 : strlen(text), ret_text, problem);
}

static enum hub_code number_text(double number, struct arena *arena, struct str *ret_text,
                                 struct problem *problem)
{
    if (isnan(number)) {
        *ret_text = STR("NaN");
        return HUB_OK;
    }
    if (isinf(number)) {
        *ret_text = number < 0 ? STR("-Infinity") : STR("Infinity");
        return HUB_OK;
    }
    struct buf text CLEANUP(buf_finish) = BUF_INIT(NUMBER_SIZE_MAX);
    json_append_number(&text, number);
    return buf_status(&text) == STATUS_OK ? keep(arena, buf_str(&text), ret_text, problem)
                                          : kept(NULL, 0, ret_text, problem);
}

static enum hub_code base64_text(struct str bytes, struct arena *arena, struct str *ret_text,
                                 struct problem *problem)
{
    const size_t size = BASE64_SIZE(bytes.size);
    char *text = arena_alloc(arena, size + 1);
    if (text != NULL) {
        base64_encode(bytes, text);
    }
    return kept(text, size, ret_text, problem);
}

static enum hub_code char_text(uint64_t code, struct arena *arena, struct str *ret_text,
                               struct problem *problem)
{
    char text[4];
    size_t size = 1;
    if (code < 0x80) {
        text[0] = (char)code;
    } else if (code < 0x800) {
        text[0] = (char)(0xc0 | code >> 6);
        size = 2;
    } else if (code < 0x10000) {
        text[0] = (char)(0xe0 | code >> 12);
        size = 3;
    } else {
        text[0] = (char)(0xf0 | code >> 18);
        size = 4;
    }
    for (size_t i = 1; i < size; i++) {
        text[i] = (char)(0x80 | ((code >> (6 * (size - 1 - i))) & 0x3f));
    }
    return keep(arena, str_of(text, size), ret_text, problem);
}

static int64_t micros_of(int64_t milliseconds)
{
    /* Years that ISO 8601 has no four digits for are as good as never. */
    const int64_t most = INT64_C(253402300799999);
    const int64_t bounded = milliseconds > most ? most : milliseconds;
    return bounded < CLOCK_NEVER / 1000 ? CLOCK_NEVER : bounded * 1000;
}

static enum hub_code text_of(const struct amqp_value *value, struct arena *arena,
                             struct str *ret_text, struct problem *problem)
{
    struct guid uuid;
    char uuid_text[GUID_TEXT_SIZE];
    char time[CLOCK_TEXT_SIZE];
    switch (value->type) {
    case AMQP_NULL:
        *ret_text = (struct str){0};
        return HUB_OK;
    case AMQP_STRING:
    case AMQP_SYMBOL:
        *ret_text = value->bytes;
        return HUB_OK;
    case AMQP_BOOLEAN:
        *ret_text = value->u != 0 ? STR("true") : STR("false");
        return HUB_OK;
    case AMQP_UBYTE:
    case AMQP_USHORT:
    case AMQP_UINT:
    case AMQP_ULONG:
        return keep_formatted(arena_format(arena, "%" PRIu64, value->u), ret_text, problem);
    case AMQP_BYTE:
    case AMQP_SHORT:
    case AMQP_INT:
    case AMQP_LONG:
        return keep_formatted(arena_format(arena, "%" PRId64, value->i), ret_text, problem);
    case AMQP_FLOAT:
    case AMQP_DOUBLE:
        return number_text(value->d, arena, ret_text, problem);
    case AMQP_CHAR:
        return char_text(value->u, arena, ret_text, problem);
    case AMQP_TIMESTAMP:
        clock_text_iso(micros_of(value->i), time);
        return keep(arena, str_from(time), ret_text, problem);
    case AMQP_UUID:
        memcpy(uuid.bytes, value->bytes.data, GUID_SIZE);
        guid_text(&uuid, uuid_text);
        return keep(arena, str_from(uuid_text), ret_text, problem);
    case AMQP_BINARY:
        return base64_text(value->bytes, arena, ret_text, problem);
    case AMQP_DECIMAL:
    case AMQP_LIST:
    case AMQP_MAP:
    case AMQP_ARRAY:
    case AMQP_DESCRIBED:
        break;
    }
    return HUB_ARGUMENT_INVALID;
}

/* ---- to the hub ---- */

struct builder {
    struct arena *arena;
    struct hub_property *system, *application;
    size_t system_count, application_count;
    bool seen[MAPPING_COUNT];
    struct problem *problem;
};

static enum hub_code property_text(struct builder *builder, struct str name,
                                   const struct amqp_value *value, struct str *ret_text)
{
    const enum hub_code code = text_of(value, builder->arena, ret_text, builder->problem);
    if (code == HUB_ARGUMENT_INVALID) {
        problem_set(builder->problem, PROBLEM_NO_OFFSET,
                    "property '%.*s' is a %s, which has no text: send a string",
                    (int)(name.size > 64 ? 64 : name.size), name.data, amqp_type_name(value->type));
    }
    return code;
}

/* Of two of one name the first counts. */
static enum hub_code add_system(struct builder *builder, size_t mapping,
                                const struct amqp_value *value)
{
    struct str text = STR_EMPTY;
    if (builder->seen[mapping] || value->type == AMQP_NULL) {
        return HUB_OK;
    }
    const bool as_it_is = mappings[mapping].property == AMQP_USER_ID;
    const enum hub_code code =
        as_it_is ? HUB_OK : property_text(builder, mappings[mapping].hub_name, value, &text);
    if (code == HUB_OK) {
        builder->seen[mapping] = true;
        builder->system[builder->system_count++] = (struct hub_property){
            .name = mappings[mapping].hub_name,
            .value = as_it_is ? value->bytes : text,
        };
    }
    return code;
}

static enum hub_code add_properties(struct builder *builder, const struct amqp_message *message)
{
    enum hub_code code = HUB_OK;
    for (size_t i = 0; i < MAPPING_COUNT && code == HUB_OK && message->property_count > 0; i++) {
        if (mappings[i].place == IN_PROPERTIES) {
            code = add_system(builder, i, &message->properties[mappings[i].property]);
        }
    }
    return code;
}

static enum hub_code add_annotations(struct builder *builder, const struct amqp_value *map)
{
    enum hub_code code = HUB_OK;
    struct amqp_value name;
    struct amqp_value value;
    if (map->type != AMQP_MAP) {
        return HUB_OK;
    }
    struct amqp_reader pairs = amqp_reader_inside(map);
    while (code == HUB_OK && amqp_map_next(&pairs, &name, &value)) {
        const bool named = name.type == AMQP_SYMBOL || name.type == AMQP_STRING;
        const int mapping = named ? find_named(IN_ANNOTATIONS, name.bytes) : NO_MAPPING;
        if (mapping != NO_MAPPING) {
            code = add_system(builder, (size_t)mapping, &value);
        }
    }
    return code;
}

static enum hub_code add_application(struct builder *builder, const struct amqp_value *map)
{
    enum hub_code code = HUB_OK;
    struct amqp_value name;
    struct amqp_value value;
    if (map->type != AMQP_MAP) {
        return HUB_OK;
    }
    struct amqp_reader pairs = amqp_reader_inside(map);
    while (code == HUB_OK && amqp_map_next(&pairs, &name, &value)) {
        const int mapping = find_named(IN_APPLICATION, name.bytes);
        struct str text = STR_EMPTY;
        if (mapping != NO_MAPPING) {
            code = add_system(builder, (size_t)mapping, &value);
        } else if (!is_stamped(name.bytes)) {
            code = property_text(builder, name.bytes, &value, &text);
            builder->application[builder->application_count++] =
                (struct hub_property){.name = name.bytes, .value = text};
        }
    }
    return code;
}

/* The field of the standard counts when the application property of the service is not there. */
static enum hub_code add_creation_time(struct builder *builder, const struct amqp_message *message)
{
    if (message->property_count <= AMQP_CREATION_TIME) {
        return HUB_OK;
    }
    const int mapping = find_named(IN_APPLICATION, STR("iothub-creation-time-utc"));
    return add_system(builder, (size_t)mapping, &message->properties[AMQP_CREATION_TIME]);
}

static bool reserve(struct builder *builder, const struct amqp_message *message)
{
    const size_t pairs = message->application.type == AMQP_MAP ? message->application.count / 2 : 0;
    builder->system = ARENA_ARRAY(builder->arena, struct hub_property, MAPPING_COUNT + pairs);
    builder->application = builder->system == NULL ? NULL : builder->system + MAPPING_COUNT;
    return builder->system != NULL;
}

enum hub_code amqp_message_to_hub(const struct amqp_message *message, struct arena *arena,
                                  struct hub_message *ret_message, struct problem *problem)
{
    struct builder builder = {.arena = arena, .problem = problem};
    struct str body = STR_EMPTY;
    enum hub_code code = amqp_message_body(message, arena, &body, problem);
    if (code == HUB_OK && !reserve(&builder, message)) {
        problem_set(problem, PROBLEM_NO_OFFSET, "the message does not fit into memory");
        code = HUB_SERVER_ERROR;
    }
    if (code == HUB_OK) {
        code = add_properties(&builder, message);
    }
    if (code == HUB_OK) {
        code = add_annotations(&builder, &message->annotations);
    }
    if (code == HUB_OK) {
        code = add_application(&builder, &message->application);
    }
    if (code == HUB_OK) {
        code = add_creation_time(&builder, message);
    }
    if (code == HUB_OK) {
        *ret_message = (struct hub_message){
            .system = builder.system,
            .system_count = builder.system_count,
            .application = builder.application,
            .application_count = builder.application_count,
            .body = body,
        };
    }
    return code;
}

/* ---- the body ---- */

static enum hub_code join_data(const struct amqp_message *message, struct arena *arena,
                               struct str *ret_body, struct problem *problem)
{
    size_t size = 0;
    struct str data;
    struct amqp_reader sections = amqp_body(message);
    while (amqp_body_next(&sections, &data)) {
        size += data.size;
    }
    char *whole = arena_alloc(arena, size + 1);
    size = 0;
    sections = amqp_body(message);
    while (whole != NULL && amqp_body_next(&sections, &data)) {
        if (data.size > 0) {
            memcpy(whole + size, data.data, data.size);
        }
        size += data.size;
    }
    return kept(whole, size, ret_body, problem);
}

enum hub_code amqp_message_body(const struct amqp_message *message, struct arena *arena,
                                struct str *ret_body, struct problem *problem)
{
    const enum amqp_type type = message->body.type;
    if (message->body_count == 0 || type == AMQP_NULL) {
        *ret_body = STR_EMPTY;
        return HUB_OK;
    }
    if (message->body_count > 1 && message->body_is == AMQP_SECTION_DATA) {
        return join_data(message, arena, ret_body, problem);
    }
    if (type == AMQP_BINARY || type == AMQP_STRING) {
        *ret_body = message->body.bytes;
        return HUB_OK;
    }
    problem_set(problem, PROBLEM_NO_OFFSET,
                "the body is a %s: send data sections, or one string or binary value",
                amqp_type_name(type));
    return HUB_ARGUMENT_INVALID;
}

/* ---- from the hub ---- */

struct scattered {
    struct amqp_value properties[AMQP_PROPERTY_COUNT];
    struct hub_property annotations[MAPPING_COUNT];
    struct hub_property application[MAPPING_COUNT];
    size_t annotation_count, application_count;
    bool seen[MAPPING_COUNT];
};

static struct amqp_value field_value(enum amqp_property field, struct str text)
{
    int64_t time_us = 0;
    if (field == AMQP_ABSOLUTE_EXPIRY_TIME) {
        return clock_from_iso(text, &time_us) ? amqp_timestamp(time_us)
                                              : (struct amqp_value){.type = AMQP_NULL};
    }
    if (field == AMQP_USER_ID) {
        return amqp_binary(text);
    }
    const bool is_symbol = field == AMQP_CONTENT_TYPE || field == AMQP_CONTENT_ENCODING;
    return is_symbol ? amqp_symbol(text) : amqp_string(text);
}

static void scatter_one(struct scattered *scattered, const struct hub_property *property)
{
    size_t i = 0;
    while (i < MAPPING_COUNT && !str_equal(mappings[i].hub_name, property->name)) {
        i++;
    }
    if (i == MAPPING_COUNT || property->value.data == NULL || scattered->seen[i]) {
        return;
    }
    scattered->seen[i] = true;
    const struct hub_property named = {.name = mappings[i].name, .value = property->value};
    switch (mappings[i].place) {
    case IN_PROPERTIES:
        scattered->properties[mappings[i].property] =
            field_value(mappings[i].property, property->value);
        break;
    case IN_APPLICATION:
        scattered->application[scattered->application_count++] = named;
        break;
    case IN_ANNOTATIONS:
        scattered->annotations[scattered->annotation_count++] = named;
        break;
    }
}

static void append_text(struct buf *out, struct str text)
{
    if (text.data == NULL) {
        amqp_append_null(out);
    } else {
        amqp_append_string(out, text);
    }
}

static void append_annotations(struct buf *out, const struct scattered *scattered,
                               const struct amqp_entry *annotations, size_t count)
{
    const size_t all = count + scattered->annotation_count;
    if (all == 0) {
        return;
    }
    amqp_append_descriptor(out, AMQP_SECTION_ANNOTATIONS);
    const struct amqp_open open = amqp_open_map(out);
    for (size_t i = 0; i < count; i++) {
        amqp_append_symbol(out, annotations[i].name);
        amqp_append(out, &annotations[i].value);
    }
    for (size_t i = 0; i < scattered->annotation_count; i++) {
        amqp_append_symbol(out, scattered->annotations[i].name);
        amqp_append_string(out, scattered->annotations[i].value);
    }
    amqp_close(out, open, (uint32_t)(2 * all));
}

static void append_pairs(struct buf *out, const struct hub_property *pairs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        amqp_append_string(out, pairs[i].name);
        append_text(out, pairs[i].value);
    }
}

void amqp_append_hub_message(struct buf *out, const struct hub_message *message,
                             const struct amqp_entry *annotations, size_t annotation_count)
{
    struct scattered scattered = {0};
    for (size_t i = 0; i < message->system_count; i++) {
        scatter_one(&scattered, &message->system[i]);
    }
    append_annotations(out, &scattered, annotations, annotation_count);
    amqp_append_properties(out, scattered.properties);
    const size_t pairs = scattered.application_count + message->application_count;
    if (pairs > 0) {
        amqp_append_descriptor(out, AMQP_SECTION_APPLICATION);
        const struct amqp_open open = amqp_open_map(out);
        append_pairs(out, scattered.application, scattered.application_count);
        append_pairs(out, message->application, message->application_count);
        amqp_close(out, open, (uint32_t)(2 * pairs));
    }
    amqp_append_data(out, message->body);
}
