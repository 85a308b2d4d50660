/* SPDX-License-Identifier: MIT */
#include "clients/device/messages_internal.h"

#include <stdio.h>

#include "check.h"

static void good_messages_are_let_through_and_others_are_told_why(void **state)
{
    (void)state;
    static const struct iothub_device_property fine = {"a b", "c"};
    static const struct iothub_device_property nameless = {"", "c"};
    static const struct iothub_device_property null_name = {NULL, "c"};
    static const struct iothub_device_property system = {"$.mid", "c"};
    static const struct iothub_device_property latin = {"a", "\xe4"};
    static const struct iothub_device_property no_value = {"a", NULL};
    static char id[130];
    static const char body[256 * 1024 + 1];
    memset(id, 'x', sizeof(id) - 1);
    const struct {
        struct iothub_device_message message;
        bool from_module;
        const char *says; /* NULL: fine */
    } rows[] = {
        {{.body = "x", .body_size = 1}, false, NULL},
        {{.body = NULL}, false, NULL}, /* a heartbeat */
        {{.properties = &fine, .property_count = 1}, false, NULL},
        {{.properties = &no_value, .property_count = 1}, false, NULL},
        {{.properties = &nameless, .property_count = 1}, false, "no name"},
        {{.properties = &null_name, .property_count = 1}, false, "no name"},
        {{.properties = &system, .property_count = 1}, false, "members of struct"},
        {{.properties = &latin, .property_count = 1}, false, "not UTF-8"},
        {{.content_type = "\xff"}, false, "content_type is not UTF-8"},
        {{.message_id = id + 1}, false, NULL},
        {{.message_id = id}, false, "at most 128"},
        {{.output = "o"}, true, NULL},
        {{.output = "o"}, false, "no outputs"},
        {{.creation_time_utc = "2026-11-21T19:00:00Z"}, false, NULL},
        {{.creation_time_utc = "yesterday"}, false, "creation_time_utc is \"yesterday\""},
        {{.expiry_time_utc = "21.11.2026"}, false, "expiry_time_utc"},
        {{.body = body, .body_size = 262144}, false, NULL},
        {{.body = body, .body_size = 262145}, false, "262145 bytes of body"},
        {{.body = body, .body_size = 262141, .content_type = "abc"}, false, NULL},
        {{.body = body, .body_size = 262142, .content_type = "abc"}, false, "3 of properties"},
        {{.body = body, .body_size = 262140, .properties = &fine, .property_count = 1},
         false,
         NULL},
        {{.body = body, .body_size = 262141, .properties = &fine, .property_count = 1},
         false,
         "4 of properties"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct iothub_error error = {.text = ""};
        const enum iothub_result result =
            message_check(&rows[i].message, rows[i].from_module, &error);
        assert_int_equal(result, rows[i].says == NULL ? IOTHUB_OK : IOTHUB_INVALID);
        if (rows[i].says != NULL && strstr(error.text, rows[i].says) == NULL) {
            print_error("row %zu: %s\n", i, error.text);
            fail();
        }
    }
}

static void properties_must_fit_into_a_topic(void **state)
{
    (void)state;
    static char value[65535];
    struct iothub_error error = {.text = ""};
    const struct iothub_device_property property = {"p", value};
    const struct iothub_device_message message = {.properties = &property, .property_count = 1};
    memset(value, 'x', sizeof(value) - 1);
    value[65535 - 512 - 2] = '\0';
    assert_int_equal(message_check(&message, false, &error), IOTHUB_OK);
    value[65535 - 512 - 2] = 'x';
    value[65535 - 512 - 1] = '\0';
    assert_int_equal(message_check(&message, false, &error), IOTHUB_INVALID);
    assert_non_null(strstr(error.text, "MQTT topic"));
}

/* The topics that were captured from the real service (device protocol reference, 3). */
static void bags_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *bag;
        const char *system;     /* mid, cid, uid, to, ct, ce, exp, ack, with "-" for none */
        const char *properties; /* "name=value;", "name;" without a value */
    } rows[] = {
        {"", "- - - - - - - -", ""},
        {"%24.mid=f618dedc&%24.to=%2Fdevices%2Fd%2Fmessages%2Fdevicebound&key1=value1&key2=v2",
         "f618dedc - - /devices/d/messages/devicebound - - - -", "key1=value1;key2=v2;"},
        {"%24.to=%2Fd&%24.ct=text%2Fplain%3B%20charset%3DUTF-8&%24.ce=utf-8&bbb=bbbb&aaa=aaaa",
         "- - - /d text/plain; charset=UTF-8 utf-8 - -", "bbb=bbbb;aaa=aaaa;"},
        {"%24.to=%2Fd&%24.cid=c&%24.uid=u&%24.exp=2026-11-21T19%3A00%3A00.0000000Z&iothub-ack=full",
         "- c u /d - - 2026-11-21T19:00:00.0000000Z full", ""},
        {"$.mid=1&a+b=c+d", "1 - - - - - - -", "a+b=c+d;"}, /* plus is no space */
        {"null&empty=", "- - - - - - - -", "null;empty=;"},
        {"%24.cdid=x&%24.cmid=y&a=b", "- - - - - - - -", "a=b;"},
        {"%24.sub=s&%24.on=o", "- - - - - - - -", ""}, /* not for us */
        {"%24.mid", " - - - - - - -", ""},
        {"x=%C3%A9%26%3D%25", "- - - - - - - -", "x=\xc3\xa9&=%;"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct arena arena CLEANUP(arena_finish) = ARENA_INIT(65536);
        struct buf seen CLEANUP(buf_finish) = BUF_INIT(65536);
        struct iothub_device_message message;
        assert_int_equal(message_read_bag(str_from(rows[i].bag), &arena, &message), STATUS_OK);
        const char *const system[] = {
            message.message_id,   message.correlation_id,   message.user_id,         message.to,
            message.content_type, message.content_encoding, message.expiry_time_utc, message.ack};
        for (size_t k = 0; k < ARRAY_SIZE(system); k++) {
            buf_append_format(&seen, "%s%s", k > 0 ? " " : "", system[k] == NULL ? "-" : system[k]);
        }
        assert_str_equal(buf_str(&seen), rows[i].system);
        buf_clear(&seen);
        for (size_t k = 0; k < message.property_count; k++) {
            const struct iothub_device_property *property = &message.properties[k];
            buf_append_format(&seen, "%s%s%s;", property->name, property->value == NULL ? "" : "=",
                              property->value == NULL ? "" : property->value);
        }
        assert_str_equal(buf_str(&seen), rows[i].properties);
    }
}

static void what_is_written_is_read_again(void **state)
{
    (void)state;
    static const struct iothub_device_property properties[] = {
        {"k/&=%+ ", "v\xc3\xa9/&=%+ "},
        {"none", NULL},
        {"", "x"},
    };
    const struct iothub_device_message sent = {
        .message_id = "m/1",
        .content_type = "a; b=c",
        .properties = properties,
        .property_count = 2,
    };
    struct arena arena CLEANUP(arena_finish) = ARENA_INIT(65536);
    struct buf bag CLEANUP(buf_finish) = BUF_INIT(65536);
    struct iothub_device_message message;
    message_append_bag(&bag, &sent);
    assert_int_equal(message_read_bag(buf_str(&bag), &arena, &message), STATUS_OK);
    assert_string_equal(message.message_id, "m/1");
    assert_string_equal(message.content_type, "a; b=c");
    assert_int_equal(message.property_count, 2);
    assert_string_equal(message.properties[0].name, properties[0].name);
    assert_string_equal(message.properties[0].value, properties[0].value);
    assert_null(message.properties[1].value);
}

static void read_one(void *ctx)
{
    (void)ctx;
    struct arena arena CLEANUP(arena_finish) = ARENA_INIT(65536);
    struct iothub_device_message message;
    const enum status status = message_read_bag(STR("%24.mid=1&a=b&c"), &arena, &message);
    assert_true(status == STATUS_OK || status == STATUS_NO_MEMORY);
    const struct iothub_device_message sent = {.message_id = "m"};
    struct iothub_error error;
    const enum iothub_result result = message_check(&sent, false, &error);
    assert_true(result == IOTHUB_OK || result == IOTHUB_NO_MEMORY);
}

static void refused_memory_is_told(void **state)
{
    (void)state;
    check_under_failing_allocations(read_one, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_messages_are_let_through_and_others_are_told_why),
        cmocka_unit_test(properties_must_fit_into_a_topic),
        cmocka_unit_test(bags_are_read),
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(refused_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
