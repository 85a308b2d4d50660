/* SPDX-License-Identifier: MIT */
#include "tests/bench/figures.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"

enum {
    STAT_SIZE = 1024,
    STAT_UTIME = 11, /* fields after the command's closing bracket, the state being 0: proc(5) */
    STAT_STIME = 12,
};

int64_t figures_own_cpu_us(void)
{
    struct rusage used = {0};
    getrusage(RUSAGE_SELF, &used);
    return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * CLOCK_SECOND + used.ru_utime.tv_usec +
           used.ru_stime.tv_usec;
}

int64_t figures_process_cpu_us(uint64_t pid)
{
    if (pid == 0) {
        return 0;
    }
    char path[64];
    char text[STAT_SIZE];
    snprintf(path, sizeof(path), "/proc/%" PRIu64 "/stat", pid);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return 0;
    }
    const size_t size = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[size] = '\0';
    const char *bracket = strrchr(text, ')');
    struct str rest = str_trim(str_from(bracket == NULL ? "" : bracket + 1));
    uint64_t ticks = 0;
    for (int i = 0; i <= STAT_STIME; i++) {
        struct str field;
        uint64_t value = 0;
        str_cut(rest, ' ', &field, &rest);
        if (i >= STAT_UTIME && str_to_u64(field, &value)) {
            ticks += value;
        }
    }
    return (int64_t)ticks * (CLOCK_SECOND / sysconf(_SC_CLK_TCK));
}

bool figures_number(const char *program, const char *text, uint64_t min, uint64_t max,
                    uint64_t *ret_value)
{
    uint64_t value = 0;
    if (!str_to_u64(str_from(text), &value) || value < min || value > max) {
        fprintf(stderr, "%s: \"%s\" is not a number from %" PRIu64 " to %" PRIu64 "\n", program,
                text, min, max);
        return false;
    }
    *ret_value = value;
    return true;
}
