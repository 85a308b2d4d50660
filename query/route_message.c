/* SPDX-License-Identifier: MIT */
#include <assert.h>

#include "base/json.h"
#include "query/lexer_internal.h"
#include "query/row_internal.h"

/* A message becomes the row of a route's condition: each path it names is looked up once. */

enum { BODY_TEXT_MAX = 1 << 20 };

static const struct query_property *find(const struct query_property *properties, size_t count,
                                         struct str name)
{
    for (size_t i = 0; i < count; i++) {
        if (str_equal_nocase(properties[i].name, name)) {
            return &properties[i];
        }
    }
    return NULL;
}

static struct query_value property_value(const struct query_property *property)
{
    if (property == NULL) {
        return (struct query_value){.type = QUERY_UNDEFINED};
    }
    return property->value.data == NULL ? query_null() : query_string(property->value);
}

/* ---- the body ---- */

/* `text` without parameters: "application/json; charset=utf-8" is application/json. */
static bool is_media_type(struct str text, const char *wanted)
{
    struct str type;
    struct str parameters;
    (void)str_cut(text, ';', &type, &parameters);
    return str_equal_nocase(str_trim(type), str_from(wanted));
}

static uint32_t unit_at(struct str bytes, size_t width, bool big_endian, size_t at)
{
    uint32_t unit = 0;
    for (size_t i = 0; i < width; i++) {
        const size_t index = big_endian ? i : width - 1 - i;
        unit = unit << 8 | (unsigned char)bytes.data[at + index];
    }
    return unit;
}

/* UTF-16 and UTF-32 to UTF-8: little-endian unless a byte order mark says otherwise. */
static void transcode(struct str bytes, size_t width, struct buf *out)
{
    const bool marked = bytes.size >= width && unit_at(bytes, width, true, 0) == 0xFEFF;
    const bool big_endian = marked;
    size_t at =
        marked || (bytes.size >= width && unit_at(bytes, width, false, 0) == 0xFEFF) ? width : 0;
    while (bytes.size - at >= width) {
        uint32_t code_point = unit_at(bytes, width, big_endian, at);
        at += width;
        const bool high = width == 2 && code_point >= 0xD800 && code_point < 0xDC00;
        const uint32_t low =
            high && bytes.size - at >= width ? unit_at(bytes, width, big_endian, at) : 0;
        if (low >= 0xDC00 && low < 0xE000) {
            code_point = 0x10000 + ((code_point - 0xD800) << 10) + (low - 0xDC00);
            at += width;
        }
        char utf8[4];
        buf_append_str(out, str_of(utf8, query_utf8_encode(code_point, utf8)));
    }
}

/* What cannot be read leaves no tree; only memory is an error. */
static enum status read_tree(struct str text, cJSON **ret_tree)
{
    cJSON *tree = NULL;
    const enum status status = text.size == 0 ? STATUS_INVALID : json_parse(text, &tree, NULL);
    if (status == STATUS_OK) {
        *ret_tree = tree;
    }
    return status == STATUS_NO_MEMORY ? status : STATUS_OK;
}

static enum status read_body(const struct query_message *message, cJSON **ret_tree)
{
    const struct query_property *type =
        find(message->system, message->system_count, STR("contentType"));
    const struct query_property *encoding =
        find(message->system, message->system_count, STR("contentEncoding"));
    if (type == NULL || encoding == NULL || !is_media_type(type->value, "application/json")) {
        return STATUS_OK;
    }
    const struct str name = str_trim(encoding->value);
    if (str_equal_nocase(name, STR("utf-8"))) {
        return read_tree(message->body, ret_tree);
    }
    const bool is_16 = str_equal_nocase(name, STR("utf-16"));
    if (!is_16 && !str_equal_nocase(name, STR("utf-32"))) {
        return STATUS_OK;
    }
    CLEANUP(buf_finish) struct buf text = BUF_INIT(BODY_TEXT_MAX);
    transcode(message->body, is_16 ? 2 : 4, &text);
    if (buf_status(&text) != STATUS_OK) {
        return buf_status(&text) == STATUS_NO_MEMORY ? STATUS_NO_MEMORY : STATUS_OK;
    }
    return read_tree(buf_str(&text), ret_tree);
}

/* ---- paths into it ---- */

/* A member of the body by its exact name, one of the twin in any letter case (reference, 6.1). */
static const cJSON *find_member(const cJSON *object, struct str name, bool any_case)
{
    const cJSON *alike = NULL;
    if (!cJSON_IsObject(object)) {
        return NULL;
    }
    for (const cJSON *member = object->child; member != NULL; member = member->next) {
        const struct str known = str_from(member->string);
        if (str_equal(known, name)) {
            return member;
        }
        if (any_case && alike == NULL && str_equal_nocase(known, name)) {
            alike = member;
        }
    }
    return alike;
}

static const cJSON *find_element(const cJSON *array, size_t index)
{
    if (!cJSON_IsArray(array)) {
        return NULL;
    }
    const cJSON *element = array->child;
    while (element != NULL && index > 0) {
        element = element->next;
        index--;
    }
    return element;
}

static const cJSON *follow(const cJSON *tree, const struct query_path *path)
{
    for (size_t i = 0; i < path->name_count && tree != NULL; i++) {
        tree = find_member(tree, path->names[i], path->root == ROOT_TWIN);
        if (tree != NULL && path->indexes[i] != QUERY_NO_INDEX) {
            tree = find_element(tree, path->indexes[i]);
        }
    }
    return tree;
}

/* ---- values ---- */

/* `count` digits as a number, -1 when they are none. */
static int digits(struct str text, size_t at, size_t count)
{
    int value = 0;
    for (size_t i = at; i < at + count; i++) {
        if (i >= text.size || text.data[i] < '0' || text.data[i] > '9') {
            return -1;
        }
        value = value * 10 + (text.data[i] - '0');
    }
    return value;
}

static int days_of(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

static bool is_day(struct str text)
{
    const int year = digits(text, 0, 4);
    const int month = digits(text, 5, 2);
    const int day = digits(text, 8, 2);
    return text.size > 10 && text.data[4] == '-' && text.data[7] == '-' && year >= 1 &&
           month >= 1 && month <= 12 && day >= 1 && day <= days_of(year, month);
}

/* "", "Z", "+01:00", "+0100" or "+01" */
static bool is_zone(struct str zone)
{
    if (zone.size == 0 || str_equal(zone, STR("Z"))) {
        return true;
    }
    if (zone.data[0] != '+' && zone.data[0] != '-') {
        return false;
    }
    const size_t colon = zone.size == 6 && zone.data[3] == ':' ? 1 : 0;
    const int hours = digits(zone, 1, 2);
    const int minutes = zone.size == 3 ? 0 : digits(zone, 3 + colon, 2);
    return (zone.size == 3 || zone.size == 5 + colon) && hours >= 0 && hours < 24 && minutes >= 0 &&
           minutes < 60;
}

/*
 * A string like 2017-03-09T00:00:00.123Z: the service makes a date of it, which is no value of the
 * language, so is_defined() of it is false (reference, 6.1).
 */
static bool is_date(struct str text)
{
    const int hour = digits(text, 11, 2);
    const int minute = digits(text, 14, 2);
    const int second = digits(text, 17, 2);
    if (text.size < 19 || text.data[10] != 'T' || text.data[13] != ':' || text.data[16] != ':' ||
        !is_day(text) || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 ||
        second > 59) {
        return false;
    }
    struct str rest = str_skip(text, 19);
    if (rest.size > 1 && rest.data[0] == '.' && digits(rest, 1, 1) >= 0) {
        size_t size = 1;
        while (size < rest.size && rest.data[size] >= '0' && rest.data[size] <= '9') {
            size++;
        }
        rest = str_skip(rest, size);
    }
    return is_zone(rest);
}

static struct query_value tree_value(const cJSON *tree)
{
    if (cJSON_IsString(tree)) {
        const struct str text = json_str(tree);
        return is_date(text) ? (struct query_value){.type = QUERY_UNDEFINED} : query_string(text);
    }
    if (cJSON_IsNumber(tree)) {
        return query_number(tree->valuedouble);
    }
    if (cJSON_IsBool(tree)) {
        return query_boolean(cJSON_IsTrue(tree) != 0);
    }
    if (cJSON_IsNull(tree)) {
        return query_null();
    }
    return (struct query_value){.type = cJSON_IsArray(tree)    ? QUERY_ARRAY
                                        : cJSON_IsObject(tree) ? QUERY_OBJECT
                                                               : QUERY_UNDEFINED};
}

static struct query_value look_up(const struct query_row *row, const struct query_message *message,
                                  const struct query_path *path)
{
    const bool application = path->root == ROOT_APPLICATION || !path->in_braces;
    const struct query_property *property =
        application ? find(message->application, message->application_count, path->written) : NULL;
    if (property != NULL || path->root == ROOT_APPLICATION) {
        return property_value(property);
    }
    if (path->root == ROOT_BODY || path->root == ROOT_TWIN) {
        /* The root alone is an object, which has no value, whatever the body is. */
        const cJSON *tree = path->root == ROOT_BODY ? row->route->body : row->route->twin;
        return path->name_count == 0 ? (struct query_value){.type = QUERY_UNDEFINED}
                                     : tree_value(follow(tree, path));
    }
    return property_value(find(message->system, message->system_count, str_skip(path->written, 1)));
}

static bool asks_for(const struct query *query, enum query_root root)
{
    const struct query_path *path = query->first_message_path;
    while (path != NULL && path->root != root) {
        path = path->next_message_path;
    }
    return path != NULL;
}

enum status query_row_set_message(struct query_row *row, const struct query_message *message)
{
    assert(row->route != NULL);
    query_row_clear(row);
    enum status status = STATUS_OK;
    if (asks_for(row->query, ROOT_BODY)) {
        status = read_body(message, &row->route->body);
    }
    if (status == STATUS_OK && asks_for(row->query, ROOT_TWIN)) {
        status = read_tree(message->twin, &row->route->twin);
    }
    if (status != STATUS_OK) {
        return status;
    }
    for (const struct query_path *path = row->query->first_message_path; path != NULL;
         path = path->next_message_path) {
        row->values[path->source.slot] = look_up(row, message, path);
    }
    return STATUS_OK;
}
