/* SPDX-License-Identifier: MIT */
#include "clients/service/service_internal.h"

/* Service API reference, 4. */
enum {
    RESPONSE_TIMEOUT_S_DEFAULT = 30,
    RESPONSE_TIMEOUT_S_MIN = 5,
    TIMEOUT_S_MAX = 300,
    PAYLOAD_SIZE_MAX = 128 * 1024,
};

static enum iothub_result check(const struct iothub_service_method *method,
                                struct iothub_error *error)
{
    enum iothub_result result = IOTHUB_OK;
    if (method->name == NULL || method->name[0] == '\0') {
        return service_failed(error, IOTHUB_INVALID, "the name of the method is missing");
    }
    if (method->payload_json != NULL) {
        result = service_check_json("payload", method->payload_json, error);
    }
    if (result == IOTHUB_OK && str_from(method->payload_json).size > PAYLOAD_SIZE_MAX) {
        result = service_failed(error, IOTHUB_INVALID,
                                "the payload has %zu bytes; at most %d are allowed",
                                str_from(method->payload_json).size, (int)PAYLOAD_SIZE_MAX);
    }
    if (result == IOTHUB_OK && method->response_timeout_s != 0) {
        result = service_check_range("response timeout", method->response_timeout_s,
                                     RESPONSE_TIMEOUT_S_MIN, TIMEOUT_S_MAX, error);
    }
    return result == IOTHUB_OK ? service_check_range("connect timeout", method->connect_timeout_s,
                                                     0, TIMEOUT_S_MAX, error)
                               : result;
}

static void append_method(struct buf *body, const struct iothub_service_method *method)
{
    buf_append_str(body, STR("{\"methodName\":"));
    json_append_string(body, str_from(method->name));
    if (method->payload_json != NULL) {
        buf_append_str(body, STR(",\"payload\":"));
        buf_append_str(body, str_from(method->payload_json));
    }
    if (method->response_timeout_s > 0) {
        buf_append_format(body, ",\"responseTimeoutInSeconds\":%d", method->response_timeout_s);
    }
    buf_append_format(body, ",\"connectTimeoutInSeconds\":%d}", method->connect_timeout_s);
}

static enum iothub_result take_answer(cJSON *answer, int *ret_status, cJSON **ret_payload,
                                      struct iothub_error *error)
{
    const enum iothub_result result = service_read_int(answer, "status", ret_status, error);
    if (result != IOTHUB_OK) {
        return result;
    }
    cJSON *payload = cJSON_DetachItemFromObjectCaseSensitive(answer, "payload");
    if (cJSON_IsNull(payload)) {
        cJSON_Delete(TAKE(payload));
    }
    *ret_payload = payload;
    return IOTHUB_OK;
}

enum iothub_result iothub_service_method_invoke(struct iothub_service *service,
                                                struct iothub_service_id id,
                                                const struct iothub_service_method *method,
                                                int *ret_status, cJSON **ret_payload,
                                                struct iothub_error *error)
{
    enum iothub_result result = service_check_id(id, error);
    result = result == IOTHUB_OK ? check(method, error) : result;
    if (result != IOTHUB_OK) {
        return result;
    }
    struct buf body CLEANUP(buf_finish) = BUF_INIT(SERVICE_BODY_SIZE_MAX);
    append_method(&body, method);
    if (buf_status(&body) != STATUS_OK) {
        return service_not_built(error, buf_status(&body));
    }
    struct service_request request CLEANUP(service_request_finish);
    service_request_init(&request, "POST");
    service_url_id(&request.url, &service->endpoint, "twins", id, "/methods");
    request.body = buf_str(&body);
    request.extra_time_s =
        method->connect_timeout_s +
        (method->response_timeout_s > 0 ? method->response_timeout_s : RESPONSE_TIMEOUT_S_DEFAULT);
    cJSON *answer CLEANUP(json_destroyp) = NULL;
    result = service_exchange(service, &request, &answer, error);
    return result == IOTHUB_OK ? take_answer(answer, ret_status, ret_payload, error) : result;
}
