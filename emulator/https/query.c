/* SPDX-License-Identifier: MIT */
#include "https/https_internal.h"

/* A request whose query goes on in slices; in the exchange's arena. */
struct running {
    struct hub_query_job *job;
};

static void client_left(void *ctx)
{
    struct running *running = ctx;
    hub_query_cancel(running->job);
}

static void finished(void *ctx, const struct hub_query_result *result)
{
    struct https_request *request = ctx;
    if (result->code != HUB_OK) {
        https_answer_error(request, result->code,
                           result->problem == NULL ? NULL : result->problem->text);
        return;
    }
    https_answer_header(request, "x-ms-item-type", str_from(result->item_type));
    if (result->continuation.size > 0) { /* an empty one would be asked for again, for ever */
        https_answer_header(request, "x-ms-continuation", result->continuation);
    }
    buf_append_str(https_answer_body(request), result->items);
    https_answer_json(request, 200);
}

/* More than the most is cut to it, as the service does (query language reference, section 4). */
static bool read_page_size(const struct https_request *request, size_t *ret_size,
                           struct problem *problem)
{
    const struct str text = http_header(request->exchange, "x-ms-max-item-count");
    uint64_t size = HTTPS_PAGE_DEFAULT;
    if (text.data != NULL && (!str_to_u64(str_trim(text), &size) || size == 0)) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "the header x-ms-max-item-count is '%.*s', not a number from 1 to %d",
                    STR_ARG(text), HTTPS_PAGE_MAX);
        return false;
    }
    *ret_size = size > HTTPS_PAGE_MAX ? HTTPS_PAGE_MAX : (size_t)size;
    return true;
}

void https_query(struct https_request *request)
{
    struct problem problem = {0};
    CLEANUP(json_destroyp) cJSON *body = NULL;
    if (!https_read_body(request, cJSON_Object, &body)) {
        return;
    }
    struct str text = STR_EMPTY;
    size_t page_size = 0;
    if (!https_member_text(body, "query", &text, &problem) ||
        !read_page_size(request, &page_size, &problem)) {
        https_answer_error(request, HUB_ARGUMENT_INVALID, problem.text);
        return;
    }
    if (text.size == 0) {
        https_answer_error(request, HUB_ARGUMENT_NULL, "'query' is missing or empty");
        return;
    }
    struct running *running = ARENA_NEW(request->arena, struct running);
    const char *kept = arena_copy(request->arena, text);
    if (running == NULL || kept == NULL) {
        https_answer_error(request, HUB_SERVER_ERROR, NULL);
        return;
    }
    const struct str token = http_header(request->exchange, "x-ms-continuation");
    struct hub_query_job *job = NULL;
    const struct hub_query_request query = {
        .text = str_of(kept, text.size),
        .item_max = page_size,
        .continuation = token.data == NULL ? STR_EMPTY : token,
        .done = finished,
        .ctx = request,
    };
    hub_query_start(request->hub, &query, &job);
    if (job != NULL) { /* else the request was answered and may be gone */
        running->job = job;
        http_wait(request->exchange, client_left, running);
    }
}
