/* SPDX-License-Identifier: MIT */
#include "storage/storage_internal.h"

/* The bound statement's record, or none. */
static enum status read_job(struct statement *s, struct arena *arena, struct storage_job **ret_job)
{
    bool row = false;
    const enum status status = statement_next(s, &row);
    if (status != STATUS_OK) {
        return status;
    }
    if (!row) {
        *ret_job = NULL;
        return STATUS_OK;
    }
    struct storage_job *job = ARENA_NEW(arena, struct storage_job);
    if (job == NULL) {
        return STATUS_NO_MEMORY;
    }
    bool failed = false;
    job->id = read_i64(s);
    job->key.device = read_copy(s, arena, &failed);
    job->key.module = read_copy(s, arena, &failed);
    job->job = read_copy(s, arena, &failed);
    job->type = read_copy(s, arena, &failed);
    job->status = read_copy(s, arena, &failed);
    job->started_us = read_i64(s);
    job->ended_us = read_i64(s);
    job->created_us = read_i64(s);
    job->updated_us = read_i64(s);
    job->outcome = read_copy(s, arena, &failed);
    job->error = read_copy(s, arena, &failed);
    if (failed) {
        return STATUS_NO_MEMORY;
    }
    *ret_job = job;
    return STATUS_OK;
}

enum status storage_job_get(struct storage *storage, struct identity_key key, struct str job,
                            struct arena *arena, struct storage_job **ret_job)
{
    CLEANUP(statement_finish) struct statement s = statement_use(storage, JOB_GET);
    bind_text(&s, job);
    bind_text(&s, key.device);
    bind_text(&s, key.module);
    return read_job(&s, arena, ret_job);
}

enum status job_get_by_id(struct storage *storage, int64_t id, struct arena *arena,
                          struct storage_job **ret_job)
{
    CLEANUP(statement_finish) struct statement s = statement_use(storage, JOB_GET_BY_ID);
    bind_i64(&s, id);
    return read_job(&s, arena, ret_job);
}

enum status storage_job_insert(struct storage *storage, struct storage_job *job)
{
    enum status status = storage_write(storage, DATABASE_STATE);
    if (status != STATUS_OK) {
        return status;
    }
    CLEANUP(statement_finish) struct statement s = statement_use(storage, JOB_INSERT);
    bind_text(&s, job->key.device);
    bind_text(&s, job->key.module);
    bind_text(&s, job->job);
    bind_text(&s, job->type);
    bind_text(&s, job->status);
    bind_i64(&s, job->started_us);
    bind_i64(&s, job->ended_us);
    bind_i64(&s, job->created_us);
    bind_i64(&s, job->updated_us);
    bind_text_or_null(&s, job->outcome);
    bind_text_or_null(&s, job->error);
    status = statement_run(&s);
    if (status == STATUS_OK) {
        job->id = sqlite3_last_insert_rowid(storage->databases[DATABASE_STATE].connection);
    }
    return status;
}

enum status job_clear(struct storage *storage)
{
    const enum status status = storage_write(storage, DATABASE_STATE);
    if (status != STATUS_OK) {
        return status;
    }
    CLEANUP(statement_finish) struct statement s = statement_use(storage, JOB_DELETE_ALL);
    return statement_run(&s);
}
