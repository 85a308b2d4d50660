/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/clock.h"
#include "clients/cli/output.h"

/* ---- indented JSON ---- */

static void append_break(struct buf *out, size_t level)
{
    buf_append_format(out, "\n%*s", (int)(2 * level), "");
}

void output_append_json(struct buf *out, const cJSON *tree, size_t level)
{
    const bool is_object = cJSON_IsObject(tree);
    if ((!is_object && !cJSON_IsArray(tree)) || tree->child == NULL) {
        json_append_tree(out, tree);
        return;
    }
    buf_append_byte(out, is_object ? '{' : '[');
    for (const cJSON *child = tree->child; child != NULL; child = child->next) {
        append_break(out, level + 1);
        if (is_object) {
            json_append_string(out, str_from(child->string));
            buf_append_str(out, STR(": "));
        }
        output_append_json(out, child, level + 1); /* json_parse bounds the depth */
        buf_append_str(out, child->next == NULL ? STR_EMPTY : STR(","));
    }
    append_break(out, level);
    buf_append_byte(out, is_object ? '}' : ']');
}

/* ---- a value in a table ---- */

/* C0 and C1 controls and DEL; a C1 control is two bytes of UTF-8, C2 80 to C2 9F. */
static size_t control_size(struct str text)
{
    const uint8_t byte = (uint8_t)text.data[0];
    if (byte < 0x20 || byte == 0x7f) {
        return 1;
    }
    const bool is_c1 = byte == 0xc2 && text.size > 1 && (uint8_t)text.data[1] < 0xa0;
    return is_c1 ? 2 : 0;
}

static void append_escaped(struct buf *out, struct str text)
{
    while (text.size > 0) {
        const char c = text.data[0];
        const size_t size = control_size(text);
        if (c == '\t') {
            buf_append_str(out, STR("\\t"));
        } else if (c == '\n') {
            buf_append_str(out, STR("\\n"));
        } else if (c == '\r') {
            buf_append_str(out, STR("\\r"));
        } else if (c == '\\') {
            buf_append_str(out, STR("\\\\"));
        } else if (size > 0) {
            buf_append_format(out, "\\u%04x", (unsigned)(uint8_t)text.data[size - 1]);
        } else {
            buf_append_byte(out, (uint8_t)c);
        }
        text = str_skip(text, size > 0 ? size : 1);
    }
}

void output_append_cell(struct buf *out, const cJSON *value)
{
    if (cJSON_IsString(value)) {
        append_escaped(out, json_str(value));
    } else if (value != NULL && !cJSON_IsNull(value)) {
        CLEANUP(buf_finish) struct buf json = BUF_INIT(out->size_max);
        json_append_tree(&json, value);
        append_escaped(out, buf_str(&json));
        if (buf_status(&json) != STATUS_OK && out->failed == STATUS_OK) {
            out->failed = buf_status(&json);
        }
    }
}

void output_append_shown(struct buf *out, const cJSON *value)
{
    enum { SECONDS_END = 19 }; /* of "2026-11-21T10:00:00" */
    const struct str text = json_str(value);
    int64_t time_us = 0;
    if (str_starts(text, STR("0001-01-01T00:00:00"))) {
        buf_append_str(out, STR("never"));
    } else if (text.size > SECONDS_END && text.data[SECONDS_END] == '.' &&
               str_ends(text, STR("Z")) && clock_from_iso(text, &time_us)) {
        buf_append_str(out, str_of(text.data, SECONDS_END));
        buf_append_byte(out, 'Z');
    } else {
        output_append_cell(out, value);
    }
}

const cJSON *output_at(const cJSON *row, const char *path)
{
    if (path[0] == '\0') {
        return row;
    }
    const cJSON *whole = json_member(row, path);
    if (whole != NULL) {
        return whole;
    }
    struct str rest = str_from(path);
    bool more = true;
    while (more && row != NULL) {
        struct str name = STR_EMPTY;
        char text[256];
        more = str_cut(rest, '.', &name, &rest);
        if (name.size >= sizeof(text)) {
            return NULL;
        }
        memcpy(text, name.data, name.size);
        text[name.size] = '\0';
        row = json_member(row, text);
    }
    return row;
}
