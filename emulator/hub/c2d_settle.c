/* SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "base/json.h"
#include "hub/hub_internal.h"

enum {
    LIST_ARENA_MAX = 4 << 20,
    ENDED_PER_RUN = 256, /* messages whose time is over: with more the timer fires again */
};

static const char *const outcome_names[] = {
    [HUB_OUTCOME_COMPLETED] = "completed",
    [HUB_OUTCOME_REJECTED] = "rejected",
    [HUB_OUTCOME_EXPIRED] = "expired",
    [HUB_OUTCOME_DELIVERY_COUNT_EXCEEDED] = "deliveryCountExceeded",
    [HUB_OUTCOME_PURGED] = "purged",
    [HUB_OUTCOME_ABANDONED] = "abandoned",
    [HUB_OUTCOME_RELEASED] = "released",
    [HUB_OUTCOME_LOCK_OVER] = "lockTimedOut",
};

static void note_settled(struct hub *hub, const struct storage_message *message,
                         enum hub_outcome outcome)
{
    CLEANUP(buf_finish) struct buf detail = BUF_INIT(HUB_SCRATCH_MAX);
    buf_append_format(&detail, "{\"outcome\":\"%s\",\"sequenceNumber\":%" PRId64,
                      outcome_names[outcome], message->id);
    if (message->message_id.data != NULL) {
        buf_append_str(&detail, STR(",\"messageId\":"));
        json_append_string(&detail, message->message_id);
    }
    hub_c2d_event(hub, HUB_EVENT_C2D_SETTLED, message->key, &detail, (struct str){0});
}

/* ---- out of the queue, or back into it ---- */

enum status hub_c2d_note_out(struct hub *hub, const struct storage_message *message,
                             enum hub_outcome outcome)
{
    note_settled(hub, message, outcome);
    return hub_feedback_note(hub, message, outcome);
}

static enum status take_out(struct hub *hub, const struct storage_message *message,
                            enum hub_outcome outcome)
{
    hub_c2d_forget_held(hub_link_find(hub, message->identity));
    const enum status status = storage_message_delete(hub->storage, message);
    return status == STATUS_OK ? hub_c2d_note_out(hub, message, outcome) : status;
}

static enum status give_back(struct hub *hub, const struct storage_message *message,
                             enum hub_outcome outcome, bool counts)
{
    const uint32_t delivery_count = message->delivery_count + (counts ? 1 : 0);
    if (delivery_count >= hub->settings.c2d_deliveries_max) {
        return take_out(hub, message, HUB_OUTCOME_DELIVERY_COUNT_EXCEEDED);
    }
    hub_c2d_forget_held(hub_link_find(hub, message->identity));
    const enum status status = storage_message_unlock(hub->storage, message, delivery_count);
    if (status != STATUS_OK) {
        return status;
    }
    note_settled(hub, message, outcome);
    hub_c2d_due(hub, message->expires_us); /* it does not expire while it is locked */
    hub_c2d_nudge(hub_link_find(hub, message->identity));
    return STATUS_OK;
}

static enum status settle(struct hub *hub, const struct storage_message *message,
                          enum hub_settlement settlement)
{
    switch (settlement) {
    case HUB_COMPLETE:
        return take_out(hub, message, HUB_OUTCOME_COMPLETED);
    case HUB_REJECT:
        return take_out(hub, message, HUB_OUTCOME_REJECTED);
    case HUB_ABANDON:
        return give_back(hub, message, HUB_OUTCOME_ABANDONED, true);
    case HUB_RELEASE:
        break;
    }
    return give_back(hub, message, HUB_OUTCOME_RELEASED, false);
}

/* Finds the message by its lock. */
static enum hub_code settle_stored(struct hub *hub, struct identity_key key,
                                   const struct guid *lock_token, enum hub_settlement settlement,
                                   struct problem *problem)
{
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(HUB_READ_ARENA_MAX);
    struct storage_identity *identity = NULL;
    const enum hub_code code = hub_identity_get(hub, key, &arena, &identity, problem);
    if (code != HUB_OK) {
        return code;
    }
    struct storage_message *message = NULL;
    enum status status = storage_message_find(hub->storage, identity->id, lock_token,
                                              hub_now_us(hub), &arena, &message);
    if (status == STATUS_OK && message == NULL) {
        char token[GUID_TEXT_SIZE];
        guid_text(lock_token, token);
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "no message of '%.*s' is locked by %s: its lock timed out, or it was settled "
                    "or purged before",
                    STR_ARG(key.device), token);
        return HUB_DEVICE_MESSAGE_LOCK_LOST;
    }
    if (status == STATUS_OK) {
        status = settle(hub, message, settlement);
    }
    return status == STATUS_OK ? HUB_OK : hub_fail(hub, status, problem);
}

enum hub_code hub_c2d_settle(struct hub *hub, struct identity_key key,
                             const struct guid *lock_token, enum hub_settlement settlement,
                             struct problem *problem)
{
    bool done = false;
    enum status status = hub_c2d_fresh_write(hub);
    if (status == STATUS_OK && (settlement == HUB_COMPLETE || settlement == HUB_REJECT)) {
        status = hub_c2d_take_out_held(
            hub, key, lock_token,
            settlement == HUB_COMPLETE ? HUB_OUTCOME_COMPLETED : HUB_OUTCOME_REJECTED, &done);
    }
    if (status != STATUS_OK) {
        return hub_fail(hub, status, problem);
    }
    const enum hub_code code =
        done ? HUB_OK : settle_stored(hub, key, lock_token, settlement, problem);
    return code == HUB_OK && hub->failed ? HUB_SERVER_ERROR : code;
}

enum hub_code hub_c2d_purge(struct hub *hub, struct identity_key key, size_t *ret_count,
                            struct problem *problem)
{
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(HUB_READ_ARENA_MAX);
    struct storage_identity *identity = NULL;
    const enum hub_code code = hub_identity_get(hub, key, &arena, &identity, problem);
    if (code != HUB_OK) {
        return code;
    }
    const struct storage_messages_filter filter = {
        .which = STORAGE_MESSAGES_OF, .value = identity->id, .limit = HUB_C2D_QUEUE_MAX};
    struct storage_message **messages = NULL;
    size_t count = 0;
    enum status status = storage_messages_list(hub->storage, &filter, &arena, &messages, &count);
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        status = take_out(hub, messages[i], HUB_OUTCOME_PURGED);
    }
    if (status != STATUS_OK || hub->failed) {
        return hub_fail(hub, status == STATUS_OK ? STATUS_IO : status, problem);
    }
    *ret_count = count;
    return HUB_OK;
}

void hub_c2d_link_gone(struct hub_link *link)
{
    hub_c2d_forget_held(link);
    if (!link->received_c2d) {
        return;
    }
    enum status status = hub_c2d_fresh_write(link->hub);
    if (status == STATUS_OK) {
        status = storage_messages_unhold(link->hub->storage, link->id);
    }
    if (status != STATUS_OK) {
        (void)hub_fail(link->hub, status, NULL);
        return;
    }
    hub_c2d_due(link->hub, hub_now_us(link->hub)); /* what expired meanwhile goes now */
}

/* ---- time ---- */

static enum status end_locks(struct hub *hub, struct storage_message **messages, size_t count)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        status =
            give_back(hub, messages[i], HUB_OUTCOME_LOCK_OVER, hub->settings.c2d_lock_end_counts);
    }
    return status;
}

static enum status expire(struct hub *hub, struct storage_message **messages, size_t count)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        status = take_out(hub, messages[i], HUB_OUTCOME_EXPIRED);
    }
    return status;
}

static enum status
run_messages(struct hub *hub, enum storage_messages which,
             enum status (*each)(struct hub *hub, struct storage_message **messages, size_t count))
{
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(LIST_ARENA_MAX);
    const struct storage_messages_filter filter = {
        .which = which, .value = hub_now_us(hub), .limit = ENDED_PER_RUN};
    struct storage_message **messages = NULL;
    size_t count = 0;
    const enum status status =
        storage_messages_list(hub->storage, &filter, &arena, &messages, &count);
    return status == STATUS_OK ? each(hub, messages, count) : status;
}

/* Sets the timer for what ends next, from what storage knows. */
static enum status set_timer(struct hub *hub)
{
    int64_t messages_us = INT64_MAX;
    int64_t feedback_us = INT64_MAX;
    enum status status = storage_messages_due(hub->storage, &messages_us);
    if (status == STATUS_OK) {
        status = hub_feedback_next_due(hub, &feedback_us);
    }
    if (status == STATUS_OK) {
        hub_c2d_due(hub, messages_us < feedback_us ? messages_us : feedback_us);
    }
    return status;
}

static void time_is_over(void *ctx)
{
    struct hub *hub = ctx;
    hub->c2d_due_us = INT64_MAX;
    enum status status = run_messages(hub, STORAGE_MESSAGES_LOCK_OVER, end_locks);
    if (status == STATUS_OK) {
        status = run_messages(hub, STORAGE_MESSAGES_EXPIRED, expire);
    }
    if (status == STATUS_OK) {
        status = hub_feedback_run(hub);
    }
    if (status == STATUS_OK) {
        status = set_timer(hub);
    }
    if (status != STATUS_OK) {
        (void)hub_fail(hub, status, NULL);
    }
}

void hub_c2d_due(struct hub *hub, int64_t due_us)
{
    if (due_us < hub->c2d_due_us) {
        hub->c2d_due_us = due_us;
        hub->c2d_timer.fire = time_is_over;
        hub->c2d_timer.ctx = hub;
        hub_timer_start(hub, &hub->c2d_timer, due_us - hub_now_us(hub));
    }
}

void hub_c2d_undone(struct hub *hub)
{
    size_t at = 0;
    for (struct hub_link *link = NULL; (link = map_next(&hub->links, &at)) != NULL;) {
        hub_c2d_forget_held(link);
    }
    /* Not at once: what failed, a full disk say, would fail again and again. */
    hub_c2d_due(hub, hub_now_us(hub) + CLOCK_SECOND);
}

enum status hub_c2d_start(struct hub *hub)
{
    const enum status status = storage_messages_unhold(hub->storage, 0);
    return status == STATUS_OK ? set_timer(hub) : status;
}
