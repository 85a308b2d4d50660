/* SPDX-License-Identifier: MIT */
#include "net/websocket_internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <wslay/wslay.h>

#include "base/alloc.h"
#include "net/limits.h"

/* libwslay reads and writes the frames' heads and takes the masks off; what may follow what, and
 * what a close may say, is decided here. */

enum { CONTROL_SIZE_MAX = 125, CLOSE_CODE_SIZE = 2, WHY_SIZE = 160 };

/* In one frame of three or more bytes of head the length has two: one more would take six more. */
enum { FRAME_SIZE_SENT_MAX = 65535 };

struct websocket {
    wslay_frame_context_ptr frames; /* owned */
    struct buf plain;               /* the inner protocol's output */

    /* During a call only. */
    struct buf *out;
    const char *in;
    size_t in_size;

    bool in_frame;       /* its head has been judged */
    uint64_t frame_left; /* payload still to come */
    bool in_message;     /* a fragmented one goes on */
    size_t control_size; /* of the control frame being read */
    uint8_t control[CONTROL_SIZE_MAX];

    bool ended;
    bool fault;
    bool close_sent;
    uint16_t close_code; /* to be sent; 0: a close without a code */
    char why[WHY_SIZE];
};

/* ---- what libwslay calls ---- */

static ssize_t give_input(uint8_t *to, size_t room, int flags, void *ctx)
{
    (void)flags;
    struct websocket *websocket = ctx;
    const size_t size = websocket->in_size < room ? websocket->in_size : room;
    if (size == 0) {
        return -1; /* libwslay then waits for more */
    }
    memcpy(to, websocket->in, size);
    websocket->in += size;
    websocket->in_size -= size;
    return (ssize_t)size;
}

/* A buffer that is full says so later: libwslay's state must not stop in the middle of a frame. */
static ssize_t take_output(const uint8_t *data, size_t size, int flags, void *ctx)
{
    (void)flags;
    struct websocket *websocket = ctx;
    buf_append(websocket->out, data, size);
    return (ssize_t)size;
}

enum status websocket_create(size_t output_max, struct websocket **ret_websocket)
{
    static const struct wslay_frame_callbacks callbacks = {
        .send_callback = take_output,
        .recv_callback = give_input,
    };
    struct websocket *websocket = mem_zalloc(sizeof(*websocket));
    if (websocket == NULL) {
        return STATUS_NO_MEMORY;
    }
    buf_init(&websocket->plain, output_max);
    websocket->close_code = WSLAY_CODE_NORMAL_CLOSURE;
    if (wslay_frame_context_init(&websocket->frames, &callbacks, websocket) != 0) {
        websocket->frames = NULL;
        websocket_destroy(websocket);
        return STATUS_NO_MEMORY;
    }
    *ret_websocket = websocket;
    return STATUS_OK;
}

void websocket_destroy(struct websocket *websocket)
{
    if (websocket == NULL) {
        return;
    }
    if (websocket->frames != NULL) {
        wslay_frame_context_free(websocket->frames);
    }
    buf_finish(&websocket->plain);
    mem_free(websocket);
}

/* ---- writing ---- */

static void append_frame(struct websocket *websocket, enum wslay_opcode opcode, struct str payload,
                         struct buf *out)
{
    struct wslay_frame_iocb frame = {
        .fin = 1,
        .opcode = (uint8_t)opcode,
        .payload_length = payload.size,
        .data = (const uint8_t *)payload.data,
        .data_length = payload.size,
    };
    websocket->out = out;
    const ssize_t sent = wslay_frame_send(websocket->frames, &frame);
    assert(sent == (ssize_t)payload.size);
    websocket->out = NULL;
}

struct buf *websocket_output(struct websocket *websocket)
{
    return &websocket->plain;
}

void websocket_frame_output(struct websocket *websocket, struct buf *out)
{
    struct str left = buf_str(&websocket->plain);
    if (left.size == 0) {
        return;
    }
    while (left.size > 0) {
        const size_t size = left.size < FRAME_SIZE_SENT_MAX ? left.size : FRAME_SIZE_SENT_MAX;
        append_frame(websocket, WSLAY_BINARY_FRAME, str_of(left.data, size), out);
        left = str_skip(left, size);
    }
    buf_finish(&websocket->plain); /* most connections are silent most of the time */
}

void websocket_close(struct websocket *websocket, struct buf *out)
{
    if (websocket->close_sent) {
        return;
    }
    websocket->close_sent = true;
    const uint16_t code = websocket->close_code;
    const uint8_t bytes[CLOSE_CODE_SIZE] = {(uint8_t)(code >> 8), (uint8_t)(code & 0xff)};
    append_frame(websocket, WSLAY_CONNECTION_CLOSE, str_of(bytes, code == 0 ? 0 : sizeof(bytes)),
                 out);
}

/* ---- the end ---- */

bool websocket_ended(const struct websocket *websocket, struct websocket_end *ret_end)
{
    if (websocket->ended) {
        *ret_end = (struct websocket_end){.fault = websocket->fault, .why = websocket->why};
    }
    return websocket->ended;
}

static void fail(struct websocket *websocket, enum wslay_status_code code, const char *why)
{
    websocket->ended = true;
    websocket->fault = true;
    websocket->close_code = (uint16_t)code;
    snprintf(websocket->why, sizeof(websocket->why), "WebSocket error %d: %s", (int)code, why);
}

/* Codes that may stand in a frame (RFC 6455, 7.4). */
static bool close_code_valid(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

static void closed_by_peer(struct websocket *websocket)
{
    const uint8_t *payload = websocket->control;
    const size_t size = websocket->control_size;
    if (size == 0) {
        websocket->ended = true;
        websocket->close_code = 0;
        snprintf(websocket->why, sizeof(websocket->why), "closed by the peer");
        return;
    }
    const unsigned code = size < CLOSE_CODE_SIZE ? 0 : (unsigned)payload[0] << 8 | payload[1];
    if (!close_code_valid(code)) {
        fail(websocket, WSLAY_CODE_PROTOCOL_ERROR, "the close frame has no valid code");
        return;
    }
    if (!str_is_utf8(str_of(payload + CLOSE_CODE_SIZE, size - CLOSE_CODE_SIZE))) {
        fail(websocket, WSLAY_CODE_INVALID_FRAME_PAYLOAD_DATA,
             "the reason in the close frame is not UTF-8");
        return;
    }
    websocket->ended = true;
    websocket->close_code = (uint16_t)code;
    snprintf(websocket->why, sizeof(websocket->why), "closed by the peer (WebSocket code %u)",
             code);
}

/* ---- reading ---- */

static void judge_binary(struct websocket *websocket, const struct wslay_frame_iocb *frame)
{
    const bool goes_on = frame->opcode == WSLAY_CONTINUATION_FRAME;
    if (goes_on && !websocket->in_message) {
        fail(websocket, WSLAY_CODE_PROTOCOL_ERROR,
             "a continuation frame came that continues nothing");
    } else if (!goes_on && websocket->in_message) {
        fail(websocket, WSLAY_CODE_PROTOCOL_ERROR,
             "a new message began before the fragmented one ended");
    } else if (frame->payload_length > WEBSOCKET_FRAME_MAX) {
        char why[WHY_SIZE / 2];
        snprintf(why, sizeof(why), "a frame of %llu bytes: at most %zu are taken",
                 (unsigned long long)frame->payload_length, WEBSOCKET_FRAME_MAX);
        fail(websocket, WSLAY_CODE_MESSAGE_TOO_BIG, why);
    }
}

/* The head of a frame; libwslay has seen to lengths and to whole control frames. */
static void judge_head(struct websocket *websocket, const struct wslay_frame_iocb *frame)
{
    if (frame->mask == 0) {
        fail(websocket, WSLAY_CODE_PROTOCOL_ERROR,
             "a frame is not masked, and a client's must be (RFC 6455, 5.1)");
        return;
    }
    if (frame->rsv != 0) {
        fail(websocket, WSLAY_CODE_PROTOCOL_ERROR,
             "reserved bits are set, and no extension was agreed on");
        return;
    }
    switch (frame->opcode) {
    case WSLAY_CONTINUATION_FRAME:
    case WSLAY_BINARY_FRAME:
        judge_binary(websocket, frame);
        break;
    case WSLAY_TEXT_FRAME:
        fail(websocket, WSLAY_CODE_UNSUPPORTED_DATA,
             "a text frame came: MQTT and AMQP go in binary frames");
        break;
    case WSLAY_CONNECTION_CLOSE:
    case WSLAY_PING:
    case WSLAY_PONG:
        websocket->control_size = 0;
        break;
    default:
        fail(websocket, WSLAY_CODE_PROTOCOL_ERROR, "a frame of a kind that does not exist");
    }
}

static bool is_control(const struct wslay_frame_iocb *frame)
{
    return (frame->opcode & 8U) != 0;
}

static void frame_complete(struct websocket *websocket, const struct wslay_frame_iocb *frame,
                           struct buf *out)
{
    if (frame->opcode == WSLAY_CONNECTION_CLOSE) {
        closed_by_peer(websocket);
    } else if (frame->opcode == WSLAY_PING) {
        append_frame(websocket, WSLAY_PONG, str_of(websocket->control, websocket->control_size),
                     out);
    } else if (!is_control(frame)) {
        websocket->in_message = frame->fin == 0;
    }
}

/* A piece of a frame, with its head at the first. Returns how much of it is payload. */
static size_t read_piece(struct websocket *websocket, const struct wslay_frame_iocb *frame,
                         char *to, struct buf *out)
{
    if (!websocket->in_frame) {
        websocket->in_frame = true;
        websocket->frame_left = frame->payload_length;
        judge_head(websocket, frame);
        if (websocket->ended) {
            return 0;
        }
    }
    size_t payload_size = 0;
    if (frame->data_length > 0 && is_control(frame)) {
        assert(frame->data_length <= sizeof(websocket->control) - websocket->control_size);
        memcpy(websocket->control + websocket->control_size, frame->data, frame->data_length);
        websocket->control_size += frame->data_length;
    } else if (frame->data_length > 0) {
        memcpy(to, frame->data, frame->data_length);
        payload_size = frame->data_length;
    }
    websocket->frame_left -= frame->data_length;
    if (websocket->frame_left == 0) {
        websocket->in_frame = false;
        frame_complete(websocket, frame, out);
    }
    return payload_size;
}

size_t websocket_read(struct websocket *websocket, char *bytes, size_t size, struct buf *out)
{
    size_t kept = 0;
    websocket->in = bytes;
    websocket->in_size = size;
    while (!websocket->ended) {
        struct wslay_frame_iocb frame = {0};
        const ssize_t got = wslay_frame_recv(websocket->frames, &frame);
        if (got == WSLAY_ERR_WANT_READ) {
            break;
        }
        if (got < 0) {
            fail(websocket, WSLAY_CODE_PROTOCOL_ERROR,
                 "a control frame that is fragmented or longer than 125 bytes, or a length "
                 "that is not in its shortest form");
            break;
        }
        /* Never ahead of what libwslay has copied out already: a payload is shorter than its
         * frame. */
        kept += read_piece(websocket, &frame, bytes + kept, out);
    }
    websocket->in = NULL;
    websocket->in_size = 0;
    return kept;
}
