/* SPDX-License-Identifier: MIT */
#include "clients/service/service_internal.h"

#include "base/clock.h"

void service_request_init(struct service_request *request, const char *verb)
{
    *request = (struct service_request){.verb = verb, .url = BUF_INIT(SERVICE_URL_SIZE_MAX)};
}

void service_request_init_read(struct service_request *request, const char *verb)
{
    service_request_init(request, verb);
    request->reads_only = true;
}

void service_request_finish(struct service_request *request)
{
    buf_finish(&request->url);
}

void service_answer_init(struct service_answer *answer)
{
    *answer = (struct service_answer){
        .body = BUF_INIT(SERVICE_ANSWER_SIZE_MAX),
        .continuation = BUF_INIT(SERVICE_LINE_SIZE_MAX),
    };
}

void service_answer_finish(struct service_answer *answer)
{
    buf_finish(&answer->body);
    buf_finish(&answer->continuation);
}

/* ---- Again ---- */

/* Waits for the next try; false when there is to be none. */
static bool wait_for_next(struct iothub_service *service, const struct service_request *request,
                          const struct service_answer *answer, int tries, int64_t began_us)
{
    const bool may = answer->again == SERVICE_AGAIN_BUSY ||
                     (answer->again == SERVICE_AGAIN_LOST && request->reads_only);
    if (!may) {
        return false;
    }
    const int64_t wait_ms =
        service_retry_wait_ms(tries, answer->retry_after_s, random_u64(&service->random));
    const int64_t gone_ms = (clock_monotonic_us() - began_us) / 1000;
    return gone_ms + wait_ms <= service->retry_time_s * 1000 &&
           service_retry_sleep(service, wait_ms);
}

static enum iothub_result check(const struct service_request *request, struct iothub_error *error)
{
    enum status status = buf_status(&request->url);
    status = request->body.size > SERVICE_BODY_SIZE_MAX ? STATUS_LIMIT : status;
    return status == STATUS_OK ? IOTHUB_OK : service_not_built(error, status);
}

static enum iothub_result try_once(struct iothub_service *service,
                                   const struct service_request *request,
                                   struct service_answer *answer, struct iothub_error *error)
{
    struct problem problem = {.offset = PROBLEM_NO_OFFSET};
    const enum status status = service_token_refresh(service, &problem);
    if (status != STATUS_OK) {
        answer->again = SERVICE_AGAIN_NEVER;
        return status == STATUS_NO_MEMORY
                   ? service_no_memory(error)
                   : service_failed(error, IOTHUB_INVALID, "%s", problem.text);
    }
    return service_http_try(service, request, answer, error);
}

enum iothub_result service_request_send(struct iothub_service *service,
                                        const struct service_request *request,
                                        struct service_answer *answer, struct iothub_error *error)
{
    const int64_t began_us = clock_monotonic_us();
    struct iothub_error last = {.result = IOTHUB_OK};
    enum iothub_result result = check(request, &last);
    if (result == IOTHUB_OK) {
        int tries = 0;
        do {
            result = try_once(service, request, answer, &last);
            tries++;
        } while (result != IOTHUB_OK && wait_for_next(service, request, answer, tries, began_us));
    }
    if (result != IOTHUB_OK && error != NULL) {
        *error = last;
    }
    return result;
}

/* ---- Answers ---- */

enum iothub_result service_exchange(struct iothub_service *service,
                                    const struct service_request *request, cJSON **ret_tree,
                                    struct iothub_error *error)
{
    struct service_answer answer CLEANUP(service_answer_finish);
    service_answer_init(&answer);
    const enum iothub_result result = service_request_send(service, request, &answer, error);
    return result == IOTHUB_OK ? service_parse(buf_str(&answer.body), ret_tree, error) : result;
}

enum iothub_result service_command(struct iothub_service *service,
                                   const struct service_request *request,
                                   struct iothub_error *error)
{
    struct service_answer answer CLEANUP(service_answer_finish);
    service_answer_init(&answer);
    return service_request_send(service, request, &answer, error);
}
