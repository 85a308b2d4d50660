/* SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "https/https_internal.h"

enum {
    RESPONSE_TIMEOUT_DEFAULT_S = 30,
    CONNECT_TIMEOUT_DEFAULT_S = 0,
    PAYLOAD_TEXT_MAX = 8 << 20, /* what the largest body can grow to when it is printed again */
};

/* A request that waits for its device; in the exchange's arena. */
struct waiting {
    struct hub_call *call;
};

static void client_left(void *ctx)
{
    struct waiting *waiting = ctx;
    hub_method_cancel(waiting->call);
}

static void answered(void *ctx, const struct hub_method_result *result)
{
    struct https_request *request = ctx;
    if (result->code != HUB_OK) {
        https_answer_error(request, result->code, result->problem);
        return;
    }
    struct buf *body = https_answer_body(request);
    buf_append_format(body, "{\"status\":%" PRId64 ",\"payload\":", result->status);
    buf_append_str(body, result->payload);
    buf_append_byte(body, '}');
    https_answer_json(request, 200);
}

/* The hub checks names, sizes and ranges; here is only what JSON can get wrong. */
static bool read_method(struct https_request *request, const cJSON *body,
                        struct hub_method *ret_method, struct problem *problem)
{
    struct hub_method method = {
        .key = request->key,
        .name = STR_EMPTY,
        .payload = STR_EMPTY,
        .connect_timeout_s = CONNECT_TIMEOUT_DEFAULT_S,
        .response_timeout_s = RESPONSE_TIMEOUT_DEFAULT_S,
    };
    const cJSON *payload = json_member(body, "payload");
    if (!https_member_text(body, "methodName", &method.name, problem) ||
        !https_member_whole(body, "connectTimeoutInSeconds", &method.connect_timeout_s, problem) ||
        !https_member_whole(body, "responseTimeoutInSeconds", &method.response_timeout_s,
                            problem)) {
        return false;
    }
    if (method.name.size == 0) {
        problem_set(problem, PROBLEM_NO_OFFSET, "'methodName' is missing or empty");
        return false;
    }
    if (payload != NULL &&
        !https_tree_text(payload, PAYLOAD_TEXT_MAX, request->arena, &method.payload)) {
        problem_set(problem, PROBLEM_NO_OFFSET, "'payload' is too large");
        return false;
    }
    *ret_method = method;
    return true;
}

void https_method_invoke(struct https_request *request)
{
    struct problem problem = {0};
    CLEANUP(json_destroyp) cJSON *body = NULL;
    if (!https_read_body(request, cJSON_Object, &body)) {
        return;
    }
    struct hub_method method;
    if (!read_method(request, body, &method, &problem)) {
        https_answer_error(request, HUB_ARGUMENT_INVALID, problem.text);
        return;
    }
    struct waiting *waiting = ARENA_NEW(request->arena, struct waiting);
    if (waiting == NULL) {
        https_answer_error(request, HUB_SERVER_ERROR, NULL);
        return;
    }
    request->connect_timeout_s = method.connect_timeout_s;
    request->response_timeout_s = method.response_timeout_s;
    struct hub_call *call = NULL;
    const enum hub_code code =
        hub_method_invoke(request->hub, &method, answered, request, &call, &problem);
    if (code != HUB_OK) {
        https_answer_error(request, code, problem.text);
    } else if (call != NULL) { /* else the request was answered and may be gone */
        waiting->call = call;
        http_wait(request->exchange, client_left, waiting);
    }
}
