/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <math.h>

#include "base/json.h"
#include "query/ast_internal.h"
#include "query/lexer_internal.h"

static const char *const op_texts[] = {
    [OP_NONE] = "",         [OP_EQUAL] = "=",   [OP_NOT_EQUAL] = "!=",     [OP_LESS] = "<",
    [OP_LESS_EQUAL] = "<=", [OP_GREATER] = ">", [OP_GREATER_EQUAL] = ">=", [OP_IN] = "IN",
    [OP_NIN] = "NIN",       [OP_ADD] = "+",     [OP_SUBTRACT] = "-",       [OP_MULTIPLY] = "*",
    [OP_DIVIDE] = "/",      [OP_MODULO] = "%",  [OP_AND] = "AND",          [OP_OR] = "OR",
};

/* ---- names, strings, literals ---- */

static void print_name(struct buf *out, struct str name, bool first)
{
    if (query_name_is_bare(name, first)) {
        buf_append_str(out, name);
        return;
    }
    buf_append_str(out, STR("[["));
    buf_append_str(out, name);
    buf_append_str(out, STR("]]"));
}

static void print_path(struct buf *out, const struct query_path *path)
{
    /* A tag called `devices` at the root keeps a prefix, lest its own name be taken for one. */
    if (path->name_count > 1 && str_equal_nocase(path->names[0], STR("devices"))) {
        buf_append_str(out, STR("devices."));
    }
    for (size_t i = 0; i < path->name_count; i++) {
        buf_append_str(out, i == 0 ? STR_EMPTY : STR("."));
        print_name(out, path->names[i], i == 0);
    }
}

static void print_string(struct buf *out, struct str s)
{
    buf_append_byte(out, '\'');
    for (size_t i = 0; i < s.size; i++) {
        const unsigned char c = (unsigned char)s.data[i];
        if (c < 0x20) {
            buf_append_format(out, "\\u%04x", c);
            continue;
        }
        if (c == '\'' || c == '\\') {
            buf_append_byte(out, '\\');
        }
        buf_append_byte(out, c);
    }
    buf_append_byte(out, '\'');
}

static void print_literal(struct buf *out, const struct query_value *value)
{
    switch (value->type) {
    case QUERY_NUMBER:
        buf_append_str(out, signbit(value->number) ? STR("-") : STR_EMPTY);
        buf_append_str(out, value->text);
        break;
    case QUERY_STRING:
        print_string(out, value->text);
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

/* ---- the text ---- */

/* How tightly a node's operator binds (reference, 1.3): an operand of looser or equal binding than
 * its parent stands in parentheses, so that the tree comes back as it was. */
static int binding(const struct query_node *node)
{
    static const int bindings[] = {
        [NODE_LITERAL] = 9, [NODE_PATH] = 9, [NODE_ARRAY] = 9, [NODE_CALL] = 9,
        [NODE_NEGATE] = 8,  [NODE_TERM] = 7, [NODE_SUM] = 6,   [NODE_COMPARE] = 5,
        [NODE_IN] = 5,      [NODE_NOT] = 4,  [NODE_AND] = 3,   [NODE_OR] = 2,
    };
    return bindings[node->kind];
}

static void print_node(struct buf *out, const struct query_node *node);

static void print_operand(struct buf *out, const struct query_node *node, int tightest_refused)
{
    const bool parentheses = binding(node) <= tightest_refused;
    buf_append_str(out, parentheses ? STR("(") : STR_EMPTY);
    print_node(out, node);
    buf_append_str(out, parentheses ? STR(")") : STR_EMPTY);
}

static void print_chain(struct buf *out, const struct query_node *node)
{
    for (const struct query_node *child = node->children; child != NULL; child = child->next) {
        if (child != node->children) {
            buf_append_format(out, " %s ", op_texts[child->joined_by]);
        }
        print_operand(out, child, binding(node));
    }
}

static void print_list(struct buf *out, const struct query_node *first)
{
    for (const struct query_node *item = first; item != NULL; item = item->next) {
        buf_append_str(out, item == first ? STR_EMPTY : STR(", "));
        print_node(out, item);
    }
}

/* "[" and a list; two brackets in a row would open a quoted name. */
static void print_brackets(struct buf *out, const struct query_node *first)
{
    buf_append_byte(out, '[');
    const size_t start = out->size;
    print_list(out, first);
    if (out->size > start && out->data[start] == '[') {
        buf_truncate(out, start);
        buf_append_byte(out, ' ');
        print_list(out, first);
    }
    buf_append_byte(out, ']');
}

static void print_node(struct buf *out, const struct query_node *node)
{
    switch (node->kind) {
    case NODE_LITERAL:
        print_literal(out, &node->value);
        break;
    case NODE_PATH:
        print_path(out, node->path);
        break;
    case NODE_ARRAY:
        print_brackets(out, node->children);
        break;
    case NODE_CALL:
        buf_append_str(out, node->name);
        buf_append_byte(out, '(');
        print_list(out, node->children);
        buf_append_byte(out, ')');
        break;
    case NODE_NEGATE:
        buf_append_str(out, STR("- "));
        print_operand(out, node->children, binding(node) - 1);
        break;
    case NODE_NOT:
        buf_append_str(out, STR("NOT "));
        print_operand(out, node->children, binding(node) - 1);
        break;
    case NODE_COMPARE:
        print_operand(out, node->children, binding(node));
        buf_append_format(out, " %s ", op_texts[node->op]);
        print_operand(out, node->children->next, binding(node));
        break;
    case NODE_IN:
        print_operand(out, node->children, binding(node));
        buf_append_format(out, " %s ", op_texts[node->op]);
        print_brackets(out, node->children->next);
        break;
    case NODE_TERM:
    case NODE_SUM:
    case NODE_AND:
    case NODE_OR:
        print_chain(out, node);
        break;
    }
}

static void print_column(struct buf *out, const struct query_column *column)
{
    if (column->aggregate != AGGREGATE_NONE) {
        buf_append_format(out, "%s(", query_aggregate_name(column->aggregate));
    }
    if (column->path != NULL) {
        print_path(out, column->path);
    }
    if (column->aggregate != AGGREGATE_NONE) {
        buf_append_byte(out, ')');
    }
    if (column->alias.data != NULL) {
        buf_append_str(out, STR(" AS "));
        print_name(out, column->alias, true);
    }
}

static const char *collection_name(enum query_collection collection)
{
    static const char *const names[] = {[QUERY_DEVICES] = "devices",
                                        [QUERY_MODULES] = "devices.modules",
                                        [QUERY_JOBS] = "devices.jobs"};
    return names[collection];
}

void query_print(const struct query *query, struct buf *out)
{
    buf_append_str(out, STR("SELECT "));
    if (query->info.top != QUERY_NO_TOP) {
        buf_append_format(out, "TOP %llu ", (unsigned long long)query->info.top);
    }
    buf_append_str(out, query->selects_all ? STR("*") : STR_EMPTY);
    for (size_t i = 0; i < query->column_count; i++) {
        buf_append_str(out, i == 0 ? STR_EMPTY : STR(", "));
        print_column(out, &query->columns[i]);
    }
    buf_append_format(out, " FROM %s", collection_name(query->info.collection));
    if (query->where != NULL) {
        buf_append_str(out, STR(" WHERE "));
        print_node(out, query->where);
    }
    for (size_t i = 0; i < query->group_path_count; i++) {
        buf_append_str(out, i == 0 ? STR(" GROUP BY ") : STR(", "));
        print_path(out, query->group_paths[i]);
    }
}
