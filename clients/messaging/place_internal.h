/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_MESSAGING_PLACE_INTERNAL_H
#define CLIENTS_MESSAGING_PLACE_INTERNAL_H

/*
 * Where to connect, and as whom: what a connection string says, of an IoT hub or of an event hub,
 * and what a hub's redirect makes of it. Pure.
 */
#include <stdbool.h>

#include "base/buf.h"
#include "base/sas.h"
#include "clients/endpoint/endpoint.h"

#define PLACE_TEXT_SIZE                                                                            \
    260U /* of a policy's or an event hub's name, and a NUL; longer ones there                     \
            are none */

enum { PLACE_PORT_TLS = 5671, PLACE_PORT_PLAIN = 5672 };

struct place {
    struct endpoint endpoint;
    bool tls;
    bool is_event_hub;
    char entity[PLACE_TEXT_SIZE];       /* the event hub; "" at an IoT hub */
    char policy[PLACE_TEXT_SIZE];       /* SharedAccessKeyName */
    char key[PLACE_TEXT_SIZE];          /* SharedAccessKey; "": the signature is the token */
    char signature[SAS_TOKEN_SIZE_MAX]; /* SharedAccessSignature, which cannot be renewed */
};

/*
 * Reads either kind of connection string. `port` is AMQP's over TLS at an IoT hub. STATUS_INVALID
 * with a problem: what it lacks, or what is in it that does not belong there.
 */
MUST_CHECK enum status place_parse(struct str text, uint16_t port, struct place *ret_place,
                                   struct problem *problem);

/*
 * Where a redirect sends readers: "amqps://HOST[:PORT]/EVENT HUB/..." (service API reference, 7.6),
 * the host and port that stand beside it being more exact. `host` may be empty, `port` 0. As whom
 * stays as it is.
 */
MUST_CHECK enum status place_redirect(struct place *place, struct str address, struct str host,
                                      int64_t port, struct problem *problem);

/*
 * Appends a token for the place: at an IoT hub for the host, signed with the decoded key; at an
 * event hub for "sb://HOST/EVENT HUB", signed with the key's text, as the SDKs for Event Hubs do.
 */
MUST_CHECK enum status place_token(const struct place *place, int64_t expiry_s, struct buf *out,
                                   struct problem *problem);

/* What the token is for: $cbs wants it as "name". */
void place_resource(const struct place *place, struct buf *out);

/* The user name of SASL PLAIN at an IoT hub: "POLICY@sas.root.HUB". */
void place_plain_user(const struct place *place, struct buf *out);

#endif
