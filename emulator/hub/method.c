/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/json.h"
#include "hub/hub_internal.h"

enum { RESPONSE_TIMEOUT_MIN_S = 5, TIMEOUT_MAX_S = 300 };

struct hub_call {
    struct hub *hub;
    uint64_t request_id; /* also the key in hub->calls */
    int64_t identity_id;
    struct str device, module, name, payload; /* owned, behind the struct */
    int64_t response_timeout_us;
    struct hub_link *link; /* where it was sent; NULL: not yet, or that link is gone */
    bool sent;
    struct timer timer;
    struct list waiting; /* in hub->waiting_calls, or alone */
    void (*done)(void *ctx, const struct hub_method_result *result);
    void *ctx;
};

static struct str request_key(const uint64_t *request_id)
{
    return str_of(request_id, sizeof(*request_id));
}

static struct identity_key call_key(const struct hub_call *call)
{
    return (struct identity_key){.device = call->device, .module = call->module};
}

static char *keep(char *at, struct str s, struct str *ret_kept)
{
    if (s.size > 0) {
        memcpy(at, s.data, s.size);
    }
    *ret_kept = str_of(at, s.size);
    return at + s.size;
}

static struct hub_call *call_new(struct hub *hub, const struct hub_method *method)
{
    const size_t size = method->key.device.size + method->key.module.size + method->name.size +
                        method->payload.size;
    struct hub_call *call = mem_zalloc(sizeof(*call) + size);
    if (call == NULL) {
        return NULL;
    }
    char *at = (char *)(call + 1);
    at = keep(at, method->key.device, &call->device);
    at = keep(at, method->key.module, &call->module);
    at = keep(at, method->name, &call->name);
    (void)keep(at, method->payload, &call->payload);
    call->hub = hub;
    call->request_id = ++hub->request_id_last;
    call->response_timeout_us = method->response_timeout_s * CLOCK_SECOND;
    list_init(&call->waiting);
    if (map_put(&hub->calls, request_key(&call->request_id), call, NULL) != STATUS_OK) {
        mem_free(call);
        return NULL;
    }
    return call;
}

static void call_forget(struct hub_call *call)
{
    hub_timer_stop(call->hub, &call->timer);
    list_remove(&call->waiting);
    if (call->link != NULL) {
        call->link->calls_in_flight--;
    }
    (void)map_remove(&call->hub->calls, request_key(&call->request_id));
}

static void note_end(const struct hub_call *call, const struct hub_method_result *result)
{
    CLEANUP(buf_finish) struct buf detail = BUF_INIT(HUB_SCRATCH_MAX);
    buf_append_format(&detail, "{\"requestId\":\"%" PRIx64 "\",\"method\":", call->request_id);
    json_append_string(&detail, call->name);
    if (result->code == HUB_OK) {
        buf_append_format(&detail, ",\"status\":%" PRId64 "}", result->status);
    } else {
        buf_append_format(&detail, ",\"code\":%d,\"why\":", (int)result->code);
        json_append_string(&detail, str_from(result->problem));
        buf_append_byte(&detail, '}');
    }
    if (buf_status(&detail) != STATUS_OK) {
        (void)hub_fail(call->hub, buf_status(&detail), NULL);
        return;
    }
    hub_event(call->hub, HUB_EVENT_METHOD_ANSWERED, call_key(call), buf_str(&detail),
              result->code == HUB_OK ? result->payload : (struct str){0});
}

static void call_end(struct hub_call *call, const struct hub_method_result *result)
{
    call_forget(call);
    note_end(call, result);
    call->done(call->ctx, result);
    mem_free(call);
}

static void call_fail(struct hub_call *call, enum hub_code code, const char *why)
{
    const struct hub_method_result result = {.code = code, .problem = why};
    call_end(call, &result);
}

static void response_timed_out(void *ctx)
{
    /* The service's text (service reference, 4). */
    call_fail(ctx, HUB_GATEWAY_TIMEOUT, "Timed out waiting for the response from device.");
}

static void connect_timed_out(void *ctx)
{
    call_fail(ctx, HUB_DEVICE_NOT_ONLINE, "Timed out waiting for device to connect.");
}

static void note_invoked(const struct hub_call *call)
{
    CLEANUP(buf_finish) struct buf detail = BUF_INIT(HUB_SCRATCH_MAX);
    buf_append_format(&detail, "{\"requestId\":\"%" PRIx64 "\",\"method\":", call->request_id);
    json_append_string(&detail, call->name);
    buf_append_byte(&detail, '}');
    if (buf_status(&detail) != STATUS_OK) {
        (void)hub_fail(call->hub, buf_status(&detail), NULL);
        return;
    }
    hub_event(call->hub, HUB_EVENT_METHOD_INVOKED, call_key(call), buf_str(&detail),
              call->payload.size > 0 ? call->payload : (struct str){0});
}

/* Sends it if the device is there and listens. */
static bool call_try(struct hub_call *call, struct hub_link *link)
{
    if (link == NULL || (link->interests & HUB_INTEREST_METHODS) == 0 ||
        !link->ops->method(link->ctx, call->request_id, call->name, call->payload)) {
        return false;
    }
    list_remove(&call->waiting);
    call->link = link;
    call->sent = true;
    link->calls_in_flight++;
    call->timer.fire = response_timed_out;
    hub_timer_start(call->hub, &call->timer, call->response_timeout_us);
    return true;
}

void hub_methods_try(struct hub_link *link)
{
    struct list *head = &link->hub->waiting_calls;
    struct list *next = NULL;
    for (struct list *at = head->next; at != head; at = next) {
        next = at->next;
        struct hub_call *call = LIST_ENTRY(at, struct hub_call, waiting);
        if (call->identity_id == link->id) {
            (void)call_try(call, link);
        }
    }
}

void hub_methods_link_gone(struct hub_link *link)
{
    if (link->calls_in_flight == 0) {
        return;
    }
    size_t at = 0;
    for (;;) {
        struct hub_call *call = map_next(&link->hub->calls, &at);
        if (call == NULL) {
            return;
        }
        if (call->link == link) {
            call->link = NULL; /* the device may come back and answer in time */
        }
    }
}

void hub_methods_end_all(struct hub *hub, enum hub_code code, const char *why)
{
    for (;;) {
        size_t at = 0;
        struct hub_call *call = map_next(&hub->calls, &at);
        if (call == NULL) {
            return;
        }
        call_fail(call, code, why);
    }
}

void hub_calls_finish(struct hub *hub)
{
    assert(hub->calls.count == 0);
    map_finish(&hub->calls);
}

static enum hub_code check_timeouts(const struct hub_method *method, struct problem *problem)
{
    if (method->response_timeout_s < RESPONSE_TIMEOUT_MIN_S ||
        method->response_timeout_s > TIMEOUT_MAX_S) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "responseTimeoutInSeconds is %" PRId64 "; %d to %d are allowed",
                    method->response_timeout_s, RESPONSE_TIMEOUT_MIN_S, TIMEOUT_MAX_S);
        return HUB_ARGUMENT_INVALID;
    }
    if (method->connect_timeout_s < 0 || method->connect_timeout_s > TIMEOUT_MAX_S) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "connectTimeoutInSeconds is %" PRId64 "; 0 to %d are allowed",
                    method->connect_timeout_s, TIMEOUT_MAX_S);
        return HUB_ARGUMENT_INVALID;
    }
    return HUB_OK;
}

static enum hub_code check_method(const struct hub_method *method, struct problem *problem)
{
    if (method->name.size == 0 || method->name.size > HUB_METHOD_NAME_MAX) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "methodName has %zu characters; 1 to %d are allowed", method->name.size,
                    HUB_METHOD_NAME_MAX);
        return HUB_ARGUMENT_INVALID;
    }
    if (method->payload.size > HUB_METHOD_PAYLOAD_MAX) {
        problem_set(problem, PROBLEM_NO_OFFSET, "the payload has %zu bytes; at most %d are allowed",
                    method->payload.size, HUB_METHOD_PAYLOAD_MAX);
        return HUB_MESSAGE_TOO_LARGE;
    }
    return check_timeouts(method, problem);
}

enum hub_code hub_method_invoke(struct hub *hub, const struct hub_method *method,
                                void (*done)(void *ctx, const struct hub_method_result *result),
                                void *ctx, struct hub_call **ret_call, struct problem *problem)
{
    enum hub_code code = check_method(method, problem);
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(HUB_READ_ARENA_MAX);
    struct storage_identity *identity = NULL;
    if (code == HUB_OK) {
        code = hub_identity_get(hub, method->key, &arena, &identity, problem);
    }
    if (code != HUB_OK) {
        return code;
    }
    struct hub_link *link = hub_link_find(hub, identity->id);
    if (link != NULL && link->calls_in_flight >= hub->settings.methods_in_flight_max) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "%zu calls to this device are in flight, the most "
                    "there may be",
                    link->calls_in_flight);
        return HUB_TOO_MANY_METHODS;
    }
    struct hub_call *call = call_new(hub, method);
    if (call == NULL) {
        return hub_fail(hub, STATUS_NO_MEMORY, problem);
    }
    call->identity_id = identity->id;
    call->done = done;
    call->ctx = ctx;
    call->timer = (struct timer){.fire = connect_timed_out, .ctx = call};
    note_invoked(call);
    *ret_call = call;
    if (call_try(call, link)) {
        return HUB_OK;
    }
    if (method->connect_timeout_s == 0) {
        *ret_call = NULL;
        connect_timed_out(call);
        return HUB_OK;
    }
    list_append(&hub->waiting_calls, &call->waiting);
    hub_timer_start(hub, &call->timer, method->connect_timeout_s * CLOCK_SECOND);
    return HUB_OK;
}

void hub_method_cancel(struct hub_call *call)
{
    if (call == NULL) {
        return;
    }
    call_forget(call);
    const struct hub_method_result result = {.code = HUB_SERVICE_UNAVAILABLE,
                                             .problem = "the caller left"};
    note_end(call, &result);
    mem_free(call);
}

void hub_method_answer(struct hub_link *link, uint64_t request_id, int64_t status,
                       struct str payload)
{
    hub_link_touch(link);
    struct hub_call *call = map_get(&link->hub->calls, request_key(&request_id));
    if (call == NULL || !call->sent || call->identity_id != link->id) {
        return;
    }
    if (payload.size > HUB_METHOD_PAYLOAD_MAX) {
        call_fail(call, HUB_BAD_DEVICE_RESPONSE, "the device's answer is larger than 128 KB");
        return;
    }
    struct problem problem;
    if (payload.size > 0 && json_check(payload, &problem) != STATUS_OK) {
        char why[PROBLEM_TEXT_SIZE + 64];
        (void)snprintf(why, sizeof(why), "the device's answer is no JSON: %s", problem.text);
        call_fail(call, HUB_BAD_DEVICE_RESPONSE, why);
        return;
    }
    const struct hub_method_result result = {
        .code = HUB_OK,
        .status = status,
        .payload = payload.size > 0 ? payload : STR("null"),
    };
    call_end(call, &result);
}
