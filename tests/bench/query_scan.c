/* SPDX-License-Identifier: MIT */

/*
 * What a full scan of twins costs in query/ alone: rows of three JSON sections in memory, one query
 * after another. Prints nanoseconds per row.
 *
 *     build/release/bin/bench_query_scan [rows]
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "query/query.h"

struct twin {
    struct str id, tags, desired, reported; /* in the arena */
};

enum { ROWS_DEFAULT = 200000, PLANTS = 1000, NS_PER_US = 1000 };

static struct str keep(struct arena *arena, const struct buf *text)
{
    char *copy = arena_copy(arena, buf_str(text));
    if (copy == NULL) {
        (void)fprintf(stderr, "out of memory\n");
        exit(EXIT_FAILURE);
    }
    return str_of(copy, text->size);
}

/* About 460 bytes, as measured in query language reference 8.2. */
static struct twin make_twin(struct arena *arena, struct buf *text, size_t i)
{
    struct twin twin;
    buf_clear(text);
    buf_append_format(text, "device-%07zu", i);
    twin.id = keep(arena, text);
    buf_clear(text);
    buf_append_format(
        text,
        "{\"environment\":\"%s\",\"owner\":\"team-%zu\",\"location\":{\"region\":\"%s\","
        "\"building\":%zu,\"plant\":\"Redmond%zu\",\"floor\":%zu}}",
        i % 3 == 0 ? "prod" : "test", i % 17, i % 2 == 0 ? "US" : "EU", i % 40, i % PLANTS, i % 9);
    twin.tags = keep(arena, text);
    buf_clear(text);
    buf_append_format(text,
                      "{\"telemetryConfig\":{\"configId\":\"c%zu\",\"sendFrequencyInSecs\":%zu},"
                      "\"firmware\":{\"version\":\"1.%zu.0\"}}",
                      i % 5, i % 300, i % 12);
    twin.desired = keep(arena, text);
    buf_clear(text);
    buf_append_format(
        text,
        "{\"connectivity\":\"%s\",\"battery\":%zu.5,\"telemetryConfig\":{\"configId\":"
        "\"c%zu\",\"sendFrequencyInSecs\":%zu,\"status\":\"Success\"},\"firmware\":{"
        "\"version\":\"1.%zu.0\",\"updated\":\"2024-05-01T10:00:00Z\"}}",
        i % 4 == 0 ? "cellular" : "wifi", i % 100, i % 5, i % 300, i % 12);
    twin.reported = keep(arena, text);
    return twin;
}

/* The documents that pass, given only what the query asks for. */
static size_t scan(const struct query *query, const struct twin *twins, size_t count)
{
    struct query_row *row CLEANUP(query_row_destroyp) = NULL;
    if (query_row_create(query, &row) != STATUS_OK) {
        exit(EXIT_FAILURE);
    }
    const uint64_t needs = query_info(query)->where_needs;
    size_t hits = 0;
    bool ok = true;
    for (size_t i = 0; i < count; i++) {
        query_row_clear(row);
        if (QUERY_HAS(needs, QUERY_DEVICE_ID)) {
            query_row_set(row, QUERY_DEVICE_ID, query_string(twins[i].id));
        }
        if (QUERY_HAS(needs, QUERY_TAGS)) {
            ok &= query_row_scan(row, QUERY_TAGS, twins[i].tags) == STATUS_OK;
        }
        if (QUERY_HAS(needs, QUERY_DESIRED)) {
            ok &= query_row_scan(row, QUERY_DESIRED, twins[i].desired) == STATUS_OK;
        }
        if (QUERY_HAS(needs, QUERY_REPORTED)) {
            ok &= query_row_scan(row, QUERY_REPORTED, twins[i].reported) == STATUS_OK;
        }
        hits += query_where(query, row) ? 1 : 0;
    }
    if (!ok) {
        (void)fprintf(stderr, "a twin could not be read\n");
        exit(EXIT_FAILURE);
    }
    return hits;
}

static void measure(const char *text, const struct twin *twins, size_t count)
{
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(QUERY_ARENA_SIZE);
    const struct query *query = NULL;
    struct problem problem;
    if (query_parse(str_from(text), &arena, &query, &problem) != STATUS_OK) {
        (void)fprintf(stderr, "%s\n", problem.text);
        exit(EXIT_FAILURE);
    }
    (void)scan(query, twins, count); /* warm */
    const int64_t start = clock_monotonic_us();
    const size_t hits = scan(query, twins, count);
    const int64_t took = clock_monotonic_us() - start;
    (void)printf("%7.1f ns/row  %8zu hits  %s\n", (double)took * NS_PER_US / (double)count, hits,
                 text);
}

int main(int argc, char **argv)
{
    uint64_t count = ROWS_DEFAULT;
    if (argc > 1 && (!str_to_u64(str_from(argv[1]), &count) || count == 0)) {
        (void)fprintf(stderr, "usage: bench_query_scan [rows]\n");
        return EXIT_FAILURE;
    }
    struct arena arena = ARENA_INIT(SIZE_MAX / 8);
    struct buf text = BUF_INIT(4096);
    struct twin *twins = mem_alloc(count * sizeof(*twins));
    if (twins == NULL) {
        return EXIT_FAILURE;
    }
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        twins[i] = make_twin(&arena, &text, i);
        bytes += twins[i].tags.size + twins[i].desired.size + twins[i].reported.size;
    }
    (void)printf("%zu rows of %zu bytes\n", (size_t)count, bytes / (size_t)count);
    measure("SELECT * FROM devices WHERE tags.location.plant = 'Redmond43'", twins, count);
    measure("SELECT * FROM devices WHERE tags.location.plant = 'Redmond43' AND "
            "properties.reported.connectivity = 'cellular'",
            twins, count);
    measure("SELECT * FROM devices WHERE properties.reported.firmware.version = '1.3.0'", twins,
            count);
    measure("SELECT * FROM devices WHERE is_defined(properties.desired.nothing)", twins, count);
    measure("SELECT * FROM devices WHERE properties.desired.telemetryConfig.sendFrequencyInSecs = "
            "properties.reported.telemetryConfig.sendFrequencyInSecs",
            twins, count);
    measure("SELECT * FROM devices WHERE STARTSWITH(deviceId, 'device-00001')", twins, count);
    buf_finish(&text);
    mem_free(twins);
    arena_finish(&arena);
    return EXIT_SUCCESS;
}
