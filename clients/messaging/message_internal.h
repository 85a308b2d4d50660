/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_MESSAGING_MESSAGE_INTERNAL_H
#define CLIENTS_MESSAGING_MESSAGE_INTERNAL_H

/* AMQP messages: written with Proton's help, read section by section into JSON. Pure. */
#include <iothub/messaging.h>

#include "base/buf.h"
#include "base/json.h"

#define MESSAGE_SIZE_MAX  (64U << 20) /* of one that comes; Event Hubs' largest tier sends 20 MB */
#define MESSAGE_DEPTH_MAX 32U         /* of values in values */

/* Each tree is an object, an empty one for a section that did not come. */
struct message {
    cJSON *annotations;
    cJSON *properties; /* "message_id" ... */
    cJSON *application;
    cJSON *value;    /* of an amqp-value body that is neither text nor binary; else NULL */
    struct buf body; /* data, text and binary as they came; other bodies as JSON */
};

void message_init(struct message *message);
void message_finish(struct message *message); /* takes a zeroed one */

/* STATUS_INVALID: it is no AMQP message. `message` is initialized, and to be finished whatever is
 * answered. */
MUST_CHECK enum status message_read(struct str bytes, struct message *message,
                                    struct problem *problem);

/* A message to a device (service API reference, 6.4), appended. STATUS_INVALID with a problem for
 * what cannot be sent. */
MUST_CHECK enum status message_write_device(const struct iothub_c2d_message *message,
                                            struct buf *out, struct problem *problem);

struct message_pair {
    const char *name; /* NULL: there is none */
    const char *value;
};

#define MESSAGE_PAIRS_MAX 6U

/* A request to $cbs or $management. */
struct message_request {
    const char *id;
    const char *reply_to; /* the target of the link that the answer is to come by */
    struct message_pair pairs[MESSAGE_PAIRS_MAX];
    const char *body; /* a text */
};

MUST_CHECK enum status message_write_request(const struct message_request *request,
                                             struct buf *out);

#endif
