/* SPDX-License-Identifier: MIT */
#include "https/https_internal.h"

#define APPLICATION_PREFIX STR("iothub-app-")

/* Device protocol reference, 8.2: header, and its name in the journal. */
static const struct {
    const char *header;
    const char *name;
} system_properties[] = {
    {"iothub-messageid", "messageId"},
    {"iothub-correlationid", "correlationId"},
    {"iothub-userid", "userId"},
    {"iothub-to", "to"},
    {"iothub-expiry", "expiryTimeUtc"},
    {"iothub-ack", "ack"},
    {"iothub-contenttype", "contentType"},
    {"iothub-contentencoding", "contentEncoding"},
    {"iothub-creationtimeutc", "creationTimeUtc"},
    {"iothub-messageschema", "messageSchema"},
    {"iothub-interface-id", "interfaceId"},
    {"dt-subject", "componentName"},
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

static const char *header_of(struct str name)
{
    for (size_t i = 0; i < ARRAY_SIZE(system_properties); i++) {
        if (str_equal(name, str_from(system_properties[i].name))) {
            return system_properties[i].header;
        }
    }
    return NULL;
}

/* The header of a property; NULL: none can carry it, or memory was refused. */
static const char *header_name(struct https_request *request, const struct hub_property *property,
                               bool system)
{
    if (!fits_header(property->name, property->value)) {
        return NULL;
    }
    return system ? header_of(property->name)
                  : arena_format(request->arena, "iothub-app-%.*s", STR_ARG(property->name));
}

static size_t answer_properties(struct https_request *request,
                                const struct hub_property *properties, size_t count, bool system,
                                size_t *room)
{
    size_t left_out = 0;
    for (size_t i = 0; i < count; i++) {
        const char *name = header_name(request, &properties[i], system);
        const size_t size = name == NULL ? 0 : strlen(name) + properties[i].value.size;
        if (name == NULL || size > *room) {
            left_out++;
            continue;
        }
        *room -= size;
        https_answer_header(request, name, properties[i].value);
    }
    return left_out;
}

size_t https_properties_answer(struct https_request *request, const struct hub_message *message)
{
    size_t room = HTTPS_ANSWER_PROPERTIES_MAX;
    return answer_properties(request, message->system, message->system_count, true, &room) +
           answer_properties(request, message->application, message->application_count, false,
                             &room);
}
