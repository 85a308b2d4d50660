/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_CLI_CLI_H
#define CLIENTS_CLI_CLI_H

/*
 * `iothub [GROUP] COMMAND ...` is a table. A row says how a command is called, what its options
 * are, what it does, and which function does it; parsing, help, completion and the man page are
 * made from the rows, so that they cannot disagree. The list of rows is commands.h; README.md tells
 * how to add one.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"

/* What a command's function returns and the program ends with. */
enum cli_exit {
    CLI_DONE = 0,
    CLI_FAILED = 1,  /* the hub refused, was not reached, or something else went wrong */
    CLI_MISUSED = 2, /* the command line was not understood; nothing was sent */
};

/* ---- the table ---- */

/*
 * An option. It has a value when `value` is not NULL; without, it is a flag. The values of a
 * `plain` option may also stand without its name: the first plain argument goes to the first plain
 * option that was not given by name, and so on; the last of them may repeat.
 */
struct cli_option {
    const char *name;    /* "device-id": --device-id */
    const char *alias;   /* az's other names, "kt": --kt, or "msg-count|mc"; or NULL */
    char letter;         /* 'd': -d; or 0 */
    bool plain;          /* may stand without its name */
    bool required;       /* missing or empty is not understood */
    bool repeats;        /* may be given many times; otherwise the last one counts */
    bool pairs;          /* repeats, and what follows its value and has a '=' belongs to it, too:
                            --set a=1 b=2 */
    const char *value;   /* what the help calls its value: "ID" */
    const char *choices; /* "json|table|tsv"; NULL: any text */
    long min;            /* with max: a whole number from min to max; both 0: any text */
    long max;
    const char *meaning; /* one sentence or two, no full stop at the end */
};

struct cli_example {
    const char *purpose; /* "register three devices" */
    const char *command; /* "iothub device create dev1 dev2 dev3" */
};

struct cli_call;

struct cli_command {
    const char *group;       /* "device"; NULL: none */
    const char *name;        /* "create" */
    const char *az;          /* "az iot hub" + this does the same: "device-identity create"; after
                                "device ", "az iot" + this */
    const char *summary;     /* for lists: "register devices" */
    const char *description; /* more of it, paragraphs apart by an empty line; or NULL */
    const struct cli_option *options;
    size_t option_count;
    const struct cli_example *examples;
    size_t example_count;
    bool emulator_only;  /* real hubs have nothing like it */
    bool runs_a_program; /* the first plain argument ends the options, as with env(1) */
    enum cli_exit (*run)(const struct cli_call *call);
};

#define CLI_OPTIONS(array)  .options = (array), .option_count = ARRAY_SIZE(array)
#define CLI_EXAMPLES(array) .examples = (array), .example_count = ARRAY_SIZE(array)

/* Takes the next name off a list of aliases: `rest` is str_from(option->alias) at first. False at
 * its end. */
bool cli_next_alias(struct str *rest, struct str *ret_name);

/* Options that many commands have; to be written into their tables. */
#define CLI_OPTION_DEVICE                                                                          \
    {                                                                                              \
        .name = "device-id", .letter = 'd', .plain = true, .required = true, .value = "DEVICE",    \
        .meaning = "the device's ID"                                                               \
    }
#define CLI_OPTION_MODULE                                                                          \
    {                                                                                              \
        .name = "module-id", .letter = 'm', .plain = true, .required = true, .value = "MODULE",    \
        .meaning = "the module's ID"                                                               \
    }
#define CLI_OPTION_MODULE_OR_NONE                                                                  \
    {                                                                                              \
        .name = "module-id", .letter = 'm', .plain = true, .value = "MODULE",                      \
        .meaning = "a module of the device; without it the device itself is meant"                 \
    }
#define CLI_OPTION_TOP                                                                             \
    {                                                                                              \
        .name = "top", .value = "COUNT", .min = 1, .max = 2000000000,                              \
        .meaning = "show so many at most; by default all"                                          \
    }
#define CLI_OPTION_SET                                                                             \
    {                                                                                              \
        .name = "set", .repeats = true, .pairs = true, .value = "PATH=VALUE",                      \
        .meaning = "change the member at PATH (names with dots between them) to VALUE, which is "  \
                   "JSON or else text; several may follow one another"                             \
    }
#define CLI_OPTION_ETAG                                                                            \
    {                                                                                              \
        .name = "etag", .alias = "if-match", .letter = 'e', .value = "ETAG",                       \
        .meaning = "only if it still has this ETag; without it in any case"                        \
    }

/* Options that every command has: --output, --login, --verbose, --help. */
extern const struct cli_option cli_global_options[];
extern const size_t cli_global_option_count;

extern const struct cli_command *const cli_commands[]; /* in the order of the help */
extern const size_t cli_command_count;

/* The words of groups: "device" -> "devices: their registry". NULL: there is no such group. */
const char *cli_group_summary(const char *group);

/* ---- a call ---- */

enum cli_format {
    CLI_JSON,
    CLI_TABLE,
    CLI_TSV,
};

struct cli_values {
    const char **items; /* in the call's arena */
    size_t count;
};

struct cli_call {
    const struct cli_command *command;
    struct cli_values *values; /* one for each option of the command, then of all commands */
    enum cli_format format;    /* what --output or, without it, standard output asks for */
    bool verbose;
    struct arena arena;
};

/*
 * Reads a command's arguments, those after its name. False when they cannot be understood, which
 * was then said; finish the call in both cases. The arguments must outlive the call.
 */
MUST_CHECK bool cli_call_parse(struct cli_call *call, const struct cli_command *command,
                               size_t count, const char *const *arguments);
void cli_call_finish(struct cli_call *call);

/*
 * What was given for the option called `name`, which the command's table or the global one must
 * hold. cli_value: NULL when it was not given; the last one when it was given often.
 */
bool cli_given(const struct cli_call *call, const char *name);
const char *cli_value(const struct cli_call *call, const char *name);
struct cli_values cli_values(const struct cli_call *call, const char *name);
long cli_number(const struct cli_call *call, const char *name, long when_not_given);

/*
 * The option's value, a time: ISO 8601, or milliseconds since 1970 as az wants them. *ret_ms stays
 * as it is when the option was not given. Anything but CLI_DONE was said.
 */
MUST_CHECK enum cli_exit cli_time_ms(const struct cli_call *call, const char *name,
                                     int64_t *ret_ms);

/* ---- saying ---- */

/* Writes "iothub: ..." to standard error, clearing a progress bar first; returns `exit_code`. */
enum cli_exit cli_fail(enum cli_exit exit_code, const char *format, ...) PRINTF_LIKE(2, 3);

/* The same for what is no failure: a remark, something done. */
void cli_say(const char *format, ...) PRINTF_LIKE(1, 2);

/* A remark that only --verbose asks for. */
void cli_say_verbose(const struct cli_call *call, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
