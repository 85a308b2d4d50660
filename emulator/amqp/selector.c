/* SPDX-License-Identifier: MIT */
#include "amqp/selector.h"

enum { SHOWN_MAX = 100 };

struct cursor {
    struct str whole, left;
    struct problem *problem;
};

static size_t offset_of(const struct cursor *cursor)
{
    return cursor->whole.size - cursor->left.size;
}

static struct str shortened(struct str text)
{
    return text.size > SHOWN_MAX ? str_of(text.data, SHOWN_MAX) : text;
}

static enum status expected(const struct cursor *cursor, const char *what)
{
    problem_set(cursor->problem, offset_of(cursor),
                "the filter \"%.*s\" is not understood at byte %zu: expected %s",
                STR_ARG(shortened(cursor->whole)), offset_of(cursor), what);
    return STATUS_INVALID;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_spaces(struct cursor *cursor)
{
    while (cursor->left.size > 0 && is_space(cursor->left.data[0])) {
        cursor->left = str_skip(cursor->left, 1);
    }
}

static bool take_char(struct cursor *cursor, char c)
{
    if (cursor->left.size == 0 || cursor->left.data[0] != c) {
        return false;
    }
    cursor->left = str_skip(cursor->left, 1);
    return true;
}

/* annotation = "amqp.annotation." ("x-opt-offset" | ...) */
static enum status read_annotation(struct cursor *cursor, enum hub_start_at *ret_at)
{
    static const struct {
        struct str name;
        enum hub_start_at at;
    } annotations[] = {
        {{"amqp.annotation.x-opt-offset", 28}, HUB_START_OFFSET},
        {{"amqp.annotation.x-opt-sequence-number", 37}, HUB_START_SEQUENCE},
        {{"amqp.annotation.x-opt-enqueued-time", 35}, HUB_START_TIME},
        {{"amqp.annotation.x-opt-enqueuedtimeutc", 37}, HUB_START_TIME},
    };
    size_t size = 0;
    while (size < cursor->left.size && !is_space(cursor->left.data[size]) &&
           cursor->left.data[size] != '>') {
        size++;
    }
    const struct str name = str_of(cursor->left.data, size);
    for (size_t i = 0; i < ARRAY_SIZE(annotations); i++) {
        if (str_equal_nocase(name, annotations[i].name)) {
            *ret_at = annotations[i].at;
            cursor->left = str_skip(cursor->left, size);
            return STATUS_OK;
        }
    }
    return expected(cursor, "amqp.annotation.x-opt-offset, .x-opt-sequence-number, "
                            ".x-opt-enqueued-time or .x-opt-enqueuedtimeutc");
}

/* value = "'" text "'" | text without quotes to the end */
static enum status read_text(struct cursor *cursor, struct str *ret_text)
{
    if (!take_char(cursor, '\'')) {
        size_t size = cursor->left.size;
        while (size > 0 && is_space(cursor->left.data[size - 1])) {
            size--;
        }
        *ret_text = str_of(cursor->left.data, size);
        return STATUS_OK;
    }
    const size_t size = str_find(cursor->left, '\'');
    if (size == SIZE_MAX) {
        cursor->left = str_skip(cursor->left, cursor->left.size);
        return expected(cursor, "a ' at the end of the value");
    }
    const struct str text = str_of(cursor->left.data, size);
    struct cursor behind = *cursor;
    behind.left = str_skip(cursor->left, size + 1);
    skip_spaces(&behind);
    if (behind.left.size > 0) {
        *cursor = behind;
        return expected(cursor, "nothing after the value: one comparison is all a filter has");
    }
    *ret_text = text;
    return STATUS_OK;
}

static enum status read_value(struct cursor *cursor, struct hub_start *start)
{
    struct str text;
    const enum status status = read_text(cursor, &text);
    if (status != STATUS_OK) {
        return status;
    }
    if (str_equal_nocase(text, STR("@latest"))) {
        *start = (struct hub_start){.at = HUB_START_LATEST};
        return STATUS_OK;
    }
    if (!str_to_i64(text, &start->value)) {
        return expected(cursor, start->at == HUB_START_TIME ? "milliseconds since 1970, or @latest"
                                                            : "a whole number, or @latest");
    }
    return STATUS_OK;
}

/* selector = annotation (">" | ">=") value */
enum status amqp_selector_parse(struct str text, struct hub_start *ret_start,
                                struct problem *problem)
{
    struct cursor cursor = {.whole = text, .left = text, .problem = problem};
    struct hub_start start = {0};
    skip_spaces(&cursor);
    enum status status = read_annotation(&cursor, &start.at);
    if (status != STATUS_OK) {
        return status;
    }
    skip_spaces(&cursor);
    if (!take_char(&cursor, '>')) {
        return expected(&cursor, "> or >=");
    }
    start.inclusive = take_char(&cursor, '=');
    skip_spaces(&cursor);
    status = read_value(&cursor, &start);
    if (status == STATUS_OK) {
        *ret_start = start;
    }
    return status;
}
