/* SPDX-License-Identifier: MIT */
#include "clients/service/service_internal.h"

#include <stdio.h>

#include "base/alloc.h"

/* Service API reference, 2.8. */

static enum iothub_result check(const char *query, int page_size, struct str continuation,
                                struct iothub_error *error)
{
    if (query == NULL) {
        return service_failed(error, IOTHUB_INVALID, "the query is missing");
    }
    for (size_t i = 0; i < continuation.size; i++) {
        if (continuation.data[i] < ' ' || continuation.data[i] > '~') {
            return service_failed(error, IOTHUB_INVALID,
                                  "the continuation is not one that the hub gave");
        }
    }
    return service_check_range("page size", page_size, 1, IOTHUB_SERVICE_PAGE_SIZE_MAX, error);
}

/* Asks for one page; its rows are in the answer's body. */
static enum iothub_result ask(struct iothub_service *service, const char *query, int page_size,
                              struct str continuation, struct service_answer *answer,
                              struct iothub_error *error)
{
    const enum iothub_result result = check(query, page_size, continuation, error);
    if (result != IOTHUB_OK) {
        return result;
    }
    struct buf body CLEANUP(buf_finish) = BUF_INIT(SERVICE_BODY_SIZE_MAX);
    buf_append_str(&body, STR("{\"query\":"));
    json_append_string(&body, str_from(query));
    buf_append_byte(&body, '}');
    if (buf_status(&body) != STATUS_OK) {
        return service_not_built(error, buf_status(&body));
    }
    struct service_request request CLEANUP(service_request_finish);
    service_request_init_read(&request, "POST");
    service_url(&request.url, &service->endpoint, "/devices/query", "");
    request.body = buf_str(&body);
    request.page_size = page_size;
    request.continuation = continuation;
    return service_request_send(service, &request, answer, error);
}

static enum iothub_result parse_rows(struct str body, cJSON **ret_rows, struct iothub_error *error)
{
    cJSON *rows CLEANUP(json_destroyp) = NULL;
    const enum iothub_result result = service_parse(body, &rows, error);
    if (result == IOTHUB_OK && !cJSON_IsArray(rows)) {
        return service_failed(error, IOTHUB_UNAVAILABLE, "the hub's answer is no list of rows");
    }
    if (result == IOTHUB_OK) {
        *ret_rows = TAKE(rows);
    }
    return result;
}

/* ---- a page ---- */

enum iothub_result iothub_service_query_page(struct iothub_service *service, const char *query,
                                             int page_size, const char *continuation,
                                             struct iothub_service_page *ret_page,
                                             struct iothub_error *error)
{
    struct service_answer answer CLEANUP(service_answer_finish);
    cJSON *rows CLEANUP(json_destroyp) = NULL;
    service_answer_init(&answer);
    enum iothub_result result =
        ask(service, query, page_size, str_from(continuation), &answer, error);
    result = result == IOTHUB_OK ? parse_rows(buf_str(&answer.body), &rows, error) : result;
    if (result == IOTHUB_OK) {
        *ret_page = (struct iothub_service_page){
            .rows = TAKE(rows),
            .continuation = buf_take(&answer.continuation),
        };
        memcpy(ret_page->item_type, answer.item_type, sizeof(answer.item_type));
    }
    return result;
}

void iothub_service_page_finish(struct iothub_service_page *page)
{
    if (page != NULL) {
        cJSON_Delete(page->rows);
        mem_free(page->continuation);
        *page = (struct iothub_service_page){.rows = NULL};
    }
}

/* ---- all pages ---- */

/* Calls `row` for each row of a page; *ret_more tells whether it wants to see others. */
static enum iothub_result show_rows(struct str body, bool (*row)(const cJSON *row, void *ctx),
                                    void *ctx, bool *ret_more, struct iothub_error *error)
{
    cJSON *rows CLEANUP(json_destroyp) = NULL;
    const enum iothub_result result = parse_rows(body, &rows, error);
    if (result != IOTHUB_OK) {
        return result;
    }
    bool more = true;
    const cJSON *each = NULL;
    cJSON_ArrayForEach(each, rows)
    {
        more = more && row(each, ctx);
    }
    *ret_more = more;
    return IOTHUB_OK;
}

enum iothub_result iothub_service_query(struct iothub_service *service, const char *query,
                                        int page_size, bool (*row)(const cJSON *row, void *ctx),
                                        void *ctx, struct iothub_error *error)
{
    struct service_answer answer CLEANUP(service_answer_finish);
    struct service_answer next CLEANUP(service_answer_finish);
    service_answer_init(&answer);
    service_answer_init(&next);
    enum iothub_result result = IOTHUB_OK;
    bool more = true;
    while (result == IOTHUB_OK && more) {
        result = ask(service, query, page_size, buf_str(&answer.continuation), &next, error);
        if (result == IOTHUB_OK) {
            result = show_rows(buf_str(&next.body), row, ctx, &more, error);
        }
        /* The answer just read says how to ask for the next, and has to outlive that request. */
        const struct service_answer read = next;
        next = answer;
        answer = read;
        more = more && answer.continuation.size > 0;
    }
    return result;
}
