/* SPDX-License-Identifier: MIT */
#include "query/query.h"

#include <assert.h>

#include "fuzz.h"

enum { PRINTED_MAX = 1 << 20, GROUPS_MAX = 4, GROUP_BYTES = 1 << 16 };

/* Any query may be asked of any document: one with something of everything. */
static void fill(struct query_row *row)
{
    const struct str json =
        STR("{\"a\":1,\"b\":{\"c\":\"x\\u0041\",\"d\":[1,\"\\\"\",null,{}]},\"t\":true}");
    for (int attribute = 0; attribute < QUERY_ATTRIBUTE_COUNT; attribute++) {
        switch (attribute) {
        case QUERY_PARENT_SCOPES:
            assert(query_row_scan(row, QUERY_PARENT_SCOPES, STR("[\"a\",\"\\u0062\"]")) ==
                   STATUS_OK);
            break;
        case QUERY_CONFIGURATIONS:
        case QUERY_TAGS:
        case QUERY_DESIRED:
        case QUERY_REPORTED:
        case QUERY_DESIRED_METADATA:
        case QUERY_REPORTED_METADATA:
        case QUERY_JOB_OUTCOME:
        case QUERY_JOB_ERROR:
            assert(query_row_scan(row, (enum query_attribute)attribute, json) == STATUS_OK);
            break;
        default:
            query_row_set(row, (enum query_attribute)attribute,
                          attribute % 2 == 0 ? query_string(STR("a")) : query_number(11));
            break;
        }
    }
}

static void run(const struct query *query)
{
    struct query_row *row CLEANUP(query_row_destroyp) = NULL;
    assert(query_row_create(query, &row) == STATUS_OK);
    fill(row);
    const bool passes = query_where(query, row);
    assert(query_info(query)->has_where || passes);
    CLEANUP(buf_finish) struct buf out = BUF_INIT(PRINTED_MAX);
    if (query_info(query)->shape == QUERY_ROWS) {
        query_project(query, row, &out);
    } else if (query_info(query)->shape == QUERY_GROUPS) {
        struct query_groups *groups CLEANUP(query_groups_destroyp) = NULL;
        const enum status made = query_groups_create(query, GROUPS_MAX, GROUP_BYTES, &groups);
        if (made == STATUS_OK && query_groups_add(groups, row) == STATUS_OK) {
            query_groups_append(groups, 0, &out);
        } else {
            assert(made == STATUS_OK || made == STATUS_LIMIT);
        }
    }
    assert(buf_status(&out) == STATUS_OK);
}

/* What was parsed and printed parses to the same tree, and prints the same. */
static void round_trip(const struct query *query)
{
    CLEANUP(buf_finish) struct buf printed = BUF_INIT(PRINTED_MAX);
    CLEANUP(buf_finish) struct buf tree = BUF_INIT(PRINTED_MAX);
    query_print(query, &printed);
    query_print_tree(query, &tree);

    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(QUERY_ARENA_SIZE);
    const struct query *again = NULL;
    struct problem problem = {0};
    const enum status status = query_parse(buf_str(&printed), &arena, &again, &problem);
    if (status != STATUS_OK) {
        /* Spaces and brackets may have made it too long. */
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct str text = str_of(data, size);
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(QUERY_ARENA_SIZE);
    const struct query *query = NULL;
    struct problem problem = {0};
    const enum status status = query_parse(text, &arena, &query, &problem);
    if (status == STATUS_OK) {
        round_trip(query);
        run(query);
        return 0;
    }
    assert(status == STATUS_INVALID && query == NULL);
    assert(problem.text[0] != '\0' && problem.offset <= size);
    CLEANUP(buf_finish) struct buf caret = BUF_INIT(PRINTED_MAX);
    query_caret_append(&caret, text, problem.offset);
    assert(buf_status(&caret) == STATUS_OK);
    return 0;
}
