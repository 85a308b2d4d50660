/* SPDX-License-Identifier: MIT */
/*
 * What telemetry.c wrote into the journal, read back: an object with texts and two flat objects of
 * texts. Read in place, since event readers want a hundred thousand a second; a text with escapes,
 * which is rare, goes through json_parse().
 */
#include "base/json.h"
#include "hub/events.h"
#include "hub/hub_internal.h"

struct cursor {
    struct str left;
    struct arena *arena;
    enum status status; /* sticks */
};

static void fail(struct cursor *cursor, enum status status)
{
    if (cursor->status == STATUS_OK) {
        cursor->status = status;
    }
    cursor->left = STR_EMPTY;
}

static bool take_char(struct cursor *cursor, char c)
{
    if (cursor->left.size == 0 || cursor->left.data[0] != c) {
        return false;
    }
    cursor->left = str_skip(cursor->left, 1);
    return true;
}

static void expect_char(struct cursor *cursor, char c)
{
    if (!take_char(cursor, c)) {
        fail(cursor, STATUS_CORRUPT);
    }
}

static struct str read_escaped(struct cursor *cursor, struct str quoted)
{
    CLEANUP(json_destroyp) cJSON *tree = NULL;
    const enum status status = json_parse(quoted, &tree, NULL);
    if (status != STATUS_OK) {
        fail(cursor, status == STATUS_NO_MEMORY ? status : STATUS_CORRUPT);
        return STR_EMPTY;
    }
    const struct str text = json_str(tree);
    const char *copy = arena_copy(cursor->arena, text);
    if (copy == NULL) {
        fail(cursor, STATUS_NO_MEMORY);
        return STR_EMPTY;
    }
    return str_of(copy, text.size);
}

/* Where the text at the cursor ends that has escapes; SIZE_MAX when it does not. */
static size_t escaped_size(struct str text)
{
    size_t size = 0;
    while (size < text.size && text.data[size] != '"') {
        size += text.data[size] == '\\' ? 2 : 1;
    }
    return size < text.size ? size : SIZE_MAX;
}

static struct str read_text(struct cursor *cursor)
{
    const struct str whole = cursor->left;
    expect_char(cursor, '"');
    size_t size = str_find(cursor->left, '"');
    const bool escaped = size != SIZE_MAX && memchr(cursor->left.data, '\\', size) != NULL;
    size = escaped ? escaped_size(cursor->left) : size;
    if (size == SIZE_MAX) {
        fail(cursor, STATUS_CORRUPT);
        return STR_EMPTY;
    }
    const struct str text = str_of(cursor->left.data, size);
    cursor->left = str_skip(cursor->left, size + 1);
    return escaped ? read_escaped(cursor, str_of(whole.data, size + 2)) : text;
}

static struct str read_text_or_null(struct cursor *cursor)
{
    if (str_starts(cursor->left, STR("null"))) {
        cursor->left = str_skip(cursor->left, 4);
        return (struct str){0};
    }
    return read_text(cursor);
}

static struct hub_property read_property(struct cursor *cursor)
{
    struct hub_property property = {.name = read_text(cursor)};
    expect_char(cursor, ':');
    property.value = read_text_or_null(cursor);
    return property;
}

/* The pairs of an object, from here on. The cursor stays where it is. */
static size_t count_properties(struct cursor *cursor)
{
    const struct str start = cursor->left;
    size_t count = 0;
    for (bool more = !take_char(cursor, '}'); more && cursor->left.size > 0;) {
        (void)read_property(cursor);
        count++;
        more = take_char(cursor, ',');
    }
    cursor->left = cursor->status == STATUS_OK ? start : STR_EMPTY;
    return count;
}

static const struct hub_property *read_properties(struct cursor *cursor, size_t *ret_count)
{
    expect_char(cursor, '{');
    const size_t count = count_properties(cursor);
    struct hub_property *properties = ARENA_ARRAY(cursor->arena, struct hub_property, count + 1);
    if (properties == NULL) {
        fail(cursor, STATUS_NO_MEMORY);
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            expect_char(cursor, ',');
        }
        properties[i] = read_property(cursor);
    }
    expect_char(cursor, '}');
    *ret_count = count;
    return properties;
}

static void read_member(struct cursor *cursor, struct hub_sent *sent)
{
    const struct str name = read_text(cursor);
    expect_char(cursor, ':');
    if (str_equal(name, STR("auth"))) {
        sent->auth = read_text(cursor);
    } else if (str_equal(name, STR("generationId"))) {
        sent->generation = read_text(cursor);
    } else if (str_equal(name, STR("modelId"))) {
        sent->model_id = read_text(cursor);
    } else if (str_equal(name, STR("systemProperties"))) {
        sent->message.system = read_properties(cursor, &sent->message.system_count);
    } else if (str_equal(name, STR("properties"))) {
        sent->message.application = read_properties(cursor, &sent->message.application_count);
    } else {
        fail(cursor, STATUS_CORRUPT);
    }
}

enum status hub_telemetry_read(const struct journal_row *row, struct arena *arena,
                               struct hub_sent *ret_sent)
{
    struct cursor cursor = {.left = row->detail, .arena = arena, .status = STATUS_OK};
    struct hub_sent sent = {.message.body = row->body};
    expect_char(&cursor, '{');
    read_member(&cursor, &sent);
    while (take_char(&cursor, ',')) {
        read_member(&cursor, &sent);
    }
    expect_char(&cursor, '}');
    if (cursor.left.size > 0) {
        fail(&cursor, STATUS_CORRUPT);
    }
    if (cursor.status == STATUS_OK) {
        *ret_sent = sent;
    }
    return cursor.status;
}
