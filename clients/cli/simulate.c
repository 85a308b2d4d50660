/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clients/cli/commands.h"
#include "clients/cli/identity.h"
#include "clients/cli/json_argument.h"
#include "clients/cli/progress.h"
#include "clients/cli/signals.h"
#include "clients/cli/telemetry.h"

enum {
    WAIT_MS = 100,
    COUNT_MAX = 1000000000,
    FAILURES_SAID = 5,
    SUMMARY_MAX = 1024,
    JSON_MAX = 1 << 20,
};

#define DATA_DEFAULT "{\"n\": {{n}}, \"temperature\": {{walk 18 30}}, \"humidity\": {{walk 40 80}}}"
#define SECOND_US    1e6

static const struct cli_column columns[] = {
    {.title = "Device", .path = "deviceId", .width = 12},
    {.title = "Event", .path = "event", .width = 8},
    {.title = "Name", .path = "name", .width = 12},
    {.title = "Payload", .path = "payload", .width = 32},
    {.title = "Properties", .path = "properties", .width = 16},
    {.title = "Status", .path = "status"},
};

struct show {
    const struct cli_call *call;
    struct simulator *simulator;
    const struct simulation *plan;
    struct cli_rows rows;
    struct progress progress;
    uint64_t failures;
    bool all_connected; /* which was said */
};

/* ---- what happens ---- */

/* For people, remarks go to standard error: a table has only what devices sent and received. */
static void say_remark(struct show *show, const cJSON *row, struct str event)
{
    const struct str device = json_str(json_member(row, "deviceId"));
    const struct str reason = json_str(json_member(row, "reason"));
    const bool failed = str_equal(event, STR("failed"));
    if (str_equal(event, STR("back"))) {
        cli_say("%.*s is connected again", STR_ARG(device));
    } else if (reason.size > 0 && (!failed || show->failures++ < FAILURES_SAID)) {
        cli_say("%.*s: %.*s", STR_ARG(device), STR_ARG(reason));
    }
}

static bool is_remark(struct str event)
{
    static const char *const remarks[] = {"connected", "lost", "back", "expiring", "failed"};
    for (size_t i = 0; i < ARRAY_SIZE(remarks); i++) {
        if (str_equal(event, str_from(remarks[i]))) {
            return true;
        }
    }
    return false;
}

static bool show_row(struct show *show, const cJSON *row)
{
    const struct str event = json_str(json_member(row, "event"));
    if (show->call->format != CLI_JSON && is_remark(event)) {
        say_remark(show, row, event);
        return true;
    }
    return cli_rows_add(&show->rows, row);
}

static void say_connected(struct show *show, const struct simulator_totals *totals)
{
    if (show->all_connected || show->call->format == CLI_JSON ||
        totals->connected + totals->failed < totals->devices || totals->connected == 0) {
        return;
    }
    show->all_connected = true;
    const char *end =
        show->plan->stays || show->plan->count == UINT64_MAX ? "; Ctrl-C ends it" : "";
    if (totals->devices == 1) {
        cli_say("connected%s", end);
    } else {
        cli_say("%" PRIu64 " devices are connected%s", totals->connected, end);
    }
}

static void show_progress(struct show *show)
{
    struct simulator_totals totals;
    simulator_totals(show->simulator, &totals);
    say_connected(show, &totals);
    if (show->plan->count == 0) {
        return;
    }
    int size = snprintf(show->progress.note, sizeof(show->progress.note),
                        "%" PRIu64 " acknowledged", totals.acknowledged);
    if (totals.reconnects > 0 && size > 0) {
        (void)snprintf(show->progress.note + size, sizeof(show->progress.note) - (size_t)size,
                       "  %" PRIu64 " reconnected", totals.reconnects);
    }
    progress_step(&show->progress, totals.sent);
}

/* ---- what happened ---- */

static double rate_of(const struct simulator_totals *totals)
{
    /* Between n messages lie n - 1 intervals, also where several devices take turns. */
    return totals->elapsed_us <= 0 || totals->sent < 2
               ? 0.0
               : (double)(totals->sent - 1) * SECOND_US / (double)totals->elapsed_us;
}

static void append_counted(struct buf *out, uint64_t count, const char *one, const char *many)
{
    if (count > 0) {
        buf_append_format(out, "%s%" PRIu64 " %s", out->size > 0 ? ", " : "", count,
                          count == 1 ? one : many);
    }
}

static void append_sent(struct buf *out, const struct simulator_totals *totals)
{
    append_counted(out, totals->sent, "message sent", "messages sent");
    if (totals->acknowledged == totals->sent) {
        buf_append_str(out, STR(" and acknowledged"));
    } else {
        buf_append_format(out, ", of which %" PRIu64 " acknowledged", totals->acknowledged);
    }
    if (rate_of(totals) > 0.0) {
        buf_append_format(out, " in %.1f s, %.1f/s", (double)totals->elapsed_us / SECOND_US,
                          rate_of(totals));
    }
}

static void say_summary(const struct simulator_totals *totals)
{
    CLEANUP(buf_finish) struct buf text = BUF_INIT(SUMMARY_MAX);
    if (totals->sent > 0) {
        append_sent(&text, totals);
    }
    append_counted(&text, totals->methods, "method answered", "methods answered");
    append_counted(&text, totals->messages, "message received", "messages received");
    append_counted(&text, totals->desired, "change of desired properties",
                   "changes of desired properties");
    append_counted(&text, totals->reconnects, "reconnect", "reconnects");
    cli_say("%s", text.size == 0 ? "nothing was sent or received" : text.data);
}

static cJSON *summary_row(const struct simulator_totals *totals)
{
    const struct {
        const char *name;
        double value;
    } members[] = {
        {"devices", (double)totals->devices},
        {"failed", (double)totals->failed},
        {"sent", (double)totals->sent},
        {"acknowledged", (double)totals->acknowledged},
        {"bytes", (double)totals->bytes},
        {"seconds", (double)totals->elapsed_us / SECOND_US},
        {"rate", rate_of(totals)},
        {"reconnects", (double)totals->reconnects},
        {"methods", (double)totals->methods},
        {"messages", (double)totals->messages},
        {"desired", (double)totals->desired},
    };
    cJSON *row = cJSON_CreateObject();
    bool complete = row != NULL && cJSON_AddStringToObject(row, "event", "finished") != NULL;
    for (size_t i = 0; i < ARRAY_SIZE(members) && complete; i++) {
        complete = cJSON_AddNumberToObject(row, members[i].name, members[i].value) != NULL;
    }
    if (!complete) {
        cJSON_Delete(row);
    }
    return complete ? row : NULL;
}

static enum cli_exit summarize(struct show *show, const struct acting *acting)
{
    struct simulator_totals totals;
    simulator_totals(show->simulator, &totals);
    const struct iothub_error failure = simulator_failure(show->simulator);
    if (show->call->format == CLI_JSON) {
        CLEANUP(json_destroyp) cJSON *row = summary_row(&totals);
        (void)(row != NULL && cli_rows_add(&show->rows, row)); /* a failure stays in the rows */
    } else if (totals.failed < totals.devices || totals.sent > 0) {
        say_summary(&totals);
    }
    if (failure.result == IOTHUB_OK) {
        return CLI_DONE;
    }
    if (totals.devices == 1) {
        return acting_fail(acting, &failure);
    }
    return cli_fail(CLI_FAILED, "%" PRIu64 " of %" PRIu64 " devices gave up; the first: %s",
                    totals.failed, totals.devices, failure.text);
}

/* ---- going on ---- */

static void watch(struct show *show)
{
    cJSON *row = NULL;
    bool wanted = true;
    while (simulator_next(show->simulator, WAIT_MS, &row)) {
        if (row != NULL && wanted) {
            wanted = show_row(show, row);
        }
        cJSON_Delete(row);
        show_progress(show);
        cli_rows_heed_reader();
        if (!wanted || signals_interrupted()) {
            simulator_stop(show->simulator);
        }
    }
}

static uint64_t total_of(const struct simulation *plan, const struct acting *acting)
{
    return plan->count == UINT64_MAX ? 0 : plan->count * acting->count;
}

static enum cli_exit simulate(const struct cli_call *call, const struct acting *acting,
                              const struct simulation *plan)
{
    CLEANUP(simulator_destroyp) struct simulator *simulator = NULL;
    struct problem problem = {.text = "out of memory"};
    if (simulator_create(plan, acting, &simulator, &problem) != STATUS_OK) {
        return cli_fail(CLI_MISUSED, "%s", problem.text);
    }
    signals_catch();
    if (simulator_start(simulator) != STATUS_OK) {
        return cli_fail(CLI_FAILED, "the system gives no more threads");
    }
    struct show show = {.call = call, .simulator = simulator, .plan = plan};
    cli_rows_begin_stream(&show.rows, call, CLI_COLUMNS(columns));
    progress_start(&show.progress, "sending", total_of(plan, acting));
    watch(&show);
    progress_stop(&show.progress);
    const enum cli_exit exit_code = summarize(&show, acting);
    return cli_rows_end(&show.rows, exit_code);
}

/* ---- what is asked for ---- */

/* JSON, checked, as text; a file's contents where it names one. */
static enum cli_exit read_json(const struct cli_call *call, const char *option, struct buf *out)
{
    const char *value = cli_value(call, option);
    if (value == NULL) {
        return CLI_DONE;
    }
    char what[64];
    (void)snprintf(what, sizeof(what), "--%s", option);
    CLEANUP(json_destroyp) cJSON *tree = NULL;
    const enum cli_exit exit_code = json_argument_read(value, what, &tree);
    if (exit_code == CLI_DONE) {
        json_append_tree(out, tree);
    }
    return exit_code;
}

static enum cli_exit read_pace(const struct cli_call *call, struct simulation *plan)
{
    plan->interval_us = (int64_t)SECOND_US;
    plan->count = (uint64_t)cli_number(call, "count", 0);
    plan->stays = plan->count == 0;
    if (!cli_given(call, "count")) {
        plan->count = UINT64_MAX;
    }
    if (cli_given(call, "rate") && cli_given(call, "interval")) {
        return cli_fail(CLI_MISUSED, "--rate and --interval exclude each other");
    }
    if (cli_given(call, "rate")) {
        return telemetry_rate(call, "rate", &plan->interval_us);
    }
    return cli_given(call, "interval") ? telemetry_seconds(call, "interval", &plan->interval_us)
                                       : CLI_DONE;
}

static enum cli_exit find_actors(const struct cli_call *call, struct acting *ret_acting)
{
    const bool many = cli_given(call, "devices");
    *ret_acting = (struct acting){0};
    if (many && cli_given(call, "device-id")) {
        return cli_fail(CLI_MISUSED, "--devices takes several of the hub's, whose IDs begin with "
                                     "--prefix's value, so that DEVICE must not be given");
    }
    if (!many && cli_given(call, "prefix")) {
        return cli_fail(CLI_MISUSED, "--prefix goes with --devices");
    }
    if (!many) {
        return acting_find(call, ret_acting);
    }
    const char *prefix = cli_value(call, "prefix");
    return acting_find_many(call, prefix == NULL ? CLI_PREFIX_DEFAULT : prefix,
                            (size_t)cli_number(call, "devices", 1), ret_acting);
}

static enum cli_exit run(const struct cli_call *call)
{
    CLEANUP(telemetry_finish) struct telemetry telemetry;
    CLEANUP(buf_finish) struct buf reported = BUF_INIT(JSON_MAX);
    CLEANUP(buf_finish) struct buf answer = BUF_INIT(JSON_MAX);
    struct simulation *plan = &telemetry.plan;
    enum cli_exit exit_code = telemetry_read(call, DATA_DEFAULT, &telemetry);
    if (exit_code == CLI_DONE) {
        exit_code = read_pace(call, plan);
    }
    if (exit_code == CLI_DONE) {
        exit_code = read_json(call, "init-reported-properties", &reported);
    }
    if (exit_code == CLI_DONE) {
        exit_code = read_json(call, "method-response-payload", &answer);
    }
    if (exit_code != CLI_DONE) {
        return exit_code;
    }
    plan->listens = true;
    plan->method_status = (int)cli_number(call, "method-response-code", 200);
    plan->method_answer = answer.data;
    plan->reported = reported.data;
    plan->shows_sent = cli_given(call, "show-sent");
    CLEANUP(acting_finish) struct acting acting;
    exit_code = find_actors(call, &acting);
    return exit_code == CLI_DONE ? simulate(call, &acting, plan) : exit_code;
}

static const struct cli_option options[] = {
    ACTING_OPTIONS,
    {.name = "devices",
     .value = "COUNT",
     .min = 1,
     .max = SIMULATOR_DEVICES_MAX,
     .meaning = "act as so many of the hub's devices at once; with --create those that `iothub "
                "device create --count` makes"},
    {.name = "prefix",
     .value = "PREFIX",
     .meaning = "what the IDs of --devices begin with; by default device-"},
    {.name = "data",
     .alias = "da",
     .value = "TEXT",
     .meaning = "the messages: text in which places may stand, as listed above; @FILE, or - for "
                "standard input; by default a number, a temperature and a humidity"},
    TELEMETRY_OPTIONS,
    {.name = "rate",
     .value = "NUMBER",
     .meaning = "messages of each device in a second, such as 10 or 0.5; by default 1"},
    {.name = "interval",
     .alias = "msg-interval|mi",
     .value = "SECONDS",
     .meaning = "between two messages of a device, such as 0.5, in place of --rate; 0 is as fast "
                "as they go"},
    {.name = "count",
     .alias = "msg-count|mc",
     .value = "COUNT",
     .min = 0,
     .max = COUNT_MAX,
     .meaning = "messages of each device, then it ends; by default it goes on until Ctrl-C, and "
                "with 0 it does so without sending any"},
    {.name = "show-sent", .meaning = "also show what is sent"},
    {.name = "method-response-code",
     .alias = "mrc",
     .value = "STATUS",
     .min = 0,
     .max = INT32_MAX,
     .meaning = "what direct methods are answered with; by default 200"},
    {.name = "method-response-payload",
     .alias = "mrp",
     .value = "JSON",
     .meaning = "and the payload, or a file of it; by default an echo of the call"},
    {.name = "init-reported-properties",
     .alias = "irp",
     .value = "JSON",
     .meaning = "reported properties to begin with, or a file of them"},
};

static const struct cli_example examples[] = {
    {.purpose = "a device that sends every second and answers methods, until Ctrl-C",
     .command = "iothub simulate dev1 --create"},
    {.purpose = "a hundred devices, ten messages a second each, for a minute",
     .command = "iothub simulate --devices 100 --prefix dev --create --rate 10 --count 600"},
    {.purpose = "messages of one's own, the same in each run",
     .command = "iothub simulate dev1 --data '{\"door\": \"{{choose open closed}}\"}' --properties "
                "'level={{choose normal high}}' --seed 7"},
    {.purpose = "a device that only listens, and knows no method",
     .command = "iothub simulate dev1 --count 0 --method-response-code 404"},
};

const struct cli_command cli_simulate = {
    .name = "simulate",
    .az = "device simulate",
    .summary = "act as a device: send telemetry, answer methods, hear messages",
    .description =
        "Connects as the device, over MQTT, sends telemetry, answers direct methods, and shows "
        "those, cloud-to-device messages and changes of desired properties as they come. A lost "
        "connection is made again, and messages wait meanwhile. Ctrl-C ends it with a summary.\n\n"
        "Places in messages and properties: {{n}} is the message's number, "
        "{{device}} the ID, {{time}} and {{unix}} the time, {{uuid}} a UUID, {{walk LOW HIGH}} a "
        "number that wanders, {{wave LOW HIGH EVERY}} one that swings once in EVERY messages, "
        "{{random LOW HIGH}} any number, {{int LOW HIGH}} a whole one, {{choose WORD...}} one of "
        "the words.",
    CLI_OPTIONS(options),
    CLI_EXAMPLES(examples),
    .run = run,
};
