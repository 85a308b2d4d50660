/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>

#include "hub/hub_internal.h"

/*
 * A made-up fleet for load work. Device i of a seed is the same in every fleet, whatever its size:
 * all that it is comes from (seed, i), and nothing from the clock or the hub's own randomness.
 */
enum {
    BATCH = 4096,             /* devices to a commit: bounds what a log must hold */
    RECORD_ARENA_MAX = 65536, /* of one record looked up */
    RANDOM_STEP = 4,          /* the random blocks that one device may use */
    PLANTS = 1000,
    SECONDS_SPREAD = 30 * 24 * 3600,
};

#define REGISTERED_US INT64_C(1714521600000000) /* 2024-05-01T00:00:00Z */

/* What a device's strings point into. */
struct texts {
    char device[32];
    char primary_key[RANDOM_KEY_SIZE], secondary_key[RANDOM_KEY_SIZE];
    char tags[256], desired[192], reported[384], metadata[64];
};

/* A number below `count`, out of the bytes that a device was given. */
struct dice {
    uint8_t bytes[RANDOM_SEED_SIZE];
    size_t used;
};

static unsigned roll(struct dice *dice, unsigned count)
{
    const unsigned high = dice->bytes[dice->used++];
    return (high << 8 | dice->bytes[dice->used++]) % count;
}

static void write_tags(struct texts *texts, struct dice *dice)
{
    static const char *const regions[] = {"US", "EU", "APAC", "LATAM"};
    static const char *const environments[] = {"prod", "prod", "test", "dev"};
    (void)snprintf(texts->tags, sizeof(texts->tags),
                   "{\"location\":{\"region\":\"%s\",\"plant\":\"Redmond%u\",\"floor\":%u},"
                   "\"environment\":\"%s\",\"owner\":\"team-%u\"}",
                   regions[roll(dice, ARRAY_SIZE(regions))], roll(dice, PLANTS), roll(dice, 12),
                   environments[roll(dice, ARRAY_SIZE(environments))], roll(dice, 40));
}

static void write_properties(struct texts *texts, struct dice *dice, uint64_t index)
{
    static const char *const states[] = {"Success", "Success", "Success", "Pending", "Failed"};
    static const char *const networks[] = {"wifi", "cellular", "ethernet"};
    const unsigned wanted = roll(dice, 8);
    const unsigned seconds = 30 + 30 * roll(dice, 10);
    const unsigned firmware = roll(dice, 9);
    (void)snprintf(texts->desired, sizeof(texts->desired),
                   "{\"telemetryConfig\":{\"configId\":\"config-%u\",\"sendFrequencyInSecs\":%u},"
                   "\"firmware\":{\"version\":\"1.%u.0\"}}",
                   wanted, seconds, firmware);
    (void)snprintf(
        texts->reported, sizeof(texts->reported),
        "{\"telemetryConfig\":{\"configId\":\"config-%u\",\"sendFrequencyInSecs\":%u,"
        "\"status\":\"%s\"},\"connectivity\":{\"type\":\"%s\",\"signal\":%u},\"battery\":%u,"
        "\"firmware\":{\"version\":\"1.%u.0\",\"status\":\"current\"},"
        "\"serialNumber\":\"SN-%08" PRIu64 "\"}",
        wanted, seconds, states[roll(dice, ARRAY_SIZE(states))],
        networks[roll(dice, ARRAY_SIZE(networks))], roll(dice, 100), roll(dice, 101), firmware,
        index);
}

static void write_metadata(struct texts *texts)
{
    char time[CLOCK_TEXT_SIZE];
    clock_text_iso(REGISTERED_US, time);
    (void)snprintf(texts->metadata, sizeof(texts->metadata), "{\"$lastUpdated\":\"%s\"}", time);
}

static struct storage_identity make_device(uint64_t seed, uint64_t index, struct texts *texts)
{
    struct random random;
    struct dice dice = {.used = 0};
    random_init_seed(&random, seed);
    random.counter = index * RANDOM_STEP;
    random_bytes(&random, dice.bytes, sizeof(dice.bytes));
    random_key(&random, texts->primary_key);
    random_key(&random, texts->secondary_key);
    (void)snprintf(texts->device, sizeof(texts->device), "device-%07" PRIu64, index);
    write_tags(texts, &dice);
    write_properties(texts, &dice, index);
    write_metadata(texts);
    return (struct storage_identity){
        .key = {.device = str_from(texts->device), .module = STR_EMPTY},
        .generation = clock_dotnet_ticks(REGISTERED_US) + (int64_t)index,
        .etag = 1,
        .enabled = roll(&dice, 50) != 0,
        .status_updated_us = CLOCK_NEVER,
        .connection_updated_us = CLOCK_NEVER,
        .last_activity_us =
            REGISTERED_US + CLOCK_SECOND * (int64_t)(index * PLANTS % SECONDS_SPREAD),
        .primary_key = str_from(texts->primary_key),
        .secondary_key = str_from(texts->secondary_key),
        .twin_etag = 1,
        .twin_version = 2,
        .desired_version = 1,
        .reported_version = 1,
        .tags = str_from(texts->tags),
        .desired = str_from(texts->desired),
        .reported = str_from(texts->reported),
        .desired_metadata = str_from(texts->metadata),
        .reported_metadata = str_from(texts->metadata),
    };
}

static enum status add_device(struct hub *hub, uint64_t seed, uint64_t index, struct arena *arena)
{
    struct texts texts;
    struct storage_identity device = make_device(seed, index, &texts);
    struct storage_identity *there = NULL;
    arena_reset(arena);
    const enum status status =
        storage_identity_get(hub->storage, device.key, STORAGE_IDENTITY, arena, &there);
    if (status != STATUS_OK || there != NULL) {
        return status;
    }
    return storage_identity_insert(hub->storage, &device);
}

enum hub_code hub_fleet(struct hub *hub, uint64_t count, uint64_t seed, struct problem *problem)
{
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(RECORD_ARENA_MAX);
    for (uint64_t i = 0; i < count; i++) {
        const enum status status = add_device(hub, seed, i, &arena);
        if (status != STATUS_OK) {
            return hub_fail(hub, status, problem);
        }
        if (i % BATCH == BATCH - 1 && !hub_commit(hub)) {
            problem_set(problem, PROBLEM_NO_OFFSET, "device %" PRIu64 " could not be kept", i);
            return HUB_SERVER_ERROR;
        }
    }
    hub->fleet_count = count;
    hub->fleet_seed = seed;
    return HUB_OK;
}
