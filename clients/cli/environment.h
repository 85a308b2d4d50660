/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_CLI_ENVIRONMENT_H
#define CLIENTS_CLI_ENVIRONMENT_H

/*
 * The variables that make unmodified programs find a hub and trust it, each with the words for whom
 * it is. `iothub env` prints them, `iothub run` sets them, `iothub doctor` looks at them. Which
 * program reads what: SDK matrix, 1b.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"

/* Whom somebody asks for with --sdk; bits, since a variable is for several. */
enum environment_sdk {
    SDK_PYTHON = 1 << 0,
    SDK_NODE = 1 << 1,
    SDK_JAVA = 1 << 2,
    SDK_C = 1 << 3,
    SDK_DOTNET = 1 << 4,
    SDK_AZ = 1 << 5,
    SDK_EVENTHUBS = 1 << 6,
};
#define SDK_NAMES "python|node|java|c|dotnet|az|eventhubs"
#define SDK_ALL   0x7fU
/* They refuse a HostName without a dot, or make a hub's name of what stands before it. */
#define SDK_DOTTED              (SDK_JAVA | SDK_C | SDK_DOTNET)

#define ENVIRONMENT_DOTTED_HOST "hub.localhost"
#define ENVIRONMENT_DEVICE      "IOTHUB_DEVICE_CONNECTION_STRING"

/* SDK_ALL for NULL; 0 for a name that is none of SDK_NAMES. */
unsigned environment_sdk_named(const char *name);

struct environment_device {
    struct str id;
    struct str module_id; /* empty: the device itself */
    struct str key;       /* empty: it proves itself by a certificate */
};

/* Where the values come from; what is empty is not there. A real hub has only the first and the
 * fourth. */
struct environment_hub {
    struct str service_string;
    struct str event_hubs_string;
    struct str host;      /* "localhost", no port */
    bool dotted_resolves; /* ENVIRONMENT_DOTTED_HOST is this machine, so that it can be dialled */
    const struct environment_device *device; /* NULL: none was asked for */
    uint16_t mqtt_port;                      /* for the device's string; 8883 on real hubs */
    struct str ca_path;
    struct str bundle_path;
    struct str java_store_path;
    struct str java_options_before; /* JAVA_TOOL_OPTIONS as it is now */
};

struct variable {
    const char *name;
    struct str value; /* in the arena, NUL-ended */
    const char *whom; /* "Node: believed besides its own authorities" */
};

enum { ENVIRONMENT_VARIABLES_MAX = 12 };

struct environment {
    struct variable variables[ENVIRONMENT_VARIABLES_MAX];
    size_t count;
};

/* For `sdks`, bits of environment_sdk, SDK_ALL for everybody. STATUS_NO_MEMORY or STATUS_OK. */
MUST_CHECK enum status environment_make(struct arena *arena, const struct environment_hub *hub,
                                        unsigned sdks, struct environment *ret_environment);

/* The same variable's row: its name, whom it is for, which SDKs need it. */
struct environment_row {
    const char *name;
    unsigned sdks;
    const char *whom;
};
extern const struct environment_row environment_rows[];
extern const size_t environment_row_count;

#endif
