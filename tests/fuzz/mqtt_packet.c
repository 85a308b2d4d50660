/* SPDX-License-Identifier: MIT */
/*
 * Any bytes, read as a client's stream: every packet stays inside the input, and a PUBLISH that
 * reads writes back to the bytes it came from, up to a padded length.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "mqtt/limits.h"
#include "mqtt/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_inside(struct str part, struct str whole)
{
    check(part.size == 0 || (part.data >= whole.data && part.size <= whole.size &&
                             part.data + part.size <= whole.data + whole.size));
}

static bool try_connect(const struct packet_frame *frame)
{
    struct packet_connect connect;
    struct problem problem;
    if (!packet_read_connect(frame, &connect, &problem)) {
        return false;
    }
    check_inside(connect.client_id, frame->body);
    check_inside(connect.will_topic, frame->body);
    check_inside(connect.will_message, frame->body);
    check_inside(connect.username, frame->body);
    check_inside(connect.password, frame->body);
    return true;
}

static bool try_publish(const struct packet_frame *frame)
{
    struct packet_publish publish;
    struct problem problem;
    if (!packet_read_publish(frame, &publish, &problem)) {
        return false;
    }
    check_inside(publish.topic, frame->body);
    check_inside(publish.payload, frame->body);
    if (publish.qos == 2) {
        return true;
    }
    struct buf out CLEANUP(buf_finish) = BUF_INIT(MQTT_PACKET_SIZE_MAX);
    packet_append_publish(&out, &publish);
    struct packet_frame again;
    check(packet_frame(buf_str(&out), MQTT_PACKET_SIZE_MAX, &again, NULL) == PACKET_OK);
    check(again.size <= frame->size && again.flags == frame->flags);
    check(str_equal(again.body, frame->body));
    return true;
}

static bool try_filters(const struct packet_frame *frame)
{
    struct packet_filters filters;
    struct packet_filter filter;
    struct problem problem;
    if (!packet_read_filters(frame, &filters, &problem)) {
        return false;
    }
    size_t count = filters.count;
    check(count > 0);
    while (packet_filter_next(&filters, &filter)) {
        check_inside(filter.text, frame->body);
        check(filter.text.size > 0 && filter.qos <= 2);
        count--;
    }
    check(count == 0 && filters.left.size == 0);
    return true;
}

static bool try_packet(const struct packet_frame *frame)
{
    struct problem problem;
    uint16_t packet_id = 0;
    switch ((unsigned)frame->type) {
    case PACKET_CONNECT:
        return try_connect(frame);
    case PACKET_PUBLISH:
        return try_publish(frame);
    case PACKET_PUBACK:
        return packet_read_puback(frame, &packet_id, &problem);
    case PACKET_SUBSCRIBE:
    case PACKET_UNSUBSCRIBE:
        return try_filters(frame);
    default:
        return packet_read_empty(frame, &problem);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str input = str_of(data, size);
    struct packet_frame frame;
    struct problem problem;
    while (packet_frame(input, MQTT_PACKET_SIZE_MAX, &frame, &problem) == PACKET_OK) {
        check(frame.size >= 2 && frame.size <= input.size);
        check_inside(frame.body, input);
        if (!try_packet(&frame)) {
            break;
        }
        input = str_skip(input, frame.size);
    }
    return 0;
}
