/* SPDX-License-Identifier: MIT */
#ifndef MAIN_OPTIONS_H
#define MAIN_OPTIONS_H

/* The command line as a struct. Nothing here opens, binds or makes anything. */
#include "base/attr.h"
#include "base/log.h"
#include "base/status.h"
#include "base/str.h"
#include "hub/hub.h"

enum { OPTIONS_NAMES_MAX = 32 };

/* A port, and whether the user named it: a default that cannot be bound may be done without. */
struct option_port {
    uint16_t port; /* 0: any free one */
    bool given;
};

enum options_action {
    OPTIONS_RUN,
    OPTIONS_HELP,
    OPTIONS_MAN,
    OPTIONS_VERSION,
    OPTIONS_CHECK_READY
};

struct options {
    enum options_action action;
    bool memory;
    const char *data; /* NULL: in the installation's folder */
    const char *home; /* the installation's folder; NULL: the user's data folder */
    struct option_port mqtt, https, https_alt, amqp, amqp_plain, control;
    bool rootless; /* do not even try 443 */
    struct str hostnames[OPTIONS_NAMES_MAX];
    size_t hostname_count;
    struct str listens[OPTIONS_NAMES_MAX]; /* addresses; none: 127.0.0.1 and ::1 */
    size_t listen_count;
    struct str control_listens[OPTIONS_NAMES_MAX];
    size_t control_listen_count;
    const char *seed;
    const char *keys_from;
    uint64_t fleet_count; /* of a generated fleet; 0: none */
    uint64_t fleet_seed;
    bool sync_full;
    unsigned partitions; /* of the events; 0: as the data was made with */
    struct str consumer_groups[OPTIONS_NAMES_MAX];
    size_t consumer_group_count;
    const char *ready_file; /* NULL: in public_dir or, without one, the installation's folder */
    const char *public_dir; /* what other users need to find and trust the emulator; NULL: none */
    enum log_level log_level;
    struct hub_settings settings;
    bool random_seed_given;
    uint64_t random_seed;
};

/* STATUS_INVALID: the problem says which option and what it takes. Strings point into argv. */
MUST_CHECK enum status options_parse(int argc, char **argv, struct options *ret_options,
                                     struct problem *problem);

#endif
