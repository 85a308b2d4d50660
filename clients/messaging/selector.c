/* SPDX-License-Identifier: MIT */
#include "clients/messaging/selector_internal.h"

#include <inttypes.h>
#include <stdio.h>

struct position position_after(const char *offset, int64_t sequence_number)
{
    struct position position = {.start = IOTHUB_START_OFFSET};
    const size_t size = strlen(offset);
    if (size == 0 || size >= sizeof(position.offset) || strchr(offset, '\'') != NULL) {
        return (struct position){.start = IOTHUB_START_SEQUENCE, .value = sequence_number + 1};
    }
    memcpy(position.offset, offset, size + 1);
    return position;
}

enum status position_of(const struct iothub_reader_options *options, struct position *ret_position,
                        struct problem *problem)
{
    struct position position = {.start = options->start, .value = options->start_value};
    if (options->start == IOTHUB_START_OFFSET) {
        const struct str offset = str_from(options->start_offset);
        if (offset.size == 0 || offset.size >= sizeof(position.offset) ||
            str_find(offset, '\'') != SIZE_MAX) {
            problem_set(problem, PROBLEM_NO_OFFSET, "\"%.*s\" is not an event's offset",
                        STR_ARG(offset));
            return STATUS_INVALID;
        }
        memcpy(position.offset, offset.data, offset.size);
    }
    *ret_position = position;
    return STATUS_OK;
}

void selector_append(const struct position *position, struct buf *out)
{
    switch (position->start) {
    case IOTHUB_START_LATEST:
        buf_append_str(out, STR("amqp.annotation.x-opt-offset > '@latest'"));
        return;
    case IOTHUB_START_EARLIEST:
        buf_append_str(out, STR("amqp.annotation.x-opt-offset > '-1'"));
        return;
    case IOTHUB_START_TIME:
        buf_append_format(out, "amqp.annotation.x-opt-enqueued-time > '%" PRId64 "'",
                          position->value);
        return;
    case IOTHUB_START_SEQUENCE:
        buf_append_format(out, "amqp.annotation.x-opt-sequence-number >= '%" PRId64 "'",
                          position->value);
        return;
    case IOTHUB_START_OFFSET:
        buf_append_format(out, "amqp.annotation.x-opt-offset > '%s'", position->offset);
        return;
    }
}
