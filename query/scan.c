/* SPDX-License-Identifier: MIT */
#include <assert.h>

#include "base/decimal.h"
#include "query/lexer_internal.h"
#include "query/row_internal.h"

/*
 * The skip-scanner: one walk over a JSON text that was checked when it was stored, noting the
 * values of the slots that a query names below one attribute. It builds nothing and copies only
 * strings that have escapes. It trusts the text to be JSON for what it skips, but never reads
 * outside it: every function returns the place after what it read, or NULL.
 *
 * The slots are sorted, so that those that agree with the members descended into so far are always
 * one range [from, to) of them; a member's name narrows the range by its next name.
 */
struct scan {
    const char *end;
    struct query_row *row;
    size_t missing; /* slots of the attribute not decided yet: at 0 the walk is over */
    enum status status;
};

struct range {
    size_t from, to;
};

enum { ORDINARY, QUOTE, OPENING, CLOSING };

static const unsigned char byte_class[256] = {
    ['"'] = QUOTE, ['{'] = OPENING, ['['] = OPENING, ['}'] = CLOSING, [']'] = CLOSING};

static const char *skip_space(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) {
        at++;
    }
    return at;
}

/* From after the opening quote to after the closing one. */
static const char *skip_string(const char *at, const char *end, bool *ret_escaped)
{
    bool escaped = false;
    while (at < end && *at != '"') {
        if (*at == '\\') {
            escaped = true;
            at++;
        }
        at += at < end ? 1 : 0;
    }
    *ret_escaped = escaped;
    return at < end ? at + 1 : NULL;
}

/* From inside `depth` arrays and objects to after the end of the outermost. */
static const char *skip_nested(const char *at, const char *end, size_t depth)
{
    while (at != NULL && at < end) {
        const unsigned char kind = byte_class[(unsigned char)*at++];
        if (kind == QUOTE) {
            bool escaped = false;
            at = skip_string(at, end, &escaped);
        } else if (kind == CLOSING && --depth == 0) {
            return at;
        } else if (kind == OPENING) {
            depth++;
        }
    }
    return NULL;
}

/* Number, true, false, null: up to what ends them. */
static const char *skip_word(const char *at, const char *end)
{
    while (at < end && *at != ',' && *at != '}' && *at != ']' && *at != ' ' && *at != '\n' &&
           *at != '\r' && *at != '\t') {
        at++;
    }
    return at;
}

static const char *skip_value(const char *at, const char *end)
{
    if (at == end) {
        return NULL;
    }
    bool escaped = false;
    switch (byte_class[(unsigned char)*at]) {
    case QUOTE:
        return skip_string(at + 1, end, &escaped);
    case OPENING:
        return skip_nested(at + 1, end, 1);
    case CLOSING:
        return NULL;
    default:
        return skip_word(at, end);
    }
}

/* ---- strings with escapes ---- */

/* The character at the start of `raw`, unescaped, as UTF-8 bytes; returns the raw bytes it took, 0
 * when it is no escape of JSON. Unescaped characters come byte by byte. */
static size_t unescape_one(struct str raw, char out[4], size_t *ret_size)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    *ret_size = 1;
    out[0] = raw.data[0];
    if (raw.data[0] != '\\') {
        return 1;
    }
    if (raw.size < 2) {
        return 0;
    }
    if (raw.data[1] == 'u') {
        uint32_t code_point = 0;
        const size_t taken = query_escape_u(raw, &code_point);
        *ret_size = query_utf8_encode(code_point, out);
        return taken;
    }
    const char *letter = raw.data[1] == '\0' ? NULL : strchr(letters, raw.data[1]);
    if (letter == NULL) {
        return 0;
    }
    out[0] = meanings[letter - letters];
    return 2;
}

bool query_raw_equal(struct str raw, struct str plain)
{
    while (raw.size > 0) {
        char bytes[4];
        size_t size = 0;
        const size_t taken = unescape_one(raw, bytes, &size);
        if (taken == 0 || !str_starts(plain, str_of(bytes, size))) {
            return false;
        }
        raw = str_skip(raw, taken);
        plain = str_skip(plain, size);
    }
    return plain.size == 0;
}

static enum status unescape(struct str raw, struct arena *scratch, struct str *ret_plain)
{
    char *plain = arena_alloc(scratch, raw.size); /* an escape is never shorter than its meaning */
    if (plain == NULL) {
        return STATUS_NO_MEMORY;
    }
    size_t size = 0;
    while (raw.size > 0) {
        char bytes[4];
        size_t one = 0;
        const size_t taken = unescape_one(raw, bytes, &one);
        if (taken == 0) {
            return STATUS_CORRUPT;
        }
        memcpy(plain + size, bytes, one);
        size += one;
        raw = str_skip(raw, taken);
    }
    *ret_plain = str_of(plain, size);
    return STATUS_OK;
}

/* ---- values ---- */

static bool is_number_start(char c)
{
    return c == '-' || (c >= '0' && c <= '9');
}

/* A number, true, false or null. */
static bool read_word(struct str word, struct query_value *ret_value)
{
    if (word.size > 0 && is_number_start(word.data[0])) {
        *ret_value = query_number(decimal_decode(word));
        ret_value->text = word;
        return true;
    }
    if (str_equal(word, STR("null"))) {
        *ret_value = query_null();
        return true;
    }
    const bool boolean = str_equal(word, STR("true"));
    if (boolean || str_equal(word, STR("false"))) {
        *ret_value = query_boolean(boolean);
        return true;
    }
    return false;
}

/* Reads the value at `at`; a string's text is raw. */
static const char *read_value(const char *at, const char *end, struct query_value *ret_value,
                              bool *ret_escaped)
{
    *ret_escaped = false;
    if (at == end) {
        return NULL;
    }
    const char *after = *at == '"' ? skip_string(at + 1, end, ret_escaped) : skip_value(at, end);
    if (after == NULL) {
        return NULL;
    }
    const struct str text = str_of(at, (size_t)(after - at));
    if (*at == '"') {
        *ret_value = query_string(str_of(at + 1, text.size - 2));
        return after;
    }
    if (byte_class[(unsigned char)*at] == OPENING) {
        *ret_value =
            (struct query_value){.type = *at == '{' ? QUERY_OBJECT : QUERY_ARRAY, .text = text};
        return after;
    }
    return read_word(text, ret_value) ? after : NULL;
}

bool query_array_next(struct str *rest, struct query_value *ret_element, bool *ret_escaped)
{
    const char *end = rest->data + rest->size;
    const char *at = skip_space(rest->data, end);
    if (at == end || (*at != '[' && *at != ',')) {
        return false;
    }
    at = skip_space(at + 1, end);
    if (at < end && *at == ']') {
        return false;
    }
    at = read_value(at, end, ret_element, ret_escaped);
    if (at == NULL) {
        return false;
    }
    *rest = str_of(at, (size_t)(end - at));
    return true;
}

/* ---- the walk ---- */

static const struct query_source *slot_at(const struct scan *scan, size_t slot)
{
    return scan->row->query->slots[slot];
}

/* The slots of `range` whose name at `depth` is `name`; each has one there. */
static struct range narrow(const struct scan *scan, struct range range, size_t depth,
                           struct str name)
{
    size_t low = range.from;
    size_t high = range.to;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (query_name_order(slot_at(scan, middle)->names[depth], name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    struct range found = {low, low};
    while (found.to < range.to && str_equal(slot_at(scan, found.to)->names[depth], name)) {
        found.to++;
    }
    return found;
}

/* All of `range` was searched for: what was not found is undefined. */
static void decide(struct scan *scan, struct range range)
{
    for (size_t i = range.from; i < range.to; i++) {
        scan->missing -= scan->row->decided[i] ? 0 : 1;
        scan->row->decided[i] = true;
    }
}

static const char *walk_object(struct scan *scan, const char *at, struct range range, size_t depth);

/* The value that the first `depth` names of every slot in `range` lead to. */
static const char *walk_value(struct scan *scan, const char *at, struct range range, size_t depth)
{
    const bool wanted = slot_at(scan, range.from)->name_count == depth;
    const struct range below = {range.from + (wanted ? 1 : 0), range.to};
    struct query_value value = {.type = QUERY_UNDEFINED};
    bool escaped = false;
    const char *after = NULL;
    if (at < scan->end && *at == '{' && below.from < below.to) {
        after = walk_object(scan, at + 1, below, depth);
        if (after == NULL || scan->missing == 0) {
            return after;
        }
        value =
            (struct query_value){.type = QUERY_OBJECT, .text = str_of(at, (size_t)(after - at))};
    } else if (wanted) {
        after = read_value(at, scan->end, &value, &escaped);
    } else {
        after = skip_value(at, scan->end);
    }
    if (after != NULL && wanted) {
        if (escaped) {
            scan->status = unescape(value.text, &scan->row->scratch, &value.text);
        }
        scan->row->values[range.from] = value;
    }
    decide(scan, range);
    return scan->status == STATUS_OK ? after : NULL;
}

/* The slots of `range` that a member is wanted for; none when an earlier member had that name. */
static struct range find_member(struct scan *scan, struct range range, size_t depth,
                                struct str raw_name, bool escaped)
{
    struct str name = raw_name;
    if (escaped) {
        scan->status = unescape(raw_name, &scan->row->scratch, &name);
        if (scan->status != STATUS_OK) {
            return (struct range){0, 0};
        }
    }
    const struct range found = narrow(scan, range, depth, name);
    const bool again = found.from < found.to && scan->row->decided[found.from];
    return again ? (struct range){0, 0} : found;
}

/* From after "{" to after "}"; leaves at once when every slot is decided. */
static const char *walk_object(struct scan *scan, const char *at, struct range range, size_t depth)
{
    size_t left = range.to - range.from;
    at = skip_space(at, scan->end);
    if (at < scan->end && *at == '}') {
        return at + 1;
    }
    while (at < scan->end && *at == '"') {
        bool escaped = false;
        const char *name = at + 1;
        at = skip_string(name, scan->end, &escaped);
        if (at == NULL) {
            return NULL;
        }
        const struct str raw_name = str_of(name, (size_t)(at - name) - 1);
        at = skip_space(at, scan->end);
        if (at == scan->end || *at != ':') {
            return NULL;
        }
        at = skip_space(at + 1, scan->end);
        const struct range found = find_member(scan, range, depth, raw_name, escaped);
        at = found.from < found.to ? walk_value(scan, at, found, depth + 1)
                                   : skip_value(at, scan->end);
        if (at == NULL || scan->missing == 0 || scan->status != STATUS_OK) {
            return scan->status == STATUS_OK ? at : NULL;
        }
        left -= found.to - found.from;
        if (left == 0) {
            return skip_nested(at, scan->end, 1);
        }
        at = skip_space(at, scan->end);
        if (at < scan->end && *at == '}') {
            return at + 1;
        }
        if (at == scan->end || *at != ',') {
            return NULL;
        }
        at = skip_space(at + 1, scan->end);
    }
    return NULL;
}

enum status query_row_scan(struct query_row *row, enum query_attribute attribute, struct str json)
{
    assert(attribute < QUERY_ATTRIBUTE_COUNT);
    const struct range range = {row->query->slot_from[attribute],
                                row->query->slot_from[attribute + 1]};
    if (range.from == range.to || json.size == 0) {
        return STATUS_OK;
    }
    struct scan scan = {.end = json.data + json.size, .row = row, .missing = range.to - range.from};
    const char *after = walk_value(&scan, skip_space(json.data, scan.end), range, 0);
    if (scan.status != STATUS_OK) {
        return scan.status;
    }
    return after == NULL ? STATUS_CORRUPT : STATUS_OK;
}
