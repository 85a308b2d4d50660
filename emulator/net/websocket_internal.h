/* SPDX-License-Identifier: MIT */
#ifndef NET_WEBSOCKET_INTERNAL_H
#define NET_WEBSOCKET_INTERNAL_H

/*
 * A server's side of one WebSocket after its handshake (RFC 6455, 5 to 7): frames become the bytes
 * of the protocol inside, and its output becomes frames. No socket is known here: input comes as
 * bytes, and what is to be sent is appended to a buffer of the caller's.
 *
 * The payload of binary frames is one stream of bytes: where frames and messages begin and end
 * means nothing to MQTT (MQTT 3.1.1, 6) or AMQP (device protocol reference, 1.9). Pings are
 * answered and a close is echoed here.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/status.h"

struct websocket;

/* `output_max`: the most bytes that the protocol inside may leave unframed. */
MUST_CHECK enum status websocket_create(size_t output_max, struct websocket **ret_websocket);
void websocket_destroy(struct websocket *websocket); /* takes NULL */

/*
 * Takes apart what has arrived, in place: the payload ends up at the start of `bytes`. Returns its
 * size, at most `size`. Pongs are appended to `out`. After the end nothing more is read.
 */
MUST_CHECK size_t websocket_read(struct websocket *websocket, char *bytes, size_t size,
                                 struct buf *out);

/* How it ended: the peer closed, or broke the rules. `why` lives as long as the WebSocket. */
struct websocket_end {
    bool fault; /* the peer's frames break the rules */
    const char *why;
};
/* False while it goes on. What websocket_read() gave before is still to be used. */
bool websocket_ended(const struct websocket *websocket, struct websocket_end *ret_end);

/* Where the protocol inside writes. */
struct buf *websocket_output(struct websocket *websocket);

/* Appends that as frames to `out` and empties it. */
void websocket_frame_output(struct websocket *websocket, struct buf *out);

/* Appends the close frame, once: the peer's own code when it closed, the rule's code when it broke
 * one, else 1000. */
void websocket_close(struct websocket *websocket, struct buf *out);

#endif
