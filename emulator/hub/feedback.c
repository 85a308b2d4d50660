/* SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "base/json.h"
#include "hub/hub_internal.h"

enum {
    RECORDS_MAX = 64,     /* of a batch (service reference, 6.5) */
    RECORD_MAX = 1 << 13, /* bytes: ids of 128 characters, each of them six bytes when escaped */
    BATCH_ARENA_MAX = 4 << 20,
    ENDED_PER_RUN = 64, /* batches whose time is over: with more of them the timer fires again */
};

/* ---- records ---- */

static bool is_wanted(enum hub_ack ack, enum hub_outcome outcome)
{
    const bool success = outcome == HUB_OUTCOME_COMPLETED;
    return ack == HUB_ACK_FULL || (ack == HUB_ACK_POSITIVE && success) ||
           (ack == HUB_ACK_NEGATIVE && !success);
}

static const char *status_code(enum hub_outcome outcome)
{
    static const char *const names[] = {
        [HUB_OUTCOME_COMPLETED] = "Success",
        [HUB_OUTCOME_REJECTED] = "Rejected",
        [HUB_OUTCOME_EXPIRED] = "Expired",
        [HUB_OUTCOME_DELIVERY_COUNT_EXCEEDED] = "DeliveryCountExceeded",
        [HUB_OUTCOME_PURGED] = "Purged",
    };
    return names[outcome];
}

static uint32_t code_point(struct str sequence)
{
    static const uint8_t masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t point = (uint8_t)sequence.data[0] & masks[sequence.size];
    for (size_t i = 1; i < sequence.size; i++) {
        point = point << 6 | ((uint8_t)sequence.data[i] & 0x3f);
    }
    return point;
}

/* ASCII only, since one client reads the bytes one by one (service reference, 6.5). */
static void append_ascii_string(struct buf *out, struct str text)
{
    CLEANUP(buf_finish) struct buf written = BUF_INIT(RECORD_MAX);
    json_append_string(&written, text);
    struct str rest = buf_str(&written);
    while (rest.size > 0) {
        const size_t size = str_utf8_size(rest); /* never 0: the writer writes UTF-8 */
        const uint32_t point = code_point(str_of(rest.data, size));
        if (point < 0x80) {
            buf_append_byte(out, (uint8_t)point);
        } else if (point < 0x10000) {
            buf_append_format(out, "\\u%04x", (unsigned)point);
        } else {
            buf_append_format(out, "\\u%04x\\u%04x", (unsigned)(0xd800 + ((point - 0x10000) >> 10)),
                              (unsigned)(0xdc00 + ((point - 0x10000) & 0x3ff)));
        }
        rest = str_skip(rest, size);
    }
}

static void append_record(struct buf *out, const struct storage_message *message,
                          enum hub_outcome outcome, int64_t now_us)
{
    buf_append_str(out, STR("{\"originalMessageId\":"));
    if (message->message_id.data == NULL) {
        buf_append_str(out, STR("null"));
    } else {
        append_ascii_string(out, message->message_id);
    }
    buf_append_format(out,
                      ",\"deviceGenerationId\":\"%" PRId64 "\",\"deviceId\":", message->generation);
    append_ascii_string(out, message->key.device);
    buf_append_str(out, STR(",\"enqueuedTimeUtc\":\""));
    clock_append_iso(out, now_us);
    const char *code = status_code(outcome);
    buf_append_format(out, "\",\"statusCode\":\"%s\",\"description\":\"%s\"}", code, code);
}

/* ---- batches come into being ---- */

static void nudge(struct hub *hub)
{
    if (list_empty(&hub->feedback_watchers)) {
        return;
    }
    /* Who was first is last this time. */
    struct list *first = hub->feedback_watchers.next;
    list_remove(first);
    list_append(&hub->feedback_watchers, first);
    /* Once each, although watchers may leave or come meanwhile. */
    struct list now;
    list_init(&now);
    while (!list_empty(&hub->feedback_watchers)) {
        struct list *member = hub->feedback_watchers.next;
        list_remove(member);
        list_append(&now, member);
    }
    while (!list_empty(&now)) {
        struct hub_feedback_watcher *watcher =
            LIST_ENTRY(now.next, struct hub_feedback_watcher, link);
        list_remove(&watcher->link);
        list_append(&hub->feedback_watchers, &watcher->link);
        watcher->available(watcher->ctx);
    }
}

static enum status gather(struct hub *hub)
{
    const int64_t now_us = hub_now_us(hub);
    const int64_t expires_us = now_us + hub->settings.feedback_ttl_s * CLOCK_SECOND;
    size_t count = 0;
    const enum status status =
        storage_feedback_gather(hub->storage, RECORDS_MAX, now_us, expires_us, &count);
    if (status != STATUS_OK || count == 0) {
        return status;
    }
    CLEANUP(buf_finish) struct buf detail = BUF_INIT(HUB_SCRATCH_MAX);
    buf_append_format(&detail, "{\"records\":%zu", count);
    hub_c2d_event(hub, HUB_EVENT_FEEDBACK_ENQUEUED, (struct identity_key){0}, &detail,
                  (struct str){0});
    hub_c2d_due(hub, expires_us);
    nudge(hub);
    return STATUS_OK;
}

/* When the records that wait are to be a batch; INT64_MAX: there are none. */
static enum status window_end(struct hub *hub, int64_t *ret_end_us)
{
    size_t count = 0;
    int64_t first_us = INT64_MAX;
    const enum status status = storage_feedback_noted(hub->storage, &count, &first_us);
    if (status != STATUS_OK) {
        return status;
    }
    if (count == 0) {
        *ret_end_us = INT64_MAX;
    } else if (count >= RECORDS_MAX) {
        *ret_end_us = first_us;
    } else {
        *ret_end_us = first_us + hub->settings.feedback_window_ms * (CLOCK_SECOND / 1000);
    }
    return STATUS_OK;
}

enum status hub_feedback_note(struct hub *hub, const struct storage_message *message,
                              enum hub_outcome outcome)
{
    if (!is_wanted((enum hub_ack)message->ack, outcome)) {
        return STATUS_OK;
    }
    const int64_t now_us = hub_now_us(hub);
    CLEANUP(buf_finish) struct buf record = BUF_INIT(RECORD_MAX);
    append_record(&record, message, outcome, now_us);
    enum status status = buf_status(&record);
    int64_t end_us = INT64_MAX;
    if (status == STATUS_OK) {
        status = storage_feedback_note(hub->storage, now_us, buf_str(&record));
    }
    if (status == STATUS_OK) {
        status = window_end(hub, &end_us);
    }
    if (status == STATUS_OK) {
        hub_c2d_due(hub, end_us);
    }
    return status;
}

/* ---- receiving and settling ---- */

enum hub_code hub_feedback_receive(struct hub *hub, struct arena *arena,
                                   struct hub_feedback **ret_feedback)
{
    const int64_t now_us = hub_now_us(hub);
    const int64_t until_us = now_us + hub->settings.feedback_lock_s * CLOCK_SECOND;
    struct storage_feedback *stored = NULL;
    struct hub_feedback *feedback = NULL;
    enum status status = storage_feedback_next(hub->storage, now_us, arena, &stored);
    if (status == STATUS_OK && stored != NULL) {
        feedback = ARENA_NEW(arena, struct hub_feedback);
        status = feedback == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    }
    if (status == STATUS_OK && stored != NULL) {
        *feedback = (struct hub_feedback){
            .lock_token = guid_random(&hub->random),
            .sequence_number = (uint64_t)stored->id,
            .enqueued_us = stored->enqueued_us,
            .delivery_count = stored->delivery_count,
            .body = stored->body,
        };
        status = storage_feedback_lock(hub->storage, stored->id, &feedback->lock_token, until_us);
    }
    if (status != STATUS_OK) {
        return hub_fail(hub, status, NULL);
    }
    if (feedback != NULL) {
        hub_c2d_due(hub, until_us);
    }
    *ret_feedback = feedback;
    return HUB_OK;
}

static void note_settled(struct hub *hub, const char *outcome)
{
    CLEANUP(buf_finish) struct buf detail = BUF_INIT(HUB_SCRATCH_MAX);
    buf_append_format(&detail, "{\"outcome\":\"%s\"", outcome);
    hub_c2d_event(hub, HUB_EVENT_FEEDBACK_SETTLED, (struct identity_key){0}, &detail,
                  (struct str){0});
}

static enum status take_out(struct hub *hub, const struct storage_feedback *feedback,
                            const char *outcome)
{
    note_settled(hub, outcome);
    return storage_feedback_delete(hub->storage, feedback->id);
}

static enum status give_back(struct hub *hub, const struct storage_feedback *feedback, bool counts,
                             const char *outcome)
{
    const uint32_t delivery_count = feedback->delivery_count + (counts ? 1 : 0);
    if (delivery_count >= hub->settings.feedback_deliveries_max) {
        return take_out(hub, feedback, "deliveryCountExceeded");
    }
    const enum status status = storage_feedback_unlock(hub->storage, feedback->id, delivery_count);
    if (status == STATUS_OK) {
        note_settled(hub, outcome);
        hub_c2d_due(hub, feedback->expires_us);
        nudge(hub);
    }
    return status;
}

static enum status settle(struct hub *hub, const struct storage_feedback *feedback,
                          enum hub_settlement settlement)
{
    switch (settlement) {
    case HUB_COMPLETE:
        return take_out(hub, feedback, "completed");
    case HUB_REJECT:
        return take_out(hub, feedback, "rejected");
    case HUB_ABANDON:
        return give_back(hub, feedback, true, "abandoned");
    case HUB_RELEASE:
        break;
    }
    return give_back(hub, feedback, false, "released");
}

enum hub_code hub_feedback_settle(struct hub *hub, const struct guid *lock_token,
                                  enum hub_settlement settlement, struct problem *problem)
{
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(BATCH_ARENA_MAX);
    struct storage_feedback *feedback = NULL;
    enum status status =
        storage_feedback_find(hub->storage, lock_token, hub_now_us(hub), &arena, &feedback);
    if (status == STATUS_OK && feedback == NULL) {
        char token[GUID_TEXT_SIZE];
        guid_text(lock_token, token);
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "no feedback is locked by %s: its lock timed out, or it was settled before",
                    token);
        return HUB_DEVICE_MESSAGE_LOCK_LOST;
    }
    if (status == STATUS_OK) {
        status = settle(hub, feedback, settlement);
    }
    if (status != STATUS_OK) {
        return hub_fail(hub, status, problem);
    }
    return hub->failed ? HUB_SERVER_ERROR : HUB_OK;
}

void hub_feedback_watch(struct hub *hub, struct hub_feedback_watcher *watcher)
{
    list_append(&hub->feedback_watchers, &watcher->link);
}

void hub_feedback_unwatch(struct hub_feedback_watcher *watcher)
{
    if (watcher->link.next != NULL) {
        list_remove(&watcher->link);
    }
}

/* ---- time ---- */

static enum status end_locks(struct hub *hub)
{
    for (size_t i = 0; i < ENDED_PER_RUN; i++) {
        CLEANUP(arena_finish) struct arena arena = ARENA_INIT(BATCH_ARENA_MAX);
        struct storage_feedback *feedback = NULL;
        enum status status =
            storage_feedback_lock_over(hub->storage, hub_now_us(hub), &arena, &feedback);
        if (status == STATUS_OK && feedback != NULL) {
            status = give_back(hub, feedback, false, "lockTimedOut");
        }
        if (status != STATUS_OK || feedback == NULL) {
            return status;
        }
    }
    return STATUS_OK;
}

static enum status expire(struct hub *hub)
{
    for (size_t i = 0; i < ENDED_PER_RUN; i++) {
        CLEANUP(arena_finish) struct arena arena = ARENA_INIT(BATCH_ARENA_MAX);
        struct storage_feedback *feedback = NULL;
        enum status status =
            storage_feedback_expired(hub->storage, hub_now_us(hub), &arena, &feedback);
        if (status == STATUS_OK && feedback != NULL) {
            status = take_out(hub, feedback, "expired");
        }
        if (status != STATUS_OK || feedback == NULL) {
            return status;
        }
    }
    return STATUS_OK;
}

enum status hub_feedback_run(struct hub *hub)
{
    enum status status = end_locks(hub);
    if (status == STATUS_OK) {
        status = expire(hub);
    }
    int64_t end_us = INT64_MAX;
    if (status == STATUS_OK) {
        status = window_end(hub, &end_us);
    }
    return status == STATUS_OK && end_us <= hub_now_us(hub) ? gather(hub) : status;
}

enum status hub_feedback_next_due(struct hub *hub, int64_t *ret_due_us)
{
    int64_t batches_us = INT64_MAX;
    int64_t window_us = INT64_MAX;
    enum status status = storage_feedback_due(hub->storage, &batches_us);
    if (status == STATUS_OK) {
        status = window_end(hub, &window_us);
    }
    if (status == STATUS_OK) {
        *ret_due_us = batches_us < window_us ? batches_us : window_us;
    }
    return status;
}
