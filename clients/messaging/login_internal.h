/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_MESSAGING_LOGIN_INTERNAL_H
#define CLIENTS_MESSAGING_LOGIN_INTERNAL_H

/*
 * A connection that is logged in: SASL ANONYMOUS and a token over $cbs, as the official Java and
 * Python SDKs do at an IoT hub and all of them at an event hub, renewed before it runs out. Only
 * the way to the event hub is asked for with SASL PLAIN (login_redirect()), as az and the official
 * samples do.
 */
#include <iothub/messaging.h>

#include "clients/messaging/place_internal.h"
#include "clients/messaging/requests_internal.h"

struct login {
    struct peer *peer; /* NULL: not connected */
    struct requests cbs;
    struct place place;
    int64_t token_lifetime_s;
    int64_t renew_at_us; /* INT64_MAX: the token is the user's own, and cannot be renewed */
    bool renewing;       /* the answer has yet to come */
};

#define LOGIN_TIMEOUT_MS 30000
#define LOGIN_TOKEN_S    3600

/* How long the steps of a call may take. */
struct patience login_patience(const struct iothub_messaging_options *options, bool interruptible);

/* Connects to login->place and puts a token. */
MUST_CHECK enum iothub_result login_open(struct login *login, const struct patience *patience,
                                         struct iothub_error *error);
void login_close(struct login *login); /* takes a closed one */

/* A token for the place, for requests that bear one of their own. */
MUST_CHECK enum iothub_result login_token(const struct login *login, struct buf *out,
                                          struct iothub_error *error);

/* Asks for a new token's acceptance when it is time, and looks whether it came. Not IOTHUB_OK: it
 * was refused. Never waits; the answer comes by peer_step(). */
MUST_CHECK enum iothub_result login_keep(struct login *login, struct iothub_error *error);

/* The same, but waits for the answer: for those who were away, and whose token may have run out.
 * Proton says attach before it says what waits on another link. */
MUST_CHECK enum iothub_result login_renew(struct login *login, const struct patience *patience);

/* When login_keep() has something to do; until then one may wait. */
int64_t login_due_us(const struct login *login);

/* Asks an IoT hub for its event hub: *place becomes that. */
MUST_CHECK enum iothub_result login_redirect(struct place *place, int64_t token_lifetime_s,
                                             const struct patience *patience,
                                             struct iothub_error *error);

#endif
