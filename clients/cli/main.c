/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "clients/cli/commands.h"
#include "clients/cli/help.h"
#include "clients/cli/near.h"
#include "clients/cli/output.h"
#include "clients/cli/signals.h"
#include "clients/cli/terminal.h"

enum { PAGE_MAX = 1 << 20, WIDTH_WANTED = 100 };

/* The words that name a command: where they stand among the arguments, and what they mean. */
struct words {
    size_t at[2];
    size_t count;
    bool help; /* "help device create" */
};

/* ---- help ---- */

static enum cli_exit print_help(const char *group, const struct cli_command *command)
{
    CLEANUP(buf_finish) struct buf page = BUF_INIT(PAGE_MAX);
    size_t width = terminal_width(STDOUT_FILENO);
    width = width > WIDTH_WANTED ? WIDTH_WANTED : width;
    if (command != NULL) {
        help_append_command(&page, command, width);
    } else if (group != NULL) {
        help_append_group(&page, group, width);
    } else {
        help_append_all(&page, width);
    }
    return cli_print_text(buf_str(&page));
}

static enum cli_exit print_page(void (*append)(struct buf *out))
{
    CLEANUP(buf_finish) struct buf page = BUF_INIT(PAGE_MAX);
    append(&page);
    return cli_print_text(buf_str(&page));
}

/* ---- which command ---- */

static bool takes_value(const char *argument)
{
    const bool is_letter = argument[1] != '-' && argument[2] == '\0';
    for (size_t i = 0; i < cli_global_option_count; i++) {
        const struct cli_option *option = &cli_global_options[i];
        if (option->value != NULL &&
            ((is_letter && option->letter == argument[1]) ||
             (argument[1] == '-' && strcmp(argument + 2, option->name) == 0))) {
            return true;
        }
    }
    return false;
}

/* The first two arguments that are neither options nor the values of options for all commands. */
static struct words find_words(size_t count, const char *const *arguments)
{
    struct words words = {0};
    for (size_t i = 0; i < count && words.count < 2; i++) {
        const char *argument = arguments[i];
        if (strcmp(argument, "--") == 0) {
            break;
        }
        if (argument[0] == '-' && argument[1] != '\0') {
            i += takes_value(argument) ? 1 : 0;
        } else if (words.count == 0 && !words.help && strcmp(argument, "help") == 0) {
            words.help = true;
        } else {
            words.at[words.count++] = i;
        }
    }
    return words;
}

static const struct cli_command *find_command(const char *group, const char *name)
{
    for (size_t i = 0; i < cli_command_count; i++) {
        const struct cli_command *command = cli_commands[i];
        const bool same = group == NULL
                              ? command->group == NULL
                              : command->group != NULL && strcmp(command->group, group) == 0;
        if (same && strcmp(command->name, name) == 0) {
            return command;
        }
    }
    return NULL;
}

static bool is_group(const char *word)
{
    for (size_t i = 0; i < cli_command_count; i++) {
        if (cli_commands[i]->group != NULL && strcmp(cli_commands[i]->group, word) == 0) {
            return true;
        }
    }
    return false;
}

static bool has_flag(size_t count, const char *const *arguments, const char *flag)
{
    for (size_t i = 0; i < count && strcmp(arguments[i], "--") != 0; i++) {
        if (strcmp(arguments[i], flag) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- words that name none ---- */

/* True when az's name of the command is, or begins with, the words. */
static bool is_az(const struct cli_command *command, const char *first, const char *second)
{
    struct str word = STR_EMPTY;
    struct str rest = STR_EMPTY;
    (void)str_cut(str_from(command->az), ' ', &word, &rest);
    if (command->az == NULL || !str_equal(word, str_from(first))) {
        return false;
    }
    (void)str_cut(rest, ' ', &word, &rest);
    return word.size == 0 || (second != NULL && str_equal(word, str_from(second)));
}

static enum cli_exit refuse_group(const char *first, const char *second)
{
    for (size_t i = 0; i < cli_command_count; i++) {
        const struct cli_command *command = cli_commands[i];
        if (is_az(command, first, second)) {
            return cli_fail(CLI_MISUSED, "az's `iot hub %s` is called `iothub %s%s%s` here",
                            command->az, command->group == NULL ? "" : command->group,
                            command->group == NULL ? "" : " ", command->name);
        }
    }
    struct near near = near_to(first);
    for (size_t i = 0; i < cli_command_count; i++) {
        near_consider(&near, cli_commands[i]->group == NULL ? cli_commands[i]->name
                                                            : cli_commands[i]->group);
    }
    if (near.best != NULL) {
        return cli_fail(CLI_MISUSED, "there is no command '%s'; did you mean '%s'?", first,
                        near.best);
    }
    return cli_fail(CLI_MISUSED, "there is no command '%s'; iothub --help lists them", first);
}

static enum cli_exit refuse_name(const char *group, const char *name)
{
    struct near near = near_to(name);
    for (size_t i = 0; i < cli_command_count; i++) {
        if (cli_commands[i]->group != NULL && strcmp(cli_commands[i]->group, group) == 0) {
            near_consider(&near, cli_commands[i]->name);
        }
    }
    if (near.best != NULL) {
        return cli_fail(CLI_MISUSED, "there is no command '%s %s'; did you mean '%s %s'?", group,
                        name, group, near.best);
    }
    return cli_fail(CLI_MISUSED, "there is no command '%s %s'; iothub %s --help lists them", group,
                    name, group);
}

/* ---- running it ---- */

/* The words of the command are taken out of the arguments; what remains is the command's. */
static enum cli_exit run(const struct cli_command *command, struct words words, size_t count,
                         const char **arguments)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        const bool is_word = i == words.at[0] || (command->group != NULL && i == words.at[1]);
        if (!is_word) {
            arguments[kept++] = arguments[i];
        }
    }
    CLEANUP(cli_call_finish) struct cli_call call;
    if (!cli_call_parse(&call, command, kept, arguments)) {
        return CLI_MISUSED;
    }
    return cli_given(&call, "help") ? print_help(NULL, command) : command->run(&call);
}

static enum cli_exit without_words(size_t count, const char *const *arguments, bool help)
{
    if (help || has_flag(count, arguments, "--help") || has_flag(count, arguments, "-h")) {
        return print_help(NULL, NULL);
    }
    if (has_flag(count, arguments, "--version")) {
        return cli_print_text(STR("iothub " CLI_VERSION "\n"));
    }
    if (has_flag(count, arguments, "--man")) {
        return print_page(help_append_man);
    }
    if (has_flag(count, arguments, "--commands")) {
        return print_page(help_append_listing);
    }
    return cli_fail(CLI_MISUSED, "a command is missing; iothub --help lists them");
}

static enum cli_exit with_words(size_t count, const char **arguments, struct words words)
{
    const char *first = arguments[words.at[0]];
    const char *second = words.count > 1 ? arguments[words.at[1]] : NULL;
    const bool grouped = is_group(first);
    if (grouped && second == NULL) {
        const bool help =
            words.help || has_flag(count, arguments, "--help") || has_flag(count, arguments, "-h");
        return help ? print_help(first, NULL)
                    : cli_fail(CLI_MISUSED,
                               "a command is missing after '%s'; iothub %s --help "
                               "lists them",
                               first, first);
    }
    const struct cli_command *command =
        grouped ? find_command(first, second) : find_command(NULL, first);
    if (command == NULL) {
        return grouped ? refuse_name(first, second) : refuse_group(first, second);
    }
    return words.help ? print_help(NULL, command) : run(command, words, count, arguments);
}

int main(int argc, char **argv)
{
    mem_use_for_json();
    signals_init();
    const size_t count = argc > 1 ? (size_t)argc - 1 : 0;
    const char **arguments = mem_alloc((count + 1) * sizeof(*arguments));
    if (arguments == NULL) {
        return (int)cli_fail(CLI_FAILED, "out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        arguments[i] = argv[i + 1];
    }
    const struct words words = find_words(count, arguments);
    const enum cli_exit exit_code = words.count == 0 ? without_words(count, arguments, words.help)
                                                     : with_words(count, arguments, words);
    mem_free(arguments);
    return (int)exit_code;
}
