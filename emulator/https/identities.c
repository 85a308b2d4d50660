/* SPDX-License-Identifier: MIT */
#include "https/https_internal.h"

static void answer_identity(struct https_request *request, const struct storage_identity *identity,
                            enum https_identity_form form)
{
    https_identity_append(https_answer_body(request), identity, form);
    if (identity->key.module.size == 0) { /* modules have no ETag header (2.2) */
        CLEANUP(buf_finish) struct buf etag = BUF_INIT(64);
        buf_append_byte(&etag, '"');
        hub_identity_etag_append(&etag, identity);
        buf_append_byte(&etag, '"');
        https_answer_header(request, "ETag", buf_str(&etag));
    }
    https_answer_json(request, 200);
}

static void answer_list(struct https_request *request, struct storage_identity **identities,
                        size_t count)
{
    struct buf *body = https_answer_body(request);
    buf_append_byte(body, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            buf_append_byte(body, ',');
        }
        https_identity_append(body, identities[i], HTTPS_IDENTITY_READ);
    }
    buf_append_byte(body, ']');
    https_answer_json(request, 200);
}

/* 1 to 1000; anything else is 1000 (service reference, 2.4). */
static size_t list_limit(const struct https_request *request)
{
    struct str text;
    uint64_t top = 0;
    if (https_parameter(http_query(request->exchange), "top", &text) && str_to_u64(text, &top) &&
        top >= 1 && top <= HTTPS_LIST_MAX) {
        return (size_t)top;
    }
    return HTTPS_LIST_MAX;
}

void https_devices_list(struct https_request *request)
{
    struct storage_identity **devices = NULL;
    size_t count = 0;
    const enum hub_code code =
        hub_devices_list(request->hub, list_limit(request), request->arena, &devices, &count);
    if (code != HUB_OK) {
        https_answer_error(request, code, NULL);
        return;
    }
    answer_list(request, devices, count);
}

void https_modules_list(struct https_request *request)
{
    struct problem problem = {0};
    struct storage_identity **modules = NULL;
    size_t count = 0;
    const enum hub_code code = hub_modules_list(request->hub, request->key.device, request->arena,
                                                &modules, &count, &problem);
    if (code != HUB_OK) {
        https_answer_error(request, code, problem.text);
        return;
    }
    answer_list(request, modules, count);
}

void https_identity_get(struct https_request *request)
{
    struct problem problem = {0};
    struct storage_identity *identity = NULL;
    const enum hub_code code =
        hub_identity_get(request->hub, request->key, request->arena, &identity, &problem);
    if (code != HUB_OK) {
        https_answer_error(request, code, problem.text);
        return;
    }
    answer_identity(request, identity, HTTPS_IDENTITY_READ);
}

/* An id in the body, if there is one, must be that of the path. */
static bool id_agrees(const cJSON *body, const char *name, struct str wanted,
                      struct problem *problem)
{
    struct str id = wanted;
    if (!https_member_text(body, name, &id, problem)) {
        return false;
    }
    if (!str_equal(id, wanted)) {
        problem_set(problem, PROBLEM_NO_OFFSET, "'%s' in the body is '%.*s', in the path '%.*s'",
                    name, STR_ARG(id), STR_ARG(wanted));
        return false;
    }
    return true;
}

void https_identity_put(struct https_request *request)
{
    struct problem problem = {0};
    CLEANUP(json_destroyp) cJSON *body = NULL;
    if (!https_read_body(request, cJSON_Object, &body)) {
        return;
    }
    const bool module = request->key.module.size > 0;
    struct hub_identity_desc desc;
    if (!id_agrees(body, "deviceId", request->key.device, &problem) ||
        (module && !id_agrees(body, "moduleId", request->key.module, &problem)) ||
        !https_identity_read(body, request->arena, &desc, &problem)) {
        https_answer_error(request, HUB_ARGUMENT_INVALID, problem.text);
        return;
    }
    const struct hub_match match = https_if_match(http_header(request->exchange, "If-Match"));
    const bool create = match.kind == HUB_MATCH_NONE;
    const struct hub_identity_write put = {
        .key = request->key,
        .desc = &desc,
        .mode = create ? HUB_CREATE : HUB_UPDATE,
        .match = &match,
    };
    struct storage_identity *identity = NULL;
    const enum hub_code code =
        hub_identity_put(request->hub, &put, request->arena, &identity, &problem);
    if (code != HUB_OK) {
        https_answer_error(request, code, problem.text);
        return;
    }
    answer_identity(request, identity, create ? HTTPS_IDENTITY_CREATED : HTTPS_IDENTITY_UPDATED);
}

/* Without If-Match it deletes all the same, as the reference recommends (2.3). */
void https_identity_delete(struct https_request *request)
{
    struct problem problem = {0};
    const struct hub_match match = https_if_match(http_header(request->exchange, "If-Match"));
    const enum hub_code code = hub_identity_delete(request->hub, request->key, &match, &problem);
    if (code != HUB_OK) {
        https_answer_error(request, code, problem.text);
        return;
    }
    https_answer_empty(request);
}
