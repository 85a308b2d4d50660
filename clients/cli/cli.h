/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_CLI_CLI_H
#define CLIENTS_CLI_CLI_H

/*
 * `iothub VERB ...`: main.c finds the verb, each verb has a file. Output is for people and pipes:
 * what was asked for goes to standard output, one JSON document a line where it is data; what went
 * wrong to standard error. Exit codes: 0 done, 1 refused or failed, 2 not understood.
 */
#include <stdbool.h>

#include "base/buf.h"

enum { CLI_DONE = 0, CLI_FAILED = 1, CLI_MISUSED = 2 };

#define CLI_CONNECTION_VARIABLE "IOTHUB_CONNECTION_STRING"
#define CLI_CONTROL_DEFAULT     "http://127.0.0.1:8880"

/* An option of a verb: one that takes a value sets *value, another sets *flag. */
struct cli_option {
    const char *name;    /* "--control" */
    const char *meaning; /* for the help: "URL  the emulator's control endpoint" */
    const char **value;
    bool *flag;
};

/*
 * Reads a verb's arguments: options in any order, and at most one other, in *ret_argument (NULL:
 * none). False when they cannot be understood, which was then said.
 */
bool cli_arguments(int argc, char **argv, const struct cli_option *options, size_t option_count,
                   const char **ret_argument);

/* Says what is wrong on standard error; returns `exit_code`. */
int cli_fail(int exit_code, const char *format, ...) PRINTF_LIKE(2, 3);

/* ---- control.c: the emulator's control endpoint ---- */

/*
 * Sends `json` to `base` + `path`. True with the answer's status and body; false when there was no
 * answer, which was then said.
 */
bool cli_control_post(const char *base, const char *path, struct str json, long *ret_http_status,
                      struct buf *body);

/* ---- the verbs; argv is what stands after the verb ---- */

int cli_query(int argc, char **argv);

extern const struct cli_option cli_query_options[];
extern const size_t cli_query_option_count;

#endif
