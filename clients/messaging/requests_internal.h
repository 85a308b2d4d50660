/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_MESSAGING_REQUESTS_INTERNAL_H
#define CLIENTS_MESSAGING_REQUESTS_INTERNAL_H

/*
 * Requests that are messages, and their answers: a pair of links in a session of its own, since the
 * answer goes to the receiver of the same session ($cbs, $management).
 */
#include "clients/messaging/message_internal.h"
#include "clients/messaging/peer_internal.h"

#define REQUEST_ID_SIZE 24U

struct requests {
    struct peer *peer; /* NULL: not opened */
    pn_link_t *sender;
    pn_link_t *receiver;
    struct buf incoming;
    const char *address;
};

/* Attaches the pair. `requests` need not be finished when this fails. */
MUST_CHECK enum iothub_result requests_open(struct requests *requests, struct peer *peer,
                                            const char *address, const struct patience *patience,
                                            struct iothub_error *error);
void requests_finish(struct requests *requests); /* takes a zeroed one */
void requests_close(struct requests *requests);  /* the same, and ends its session before */

/* Sends it with an id of its own, which *ret_id names, and this pair as the one to answer. */
MUST_CHECK enum iothub_result requests_send(struct requests *requests,
                                            const struct message_request *request,
                                            char ret_id[REQUEST_ID_SIZE],
                                            struct iothub_error *error);

/* True when an answer was there: it is in `answer`, initialized, and to be finished. */
MUST_CHECK bool requests_take(struct requests *requests, struct message *answer,
                              enum status *ret_status);

/* Waits for the next answer, of whatever request. */
MUST_CHECK enum iothub_result requests_await(struct requests *requests, struct message *answer,
                                             const struct patience *patience,
                                             struct iothub_error *error);

/* The id of the request it answers; "" when there is none. */
const char *requests_id_of(const struct message *answer);

/* Is its status 200 or the like? `what` for "WHAT was refused". */
MUST_CHECK enum iothub_result requests_verdict(const struct message *answer, const char *what,
                                               struct iothub_error *error);

#endif
