/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_AMQP_MESSAGE_TEXT_H
#define TESTS_UNIT_AMQP_MESSAGE_TEXT_H

/*
 * Messages as tests write and read them. As text, types included, since SDKs look at them:
 *
 *     @status=int 200;@version=long 2;correlation-id=uuid 0001...;#k=string v;> body
 *
 * '@' is before an annotation, '#' before an application property.
 */
#include "amqp/message.h"
#include "base/buf.h"
#include "base/str.h"

/* The text of a message, until the next call; "" for no bytes. */
const char *message_text(struct str bytes);

/* A message from what is given, in memory that lasts until the next but one. */
struct message_parts {
    const struct amqp_entry *annotations;
    size_t annotation_count;
    struct amqp_value correlation_id; /* zeroed: none; likewise below */
    struct amqp_value message_id;
    struct amqp_value to;
    struct amqp_value expiry;
    const struct amqp_entry *application;
    size_t application_count;
    struct str body;
};
struct str message_of(const struct message_parts *parts);

#endif
