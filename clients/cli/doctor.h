/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_CLI_DOCTOR_H
#define CLIENTS_CLI_DOCTOR_H

/*
 * `iothub doctor` is a table of checks (doctor.c). A check looks at one thing and says one line or
 * several: ok, warning, wrong; with each that is not ok the one command that mends it. The checks
 * run in the table's order, share what struct doctor holds, change nothing, and wait for nothing
 * longer than DOCTOR_WAIT_MS.
 */
#include <openssl/x509.h>

#include "base/connection_string.h"
#include "clients/cli/cli.h"
#include "clients/cli/environment.h"
#include "clients/cli/names.h"
#include "clients/cli/probe.h"
#include "clients/cli/ready_file.h"
#include "clients/endpoint/endpoint.h"

enum { DOCTOR_LINES_MAX = 96, DOCTOR_WAIT_MS = 1000, DOCTOR_REMOTE_WAIT_MS = 4000 };

/* The mend for everything that the variables of this shell are to blame for. */
#define DOCTOR_EVAL "eval \"$(iothub env)\""

enum doctor_state { DOCTOR_OK, DOCTOR_WARNING, DOCTOR_WRONG };

struct doctor_line {
    enum doctor_state state;
    const char *check; /* the name of the check that said it */
    const char *text;
    const char *mend; /* a command line; NULL: nothing to mend, or no command mends it */
};

/* One HTTPS request to the hub, which several checks look at. */
struct doctor_visit {
    bool made;
    enum probe_result result;
    struct problem why_not;
    long certificate_error;
    bool signed_request; /* it bore a token: the certificate was good and the key usable */
    unsigned http_status;
    int64_t date_s;     /* of the answer's Date, in seconds since 1970; 0: it had none */
    int64_t asked_at_s; /* by our own clock */
    const char *why;    /* what the hub says of a refusal; "" */
};

struct doctor {
    struct arena arena;
    unsigned sdks;        /* bits of environment_sdk */
    bool sdk_chosen;      /* --sdk was given: what it needs is wrong when missing, not just noted */
    const char *sdk_name; /* NULL without it */

    enum ready_result ready_result;
    struct problem ready_problem;
    struct ready_file ready;
    STACK_OF(X509) * authority; /* of ready.ca_path; NULL: it cannot be read */

    const char *string;      /* the hub's connection string; NULL: there is none */
    const char *string_from; /* "IOTHUB_CONNECTION_STRING" */
    bool string_parsed;
    struct connection_string parts; /* in `string` */
    struct problem string_problem;
    bool has_endpoint;
    struct endpoint endpoint; /* HTTPS of the hub */
    bool is_emulator;         /* as opposed to a real hub somewhere */
    struct doctor_visit visit;

    const char *check; /* that runs now */
    struct doctor_line lines[DOCTOR_LINES_MAX];
    size_t line_count;
};

/* ---- doctor.c: for checks ---- */

/* Adds a line of the check that runs. */
void doctor_say(struct doctor *doctor, enum doctor_state state, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* Adds the mend of the line just said. */
void doctor_mend(struct doctor *doctor, const char *format, ...) PRINTF_LIKE(2, 3);

/* What `sdks` cannot do without: wrong for those who asked for one of them, else a warning. */
enum doctor_state doctor_needed_by(const struct doctor *doctor, unsigned sdks);

/* True when an emulator runs, by its ready file. */
bool doctor_has_ready(const struct doctor *doctor);

/* doctor_ports.c: the mend is to start the emulator again, with `options` (" --x y" or ""). */
void doctor_mend_restart(struct doctor *doctor, const char *options);

/* The text as a word for a mend's command line, quoted where it has to be. */
const char *doctor_word(struct doctor *doctor, struct str text);

/* An environment variable; NULL when unset or empty. */
const char *doctor_variable(const char *name);

/* doctor_visit.c: makes the visit at the first call. */
const struct doctor_visit *doctor_visit(struct doctor *doctor);

/* ---- the checks ---- */

void doctor_check_emulator(struct doctor *doctor); /* doctor_ports.c */
void doctor_check_ports(struct doctor *doctor);
void doctor_check_port_443(struct doctor *doctor);
void doctor_check_remote_ports(struct doctor *doctor);
void doctor_check_names(struct doctor *doctor); /* doctor_names.c */
void doctor_check_hub_name(struct doctor *doctor);
void doctor_check_authority(struct doctor *doctor); /* doctor_trust.c */
void doctor_check_certificate(struct doctor *doctor);
void doctor_check_variables(struct doctor *doctor);
void doctor_check_java_store(struct doctor *doctor);
void doctor_check_clock(struct doctor *doctor);  /* doctor_visit.c */
void doctor_check_string(struct doctor *doctor); /* doctor_strings.c */
void doctor_check_key(struct doctor *doctor);
void doctor_check_device_string(struct doctor *doctor);
void doctor_check_event_hubs_string(struct doctor *doctor);
void doctor_check_python(struct doctor *doctor); /* doctor_sdks.c */
void doctor_check_node(struct doctor *doctor);
void doctor_check_java(struct doctor *doctor);
void doctor_check_dotted(struct doctor *doctor);
void doctor_check_dotnet(struct doctor *doctor);
void doctor_check_az(struct doctor *doctor);

#endif
