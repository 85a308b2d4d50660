/* SPDX-License-Identifier: MIT */
#include "query/dialect_internal.h"
#include "query/explain_internal.h"
#include "query/parser_internal.h"

static bool literal_of(struct query_parser *parser, struct query_value *ret_value)
{
    const struct str text = query_parser_token_text(parser);
    if (query_parser_at(parser, TOKEN_NUMBER)) {
        *ret_value = query_number(query_number_decode(text));
        ret_value->text = text.data[0] == '-' ? str_skip(text, 1) : text;
        return true;
    }
    if (query_parser_at(parser, TOKEN_STRING)) {
        *ret_value = query_string(STR_EMPTY);
        if (!query_string_decode(text, parser->arena, &ret_value->text)) {
            query_parser_out_of_memory(parser);
        }
        return true;
    }
    if (!query_parser_at(parser, TOKEN_NAME)) {
        return false;
    }
    if (str_equal(text, STR("true")) || str_equal(text, STR("false"))) {
        *ret_value = query_boolean(text.size == 4);
        return true;
    }
    if (str_equal(text, STR("null")) || str_equal(text, STR("undefined"))) {
        *ret_value = (struct query_value){.type = text.size == 4 ? QUERY_NULL : QUERY_UNDEFINED};
        return true;
    }
    return false;
}

struct query_node *query_parse_literal(struct query_parser *parser)
{
    struct query_value value;
    if (!literal_of(parser, &value)) {
        return NULL;
    }
    struct query_node *node = query_node_new(parser, NODE_LITERAL, parser->token.offset);
    if (node != NULL) {
        node->value = value;
        query_parser_advance(parser);
    }
    return parser->status == STATUS_OK ? node : NULL;
}

/* [ expr { "," expr } ] up to the token `close` */
static bool parse_list(struct query_parser *parser, enum query_token_kind close,
                       const char *expected, struct query_node_list *ret_list)
{
    struct query_node_list list = {0};
    while (list.count > 0 || !query_parser_at(parser, close)) {
        struct query_node *item = query_parse_expression(parser);
        if (item == NULL) {
            return false;
        }
        query_node_list_add(&list, item);
        if (!query_parser_accept(parser, TOKEN_COMMA)) {
            break;
        }
    }
    if (!query_parser_expect(parser, close, expected)) {
        return false;
    }
    *ret_list = list;
    return true;
}

/* array = "[" [ expr { "," expr } ] "]" */
static struct query_node *parse_array(struct query_parser *parser)
{
    struct query_node *node = query_node_new(parser, NODE_ARRAY, parser->token.offset);
    query_parser_advance(parser);
    struct query_node_list list;
    if (node == NULL || !parse_list(parser, TOKEN_CLOSE_BRACKET, "',' or ']'", &list)) {
        return NULL;
    }
    return query_node_with_children(node, list);
}

/* function = fname "(" [ expr { "," expr } ] ")" */
struct query_node *query_parse_call(struct query_parser *parser)
{
    struct query_node *node = query_node_new(parser, NODE_CALL, parser->token.offset);
    if (node == NULL) {
        return NULL;
    }
    node->name = query_parser_token_text(parser);
    query_parser_advance(parser);
    query_parser_advance(parser);
    struct query_node_list list;
    if (!parse_list(parser, TOKEN_CLOSE, "',' or ')'", &list)) {
        return NULL;
    }
    return query_node_with_children(node, list);
}

struct query_node *query_parse_parenthesized(struct query_parser *parser)
{
    query_parser_advance(parser);
    struct query_node *node = query_parse_expression(parser);
    if (node == NULL || !query_parser_expect(parser, TOKEN_CLOSE, "an operator, AND, OR or ')'")) {
        return NULL;
    }
    return node;
}

#define VALUE_EXPECTED "a value, a path, a function or '('"

static const char *advice_at_value(const struct query_parser *parser)
{
    if (query_parser_at(parser, TOKEN_EQUAL)) {
        return "equality is written with one '='";
    }
    if (query_parser_at(parser, TOKEN_IN) || query_parser_at(parser, TOKEN_NIN)) {
        return "'not in' is written path NIN ['a', 'b']";
    }
    if (query_parser_at(parser, TOKEN_SELECT)) {
        return "there are no subqueries";
    }
    return query_parser_advice(parser);
}

/* primary = "(" expr ")" | number | string | true | false | null | undefined | array | function
 *         | path */
static struct query_node *parse_primary(struct query_parser *parser)
{
    const enum query_token_kind after =
        query_parser_at(parser, TOKEN_NAME) ? query_parser_token_after(parser).kind : TOKEN_END;
    if (after == TOKEN_OPEN) {
        return query_parse_call(parser);
    }
    struct query_node *literal = after == TOKEN_DOT ? NULL : query_parse_literal(parser);
    if (literal != NULL || parser->status != STATUS_OK) {
        return literal;
    }
    if (query_parser_at(parser, TOKEN_OPEN)) {
        return query_parse_parenthesized(parser);
    }
    if (query_parser_at(parser, TOKEN_OPEN_BRACKET)) {
        return parse_array(parser);
    }
    if (!query_parser_at(parser, TOKEN_NAME) && !query_parser_at(parser, TOKEN_QUOTED_NAME) &&
        !query_parser_is_bare_group(parser)) {
        return query_parser_fail_with(parser, VALUE_EXPECTED, advice_at_value(parser));
    }
    struct query_node *node = query_node_new(parser, NODE_PATH, parser->token.offset);
    if (node != NULL) {
        node->path = query_parse_path(parser, VALUE_EXPECTED);
    }
    return parser->status == STATUS_OK ? node : NULL;
}

bool query_parser_at_not(const struct query_parser *parser, bool tight)
{
    return query_parser_at(parser, TOKEN_NOT) && parser->query->dialect->not_binds_tight == tight;
}

struct query_node *query_parse_prefixed(struct query_parser *parser, enum query_node_kind kind,
                                        struct query_node *(*parse_operand)(struct query_parser *))
{
    struct query_node *node = query_node_new(parser, kind, parser->token.offset);
    if (node == NULL || !query_parser_enter(parser)) {
        return NULL;
    }
    query_parser_advance(parser);
    struct query_node *operand = parse_operand(parser);
    query_parser_leave(parser);
    if (operand == NULL) {
        return NULL;
    }
    struct query_node_list list = {0};
    query_node_list_add(&list, operand);
    return query_node_with_children(node, list);
}

/* unary = "-" unary | primary */
static struct query_node *parse_unary(struct query_parser *parser)
{
    if (query_parser_at(parser, TOKEN_MINUS)) {
        return query_parse_prefixed(parser, NODE_NEGATE, parse_unary);
    }
    if (query_parser_at_not(parser, true)) {
        return query_parse_prefixed(parser, NODE_NOT, parse_unary);
    }
    return parse_primary(parser);
}

/* Tightest first (reference, 1.3). */
static const struct query_level term_level = {
    NODE_TERM,
    {{TOKEN_STAR, OP_MULTIPLY}, {TOKEN_SLASH, OP_DIVIDE}, {TOKEN_PERCENT, OP_MODULO}},
};
static const struct query_level sum_level = {
    NODE_SUM,
    {{TOKEN_PLUS, OP_ADD}, {TOKEN_MINUS, OP_SUBTRACT}},
};
static const struct query_level comparison_level = {
    NODE_COMPARE,
    {{TOKEN_EQUAL, OP_EQUAL},
     {TOKEN_NOT_EQUAL, OP_NOT_EQUAL},
     {TOKEN_LESS, OP_LESS},
     {TOKEN_LESS_EQUAL, OP_LESS_EQUAL},
     {TOKEN_GREATER, OP_GREATER},
     {TOKEN_GREATER_EQUAL, OP_GREATER_EQUAL}},
};
static const struct query_level and_level = {NODE_AND, {{TOKEN_AND, OP_AND}}};
static const struct query_level or_level = {NODE_OR, {{TOKEN_OR, OP_OR}}};

static enum query_op operator_at(const struct query_parser *parser, const struct query_level *level)
{
    for (size_t i = 0; i < ARRAY_SIZE(level->operators); i++) {
        if (level->operators[i].op != OP_NONE &&
            query_parser_at(parser, level->operators[i].token)) {
            return level->operators[i].op;
        }
    }
    return OP_NONE;
}

struct query_node *query_parse_chain(struct query_parser *parser, const struct query_level *level,
                                     struct query_node *(*parse_operand)(struct query_parser *))
{
    struct query_node *first = parse_operand(parser);
    if (first == NULL || operator_at(parser, level) == OP_NONE) {
        return first;
    }
    struct query_node *chain = query_node_new(parser, level->kind, first->offset);
    if (chain == NULL) {
        return NULL;
    }
    struct query_node_list list = {0};
    query_node_list_add(&list, first);
    enum query_op op = operator_at(parser, level);
    while (op != OP_NONE) {
        query_parser_advance(parser);
        struct query_node *operand = parse_operand(parser);
        if (operand == NULL) {
            return NULL;
        }
        query_node_list_add(&list, operand);
        operand->joined_by = op;
        op = operator_at(parser, level);
    }
    return query_node_with_children(chain, list);
}

/* term = unary { ( "*" | "/" | "%" ) unary } */
static struct query_node *parse_term(struct query_parser *parser)
{
    return query_parse_chain(parser, &term_level, parse_unary);
}

/* sum = term { ( "+" | "-" ) term } */
static struct query_node *parse_sum(struct query_parser *parser)
{
    return query_parse_chain(parser, &sum_level, parse_term);
}

/* const_array = "[" [ const { "," const } ] "]" ;
 * const = [ "-" ] number | string | true | false | null */
static struct query_node *parse_constant(struct query_parser *parser)
{
    const size_t offset = parser->token.offset;
    const bool negative = query_parser_accept(parser, TOKEN_MINUS);
    struct query_node *node =
        !negative || query_parser_at(parser, TOKEN_NUMBER) ? query_parse_literal(parser) : NULL;
    if (node == NULL) {
        return query_parser_fail_with(parser, "a number, a string, true, false or null",
                                      "the list after IN holds constants only");
    }
    if (node->value.type == QUERY_UNDEFINED) {
        return query_parser_refuse(parser, node->offset,
                                   "Nothing is ever equal to undefined; the "
                                   "list after IN cannot hold it");
    }
    if (negative) {
        node->offset = offset;
        node->value.number = -node->value.number;
    }
    return node;
}

static struct query_node *parse_in(struct query_parser *parser, struct query_node *left)
{
    struct query_node *node = query_node_new(parser, NODE_IN, left->offset);
    if (node == NULL) {
        return NULL;
    }
    node->op = query_parser_at(parser, TOKEN_IN) ? OP_IN : OP_NIN;
    query_parser_advance(parser);
    if (!query_parser_at(parser, TOKEN_OPEN_BRACKET)) {
        return query_parser_fail_with(parser, "'['", "lists stand in brackets: IN ['a', 'b']");
    }
    query_parser_advance(parser);
    struct query_node_list list = {0};
    query_node_list_add(&list, left);
    while (list.count > 1 || !query_parser_at(parser, TOKEN_CLOSE_BRACKET)) {
        struct query_node *constant = parse_constant(parser);
        if (constant == NULL) {
            return NULL;
        }
        query_node_list_add(&list, constant);
        if (!query_parser_accept(parser, TOKEN_COMMA)) {
            break;
        }
    }
    if (!query_parser_expect(parser, TOKEN_CLOSE_BRACKET, "',' or ']'")) {
        return NULL;
    }
    return query_node_with_children(node, list);
}

static bool at_comparison(const struct query_parser *parser)
{
    return operator_at(parser, &comparison_level) != OP_NONE || query_parser_at(parser, TOKEN_IN) ||
           query_parser_at(parser, TOKEN_NIN);
}

/* comparison = sum [ cmp_op sum | ( IN | NIN ) const_array ] */
static struct query_node *parse_comparison(struct query_parser *parser)
{
    struct query_node *node = parse_sum(parser);
    if (node == NULL || !at_comparison(parser)) {
        return node;
    }
    const enum query_op op = operator_at(parser, &comparison_level);
    if (op == OP_NONE && parser->query->dialect->has_no_lists) {
        return query_parser_fail_with(parser, "AND, OR or the end of the condition",
                                      "a target condition has no IN and NIN; write deviceId = 'a' "
                                      "OR deviceId = 'b'");
    }
    if (op == OP_NONE) {
        node = parse_in(parser, node);
    } else {
        query_parser_advance(parser);
        struct query_node *right = parse_sum(parser);
        struct query_node *compare = query_node_new(parser, NODE_COMPARE, node->offset);
        if (right == NULL || compare == NULL) {
            return NULL;
        }
        struct query_node_list sides = {0};
        query_node_list_add(&sides, node);
        query_node_list_add(&sides, right);
        compare->op = op;
        node = query_node_with_children(compare, sides);
    }
    if (node != NULL && at_comparison(parser)) {
        return query_parser_fail_with(parser, "AND, OR or the end of the comparison",
                                      "comparisons cannot be chained; write a = b AND b = c");
    }
    return node;
}

/* not = NOT not | comparison */
static struct query_node *parse_not(struct query_parser *parser)
{
    return query_parser_at_not(parser, false) ? query_parse_prefixed(parser, NODE_NOT, parse_not)
                                              : parse_comparison(parser);
}

/* and = not { AND not } */
static struct query_node *parse_and(struct query_parser *parser)
{
    return query_parse_chain(parser, &and_level, parse_not);
}

/* expr = or ; or = and { OR and } */
struct query_node *query_parse_where(struct query_parser *parser)
{
    return query_parse_chain(parser, &or_level, parse_and);
}

struct query_node *query_parse_expression(struct query_parser *parser)
{
    if (!query_parser_enter(parser)) {
        return NULL;
    }
    struct query_node *node = parser->query->dialect->parse_expression(parser);
    query_parser_leave(parser);
    return node;
}
