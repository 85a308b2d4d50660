/* SPDX-License-Identifier: MIT */
#include "clients/cli/event_row.h"

#include <stdio.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/json.h"

enum { TEXT_MAX = 128 << 20 };

/* ---- the payload ---- */

/* "application/json; charset=utf-8", "application/vnd.x+json" */
static bool is_json(const char *content_type)
{
    struct str type;
    struct str ignored;
    (void)str_cut(str_from(content_type), ';', &type, &ignored);
    type = str_trim(type);
    return str_equal_nocase(type, STR("application/json")) ||
           (type.size > 5 && str_equal_nocase(str_skip(type, type.size - 5), STR("+json")));
}

/* Only what cannot be mistaken for a text: "12" and "true" may be meant as such. */
static bool looks_like_json(struct str body)
{
    while (body.size > 0 &&
           (body.data[0] == ' ' || (body.data[0] >= '\t' && body.data[0] <= '\r'))) {
        body = str_skip(body, 1);
    }
    return body.size > 0 && (body.data[0] == '{' || body.data[0] == '[');
}

static cJSON *payload_of(struct str body, const char *content_type, bool *ret_is_binary)
{
    cJSON *tree = NULL;
    struct buf text CLEANUP(buf_finish) = BUF_INIT(TEXT_MAX);
    const bool wanted = content_type[0] == '\0' ? looks_like_json(body) : is_json(content_type);
    if (wanted && json_parse(body, &tree, NULL) == STATUS_OK) {
        return tree;
    }
    const bool is_text =
        str_is_utf8(body) && (body.size == 0 || memchr(body.data, '\0', body.size) == NULL);
    if (is_text) {
        buf_append_str(&text, body);
    } else {
        base64_append(&text, body);
    }
    *ret_is_binary = !is_text;
    return buf_status(&text) == STATUS_OK ? cJSON_CreateString(text.data == NULL ? "" : text.data)
                                          : NULL;
}

/* ---- the row ---- */

/* Takes the value, whatever comes of it; either may be NULL. */
static bool add(cJSON *object, const char *name, cJSON *value)
{
    if (value == NULL || !cJSON_AddItemToObject(object, name, value)) {
        cJSON_Delete(value);
        return false;
    }
    return true;
}

static bool add_text(cJSON *object, const char *name, const char *text)
{
    return add(object, name, cJSON_CreateString(text));
}

static const char *annotation(const struct iothub_event *event, const char *name)
{
    const cJSON *value = json_member(event->annotations, name);
    return cJSON_IsString(value) ? value->valuestring : "";
}

static bool add_properties(cJSON *object, const struct iothub_event *event, unsigned parts)
{
    if ((parts & (EVENT_SYSTEM | EVENT_APPLICATION)) == 0) {
        return true;
    }
    cJSON *properties = cJSON_CreateObject();
    if (!add(object, "properties", properties)) {
        return false;
    }
    return ((parts & EVENT_SYSTEM) == 0 ||
            add(properties, "system", cJSON_Duplicate(event->properties, true))) &&
           ((parts & EVENT_APPLICATION) == 0 ||
            add(properties, "application", cJSON_Duplicate(event->application, true)));
}

static bool fill(cJSON *object, const struct iothub_event *event, unsigned parts,
                 const char *content_type)
{
    bool is_binary = false;
    const char *type = content_type != NULL ? content_type : event->content_type;
    return add_text(object, "origin", event->device_id) &&
           add_text(object, "module", event->module_id) &&
           add_text(object, "interface", annotation(event, "dt-dataschema")) &&
           add_text(object, "component", annotation(event, "dt-subject")) &&
           add(object, "payload",
               payload_of(str_of(event->body, event->body_size), type, &is_binary)) &&
           (!is_binary || add_text(object, "payloadEncoding", "base64")) &&
           add_properties(object, event, parts) &&
           ((parts & EVENT_ANNOTATIONS) == 0 ||
            add(object, "annotations", cJSON_Duplicate(event->annotations, true)));
}

cJSON *event_row(const struct iothub_event *event, unsigned parts, const char *content_type)
{
    char time[CLOCK_TEXT_SIZE];
    cJSON *row CLEANUP(json_destroyp) = cJSON_CreateObject();
    cJSON *shown = cJSON_CreateObject();
    clock_text_iso(event->enqueued_ms * 1000, time);
    if (!add(row, "event", shown) || !fill(shown, event, parts, content_type) ||
        !add_text(row, "enqueuedTime", time) || !add_text(row, "source", event->source) ||
        !add_text(row, "partition", event->partition) ||
        !add(row, "sequenceNumber", cJSON_CreateNumber((double)event->sequence_number))) {
        return NULL;
    }
    return TAKE(row);
}

/* ---- the line ---- */

static const char *text_of(const cJSON *object, const char *name)
{
    const cJSON *value = json_member(object, name);
    return cJSON_IsString(value) ? value->valuestring : "";
}

static cJSON *device_of(const cJSON *event)
{
    struct buf text CLEANUP(buf_finish) = BUF_INIT(TEXT_MAX);
    const char *module = text_of(event, "module");
    buf_append_format(&text, "%s%s%s", text_of(event, "origin"), module[0] == '\0' ? "" : "/",
                      module);
    return buf_status(&text) == STATUS_OK ? cJSON_CreateString(text.data == NULL ? "" : text.data)
                                          : NULL;
}

static cJSON *described(const cJSON *row)
{
    const cJSON *event = json_member(row, "event");
    const cJSON *payload = json_member(event, "payload");
    const char *encoding = text_of(event, "payloadEncoding");
    const char *source = text_of(row, "source");
    if (str_equal(str_from(source), STR("Telemetry"))) {
        source = "";
    }
    if (source[0] == '\0' && encoding[0] == '\0') {
        return cJSON_Duplicate(payload, true);
    }
    struct buf text CLEANUP(buf_finish) = BUF_INIT(TEXT_MAX);
    buf_append_format(&text, "%s%s%s%s", source, source[0] == '\0' ? "" : " ", encoding,
                      encoding[0] == '\0' ? "" : " ");
    if (cJSON_IsString(payload)) {
        buf_append_str(&text, str_from(payload->valuestring));
    } else {
        json_append_tree(&text, payload);
    }
    return buf_status(&text) == STATUS_OK ? cJSON_CreateString(text.data) : NULL;
}

static bool add_members(cJSON *to, const cJSON *from)
{
    for (const cJSON *member = from == NULL ? NULL : from->child; member != NULL;
         member = member->next) {
        if (!add(to, member->string, cJSON_Duplicate(member, true))) {
            return false;
        }
    }
    return true;
}

cJSON *event_line(const cJSON *row)
{
    char time[sizeof("2026-11-21T11:00:00")];
    const cJSON *event = json_member(row, "event");
    const cJSON *properties = json_member(event, "properties");
    cJSON *line CLEANUP(json_destroyp) = cJSON_CreateObject();
    cJSON *asked = cJSON_CreateObject();
    (void)snprintf(time, sizeof(time), "%s", text_of(row, "enqueuedTime"));
    if (!add(line, "properties", asked) || !add_text(line, "time", time) ||
        !add(line, "device", device_of(event)) || !add(line, "payload", described(row)) ||
        !add_members(asked, json_member(properties, "application")) ||
        !add_members(asked, json_member(properties, "system")) ||
        !add_members(asked, json_member(event, "annotations"))) {
        return NULL;
    }
    return TAKE(line);
}

/* ---- whose ---- */

bool event_id_matches(struct str pattern, struct str id)
{
    struct str after_star = {0}; /* where to go on when what follows a star does not fit */
    struct str left = id;
    for (;;) {
        if (pattern.size > 0 && pattern.data[0] == '*') {
            pattern = str_skip(pattern, 1);
            after_star = pattern;
            id = left;
        } else if (pattern.size > 0 && left.size > 0 && pattern.data[0] == left.data[0]) {
            pattern = str_skip(pattern, 1);
            left = str_skip(left, 1);
        } else if (pattern.size == 0 && left.size == 0) {
            return true;
        } else if (after_star.data == NULL || id.size == 0) {
            return false;
        } else { /* the star takes one character more */
            id = str_skip(id, 1);
            left = id;
            pattern = after_star;
        }
    }
}
