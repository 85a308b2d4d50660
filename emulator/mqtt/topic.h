/* SPDX-License-Identifier: MIT */
#ifndef MQTT_TOPIC_H
#define MQTT_TOPIC_H

/*
 * The hub is no broker: it knows a few topic names, and each means an operation. This reads the
 * topics clients publish to and the filters they subscribe with, and writes the topics of what the
 * hub sends (device protocol reference, 1.5, 1.6, 2.1 and 3 to 6). Names are compared byte by
 * byte, and ids stand in them unencoded. Pure functions; every struct str points into the input.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/status.h"
#include "base/str.h"

/* Whose connection it is. */
struct topic_owner {
    struct str device_id;
    struct str module_id; /* empty: the device itself */
};

/* ---- Topics a client publishes to ---- */

enum topic_operation {
    TOPIC_TELEMETRY,
    TOPIC_TWIN_GET,
    TOPIC_TWIN_PATCH_REPORTED,
    TOPIC_METHOD_RESPONSE,
    TOPIC_FORBIDDEN, /* close the connection; the problem says why */
};

enum topic_version { TOPIC_VERSION_ABSENT, TOPIC_VERSION_GIVEN, TOPIC_VERSION_MALFORMED };

struct topic {
    enum topic_operation operation;
    struct str bag; /* TELEMETRY: the raw property bag, for bag_init(); may be empty */

    /* The request id, raw, to be sent back as it came. Always there but in a PATCH, where without
     * one nobody waits for the response. */
    struct str request_id;

    /* PATCH: the reported version the client expects; malformed is status 400, not a refusal. */
    enum topic_version version_is;
    int64_t version;

    int32_t status; /* METHOD_RESPONSE */
};

/* Fills *ret_topic and gives its operation. On TOPIC_FORBIDDEN only that and `problem` (may be
 * NULL) are filled. */
enum topic_operation topic_read(const struct topic_owner *owner, struct str name,
                                struct topic *ret_topic, struct problem *problem);

/* ---- Filters a client subscribes with ---- */

enum topic_flow {
    TOPIC_FLOW_C2D,          /* devices/{d}/messages/devicebound/# and a module's own */
    TOPIC_FLOW_INPUTS,       /* devices/{d}/modules/{m}/inputs/# */
    TOPIC_FLOW_MODULE,       /* devices/{d}/modules/{m}/#: both of the former */
    TOPIC_FLOW_METHODS,      /* $iothub/methods/POST/# */
    TOPIC_FLOW_METHOD,       /* $iothub/methods/POST/{name}/#: one method */
    TOPIC_FLOW_TWIN_RESULTS, /* $iothub/twin/res/# */
    TOPIC_FLOW_DESIRED,      /* $iothub/twin/PATCH/properties/desired/# */
    TOPIC_FLOW_FORBIDDEN,    /* close the connection; the problem says why */
};

/* *ret_method gets the name of TOPIC_FLOW_METHOD, else "". `problem` may be NULL. */
enum topic_flow topic_read_filter(const struct topic_owner *owner, struct str filter,
                                  struct str *ret_method, struct problem *problem);

/* ---- Topics the hub publishes to ---- */

/* $iothub/methods/POST/{name}/?$rid={rid}. Nothing may follow the rid: the C SDK takes all of it.
 */
void topic_append_method_request(struct buf *out, struct str method, struct str request_id);

/* $iothub/twin/res/{status}/?$rid={rid}[&$version={version}], in that order: the Java SDK cuts at
 * "$version=". `version` NULL: none. The status has three digits. */
void topic_append_twin_result(struct buf *out, int status, struct str request_id,
                              const int64_t *version);

/* $iothub/twin/PATCH/properties/desired/?$version={version} */
void topic_append_desired(struct buf *out, int64_t version);

/* devices/{d}/messages/devicebound/ or a module's own; the property bag follows. */
void topic_append_devicebound(struct buf *out, const struct topic_owner *owner);

#endif
