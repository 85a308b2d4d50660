/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <math.h>

#include "base/json.h"
#include "query/dialect_internal.h"

static const char *const op_texts[] = {
    [OP_NONE] = "",         [OP_EQUAL] = "=",     [OP_NOT_EQUAL] = "!=",     [OP_LESS] = "<",
    [OP_LESS_EQUAL] = "<=", [OP_GREATER] = ">",   [OP_GREATER_EQUAL] = ">=", [OP_IN] = "IN",
    [OP_NIN] = "NIN",       [OP_ADD] = "+",       [OP_SUBTRACT] = "-",       [OP_MULTIPLY] = "*",
    [OP_DIVIDE] = "/",      [OP_MODULO] = "%",    [OP_AND] = "AND",          [OP_OR] = "OR",
    [OP_CONCAT] = "||",     [OP_COALESCE] = "??",
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
    if (path->root != ROOT_DOCUMENT) {
        buf_append_format(out, path->in_braces ? "{%.*s}" : "%.*s", STR_ARG(path->written));
        return;
    }
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

/*
 * How tightly a node's operator binds (reference, 1.3 and 6.1): an operand of looser or equal
 * binding than its parent stands in parentheses, so that the tree comes back as it was.
 */
static int binding(const struct query_node *node, bool not_binds_tight)
{
    static const int bindings[] = {
        [NODE_LITERAL] = 9,  [NODE_PATH] = 9,    [NODE_ARRAY] = 9,    [NODE_CALL] = 9,
        [NODE_NEGATE] = 8,   [NODE_TERM] = 7,    [NODE_SUM] = 6,      [NODE_RELATION] = 5,
        [NODE_EQUALITY] = 4, [NODE_COMPARE] = 4, [NODE_IN] = 4,       [NODE_NOT] = 3,
        [NODE_AND] = 2,      [NODE_OR] = 1,      [NODE_COALESCE] = 0,
    };
    return node->kind == NODE_NOT && not_binds_tight ? bindings[NODE_NEGATE] : bindings[node->kind];
}

struct printer {
    struct buf *out;
    bool not_binds_tight; /* as in the dialect */
};

static void print_node(const struct printer *printer, const struct query_node *node);

static void print_operand(const struct printer *printer, const struct query_node *node,
                          int tightest_refused)
{
    const bool parentheses = binding(node, printer->not_binds_tight) <= tightest_refused;
    buf_append_str(printer->out, parentheses ? STR("(") : STR_EMPTY);
    print_node(printer, node);
    buf_append_str(printer->out, parentheses ? STR(")") : STR_EMPTY);
}

static void print_chain(const struct printer *printer, const struct query_node *node)
{
    for (const struct query_node *child = node->children; child != NULL; child = child->next) {
        if (child != node->children) {
            buf_append_format(printer->out, " %s ", op_texts[child->joined_by]);
        }
        print_operand(printer, child, binding(node, printer->not_binds_tight));
    }
}

static void print_prefixed(const struct printer *printer, const struct query_node *node)
{
    buf_append_str(printer->out, node->kind == NODE_NOT ? STR("NOT ") : STR("- "));
    print_operand(printer, node->children, binding(node, printer->not_binds_tight) - 1);
}

static void print_list(const struct printer *printer, const struct query_node *first)
{
    for (const struct query_node *item = first; item != NULL; item = item->next) {
        buf_append_str(printer->out, item == first ? STR_EMPTY : STR(", "));
        print_node(printer, item);
    }
}

/* "[" and a list; two brackets in a row would open a quoted name. */
static void print_brackets(const struct printer *printer, const struct query_node *first)
{
    struct buf *out = printer->out;
    buf_append_str(out, STR("[ "));
    const size_t start = out->size;
    print_list(printer, first);
    if (out->failed == STATUS_OK && (out->size == start || out->data[start] != '[')) {
        memmove(out->data + start - 1, out->data + start, out->size - start);
        buf_truncate(out, out->size - 1);
    }
    buf_append_byte(out, ']');
}

static void print_call(const struct printer *printer, const struct query_node *node)
{
    buf_append_str(printer->out, node->name);
    buf_append_byte(printer->out, '(');
    print_list(printer, node->children);
    buf_append_byte(printer->out, ')');
}

/* A comparison of twin queries; in routes they are chains. */
static void print_comparison(const struct printer *printer, const struct query_node *node)
{
    const int refused = binding(node, printer->not_binds_tight);
    print_operand(printer, node->children, refused);
    buf_append_format(printer->out, " %s ", op_texts[node->op]);
    if (node->kind == NODE_IN) {
        print_brackets(printer, node->children->next);
    } else {
        print_operand(printer, node->children->next, refused);
    }
}

static void print_node(const struct printer *printer, const struct query_node *node)
{
    switch (node->kind) {
    case NODE_LITERAL:
        print_literal(printer->out, &node->value);
        break;
    case NODE_PATH:
        print_path(printer->out, node->path);
        break;
    case NODE_ARRAY:
        print_brackets(printer, node->children);
        break;
    case NODE_CALL:
        print_call(printer, node);
        break;
    case NODE_NEGATE:
    case NODE_NOT:
        print_prefixed(printer, node);
        break;
    case NODE_COMPARE:
    case NODE_IN:
        print_comparison(printer, node);
        break;
    case NODE_TERM:
    case NODE_SUM:
    case NODE_AND:
    case NODE_OR:
    case NODE_RELATION:
    case NODE_EQUALITY:
    case NODE_COALESCE:
        print_chain(printer, node);
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

static void print_where(const struct query *query, struct buf *out)
{
    const struct printer printer = {out, query->dialect->not_binds_tight};
    print_node(&printer, query->where);
}

static void print_condition(const struct query *query, struct buf *out)
{
    if (query->info.collection == QUERY_MODULES) {
        buf_append_str(out, STR("FROM devices.modules WHERE "));
    }
    if (query->where == NULL) {
        buf_append_byte(out, '*');
    } else if (!query->is_empty) {
        print_where(query, out);
    }
}

void query_print(const struct query *query, struct buf *out)
{
    if (query->is_condition) {
        print_condition(query, out);
        return;
    }
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
        print_where(query, out);
    }
    for (size_t i = 0; i < query->group_path_count; i++) {
        buf_append_str(out, i == 0 ? STR(" GROUP BY ") : STR(", "));
        print_path(out, query->group_paths[i]);
    }
}
