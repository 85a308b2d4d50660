/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>

#include "base/sas.h"
#include "tests/bench/load.h"

/* As much MQTT 3.1.1 as it takes: CONNECT, and QoS 1 PUBLISH or SUBSCRIBE. */
enum {
    CONNECT_HEAD = 0x10,
    CONNACK_HEAD = 0x20,
    PUBLISH_HEAD = 0x30,
    PUBLISH_QOS_1 = 0x02,
    PUBLISH_QOS_MASK = 0x06,
    PUBACK_HEAD = 0x40,
    SUBSCRIBE_HEAD = 0x82,
    SUBACK_HEAD = 0x90,
    DISCONNECT_HEAD = 0xe0,
    KIND_MASK = 0xf0,

    CLEAN_SESSION = 0x02,
    WITH_USER_AND_PASSWORD = 0xc0,
    KEEP_ALIVE_S = 1100,
    IDENTIFIERS = 65535, /* 0 is none */
    CONNECT_MAX = 16 * 1024,
};

static void append_u16(struct buf *out, size_t value)
{
    buf_append_byte(out, (uint8_t)(value >> 8));
    buf_append_byte(out, (uint8_t)value);
}

static void append_text(struct buf *out, struct str text)
{
    append_u16(out, text.size);
    buf_append_str(out, text);
}

static void append_packet(struct buf *out, uint8_t head, struct str rest)
{
    buf_append_byte(out, head);
    size_t left = rest.size;
    do {
        buf_append_byte(out, (uint8_t)((left & 0x7f) | (left > 0x7f ? 0x80 : 0)));
        left >>= 7;
    } while (left > 0);
    buf_append_str(out, rest);
}

static bool append_credentials(struct connection *connection, struct buf *out, struct str id)
{
    const struct load_config *config = connection->load->config;
    CLEANUP(buf_finish) struct buf text = BUF_INIT(SAS_TOKEN_SIZE_MAX);
    buf_append_format(&text, "%.*s/%.*s/?api-version=2021-04-12", STR_ARG(config->hub),
                      STR_ARG(id));
    append_text(out, buf_str(&text));

    CLEANUP(buf_finish) struct buf resource = BUF_INIT(SAS_TOKEN_SIZE_MAX);
    buf_append_format(&resource, "%.*s/devices/%.*s", STR_ARG(config->hub), STR_ARG(id));
    buf_clear(&text);
    const bool good = connection_sign(connection, &text, buf_str(&resource), STR_EMPTY);
    append_text(out, buf_str(&text));
    return good;
}

static bool begin(struct connection *connection)
{
    const struct load_config *config = connection->load->config;
    CLEANUP(buf_finish) struct buf rest = BUF_INIT(CONNECT_MAX);
    char id[LOAD_ID_SIZE];
    append_text(&rest, STR("MQTT"));
    buf_append_byte(&rest, 4);
    buf_append_byte(&rest,
                    config->hub.size > 0 ? CLEAN_SESSION | WITH_USER_AND_PASSWORD : CLEAN_SESSION);
    append_u16(&rest, KEEP_ALIVE_S);
    append_text(&rest, connection_id(connection, id));
    if (config->hub.size > 0 && !append_credentials(connection, &rest, str_from(id))) {
        return false;
    }
    append_packet(&connection->output, CONNECT_HEAD, buf_str(&rest));
    return true;
}

static void end(struct connection *connection)
{
    append_packet(&connection->output, DISCONNECT_HEAD, STR_EMPTY);
}

/* The packet at the front of `input`, when it is there as a whole. */
static bool packet_next(struct str input, struct str *ret_packet, size_t *ret_head_size)
{
    const uint8_t *bytes = (const uint8_t *)input.data;
    size_t size = 0;
    for (size_t i = 1; i < input.size && i <= 4; i++) {
        size |= (size_t)(bytes[i] & 0x7f) << (7 * (i - 1));
        if (bytes[i] < 0x80) {
            *ret_packet = str_of(input.data, i + 1 + size);
            *ret_head_size = i + 1;
            return input.size - i - 1 >= size;
        }
    }
    return false;
}

static bool connack(struct connection *connection, const uint8_t *rest, size_t size)
{
    if (size != 2 || connection->state != CONNECTION_CONNECTING) {
        return connection_fail(connection, "a CONNACK that nobody expects", "");
    }
    if (rest[1] != 0) {
        char code[16];
        snprintf(code, sizeof(code), "code %u", rest[1]);
        return connection_fail(connection, "the server refuses the connection", code);
    }
    return true;
}

/* ---- publishing ---- */

static bool prepare(struct connection *connection)
{
    const struct load_config *config = connection->load->config;
    CLEANUP(buf_finish) struct buf rest = BUF_INIT(LOAD_MESSAGE_MAX);
    CLEANUP(buf_finish) struct buf topic = BUF_INIT(LOAD_ID_SIZE + 64);
    char id[LOAD_ID_SIZE];
    buf_append_format(&topic, "devices/%.*s/messages/events/",
                      STR_ARG(connection_id(connection, id)));
    append_text(&rest, config->topic.size > 0 ? config->topic : buf_str(&topic));
    const size_t identifier_at = rest.size;
    append_u16(&rest, 0);
    connection_append_body(connection, &rest);
    append_packet(&connection->message, PUBLISH_HEAD | PUBLISH_QOS_1, buf_str(&rest));
    if (buf_status(&rest) != STATUS_OK || buf_status(&connection->message) != STATUS_OK) {
        return connection_fail(connection, "out of memory", "");
    }
    connection->identifier_at = connection->message.size - rest.size + identifier_at;
    connection->sequence_at = connection->identifier_at + 2;
    return true;
}

static size_t identifier_of(uint64_t number)
{
    return (size_t)(number % IDENTIFIERS) + 1;
}

static void number_packet(struct connection *connection, uint64_t number)
{
    const size_t identifier = identifier_of(number);
    connection->message.data[connection->identifier_at] = (char)(identifier >> 8);
    connection->message.data[connection->identifier_at + 1] = (char)(identifier & 0xff);
}

static bool puback(struct connection *connection, const uint8_t *rest, size_t size, int64_t now_us)
{
    const size_t identifier = size == 2 ? (size_t)rest[0] << 8 | rest[1] : 0;
    const uint64_t number = connection->acknowledged;
    if (number == connection->sent || identifier != identifier_of(number)) {
        char why[96];
        snprintf(why, sizeof(why), "got %zu, the oldest unacknowledged of %" PRIu64 " is %zu",
                 identifier, connection->sent - number, identifier_of(number));
        return connection_fail(connection, "a PUBACK out of order", why);
    }
    connection_acknowledge(connection, now_us);
    return true;
}

static bool take(struct connection *connection, struct str input, int64_t now_us, size_t *ret_taken)
{
    struct str packet;
    size_t head = 0;
    while (packet_next(input, &packet, &head)) {
        const uint8_t *bytes = (const uint8_t *)packet.data;
        if (bytes[0] == PUBACK_HEAD) {
            if (!puback(connection, bytes + head, packet.size - head, now_us)) {
                return false;
            }
        } else if (bytes[0] == CONNACK_HEAD) {
            if (!connack(connection, bytes + head, packet.size - head)) {
                return false;
            }
            connection_is_up(connection);
        } else {
            return connection_fail(connection,
                                   "the server sends something else than CONNACK and PUBACK", "");
        }
        *ret_taken += packet.size;
        input = str_skip(input, packet.size);
    }
    return true;
}

const struct load_protocol load_mqtt = {
    .prepare = prepare,
    .begin = begin,
    .take = take,
    .number = number_packet,
    .end = end,
};

/* ---- receiving ---- */

static void subscribe(struct connection *connection)
{
    CLEANUP(buf_finish) struct buf rest = BUF_INIT(CONNECT_MAX);
    append_u16(&rest, 1);
    append_text(&rest, connection->load->config->filter);
    buf_append_byte(&rest, 1);
    append_packet(&connection->output, SUBSCRIBE_HEAD, buf_str(&rest));
}

/* QoS 1: topic, identifier, payload. */
static bool publish(struct connection *connection, uint8_t head, const uint8_t *rest, size_t size)
{
    const size_t topic_size = size < 2 ? SIZE_MAX : (size_t)rest[0] << 8 | rest[1];
    if ((head & PUBLISH_QOS_MASK) != PUBLISH_QOS_1 || size < 4 || topic_size > size - 4) {
        return connection_fail(connection, "a PUBLISH that is not of QoS 1", "");
    }
    append_packet(&connection->output, PUBACK_HEAD, str_of(rest + 2 + topic_size, 2));
    connection->load->received++;
    return true;
}

static bool take_received(struct connection *connection, struct str input, int64_t now_us,
                          size_t *ret_taken)
{
    (void)now_us;
    struct str packet;
    size_t head = 0;
    bool good = true;
    while (good && packet_next(input, &packet, &head)) {
        const uint8_t *bytes = (const uint8_t *)packet.data;
        const uint8_t *rest = bytes + head;
        const size_t size = packet.size - head;
        if ((bytes[0] & KIND_MASK) == PUBLISH_HEAD) {
            good = publish(connection, bytes[0], rest, size);
        } else if (bytes[0] == CONNACK_HEAD) {
            good = connack(connection, rest, size);
            subscribe(connection);
        } else if (bytes[0] == SUBACK_HEAD && size == 3 && rest[2] == 1) {
            connection_is_up(connection);
        } else {
            good = connection_fail(connection, "the subscription is refused", "");
        }
        *ret_taken += packet.size;
        input = str_skip(input, packet.size);
    }
    return good;
}

const struct load_protocol load_mqtt_receiver = {
    .begin = begin,
    .take = take_received,
    .end = end,
};
