/* SPDX-License-Identifier: MIT */
#include "clients/cli/sas_key.h"

#include "base/sas.h"
#include "clients/cli/hub_kind.h"
#include "clients/cli/service.h"
#include "clients/endpoint/endpoint.h"

enum { TEXT_MAX = 4096, ANY_PORT = 443 };

void sas_key_finish(struct sas_key *key)
{
    buf_finish(&key->resource);
    buf_finish(&key->key);
    buf_finish(&key->policy);
}

bool sas_append_resource(struct buf *out, const struct connection_string *parts)
{
    struct endpoint endpoint;
    if (endpoint_parse(parts->host_name, ANY_PORT, &endpoint, NULL) != STATUS_OK) {
        return false;
    }
    buf_append_format(out, "%s", endpoint.host);
    if (parts->device_id.size > 0) {
        buf_append_format(out, "/devices/%.*s", STR_ARG(parts->device_id));
    }
    if (parts->module_id.size > 0) {
        buf_append_format(out, "/modules/%.*s", STR_ARG(parts->module_id));
    }
    return true;
}

static bool wants_secondary(const struct cli_call *call)
{
    const char *type = cli_value(call, "key-type");
    return type != NULL && strcmp(type, "secondary") == 0;
}

/* ---- a connection string's own ---- */

static enum cli_exit use_string(const char *text, struct sas_key *key)
{
    struct connection_string parts;
    struct problem problem = {0};
    if (connection_string_parse(str_from(text), &parts, &problem) != STATUS_OK) {
        return cli_fail(CLI_MISUSED, "%s", problem.text);
    }
    if (!sas_append_resource(&key->resource, &parts)) {
        return cli_fail(CLI_MISUSED, "HostName of the connection string is no host");
    }
    if (parts.shared_access_key.size == 0) {
        return cli_fail(CLI_MISUSED, "the connection string has no SharedAccessKey to sign with");
    }
    if (!sas_key_valid(parts.shared_access_key)) {
        return cli_fail(CLI_MISUSED, "the SharedAccessKey is not base64 of 16 to 64 bytes");
    }
    buf_append_str(&key->key, parts.shared_access_key);
    buf_append_str(&key->policy, parts.shared_access_key_name);
    return CLI_DONE;
}

/* ---- a device's, of the registry ---- */

static enum cli_exit use_device(const struct cli_call *call, struct sas_key *key)
{
    const struct iothub_service_id id = {.device_id = cli_value(call, "device-id"),
                                         .module_id = cli_value(call, "module-id")};
    CLEANUP(cli_service_finish) struct cli_service service;
    CLEANUP(json_destroyp) cJSON *identity = NULL;
    struct iothub_error error;
    const enum cli_exit opened = cli_service_open(call, &service);
    if (opened != CLI_DONE) {
        return opened;
    }
    if (iothub_service_identity_get(service.client, id, &identity, &error) != IOTHUB_OK) {
        return hub_fail(&service.hub, &error);
    }
    const char *text =
        iothub_service_identity_key(identity, wants_secondary(call) ? IOTHUB_SERVICE_SECONDARY_KEY
                                                                    : IOTHUB_SERVICE_PRIMARY_KEY);
    if (text[0] == '\0') {
        return cli_fail(CLI_FAILED, "it has no key: it proves itself by a certificate");
    }
    const struct connection_string parts = {
        .host_name = str_from(iothub_service_host(service.client)),
        .device_id = str_from(id.device_id),
        .module_id = str_from(id.module_id),
    };
    buf_append_format(&key->key, "%s", text);
    return sas_append_resource(&key->resource, &parts)
               ? CLI_DONE
               : cli_fail(CLI_FAILED, "HostName of the connection string is no host");
}

/* ---- a policy's ---- */

/* Another policy, or the secondary key, is known of the emulator that runs here only. */
static enum cli_exit use_policy(const struct cli_call *call, const struct hub *hub,
                                struct sas_key *key)
{
    const char *name = cli_value(call, "policy-name");
    const struct str wanted = name == NULL ? buf_str(&key->policy) : str_from(name);
    if (str_equal_nocase(wanted, buf_str(&key->policy)) && !wants_secondary(call)) {
        return CLI_DONE;
    }
    const cJSON *policy = hub_emulator_policy(&hub->ready, wanted);
    if (policy == NULL) {
        return cli_fail(hub->source == HUB_FROM_READY_FILE ? CLI_FAILED : CLI_MISUSED,
                        hub->source == HUB_FROM_READY_FILE
                            ? "the emulator has no policy called \"%.*s\""
                            : "that key of policy \"%.*s\" is not known: give the policy's own "
                              "connection string with --connection-string",
                        STR_ARG(wanted));
    }
    const struct str text =
        json_str(json_member(policy, wants_secondary(call) ? "secondaryKey" : "primaryKey"));
    const struct str called = json_str(json_member(policy, "name"));
    buf_clear(&key->key);
    buf_append_str(&key->key, text);
    buf_clear(&key->policy);
    buf_append_str(&key->policy, called);
    return CLI_DONE;
}

static enum cli_exit use_hub(const struct cli_call *call, struct sas_key *key)
{
    CLEANUP(hub_finish) struct hub hub = {0};
    enum cli_exit exit_code = hub_find(call, &hub);
    if (exit_code == CLI_DONE) {
        exit_code = use_string(hub.connection_string, key);
    }
    return exit_code == CLI_DONE ? use_policy(call, &hub, key) : exit_code;
}

enum cli_exit sas_key_find(const struct cli_call *call, struct sas_key *ret_key)
{
    *ret_key = (struct sas_key){
        .resource = BUF_INIT(TEXT_MAX), .key = BUF_INIT(TEXT_MAX), .policy = BUF_INIT(TEXT_MAX)};
    const char *string = cli_value(call, "connection-string");
    enum cli_exit exit_code = CLI_DONE;
    if (cli_given(call, "module-id") && !cli_given(call, "device-id")) {
        return cli_fail(CLI_MISUSED, "--module-id needs --device-id");
    }
    if (string != NULL &&
        (cli_given(call, "device-id") || cli_given(call, "policy-name") || wants_secondary(call))) {
        return cli_fail(CLI_MISUSED, "--connection-string says already for whom, and which key");
    }
    if (string != NULL) {
        exit_code = use_string(string, ret_key);
    } else if (cli_given(call, "device-id")) {
        exit_code = use_device(call, ret_key);
    } else {
        exit_code = use_hub(call, ret_key);
    }
    const bool whole = buf_status(&ret_key->resource) == STATUS_OK &&
                       buf_status(&ret_key->key) == STATUS_OK &&
                       buf_status(&ret_key->policy) == STATUS_OK;
    return exit_code != CLI_DONE || whole ? exit_code
                                          : cli_fail(CLI_MISUSED, "the names are too long");
}
