/* SPDX-License-Identifier: MIT */
#include "clients/cli/telemetry.h"

#include "base/decimal.h"
#include "clients/cli/message_argument.h"

enum { ARENA_MAX = 1 << 20, LONGEST_S = 86400, RATE_MAX = 100000 };

#define SECOND_US 1e6

static enum cli_exit parse(struct str text, const char *option, struct template *ret_template)
{
    struct problem problem = {.text = "out of memory"};
    if (template_parse(text, ret_template, &problem) != STATUS_OK) {
        return cli_fail(CLI_MISUSED, "--%s: %s", option, problem.text);
    }
    return CLI_DONE;
}

static enum cli_exit add_property(void *ctx, struct str name, struct str value)
{
    struct telemetry *telemetry = ctx;
    struct simulated_property *property = &telemetry->properties[telemetry->plan.property_count++];
    property->name = arena_copy(&telemetry->arena, name);
    if (property->name == NULL) {
        return cli_fail(CLI_FAILED, "out of memory");
    }
    return parse(value, "properties", &property->value);
}

enum cli_exit telemetry_read(const struct cli_call *call, const char *data,
                             struct telemetry *ret_telemetry)
{
    *ret_telemetry = (struct telemetry){.arena = ARENA_INIT(ARENA_MAX)};
    CLEANUP(buf_finish) struct buf text = BUF_INIT((size_t)TEMPLATE_SIZE_MAX + 1);
    enum cli_exit exit_code = message_argument_body(call, data, &text);
    if (exit_code == CLI_DONE) {
        exit_code = parse(buf_str(&text), "data", &ret_telemetry->body);
    }
    if (exit_code == CLI_DONE) {
        exit_code = message_argument_properties(call, SIMULATOR_PROPERTIES_MAX, add_property,
                                                ret_telemetry);
    }
    struct simulation *plan = &ret_telemetry->plan;
    plan->body = &ret_telemetry->body;
    plan->properties = ret_telemetry->properties;
    plan->content_type = cli_value(call, "content-type");
    plan->seeded = cli_given(call, "seed");
    plan->seed = (uint64_t)cli_number(call, "seed", 0);
    return exit_code;
}

void telemetry_finish(struct telemetry *telemetry)
{
    template_finish(&telemetry->body);
    for (size_t i = 0; i < telemetry->plan.property_count; i++) {
        template_finish(&telemetry->properties[i].value);
    }
    arena_finish(&telemetry->arena);
}

static bool is_decimal(struct str text)
{
    struct str before = STR_EMPTY;
    struct str after = STR_EMPTY;
    uint64_t ignored = 0;
    const bool has_point = str_cut(text, '.', &before, &after);
    return text.size <= 20 && str_to_u64(before, &ignored) &&
           (!has_point || str_to_u64(after, &ignored));
}

/* The option's value, which is not below 0; -1 when it is no number. */
static double number_of(const struct cli_call *call, const char *option)
{
    const struct str text = str_from(cli_value(call, option));
    return is_decimal(text) ? decimal_decode(text) : -1.0;
}

enum cli_exit telemetry_seconds(const struct cli_call *call, const char *option, int64_t *ret_us)
{
    const double number = number_of(call, option);
    if (number < 0.0 || number > LONGEST_S) {
        return cli_fail(CLI_MISUSED,
                        "--%s is a number of seconds, such as 2 or 0.25, at most %d, not '%s'",
                        option, (int)LONGEST_S, cli_value(call, option));
    }
    *ret_us = (int64_t)(number * SECOND_US + 0.5);
    return CLI_DONE;
}

enum cli_exit telemetry_rate(const struct cli_call *call, const char *option,
                             int64_t *ret_interval_us)
{
    const double number = number_of(call, option);
    if (number < 1.0 / LONGEST_S || number > RATE_MAX) {
        return cli_fail(CLI_MISUSED,
                        "--%s is how many a second, such as 10 or 0.5, at most %d, not '%s'",
                        option, (int)RATE_MAX, cli_value(call, option));
    }
    *ret_interval_us = (int64_t)(SECOND_US / number + 0.5);
    return CLI_DONE;
}
