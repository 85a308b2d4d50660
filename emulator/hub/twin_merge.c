/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "base/json.h"
#include "hub/hub_internal.h"

/*
 * JSON merge (RFC 7396) of twin sections, with $metadata kept in step: each node written, and every
 * node above it, carries when (and for desired properties in which version) it was last written. A
 * deleted member takes its metadata along. (Service reference, 3.3 and 3.4.)
 */

static bool put(cJSON *object, const char *name, cJSON *value)
{
    if (value == NULL) {
        return false;
    }
    if (cJSON_GetObjectItemCaseSensitive(object, name) != NULL) {
        if (!cJSON_ReplaceItemInObjectCaseSensitive(object, name, value)) {
            cJSON_Delete(value);
            return false;
        }
        return value->string != NULL; /* cJSON does not look whether it could copy the name */
    }
    if (!cJSON_AddItemToObject(object, name, value)) {
        cJSON_Delete(value);
        return false;
    }
    return true;
}

/* $lastUpdated and $lastUpdatedVersion stand first in their node, as the service writes them. */
static bool set_stamp(cJSON *node, const struct hub_stamp *stamp)
{
    return put(node, "$lastUpdated", cJSON_CreateString(stamp->time)) &&
           (stamp->version == 0 ||
            put(node, "$lastUpdatedVersion", cJSON_CreateNumber((double)stamp->version)));
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

/* The member to merge an object into, made when there is none or it is no object. NULL: no memory.
 */
static cJSON *object_member(cJSON *object, const char *name)
{
    cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);
    if (cJSON_IsObject(member)) {
        return member;
    }
    return put(object, name, cJSON_CreateObject()) ? cJSON_GetObjectItemCaseSensitive(object, name)
                                                   : NULL;
}

/* The metadata node of a member that is written: fresh when what it described is replaced. */
static cJSON *metadata_member(cJSON *metadata, const char *name, bool fresh,
                              const struct hub_stamp *stamp)
{
    if (!fresh && cJSON_GetObjectItemCaseSensitive(metadata, name) != NULL) {
        return cJSON_GetObjectItemCaseSensitive(metadata, name);
    }
    return put(metadata, name, new_stamp(stamp)) ? cJSON_GetObjectItemCaseSensitive(metadata, name)
                                                 : NULL;
}

static bool merge_member(cJSON *document, cJSON *metadata, const cJSON *change,
                         const struct hub_stamp *stamp)
{
    const char *name = change->string;
    if (cJSON_IsNull(change)) {
        cJSON_DeleteItemFromObjectCaseSensitive(document, name);
        cJSON_DeleteItemFromObjectCaseSensitive(metadata, name);
        return true;
    }
    const bool was_object = cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(document, name));
    cJSON *child_metadata = NULL;
    if (metadata != NULL) {
        const bool fresh = !was_object || !cJSON_IsObject(change);
        child_metadata = metadata_member(metadata, name, fresh, stamp);
        if (child_metadata == NULL) {
            return false;
        }
    }
    if (!cJSON_IsObject(change)) {
        return put(document, name, cJSON_Duplicate(change, true));
    }
    cJSON *child = object_member(document, name);
    return child != NULL && hub_merge(child, child_metadata, change, stamp);
}

bool hub_merge(cJSON *document, cJSON *metadata, const cJSON *patch, const struct hub_stamp *stamp)
{
    if (metadata != NULL && !set_stamp(metadata, stamp)) {
        return false;
    }
    const cJSON *change = NULL;
    cJSON_ArrayForEach(change, patch)
    {
        if (!hub_is_echo_member(change->string) &&
            !merge_member(document, metadata, change, stamp)) {
            return false;
        }
    }
    return true;
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
        if (!put(node, member->string, child)) {
            cJSON_Delete(node);
            return NULL;
        }
    }
    return node;
}
