/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_CLI_COMMANDS_H
#define CLIENTS_CLI_COMMANDS_H

/*
 * The list of commands, in the order of the help: X(query) is the row `cli_query` of struct
 * cli_command, which some file here defines. Rows of one group stand together.
 */
#include "clients/cli/cli.h"

#define CLI_COMMANDS(X)                                                                            \
    X(device_create)                                                                               \
    X(device_list)                                                                                 \
    X(device_show)                                                                                 \
    X(device_update)                                                                               \
    X(device_delete)                                                                               \
    X(device_import)                                                                               \
    X(device_export)                                                                               \
    X(device_keys)                                                                                 \
    X(device_connection_string)                                                                    \
    X(module_create)                                                                               \
    X(module_list)                                                                                 \
    X(module_show)                                                                                 \
    X(module_update)                                                                               \
    X(module_delete)                                                                               \
    X(module_keys)                                                                                 \
    X(module_connection_string)                                                                    \
    X(twin_show)                                                                                   \
    X(twin_update)                                                                                 \
    X(twin_replace)                                                                                \
    X(query)                                                                                       \
    X(method_invoke)                                                                               \
    X(send)                                                                                        \
    X(simulate)                                                                                    \
    X(c2d_send)                                                                                    \
    X(c2d_receive_feedback)                                                                        \
    X(monitor)                                                                                     \
    X(env)                                                                                         \
    X(run)                                                                                         \
    X(doctor)                                                                                      \
    X(sas)                                                                                         \
    X(hub_reset)                                                                                   \
    X(completion)

#define CLI_DECLARE_COMMAND(name) extern const struct cli_command cli_##name;
CLI_COMMANDS(CLI_DECLARE_COMMAND)

#endif
