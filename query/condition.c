/* SPDX-License-Identifier: MIT */
#include "query/dialect_internal.h"
#include "query/parser_internal.h"

/* The embedded texts (reference, section 6): an expression, with less around it than a query. */

static bool parse_end(struct query_parser *parser)
{
    if (query_parser_at(parser, TOKEN_END)) {
        return true;
    }
    const bool closing = query_parser_at(parser, TOKEN_CLOSE);
    query_parser_fail_with(parser, "an operator, AND, OR or the end of the condition",
                           closing ? "this ')' closes nothing" : query_parser_advice(parser));
    return false;
}

/* No text is no value, which nothing matches. */
static bool take_empty(struct query_parser *parser)
{
    parser->query->is_empty = true;
    parser->query->where = query_node_new(parser, NODE_LITERAL, 0);
    return parser->query->where != NULL;
}

/* condition = [ FROM devices.modules WHERE ] ( "*" | expr ) | nothing */
bool query_parse_condition(struct query_parser *parser)
{
    struct query *query = parser->query;
    query->is_condition = true;
    query->selects_all = true;
    query->info.top = QUERY_NO_TOP;
    if (query_parser_at(parser, TOKEN_END)) {
        return take_empty(parser);
    }
    if (query_parser_at(parser, TOKEN_SELECT)) {
        query_parser_fail_with(parser, "a condition",
                               "a condition is only what would stand after WHERE");
        return false;
    }
    if (query_parser_accept(parser, TOKEN_FROM)) {
        const size_t offset = parser->token.offset;
        if (!query_parse_collection(parser)) {
            return false;
        }
        if (query->info.collection != QUERY_MODULES) {
            query_parser_refuse(parser, offset,
                                "A condition on devices stands alone; the other form is FROM "
                                "devices.modules WHERE condition");
            return false;
        }
        if (!query_parser_expect(parser, TOKEN_WHERE, "WHERE")) {
            return false;
        }
    }
    if (query->dialect->syntax == SYNTAX_QUERY && query_parser_accept(parser, TOKEN_STAR)) {
        return parse_end(parser);
    }
    query->where = query_parse_expression(parser);
    return query->where != NULL && parse_end(parser);
}
