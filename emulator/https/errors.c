/* SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "https/https_internal.h"

enum {
    TEXT_MAX = 4096,
    MESSAGE_MAX = 8192, /* the same, escaped */
    SHOWN_MAX = 256,    /* of an id: legal ones have 128 at most */
};

static struct str shown(struct str id)
{
    return id.size > SHOWN_MAX ? str_of(id.data, SHOWN_MAX) : id;
}

/* Texts that clients of the real service know (service reference, 1.3, 2.3, 2.14 and 4; for the
 * query's ArgumentNull the query language reference, section 4). True: there is one. */
static bool known_text_append(struct buf *out, const struct https_error *error)
{
    const struct str device = shown(error->key.device);
    const struct str module = shown(error->key.module);
    switch ((int)error->code) {
    case HUB_UNAUTHORIZED_ACCESS:
    case HUB_UNAUTHORIZED:
        buf_append_str(out, STR("Unauthorized"));
        return true;
    case HUB_ARGUMENT_NULL:
        buf_append_str(out, STR("BadRequest"));
        return true;
    case HUB_DEVICE_NOT_FOUND:
        buf_append_str(out, device);
        return true;
    case HUB_MODULE_NOT_FOUND:
        buf_append_str(out, module);
        return true;
    case HUB_DEVICE_ALREADY_EXISTS:
        buf_append_format(out, "A device with ID '%.*s' is already registered.", STR_ARG(device));
        return true;
    case HUB_MODULE_ALREADY_EXISTS:
        buf_append_format(out, "A module with ID '%.*s' is already registered on device '%.*s'.",
                          STR_ARG(module), STR_ARG(device));
        return true;
    case HUB_PRECONDITION_FAILED:
        if (error->wording == HTTPS_OF_TWIN) {
            buf_append_format(out, "ETag mismatch for device ID '%.*s'", STR_ARG(device));
        } else {
            buf_append_str(out, STR("PreconditionFailed"));
        }
        return true;
    case HUB_DEVICE_NOT_ONLINE:
        buf_append_str(out, STR("Timed out waiting for device to connect."));
        return true;
    case HUB_GATEWAY_TIMEOUT:
        buf_append_str(out, STR("Timed out waiting for the response from device."));
        return true;
    default:
        return false;
    }
}

void https_error_text_append(struct buf *out, const struct https_error *error)
{
    if (known_text_append(out, error)) {
        return;
    }
    const bool has_reason = error->why != NULL && error->why[0] != '\0';
    buf_append_str(out, str_from(has_reason ? error->why : hub_code_name(error->code)));
}

static void tracking_id_append(struct buf *out, struct random *random, int64_t now_us)
{
    uint8_t id[16];
    random_bytes(random, id, sizeof(id));
    for (size_t i = 0; i < sizeof(id); i++) {
        buf_append_format(out, "%02x", (unsigned)id[i]);
    }
    char time[CLOCK_TEXT_US_SIZE];
    clock_text_us(now_us, time);
    buf_append_format(out, "-G:0-TimeStamp:%s", time);
}

/* {"Message":"ErrorCode:DeviceNotFound;d1","ExceptionMessage":"Tracking ID:..."} */
static void plain_body_append(struct buf *out, const struct https_error *error, struct str tracking)
{
    CLEANUP(buf_finish) struct buf message = BUF_INIT(TEXT_MAX);
    buf_append_format(&message, "ErrorCode:%s;", hub_code_name(error->code));
    https_error_text_append(&message, error);
    buf_append_str(out, STR("{\"Message\":"));
    json_append_string(out, buf_str(&message));
    buf_append_str(out, STR(",\"ExceptionMessage\":\"Tracking ID:"));
    buf_append_str(out, tracking);
    buf_append_str(out, STR("\"}"));
}

/* "2026-11-21T11:00:00.000000Z": six digits here, seven everywhere else. */
static void timestamp_append(struct buf *out, int64_t now_us)
{
    char text[CLOCK_TEXT_SIZE];
    clock_text_iso(now_us, text);
    const struct str time = str_from(text);
    buf_append_str(out, str_of(time.data, time.size - 2));
    buf_append_byte(out, 'Z');
}

static void method_message_append(struct buf *out, const struct https_error *error,
                                  struct str tracking, int64_t now_us)
{
    CLEANUP(buf_finish) struct buf text = BUF_INIT(TEXT_MAX);
    https_error_text_append(&text, error);
    buf_append_format(out, "{\"errorCode\":%u,\"trackingId\":", (unsigned)error->code);
    json_append_string(out, tracking);
    buf_append_str(out, STR(",\"message\":"));
    json_append_string(out, buf_str(&text));
    const int64_t seconds = error->timeout_s > 0 ? error->timeout_s : 0; /* -1 is refused with it */
    buf_append_format(out,
                      ",\"info\":{\"timeout\":\"%02" PRId64 ":%02" PRId64 ":%02" PRId64
                      "\"},\"timestampUtc\":\"",
                      seconds / 3600, seconds / 60 % 60, seconds % 60);
    timestamp_append(out, now_us);
    buf_append_str(out, STR("\"}"));
}

void https_error_body_append(struct buf *out, const struct https_error *error,
                             struct random *random, int64_t now_us)
{
    CLEANUP(buf_finish) struct buf tracking = BUF_INIT(TEXT_MAX);
    tracking_id_append(&tracking, random, now_us);
    /* Who may not ask at all gets the form that every client reads. */
    const bool nested =
        error->wording == HTTPS_OF_METHOD && hub_code_http_status(error->code) != 401;
    if (!nested) {
        plain_body_append(out, error, buf_str(&tracking));
        return;
    }
    CLEANUP(buf_finish) struct buf message = BUF_INIT(MESSAGE_MAX);
    method_message_append(&message, error, buf_str(&tracking), now_us);
    buf_append_str(out, STR("{\"Message\":"));
    json_append_string(out, buf_str(&message));
    buf_append_str(out, STR(",\"ExceptionMessage\":\"\"}"));
}
