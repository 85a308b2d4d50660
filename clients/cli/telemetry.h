/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_CLI_TELEMETRY_H
#define CLIENTS_CLI_TELEMETRY_H

/* What `send` and `simulate` have in common: the options that say what is sent, and how often. */
#include "clients/cli/simulator.h"

#define TELEMETRY_OPTIONS                                                                          \
    {.name = "data-file",                                                                          \
     .alias = "data-file-path|dfp",                                                                \
     .value = "FILE",                                                                              \
     .meaning = "the message is what this file holds"},                                            \
        {.name = "properties",                                                                     \
         .alias = "props",                                                                         \
         .letter = 'p',                                                                            \
         .value = "A=B;C=D",                                                                       \
         .meaning = "properties of each message; values may have places, too. $.ct, $.ce, $.mid, " \
                    "$.cid and $.uid are those of the system"},                                    \
        {.name = "content-type",                                                                   \
         .alias = "ct",                                                                            \
         .value = "TYPE",                                                                          \
         .meaning = "of each message; by default application/json, in utf-8, for what is JSON"},   \
    {                                                                                              \
        .name = "seed", .value = "NUMBER", .min = 0, .max = INT32_MAX,                             \
        .meaning = "places draw the same again from the same number"                               \
    }

struct telemetry {
    struct simulation plan;
    struct template body;
    struct simulated_property properties[SIMULATOR_PROPERTIES_MAX];
    struct arena arena;
};

/*
 * Reads those options, and --data: text, @FILE, or - for standard input; where nothing is given,
 * `data`, or with NULL that is not understood. Anything but CLI_DONE was said. To be finished in
 * any case.
 */
MUST_CHECK enum cli_exit telemetry_read(const struct cli_call *call, const char *data,
                                        struct telemetry *ret_telemetry);
void telemetry_finish(struct telemetry *telemetry);

/* The option's value, a number of seconds such as 2, 0.25 or 0, up to a day. */
MUST_CHECK enum cli_exit telemetry_seconds(const struct cli_call *call, const char *option,
                                           int64_t *ret_us);

/* The option's value, so many a second, as the time between two: 10 or 0.5, from once a day up to
 * 100000. */
MUST_CHECK enum cli_exit telemetry_rate(const struct cli_call *call, const char *option,
                                        int64_t *ret_interval_us);

#endif
