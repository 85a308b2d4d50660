/* SPDX-License-Identifier: MIT */
#include "mqtt/packet.h"

#include <assert.h>

#include "mqtt/cursor_internal.h"
#include "mqtt/varint.h"

/* ---- The fixed header ---- */

enum { PUBLISH_RETAIN = 0x01, PUBLISH_DUPLICATE = 0x08 };

/* Table 2.1 and 2.2: the types, and for those a client may send the flags they must carry. */
static const struct {
    const char *name;
    const char *refusal; /* NULL: a client may send it */
    uint8_t flags;       /* PUBLISH has its own */
} kinds[16] = {
    [0] = {"type 0", "packet type 0 is reserved", 0},
    [PACKET_CONNECT] = {"CONNECT", NULL, 0},
    [PACKET_CONNACK] = {"CONNACK", "CONNACK is a packet that only servers send", 0},
    [PACKET_PUBLISH] = {"PUBLISH", NULL, 0},
    [PACKET_PUBACK] = {"PUBACK", NULL, 0},
    [PACKET_PUBREC] = {"PUBREC", "PUBREC belongs to QoS 2, which the hub does not offer", 0},
    [PACKET_PUBREL] = {"PUBREL", "PUBREL belongs to QoS 2, which the hub does not offer", 2},
    [PACKET_PUBCOMP] = {"PUBCOMP", "PUBCOMP belongs to QoS 2, which the hub does not offer", 0},
    [PACKET_SUBSCRIBE] = {"SUBSCRIBE", NULL, 2},
    [PACKET_SUBACK] = {"SUBACK", "SUBACK is a packet that only servers send", 0},
    [PACKET_UNSUBSCRIBE] = {"UNSUBSCRIBE", NULL, 2},
    [PACKET_UNSUBACK] = {"UNSUBACK", "UNSUBACK is a packet that only servers send", 0},
    [PACKET_PINGREQ] = {"PINGREQ", NULL, 0},
    [PACKET_PINGRESP] = {"PINGRESP", "PINGRESP is a packet that only servers send", 0},
    [PACKET_DISCONNECT] = {"DISCONNECT", NULL, 0},
    [15] = {"type 15", "packet type 15 is reserved in MQTT 3.1.1", 0},
};

const char *packet_type_name(enum packet_type type)
{
    return kinds[(unsigned)type & 0x0f].name;
}

enum packet_result packet_frame(struct str input, size_t size_max, struct packet_frame *ret_frame,
                                struct problem *problem)
{
    if (input.size == 0) {
        return PACKET_NEED_MORE;
    }
    const uint8_t type = (uint8_t)input.data[0] >> 4;
    const uint8_t flags = (uint8_t)input.data[0] & 0x0f;
    if (kinds[type].refusal != NULL) {
        problem_set(problem, 0, "%s", kinds[type].refusal);
        return PACKET_MALFORMED;
    }
    if (type != PACKET_PUBLISH && flags != kinds[type].flags) {
        problem_set(problem, 0, "the flags of %s must be %u and are %u [MQTT-2.2.2-2]",
                    kinds[type].name, kinds[type].flags, flags);
        return PACKET_MALFORMED;
    }

    uint32_t remaining = 0;
    size_t length_size = 0;
    switch (
        varint_decode((const uint8_t *)input.data + 1, input.size - 1, &remaining, &length_size)) {
    case VARINT_OK:
        break;
    case VARINT_NEED_MORE:
        return PACKET_NEED_MORE;
    case VARINT_TOO_LONG:
        problem_set(problem, 1, "the remaining length of %s has more than four bytes [MQTT-2.2.3]",
                    kinds[type].name);
        return PACKET_MALFORMED;
    }
    const size_t header_size = 1 + length_size;
    if (remaining > size_max - header_size) {
        problem_set(problem, 1, "%s of %zu bytes is larger than the %zu allowed here",
                    kinds[type].name, header_size + remaining, size_max);
        return PACKET_MALFORMED;
    }
    if (remaining > input.size - header_size) {
        return PACKET_NEED_MORE;
    }
    *ret_frame = (struct packet_frame){
        .type = (enum packet_type)type,
        .flags = flags,
        .body = str_of(input.data + header_size, remaining),
        .size = header_size + remaining,
    };
    return PACKET_OK;
}

/* ---- CONNECT ---- */

enum {
    CONNECT_RESERVED = 0x01,
    CONNECT_CLEAN_SESSION = 0x02,
    CONNECT_WILL = 0x04,
    CONNECT_WILL_QOS = 0x18,
    CONNECT_WILL_QOS_SHIFT = 3,
    CONNECT_WILL_RETAIN = 0x20,
    CONNECT_PASSWORD = 0x40,
    CONNECT_USERNAME = 0x80,
};

static void check_connect_flags(struct cursor *cursor, unsigned flags)
{
    if ((flags & CONNECT_RESERVED) != 0) {
        cursor_refuse(cursor, "the reserved bit of the connect flags is set [MQTT-3.1.2-3]");
    }
    if ((flags & CONNECT_WILL_QOS) == CONNECT_WILL_QOS) {
        cursor_refuse(cursor, "the Will's QoS is 3 [MQTT-3.1.2-14]");
    }
    if ((flags & CONNECT_WILL) == 0 && (flags & CONNECT_WILL_QOS) != 0) {
        cursor_refuse(cursor, "the connect flags give a QoS to a Will that is not there "
                              "[MQTT-3.1.2-13]");
    }
    if ((flags & CONNECT_WILL) == 0 && (flags & CONNECT_WILL_RETAIN) != 0) {
        cursor_refuse(cursor, "the connect flags retain a Will that is not there [MQTT-3.1.2-15]");
    }
    if ((flags & CONNECT_USERNAME) == 0 && (flags & CONNECT_PASSWORD) != 0) {
        cursor_refuse(cursor, "the connect flags announce a password without a user name "
                              "[MQTT-3.1.2-22]");
    }
}

/* Reads "MQTT" or the older "MQIsdp", and the level. */
static uint8_t read_protocol(struct cursor *cursor)
{
    const struct str name = cursor_text(cursor, "protocol name");
    if (!cursor->failed && !str_equal(name, STR("MQTT")) && !str_equal(name, STR("MQIsdp"))) {
        cursor_refuse(cursor, "the protocol name is \"%.*s\", not \"MQTT\" [MQTT-3.1.2-1]",
                      name.size < 40 ? (int)name.size : 40, name.data);
    }
    const uint8_t level = cursor_byte(cursor, "protocol level");
    if (!cursor->failed && level == PACKET_LEVEL_3_1_1 && !str_equal(name, STR("MQTT"))) {
        cursor_refuse(cursor, "protocol level 4 comes with the name \"MQIsdp\" of level 3 "
                              "[MQTT-3.1.2-1]");
    }
    return level;
}

bool packet_read_connect(const struct packet_frame *frame, struct packet_connect *ret_connect,
                         struct problem *problem)
{
    assert(frame->type == PACKET_CONNECT);

    struct cursor cursor;
    cursor_init(&cursor, frame->body, problem);
    struct packet_connect connect = {.level = read_protocol(&cursor)};
    if (!cursor.failed && connect.level != PACKET_LEVEL_3_1_1) {
        *ret_connect = connect;
        return true;
    }
    const unsigned flags = cursor_byte(&cursor, "connect flags");
    check_connect_flags(&cursor, flags);
    connect.clean_session = (flags & CONNECT_CLEAN_SESSION) != 0;
    connect.keep_alive_s = cursor_u16(&cursor, "keep alive");
    connect.client_id = cursor_text(&cursor, "client identifier");
    if ((flags & CONNECT_WILL) != 0) {
        connect.has_will = true;
        connect.will_qos = (uint8_t)((flags & CONNECT_WILL_QOS) >> CONNECT_WILL_QOS_SHIFT);
        connect.will_retain = (flags & CONNECT_WILL_RETAIN) != 0;
        connect.will_topic = cursor_text(&cursor, "Will topic");
        connect.will_message = cursor_binary(&cursor, "Will message");
    }
    if ((flags & CONNECT_USERNAME) != 0) {
        connect.has_username = true;
        connect.username = cursor_text(&cursor, "user name");
    }
    if ((flags & CONNECT_PASSWORD) != 0) {
        connect.has_password = true;
        connect.password = cursor_binary(&cursor, "password");
    }
    if (!cursor_finish(&cursor)) {
        return false;
    }
    *ret_connect = connect;
    return true;
}

/* ---- PUBLISH and PUBACK ---- */

static void check_topic_name(struct cursor *cursor, struct str topic)
{
    if (cursor->failed) {
        return;
    }
    if (topic.size == 0) {
        cursor_refuse(cursor, "the topic name is empty [MQTT-4.7.3-1]");
    }
    if (str_find(topic, '#') != SIZE_MAX || str_find(topic, '+') != SIZE_MAX) {
        cursor_refuse(cursor, "the topic name contains a wildcard: '#' and '+' must be written "
                              "%%23 and %%2B [MQTT-3.3.2-2]");
    }
}

bool packet_read_publish(const struct packet_frame *frame, struct packet_publish *ret_publish,
                         struct problem *problem)
{
    assert(frame->type == PACKET_PUBLISH);

    struct cursor cursor;
    cursor_init(&cursor, frame->body, problem);
    struct packet_publish publish = {
        .qos = (frame->flags >> 1) & 3,
        .retain = (frame->flags & PUBLISH_RETAIN) != 0,
        .duplicate = (frame->flags & PUBLISH_DUPLICATE) != 0,
    };
    if (publish.qos == 3) {
        cursor_refuse(&cursor, "PUBLISH has both QoS bits set [MQTT-3.3.1-4]");
    }
    if (publish.qos == 0 && publish.duplicate) {
        cursor_refuse(&cursor, "PUBLISH with QoS 0 is marked as a duplicate [MQTT-3.3.1-2]");
    }
    publish.topic = cursor_text(&cursor, "topic name");
    check_topic_name(&cursor, publish.topic);
    if (publish.qos > 0) {
        publish.packet_id = cursor_packet_id(&cursor);
    }
    publish.payload = cursor_rest(&cursor);
    if (!cursor_finish(&cursor)) {
        return false;
    }
    *ret_publish = publish;
    return true;
}

bool packet_read_puback(const struct packet_frame *frame, uint16_t *ret_packet_id,
                        struct problem *problem)
{
    assert(frame->type == PACKET_PUBACK);

    struct cursor cursor;
    cursor_init(&cursor, frame->body, problem);
    const uint16_t id = cursor_packet_id(&cursor);
    if (!cursor_finish(&cursor)) {
        return false;
    }
    *ret_packet_id = id;
    return true;
}

/* ---- SUBSCRIBE and UNSUBSCRIBE ---- */

static struct packet_filter read_filter(struct cursor *cursor, bool with_qos)
{
    struct packet_filter filter = {.text = cursor_text(cursor, "topic filter")};
    if (!cursor->failed && filter.text.size == 0) {
        cursor_refuse(cursor, "a topic filter is empty [MQTT-4.7.3-1]");
    }
    if (with_qos) {
        filter.qos = cursor_byte(cursor, "requested QoS");
        if (filter.qos > 2) {
            cursor_refuse(cursor, "the requested QoS is 0x%02x, not 0, 1 or 2 [MQTT-3-8.3-4]",
                          filter.qos);
        }
    }
    return filter;
}

/* Checks all filters that are left, without taking them. */
static size_t count_filters(struct cursor *cursor, bool with_qos)
{
    size_t count = 0;
    while (cursor->left.size > 0) {
        (void)read_filter(cursor, with_qos);
        count++;
    }
    return count;
}

bool packet_read_filters(const struct packet_frame *frame, struct packet_filters *ret_filters,
                         struct problem *problem)
{
    assert(frame->type == PACKET_SUBSCRIBE || frame->type == PACKET_UNSUBSCRIBE);

    struct cursor cursor;
    cursor_init(&cursor, frame->body, problem);
    struct packet_filters filters = {.with_qos = frame->type == PACKET_SUBSCRIBE};
    filters.packet_id = cursor_packet_id(&cursor);
    filters.left = cursor.left;
    filters.count = count_filters(&cursor, filters.with_qos);
    if (!cursor.failed && filters.count == 0) {
        cursor_refuse(&cursor, "%s names no topic filter %s", packet_type_name(frame->type),
                      filters.with_qos ? "[MQTT-3.8.3-3]" : "[MQTT-3.10.3-2]");
    }
    if (!cursor_finish(&cursor)) {
        return false;
    }
    *ret_filters = filters;
    return true;
}

bool packet_read_filter_list(struct str list, struct packet_filters *ret_filters,
                             struct problem *problem)
{
    struct cursor cursor;
    cursor_init(&cursor, list, problem);
    const size_t count = count_filters(&cursor, true);
    if (!cursor_finish(&cursor)) {
        return false;
    }
    *ret_filters = (struct packet_filters){.with_qos = true, .count = count, .left = list};
    return true;
}

bool packet_filter_next(struct packet_filters *filters, struct packet_filter *ret_filter)
{
    if (filters->count == 0) {
        return false;
    }
    struct cursor cursor;
    cursor_init(&cursor, filters->left, NULL);
    *ret_filter = read_filter(&cursor, filters->with_qos);
    assert(!cursor.failed);
    filters->left = cursor.left;
    filters->count--;
    return true;
}

/* ---- PINGREQ and DISCONNECT ---- */

bool packet_read_empty(const struct packet_frame *frame, struct problem *problem)
{
    assert(frame->type == PACKET_PINGREQ || frame->type == PACKET_DISCONNECT);

    struct cursor cursor;
    cursor_init(&cursor, frame->body, problem);
    return cursor_finish(&cursor);
}
