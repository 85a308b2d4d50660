/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clients/cli/commands.h"
#include "clients/cli/setup.h"

/* What shells answer for a program that is there but cannot be run, or is not there. */
enum { EXIT_CANNOT_RUN = 126, EXIT_NOT_FOUND = 127 };

static bool set_all(const struct environment *environment)
{
    bool ok = true;
    for (size_t i = 0; i < environment->count && ok; i++) {
        const struct variable *variable = &environment->variables[i];
        ok = setenv(variable->name, variable->value.data, 1) == 0;
    }
    return ok;
}

/* Where some folder of PATH may not be entered, execvp() says "permission denied" of what is in
 * none of them. */
static bool is_there(const char *name, struct arena *arena)
{
    struct str rest = str_from(getenv("PATH"));
    struct str folder = STR_EMPTY;
    bool more = strchr(name, '/') == NULL;
    bool found = !more;
    while (more && !found) {
        more = str_cut(rest, ':', &folder, &rest);
        const char *path = arena_format(arena, "%.*s/%s", STR_ARG(folder), name);
        found = path != NULL && access(path, F_OK) == 0;
    }
    return found;
}

/* Takes this process over: signals, the terminal and the exit code are the program's. */
static enum cli_exit become(struct cli_values words, struct setup *setup)
{
    char **argv = ARENA_ARRAY(&setup->arena, char *, words.count + 1);
    bool ok = argv != NULL;
    for (size_t i = 0; i < words.count && ok; i++) {
        argv[i] = arena_copy(&setup->arena, str_from(words.items[i]));
        ok = argv[i] != NULL;
    }
    if (!ok) {
        return cli_fail(CLI_FAILED, "out of memory");
    }
    (void)signal(SIGPIPE, SIG_DFL); /* ignored here, and exec would pass that on */
    (void)execvp(argv[0], argv);
    const int error = errno;
    const bool missing = error == ENOENT || !is_there(argv[0], &setup->arena);
    const int exit_code = missing ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
    return cli_fail((enum cli_exit)exit_code, "could not run %s: %s", argv[0],
                    strerror(missing ? ENOENT : error));
}

static enum cli_exit run(const struct cli_call *call)
{
    CLEANUP(setup_finish) struct setup setup;
    const enum cli_exit exit_code = setup_make(call, &setup);
    if (exit_code != CLI_DONE) {
        return exit_code;
    }
    if (!set_all(&setup.environment)) {
        return cli_fail(CLI_FAILED, "out of memory");
    }
    return become(cli_values(call, "command"), &setup);
}

static const struct cli_option options[] = {
    SETUP_OPTION_SDK,
    SETUP_OPTION_DEVICE,
    SETUP_OPTION_MODULE,
    SETUP_OPTION_CREATE,
    {.name = "command",
     .plain = true,
     .required = true,
     .repeats = true,
     .value = "COMMAND",
     .meaning = "the program and its arguments; after -- they may begin with a dash"},
};

static const struct cli_example examples[] = {
    {"run a back end against the emulator", "iothub run -- python3 backend.py"},
    {"run a device, registering it first", "iothub run --device dev1 --create -- node device.js"},
    {"run a Java program, which wants a name with a dot", "iothub run --sdk java -- mvn exec:java"},
};

const struct cli_command cli_run = {
    .name = "run",
    .summary = "run a program with the variables of `iothub env`",
    .description = "The program takes the place of iothub: signals reach it, and its exit code is "
                   "that of the command. 127: there is no such program; 126: it cannot be run.",
    CLI_OPTIONS(options),
    CLI_EXAMPLES(examples),
    .runs_a_program = true,
    .run = run,
};
