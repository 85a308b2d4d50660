/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_CLI_IDENTITY_H
#define CLIENTS_CLI_IDENTITY_H

/* What the commands for devices and those for modules have in common. */
#include "clients/cli/service.h"

/* The options that say what is registered; for the tables of create and update. */
#define CLI_OPTION_AUTH_METHOD                                                                     \
    {                                                                                              \
        .name = "auth-method", .alias = "am", .value = "METHOD",                                   \
        .choices = "shared_private_key|x509_thumbprint|x509_ca",                                   \
        .meaning = "how it proves who it is"                                                       \
    }
#define CLI_OPTION_PRIMARY_KEY                                                                     \
    {                                                                                              \
        .name = "primary-key", .alias = "pk", .value = "KEY",                                      \
        .meaning = "base64 of 16 to 64 bytes; without it the hub makes one"                        \
    }
#define CLI_OPTION_SECONDARY_KEY                                                                   \
    {                                                                                              \
        .name = "secondary-key", .alias = "sk", .value = "KEY", .meaning = "likewise"              \
    }
#define CLI_OPTION_PRIMARY_THUMBPRINT                                                              \
    {                                                                                              \
        .name = "primary-thumbprint", .alias = "ptp", .value = "HEX",                              \
        .meaning = "of its certificate: SHA-1 or SHA-256, 40 or 64 hex digits"                     \
    }
#define CLI_OPTION_SECONDARY_THUMBPRINT                                                            \
    {                                                                                              \
        .name = "secondary-thumbprint", .alias = "stp", .value = "HEX", .meaning = "likewise"      \
    }
#define CLI_OPTION_STATUS                                                                          \
    {                                                                                              \
        .name = "status", .alias = "sta", .value = "STATUS", .choices = "enabled|disabled",        \
        .meaning = "whether it may connect"                                                        \
    }
#define CLI_OPTION_STATUS_REASON                                                                   \
    {                                                                                              \
        .name = "status-reason", .alias = "star", .value = "TEXT",                                 \
        .meaning = "why it has that status, at most 128 characters"                                \
    }

/* The device, or with a module-id option the module, that a call is about. */
struct iothub_service_id cli_device(const struct cli_call *call);
struct iothub_service_id cli_module(const struct cli_call *call);

enum { CLI_ID_SIZE = 256 };
#define CLI_PREFIX_DEFAULT "device-"

/* The i-th of `count` numbered devices, "device-07" in `text`, which is returned; numbers have
 * leading zeros, so that they sort. `prefix` NULL: the default one. */
const char *cli_numbered_id(const char *prefix, long i, long count, char text[CLI_ID_SIZE]);

/* What --auth-method, the keys and the thumbprints ask for; anything but CLI_DONE was said. */
MUST_CHECK enum cli_exit cli_registration(const struct cli_call *call,
                                          struct iothub_service_registration *ret_registration);

/* An identity's columns: devices, or modules. */
extern const struct cli_columns cli_device_columns;
extern const struct cli_columns cli_module_columns;

#endif
