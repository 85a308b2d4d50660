/* SPDX-License-Identifier: MIT */
#include "vectors.h"

/* Every vector of query language reference 7.2, against its fixture. */

static const char *name_of(const cJSON *vector)
{
    return json_member(vector, "query")->valuestring;
}

/* "Twin" for "twin": the header is spelt in Pascal case (query/README.md), the vectors are not. */
static bool is_item_type(const char *item_type, const cJSON *vector)
{
    return str_equal_nocase(str_from(item_type), json_str(json_member(vector, "itemType")));
}

static void check_result(const struct query *query, const cJSON *vector, const cJSON *fixture)
{
    static const char *const collections[] = {[QUERY_DEVICES] = "devices",
                                              [QUERY_MODULES] = "devices.modules",
                                              [QUERY_JOBS] = "devices.jobs"};
    const struct query_info *info = query_info(query);
    assert_true(is_item_type(info->item_type, vector));
    struct buf actual = BUF_INIT(1U << 20);
    document_run(query, json_member(fixture, collections[info->collection]), &actual);
    const cJSON *rows = json_member(vector, info->shape == QUERY_DOCUMENTS ? "ids" : "body");
    struct buf expected = BUF_INIT(1U << 20);
    json_append_tree(&expected, rows);
    if (!str_equal(buf_str(&actual), buf_str(&expected))) {
        fail_msg("%s gave %s, not %s", name_of(vector), actual.data, expected.data);
    }
    buf_finish(&actual);
    buf_finish(&expected);
}

static void check_vector(const cJSON *vector, const cJSON *fixture)
{
    const struct str text = json_str(json_member(vector, "query"));
    double status = 0;
    assert_true(json_member_number(vector, "status", &status));
    struct arena arena = ARENA_INIT(QUERY_ARENA_SIZE);
    struct problem problem = {0};
    const struct query *query = NULL;
    const enum status parsed = query_parse(text, &arena, &query, &problem);
    if ((parsed == STATUS_OK) != (status == 200.0)) {
        fail_msg("%s gave status %d: %s", name_of(vector), (int)parsed, problem.text);
    }
    if (parsed == STATUS_OK) {
        check_result(query, vector, fixture);
    } else {
        assert_int_equal(parsed, STATUS_INVALID);
        assert_true(problem.offset <= text.size);
        assert_true(str_starts(str_from(problem.text),
                               STR("SQL query parse failed due to following errors: \n\tLine ")));
    }
    arena_finish(&arena);
}

static void every_vector_of_the_reference_gives_its_rows(void **state)
{
    (void)state;
    cJSON *file = vectors_file(VECTORS_FILE);
    size_t count = 0;
    const cJSON *vector = NULL;
    cJSON_ArrayForEach(vector, json_member(file, "vectors"))
    {
        check_vector(vector, json_member(file, "fixture"));
        count++;
    }
    assert_true(count > 150);
    cJSON_Delete(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_vector_of_the_reference_gives_its_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
