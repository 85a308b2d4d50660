/* SPDX-License-Identifier: MIT */
#ifndef MQTT_USERNAME_H
#define MQTT_USERNAME_H

/*
 * The user name of a CONNECT: who connects to which hub, and how (device protocol reference, 1.1).
 *
 *   username   = host "/" device [ "/" module ] [ "/" [ "?" ] properties ]
 *   properties = name "=" value *( "&" name "=" value )
 *
 * Read as generously as the service: the '?' may be missing, the whole list too, and one historic
 * client puts '/' between its properties.
 */
#include <stdbool.h>

#include "base/attr.h"
#include "base/status.h"
#include "base/str.h"

/* Every str points into the text and is empty when absent. Ids stand as they are, never encoded;
 * the three property values are percent-encoded: url_decode_append() them. */
struct username {
    struct str host; /* as written; compare without case */
    struct str device_id;
    struct str module_id; /* empty: the device itself */
    struct str api_version;
    struct str device_client_type; /* the client's name for itself */
    struct str model_id;           /* DTMI of a Plug and Play client */
};

/*
 * False when there is no host, no device id or an empty module id: the problem shows the form that
 * was expected. Unknown properties are ignored; of two with one name the first counts.
 */
MUST_CHECK bool username_parse(struct str text, struct username *ret_username,
                               struct problem *problem);

#endif
