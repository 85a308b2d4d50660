/* SPDX-License-Identifier: MIT */
#include "amqp/conditions.h"

#include "amqp/value.h"
#include "base/json.h"

const char *amqp_condition_of(enum hub_code code)
{
    static const struct {
        enum hub_code code;
        const char *condition;
    } rows[] = {
        {HUB_INVALID_OPERATION, "amqp:not-allowed"},
        {HUB_METHOD_NOT_ALLOWED, "amqp:not-allowed"},
        {HUB_FORMAT_ERROR, "amqp:decode-error"},
        {HUB_NOT_IMPLEMENTED, "amqp:not-implemented"},
        {HUB_MAX_CBS_TOKEN_EXCEEDED, "amqp:resource-limit-exceeded"},
        {HUB_LINK_CREATION_CONFLICT, "com.microsoft:link-creation-conflict"},
        {HUB_CONNECTION_CLOSED_ON_NEW_CONNECTION, "com.microsoft:link-creation-conflict"},
        {HUB_DEVICE_MESSAGE_LOCK_LOST, "com.microsoft:message-lock-lost"},
        {HUB_INVALID_MESSAGE_EXPIRY_TIME, "com.microsoft:argument-error"},
        {HUB_DEVICE_ALREADY_EXISTS, "com.microsoft:device-already-exists"},
        {HUB_DEVICE_DISABLED, "amqp:unauthorized-access"},
        {HUB_IOTHUB_NOT_FOUND, "amqp:not-found"},
        {HUB_PRECONDITION_FAILED, "com.microsoft:precondition-failed"},
        {HUB_GATEWAY_TIMEOUT, "com.microsoft:timeout"},
    };
    static const struct {
        unsigned http_status;
        const char *condition;
    } classes[] = {
        {400, "com.microsoft:argument-error"},
        {401, "amqp:unauthorized-access"},
        {403, "amqp:resource-limit-exceeded"},
        {404, "amqp:not-found"},
        {412, "com.microsoft:precondition-failed"},
        {413, "amqp:link:message-size-exceeded"},
        {429, "com.microsoft:device-container-throttled"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (rows[i].code == code) {
            return rows[i].condition;
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
        if (classes[i].http_status == hub_code_http_status(code)) {
            return classes[i].condition;
        }
    }
    return "amqp:internal-error";
}

static pn_bytes_t bytes_of(const char *text)
{
    return pn_bytes(strlen(text), text);
}

static void tracking_id(struct hub *hub, char out[RANDOM_UUID_SIZE])
{
    out[0] = '\0';
    if (hub != NULL) {
        random_uuid(hub_random(hub), out);
    }
}

static void append_error(struct buf *out, struct hub *hub, enum hub_code code, const char *id,
                         const char *why)
{
    char now[CLOCK_TEXT_SIZE] = "";
    if (hub != NULL) {
        clock_text_iso(hub_now_us(hub), now);
    }
    buf_append_format(out, "{\"errorCode\":%d,\"trackingId\":\"%s\",\"message\":", (int)code, id);
    json_append_string(out, str_from(why));
    buf_append_format(out, ",\"timestampUtc\":\"%s\"}", now);
}

void amqp_error_append(struct buf *out, struct hub *hub, enum hub_code code, const char *why)
{
    char id[RANDOM_UUID_SIZE];
    tracking_id(hub, id);
    append_error(out, hub, code, id, why);
}

void amqp_error_list_append(struct buf *out, struct hub *hub, enum hub_code code, const char *why,
                            struct buf *scratch)
{
    enum { ERROR_DESCRIPTOR = 0x1d };
    char id[RANDOM_UUID_SIZE];
    tracking_id(hub, id);
    buf_clear(scratch);
    append_error(scratch, hub, code, id, why);
    const struct amqp_value number = amqp_int((int32_t)code);
    amqp_append_descriptor(out, ERROR_DESCRIPTOR);
    const struct amqp_open list = amqp_open_list(out);
    amqp_append_symbol(out, str_from(amqp_condition_of(code)));
    amqp_append_string(out, buf_str(scratch));
    const struct amqp_open info = amqp_open_map(out);
    amqp_append_symbol(out, STR("com.microsoft:tracking-id"));
    amqp_append_string(out, str_from(id));
    amqp_append_symbol(out, STR("com.microsoft:error-code"));
    amqp_append(out, &number);
    amqp_close(out, info, 4);
    amqp_close(out, list, 3);
}

void amqp_condition_set(pn_condition_t *condition, struct hub *hub, enum hub_code code,
                        const char *why, struct buf *scratch)
{
    char id[RANDOM_UUID_SIZE];
    tracking_id(hub, id);
    buf_clear(scratch);
    append_error(scratch, hub, code, id, why);
    pn_condition_set_name(condition, amqp_condition_of(code));
    pn_condition_set_description(condition, buf_status(scratch) == STATUS_OK ? scratch->data : why);
    pn_data_t *info = pn_condition_info(condition);
    pn_data_clear(info);
    pn_data_put_map(info);
    pn_data_enter(info);
    pn_data_put_symbol(info, bytes_of("com.microsoft:tracking-id"));
    pn_data_put_string(info, bytes_of(id));
    pn_data_put_symbol(info, bytes_of("com.microsoft:error-code"));
    pn_data_put_int(info, (int)code);
    pn_data_exit(info);
}
