/* SPDX-License-Identifier: MIT */
#include "query/explain_internal.h"
#include "query/parser_internal.h"

/* Columns and group paths are read into a list first, as nobody knows how many come. */
struct column_list {
    struct column_link {
        struct column_link *next;
        struct query_column column;
    } * first, *last;
    size_t count;
};

const char *query_aggregate_name(enum query_aggregate aggregate)
{
    static const char *const names[] = {
        [AGGREGATE_NONE] = "",   [AGGREGATE_COUNT] = "COUNT", [AGGREGATE_AVG] = "AVG",
        [AGGREGATE_SUM] = "SUM", [AGGREGATE_MIN] = "MIN",     [AGGREGATE_MAX] = "MAX"};
    return names[aggregate];
}

/* The aggregate that starts here; its name is one only before "(". */
static enum query_aggregate aggregate_at(const struct query_parser *parser)
{
    if (!query_parser_at(parser, TOKEN_NAME) ||
        query_parser_token_after(parser).kind != TOKEN_OPEN) {
        return AGGREGATE_NONE;
    }
    static const enum query_aggregate all[] = {AGGREGATE_COUNT, AGGREGATE_AVG, AGGREGATE_SUM,
                                               AGGREGATE_MIN, AGGREGATE_MAX};
    const struct str name = query_parser_token_text(parser);
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        if (str_equal_nocase(name, str_from(query_aggregate_name(all[i])))) {
            return all[i];
        }
    }
    return AGGREGATE_NONE;
}

/* aggregate = COUNT "(" ")" | ( AVG | SUM | MIN | MAX ) "(" path ")" */
static bool parse_aggregate(struct query_parser *parser, struct query_column *column)
{
    query_parser_advance(parser);
    query_parser_advance(parser);
    if (column->aggregate == AGGREGATE_COUNT) {
        if (!query_parser_at(parser, TOKEN_CLOSE)) {
            query_parser_fail_with(parser, "')'", "COUNT() counts documents and takes no argument");
            return false;
        }
    } else {
        column->path = query_parse_path(parser, "the path of a property");
        if (column->path == NULL) {
            return false;
        }
    }
    return query_parser_expect(parser, TOKEN_CLOSE, "')'");
}

/* alias = name | quoted_name */
static bool parse_alias(struct query_parser *parser, struct query_column *column)
{
    if (!query_parser_accept(parser, TOKEN_AS)) {
        return true;
    }
    const enum query_token_kind kind = parser->token.kind;
    if (kind >= TOKEN_SELECT && kind != TOKEN_GROUP) {
        query_parser_fail_with(parser, "a name for the column",
                               "a reserved word as a name is written [[like this]]");
        return false;
    }
    return query_parse_segment(parser, "a name for the column", &column->alias);
}

/* proj = ( path | aggregate ) [ AS alias ] */
static bool parse_column(struct query_parser *parser, struct query_column *column)
{
    column->offset = parser->token.offset;
    column->aggregate = aggregate_at(parser);
    if (column->aggregate != AGGREGATE_NONE) {
        return parse_aggregate(parser, column) && parse_alias(parser, column);
    }
    if (query_parser_at(parser, TOKEN_NAME) &&
        str_equal_nocase(query_parser_token_text(parser), STR("DISTINCT")) &&
        query_parser_token_after(parser).kind == TOKEN_NAME) {
        query_parser_fail(parser, "a path, an aggregate or '*'");
        return false;
    }
    column->path = query_parse_path(parser, "a path, an aggregate or '*'");
    return column->path != NULL && parse_alias(parser, column);
}

static bool add_column(struct query_parser *parser, struct column_list *list)
{
    struct column_link *link = ARENA_NEW(parser->arena, struct column_link);
    if (link == NULL) {
        query_parser_out_of_memory(parser);
        return false;
    }
    if (!parse_column(parser, &link->column)) {
        return false;
    }
    if (list->first == NULL) {
        list->first = link;
    } else {
        list->last->next = link;
    }
    list->last = link;
    list->count++;
    return true;
}

static bool keep_columns(struct query_parser *parser, const struct column_list *list)
{
    struct query_column *columns = ARENA_ARRAY(parser->arena, struct query_column, list->count);
    if (columns == NULL) {
        query_parser_out_of_memory(parser);
        return false;
    }
    size_t count = 0;
    for (const struct column_link *link = list->first; link != NULL; link = link->next) {
        columns[count++] = link->column;
    }
    parser->query->columns = columns;
    parser->query->column_count = count;
    return true;
}

static bool at_operator(const struct query_parser *parser)
{
    return parser->token.kind >= TOKEN_STAR && parser->token.kind <= TOKEN_GREATER_EQUAL;
}

static const char *advice_after_column(const struct query_parser *parser)
{
    if (query_parser_at(parser, TOKEN_OPEN)) {
        return "only COUNT, AVG, SUM, MIN and MAX can be selected, no other function";
    }
    if (query_parser_at(parser, TOKEN_OPEN_BRACKET)) {
        return "elements of an array cannot be addressed";
    }
    if (at_operator(parser)) {
        return "columns cannot be computed";
    }
    if (query_parser_at(parser, TOKEN_NAME) || query_parser_at(parser, TOKEN_QUOTED_NAME)) {
        return "another name for a column is written after AS";
    }
    return NULL;
}

/* select_list = "*" | proj { "," proj } */
static bool parse_select_list(struct query_parser *parser)
{
    if (query_parser_accept(parser, TOKEN_STAR)) {
        parser->query->selects_all = true;
        return query_parser_expect(parser, TOKEN_FROM, "FROM");
    }
    struct column_list list = {0};
    do {
        if (!add_column(parser, &list)) {
            return false;
        }
    } while (query_parser_accept(parser, TOKEN_COMMA));
    if (!query_parser_accept(parser, TOKEN_FROM)) {
        query_parser_fail_with(parser, "',', AS or FROM", advice_after_column(parser));
        return false;
    }
    return keep_columns(parser, &list);
}

/* count = integer>=1 | "(" integer>=1 ")" */
static bool parse_top(struct query_parser *parser)
{
    parser->query->info.top = QUERY_NO_TOP;
    if (!query_parser_accept(parser, TOKEN_TOP)) {
        return true;
    }
    const bool parenthesized = query_parser_accept(parser, TOKEN_OPEN);
    uint64_t top = 0;
    const bool number =
        query_parser_at(parser, TOKEN_NUMBER) && str_to_u64(query_parser_token_text(parser), &top);
    if (!number || top == 0 || top == QUERY_NO_TOP) {
        query_parser_fail_with(parser, "a whole number of at least 1 after TOP", NULL);
        return false;
    }
    parser->query->info.top = top;
    query_parser_advance(parser);
    return !parenthesized || query_parser_expect(parser, TOKEN_CLOSE, "')'");
}

#define COLLECTIONS "devices, devices.modules or devices.jobs"

/* collection = "devices" | "devices.modules" | "devices.jobs" */
bool query_parse_collection(struct query_parser *parser)
{
    if (!query_parser_at(parser, TOKEN_NAME) ||
        !str_equal_nocase(query_parser_token_text(parser), STR("devices"))) {
        query_parser_fail(parser, COLLECTIONS);
        return false;
    }
    query_parser_advance(parser);
    parser->query->info.collection = QUERY_DEVICES;
    if (!query_parser_accept(parser, TOKEN_DOT)) {
        return true;
    }
    const struct str name = query_parser_token_text(parser);
    if (str_equal_nocase(name, STR("modules"))) {
        parser->query->info.collection = QUERY_MODULES;
    } else if (str_equal_nocase(name, STR("jobs"))) {
        parser->query->info.collection = QUERY_JOBS;
    } else {
        query_parser_fail(parser, COLLECTIONS);
        return false;
    }
    query_parser_advance(parser);
    return true;
}

/* GROUP BY path { "," path } */
static bool parse_group_by(struct query_parser *parser)
{
    struct query *query = parser->query;
    query->group_offset = parser->token.offset;
    query_parser_advance(parser);
    if (!query_parser_expect(parser, TOKEN_BY, "BY")) {
        return false;
    }
    struct query_path *paths[QUERY_GROUP_PATHS_MAX];
    size_t count = 0;
    do {
        if (count == QUERY_GROUP_PATHS_MAX) {
            query_parser_refuse(parser, parser->token.offset, "GROUP BY takes at most 64 paths");
            return false;
        }
        paths[count] = query_parse_path(parser, "the path to group by");
        if (paths[count] == NULL) {
            return false;
        }
        count++;
    } while (query_parser_accept(parser, TOKEN_COMMA));
    query->group_paths = ARENA_ARRAY(parser->arena, struct query_path *, count);
    if (query->group_paths == NULL) {
        query_parser_out_of_memory(parser);
        return false;
    }
    memcpy(query->group_paths, paths, count * sizeof(struct query_path *));
    query->group_path_count = count;
    return true;
}

static const char *advice_at_end(const struct query_parser *parser, const char *otherwise)
{
    if (query_parser_at(parser, TOKEN_OPEN_BRACKET)) {
        return "elements of an array cannot be addressed";
    }
    if (query_parser_at(parser, TOKEN_CLOSE)) {
        return "this ')' closes nothing";
    }
    const char *advice = query_parser_advice(parser);
    return advice != NULL ? advice : otherwise;
}

/* query = SELECT [ TOP count ] select_list FROM collection [ WHERE expr ]
 *         [ GROUP BY path { "," path } ] EOF */
bool query_parse_statement(struct query_parser *parser)
{
    if (!query_parser_expect(parser, TOKEN_SELECT, "SELECT") || !parse_top(parser) ||
        !parse_select_list(parser) || !query_parse_collection(parser)) {
        return false;
    }
    const char *expected = "WHERE, GROUP BY or the end of the query";
    const char *advice = "one query reads one collection, which takes no other name";
    if (query_parser_accept(parser, TOKEN_WHERE)) {
        expected = "an operator, AND, OR, GROUP BY or the end of the query";
        advice = NULL;
        parser->query->where = query_parse_expression(parser);
        if (parser->query->where == NULL) {
            return false;
        }
    }
    if (query_parser_at(parser, TOKEN_GROUP)) {
        expected = "',' or the end of the query";
        if (!parse_group_by(parser)) {
            return false;
        }
        advice = query_parser_at(parser, TOKEN_WHERE) ? "WHERE stands before GROUP BY" : NULL;
    }
    if (!query_parser_at(parser, TOKEN_END)) {
        query_parser_fail_with(parser, expected, advice_at_end(parser, advice));
        return false;
    }
    return true;
}
