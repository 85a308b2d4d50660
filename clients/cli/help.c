/* SPDX-License-Identifier: MIT */
#include "clients/cli/help.h"

#include <string.h>

#include "clients/cli/terminal.h"

enum { INDENT = 2, NAMES_WIDTH = 26, MEANING_AT = INDENT + NAMES_WIDTH + 2 };

/* ---- pieces ---- */

void help_append_usage(struct buf *out, const struct cli_command *command)
{
    buf_append_str(out, STR("iothub "));
    if (command->group != NULL) {
        buf_append_format(out, "%s ", command->group);
    }
    buf_append_str(out, str_from(command->name));
    for (size_t i = 0; i < command->option_count; i++) {
        const struct cli_option *option = &command->options[i];
        if (option->plain) {
            buf_append_format(out, " %s%s%s%s", option->required ? "" : "[", option->value,
                              option->repeats ? "..." : "", option->required ? "" : "]");
        }
    }
    buf_append_str(out, STR(" [OPTION...]"));
}

void help_append_option(struct buf *out, const struct cli_option *option)
{
    if (option->letter != '\0') {
        buf_append_format(out, "-%c, ", option->letter);
    }
    buf_append_format(out, "--%s", option->name);
    struct str rest = str_from(option->alias);
    struct str alias = STR_EMPTY;
    while (cli_next_alias(&rest, &alias)) {
        buf_append_format(out, ", --%.*s", STR_ARG(alias));
    }
    if (option->value != NULL) {
        buf_append_format(out, " %s", option->value);
    }
}

void help_append_choices(struct buf *out, const char *choices)
{
    struct str rest = str_from(choices);
    struct str choice = STR_EMPTY;
    bool more = str_cut(rest, '|', &choice, &rest);
    buf_append_str(out, choice);
    while (more) {
        more = str_cut(rest, '|', &choice, &rest);
        buf_append_str(out, more ? STR(", ") : STR(" or "));
        buf_append_str(out, choice);
    }
}

/* A name and what it means beside it, or below where the name is long. */
static void append_entry(struct buf *out, struct str name, struct str meaning, size_t width)
{
    buf_append_format(out, "%*s%.*s", INDENT, "", STR_ARG(name));
    const size_t used = text_width(name);
    if (used > NAMES_WIDTH) {
        buf_append_format(out, "\n%*s", MEANING_AT, "");
    } else {
        buf_append_format(out, "%*s", (int)(NAMES_WIDTH + 2 - used), "");
    }
    text_append_wrapped(out, meaning, MEANING_AT, width);
    buf_append_byte(out, '\n');
}

static void append_options(struct buf *out, const struct cli_option *options, size_t count,
                           size_t width)
{
    for (size_t i = 0; i < count; i++) {
        CLEANUP(buf_finish) struct buf names = BUF_INIT(512);
        CLEANUP(buf_finish) struct buf meaning = BUF_INIT(4096);
        /* Names without a letter stand in line with those that have one. */
        buf_append_str(&names, options[i].letter == '\0' ? STR("    ") : STR_EMPTY);
        help_append_option(&names, &options[i]);
        buf_append_str(&meaning, str_from(options[i].meaning));
        if (options[i].choices != NULL) {
            buf_append_str(&meaning, STR(" ("));
            help_append_choices(&meaning, options[i].choices);
            buf_append_byte(&meaning, ')');
        }
        if (options[i].repeats) {
            buf_append_str(&meaning, STR("; may be given more than once"));
        }
        append_entry(out, buf_str(&names), buf_str(&meaning), width);
    }
}

static void append_summary(struct buf *out, const struct cli_command *command, size_t width)
{
    CLEANUP(buf_finish) struct buf name = BUF_INIT(256);
    CLEANUP(buf_finish) struct buf summary = BUF_INIT(4096);
    if (command->group != NULL) {
        buf_append_format(&name, "%s ", command->group);
    }
    buf_append_str(&name, str_from(command->name));
    buf_append_format(&summary, "%s%s", command->summary,
                      command->emulator_only ? " (emulator only)" : "");
    append_entry(out, buf_str(&name), buf_str(&summary), width);
}

static bool same_group(const struct cli_command *command, const char *group)
{
    return command->group != NULL && group != NULL ? strcmp(command->group, group) == 0
                                                   : command->group == group;
}

/* ---- whole pages ---- */

static void append_text(struct buf *out, const char *text, size_t width)
{
    text_append_wrapped(out, str_from(text), 0, width);
    buf_append_byte(out, '\n');
}

void help_append_all(struct buf *out, size_t width)
{
    buf_append_str(out, STR("usage: iothub [GROUP] COMMAND [ARGUMENT...] [OPTION...]\n\n"));
    append_text(out, "Manages an Azure IoT hub, or an emulator of one.", width);
    const char *group = "";
    for (size_t i = 0; i < cli_command_count; i++) {
        if (i == 0 || !same_group(cli_commands[i], group)) {
            group = cli_commands[i]->group;
            buf_append_byte(out, '\n');
        }
        append_summary(out, cli_commands[i], width);
    }
    buf_append_str(out, STR("\nWith every command\n"));
    append_options(out, cli_global_options, cli_global_option_count, width);
    buf_append_byte(out, '\n');
    append_text(
        out,
        "iothub COMMAND --help tells more about one of them. Exit codes: 0 done, 1 refused or "
        "failed, 2 not understood.",
        width);
}

void help_append_group(struct buf *out, const char *group, size_t width)
{
    const char *summary = cli_group_summary(group);
    buf_append_format(out, "usage: iothub %s COMMAND [ARGUMENT...] [OPTION...]\n\n%s\n\n", group,
                      summary == NULL ? "" : summary);
    for (size_t i = 0; i < cli_command_count; i++) {
        if (same_group(cli_commands[i], group)) {
            append_summary(out, cli_commands[i], width);
        }
    }
    buf_append_format(out, "\niothub %s COMMAND --help tells more about one of them.\n", group);
}

void help_append_az(struct buf *out, const char *name)
{
    const bool has_group = str_starts(str_from(name), STR("device "));
    buf_append_format(out, "az iot %s%s", has_group ? "" : "hub ", name);
}

void help_append_command(struct buf *out, const struct cli_command *command, size_t width)
{
    buf_append_str(out, STR("usage: "));
    help_append_usage(out, command);
    buf_append_str(out, STR("\n\n"));
    append_text(out, command->summary, width);
    if (command->description != NULL) {
        buf_append_byte(out, '\n');
        append_text(out, command->description, width);
    }
    if (command->emulator_only) {
        buf_append_byte(out, '\n');
        append_text(out, "For an emulator only: Azure has nothing like it.", width);
    }
    if (command->option_count > 0) {
        buf_append_str(out, STR("\nOptions\n"));
        append_options(out, command->options, command->option_count, width);
    }
    buf_append_str(out, STR("\nWith every command\n"));
    append_options(out, cli_global_options, cli_global_option_count, width);
    if (command->example_count > 0) {
        buf_append_str(out, STR("\nExamples\n"));
    }
    for (size_t i = 0; i < command->example_count; i++) {
        buf_append_format(out, "  # %s\n  %s\n", command->examples[i].purpose,
                          command->examples[i].command);
    }
    if (command->az != NULL) {
        buf_append_str(out, STR("\nIn Azure's command line: "));
        help_append_az(out, command->az);
        buf_append_byte(out, '\n');
    }
}
