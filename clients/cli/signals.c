/* SPDX-License-Identifier: MIT */
#include "clients/cli/signals.h"

#include <signal.h>
#include <unistd.h>

#include "clients/cli/progress.h"

static volatile sig_atomic_t catching;
static volatile sig_atomic_t interrupted;

static void arrived(int signal_number)
{
    if (catching && !interrupted) {
        interrupted = 1;
        return;
    }
    static const char clear[] = "\r\x1b[K";
    if (progress_is_shown() && write(STDERR_FILENO, clear, sizeof(clear) - 1) < 0) {
        catching = 0; /* the terminal has gone; there is nothing to be done about it */
    }
    const struct sigaction by_default = {.sa_handler = SIG_DFL};
    (void)sigaction(signal_number, &by_default, NULL);
    (void)raise(signal_number);
}

void signals_init(void)
{
    struct sigaction action = {.sa_handler = arrived};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    (void)sigaction(SIGPIPE, &ignore, NULL);
}

void signals_catch(void)
{
    catching = 1;
}

bool signals_interrupted(void)
{
    return interrupted != 0;
}
