/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "clients/cli/cli.h"
#include "clients/cli/progress.h"

static PRINTF_LIKE(1, 0) void say(const char *format, va_list args)
{
    progress_hide();
    (void)fputs("iothub: ", stderr);
    (void)vfprintf(stderr, format, args);
    (void)fputc('\n', stderr);
}

enum cli_exit cli_fail(enum cli_exit exit_code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(format, args);
    va_end(args);
    return exit_code;
}

void cli_say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(format, args);
    va_end(args);
}

void cli_say_verbose(const struct cli_call *call, const char *format, ...)
{
    if (call->verbose) {
        va_list args;
        va_start(args, format);
        say(format, args);
        va_end(args);
    }
}
