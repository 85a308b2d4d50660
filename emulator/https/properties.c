/* SPDX-License-Identifier: MIT */
#include "https/https_internal.h"

#define APPLICATION_PREFIX STR("iothub-app-")

/* Device protocol reference, 8.2: header, its name in the journal, and the other header in which
 * the C SDK looks for it when it receives (8.3). */
static const struct {
    const char *header;
    const char *name;
    const char *also;
} system_properties[] = {
    {"iothub-messageid", "messageId", NULL},
    {"iothub-correlationid", "correlationId", NULL},
    {"iothub-userid", "userId", NULL},
    {"iothub-to", "to", NULL},
    {"iothub-expiry", "expiryTimeUtc", NULL},
    {"iothub-ack", "ack", NULL},
    {"iothub-contenttype", "contentType", "ContentType"},
    {"iothub-contentencoding", "contentEncoding", "ContentEncoding"},
    {"iothub-creationtimeutc", "creationTimeUtc", NULL},
    {"iothub-messageschema", "messageSchema", NULL},
    {"iothub-interface-id", "interfaceId", NULL},
    {"dt-subject", "componentName", NULL},
};

bool https_properties_reserve(struct arena *arena, size_t count,
                              struct https_properties *ret_properties)
{
    struct hub_property *both = ARENA_ARRAY(arena, struct hub_property, 2 * count + 1);
    if (both == NULL) {
        return false;
    }
    *ret_properties = (struct https_properties){.system = both, .application = both + count};
    return true;
}

bool https_properties_add(struct https_properties *properties, struct str name, struct str value)
{
    if (str_starts_nocase(name, APPLICATION_PREFIX)) {
        properties->application[properties->application_count++] = (struct hub_property){
            .name = str_skip(name, APPLICATION_PREFIX.size),
            .value = value,
        };
        return true;
    }
    for (size_t i = 0; i < ARRAY_SIZE(system_properties); i++) {
        if (str_equal_nocase(name, str_from(system_properties[i].header))) {
            properties->system[properties->system_count++] = (struct hub_property){
                .name = str_from(system_properties[i].name),
                .value = value,
            };
            return true;
        }
    }
    return false;
}

struct hub_message https_properties_message(const struct https_properties *properties,
                                            struct str body)
{
    return (struct hub_message){
        .system = properties->system,
        .system_count = properties->system_count,
        .application = properties->application,
        .application_count = properties->application_count,
        .body = body,
    };
}

/* ---- from a request ---- */

static void count_header(void *ctx, struct str name, struct str value)
{
    (void)name;
    (void)value;
    size_t *count = ctx;
    (*count)++;
}

static void add_header(void *ctx, struct str name, struct str value)
{
    (void)https_properties_add(ctx, name, value);
}

bool https_properties_of_headers(struct https_request *request,
                                 struct https_properties *ret_properties)
{
    enum { ADDED_LATER = 2 };
    size_t count = 0;
    http_headers_each(request->exchange, count_header, &count);
    if (!https_properties_reserve(request->arena, count + ADDED_LATER, ret_properties)) {
        return false;
    }
    http_headers_each(request->exchange, add_header, ret_properties);
    return true;
}

/* ---- into an answer ---- */

/* A name must be a token (RFC 9110, 5.6.2), a value without control characters. */
static bool fits_header(struct str name, struct str value)
{
    for (size_t i = 0; i < name.size; i++) {
        const char c = name.data[i];
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(c >= '0' && c <= '9') &&
            (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL)) {
            return false;
        }
    }
    for (size_t i = 0; i < value.size; i++) {
        if ((unsigned char)value.data[i] < ' ' || value.data[i] == 0x7f) {
            return false;
        }
    }
    return name.size > 0;
}

/* Writes one header if there is room. */
static bool answer_one(struct https_request *request, const char *name, struct str value,
                       size_t *room)
{
    const size_t size = strlen(name) + value.size;
    if (size > *room) {
        return false;
    }
    *room -= size;
    https_answer_header(request, name, value);
    return true;
}

static bool answer_system(struct https_request *request, const struct hub_property *property,
                          size_t *room)
{
    for (size_t i = 0; i < ARRAY_SIZE(system_properties); i++) {
        if (!str_equal(property->name, str_from(system_properties[i].name))) {
            continue;
        }
        const char *also = system_properties[i].also;
        return fits_header(property->name, property->value) &&
               answer_one(request, system_properties[i].header, property->value, room) &&
               (also == NULL || answer_one(request, also, property->value, room));
    }
    return false;
}

static bool answer_application(struct https_request *request, const struct hub_property *property,
                               size_t *room)
{
    if (!fits_header(property->name, property->value)) {
        return false;
    }
    const char *name = arena_format(request->arena, "iothub-app-%.*s", STR_ARG(property->name));
    return name != NULL && answer_one(request, name, property->value, room);
}

size_t https_properties_answer(struct https_request *request, const struct hub_message *message)
{
    size_t room = HTTPS_ANSWER_PROPERTIES_MAX;
    size_t left_out = 0;
    for (size_t i = 0; i < message->system_count; i++) {
        left_out += !answer_system(request, &message->system[i], &room);
    }
    for (size_t i = 0; i < message->application_count; i++) {
        left_out += !answer_application(request, &message->application[i], &room);
    }
    return left_out;
}
