/* SPDX-License-Identifier: MIT */
#include "base/buf.h"
#include "storage/storage_internal.h"

enum { BATCH_SIZE_MAX = 16 << 20 };

/* ---- records ---- */

enum status storage_feedback_note(struct storage *storage, int64_t at_us, struct str record)
{
    const enum status status = storage_write(storage, DATABASE_STATE);
    if (status != STATUS_OK) {
        return status;
    }
    CLEANUP(statement_finish) struct statement s = statement_use(storage, FEEDBACK_RECORD_INSERT);
    bind_i64(&s, at_us);
    bind_text(&s, record);
    return statement_run(&s);
}

enum status storage_feedback_noted(struct storage *storage, size_t *ret_count,
                                   int64_t *ret_first_us)
{
    CLEANUP(statement_finish) struct statement s = statement_use(storage, FEEDBACK_RECORDS);
    bool row = false;
    const enum status status = statement_next(&s, &row);
    if (status == STATUS_OK) {
        *ret_count = (size_t)read_u64(&s);
        *ret_first_us = read_null(&s) ? INT64_MAX : read_i64(&s);
    }
    return status;
}

/* The oldest records as a JSON array, and the id of the last of them. */
static enum status join_records(struct storage *storage, size_t limit, struct buf *out,
                                int64_t *ret_last, size_t *ret_count)
{
    CLEANUP(statement_finish) struct statement s = statement_use(storage, FEEDBACK_RECORDS_OLDEST);
    bind_i64(&s, (int64_t)limit);
    size_t count = 0;
    for (;;) {
        bool row = false;
        const enum status status = statement_next(&s, &row);
        if (status != STATUS_OK) {
            return status;
        }
        if (!row) {
            break;
        }
        *ret_last = read_i64(&s);
        buf_append_byte(out, count == 0 ? '[' : ',');
        buf_append_str(out, read_str(&s));
        count++;
    }
    buf_append_byte(out, ']');
    *ret_count = count;
    return buf_status(out);
}

static enum status delete_records(struct storage *storage, int64_t last)
{
    CLEANUP(statement_finish) struct statement s = statement_use(storage, FEEDBACK_RECORDS_DELETE);
    bind_i64(&s, last);
    return statement_run(&s);
}

enum status storage_feedback_gather(struct storage *storage, size_t limit, int64_t enqueued_us,
                                    int64_t expires_us, size_t *ret_count)
{
    CLEANUP(buf_finish) struct buf body = BUF_INIT(BATCH_SIZE_MAX);
    int64_t last = 0;
    size_t count = 0;
    enum status status = join_records(storage, limit, &body, &last, &count);
    if (status == STATUS_OK && count > 0) {
        status = storage_write(storage, DATABASE_STATE);
    }
    if (status != STATUS_OK || count == 0) {
        *ret_count = 0;
        return status;
    }
    CLEANUP(statement_finish) struct statement s = statement_use(storage, FEEDBACK_INSERT);
    bind_i64(&s, enqueued_us);
    bind_i64(&s, expires_us);
    bind_text(&s, buf_str(&body));
    status = statement_run(&s);
    if (status == STATUS_OK) {
        status = delete_records(storage, last);
    }
    if (status == STATUS_OK) {
        *ret_count = count;
    }
    return status;
}

/* ---- batches ---- */

static enum status read_feedback(struct statement *s, struct arena *arena,
                                 struct storage_feedback **ret_feedback)
{
    bool row = false;
    const enum status status = statement_next(s, &row);
    if (status != STATUS_OK) {
        return status;
    }
    if (!row) {
        *ret_feedback = NULL;
        return STATUS_OK;
    }
    struct storage_feedback *feedback = ARENA_NEW(arena, struct storage_feedback);
    if (feedback == NULL) {
        return STATUS_NO_MEMORY;
    }
    bool failed = false;
    feedback->id = read_i64(s);
    feedback->enqueued_us = read_i64(s);
    feedback->expires_us = read_i64(s);
    feedback->delivery_count = (uint32_t)read_u64(s);
    feedback->body = read_copy(s, arena, &failed);
    if (failed) {
        return STATUS_NO_MEMORY;
    }
    *ret_feedback = feedback;
    return STATUS_OK;
}

static enum status read_by_time(struct storage *storage, enum statement_name name, int64_t now_us,
                                struct arena *arena, struct storage_feedback **ret_feedback)
{
    CLEANUP(statement_finish) struct statement s = statement_use(storage, name);
    bind_i64(&s, now_us);
    return read_feedback(&s, arena, ret_feedback);
}

enum status storage_feedback_next(struct storage *storage, int64_t now_us, struct arena *arena,
                                  struct storage_feedback **ret_feedback)
{
    return read_by_time(storage, FEEDBACK_NEXT, now_us, arena, ret_feedback);
}

enum status storage_feedback_lock_over(struct storage *storage, int64_t now_us, struct arena *arena,
                                       struct storage_feedback **ret_feedback)
{
    return read_by_time(storage, FEEDBACK_LOCK_OVER, now_us, arena, ret_feedback);
}

enum status storage_feedback_expired(struct storage *storage, int64_t now_us, struct arena *arena,
                                     struct storage_feedback **ret_feedback)
{
    return read_by_time(storage, FEEDBACK_EXPIRED, now_us, arena, ret_feedback);
}

enum status storage_feedback_find(struct storage *storage, const struct guid *token, int64_t now_us,
                                  struct arena *arena, struct storage_feedback **ret_feedback)
{
    CLEANUP(statement_finish) struct statement s = statement_use(storage, FEEDBACK_FIND);
    bind_blob(&s, str_of(token->bytes, GUID_SIZE));
    bind_i64(&s, now_us);
    return read_feedback(&s, arena, ret_feedback);
}

enum status storage_feedback_due(struct storage *storage, int64_t *ret_due_us)
{
    CLEANUP(statement_finish) struct statement s = statement_use(storage, FEEDBACK_DUE);
    return read_earliest(&s, ret_due_us);
}

enum status storage_feedback_lock(struct storage *storage, int64_t id, const struct guid *token,
                                  int64_t until_us)
{
    const enum status status = storage_write(storage, DATABASE_STATE);
    if (status != STATUS_OK) {
        return status;
    }
    CLEANUP(statement_finish) struct statement s = statement_use(storage, FEEDBACK_LOCK);
    bind_blob(&s, str_of(token->bytes, GUID_SIZE));
    bind_i64(&s, until_us);
    bind_i64(&s, id);
    return statement_run(&s);
}

enum status storage_feedback_unlock(struct storage *storage, int64_t id, uint32_t delivery_count)
{
    const enum status status = storage_write(storage, DATABASE_STATE);
    if (status != STATUS_OK) {
        return status;
    }
    CLEANUP(statement_finish) struct statement s = statement_use(storage, FEEDBACK_UNLOCK);
    bind_i64(&s, delivery_count);
    bind_i64(&s, id);
    return statement_run(&s);
}

enum status storage_feedback_delete(struct storage *storage, int64_t id)
{
    const enum status status = storage_write(storage, DATABASE_STATE);
    if (status != STATUS_OK) {
        return status;
    }
    CLEANUP(statement_finish) struct statement s = statement_use(storage, FEEDBACK_DELETE);
    bind_i64(&s, id);
    return statement_run(&s);
}

enum status feedback_clear(struct storage *storage)
{
    static const enum statement_name names[] = {FEEDBACK_RECORDS_DELETE_ALL, FEEDBACK_DELETE_ALL};
    enum status status = storage_write(storage, DATABASE_STATE);
    for (size_t i = 0; status == STATUS_OK && i < ARRAY_SIZE(names); i++) {
        CLEANUP(statement_finish) struct statement s = statement_use(storage, names[i]);
        status = statement_run(&s);
    }
    return status;
}
