/* SPDX-License-Identifier: MIT */
#include "amqp/event_message.h"

#include <inttypes.h>
#include <stdio.h>

#include "amqp/message.h"

enum { ANNOTATIONS_MAX = 12 };

struct annotations {
    struct amqp_entry entries[ANNOTATIONS_MAX];
    size_t count;
    char offset[AMQP_OFFSET_TEXT_SIZE];
};

struct str amqp_offset_text(uint64_t offset, char out[AMQP_OFFSET_TEXT_SIZE])
{
    if (offset == 0) {
        return STR("-1");
    }
    size_t at = AMQP_OFFSET_TEXT_SIZE;
    for (; offset > 0; offset /= 10) {
        out[--at] = (char)('0' + offset % 10);
    }
    return str_of(out + at, AMQP_OFFSET_TEXT_SIZE - at);
}

static void add(struct annotations *annotations, struct str name, struct amqp_value value)
{
    annotations->entries[annotations->count++] = (struct amqp_entry){name, value};
}

/* Every event's, telemetry or not. */
static void add_common(struct annotations *annotations, const struct hub_read_event *event,
                       const char *source)
{
    const struct journal_row *row = event->row;
    add(annotations, STR("x-opt-sequence-number"), amqp_long((int64_t)event->sequence));
    add(annotations, STR("x-opt-offset"),
        amqp_string(amqp_offset_text(event->offset, annotations->offset)));
    add(annotations, STR("x-opt-enqueued-time"), amqp_timestamp(row->at_us));
    add(annotations, STR("x-opt-partition-key"), amqp_string(row->key.device));
    add(annotations, STR("iothub-connection-device-id"), amqp_string(row->key.device));
    if (row->key.module.size > 0) {
        add(annotations, STR("iothub-connection-module-id"), amqp_string(row->key.module));
    }
    add(annotations, STR("iothub-enqueuedtime"), amqp_timestamp(row->at_us));
    add(annotations, STR("iothub-message-source"), amqp_string(str_from(source)));
}

/* ---- telemetry ---- */

/* Device protocol reference, 7.4. */
static struct str auth_text(struct str method)
{
    static const struct {
        enum hub_auth_method method;
        const char *text;
    } texts[] = {
        {HUB_AUTH_DEVICE_KEY, "{\"scope\":\"device\",\"type\":\"sas\",\"issuer\":\"iothub\","
                              "\"acceptingIpFilterRule\":null}"},
        {HUB_AUTH_POLICY, "{\"scope\":\"hub\",\"type\":\"sas\",\"issuer\":\"iothub\","
                          "\"acceptingIpFilterRule\":null}"},
        {HUB_AUTH_MODULE_KEY, "{\"scope\":\"module\",\"type\":\"sas\",\"issuer\":\"iothub\","
                              "\"acceptingIpFilterRule\":null}"},
        {HUB_AUTH_THUMBPRINT,
         "{\"scope\":\"device\",\"type\":\"x509Certificate\",\"issuer\":\"external\","
         "\"acceptingIpFilterRule\":null}"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        if (str_equal(method, str_from(hub_auth_method_name(texts[i].method)))) {
            return str_from(texts[i].text);
        }
    }
    return STR_EMPTY;
}

static enum status append_telemetry(struct buf *out, const struct journal_row *row,
                                    struct annotations *annotations, struct arena *arena)
{
    struct hub_sent sent;
    const enum status status = hub_telemetry_read(row, arena, &sent);
    if (status != STATUS_OK) {
        return status;
    }
    add(annotations, STR("iothub-connection-auth-method"), amqp_string(auth_text(sent.auth)));
    add(annotations, STR("iothub-connection-auth-generation-id"), amqp_string(sent.generation));
    if (sent.model_id.size > 0) {
        add(annotations, STR("dt-dataschema"), amqp_string(sent.model_id));
    }
    amqp_append_hub_message(out, &sent.message, annotations->entries, annotations->count);
    return buf_status(out);
}

/* ---- what the hub itself has to tell ---- */

static enum status append_notification(struct buf *out, const struct hub *hub,
                                       const struct journal_row *row,
                                       const struct hub_notification *notification,
                                       const struct annotations *annotations)
{
    enum { BODY_MAX = 16 << 20 };
    char time[CLOCK_TEXT_SIZE];
    char correlation[17];
    clock_text_iso(row->at_us, time);
    (void)snprintf(correlation, sizeof(correlation), "%016" PRIx64, row->sequence);
    const struct hub_property system[] = {
        {STR("contentType"), STR("application/json")},
        {STR("contentEncoding"), STR("utf-8")},
        {STR("correlationId"), str_from(correlation)},
        {STR("userId"), hub_name(hub)},
    };
    struct hub_property application[] = {
        {STR("hubName"), hub_name(hub)},
        {STR("deviceId"), row->key.device},
        {STR("opType"), str_from(notification->operation)},
        {STR("operationTimestamp"), str_from(time)},
        {STR("iothub-message-schema"), str_from(notification->schema)},
        {STR("moduleId"), row->key.module},
    };
    CLEANUP(buf_finish) struct buf made = BUF_INIT(BODY_MAX);
    hub_notification_body_append(&made, row);
    if (buf_status(&made) != STATUS_OK) {
        return buf_status(&made);
    }
    const struct hub_message message = {
        .system = system,
        .system_count = ARRAY_SIZE(system),
        .application = application,
        .application_count = ARRAY_SIZE(application) - (row->key.module.size > 0 ? 0 : 1),
        .body = row->body.data != NULL ? row->body : buf_str(&made),
    };
    amqp_append_hub_message(out, &message, annotations->entries, annotations->count);
    return buf_status(out);
}

/* ---- all of it ---- */

static void append_metrics(struct buf *out, const struct amqp_event_metrics *metrics)
{
    char offset[AMQP_OFFSET_TEXT_SIZE];
    const struct hub_partition *partition = metrics->partition;
    const struct amqp_entry entries[] = {
        {STR("last_enqueued_sequence_number"), amqp_long((int64_t)partition->next - 1)},
        {STR("last_enqueued_offset"),
         amqp_string(amqp_offset_text(partition->last_offset, offset))},
        {STR("last_enqueued_time_utc"), amqp_timestamp(partition->last_us)},
        {STR("runtime_info_retrieval_time_utc"), amqp_timestamp(metrics->now_us)},
    };
    amqp_append_annotations(out, AMQP_SECTION_DELIVERY_ANNOTATIONS, entries, ARRAY_SIZE(entries));
}

enum status amqp_event_append(struct buf *out, const struct hub *hub,
                              const struct hub_read_event *event,
                              const struct amqp_event_metrics *metrics, struct arena *arena)
{
    const struct journal_row *row = event->row;
    const struct hub_notification notification = hub_notification_of(row);
    struct annotations annotations = {.count = 0};
    if (metrics != NULL) {
        append_metrics(out, metrics);
    }
    add_common(&annotations, event, notification.source);
    return row->kind == HUB_EVENT_TELEMETRY
               ? append_telemetry(out, row, &annotations, arena)
               : append_notification(out, hub, row, &notification, &annotations);
}
