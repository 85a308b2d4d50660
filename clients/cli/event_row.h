/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_CLI_EVENT_ROW_H
#define CLIENTS_CLI_EVENT_ROW_H

/* An event as `iothub monitor` shows it. Pure. */
#include <iothub/messaging.h>

#include "base/attr.h"
#include "base/str.h"

/* What --properties asks for; bits. */
enum event_parts {
    EVENT_ANNOTATIONS = 1 << 0,
    EVENT_SYSTEM = 1 << 1,
    EVENT_APPLICATION = 1 << 2,
};

/*
 * {"event": {"origin": DEVICE, "module": ..., "interface": ..., "component": ..., "properties":
 * ..., "annotations": ..., "payload": ...}}, as az prints it, and beside that when it was enqueued,
 * and where it stands. The payload is JSON where it is of that type (`content_type`, the event's
 * own when NULL) or, with no type, can be read as such; else text; else base64, which
 * "payloadEncoding" says. NULL: no memory. Free with cJSON_Delete().
 */
MUST_CHECK cJSON *event_row(const struct iothub_event *event, unsigned parts,
                            const char *content_type);

/*
 * The same for a line of a table: {"time", "device": "DEVICE" or "DEVICE/MODULE", "payload": ...,
 * "properties": what of them was asked for, in one object}. `row` is what event_row() made. What
 * the hub itself tells has its source before the payload: "twinChangeEvents {...}"; and base64 says
 * so.
 */
MUST_CHECK cJSON *event_line(const cJSON *row);

/* Does an ID match what was asked for, in which '*' stands for any characters? */
bool event_id_matches(struct str pattern, struct str id);

#endif
