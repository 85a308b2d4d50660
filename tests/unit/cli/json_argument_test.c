/* SPDX-License-Identifier: MIT */
#include "clients/cli/json_argument.h"

#include "check.h"

static void changes_are_made_at_their_path(void **state)
{
    (void)state;
    static const struct {
        const char *before;
        const char *change;
        const char *after;
    } cases[] = {
        {"{}", "a=1", "{\"a\":1}"},
        {"{}", "a.b.c=true", "{\"a\":{\"b\":{\"c\":true}}}"},
        {"{\"a\":1,\"b\":2}", "a=null", "{\"a\":null,\"b\":2}"}, /* in its place, with its name */
        {"{\"a\":{\"b\":1}}", "a.c=2", "{\"a\":{\"b\":1,\"c\":2}}"},
        {"{}", "a=text", "{\"a\":\"text\"}"},
        {"{}", "a=\"42\"", "{\"a\":\"42\"}"},
        {"{}", "a=42x", "{\"a\":\"42x\"}"},
        {"{}", "a=", "{\"a\":\"\"}"},
        {"{}", "a=b=c", "{\"a\":\"b=c\"}"},
        {"{}", "a={\"b\": [1]}", "{\"a\":{\"b\":[1]}}"},
        {"{}", "A=1", "{\"A\":1}"},
        {"{\"a\":1}", "A=2", "{\"a\":1,\"A\":2}"}, /* names are told apart by case */
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(buf_finish) struct buf out = BUF_INIT(4096);
        CLEANUP(json_destroyp) cJSON *tree = NULL;
        struct problem problem = {0};
        assert_int_equal(json_parse(str_from(cases[i].before), &tree, NULL), STATUS_OK);
        assert_true(json_argument_set(tree, cases[i].change, &problem));
        json_append_tree(&out, tree);
        assert_str_equal(buf_str(&out), cases[i].after);
    }
}

static void what_is_no_change_is_refused_with_its_reason(void **state)
{
    (void)state;
    char longest[300];
    memset(longest, 'n', sizeof(longest));
    memcpy(longest + sizeof(longest) - 3, "=1", 3);
    const struct {
        const char *change;
        const char *reason;
    } cases[] = {
        {"a", "PATH=VALUE"},    {"", "PATH=VALUE"},        {"=1", "empty name"},
        {"a.=1", "empty name"}, {".a=1", "empty name"},    {"a..b=1", "empty name"},
        {"n.b=1", "no object"}, {"list.0=1", "no object"}, {longest, "too long"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(json_destroyp) cJSON *tree = NULL;
        struct problem problem = {0};
        assert_int_equal(json_parse(STR("{\"n\":1,\"list\":[]}"), &tree, NULL), STATUS_OK);
        assert_false(json_argument_set(tree, cases[i].change, &problem));
        assert_non_null(strstr(problem.text, cases[i].reason));
    }
}

static void change_once(void *ctx)
{
    (void)ctx;
    CLEANUP(json_destroyp) cJSON *tree = NULL;
    struct problem problem = {0};
    if (json_parse(STR("{\"a\":{\"b\":1}}"), &tree, NULL) == STATUS_OK) {
        const bool first = json_argument_set(tree, "a.c.d=text", &problem);
        const bool second = json_argument_set(tree, "a.b=[1, 2]", &problem);
        assert_true((first && second) || problem.text[0] != '\0' || mem_fail_happened() != 0);
    }
}

static void failing_allocations_are_survived(void **state)
{
    (void)state;
    check_under_failing_allocations(change_once, NULL);
}

int main(void)
{
    mem_use_for_json();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_are_made_at_their_path),
        cmocka_unit_test(what_is_no_change_is_refused_with_its_reason),
        cmocka_unit_test(failing_allocations_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
