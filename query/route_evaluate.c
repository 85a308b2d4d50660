/* SPDX-License-Identifier: MIT */
#include <assert.h>

#include "base/alloc.h"
#include "base/json.h"
#include "query/dialect_internal.h"
#include "query/row_internal.h"

/* What message routes evaluate differently from twin queries (reference, 6.1). */

static const struct query_value undefined = {.type = QUERY_UNDEFINED};

/* ---- the row's part ---- */

enum status query_route_state_create(struct query_route_state **ret_state)
{
    struct query_route_state *state = mem_zalloc(sizeof(*state));
    if (state == NULL) {
        return STATUS_NO_MEMORY;
    }
    arena_init(&state->texts, QUERY_ROW_SCRATCH_SIZE);
    *ret_state = state;
    return STATUS_OK;
}

void query_route_state_clear(struct query_route_state *state)
{
    json_destroyp(&state->body);
    json_destroyp(&state->twin);
    state->body = NULL;
    state->twin = NULL;
}

void query_route_state_destroy(struct query_route_state *state)
{
    if (state == NULL) {
        return;
    }
    query_route_state_clear(state);
    arena_finish(&state->texts);
    mem_free(state);
}

/* ---- logic that knows null ---- */

static struct query_value logical(const struct query_node *node, const struct query_row *row)
{
    const struct query_value value = query_evaluate(node, row);
    return value.type == QUERY_BOOLEAN || value.type == QUERY_NULL ? value : undefined;
}

/*
 * `null and x` is null and `null or x` is x, so a null among AND's operands settles it, and those
 * of OR are as if they were not there.
 */
static struct query_value logic_chain(const struct query_node *node, const struct query_row *row)
{
    const bool is_and = node->kind == NODE_AND;
    const bool settles = !is_and;
    struct query_value result = query_null();
    for (const struct query_node *child = node->children; child != NULL; child = child->next) {
        const struct query_value value = logical(child, row);
        if (value.type == QUERY_NULL) {
            if (is_and) {
                return value;
            }
            continue;
        }
        const bool settled = result.type == QUERY_BOOLEAN && result.boolean == settles;
        const bool now = value.type == QUERY_BOOLEAN && value.boolean == settles;
        if (!settled && (now || result.type != QUERY_UNDEFINED)) {
            result = value;
        }
    }
    return result;
}

struct query_value query_route_logic(const struct query_node *node, const struct query_row *row)
{
    if (node->kind != NODE_NOT) {
        return logic_chain(node, row);
    }
    const struct query_value value = logical(node->children, row);
    if (value.type == QUERY_NULL) {
        return query_boolean(true);
    }
    return value.type == QUERY_BOOLEAN ? query_boolean(!value.boolean) : undefined;
}

/* ---- chains ---- */

struct query_value query_route_comparison(const struct query_node *node,
                                          const struct query_row *row)
{
    const bool strict = row->query->dialect->types_must_match;
    struct query_value left = query_evaluate(node->children, row);
    for (const struct query_node *child = node->children->next; child != NULL;
         child = child->next) {
        const struct query_value right = query_evaluate(child, row);
        left = query_value_of(query_compare(child->joined_by, &left, &right, strict, false));
    }
    return left;
}

struct query_value query_route_coalesce(const struct query_node *node, const struct query_row *row)
{
    struct query_value value = undefined;
    for (const struct query_node *child = node->children;
         child != NULL && value.type == QUERY_UNDEFINED; child = child->next) {
        value = query_evaluate(child, row);
    }
    return value;
}

struct query_value query_route_text(const struct query_row *row, const struct buf *joined)
{
    struct query_route_state *state = row->route;
    const struct str text = buf_str(joined);
    enum status status = buf_status(joined);
    const bool room = text.size < state->texts.size_max - state->texts.size;
    status = status == STATUS_OK && !room ? STATUS_LIMIT : status;
    const char *copy = status == STATUS_OK ? arena_copy(&state->texts, text) : NULL;
    if (copy == NULL) {
        state->failed = status == STATUS_OK ? STATUS_NO_MEMORY : status;
        return undefined;
    }
    return query_string(str_of(copy, text.size));
}

/* `left` and the run of "|| x || y" that starts at *at, which moves behind it. null is skipped,
 * undefined and what is no string make the whole undefined (reference, 6.1). */
static struct query_value join_run(struct query_value left, const struct query_node **at,
                                   const struct query_row *row)
{
    CLEANUP(buf_finish) struct buf joined = BUF_INIT(QUERY_ROW_SCRATCH_SIZE);
    bool all = left.type == QUERY_STRING || left.type == QUERY_NULL;
    buf_append_str(&joined, left.type == QUERY_STRING ? left.text : STR_EMPTY);
    for (; *at != NULL && (*at)->joined_by == OP_CONCAT; *at = (*at)->next) {
        const struct query_value value = query_evaluate(*at, row);
        all = all && (value.type == QUERY_STRING || value.type == QUERY_NULL);
        buf_append_str(&joined, value.type == QUERY_STRING ? value.text : STR_EMPTY);
    }
    return all ? query_route_text(row, &joined) : undefined;
}

struct query_value query_route_sum(const struct query_node *node, const struct query_row *row)
{
    struct query_value left = query_evaluate(node->children, row);
    const struct query_node *at = node->children->next;
    while (at != NULL) {
        if (at->joined_by == OP_CONCAT) {
            left = join_run(left, &at, row);
            continue;
        }
        const struct query_value right = query_evaluate(at, row);
        left = query_apply(at->joined_by, &left, &right);
        at = at->next;
    }
    return left;
}

/* ---- the verdict ---- */

enum status query_judge(const struct query *query, const struct query_row *row,
                        enum query_verdict *ret_verdict)
{
    if (query->where == NULL) {
        *ret_verdict = QUERY_VERDICT_TRUE;
        return STATUS_OK;
    }
    if (row->route != NULL) {
        arena_reset(&row->route->texts);
        row->route->failed = STATUS_OK;
    }
    const struct query_value value = query_evaluate(query->where, row);
    if (row->route != NULL && row->route->failed != STATUS_OK) {
        return row->route->failed;
    }
    const bool false_null = row->route != NULL && value.type == QUERY_NULL;
    *ret_verdict = value.type == QUERY_BOOLEAN && value.boolean ? QUERY_VERDICT_TRUE
                   : value.type == QUERY_BOOLEAN || false_null  ? QUERY_VERDICT_FALSE
                                                                : QUERY_VERDICT_UNDEFINED;
    return STATUS_OK;
}
