/* SPDX-License-Identifier: MIT */
#include "base/connection_string.h"

#include <stddef.h>

static const struct {
    struct str name;
    size_t offset;
} parts_known[] = {
    {{"HostName", 8}, offsetof(struct connection_string, host_name)},
    {{"GatewayHostName", 15}, offsetof(struct connection_string, gateway_host_name)},
    {{"DeviceId", 8}, offsetof(struct connection_string, device_id)},
    {{"ModuleId", 8}, offsetof(struct connection_string, module_id)},
    {{"SharedAccessKey", 15}, offsetof(struct connection_string, shared_access_key)},
    {{"SharedAccessKeyName", 19}, offsetof(struct connection_string, shared_access_key_name)},
    {{"SharedAccessSignature", 21}, offsetof(struct connection_string, shared_access_signature)},
    {{"x509", 4}, offsetof(struct connection_string, x509)},
};

static struct str *part_of(struct connection_string *parts, struct str name)
{
    for (size_t i = 0; i < ARRAY_SIZE(parts_known); i++) {
        if (str_equal_nocase(name, parts_known[i].name)) {
            return (struct str *)(void *)((char *)parts + parts_known[i].offset);
        }
    }
    return NULL;
}

enum status connection_string_parse(struct str text, struct connection_string *ret_parts,
                                    struct problem *problem)
{
    struct connection_string parts = {STR_EMPTY, STR_EMPTY, STR_EMPTY, STR_EMPTY,
                                      STR_EMPTY, STR_EMPTY, STR_EMPTY, STR_EMPTY};
    struct str rest = text;
    if (str_trim(text).size == 0) {
        problem_set(problem, PROBLEM_NO_OFFSET, "the connection string is missing");
        return STATUS_INVALID;
    }
    while (rest.size > 0) {
        struct str pair;
        (void)str_cut(rest, ';', &pair, &rest);
        pair = str_trim(pair);
        if (pair.size == 0) {
            continue; /* a ';' at the end is common */
        }
        struct str name;
        struct str value;
        if (!str_cut(pair, '=', &name, &value)) {
            /* What stands there may be a piece of a key: it is not repeated. */
            problem_set(problem, (size_t)(pair.data - text.data),
                        "the part at byte %zu has no '=', expected Name=value",
                        (size_t)(pair.data - text.data));
            return STATUS_INVALID;
        }
        struct str *part = part_of(&parts, name);
        if (part != NULL) {
            *part = value;
        }
    }
    if (parts.host_name.size == 0) {
        problem_set(problem, PROBLEM_NO_OFFSET, "no HostName, the hub's name");
        return STATUS_INVALID;
    }
    *ret_parts = parts;
    return STATUS_OK;
}
