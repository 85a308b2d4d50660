/* SPDX-License-Identifier: MIT */

/*
 * Runs a fuzz target once on each file of a corpus folder, so that every crash that was ever found
 * stays an ordinary test in builds that know nothing of fuzzing. An empty or missing folder fails:
 * a corpus that went astray must not look green.
 */
#include <dirent.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "fuzz.h"

enum { PATH_SIZE = 4096 };

static void give_up(const char *path)
{
    (void)fprintf(stderr, "could not read %s\n", path);
    exit(EXIT_FAILURE);
}

/* The block is exactly the file's size: one byte read past its end is seen by the sanitizer. */
static void replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        give_up(path);
        return;
    }
    const long end = ftell(file);
    rewind(file);
    const size_t size = end > 0 ? (size_t)end : 0;
    uint8_t *input = mem_alloc(size);
    if (end < 0 || (input == NULL && size > 0) || fread(input, 1, size, file) != size) {
        give_up(path);
    }
    (void)fclose(file);
    (void)LLVMFuzzerTestOneInput(input, size);
    mem_free(input);
}

static size_t replay_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    if (dir == NULL) {
        give_up(folder);
    }
    size_t count = 0;
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (entry->d_name[0] != '.') {
            char path[PATH_SIZE];
            (void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
            replay_file(path);
            count++;
        }
    }
    (void)closedir(dir);
    return count;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void)fprintf(stderr, "usage: replay CORPUS_FOLDER\n");
        return EXIT_FAILURE;
    }
    const size_t count = replay_folder(argv[1]);
    (void)printf("%zu inputs of %s replayed\n", count, argv[1]);
    return count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
