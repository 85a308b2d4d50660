/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_MESSAGING_FEEDBACK_INTERNAL_H
#define CLIENTS_MESSAGING_FEEDBACK_INTERNAL_H

#include <proton/delivery.h>

#include "clients/messaging/message_internal.h"

/* What the program gets, and what is needed to settle it. */
struct feedback {
    struct iothub_feedback shown; /* first: the one is the other */
    cJSON *tree;                  /* backs the texts */
    struct iothub_feedback_record *records;
    pn_delivery_t *delivery; /* lives as long as the connection of this number */
    uint64_t connection;
    bool settled;
};

/* The batch that a message is (service API reference, 6.5). STATUS_INVALID with a problem: it is no
 * such batch. Free with feedback_destroy(). Pure. */
MUST_CHECK enum status feedback_read(const struct message *message, struct feedback **ret_feedback,
                                     struct problem *problem);
void feedback_destroy(struct feedback *feedback); /* NULL is allowed */

#endif
