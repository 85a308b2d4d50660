/* SPDX-License-Identifier: MIT */
/* Twin documents, spliced from the stored texts: no tree is built to show a twin. */
#include <assert.h>
#include <inttypes.h>

#include "base/json.h"
#include "hub/hub_internal.h"

void hub_twin_etag_append(struct buf *out, const struct storage_identity *identity)
{
    storage_twin_etag_append(out, identity->twin_etag);
}

void hub_append_versioned(struct buf *out, struct str object, struct str metadata, uint64_t version)
{
    assert(object.size >= 2 && object.data[0] == '{');
    buf_append(out, object.data, object.size - 1);
    if (object.size > 2) {
        buf_append_byte(out, ',');
    }
    if (metadata.size > 0) {
        buf_append_str(out, STR("\"$metadata\":"));
        buf_append_str(out, metadata);
        buf_append_byte(out, ',');
    }
    buf_append_format(out, "\"$version\":%" PRIu64 "}", version);
}

static void append_string_member(struct buf *out, const char *name, struct str value)
{
    buf_append_format(out, "\"%s\":", name);
    json_append_string(out, value);
    buf_append_byte(out, ',');
}

static void append_thumbprint(struct buf *out, const char *name, struct str value)
{
    buf_append_format(out, "\"%s\":", name);
    if (value.size > 0) {
        json_append_string(out, value);
    } else {
        buf_append_str(out, STR("null"));
    }
}

static void append_head(struct buf *out, const struct storage_identity *twin)
{
    const bool module = twin->key.module.size > 0;
    buf_append_byte(out, '{');
    append_string_member(out, "deviceId", twin->key.device);
    if (module) {
        append_string_member(out, "moduleId", twin->key.module);
    }
    buf_append_str(out, STR("\"etag\":\""));
    hub_twin_etag_append(out, twin);
    buf_append_str(out, STR("\",\"deviceEtag\":\""));
    hub_identity_etag_append(out, twin);
    buf_append_format(out, "\",\"status\":\"%s\",", twin->enabled ? "enabled" : "disabled");
    if (twin->status_reason.size > 0) {
        append_string_member(out, "statusReason", twin->status_reason);
    }
    buf_append_str(out, STR("\"statusUpdateTime\":\""));
    clock_append_iso(out, twin->status_updated_us);
    buf_append_format(out, "\",\"connectionState\":\"%s\",\"lastActivityTime\":\"",
                      twin->connected ? "Connected" : "Disconnected");
    clock_append_iso(out, twin->last_activity_us);
    buf_append_format(out, "\",\"cloudToDeviceMessageCount\":%" PRIu32 ",", twin->c2d_count);
    append_string_member(out, "authenticationType", str_from(storage_auth_name(twin->auth)));
    buf_append_str(out, STR("\"x509Thumbprint\":{"));
    append_thumbprint(out, "primaryThumbprint", twin->primary_thumbprint);
    buf_append_byte(out, ',');
    append_thumbprint(out, "secondaryThumbprint", twin->secondary_thumbprint);
    buf_append_str(out, STR("},"));
    append_string_member(out, "modelId", twin->model_id);
    buf_append_format(out, "\"version\":%" PRIu64 ",", twin->twin_version);
}

static void append_tail(struct buf *out, const struct storage_identity *twin)
{
    if (twin->key.module.size == 0) {
        buf_append_format(out, ",\"capabilities\":{\"iotEdge\":%s}", twin->edge ? "true" : "false");
    }
    if (twin->device_scope.size > 0) {
        buf_append_str(out, STR(",\"deviceScope\":"));
        json_append_string(out, twin->device_scope);
    }
    if (twin->parent_scopes.size > 0) {
        buf_append_str(out, STR(",\"parentScopes\":"));
        buf_append_str(out, twin->parent_scopes);
    }
    if (twin->configurations.size > 2) {
        buf_append_str(out, STR(",\"configurations\":"));
        buf_append_str(out, twin->configurations);
    }
    buf_append_byte(out, '}');
}

static void append_sections(struct buf *out, const struct storage_identity *twin)
{
    if (twin->tags.size > 2) {
        buf_append_str(out, STR("\"tags\":"));
        buf_append_str(out, twin->tags);
        buf_append_byte(out, ',');
    }
    buf_append_str(out, STR("\"properties\":{\"desired\":"));
    hub_append_versioned(out, twin->desired, twin->desired_metadata, twin->desired_version);
    buf_append_str(out, STR(",\"reported\":"));
    hub_append_versioned(out, twin->reported, twin->reported_metadata, twin->reported_version);
    buf_append_byte(out, '}');
}

void hub_twin_append(struct buf *out, const struct storage_identity *twin)
{
    append_head(out, twin);
    append_sections(out, twin);
    append_tail(out, twin);
}

void hub_twin_lifecycle_append(struct buf *out, const struct storage_identity *twin)
{
    buf_append_byte(out, '{');
    append_string_member(out, "deviceId", twin->key.device);
    if (twin->key.module.size > 0) {
        append_string_member(out, "moduleId", twin->key.module);
    }
    buf_append_str(out, STR("\"etag\":\""));
    hub_twin_etag_append(out, twin);
    buf_append_format(out, "\",\"version\":%" PRIu64 ",", twin->twin_version);
    append_sections(out, twin);
    buf_append_byte(out, '}');
}

void hub_twin_device_append(struct buf *out, const struct storage_identity *twin)
{
    buf_append_str(out, STR("{\"desired\":"));
    hub_append_versioned(out, twin->desired, STR_EMPTY, twin->desired_version);
    buf_append_str(out, STR(",\"reported\":"));
    hub_append_versioned(out, twin->reported, STR_EMPTY, twin->reported_version);
    buf_append_byte(out, '}');
}
