/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "https/https_internal.h"

static const double WHOLE_MAX = 9007199254740992.0; /* 2^53: whole numbers are exact up to here */

bool https_read_body(struct https_request *request, int type, cJSON **ret_tree)
{
    struct problem problem = {0};
    CLEANUP(json_destroyp) cJSON *tree = NULL;
    const enum status status = json_parse(http_body(request->exchange), &tree, &problem);
    if (status == STATUS_NO_MEMORY) {
        https_answer_error(request, HUB_SERVER_ERROR, NULL);
        return false;
    }
    if (status != STATUS_OK) {
        struct problem explained;
        problem_set(&explained, problem.offset, "the body is not JSON: %s", problem.text);
        https_answer_error(request, HUB_ARGUMENT_INVALID, explained.text);
        return false;
    }
    if ((tree->type & 0xff) != type) {
        https_answer_error(request, HUB_ARGUMENT_INVALID,
                           type == cJSON_Object ? "the body must be a JSON object"
                                                : "the body must be a JSON array");
        return false;
    }
    *ret_tree = TAKE(tree);
    return true;
}

/* The member, or NULL when it is absent or null. */
static const cJSON *given(const cJSON *object, const char *name)
{
    const cJSON *member = json_member(object, name);
    return cJSON_IsNull(member) ? NULL : member;
}

static bool wrong_type(struct problem *problem, const char *name, const char *wanted)
{
    problem_set(problem, PROBLEM_NO_OFFSET, "'%s' must be %s", name, wanted);
    return false;
}

bool https_member_text(const cJSON *object, const char *name, struct str *ret_value,
                       struct problem *problem)
{
    const cJSON *member = given(object, name);
    if (member == NULL) {
        return true;
    }
    if (!cJSON_IsString(member)) {
        return wrong_type(problem, name, "a string");
    }
    *ret_value = json_str(member);
    return true;
}

bool https_member_flag(const cJSON *object, const char *name, bool *ret_value,
                       struct problem *problem)
{
    const cJSON *member = given(object, name);
    if (member == NULL) {
        return true;
    }
    if (!cJSON_IsBool(member)) {
        return wrong_type(problem, name, "true or false");
    }
    *ret_value = cJSON_IsTrue(member) != 0;
    return true;
}

bool https_member_whole(const cJSON *object, const char *name, int64_t *ret_value,
                        struct problem *problem)
{
    const cJSON *member = given(object, name);
    if (member == NULL) {
        return true;
    }
    const double number = cJSON_IsNumber(member) ? member->valuedouble : 0.5;
    if (!(fabs(number) <= WHOLE_MAX) || floor(number) != number) {
        return wrong_type(problem, name, "a whole number");
    }
    *ret_value = (int64_t)number;
    return true;
}

bool https_member_object(const cJSON *object, const char *name, const cJSON **ret_value,
                         struct problem *problem)
{
    const cJSON *member = given(object, name);
    if (member != NULL && !cJSON_IsObject(member)) {
        return wrong_type(problem, name, "an object");
    }
    *ret_value = member;
    return true;
}

bool https_tree_text(const cJSON *tree, size_t size_max, struct arena *arena, struct str *ret_text)
{
    CLEANUP(buf_finish) struct buf text = BUF_INIT(size_max);
    json_append_tree(&text, tree);
    const char *copy = arena_copy(arena, buf_str(&text));
    if (copy == NULL || buf_status(&text) != STATUS_OK) {
        return false;
    }
    *ret_text = str_of(copy, text.size);
    return true;
}
