/* SPDX-License-Identifier: MIT */
#include "clients/service/service_internal.h"

#include <stdio.h>

#include "base/random.h"

static cJSON *key_node(const cJSON *identity, enum iothub_service_key which)
{
    const cJSON *keys = json_member(json_member(identity, "authentication"), "symmetricKey");
    return json_member(keys, which == IOTHUB_SERVICE_PRIMARY_KEY ? "primaryKey" : "secondaryKey");
}

const char *iothub_service_identity_key(const cJSON *identity, enum iothub_service_key which)
{
    const char *key = cJSON_GetStringValue(key_node(identity, which));
    return key == NULL ? "" : key;
}

/* ---- changing them, as az does: read, change, write back ---- */

static enum status renew(cJSON *node, struct random *random)
{
    char key[RANDOM_KEY_SIZE];
    random_key(random, key);
    return cJSON_SetValuestring(node, key) == NULL ? STATUS_NO_MEMORY : STATUS_OK;
}

static enum status change_keys(cJSON *primary, cJSON *secondary,
                               enum iothub_service_key_change change)
{
    if (change == IOTHUB_SERVICE_SWAP_KEYS) {
        char *const kept = primary->valuestring;
        primary->valuestring = secondary->valuestring;
        secondary->valuestring = kept;
        return STATUS_OK;
    }
    struct random random;
    enum status status = random_init_system(&random);
    if (status == STATUS_OK && change != IOTHUB_SERVICE_NEW_SECONDARY_KEY) {
        status = renew(primary, &random);
    }
    if (status == STATUS_OK && change != IOTHUB_SERVICE_NEW_PRIMARY_KEY) {
        status = renew(secondary, &random);
    }
    return status;
}

static bool is_text(const cJSON *node)
{
    return cJSON_IsString(node) && node->valuestring[0] != '\0';
}

enum iothub_result iothub_service_change_keys(struct iothub_service *service,
                                              struct iothub_service_id id,
                                              enum iothub_service_key_change change,
                                              cJSON **ret_identity, struct iothub_error *error)
{
    cJSON *identity CLEANUP(json_destroyp) = NULL;
    const enum iothub_result result = iothub_service_identity_get(service, id, &identity, error);
    if (result != IOTHUB_OK) {
        return result;
    }
    cJSON *primary = key_node(identity, IOTHUB_SERVICE_PRIMARY_KEY);
    cJSON *secondary = key_node(identity, IOTHUB_SERVICE_SECONDARY_KEY);
    if (!is_text(primary) || !is_text(secondary)) {
        return service_failed(error, IOTHUB_INVALID,
                              "%s has no keys: it proves who it is in another way",
                              id.module_id == NULL ? id.device_id : id.module_id);
    }
    const enum status status = change_keys(primary, secondary, change);
    if (status != STATUS_OK) {
        return status == STATUS_NO_MEMORY
                   ? service_no_memory(error)
                   : service_failed(error, IOTHUB_UNAVAILABLE,
                                    "this machine gives no random bytes for a key");
    }
    const char *etag = cJSON_GetStringValue(json_member(identity, "etag"));
    return iothub_service_identity_update(service, identity, etag, ret_identity, error);
}

/* ---- connection strings, as az writes them ---- */

static enum iothub_result proof_of(const cJSON *identity, enum iothub_service_key which,
                                   const char **ret_name, const char **ret_value,
                                   struct iothub_error *error)
{
    const struct str type = json_str(json_member(json_member(identity, "authentication"), "type"));
    const char *key = iothub_service_identity_key(identity, which);
    if (str_equal_nocase(type, STR("sas")) && key[0] != '\0') {
        *ret_name = "SharedAccessKey";
        *ret_value = key;
        return IOTHUB_OK;
    }
    if (str_equal_nocase(type, STR("selfSigned")) ||
        str_equal_nocase(type, STR("certificateAuthority"))) {
        *ret_name = "x509";
        *ret_value = "true";
        return IOTHUB_OK;
    }
    return service_failed(error, IOTHUB_INVALID,
                          "there is no connection string for this identity: it has neither keys "
                          "nor a certificate");
}

enum iothub_result iothub_service_connection_string(
    const struct iothub_service *service, const cJSON *identity, enum iothub_service_key which,
    char ret_text[IOTHUB_SERVICE_CONNECTION_STRING_SIZE], struct iothub_error *error)
{
    const struct iothub_service_id id = service_id_of(identity);
    const char *name = NULL;
    const char *value = NULL;
    enum iothub_result result = service_check_id(id, error);
    result = result == IOTHUB_OK ? proof_of(identity, which, &name, &value, error) : result;
    if (result != IOTHUB_OK) {
        return result;
    }
    char text[IOTHUB_SERVICE_CONNECTION_STRING_SIZE];
    const int size =
        snprintf(text, sizeof(text), "HostName=%s;DeviceId=%s%s%s;%s=%s", service->endpoint.host,
                 id.device_id,
                 id.module_id == NULL ? "" : ";ModuleId=", id.module_id == NULL ? "" : id.module_id,
                 name, value);
    if (size < 0 || (size_t)size >= sizeof(text)) {
        return service_failed(error, IOTHUB_INVALID, "the identity's key is no key: too long");
    }
    memcpy(ret_text, text, (size_t)size + 1);
    return IOTHUB_OK;
}
