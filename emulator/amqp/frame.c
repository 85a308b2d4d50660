/* SPDX-License-Identifier: MIT */
#include "amqp/frame.h"

#include <inttypes.h>

#include "amqp/value.h"

enum { HEAD_SIZE = 8, FRAME_TYPE_AMQP = 0 };

/* Fields of a transfer by their place (2.7.5). */
enum {
    HANDLE_FIELD,
    DELIVERY_ID_FIELD,
    DELIVERY_TAG_FIELD,
    MESSAGE_FORMAT_FIELD,
    SETTLED_FIELD,
    MORE_FIELD,
    ABORTED_FIELD = 9,
};
enum { ATTACH_HANDLE_FIELD = 1 }; /* 2.7.3; a detach's is its first, as a transfer's */

static void set_field(struct frame_transfer *transfer, unsigned field,
                      const struct amqp_value *value)
{
    const bool truth = value->type == AMQP_BOOLEAN && value->u != 0;
    if (field == HANDLE_FIELD && value->type == AMQP_UINT) {
        transfer->handle = (uint32_t)value->u;
    } else if (field == DELIVERY_ID_FIELD && value->type == AMQP_UINT) {
        transfer->has_id = true;
        transfer->id = (uint32_t)value->u;
    } else if (field == DELIVERY_TAG_FIELD && value->type == AMQP_BINARY) {
        transfer->tag = value->bytes;
    } else if (field == MESSAGE_FORMAT_FIELD && value->type == AMQP_UINT) {
        transfer->format = (uint32_t)value->u;
    } else if (field == SETTLED_FIELD) {
        transfer->settled = truth;
    } else if (field == MORE_FIELD) {
        transfer->more = truth;
    } else if (field == ABORTED_FIELD) {
        transfer->aborted = truth;
    }
}

/* Of an attach, a transfer or a detach. */
static void read_fields(const struct amqp_value *fields, struct frame *frame)
{
    struct amqp_reader reader = amqp_reader_inside(fields);
    struct amqp_value value;
    for (unsigned field = 0; amqp_read(&reader, &value); field++) {
        if (frame->code == FRAME_TRANSFER || field == HANDLE_FIELD) {
            set_field(&frame->transfer, field, &value);
        } else if (frame->code == FRAME_ATTACH && field == ATTACH_HANDLE_FIELD) {
            set_field(&frame->transfer, HANDLE_FIELD, &value);
        }
    }
}

/* Wherever in the attach it stands: nobody has that name for anything else. */
static bool wants_metrics(const struct amqp_value *fields)
{
    static const struct str wanted = {"com.microsoft:enable-receiver-runtime-metric", 44};
    for (struct str left = fields->bytes; left.size >= wanted.size; left = str_skip(left, 1)) {
        left = str_skip(left, str_find(left, wanted.data[0]));
        if (str_starts(left, wanted)) {
            return true;
        }
    }
    return false;
}

/* ---- transfers as most clients write them ---- */

enum {
    DESCRIBED = 0x00,
    SMALL_ULONG = 0x53,
    LIST8 = 0xc0,
    UINT0 = 0x43,
    SMALL_UINT = 0x52,
    UINT = 0x70,
    VBIN8 = 0xa0,
    EMPTY_FIRST = 0x40, /* null, true, false, the zeroes and the empty list have no contents */
    EMPTY_LAST = 0x45,
    PLAIN_TRANSFER_HEAD = 6, /* descriptor, then the list's constructor, size and count */
};

/* Bytes of the value at `at`, its constructor included; 0: it is none of the few. */
static size_t plain_size(const uint8_t *at, size_t left)
{
    if (at[0] >= EMPTY_FIRST && at[0] <= EMPTY_LAST) {
        return 1;
    }
    if (at[0] == SMALL_UINT) {
        return 2;
    }
    if (at[0] == UINT) {
        return 5;
    }
    return at[0] == VBIN8 && left > 1 ? 2 + (size_t)at[1] : 0;
}

/* The value of one of the few. */
static struct amqp_value plain_value(const uint8_t *at)
{
    switch (at[0]) {
    case 0x41:
    case 0x42:
        return amqp_boolean(at[0] == 0x41);
    case UINT0:
        return amqp_uint(0);
    case SMALL_UINT:
        return amqp_uint(at[1]);
    case UINT:
        return amqp_uint((uint32_t)at[1] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 8 |
                         (uint32_t)at[4]);
    case VBIN8:
        return amqp_binary(str_of(at + 2, at[1]));
    default: /* null, and what no field of a transfer is */
        return (struct amqp_value){.type = AMQP_NULL};
    }
}

/*
 * Telemetry is a stream of transfers whose fields are numbers, booleans and a short tag. Reading
 * them as values took an eighth of all that a message cost (tests/bench, window 16). False, and
 * nothing is known: read it the long way.
 */
static bool read_plain_transfer(struct str body, struct frame *frame)
{
    const uint8_t *bytes = (const uint8_t *)body.data;
    if (body.size < PLAIN_TRANSFER_HEAD || bytes[0] != DESCRIBED || bytes[1] != SMALL_ULONG ||
        bytes[2] != FRAME_TRANSFER || bytes[3] != LIST8) {
        return false;
    }
    const size_t end = PLAIN_TRANSFER_HEAD - 1 + (size_t)bytes[4];
    const unsigned count = bytes[5];
    struct frame_transfer transfer = {.handle = 0};
    size_t at = PLAIN_TRANSFER_HEAD;
    if (end > body.size) {
        return false;
    }
    for (unsigned field = 0; field < count; field++) {
        const size_t size = at < end ? plain_size(bytes + at, end - at) : 0;
        if (size == 0 || size > end - at) {
            return false;
        }
        const struct amqp_value value = plain_value(bytes + at);
        set_field(&transfer, field, &value);
        at += size;
    }
    if (at != end) {
        return false;
    }
    transfer.payload = str_skip(body, end);
    frame->code = FRAME_TRANSFER;
    frame->transfer = transfer;
    return true;
}

/* ---- any performative ---- */

static enum frame_result malformed(struct problem *problem, const char *what)
{
    problem_set(problem, PROBLEM_NO_OFFSET, "a frame came with %s", what);
    return FRAME_MALFORMED;
}

/* A described list, its descriptor one of the nine performatives; a transfer's payload follows. */
static enum frame_result read_performative(struct str body, struct frame *frame,
                                           struct problem *problem)
{
    struct amqp_reader reader;
    struct amqp_value performative;
    struct amqp_value descriptor;
    struct amqp_value fields;
    amqp_reader_init(&reader, body, problem);
    if (!amqp_read(&reader, &performative)) {
        return FRAME_MALFORMED;
    }
    if (performative.type != AMQP_DESCRIBED) {
        return malformed(problem, "no performative in it");
    }
    struct amqp_reader inside = amqp_reader_inside(&performative);
    if (!amqp_read(&inside, &descriptor) || !amqp_read(&inside, &fields) ||
        descriptor.type != AMQP_ULONG || fields.type != AMQP_LIST) {
        return malformed(problem, "something in it that is no performative");
    }
    if (descriptor.u < FRAME_OPEN || descriptor.u > FRAME_CLOSE) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "a frame came with the unknown performative 0x%" PRIx64, descriptor.u);
        return FRAME_MALFORMED;
    }
    frame->code = (unsigned)descriptor.u;
    if (frame->code == FRAME_ATTACH || frame->code == FRAME_TRANSFER ||
        frame->code == FRAME_DETACH) {
        read_fields(&fields, frame);
        frame->transfer.payload = reader.left;
        frame->wants_metrics = frame->code == FRAME_ATTACH && wants_metrics(&fields);
    }
    return FRAME_WHOLE;
}

enum frame_result frame_read(struct str data, size_t size_max, struct frame *ret_frame,
                             struct problem *problem)
{
    if (data.size < HEAD_SIZE) {
        return FRAME_NEED_MORE;
    }
    const uint8_t *bytes = (const uint8_t *)data.data;
    const size_t size =
        (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | (size_t)bytes[3];
    const size_t head_size = (size_t)bytes[4] * 4;
    if (size < HEAD_SIZE || size > size_max || head_size < HEAD_SIZE || head_size > size) {
        return FRAME_MISFRAMED;
    }
    if (size > data.size) {
        return FRAME_NEED_MORE;
    }
    if (bytes[5] != FRAME_TYPE_AMQP) {
        return malformed(problem, bytes[5] == 1 ? "SASL in it, which is over"
                                                : "a type that AMQP 1.0 does not have");
    }
    struct frame frame = {
        .size = size, .channel = (uint16_t)(bytes[6] << 8 | bytes[7]), .code = FRAME_EMPTY};
    if (size > head_size) {
        const struct str body = str_of(data.data + head_size, size - head_size);
        const enum frame_result result = read_plain_transfer(body, &frame)
                                             ? FRAME_WHOLE
                                             : read_performative(body, &frame, problem);
        if (result != FRAME_WHOLE) {
            return result;
        }
    }
    *ret_frame = frame;
    return FRAME_WHOLE;
}
