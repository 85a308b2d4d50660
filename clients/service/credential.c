/* SPDX-License-Identifier: MIT */
#include "clients/service/service_internal.h"

#include "base/clock.h"
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

static enum status check_signature(struct str signature, struct problem *problem)
{
    struct sas_token token;
    struct problem why = {.offset = PROBLEM_NO_OFFSET};
    if (sas_parse(signature, &token, &why) != STATUS_OK) {
        problem_set(problem, PROBLEM_NO_OFFSET, "the SharedAccessSignature cannot be read: %s",
                    why.text);
        return STATUS_INVALID;
    }
    return STATUS_OK;
}

/* A key is preferred where both are given, as the SDKs for Python and Node do. */
static enum status check_parts(const struct connection_string *parts, struct problem *problem)
{
    if (parts->shared_access_key.size == 0 && parts->shared_access_signature.size > 0) {
        return check_signature(parts->shared_access_signature, problem);
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

enum status service_read_connection_string(struct str text, struct iothub_service *service,
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
    if (status == STATUS_OK && str_ends(parts->host_name, STR(".azure-devices-provisioning.net"))) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "this is the connection string of a device provisioning service, and not of "
                    "the hub that it provisions for");
        return STATUS_INVALID;
    }
    return status == STATUS_OK
               ? endpoint_parse(parts->host_name, SERVICE_PORT, &service->endpoint, problem)
               : status;
}

/* ---- The token ---- */

/* Also when the clock was set back: for how long a token still lives cannot be told then. */
bool service_token_is_fresh(int64_t made_at_s, int64_t lifetime_s, int64_t now_s)
{
    return now_s >= made_at_s && now_s - made_at_s < lifetime_s - lifetime_s / 5;
}

static enum status check_not_expired(struct str signature, int64_t now_s, struct problem *problem)
{
    struct sas_token token;
    if (sas_parse(signature, &token, problem) != STATUS_OK) {
        return STATUS_INVALID;
    }
    if (token.expiry_s > now_s) {
        return STATUS_OK;
    }
    char expiry[CLOCK_TEXT_SIZE];
    clock_text_iso(token.expiry_s * CLOCK_SECOND, expiry);
    problem_set(problem, PROBLEM_NO_OFFSET,
                "the SharedAccessSignature of the connection string expired at %.19s UTC; a new "
                "one is needed",
                expiry);
    return STATUS_INVALID;
}

enum status service_token_refresh(struct iothub_service *service, struct problem *problem)
{
    const struct connection_string *parts = &service->parts;
    const struct clock clock = CLOCK_SYSTEM;
    const int64_t now_s = clock_now_us(&clock) / CLOCK_SECOND;
    const bool is_given = parts->shared_access_key.size == 0;
    if (is_given) {
        const enum status status =
            check_not_expired(parts->shared_access_signature, now_s, problem);
        if (status != STATUS_OK || service->token.size > 0) {
            return status;
        }
    } else if (service->token.size > 0 &&
               service_token_is_fresh(service->token_made_at_s, service->token_lifetime_s, now_s)) {
        return STATUS_OK;
    }
    buf_clear(&service->token);
    enum status status = STATUS_OK;
    if (is_given) {
        buf_append_str(&service->token, parts->shared_access_signature);
        status = buf_status(&service->token);
    } else {
        status =
            sas_sign(&service->token, str_from(service->endpoint.host), parts->shared_access_key,
                     parts->shared_access_key_name, now_s + service->token_lifetime_s);
        service->token_made_at_s = now_s;
    }
    if (status != STATUS_OK) {
        buf_clear(&service->token); /* half a token is none */
    }
    return status;
}
