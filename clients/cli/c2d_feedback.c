/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "clients/cli/c2d.h"
#include "clients/cli/commands.h"
#include "clients/cli/signals.h"

enum { WAIT_MS = 500, COUNT_MAX = 2000000000 };

/* ---- whose ---- */

static bool is_same(const char *wanted, const char *text)
{
    return wanted == NULL || strcmp(wanted, text) == 0;
}

bool c2d_is_wanted(const struct c2d_filter *filter, const struct iothub_feedback_record *record)
{
    return is_same(filter->device, record->device_id) &&
           is_same(filter->message_id, record->message_id);
}

static bool has_wanted(const struct c2d_filter *filter, const struct iothub_feedback *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        if (c2d_is_wanted(filter, &batch->records[i])) {
            return true;
        }
    }
    return batch->count == 0;
}

static void release(struct c2d_feedback *feedback, struct iothub_feedback *batch)
{
    struct iothub_error ignored; /* what cannot be given back comes again when its lock runs out */
    (void)!iothub_messaging_settle_feedback(feedback->messaging, batch, IOTHUB_RELEASE, &ignored);
    iothub_feedback_destroy(batch);
}

static void hold(struct c2d_feedback *feedback, struct iothub_feedback *batch)
{
    if (feedback->held_count == C2D_HELD_MAX) {
        release(feedback, feedback->held[0]);
        feedback->held_count--;
        for (size_t i = 0; i < feedback->held_count; i++) {
            feedback->held[i] = feedback->held[i + 1];
        }
    }
    feedback->held[feedback->held_count++] = batch;
}

enum iothub_result c2d_feedback_next(struct c2d_feedback *feedback, unsigned timeout_ms,
                                     struct iothub_feedback **ret_batch, struct iothub_error *error)
{
    struct iothub_feedback *batch = NULL;
    enum iothub_result result =
        iothub_messaging_receive_feedback(feedback->messaging, timeout_ms, &batch, error);
    if (result == IOTHUB_OK && batch != NULL && !has_wanted(&feedback->filter, batch)) {
        hold(feedback, batch);
        batch = NULL;
    } else if (result == IOTHUB_OK && batch != NULL) {
        result = iothub_messaging_settle_feedback(feedback->messaging, batch, IOTHUB_ACCEPT, error);
    }
    if (result != IOTHUB_OK) {
        iothub_feedback_destroy(batch);
        return result;
    }
    *ret_batch = batch;
    return IOTHUB_OK;
}

void c2d_feedback_finish(struct c2d_feedback *feedback)
{
    for (size_t i = 0; i < feedback->held_count; i++) {
        release(feedback, feedback->held[i]);
    }
    feedback->held_count = 0;
}

/* ---- what is shown ---- */

static const struct cli_column record_columns[] = {
    {.title = "Time", .path = "enqueuedTimeUtc", .width = 20},
    {.title = "Device", .path = "deviceId", .width = 16},
    {.title = "Status", .path = "statusCode", .width = 10},
    {.title = "Message", .path = "originalMessageId"},
};

const struct cli_columns c2d_record_columns = {
    .items = record_columns,
    .count = ARRAY_SIZE(record_columns),
};

cJSON *c2d_record_row(const struct iothub_feedback_record *record)
{
    cJSON *row = cJSON_CreateObject();
    const struct {
        const char *name;
        const char *text;
    } members[] = {
        {"originalMessageId", record->message_id},
        {"deviceId", record->device_id},
        {"deviceGenerationId", record->device_generation_id},
        {"enqueuedTimeUtc", record->enqueued_time},
        {"statusCode", record->status},
        {"description", record->description},
    };
    for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
        if (cJSON_AddStringToObject(row, members[i].name, members[i].text) == NULL) {
            cJSON_Delete(row);
            return NULL;
        }
    }
    return row;
}

/* ---- receiving ---- */

struct receiving {
    const struct cli_call *call;
    struct cli_rows rows;
    struct c2d_feedback feedback;
    long left; /* records that are still wanted */
};

static enum cli_exit show(struct receiving *receiving, const struct iothub_feedback *batch)
{
    size_t others = 0;
    for (size_t i = 0; i < batch->count; i++) {
        if (!c2d_is_wanted(&receiving->feedback.filter, &batch->records[i])) {
            others++;
            continue;
        }
        CLEANUP(json_destroyp) cJSON *row = c2d_record_row(&batch->records[i]);
        if (row == NULL) {
            return cli_fail(CLI_FAILED, "out of memory");
        }
        if (!cli_rows_add(&receiving->rows, row)) {
            return CLI_FAILED;
        }
        receiving->left--;
    }
    if (others > 0) {
        cli_say_verbose(receiving->call, "the batch had %zu more, of other messages", others);
    }
    return CLI_DONE;
}

static enum cli_exit receive(struct receiving *receiving, const struct hub *hub)
{
    struct iothub_error error;
    const long timeout_s = cli_number(receiving->call, "timeout", 0);
    int64_t last_us = clock_monotonic_us();
    while (!signals_interrupted() && receiving->left > 0) {
        struct iothub_feedback *batch = NULL;
        if (c2d_feedback_next(&receiving->feedback, WAIT_MS, &batch, &error) != IOTHUB_OK) {
            return hub_fail(hub, &error);
        }
        if (batch != NULL) {
            const enum cli_exit exit_code = show(receiving, batch);
            iothub_feedback_destroy(batch);
            if (exit_code != CLI_DONE) {
                return exit_code;
            }
            last_us = clock_monotonic_us();
        } else if (timeout_s > 0 && clock_monotonic_us() - last_us >= timeout_s * CLOCK_SECOND) {
            cli_say("no feedback came for %ld s", timeout_s);
            return CLI_DONE;
        }
    }
    return CLI_DONE;
}

static enum cli_exit run(const struct cli_call *call)
{
    CLEANUP(cli_messaging_finish) struct cli_messaging found;
    struct iothub_messaging *messaging = NULL;
    struct iothub_error error;
    enum cli_exit exit_code = cli_messaging_find(call, &found);
    if (exit_code != CLI_DONE) {
        return exit_code;
    }
    if (iothub_messaging_create(found.connection_string, &found.options, &messaging, &error) !=
        IOTHUB_OK) {
        return hub_fail(&found.hub, &error);
    }
    struct receiving receiving = {
        .call = call,
        .feedback = {.messaging = messaging,
                     .filter = {cli_value(call, "device-id"), cli_value(call, "message-id")}},
        .left = cli_number(call, "count", LONG_MAX),
    };
    signals_catch();
    if (isatty(STDERR_FILENO) && isatty(STDOUT_FILENO)) {
        cli_say("waiting for feedback; Ctrl-C ends it");
    }
    cli_rows_begin_stream(&receiving.rows, call, c2d_record_columns);
    exit_code = receive(&receiving, &found.hub);
    c2d_feedback_finish(&receiving.feedback);
    iothub_messaging_destroy(messaging);
    return cli_rows_end(&receiving.rows, exit_code);
}

/* ---- the command ---- */

static const struct cli_option feedback_options[] = {
    {.name = "device-id",
     .letter = 'd',
     .plain = true,
     .value = "DEVICE",
     .meaning = "only of messages to this device"},
    {.name = "message-id",
     .alias = "mid|wait-on-msg",
     .letter = 'w',
     .value = "ID",
     .meaning = "only of the message with this ID"},
    {.name = "count",
     .value = "COUNT",
     .min = 1,
     .max = COUNT_MAX,
     .meaning = "end after so many records"},
    CLI_OPTION_TIMEOUT("end when so long nothing has come; 0, as by default: never"),
};

static const struct cli_example examples[] = {
    {"watch what becomes of messages", "iothub c2d receive-feedback"},
    {"wait for that of one message",
     "iothub c2d receive-feedback --message-id m1 --count 1 --timeout 60"},
};

const struct cli_command cli_c2d_receive_feedback = {
    .group = "c2d",
    .name = "receive-feedback",
    .az = "monitor-feedback",
    .summary = "receive what became of messages that asked for it",
    .description =
        "Takes the hub's feedback off its queue until Ctrl-C, which is no failure: what one "
        "receiver "
        "takes, no other gets. The hub sends records in batches; with --device-id or --message-id, "
        "batches without a record that is wanted are given back at the end, but what else is in a "
        "batch that is taken is gone.",
    CLI_OPTIONS(feedback_options),
    CLI_EXAMPLES(examples),
    .run = run,
};
