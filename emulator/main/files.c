/* SPDX-License-Identifier: MIT */
#include "main/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 65536, PATH_SIZE = 4096 };

static void close_fd(const int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
}

/* Moves a descriptor out of its variable, as TAKE() does with a pointer. */
static int take_fd(int *fd)
{
    const int taken = *fd;
    *fd = -1;
    return taken;
}

static enum status failed(const char *what, const char *path, struct problem *problem)
{
    problem_set(problem, PROBLEM_NO_OFFSET, "could not %s %s: %s", what, path, strerror(errno));
    return STATUS_IO;
}

enum status file_read(const char *path, struct buf *out, bool *ret_there, struct problem *problem)
{
    CLEANUP(close_fd) const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        *ret_there = false;
        return STATUS_OK;
    }
    if (fd < 0) {
        return failed("open", path, problem);
    }
    for (;;) {
        char *room = buf_room(out, CHUNK);
        if (room == NULL) {
            problem_set(problem, PROBLEM_NO_OFFSET, "%s is larger than %zu bytes", path,
                        out->size_max);
            return buf_status(out);
        }
        const ssize_t size = read(fd, room, CHUNK);
        if (size < 0) {
            return failed("read", path, problem);
        }
        if (size == 0) {
            *ret_there = true;
            return STATUS_OK;
        }
        buf_grown(out, (size_t)size);
    }
}

static bool write_all(int fd, struct str bytes)
{
    while (bytes.size > 0) {
        const ssize_t size = write(fd, bytes.data, bytes.size);
        if (size < 0) {
            return false;
        }
        bytes = str_skip(bytes, (size_t)size);
    }
    return fsync(fd) == 0;
}

/* A lock comes before the name, so that nobody meets the file without it. */
static bool write_beside(int fd, const char *beside, const char *path, struct str bytes, bool lock)
{
    return (!lock || flock(fd, LOCK_EX | LOCK_NB) == 0) && write_all(fd, bytes) &&
           rename(beside, path) == 0;
}

static enum status write_whole(const char *path, struct str bytes, unsigned mode, int *ret_locked,
                               struct problem *problem)
{
    char beside[PATH_SIZE];
    const int size = snprintf(beside, sizeof(beside), "%s.%ld.new", path, (long)getpid());
    if (size < 0 || (size_t)size >= sizeof(beside)) {
        problem_set(problem, PROBLEM_NO_OFFSET, "the path %s is too long", path);
        return STATUS_LIMIT;
    }
    CLEANUP(close_fd) int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0) {
        return failed("make", beside, problem);
    }
    if (fchmod(fd, mode) != 0 || !write_beside(fd, beside, path, bytes, ret_locked != NULL)) {
        const enum status status = failed("write", path, problem);
        (void)unlink(beside);
        return status;
    }
    if (ret_locked != NULL) {
        *ret_locked = take_fd(&fd);
    }
    return STATUS_OK;
}

enum status file_write(const char *path, struct str bytes, unsigned mode, struct problem *problem)
{
    return write_whole(path, bytes, mode, NULL, problem);
}

enum status file_write_locked(const char *path, struct str bytes, unsigned mode, int *ret_fd,
                              struct problem *problem)
{
    return write_whole(path, bytes, mode, ret_fd, problem);
}

bool file_locked(const char *path)
{
    CLEANUP(close_fd) const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

enum status file_remove(const char *path, struct problem *problem)
{
    return unlink(path) == 0 || errno == ENOENT ? STATUS_OK : failed("remove", path, problem);
}

/* One folder, unless it is there. */
static bool make_one(const char *path, unsigned mode)
{
    return mkdir(path, mode) == 0 ? chmod(path, mode) == 0 : errno == EEXIST;
}

enum status folder_make(const char *path, unsigned mode, struct problem *problem)
{
    char part[PATH_SIZE];
    const size_t size = strlen(path);
    if (size == 0 || size >= sizeof(part)) {
        problem_set(problem, PROBLEM_NO_OFFSET, "the path %s is too long", path);
        return STATUS_LIMIT;
    }
    for (size_t i = 1; i <= size; i++) {
        if (path[i] != '/' && path[i] != '\0') {
            continue;
        }
        memcpy(part, path, i);
        part[i] = '\0';
        if (!make_one(part, mode)) {
            return failed("make", part, problem);
        }
    }
    return STATUS_OK;
}
