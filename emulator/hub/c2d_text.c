/* SPDX-License-Identifier: MIT */
#include "base/json.h"
#include "hub/hub_internal.h"

/*
 * A message's properties as they lie in storage: an object with the members that the journal's row
 * has too. "form" tells the forms of later versions apart.
 */
enum status hub_c2d_text_append(struct buf *out, struct str properties)
{
    buf_append_str(out, STR("{\"form\":1"));
    buf_append_str(out, properties);
    buf_append_byte(out, '}');
    return buf_status(out);
}

static bool copy(struct arena *arena, struct str from, struct str *ret_to)
{
    *ret_to = str_of(arena_copy(arena, from), from.size);
    return ret_to->data != NULL;
}

static enum status read_properties(const cJSON *object, struct arena *arena,
                                   const struct hub_property **ret_properties, size_t *ret_count)
{
    const size_t count = (size_t)cJSON_GetArraySize(object);
    struct hub_property *properties = ARENA_ARRAY(arena, struct hub_property, count + 1);
    if (properties == NULL) {
        return STATUS_NO_MEMORY;
    }
    size_t at = 0;
    const cJSON *member = NULL;
    cJSON_ArrayForEach(member, object)
    {
        struct hub_property *property = &properties[at++];
        if (!copy(arena, str_from(member->string), &property->name) ||
            (!cJSON_IsNull(member) && !copy(arena, json_str(member), &property->value))) {
            return STATUS_NO_MEMORY;
        }
    }
    *ret_properties = properties;
    *ret_count = count;
    return STATUS_OK;
}

enum status hub_c2d_text_read(struct str text, struct arena *arena, struct hub_message *message)
{
    CLEANUP(json_destroyp) cJSON *tree = NULL;
    enum status status = json_parse(text, &tree, NULL);
    if (status != STATUS_OK) {
        return status == STATUS_NO_MEMORY ? status : STATUS_CORRUPT;
    }
    status = read_properties(json_member(tree, "systemProperties"), arena, &message->system,
                             &message->system_count);
    return status == STATUS_OK ? read_properties(json_member(tree, "properties"), arena,
                                                 &message->application, &message->application_count)
                               : status;
}
