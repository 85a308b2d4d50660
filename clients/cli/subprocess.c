/* SPDX-License-Identifier: MIT */
#include "clients/cli/subprocess.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

enum { EXIT_MISSING = 127, CHUNK = 4096, MS_US = 1000 };

/* Reads until the other end is closed by all who hold it; false when time ran out. */
static bool collect(int fd, int64_t deadline_us, struct buf *output)
{
    for (;;) {
        const int64_t left_us = deadline_us - clock_monotonic_us();
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        if (left_us <= 0) {
            return false;
        }
        const int ready = poll(&wait, 1, (int)(left_us / MS_US) + 1);
        char chunk[CHUNK];
        const ssize_t size = ready > 0 ? read(fd, chunk, sizeof(chunk)) : -1;
        if (size == 0) {
            return true;
        }
        if (size > 0 && output->size_max - output->size >= (size_t)size) {
            buf_append(output, chunk, (size_t)size);
        }
        if (size < 0 && ready > 0 && errno != EINTR) {
            return true;
        }
    }
}

static enum subprocess_result reap(pid_t pid, bool finished, int *ret_exit_code)
{
    int state = 0;
    if (!finished) {
        (void)kill(pid, SIGKILL);
    }
    while (waitpid(pid, &state, 0) < 0 && errno == EINTR) {
    }
    if (!finished) {
        return SUBPROCESS_SLOW;
    }
    if (!WIFEXITED(state)) {
        return SUBPROCESS_FAILED;
    }
    *ret_exit_code = WEXITSTATUS(state);
    return SUBPROCESS_DONE;
}

enum subprocess_result subprocess_call(int (*body)(int output_fd, void *ctx), void *ctx,
                                       int64_t timeout_ms, struct buf *output, int *ret_exit_code)
{
    int ends[2];
    if (pipe(ends) != 0) {
        return SUBPROCESS_FAILED;
    }
    const int64_t deadline_us = clock_monotonic_us() + timeout_ms * MS_US;
    const pid_t pid = fork();
    if (pid == 0) {
        (void)close(ends[0]);
        _exit(body(ends[1], ctx));
    }
    (void)close(ends[1]);
    enum subprocess_result result = SUBPROCESS_FAILED;
    if (pid > 0) {
        result = reap(pid, collect(ends[0], deadline_us, output), ret_exit_code);
    }
    (void)close(ends[0]);
    return result;
}

static int become(int output_fd, void *ctx)
{
    const char *const *argv = ctx;
    const int nothing = open("/dev/null", O_RDONLY);
    if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(output_fd, STDOUT_FILENO) < 0 ||
        dup2(output_fd, STDERR_FILENO) < 0) {
        return EXIT_FAILURE;
    }
    (void)close(output_fd);
    (void)execvp(argv[0], (char *const *)(uintptr_t)argv);
    return EXIT_MISSING;
}

enum subprocess_result subprocess_run(const char *const *argv, int64_t timeout_ms,
                                      struct buf *output, int *ret_exit_code)
{
    int exit_code = 0;
    const enum subprocess_result result =
        subprocess_call(become, (void *)(uintptr_t)argv, timeout_ms, output, &exit_code);
    if (result == SUBPROCESS_DONE && exit_code == EXIT_MISSING) {
        return SUBPROCESS_MISSING;
    }
    if (result == SUBPROCESS_DONE) {
        *ret_exit_code = exit_code;
    }
    return result;
}
