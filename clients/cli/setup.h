/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_CLI_SETUP_H
#define CLIENTS_CLI_SETUP_H

/*
 * What `iothub env` and `iothub run` have in common: the hub they are for, a device of it, and the
 * variables made of both. The hub is that of --login, else the emulator that runs here (also where
 * IOTHUB_CONNECTION_STRING says something else: it may be what is to be mended), else that of
 * IOTHUB_CONNECTION_STRING.
 */
#include "clients/cli/cli.h"
#include "clients/cli/environment.h"
#include "clients/cli/ready_file.h"

/* Rows of their option tables. */
#define SETUP_OPTION_SDK                                                                           \
    {                                                                                              \
        .name = "sdk", .value = "NAME", .choices = SDK_NAMES,                                      \
        .meaning = "only what this SDK reads, in the form that it wants"                           \
    }
#define SETUP_OPTION_DEVICE                                                                        \
    {                                                                                              \
        .name = "device-id", .alias = "device", .letter = 'd', .value = "DEVICE",                  \
        .meaning = "also " ENVIRONMENT_DEVICE ", for this device"                                  \
    }
#define SETUP_OPTION_MODULE                                                                        \
    {                                                                                              \
        .name = "module-id", .alias = "module", .letter = 'm', .value = "MODULE",                  \
        .meaning = "that string for this module of the device"                                     \
    }
#define SETUP_OPTION_CREATE                                                                        \
    {                                                                                              \
        .name = "create", .meaning = "register the device, and the module, where they are missing" \
    }

struct setup {
    bool at_emulator;
    struct ready_file ready; /* of the emulator */
    struct str java_store;   /* the path of the trust store; empty: none was wanted */
    struct environment environment;
    struct arena arena;
};

/* Anything but CLI_DONE was said. Finish it in any case. */
MUST_CHECK enum cli_exit setup_make(const struct cli_call *call, struct setup *ret_setup);
void setup_finish(struct setup *setup);

#endif
