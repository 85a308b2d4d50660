/* SPDX-License-Identifier: MIT */
/* Any bytes, read by the messaging library as a message: an event, a batch of feedback, an answer.
 */
#include <assert.h>

#include "clients/messaging/event_internal.h"
#include "clients/messaging/feedback_internal.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct message message CLEANUP(message_finish);
    struct problem problem = {.text = "", .offset = PROBLEM_NO_OFFSET};
    struct feedback *feedback = NULL;
    message_init(&message);
    if (message_read(str_of(data, size), &message, &problem) != STATUS_OK) {
        assert(problem.text[0] != '\0' && problem.offset < size);
        return 0;
    }
    assert(cJSON_IsObject(message.annotations) && cJSON_IsObject(message.properties) &&
           cJSON_IsObject(message.application));
    const struct iothub_event event = event_of(&message, "0");
    assert(event.body != NULL && event.offset != NULL && event.device_id != NULL);
    if (feedback_read(&message, &feedback, &problem) == STATUS_OK) {
        for (size_t i = 0; i < feedback->shown.count; i++) {
            assert(feedback->shown.records[i].status != NULL);
        }
    }
    feedback_destroy(feedback);
    return 0;
}
