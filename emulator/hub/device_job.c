/* SPDX-License-Identifier: MIT */
#include "base/json.h"
#include "hub/hub_internal.h"

static void append_text(struct buf *out, const char *name, struct str value)
{
    if (value.size > 0) {
        buf_append_format(out, ",\"%s\":", name);
        json_append_string(out, value);
    }
}

static void append_time(struct buf *out, const char *name, int64_t time_us)
{
    if (time_us != CLOCK_NEVER) {
        buf_append_format(out, ",\"%s\":\"", name);
        clock_append_iso(out, time_us);
        buf_append_byte(out, '"');
    }
}

static void append_object(struct buf *out, const char *name, struct str json)
{
    if (json.size > 0) {
        buf_append_format(out, ",\"%s\":", name);
        buf_append_str(out, json);
    }
}

void hub_device_job_append(struct buf *out, const struct storage_job *job)
{
    buf_append_str(out, STR("{\"deviceId\":"));
    json_append_string(out, job->key.device);
    append_text(out, "moduleId", job->key.module);
    append_text(out, "jobId", job->job);
    append_text(out, "jobType", job->type);
    append_text(out, "status", job->status);
    append_time(out, "startTimeUtc", job->started_us);
    append_time(out, "endTimeUtc", job->ended_us);
    append_time(out, "createdDateTimeUtc", job->created_us);
    append_time(out, "lastUpdatedDateTimeUtc", job->updated_us);
    append_object(out, "outcome", job->outcome);
    append_object(out, "error", job->error);
    buf_append_byte(out, '}');
}
