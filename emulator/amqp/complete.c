/* SPDX-License-Identifier: MIT */
#include "amqp/complete.h"

#include "amqp/value.h"

enum { HEAD_SIZE = 8, DESCRIPTOR_SIZE = 3 };
enum { SMALL_ULONG = 0x53, NULL_VALUE = 0x40, UINT = 0x70 };
enum { LIST0 = 0x45, LIST8 = 0xc0, LIST32 = 0xd0 };
enum { OPEN = 0x10, BEGIN = 0x11, CLOSE = 0x18 };
enum { HANDLE_MAX_FIELD = 4, UINT_SIZE = 5 /* with its constructor */ };

/* The fields of open, begin ... close (AMQP 1.0, 2.7). */
static const uint8_t field_counts[] = {10, 8, 14, 11, 11, 6, 3, 1, 1};

static size_t number_at(const uint8_t *bytes)
{
    return (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 |
           (size_t)bytes[3];
}

static void append_number(struct buf *out, size_t number)
{
    const uint8_t bytes[] = {(uint8_t)(number >> 24), (uint8_t)(number >> 16),
                             (uint8_t)(number >> 8), (uint8_t)number};
    buf_append(out, bytes, sizeof(bytes));
}

/* The list of a performative, in a frame. */
struct fields {
    unsigned code;
    size_t at;     /* of its constructor */
    size_t values; /* where they begin */
    size_t end;    /* and end: a transfer's payload follows */
    size_t count;
    size_t missing; /* fields */
};

/* False: there is none in the forms that engines write. */
static bool find_fields(const uint8_t *frame, size_t size, struct fields *fields)
{
    const size_t at = HEAD_SIZE + DESCRIPTOR_SIZE;
    if (size <= at || frame[4] != HEAD_SIZE / 4 || frame[5] != 0 || frame[HEAD_SIZE] != 0 ||
        frame[HEAD_SIZE + 1] != SMALL_ULONG || frame[HEAD_SIZE + 2] < OPEN ||
        frame[HEAD_SIZE + 2] > CLOSE) {
        return false;
    }
    *fields = (struct fields){.code = frame[HEAD_SIZE + 2], .at = at};
    if (frame[at] == LIST0) {
        fields->values = at + 1;
        fields->end = at + 1;
    } else if (frame[at] == LIST8 && size >= at + 3) {
        fields->values = at + 3;
        fields->end = at + 2 + frame[at + 1];
        fields->count = frame[at + 2];
    } else if (frame[at] == LIST32 && size >= at + 9) {
        fields->values = at + 9;
        fields->end = at + 5 + number_at(frame + at + 1);
        fields->count = number_at(frame + at + 5);
    } else {
        return false;
    }
    const size_t wanted = field_counts[fields->code - OPEN];
    if (fields->end > size || fields->end < fields->values) {
        return false;
    }
    fields->missing = fields->count < wanted ? wanted - fields->count : 0;
    return true;
}

/* A begin says how many handles there may be, which is what leaving it out means: the SDK that
 * looks for fields by their place counts with this one. */
static bool adds_handle_max(const struct fields *fields)
{
    return fields->code == BEGIN && fields->count == HANDLE_MAX_FIELD;
}

static void append_missing(struct buf *out, const struct fields *fields)
{
    size_t left = fields->missing;
    if (adds_handle_max(fields)) {
        buf_append_byte(out, UINT);
        append_number(out, UINT32_MAX);
        left--;
    }
    for (; left > 0; left--) {
        buf_append_byte(out, NULL_VALUE);
    }
}

static void append_list_head(struct buf *out, size_t values_size, size_t count)
{
    if (values_size + 1 <= UINT8_MAX) {
        buf_append_byte(out, LIST8);
        buf_append_byte(out, (uint8_t)(values_size + 1));
        buf_append_byte(out, (uint8_t)count);
    } else {
        buf_append_byte(out, LIST32);
        append_number(out, values_size + 4);
        append_number(out, count);
    }
}

static void append_frame(struct buf *out, struct str frame, size_t frame_size_max)
{
    const uint8_t *bytes = (const uint8_t *)frame.data;
    struct fields fields;
    if (frame.size + AMQP_COMPLETE_GROWTH_MAX > frame_size_max ||
        !find_fields(bytes, frame.size, &fields) || fields.missing == 0) {
        buf_append_str(out, frame);
        return;
    }
    const size_t values_size = fields.end - fields.values + fields.missing +
                               (adds_handle_max(&fields) ? UINT_SIZE - 1 : 0);
    const size_t list_head_size = values_size + 1 <= UINT8_MAX ? 3 : 9;
    append_number(out, fields.at + list_head_size + values_size + frame.size - fields.end);
    buf_append(out, bytes + 4, fields.at - 4);
    append_list_head(out, values_size, fields.count + fields.missing);
    buf_append(out, bytes + fields.values, fields.end - fields.values);
    append_missing(out, &fields);
    buf_append(out, bytes + fields.end, frame.size - fields.end);
}

size_t amqp_complete_append(struct buf *out, struct str bytes, size_t frame_size_max)
{
    size_t taken = 0;
    for (struct str left = bytes; left.size >= HEAD_SIZE; left = str_skip(bytes, taken)) {
        if (str_starts(left, STR("AMQP"))) {
            buf_append(out, left.data, HEAD_SIZE);
            taken += HEAD_SIZE;
            continue;
        }
        const size_t size = number_at((const uint8_t *)left.data);
        if (size < HEAD_SIZE || size > left.size) {
            break;
        }
        append_frame(out, str_of(left.data, size), frame_size_max);
        taken += size;
    }
    return taken;
}

bool amqp_complete_open(struct str frame, struct buf *copy, size_t *ret_size_max)
{
    enum { MAX_FRAME_SIZE_FIELD = 2, FRAME_SIZE_LEAST = 512 };
    struct fields fields;
    if (!find_fields((const uint8_t *)frame.data, frame.size, &fields) || fields.code != OPEN) {
        return false;
    }
    struct amqp_reader reader;
    struct amqp_value value = {.type = AMQP_NULL};
    amqp_reader_init(&reader, str_of(frame.data + fields.values, fields.end - fields.values), NULL);
    for (int i = 0; i <= MAX_FRAME_SIZE_FIELD; i++) {
        if (!amqp_read(&reader, &value)) {
            return false;
        }
    }
    /* A smaller encoding than of four bytes is of a smaller number than may be. */
    if (value.type != AMQP_UINT || value.u < FRAME_SIZE_LEAST + AMQP_COMPLETE_GROWTH_MAX ||
        reader.left.data[-UINT_SIZE] != UINT) {
        return false;
    }
    const size_t before = (size_t)(reader.left.data - frame.data) - sizeof(uint32_t);
    buf_append(copy, frame.data, before);
    append_number(copy, (size_t)value.u - AMQP_COMPLETE_GROWTH_MAX);
    buf_append(copy, reader.left.data, frame.size - before - sizeof(uint32_t));
    *ret_size_max = (size_t)value.u;
    return buf_status(copy) == STATUS_OK;
}
