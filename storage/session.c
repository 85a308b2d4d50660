/* SPDX-License-Identifier: MIT */
#include "storage/storage_internal.h"

enum status storage_session_get(struct storage *storage, int64_t id, struct arena *arena,
                                struct str *ret_session)
{
    CLEANUP(statement_finish) struct statement s = statement_use(storage, SESSION_GET);
    bind_i64(&s, id);
    bool row = false;
    const enum status status = statement_next(&s, &row);
    if (status != STATUS_OK) {
        return status;
    }
    bool failed = false;
    const struct str session = row ? read_copy(&s, arena, &failed) : (struct str){0};
    if (failed) {
        return STATUS_NO_MEMORY;
    }
    *ret_session = session;
    return STATUS_OK;
}

enum status storage_session_put(struct storage *storage, int64_t id, struct str session)
{
    const enum status status = storage_write(storage, DATABASE_STATE);
    if (status != STATUS_OK) {
        return status;
    }
    CLEANUP(statement_finish) struct statement s = statement_use(storage, SESSION_PUT);
    bind_i64(&s, id);
    bind_blob(&s, session);
    return statement_run(&s);
}

enum status storage_session_delete(struct storage *storage, int64_t id)
{
    const enum status status = storage_write(storage, DATABASE_STATE);
    if (status != STATUS_OK) {
        return status;
    }
    CLEANUP(statement_finish) struct statement s = statement_use(storage, SESSION_DELETE);
    bind_i64(&s, id);
    return statement_run(&s);
}
