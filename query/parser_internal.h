/* SPDX-License-Identifier: MIT */
#ifndef QUERY_PARSER_INTERNAL_H
#define QUERY_PARSER_INTERNAL_H

/*
 * The parser: one function per rule of the reference's grammar (1.2), headed by the rule. parser.c
 * has what all rules share, expression.c the rules of WHERE, statement.c and condition.c those
 * around them; route.c has the rules of message routes, made of the same parts.
 *
 * A function that cannot go on says why once, with query_parser_fail() or query_parser_refuse(),
 * and returns NULL or false; its callers only pass that up. Recursion goes through
 * query_parser_enter() and query_parser_leave(), which bound it.
 */
#include "query/ast_internal.h"
#include "query/lexer_internal.h"

struct query_parser {
    struct query_lexer lexer;
    struct query_token token; /* the next one, not yet taken */
    struct arena *arena;
    struct query *query;
    struct problem *problem;
    enum status status; /* the first refusal */
    size_t depth;
};

/* ---- tokens ---- */

void query_parser_advance(struct query_parser *parser);
bool query_parser_at(const struct query_parser *parser, enum query_token_kind kind);
bool query_parser_accept(struct query_parser *parser, enum query_token_kind kind);
bool query_parser_expect(struct query_parser *parser, enum query_token_kind kind,
                         const char *expected);
bool query_parser_is_bare_group(const struct query_parser *parser);
struct str query_parser_token_text(const struct query_parser *parser);
struct query_token query_parser_token_after(const struct query_parser *parser);

/* ---- refusals; each returns NULL ---- */

void *query_parser_refuse(struct query_parser *parser, size_t offset, const char *what);
void *query_parser_out_of_memory(struct query_parser *parser);

/* The next token cannot stand here. query_parser_advice() is added, or, in the second form, the
 * caller's (may be NULL). */
void *query_parser_fail(struct query_parser *parser, const char *expected);
void *query_parser_fail_with(struct query_parser *parser, const char *expected, const char *advice);

/* The dialect's advice for the next token. */
const char *query_parser_advice(const struct query_parser *parser);

bool query_parser_enter(struct query_parser *parser);
void query_parser_leave(struct query_parser *parser);

/* ---- nodes ---- */

struct query_node_list {
    struct query_node *first, *last;
    size_t count;
};

struct query_node *query_node_new(struct query_parser *parser, enum query_node_kind kind,
                                  size_t offset);
void query_node_list_add(struct query_node_list *list, struct query_node *node);
struct query_node *query_node_with_children(struct query_node *node, struct query_node_list list);

/* ---- rules used by other rules' files ---- */

struct query_path *query_parse_path(struct query_parser *parser, const char *expected);
bool query_parse_segment(struct query_parser *parser, const char *expected, struct str *ret_name);

/* expr, by the rules of the query's dialect. */
struct query_node *query_parse_expression(struct query_parser *parser);

/* The binary operators of one level of precedence. */
struct query_level {
    enum query_node_kind kind;
    struct {
        enum query_token_kind token;
        enum query_op op;
    } operators[6];
};

/* chain = operand { operator operand }, one node for the whole of it */
struct query_node *query_parse_chain(struct query_parser *parser, const struct query_level *level,
                                     struct query_node *(*parse_operand)(struct query_parser *));

/* The operator before the operand; the node has it as its one child. */
struct query_node *query_parse_prefixed(struct query_parser *parser, enum query_node_kind kind,
                                        struct query_node *(*parse_operand)(struct query_parser *));

/* The one place that knows how tightly NOT binds: whether a NOT here belongs to the rule asking. */
bool query_parser_at_not(const struct query_parser *parser, bool tight);

/* NULL without a refusal when no literal stands here. */
struct query_node *query_parse_literal(struct query_parser *parser);
struct query_node *query_parse_call(struct query_parser *parser);
struct query_node *query_parse_parenthesized(struct query_parser *parser);

/* The rules of WHERE (expression.c), and of routes (route.c), for dialects. */
struct query_node *query_parse_where(struct query_parser *parser);
struct query_node *query_parse_route(struct query_parser *parser);

/* collection = "devices" | "devices.modules" | "devices.jobs" */
bool query_parse_collection(struct query_parser *parser);

/* query = SELECT ... EOF, or an embedded condition; fills parser->query, false when it refused. */
bool query_parse_statement(struct query_parser *parser);
bool query_parse_condition(struct query_parser *parser);

#endif
