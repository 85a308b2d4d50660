/* SPDX-License-Identifier: MIT */
#include "clients/service/service_internal.h"

#include <stdio.h>

/* Service API reference, 2.5 and 2.6. */

enum { DEVICES_MAX = 1000 };

/* ---- what is registered ---- */

static void append_member(struct buf *body, const char *name, const char *value)
{
    if (value != NULL) {
        buf_append_format(body, ",\"%s\":", name);
        json_append_string(body, str_from(value));
    }
}

static void append_authentication(struct buf *body,
                                  const struct iothub_service_registration *registration)
{
    static const char *const types[] = {
        [IOTHUB_SERVICE_AUTH_KEYS] = "sas",
        [IOTHUB_SERVICE_AUTH_SELF_SIGNED] = "selfSigned",
        [IOTHUB_SERVICE_AUTH_CA] = "certificateAuthority",
    };
    buf_append_format(body, ",\"authentication\":{\"type\":\"%s\"", types[registration->auth]);
    if (registration->auth == IOTHUB_SERVICE_AUTH_KEYS && registration->primary_key != NULL) {
        buf_append_str(body, STR(",\"symmetricKey\":{\"primaryKey\":"));
        json_append_string(body, str_from(registration->primary_key));
        append_member(body, "secondaryKey", registration->secondary_key);
        buf_append_byte(body, '}');
    } else if (registration->auth == IOTHUB_SERVICE_AUTH_SELF_SIGNED) {
        buf_append_str(body, STR(",\"x509Thumbprint\":{\"primaryThumbprint\":"));
        json_append_string(body, str_from(registration->primary_thumbprint));
        append_member(body, "secondaryThumbprint", registration->secondary_thumbprint);
        buf_append_byte(body, '}');
    }
    buf_append_byte(body, '}');
}

void service_append_registration(struct buf *body, bool is_module,
                                 const struct iothub_service_registration *registration)
{
    if (is_module) {
        append_member(body, "managedBy", registration->managed_by);
    } else {
        append_member(body, "status", registration->disabled ? "disabled" : "enabled");
        append_member(body, "statusReason", registration->status_reason);
        buf_append_format(body, ",\"capabilities\":{\"iotEdge\":%s}",
                          registration->iot_edge ? "true" : "false");
    }
    append_authentication(body, registration);
}

enum iothub_result
iothub_service_identity_create(struct iothub_service *service, struct iothub_service_id id,
                               const struct iothub_service_registration *registration,
                               cJSON **ret_identity, struct iothub_error *error)
{
    static const struct iothub_service_registration plain = {.disabled = false};
    const struct iothub_service_registration *wanted = registration == NULL ? &plain : registration;
    enum iothub_result result = service_check_id(id, error);
    result = result == IOTHUB_OK ? service_check_registration(wanted, error) : result;
    if (result != IOTHUB_OK) {
        return result;
    }
    struct buf body CLEANUP(buf_finish) = BUF_INIT(SERVICE_BODY_SIZE_MAX);
    buf_append_str(&body, STR("{\"deviceId\":"));
    json_append_string(&body, str_from(id.device_id));
    append_member(&body, "moduleId", id.module_id);
    service_append_registration(&body, id.module_id != NULL, wanted);
    buf_append_byte(&body, '}');
    if (buf_status(&body) != STATUS_OK) {
        return service_not_built(error, buf_status(&body));
    }
    struct service_request request CLEANUP(service_request_finish);
    service_request_init(&request, "PUT"); /* without If-Match: creates only (2.3) */
    service_url_id(&request.url, &service->endpoint, "devices", id, "");
    request.body = buf_str(&body);
    return service_exchange(service, &request, ret_identity, error);
}

/* ---- one ---- */

enum iothub_result iothub_service_identity_get(struct iothub_service *service,
                                               struct iothub_service_id id, cJSON **ret_identity,
                                               struct iothub_error *error)
{
    const enum iothub_result result = service_check_id(id, error);
    if (result != IOTHUB_OK) {
        return result;
    }
    struct service_request request CLEANUP(service_request_finish);
    service_request_init_read(&request, "GET");
    service_url_id(&request.url, &service->endpoint, "devices", id, "");
    return service_exchange(service, &request, ret_identity, error);
}

struct iothub_service_id service_id_of(const cJSON *identity)
{
    return (struct iothub_service_id){
        .device_id = cJSON_GetStringValue(json_member(identity, "deviceId")),
        .module_id = cJSON_GetStringValue(json_member(identity, "moduleId")),
    };
}

enum iothub_result iothub_service_identity_update(struct iothub_service *service,
                                                  const cJSON *identity, const char *etag,
                                                  cJSON **ret_identity, struct iothub_error *error)
{
    const struct iothub_service_id id = service_id_of(identity);
    if (id.device_id == NULL) {
        return service_failed(error, IOTHUB_INVALID, "the identity has no deviceId");
    }
    enum iothub_result result = service_check_id(id, error);
    result = result == IOTHUB_OK ? service_check_etag(etag, error) : result;
    if (result != IOTHUB_OK) {
        return result;
    }
    struct buf body CLEANUP(buf_finish) = BUF_INIT(SERVICE_BODY_SIZE_MAX);
    json_append_tree(&body, identity);
    if (buf_status(&body) != STATUS_OK) {
        return service_not_built(error, buf_status(&body));
    }
    struct service_request request CLEANUP(service_request_finish);
    service_request_init(&request, "PUT");
    service_url_id(&request.url, &service->endpoint, "devices", id, "");
    request.body = buf_str(&body);
    request.etag = etag == NULL ? "*" : etag;
    return service_exchange(service, &request, ret_identity, error);
}

enum iothub_result iothub_service_identity_delete(struct iothub_service *service,
                                                  struct iothub_service_id id, const char *etag,
                                                  struct iothub_error *error)
{
    enum iothub_result result = service_check_id(id, error);
    result = result == IOTHUB_OK ? service_check_etag(etag, error) : result;
    if (result != IOTHUB_OK) {
        return result;
    }
    struct service_request request CLEANUP(service_request_finish);
    service_request_init(&request, "DELETE");
    service_url_id(&request.url, &service->endpoint, "devices", id, "");
    request.etag = etag == NULL ? "*" : etag;
    return service_command(service, &request, error);
}

/* ---- several ---- */

enum iothub_result iothub_service_devices(struct iothub_service *service, int top,
                                          cJSON **ret_identities, struct iothub_error *error)
{
    const enum iothub_result result =
        service_check_range("number of devices", top, 1, DEVICES_MAX, error);
    if (result != IOTHUB_OK) {
        return result;
    }
    char query[sizeof("&top=1000")];
    (void)snprintf(query, sizeof(query), "&top=%d", top);
    struct service_request request CLEANUP(service_request_finish);
    service_request_init_read(&request, "GET");
    service_url(&request.url, &service->endpoint, "/devices", query);
    return service_exchange(service, &request, ret_identities, error);
}

enum iothub_result iothub_service_modules(struct iothub_service *service, const char *device_id,
                                          cJSON **ret_identities, struct iothub_error *error)
{
    const struct iothub_service_id id = {.device_id = device_id};
    const enum iothub_result result = service_check_id(id, error);
    if (result != IOTHUB_OK) {
        return result;
    }
    struct service_request request CLEANUP(service_request_finish);
    service_request_init_read(&request, "GET");
    service_url_id(&request.url, &service->endpoint, "devices", id, "/modules");
    return service_exchange(service, &request, ret_identities, error);
}
