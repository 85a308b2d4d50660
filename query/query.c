/* SPDX-License-Identifier: MIT */
#include "query/query.h"

#include <assert.h>

#include "query/check_internal.h"
#include "query/dialect_internal.h"
#include "query/explain_internal.h"
#include "query/parser_internal.h"

enum { UTF8_SIZE_MAX = 4 };

/* The offset of the first byte that is no UTF-8, given that there is one. */
static size_t find_bad_utf8(struct str text)
{
    size_t good = 0;
    for (size_t size = 1; good + size <= text.size;) {
        if (str_is_utf8(str_of(text.data + good, size))) {
            good += size;
            size = 1;
        } else if (size == UTF8_SIZE_MAX) {
            break;
        } else {
            size++;
        }
    }
    return good;
}

/* The offset of the first character past the limit, SIZE_MAX when all fit. */
static size_t find_excess(struct str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.size; i++) {
        count += ((unsigned char)text.data[i] & 0xC0) == 0x80 ? 0 : 1;
        if (count > QUERY_CHARACTERS_MAX) {
            return i;
        }
    }
    return SIZE_MAX;
}

static enum status check_text(struct str text, struct problem *problem)
{
    /* A text that cannot fit is not looked at further than the limit. */
    const size_t excess = find_excess(text);
    if (excess != SIZE_MAX) {
        return query_explain(problem, text, excess, "The query is longer than %u characters",
                             QUERY_CHARACTERS_MAX);
    }
    if (!str_is_utf8(text)) {
        return query_explain(problem, text, find_bad_utf8(text),
                             "The query is not well-formed UTF-8 here");
    }
    return STATUS_OK;
}

static enum status parse_with(const struct query_dialect *dialect, struct str text,
                              bool (*parse)(struct query_parser *parser), struct arena *arena,
                              struct query **ret_query, struct problem *problem)
{
    enum status status = check_text(text, problem);
    if (status != STATUS_OK) {
        return status;
    }
    struct query *query = ARENA_NEW(arena, struct query);
    if (query == NULL) {
        return STATUS_NO_MEMORY;
    }
    query->text = text;
    query->dialect = dialect;
    struct query_parser parser = {.lexer = {.text = text, .syntax = dialect->syntax},
                                  .arena = arena,
                                  .query = query,
                                  .problem = problem};
    query_parser_advance(&parser);
    if (!parse(&parser)) {
        return parser.status;
    }
    status = dialect->syntax == SYNTAX_ROUTE ? query_check_route(query, arena, problem)
                                             : query_check(query, arena, problem);
    if (status == STATUS_OK) {
        *ret_query = query;
    }
    return status;
}

enum status query_parse(struct str text, struct arena *arena, const struct query **ret_query,
                        struct problem *problem)
{
    struct query *query = NULL;
    const enum status status =
        parse_with(&query_twin_dialect, text, query_parse_statement, arena, &query, problem);
    if (status == STATUS_OK) {
        *ret_query = query;
    }
    return status;
}

enum status query_condition_parse(enum query_condition_kind kind, struct str text,
                                  struct arena *arena, const struct query **ret_query,
                                  struct problem *problem)
{
    static const struct query_dialect *const dialects[] = {
        [QUERY_TARGET_CONDITION] = &query_target_dialect,
        [QUERY_JOB_CONDITION] = &query_twin_dialect,
        [QUERY_ROUTE_CONDITION] = &query_route_dialect,
    };
    struct query *query = NULL;
    enum status status =
        parse_with(dialects[kind], text, query_parse_condition, arena, &query, problem);
    assert(status != STATUS_OK || query != NULL);
    if (status == STATUS_OK && kind == QUERY_JOB_CONDITION && query->is_empty) {
        status = query_explain(problem, text, 0, "The condition is empty; for all devices write *");
    }
    if (status == STATUS_OK) {
        *ret_query = query;
    }
    return status;
}

const struct query_info *query_info(const struct query *query)
{
    return &query->info;
}
