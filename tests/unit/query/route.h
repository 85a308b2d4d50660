/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_QUERY_ROUTE_H
#define TESTS_UNIT_QUERY_ROUTE_H

/* For the tests of message routes: conditions parsed, printed and asked of the vectors' message. */
#include "vectors.h"

enum { PROPERTIES_MAX = 16, TEXT_MAX = 1 << 16 };

struct route {
    struct arena arena;
    const struct query *query; /* NULL: refused */
    enum status status;
    struct problem problem;
};

static inline void route_finish(struct route *route)
{
    arena_finish(&route->arena);
}

static inline struct route route_parse_str(struct str text)
{
    struct route route = {.arena = ARENA_INIT(QUERY_ARENA_SIZE)};
    route.status = query_condition_parse(QUERY_ROUTE_CONDITION, text, &route.arena, &route.query,
                                         &route.problem);
    return route;
}

static inline struct route route_parse(const char *text)
{
    return route_parse_str(str_from(text));
}

/* ---- messages ---- */

struct envelope {
    struct query_property application[PROPERTIES_MAX];
    struct query_property system[PROPERTIES_MAX];
    struct query_message message;
};

static inline size_t take_properties(const cJSON *object, struct query_property *out)
{
    size_t count = 0;
    for (const cJSON *member = object->child; member != NULL; member = member->next) {
        assert_true(count < PROPERTIES_MAX);
        out[count].name = str_from(member->string);
        out[count].value = cJSON_IsNull(member) ? (struct str){0} : json_str(member);
        count++;
    }
    return count;
}

/* The message of the vectors, with `twin`; the body is written to `text`. */
static inline void fill_envelope(struct envelope *envelope, const cJSON *message, struct buf *text,
                                 const char *twin)
{
    struct query_message *out = &envelope->message;
    out->application_count =
        take_properties(json_member(message, "application"), envelope->application);
    out->system_count = take_properties(json_member(message, "system"), envelope->system);
    out->application = envelope->application;
    out->system = envelope->system;
    json_append_tree(text, json_member(message, "body"));
    out->body = buf_str(text);
    out->twin = str_from(twin);
}

static inline enum query_verdict route_judge(const struct query *query,
                                             const struct query_message *message)
{
    struct query_row *row CLEANUP(query_row_destroyp) = NULL;
    assert_int_equal(query_row_create(query, &row), STATUS_OK);
    assert_int_equal(query_row_set_message(row, message), STATUS_OK);
    enum query_verdict verdict = QUERY_VERDICT_UNDEFINED;
    assert_int_equal(query_judge(query, row, &verdict), STATUS_OK);
    return verdict;
}

static inline const char *verdict_name(enum query_verdict verdict)
{
    return verdict == QUERY_VERDICT_TRUE    ? "true"
           : verdict == QUERY_VERDICT_FALSE ? "false"
                                            : "undefined";
}

/* `expected` is "error", or a verdict. */
static inline void route_check(const char *text, const char *expected,
                               const struct query_message *message)
{
    struct route route CLEANUP(route_finish) = route_parse(text);
    if (route.status != STATUS_OK) {
        if (strcmp(expected, "error") != 0) {
            fail_msg("%s: %s", text, route.problem.text);
        }
        assert_int_equal(route.status, STATUS_INVALID);
        return;
    }
    const char *actual = verdict_name(route_judge(route.query, message));
    if (strcmp(actual, expected) != 0) {
        fail_msg("%s is %s, not %s", text, actual, expected);
    }
    struct buf printed CLEANUP(buf_finish) = BUF_INIT(TEXT_MAX);
    query_print(route.query, &printed);
    struct route again CLEANUP(route_finish) = route_parse_str(buf_str(&printed));
    assert_int_equal(again.status, STATUS_OK);
    struct buf trees[2] = {BUF_INIT(TEXT_MAX), BUF_INIT(TEXT_MAX)};
    query_print_tree(route.query, &trees[0]);
    query_print_tree(again.query, &trees[1]);
    assert_string_equal(trees[0].data, trees[1].data);
    buf_finish(&trees[0]);
    buf_finish(&trees[1]);
}

static const char twin_text[] = "{\"tags\":{\"Floor\":2,\"floor\":3,\"Site\":\"x\"},\"properties\":"
                                "{\"desired\":{\"list\":[{\"a\":1},[5,6]]}}}";

static inline void route_check_all(const char *path, const char *const (*rows)[2], size_t count)
{
    cJSON *file = vectors_file(path);
    struct envelope envelope;
    struct buf body CLEANUP(buf_finish) = BUF_INIT(TEXT_MAX);
    fill_envelope(&envelope, json_member(json_member(file, "routes"), "message"), &body, twin_text);
    for (size_t i = 0; i < count; i++) {
        route_check(rows[i][0], rows[i][1], &envelope.message);
    }
    cJSON_Delete(file);
}

#endif
