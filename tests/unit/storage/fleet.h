/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_STORAGE_FLEET_H
#define TESTS_UNIT_STORAGE_FLEET_H

/* What the tests of scans share: devices and modules with a bit of everything, and queries. */
#include "base/random.h"
#include "query/query.h"
#include "tests/unit/storage/fixture.h"

enum { FLEET_DEVICES = 300 };

static const char *const tag_texts[] = {
    "{}",
    "{\"location\":{\"plant\":\"Redmond43\",\"region\":\"US\"}}",
    "{\"location\":{\"plant\":\"Redmond44\",\"region\":\"US\"},\"n\":1}",
    "{\"location\":{\"plant\":null}}",
    "{\"location\":\"nowhere\",\"n\":2.5}",
    "{\"n\":\"1\",\"list\":[1,2,3]}",
};
static const char *const desired_texts[] = {"{}", "{\"interval\":5}", "{\"interval\":60,\"a\":{}}"};
static const char *const reported_texts[] = {"{}", "{\"connectivity\":\"cellular\"}",
                                             "{\"connectivity\":\"wifi\",\"level\":7}"};

static inline struct str pick(struct random *random, const char *const *texts, size_t count)
{
    return str_from(texts[random_u64(random) % count]);
}

static inline void insert_random(struct storage *storage, struct random *random, const char *device,
                                 const char *module)
{
    struct storage_identity record = record_of(device, module);
    const uint64_t bits = random_u64(random);
    record.enabled = (bits & 1) != 0;
    record.connected = (bits & 2) != 0;
    record.edge = (bits & 4) != 0 && module[0] == '\0';
    record.auth = (enum storage_auth)(bits >> 3 & 3);
    record.c2d_count = (uint32_t)(bits >> 5 & 3);
    record.etag = bits >> 40 & 1;
    record.twin_etag = bits >> 50 & 3;
    record.twin_version = bits >> 8 & 3;
    record.desired_version = bits >> 10 & 3;
    record.reported_version = bits >> 12 & 3;
    record.last_activity_us = (bits & (1 << 14)) != 0 ? 1700000000000000 : CLOCK_NEVER;
    record.status_updated_us = (bits & (1 << 15)) != 0 ? 1600000000000000 : CLOCK_NEVER;
    record.status_reason = (bits & (1 << 16)) != 0 ? STR("broken") : (struct str){0};
    record.primary_thumbprint = (bits & (1 << 17)) != 0 ? STR("AB") : (struct str){0};
    record.secondary_thumbprint = (bits & (1 << 18)) != 0 ? STR("CD") : (struct str){0};
    record.device_scope = (bits & (1 << 19)) != 0 ? STR("ms-azure-iot-edge://x") : STR_EMPTY;
    record.parent_scopes = (bits & (1 << 20)) != 0 ? STR("[\"p\"]") : (struct str){0};
    record.model_id = (bits & (1 << 21)) != 0 ? STR("dtmi:a;1") : (struct str){0};
    record.configurations =
        (bits & (1 << 22)) != 0 ? STR("{\"c1\":{\"status\":\"Applied\"}}") : STR("{}");
    record.tags = pick(random, tag_texts, ARRAY_SIZE(tag_texts));
    record.desired = pick(random, desired_texts, ARRAY_SIZE(desired_texts));
    record.reported = pick(random, reported_texts, ARRAY_SIZE(reported_texts));
    record.reported_metadata = (bits & (1 << 23)) != 0
                                   ? STR("{\"$lastUpdated\":\"2024-01-01T00:00:00Z\"}")
                                   : STR("{\"$lastUpdated\":\"2020-01-01T00:00:00Z\"}");
    assert_int_equal(storage_identity_insert(storage, &record), STATUS_OK);
}

/* Registered in an order that is not the order of names; some with modules; some gone again. */
static inline struct storage *fleet_make(void)
{
    struct storage *storage = open_storage(NULL);
    struct random random;
    random_init_seed(&random, 42);
    for (size_t i = 0; i < FLEET_DEVICES; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "%s-%03zu", i % 3 == 0 ? "sensor" : "device",
                       i * 7 % FLEET_DEVICES);
        insert_random(storage, &random, name, "");
        for (size_t m = 0; m < i % 4; m++) {
            char module[16];
            (void)snprintf(module, sizeof(module), "%s%zu", m == 0 ? "$edgeAgent" : "m", m);
            insert_random(storage, &random, name, module);
        }
        size_t count = 0;
        if (i % 10 == 9) {
            assert_int_equal(storage_identity_delete(storage, key_of(name, ""), &count), STATUS_OK);
        }
    }
    commit(storage);
    return storage;
}

static inline const struct query *parse(const char *text, struct arena *arena)
{
    const struct query *query = NULL;
    struct problem problem = {0};
    if (query_parse(str_from(text), arena, &query, &problem) != STATUS_OK) {
        fail_msg("%s: %s", text, problem.text);
    }
    return query;
}

static inline void assert_access(struct storage *storage, const struct query *query,
                                 const char *access)
{
    struct storage_scan *scan = NULL;
    assert_int_equal(storage_scan_open(storage, query, 0, &scan), STATUS_OK);
    assert_string_equal(storage_scan_access(scan), access);
    assert_int_equal(storage_scan_rows_read(scan), 0);
    storage_scan_close(scan);
}

#endif
