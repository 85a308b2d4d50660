/* SPDX-License-Identifier: MIT */
#include <assert.h>

#include "base/json.h"
#include "fuzz.h"
#include "query/query.h"

enum { OUT_MAX = 1 << 24 };

static const char *const columns[][3] = {
    {NULL, NULL, NULL}, {"a", NULL, NULL}, {"b", NULL, NULL}, {"a", "b", NULL},
    {"a", "b", "c"},    {"b", "a", NULL},  {"c", NULL, NULL}, {"c", "a", NULL},
};

static const char query_text[] =
    "SELECT tags AS x0, tags.a AS x1, tags.b AS x2, tags.a.b AS x3, tags.a.b.c AS x4, "
    "tags.b.a AS x5, tags.c AS x6, tags.c.a AS x7 FROM devices";

static const cJSON *look_up(const cJSON *tree, const char *const names[3])
{
    for (size_t i = 0; i < 3 && names[i] != NULL && tree != NULL; i++) {
        tree = cJSON_IsObject(tree) ? json_member(tree, names[i]) : NULL;
    }
    return tree;
}

static bool contains(struct str text, const char *wanted)
{
    for (size_t i = 0; i < text.size; i++) {
        if (str_starts(str_skip(text, i), str_from(wanted))) {
            return true;
        }
    }
    return false;
}

static bool is_same(const cJSON *a, const cJSON *b)
{
    CLEANUP(buf_finish) struct buf left = BUF_INIT(OUT_MAX);
    CLEANUP(buf_finish) struct buf right = BUF_INIT(OUT_MAX);
    json_append_tree(&left, a);
    json_append_tree(&right, b);
    return str_equal(buf_str(&left), buf_str(&right));
}

/*
 * The scanner never leaves the text; and where the text is JSON, it sees what a tree shows. The
 * trees are cJSON's own: of two members of one name it finds the first, as the scanner does. It
 * cannot hold a NUL, which the scanner can.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct str text = str_of(data, size);
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(QUERY_ARENA_SIZE);
    const struct query *query = NULL;
    assert(query_parse(str_from(query_text), &arena, &query, NULL) == STATUS_OK);
    struct query_row *row CLEANUP(query_row_destroyp) = NULL;
    assert(query_row_create(query, &row) == STATUS_OK);
    const enum status status = query_row_scan(row, QUERY_TAGS, text);
    if (json_check(text, NULL) != STATUS_OK || contains(text, "\\u0000")) {
        return 0;
    }
    assert(status == STATUS_OK);
    CLEANUP(buf_finish) struct buf out = BUF_INIT(OUT_MAX);
    query_project(query, row, &out);
    CLEANUP(json_destroyp) cJSON *tree = cJSON_ParseWithLength(text.data, text.size);
    CLEANUP(json_destroyp) cJSON *object = cJSON_ParseWithLength(out.data, out.size);
    assert(object != NULL || tree == NULL);
    for (size_t i = 0; i < ARRAY_SIZE(columns) && tree != NULL; i++) {
        const char key[] = {'x', (char)('0' + i), '\0'};
        const cJSON *seen = json_member(object, key);
        const cJSON *there = look_up(tree, columns[i]);
        assert((seen == NULL) == (there == NULL));
        assert(seen == NULL || is_same(seen, there));
    }
    return 0;
}
