/* SPDX-License-Identifier: MIT */
#include "query/check_internal.h"

#include <stdio.h>

#include "query/dialect_internal.h"
#include "query/explain_internal.h"

/*
 * The static types of message routes (reference, 6.1): properties are strings, and operands that
 * are known to be of different kinds are refused when the route is saved. What comes out of $body
 * and $twin is known only when the message is there, and goes with everything.
 */
#define LOGICAL ((unsigned)(STATIC_BOOLEAN | STATIC_NULL | STATIC_UNDEFINED))

static const char *type_name(enum query_static_type type)
{
    switch (type) {
    case STATIC_BOOLEAN:
        return "a boolean";
    case STATIC_NUMBER:
        return "a number";
    case STATIC_STRING:
        return "a string";
    case STATIC_NULL:
        return "null";
    case STATIC_UNDEFINED:
        return "undefined";
    case STATIC_DYNAMIC:
    case STATIC_ANY:
        break;
    }
    return "of any type";
}

static bool is_among(enum query_static_type type, unsigned allowed)
{
    return type == STATIC_DYNAMIC || (allowed & (unsigned)type) != 0;
}

static bool go_together(enum query_static_type a, enum query_static_type b)
{
    return a == b || a == STATIC_DYNAMIC || b == STATIC_DYNAMIC;
}

static enum status refuse(const struct query_checker *checker, size_t offset, const char *wanted,
                          enum query_static_type found)
{
    const bool number_wanted = found == STATIC_STRING && strstr(wanted, "number") != NULL;
    return query_explain(checker->problem, checker->query->text, offset, "%s, but this is %s%s",
                         wanted, type_name(found),
                         number_wanted ? "; properties are strings, AS_NUMBER(name) makes a number"
                                       : "");
}

static enum status check_node(struct query_checker *checker, struct query_node *node,
                              enum query_static_type *ret_type);

/* ---- operands ---- */

static enum query_static_type literal_type(const struct query_value *value)
{
    static const enum query_static_type types[] = {
        [QUERY_UNDEFINED] = STATIC_UNDEFINED, [QUERY_NULL] = STATIC_NULL,
        [QUERY_BOOLEAN] = STATIC_BOOLEAN,     [QUERY_NUMBER] = STATIC_NUMBER,
        [QUERY_STRING] = STATIC_STRING,       [QUERY_ARRAY] = STATIC_DYNAMIC,
        [QUERY_OBJECT] = STATIC_DYNAMIC,
    };
    return types[value->type];
}

static enum query_static_type resolve(struct query_checker *checker, struct query_path *path)
{
    struct query *query = checker->query;
    path->source = (struct query_source){.kind = SOURCE_MESSAGE, .slot = query->slot_count++};
    if (query->last_message_path == NULL) {
        query->first_message_path = path;
    } else {
        query->last_message_path->next_message_path = path;
    }
    query->last_message_path = path;
    return path->root == ROOT_BODY || path->root == ROOT_TWIN ? STATIC_DYNAMIC : STATIC_STRING;
}

static enum status check_arguments(struct query_checker *checker, struct query_node *node)
{
    const struct query_function *function = node->function;
    size_t index = 0;
    for (struct query_node *argument = node->children; argument != NULL;
         argument = argument->next) {
        enum query_static_type type = STATIC_UNDEFINED;
        const enum status status = check_node(checker, argument, &type);
        if (status != STATUS_OK) {
            return status;
        }
        const unsigned takes = function->takes[index];
        if (!is_among(type, takes)) {
            char wanted[64];
            (void)snprintf(wanted, sizeof(wanted), "%s takes a %s here", function->name,
                           takes == STATIC_NUMBER   ? "number"
                           : takes == STATIC_STRING ? "string"
                                                    : "string or number");
            return refuse(checker, argument->offset, wanted, type);
        }
        index += index + 1 < QUERY_FUNCTION_TYPES_MAX ? 1 : 0;
    }
    return STATUS_OK;
}

/* ---- operators ---- */

static enum status check_prefixed(struct query_checker *checker, struct query_node *node,
                                  enum query_static_type *ret_type)
{
    enum query_static_type type = STATIC_UNDEFINED;
    const enum status status = check_node(checker, node->children, &type);
    if (status != STATUS_OK) {
        return status;
    }
    const bool negates = node->kind == NODE_NEGATE;
    if (!is_among(type, negates ? STATIC_NUMBER : STATIC_BOOLEAN | STATIC_NULL)) {
        return refuse(checker, node->children->offset,
                      negates ? "'-' takes a number" : "NOT takes a boolean", type);
    }
    *ret_type = negates ? type : STATIC_BOOLEAN;
    return STATUS_OK;
}

/* `left` op `right`, where `left` is what the chain gave so far. */
struct pair {
    enum query_static_type left, right;
    size_t left_offset, right_offset;
};

static enum status check_each(const struct query_checker *checker, const struct pair *pair,
                              unsigned allowed, const char *wanted)
{
    if (!is_among(pair->left, allowed)) {
        return refuse(checker, pair->left_offset, wanted, pair->left);
    }
    if (!is_among(pair->right, allowed)) {
        return refuse(checker, pair->right_offset, wanted, pair->right);
    }
    return STATUS_OK;
}

static enum status check_alike(const struct query_checker *checker, const struct pair *pair,
                               const char *what)
{
    if (go_together(pair->left, pair->right)) {
        return STATUS_OK;
    }
    const bool mixed = (pair->left | pair->right) == (STATIC_NUMBER | STATIC_STRING);
    return query_explain(checker->problem, checker->query->text, pair->right_offset,
                         "%s takes two values of one type, but the left one is %s and this is %s%s",
                         what, type_name(pair->left), type_name(pair->right),
                         mixed ? "; properties are strings, AS_NUMBER(name) makes a number" : "");
}

static enum query_static_type arithmetic_type(const struct pair *pair)
{
    return pair->left == STATIC_DYNAMIC || pair->right == STATIC_DYNAMIC ? STATIC_DYNAMIC
                                                                         : STATIC_NUMBER;
}

static enum query_static_type logic_type(const struct pair *pair, bool any)
{
    const bool left = pair->left == STATIC_NULL;
    const bool right = pair->right == STATIC_NULL;
    return (any ? left || right : left && right) ? STATIC_NULL : STATIC_BOOLEAN;
}

static enum status check_pair(const struct query_checker *checker, enum query_op op,
                              const struct pair *pair, enum query_static_type *ret_type)
{
    switch ((int)op) {
    case OP_AND:
    case OP_OR:
        *ret_type = logic_type(pair, op == OP_AND);
        return check_each(checker, pair, LOGICAL, "AND and OR take booleans");
    case OP_CONCAT:
        *ret_type = STATIC_STRING;
        return check_each(checker, pair, STATIC_STRING, "'||' takes strings");
    case OP_COALESCE:
        *ret_type = pair->left == STATIC_DYNAMIC ? pair->left : pair->right;
        return check_alike(checker, pair, "'?\?'");
    case OP_ADD:
    case OP_SUBTRACT:
    case OP_MULTIPLY:
    case OP_DIVIDE:
    case OP_MODULO:
        *ret_type = arithmetic_type(pair);
        return check_each(checker, pair, STATIC_NUMBER, "this operator takes numbers");
    default:
        *ret_type = STATIC_BOOLEAN;
        return check_alike(checker, pair, "a comparison");
    }
}

static enum status check_chain(struct query_checker *checker, struct query_node *node,
                               enum query_static_type *ret_type)
{
    enum query_static_type so_far = STATIC_UNDEFINED;
    for (struct query_node *child = node->children; child != NULL; child = child->next) {
        enum query_static_type type = STATIC_UNDEFINED;
        enum status status = check_node(checker, child, &type);
        if (status == STATUS_OK && child != node->children) {
            const struct pair pair = {so_far, type, node->offset, child->offset};
            status = check_pair(checker, child->joined_by, &pair, &type);
        }
        if (status != STATUS_OK) {
            return status;
        }
        if (child->joined_by == OP_CONCAT) {
            node->op = OP_CONCAT;
        }
        so_far = type;
    }
    *ret_type = so_far;
    return STATUS_OK;
}

static enum status check_node(struct query_checker *checker, struct query_node *node,
                              enum query_static_type *ret_type)
{
    switch ((int)node->kind) {
    case NODE_LITERAL:
        *ret_type = literal_type(&node->value);
        return STATUS_OK;
    case NODE_PATH:
        *ret_type = resolve(checker, node->path);
        return STATUS_OK;
    case NODE_CALL: {
        enum status status = query_check_call(checker, node);
        if (status == STATUS_OK) {
            status = check_arguments(checker, node);
        }
        if (status == STATUS_OK) {
            *ret_type = node->function->gives;
        }
        return status;
    }
    case NODE_NEGATE:
    case NODE_NOT:
        return check_prefixed(checker, node, ret_type);
    default:
        return check_chain(checker, node, ret_type);
    }
}

enum status query_check_route(struct query *query, struct arena *arena, struct problem *problem)
{
    struct query_checker checker = {.query = query, .arena = arena, .problem = problem};
    enum query_static_type type = STATIC_UNDEFINED;
    query->info.has_where = true;
    query->info.item_type = "";
    return check_node(&checker, query->where, &type);
}
