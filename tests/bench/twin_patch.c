/* SPDX-License-Identifier: MIT */

/*
 * What keeping twins in memory for queries costs a write: reported patches of twins that no query
 * has read since the start, and of twins of which all sections are in memory, with an index
 * besides. In turn, each in its own storage_open(); the medians are compared.
 *
 *     bench_twin_patch [twins]    default: 300000, in a new directory under $TMPDIR
 */
#include "query/query.h"
#include "tests/bench/twin.h"

enum { TWINS = 300000, TICK = 1000, PATCHES = 60000, ROUNDS = 5 };

static void register_all(struct storage *storage, size_t twins)
{
    for (size_t i = 0; i < twins; i++) {
        struct texts texts;
        struct storage_identity twin = twin_of(i, &texts);
        require(storage_identity_insert(storage, &twin), "insert");
        if ((i + 1) % TICK == 0 || i + 1 == twins) {
            require(storage_commit(storage), "commit");
        }
    }
}

static void ask(struct storage *storage, const char *text)
{
    struct arena arena = ARENA_INIT(QUERY_ARENA_SIZE);
    const struct query *query = NULL;
    struct storage_scan *scan = NULL;
    require(query_parse(str_from(text), &arena, &query, NULL), text);
    require(storage_scan_open(storage, query, 0, &scan), "open");
    enum storage_scan_result result = STORAGE_SCAN_ROW;
    size_t rows_left = SIZE_MAX;
    while (result != STORAGE_SCAN_END) {
        const struct query_row *row = NULL;
        require(storage_scan_next(scan, &rows_left, &result, &row), "next");
    }
    storage_scan_close(scan);
    arena_finish(&arena);
}

static void fill_memory(struct storage *storage)
{
    ask(storage, "SELECT * FROM devices WHERE tags.no = properties.desired.no "
                 "OR properties.reported.no = version OR etag = properties.reported.$version");
    for (int i = 0; i < 3; i++) {
        ask(storage, "SELECT * FROM devices WHERE properties.reported.battery = 1000");
        ask(storage, "SELECT * FROM devices WHERE properties.reported.firmware.version = 'none'");
    }
}

/* Microseconds for a patch. No twin is patched twice in a round, so that all of it is there to be
 * let go. */
static double patch(struct storage *storage, size_t twins, size_t round)
{
    const int64_t start = clock_monotonic_us();
    for (size_t i = 0; i < PATCHES; i++) {
        struct texts texts;
        const size_t which = i * 7919 % twins;
        struct storage_identity twin = twin_of(which + round, &texts);
        twin.id = (int64_t)which + 1;
        require(storage_twin_update(storage, &twin, STORAGE_REPORTED), "update");
        if ((i + 1) % TICK == 0 || i + 1 == PATCHES) {
            require(storage_commit(storage), "commit");
        }
    }
    return (double)(clock_monotonic_us() - start) / PATCHES;
}

static struct storage *open_in(const char *directory)
{
    const struct storage_config config = {.directory = directory};
    struct storage *storage = NULL;
    struct problem problem;
    if (storage_open(&config, &storage, &problem) != STATUS_OK) {
        (void)fprintf(stderr, "%s\n", problem.text);
        exit(EXIT_FAILURE);
    }
    return storage;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double values[ROUNDS])
{
    qsort(values, ROUNDS, sizeof(values[0]), by_value);
    return values[ROUNDS / 2];
}

int main(int argc, char **argv)
{
    uint64_t twins = TWINS;
    if (argc > 1 && (!str_to_u64(str_from(argv[1]), &twins) || twins < PATCHES)) {
        (void)fprintf(stderr, "usage: %s [twins, at least %d]\n", argv[0], PATCHES);
        return EXIT_FAILURE;
    }
    char directory[4096];
    const char *base = getenv("TMPDIR");
    (void)snprintf(directory, sizeof(directory), "%s/twins-XXXXXX", base == NULL ? "/tmp" : base);
    if (mkdtemp(directory) == NULL) {
        (void)fprintf(stderr, "could not make %s\n", directory);
        return EXIT_FAILURE;
    }
    struct storage *storage = open_in(directory);
    register_all(storage, twins);
    storage_close(storage);
    double without[ROUNDS];
    double with[ROUNDS];
    double ratios[ROUNDS];
    for (size_t round = 0; round < ROUNDS; round++) {
        storage = open_in(directory);
        without[round] = patch(storage, twins, 2 * round);
        storage_close(storage);
        storage = open_in(directory);
        fill_memory(storage);
        with[round] = patch(storage, twins, 2 * round + 1);
        storage_close(storage);
        ratios[round] = with[round] / without[round];
    }
    const double ratio = median(ratios);
    (void)printf("a reported patch: %.1f us; with its twin in memory and two indexes: %.1f us; "
                 "%.2f x (target 1.3: %s)\n",
                 median(without), median(with), ratio, ratio <= 1.3 ? "reached" : "MISSED");
    remove_files(directory);
    return EXIT_SUCCESS;
}
