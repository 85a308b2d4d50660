/* SPDX-License-Identifier: MIT */
#include "query/parser_internal.h"

#include "query/dialect_internal.h"
#include "query/explain_internal.h"

struct query_token query_parser_token_after(const struct query_parser *parser)
{
    struct query_lexer ahead = parser->lexer;
    return query_lexer_next(&ahead);
}

void query_parser_advance(struct query_parser *parser)
{
    parser->token = query_lexer_next(&parser->lexer);
}

bool query_parser_at(const struct query_parser *parser, enum query_token_kind kind)
{
    return parser->token.kind == kind;
}

bool query_parser_accept(struct query_parser *parser, enum query_token_kind kind)
{
    if (!query_parser_at(parser, kind)) {
        return false;
    }
    query_parser_advance(parser);
    return true;
}

struct str query_parser_token_text(const struct query_parser *parser)
{
    return str_of(parser->lexer.text.data + parser->token.offset, parser->token.size);
}

/* ---- refusing ---- */

void *query_parser_refuse(struct query_parser *parser, size_t offset, const char *what)
{
    if (parser->status == STATUS_OK) {
        parser->status = query_explain(parser->problem, parser->lexer.text, offset, "%s", what);
    }
    return NULL;
}

void *query_parser_out_of_memory(struct query_parser *parser)
{
    if (parser->status == STATUS_OK) {
        parser->status = STATUS_NO_MEMORY;
    }
    return NULL;
}

void *query_parser_fail_with(struct query_parser *parser, const char *expected, const char *advice)
{
    if (parser->status != STATUS_OK) {
        return NULL;
    }
    char quoted[QUERY_QUOTE_SIZE];
    const char *found = query_explain_quote(query_parser_token_text(parser), quoted);
    const size_t offset = parser->token.offset;
    if (query_parser_at(parser, TOKEN_ILLEGAL)) {
        parser->status =
            query_explain(parser->problem, parser->lexer.text, offset,
                          "Unexpected character at input %s: %s", found, parser->token.reason);
        return NULL;
    }
    parser->status =
        query_explain(parser->problem, parser->lexer.text, offset, "Unexpected %s, expected %s%s%s",
                      found, expected, advice == NULL ? "" : ": ", advice == NULL ? "" : advice);
    return NULL;
}

const char *query_parser_advice(const struct query_parser *parser)
{
    return query_advice_for(parser->query->dialect, query_parser_token_text(parser));
}

void *query_parser_fail(struct query_parser *parser, const char *expected)
{
    return query_parser_fail_with(parser, expected, query_parser_advice(parser));
}

bool query_parser_expect(struct query_parser *parser, enum query_token_kind kind,
                         const char *expected)
{
    if (!query_parser_at(parser, kind)) {
        query_parser_fail(parser, expected);
        return false;
    }
    query_parser_advance(parser);
    return true;
}

bool query_parser_enter(struct query_parser *parser)
{
    if (parser->depth == QUERY_DEPTH_MAX) {
        query_parser_refuse(parser, parser->token.offset, "The query is nested too deeply");
        return false;
    }
    parser->depth++;
    return true;
}

void query_parser_leave(struct query_parser *parser)
{
    parser->depth--;
}

/* ---- nodes ---- */

struct query_node *query_node_new(struct query_parser *parser, enum query_node_kind kind,
                                  size_t offset)
{
    struct query_node *node = ARENA_NEW(parser->arena, struct query_node);
    if (node == NULL) {
        return query_parser_out_of_memory(parser);
    }
    node->kind = kind;
    node->offset = offset;
    return node;
}

void query_node_list_add(struct query_node_list *list, struct query_node *node)
{
    if (list->first == NULL) {
        list->first = node;
    } else {
        list->last->next = node;
    }
    list->last = node;
    list->count++;
}

struct query_node *query_node_with_children(struct query_node *node, struct query_node_list list)
{
    if (node != NULL) {
        node->children = list.first;
        node->child_count = list.count;
    }
    return node;
}

/* ---- paths ---- */

bool query_parser_is_bare_group(const struct query_parser *parser)
{
    return (query_parser_at(parser, TOKEN_NAME) || query_parser_at(parser, TOKEN_GROUP)) &&
           str_equal_nocase(query_parser_token_text(parser), STR("group"));
}

/* segment = name | quoted_name */
bool query_parse_segment(struct query_parser *parser, const char *expected, struct str *ret_name)
{
    if (query_parser_is_bare_group(parser)) {
        query_parser_fail_with(parser, expected,
                               "group is a reserved word, as a name it is written [[group]]");
        return false;
    }
    if (query_parser_at(parser, TOKEN_QUOTED_NAME)) {
        const struct str text = query_parser_token_text(parser);
        *ret_name = str_of(text.data + 2, text.size - 4);
    } else if (query_parser_at(parser, TOKEN_NAME)) {
        *ret_name = query_parser_token_text(parser);
    } else {
        query_parser_fail(parser, expected);
        return false;
    }
    query_parser_advance(parser);
    return true;
}

/* path = segment { "." segment } */
struct query_path *query_parse_path(struct query_parser *parser, const char *expected)
{
    if (query_parser_at(parser, TOKEN_NAME) &&
        query_name_is_literal(query_parser_token_text(parser)) &&
        query_parser_token_after(parser).kind != TOKEN_DOT) {
        return query_parser_fail(parser, expected);
    }
    struct str names[QUERY_SEGMENTS_MAX];
    size_t count = 0;
    const size_t offset = parser->token.offset;
    do {
        if (count == QUERY_SEGMENTS_MAX) {
            return query_parser_refuse(parser, parser->token.offset, "A path has at most 64 names");
        }
        if (!query_parse_segment(parser, count == 0 ? expected : "a name after '.'",
                                 &names[count])) {
            return NULL;
        }
        count++;
    } while (query_parser_accept(parser, TOKEN_DOT));
    struct query_path *path = ARENA_NEW(parser->arena, struct query_path);
    struct str *kept = ARENA_ARRAY(parser->arena, struct str, count);
    if (path == NULL || kept == NULL) {
        return query_parser_out_of_memory(parser);
    }
    memcpy(kept, names, count * sizeof(*kept));
    *path = (struct query_path){.names = kept, .name_count = count, .offset = offset};
    return path;
}
