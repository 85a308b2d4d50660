/* SPDX-License-Identifier: MIT */
#include "clients/cli/hub_kind.h"

bool hub_is_local_name(struct str host)
{
    const struct str domain = STR(".localhost");
    struct str name = host;
    struct str port = STR_EMPTY;
    (void)str_cut(host, ':', &name, &port);
    return str_equal_nocase(name, STR("localhost")) || str_equal(name, STR("127.0.0.1")) ||
           str_starts(host, STR("[::1]")) || str_equal(host, STR("::1")) ||
           (name.size > domain.size &&
            str_equal_nocase(str_skip(name, name.size - domain.size), domain));
}

const cJSON *hub_emulator_policy(const struct ready_file *ready, struct str name)
{
    const cJSON *policy = NULL;
    cJSON_ArrayForEach(policy, ready->policies)
    {
        if (str_equal_nocase(json_str(json_member(policy, "name")), name)) {
            return policy;
        }
    }
    return NULL;
}

bool hub_policy_has_key(const cJSON *policy, struct str key)
{
    return key.size > 0 && (str_equal(key, json_str(json_member(policy, "primaryKey"))) ||
                            str_equal(key, json_str(json_member(policy, "secondaryKey"))));
}

bool hub_is_emulator(const struct connection_string *parts, const struct ready_file *ready)
{
    return hub_is_local_name(parts->host_name) ||
           hub_policy_has_key(hub_emulator_policy(ready, parts->shared_access_key_name),
                              parts->shared_access_key);
}
