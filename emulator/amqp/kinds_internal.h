/* SPDX-License-Identifier: MIT */
#ifndef AMQP_KINDS_INTERNAL_H
#define AMQP_KINDS_INTERNAL_H

/* The rows of the table in kinds.c, each defined in the file of its name. */
#include "amqp/amqp_internal.h"
#include "amqp/message.h"
#include "base/guid.h"
#include "hub/c2d.h"

extern const struct amqp_link_kind amqp_kind_cbs_requests, amqp_kind_cbs_answers; /* cbs.c */
extern const struct amqp_link_kind amqp_kind_telemetry, amqp_kind_module_telemetry;
extern const struct amqp_link_kind amqp_kind_devicebound, amqp_kind_module_devicebound,
    amqp_kind_module_inputs;
extern const struct amqp_link_kind amqp_kind_twin_requests, amqp_kind_twin_answers,
    amqp_kind_module_twin_requests, amqp_kind_module_twin_answers; /* twin.c */
extern const struct amqp_link_kind amqp_kind_method_calls, amqp_kind_method_answers,
    amqp_kind_module_method_calls, amqp_kind_module_method_answers; /* methods.c */
extern const struct amqp_link_kind amqp_kind_service_send;
extern const struct amqp_link_kind amqp_kind_feedback, amqp_kind_file_notifications;

extern const struct amqp_link_kind amqp_kind_events; /* event_reader.c */
extern const struct amqp_link_kind amqp_kind_management_requests, amqp_kind_management_answers,
    amqp_kind_named_management_requests, amqp_kind_named_management_answers; /* management.c */
extern const struct amqp_link_kind amqp_kind_redirected_events,
    amqp_kind_redirected_management_requests, amqp_kind_redirected_management; /* redirect.c */

/* ---- messages that are locked while a peer has them (lock.c) ---- */

/* What a peer decided of one, as the hub settles it. */
enum hub_settlement amqp_settlement_of(const struct amqp_disposition *disposition);

/* A delivery tag is a lock token in .NET's byte order; false: this one is none, and the problem
 * says so. */
MUST_CHECK bool amqp_lock_token_of(struct str tag, struct guid *ret_token, struct problem *problem);

/* What both kinds of such messages say of themselves, with the types that the SDKs read (device
 * protocol reference, 9.6). */
struct amqp_locked {
    const struct guid *lock_token;
    uint64_t sequence_number;
    int64_t enqueued_us;
    uint32_t delivery_count;
};
enum { AMQP_LOCKED_ANNOTATIONS = 4 };
void amqp_lock_annotations(const struct amqp_locked *locked, char text[GUID_TEXT_SIZE],
                           struct amqp_entry ret_annotations[AMQP_LOCKED_ANNOTATIONS]);

/* Sends one whose bytes are in the endpoint's `message`. True: the peer wants no say in it, and it
 * is to be completed. */
bool amqp_send_locked(struct amqp_link *link, const struct guid *lock_token);

#endif
