/* SPDX-License-Identifier: MIT */
#include "clients/service/service_internal.h"

/* Service API reference, 3. */

enum iothub_result iothub_service_twin_get(struct iothub_service *service,
                                           struct iothub_service_id id, cJSON **ret_twin,
                                           struct iothub_error *error)
{
    const enum iothub_result result = service_check_id(id, error);
    if (result != IOTHUB_OK) {
        return result;
    }
    struct service_request request CLEANUP(service_request_finish);
    service_request_init_read(&request, "GET");
    service_url_id(&request.url, &service->endpoint, "twins", id, "");
    return service_exchange(service, &request, ret_twin, error);
}

/* What PATCH and PUT have in common. */
static enum iothub_result change(struct iothub_service *service, struct iothub_service_id id,
                                 struct service_request *request, cJSON **ret_twin,
                                 struct iothub_error *error)
{
    enum iothub_result result = service_check_id(id, error);
    result = result == IOTHUB_OK ? service_check_etag(request->etag, error) : result;
    if (result != IOTHUB_OK) {
        return result;
    }
    service_url_id(&request->url, &service->endpoint, "twins", id, "");
    request->etag = request->etag == NULL ? "*" : request->etag;
    return service_exchange(service, request, ret_twin, error);
}

enum iothub_result iothub_service_twin_update(struct iothub_service *service,
                                              struct iothub_service_id id, const char *patch_json,
                                              const char *etag, cJSON **ret_twin,
                                              struct iothub_error *error)
{
    const enum iothub_result result = service_check_json("patch", patch_json, error);
    if (result != IOTHUB_OK) {
        return result;
    }
    struct service_request request CLEANUP(service_request_finish);
    service_request_init(&request, "PATCH");
    request.body = str_from(patch_json);
    request.etag = etag;
    return change(service, id, &request, ret_twin, error);
}

enum iothub_result iothub_service_twin_replace(struct iothub_service *service,
                                               struct iothub_service_id id, const char *twin_json,
                                               const char *etag, cJSON **ret_twin,
                                               struct iothub_error *error)
{
    const enum iothub_result result = service_check_json("twin", twin_json, error);
    if (result != IOTHUB_OK) {
        return result;
    }
    struct service_request request CLEANUP(service_request_finish);
    service_request_init(&request, "PUT");
    request.body = str_from(twin_json);
    request.etag = etag;
    return change(service, id, &request, ret_twin, error);
}
