/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_HUB_HUB_FIXTURE_H
#define TESTS_UNIT_HUB_HUB_FIXTURE_H

/* A hub in memory whose clock stands still at 2026-11-21T11:00:00Z and whose ids repeat. */
#include "check.h"

#include "base/json.h"
#include "base/sas.h"
#include "hub/hub.h"
/* The tests move time: they are the only ones that look behind the door. */
#include "hub/hub_internal.h"

#define FIXTURE_NOW_US INT64_C(1795258800000000)

struct fixture {
    struct storage *storage;
    struct hubs *hubs;
    struct hub *hub;
    struct arena arena;
    struct problem problem;
};

static inline void fixture_init(struct fixture *fixture)
{
    *fixture = (struct fixture){.arena = ARENA_INIT(HUB_TWIN_ARENA_MAX)};
    mem_use_for_json();
    const struct storage_config storage = {.directory = NULL};
    assert_int_equal(storage_open(&storage, &fixture->storage, NULL), STATUS_OK);
    assert_int_equal(hubs_create(&fixture->hubs), STATUS_OK);
    struct hub_policy policies[HUB_POLICY_COUNT];
    struct hub_config config = {
        .name = STR("hub"),
        .storage = fixture->storage,
        .policies = policies,
        .clock = {.frozen = true, .frozen_at_us = FIXTURE_NOW_US},
        .settings = hub_settings_default(),
    };
    random_init_seed(&config.random, 1);
    hub_policies_generate(&config.random, policies);
    assert_int_equal(hubs_add(fixture->hubs, &config, &fixture->hub), STATUS_OK);
    assert_true(hubs_commit(fixture->hubs));
}

static inline void fixture_finish(struct fixture *fixture)
{
    hubs_destroy(fixture->hubs);
    storage_close(fixture->storage);
    arena_finish(&fixture->arena);
}

static inline void fixture_advance(struct fixture *fixture, int64_t seconds)
{
    clock_advance(&fixture->hub->clock, seconds * CLOCK_SECOND);
    hubs_wake(fixture->hubs);
}

static inline struct identity_key device_key(const char *device)
{
    return (struct identity_key){.device = str_from(device), .module = STR_EMPTY};
}

static inline struct identity_key module_key(const char *device, const char *module)
{
    return (struct identity_key){.device = str_from(device), .module = str_from(module)};
}

static inline struct storage_identity *fixture_create(struct fixture *fixture,
                                                      struct identity_key key)
{
    const struct hub_identity_desc desc = {.status = {0}};
    struct storage_identity *identity = NULL;
    const struct hub_identity_write put = {.key = key, .desc = &desc, .mode = HUB_CREATE};
    assert_int_equal(
        hub_identity_put(fixture->hub, &put, &fixture->arena, &identity, &fixture->problem),
        HUB_OK);
    return identity;
}

/* An object of `count` members with empty texts, three bytes each: 10,900 fit into 32 KB. */
static inline void append_tiny_members(struct buf *out, int count)
{
    for (int i = 0; i < count; i++) {
        buf_append_format(out, "%s\"%c%c%c\":\"\"", i == 0 ? "{" : ",", 'a' + i / 676,
                          'a' + i / 26 % 26, 'a' + i % 26);
    }
    buf_append_format(out, "}%c", '\0');
    assert_int_equal(buf_status(out), STATUS_OK);
}

static inline enum hub_code fixture_patch(struct fixture *fixture, struct identity_key key,
                                          const char *tags, const char *desired, bool replace)
{
    cJSON *trees[2] = {NULL, NULL};
    const char *texts[2] = {tags, desired};
    for (size_t i = 0; i < 2; i++) {
        if (texts[i] != NULL) {
            assert_int_equal(json_parse(str_from(texts[i]), &trees[i], NULL), STATUS_OK);
        }
    }
    const struct hub_twin_change change = {
        .tags = trees[0], .desired = trees[1], .replace = replace};
    struct storage_identity *twin = NULL;
    const enum hub_code code =
        hub_twin_update(fixture->hub, key, &change, &fixture->arena, &twin, &fixture->problem);
    cJSON_Delete(trees[0]);
    cJSON_Delete(trees[1]);
    return code;
}

static inline struct storage_identity *fixture_twin(struct fixture *fixture,
                                                    struct identity_key key)
{
    struct storage_identity *twin = NULL;
    assert_int_equal(hub_twin_get(fixture->hub, key, &fixture->arena, &twin, NULL), HUB_OK);
    return twin;
}

/* A client that notes what the hub tells it. */
struct fake_client {
    struct hub_link *link;
    char desired[512];
    uint64_t desired_version;
    unsigned desired_count;
    uint64_t request_id;
    char method[64];
    char payload[256];
    bool takes_methods;
    unsigned c2d_count;
    enum hub_code closed_code;
    unsigned closed_count;
};

static inline void fake_copy(char *to, size_t size, struct str from)
{
    assert_true(from.size < size);
    if (from.size > 0) {
        memcpy(to, from.data, from.size);
    }
    to[from.size] = '\0';
}

static inline void fake_desired(void *ctx, uint64_t version, struct str patch)
{
    struct fake_client *client = ctx;
    client->desired_version = version;
    client->desired_count++;
    fake_copy(client->desired, sizeof(client->desired), patch);
}

static inline bool fake_method(void *ctx, uint64_t request_id, struct str name, struct str payload)
{
    struct fake_client *client = ctx;
    if (!client->takes_methods) {
        return false;
    }
    client->request_id = request_id;
    fake_copy(client->method, sizeof(client->method), name);
    fake_copy(client->payload, sizeof(client->payload), payload);
    return true;
}

static inline void fake_c2d(void *ctx)
{
    ((struct fake_client *)ctx)->c2d_count++;
}

static inline void fake_close(void *ctx, enum hub_code code, const char *why)
{
    struct fake_client *client = ctx;
    (void)why;
    client->link = NULL;
    client->closed_code = code;
    client->closed_count++;
}

static inline void fake_connect_with(struct fixture *fixture, struct identity_key key,
                                     const struct hub_link_ops *ops, struct fake_client *client)
{
    struct storage_identity *identity = NULL;
    assert_int_equal(hub_identity_get(fixture->hub, key, &fixture->arena, &identity, NULL), HUB_OK);
    const struct hub_principal principal = {.id = identity->id,
                                            .generation = identity->generation,
                                            .method = HUB_AUTH_DEVICE_KEY,
                                            .expires_us = INT64_MAX};
    *client = (struct fake_client){.takes_methods = true};
    assert_int_equal(hub_link_open(fixture->hub, key, &principal, ops, client, &client->link),
                     HUB_OK);
}

static inline void fake_connect(struct fixture *fixture, struct identity_key key,
                                struct fake_client *client)
{
    static const struct hub_link_ops ops = {.protocol = "test",
                                            .desired = fake_desired,
                                            .method = fake_method,
                                            .c2d = fake_c2d,
                                            .close = fake_close};
    fake_connect_with(fixture, key, &ops, client);
}

#endif
