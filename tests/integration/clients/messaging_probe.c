/* SPDX-License-Identifier: MIT */

/*
 * The messaging library, driven from a test:
 *
 *   messaging_probe read CONNECTION_STRING [NAME=VALUE ...]
 *       Prints "reading N", "event {...}" for each event, "lost: why" and "made"; ends with SIGINT,
 * or with "failed RESULT STATUS CODE: why". Names: group, partition, start (latest, earliest, time,
 *       sequence, offset), value, lifetime, timeout, port, pause (before each receive,
 * milliseconds). messaging_probe serve CONNECTION_STRING [NAME=VALUE ...] Obeys lines: "send
 * {...}", "feedback TIMEOUT accept|release|leave"; answers with "ok ..." or "failed ...".
 */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <iothub/messaging.h>

#include "base/alloc.h"
#include "base/str.h"

static volatile sig_atomic_t interrupted;

struct settings {
    struct iothub_reader_options reader;
    unsigned pause_ms;
};

static void say_failure(const struct iothub_error *error)
{
    (void)printf("failed %d %ld %s: %s\n", (int)error->result, error->http_status, error->code,
                 error->text);
    (void)fflush(stdout);
}

static void say_tree(const char *label, cJSON *tree)
{
    char *text = cJSON_PrintUnformatted(tree);
    (void)printf("%s %s\n", label, text == NULL ? "" : text);
    (void)fflush(stdout);
    cJSON_free(text);
    cJSON_Delete(tree);
}

/* ---- Settings ---- */

static enum iothub_start start_named(const char *name)
{
    static const char *const names[] = {"latest", "earliest", "time", "sequence", "offset"};
    for (int i = 0; i < 5; i++) {
        if (strcmp(names[i], name) == 0) {
            return (enum iothub_start)i;
        }
    }
    return IOTHUB_START_LATEST;
}

static void set(struct settings *settings, const char *name, const char *value)
{
    struct iothub_reader_options *reader = &settings->reader;
    int64_t number = 0;
    (void)str_to_i64(str_from(value), &number);
    if (strcmp(name, "group") == 0) {
        reader->consumer_group = value;
    } else if (strcmp(name, "partition") == 0) {
        reader->partition = value;
    } else if (strcmp(name, "start") == 0) {
        reader->start = start_named(value);
    } else if (strcmp(name, "value") == 0) {
        reader->start_value = number;
        reader->start_offset = value;
    } else if (strcmp(name, "lifetime") == 0) {
        reader->connection.token_lifetime_s = (unsigned)number;
    } else if (strcmp(name, "timeout") == 0) {
        reader->connection.timeout_ms = (unsigned)number;
    } else if (strcmp(name, "port") == 0) {
        reader->connection.port = (uint16_t)number;
    } else if (strcmp(name, "pause") == 0) {
        settings->pause_ms = (unsigned)number;
    }
}

/* ---- Reading ---- */

static void interrupt(int signal_number)
{
    (void)signal_number;
    interrupted = 1;
}

static void connection_changed(void *ctx, int connected, const char *reason)
{
    (void)ctx;
    (void)printf(connected ? "made%s\n" : "lost: %s\n", reason);
    (void)fflush(stdout);
}

/* Texts as such, other bytes in hex. */
static void add_body(cJSON *tree, const void *data, size_t size)
{
    const unsigned char *bytes = data;
    bool is_text = true;
    char *text = mem_zalloc(2 * size + 1);
    for (size_t i = 0; i < size && text != NULL; i++) {
        is_text = is_text && bytes[i] != 0 && bytes[i] < 0x80;
        (void)snprintf(text + 2 * i, 3, "%02x", (unsigned)bytes[i]);
    }
    if (is_text && text != NULL) {
        memcpy(text, data, size);
        text[size] = '\0';
    }
    (void)cJSON_AddStringToObject(tree, "body", text == NULL ? "" : text);
    mem_free(text);
}

static void say_event(const struct iothub_event *event)
{
    cJSON *tree = cJSON_CreateObject();
    add_body(tree, event->body, event->body_size);
    (void)cJSON_AddNumberToObject(tree, "size", (double)event->body_size);
    (void)cJSON_AddStringToObject(tree, "partition", event->partition);
    (void)cJSON_AddNumberToObject(tree, "sequence", (double)event->sequence_number);
    (void)cJSON_AddStringToObject(tree, "offset", event->offset);
    (void)cJSON_AddNumberToObject(tree, "enqueued", (double)event->enqueued_ms);
    (void)cJSON_AddStringToObject(tree, "device", event->device_id);
    (void)cJSON_AddStringToObject(tree, "module", event->module_id);
    (void)cJSON_AddStringToObject(tree, "source", event->source);
    (void)cJSON_AddStringToObject(tree, "contentType", event->content_type);
    (void)cJSON_AddItemToObject(tree, "annotations", cJSON_Duplicate(event->annotations, 1));
    (void)cJSON_AddItemToObject(tree, "properties", cJSON_Duplicate(event->properties, 1));
    (void)cJSON_AddItemToObject(tree, "application", cJSON_Duplicate(event->application, 1));
    say_tree("event", tree);
}

static void pause_for(unsigned milliseconds)
{
    const struct timespec time = {.tv_sec = milliseconds / 1000,
                                  .tv_nsec = (long)(milliseconds % 1000) * 1000000};
    (void)nanosleep(&time, NULL);
}

static int read_events(const char *connection_string, struct settings *settings)
{
    struct iothub_error error;
    struct iothub_reader *reader = NULL;
    settings->reader.connection_changed = connection_changed;
    enum iothub_result result =
        iothub_reader_open(connection_string, &settings->reader, &reader, &error);
    if (result == IOTHUB_OK) {
        (void)printf("reading %d\n", (int)iothub_reader_partition_count(reader));
        (void)fflush(stdout);
    }
    while (result == IOTHUB_OK && !interrupted) {
        const struct iothub_event *event = NULL;
        pause_for(settings->pause_ms);
        result = iothub_reader_receive(reader, 1000, &event, &error);
        if (result == IOTHUB_OK && event != NULL) {
            say_event(event);
        }
    }
    if (result != IOTHUB_OK) {
        say_failure(&error);
    }
    iothub_reader_close(reader);
    return result == IOTHUB_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- Sending, and feedback ---- */

static const char *text_in(const cJSON *tree, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(tree, name));
}

static size_t read_properties(const cJSON *tree, struct iothub_message_property *properties,
                              size_t max)
{
    size_t count = 0;
    const cJSON *one = NULL;
    cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(tree, "properties"))
    {
        if (count < max) {
            properties[count++] = (struct iothub_message_property){one->string, one->valuestring};
        }
    }
    return count;
}

static void send_message(struct iothub_messaging *messaging, const char *text)
{
    enum { PROPERTIES_MAX = 8 };
    struct iothub_message_property properties[PROPERTIES_MAX];
    struct iothub_error error;
    cJSON *tree = cJSON_Parse(text);
    const char *body = text_in(tree, "body");
    const cJSON *fill = cJSON_GetObjectItemCaseSensitive(tree, "size");
    const cJSON *ack = cJSON_GetObjectItemCaseSensitive(tree, "ack");
    const cJSON *expiry = cJSON_GetObjectItemCaseSensitive(tree, "expiry");
    char *filled = fill == NULL ? NULL : mem_zalloc((size_t)fill->valueint);
    const struct iothub_c2d_message message = {
        .device_id = text_in(tree, "device"),
        .module_id = text_in(tree, "module"),
        .body = filled != NULL ? filled : body,
        .body_size = fill != NULL ? (size_t)fill->valueint : (body == NULL ? 0 : strlen(body)),
        .message_id = text_in(tree, "mid"),
        .correlation_id = text_in(tree, "cid"),
        .user_id = text_in(tree, "uid"),
        .content_type = text_in(tree, "ct"),
        .content_encoding = text_in(tree, "ce"),
        .ack = ack == NULL ? IOTHUB_ACK_NONE : (enum iothub_ack)ack->valueint,
        .expiry_ms = expiry == NULL ? 0 : (int64_t)expiry->valuedouble,
        .properties = properties,
        .property_count = read_properties(tree, properties, PROPERTIES_MAX),
    };
    if (iothub_messaging_send(messaging, &message, &error) == IOTHUB_OK) {
        (void)printf("ok\n");
        (void)fflush(stdout);
    } else {
        say_failure(&error);
    }
    mem_free(filled);
    cJSON_Delete(tree);
}

static cJSON *records_of(const struct iothub_feedback *feedback)
{
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; feedback != NULL && i < feedback->count; i++) {
        const struct iothub_feedback_record *record = &feedback->records[i];
        cJSON *one = cJSON_CreateObject();
        (void)cJSON_AddStringToObject(one, "mid", record->message_id);
        (void)cJSON_AddStringToObject(one, "device", record->device_id);
        (void)cJSON_AddStringToObject(one, "generation", record->device_generation_id);
        (void)cJSON_AddStringToObject(one, "status", record->status);
        (void)cJSON_AddStringToObject(one, "description", record->description);
        (void)cJSON_AddStringToObject(one, "time", record->enqueued_time);
        (void)cJSON_AddItemToArray(list, one);
    }
    return list;
}

static void receive_feedback(struct iothub_messaging *messaging, const char *how)
{
    struct iothub_error error;
    struct iothub_feedback *feedback = NULL;
    struct str number;
    struct str what;
    uint64_t timeout_ms = 0;
    (void)str_cut(str_from(how), ' ', &number, &what);
    (void)str_to_u64(number, &timeout_ms);
    enum iothub_result result =
        iothub_messaging_receive_feedback(messaging, (unsigned)timeout_ms, &feedback, &error);
    if (result == IOTHUB_OK && feedback != NULL && !str_equal(what, STR("leave"))) {
        const enum iothub_settlement settlement =
            str_equal(what, STR("release")) ? IOTHUB_RELEASE : IOTHUB_ACCEPT;
        result = iothub_messaging_settle_feedback(messaging, feedback, settlement, &error);
    }
    if (result == IOTHUB_OK) {
        say_tree("ok", records_of(feedback));
    } else {
        say_failure(&error);
    }
    iothub_feedback_destroy(feedback);
}

static int serve(const char *connection_string, const struct settings *settings)
{
    static char line[300000];
    struct iothub_error error;
    struct iothub_messaging *messaging = NULL;
    if (iothub_messaging_create(connection_string, &settings->reader.connection, &messaging,
                                &error) != IOTHUB_OK) {
        say_failure(&error);
        return EXIT_FAILURE;
    }
    while (fgets(line, (int)sizeof(line), stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "send ", 5) == 0) {
            send_message(messaging, line + 5);
        } else if (strncmp(line, "feedback ", 9) == 0) {
            receive_feedback(messaging, line + 9);
        }
    }
    iothub_messaging_destroy(messaging);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct settings settings = {.pause_ms = 0};
    const struct sigaction action = {.sa_handler = interrupt};
    if (argc < 3) {
        return EXIT_FAILURE;
    }
    for (int i = 3; i < argc; i++) {
        char *value = strchr(argv[i], '=');
        if (value != NULL) {
            *value = '\0';
            set(&settings, argv[i], value + 1);
        }
    }
    (void)sigaction(SIGINT, &action, NULL);
    return strcmp(argv[1], "read") == 0 ? read_events(argv[2], &settings)
                                        : serve(argv[2], &settings);
}
