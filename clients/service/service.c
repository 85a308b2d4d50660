/* SPDX-License-Identifier: MIT */
#include "clients/service/service_internal.h"

#include <assert.h>
#include <pthread.h>

#include "base/alloc.h"
#include "base/sas.h"

/* ---- The connection string ---- */

static bool has_part(struct str text, struct str name)
{
    struct str rest = text;
    struct str pair = STR_EMPTY;
    while (rest.size > 0) {
        (void)str_cut(rest, ';', &pair, &rest);
        if (str_starts_nocase(str_trim(pair), name)) {
            return true;
        }
    }
    return false;
}

/* The strings that are taken for a hub's, by what only they have. */
static const struct {
    struct str part;
    const char *what;
} strangers[] = {
    {{"Endpoint=", 9},
     "this is an Event Hubs connection string, which reads telemetry; a service needs the hub's "
     "own, which begins with HostName="},
    {{"DeviceId=", 9},
     "this is the connection string of a device; a service needs the hub's own, with a "
     "SharedAccessKeyName"},
    {{"AccountName=", 12},
     "this is the connection string of a storage account; a service needs the hub's own, which "
     "begins with HostName="},
};

static enum status check_parts(const struct connection_string *parts, struct problem *problem)
{
    if (parts->shared_access_key.size == 0 && parts->shared_access_signature.size > 0) {
        return STATUS_OK;
    }
    if (parts->shared_access_key_name.size == 0) {
        problem_set(problem, PROBLEM_NO_OFFSET, "the connection string has no SharedAccessKeyName");
    } else if (parts->shared_access_key.size == 0) {
        problem_set(problem, PROBLEM_NO_OFFSET, "the connection string has no SharedAccessKey");
    } else if (!sas_key_valid(parts->shared_access_key)) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "the SharedAccessKey is not base64 of 16 to 64 bytes; was it cut off?");
    } else {
        return STATUS_OK;
    }
    return STATUS_INVALID;
}

static enum status read_connection_string(struct str text, struct iothub_service *service,
                                          struct problem *problem)
{
    for (size_t i = 0; i < ARRAY_SIZE(strangers); i++) {
        if (has_part(text, strangers[i].part)) {
            problem_set(problem, PROBLEM_NO_OFFSET, "%s", strangers[i].what);
            return STATUS_INVALID;
        }
    }
    struct connection_string *parts = &service->parts;
    enum status status = connection_string_parse(text, parts, problem);
    if (status == STATUS_OK) {
        status = check_parts(parts, problem);
    }
    return status == STATUS_OK
               ? endpoint_parse(parts->host_name, SERVICE_PORT, &service->endpoint, problem)
               : status;
}

/* ---- Life ---- */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode curl_is_there;

static void start_curl(void)
{
    curl_is_there = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static enum status set_up(struct iothub_service *service, const char *connection_string,
                          const struct iothub_service_options *options, struct problem *problem)
{
    (void)pthread_once(&once, start_curl);
    const size_t size = strlen(connection_string);
    service->text = mem_alloc(size + 1);
    if (service->text == NULL || curl_is_there != CURLE_OK) {
        return STATUS_NO_MEMORY;
    }
    memcpy(service->text, connection_string, size + 1);
    service->connect_timeout_s = options->connect_timeout_s > 0 ? options->connect_timeout_s
                                                                : (int)SERVICE_CONNECT_TIMEOUT_S;
    service->timeout_s = options->timeout_s > 0 ? options->timeout_s : (int)SERVICE_TIMEOUT_S;
    const enum status status =
        read_connection_string(str_of(service->text, size), service, problem);
    return status == STATUS_OK ? service_request_open(service, options->user_agent) : status;
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
