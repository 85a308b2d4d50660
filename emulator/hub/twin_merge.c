/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/json.h"
#include "hub/hub_internal.h"

/*
 * JSON merge (RFC 7396) of twin sections, with $metadata kept in step: each node written, and every
 * node above it, carries when (and for desired properties in which version) it was last written. A
 * deleted member takes its metadata along. (Service reference, 3.3 and 3.4.)
 */

/* ---- which members of an object a patch is about ---- */

enum { FEW = 16 }; /* up to here walking the object for each change beats sorting it */

/* For each change of a patch, in its order: the member that is there already, or NULL. */
struct targets {
    cJSON *object;   /* NULL: there is none (the metadata of tags) */
    cJSON **members; /* `few`, or owned */
    cJSON *few[FEW];
};

static int compare_members(const void *a, const void *b)
{
    const cJSON *const *left = a;
    const cJSON *const *right = b;
    return strcmp((*left)->string, (*right)->string);
}

/*
 * Sorted, because a walk for each would let one patch of 256 KB hold everybody up for half a
 * minute; not hashed, because names may be chosen to collide.
 */
static bool find_among_sorted(struct targets *targets, const cJSON *patch)
{
    const size_t count = (size_t)cJSON_GetArraySize(targets->object);
    cJSON **sorted = mem_alloc((count + 1) * sizeof(cJSON *));
    if (sorted == NULL) {
        return false;
    }
    size_t at = 0;
    cJSON *member = NULL;
    cJSON_ArrayForEach(member, targets->object)
    {
        sorted[at++] = member;
    }
    qsort(sorted, count, sizeof(cJSON *), compare_members);
    size_t index = 0;
    const cJSON *change = NULL;
    cJSON_ArrayForEach(change, patch)
    {
        cJSON **found = bsearch(&change, sorted, count, sizeof(cJSON *), compare_members);
        targets->members[index++] = found == NULL ? NULL : *found;
    }
    mem_free(sorted);
    return true;
}

static bool targets_init(struct targets *targets, cJSON *object, const cJSON *patch)
{
    *targets = (struct targets){.object = object, .members = targets->few};
    const size_t count = (size_t)cJSON_GetArraySize(patch);
    if (count > FEW) {
        targets->members = mem_alloc(count * sizeof(cJSON *));
        return targets->members != NULL && find_among_sorted(targets, patch);
    }
    size_t index = 0;
    const cJSON *change = NULL;
    cJSON_ArrayForEach(change, patch)
    {
        targets->members[index++] = json_member(object, change->string);
    }
    return true;
}

static void targets_finish(struct targets *targets)
{
    if (targets->members != targets->few) {
        mem_free(targets->members);
    }
}

/* ---- writing members ---- */

/* Takes `value` into the place of `old`, or to the end where that is NULL, and gives it back. NULL:
 * no memory. */
static cJSON *put(cJSON *object, cJSON *old, const char *name, cJSON *value)
{
    if (value == NULL) {
        return NULL;
    }
    if (old == NULL && !cJSON_AddItemToObject(object, name, value)) {
        cJSON_Delete(value);
        return NULL;
    }
    if (old != NULL) {
        cJSON_free(value->string);
        value->string = TAKE(old->string);
        (void)cJSON_ReplaceItemViaPointer(object, old, value); /* fails for NULLs only */
    }
    return value;
}

static void delete_member(cJSON *object, cJSON *member)
{
    if (member != NULL) {
        cJSON_Delete(cJSON_DetachItemViaPointer(object, member));
    }
}

/* ---- stamps ---- */

static bool put_named(cJSON *object, const char *name, cJSON *value)
{
    return put(object, json_member(object, name), name, value) != NULL;
}

/* $lastUpdated and $lastUpdatedVersion stand first in their node, as the service writes them. */
static bool set_stamp(cJSON *node, const struct hub_stamp *stamp)
{
    return put_named(node, "$lastUpdated", cJSON_CreateString(stamp->time)) &&
           (stamp->version == 0 ||
            put_named(node, "$lastUpdatedVersion", cJSON_CreateNumber((double)stamp->version)));
}

static cJSON *new_stamp(const struct hub_stamp *stamp)
{
    cJSON *node = cJSON_CreateObject();
    if (node != NULL && !set_stamp(node, stamp)) {
        cJSON_Delete(node);
        return NULL;
    }
    return node;
}

/* ---- the merge ---- */

/* What a change is about: the object, and the member of its name, or NULL. */
struct place {
    cJSON *object;
    cJSON *member;
};

static bool merge_member(struct place document, struct place metadata, const cJSON *change,
                         const struct hub_stamp *stamp)
{
    const char *name = change->string;
    if (cJSON_IsNull(change)) {
        delete_member(document.object, document.member);
        delete_member(metadata.object, metadata.member);
        return true;
    }
    const bool deeper = cJSON_IsObject(document.member) && cJSON_IsObject(change);
    cJSON *node = metadata.member;
    /* What is replaced takes along what was noted below it. */
    if (metadata.object != NULL && (!deeper || node == NULL)) {
        node = put(metadata.object, node, name, new_stamp(stamp));
        if (node == NULL) {
            return false;
        }
    }
    if (!cJSON_IsObject(change)) {
        cJSON *copy = cJSON_Duplicate(change, true);
        return put(document.object, document.member, name, copy) != NULL;
    }
    cJSON *child = deeper ? document.member
                          : put(document.object, document.member, name, cJSON_CreateObject());
    return child != NULL && hub_merge(child, node, change, stamp);
}

static bool merge_members(const struct targets *document, const struct targets *metadata,
                          const cJSON *patch, const struct hub_stamp *stamp)
{
    size_t index = 0;
    const cJSON *change = NULL;
    cJSON_ArrayForEach(change, patch)
    {
        const struct place in_document = {document->object, document->members[index]};
        const struct place in_metadata = {metadata->object, metadata->members[index]};
        index++;
        if (!hub_is_echo_member(change->string) &&
            !merge_member(in_document, in_metadata, change, stamp)) {
            return false;
        }
    }
    return true;
}

bool hub_merge(cJSON *document, cJSON *metadata, const cJSON *patch, const struct hub_stamp *stamp)
{
    if (metadata != NULL && !set_stamp(metadata, stamp)) {
        return false;
    }
    struct targets members;
    struct targets nodes;
    const bool good = targets_init(&members, document, patch);
    const bool merged = targets_init(&nodes, metadata, patch) && good &&
                        merge_members(&members, &nodes, patch, stamp);
    targets_finish(&members);
    targets_finish(&nodes);
    return merged;
}

cJSON *hub_stamp_tree(const cJSON *patch, const struct hub_stamp *stamp)
{
    cJSON *node = new_stamp(stamp);
    const cJSON *member = NULL;
    cJSON_ArrayForEach(member, patch)
    {
        if (node == NULL) {
            return NULL;
        }
        if (cJSON_IsNull(member) || hub_is_echo_member(member->string)) {
            continue;
        }
        cJSON *child = cJSON_IsObject(member) ? hub_stamp_tree(member, stamp) : new_stamp(stamp);
        if (put(node, NULL, member->string, child) == NULL) {
            cJSON_Delete(node);
            return NULL;
        }
    }
    return node;
}
