/* SPDX-License-Identifier: MIT */
#include "clients/messaging/feedback_internal.h"

#include "check.h"

static const char batch[] =
    "[{\"originalMessageId\":\"m1\",\"deviceGenerationId\":\"7\",\"deviceId\":\"d1\","
    "\"enqueuedTimeUtc\":\"2026-11-21T11:00:00.000Z\",\"statusCode\":\"Success\","
    "\"description\":\"ok\"},{\"statusCode\":3}]";

static void fill(struct message *message, const char *body)
{
    message_init(message);
    message->annotations = cJSON_CreateObject();
    (void)cJSON_AddNumberToObject(message->annotations, "iothub-enqueuedtime", 1900000000000.0);
    buf_append_str(&message->body, str_from(body));
}

static void a_batch_has_its_records(void **state)
{
    (void)state;
    struct message message CLEANUP(message_finish);
    struct feedback *feedback = NULL;
    fill(&message, batch);
    assert_int_equal(feedback_read(&message, &feedback, NULL), STATUS_OK);
    assert_int_equal(feedback->shown.count, 2);
    assert_int_equal(feedback->shown.enqueued_ms, 1900000000000);
    const struct iothub_feedback_record *record = &feedback->shown.records[0];
    assert_string_equal(record->message_id, "m1");
    assert_string_equal(record->device_id, "d1");
    assert_string_equal(record->device_generation_id, "7");
    assert_string_equal(record->status, "Success");
    assert_string_equal(record->description, "ok");
    assert_string_equal(record->enqueued_time, "2026-11-21T11:00:00.000Z");
    assert_string_equal(feedback->shown.records[1].status, "");
    iothub_feedback_destroy(&feedback->shown);
}

static void what_is_no_batch_is_explained(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "{}", "[{]", "7"};
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        struct message message CLEANUP(message_finish);
        struct problem problem = {.text = ""};
        struct feedback *feedback = NULL;
        fill(&message, wrong[i]);
        assert_int_equal(feedback_read(&message, &feedback, &problem), STATUS_INVALID);
        assert_null(feedback);
        assert_non_null(strstr(problem.text, "feedback"));
    }
}

static void read_batch(void *ctx)
{
    struct feedback *feedback = NULL;
    const enum status status = feedback_read(ctx, &feedback, NULL);
    assert_true(status == STATUS_OK || status == STATUS_NO_MEMORY);
    feedback_destroy(feedback);
}

static void a_refused_allocation_is_told(void **state)
{
    (void)state;
    struct message message CLEANUP(message_finish);
    mem_use_for_json();
    fill(&message, batch);
    check_under_failing_allocations(read_batch, &message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_has_its_records),
        cmocka_unit_test(what_is_no_batch_is_explained),
        cmocka_unit_test(a_refused_allocation_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
