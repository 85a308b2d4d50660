/* SPDX-License-Identifier: MIT */
#include "mqtt/packet.h"

#include "check.h"
#include "mqtt/limits.h"

/* The bytes of a literal, without its NUL. */
#define BYTES(literal) STR(literal)

static enum packet_result frame_of(struct str input, struct packet_frame *ret_frame,
                                   struct problem *problem)
{
    return packet_frame(input, MQTT_PACKET_SIZE_MAX, ret_frame, problem);
}

/* ---- The fixed header ---- */

static void each_client_packet_is_framed(void **state)
{
    (void)state;
    static const struct {
        struct str bytes;
        enum packet_type type;
        size_t size;
    } rows[] = {
        {{"\x10\x00", 2}, PACKET_CONNECT, 2},         {{"\x30\x00", 2}, PACKET_PUBLISH, 2},
        {{"\x3d\x01x", 3}, PACKET_PUBLISH, 3},        {{"\x40\x02\x00\x01", 4}, PACKET_PUBACK, 4},
        {{"\x82\x01x", 3}, PACKET_SUBSCRIBE, 3},      {{"\xa2\x01x", 3}, PACKET_UNSUBSCRIBE, 3},
        {{"\xc0\x00", 2}, PACKET_PINGREQ, 2},         {{"\xe0\x00", 2}, PACKET_DISCONNECT, 2},
        {{"\xc0\x00\xe0\x00", 4}, PACKET_PINGREQ, 2}, /* two in one segment */
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct packet_frame frame = {.size = 0};
        assert_int_equal(frame_of(rows[i].bytes, &frame, NULL), PACKET_OK);
        assert_int_equal(frame.type, rows[i].type);
        assert_int_equal(frame.size, rows[i].size);
        assert_int_equal(frame.body.size, rows[i].size - 2);
    }
}

static void wrong_first_bytes_are_refused_at_once(void **state)
{
    (void)state;
    static const struct {
        char byte;
        const char *why;
    } rows[] = {
        {'\x00', "reserved"},       {'\xf0', "reserved"},       {'\x20', "only servers"},
        {'\x90', "only servers"},   {'\xb0', "only servers"},   {'\xd0', "only servers"},
        {'\x50', "QoS 2"},          {'\x62', "QoS 2"},          {'\x70', "QoS 2"},
        {'\x11', "[MQTT-2.2.2-2]"}, {'\x80', "[MQTT-2.2.2-2]"}, {'\x83', "[MQTT-2.2.2-2]"},
        {'\xa0', "[MQTT-2.2.2-2]"}, {'\xc1', "[MQTT-2.2.2-2]"}, {'\xe8', "[MQTT-2.2.2-2]"},
        {'G', "[MQTT-2.2.2-2]"},    /* "GET / HTTP/1.1" */
        {'\x16', "[MQTT-2.2.2-2]"}, /* a TLS handshake */
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct packet_frame frame = {.size = 99};
        struct problem problem = {0};
        assert_int_equal(frame_of(str_of(&rows[i].byte, 1), &frame, &problem), PACKET_MALFORMED);
        assert_non_null(strstr(problem.text, rows[i].why));
        assert_int_equal(frame.size, 99);
    }
}

static void every_prefix_of_a_packet_asks_for_more(void **state)
{
    (void)state;
    char bytes[3 + 300] = {'\x30', '\xac', '\x02'};
    struct packet_frame frame = {.size = 99};
    for (size_t cut = 0; cut < sizeof(bytes); cut++) {
        assert_int_equal(frame_of(str_of(bytes, cut), &frame, NULL), PACKET_NEED_MORE);
        assert_int_equal(frame.size, 99);
    }
    assert_int_equal(frame_of(str_of(bytes, sizeof(bytes)), &frame, NULL), PACKET_OK);
    assert_int_equal(frame.body.size, 300);
}

static void the_size_limit_is_seen_in_the_header(void **state)
{
    (void)state;
    struct packet_frame frame = {.size = 0};
    struct problem problem = {0};
    const struct str just_fits = BYTES("\x30\x64"); /* 2 + 100 */
    assert_int_equal(packet_frame(just_fits, 102, &frame, &problem), PACKET_NEED_MORE);
    assert_int_equal(packet_frame(just_fits, 101, &frame, &problem), PACKET_MALFORMED);
    assert_string_equal(problem.text, "PUBLISH of 102 bytes is larger than the 101 allowed here");

    const struct str largest = BYTES("\x30\xff\xff\xff\x7f");
    assert_int_equal(frame_of(largest, &frame, &problem), PACKET_MALFORMED);
    const struct str endless = BYTES("\x30\x80\x80\x80\x80");
    assert_int_equal(frame_of(endless, &frame, &problem), PACKET_MALFORMED);
    assert_non_null(strstr(problem.text, "more than four bytes"));
}

/* ---- Bodies ---- */

static struct packet_frame whole(struct str bytes)
{
    struct packet_frame frame = {.size = 0};
    assert_int_equal(frame_of(bytes, &frame, NULL), PACKET_OK);
    assert_int_equal(frame.size, bytes.size);
    return frame;
}

static bool reads(const struct packet_frame *frame, struct problem *problem)
{
    struct packet_connect connect;
    struct packet_publish publish;
    struct packet_filters filters;
    uint16_t packet_id = 0;
    switch ((int)frame->type) {
    case PACKET_CONNECT:
        return packet_read_connect(frame, &connect, problem);
    case PACKET_PUBLISH:
        return packet_read_publish(frame, &publish, problem);
    case PACKET_PUBACK:
        return packet_read_puback(frame, &packet_id, problem);
    case PACKET_SUBSCRIBE:
    case PACKET_UNSUBSCRIBE:
        return packet_read_filters(frame, &filters, problem);
    default:
        return packet_read_empty(frame, problem);
    }
}

static const struct str connect_full = {
    "\x10\x34\x00\x04MQTT\x04\xee\x00\x3c\x00\x02"
    "d1\x00\x05w/top\x00\x03\x00\xffm\x00\x0bhub/d1/?a=b\x00\x0bSharedAcces",
    54};

static void connect_gives_all_its_fields(void **state)
{
    (void)state;
    const struct packet_frame frame = whole(connect_full);
    struct packet_connect connect;
    assert_true(packet_read_connect(&frame, &connect, NULL));
    assert_int_equal(connect.level, PACKET_LEVEL_3_1_1);
    assert_true(connect.clean_session);
    assert_int_equal(connect.keep_alive_s, 60);
    assert_str_equal(connect.client_id, "d1");
    assert_true(connect.has_will);
    assert_int_equal(connect.will_qos, 1);
    assert_true(connect.will_retain);
    assert_str_equal(connect.will_topic, "w/top");
    assert_true(str_equal(connect.will_message, BYTES("\x00\xffm")));
    assert_true(connect.has_username);
    assert_str_equal(connect.username, "hub/d1/?a=b");
    assert_true(connect.has_password);
    assert_str_equal(connect.password, "SharedAcces");
}

static void the_smallest_connect_is_read(void **state)
{
    (void)state;
    const struct packet_frame frame = whole(BYTES("\x10\x0c\x00\x04MQTT\x04\x00\xff\xff\x00\x00"));
    struct packet_connect connect;
    assert_true(packet_read_connect(&frame, &connect, NULL));
    assert_false(connect.clean_session);
    assert_int_equal(connect.keep_alive_s, 65535);
    assert_int_equal(connect.client_id.size, 0);
    assert_false(connect.has_will);
    assert_false(connect.has_username);
    assert_false(connect.has_password);
}

static void other_protocol_levels_give_their_level_and_no_more(void **state)
{
    (void)state;
    static const struct {
        struct str bytes;
        uint8_t level;
    } rows[] = {
        {{"\x10\x11\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x03"
          "abc",
          19},
         3},
        /* 5.0 puts properties between keep alive and client identifier */
        {{"\x10\x10\x00\x04MQTT\x05\x02\x00\x3c\x03\x21\x00\x14\x00\x00", 18}, 5},
        {{"\x10\x0c\x00\x04MQTT\x84\x02\x00\x3c\x00\x00", 14}, 0x84}, /* mosquitto's bridge */
        {{"\x10\x07\x00\x04MQTT\x00", 9}, 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct packet_frame frame = whole(rows[i].bytes);
        struct packet_connect connect;
        assert_true(packet_read_connect(&frame, &connect, NULL));
        assert_int_equal(connect.level, rows[i].level);
        assert_int_equal(connect.client_id.size, 0);
    }
}

static void publish_gives_all_its_fields(void **state)
{
    (void)state;
    const struct packet_frame one = whole(BYTES("\x3b\x0a\x00\x03t/x\x12\x34pay"));
    struct packet_publish publish;
    assert_true(packet_read_publish(&one, &publish, NULL));
    assert_str_equal(publish.topic, "t/x");
    assert_str_equal(publish.payload, "pay");
    assert_int_equal(publish.packet_id, 0x1234);
    assert_int_equal(publish.qos, 1);
    assert_true(publish.retain);
    assert_true(publish.duplicate);

    const struct packet_frame zero = whole(BYTES("\x30\x03\x00\x01t"));
    assert_true(packet_read_publish(&zero, &publish, NULL));
    assert_int_equal(publish.packet_id, 0);
    assert_int_equal(publish.payload.size, 0);
    assert_int_equal(publish.qos, 0);
    assert_false(publish.retain);
    assert_false(publish.duplicate);

    const struct packet_frame two = whole(BYTES("\x34\x05\x00\x01t\x00\x01"));
    assert_true(packet_read_publish(&two, &publish, NULL));
    assert_int_equal(publish.qos, 2);
}

static void subscribe_gives_its_filters_in_order(void **state)
{
    (void)state;
    const struct packet_frame frame = whole(BYTES("\x82\x0d\x00\x07\x00\x01#\x00\x00\x04$a/#\x02"));
    struct packet_filters filters;
    struct packet_filter filter;
    assert_true(packet_read_filters(&frame, &filters, NULL));
    assert_int_equal(filters.packet_id, 7);
    assert_int_equal(filters.count, 2);
    assert_true(packet_filter_next(&filters, &filter));
    assert_str_equal(filter.text, "#");
    assert_int_equal(filter.qos, 0);
    assert_true(packet_filter_next(&filters, &filter));
    assert_str_equal(filter.text, "$a/#");
    assert_int_equal(filter.qos, 2);
    assert_false(packet_filter_next(&filters, &filter));
}

static void unsubscribe_has_no_qos(void **state)
{
    (void)state;
    const struct packet_frame frame = whole(BYTES("\xa2\x08\x00\x07\x00\x01"
                                                  "a\x00\x01"
                                                  "b"));
    struct packet_filters filters;
    struct packet_filter filter;
    assert_true(packet_read_filters(&frame, &filters, NULL));
    assert_int_equal(filters.count, 2);
    assert_true(packet_filter_next(&filters, &filter));
    assert_str_equal(filter.text, "a");
    assert_true(packet_filter_next(&filters, &filter));
    assert_str_equal(filter.text, "b");
}

static void puback_gives_its_identifier(void **state)
{
    (void)state;
    const struct packet_frame frame = whole(BYTES("\x40\x02\xff\xfe"));
    uint16_t packet_id = 0;
    assert_true(packet_read_puback(&frame, &packet_id, NULL));
    assert_int_equal(packet_id, 0xfffe);
}

static void malformed_bodies_name_the_rule_they_break(void **state)
{
    (void)state;
    static const struct {
        struct str bytes;
        const char *why;
    } rows[] = {
        {{"\x10\x07\x00\x04MQTU\x04", 9}, "protocol name is \"MQTU\", not \"MQTT\""},
        {{"\x10\x09\x00\x06MQIsdp\x04", 11}, "[MQTT-3.1.2-1]"},
        {{"\x10\x0c\x00\x04MQTT\x04\x01\x00\x00\x00\x00", 14}, "[MQTT-3.1.2-3]"},
        {{"\x10\x0c\x00\x04MQTT\x04\x08\x00\x00\x00\x00", 14}, "[MQTT-3.1.2-13]"},
        {{"\x10\x10\x00\x04MQTT\x04\x1c\x00\x00\x00\x00\x00\x00\x00\x00", 18}, "[MQTT-3.1.2-14]"},
        {{"\x10\x0c\x00\x04MQTT\x04\x20\x00\x00\x00\x00", 14}, "[MQTT-3.1.2-15]"},
        {{"\x10\x0e\x00\x04MQTT\x04\x40\x00\x00\x00\x00\x00\x00", 16}, "[MQTT-3.1.2-22]"},
        {{"\x10\x0d\x00\x04MQTT\x04\x00\x00\x00\x00\x01\xff", 15}, "[MQTT-1.5.3-1]"},
        {{"\x10\x0d\x00\x04MQTT\x04\x00\x00\x00\x00\x01\x00", 15}, "[MQTT-1.5.3-2]"},
        {{"\x10\x0d\x00\x04MQTT\x04\x00\x00\x00\x00\x00x", 15}, "1 bytes follow"},
        {{"\x10\x0c\x00\x04MQTT\x04\x00\x00\x00\x00\x01", 14}, "inside its client identifier"},
        {{"\x10\x00", 2}, "inside its protocol name"},
        {{"\x30\x02\x00\x00", 4}, "[MQTT-4.7.3-1]"},
        {{"\x30\x03\x00\x01#", 5}, "[MQTT-3.3.2-2]"},
        {{"\x30\x03\x00\x01+", 5}, "[MQTT-3.3.2-2]"},
        {{"\x30\x05\x00\x03\xed\xa0\x80", 7}, "[MQTT-1.5.3-1]"}, /* a surrogate */
        {{"\x36\x05\x00\x01t\x00\x01", 7}, "[MQTT-3.3.1-4]"},
        {{"\x38\x03\x00\x01t", 5}, "[MQTT-3.3.1-2]"},
        {{"\x32\x05\x00\x01t\x00\x00", 7}, "[MQTT-2.3.1-1]"},
        {{"\x32\x04\x00\x01t\x00", 6}, "inside its packet identifier"},
        {{"\x40\x02\x00\x00", 4}, "[MQTT-2.3.1-1]"},
        {{"\x40\x03\x00\x01x", 5}, "1 bytes follow"},
        {{"\x82\x02\x00\x01", 4}, "[MQTT-3.8.3-3]"},
        {{"\xa2\x02\x00\x01", 4}, "[MQTT-3.10.3-2]"},
        {{"\x82\x05\x00\x01\x00\x00\x00", 7}, "[MQTT-4.7.3-1]"},
        {{"\x82\x06\x00\x01\x00\x01#\x03", 8}, "[MQTT-3-8.3-4]"},
        {{"\x82\x06\x00\x01\x00\x01#\x80", 8}, "[MQTT-3-8.3-4]"},
        {{"\x82\x05\x00\x01\x00\x01#", 7}, "inside its requested QoS"},
        {{"\x82\x07\x00\x00\x00\x02##\x00", 9}, "[MQTT-2.3.1-1]"},
        {{"\xc0\x01x", 3}, "1 bytes follow"},
        {{"\xe0\x01x", 3}, "1 bytes follow"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct packet_frame frame = whole(rows[i].bytes);
        struct problem problem = {0};
        assert_false(reads(&frame, &problem));
        if (strstr(problem.text, rows[i].why) == NULL) {
            fail_msg("row %zu: \"%s\" does not say \"%s\"", i, problem.text, rows[i].why);
        }
    }
}

static void a_body_cut_anywhere_is_malformed(void **state)
{
    (void)state;
    struct packet_frame frame = whole(connect_full);
    const size_t size = frame.body.size;
    for (size_t cut = 7; cut < size; cut++) { /* before 7 there is no level to tell */
        frame.body.size = cut;
        struct packet_connect connect = {.level = 99};
        assert_false(packet_read_connect(&frame, &connect, NULL));
        assert_int_equal(connect.level, 99);
    }
}

/* ---- Writing ---- */

static void what_the_server_sends_has_the_bytes_of_the_standard(void **state)
{
    (void)state;
    struct buf out CLEANUP(buf_finish) = BUF_INIT(1024);
    const uint8_t codes[] = {1, 0, PACKET_SUBACK_FAILURE};
    packet_append_connack(&out, false, PACKET_CONNACK_ACCEPTED);
    packet_append_connack(&out, true, PACKET_CONNACK_ACCEPTED);
    packet_append_connack(&out, true, PACKET_CONNACK_NOT_AUTHORIZED);
    packet_append_puback(&out, 0x1234);
    packet_append_suback(&out, 7, codes, sizeof(codes));
    packet_append_unsuback(&out, 0xfffe);
    packet_append_pingresp(&out);
    assert_int_equal(buf_status(&out), STATUS_OK);
    const struct str wanted = BYTES("\x20\x02\x00\x00"
                                    "\x20\x02\x01\x00"
                                    "\x20\x02\x00\x05"
                                    "\x40\x02\x12\x34"
                                    "\x90\x05\x00\x07\x01\x00\x80"
                                    "\xb0\x02\xff\xfe"
                                    "\xd0\x00");
    assert_true(str_equal(buf_str(&out), wanted));
}

static void a_publish_reads_back_as_it_was_written(void **state)
{
    (void)state;
    static const size_t payload_sizes[] = {0, 1, 120, 121, 122, 123, 124, 16383, 200000};
    static char payload[200000];
    memset(payload, 'x', sizeof(payload));
    for (size_t i = 0; i < ARRAY_SIZE(payload_sizes); i++) {
        const uint8_t qos = i % 2;
        const struct packet_publish written = {
            .topic = STR("t/x"),
            .payload = str_of(payload, payload_sizes[i]),
            .qos = qos,
            .packet_id = qos == 1 ? 513 : 0,
            .duplicate = qos == 1,
        };
        struct buf out CLEANUP(buf_finish) = BUF_INIT(MQTT_PACKET_SIZE_MAX);
        packet_append_publish(&out, &written);
        assert_int_equal(buf_status(&out), STATUS_OK);
        const struct packet_frame frame = whole(buf_str(&out));
        struct packet_publish read;
        assert_true(packet_read_publish(&frame, &read, NULL));
        assert_str_equal(read.topic, "t/x");
        assert_true(str_equal(read.payload, written.payload));
        assert_int_equal(read.qos, qos);
        assert_int_equal(read.packet_id, written.packet_id);
        assert_int_equal(read.duplicate, written.duplicate);
        assert_false(read.retain);
    }
}

static void names_are_the_standards(void **state)
{
    (void)state;
    assert_string_equal(packet_type_name(PACKET_CONNECT), "CONNECT");
    assert_string_equal(packet_type_name(PACKET_DISCONNECT), "DISCONNECT");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_client_packet_is_framed),
        cmocka_unit_test(wrong_first_bytes_are_refused_at_once),
        cmocka_unit_test(every_prefix_of_a_packet_asks_for_more),
        cmocka_unit_test(the_size_limit_is_seen_in_the_header),
        cmocka_unit_test(connect_gives_all_its_fields),
        cmocka_unit_test(the_smallest_connect_is_read),
        cmocka_unit_test(other_protocol_levels_give_their_level_and_no_more),
        cmocka_unit_test(publish_gives_all_its_fields),
        cmocka_unit_test(subscribe_gives_its_filters_in_order),
        cmocka_unit_test(unsubscribe_has_no_qos),
        cmocka_unit_test(puback_gives_its_identifier),
        cmocka_unit_test(malformed_bodies_name_the_rule_they_break),
        cmocka_unit_test(a_body_cut_anywhere_is_malformed),
        cmocka_unit_test(what_the_server_sends_has_the_bytes_of_the_standard),
        cmocka_unit_test(a_publish_reads_back_as_it_was_written),
        cmocka_unit_test(names_are_the_standards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
