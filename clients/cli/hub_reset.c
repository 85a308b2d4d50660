/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/url.h"
#include "clients/cli/commands.h"
#include "clients/cli/control.h"
#include "clients/cli/hub.h"
#include "clients/cli/hub_kind.h"

enum { PATH_MAX_SIZE = 1024 };

/* Somebody whose shell points at a real hub may mean that one: nothing else is reset instead. */
static enum cli_exit refuse_real_hub(const struct cli_call *call, const struct ready_file *ready)
{
    const char *login = cli_value(call, "login");
    const char *string = login != NULL ? login : getenv(CLI_CONNECTION_VARIABLE);
    const char *from = login != NULL ? "--login" : CLI_CONNECTION_VARIABLE;
    struct connection_string parts;
    struct problem problem = {0};
    if (string == NULL || string[0] == '\0') {
        return CLI_DONE;
    }
    if (connection_string_parse(str_from(string), &parts, &problem) != STATUS_OK) {
        return cli_fail(CLI_MISUSED, "%s holds no connection string: %s", from, problem.text);
    }
    return hub_is_emulator(&parts, ready)
               ? CLI_DONE
               : cli_fail(CLI_MISUSED,
                          "%s names %.*s, which is no emulator of this machine; only an emulator "
                          "can be reset",
                          from, STR_ARG(parts.host_name));
}

/* `y` on a terminal; elsewhere nobody can be asked, and --yes has to be given. */
static enum cli_exit confirm(const struct cli_call *call, const char *hub_name)
{
    if (cli_given(call, "yes")) {
        return CLI_DONE;
    }
    if (!isatty(STDIN_FILENO)) {
        return cli_fail(CLI_MISUSED, "nobody can be asked here whether that is meant: add --yes");
    }
    (void)fprintf(stderr,
                  "Everything in hub \"%s\" will be gone: devices, modules, twins, messages.\n"
                  "Go on? [y/N] ",
                  hub_name);
    (void)fflush(stderr);
    const int answer = getchar();
    return answer == 'y' || answer == 'Y' ? CLI_DONE : cli_fail(CLI_FAILED, "nothing was changed");
}

static enum cli_exit reset(const struct cli_call *call, const struct ready_file *ready)
{
    CLEANUP(buf_finish) struct buf path = BUF_INIT(PATH_MAX_SIZE);
    CLEANUP(json_destroyp) cJSON *answer = NULL;
    const char *name = cli_value(call, "hub");
    char url[CONTROL_URL_SIZE];
    name = name == NULL ? ready->hub_name : name;
    enum cli_exit exit_code = confirm(call, name);
    if (exit_code != CLI_DONE) {
        return exit_code;
    }
    buf_append_str(&path, STR("/hubs/"));
    url_encode_append(&path, str_from(name));
    buf_append_str(&path, STR("/reset"));
    if (buf_status(&path) != STATUS_OK) {
        return cli_fail(CLI_MISUSED, "the hub's name is too long");
    }
    control_url(call, url);
    exit_code = control_ask(url, "POST", path.data, STR_EMPTY, &answer);
    if (exit_code == CLI_DONE) {
        cli_say("hub \"%s\" is as new", name);
    }
    return exit_code;
}

static enum cli_exit run(const struct cli_call *call)
{
    CLEANUP(ready_file_finish) struct ready_file ready;
    struct problem problem = {0};
    const enum ready_result result = ready_file_find(&ready, &problem);
    const enum cli_exit exit_code = refuse_real_hub(call, &ready);
    if (exit_code != CLI_DONE) {
        return exit_code;
    }
    if (result != READY_FOUND && !(cli_given(call, "control") && cli_given(call, "hub"))) {
        return cli_fail(CLI_FAILED,
                        "no emulator runs here (%s); another one is named with --control and --hub",
                        problem.text);
    }
    return reset(call, &ready);
}

static const struct cli_option options[] = {
    {.name = "yes", .letter = 'y', .meaning = "do not ask"},
    {.name = "hub", .value = "NAME", .meaning = "which hub; by default the emulator's first"},
    CLI_OPTION_CONTROL,
};

static const struct cli_example examples[] = {
    {"start over with an empty hub", "iothub hub reset --yes"},
};

const struct cli_command cli_hub_reset = {
    .group = "hub",
    .name = "reset",
    .summary = "empty an emulator's hub: no devices, no twins, no messages",
    .description = "Policies and their keys stay, and so do connection strings. Refused while "
                   "IOTHUB_CONNECTION_STRING or --login names any other hub.",
    CLI_OPTIONS(options),
    CLI_EXAMPLES(examples),
    .emulator_only = true,
    .run = run,
};
