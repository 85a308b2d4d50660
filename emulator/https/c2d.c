/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"
#include "https/https_internal.h"

/* Cloud-to-device messages as a device fetches them (device protocol reference, 8.3 and 8.4) and as
 * a service sends and purges them (service reference, 2.10 and 2.13). */

static bool answer_refusal(struct https_request *request, enum hub_code code,
                           const struct problem *problem)
{
    if (code != HUB_OK) {
        https_answer_error(request, code, problem->text);
    }
    return code != HUB_OK;
}

/* ---- the device ---- */

static void answer_number(struct https_request *request, const char *name, uint64_t number)
{
    char text[24];
    const int size = snprintf(text, sizeof(text), "%" PRIu64, number);
    https_answer_header(request, name, str_of(text, (size_t)size));
}

static void answer_time(struct https_request *request, const char *name, int64_t time_us)
{
    char text[CLOCK_TEXT_SIZE];
    clock_text_iso(time_us, text);
    https_answer_header(request, name, str_from(text));
}

static void answer_delivery(struct https_request *request, const struct hub_delivery *delivery)
{
    const struct hub_message *message = &delivery->message;
    const size_t left_out = https_properties_answer(request, message);
    if (left_out > 0) {
        LOG_WARN("https",
                 "conn=%" PRIu64 " device=%.*s message %" PRIu64
                 " has %zu properties that no header can carry; they are left out",
                 http_conn_id(request->exchange), STR_ARG(request->key.device),
                 delivery->sequence_number, left_out);
    }
    if (delivery->ack != HUB_ACK_NONE) {
        https_answer_header(request, "iothub-ack", str_from(hub_ack_name(delivery->ack)));
    }
    answer_number(request, "iothub-sequencenumber", delivery->sequence_number);
    answer_number(request, "iothub-deliverycount", delivery->delivery_count);
    answer_time(request, "iothub-enqueuedtime", delivery->enqueued_us);
    buf_append_str(https_answer_body(request), message->body);
    https_answer_locked(request, "application/octet-stream", &delivery->lock_token);
}

void https_c2d_receive(struct https_request *request)
{
    struct hub_delivery *delivery = NULL;
    const enum hub_code code =
        hub_c2d_receive(request->hub, request->key, NULL, request->arena, &delivery);
    if (code != HUB_OK) {
        https_answer_error(request, code, NULL);
    } else if (delivery == NULL) {
        https_answer_empty(request);
    } else {
        answer_delivery(request, delivery);
    }
}

/* The token in the path: bare, quoted, quoted and encoded. What is no token locks nothing. */
static struct guid token_of(const struct https_request *request)
{
    const size_t at = request->key.module.size > 0 ? 6 : 4;
    struct guid token = {.bytes = {0}};
    (void)guid_from_text(https_if_match(request->path.segments[at]).etag, &token);
    return token;
}

static void settle(struct https_request *request, enum hub_settlement settlement)
{
    struct problem problem = {0};
    const struct guid token = token_of(request);
    const enum hub_code code =
        hub_c2d_settle(request->hub, request->key, &token, settlement, &problem);
    if (!answer_refusal(request, code, &problem)) {
        https_answer_empty(request);
    }
}

bool https_is_rejection(const struct https_request *request)
{
    struct str value;
    return https_parameter(http_query(request->exchange), "reject", &value) &&
           !str_equal_nocase(value, STR("false"));
}

void https_c2d_delete(struct https_request *request)
{
    settle(request, https_is_rejection(request) ? HUB_REJECT : HUB_COMPLETE);
}

void https_c2d_abandon(struct https_request *request)
{
    settle(request, HUB_ABANDON);
}

/* ---- the service ---- */

static struct str system_property(const struct hub_message *message, const char *name)
{
    for (size_t i = 0; i < message->system_count; i++) {
        if (str_equal(message->system[i].name, str_from(name))) {
            return message->system[i].value;
        }
    }
    return (struct str){0};
}

static bool read_ack(struct str text, enum hub_ack *ret_ack, struct problem *problem)
{
    if (text.size == 0 || hub_ack_from_name(text, ret_ack)) {
        return true;
    }
    problem_set(problem, PROBLEM_NO_OFFSET,
                "iothub-ack '%.*s' is none of none, positive, negative, full", STR_ARG(text));
    return false;
}

/* ISO 8601, or milliseconds since 1970. */
static bool read_expiry(struct str text, int64_t *ret_expires_us, struct problem *problem)
{
    enum { US_PER_MS = 1000 };
    uint64_t milliseconds = 0;
    if (text.size == 0 || clock_from_iso(text, ret_expires_us)) {
        return true;
    }
    if (str_to_u64(text, &milliseconds) && milliseconds <= INT64_MAX / US_PER_MS) {
        *ret_expires_us = (int64_t)milliseconds * US_PER_MS;
        return true;
    }
    problem_set(problem, PROBLEM_NO_OFFSET,
                "iothub-expiry '%.*s' is no time such as 2026-11-21T11:00:00Z", STR_ARG(text));
    return false;
}

/* What IoT Explorer says in HTTP's own headers, where iothub-contenttype and -encoding are not
 * there. */
static void add_content_header(struct https_request *request, struct https_properties *properties,
                               const struct hub_message *message, const char *header,
                               const char *name)
{
    const struct str value = http_header(request->exchange, header);
    if (value.size > 0 && system_property(message, name).data == NULL) {
        properties->system[properties->system_count++] =
            (struct hub_property){str_from(name), value};
    }
}

void https_c2d_send(struct https_request *request)
{
    struct problem problem = {0};
    struct https_properties properties;
    if (!https_properties_of_headers(request, &properties)) {
        https_answer_error(request, HUB_SERVER_ERROR, NULL);
        return;
    }
    const struct str body = http_body(request->exchange);
    const struct hub_message given = https_properties_message(&properties, body);
    struct hub_c2d send = {.key = request->key};
    if (!read_ack(system_property(&given, "ack"), &send.ack, &problem) ||
        !read_expiry(system_property(&given, "expiryTimeUtc"), &send.expires_us, &problem)) {
        https_answer_error(request, HUB_ARGUMENT_INVALID, problem.text);
        return;
    }
    add_content_header(request, &properties, &given, "Content-Type", "contentType");
    add_content_header(request, &properties, &given, "Content-Encoding", "contentEncoding");
    send.message = https_properties_message(&properties, body);
    const enum hub_code code = hub_c2d_send(request->hub, &send, &problem);
    if (!answer_refusal(request, code, &problem)) {
        https_answer_empty(request);
    }
}

void https_c2d_purge(struct https_request *request)
{
    struct problem problem = {0};
    size_t count = 0;
    const enum hub_code code = hub_c2d_purge(request->hub, request->key, &count, &problem);
    if (answer_refusal(request, code, &problem)) {
        return;
    }
    struct buf *body = https_answer_body(request);
    buf_append_format(body, "{\"totalMessagesPurged\":%zu,\"deviceId\":", count);
    json_append_string(body, request->key.device);
    buf_append_str(body, STR(",\"moduleId\":null}"));
    https_answer_json(request, 200);
}
