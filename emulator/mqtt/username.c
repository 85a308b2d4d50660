/* SPDX-License-Identifier: MIT */
#include "mqtt/username.h"

#include "base/attr.h"
#include "base/url.h"

static const struct {
    struct str name;
    size_t offset; /* of its struct str in struct username */
} properties[] = {
    {{"api-version", 11}, offsetof(struct username, api_version)},
    {{"DeviceClientType", 16}, offsetof(struct username, device_client_type)},
    {{"model-id", 8}, offsetof(struct username, model_id)},
};

/* "name=..." with a name of the table. */
static bool starts_known_property(struct str text)
{
    for (size_t i = 0; i < ARRAY_SIZE(properties); i++) {
        const struct str name = properties[i].name;
        if (text.size > name.size && str_starts(text, name) && text.data[name.size] == '=') {
            return true;
        }
    }
    return false;
}

/*
 * An id may hold '?' and '=', so neither makes a property list of the segment after the device id;
 * a leading '?', a '&' (which no id holds) or a known name does.
 */
static bool is_property_list(struct str segment)
{
    return (segment.size > 0 && segment.data[0] == '?') || str_find(segment, '&') != SIZE_MAX ||
           starts_known_property(segment);
}

static void set_property(struct username *username, struct str name, struct str value)
{
    for (size_t i = 0; i < ARRAY_SIZE(properties); i++) {
        if (!str_equal(name, properties[i].name)) {
            continue;
        }
        struct str *field = (struct str *)(void *)((char *)username + properties[i].offset);
        if (field->data == NULL) {
            *field = value;
        }
        return;
    }
}

/*
 * "2017-06-30/DeviceClientType=X/1.5": the '/' separates only where a known name follows, since
 * client types hold slashes of their own. Gives the first value; *value keeps "name=..." or "".
 */
static struct str cut_at_slash(struct str *value)
{
    for (size_t i = 0; i < value->size; i++) {
        const struct str after = str_skip(*value, i + 1);
        if (value->data[i] == '/' && starts_known_property(after)) {
            const struct str first = str_of(value->data, i);
            *value = after;
            return first;
        }
    }
    const struct str whole = *value;
    *value = STR_EMPTY;
    return whole;
}

static void read_properties(struct username *username, struct str list)
{
    if (list.size > 0 && list.data[0] == '?') {
        list = str_skip(list, 1);
    }
    struct str name = STR_EMPTY;
    struct str value = STR_EMPTY;
    bool has_value = false;
    while (url_pair_next(&list, &name, &value, &has_value)) {
        while (has_value) {
            set_property(username, name, cut_at_slash(&value));
            has_value = str_cut(value, '=', &name, &value);
        }
    }
}

/* "{hub}/{device}?api-version=...", written by hand: the list hangs on the device id itself. */
static struct str cut_property_list_off(struct str *device_id)
{
    for (size_t i = 0; i < device_id->size; i++) {
        const struct str after = str_skip(*device_id, i + 1);
        if (device_id->data[i] == '?' && starts_known_property(after)) {
            device_id->size = i;
            return after;
        }
    }
    return STR_EMPTY;
}

static bool check(const struct username *username, bool has_module, struct problem *problem)
{
    const char *missing = username->host.size == 0                      ? "hub's host name"
                          : username->device_id.size == 0               ? "device id"
                          : has_module && username->module_id.size == 0 ? "module id"
                                                                        : NULL;
    if (missing != NULL) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "the user name has no %s: it is written {hub}/{device}/?api-version=2021-04-12 "
                    "or {hub}/{device}/{module}/?api-version=2021-04-12",
                    missing);
    }
    return missing == NULL;
}

bool username_parse(struct str text, struct username *ret_username, struct problem *problem)
{
    struct username username = {0};
    struct str rest = STR_EMPTY;
    (void)str_cut(text, '/', &username.host, &rest);
    const bool more = str_cut(rest, '/', &username.device_id, &rest);
    bool has_module = false;
    if (!more) {
        rest = cut_property_list_off(&username.device_id);
    } else if (rest.size > 0) {
        struct str segment = STR_EMPTY;
        struct str after = STR_EMPTY;
        (void)str_cut(rest, '/', &segment, &after);
        has_module = !is_property_list(segment);
        if (has_module) {
            username.module_id = segment;
            rest = after;
        }
    }
    if (!check(&username, has_module, problem)) {
        return false;
    }
    read_properties(&username, rest);
    *ret_username = username;
    return true;
}
