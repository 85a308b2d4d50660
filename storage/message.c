/* SPDX-License-Identifier: MIT */
#include <assert.h>

#include "storage/storage_internal.h"

/* ---- reading ---- */

/* Reads MESSAGE_COLUMNS, and MESSAGE_CONTENT when asked, of the current row. */
static enum status read_message(struct statement *s, bool content, struct arena *arena,
                                struct storage_message **ret_message)
{
    struct storage_message *message = ARENA_NEW(arena, struct storage_message);
    if (message == NULL) {
        return STATUS_NO_MEMORY;
    }
    bool failed = false;
    message->id = read_i64(s);
    message->identity = read_i64(s);
    message->key.device = read_copy(s, arena, &failed);
    message->key.module = read_copy(s, arena, &failed);
    message->generation = read_i64(s);
    message->enqueued_us = read_i64(s);
    message->expires_us = read_i64(s);
    message->delivery_count = (uint32_t)read_u64(s);
    message->delivered = (uint32_t)read_u64(s);
    message->ack = (uint32_t)read_u64(s);
    message->message_id = read_copy(s, arena, &failed);
    if (content) {
        message->properties = read_copy(s, arena, &failed);
        message->body = read_copy(s, arena, &failed);
    }
    if (failed) {
        return STATUS_NO_MEMORY;
    }
    *ret_message = message;
    return STATUS_OK;
}

static enum status read_one(struct statement *s, bool content, struct arena *arena,
                            struct storage_message **ret_message)
{
    bool row = false;
    const enum status status = statement_next(s, &row);
    if (status != STATUS_OK) {
        return status;
    }
    if (!row) {
        *ret_message = NULL;
        return STATUS_OK;
    }
    return read_message(s, content, arena, ret_message);
}

enum status storage_message_next(struct storage *storage, int64_t identity, int64_t now_us,
                                 struct arena *arena, struct storage_message **ret_message)
{
    CLEANUP(statement_finish) struct statement s = statement_use(storage, MESSAGE_NEXT);
    bind_i64(&s, identity);
    bind_i64(&s, now_us);
    return read_one(&s, true, arena, ret_message);
}

enum status storage_message_find(struct storage *storage, int64_t identity,
                                 const struct guid *token, int64_t now_us, struct arena *arena,
                                 struct storage_message **ret_message)
{
    CLEANUP(statement_finish) struct statement s = statement_use(storage, MESSAGE_FIND);
    bind_i64(&s, identity);
    bind_blob(&s, str_of(token->bytes, GUID_SIZE));
    bind_i64(&s, now_us);
    return read_one(&s, false, arena, ret_message);
}

enum status storage_messages_list(struct storage *storage,
                                  const struct storage_messages_filter *filter, struct arena *arena,
                                  struct storage_message ***ret_messages, size_t *ret_count)
{
    static const enum statement_name names[] = {
        [STORAGE_MESSAGES_OF] = MESSAGES_OF,
        [STORAGE_MESSAGES_LOCK_OVER] = MESSAGES_LOCK_OVER,
        [STORAGE_MESSAGES_EXPIRED] = MESSAGES_EXPIRED,
    };
    struct storage_message **messages =
        ARENA_ARRAY(arena, struct storage_message *, filter->limit + 1);
    if (messages == NULL) {
        return STATUS_NO_MEMORY;
    }
    CLEANUP(statement_finish) struct statement s = statement_use(storage, names[filter->which]);
    bind_i64(&s, filter->value);
    bind_i64(&s, (int64_t)filter->limit);
    size_t count = 0;
    for (;;) {
        bool row = false;
        enum status status = statement_next(&s, &row);
        if (status == STATUS_OK && row) {
            assert(count < filter->limit);
            status = read_message(&s, false, arena, &messages[count++]);
        }
        if (status != STATUS_OK) {
            return status;
        }
        if (!row) {
            break;
        }
    }
    *ret_messages = messages;
    *ret_count = count;
    return STATUS_OK;
}

enum status storage_messages_due(struct storage *storage, int64_t *ret_due_us)
{
    CLEANUP(statement_finish) struct statement s = statement_use(storage, MESSAGES_DUE);
    return read_earliest(&s, ret_due_us);
}

/* ---- writing ---- */

/* A lock for good has no time. */
static void bind_due(struct statement *s, int64_t due_us)
{
    if (due_us == INT64_MAX) {
        bind_null(s);
    } else {
        bind_i64(s, due_us);
    }
}

static enum status insert(struct storage *storage, const struct storage_message *message,
                          const struct storage_lock *lock)
{
    CLEANUP(statement_finish) struct statement s = statement_use(storage, MESSAGE_INSERT);
    bind_i64(&s, message->identity);
    bind_i64(&s, message->id);
    bind_i64(&s, message->enqueued_us);
    bind_i64(&s, message->expires_us);
    bind_i64(&s, message->delivery_count);
    bind_i64(&s, message->delivered);
    bind_i64(&s, message->ack);
    if (lock != NULL) {
        bind_due(&s, lock->until_us);
        bind_bool(&s, lock->held);
        bind_blob(&s, str_of(lock->token.bytes, GUID_SIZE));
    } else {
        bind_i64(&s, message->expires_us);
        bind_bool(&s, false);
        bind_null(&s);
    }
    bind_text_or_null(&s, message->message_id);
    bind_text(&s, message->properties);
    bind_blob(&s, message->body);
    return statement_run(&s);
}

enum status storage_message_insert(struct storage *storage, struct storage_message *message,
                                   const struct storage_lock *lock)
{
    enum status status = storage_write(storage, DATABASE_STATE);
    if (status == STATUS_OK && message->id == 0) {
        status = storage_message_id(storage, &message->id);
    }
    struct waiting_count *count = NULL;
    if (status == STATUS_OK) {
        status = waiting_prepare(storage, message->identity, &count);
    }
    if (status == STATUS_OK) {
        status = insert(storage, message, lock);
    }
    if (status == STATUS_OK) {
        waiting_add(storage, count);
    }
    return status;
}

enum status storage_message_lock(struct storage *storage, const struct storage_message *message,
                                 const struct storage_lock *lock)
{
    const enum status status = storage_write(storage, DATABASE_STATE);
    if (status != STATUS_OK) {
        return status;
    }
    CLEANUP(statement_finish) struct statement s = statement_use(storage, MESSAGE_LOCK);
    bind_i64(&s, message->identity);
    bind_i64(&s, message->id);
    bind_blob(&s, str_of(lock->token.bytes, GUID_SIZE));
    bind_due(&s, lock->until_us);
    bind_bool(&s, lock->held);
    return statement_run(&s);
}

enum status storage_message_unlock(struct storage *storage, const struct storage_message *message,
                                   uint32_t delivery_count)
{
    const enum status status = storage_write(storage, DATABASE_STATE);
    if (status != STATUS_OK) {
        return status;
    }
    CLEANUP(statement_finish) struct statement s = statement_use(storage, MESSAGE_UNLOCK);
    bind_i64(&s, message->identity);
    bind_i64(&s, message->id);
    bind_i64(&s, delivery_count);
    return statement_run(&s);
}

/* Runs a bound DELETE of one message. */
static enum status delete_one(struct statement *s, int64_t identity, bool *ret_deleted)
{
    const enum status status = statement_run(s);
    if (status == STATUS_OK) {
        *ret_deleted = sqlite3_changes(s->storage->databases[DATABASE_STATE].connection) > 0;
        if (*ret_deleted) {
            waiting_remove(s->storage, identity);
        }
    }
    return status;
}

enum status storage_message_delete(struct storage *storage, const struct storage_message *message)
{
    const enum status status = storage_write(storage, DATABASE_STATE);
    if (status != STATUS_OK) {
        return status;
    }
    bool deleted = false;
    CLEANUP(statement_finish) struct statement s = statement_use(storage, MESSAGE_DELETE);
    bind_i64(&s, message->identity);
    bind_i64(&s, message->id);
    return delete_one(&s, message->identity, &deleted);
}

enum status storage_message_delete_locked(struct storage *storage,
                                          const struct storage_message *message,
                                          const struct guid *token, int64_t now_us,
                                          bool *ret_deleted)
{
    const enum status status = storage_write(storage, DATABASE_STATE);
    if (status != STATUS_OK) {
        return status;
    }
    CLEANUP(statement_finish) struct statement s = statement_use(storage, MESSAGE_DELETE_LOCKED);
    bind_i64(&s, message->identity);
    bind_i64(&s, message->id);
    bind_blob(&s, str_of(token->bytes, GUID_SIZE));
    bind_i64(&s, now_us);
    return delete_one(&s, message->identity, ret_deleted);
}

enum status storage_messages_unhold(struct storage *storage, int64_t identity)
{
    const enum status status = storage_write(storage, DATABASE_STATE);
    if (status != STATUS_OK) {
        return status;
    }
    CLEANUP(statement_finish)
    struct statement s =
        statement_use(storage, identity == 0 ? MESSAGES_UNHOLD_ALL : MESSAGES_UNHOLD);
    if (identity != 0) {
        bind_i64(&s, identity);
    }
    return statement_run(&s);
}
