/* SPDX-License-Identifier: MIT */
#include "base/json.h"
#include "query/ast_internal.h"

/* The tree as one line, in the notation of reference 7.3. */

static const char *const op_names[] = {
    [OP_NONE] = "",
    [OP_EQUAL] = "=",
    [OP_NOT_EQUAL] = "!=",
    [OP_LESS] = "<",
    [OP_LESS_EQUAL] = "<=",
    [OP_GREATER] = ">",
    [OP_GREATER_EQUAL] = ">=",
    [OP_IN] = "in",
    [OP_NIN] = "nin",
    [OP_ADD] = "add",
    [OP_SUBTRACT] = "sub",
    [OP_MULTIPLY] = "mul",
    [OP_DIVIDE] = "div",
    [OP_MODULO] = "mod",
    [OP_AND] = "and",
    [OP_OR] = "or",
    [OP_CONCAT] = "concat",
    [OP_COALESCE] = "coalesce",
};

static void tree_path(struct buf *out, const struct query_path *path)
{
    static const char *const roots[] = {[ROOT_DOCUMENT] = "path",   [ROOT_APPLICATION] = "property",
                                        [ROOT_DOLLAR] = "property", [ROOT_SYSTEM] = "system",
                                        [ROOT_BODY] = "body",       [ROOT_TWIN] = "twin"};
    buf_append_format(out, path->in_braces ? "{%s} [" : "%s [", roots[path->root]);
    if (path->root != ROOT_DOCUMENT && path->root < ROOT_BODY) {
        json_append_string(out, path->written);
    }
    for (size_t i = 0; i < path->name_count; i++) {
        buf_append_str(out, i == 0 ? STR_EMPTY : STR(","));
        json_append_string(out, path->names[i]);
        if (path->indexes != NULL && path->indexes[i] != QUERY_NO_INDEX) {
            buf_append_format(out, ",%zu", path->indexes[i]);
        }
    }
    buf_append_byte(out, ']');
}

static void tree_literal(struct buf *out, const struct query_value *value)
{
    switch (value->type) {
    case QUERY_NUMBER:
        json_append_number(out, value->number);
        break;
    case QUERY_STRING:
        json_append_string(out, value->text);
        break;
    case QUERY_BOOLEAN:
        buf_append_str(out, value->boolean ? STR("true") : STR("false"));
        break;
    case QUERY_NULL:
        buf_append_str(out, STR("null"));
        break;
    case QUERY_UNDEFINED:
    case QUERY_ARRAY:
    case QUERY_OBJECT:
        buf_append_str(out, STR("undefined"));
        break;
    }
}

static void tree_node(struct buf *out, const struct query_node *node);

static void tree_list(struct buf *out, const struct query_node *first)
{
    for (const struct query_node *item = first; item != NULL; item = item->next) {
        buf_append_str(out, item == first ? STR_EMPTY : STR(","));
        tree_node(out, item);
    }
}

/* A chain a op b op c is op(op(a,b),c): it associates left. */
static void tree_chain(struct buf *out, const struct query_node *node)
{
    /* The outermost operator is the last; a chain is a singly linked list, so it is walked once
     * for each operator. Printing is for people and tests. */
    for (size_t last = node->child_count - 1; last > 0; last--) {
        const struct query_node *child = node->children;
        for (size_t i = 0; i < last; i++) {
            child = child->next;
        }
        const bool compares = child->joined_by <= OP_GREATER_EQUAL;
        buf_append_format(out, compares ? "cmp(%s," : "%s(", op_names[child->joined_by]);
    }
    tree_node(out, node->children);
    for (const struct query_node *child = node->children->next; child != NULL;
         child = child->next) {
        buf_append_byte(out, ',');
        tree_node(out, child);
        buf_append_byte(out, ')');
    }
}

static void tree_node(struct buf *out, const struct query_node *node)
{
    switch (node->kind) {
    case NODE_LITERAL:
        tree_literal(out, &node->value);
        break;
    case NODE_PATH:
        tree_path(out, node->path);
        break;
    case NODE_ARRAY:
        buf_append_byte(out, '[');
        tree_list(out, node->children);
        buf_append_byte(out, ']');
        break;
    case NODE_CALL:
        json_append_string(out, node->name);
        buf_append_byte(out, '(');
        tree_list(out, node->children);
        buf_append_byte(out, ')');
        break;
    case NODE_NEGATE:
    case NODE_NOT:
        buf_append_str(out, node->kind == NODE_NOT ? STR("not(") : STR("neg("));
        tree_list(out, node->children);
        buf_append_byte(out, ')');
        break;
    case NODE_COMPARE:
        buf_append_format(out, "cmp(%s,", op_names[node->op]);
        tree_list(out, node->children);
        buf_append_byte(out, ')');
        break;
    case NODE_IN:
        buf_append_format(out, "%s(", op_names[node->op]);
        tree_node(out, node->children);
        buf_append_str(out, STR(",["));
        tree_list(out, node->children->next);
        buf_append_str(out, STR("])"));
        break;
    case NODE_TERM:
    case NODE_SUM:
    case NODE_AND:
    case NODE_OR:
    case NODE_RELATION:
    case NODE_EQUALITY:
    case NODE_COALESCE:
        tree_chain(out, node);
        break;
    }
}

static void tree_column(struct buf *out, const struct query_column *column)
{
    static const char *const names[] = {
        [AGGREGATE_NONE] = "",   [AGGREGATE_COUNT] = "count", [AGGREGATE_AVG] = "avg",
        [AGGREGATE_SUM] = "sum", [AGGREGATE_MIN] = "min",     [AGGREGATE_MAX] = "max"};
    buf_append_byte(out, '(');
    json_append_string(out, column->key);
    buf_append_format(out, ",%s", names[column->aggregate]);
    if (column->path != NULL) {
        buf_append_str(out, column->aggregate == AGGREGATE_NONE ? STR_EMPTY : STR(" "));
        tree_path(out, column->path);
    }
    buf_append_byte(out, ')');
}

static void tree_condition(const struct query *query, struct buf *out)
{
    if (query->info.collection == QUERY_MODULES) {
        buf_append_str(out, STR("from=modules; where="));
    }
    if (query->where == NULL) {
        buf_append_byte(out, '*');
    } else {
        tree_node(out, query->where);
    }
}

void query_print_tree(const struct query *query, struct buf *out)
{
    if (query->is_condition) {
        tree_condition(query, out);
        return;
    }
    static const char *const collections[] = {
        [QUERY_DEVICES] = "devices", [QUERY_MODULES] = "modules", [QUERY_JOBS] = "jobs"};
    if (query->info.top != QUERY_NO_TOP) {
        buf_append_format(out, "top=%llu; ", (unsigned long long)query->info.top);
    }
    buf_append_str(out, query->selects_all ? STR("select=*") : STR("select=["));
    for (size_t i = 0; i < query->column_count; i++) {
        buf_append_str(out, i == 0 ? STR_EMPTY : STR(","));
        tree_column(out, &query->columns[i]);
    }
    buf_append_format(out, "%s; from=%s", query->selects_all ? "" : "]",
                      collections[query->info.collection]);
    if (query->where != NULL) {
        buf_append_str(out, STR("; where="));
        tree_node(out, query->where);
    }
    for (size_t i = 0; i < query->group_path_count; i++) {
        buf_append_str(out, i == 0 ? STR("; group=[") : STR(","));
        tree_path(out, query->group_paths[i]);
    }
    buf_append_str(out, query->group_path_count > 0 ? STR("]") : STR_EMPTY);
}
