/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "clients/cli/cli.h"

static const struct verb {
    const char *name;
    const char *arguments;
    const char *purpose;
    int (*run)(int argc, char **argv);
    const struct cli_option *options;
    const size_t *option_count;
} verbs[] = {
    {"query", "\"SELECT ...\"",
     "Asks a hub in its query language and prints each row of the answer as a line of JSON.\n"
     "With --explain an emulator tells how it answers instead: the tree, the access path, rows\n"
     "read and returned, the time.",
     cli_query, cli_query_options, &cli_query_option_count},
};

int cli_fail(int exit_code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)fputs("iothub: ", stderr);
    (void)vfprintf(stderr, format, args);
    (void)fputc('\n', stderr);
    va_end(args);
    return exit_code;
}

static const struct cli_option *find_option(const struct cli_option *options, size_t count,
                                            const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(options[i].name, name) == 0) {
            return &options[i];
        }
    }
    return NULL;
}

bool cli_arguments(int argc, char **argv, const struct cli_option *options, size_t option_count,
                   const char **ret_argument)
{
    const char *argument = NULL;
    for (int i = 0; i < argc; i++) {
        const bool is_option = argv[i][0] == '-' && argv[i][1] != '\0';
        const struct cli_option *option =
            is_option ? find_option(options, option_count, argv[i]) : NULL;
        if (is_option && option == NULL) {
            (void)cli_fail(CLI_MISUSED, "there is no option %s; iothub help shows them", argv[i]);
            return false;
        }
        if (option != NULL && option->flag != NULL) {
            *option->flag = true;
        } else if (option != NULL && i + 1 < argc) {
            *option->value = argv[++i];
        } else if (option != NULL) {
            (void)cli_fail(CLI_MISUSED, "a value is missing after %s", argv[i]);
            return false;
        } else if (argument == NULL) {
            argument = argv[i];
        } else {
            (void)cli_fail(CLI_MISUSED, "one argument too many: %s (is a quotation mark missing?)",
                           argv[i]);
            return false;
        }
    }
    *ret_argument = argument;
    return true;
}

static void print_verb(FILE *out, const struct verb *verb)
{
    (void)fprintf(out, "iothub %s [OPTION ...] %s\n%s\n\n", verb->name, verb->arguments,
                  verb->purpose);
    for (size_t i = 0; i < *verb->option_count; i++) {
        (void)fprintf(out, "  %s %s\n", verb->options[i].name, verb->options[i].meaning);
    }
}

static void print_help(FILE *out)
{
    (void)fputs("usage: iothub VERB [OPTION ...] [ARGUMENT]\n\n", out);
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
        print_verb(out, &verbs[i]);
    }
    (void)fputs("\nThe hub is the one of the connection string in " CLI_CONNECTION_VARIABLE
                ".\nIOTHUB_CA_FILE names a file of certificate authorities to believe besides the\n"
                "system's; an emulator tells where its own is.\n",
                out);
}

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
        if (strcmp(name, verbs[i].name) == 0) {
            return &verbs[i];
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return CLI_MISUSED;
    }
    if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0) {
        print_help(stdout);
        return CLI_DONE;
    }
    const struct verb *verb = find_verb(argv[1]);
    if (verb == NULL) {
        return cli_fail(CLI_MISUSED, "there is no verb '%s'; iothub help lists them", argv[1]);
    }
    if (argc > 2 && strcmp(argv[2], "--help") == 0) {
        print_verb(stdout, verb);
        return CLI_DONE;
    }
    return verb->run(argc - 2, argv + 2);
}
