/* SPDX-License-Identifier: MIT */
#include "clients/cli/sas_explain.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/sas.h"
#include "base/url.h"
#include "clients/cli/duration.h"
#include "clients/cli/hub_kind.h"
#include "clients/cli/service.h"

enum { TEXT_MAX = 8192, ID_SIZE = 256 };

/* ---- with which key? ---- */

/* True when one of the keys made it; `out` says which, or that none did. */
static bool try_keys(const struct sas_token *token, const char *whose, struct str primary,
                     struct str secondary, struct buf *out)
{
    const bool by_primary = sas_verify(token, primary);
    const bool by_secondary = !by_primary && sas_verify(token, secondary);
    buf_append_format(out, "%s %s %s",
                      by_primary || by_secondary ? "good: made with the" : "wrong: not made with a",
                      by_primary     ? "primary key of"
                      : by_secondary ? "secondary key of"
                                     : "key of",
                      whose);
    return by_primary || by_secondary;
}

static bool try_string(const struct sas_token *token, const char *text, struct buf *out)
{
    struct connection_string parts;
    if (connection_string_parse(str_from(text), &parts, NULL) != STATUS_OK) {
        buf_append_str(out, STR("not checked: the connection string cannot be read"));
        return false;
    }
    const bool good = sas_verify(token, parts.shared_access_key);
    buf_append_format(out, "%s the key of the connection string",
                      good ? "good: made with" : "wrong: not made with");
    return good;
}

/* "host/devices/d1/modules/m1" -> d1, m1; both decoded once already. */
static bool find_ids(struct str resource, char device[ID_SIZE], char module[ID_SIZE])
{
    struct str pieces[5] = {{0}};
    size_t count = 0;
    bool more = true;
    while (more && count < ARRAY_SIZE(pieces)) {
        more = str_cut(resource, '/', &pieces[count], &resource);
        count++;
    }
    const bool of_device = count >= 3 && str_equal(pieces[1], STR("devices"));
    const bool of_module = count >= 5 && str_equal(pieces[3], STR("modules"));
    if (!of_device || pieces[2].size >= ID_SIZE || pieces[4].size >= ID_SIZE) {
        return false;
    }
    memcpy(device, pieces[2].data, pieces[2].size);
    device[pieces[2].size] = '\0';
    memcpy(module, of_module ? pieces[4].data : "", of_module ? pieces[4].size : 0);
    module[of_module ? pieces[4].size : 0] = '\0';
    return true;
}

static bool try_registry(const struct cli_call *call, const struct sas_token *token,
                         const char *device, const char *module, struct buf *out)
{
    CLEANUP(cli_service_finish) struct cli_service service;
    CLEANUP(json_destroyp) cJSON *identity = NULL;
    struct iothub_error error;
    const struct iothub_service_id id = {.device_id = device,
                                         .module_id = module[0] == '\0' ? NULL : module};
    if (cli_service_open(call, &service) != CLI_DONE) {
        buf_append_str(out, STR("not checked: no hub can be asked for the device's key"));
        return false;
    }
    if (iothub_service_identity_get(service.client, id, &identity, &error) != IOTHUB_OK) {
        buf_append_format(out, "not checked: %s", error.text);
        return false;
    }
    return try_keys(token, module[0] == '\0' ? "the device" : "the module",
                    str_from(iothub_service_identity_key(identity, IOTHUB_SERVICE_PRIMARY_KEY)),
                    str_from(iothub_service_identity_key(identity, IOTHUB_SERVICE_SECONDARY_KEY)),
                    out);
}

static bool try_policy(const struct cli_call *call, const struct sas_token *token,
                       struct str policy_name, struct buf *out)
{
    CLEANUP(ready_file_finish) struct ready_file ready = {0};
    const char *login = cli_value(call, "login");
    const char *variable = getenv(CLI_CONNECTION_VARIABLE);
    const char *string = login != NULL ? login : variable;
    struct connection_string parts = {0};
    if (string != NULL && connection_string_parse(str_from(string), &parts, NULL) == STATUS_OK &&
        str_equal_nocase(parts.shared_access_key_name, policy_name)) {
        return try_string(token, string, out);
    }
    const bool found = ready_file_find(&ready, NULL) == READY_FOUND;
    const cJSON *policy = found ? hub_emulator_policy(&ready, policy_name) : NULL;
    if (policy == NULL) {
        buf_append_str(out, STR("not checked: the key of that policy is not at hand"));
        return false;
    }
    return try_keys(token, "the policy", json_str(json_member(policy, "primaryKey")),
                    json_str(json_member(policy, "secondaryKey")), out);
}

static bool judge_signature(const struct cli_call *call, const struct sas_token *token,
                            struct str resource, struct str policy, struct buf *out)
{
    char device[ID_SIZE];
    char module[ID_SIZE];
    const char *string = cli_value(call, "connection-string");
    if (string != NULL) {
        return try_string(token, string, out);
    }
    if (policy.size > 0) {
        return try_policy(call, token, policy, out);
    }
    if (find_ids(resource, device, module)) {
        return try_registry(call, token, device, module, out);
    }
    buf_append_str(out, STR("not checked: it names no policy (skn) and no device (sr), so nobody "
                            "knows whose key it is"));
    return false;
}

/* ---- the rest ---- */

static void describe_expiry(const struct sas_token *token, struct buf *out)
{
    const int64_t left_s = token->expiry_s - clock_now_us(&CLOCK_SYSTEM) / CLOCK_SECOND;
    buf_append_str(out, left_s > 0 ? STR("expires in ") : STR("expired "));
    duration_append(out, left_s);
    buf_append_str(out, left_s > 0 ? STR("") : STR(" ago"));
}

static bool add_text(cJSON *document, const char *name, const struct buf *text)
{
    return buf_status(text) == STATUS_OK &&
           cJSON_AddStringToObject(document, name, text->data == NULL ? "" : text->data) != NULL;
}

static enum cli_exit print(const struct cli_call *call, const struct sas_token *token,
                           cJSON *document)
{
    CLEANUP(buf_finish) struct buf resource = BUF_INIT(TEXT_MAX);
    CLEANUP(buf_finish) struct buf policy = BUF_INIT(TEXT_MAX);
    CLEANUP(buf_finish) struct buf expiry = BUF_INIT(TEXT_MAX);
    CLEANUP(buf_finish) struct buf validity = BUF_INIT(TEXT_MAX);
    CLEANUP(buf_finish) struct buf signature = BUF_INIT(TEXT_MAX);
    url_decode_append(&resource, token->resource);
    url_decode_append(&policy, token->policy);
    clock_append_iso(&expiry, token->expiry_s * CLOCK_SECOND);
    describe_expiry(token, &validity);
    const bool good =
        judge_signature(call, token, buf_str(&resource), buf_str(&policy), &signature);
    const bool alive = token->expiry_s > clock_now_us(&CLOCK_SYSTEM) / CLOCK_SECOND;
    const bool ok =
        add_text(document, "resource", &resource) && add_text(document, "policy", &policy) &&
        add_text(document, "expiry", &expiry) && add_text(document, "validity", &validity) &&
        add_text(document, "signature", &signature) &&
        cJSON_AddBoolToObject(document, "accepted", good && alive) != NULL;
    return ok ? cli_print(call, document, CLI_ALL_MEMBERS) : cli_fail(CLI_FAILED, "out of memory");
}

enum cli_exit sas_explain(const struct cli_call *call, const char *token)
{
    struct sas_token parts;
    struct problem problem = {0};
    CLEANUP(json_destroyp) cJSON *document = cJSON_CreateObject();
    if (sas_parse(str_from(token), &parts, &problem) != STATUS_OK) {
        return cli_fail(CLI_MISUSED, "it is no token: %s", problem.text);
    }
    return document == NULL ? cli_fail(CLI_FAILED, "out of memory") : print(call, &parts, document);
}
