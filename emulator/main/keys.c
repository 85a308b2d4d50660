/* SPDX-License-Identifier: MIT */
#include "main/keys.h"

#include "base/json.h"
#include "base/sas.h"
#include "main/files.h"

enum { KEYS_FILE_MAX = 1 << 20 };

static struct hub_policy *policy_named(struct hub_policy *policies, const char *name)
{
    for (size_t i = 0; i < HUB_POLICY_COUNT; i++) {
        if (strcmp(policies[i].name, name) == 0) {
            return &policies[i];
        }
    }
    return NULL;
}

static enum status read_key(const cJSON *keys, const char *policy, const char *name, char *key,
                            size_t key_size, struct problem *problem)
{
    const cJSON *member = json_member(keys, name);
    if (member == NULL) {
        return STATUS_OK;
    }
    const struct str text = json_str(member);
    if (!sas_key_valid(text) || text.size >= key_size) {
        problem_set(problem, PROBLEM_NO_OFFSET, "policies.%s.%s must be base64 of 16 to 64 bytes",
                    policy, name);
        return STATUS_INVALID;
    }
    memcpy(key, text.data, text.size);
    key[text.size] = '\0';
    return STATUS_OK;
}

enum status keys_read(struct str text, struct hub_policy policies[HUB_POLICY_COUNT],
                      struct problem *problem)
{
    CLEANUP(json_destroyp) cJSON *tree = NULL;
    enum status status = json_parse(text, &tree, problem);
    if (status != STATUS_OK) {
        return status;
    }
    const cJSON *keys = NULL;
    cJSON_ArrayForEach(keys, json_member(tree, "policies"))
    {
        struct hub_policy *policy =
            keys->string == NULL ? NULL : policy_named(policies, keys->string);
        if (policy == NULL) {
            problem_set(problem, PROBLEM_NO_OFFSET,
                        "policies names '%s'; the hub has iothubowner, service, device, "
                        "registryRead and registryReadWrite",
                        keys->string == NULL ? "an array" : keys->string);
            return STATUS_INVALID;
        }
        status = read_key(keys, policy->name, "primaryKey", policy->primary_key,
                          sizeof(policy->primary_key), problem);
        if (status == STATUS_OK) {
            status = read_key(keys, policy->name, "secondaryKey", policy->secondary_key,
                              sizeof(policy->secondary_key), problem);
        }
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

static void append_policies(struct buf *out, const struct hub_policy *policies)
{
    buf_append_str(out, STR("{\"policies\": {\n"));
    for (size_t i = 0; i < HUB_POLICY_COUNT; i++) {
        buf_append_format(out, "  \"%s\": {\"primaryKey\": \"%s\", \"secondaryKey\": \"%s\"}%s\n",
                          policies[i].name, policies[i].primary_key, policies[i].secondary_key,
                          i + 1 < HUB_POLICY_COUNT ? "," : "");
    }
    buf_append_str(out, STR("}}\n"));
}

enum status keys_load_or_make(const char *path, struct random *random,
                              struct hub_policy policies[HUB_POLICY_COUNT], struct problem *problem)
{
    hub_policies_generate(random, policies);
    CLEANUP(buf_finish) struct buf text = BUF_INIT(KEYS_FILE_MAX);
    bool there = false;
    enum status status = file_read(path, &text, &there, problem);
    if (status == STATUS_OK && there) {
        return keys_read(buf_str(&text), policies, problem);
    }
    if (status != STATUS_OK) {
        return status;
    }
    append_policies(&text, policies);
    status = buf_status(&text);
    return status == STATUS_OK ? file_write(path, buf_str(&text), 0600, problem) : status;
}
