/* SPDX-License-Identifier: MIT */
#include <assert.h>

#include "fuzz.h"
#include "query/query.h"

enum { PRINTED_MAX = 1 << 20 };

/* Any condition may be asked of any message: one with something of everything. */
static void judge(const struct query *condition)
{
    static const struct query_property application[] = {
        {{"a", 1}, {"1", 1}}, {{"b", 1}, {NULL, 0}}, {{"$body.x", 7}, {"\xC3\xA9t\xFF", 4}}};
    static const struct query_property system[] = {{{"contentType", 11}, {"application/json", 16}},
                                                   {{"contentEncoding", 15}, {"utf-8", 5}},
                                                   {{"s", 1}, {"value", 5}}};
    const struct query_message message = {
        .application = application,
        .application_count = 3,
        .system = system,
        .system_count = 3,
        .body = STR("{\"a\":1,\"b\":{\"c\":\"x\",\"d\":[1,\"y\",null,{}]},\"t\":true}"),
        .twin = STR("{\"tags\":{\"A\":\"2017-03-09T00:00:00Z\",\"b\":[[1],2]}}"),
    };
    struct query_row *row CLEANUP(query_row_destroyp) = NULL;
    assert(query_row_create(condition, &row) == STATUS_OK);
    assert(query_row_set_message(row, &message) == STATUS_OK);
    enum query_verdict first = QUERY_VERDICT_UNDEFINED;
    enum query_verdict second = QUERY_VERDICT_UNDEFINED;
    const enum status status = query_judge(condition, row, &first);
    assert(status == STATUS_OK || status == STATUS_LIMIT);
    assert(query_judge(condition, row, &second) == status);
    assert(first == second);
}

/* What was parsed and printed parses to the same tree, and prints the same. */
static void round_trip(enum query_condition_kind kind, const struct query *condition)
{
    CLEANUP(buf_finish) struct buf printed = BUF_INIT(PRINTED_MAX);
    CLEANUP(buf_finish) struct buf tree = BUF_INIT(PRINTED_MAX);
    query_print(condition, &printed);
    query_print_tree(condition, &tree);
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(QUERY_ARENA_SIZE);
    const struct query *again = NULL;
    const enum status status = query_condition_parse(kind, buf_str(&printed), &arena, &again, NULL);
    if (status != STATUS_OK) {
        /* Spaces and escapes may have made it too long. */
        assert(printed.size > QUERY_CHARACTERS_MAX);
        return;
    }
    CLEANUP(buf_finish) struct buf printed_again = BUF_INIT(PRINTED_MAX);
    CLEANUP(buf_finish) struct buf tree_again = BUF_INIT(PRINTED_MAX);
    query_print(again, &printed_again);
    query_print_tree(again, &tree_again);
    assert(str_equal(buf_str(&printed), buf_str(&printed_again)));
    assert(str_equal(buf_str(&tree), buf_str(&tree_again)));
}

static void check(enum query_condition_kind kind, struct str text)
{
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(QUERY_ARENA_SIZE);
    const struct query *condition = NULL;
    struct problem problem = {0};
    const enum status status = query_condition_parse(kind, text, &arena, &condition, &problem);
    if (status != STATUS_OK) {
        assert(status == STATUS_INVALID && condition == NULL);
        assert(problem.text[0] != '\0' && problem.offset <= text.size);
        return;
    }
    round_trip(kind, condition);
    if (kind == QUERY_ROUTE_CONDITION) {
        judge(condition);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check(QUERY_ROUTE_CONDITION, str_of(data, size));
    check(QUERY_TARGET_CONDITION, str_of(data, size));
    check(QUERY_JOB_CONDITION, str_of(data, size));
    return 0;
}
