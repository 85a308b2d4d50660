/* SPDX-License-Identifier: MIT */
#include "base/json.h"

#include <stdlib.h>

#include "base/alloc.h"

enum { FEW_MEMBERS = 16 }; /* up to here comparing each with each beats sorting */

static void remove_member(cJSON *object, cJSON *member)
{
    cJSON_Delete(cJSON_DetachItemViaPointer(object, member));
}

static bool name_comes_again(const cJSON *member)
{
    for (const cJSON *later = member->next; later != NULL; later = later->next) {
        if (strcmp(member->string, later->string) == 0) {
            return true;
        }
    }
    return false;
}

static void drop_among_few(cJSON *object)
{
    cJSON *next = NULL;
    for (cJSON *member = object->child; member != NULL; member = next) {
        next = member->next;
        if (name_comes_again(member)) {
            remove_member(object, member);
        }
    }
}

struct named {
    cJSON *member; /* in the tree */
    size_t index;
};

static int compare_named(const void *a, const void *b)
{
    const struct named *left = a;
    const struct named *right = b;
    const int order = strcmp(left->member->string, right->member->string);
    if (order != 0) {
        return order;
    }
    return (left->index > right->index) - (left->index < right->index);
}

/* Sorting, not hashing: the names may be chosen to collide. */
static enum status drop_among_many(cJSON *object, size_t count)
{
    struct named *all = mem_alloc(count * sizeof(*all));
    if (all == NULL) {
        return STATUS_NO_MEMORY;
    }
    size_t index = 0;
    for (cJSON *member = object->child; member != NULL; member = member->next) {
        all[index] = (struct named){.member = member, .index = index};
        index++;
    }
    qsort(all, count, sizeof(*all), compare_named);
    for (size_t i = 0; i + 1 < count; i++) {
        if (strcmp(all[i].member->string, all[i + 1].member->string) == 0) {
            remove_member(object, all[i].member);
        }
    }
    mem_free(all);
    return STATUS_OK;
}

static enum status drop_duplicates(cJSON *node)
{
    if (cJSON_IsObject(node)) {
        const size_t count = (size_t)cJSON_GetArraySize(node);
        if (count <= FEW_MEMBERS) {
            drop_among_few(node);
        } else if (drop_among_many(node, count) != STATUS_OK) {
            return STATUS_NO_MEMORY;
        }
    }
    for (cJSON *child = node->child; child != NULL; child = child->next) {
        const enum status status = drop_duplicates(child);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

enum status json_parse(struct str text, cJSON **ret_tree, struct problem *problem)
{
    enum status status = json_check(text, problem);
    if (status != STATUS_OK) {
        return status;
    }
    CLEANUP(json_destroyp) cJSON *tree = cJSON_ParseWithLengthOpts(text.data, text.size, NULL, 0);
    if (tree == NULL) {
        return STATUS_NO_MEMORY; /* the text was found good: nothing else is left */
    }
    status = drop_duplicates(tree);
    if (status == STATUS_OK) {
        *ret_tree = TAKE(tree);
    }
    return status;
}

void json_destroyp(cJSON **tree)
{
    cJSON_Delete(*tree);
    *tree = NULL;
}

cJSON *json_member(const cJSON *object, const char *name)
{
    return cJSON_IsObject(object) ? cJSON_GetObjectItemCaseSensitive(object, name) : NULL;
}

bool json_member_str(const cJSON *object, const char *name, struct str *ret_value)
{
    const cJSON *member = json_member(object, name);
    if (member == NULL || !cJSON_IsString(member)) {
        return false;
    }
    *ret_value = str_from(member->valuestring);
    return true;
}

bool json_member_bool(const cJSON *object, const char *name, bool *ret_value)
{
    const cJSON *member = json_member(object, name);
    if (!cJSON_IsBool(member)) {
        return false;
    }
    *ret_value = cJSON_IsTrue(member) != 0;
    return true;
}

bool json_member_number(const cJSON *object, const char *name, double *ret_value)
{
    const cJSON *member = json_member(object, name);
    if (member == NULL || !cJSON_IsNumber(member)) {
        return false;
    }
    *ret_value = member->valuedouble;
    return true;
}

struct str json_str(const cJSON *string_node)
{
    return cJSON_IsString(string_node) ? str_from(string_node->valuestring) : STR_EMPTY;
}
