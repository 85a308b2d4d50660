/* SPDX-License-Identifier: MIT */
#include "main/ready_file.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "main/files.h"

enum { READY_FILE_MAX = 1 << 20 };

static long pid_in(const char *path)
{
    CLEANUP(buf_finish) struct buf text = BUF_INIT(READY_FILE_MAX);
    CLEANUP(json_destroyp) cJSON *tree = NULL;
    struct problem problem = {.text = ""};
    bool there = false;
    double pid = 0;
    const bool known = file_read(path, &text, &there, &problem) == STATUS_OK && there &&
                       json_parse(buf_str(&text), &tree, &problem) == STATUS_OK &&
                       json_member_number(tree, "pid", &pid) && pid >= 1 && pid <= INT32_MAX;
    return known ? (long)pid : -1;
}

enum status ready_file_claim(struct ready_file *file, const char *path, struct problem *problem)
{
    const int size = snprintf(file->path, sizeof(file->path), "%s", path);
    if (size < 0 || (size_t)size >= sizeof(file->path)) {
        problem_set(problem, PROBLEM_NO_OFFSET, "the ready file's path is too long");
        return STATUS_INVALID;
    }
    file->other_holds = file_locked(file->path);
    if (file->other_holds) {
        file->holder = pid_in(file->path);
        return STATUS_OK;
    }
    return file_remove(file->path, problem);
}

enum status ready_file_write(struct ready_file *file, struct str text, unsigned mode,
                             struct problem *problem)
{
    return file->other_holds ? STATUS_OK
                             : file_write_locked(file->path, text, mode, &file->fd, problem);
}

void ready_file_remove(struct ready_file *file)
{
    struct stat ours;
    struct stat there;
    if (file->fd < 0) {
        return;
    }
    /* Somebody may have put another in its place by hand. */
    if (fstat(file->fd, &ours) == 0 && stat(file->path, &there) == 0 &&
        ours.st_ino == there.st_ino && ours.st_dev == there.st_dev) {
        (void)unlink(file->path);
    }
    (void)close(file->fd);
    file->fd = -1;
}
