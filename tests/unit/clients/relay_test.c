/* SPDX-License-Identifier: MIT */
#include "clients/device/relay_internal.h"

#include "check.h"

#define PINGREQ "\xc0\x00"
#define PUBACK  "\x40\x02\x00\x07"
#define PUBLISH "\x32\x05\x00\x01t\x00\x07"

/* With the bytes "@", 0x40, and "\x02" in the body: what looks like a PUBACK but is none. */
#define DECOY "\x30\x07\x00\x01t\x40\x02\x00\x07"

static void only_acknowledgements_are_dropped_however_the_stream_is_cut(void **state)
{
    (void)state;
    const struct {
        struct str in;
        struct str out;
    } streams[] = {
        {STR(PINGREQ), STR(PINGREQ)},
        {STR(PUBACK), STR("")},
        {STR(PUBLISH PUBACK PINGREQ), STR(PUBLISH PINGREQ)},
        {STR(PUBACK PUBACK PUBLISH), STR(PUBLISH)},
        {STR(DECOY PUBACK DECOY), STR(DECOY DECOY)},
    };
    for (size_t i = 0; i < ARRAY_SIZE(streams); i++) {
        const uint8_t *in = (const uint8_t *)streams[i].in.data;
        for (size_t cut = 0; cut <= streams[i].in.size; cut++) {
            struct relay relay CLEANUP(relay_finish);
            relay_init(&relay);
            relay_filter(&relay, in, cut);
            relay_filter(&relay, in + cut, streams[i].in.size - cut);
            assert_true(str_equal(buf_str(&relay.up), streams[i].out));
        }
    }
}

static void every_size_of_packet_is_walked(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {0, 1, 127, 128, 16383, 16384, 100000};
    static uint8_t body[100000];
    memset(body, 0x40, sizeof(body));
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        struct buf stream CLEANUP(buf_finish) = BUF_INIT(200000);
        buf_append_byte(&stream, 0x30);
        uint32_t left = sizes[i];
        do {
            buf_append_byte(&stream, (uint8_t)((left & 0x7f) | (left > 0x7f ? 0x80 : 0)));
            left >>= 7;
        } while (left > 0);
        buf_append(&stream, body, sizes[i]);
        const size_t whole = stream.size;
        buf_append_str(&stream, STR(PUBACK));
        struct relay relay CLEANUP(relay_finish);
        relay_init(&relay);
        relay_filter(&relay, (const uint8_t *)stream.data, stream.size);
        assert_int_equal(relay.up.size, whole);
        assert_memory_equal(relay.up.data, stream.data, whole);
    }
}

static void our_acknowledgement_waits_for_the_end_of_a_packet(void **state)
{
    (void)state;
    const uint8_t *publish = (const uint8_t *)PUBLISH;
    struct relay relay CLEANUP(relay_finish);
    relay_init(&relay);
    relay_filter(&relay, publish, 3);
    relay_acknowledge(&relay, 0x1234);
    relay_acknowledge(&relay, 0x1235);
    relay_filter(&relay, publish + 3, 2);
    assert_int_equal(relay.up.size, 5);
    relay_filter(&relay, publish + 5, sizeof(PUBLISH) - 1 - 5);
    assert_true(str_equal(buf_str(&relay.up), STR(PUBLISH "\x40\x02\x12\x34"
                                                          "\x40\x02\x12\x35")));

    /* Between packets it need not wait. */
    relay_acknowledge(&relay, 1);
    assert_int_equal(relay_take(&relay, NULL), IOTHUB_OK);
    assert_int_equal(relay.up.size, sizeof(PUBLISH) - 1 + 3 * sizeof(PUBACK) - 3);
}

static void a_closed_relay_forgets(void **state)
{
    (void)state;
    struct relay relay CLEANUP(relay_finish);
    relay_init(&relay);
    relay_filter(&relay, (const uint8_t *)PUBLISH, 3);
    relay_acknowledge(&relay, 1);
    relay_close(&relay);
    relay_filter(&relay, (const uint8_t *)PINGREQ, 2);
    assert_true(str_equal(buf_str(&relay.up), STR(PINGREQ)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_acknowledgements_are_dropped_however_the_stream_is_cut),
        cmocka_unit_test(every_size_of_packet_is_walked),
        cmocka_unit_test(our_acknowledgement_waits_for_the_end_of_a_packet),
        cmocka_unit_test(a_closed_relay_forgets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
