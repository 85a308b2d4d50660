/* SPDX-License-Identifier: MIT */
#ifndef MQTT_PROPERTY_BAG_H
#define MQTT_PROPERTY_BAG_H

/*
 * The properties of a message, as they follow ".../messages/events/" or ".../devicebound/" in its
 * topic (device protocol reference, 2.2 and 3): key=value pairs with '&' between them, both sides
 * percent-encoded.
 *
 *   struct bag bag;
 *   status = bag_init(&bag, topic.bag, &scratch);
 *   while (bag_next(&bag, &property)) ...
 *
 * Tolerant, as the SDKs need: a leading '?' and one trailing '/' are dropped, empty pairs are
 * skipped, a '%' that starts no escape stays as it is, '+' is a plus. Keys are decoded before they
 * are compared, since some SDKs write "$.mid" and some "%24.mid". Decoded values may be any bytes,
 * also ones that are not UTF-8.
 */
#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/status.h"
#include "base/str.h"

enum bag_name {
    BAG_APPLICATION, /* the user's own: see key */
    BAG_MESSAGE_ID,
    BAG_CORRELATION_ID,
    BAG_USER_ID,
    BAG_TO,
    BAG_CONTENT_TYPE,
    BAG_CONTENT_ENCODING,
    BAG_EXPIRY_TIME_UTC,
    BAG_CREATION_TIME_UTC,
    BAG_OUTPUT_NAME,
    BAG_COMPONENT_NAME,
    BAG_INTERFACE_ID,
    BAG_MESSAGE_SCHEMA,
    BAG_CONNECTION_DEVICE_ID, /* the hub stamps it itself: never trust a client's */
    BAG_CONNECTION_MODULE_ID, /* likewise */
    BAG_DIAGNOSTIC_ID,
    BAG_DIAGNOSTIC_CONTEXT,
    BAG_NAME_COUNT,
};

/* The name in the hub's own vocabulary ("messageId"); "" for BAG_APPLICATION. */
struct str bag_system_name(enum bag_name name);

struct bag {
    struct str rest;     /* raw pairs not yet read; in the topic */
    struct buf *scratch; /* borrowed: holds what was decoded */
};

struct bag_property {
    enum bag_name name;
    struct str key;   /* decoded; "$.mid" for a system property */
    struct str value; /* decoded; "" when null */
    bool has_value;   /* false: "key" without '=', which means null */
};

/*
 * Starts to walk `raw`. Decoded text is put into `scratch` (whose maximum must be at least
 * raw.size), the rest points into `raw`; both must stay until the properties are done with. Fails
 * only when scratch cannot grow; a scratch that is used again and again stops growing soon.
 */
MUST_CHECK enum status bag_init(struct bag *bag, struct str raw, struct buf *scratch);

/* The next property, in the order they were sent; false at the end. */
bool bag_next(struct bag *bag, struct bag_property *ret_property);

/* ---- Writing ---- */

/*
 * Append "key=value", or "key" for a value whose data is NULL, both percent-encoded, to a topic: a
 * '&' goes before all but the first, which follows the topic's last '/'. The system form writes the
 * name as "%24.mid".
 */
void bag_append(struct buf *topic, struct str key, struct str value);
void bag_append_system(struct buf *topic, enum bag_name name, struct str value);

#endif
