/* SPDX-License-Identifier: MIT */
#include "base/log.h"
#include "https/https_internal.h"

struct buf *https_answer_body(struct https_request *request)
{
    return http_answer_body(request->exchange);
}

void https_answer_header(struct https_request *request, const char *name, struct str value)
{
    http_answer_header(request->exchange, name, value);
}

static struct random *random_of(struct https_request *request)
{
    return request->hub == NULL ? &request->https->random : hub_random(request->hub);
}

static int64_t now_us(const struct https_request *request)
{
    return request->hub == NULL ? clock_now_us(&CLOCK_SYSTEM) : hub_now_us(request->hub);
}

/* The headers that every answer carries (service reference, 2.2). */
static void finish(struct https_request *request, unsigned http_status)
{
    char id[RANDOM_UUID_SIZE];
    random_uuid(random_of(request), id);
    https_answer_header(request, "Server", STR("Microsoft-HTTPAPI/2.0"));
    https_answer_header(request, "Vary", STR("Origin"));
    https_answer_header(request, "x-ms-request-id", str_from(id));
    LOG_DEBUG("https", "conn=%llu method=%.*s path=%.*s status=%u",
              (unsigned long long)http_conn_id(request->exchange), STR_ARG(request->method),
              STR_ARG(http_path(request->exchange)), http_status);
    http_answer(request->exchange, http_status);
}

void https_answer_json(struct https_request *request, unsigned http_status)
{
    https_answer_header(request, "Content-Type", STR("application/json; charset=utf-8"));
    finish(request, http_status);
}

void https_answer_empty(struct https_request *request)
{
    finish(request, 204);
}

void https_answer_locked(struct https_request *request, const char *content_type,
                         const struct guid *lock_token)
{
    char
        etag[GUID_TEXT_SIZE + 2]; /* in quotes: one client refuses it bare, another cuts them off */
    etag[0] = '"';
    guid_text(lock_token, etag + 1);
    etag[GUID_TEXT_SIZE] = '"';
    https_answer_header(request, "ETag", str_of(etag, GUID_TEXT_SIZE + 1));
    https_answer_header(request, "Content-Type", str_from(content_type));
    finish(request, 200);
}

/* Answers that are part of ordinary work are no refusals: a device that is absent, an etag that has
 * moved on, a method that nobody answers. The hub logs its own failures. */
static bool worth_noting(enum hub_code code)
{
    static const enum hub_code ordinary[] = {
        HUB_DEVICE_NOT_FOUND,      HUB_MODULE_NOT_FOUND,    HUB_DEVICE_ALREADY_EXISTS,
        HUB_MODULE_ALREADY_EXISTS, HUB_PRECONDITION_FAILED, HUB_DEVICE_NOT_ONLINE,
        HUB_GATEWAY_TIMEOUT,       HUB_SERVER_ERROR,
    };
    for (size_t i = 0; i < ARRAY_SIZE(ordinary); i++) {
        if (code == ordinary[i]) {
            return false;
        }
    }
    return true;
}

static void note(struct https_request *request, enum hub_code code, const char *why)
{
    const uint64_t conn_id = http_conn_id(request->exchange);
    if (why == NULL || why[0] == '\0') {
        why = hub_code_name(code);
    }
    if (request->hub == NULL) {
        LOG_WARN("https", "conn=%llu refused: %s", (unsigned long long)conn_id, why);
    } else if (worth_noting(code)) {
        hub_note_refused(request->hub, "https", conn_id, request->key, code, why);
    }
}

void https_answer_error_as(struct https_request *request, unsigned http_status, enum hub_code code,
                           const char *why)
{
    const struct https_error error = {
        .code = code,
        .wording = request->route == NULL ? HTTPS_OF_IDENTITY : request->route->wording,
        .key = request->key,
        .why = why,
        .timeout_s =
            code == HUB_GATEWAY_TIMEOUT ? request->response_timeout_s : request->connect_timeout_s,
    };
    note(request, code, why);
    struct buf *body = https_answer_body(request);
    buf_clear(body);
    https_error_body_append(body, &error, random_of(request), now_us(request));
    https_answer_header(request, "iothub-errorcode", str_from(hub_code_name(code)));
    https_answer_json(request, http_status);
}

void https_answer_error(struct https_request *request, enum hub_code code, const char *why)
{
    https_answer_error_as(request, hub_code_http_status(code), code, why);
}
