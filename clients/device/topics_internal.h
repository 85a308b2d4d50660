/* SPDX-License-Identifier: MIT */
#ifndef CLIENTS_DEVICE_TOPICS_INTERNAL_H
#define CLIENTS_DEVICE_TOPICS_INTERNAL_H

/*
 * The topic names of device protocol reference 2.1 and 3 to 6: written for what we publish, read
 * for what arrives. Pure functions.
 */
#include <iothub/device.h>

#include "base/buf.h"

#define TOPIC_FILTER_TWIN_RESPONSES "$iothub/twin/res/#"
#define TOPIC_FILTER_DESIRED        "$iothub/twin/PATCH/properties/desired/#"
#define TOPIC_FILTER_METHODS        "$iothub/methods/POST/#"

void topic_append_twin_get(struct buf *out, uint32_t request_id);
void topic_append_reported_patch(struct buf *out, uint32_t request_id);
void topic_append_method_response(struct buf *out, int status, const char *request_id);

/* `module_id` is "" for a device. Ids stand as they are, properties percent-encoded. */
void topic_append_telemetry(struct buf *out, const char *device_id, const char *module_id,
                            const struct iothub_device_message *message);

/* What a device's messages, or those for a module's inputs, are subscribed with. */
void topic_append_message_filter(struct buf *out, const char *device_id, const char *module_id);

enum topic_kind {
    TOPIC_UNKNOWN,
    TOPIC_TWIN_RESPONSE, /* status, request_id, version when a patch was accepted */
    TOPIC_DESIRED,       /* version */
    TOPIC_METHOD,        /* name, request_id */
    TOPIC_MESSAGE,       /* bag; name: the module's input, or empty */
};

#define TOPIC_NO_VERSION INT64_C(-1)

struct topic {
    enum topic_kind kind;
    int status;
    int64_t version;       /* TOPIC_NO_VERSION when the topic has none */
    struct str name;       /* in the topic's text */
    struct str request_id; /* likewise */
    struct str bag;        /* likewise */
};

/* TOPIC_UNKNOWN when the name is not one of ours, or lacks what its kind needs. */
struct topic topic_parse(struct str text);

#endif
