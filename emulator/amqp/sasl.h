/* SPDX-License-Identifier: MIT */
#ifndef AMQP_SASL_H
#define AMQP_SASL_H

/*
 * The bytes that come before AMQP's own: protocol headers and SASL's frames (AMQP 1.0, 2.2 and 5.3;
 * device protocol reference, 9.1). A layer of our own, since Proton's has no way to offer MSSBCBS,
 * and asks a plugin about PLAIN where we have one function to call.
 *
 * Pure functions over the caller's bytes.
 */
#include "base/buf.h"
#include "base/status.h"
#include "base/str.h"

#define SASL_HEADER_SIZE 8U
extern const struct str sasl_header; /* AMQP 3 1 0 0 */
extern const struct str amqp_header; /* AMQP 0 1 0 0 */

/* sasl-mechanisms, an array of symbols: the C SDK takes nothing else. */
void sasl_append_mechanisms(struct buf *out);

enum sasl_outcome { SASL_OK = 0, SASL_AUTH = 1 };
void sasl_append_outcome(struct buf *out, enum sasl_outcome outcome);

enum sasl_result { SASL_WHOLE, SASL_NEED_MORE, SASL_MALFORMED };

struct sasl_init {
    size_t size; /* of the frame */
    struct str mechanism;
    struct str response; /* data NULL: none */
    struct str host;     /* empty: none */
};                       /* all in the frame */

/* Reads sasl-init from the start of `data`. SASL_MALFORMED with a problem: it is something else. */
MUST_CHECK enum sasl_result sasl_read_init(struct str data, struct sasl_init *ret_init,
                                           struct problem *problem);

/* Who PLAIN names: "policy@sas.root.hub", "device@sas.hub", "device/modules/module@sas.hub", the
 * fixed parts in any case (device protocol reference, 7.2). */
struct sasl_user {
    struct str policy; /* empty: a device or module */
    struct str device, module;
    struct str password;
}; /* all in the response */
bool sasl_read_plain(struct str response, struct sasl_user *ret_user, struct problem *problem);

#endif
