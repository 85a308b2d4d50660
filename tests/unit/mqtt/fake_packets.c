/* SPDX-License-Identifier: MIT */
#include "fakes.h"

#include "check.h"
#include "mqtt/packet.h"
#include "mqtt/varint.h"

enum { PACKET_MAX = 1 << 20 };

static void append_text(struct buf *out, const char *text)
{
    const size_t size = strlen(text);
    buf_append_byte(out, (uint8_t)(size >> 8));
    buf_append_byte(out, (uint8_t)(size & 0xff));
    buf_append(out, text, size);
}

static void append_packet(struct buf *out, uint8_t first, const struct buf *body)
{
    uint8_t length[VARINT_SIZE_MAX];
    const size_t length_size = varint_encode((uint32_t)body->size, length);
    buf_append_byte(out, first);
    buf_append(out, length, length_size);
    buf_append_str(out, buf_str(body));
}

void fake_append_connect(struct buf *out, const struct fake_connect *connect)
{
    struct buf body CLEANUP(buf_finish) = BUF_INIT(PACKET_MAX);
    append_text(&body, "MQTT");
    buf_append_byte(&body, 4);
    unsigned flags = connect->clean ? 2U : 0U;
    flags |= connect->will_topic == NULL ? 0U : 4U | connect->will_qos << 3;
    flags |= connect->will_retain ? 0x20U : 0U;
    flags |= connect->password == NULL ? 0U : 0x40U;
    flags |= connect->username == NULL ? 0U : 0x80U;
    buf_append_byte(&body, (uint8_t)flags);
    buf_append_byte(&body, (uint8_t)(connect->keep_alive_s >> 8));
    buf_append_byte(&body, (uint8_t)(connect->keep_alive_s & 0xff));
    append_text(&body, connect->client_id);
    const char *const texts[] = {connect->will_topic, connect->will_message, connect->username,
                                 connect->password};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        if (texts[i] != NULL) {
            append_text(&body, texts[i]);
        }
    }
    append_packet(out, 0x10, &body);
}

void fake_connect(struct net_conn *conn, const struct fake_connect *connect)
{
    struct buf packet CLEANUP(buf_finish) = BUF_INIT(PACKET_MAX);
    fake_append_connect(&packet, connect);
    fake_receive(conn, buf_str(&packet));
}

void fake_publish(struct net_conn *conn, const char *topic, const char *payload, uint16_t packet_id)
{
    struct buf packet CLEANUP(buf_finish) = BUF_INIT(PACKET_MAX);
    const struct packet_publish publish = {
        .topic = str_from(topic),
        .payload = str_from(payload),
        .packet_id = packet_id,
        .qos = packet_id == 0 ? 0 : 1,
    };
    packet_append_publish(&packet, &publish);
    fake_receive(conn, buf_str(&packet));
}

static void send_filter(struct net_conn *conn, uint8_t first, uint16_t packet_id,
                        const char *filter, const uint8_t *qos)
{
    struct buf body CLEANUP(buf_finish) = BUF_INIT(PACKET_MAX);
    struct buf packet CLEANUP(buf_finish) = BUF_INIT(PACKET_MAX);
    buf_append_byte(&body, (uint8_t)(packet_id >> 8));
    buf_append_byte(&body, (uint8_t)(packet_id & 0xff));
    append_text(&body, filter);
    buf_append(&body, qos, qos == NULL ? 0 : 1);
    append_packet(&packet, first, &body);
    fake_receive(conn, buf_str(&packet));
}

void fake_subscribe(struct net_conn *conn, uint16_t packet_id, const char *filter, uint8_t qos)
{
    send_filter(conn, 0x82, packet_id, filter, &qos);
}

void fake_unsubscribe(struct net_conn *conn, uint16_t packet_id, const char *filter)
{
    send_filter(conn, 0xa2, packet_id, filter, NULL);
}

void fake_puback(struct net_conn *conn, uint16_t packet_id)
{
    const uint8_t bytes[] = {0x40, 2, (uint8_t)(packet_id >> 8), (uint8_t)(packet_id & 0xff)};
    fake_receive(conn, str_of(bytes, sizeof(bytes)));
}

void fake_disconnect(struct net_conn *conn)
{
    fake_receive(conn, STR("\xe0\x00"));
}

struct net_conn *fake_connected(void)
{
    struct net_conn *conn = fake_open();
    fake_connect(conn, &FAKE_D1);
    assert_string_equal(fake_output(conn), "CONNACK 0 0\n");
    (void)fake_log();
    return conn;
}
