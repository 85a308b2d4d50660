/* SPDX-License-Identifier: MIT */

/*
 * How fast the journal takes telemetry-sized rows: rows per second and CPU per row (all threads),
 * in memory and on disk, for ticks of few and of many rows.
 *
 *     bench_journal_append [directory]      default: a new one under $TMPDIR, removed at the end
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "storage/storage.h"

enum { DETAIL_SIZE = 220, BODY_SIZE = 256, COMMIT_TIMES_MAX = 1 << 20 };

static const char *const files[] = {"state.db",   "state.db-wal",   "state.db-shm",  "lock",
                                    "journal.db", "journal.db-wal", "journal.db-shm"};

static int64_t cpu_us(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * CLOCK_SECOND + usage.ru_utime.tv_usec +
           usage.ru_stime.tv_usec;
}

static int by_value(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void require(enum status status, const char *what)
{
    if (status != STATUS_OK) {
        (void)fprintf(stderr, "%s: %s\n", what, status_text(status));
        exit(EXIT_FAILURE);
    }
}

static void measure(const char *directory, size_t rows, size_t rows_per_tick)
{
    static char detail[DETAIL_SIZE];
    static char body[BODY_SIZE];
    static int64_t commits[COMMIT_TIMES_MAX];
    memset(detail, 'd', sizeof(detail));
    memset(body, 'b', sizeof(body));

    struct problem problem;
    struct storage *storage = NULL;
    const struct storage_config config = {.directory = directory};
    if (storage_open(&config, &storage, &problem) != STATUS_OK) {
        (void)fprintf(stderr, "%s\n", problem.text);
        exit(EXIT_FAILURE);
    }
    struct journal_row row = {.kind = 3,
                              .key = {.device = STR("device-0001"), .module = STR_EMPTY},
                              .detail = str_of(detail, sizeof(detail)),
                              .body = str_of(body, sizeof(body)),
                              .event = true};
    size_t ticks = 0;
    const int64_t cpu = cpu_us();
    const int64_t start = clock_monotonic_us();
    for (size_t i = 0; i < rows; i++) {
        uint64_t sequence = 0;
        row.at_us = INT64_C(1700000000000000) + (int64_t)i;
        row.partition = (unsigned)(i % storage_partitions(storage));
        require(storage_journal_append(storage, &row, &sequence), "append");
        if ((i + 1) % rows_per_tick == 0 || i + 1 == rows) {
            const int64_t before = clock_monotonic_us();
            require(storage_commit(storage), "commit");
            commits[ticks++ % COMMIT_TIMES_MAX] = clock_monotonic_us() - before;
        }
    }
    const int64_t wall = clock_monotonic_us() - start;
    const int64_t used = cpu_us() - cpu;
    storage_close(storage);

    const size_t count = ticks < COMMIT_TIMES_MAX ? ticks : COMMIT_TIMES_MAX;
    qsort(commits, count, sizeof(commits[0]), by_value);
    (void)printf("%-6s %6zu rows/tick %9.0f rows/s %6.2f us CPU/row   commit us: median %lld, "
                 "p99 %lld, max %lld\n",
                 directory == NULL ? "memory" : "disk", rows_per_tick,
                 (double)rows * 1e6 / (double)wall, (double)used / (double)rows,
                 (long long)commits[count / 2], (long long)commits[count * 99 / 100],
                 (long long)commits[count - 1]);
    (void)fflush(stdout);
}

static void remove_files(const char *directory)
{
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        char path[4096];
        (void)snprintf(path, sizeof(path), "%s/%s", directory, files[i]);
        (void)unlink(path);
    }
}

int main(int argc, char **argv)
{
    char made[4096];
    const char *base = getenv("TMPDIR");
    (void)snprintf(made, sizeof(made), "%s/journal-append-XXXXXX", base == NULL ? "/tmp" : base);
    const char *directory = argc > 1 ? argv[1] : mkdtemp(made);
    if (directory == NULL) {
        perror(made);
        return EXIT_FAILURE;
    }
    static const struct {
        size_t rows, rows_per_tick;
    } runs[] = {{1000000, 10000}, {1000000, 1000}, {500000, 50}, {200000, 8}, {50000, 1}};
    for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
        measure(NULL, runs[i].rows, runs[i].rows_per_tick);
    }
    for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
        measure(directory, runs[i].rows, runs[i].rows_per_tick);
        remove_files(directory);
    }
    (void)rmdir(directory);
    return EXIT_SUCCESS;
}
