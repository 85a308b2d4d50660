/* SPDX-License-Identifier: MIT */
#include "clients/cli/commands.h"
#include "clients/cli/progress.h"
#include "clients/cli/telemetry.h"

enum { WAIT_MS = 100, COUNT_MAX = 1000000000 };

#define PATIENCE_US (60 * INT64_C(1000000))

static enum cli_exit print_totals(const struct cli_call *call, const struct acting *acting,
                                  const struct simulator_totals *totals)
{
    static const struct cli_column columns[] = {
        {.title = "Device", .path = "deviceId"},
        {.title = "Module", .path = "moduleId"},
        {.title = "Sent", .path = "sent"},
        {.title = "Bytes", .path = "bytes"},
    };
    CLEANUP(json_destroyp) cJSON *document = acting_identity(acting, 0);
    if (document == NULL ||
        cJSON_AddNumberToObject(document, "sent", (double)totals->acknowledged) == NULL ||
        cJSON_AddNumberToObject(document, "bytes", (double)totals->bytes) == NULL) {
        return cli_fail(CLI_FAILED, "out of memory");
    }
    return cli_print(call, document, CLI_COLUMNS(columns));
}

static enum cli_exit finish(const struct cli_call *call, const struct acting *acting,
                            struct simulator *simulator)
{
    struct simulator_totals totals;
    simulator_totals(simulator, &totals);
    const struct iothub_error failure = simulator_failure(simulator);
    if (failure.result == IOTHUB_OK) {
        return print_totals(call, acting, &totals);
    }
    if (totals.sent > 0) {
        cli_say("%llu of %llu messages were stored by the hub",
                (unsigned long long)totals.acknowledged, (unsigned long long)totals.sent);
    }
    return acting_fail(acting, &failure);
}

static enum cli_exit send_all(const struct cli_call *call, const struct acting *acting,
                              const struct simulation *plan)
{
    CLEANUP(simulator_destroyp) struct simulator *simulator = NULL;
    struct problem problem = {.text = "out of memory"};
    if (simulator_create(plan, acting, &simulator, &problem) != STATUS_OK) {
        return cli_fail(CLI_MISUSED, "%s", problem.text);
    }
    if (simulator_start(simulator) != STATUS_OK) {
        return cli_fail(CLI_FAILED, "the system gives no more threads");
    }
    struct progress progress;
    struct simulator_totals totals;
    cJSON *row = NULL;
    progress_start(&progress, "sending", plan->count);
    while (simulator_next(simulator, WAIT_MS, &row)) {
        cJSON_Delete(row);
        simulator_totals(simulator, &totals);
        progress_step(&progress, totals.acknowledged);
    }
    progress_stop(&progress);
    return finish(call, acting, simulator);
}

static enum cli_exit run(const struct cli_call *call)
{
    CLEANUP(telemetry_finish) struct telemetry telemetry;
    enum cli_exit exit_code = telemetry_read(call, NULL, &telemetry);
    telemetry.plan.count = (uint64_t)cli_number(call, "count", 1);
    telemetry.plan.patience_us = PATIENCE_US;
    if (exit_code == CLI_DONE && cli_given(call, "interval")) {
        exit_code = telemetry_seconds(call, "interval", &telemetry.plan.interval_us);
    }
    if (exit_code != CLI_DONE) {
        return exit_code;
    }
    CLEANUP(acting_finish) struct acting acting;
    exit_code = acting_find(call, &acting);
    return exit_code == CLI_DONE ? send_all(call, &acting, &telemetry.plan) : exit_code;
}

static const struct cli_option options[] = {
    ACTING_OPTIONS,
    {.name = "data",
     .alias = "da",
     .plain = true,
     .value = "TEXT",
     .meaning = "the message: text, in which {{n}}, {{walk 15 30}} and the like may stand (iothub "
                "simulate --help lists them); @FILE, or - for standard input"},
    TELEMETRY_OPTIONS,
    {.name = "count",
     .alias = "msg-count|mc",
     .value = "COUNT",
     .min = 1,
     .max = COUNT_MAX,
     .meaning = "how many messages; by default one"},
    {.name = "interval",
     .alias = "msg-interval|mi",
     .value = "SECONDS",
     .meaning = "between two messages, such as 0.5; by default none"},
};

static const struct cli_example examples[] = {
    {.purpose = "send one message as dev1",
     .command = "iothub send dev1 '{\"temperature\": 21.5}'"},
    {.purpose = "send a file, with a property to route it by",
     .command = "iothub send dev1 @reading.json --properties level=high"},
    {.purpose = "send a hundred, as a module",
     .command = "iothub send dev1 '{\"n\": {{n}}}' --module-id mod1 --count 100"},
};

const struct cli_command cli_send = {
    .name = "send",
    .az = "device send-d2c-message",
    .summary = "act as a device once: send telemetry",
    .description =
        "Connects as the device, over MQTT, and ends when the hub has stored what was sent. A "
        "connection that is lost meanwhile is made again; a hub that confirms nothing for a minute "
        "is given up.",
    CLI_OPTIONS(options),
    CLI_EXAMPLES(examples),
    .run = run,
};
