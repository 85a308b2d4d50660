/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "clients/cli/completion.h"

/* ---- word lists; all names are letters, digits and hyphens, so nothing needs quoting ---- */

static void append_spellings(struct buf *out, const struct cli_option *option, const char *between)
{
    buf_append_format(out, "--%s", option->name);
    struct str rest = str_from(option->alias);
    struct str alias = STR_EMPTY;
    while (cli_next_alias(&rest, &alias)) {
        buf_append_format(out, "%s--%.*s", between, STR_ARG(alias));
    }
    if (option->letter != '\0') {
        buf_append_format(out, "%s-%c", between, option->letter);
    }
}

static void append_options(struct buf *out, const struct cli_option *options, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buf_append_byte(out, ' ');
        append_spellings(out, &options[i], " ");
    }
}

static void append_choices(struct buf *out, const char *choices)
{
    struct str rest = str_from(choices);
    struct str choice = STR_EMPTY;
    bool more = true;
    while (more) {
        more = str_cut(rest, '|', &choice, &rest);
        buf_append_str(out, choice);
        buf_append_str(out, more ? STR(" ") : STR_EMPTY);
    }
}

bool completion_wants_file(const struct cli_option *option)
{
    return option->value != NULL && strstr(option->value, "FILE") != NULL;
}

/* ---- the script ---- */

static bool same_group(const struct cli_command *a, const struct cli_command *b)
{
    return a->group != NULL && b->group != NULL && strcmp(a->group, b->group) == 0;
}

static bool is_first_of_group(size_t i)
{
    for (size_t before = 0; before < i; before++) {
        if (same_group(cli_commands[before], cli_commands[i])) {
            return false;
        }
    }
    return cli_commands[i]->group != NULL;
}

static void append_first_words(struct buf *out)
{
    buf_append_str(out, STR("    local first='help --help --version"));
    for (size_t i = 0; i < cli_command_count; i++) {
        const struct cli_command *command = cli_commands[i];
        if (command->group == NULL || is_first_of_group(i)) {
            buf_append_format(out, " %s", command->group == NULL ? command->name : command->group);
        }
    }
    buf_append_str(out, STR("'\n"));
}

static void append_groups(struct buf *out)
{
    buf_append_str(out, STR("    case $1 in\n"));
    for (size_t i = 0; i < cli_command_count; i++) {
        if (!is_first_of_group(i)) {
            continue;
        }
        buf_append_format(out, "        %s) second='--help", cli_commands[i]->group);
        for (size_t j = i; j < cli_command_count; j++) {
            const struct cli_command *command = cli_commands[j];
            if (same_group(command, cli_commands[i])) {
                buf_append_format(out, " %s", command->name);
            }
        }
        buf_append_str(out, STR("' ;;\n"));
    }
    buf_append_str(out, STR("    esac\n"));
}

static void append_value_cases(struct buf *out, const char *command,
                               const struct cli_option *options, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct cli_option *option = &options[i];
        if (option->value == NULL) {
            continue;
        }
        buf_append_format(out, "        '%s '", command);
        CLEANUP(buf_finish) struct buf between = BUF_INIT(256);
        buf_append_format(&between, "|'%s '", command);
        append_spellings(out, option, between.data == NULL ? "" : between.data);
        buf_append_str(out, STR(") "));
        if (option->choices != NULL) {
            buf_append_str(out, STR("values='"));
            append_choices(out, option->choices);
            buf_append_str(out, STR("' ;;\n"));
        } else {
            buf_append_str(out, completion_wants_file(option) ? STR("kind=file ;;\n")
                                                              : STR("kind=none ;;\n"));
        }
    }
}

/* What may stand without an option's name: the choices of the first that has any, or files. */
static void append_plain(struct buf *out, const struct cli_command *command)
{
    for (size_t i = 0; i < command->option_count; i++) {
        const struct cli_option *option = &command->options[i];
        if (option->plain && option->choices != NULL) {
            buf_append_str(out, STR(" plain='"));
            append_choices(out, option->choices);
            buf_append_byte(out, '\'');
            return;
        }
        if (option->plain && completion_wants_file(option)) {
            buf_append_str(out, STR(" kind=file"));
            return;
        }
    }
}

static void append_command_cases(struct buf *out)
{
    buf_append_str(out, STR("    case $command in\n"));
    for (size_t i = 0; i < cli_command_count; i++) {
        const struct cli_command *command = cli_commands[i];
        buf_append_format(out, "        '%s%s%s') options='",
                          command->group == NULL ? "" : command->group,
                          command->group == NULL ? "" : " ", command->name);
        append_options(out, command->options, command->option_count);
        append_options(out, cli_global_options, cli_global_option_count);
        buf_append_byte(out, '\'');
        append_plain(out, command);
        buf_append_str(out, STR(" ;;\n"));
    }
    buf_append_str(out, STR("    esac\n"));
}

static void append_all_value_cases(struct buf *out)
{
    for (size_t i = 0; i < cli_command_count; i++) {
        const struct cli_command *command = cli_commands[i];
        CLEANUP(buf_finish) struct buf name = BUF_INIT(128);
        buf_append_format(&name, "%s%s%s", command->group == NULL ? "" : command->group,
                          command->group == NULL ? "" : " ", command->name);
        append_value_cases(out, name.data == NULL ? "" : name.data, command->options,
                           command->option_count);
    }
}

/* What follows the lists of words; it needs bash 4 and nothing else. */
static const char body[] =
    "    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
    "    local -a words=(\"${COMP_WORDS[@]:1:COMP_CWORD-1}\")\n"
    "    local second values kind options plain command\n"
    "    [ \"${words[0]-}\" != help ] || words=(\"${words[@]:1}\")\n"
    "    COMPREPLY=()\n"
    "    if [ ${#words[@]} -eq 0 ]; then\n"
    "        COMPREPLY=($(compgen -W \"$first\" -- \"$current\"))\n"
    "        return\n"
    "    fi\n"
    "    _iothub_second \"${words[0]}\"\n"
    "    command=${words[0]}\n"
    "    if [ -n \"$second\" ]; then\n"
    "        if [ ${#words[@]} -eq 1 ]; then\n"
    "            COMPREPLY=($(compgen -W \"$second\" -- \"$current\"))\n"
    "            return\n"
    "        fi\n"
    "        command=\"${words[0]} ${words[1]}\"\n"
    "    fi\n"
    "    # \"--output=json\" comes as three words.\n"
    "    if [ \"$current\" = = ]; then\n"
    "        current=\n"
    "    elif [ \"$before\" = = ]; then\n"
    "        before=${COMP_WORDS[COMP_CWORD-2]}\n"
    "    fi\n"
    "    _iothub_values \"$command\" \"$before\"\n"
    "    if [ -z \"$values$kind\" ]; then\n"
    "        _iothub_options \"$command\"\n"
    "        values=$plain\n"
    "        case $current in\n"
    "            -*) values=$options kind= ;;\n"
    "        esac\n"
    "    fi\n"
    "    if [ \"$kind\" = file ]; then\n"
    "        compopt -o filenames 2>/dev/null || :\n"
    "        COMPREPLY=($(compgen -f -- \"$current\"))\n"
    "    else\n"
    "        COMPREPLY=($(compgen -W \"$values\" -- \"$current\"))\n"
    "    fi\n"
    "}\n\n"
    "complete -F _iothub iothub\n";

void completion_append_bash(struct buf *out)
{
    buf_append_str(out, STR("# Completion of iothub for bash; made by: iothub completion bash\n"
                            "_iothub_second() {\n"
                            "    second=\n"));
    append_groups(out);
    buf_append_str(out, STR("}\n\n"
                            "# $1: command, $2: the option before the cursor\n"
                            "_iothub_values() {\n"
                            "    values= kind=\n"
                            "    case \"$1 $2\" in\n"));
    append_all_value_cases(out);
    buf_append_str(out, STR("        *) _iothub_global_values \"$2\" ;;\n"
                            "    esac\n"
                            "}\n\n"
                            "_iothub_global_values() {\n"
                            "    case \" $1\" in\n"));
    append_value_cases(out, "", cli_global_options, cli_global_option_count);
    buf_append_str(out, STR("    esac\n}\n\n"
                            "_iothub_options() {\n"
                            "    local command=$1\n"
                            "    options= plain=\n"));
    append_command_cases(out);
    buf_append_str(out, STR("}\n\n_iothub() {\n"));
    append_first_words(out);
    buf_append_str(out, str_from(body));
}
