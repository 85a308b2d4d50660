/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_CLI_CONTROL_H
#define CLIENTS_CLI_CONTROL_H

/* The control endpoint of an emulator: plain HTTP on this machine. Real hubs have none. */
#include "base/json.h"
#include "clients/cli/cli.h"

#define CONTROL_DEFAULT "http://127.0.0.1:8880"

/* For the tables of commands that need it; control_url() reads it. */
#define CLI_OPTION_CONTROL                                                                         \
    {                                                                                              \
        .name = "control", .value = "URL",                                                         \
        .meaning = "the emulator's control endpoint; by default that of the emulator that runs "   \
                   "here, or " CONTROL_DEFAULT                                                     \
    }

enum { CONTROL_URL_SIZE = 512, CONTROL_ANSWER_MAX = 16 << 20 };

/* The address that --control, else the ready file, else the default tells. */
void control_url(const struct cli_call *call, char ret_url[CONTROL_URL_SIZE]);

/*
 * Sends a request, with `json` as its body where that is not empty, to `base` + `path`. True with
 * the answer's status and body; false when there was no answer, which was then said.
 */
MUST_CHECK bool control_request(const char *base, const char *method, const char *path,
                                struct str json, long *ret_http_status, struct buf *body);

/*
 * The same, and reads the answer: a tree (NULL for an empty one) when the status is 2xx. Otherwise
 * says why, which the endpoint tells, and returns CLI_FAILED.
 */
MUST_CHECK enum cli_exit control_ask(const char *base, const char *method, const char *path,
                                     struct str json, cJSON **ret_answer);

#endif
