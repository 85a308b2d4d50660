/* SPDX-License-Identifier: MIT */
#include "clients/messaging/feedback_internal.h"

#include "base/alloc.h"

static const char *text_in(const cJSON *record, const char *name)
{
    const cJSON *member = json_member(record, name);
    return cJSON_IsString(member) ? member->valuestring : "";
}

static struct iothub_feedback_record record_of(const cJSON *record)
{
    return (struct iothub_feedback_record){
        .message_id = text_in(record, "originalMessageId"),
        .device_id = text_in(record, "deviceId"),
        .device_generation_id = text_in(record, "deviceGenerationId"),
        .status = text_in(record, "statusCode"),
        .description = text_in(record, "description"),
        .enqueued_time = text_in(record, "enqueuedTimeUtc"),
    };
}

/* The records of feedback->tree. */
static enum status read_records(struct feedback *feedback)
{
    const size_t count = (size_t)cJSON_GetArraySize(feedback->tree);
    feedback->records = mem_zalloc((count + 1) * sizeof(*feedback->records));
    if (feedback->records == NULL) {
        return STATUS_NO_MEMORY;
    }
    size_t at = 0;
    for (const cJSON *record = feedback->tree->child; record != NULL; record = record->next) {
        feedback->records[at++] = record_of(record);
    }
    feedback->shown.records = feedback->records;
    feedback->shown.count = count;
    return STATUS_OK;
}

static void destroyp(struct feedback **feedback)
{
    feedback_destroy(*feedback);
}

enum status feedback_read(const struct message *message, struct feedback **ret_feedback,
                          struct problem *problem)
{
    struct problem why = {.offset = PROBLEM_NO_OFFSET};
    struct feedback *feedback CLEANUP(destroyp) = mem_zalloc(sizeof(*feedback));
    if (feedback == NULL) {
        return STATUS_NO_MEMORY;
    }
    enum status status = json_parse(buf_str(&message->body), &feedback->tree, &why);
    if (status == STATUS_OK && !cJSON_IsArray(feedback->tree)) {
        problem_set(&why, PROBLEM_NO_OFFSET, "it is no array");
        status = STATUS_INVALID;
    }
    if (status == STATUS_INVALID) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "feedback came that is not as the hub writes it: %s", why.text);
    }
    if (status == STATUS_OK) {
        status = read_records(feedback);
    }
    if (status != STATUS_OK) {
        return status;
    }
    double enqueued_ms = 0;
    (void)json_member_number(message->annotations, "iothub-enqueuedtime", &enqueued_ms);
    feedback->shown.enqueued_ms = (int64_t)enqueued_ms;
    *ret_feedback = TAKE(feedback);
    return STATUS_OK;
}

void feedback_destroy(struct feedback *feedback)
{
    if (feedback != NULL) {
        cJSON_Delete(feedback->tree);
        mem_free(feedback->records);
        mem_free(feedback);
    }
}

void iothub_feedback_destroy(struct iothub_feedback *feedback)
{
    feedback_destroy((struct feedback *)(void *)feedback);
}
