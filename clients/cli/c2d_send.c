/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "clients/cli/c2d.h"
#include "clients/cli/commands.h"
#include "clients/cli/message_argument.h"
#include "clients/cli/signals.h"

enum { WAIT_MS = 500, PROPERTIES_MAX = 100, BODY_MAX = 1 << 20, ARENA_MAX = 1 << 20 };

struct sending {
    const struct cli_call *call;
    struct iothub_c2d_message message;
    struct iothub_message_property properties[PROPERTIES_MAX];
    struct buf body;
    struct arena arena;
    char message_id[RANDOM_UUID_SIZE];
};

static void sending_finish(struct sending *sending)
{
    buf_finish(&sending->body);
    arena_finish(&sending->arena);
}

/* ---- what is sent ---- */

static enum cli_exit read_body(struct sending *sending)
{
    const enum cli_exit exit_code = message_argument_body(sending->call, "", &sending->body);
    sending->message.body = sending->body.data;
    sending->message.body_size = sending->body.size;
    return exit_code;
}

static enum cli_exit add_property(void *ctx, struct str name, struct str value)
{
    struct sending *sending = ctx;
    struct iothub_message_property *property =
        &sending->properties[sending->message.property_count++];
    property->name = arena_copy(&sending->arena, name);
    property->value = arena_copy(&sending->arena, value);
    return property->name == NULL || property->value == NULL ? cli_fail(CLI_FAILED, "out of memory")
                                                             : CLI_DONE;
}

static enum cli_exit read_properties(struct sending *sending)
{
    sending->message.properties = sending->properties;
    return message_argument_properties(sending->call, PROPERTIES_MAX, add_property, sending);
}

static enum cli_exit read_ack(struct sending *sending)
{
    static const char *const names[] = {"none", "positive", "negative", "full"};
    const char *name = cli_value(sending->call, "ack");
    const bool waits = cli_given(sending->call, "wait");
    sending->message.ack = waits ? IOTHUB_ACK_FULL : IOTHUB_ACK_NONE;
    for (size_t i = 0; name != NULL && i < ARRAY_SIZE(names); i++) {
        if (strcmp(names[i], name) == 0) {
            sending->message.ack = (enum iothub_ack)i;
        }
    }
    if (waits && sending->message.ack == IOTHUB_ACK_NONE) {
        return cli_fail(CLI_MISUSED, "--wait needs another --ack than none: there would be nothing "
                                     "to wait for");
    }
    return CLI_DONE;
}

static enum cli_exit read_message(struct sending *sending)
{
    struct iothub_c2d_message *message = &sending->message;
    struct random random;
    message->device_id = cli_value(sending->call, "device-id");
    message->module_id = cli_value(sending->call, "module-id");
    message->message_id = cli_value(sending->call, "message-id");
    message->correlation_id = cli_value(sending->call, "correlation-id");
    message->user_id = cli_value(sending->call, "user-id");
    message->content_type = cli_value(sending->call, "content-type");
    message->content_encoding = cli_value(sending->call, "content-encoding");
    if (message->message_id == NULL) {
        if (random_init_system(&random) != STATUS_OK) {
            return cli_fail(CLI_FAILED, "the system gives no random numbers");
        }
        random_uuid(&random, sending->message_id);
        message->message_id = sending->message_id;
    }
    enum cli_exit exit_code = read_body(sending);
    exit_code = exit_code == CLI_DONE ? read_properties(sending) : exit_code;
    exit_code = exit_code == CLI_DONE ? cli_time_ms(sending->call, "expiry", &message->expiry_ms)
                                      : exit_code;
    return exit_code == CLI_DONE ? read_ack(sending) : exit_code;
}

/* ---- what becomes of it ---- */

static enum cli_exit print_sent(const struct sending *sending)
{
    static const struct cli_column columns[] = {
        {.title = "Device", .path = "deviceId"},
        {.title = "Module", .path = "moduleId"},
        {.title = "Message", .path = "messageId"},
    };
    CLEANUP(json_destroyp) cJSON *sent = cJSON_CreateObject();
    const struct iothub_c2d_message *message = &sending->message;
    if (cJSON_AddStringToObject(sent, "deviceId", message->device_id) == NULL ||
        (message->module_id != NULL &&
         cJSON_AddStringToObject(sent, "moduleId", message->module_id) == NULL) ||
        cJSON_AddStringToObject(sent, "messageId", message->message_id) == NULL) {
        return cli_fail(CLI_FAILED, "out of memory");
    }
    return cli_print(sending->call, sent, CLI_COLUMNS(columns));
}

/* Success is that the device completed it; of anything else scripts want to know. */
static enum cli_exit print_record(const struct sending *sending,
                                  const struct iothub_feedback *batch,
                                  const struct c2d_filter *filter)
{
    for (size_t i = 0; i < batch->count; i++) {
        const struct iothub_feedback_record *record = &batch->records[i];
        if (!c2d_is_wanted(filter, record)) {
            continue;
        }
        CLEANUP(json_destroyp) cJSON *row = c2d_record_row(record);
        const enum cli_exit exit_code = row == NULL
                                            ? cli_fail(CLI_FAILED, "out of memory")
                                            : cli_print(sending->call, row, c2d_record_columns);
        return exit_code == CLI_DONE && strcmp(record->status, "Success") != 0
                   ? cli_fail(CLI_FAILED, "the message was not taken: %s", record->status)
                   : exit_code;
    }
    return cli_fail(CLI_FAILED, "feedback came without a record");
}

static enum cli_exit wait_for_word(const struct sending *sending, const struct hub *hub,
                                   struct c2d_feedback *feedback)
{
    struct iothub_error error;
    const long timeout_s = cli_number(sending->call, "timeout", 0);
    const int64_t begin_us = clock_monotonic_us();
    for (;;) {
        struct iothub_feedback *batch = NULL;
        if (c2d_feedback_next(feedback, WAIT_MS, &batch, &error) != IOTHUB_OK) {
            return hub_fail(hub, &error);
        }
        if (batch != NULL) {
            const enum cli_exit exit_code = print_record(sending, batch, &feedback->filter);
            iothub_feedback_destroy(batch);
            return exit_code;
        }
        if (signals_interrupted()) {
            return cli_fail(CLI_FAILED, "interrupted; the message %s stays sent",
                            sending->message.message_id);
        }
        if (timeout_s > 0 && clock_monotonic_us() - begin_us >= timeout_s * CLOCK_SECOND) {
            return cli_fail(CLI_FAILED, "in %ld s nothing was heard of the message %s", timeout_s,
                            sending->message.message_id);
        }
    }
}

static enum cli_exit await(const struct sending *sending, const struct hub *hub,
                           struct iothub_messaging *messaging)
{
    struct c2d_feedback feedback = {
        .messaging = messaging,
        .filter = {sending->message.device_id, sending->message.message_id},
    };
    signals_catch();
    cli_say_verbose(sending->call, "sent as %s; waiting for feedback", sending->message.message_id);
    const enum cli_exit exit_code = wait_for_word(sending, hub, &feedback);
    c2d_feedback_finish(&feedback);
    return exit_code;
}

static enum cli_exit send_it(const struct sending *sending, const struct cli_messaging *found)
{
    struct iothub_messaging *messaging = NULL;
    struct iothub_error error;
    enum cli_exit exit_code = CLI_DONE;
    if (iothub_messaging_create(found->connection_string, &found->options, &messaging, &error) !=
        IOTHUB_OK) {
        return hub_fail(&found->hub, &error);
    }
    if (iothub_messaging_send(messaging, &sending->message, &error) != IOTHUB_OK) {
        exit_code = hub_fail(&found->hub, &error);
    } else if (cli_given(sending->call, "wait")) {
        exit_code = await(sending, &found->hub, messaging);
    } else {
        exit_code = print_sent(sending);
    }
    iothub_messaging_destroy(messaging);
    return exit_code;
}

static enum cli_exit run(const struct cli_call *call)
{
    CLEANUP(sending_finish)
    struct sending sending = {
        .call = call, .body = BUF_INIT(BODY_MAX), .arena = ARENA_INIT(ARENA_MAX)};
    CLEANUP(cli_messaging_finish) struct cli_messaging found = {.connection_string = ""};
    enum cli_exit exit_code = read_message(&sending);
    exit_code = exit_code == CLI_DONE ? cli_messaging_find(call, &found) : exit_code;
    return exit_code == CLI_DONE ? send_it(&sending, &found) : exit_code;
}

/* ---- the command ---- */

static const struct cli_option send_options[] = {
    CLI_OPTION_DEVICE,
    {.name = "data",
     .alias = "da",
     .plain = true,
     .value = "TEXT",
     .meaning = "the message: text, @FILE, or - for standard input; by default it is empty"},
    {.name = "data-file",
     .alias = "data-file-path|dfp",
     .value = "FILE",
     .meaning = "the message is what this file holds"},
    {.name = "module-id",
     .letter = 'm',
     .value = "MODULE",
     .meaning = "a module of the device; without it the device itself is meant"},
    {.name = "properties",
     .alias = "props",
     .letter = 'p',
     .value = "A=B;C=D",
     .meaning = "the message's own properties"},
    {.name = "message-id", .alias = "mid", .value = "ID", .meaning = "by default a new one"},
    {.name = "correlation-id",
     .alias = "cid",
     .value = "ID",
     .meaning = "what the message belongs to"},
    {.name = "user-id", .alias = "uid", .value = "ID", .meaning = "whom the message is from"},
    {.name = "content-type",
     .alias = "ct",
     .value = "TYPE",
     .meaning = "of the data: application/json"},
    {.name = "content-encoding", .alias = "ce", .value = "NAME", .meaning = "of the data: utf-8"},
    {.name = "expiry",
     .alias = "expiry-time-utc",
     .value = "TIME",
     .meaning =
         "until when it may be delivered (2026-11-21T10:00:00Z, or milliseconds since 1970); "
         "by default the hub's own time, an hour"},
    {.name = "ack",
     .value = "WHEN",
     .choices = "none|positive|negative|full",
     .meaning = "have feedback when it was completed (positive), when it came to nothing "
                "(negative), or both (full)"},
    {.name = "wait",
     .letter = 'w',
     .meaning =
         "wait for the feedback, and print that; done is what the device completed. --ack is "
         "full then, unless it says otherwise"},
    CLI_OPTION_TIMEOUT("wait no longer than this; 0, as by default: until Ctrl-C"),
};

static const struct cli_example examples[] = {
    {"send a message to dev1", "iothub c2d send dev1 'hello'"},
    {"send JSON, with a property", "iothub c2d send dev1 '{\"led\": true}' --content-type "
                                   "application/json --properties level=high"},
    {"send, and wait until the device has taken it", "iothub c2d send dev1 'hello' --wait"},
};

const struct cli_command cli_c2d_send = {
    .group = "c2d",
    .name = "send",
    .az = "device c2d-message send",
    .summary = "send a message to a device",
    .description =
        "The message waits in the device's queue until the device takes it, or until it expires. "
        "Printed are its ID and whom it is for; with --wait, what became of it.",
    CLI_OPTIONS(send_options),
    CLI_EXAMPLES(examples),
    .run = run,
};
