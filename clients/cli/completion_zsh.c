/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "clients/cli/completion.h"

/* Inside single quotes, inside an _arguments specification: what would end either is escaped. */
static void append_quoted(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.size; i++) {
        const char c = text.data[i];
        if (c == '\'') {
            buf_append_str(out, STR("'\\''"));
        } else if (c == '\n') {
            buf_append_byte(out, ' ');
        } else {
            buf_append_str(out,
                           c == '[' || c == ']' || c == ':' || c == '\\' ? STR("\\") : STR_EMPTY);
            buf_append_byte(out, (uint8_t)c);
        }
    }
}

/* ---- the options of a command ---- */

static void append_action(struct buf *out, const struct cli_option *option)
{
    if (option->choices != NULL) {
        buf_append_byte(out, '(');
        for (const char *c = option->choices; *c != '\0'; c++) {
            buf_append_byte(out, *c == '|' ? ' ' : (uint8_t)*c);
        }
        buf_append_byte(out, ')');
    } else if (completion_wants_file(option)) {
        buf_append_str(out, STR("_files"));
    } else {
        buf_append_byte(out, ' ');
    }
}

/* One specification for each spelling. */
static void append_spelling(struct buf *out, const struct cli_option *option, const char *dashes,
                            struct str name)
{
    buf_append_format(out, "                '%s%s%.*s", option->repeats ? "*" : "", dashes,
                      STR_ARG(name));
    if (option->value != NULL) {
        buf_append_str(out, dashes[1] == '-' ? STR("=") : STR("+"));
    }
    buf_append_byte(out, '[');
    append_quoted(out, str_from(option->meaning));
    buf_append_byte(out, ']');
    if (option->value != NULL) {
        buf_append_byte(out, ':');
        append_quoted(out, str_from(option->value));
        buf_append_byte(out, ':');
        append_action(out, option);
    }
    buf_append_str(out, STR("' \\\n"));
}

static void append_options(struct buf *out, const struct cli_option *options, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        append_spelling(out, &options[i], "--", str_from(options[i].name));
        struct str rest = str_from(options[i].alias);
        struct str alias = STR_EMPTY;
        while (cli_next_alias(&rest, &alias)) {
            append_spelling(out, &options[i], "--", alias);
        }
        if (options[i].letter != '\0') {
            append_spelling(out, &options[i], "-", str_of(&options[i].letter, 1));
        }
    }
}

static void append_plain(struct buf *out, const struct cli_command *command)
{
    for (size_t i = 0; i < command->option_count; i++) {
        const struct cli_option *option = &command->options[i];
        if (option->plain) {
            buf_append_format(out, "                '%s:",
                              option->repeats    ? "*"
                              : option->required ? ""
                                                 : ":");
            append_quoted(out, str_from(option->value));
            buf_append_byte(out, ':');
            append_action(out, option);
            buf_append_str(out, STR("' \\\n"));
        }
    }
}

static void append_case(struct buf *out, const struct cli_command *command)
{
    buf_append_format(out, "        '%s%s%s')\n            _arguments -s -S \\\n",
                      command->group == NULL ? "" : command->group,
                      command->group == NULL ? "" : " ", command->name);
    append_options(out, command->options, command->option_count);
    append_options(out, cli_global_options, cli_global_option_count);
    append_plain(out, command);
    buf_append_str(out, STR("                && return 0 ;;\n"));
}

/* ---- the words before them ---- */

static bool same_group(const struct cli_command *a, const struct cli_command *b)
{
    return a->group != NULL && b->group != NULL && strcmp(a->group, b->group) == 0;
}

static void append_word(struct buf *out, const char *word, const char *meaning)
{
    buf_append_format(out, "        '%s:", word);
    append_quoted(out, str_from(meaning));
    buf_append_str(out, STR("'\n"));
}

static void append_first_words(struct buf *out)
{
    buf_append_str(out, STR("    local -a first second\n    first=(\n"));
    for (size_t i = 0; i < cli_command_count; i++) {
        const struct cli_command *command = cli_commands[i];
        if (command->group == NULL) {
            append_word(out, command->name, command->summary);
        } else if (i == 0 || !same_group(command, cli_commands[i - 1])) {
            const char *summary = cli_group_summary(command->group);
            append_word(out, command->group, summary == NULL ? "" : summary);
        }
    }
    append_word(out, "help", "tell more about a command");
    buf_append_str(out, STR("    )\n"));
}

static void append_second_words(struct buf *out)
{
    buf_append_str(out, STR("    case ${words[2]} in\n"));
    for (size_t i = 0; i < cli_command_count; i++) {
        const struct cli_command *command = cli_commands[i];
        if (command->group == NULL || (i > 0 && same_group(command, cli_commands[i - 1]))) {
            continue;
        }
        buf_append_format(out, "    %s) second=(\n", command->group);
        for (size_t j = i; j < cli_command_count && same_group(command, cli_commands[j]); j++) {
            append_word(out, cli_commands[j]->name, cli_commands[j]->summary);
        }
        buf_append_str(out, STR("    ) ;;\n"));
    }
    buf_append_str(out, STR("    esac\n"));
}

void completion_append_zsh(struct buf *out)
{
    buf_append_str(out, STR("#compdef iothub\n"
                            "# Completion of iothub for zsh; made by: iothub completion zsh\n"
                            "_iothub() {\n"));
    append_first_words(out);
    append_second_words(out);
    buf_append_str(out, STR("    if (( CURRENT == 2 )); then\n"
                            "        _describe -t commands command first\n"
                            "        return\n"
                            "    fi\n"
                            "    local name=${words[2]}\n"
                            "    if (( $#second > 0 )); then\n"
                            "        if (( CURRENT == 3 )); then\n"
                            "            _describe -t commands command second\n"
                            "            return\n"
                            "        fi\n"
                            "        name=\"${words[2]} ${words[3]}\"\n"
                            "        shift 2 words\n"
                            "        (( CURRENT -= 2 ))\n"
                            "    else\n"
                            "        shift words\n"
                            "        (( CURRENT -= 1 ))\n"
                            "    fi\n"
                            "    case $name in\n"));
    for (size_t i = 0; i < cli_command_count; i++) {
        append_case(out, cli_commands[i]);
    }
    buf_append_str(out, STR("    esac\n"
                            "    return 1\n"
                            "}\n\n"
                            "if [ \"$funcstack[1]\" = _iothub ]; then\n"
                            "    _iothub \"$@\"\n"
                            "else\n"
                            "    compdef _iothub iothub\n"
                            "fi\n"));
}
