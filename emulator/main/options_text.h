/* SPDX-License-Identifier: MIT */
#ifndef MAIN_OPTIONS_TEXT_H
#define MAIN_OPTIONS_TEXT_H

/* What --help and the manual page say of the options: one table for both. */

void options_print_help(void);
void options_print_man(const char *version); /* roff */

#endif
