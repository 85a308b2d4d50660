/* SPDX-License-Identifier: MIT */
#include "https/https_internal.h"

#include <stdio.h>

#include "check.h"

struct batch {
    struct arena arena;
    cJSON *tree;
    enum hub_code code;
    struct problem problem;
    struct hub_message *messages;
    size_t count;
};

static void batch_finish(struct batch *batch)
{
    cJSON_Delete(batch->tree);
    arena_finish(&batch->arena);
}

static struct batch read_batch(struct str text)
{
    struct batch batch = {.arena = ARENA_INIT(8U << 20)};
    assert_int_equal(json_parse(text, &batch.tree, NULL), STATUS_OK);
    batch.code =
        https_batch_read(batch.tree, &batch.arena, &batch.messages, &batch.count, &batch.problem);
    return batch;
}

/* Device protocol reference, 8.2: Node leaves base64Encoded out, the C SDK writes false. */
static void bodies_come_in_base64_unless_they_say_otherwise(void **state)
{
    (void)state;
    CLEANUP(batch_finish)
    struct batch batch =
        read_batch(STR("[{\"body\":\"aGVsbG8=\"},{\"body\":\"aGVsbG8=\",\"base64Encoded\":true},"
                       "{\"body\":\"aGVsbG8=\",\"base64Encoded\":false},{}]"));
    assert_int_equal(batch.code, HUB_OK);
    assert_int_equal(batch.count, 4);
    assert_str_equal(batch.messages[0].body, "hello");
    assert_str_equal(batch.messages[1].body, "hello");
    assert_str_equal(batch.messages[2].body, "aGVsbG8=");
    assert_str_equal(batch.messages[3].body, "");
}

static void properties_are_told_apart_by_their_names(void **state)
{
    (void)state;
    CLEANUP(batch_finish)
    struct batch batch = read_batch(
        STR("[{\"body\":\"\",\"properties\":{\"iothub-app-Key\":\"v\",\"IoTHub-MessageId\":\"m1\","
            "\"iothub-contenttype\":\"application/json\",\"iothub-app-n\":null,"
            "\"iothub-app-i\":12,\"iothub-app-b\":true,\"dt-subject\":\"thermo\","
            "\"plain\":\"kept\",\"iothub-operation\":\"d2c\"}}]"));
    assert_int_equal(batch.code, HUB_OK);
    const struct hub_message *message = &batch.messages[0];
    assert_int_equal(message->system_count, 3);
    assert_str_equal(message->system[0].name, "messageId");
    assert_str_equal(message->system[0].value, "m1");
    assert_str_equal(message->system[1].name, "contentType");
    assert_str_equal(message->system[2].name, "componentName");
    assert_int_equal(message->application_count, 5);
    assert_str_equal(message->application[4].name, "plain");
    assert_str_equal(message->application[4].value, "kept");
    assert_str_equal(message->application[0].name, "Key");
    assert_str_equal(message->application[0].value, "v");
    assert_null(message->application[1].value.data);
    assert_str_equal(message->application[2].value, "12");
    assert_str_equal(message->application[3].value, "true");
}

static void a_bad_element_is_named_and_nothing_is_taken(void **state)
{
    (void)state;
    static const struct {
        const char *text, *problem;
    } cases[] = {
        {"[]", "the batch holds no message"},
        {"[{},7]", "message 1 of the batch: not an object"},
        {"[{\"body\":5}]", "message 0 of the batch: 'body' must be a string"},
        {"[{\"body\":\"a\"}]", "message 0 of the batch: 'body' is not base64 (set base64Encoded to "
                               "false for text)"},
        {"[{\"base64Encoded\":\"no\"}]",
         "message 0 of the batch: 'base64Encoded' must be true or false"},
        {"[{\"properties\":[]}]", "message 0 of the batch: 'properties' must be an object"},
        {"[{\"properties\":{\"iothub-app-k\":{}}}]",
         "message 0 of the batch: property 'iothub-app-k' must be a string"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(batch_finish) struct batch batch = read_batch(str_from(cases[i].text));
        assert_int_equal(batch.code, HUB_ARGUMENT_INVALID);
        assert_string_equal(batch.problem.text, cases[i].problem);
        assert_null(batch.messages);
    }
}

static enum hub_code code_of_repeated(const char *element, size_t count)
{
    CLEANUP(buf_finish) struct buf text = BUF_INIT(1U << 20);
    buf_append_byte(&text, '[');
    for (size_t i = 0; i < count; i++) {
        buf_append_str(&text, i == 0 ? STR_EMPTY : STR(","));
        buf_append_str(&text, str_from(element));
    }
    buf_append_byte(&text, ']');
    CLEANUP(batch_finish) struct batch batch = read_batch(buf_str(&text));
    return batch.code;
}

static void both_sides_of_the_limits(void **state)
{
    (void)state;
    assert_int_equal(code_of_repeated("{}", HTTPS_BATCH_MAX), HUB_OK);
    assert_int_equal(code_of_repeated("{}", HTTPS_BATCH_MAX + 1), HUB_MESSAGE_TOO_LARGE);

    static char element[4096];
    const size_t size = 2048;
    const int head = snprintf(element, sizeof(element), "{\"base64Encoded\":false,\"body\":\"");
    memset(element + head, 'a', size);
    (void)snprintf(element + (size_t)head + size, 8, "\"}");
    assert_int_equal(code_of_repeated(element, HUB_MESSAGE_SIZE_MAX / size), HUB_OK);
    assert_int_equal(code_of_repeated(element, HUB_MESSAGE_SIZE_MAX / size + 1),
                     HUB_MESSAGE_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_come_in_base64_unless_they_say_otherwise),
        cmocka_unit_test(properties_are_told_apart_by_their_names),
        cmocka_unit_test(a_bad_element_is_named_and_nothing_is_taken),
        cmocka_unit_test(both_sides_of_the_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
