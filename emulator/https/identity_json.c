/* SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "https/https_internal.h"

/* ---- what clients send ---- */

static bool read_scopes(const cJSON *object, struct arena *arena, struct str *ret_scopes,
                        struct problem *problem)
{
    static const char refusal[] = "'parentScopes' must be an array of strings";
    const cJSON *scopes = json_member(object, "parentScopes");
    if (scopes == NULL || cJSON_IsNull(scopes)) {
        return true;
    }
    if (!cJSON_IsArray(scopes)) {
        problem_set(problem, PROBLEM_NO_OFFSET, "%s", refusal);
        return false;
    }
    const cJSON *scope = NULL;
    cJSON_ArrayForEach(scope, scopes)
    {
        if (!cJSON_IsString(scope)) {
            problem_set(problem, PROBLEM_NO_OFFSET, "%s", refusal);
            return false;
        }
    }
    if (!https_tree_text(scopes, HTTPS_BODY_MAX, arena, ret_scopes)) {
        problem_set(problem, PROBLEM_NO_OFFSET, "'parentScopes' is too large");
        return false;
    }
    return true;
}

static bool read_authentication(const cJSON *object, struct hub_identity_desc *desc,
                                struct problem *problem)
{
    const cJSON *authentication = NULL;
    const cJSON *keys = NULL;
    const cJSON *thumbprints = NULL;
    return https_member_object(object, "authentication", &authentication, problem) &&
           https_member_text(authentication, "type", &desc->auth_type, problem) &&
           https_member_object(authentication, "symmetricKey", &keys, problem) &&
           https_member_text(keys, "primaryKey", &desc->primary_key, problem) &&
           https_member_text(keys, "secondaryKey", &desc->secondary_key, problem) &&
           https_member_object(authentication, "x509Thumbprint", &thumbprints, problem) &&
           https_member_text(thumbprints, "primaryThumbprint", &desc->primary_thumbprint,
                             problem) &&
           https_member_text(thumbprints, "secondaryThumbprint", &desc->secondary_thumbprint,
                             problem);
}

bool https_identity_read(const cJSON *object, struct arena *arena,
                         struct hub_identity_desc *ret_desc, struct problem *problem)
{
    struct hub_identity_desc desc = {.edge = false};
    const cJSON *capabilities = NULL;
    const bool good = https_member_text(object, "status", &desc.status, problem) &&
                      https_member_text(object, "statusReason", &desc.status_reason, problem) &&
                      read_authentication(object, &desc, problem) &&
                      https_member_object(object, "capabilities", &capabilities, problem) &&
                      https_member_flag(capabilities, "iotEdge", &desc.edge, problem) &&
                      https_member_text(object, "deviceScope", &desc.device_scope, problem) &&
                      read_scopes(object, arena, &desc.parent_scopes, problem) &&
                      https_member_text(object, "managedBy", &desc.managed_by, problem);
    if (good) {
        *ret_desc = desc;
    }
    return good;
}

/* ---- what clients get: members in the order of the recorded traffic (2.5, 2.6) ---- */

static void append_text(struct buf *out, const char *name, struct str value)
{
    buf_append_format(out, ",\"%s\":", name);
    if (value.data == NULL) {
        buf_append_str(out, STR("null"));
    } else {
        json_append_string(out, value);
    }
}

static void append_time(struct buf *out, const char *name, int64_t time_us,
                        enum https_identity_form form)
{
    buf_append_format(out, ",\"%s\":\"", name);
    clock_append_iso(out, time_us);
    if (form == HTTPS_IDENTITY_CREATED && time_us == CLOCK_NEVER) {
        buf_truncate(out, out->size - 1); /* the Z */
    }
    buf_append_byte(out, '"');
}

static void append_etag(struct buf *out, const struct storage_identity *identity)
{
    buf_append_str(out, STR(",\"etag\":\""));
    hub_identity_etag_append(out, identity);
    buf_append_byte(out, '"');
}

static struct str connection_state(const struct storage_identity *identity)
{
    return identity->connected ? STR("Connected") : STR("Disconnected");
}

static struct str auth_type(enum storage_auth auth)
{
    switch (auth) {
    case STORAGE_AUTH_SAS:
        return STR("sas");
    case STORAGE_AUTH_SELF_SIGNED:
        return STR("selfSigned");
    case STORAGE_AUTH_CA:
        return STR("certificateAuthority");
    case STORAGE_AUTH_NONE:
        break;
    }
    return STR("none");
}

static struct str or_null(struct str s)
{
    return s.size == 0 ? (struct str){0} : s;
}

static void append_authentication(struct buf *out, const struct storage_identity *identity)
{
    CLEANUP(buf_finish) struct buf pair = BUF_INIT(HTTPS_BODY_MAX);
    append_text(&pair, "primaryKey", or_null(identity->primary_key));
    append_text(&pair, "secondaryKey", or_null(identity->secondary_key));
    buf_append_str(out, STR(",\"authentication\":{\"symmetricKey\":{"));
    buf_append_str(out, str_skip(buf_str(&pair), 1));
    buf_clear(&pair);
    append_text(&pair, "primaryThumbprint", or_null(identity->primary_thumbprint));
    append_text(&pair, "secondaryThumbprint", or_null(identity->secondary_thumbprint));
    buf_append_str(out, STR("},\"x509Thumbprint\":{"));
    buf_append_str(out, str_skip(buf_str(&pair), 1));
    buf_append_byte(out, '}');
    append_text(out, "type", auth_type(identity->auth));
    buf_append_byte(out, '}');
}

static void append_device(struct buf *out, const struct storage_identity *identity,
                          enum https_identity_form form)
{
    buf_append_str(out, STR("{\"deviceId\":"));
    json_append_string(out, identity->key.device);
    buf_append_format(out, ",\"generationId\":\"%" PRId64 "\"", identity->generation);
    append_etag(out, identity);
    append_text(out, "connectionState", connection_state(identity));
    append_text(out, "status", identity->enabled ? STR("enabled") : STR("disabled"));
    append_text(out, "statusReason", identity->status_reason);
    append_time(out, "connectionStateUpdatedTime", identity->connection_updated_us, form);
    append_time(out, "statusUpdatedTime", identity->status_updated_us, form);
    append_time(out, "lastActivityTime", identity->last_activity_us, form);
    buf_append_format(out, ",\"cloudToDeviceMessageCount\":%" PRIu32, identity->c2d_count);
    append_authentication(out, identity);
    buf_append_format(out, ",\"capabilities\":{\"iotEdge\":%s}", identity->edge ? "true" : "false");
    if (identity->device_scope.data != NULL) {
        append_text(out, "deviceScope", identity->device_scope);
    }
    if (identity->parent_scopes.data != NULL) {
        buf_append_str(out, STR(",\"parentScopes\":"));
        buf_append_str(out, identity->parent_scopes);
    } else if (form != HTTPS_IDENTITY_READ) {
        buf_append_str(out, STR(",\"parentScopes\":[]"));
    }
    buf_append_byte(out, '}');
}

static void append_module(struct buf *out, const struct storage_identity *identity,
                          enum https_identity_form form)
{
    buf_append_str(out, STR("{\"moduleId\":"));
    json_append_string(out, identity->key.module);
    append_text(out, "managedBy", identity->managed_by);
    append_text(out, "deviceId", identity->key.device);
    buf_append_format(out, ",\"generationId\":\"%" PRId64 "\"", identity->generation);
    append_etag(out, identity);
    append_text(out, "connectionState", connection_state(identity));
    append_time(out, "connectionStateUpdatedTime", identity->connection_updated_us, form);
    append_time(out, "lastActivityTime", identity->last_activity_us, form);
    buf_append_format(out, ",\"cloudToDeviceMessageCount\":%" PRIu32, identity->c2d_count);
    append_authentication(out, identity);
    buf_append_byte(out, '}');
}

void https_identity_append(struct buf *out, const struct storage_identity *identity,
                           enum https_identity_form form)
{
    if (identity->key.module.size > 0) {
        append_module(out, identity, form);
    } else {
        append_device(out, identity, form);
    }
}
