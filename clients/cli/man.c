/* SPDX-License-Identifier: MIT */
#include "clients/cli/help.h"
#include "clients/cli/hub.h"

/* ---- text in man's macros ---- */

/* A line that begins with a dot or an apostrophe would be a macro; a hyphen that is meant to be
 * typed is a minus. */
static void append_escaped(struct buf *out, struct str text)
{
    bool line_begins = true;
    for (size_t i = 0; i < text.size; i++) {
        const char c = text.data[i];
        if (line_begins && (c == '.' || c == '\'')) {
            buf_append_str(out, STR("\\&"));
        }
        if (c == '\\') {
            buf_append_str(out, STR("\\e"));
        } else if (c == '-') {
            buf_append_str(out, STR("\\-"));
        } else {
            buf_append_byte(out, (uint8_t)c);
        }
        line_begins = c == '\n';
    }
}

/* Paragraphs: an empty line becomes a macro. */
static void append_paragraphs(struct buf *out, struct str text)
{
    bool more = true;
    while (more) {
        struct str line = STR_EMPTY;
        more = str_cut(text, '\n', &line, &text);
        if (line.size == 0) {
            buf_append_str(out, STR(".PP\n"));
        } else {
            append_escaped(out, line);
            buf_append_byte(out, '\n');
        }
    }
}

static void append_option(struct buf *out, const struct cli_option *option)
{
    CLEANUP(buf_finish) struct buf names = BUF_INIT(512);
    help_append_option(&names, option);
    buf_append_str(out, STR(".TP\n.B "));
    append_escaped(out, buf_str(&names));
    buf_append_byte(out, '\n');
    append_escaped(out, str_from(option->meaning));
    if (option->choices != NULL) {
        CLEANUP(buf_finish) struct buf choices = BUF_INIT(1024);
        help_append_choices(&choices, option->choices);
        buf_append_str(out, STR(" ("));
        append_escaped(out, buf_str(&choices));
        buf_append_byte(out, ')');
    }
    buf_append_str(out, option->repeats ? STR("; may be given more than once.\n") : STR(".\n"));
}

static void append_command(struct buf *out, const struct cli_command *command)
{
    CLEANUP(buf_finish) struct buf usage = BUF_INIT(1024);
    help_append_usage(&usage, command);
    buf_append_str(out, STR(".SS "));
    append_escaped(out, buf_str(&usage));
    buf_append_byte(out, '\n');
    append_escaped(out, str_from(command->summary));
    buf_append_str(out, command->emulator_only ? STR(" (emulator only).\n") : STR(".\n"));
    if (command->description != NULL) {
        buf_append_str(out, STR(".PP\n"));
        append_paragraphs(out, str_from(command->description));
    }
    if (command->az != NULL) {
        CLEANUP(buf_finish) struct buf az = BUF_INIT(256);
        help_append_az(&az, command->az);
        buf_append_str(out, STR(".PP\nIn Azure's command line: "));
        append_escaped(out, buf_str(&az));
        buf_append_str(out, STR(".\n"));
    }
    for (size_t i = 0; i < command->option_count; i++) {
        append_option(out, &command->options[i]);
    }
    for (size_t i = 0; i < command->example_count; i++) {
        buf_append_str(out, STR(".PP\nTo "));
        append_escaped(out, str_from(command->examples[i].purpose));
        buf_append_str(out, STR(":\n.PP\n.nf\n.RS\n"));
        append_escaped(out, str_from(command->examples[i].command));
        buf_append_str(out, STR("\n.RE\n.fi\n"));
    }
}

/* ---- the sections that are the same for all ---- */

static const struct {
    const char *name;
    const char *meaning;
} variables[] =
    {
        {CLI_CONNECTION_VARIABLE,
         "The service connection string of the hub: HostName=...;SharedAccessKeyName=...;"
         "SharedAccessKey=...; --login goes before it."},
        {CLI_CA_VARIABLE, "A PEM file of certificate authorities to believe besides the system's. "
                          "An emulator that is "
                          "found by its ready file is believed without."},
        {READY_FILE_VARIABLE,
         "The ready file of the emulator that is meant, where it is not the usual one."},
        {"COLUMNS", "How wide the terminal is, where it does not tell or another width is wanted."},
},
  exit_codes[] =
      {
          {"0", "Done."},
          {"1", "The hub refused (what is not found is refused, too), was not reached, or "
                "something else "
                "went wrong. Standard error tells what."},
          {"2", "The command line was not understood, or no hub is known; nothing was sent."},
          {"130",
           "Interrupted with Ctrl-C. A command that goes on until it is interrupted ends with 0."},
},
  files[] = {
      {"~/.local/share/iothub-emulator/ready.json",
       "Where a running emulator tells where it is; below $XDG_DATA_HOME if that is set."},
      {READY_FILE_SERVICE, "The same of the system's service."},
};

#define APPEND_LIST(out, list)                                                                     \
    do {                                                                                           \
        for (size_t i_ = 0; i_ < ARRAY_SIZE(list); i_++) {                                         \
            buf_append_str((out), STR(".TP\n.B "));                                                \
            append_escaped((out), str_from((list)[i_].name));                                      \
            buf_append_byte((out), '\n');                                                          \
            append_escaped((out), str_from((list)[i_].meaning));                                   \
            buf_append_byte((out), '\n');                                                          \
        }                                                                                          \
    } while (0)

static const char description[] =
    "iothub manages an IoT hub: its devices and modules, their keys and twins, queries, direct "
    "methods and messages. It speaks to Azure IoT Hub and to the emulator alike; those who know "
    "the az iot hub commands will find their options here.\n"
    "\n"
    "Data goes to standard output, everything else to standard error. On a terminal data is a "
    "table; into pipes and files it is JSON: one document, or for a list one array, or for what "
    "goes on until it is interrupted one document a line. An array whose end is missing was "
    "interrupted by a failure. tsv holds values only, with a tab between them and a line for each "
    "row; a tab, line feed, carriage return or backslash in a value is written \\t, \\n, \\r or "
    "\\\\.\n"
    "\n"
    "What takes longer than a second shows how far it is, if standard error is a terminal.";

void help_append_man(struct buf *out)
{
    buf_append_str(out, STR(".TH IOTHUB 1 \"\" \"iothub\\-emulator " CLI_VERSION "\"\n"
                            ".SH NAME\niothub \\- manage an IoT hub or an emulator of one\n"
                            ".SH SYNOPSIS\n.B iothub\n[\\fIGROUP\\fR] \\fICOMMAND\\fR "
                            "[\\fIARGUMENT\\fR...] [\\fIOPTION\\fR...]\n.SH DESCRIPTION\n"));
    append_paragraphs(out, str_from(description));
    buf_append_str(out, STR(".SH OPTIONS\nWith every command:\n"));
    for (size_t i = 0; i < cli_global_option_count; i++) {
        append_option(out, &cli_global_options[i]);
    }
    buf_append_str(out, STR(".SH COMMANDS\n"));
    for (size_t i = 0; i < cli_command_count; i++) {
        append_command(out, cli_commands[i]);
    }
    buf_append_str(out, STR(".SH ENVIRONMENT\n"));
    APPEND_LIST(out, variables);
    buf_append_str(out, STR(".SH FILES\n"));
    APPEND_LIST(out, files);
    buf_append_str(out, STR(".SH EXIT STATUS\n"));
    APPEND_LIST(out, exit_codes);
    buf_append_str(out, STR(".SH SEE ALSO\n.BR iothub\\-emulator (1)\n"));
}
