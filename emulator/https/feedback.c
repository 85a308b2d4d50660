/* SPDX-License-Identifier: MIT */
#include "https/https_internal.h"

/* What services fetch: feedback on cloud-to-device messages, and notifications of file uploads, of
 * which there are none (service reference, 2.4, 6.5 and 6.6). */

void https_feedback_receive(struct https_request *request)
{
    struct hub_feedback *feedback = NULL;
    const enum hub_code code = hub_feedback_receive(request->hub, request->arena, &feedback);
    if (code != HUB_OK) {
        https_answer_error(request, code, NULL);
        return;
    }
    if (feedback == NULL) {
        https_answer_empty(request);
        return;
    }
    char enqueued[CLOCK_TEXT_SIZE];
    clock_text_iso(feedback->enqueued_us, enqueued);
    https_answer_header(request, "iothub-enqueuedtime", str_from(enqueued));
    https_answer_header(request, "iothub-userid", hub_name(request->hub));
    buf_append_str(https_answer_body(request), feedback->body);
    https_answer_locked(request, "application/vnd.microsoft.iothub.feedback.json",
                        &feedback->lock_token);
}

static void settle(struct https_request *request, enum hub_settlement settlement)
{
    struct problem problem = {0};
    struct guid token = {.bytes = {0}}; /* messages/serviceBound/feedback/{token} */
    (void)guid_from_text(https_if_match(request->path.segments[3]).etag, &token);
    const enum hub_code code = hub_feedback_settle(request->hub, &token, settlement, &problem);
    if (code != HUB_OK) {
        https_answer_error(request, code, problem.text);
        return;
    }
    https_answer_empty(request);
}

void https_feedback_delete(struct https_request *request)
{
    settle(request, https_is_rejection(request) ? HUB_REJECT : HUB_COMPLETE);
}

void https_feedback_abandon(struct https_request *request)
{
    settle(request, HUB_ABANDON);
}

void https_file_notification_receive(struct https_request *request)
{
    https_answer_empty(request);
}

void https_file_notification_settle(struct https_request *request)
{
    https_answer_error(request, HUB_DEVICE_MESSAGE_LOCK_LOST,
                       "no file notification is locked: the emulator has none");
}
