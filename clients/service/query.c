/* SPDX-License-Identifier: MIT */
#include "clients/service/service_internal.h"

/* Service API reference, 2.8. */

/* Calls `row` for each row of a page; *ret_more tells whether it wants to see others. */
static enum iothub_result show_page(struct str page, bool (*row)(const cJSON *row, void *ctx),
                                    void *ctx, bool *ret_more, struct iothub_error *error)
{
    cJSON *rows CLEANUP(json_destroyp) = NULL;
    const enum status status = json_parse(page, &rows, NULL);
    if (status == STATUS_NO_MEMORY) {
        return service_no_memory(error);
    }
    if (status != STATUS_OK || !cJSON_IsArray(rows)) {
        return service_failed(error, IOTHUB_UNAVAILABLE, "the hub's answer is no list of rows");
    }
    bool more = true;
    for (const cJSON *each = rows->child; each != NULL && more; each = each->next) {
        more = row(each, ctx);
    }
    *ret_more = more;
    return IOTHUB_OK;
}

static enum iothub_result append_query(struct buf *body, const char *query,
                                       struct iothub_error *error)
{
    if (query == NULL) {
        return service_failed(error, IOTHUB_INVALID, "the query is missing");
    }
    buf_append_str(body, STR("{\"query\":"));
    json_append_string(body, str_from(query));
    buf_append_byte(body, '}');
    const enum status status = buf_status(body);
    return status == STATUS_OK ? IOTHUB_OK : service_not_built(error, status);
}

enum iothub_result iothub_service_query(struct iothub_service *service, const char *query,
                                        int page_size, bool (*row)(const cJSON *row, void *ctx),
                                        void *ctx, struct iothub_error *error)
{
    struct buf body CLEANUP(buf_finish) = BUF_INIT(SERVICE_BODY_SIZE_MAX);
    struct service_request request CLEANUP(service_request_finish);
    struct service_answer answer CLEANUP(service_answer_finish);
    struct service_answer next CLEANUP(service_answer_finish);
    service_request_init(&request, "POST");
    service_answer_init(&answer);
    service_answer_init(&next);
    service_url(&request.url, &service->endpoint, "/devices/query", "");
    request.page_size = page_size;

    enum iothub_result result =
        service_check_range("page size", page_size, 1, IOTHUB_SERVICE_PAGE_SIZE_MAX, error);
    result = result == IOTHUB_OK ? append_query(&body, query, error) : result;
    request.body = buf_str(&body);
    bool more = true;
    while (result == IOTHUB_OK && more) {
        result = service_request_send(service, &request, &next, error);
        if (result == IOTHUB_OK) {
            result = show_page(buf_str(&next.body), row, ctx, &more, error);
        }
        /* The answer just read says how to ask for the next, and has to outlive that request. */
        const struct service_answer read = next;
        next = answer;
        answer = read;
        request.continuation = buf_str(&answer.continuation);
        more = more && request.continuation.size > 0;
    }
    return result;
}
