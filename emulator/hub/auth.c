/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <inttypes.h>

#include "base/sas.h"
#include "base/url.h"
#include "hub/hub_internal.h"

enum { RESOURCE_SIZE_MAX = 2048 };

static const struct {
    const char *name;
    unsigned permissions;
} default_policies[HUB_POLICY_COUNT] = {
    {"iothubowner",
     HUB_REGISTRY_READ | HUB_REGISTRY_WRITE | HUB_SERVICE_CONNECT | HUB_DEVICE_CONNECT},
    {"service", HUB_SERVICE_CONNECT},
    {"device", HUB_DEVICE_CONNECT},
    {"registryRead", HUB_REGISTRY_READ},
    {"registryReadWrite", HUB_REGISTRY_READ | HUB_REGISTRY_WRITE},
};

void hub_policies_generate(struct random *random, struct hub_policy policies[HUB_POLICY_COUNT])
{
    for (size_t i = 0; i < HUB_POLICY_COUNT; i++) {
        policies[i] = (struct hub_policy){
            .name = default_policies[i].name,
            .permissions = default_policies[i].permissions,
        };
        random_key(random, policies[i].primary_key);
        random_key(random, policies[i].secondary_key);
    }
}

static const char *permission_name(unsigned permission)
{
    switch (permission) {
    case HUB_REGISTRY_READ:
        return "RegistryRead";
    case HUB_REGISTRY_WRITE:
        return "RegistryWrite";
    case HUB_SERVICE_CONNECT:
        return "ServiceConnect";
    case HUB_DEVICE_CONNECT:
        return "DeviceConnect";
    default:
        return "another permission";
    }
}

/* Is `prefix` the same path as `whole`, or a beginning of it that ends with a segment? */
static bool covers(struct str prefix, struct str whole)
{
    return str_starts(whole, prefix) &&
           (whole.size == prefix.size || prefix.size == 0 || whole.data[prefix.size] == '/');
}

static struct str without_trailing_slashes(struct str path)
{
    while (path.size > 0 && path.data[path.size - 1] == '/') {
        path.size--;
    }
    return path;
}

/* "/devices/d1/api-version=2016-11-14" for "/devices/d1", as old device samples write it; but the
 * token of a module is not one for its device (device protocol reference, 7.1). */
static bool goes_on_below(struct str resource, struct str path)
{
    return covers(path, resource) && !str_starts(str_skip(resource, path.size), STR("/modules/"));
}

/* The path of what the token is for, without a slash at its end; it and the host are in `decoded`.
 */
static struct str resource_path(const struct sas_token *token, struct buf *decoded,
                                struct str *ret_host)
{
    buf_clear(decoded);
    url_decode_append(decoded, token->resource);
    struct str resource = buf_str(decoded);
    for (size_t i = 0; i + 2 < resource.size; i++) {
        if (str_starts(str_skip(resource, i), STR("://"))) {
            resource = str_skip(resource, i + 3);
            break;
        }
    }
    const size_t slash = str_find(resource, '/');
    *ret_host = slash == SIZE_MAX ? resource : str_of(resource.data, slash);
    return slash == SIZE_MAX ? STR_EMPTY : without_trailing_slashes(str_skip(resource, slash));
}

/* Does the token's resource cover `path` ("/devices/d1")? `longer_too` also takes a resource that
 * goes on below the path. */
static bool resource_covers(const struct hub *hub, const struct sas_token *token, struct str path,
                            bool longer_too, struct problem *problem)
{
    CLEANUP(buf_finish) struct buf decoded = BUF_INIT(RESOURCE_SIZE_MAX);
    struct str host;
    const struct str rest = resource_path(token, &decoded, &host);
    if (!hub_answers_to(hub, host)) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "the token is for the host '%.*s' (its sr), which this hub does not answer to",
                    STR_ARG(host));
        return false;
    }
    if (covers(rest, path) || (longer_too && goes_on_below(rest, path))) {
        return true;
    }
    problem_set(problem, PROBLEM_NO_OFFSET,
                "the token is for '%.*s' (its sr), but what is asked for is '%.*s'", STR_ARG(rest),
                STR_ARG(path));
    return false;
}

/* The expiry on the hub's scale. */
static int64_t expiry_us(const struct sas_token *token)
{
    const int64_t latest_s = INT64_MAX / CLOCK_SECOND;
    return token->expiry_s >= latest_s ? INT64_MAX : token->expiry_s * CLOCK_SECOND;
}

/* "/devices/{d}", "/devices/{d}/modules/{m}", and whatever goes on below them. */
static struct identity_key key_in(struct str resource)
{
    struct identity_key key = {.device = STR_EMPTY, .module = STR_EMPTY};
    struct str segment;
    struct str rest;
    if (!str_starts(resource, STR("/devices/"))) {
        return key;
    }
    (void)str_cut(str_skip(resource, sizeof("/devices/") - 1), '/', &key.device, &rest);
    if (str_cut(rest, '/', &segment, &rest) && str_equal(segment, STR("modules"))) {
        (void)str_cut(rest, '/', &key.module, &rest);
    }
    return key;
}

enum hub_code hub_token_read(struct str text, struct buf *decoded, struct hub_token *ret_token,
                             struct problem *problem)
{
    struct sas_token token;
    struct str host;
    if (sas_parse(text, &token, problem) != STATUS_OK) {
        return HUB_UNAUTHORIZED_ACCESS;
    }
    const struct str resource = resource_path(&token, decoded, &host);
    if (buf_status(decoded) != STATUS_OK) {
        problem_set(problem, PROBLEM_NO_OFFSET, "the token's resource (sr) is too long");
        return HUB_UNAUTHORIZED_ACCESS;
    }
    *ret_token = (struct hub_token){
        .resource = resource,
        .key = key_in(resource),
        .policy = token.policy,
        .expires_us = expiry_us(&token),
    };
    return HUB_OK;
}

static bool still_valid(const struct hub *hub, const struct sas_token *token,
                        struct problem *problem)
{
    const int64_t now_s = hub_now_us(hub) / CLOCK_SECOND;
    if (token->expiry_s >= now_s || now_s - token->expiry_s <= hub->settings.token_skew_s) {
        return true;
    }
    problem_set(problem, PROBLEM_NO_OFFSET,
                "the token expired %" PRId64 " s ago (se=%" PRId64 ", the hub's clock says %" PRId64
                "); sign a new one, or set this machine's clock",
                now_s - token->expiry_s, token->expiry_s, now_s);
    return false;
}

static const struct hub_policy *policy_find(const struct hub *hub, struct str name)
{
    for (size_t i = 0; i < HUB_POLICY_COUNT; i++) {
        if (str_equal(name, str_from(hub->policies[i].name))) {
            return &hub->policies[i];
        }
    }
    return NULL;
}

/*
 * Event Hubs clients take a key as its text stands, those of IoT Hub decode it first. The built-in
 * endpoint is read by the former; nobody else signs for such a resource, so that a program which
 * forgot to decode its key is still told.
 */
static bool is_event_hubs_token(const struct sas_token *token)
{
    static const char *const schemes[] = {"sb://", "amqp://", "amqps://"};
    CLEANUP(buf_finish) struct buf resource = BUF_INIT(RESOURCE_SIZE_MAX);
    url_decode_append(&resource, token->resource);
    for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
        if (str_starts(buf_str(&resource), str_from(schemes[i]))) {
            return true;
        }
    }
    return false;
}

static bool policy_key_signs(const struct sas_token *token, const char *key)
{
    return sas_verify(token, str_from(key)) ||
           (is_event_hubs_token(token) && sas_verify_text(token, str_from(key)));
}

static bool signed_by_policy(const struct hub *hub, const struct sas_token *token,
                             unsigned permission, struct problem *problem)
{
    CLEANUP(buf_finish) struct buf name = BUF_INIT(SAS_TOKEN_SIZE_MAX);
    url_decode_append(&name, token->policy);
    const struct hub_policy *policy = policy_find(hub, buf_str(&name));
    if (policy == NULL) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "the token names the policy '%.*s' (its skn), which this hub does not have",
                    STR_ARG(buf_str(&name)));
        return false;
    }
    if (!policy_key_signs(token, policy->primary_key) &&
        !policy_key_signs(token, policy->secondary_key)) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "the token's signature is not made with a key of policy '%s'; compare the "
                    "SharedAccessKey of the connection string with the one this hub printed",
                    policy->name);
        return false;
    }
    if ((policy->permissions & permission) != permission) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "policy '%s' lacks the permission %s that this needs", policy->name,
                    permission_name(permission));
        return false;
    }
    return true;
}

enum hub_code hub_authorize(struct hub *hub, struct str token_text, unsigned permission,
                            struct str resource, struct problem *problem)
{
    if (token_text.size == 0) {
        problem_set(problem, PROBLEM_NO_OFFSET, "the request has no Authorization header");
        return HUB_UNAUTHORIZED_ACCESS;
    }
    struct sas_token token;
    if (sas_parse(token_text, &token, problem) != STATUS_OK) {
        return HUB_UNAUTHORIZED_ACCESS;
    }
    if (token.policy.size == 0) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "the token names no policy (skn): it is a device's token, and this needs a "
                    "policy with %s",
                    permission_name(permission));
        return HUB_UNAUTHORIZED_ACCESS;
    }
    if (!signed_by_policy(hub, &token, permission, problem) ||
        !resource_covers(hub, &token, resource, false, problem) ||
        !still_valid(hub, &token, problem)) {
        return HUB_UNAUTHORIZED_ACCESS;
    }
    return HUB_OK;
}

static bool path_of(struct buf *out, struct identity_key key)
{
    buf_append_format(out, "/devices/%.*s", STR_ARG(key.device));
    if (key.module.size > 0) {
        buf_append_format(out, "/modules/%.*s", STR_ARG(key.module));
    }
    return buf_status(out) == STATUS_OK;
}

static bool signed_by_identity(const struct sas_token *token,
                               const struct storage_identity *identity, struct problem *problem)
{
    if (identity->auth != STORAGE_AUTH_SAS) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "a token was sent, but this identity authenticates by '%s'",
                    storage_auth_name(identity->auth));
        return false;
    }
    if (sas_verify(token, identity->primary_key) || sas_verify(token, identity->secondary_key)) {
        return true;
    }
    problem_set(problem, PROBLEM_NO_OFFSET,
                "the token's signature is not made with a key of this %s; compare the "
                "SharedAccessKey of the connection string with the registry's",
                identity->key.module.size > 0 ? "module" : "device");
    return false;
}

static enum hub_code check_token(struct hub *hub, const struct hub_credentials *credentials,
                                 const struct storage_identity *identity,
                                 struct hub_principal *principal, struct problem *problem)
{
    struct sas_token token;
    if (sas_parse(credentials->token, &token, problem) != STATUS_OK) {
        return HUB_UNAUTHORIZED_ACCESS;
    }
    CLEANUP(buf_finish) struct buf path = BUF_INIT(RESOURCE_SIZE_MAX);
    if (!path_of(&path, credentials->key)) {
        return hub_fail(hub, STATUS_NO_MEMORY, problem);
    }
    const bool by_policy = token.policy.size > 0;
    const bool authentic = by_policy ? signed_by_policy(hub, &token, HUB_DEVICE_CONNECT, problem)
                                     : signed_by_identity(&token, identity, problem);
    if (!authentic || !resource_covers(hub, &token, buf_str(&path), true, problem) ||
        !still_valid(hub, &token, problem)) {
        return HUB_UNAUTHORIZED_ACCESS;
    }
    principal->method = by_policy                      ? HUB_AUTH_POLICY
                        : credentials->key.module.size ? HUB_AUTH_MODULE_KEY
                                                       : HUB_AUTH_DEVICE_KEY;
    principal->expires_us = expiry_us(&token);
    return HUB_OK;
}

static bool thumbprint_is(struct str registered, const struct hub_certificate *certificate)
{
    return registered.size > 0 && (str_equal_nocase(registered, str_from(certificate->sha1)) ||
                                   str_equal_nocase(registered, str_from(certificate->sha256)));
}

static enum hub_code check_certificate(struct hub *hub, const struct hub_certificate *certificate,
                                       const struct storage_identity *identity,
                                       struct hub_principal *principal, struct problem *problem)
{
    if (identity->auth != STORAGE_AUTH_SELF_SIGNED) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "a client certificate but no token was sent, and this identity authenticates "
                    "by '%s'",
                    storage_auth_name(identity->auth));
        return HUB_UNAUTHORIZED_ACCESS;
    }
    if (!thumbprint_is(identity->primary_thumbprint, certificate) &&
        !thumbprint_is(identity->secondary_thumbprint, certificate)) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "the client certificate's thumbprint %s (SHA-1) is not one of the registered",
                    certificate->sha1);
        return HUB_UNAUTHORIZED_ACCESS;
    }
    if (certificate->not_after_us < hub_now_us(hub)) {
        problem_set(problem, PROBLEM_NO_OFFSET, "the client certificate has expired");
        return HUB_UNAUTHORIZED_ACCESS;
    }
    principal->method = HUB_AUTH_THUMBPRINT;
    principal->expires_us = INT64_MAX;
    return HUB_OK;
}

/* A module is out when its device is. */
static enum hub_code check_enabled(struct hub *hub, const struct storage_identity *identity,
                                   struct arena *arena, struct problem *problem)
{
    const struct storage_identity *device = identity;
    if (identity->key.module.size > 0) {
        struct storage_identity *parent = NULL;
        const enum status status = storage_identity_get(
            hub->storage, (struct identity_key){.device = identity->key.device}, STORAGE_IDENTITY,
            arena, &parent);
        if (status != STATUS_OK) {
            return hub_fail(hub, status, problem);
        }
        device = parent == NULL ? identity : parent;
    }
    if (!device->enabled) {
        problem_set(problem, PROBLEM_NO_OFFSET, "device '%.*s' is disabled",
                    STR_ARG(device->key.device));
        return HUB_DEVICE_DISABLED;
    }
    return HUB_OK;
}

enum hub_code hub_authenticate(struct hub *hub, const struct hub_credentials *credentials,
                               struct hub_principal *ret_principal, struct problem *problem)
{
    CLEANUP(arena_finish) struct arena arena = ARENA_INIT(HUB_READ_ARENA_MAX);
    struct storage_identity *identity = NULL;
    if (hub_id_valid(credentials->key.device) &&
        (credentials->key.module.size == 0 || hub_id_valid(credentials->key.module))) {
        const enum status status = storage_identity_get(hub->storage, credentials->key,
                                                        STORAGE_IDENTITY, &arena, &identity);
        if (status != STATUS_OK) {
            return hub_fail(hub, status, problem);
        }
    }
    if (identity == NULL) {
        return hub_absent(credentials->key, problem);
    }
    struct hub_principal principal = {.id = identity->id, .generation = identity->generation};
    enum hub_code code;
    if (credentials->token.size > 0) {
        code = check_token(hub, credentials, identity, &principal, problem);
    } else if (credentials->certificate != NULL) {
        code = check_certificate(hub, credentials->certificate, identity, &principal, problem);
    } else {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "neither a token nor a client certificate was sent");
        code = HUB_UNAUTHORIZED_ACCESS;
    }
    if (code == HUB_OK) {
        code = check_enabled(hub, identity, &arena, problem);
    }
    if (code == HUB_OK) {
        *ret_principal = principal;
    }
    return code;
}

const char *hub_auth_method_name(enum hub_auth_method method)
{
    switch (method) {
    case HUB_AUTH_DEVICE_KEY:
        return "device.sas";
    case HUB_AUTH_MODULE_KEY:
        return "module.sas";
    case HUB_AUTH_POLICY:
        return "hub.sas";
    case HUB_AUTH_THUMBPRINT:
        return "device.x509Certificate";
    }
    assert(false);
    return "";
}
