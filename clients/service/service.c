/* SPDX-License-Identifier: MIT */
#include "clients/service/service_internal.h"

#include <pthread.h>

#include "base/alloc.h"
#include "base/clock.h"

/* ---- Life ---- */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode curl_is_there;

static void start_curl(void)
{
    curl_is_there = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static int or_else(int given, int otherwise)
{
    return given == 0 ? otherwise : given;
}

static void take_options(struct iothub_service *service,
                         const struct iothub_service_options *options)
{
    service->connect_timeout_s = or_else(options->connect_timeout_s, SERVICE_CONNECT_TIMEOUT_S);
    service->timeout_s = or_else(options->timeout_s, SERVICE_TIMEOUT_S);
    service->retry_time_s = or_else(options->retry_time_s, SERVICE_RETRY_TIME_S);
    service->token_lifetime_s = or_else(options->token_lifetime_s, SERVICE_TOKEN_LIFETIME_S);
    service->stop = options->stop;
    service->stop_ctx = options->stop_ctx;
    buf_init(&service->token, SERVICE_LINE_SIZE_MAX);
    if (random_init_system(&service->random) != STATUS_OK) {
        random_init_seed(&service->random, (uint64_t)clock_monotonic_us()); /* jitter alone */
    }
}

static enum status set_up(struct iothub_service *service, const char *connection_string,
                          const struct iothub_service_options *options, struct problem *problem)
{
    (void)pthread_once(&once, start_curl);
    take_options(service, options);
    const size_t size = strlen(connection_string);
    service->text = mem_alloc(size + 1);
    if (service->text == NULL || curl_is_there != CURLE_OK) {
        return STATUS_NO_MEMORY;
    }
    memcpy(service->text, connection_string, size + 1);
    const enum status status =
        service_read_connection_string(str_of(service->text, size), service, problem);
    return status == STATUS_OK ? service_http_open(service, options->user_agent) : status;
}

enum iothub_result iothub_service_create(const char *connection_string,
                                         const struct iothub_service_options *options,
                                         struct iothub_service **ret_service,
                                         struct iothub_error *error)
{
    static const struct iothub_service_options none = {.timeout_s = 0};
    const struct iothub_service_options *given = options == NULL ? &none : options;
    struct problem problem = {.offset = PROBLEM_NO_OFFSET};
    if (connection_string == NULL) {
        return service_failed(error, IOTHUB_INVALID, "the connection string is missing");
    }
    enum iothub_result result = service_check_options(given, error);
    if (result != IOTHUB_OK) {
        return result;
    }
    struct iothub_service *service CLEANUP(service_destroyp) =
        mem_zalloc(sizeof(struct iothub_service));
    if (service == NULL) {
        return service_no_memory(error);
    }
    const enum status status = set_up(service, connection_string, given, &problem);
    if (status != STATUS_OK) {
        return status == STATUS_NO_MEMORY
                   ? service_no_memory(error)
                   : service_failed(error, IOTHUB_INVALID, "%s", problem.text);
    }
    *ret_service = TAKE(service);
    return IOTHUB_OK;
}

void iothub_service_destroy(struct iothub_service *service)
{
    if (service == NULL) {
        return;
    }
    curl_easy_cleanup(service->curl);
    buf_finish(&service->token);
    mem_free(service->text);
    mem_free(service);
}

void service_destroyp(struct iothub_service **service)
{
    iothub_service_destroy(*service);
}

const char *iothub_service_host(const struct iothub_service *service)
{
    return service->endpoint.host;
}
