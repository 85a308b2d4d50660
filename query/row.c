/* SPDX-License-Identifier: MIT */
#include "query/row_internal.h"

#include <assert.h>

#include "base/alloc.h"
#include "base/json.h"
#include "query/dialect_internal.h"

enum status query_row_create(const struct query *query, struct query_row **ret_row)
{
    struct query_row *row = mem_zalloc(sizeof(*row));
    if (row == NULL) {
        return STATUS_NO_MEMORY;
    }
    row->query = query;
    arena_init(&row->scratch, QUERY_ROW_SCRATCH_SIZE);
    const size_t count = query->slot_count + 1; /* never zero bytes */
    row->values = mem_zalloc(count * sizeof(*row->values));
    row->decided = mem_zalloc(count * sizeof(*row->decided));
    enum status status = row->values == NULL || row->decided == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    if (status == STATUS_OK && query->dialect->syntax == SYNTAX_ROUTE) {
        status = query_route_state_create(&row->route);
    }
    if (status != STATUS_OK) {
        query_row_destroy(row);
        return status;
    }
    *ret_row = row;
    return STATUS_OK;
}

void query_row_destroy(struct query_row *row)
{
    if (row == NULL) {
        return;
    }
    query_route_state_destroy(row->route);
    arena_finish(&row->scratch);
    mem_free(row->values);
    mem_free(row->decided);
    mem_free(row);
}

void query_row_destroyp(struct query_row **row)
{
    query_row_destroy(*row);
}

void query_row_clear(struct query_row *row)
{
    const size_t count = row->query->slot_count;
    for (size_t i = 0; i < count; i++) {
        row->values[i].type = QUERY_UNDEFINED;
        row->decided[i] = false;
    }
    if (row->scratch.size > 0) {
        arena_reset(&row->scratch);
    }
    if (row->route != NULL) {
        query_route_state_clear(row->route);
    }
}

void query_row_set(struct query_row *row, enum query_attribute attribute, struct query_value value)
{
    assert(attribute < QUERY_ATTRIBUTE_COUNT);
    const struct query *query = row->query;
    const size_t slot = query->slot_from[attribute];
    if (slot < query->slot_from[attribute + 1]) {
        assert(query->slots[slot]->name_count == 0);
        row->values[slot] = value;
    }
}

/* ---- reading ---- */

static bool is_defined(const struct query_source *source, const struct query_row *row)
{
    return query_source_value(source, row)->type != QUERY_UNDEFINED;
}

const struct query_value *query_source_value(const struct query_source *source,
                                             const struct query_row *row)
{
    static const struct query_value undefined = {.type = QUERY_UNDEFINED};
    static const struct query_value object = {.type = QUERY_OBJECT, .text = {"{}", 2}};
    if (source->kind == SOURCE_SLOT) {
        return &row->values[source->slot];
    }
    if (source->kind == SOURCE_MESSAGE) { /* objects and arrays have no value (reference, 6.1) */
        const struct query_value *value = &row->values[source->slot];
        return value->type <= QUERY_STRING ? value : &undefined;
    }
    for (size_t i = 0; i < source->member_count; i++) {
        if (is_defined(&source->members[i].source, row)) {
            return &object;
        }
    }
    return &undefined;
}

const struct query_value *query_equality_found(const struct query_equality *equality,
                                               const struct query_row *row)
{
    return &row->values[equality->slot];
}

/* ---- writing ---- */

void query_value_append(const struct query_value *value, struct buf *out)
{
    switch (value->type) {
    case QUERY_UNDEFINED:
        break;
    case QUERY_NULL:
        buf_append_str(out, STR("null"));
        break;
    case QUERY_BOOLEAN:
        buf_append_str(out, value->boolean ? STR("true") : STR("false"));
        break;
    case QUERY_NUMBER:
        if (value->text.size > 0) {
            buf_append_str(out, value->text);
        } else {
            json_append_number(out, value->number);
        }
        break;
    case QUERY_STRING:
        json_append_string(out, value->text);
        break;
    case QUERY_ARRAY:
    case QUERY_OBJECT:
        buf_append_str(out, value->text);
        break;
    }
}

/* What stands between the braces of a JSON object, without white space around it. */
static struct str inside_braces(struct str object)
{
    if (object.size < 2) {
        return STR_EMPTY;
    }
    const char *start = object.data + 1;
    const char *end = object.data + object.size - 1;
    while (start < end && (*start == ' ' || (*start >= '\t' && *start <= '\r'))) {
        start++;
    }
    return str_of(start, (size_t)(end - start));
}

static void append_object(const struct query_source *source, const struct query_row *row,
                          struct buf *out)
{
    buf_append_byte(out, '{');
    bool first = true;
    for (size_t i = 0; i < source->member_count; i++) {
        const struct query_member *member = &source->members[i];
        const struct query_value *value = query_source_value(&member->source, row);
        const bool spread = member->name.size == 0;
        const struct str inside = spread ? inside_braces(value->text) : STR_EMPTY;
        if (value->type == QUERY_UNDEFINED || (spread && inside.size == 0)) {
            continue;
        }
        buf_append_str(out, first ? STR_EMPTY : STR(","));
        first = false;
        if (spread) {
            buf_append_str(out, inside);
            continue;
        }
        json_append_string(out, member->name);
        buf_append_byte(out, ':');
        query_source_append(&member->source, row, out);
    }
    buf_append_byte(out, '}');
}

void query_source_append(const struct query_source *source, const struct query_row *row,
                         struct buf *out)
{
    const struct query_value *value = query_source_value(source, row);
    if (source->kind == SOURCE_OBJECT && value->type == QUERY_OBJECT) {
        append_object(source, row, out);
    } else {
        query_value_append(value, out);
    }
}

void query_project(const struct query *query, const struct query_row *row, struct buf *out)
{
    assert(query->info.shape == QUERY_ROWS);
    buf_append_byte(out, '{');
    bool first = true;
    for (size_t i = 0; i < query->column_count; i++) {
        const struct query_column *column = &query->columns[i];
        if (!is_defined(&column->path->source, row)) {
            continue;
        }
        buf_append_str(out, first ? STR_EMPTY : STR(","));
        first = false;
        json_append_string(out, column->key);
        buf_append_byte(out, ':');
        query_source_append(&column->path->source, row, out);
    }
    buf_append_byte(out, '}');
}
