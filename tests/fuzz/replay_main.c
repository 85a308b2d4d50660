/* SPDX-License-Identifier: MIT */
/*
 * Runs a fuzz target over the files of its corpus, in builds without libFuzzer:
 *
 *     replay_NAME directory...
 *
 * An empty or missing corpus is a failure: a test that checks nothing must not look green.
 */
#include <dirent.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FILE_SIZE_MAX = 1 << 24 };

static void closep(FILE **file)
{
    if (*file != NULL) {
        (void)fclose(*file);
    }
}

static bool replay_file(const char *path)
{
    FILE *file CLEANUP(closep) = fopen(path, "rb");
    struct buf bytes CLEANUP(buf_finish) = BUF_INIT(FILE_SIZE_MAX);
    if (file == NULL) {
        return false;
    }
    char part[4096];
    size_t size = 0;
    while ((size = fread(part, 1, sizeof(part), file)) > 0) {
        buf_append(&bytes, part, size);
    }
    if (ferror(file) != 0 || buf_status(&bytes) != STATUS_OK) {
        return false;
    }
    const struct str input = buf_str(&bytes);
    (void)LLVMFuzzerTestOneInput((const uint8_t *)input.data, input.size);
    return true;
}

static bool replay_directory(const char *path, unsigned *count)
{
    DIR *directory = opendir(path);
    if (directory == NULL) {
        (void)fprintf(stderr, "could not open %s\n", path);
        return false;
    }
    bool fine = true;
    const struct dirent *entry = NULL;
    while (fine && (entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        struct buf name CLEANUP(buf_finish) = BUF_INIT(4096);
        buf_append_format(&name, "%s/%s", path, entry->d_name);
        fine = buf_status(&name) == STATUS_OK && replay_file(name.data);
        *count += fine ? 1 : 0;
    }
    (void)closedir(directory);
    return fine;
}

int main(int argc, char **argv)
{
    unsigned count = 0;
    for (int i = 1; i < argc; i++) {
        if (!replay_directory(argv[i], &count)) {
            return EXIT_FAILURE;
        }
    }
    (void)printf("%u inputs replayed\n", count);
    return count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
