/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_TUTORIALS_PROGRAM_H
#define CLIENTS_TUTORIALS_PROGRAM_H

/*
 * What each tutorial needs around its lesson: arguments, Ctrl-C, and printing. Nothing here has to
 * do with IoT; read a tutorial first.
 */
#include <stdbool.h>

#include <cjson/cJSON.h>

/* An option with a value, as in "--device ID". */
struct program_option {
    const char *name;    /* "--device" */
    const char *value;   /* "ID" */
    const char *meaning; /* "the device to tag" */
    const char **target; /* what it sets, and what holds the default */
};

#define PROGRAM_OPTIONS_MAX 3

struct program {
    const char *name;
    const char *purpose;     /* a sentence or two, for the usage text */
    const char *environment; /* the variable that may hold the connection string */
    struct program_option options[PROGRAM_OPTIONS_MAX];
};

/*
 * Sets the options and returns the connection string: the argument that is no option, or else the
 * environment variable. Where neither is given, or an argument makes no sense, prints how the
 * program is used and ends it.
 */
const char *program_connection_string(const struct program *program, int argc, char **argv);

/* Reads a whole number, 0 or more; ends the program with a word about it when it is none. */
int program_number(const char *name, const char *text);

/* From now on Ctrl-C (or SIGTERM) only makes program_stopped() true; a second one ends at once. */
void program_catch_ctrl_c(void);
bool program_stopped(void);

/* Prints a line to standard output, at once even where that is a pipe. */
void program_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints `label` and the JSON below it, indented. */
void program_say_json(const char *label, const cJSON *json);

/* Prints what went wrong to standard error; returns the exit code for main(). */
int program_fail(const char *reason);

#endif
