/* SPDX-License-Identifier: MIT */

/*
 * What one telemetry message costs between its bytes and the hub's form: ours, and Proton's reader
 * beside it. Prints nanoseconds a message.
 *
 *     build/release/bin/bench_amqp_message [rounds]
 */
#include <proton/message.h>
#include <stdio.h>
#include <stdlib.h>

#include "amqp/message.h"
#include "base/clock.h"

enum { ROUNDS_DEFAULT = 500000, BODY_SIZE = 256, BYTES_MAX = 4096, NS_PER_US = 1000 };

static void fail(const char *what)
{
    (void)fprintf(stderr, "%s\n", what);
    exit(EXIT_FAILURE);
}

/* As the load generator's: 256 bytes, a type, an encoding, an id and two properties. */
static void make(struct buf *out)
{
    static const char body[BODY_SIZE] = {0};
    static const struct hub_property system[] = {
        {{"messageId", 9}, {"6f0e5f3c-2b57-4c1e-9a3e-0c6a3f1f6f11", 36}},
        {{"contentType", 11}, {"application/json", 16}},
        {{"contentEncoding", 15}, {"utf-8", 5}},
    };
    static const struct hub_property application[] = {
        {{"temperatureAlert", 16}, {"false", 5}},
        {{"level", 5}, {"storage", 7}},
    };
    const struct hub_message message = {
        .system = system,
        .system_count = ARRAY_SIZE(system),
        .application = application,
        .application_count = ARRAY_SIZE(application),
        .body = str_of(body, sizeof(body)),
    };
    amqp_append_hub_message(out, &message, NULL, 0);
}

static void report(const char *what, int64_t start_us, size_t rounds)
{
    const double spent_us = (double)(clock_monotonic_us() - start_us);
    (void)printf("%-28s %6.0f ns a message\n", what, spent_us * NS_PER_US / (double)rounds);
}

static void read_ours(struct str bytes, size_t rounds)
{
    struct arena arena CLEANUP(arena_finish) = ARENA_INIT(AMQP_MESSAGE_ARENA_MAX);
    struct problem problem;
    const int64_t start_us = clock_monotonic_us();
    for (size_t i = 0; i < rounds; i++) {
        struct amqp_message message;
        struct hub_message hub_message;
        arena_reset(&arena);
        if (!amqp_message_read(bytes, &message, &problem) ||
            amqp_message_to_hub(&message, &arena, &hub_message, &problem) != HUB_OK) {
            fail(problem.text);
        }
    }
    report("read, to the hub's message", start_us, rounds);
}

static void read_protons(struct str bytes, size_t rounds)
{
    pn_message_t *message = pn_message();
    const int64_t start_us = clock_monotonic_us();
    for (size_t i = 0; i < rounds; i++) {
        if (pn_message_decode(message, bytes.data, bytes.size) != 0) {
            fail("Proton does not read it");
        }
    }
    report("read by pn_message_decode()", start_us, rounds);
    pn_message_free(message);
}

static void write_ours(size_t rounds)
{
    struct buf out CLEANUP(buf_finish) = BUF_INIT(BYTES_MAX);
    const int64_t start_us = clock_monotonic_us();
    for (size_t i = 0; i < rounds; i++) {
        buf_clear(&out);
        make(&out);
    }
    report("write the hub's message", start_us, rounds);
}

int main(int argc, char **argv)
{
    uint64_t rounds = ROUNDS_DEFAULT;
    if (argc > 2 || (argc == 2 && !str_to_u64(str_from(argv[1]), &rounds)) || rounds == 0) {
        fail("usage: bench_amqp_message [rounds]");
    }
    struct buf bytes CLEANUP(buf_finish) = BUF_INIT(BYTES_MAX);
    make(&bytes);
    if (buf_status(&bytes) != STATUS_OK) {
        fail("out of memory");
    }
    read_ours(buf_str(&bytes), rounds);
    read_protons(buf_str(&bytes), rounds);
    write_ours(rounds);
    return EXIT_SUCCESS;
}
