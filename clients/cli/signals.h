/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_CLI_SIGNALS_H
#define CLIENTS_CLI_SIGNALS_H

/*
 * Ctrl-C ends a command at once, as a signal does: a shell sees 130, and a progress bar is cleared
 * away. What goes on until it is interrupted catches it instead, ends in good order, and returns
 * CLI_DONE.
 */
#include <stdbool.h>

/* To be called once, at the start; also makes writing to a closed pipe an error like any other. */
void signals_init(void);

/* From now on SIGINT and SIGTERM only raise signals_interrupted(), the first time: a second one
 * ends the program all the same. System calls that block are cut short. */
void signals_catch(void);

/* True once one was caught. */
bool signals_interrupted(void);

#endif
