/* SPDX-License-Identifier: MIT */
#include "clients/cli/names.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "clients/cli/subprocess.h"

enum { OUTPUT_MAX = 4096, LINE_SIZE = 256 };

/* Runs in a process of its own: a resolver waits for its servers as long as it likes. */
static int resolve(int output_fd, void *ctx)
{
    const char *host = ctx;
    const struct addrinfo wanted = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    const int error = getaddrinfo(host, NULL, &wanted, &found);
    if (error != 0) {
        (void)dprintf(output_fd, "%s\n", gai_strerror(error));
        return EXIT_FAILURE;
    }
    for (const struct addrinfo *each = found; each != NULL; each = each->ai_next) {
        char text[LINE_SIZE];
        if (getnameinfo(each->ai_addr, each->ai_addrlen, text, sizeof(text), NULL, 0,
                        NI_NUMERICHOST) == 0) {
            (void)dprintf(output_fd, "%s\n", text);
        }
    }
    freeaddrinfo(found);
    return EXIT_SUCCESS;
}

static void keep_address(struct names_answer *answer, struct str line)
{
    if (line.size == 0 || line.size >= INET6_ADDRSTRLEN || answer->count == NAMES_ADDRESSES_MAX) {
        return;
    }
    memcpy(answer->addresses[answer->count], line.data, line.size);
    answer->addresses[answer->count][line.size] = '\0';
    answer->count++;
}

struct names_answer names_resolve(const char *host, int64_t timeout_ms)
{
    struct names_answer answer = {0};
    CLEANUP(buf_finish) struct buf output = BUF_INIT(OUTPUT_MAX);
    int exit_code = EXIT_FAILURE;
    const enum subprocess_result result =
        subprocess_call(resolve, (void *)(uintptr_t)host, timeout_ms, &output, &exit_code);
    struct str rest = buf_str(&output);
    struct str line = STR_EMPTY;
    while (result == SUBPROCESS_DONE && str_cut(rest, '\n', &line, &rest)) {
        if (exit_code == EXIT_SUCCESS) {
            keep_address(&answer, line);
        } else {
            problem_set(&answer.why_not, PROBLEM_NO_OFFSET, "%.*s", STR_ARG(line));
        }
    }
    if (result != SUBPROCESS_DONE) {
        problem_set(&answer.why_not, PROBLEM_NO_OFFSET, "the resolver did not answer in %d ms",
                    (int)timeout_ms);
    }
    return answer;
}

bool names_is_loopback(const char *address)
{
    struct in_addr four = {0};
    struct in6_addr six = {0};
    if (inet_pton(AF_INET, address, &four) == 1) {
        return (ntohl(four.s_addr) >> 24) == 127;
    }
    return inet_pton(AF_INET6, address, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

bool names_all_loopback(const struct names_answer *answer)
{
    for (size_t i = 0; i < answer->count; i++) {
        if (!names_is_loopback(answer->addresses[i])) {
            return false;
        }
    }
    return answer->count > 0;
}
