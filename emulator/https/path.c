/* SPDX-License-Identifier: MIT */
#include "base/url.h"
#include "https/https_internal.h"

/* The size of the segment at the start of `rest`, and of the slash after it: 1, 3 or, at the end,
 * 0. */
static size_t segment_size(struct str rest, size_t *ret_slash_size)
{
    for (size_t i = 0; i < rest.size; i++) {
        if (rest.data[i] == '/') {
            *ret_slash_size = 1;
            return i;
        }
        if (str_starts_nocase(str_skip(rest, i), STR("%2F"))) {
            *ret_slash_size = 3;
            return i;
        }
    }
    *ret_slash_size = 0;
    return rest.size;
}

static enum status decode(struct str raw, struct arena *arena, struct str *ret_text)
{
    CLEANUP(buf_finish) struct buf decoded = BUF_INIT(raw.size + 1);
    url_decode_append(&decoded, raw);
    if (str_find(buf_str(&decoded), '\0') != SIZE_MAX) {
        return STATUS_INVALID;
    }
    const char *copy = arena_copy(arena, buf_str(&decoded));
    if (copy == NULL || buf_status(&decoded) != STATUS_OK) {
        return STATUS_NO_MEMORY;
    }
    *ret_text = str_of(copy, decoded.size);
    return STATUS_OK;
}

enum status https_path_parse(struct str raw, struct arena *arena, struct https_path *ret_path)
{
    struct https_path path = {.count = 0};
    struct str rest = raw;
    while (rest.size > 0) {
        size_t slash_size = 0;
        const size_t size = segment_size(rest, &slash_size);
        if (size > 0) {
            if (path.count == HTTPS_PATH_SEGMENTS_MAX) {
                return STATUS_LIMIT;
            }
            const enum status status =
                decode(str_of(rest.data, size), arena, &path.segments[path.count]);
            if (status != STATUS_OK) {
                return status;
            }
            path.count++;
        }
        rest = str_skip(rest, size + slash_size);
    }
    *ret_path = path;
    return STATUS_OK;
}

void https_path_append(struct buf *out, const struct https_path *path)
{
    for (size_t i = 0; i < path->count; i++) {
        buf_append_byte(out, '/');
        buf_append_str(out, path->segments[i]);
    }
    if (path->count == 0) {
        buf_append_byte(out, '/');
    }
}

bool https_parameter(struct str query, const char *name, struct str *ret_value)
{
    struct str key;
    struct str value;
    bool has_value = false;
    while (url_pair_next(&query, &key, &value, &has_value)) {
        if (str_equal_nocase(key, str_from(name))) {
            *ret_value = has_value ? value : STR_EMPTY;
            return true;
        }
    }
    return false;
}

bool https_api_version_valid(struct str text)
{
    static const char form[] = "dddd-dd-dd";
    const size_t size = sizeof(form) - 1;
    if (text.size < size) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        const char c = text.data[i];
        if (form[i] == 'd' ? (c < '0' || c > '9') : c != form[i]) {
            return false;
        }
    }
    const struct str rest = str_skip(text, size);
    return rest.size == 0 || str_equal_nocase(rest, STR("-preview"));
}
