/* SPDX-License-Identifier: MIT */
#include "query/parser_internal.h"

/*
 * The rules of message routes (reference, 6.1), tightest first: unary; * / %; + - ||; < <= > >=;
 * = != <>; AND; OR; ??. All associate left.
 */
static const struct query_level term_level = {
    NODE_TERM,
    {{TOKEN_STAR, OP_MULTIPLY}, {TOKEN_SLASH, OP_DIVIDE}, {TOKEN_PERCENT, OP_MODULO}},
};
static const struct query_level sum_level = {
    NODE_SUM,
    {{TOKEN_PLUS, OP_ADD}, {TOKEN_MINUS, OP_SUBTRACT}, {TOKEN_CONCAT, OP_CONCAT}},
};
static const struct query_level relation_level = {
    NODE_RELATION,
    {{TOKEN_LESS, OP_LESS},
     {TOKEN_LESS_EQUAL, OP_LESS_EQUAL},
     {TOKEN_GREATER, OP_GREATER},
     {TOKEN_GREATER_EQUAL, OP_GREATER_EQUAL}},
};
static const struct query_level equality_level = {
    NODE_EQUALITY,
    {{TOKEN_EQUAL, OP_EQUAL}, {TOKEN_NOT_EQUAL, OP_NOT_EQUAL}},
};
static const struct query_level and_level = {NODE_AND, {{TOKEN_AND, OP_AND}}};
static const struct query_level or_level = {NODE_OR, {{TOKEN_OR, OP_OR}}};
static const struct query_level coalesce_level = {NODE_COALESCE, {{TOKEN_COALESCE, OP_COALESCE}}};

/* ---- paths ---- */

/* step = name [ "[" digits "]" ] */
static bool read_step(struct str step, struct str *ret_name, size_t *ret_index)
{
    const size_t open = str_find(step, '[');
    if (open == SIZE_MAX) {
        *ret_name = step;
        *ret_index = QUERY_NO_INDEX;
        return step.size > 0 && str_find(step, ']') == SIZE_MAX;
    }
    const struct str inside = str_skip(step, open + 1);
    uint64_t index = 0;
    if (open == 0 || inside.size < 2 || inside.data[inside.size - 1] != ']' ||
        !str_to_u64(str_of(inside.data, inside.size - 1), &index) || index >= SIZE_MAX) {
        return false;
    }
    *ret_name = str_of(step.data, open);
    *ret_index = (size_t)index;
    return str_find(*ret_name, ']') == SIZE_MAX;
}

/* step { "." step }, after `$body.` or `$twin.` */
static bool read_steps(struct query_parser *parser, struct query_path *path, struct str rest)
{
    size_t count = 1;
    for (size_t i = 0; i < rest.size; i++) {
        count += rest.data[i] == '.' ? 1 : 0;
    }
    if (count > QUERY_SEGMENTS_MAX) {
        query_parser_refuse(parser, path->offset, "A path has at most 64 names");
        return false;
    }
    path->names = ARENA_ARRAY(parser->arena, struct str, count);
    path->indexes = ARENA_ARRAY(parser->arena, size_t, count);
    if (path->names == NULL || path->indexes == NULL) {
        query_parser_out_of_memory(parser);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct str step;
        (void)str_cut(rest, '.', &step, &rest);
        if (!read_step(step, &path->names[i], &path->indexes[i])) {
            query_parser_refuse(parser, path->offset,
                                "A path into a message is names with dots between them, each with "
                                "at most one index: $body.a.b[0].c");
            return false;
        }
    }
    path->name_count = count;
    return true;
}

/* path = name | "$" name | ( "$body" | "$twin" ) [ "." steps ], the prefix in any letter case */
static bool read_path(struct query_parser *parser, struct query_path *path)
{
    static const struct {
        const char *name;
        enum query_root root;
    } roots[] = {{"$body", ROOT_BODY}, {"$twin", ROOT_TWIN}};
    for (size_t i = 0; i < ARRAY_SIZE(roots) && path->root != ROOT_APPLICATION; i++) {
        const struct str name = str_from(roots[i].name);
        const struct str rest = str_skip(path->written, name.size);
        if (!str_starts_nocase(path->written, name) || (rest.size > 0 && rest.data[0] != '.')) {
            continue;
        }
        path->root = roots[i].root;
        return rest.size == 0 || read_steps(parser, path, str_skip(rest, 1));
    }
    if (str_find(path->written, '[') != SIZE_MAX || str_find(path->written, ']') != SIZE_MAX) {
        query_parser_refuse(parser, path->offset,
                            "Only members of $body and $twin have an index, like $body.a[0]");
        return false;
    }
    return true;
}

static struct query_node *parse_name(struct query_parser *parser, enum query_root root)
{
    struct query_node *node = query_node_new(parser, NODE_PATH, parser->token.offset);
    struct query_path *path = ARENA_NEW(parser->arena, struct query_path);
    if (node == NULL || path == NULL) {
        return query_parser_out_of_memory(parser);
    }
    node->path = path;
    path->root = root;
    path->in_braces = root == ROOT_SYSTEM;
    path->offset = parser->token.offset;
    path->written = query_parser_token_text(parser);
    if (!read_path(parser, path)) {
        return NULL;
    }
    query_parser_advance(parser);
    return node;
}

/* braced = "{" "$" name "}" */
static struct query_node *parse_braced(struct query_parser *parser)
{
    query_parser_advance(parser);
    if (!query_parser_at(parser, TOKEN_DOLLAR_NAME)) {
        return query_parser_fail_with(parser, "a name with '$'",
                                      "braces stand around system properties: {$name}");
    }
    struct query_node *node = parse_name(parser, ROOT_SYSTEM);
    return node != NULL && query_parser_expect(parser, TOKEN_CLOSE_BRACE, "'}'") ? node : NULL;
}

/* ---- operators ---- */

/* primary = "(" expr ")" | literal | function | path | braced */
static struct query_node *parse_primary(struct query_parser *parser)
{
    if (query_parser_at(parser, TOKEN_NAME) &&
        query_parser_token_after(parser).kind == TOKEN_OPEN) {
        return query_parse_call(parser);
    }
    struct query_node *literal = query_parse_literal(parser);
    if (literal != NULL || parser->status != STATUS_OK) {
        return literal;
    }
    switch ((int)parser->token.kind) {
    case TOKEN_OPEN:
        return query_parse_parenthesized(parser);
    case TOKEN_OPEN_BRACE:
        return parse_braced(parser);
    case TOKEN_NAME:
        return parse_name(parser, ROOT_APPLICATION);
    case TOKEN_DOLLAR_NAME:
        return parse_name(parser, ROOT_DOLLAR);
    default:
        return query_parser_fail(parser, "a value, a property, a function or '('");
    }
}

/* unary = "-" unary | NOT unary | primary */
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

/* term = unary { ( "*" | "/" | "%" ) unary } */
static struct query_node *parse_term(struct query_parser *parser)
{
    return query_parse_chain(parser, &term_level, parse_unary);
}

/* sum = term { ( "+" | "-" | "||" ) term } */
static struct query_node *parse_sum(struct query_parser *parser)
{
    return query_parse_chain(parser, &sum_level, parse_term);
}

/* relation = sum { ( "<" | "<=" | ">" | ">=" ) sum } */
static struct query_node *parse_relation(struct query_parser *parser)
{
    return query_parse_chain(parser, &relation_level, parse_sum);
}

/* equality = relation { ( "=" | "!=" | "<>" ) relation } */
static struct query_node *parse_equality(struct query_parser *parser)
{
    return query_parse_chain(parser, &equality_level, parse_relation);
}

/* and = equality { AND equality } */
static struct query_node *parse_and(struct query_parser *parser)
{
    return query_parse_chain(parser, &and_level, parse_equality);
}

/* or = and { OR and } */
static struct query_node *parse_or(struct query_parser *parser)
{
    return query_parse_chain(parser, &or_level, parse_and);
}

/* expr = or { "??" or } */
struct query_node *query_parse_route(struct query_parser *parser)
{
    return query_parse_chain(parser, &coalesce_level, parse_or);
}
