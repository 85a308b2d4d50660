/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_CLI_ACTING_H
#define CLIENTS_CLI_ACTING_H

/*
 * Whom a command acts as: a device or module by its own connection string, or devices of the hub,
 * whose keys the service then tells.
 */
#include <iothub/device.h>

#include "clients/cli/service.h"

#define ACTING_VARIABLE "IOTHUB_DEVICE_CONNECTION_STRING"

/* Options of every command that acts as a device. DEVICE and MODULE may be plain. */
#define ACTING_OPTIONS                                                                             \
    {.name = "device-id",                                                                          \
     .letter = 'd',                                                                                \
     .plain = true,                                                                                \
     .value = "DEVICE",                                                                            \
     .meaning = "the device's ID; the hub tells its key"},                                         \
        {.name = "module-id",                                                                      \
         .letter = 'm',                                                                            \
         .value = "MODULE",                                                                        \
         .meaning = "act as this module of the device"},                                           \
        {.name = "connection-string",                                                              \
         .alias = "cs",                                                                            \
         .value = "STRING",                                                                        \
         .meaning = "the device's own connection string, in place of its ID; by default that in "  \
                    "" ACTING_VARIABLE},                                                           \
        {.name = "certificate",                                                                    \
         .alias = "cp",                                                                            \
         .value = "FILE",                                                                          \
         .meaning = "the device's certificate, PEM, for one that has no key"},                     \
        {.name = "key",                                                                            \
         .alias = "kp",                                                                            \
         .value = "FILE",                                                                          \
         .meaning = "the private key of the certificate, PEM"},                                    \
        {.name = "passphrase",                                                                     \
         .alias = "pass",                                                                          \
         .value = "TEXT",                                                                          \
         .meaning = "what opens the private key, where it is locked"},                             \
        {.name = "model-id",                                                                       \
         .alias = "dtmi",                                                                          \
         .value = "DTMI",                                                                          \
         .meaning = "the model that the device says it has: dtmi:com:example:Thermostat;1"},       \
    {                                                                                              \
        .name = "create", .meaning = "register what does not exist yet"                            \
    }

struct actor {
    const char *connection_string; /* with the port to dial; in the arena */
};

struct acting {
    struct actor *actors;
    size_t count;
    const char *certificate; /* these are the call's, or NULL */
    const char *key;
    const char *passphrase;
    const char *model_id;
    struct arena arena;
    struct cli_service service; /* the hub, where it was asked */
    bool has_service;
};

/*
 * Finds the one that the options name. Anything but CLI_DONE was said. To be finished in any case.
 */
MUST_CHECK enum cli_exit acting_find(const struct cli_call *call, struct acting *ret_acting);

/*
 * The same for `count` devices of the hub whose IDs begin with `prefix`; with --create for those
 * numbered as `iothub device create --count` numbers them, which need not exist.
 */
MUST_CHECK enum cli_exit acting_find_many(const struct cli_call *call, const char *prefix,
                                          size_t count, struct acting *ret_acting);
void acting_finish(struct acting *acting); /* takes zeroed ones */

/* {"deviceId": ..., "moduleId": ...} of the actor; free with cJSON_Delete(). NULL: no memory. */
MUST_CHECK cJSON *acting_identity(const struct acting *acting, size_t actor);

/* What the device library minded, and what to do about it. Returns the exit code. */
enum cli_exit acting_fail(const struct acting *acting, const struct iothub_error *error);

#endif
