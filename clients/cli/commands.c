/* SPDX-License-Identifier: MIT */
#include "clients/cli/commands.h"

#include <string.h>

#define POINTER(name) &cli_##name,

const struct cli_command *const cli_commands[] = {CLI_COMMANDS(POINTER)};
const size_t cli_command_count = ARRAY_SIZE(cli_commands);

const struct cli_option cli_global_options[] = {
    {.name = "output",
     .letter = 'o',
     .value = "FORMAT",
     .choices = "json|table|tsv",
     .meaning = "how to print: by default a table on a terminal, JSON into pipes and files"},
    {.name = "login",
     .letter = 'l',
     .value = "STRING",
     .meaning =
         "the hub's connection string; by default that in IOTHUB_CONNECTION_STRING, else that "
         "of the emulator that runs here"},
    {.name = "verbose", .meaning = "also tell on standard error what is done, and with which hub"},
    {.name = "help", .letter = 'h', .meaning = "show this help"},
};
const size_t cli_global_option_count = ARRAY_SIZE(cli_global_options);

static const struct {
    const char *name;
    const char *summary;
} groups[] = {
    {"device", "the registry's devices, and their keys"},
    {"module", "modules of devices, and their keys"},
    {"twin", "twins of devices and modules"},
    {"method", "direct methods"},
    {"c2d", "cloud-to-device messages"},
    {"hub", "the hub itself"},
};

const char *cli_group_summary(const char *group)
{
    for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
        if (strcmp(groups[i].name, group) == 0) {
            return groups[i].summary;
        }
    }
    return NULL;
}
