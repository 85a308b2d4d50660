/* SPDX-License-Identifier: MIT */

/*
 * What twins cost in storage: registering them, patching one, and reading all of them for a query.
 *
 *     bench_twins [twins] [directory]    default: a million, in a new directory under $TMPDIR that
 *                                        is removed at the end; one that is named is kept
 */
#include "query/query.h"
#include "tests/bench/twin.h"

enum { TWINS = 1000000, TICK = 1000, UPDATES = 100000, SLICE = 2048 };

static void print_rate(const char *what, size_t count, int64_t since)
{
    const double us = (double)(clock_monotonic_us() - since);
    (void)printf("%-44s %9.2f us each  %9.0f/s\n", what, us / (double)count,
                 (double)count * 1e6 / us);
    (void)fflush(stdout);
}

static void register_all(struct storage *storage, size_t twins)
{
    const int64_t start = clock_monotonic_us();
    for (size_t i = 0; i < twins; i++) {
        struct texts texts;
        struct storage_identity twin = twin_of(i, &texts);
        require(storage_identity_insert(storage, &twin), "insert");
        if ((i + 1) % TICK == 0 || i + 1 == twins) {
            require(storage_commit(storage), "commit");
        }
    }
    print_rate("register a twin", twins, start);
}

static void update_some(struct storage *storage, size_t twins, size_t per_tick, const char *what)
{
    const size_t count = per_tick == 1 ? UPDATES / 10 : UPDATES;
    const int64_t start = clock_monotonic_us();
    for (size_t i = 0; i < count; i++) {
        struct texts texts;
        const size_t which = i * 7919 % twins;
        struct storage_identity twin = twin_of(which + i, &texts);
        twin.id = (int64_t)which + 1;
        require(storage_twin_update(storage, &twin, STORAGE_REPORTED), "update");
        if ((i + 1) % per_tick == 0 || i + 1 == count) {
            require(storage_commit(storage), "commit");
        }
    }
    print_rate(what, count, start);
}

static void read_some(struct storage *storage, size_t twins)
{
    const int64_t start = clock_monotonic_us();
    struct arena arena = ARENA_INIT(1 << 20);
    for (size_t i = 0; i < UPDATES; i++) {
        struct texts texts;
        const struct storage_identity twin = twin_of(i * 7919 % twins, &texts);
        struct storage_identity *found = NULL;
        require(storage_identity_get(storage, twin.key, STORAGE_TWIN | STORAGE_METADATA, &arena,
                                     &found),
                "get");
        arena_reset(&arena);
    }
    arena_finish(&arena);
    print_rate("read a twin by its key", UPDATES, start);
}

static void run_query(struct storage *storage, const char *text)
{
    struct arena arena = ARENA_INIT(QUERY_ARENA_SIZE);
    const struct query *query = NULL;
    struct storage_scan *scan = NULL;
    require(query_parse(str_from(text), &arena, &query, NULL), text);
    const int64_t start = clock_monotonic_us();
    require(storage_scan_open(storage, query, 0, &scan), "open");
    enum storage_scan_result result = STORAGE_SCAN_ROW;
    size_t rows = 0;
    int64_t slice_max = 0;
    while (result != STORAGE_SCAN_END) {
        const int64_t slice_start = clock_monotonic_us();
        size_t rows_left = SLICE;
        do {
            const struct query_row *row = NULL;
            require(storage_scan_next(scan, &rows_left, &result, &row), "next");
            rows += result == STORAGE_SCAN_ROW ? 1U : 0U;
        } while (result == STORAGE_SCAN_ROW);
        const int64_t slice = clock_monotonic_us() - slice_start;
        slice_max = slice > slice_max ? slice : slice_max;
    }
    (void)printf("%8.1f ms  longest slice %5.2f ms  %7zu of %8llu rows  %-15s %s\n",
                 (double)(clock_monotonic_us() - start) / 1000.0, (double)slice_max / 1000.0, rows,
                 (unsigned long long)storage_scan_rows_read(scan), storage_scan_access(scan), text);
    (void)fflush(stdout);
    storage_scan_close(scan);
    arena_finish(&arena);
}

int main(int argc, char **argv)
{
    static const char *const queries[] = {
        "SELECT * FROM devices WHERE tags.location.plant = 'Redmond43'",
        "SELECT * FROM devices WHERE tags.location.plant = 'Redmond43'",
        "SELECT * FROM devices WHERE tags.location.region = 'US' "
        "AND properties.reported.connectivity.type = 'cellular'",
        "SELECT properties.reported.battery AS b FROM devices WHERE tags.location.plant = "
        "'Redmond43'",
        "SELECT COUNT() AS n FROM devices",
        "SELECT * FROM devices WHERE deviceId IN ['device-0000007', 'device-0100000', 'nobody']",
        "SELECT * FROM devices WHERE STARTSWITH(deviceId, 'device-0001')",
        "SELECT * FROM devices.modules",
    };
    char made[4096];
    const char *base = getenv("TMPDIR");
    (void)snprintf(made, sizeof(made), "%s/twins-XXXXXX", base == NULL ? "/tmp" : base);
    uint64_t twins = TWINS;
    if (argc > 1 && (!str_to_u64(str_from(argv[1]), &twins) || twins == 0)) {
        (void)fprintf(stderr, "usage: %s [twins] [directory]\n", argv[0]);
        return EXIT_FAILURE;
    }
    const char *directory = argc > 2 ? argv[2] : mkdtemp(made);
    const struct storage_config config = {.directory = directory};
    struct storage *storage = NULL;
    struct problem problem;
    if (directory == NULL || storage_open(&config, &storage, &problem) != STATUS_OK) {
        (void)fprintf(stderr, "%s\n", directory == NULL ? made : problem.text);
        return EXIT_FAILURE;
    }
    register_all(storage, twins);
    update_some(storage, twins, TICK, "patch a twin, a thousand to a commit");
    update_some(storage, twins, 1, "patch a twin, each committed");
    read_some(storage, twins);
    for (size_t i = 0; i < ARRAY_SIZE(queries); i++) {
        run_query(storage, queries[i]);
    }
    storage_close(storage);
    if (argc <= 2) {
        remove_files(directory);
    }
    return EXIT_SUCCESS;
}
