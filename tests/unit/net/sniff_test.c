/* SPDX-License-Identifier: MIT */
#include "net/sniff_internal.h"

#include "check.h"

static const struct {
    struct str first;
    enum sniffed what;
} starts[] = {
    {{"\x16", 1}, SNIFFED_TLS},
    {{"\x16\x03", 2}, SNIFFED_TLS},
    {{"\x16\x03\x01\x02\x00", 5}, SNIFFED_TLS},
    {{"\x16\x02", 2}, SNIFFED_GARBAGE},
    {{"\x15\x03", 2}, SNIFFED_GARBAGE},
    {{"GET /", 5}, SNIFFED_HTTP},
    {{"GET", 3}, SNIFFED_GARBAGE}, /* not yet */
    {{"get /", 5}, SNIFFED_GARBAGE},
    {{"PUT /a", 6}, SNIFFED_HTTP},
    {{"POST /a", 7}, SNIFFED_HTTP},
    {{"HEAD /a", 7}, SNIFFED_HTTP},
    {{"PATCH /a", 8}, SNIFFED_HTTP},
    {{"DELETE /a", 9}, SNIFFED_HTTP},
    {{"OPTIONS *", 9}, SNIFFED_HTTP},
    {{"CONNECT a:1", 11}, SNIFFED_HTTP},
    {{"PRI * HTTP/2.0\r\n", 16}, SNIFFED_HTTP},
    {{"AMQP\x00\x01\x00\x00", 8}, SNIFFED_AMQP},
    {{"AMQP\x03\x01\x00\x00", 8}, SNIFFED_AMQP},
    {{"SSH-2.0-x", 9}, SNIFFED_SSH},
    {{"\x10\x0c\x00\x04MQTT\x04", 9}, SNIFFED_MQTT},
    {{"\x10\x80\x01\x00\x04MQTT\x04", 10}, SNIFFED_MQTT},
    {{"\x10\xff\xff\xff\x7f\x00\x04MQTT\x05", 12}, SNIFFED_MQTT},
    {{"\x10\x0e\x00\x06MQIsdp\x03", 11}, SNIFFED_MQTT},
    {{"\x10\x0c\x00\x04MQT", 7}, SNIFFED_GARBAGE},
    {{"\x10\x0c\x00\x04HTTP\x04", 9}, SNIFFED_GARBAGE},
    {{"\x30\x0c\x00\x04MQTT\x04", 9}, SNIFFED_GARBAGE},
    {{"\x00", 1}, SNIFFED_GARBAGE},
    {{"", 0}, SNIFFED_GARBAGE},
};

static void first_bytes_tell_the_protocol(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
        if (sniff(starts[i].first) != starts[i].what) {
            print_error("row %zu\n", i);
            assert_int_equal(sniff(starts[i].first), starts[i].what);
        }
    }
}

static void everything_has_a_name(void **state)
{
    (void)state;
    for (int what = SNIFFED_TLS; what <= SNIFFED_GARBAGE; what++) {
        assert_true(strlen(sniffed_text((enum sniffed)what)) > 5);
    }
    assert_string_equal(sniffed_text(SNIFFED_MQTT), "a plain MQTT CONNECT");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_bytes_tell_the_protocol),
        cmocka_unit_test(everything_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
