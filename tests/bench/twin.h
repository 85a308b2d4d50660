/* SPDX-License-Identifier: MIT */
#ifndef BENCH_TWIN_H
#define BENCH_TWIN_H

/* What the programs that measure storage share: a directory, and twins to put into it. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "storage/storage.h"

enum { PLANTS = 1000 };

static inline void require(enum status status, const char *what)
{
    if (status != STATUS_OK) {
        (void)fprintf(stderr, "%s: %s\n", what, status_text(status));
        exit(EXIT_FAILURE);
    }
}

/* A twin of about 460 bytes in its three sections, as the query language reference measured. */
struct texts {
    char device[32], tags[256], desired[128], reported[256];
};

static inline struct storage_identity twin_of(size_t i, struct texts *texts)
{
    (void)snprintf(texts->device, sizeof(texts->device), "device-%07zu", i);
    (void)snprintf(texts->tags, sizeof(texts->tags),
                   "{\"location\":{\"region\":\"%s\",\"plant\":\"Redmond%zu\",\"floor\":%zu},"
                   "\"environment\":\"%s\",\"type\":\"sensor\",\"owner\":\"team-%zu\"}",
                   i % 8 == 0 ? "US" : "EU", i * 7919 % PLANTS, i % 12,
                   i % 3 == 0 ? "production" : "test", i % 40);
    (void)snprintf(texts->desired, sizeof(texts->desired),
                   "{\"telemetryInterval\":%zu,\"firmware\":{\"version\":\"1.%zu.0\"}}", i % 60,
                   i % 9);
    (void)snprintf(texts->reported, sizeof(texts->reported),
                   "{\"connectivity\":{\"type\":\"%s\",\"signal\":%zu},\"battery\":%zu,"
                   "\"firmware\":{\"version\":\"1.%zu.0\",\"status\":\"current\"},\"uptime\":%zu}",
                   i % 4 == 0 ? "cellular" : "wifi", i % 100, i % 101, i % 9, i * 13 % 100000);
    return (struct storage_identity){
        .key = {.device = str_from(texts->device), .module = STR_EMPTY},
        .generation = 637000000000000000,
        .etag = i,
        .enabled = true,
        .status_updated_us = CLOCK_NEVER,
        .connection_updated_us = CLOCK_NEVER,
        .last_activity_us = CLOCK_NEVER,
        .primary_key = STR("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="),
        .secondary_key = STR("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="),
        .twin_etag = 1,
        .twin_version = 2,
        .desired_version = 1,
        .reported_version = 1,
        .tags = str_from(texts->tags),
        .desired = str_from(texts->desired),
        .reported = str_from(texts->reported),
        .desired_metadata = STR("{\"$lastUpdated\":\"2024-01-01T00:00:00.0000000Z\"}"),
        .reported_metadata = STR("{\"$lastUpdated\":\"2024-01-01T00:00:00.0000000Z\"}"),
    };
}

static inline void remove_files(const char *directory)
{
    static const char *const files[] = {"state.db",   "state.db-wal",   "state.db-shm",  "lock",
                                        "journal.db", "journal.db-wal", "journal.db-shm"};
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        char path[4200];
        (void)snprintf(path, sizeof(path), "%s/%s", directory, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(directory);
}

#endif
