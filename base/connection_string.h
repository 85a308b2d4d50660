/* SPDX-License-Identifier: MIT */
#ifndef BASE_CONNECTION_STRING_H
#define BASE_CONNECTION_STRING_H

/*
 * "HostName=...;DeviceId=...;ModuleId=...;SharedAccessKey=...": semicolon-separated pairs, each
 * split at its first '=' (keys hold '='). Names are matched in any case; unknown ones are ignored.
 */
#include "base/attr.h"
#include "base/status.h"
#include "base/str.h"

struct connection_string {
    struct str host_name; /* as written, a ":port" still on it */
    struct str gateway_host_name;
    struct str device_id;
    struct str module_id;
    struct str shared_access_key;
    struct str shared_access_key_name;
    struct str shared_access_signature;
    struct str x509; /* "true" of an identity with a certificate */
};                   /* every str points into the text, and is empty when absent */

/* STATUS_INVALID when a pair has no '=', or HostName is missing or empty. */
MUST_CHECK enum status connection_string_parse(struct str text, struct connection_string *ret_parts,
                                               struct problem *problem);

#endif
