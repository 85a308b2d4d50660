/* SPDX-License-Identifier: MIT */
#include "clients/tutorials/program.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS_MAX = 6 };

static volatile sig_atomic_t stopped;

static void print_usage(const struct program *program, FILE *out)
{
    (void)fprintf(out, "%s\n\nusage: %s [OPTION ...] CONNECTION_STRING\n\n", program->purpose,
                  program->name);
    (void)fprintf(out,
                  "The connection string may stand in the environment variable %s\n"
                  "instead. Put it in quotation marks: it has semicolons in it.\n",
                  program->environment);
    for (size_t i = 0; i < PROGRAM_OPTIONS_MAX && program->options[i].name != NULL; i++) {
        const struct program_option *option = &program->options[i];
        (void)fprintf(out, "  %s %s%*s%s (default: %s)\n", option->name, option->value,
                      20 - (int)strlen(option->name) - (int)strlen(option->value), "",
                      option->meaning, *option->target);
    }
    (void)fputs("\nIOTHUB_CA_FILE names a file of certificate authorities to believe besides the\n"
                "system's; an emulator tells where its own is.\n",
                out);
}

static _Noreturn void refuse(const struct program *program, const char *text, const char *argument)
{
    (void)fprintf(stderr, "%s: %s%s\n\n", program->name, text, argument);
    print_usage(program, stderr);
    exit(2);
}

static const struct program_option *find_option(const struct program *program, const char *name)
{
    for (size_t i = 0; i < PROGRAM_OPTIONS_MAX && program->options[i].name != NULL; i++) {
        if (strcmp(program->options[i].name, name) == 0) {
            return &program->options[i];
        }
    }
    refuse(program, "there is no option ", name);
}

const char *program_connection_string(const struct program *program, int argc, char **argv)
{
    const char *connection_string = getenv(program->environment);
    bool given = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            print_usage(program, stdout);
            exit(EXIT_SUCCESS);
        } else if (argv[i][0] == '-') {
            const struct program_option *option = find_option(program, argv[i]);
            if (i + 1 == argc) {
                refuse(program, "a value is missing after ", argv[i]);
            }
            *option->target = argv[++i];
        } else if (given) {
            refuse(program, "one argument too many: ", argv[i]);
        } else {
            given = true;
            connection_string = argv[i];
        }
    }
    if (connection_string == NULL || connection_string[0] == '\0') {
        refuse(program, "a connection string is missing", "");
    }
    return connection_string;
}

int program_number(const char *name, const char *text)
{
    int number = 0;
    const size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > DIGITS_MAX || text[digits] != '\0') {
        (void)fprintf(stderr, "%s: \"%s\" is not a whole number of up to %d digits\n", name, text,
                      (int)DIGITS_MAX);
        exit(2);
    }
    for (size_t i = 0; i < digits; i++) {
        number = number * 10 + (text[i] - '0');
    }
    return number;
}

static void note_signal(int number)
{
    (void)number;
    stopped = 1;
}

void program_catch_ctrl_c(void)
{
    /* Without SA_RESTART, so that a signal also ends a wait for the network. */
    struct sigaction action = {.sa_flags = (int)SA_RESETHAND};
    action.sa_handler = note_signal;
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

bool program_stopped(void)
{
    return stopped != 0;
}

void program_say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vprintf(format, args);
    va_end(args);
    (void)putchar('\n');
    (void)fflush(stdout);
}

void program_say_json(const char *label, const cJSON *json)
{
    char *text = cJSON_Print(json);
    program_say("%s\n%s", label, text == NULL ? "(out of memory)" : text);
    cJSON_free(text);
}

int program_fail(const char *reason)
{
    (void)fprintf(stderr, "error: %s\n", reason);
    return EXIT_FAILURE;
}
