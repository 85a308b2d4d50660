/* SPDX-License-Identifier: MIT */
#include "clients/cli/output.h"

#include "check.h"

static cJSON *parsed(const char *text)
{
    cJSON *tree = NULL;
    assert_int_equal(json_parse(str_from(text), &tree, NULL), STATUS_OK);
    return tree;
}

static void documents_are_indented(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        const char *indented;
    } cases[] = {
        {"7", "7"},
        {"\"a\\nb\"", "\"a\\nb\""},
        {"{}", "{}"},
        {"[]", "[]"},
        {"{\"a\":{}}", "{\n  \"a\": {}\n}"},
        {"{\"a\":1,\"b\":[true,null]}", "{\n  \"a\": 1,\n  \"b\": [\n    true,\n    null\n  ]\n}"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(buf_finish) struct buf out = BUF_INIT(4096);
        CLEANUP(json_destroyp) cJSON *tree = parsed(cases[i].json);
        output_append_json(&out, tree, 0);
        assert_str_equal(buf_str(&out), cases[i].indented);
        CLEANUP(json_destroyp) cJSON *again = parsed(out.data);
        assert_true(cJSON_Compare(tree, again, true));
    }
}

static void a_cell_cannot_move_the_cursor_and_can_be_read_back(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        const char *cell;
    } cases[] = {
        {"\"plain\"", "plain"},
        {"\"\"", ""},
        {"null", ""},
        {"true", "true"},
        {"4.5", "4.5"},
        {"\"a\\tb\\nc\\rd\\\\e\"", "a\\tb\\nc\\rd\\\\e"},
        {"\"\\u001b[2J\\u007f\"", "\\u001b[2J\\u007f"},
        {"\"\\u009b2J\"", "\\u009b2J"},         /* a control of two bytes */
        {"\"\\u00a0\\u00e4\"", "\u00a0\u00e4"}, /* the first that is none */
        {"\"\\u6771\\ud83d\\ude00\"", "\u6771\U0001f600"},
        {"{\"a\":[1,\"x\"]}", "{\"a\":[1,\"x\"]}"},
        {"{\"a\":\"x\\ty\"}", "{\"a\":\"x\\\\ty\"}"}, /* JSON's own escape, escaped */
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(buf_finish) struct buf out = BUF_INIT(4096);
        CLEANUP(json_destroyp) cJSON *tree = parsed(cases[i].json);
        output_append_cell(&out, tree);
        assert_str_equal(buf_str(&out), cases[i].cell);
    }
    CLEANUP(buf_finish) struct buf nothing = BUF_INIT(16);
    output_append_cell(&nothing, NULL);
    assert_int_equal(nothing.size, 0);
}

static void values_are_found_by_their_path(void **state)
{
    (void)state;
    CLEANUP(json_destroyp)
    cJSON *row = parsed("{\"a\":{\"b\":{\"c\":1}},\"x.y\":2,\"x\":{\"y\":3},\"\":4}");
    assert_ptr_equal(output_at(row, ""), row);
    assert_int_equal(output_at(row, "a.b.c")->valuedouble, 1);
    assert_int_equal(output_at(row, "x.y")->valuedouble, 2); /* a whole name goes first */
    assert_null(output_at(row, "a.c"));
    assert_null(output_at(row, "a.b.c.d"));
    assert_null(output_at(row, "A"));
    char longest[300];
    memset(longest, 'n', sizeof(longest));
    longest[0] = 'a';
    longest[1] = '.';
    longest[sizeof(longest) - 1] = '\0';
    assert_null(output_at(row, longest));
}

static void the_widest_columns_give_way(void **state)
{
    (void)state;
    size_t fits[] = {10, 10, 10};
    output_fit(fits, 3, 34); /* two gaps of two */
    assert_int_equal(fits[0] + fits[1] + fits[2], 30);

    size_t one[] = {10, 100, 10};
    output_fit(one, 3, 60);
    assert_int_equal(one[0], 10);
    assert_int_equal(one[1], 36);

    size_t two[] = {100, 100, 10};
    output_fit(two, 3, 80);
    assert_int_equal(two[0] + two[1] + two[2], 76);
    assert_true(two[0] >= 30 && two[1] >= 30);

    size_t many[] = {20, 20, 20, 20, 20};
    output_fit(many, 5, 30); /* none below eight, even if that is too wide */
    for (size_t i = 0; i < ARRAY_SIZE(many); i++) {
        assert_int_equal(many[i], 8);
    }
    output_fit(many, 0, 30);
}

static void print_under_failure(void *ctx)
{
    CLEANUP(buf_finish) struct buf out = BUF_INIT(4096);
    output_append_json(&out, ctx, 0);
    output_append_cell(&out, ctx);
    assert_true(buf_status(&out) == STATUS_OK || buf_status(&out) == STATUS_NO_MEMORY);
}

static void failing_allocations_are_survived(void **state)
{
    (void)state;
    CLEANUP(json_destroyp) cJSON *row = parsed("{\"a\":{\"b\":[1,2,3]},\"c\":\"text\"}");
    check_under_failing_allocations(print_under_failure, row);
}

int main(void)
{
    mem_use_for_json();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_are_indented),
        cmocka_unit_test(a_cell_cannot_move_the_cursor_and_can_be_read_back),
        cmocka_unit_test(values_are_found_by_their_path),
        cmocka_unit_test(the_widest_columns_give_way),
        cmocka_unit_test(failing_allocations_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
