/* SPDX-License-Identifier: MIT */
#ifndef NET_UPGRADE_INTERNAL_H
#define NET_UPGRADE_INTERNAL_H

/*
 * The handshake that turns an HTTP connection into a WebSocket (RFC 6455, 4.2; device protocol
 * reference, 1.9; service reference, 6.1). Pure functions over the bytes of a request's head.
 */
#include "base/attr.h"
#include "base/buf.h"
#include "base/status.h"
#include "base/str.h"
#include "net/http.h"

enum upgrade {
    UPGRADE_NONE,      /* an ordinary request: HTTP's */
    UPGRADE_NEED_MORE, /* cannot be told yet; at most UPGRADE_HEAD_MAX bytes are asked for */
    UPGRADE_ACCEPTED,
    UPGRADE_REFUSED, /* a WebSocket is asked for in a way that cannot be granted */
};

struct upgrade_answer {
    /* UPGRADE_ACCEPTED */
    const struct http_websocket *websocket; /* in the table given */
    struct str sub_protocol;                /* as the client spells it; in the request */
    struct str key;                         /* likewise */

    unsigned http_status; /* UPGRADE_REFUSED: 400, 426 or 431; the problem says why */
};

/* Looks at the first bytes of a connection, all that have come so far. `*ret_answer` is written
 * with ACCEPTED and REFUSED, `problem` with REFUSED. */
MUST_CHECK enum upgrade upgrade_read(struct str data, const struct http_websocket *websockets,
                                     size_t count, struct upgrade_answer *ret_answer,
                                     struct problem *problem);

/* The two answers. */
void upgrade_append_accepted(struct buf *out, const struct upgrade_answer *answer);
void upgrade_append_refused(struct buf *out, const struct upgrade_answer *answer, const char *why);

#endif
