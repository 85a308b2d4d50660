/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "clients/cli/commands.h"
#include "clients/cli/completion.h"
#include "clients/cli/output.h"

static enum cli_exit run(const struct cli_call *call)
{
    CLEANUP(buf_finish) struct buf script = BUF_INIT(1 << 20);
    if (strcmp(cli_value(call, "shell"), "zsh") == 0) {
        completion_append_zsh(&script);
    } else {
        completion_append_bash(&script);
    }
    return cli_print_text(buf_str(&script));
}

static const struct cli_option options[] = {
    {.name = "shell",
     .plain = true,
     .required = true,
     .value = "SHELL",
     .choices = "bash|zsh",
     .meaning = "the shell to be taught"},
};

static const struct cli_example examples[] = {
    {"teach the bash that runs", "source <(iothub completion bash)"},
    {"teach zsh for good", "iothub completion zsh > \"${fpath[1]}/_iothub\""},
};

const struct cli_command cli_completion = {
    .name = "completion",
    .summary = "print a script that teaches a shell to complete commands and options",
    CLI_OPTIONS(options),
    CLI_EXAMPLES(examples),
    .run = run,
};
