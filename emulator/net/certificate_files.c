/* SPDX-License-Identifier: MIT */
#include "net/certificate_files_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static enum status file_problem(struct problem *problem, const char *verb, const char *path)
{
    const int error_number = errno;
    problem_set(problem, PROBLEM_NO_OFFSET, "could not %s %s: %s", verb, path,
                strerror(error_number));
    return STATUS_IO;
}

static enum status directory_make(const char *directory, struct problem *problem)
{
    char path[PATH_MAX];
    const size_t size = strlen(directory);
    if (size == 0 || size >= sizeof(path)) {
        problem_set(problem, PROBLEM_NO_OFFSET, "the path of the certificates is %s",
                    size == 0 ? "empty" : "too long");
        return STATUS_INVALID;
    }
    memcpy(path, directory, size + 1);
    for (size_t i = 1; i <= size; i++) {
        if (path[i] != '/' && path[i] != '\0') {
            continue;
        }
        const char cut = path[i];
        path[i] = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST) {
            return file_problem(problem, "make the directory", path);
        }
        path[i] = cut;
    }
    return STATUS_OK;
}

enum status certificate_directory_lock(const char *directory, int *ret_fd, struct problem *problem)
{
    const enum status status = directory_make(directory, problem);
    if (status != STATUS_OK) {
        return status;
    }
    const int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return file_problem(problem, "open", directory);
    }
    int rc;
    do {
        rc = flock(fd, LOCK_EX);
    } while (rc != 0 && errno == EINTR);
    if (rc != 0) {
        const enum status locked = file_problem(problem, "lock", directory);
        close(fd);
        return locked;
    }
    *ret_fd = fd;
    return STATUS_OK;
}

void certificate_directory_unlockp(const int *fd)
{
    if (*fd >= 0) {
        close(*fd); /* and with it goes the lock */
    }
}

enum status certificate_file_read(int directory_fd, const char *name, struct buf *out)
{
    enum { CHUNK_SIZE = 64 * 1024 };
    const int fd = openat(directory_fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? STATUS_UNAVAILABLE : STATUS_IO;
    }
    ssize_t size = 1;
    while (size > 0) {
        char *room = buf_room(out, CHUNK_SIZE);
        if (room == NULL) {
            break;
        }
        size = read(fd, room, CHUNK_SIZE);
        if (size > 0) {
            buf_grown(out, (size_t)size);
        } else if (size < 0 && errno == EINTR) {
            size = 1;
        }
    }
    close(fd);
    return size < 0 ? STATUS_IO : buf_status(out);
}

static bool write_all(int fd, struct str bytes)
{
    while (bytes.size > 0) {
        const ssize_t size = write(fd, bytes.data, bytes.size);
        if (size < 0 && errno != EINTR) {
            return false;
        }
        bytes = str_skip(bytes, size > 0 ? (size_t)size : 0);
    }
    return true;
}

enum status certificate_file_write(int directory_fd, const char *name, mode_t mode,
                                   struct str bytes, struct problem *problem)
{
    char temporary[64];
    snprintf(temporary, sizeof(temporary), ".%s.new", name);
    /* Whoever left it died in the middle: we hold the lock. */
    unlinkat(directory_fd, temporary, 0);
    const int fd = openat(directory_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0) {
        return file_problem(problem, "write", name);
    }
    enum status status = STATUS_OK;
    /* fchmod: the mode above passed through the umask. */
    if (fchmod(fd, mode) != 0 || !write_all(fd, bytes) || fsync(fd) != 0) {
        status = file_problem(problem, "write", name);
    }
    close(fd);
    if (status == STATUS_OK && renameat(directory_fd, temporary, directory_fd, name) != 0) {
        status = file_problem(problem, "rename", name);
    }
    if (status != STATUS_OK) {
        unlinkat(directory_fd, temporary, 0);
        return status;
    }
    fsync(directory_fd);
    return STATUS_OK;
}
