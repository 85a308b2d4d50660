/* SPDX-License-Identifier: MIT */
#include "https/https_internal.h"

/* Twins carry no ETag header (service reference, 2.2). */
static void answer_twin(struct https_request *request, const struct storage_identity *twin)
{
    hub_twin_append(https_answer_body(request), twin);
    https_answer_json(request, 200);
}

void https_twin_get(struct https_request *request)
{
    struct problem problem = {0};
    struct storage_identity *twin = NULL;
    const enum hub_code code =
        hub_twin_get(request->hub, request->key, request->arena, &twin, &problem);
    if (code != HUB_OK) {
        https_answer_error(request, code, problem.text);
        return;
    }
    answer_twin(request, twin);
}

/* Everything but tags and desired properties is what clients send back of a twin they read: passed
 * over (service reference, 3.3). */
static void update(struct https_request *request, bool replace)
{
    struct problem problem = {0};
    CLEANUP(json_destroyp) cJSON *body = NULL;
    if (!https_read_body(request, cJSON_Object, &body)) {
        return;
    }
    const cJSON *properties = NULL;
    if (!https_member_object(body, "properties", &properties, &problem)) {
        https_answer_error(request, HUB_ARGUMENT_INVALID, problem.text);
        return;
    }
    const struct hub_match match = https_if_match(http_header(request->exchange, "If-Match"));
    const struct hub_twin_change change = {
        .tags = json_member(body, "tags"),
        .desired = json_member(properties, "desired"),
        .replace = replace,
        .match = &match,
    };
    struct storage_identity *twin = NULL;
    const enum hub_code code =
        hub_twin_update(request->hub, request->key, &change, request->arena, &twin, &problem);
    if (code != HUB_OK) {
        https_answer_error(request, code, problem.text);
        return;
    }
    answer_twin(request, twin);
}

void https_twin_patch(struct https_request *request)
{
    update(request, false);
}

void https_twin_put(struct https_request *request)
{
    update(request, true);
}
