/* SPDX-License-Identifier: MIT */
#include "clients/messaging/message_internal.h"

#include "check.h"
#include "clients/messaging/event_internal.h"

struct bytes {
    uint8_t data[200];
    size_t size;
};

/* All that an event of a hub's has, as the wire shows it. */
static const uint8_t event_bytes[] =
    {
        0x00, 0x53, 0x70, 0xc0, 0x02, 0x01, 0x41, /* header: durable */
        0x00, 0x53, 0x72, 0xc1, 0x4a, 0x06,       /* annotations */
        0xa3, 0x15, 'x',  '-',  'o',  'p',  't',  '-',  's',  'e',  'q',  'u',  'e',
        'n',  'c',  'e',  '-',  'n',  'u',  'm',  'b',  'e',  'r',  0x55, 0x07, /* long 7 */
        0xa3, 0x0c, 'x',  '-',  'o',  'p',  't',  '-',  'o',  'f',  'f',  's',  'e',
        't',  0xa1, 0x02, '4',  '2', /* string "42" */
        0xa3, 0x13, 'x',  '-',  'o',  'p',  't',  '-',  'e',  'n',  'q',  'u',  'e',
        'u',  'e',  'd',  '-',  't',  'i',  'm',  'e',  0x83, 0x00, 0x00, 0x01, 0x9a,
        0x00, 0x00, 0x00, 0x00,             /* timestamp */
        0x00, 0x53, 0x73, 0xc0, 0x0e, 0x07, /* properties */
        0xa1, 0x02, 'm',  '1',  0xa0, 0x02, 0xff, 0x00, 0x40, 0x40, 0x40, 0x40, 0x40,
        0x00, 0x53, 0x74, 0xc1, 0x07, 0x02, 0xa1, 0x01, 'k',  0xa1, 0x01, 'v', /* application */
        0x00, 0x53, 0x75, 0xa0, 0x02, 'h',  'i',                               /* data, twice */
        0x00, 0x53, 0x75, 0xa0, 0x01, '!',
};

static enum status read_bytes(const void *data, size_t size, struct message *message)
{
    return message_read(str_of(data, size), message, NULL);
}

static void an_event_is_read_whole(void **state)
{
    (void)state;
    struct message message CLEANUP(message_finish);
    message_init(&message);
    assert_int_equal(read_bytes(event_bytes, sizeof(event_bytes), &message), STATUS_OK);
    const struct iothub_event event = event_of(&message, "3");
    assert_str_equal(str_of(event.body, event.body_size), "hi!");
    assert_int_equal(event.sequence_number, 7);
    assert_string_equal(event.offset, "42");
    assert_int_equal(event.enqueued_ms, INT64_C(0x19a00000000));
    assert_string_equal(event.partition, "3");
    assert_string_equal(event.device_id, "");
    assert_string_equal(event.content_type, "");
    struct buf text CLEANUP(buf_finish) = BUF_INIT(1000);
    json_append_tree(&text, message.properties);
    json_append_tree(&text, message.application);
    assert_str_equal(buf_str(&text), "{\"message_id\":\"m1\",\"user_id\":\"/wA=\"}{\"k\":\"v\"}");
}

static void a_message_that_is_cut_is_refused(void **state)
{
    (void)state;
    size_t whole = 0;
    for (size_t size = 0; size < sizeof(event_bytes); size++) {
        struct message message CLEANUP(message_finish);
        message_init(&message);
        whole += read_bytes(event_bytes, size, &message) == STATUS_OK ? 1 : 0;
    }
    assert_int_equal(whole, 6); /* nothing, and between two sections */
}

static void bodies_of_every_kind_are_shown(void **state)
{
    (void)state;
    static const struct {
        struct bytes bytes;
        const char *body;
    } cases[] = {
        {{{0x00, 0x53, 0x75, 0xa0, 0x00}, 5}, ""},
        {{{0x00, 0x53, 0x77, 0xa1, 0x02, 'h', 'i'}, 7}, "hi"},
        {{{0x00, 0x53, 0x77, 0x40}, 4}, "null"},
        {{{0x00, 0x53, 0x77, 0x41}, 4}, "true"},
        {{{0x00, 0x53, 0x77, 0x54, 0xff}, 5}, "-1"},
        {{{0x00, 0x53, 0x77, 0x53, 0xff}, 5}, "255"},
        {{{0x00, 0x53, 0x77, 0x82, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0}, 12}, "1.5"},
        {{{0x00, 0x53, 0x77, 0x73, 0, 0, 0, 'A'}, 8}, "\"U+0041\""},
        {{{0x00, 0x53, 0x77, 0xc0, 0x03, 0x02, 0x41, 0x42}, 8}, "[true,false]"},
        {{{0x00, 0x53, 0x77, 0xc1, 0x04, 0x02, 0x54, 0x01, 0x41}, 9}, "{\"1\":true}"},
        {{{0x00, 0x53, 0x77, 0xc1, 0x03, 0x01, 0x54, 0x01}, 8}, "{\"1\":null}"},
        {{{0x00, 0x53, 0x77, 0xe0, 0x06, 0x02, 0xa1, 0x01, 'a', 0x01, 'b'}, 11}, "[\"a\",\"b\"]"},
        {{{0x00, 0x53, 0x77, 0x00, 0x53, 0x05, 0xa1, 0x01, 'x'}, 9}, "\"x\""},
        {{{0x00, 0x53, 0x77, 0x98, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, 20},
         "\"01020304-0506-0708-090a-0b0c0d0e0f10\""},
        {{{0x00, 0x53, 0x76, 0xc0, 0x02, 0x01, 0x41}, 7}, "[true]"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct message message CLEANUP(message_finish);
        message_init(&message);
        assert_int_equal(read_bytes(cases[i].bytes.data, cases[i].bytes.size, &message), STATUS_OK);
        assert_str_equal(buf_str(&message.body), cases[i].body);
    }
}

static void what_is_no_section_is_refused(void **state)
{
    (void)state;
    static const struct bytes cases[] = {
        {{0x40}, 1},
        {{0x00, 0x53}, 2},
        {{0x00, 0xa3, 0x01, 'x', 0x40}, 5},
        {{0xa0, 0x05, 'x'}, 3},
        {{0xff, 0xff, 0xff, 0xff}, 4},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct message message CLEANUP(message_finish);
        struct problem problem = {.text = ""};
        message_init(&message);
        assert_int_equal(message_read(str_of(cases[i].data, cases[i].size), &message, &problem),
                         STATUS_INVALID);
        assert_non_null(strstr(problem.text, "byte 0"));
    }
}

/* ---- written ---- */

static const struct iothub_message_property properties[] = {{"k", "v"}, {"empty", NULL}};

static const struct iothub_c2d_message full = {
    .device_id = "a b%",
    .module_id = "m",
    .body = "\x00\xff",
    .body_size = 2,
    .message_id = "m1",
    .correlation_id = "c1",
    .user_id = "u1",
    .content_type = "application/json",
    .content_encoding = "utf-8",
    .ack = IOTHUB_ACK_NEGATIVE,
    .expiry_ms = 1900000000000,
    .properties = properties,
    .property_count = ARRAY_SIZE(properties),
};

static void a_message_to_a_device_has_all_that_was_given(void **state)
{
    (void)state;
    struct buf bytes CLEANUP(buf_finish) = BUF_INIT(MESSAGE_SIZE_MAX);
    struct buf text CLEANUP(buf_finish) = BUF_INIT(2000);
    struct message message CLEANUP(message_finish);
    message_init(&message);
    assert_int_equal(message_write_device(&full, &bytes, NULL), STATUS_OK);
    assert_int_equal(message_read(buf_str(&bytes), &message, NULL), STATUS_OK);
    assert_int_equal(message.body.size, 2);
    assert_memory_equal(message.body.data, "\x00\xff", 2);
    json_append_tree(&text, message.properties);
    json_append_tree(&text, message.application);
    assert_str_equal(buf_str(&text),
                     "{\"message_id\":\"m1\",\"user_id\":\"u1\","
                     "\"to\":\"/devices/a%20b%25/modules/m/messages/devicebound\","
                     "\"correlation_id\":\"c1\",\"content_type\":\"application/json\","
                     "\"content_encoding\":\"utf-8\",\"absolute_expiry_time\":1900000000000}"
                     "{\"iothub-ack\":\"negative\",\"k\":\"v\",\"empty\":\"\"}");
}

static void a_plain_message_has_no_more_than_it_needs(void **state)
{
    (void)state;
    struct buf bytes CLEANUP(buf_finish) = BUF_INIT(MESSAGE_SIZE_MAX);
    struct buf text CLEANUP(buf_finish) = BUF_INIT(2000);
    struct message message CLEANUP(message_finish);
    const struct iothub_c2d_message plain = {.device_id = "d", .message_id = ""};
    message_init(&message);
    assert_int_equal(message_write_device(&plain, &bytes, NULL), STATUS_OK);
    assert_int_equal(message_read(buf_str(&bytes), &message, NULL), STATUS_OK);
    assert_int_equal(message.body.size, 0);
    json_append_tree(&text, message.properties);
    json_append_tree(&text, message.application);
    assert_str_equal(buf_str(&text), "{\"to\":\"/devices/d/messages/devicebound\"}"
                                     "{\"iothub-ack\":\"none\"}");
}

static void what_cannot_be_sent_is_explained(void **state)
{
    (void)state;
    static const struct iothub_message_property nameless[] = {{"k", "v"}, {"", "v"}};
    const struct {
        struct iothub_c2d_message message;
        const char *words;
    } cases[] = {
        {{.device_id = NULL}, "device"},
        {{.device_id = ""}, "device"},
        {{.device_id = "d", .properties = nameless, .property_count = 2}, "property 1"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct buf bytes CLEANUP(buf_finish) = BUF_INIT(MESSAGE_SIZE_MAX);
        struct problem problem = {.text = ""};
        assert_int_equal(message_write_device(&cases[i].message, &bytes, &problem), STATUS_INVALID);
        assert_non_null(strstr(problem.text, cases[i].words));
        assert_int_equal(bytes.size, 0);
    }
}

static void a_request_says_whom_to_answer(void **state)
{
    (void)state;
    struct buf bytes CLEANUP(buf_finish) = BUF_INIT(MESSAGE_SIZE_MAX);
    struct buf text CLEANUP(buf_finish) = BUF_INIT(2000);
    struct message message CLEANUP(message_finish);
    const struct message_request request = {
        .id = "5", .reply_to = "r", .pairs = {{"operation", "READ"}}, .body = "token"};
    message_init(&message);
    assert_int_equal(message_write_request(&request, &bytes), STATUS_OK);
    assert_int_equal(message_read(buf_str(&bytes), &message, NULL), STATUS_OK);
    json_append_tree(&text, message.properties);
    json_append_tree(&text, message.application);
    assert_str_equal(buf_str(&text), "{\"message_id\":\"5\",\"reply_to\":\"r\"}"
                                     "{\"operation\":\"READ\"}");
    assert_str_equal(buf_str(&message.body), "token");
}

/* ---- without memory ---- */

static void write_and_read(void *ctx)
{
    (void)ctx;
    struct buf bytes CLEANUP(buf_finish) = BUF_INIT(MESSAGE_SIZE_MAX);
    struct message message CLEANUP(message_finish);
    message_init(&message);
    enum status status = message_write_device(&full, &bytes, NULL);
    assert_true(status == STATUS_OK || status == STATUS_NO_MEMORY);
    status = read_bytes(event_bytes, sizeof(event_bytes), &message);
    assert_true(status == STATUS_OK || status == STATUS_NO_MEMORY);
}

static void a_refused_allocation_is_told(void **state)
{
    (void)state;
    mem_use_for_json();
    check_under_failing_allocations(write_and_read, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_read_whole),
        cmocka_unit_test(a_message_that_is_cut_is_refused),
        cmocka_unit_test(bodies_of_every_kind_are_shown),
        cmocka_unit_test(what_is_no_section_is_refused),
        cmocka_unit_test(a_message_to_a_device_has_all_that_was_given),
        cmocka_unit_test(a_plain_message_has_no_more_than_it_needs),
        cmocka_unit_test(what_cannot_be_sent_is_explained),
        cmocka_unit_test(a_request_says_whom_to_answer),
        cmocka_unit_test(a_refused_allocation_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
