/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_CLI_C2D_H
#define CLIENTS_CLI_C2D_H

/* Feedback for the commands of c2d: which batches are somebody's, and those that are not. */
#include "clients/cli/messaging.h"
#include "clients/cli/output.h"

enum { C2D_HELD_MAX = 256 };

/* Whose feedback is wanted; NULL: anybody's. */
struct c2d_filter {
    const char *device;
    const char *message_id;
};

/*
 * Batches that were not wanted are kept, locked, until the end, and released then: given back at
 * once, they would come at once again.
 */
struct c2d_feedback {
    struct iothub_messaging *messaging; /* borrowed */
    struct c2d_filter filter;
    struct iothub_feedback *held[C2D_HELD_MAX];
    size_t held_count;
};

/*
 * The next batch with something in it that is wanted, accepted; NULL when none came in time. Free
 * it with iothub_feedback_destroy().
 */
MUST_CHECK enum iothub_result c2d_feedback_next(struct c2d_feedback *feedback, unsigned timeout_ms,
                                                struct iothub_feedback **ret_batch,
                                                struct iothub_error *error);
void c2d_feedback_finish(struct c2d_feedback *feedback); /* takes zeroed ones */

bool c2d_is_wanted(const struct c2d_filter *filter, const struct iothub_feedback_record *record);

/* {"originalMessageId", "deviceId", ...} as the hub writes it; NULL: no memory. */
MUST_CHECK cJSON *c2d_record_row(const struct iothub_feedback_record *record);

extern const struct cli_columns c2d_record_columns;

#endif
