/* SPDX-License-Identifier: MIT */
#include <assert.h>

#include "mqtt/limits.h"
#include "mqtt/packet.h"
#include "mqtt/varint.h"

static void append_header(struct buf *out, enum packet_type type, unsigned flags, size_t remaining)
{
    assert(remaining <= VARINT_VALUE_MAX);

    uint8_t length[VARINT_SIZE_MAX];
    const size_t length_size = varint_encode((uint32_t)remaining, length);
    buf_append_byte(out, (uint8_t)((unsigned)type << 4 | flags));
    buf_append(out, length, length_size);
}

static void append_u16(struct buf *out, uint16_t value)
{
    buf_append_byte(out, (uint8_t)(value >> 8));
    buf_append_byte(out, (uint8_t)(value & 0xff));
}

void packet_append_connack(struct buf *out, bool session_present, enum packet_connack code)
{
    append_header(out, PACKET_CONNACK, 0, 2);
    buf_append_byte(out, session_present && code == PACKET_CONNACK_ACCEPTED ? 1 : 0);
    buf_append_byte(out, (uint8_t)code);
}

void packet_append_publish(struct buf *out, const struct packet_publish *publish)
{
    assert(publish->qos <= 1);
    assert((publish->qos == 1) == (publish->packet_id != 0));
    assert(publish->topic.size > 0 && publish->topic.size <= MQTT_TEXT_SIZE_MAX);

    const unsigned flags =
        (publish->duplicate ? 8U : 0U) | (unsigned)publish->qos << 1 | (publish->retain ? 1U : 0U);
    const size_t id_size = publish->qos == 1 ? 2 : 0;
    append_header(out, PACKET_PUBLISH, flags,
                  2 + publish->topic.size + id_size + publish->payload.size);
    append_u16(out, (uint16_t)publish->topic.size);
    buf_append_str(out, publish->topic);
    if (publish->qos == 1) {
        append_u16(out, publish->packet_id);
    }
    buf_append_str(out, publish->payload);
}

void packet_append_puback(struct buf *out, uint16_t packet_id)
{
    append_header(out, PACKET_PUBACK, 0, 2);
    append_u16(out, packet_id);
}

void packet_append_suback(struct buf *out, uint16_t packet_id, const uint8_t *codes, size_t count)
{
    append_header(out, PACKET_SUBACK, 0, 2 + count);
    append_u16(out, packet_id);
    buf_append(out, codes, count);
}

void packet_append_unsuback(struct buf *out, uint16_t packet_id)
{
    append_header(out, PACKET_UNSUBACK, 0, 2);
    append_u16(out, packet_id);
}

void packet_append_pingresp(struct buf *out)
{
    append_header(out, PACKET_PINGRESP, 0, 0);
}

void packet_append_filter(struct buf *out, const struct packet_filter *filter)
{
    assert(filter->text.size > 0 && filter->text.size <= MQTT_TEXT_SIZE_MAX);
    assert(filter->qos <= 2);

    append_u16(out, (uint16_t)filter->text.size);
    buf_append_str(out, filter->text);
    buf_append_byte(out, filter->qos);
}
