/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "clients/cli/cli.h"
#include "clients/cli/help.h"
#include "clients/cli/near.h"

enum { ARENA_MAX = 64 << 20 };

/* ---- the two tables as one ---- */

static size_t option_count(const struct cli_command *command)
{
    return command->option_count + cli_global_option_count;
}

static const struct cli_option *option_at(const struct cli_command *command, size_t i)
{
    return i < command->option_count ? &command->options[i]
                                     : &cli_global_options[i - command->option_count];
}

bool cli_next_alias(struct str *rest, struct str *ret_name)
{
    if (rest->size == 0) {
        return false;
    }
    (void)str_cut(*rest, '|', ret_name, rest);
    return true;
}

static bool is_called(const struct cli_option *option, struct str name)
{
    bool found = str_equal(str_from(option->name), name);
    struct str rest = str_from(option->alias);
    struct str alias = STR_EMPTY;
    while (!found && cli_next_alias(&rest, &alias)) {
        found = str_equal(alias, name);
    }
    return found;
}

/* The option's index, or the number of options. */
static size_t find_long(const struct cli_command *command, struct str name)
{
    size_t i = 0;
    while (i < option_count(command) && !is_called(option_at(command, i), name)) {
        i++;
    }
    return i;
}

static size_t find_letter(const struct cli_command *command, char letter)
{
    size_t i = 0;
    while (i < option_count(command) && option_at(command, i)->letter != letter) {
        i++;
    }
    return i;
}

/* ---- refusals ---- */

static bool refuse(const struct cli_command *command, const char *format, ...) PRINTF_LIKE(2, 3);

static bool refuse(const struct cli_command *command, const char *format, ...)
{
    char text[PROBLEM_TEXT_SIZE];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    (void)cli_fail(CLI_MISUSED, "%s\nTry: iothub %s%s%s --help", text,
                   command->group == NULL ? "" : command->group, command->group == NULL ? "" : " ",
                   command->name);
    return false;
}

static bool refuse_unknown(const struct cli_command *command, const char *argument)
{
    struct str name = STR_EMPTY;
    struct str rest = STR_EMPTY;
    (void)str_cut(str_from(argument), '=', &name, &rest);
    char written[48] = "";
    memcpy(written, name.data, name.size < sizeof(written) ? name.size : sizeof(written) - 1);
    struct near near = near_to(written + strspn(written, "-"));
    for (size_t i = 0; i < option_count(command); i++) {
        near_consider(&near, option_at(command, i)->name);
    }
    if (near.best != NULL) {
        return refuse(command, "there is no option %.*s; did you mean --%s?", STR_ARG(name),
                      near.best);
    }
    return refuse(command, "there is no option %.*s", STR_ARG(name));
}

/* ---- one value ---- */

static bool is_a_choice(const char *choices, struct str value)
{
    struct str rest = str_from(choices);
    struct str choice = STR_EMPTY;
    bool more = true;
    while (more) {
        more = str_cut(rest, '|', &choice, &rest);
        if (str_equal(choice, value)) {
            return true;
        }
    }
    return false;
}

static bool is_in_range(const struct cli_option *option, const char *value)
{
    int64_t number = 0;
    return str_to_i64(str_from(value), &number) && number >= option->min && number <= option->max;
}

static bool value_fits(const struct cli_call *call, const struct cli_option *option,
                       const char *value)
{
    if (option->choices != NULL && !is_a_choice(option->choices, str_from(value))) {
        return refuse(call->command, "--%s is one of %s, not '%s'", option->name, option->choices,
                      value);
    }
    if ((option->min != 0 || option->max != 0) && !is_in_range(option, value)) {
        return refuse(call->command, "--%s is a whole number from %ld to %ld, not '%s'",
                      option->name, option->min, option->max, value);
    }
    if (option->required && value[0] == '\0' && !call->command->runs_a_program) {
        return refuse(call->command, "%s%s is empty", option->plain ? "" : "--",
                      option->plain ? option->value : option->name);
    }
    return true;
}

/* Each list has room for every argument there is: nothing needs to grow. */
static bool take_value(struct cli_call *call, size_t i, const char *value, size_t room)
{
    struct cli_values *values = &call->values[i];
    if (values->items == NULL) {
        values->items = ARENA_ARRAY(&call->arena, const char *, room);
    }
    if (values->items == NULL) {
        return refuse(call->command, "there is not enough memory for so many arguments");
    }
    if (value != NULL && !value_fits(call, option_at(call->command, i), value)) {
        return false;
    }
    values->items[values->count++] = value;
    return true;
}

/* ---- the walk ---- */

struct walk {
    const char *const *arguments;
    size_t count;
    size_t at;
    bool only_plain; /* "--" was met */
};

/* An option's own name cannot be another's value: that value was forgotten. */
static bool is_an_option(const struct cli_command *command, const char *argument)
{
    struct str name = STR_EMPTY;
    struct str rest = STR_EMPTY;
    (void)str_cut(str_from(argument), '=', &name, &rest);
    return str_starts(name, STR("--")) &&
           find_long(command, str_skip(name, 2)) < option_count(command);
}

/* Is the next argument NAME=VALUE, and no option? */
static bool is_a_pair(const struct walk *walk)
{
    const char *next = walk->at + 1 < walk->count ? walk->arguments[walk->at + 1] : "";
    return next[0] != '-' && strchr(next, '=') != NULL;
}

static bool take_next(struct cli_call *call, struct walk *walk, size_t i)
{
    const struct cli_option *option = option_at(call->command, i);
    if (option->value == NULL) {
        return take_value(call, i, NULL, walk->count);
    }
    if (walk->at + 1 >= walk->count || is_an_option(call->command, walk->arguments[walk->at + 1])) {
        return refuse(call->command, "a value is missing after %s", walk->arguments[walk->at]);
    }
    bool taken = take_value(call, i, walk->arguments[++walk->at], walk->count);
    while (taken && option->pairs && is_a_pair(walk)) {
        taken = take_value(call, i, walk->arguments[++walk->at], walk->count);
    }
    return taken;
}

static bool take_long(struct cli_call *call, struct walk *walk)
{
    const char *argument = walk->arguments[walk->at];
    struct str name = STR_EMPTY;
    struct str value = STR_EMPTY;
    const bool has_value = str_cut(str_from(argument + 2), '=', &name, &value);
    const size_t i = find_long(call->command, name);
    if (i == option_count(call->command)) {
        return refuse_unknown(call->command, argument);
    }
    if (!has_value) {
        return take_next(call, walk, i);
    }
    if (option_at(call->command, i)->value == NULL) {
        return refuse(call->command, "--%.*s takes no value", STR_ARG(name));
    }
    return take_value(call, i, value.data, walk->count);
}

static bool take_letter(struct cli_call *call, struct walk *walk)
{
    const char *argument = walk->arguments[walk->at];
    const size_t i = find_letter(call->command, argument[1]);
    if (i == option_count(call->command)) {
        return refuse_unknown(call->command, argument);
    }
    if (argument[2] == '\0') {
        return take_next(call, walk, i);
    }
    if (option_at(call->command, i)->value == NULL) {
        return refuse_unknown(call->command, argument);
    }
    return take_value(call, i, argument + 2 + (argument[2] == '=' ? 1 : 0), walk->count);
}

/* By the order of the table: one after the other, but those that were given by name. */
static bool take_plain(struct cli_call *call, struct walk *walk, const bool *by_name)
{
    const struct cli_command *command = call->command;
    const char *argument = walk->arguments[walk->at];
    for (size_t i = 0; i < command->option_count; i++) {
        const struct cli_option *option = &command->options[i];
        if (option->plain && !by_name[i] && (option->repeats || call->values[i].count == 0)) {
            walk->only_plain = walk->only_plain || command->runs_a_program;
            return take_value(call, i, argument, walk->count);
        }
    }
    return refuse(command, "one argument too many: %s (is a quotation mark missing?)", argument);
}

static bool is_option_like(const struct walk *walk)
{
    const char *argument = walk->arguments[walk->at];
    return !walk->only_plain && argument[0] == '-' && argument[1] != '\0';
}

static bool take_options(struct cli_call *call, struct walk *walk, size_t *plain,
                         size_t *ret_plain_count)
{
    for (size_t count = 0; walk->at < walk->count; walk->at++) {
        const char *argument = walk->arguments[walk->at];
        if (!is_option_like(walk)) {
            plain[count++] = walk->at;
            walk->only_plain = walk->only_plain || call->command->runs_a_program;
        } else if (strcmp(argument, "--") == 0) {
            walk->only_plain = true;
        } else if (!(argument[1] == '-' ? take_long(call, walk) : take_letter(call, walk))) {
            return false;
        }
        *ret_plain_count = count;
    }
    return true;
}

static bool take_plain_ones(struct cli_call *call, struct walk *walk, const size_t *plain,
                            size_t plain_count)
{
    bool *by_name = ARENA_ARRAY(&call->arena, bool, call->command->option_count + 1);
    if (by_name == NULL) {
        return refuse(call->command, "there is not enough memory for so many arguments");
    }
    for (size_t i = 0; i < call->command->option_count; i++) {
        by_name[i] = call->values[i].count > 0;
    }
    for (size_t i = 0; i < plain_count; i++) {
        walk->at = plain[i];
        if (!take_plain(call, walk, by_name)) {
            return false;
        }
    }
    return true;
}

static bool nothing_is_missing(const struct cli_call *call)
{
    for (size_t i = 0; i < call->command->option_count; i++) {
        const struct cli_option *option = &call->command->options[i];
        if (option->required && call->values[i].count == 0) {
            return refuse(call->command, "%s%s is missing: %s", option->plain ? "" : "--",
                          option->plain ? option->value : option->name, option->meaning);
        }
    }
    return true;
}

static enum cli_format chosen_format(const struct cli_call *call)
{
    const char *output = cli_value(call, "output");
    if (output == NULL) {
        return isatty(STDOUT_FILENO) ? CLI_TABLE : CLI_JSON;
    }
    return strcmp(output, "json") == 0  ? CLI_JSON
           : strcmp(output, "tsv") == 0 ? CLI_TSV
                                        : CLI_TABLE;
}

bool cli_call_parse(struct cli_call *call, const struct cli_command *command, size_t count,
                    const char *const *arguments)
{
    *call = (struct cli_call){.command = command, .arena = ARENA_INIT(ARENA_MAX)};
    call->values = ARENA_ARRAY(&call->arena, struct cli_values, option_count(command));
    size_t *plain = ARENA_ARRAY(&call->arena, size_t, count + 1);
    if (call->values == NULL || plain == NULL) {
        return refuse(command, "there is not enough memory for so many arguments");
    }
    struct walk walk = {.arguments = arguments, .count = count};
    size_t plain_count = 0;
    if (!take_options(call, &walk, plain, &plain_count)) {
        return false;
    }
    if (cli_given(call, "help")) {
        return true;
    }
    if (!take_plain_ones(call, &walk, plain, plain_count) || !nothing_is_missing(call)) {
        return false;
    }
    call->format = chosen_format(call);
    call->verbose = cli_given(call, "verbose");
    return true;
}

void cli_call_finish(struct cli_call *call)
{
    if (call != NULL) {
        arena_finish(&call->arena);
    }
}

/* ---- asking ---- */

struct cli_values cli_values(const struct cli_call *call, const char *name)
{
    const size_t i = find_long(call->command, str_from(name));
    assert(i < option_count(call->command));
    return call->values[i];
}

bool cli_given(const struct cli_call *call, const char *name)
{
    return cli_values(call, name).count > 0;
}

const char *cli_value(const struct cli_call *call, const char *name)
{
    const struct cli_values values = cli_values(call, name);
    return values.count == 0 ? NULL : values.items[values.count - 1];
}

long cli_number(const struct cli_call *call, const char *name, long when_not_given)
{
    const char *value = cli_value(call, name);
    int64_t number = when_not_given;
    if (value != NULL) {
        const bool is_number = str_to_i64(str_from(value), &number);
        assert(is_number); /* the table gives its range */
        (void)is_number;
    }
    return (long)number;
}

enum cli_exit cli_time_ms(const struct cli_call *call, const char *name, int64_t *ret_ms)
{
    int64_t time_us = 0;
    const char *text = cli_value(call, name);
    if (text == NULL || str_to_i64(str_from(text), ret_ms)) {
        return CLI_DONE;
    }
    if (clock_from_iso(str_from(text), &time_us)) {
        *ret_ms = time_us / 1000;
        return CLI_DONE;
    }
    return cli_fail(CLI_MISUSED,
                    "--%s is a time such as 2026-11-21T10:00:00Z, or milliseconds since 1970, "
                    "not '%s'",
                    name, text);
}
