/* SPDX-License-Identifier: MIT */
#include "clients/service/service_internal.h"

/* Service API reference, 2.9 and 2.10. */

static enum iothub_result read_statistics(struct iothub_service *service, const char *path,
                                          cJSON **ret_statistics, struct iothub_error *error)
{
    struct service_request request CLEANUP(service_request_finish);
    service_request_init_read(&request, "GET");
    service_url(&request.url, &service->endpoint, path, "");
    return service_exchange(service, &request, ret_statistics, error);
}

enum iothub_result iothub_service_statistics_devices(struct iothub_service *service,
                                                     cJSON **ret_statistics,
                                                     struct iothub_error *error)
{
    return read_statistics(service, "/statistics/devices", ret_statistics, error);
}

enum iothub_result iothub_service_statistics_service(struct iothub_service *service,
                                                     cJSON **ret_statistics,
                                                     struct iothub_error *error)
{
    return read_statistics(service, "/statistics/service", ret_statistics, error);
}

enum iothub_result iothub_service_purge(struct iothub_service *service, const char *device_id,
                                        int *ret_purged, struct iothub_error *error)
{
    const struct iothub_service_id id = {.device_id = device_id};
    enum iothub_result result = service_check_id(id, error);
    if (result != IOTHUB_OK) {
        return result;
    }
    struct service_request request CLEANUP(service_request_finish);
    service_request_init(&request, "DELETE");
    service_url_id(&request.url, &service->endpoint, "devices", id, "/commands");
    cJSON *answer CLEANUP(json_destroyp) = NULL;
    result = service_exchange(service, &request, &answer, error);
    return result == IOTHUB_OK ? service_read_int(answer, "totalMessagesPurged", ret_purged, error)
                               : result;
}
