/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/map.h"
#include "clients/cli/commands.h"
#include "clients/cli/event_row.h"
#include "clients/cli/messaging.h"
#include "clients/cli/output.h"
#include "clients/cli/service.h"
#include "clients/cli/signals.h"

enum { WAIT_MS = 500, COUNT_MAX = 2000000000, PAGE_SIZE = 1000, NAMES_MAX = 256 << 20 };

struct monitor {
    const struct cli_call *call;
    struct cli_rows rows;
    bool asks;          /* --device-query was given: only these are shown */
    struct map devices; /* their names, which are in the arena */
    struct arena names;
    unsigned parts;
    long left;        /* events that are still wanted */
    int64_t quiet_us; /* after so long without an event it ends; 0: never */
    int64_t last_us;  /* when the last came, monotonic */
    enum cli_exit exit_code;
};

static void monitor_finish(struct monitor *monitor)
{
    map_finish(&monitor->devices);
    arena_finish(&monitor->names);
}

/* ---- which devices ---- */

static bool add_device(const cJSON *row, void *ctx)
{
    struct monitor *monitor = ctx;
    struct str id = STR_EMPTY;
    if (!json_member_str(row, "deviceId", &id)) {
        monitor->exit_code = cli_fail(CLI_MISUSED, "--device-query: its rows have no deviceId");
        return false;
    }
    char *name = arena_copy(&monitor->names, id);
    if (name == NULL ||
        map_put(&monitor->devices, str_of(name, id.size), name, NULL) != STATUS_OK) {
        monitor->exit_code = cli_fail(CLI_FAILED, "out of memory");
        return false;
    }
    return true;
}

static enum cli_exit find_devices(struct monitor *monitor)
{
    const char *query = cli_value(monitor->call, "device-query");
    CLEANUP(cli_service_finish) struct cli_service service = {.client = NULL};
    struct iothub_error error;
    monitor->asks = query != NULL;
    if (query == NULL) {
        return CLI_DONE;
    }
    const enum cli_exit exit_code = cli_service_open(monitor->call, &service);
    if (exit_code != CLI_DONE) {
        return exit_code;
    }
    if (iothub_service_query(service.client, query, PAGE_SIZE, add_device, monitor, &error) !=
        IOTHUB_OK) {
        return hub_fail(&service.hub, &error);
    }
    cli_say_verbose(monitor->call, "%zu devices are watched", monitor->devices.count);
    return monitor->exit_code;
}

static bool is_wanted(const struct monitor *monitor, const struct iothub_event *event)
{
    const char *device = cli_value(monitor->call, "device-id");
    const char *module = cli_value(monitor->call, "module-id");
    const struct str id = str_from(event->device_id);
    return (device == NULL || event_id_matches(str_from(device), id)) &&
           (module == NULL || event_id_matches(str_from(module), str_from(event->module_id))) &&
           (!monitor->asks || map_get(&monitor->devices, id) != NULL);
}

/* ---- what is shown ---- */

static const struct cli_column table_columns[] = {
    {.title = "Time (UTC)", .path = "time", .width = 19},
    {.title = "Device", .path = "device", .width = 16},
    {.title = "Event", .path = "payload"},
};

static const struct cli_column table_columns_more[] = {
    {.title = "Time (UTC)", .path = "time", .width = 19},
    {.title = "Device", .path = "device", .width = 16},
    {.title = "Event", .path = "payload", .width = 32},
    {.title = "Properties", .path = "properties"},
};

static const struct cli_column tsv_columns[] = {
    {.path = "enqueuedTime"},      {.path = "event.origin"},
    {.path = "event.module"},      {.path = "source"},
    {.path = "event.payload"},     {.path = "event.properties"},
    {.path = "event.annotations"},
};

static struct cli_columns columns_for(const struct monitor *monitor)
{
    if (monitor->call->format == CLI_TSV) {
        struct cli_columns columns = CLI_COLUMNS(tsv_columns);
        columns.count -= monitor->parts == 0 ? 2 : 0;
        return columns;
    }
    return monitor->parts == 0 ? CLI_COLUMNS(table_columns) : CLI_COLUMNS(table_columns_more);
}

static unsigned parts_asked(const struct cli_call *call)
{
    static const struct {
        const char *name;
        unsigned parts;
    } names[] = {
        {"all", EVENT_ANNOTATIONS | EVENT_SYSTEM | EVENT_APPLICATION},
        {"anno", EVENT_ANNOTATIONS},
        {"sys", EVENT_SYSTEM},
        {"app", EVENT_APPLICATION},
    };
    const struct cli_values given = cli_values(call, "properties");
    unsigned parts = 0;
    for (size_t i = 0; i < given.count; i++) {
        for (size_t at = 0; at < ARRAY_SIZE(names); at++) {
            parts |= strcmp(given.items[i], names[at].name) == 0 ? names[at].parts : 0;
        }
    }
    return parts;
}

static bool show(struct monitor *monitor, const struct iothub_event *event)
{
    CLEANUP(json_destroyp)
    cJSON *row = event_row(event, monitor->parts, cli_value(monitor->call, "content-type"));
    CLEANUP(json_destroyp)
    cJSON *line = row != NULL && monitor->call->format == CLI_TABLE ? event_line(row) : NULL;
    if (row == NULL || (monitor->call->format == CLI_TABLE && line == NULL)) {
        monitor->exit_code = cli_fail(CLI_FAILED, "out of memory");
        return false;
    }
    monitor->left--;
    return cli_rows_add(&monitor->rows, line != NULL ? line : row);
}

/* ---- reading ---- */

static void say_connection(void *ctx, int connected, const char *reason)
{
    (void)ctx;
    if (connected) {
        cli_say("connected again");
    } else {
        cli_say("%s; trying again", reason);
    }
}

static bool was_quiet_too_long(const struct monitor *monitor)
{
    return monitor->quiet_us > 0 && clock_monotonic_us() - monitor->last_us >= monitor->quiet_us;
}

static enum cli_exit watch(struct monitor *monitor, const struct hub *hub,
                           struct iothub_reader *reader)
{
    struct iothub_error error;
    monitor->last_us = clock_monotonic_us();
    while (!signals_interrupted() && monitor->left > 0) {
        const struct iothub_event *event = NULL;
        if (iothub_reader_receive(reader, WAIT_MS, &event, &error) != IOTHUB_OK) {
            return hub_fail(hub, &error);
        }
        cli_rows_heed_reader();
        if (event == NULL && was_quiet_too_long(monitor)) {
            cli_say("no event came for %ld s", cli_number(monitor->call, "timeout", 0));
            return CLI_DONE;
        }
        if (event != NULL && is_wanted(monitor, event)) {
            monitor->last_us = clock_monotonic_us();
            if (!show(monitor, event)) {
                return monitor->exit_code;
            }
        }
    }
    return CLI_DONE;
}

static enum cli_exit read_events(struct monitor *monitor, const struct cli_messaging *messaging,
                                 const struct iothub_reader_options *options)
{
    struct iothub_reader *reader = NULL;
    struct iothub_error error;
    if (iothub_reader_open(messaging->connection_string, options, &reader, &error) != IOTHUB_OK) {
        return hub_fail(&messaging->hub, &error);
    }
    signals_catch();
    if (isatty(STDERR_FILENO) && isatty(STDOUT_FILENO)) {
        cli_say("watching %zu partitions; Ctrl-C ends it", iothub_reader_partition_count(reader));
    } else {
        cli_say_verbose(monitor->call, "watching %zu partitions",
                        iothub_reader_partition_count(reader));
    }
    cli_rows_begin_stream(&monitor->rows, monitor->call, columns_for(monitor));
    const enum cli_exit exit_code = watch(monitor, &messaging->hub, reader);
    iothub_reader_close(reader);
    return cli_rows_end(&monitor->rows, exit_code);
}

static enum cli_exit run(const struct cli_call *call)
{
    CLEANUP(cli_messaging_finish) struct cli_messaging messaging = {.connection_string = ""};
    CLEANUP(monitor_finish)
    struct monitor monitor = {.call = call,
                              .names = ARENA_INIT(NAMES_MAX),
                              .parts = parts_asked(call),
                              .left = cli_number(call, "count", LONG_MAX),
                              .quiet_us = cli_number(call, "timeout", 0) * CLOCK_SECOND,
                              .exit_code = CLI_DONE};
    struct iothub_reader_options options = {
        .consumer_group = cli_value(call, "consumer-group"),
        .start = cli_given(call, "enqueued-time") ? IOTHUB_START_TIME : IOTHUB_START_LATEST,
        .connection_changed = say_connection,
    };
    enum cli_exit exit_code = cli_time_ms(call, "enqueued-time", &options.start_value);
    if (exit_code == CLI_DONE) {
        exit_code = cli_messaging_find_events(call, &messaging);
    }
    if (exit_code == CLI_DONE) {
        exit_code = find_devices(&monitor);
    }
    options.connection = messaging.options;
    return exit_code == CLI_DONE ? read_events(&monitor, &messaging, &options) : exit_code;
}

/* ---- the command ---- */

static const struct cli_option monitor_options[] = {
    {.name = "device-id",
     .letter = 'd',
     .plain = true,
     .value = "DEVICE",
     .meaning = "only events of this device; a * in it stands for any characters"},
    {.name = "module-id",
     .letter = 'm',
     .value = "MODULE",
     .meaning = "only events of this module; a * in it stands for any characters"},
    {.name = "device-query",
     .letter = 'q',
     .value = "QUERY",
     .meaning = "only events of the devices that a query finds, asked once at the start"},
    {.name = "consumer-group",
     .alias = "cg",
     .letter = 'c',
     .value = "GROUP",
     .meaning = "read as this consumer group; by default $Default"},
    {.name = "enqueued-time",
     .alias = "et",
     .letter = 'e',
     .value = "TIME",
     .meaning = "begin with what came after this time (2026-11-21T10:00:00Z, or milliseconds since "
                "1970); by default with what is new"},
    {.name = "properties",
     .alias = "props",
     .letter = 'p',
     .repeats = true,
     .value = "WHICH",
     .choices = "all|anno|sys|app",
     .meaning =
         "also show the hub's annotations, the message's system properties, the device's own; "
         "may be given again"},
    {.name = "content-type",
     .alias = "ct",
     .value = "TYPE",
     .meaning = "read payloads as this type, whatever the messages say: application/json"},
    CLI_OPTION_TIMEOUT("end when so long no event has come; 0, as by default: never"),
    {.name = "count",
     .alias = "message-count|mc",
     .value = "COUNT",
     .min = 1,
     .max = COUNT_MAX,
     .meaning = "end after so many events"},
    {.name = CLI_EVENT_HUB_OPTION,
     .value = "STRING",
     .meaning =
         "the connection string of the Event Hubs-compatible endpoint (Endpoint=sb://...), in "
         "place of the hub's; by default that in EVENTHUB_CONNECTION_STRING, where no hub is "
         "named"},
};

static const struct cli_example examples[] = {
    {"watch what devices send", "iothub monitor"},
    {"one device, with the properties it gives its messages",
     "iothub monitor dev1 --properties app"},
    {"the next ten, as JSON, a line each", "iothub monitor --count 10 --output json"},
    {"the devices of a floor",
     "iothub monitor --device-query \"SELECT deviceId FROM devices WHERE tags.floor = 2\""},
    {"from ten o'clock on, until nothing more comes",
     "iothub monitor --enqueued-time 2026-11-21T10:00:00Z --timeout 5"},
};

const struct cli_command cli_monitor = {
    .name = "monitor",
    .az = "monitor-events",
    .summary = "watch events as they come: telemetry, and what the hub itself tells",
    .description =
        "Reads the Event Hubs-compatible endpoint until Ctrl-C, which is no failure. A connection "
        "that is lost is made again, and no event is missed.\n\nA payload that is JSON, by its "
        "content type or by its looks, is shown as JSON, anything else as text, and bytes that are "
        "no text as base64.",
    CLI_OPTIONS(monitor_options),
    CLI_EXAMPLES(examples),
    .run = run,
};
