/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <math.h>

#include "base/json.h"
#include "hub/hub_internal.h"

/* Service reference, 3.5. */
enum {
    DEPTH_MAX = 10,
    NAME_SIZE_MAX = 1024,
    STRING_SIZE_MAX = 4096,
    TAGS_SIZE_MAX = 8192,
    PROPERTIES_SIZE_MAX = 32768,
    NUMBER_SIZE = 8,
    BOOLEAN_SIZE = 4,
};
static const double integer_max = 4503599627370495.0;
static const double integer_min = -4503599627370496.0;
/* cJSON keeps no trace of how a number was written. Beyond 64 bits no client's integer goes, so a
 * whole number out there was written as a floating-point one and is fine. */
static const double integer_type_max = 9223372036854775808.0;

static const char *section_name(enum hub_section section)
{
    switch (section) {
    case HUB_SECTION_TAGS:
        return "tags";
    case HUB_SECTION_DESIRED:
        return "properties.desired";
    case HUB_SECTION_REPORTED:
        return "properties.reported";
    }
    assert(false);
    return "";
}

bool hub_is_echo_member(const char *name)
{
    return strcmp(name, "$metadata") == 0 || strcmp(name, "$version") == 0;
}

static bool is_control(unsigned char first, unsigned char second)
{
    /* C0, DEL, and C1, which UTF-8 writes as C2 80 to C2 9F. */
    return first < 0x20 || first == 0x7f || (first == 0xc2 && second >= 0x80 && second < 0xa0);
}

static enum hub_code check_name(const char *name, const char *where, struct problem *problem)
{
    const size_t size = strlen(name);
    if (size == 0 || size > NAME_SIZE_MAX) {
        problem_set(problem, PROBLEM_NO_OFFSET, "a name in %s has %zu bytes; 1 to %d are allowed",
                    where, size, NAME_SIZE_MAX);
        return HUB_ARGUMENT_INVALID;
    }
    for (size_t i = 0; i < size; i++) {
        if (name[i] == '.' || name[i] == '$' || name[i] == ' ' ||
            is_control((unsigned char)name[i], (unsigned char)name[i + 1])) {
            problem_set(problem, PROBLEM_NO_OFFSET,
                        "the name '%.100s' in %s has a '.', '$', space or control character", name,
                        where);
            return HUB_ARGUMENT_INVALID;
        }
    }
    return HUB_OK;
}

static enum hub_code check_scalar(const cJSON *value, const char *where, struct problem *problem)
{
    if (cJSON_IsString(value) && strlen(value->valuestring) > STRING_SIZE_MAX) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "a string in %s has %zu bytes; at most %d are allowed", where,
                    strlen(value->valuestring), STRING_SIZE_MAX);
        return HUB_ARGUMENT_INVALID;
    }
    if (!cJSON_IsNumber(value)) {
        return HUB_OK;
    }
    const double number = value->valuedouble;
    const bool whole = floor(number) >= number && fabs(number) < integer_type_max;
    if (whole && (number > integer_max || number < integer_min)) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "the integer %.0f in %s is outside -4503599627370496 to 4503599627370495",
                    number, where);
        return HUB_ARGUMENT_INVALID;
    }
    return HUB_OK;
}

static enum hub_code check_value(const cJSON *value, bool in_array, size_t depth, const char *where,
                                 struct problem *problem);

static enum hub_code check_members(const cJSON *container, size_t depth, const char *where,
                                   struct problem *problem)
{
    const bool array = cJSON_IsArray(container);
    const cJSON *member = NULL;
    cJSON_ArrayForEach(member, container)
    {
        enum hub_code code = array ? HUB_OK : check_name(member->string, where, problem);
        if (code == HUB_OK) {
            code = check_value(member, array, depth, where, problem);
        }
        if (code != HUB_OK) {
            return code;
        }
    }
    return HUB_OK;
}

/* `depth` containers lie between the section and this value. */
static enum hub_code check_value(const cJSON *value, bool in_array, size_t depth, const char *where,
                                 struct problem *problem)
{
    if (cJSON_IsNull(value) && in_array) {
        problem_set(problem, PROBLEM_NO_OFFSET, "an array in %s holds a null", where);
        return HUB_ARGUMENT_INVALID;
    }
    if (!cJSON_IsObject(value) && !cJSON_IsArray(value)) {
        return check_scalar(value, where, problem);
    }
    if (depth == DEPTH_MAX) {
        problem_set(problem, PROBLEM_NO_OFFSET, "%s is nested deeper than %d levels", where,
                    DEPTH_MAX);
        return HUB_ARGUMENT_INVALID;
    }
    return check_members(value, depth + 1, where, problem);
}

enum hub_code hub_section_check(const cJSON *patch, enum hub_section section, bool from_service,
                                struct problem *problem)
{
    const char *where = section_name(section);
    if (!cJSON_IsObject(patch)) {
        problem_set(problem, PROBLEM_NO_OFFSET, "%s must be a JSON object", where);
        return HUB_ARGUMENT_INVALID;
    }
    const cJSON *member = NULL;
    cJSON_ArrayForEach(member, patch)
    {
        if (from_service && hub_is_echo_member(member->string)) {
            continue;
        }
        enum hub_code code = check_name(member->string, where, problem);
        if (code == HUB_OK) {
            code = check_value(member, false, 0, where, problem);
        }
        if (code != HUB_OK) {
            return code;
        }
    }
    return HUB_OK;
}

/* Bytes of a name or string as they count: without control characters. */
static size_t text_size(const char *text)
{
    size_t size = 0;
    for (size_t i = 0; text[i] != '\0'; i++) {
        if (is_control((unsigned char)text[i], (unsigned char)text[i + 1])) {
            i += (unsigned char)text[i] == 0xc2 ? 1U : 0U;
            continue;
        }
        size++;
    }
    return size;
}

static size_t counted_size(const cJSON *value)
{
    if (cJSON_IsString(value)) {
        return text_size(value->valuestring);
    }
    if (cJSON_IsNumber(value)) {
        return NUMBER_SIZE;
    }
    if (cJSON_IsBool(value)) {
        return BOOLEAN_SIZE;
    }
    size_t size = 0;
    const cJSON *member = NULL;
    cJSON_ArrayForEach(member, value)
    {
        size += (member->string == NULL ? 0 : text_size(member->string)) + counted_size(member);
    }
    return size;
}

enum hub_code hub_section_check_size(const cJSON *document, enum hub_section section,
                                     struct problem *problem)
{
    const char *where = section_name(section);
    const size_t limit = section == HUB_SECTION_TAGS ? TAGS_SIZE_MAX : PROPERTIES_SIZE_MAX;
    const size_t size = counted_size(document);
    if (size > limit) {
        problem_set(problem, PROBLEM_NO_OFFSET, "%s would have %zu bytes; at most %zu are allowed",
                    where, size, limit);
        return HUB_ARGUMENT_INVALID;
    }
    /* A merge cannot nest deeper than the patch and the document it fell into. */
    return check_members(document, 0, where, problem);
}
