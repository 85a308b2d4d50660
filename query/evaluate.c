/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <math.h>

#include "query/dialect_internal.h"
#include "query/row_internal.h"

/*
 * One evaluator for the whole language (reference, 3.1 to 3.5). It allocates nothing and has no
 * errors: what makes no sense is undefined.
 */

enum query_truth query_truth_of(bool value)
{
    return value ? TRUTH_TRUE : TRUTH_FALSE;
}

enum query_truth query_truth_not(enum query_truth truth)
{
    return truth == TRUTH_UNDEFINED ? truth : query_truth_of(truth == TRUTH_FALSE);
}

struct query_value query_value_of(enum query_truth truth)
{
    return truth == TRUTH_UNDEFINED ? (struct query_value){.type = QUERY_UNDEFINED}
                                    : query_boolean(truth == TRUTH_TRUE);
}

/* The operand itself where it has a place, else its value in *scratch. */
static const struct query_value *operand(const struct query_node *node, const struct query_row *row,
                                         struct query_value *scratch)
{
    static const struct query_value undefined = {.type = QUERY_UNDEFINED};
    if (node->kind == NODE_LITERAL) {
        return &node->value;
    }
    if (node->kind == NODE_PATH) {
        return node->path->source.kind == SOURCE_NOTHING
                   ? &undefined
                   : query_source_value(&node->path->source, row);
    }
    *scratch = query_evaluate(node, row);
    return scratch;
}

/* ---- comparison ---- */

static bool is_primitive(const struct query_value *value)
{
    return value->type >= QUERY_NULL && value->type <= QUERY_STRING;
}

/*
 * Strings are ordered by UTF-16 code unit (reference, 3.4). UTF-8 bytes give the same order, but
 * for U+E000 to U+FFFF, which in UTF-16 come after the surrogates of the higher planes.
 */
static int string_order(struct str a, struct str b)
{
    const size_t shared = a.size < b.size ? a.size : b.size;
    size_t i = 0;
    while (i < shared && a.data[i] == b.data[i]) {
        i++;
    }
    if (i == shared) {
        return a.size < b.size ? -1 : a.size > b.size;
    }
    const unsigned char left = (unsigned char)a.data[i];
    const unsigned char right = (unsigned char)b.data[i];
    const bool left_private = left == 0xEE || left == 0xEF;
    const bool right_private = right == 0xEE || right == 0xEF;
    if ((left >= 0xF0 && right_private) || (right >= 0xF0 && left_private)) {
        return left_private ? 1 : -1;
    }
    return left < right ? -1 : 1;
}

enum query_truth query_compare_equal(const struct query_value *a, const struct query_value *b,
                                     bool types_must_match, bool ignores_case)
{
    if (!is_primitive(a) || !is_primitive(b)) {
        return TRUTH_UNDEFINED;
    }
    if (a->type != b->type) {
        return types_must_match ? TRUTH_UNDEFINED : TRUTH_FALSE;
    }
    if (a->type == QUERY_STRING) {
        return query_truth_of(ignores_case ? str_equal_nocase(a->text, b->text)
                                           : str_equal(a->text, b->text));
    }
    if (a->type == QUERY_NUMBER) {
        return query_truth_of(a->number == b->number);
    }
    return query_truth_of(a->type == QUERY_NULL || a->boolean == b->boolean);
}

uint64_t query_value_hash(const struct query_value *value)
{
    const double number = value->number == 0.0 ? 0.0 : value->number; /* -0 equals 0 */
    switch (value->type) {
    case QUERY_UNDEFINED:
    case QUERY_ARRAY:
    case QUERY_OBJECT:
        return 0;
    case QUERY_NULL:
        return 1;
    case QUERY_BOOLEAN:
        return value->boolean ? 3 : 2;
    case QUERY_NUMBER:
        return str_hash(str_of((const char *)&number, sizeof(number))) | 1;
    case QUERY_STRING:
        return str_hash(value->text) | 1;
    }
    return 0;
}

int query_value_order(const struct query_value *a, const struct query_value *b)
{
    if (a->type == QUERY_STRING) {
        return string_order(a->text, b->text);
    }
    if (a->type == QUERY_NUMBER) {
        return a->number < b->number ? -1 : a->number > b->number;
    }
    return a->type == QUERY_BOOLEAN ? (int)a->boolean - (int)b->boolean : 0;
}

static bool order_fits(enum query_op op, int order)
{
    switch ((int)op) {
    case OP_LESS:
        return order < 0;
    case OP_LESS_EQUAL:
        return order <= 0;
    case OP_GREATER:
        return order > 0;
    default:
        assert(op == OP_GREATER_EQUAL);
        return order >= 0;
    }
}

enum query_truth query_compare(enum query_op op, const struct query_value *a,
                               const struct query_value *b, bool types_must_match,
                               bool ignores_case)
{
    if (op == OP_EQUAL || op == OP_NOT_EQUAL) {
        const enum query_truth equal = query_compare_equal(a, b, types_must_match, ignores_case);
        return op == OP_EQUAL ? equal : query_truth_not(equal);
    }
    if (!is_primitive(a) || a->type != b->type) {
        return TRUTH_UNDEFINED;
    }
    return query_truth_of(order_fits(op, query_value_order(a, b)));
}

static enum query_truth compare(const struct query_node *node, const struct query_row *row)
{
    struct query_value scratch[2];
    const struct query_value *a = operand(node->children, row, &scratch[0]);
    const struct query_value *b = operand(node->children->next, row, &scratch[1]);
    return query_compare(node->op, a, b, row->query->dialect->types_must_match, node->ignores_case);
}

static enum query_truth in_list(const struct query_node *node, const struct query_row *row)
{
    struct query_value scratch;
    const struct query_value *left = operand(node->children, row, &scratch);
    if (!is_primitive(left)) {
        return TRUTH_UNDEFINED;
    }
    enum query_truth found = TRUTH_FALSE;
    for (const struct query_node *item = node->children->next; item != NULL && found != TRUTH_TRUE;
         item = item->next) {
        const enum query_truth equal =
            query_compare_equal(left, &item->value, false, node->ignores_case);
        found = equal == TRUTH_TRUE ? equal : found;
    }
    return node->op == OP_IN ? found : query_truth_not(found);
}

/* ---- logic ---- */

static enum query_truth judge(const struct query_node *node, const struct query_row *row);

/* AND stops at false, OR at true: the one value that settles it. */
static enum query_truth judge_chain(const struct query_node *node, const struct query_row *row,
                                    enum query_truth settles)
{
    enum query_truth result = query_truth_not(settles);
    for (const struct query_node *child = node->children; child != NULL; child = child->next) {
        const enum query_truth truth = judge(child, row);
        if (truth == settles) {
            return settles;
        }
        result = truth == TRUTH_UNDEFINED ? truth : result;
    }
    return result;
}

static enum query_truth judge(const struct query_node *node, const struct query_row *row)
{
    switch ((int)node->kind) {
    case NODE_COMPARE:
        return compare(node, row);
    case NODE_IN:
        return in_list(node, row);
    case NODE_NOT:
        return query_truth_not(judge(node->children, row));
    case NODE_AND:
        return judge_chain(node, row, TRUTH_FALSE);
    case NODE_OR:
        return judge_chain(node, row, TRUTH_TRUE);
    default: {
        struct query_value scratch;
        const struct query_value *value = operand(node, row, &scratch);
        return value->type == QUERY_BOOLEAN ? query_truth_of(value->boolean) : TRUTH_UNDEFINED;
    }
    }
}

bool query_where(const struct query *query, const struct query_row *row)
{
    return query->where == NULL || judge(query->where, row) == TRUTH_TRUE;
}

bool query_where_excludes(const struct query *query, const struct query_row *row, uint64_t given)
{
    if (query->where == NULL || query->where->kind != NODE_AND) {
        return false;
    }
    for (const struct query_node *child = query->where->children; child != NULL;
         child = child->next) {
        if ((child->needs & ~given) == 0 && judge(child, row) != TRUTH_TRUE) {
            return true;
        }
    }
    return false;
}

/* ---- arithmetic ---- */

static double apply(enum query_op op, double a, double b)
{
    switch ((int)op) {
    case OP_ADD:
        return a + b;
    case OP_SUBTRACT:
        return a - b;
    case OP_MULTIPLY:
        return a * b;
    case OP_DIVIDE:
        return a / b;
    default:
        assert(op == OP_MODULO);
        return fmod(a, b);
    }
}

/* Not a number is undefined (reference, 3.5). */
static struct query_value number_or_undefined(double number)
{
    return isnan(number) ? (struct query_value){.type = QUERY_UNDEFINED} : query_number(number);
}

struct query_value query_apply(enum query_op op, const struct query_value *a,
                               const struct query_value *b)
{
    return a->type == QUERY_NUMBER && b->type == QUERY_NUMBER
               ? number_or_undefined(apply(op, a->number, b->number))
               : (struct query_value){.type = QUERY_UNDEFINED};
}

static struct query_value calculate(const struct query_node *node, const struct query_row *row)
{
    const struct query_value undefined = {.type = QUERY_UNDEFINED};
    struct query_value scratch;
    double result = 0.0;
    for (const struct query_node *child = node->children; child != NULL; child = child->next) {
        const struct query_value *value = operand(child, row, &scratch);
        if (value->type != QUERY_NUMBER || isnan(result)) {
            return undefined;
        }
        result = child == node->children ? value->number
                                         : apply(child->joined_by, result, value->number);
    }
    return number_or_undefined(result);
}

struct query_value query_evaluate(const struct query_node *node, const struct query_row *row)
{
    struct query_value scratch;
    switch (node->kind) {
    case NODE_LITERAL:
    case NODE_PATH:
        return *operand(node, row, &scratch);
    case NODE_ARRAY:
        return (struct query_value){.type = QUERY_ARRAY};
    case NODE_CALL:
        return node->function->call(node->children, row);
    case NODE_NEGATE:
        scratch = query_evaluate(node->children, row);
        return scratch.type == QUERY_NUMBER ? query_number(-scratch.number)
                                            : (struct query_value){.type = QUERY_UNDEFINED};
    case NODE_TERM:
    case NODE_SUM:
        return node->op == OP_CONCAT ? query_route_sum(node, row) : calculate(node, row);
    case NODE_NOT:
    case NODE_AND:
    case NODE_OR:
        if (row->query->dialect->null_is_logical) {
            return query_route_logic(node, row);
        }
        break;
    case NODE_RELATION:
    case NODE_EQUALITY:
        return query_route_comparison(node, row);
    case NODE_COALESCE:
        return query_route_coalesce(node, row);
    case NODE_COMPARE:
    case NODE_IN:
        break;
    }
    return query_value_of(judge(node, row));
}
