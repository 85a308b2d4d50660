/* SPDX-License-Identifier: MIT */
#include "clients/service/service_internal.h"

#include <limits.h>

#include "base/sas.h"

/* ---- ids (service API reference, 2.5) ---- */

static const char id_specials[] = "-:.+%_#*?!(),=@;$'";

static bool is_alphanumeric(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static enum iothub_result check_one_id(const char *what, const char *id, struct iothub_error *error)
{
    const struct str text = str_from(id);
    if (text.size == 0) {
        return service_failed(error, IOTHUB_INVALID, "the %s id is missing", what);
    }
    if (text.size > SERVICE_ID_SIZE_MAX) {
        return service_failed(error, IOTHUB_INVALID,
                              "the %s id \"%.32s...\" has %zu characters; at most %d are allowed",
                              what, id, text.size, (int)SERVICE_ID_SIZE_MAX);
    }
    for (size_t i = 0; i < text.size; i++) {
        const char c = id[i];
        if (!is_alphanumeric(c) && strchr(id_specials, c) == NULL) {
            return service_failed(error, IOTHUB_INVALID,
                                  "character %zu of the %s id \"%s\" is not allowed: ids have "
                                  "letters (a to z), digits, and %s in them",
                                  i + 1, what, id, id_specials);
        }
    }
    return IOTHUB_OK;
}

enum iothub_result service_check_id(struct iothub_service_id id, struct iothub_error *error)
{
    const enum iothub_result result = check_one_id("device", id.device_id, error);
    return result == IOTHUB_OK && id.module_id != NULL ? check_one_id("module", id.module_id, error)
                                                       : result;
}

/* ---- documents, etags, numbers ---- */

enum iothub_result service_check_json(const char *what, const char *text,
                                      struct iothub_error *error)
{
    struct problem problem = {.offset = PROBLEM_NO_OFFSET};
    if (text == NULL) {
        return service_failed(error, IOTHUB_INVALID, "the %s is missing", what);
    }
    const enum status status = json_check(str_from(text), &problem);
    if (status == STATUS_INVALID) {
        return service_failed(error, IOTHUB_INVALID, "the %s is not JSON: %s", what, problem.text);
    }
    return status == STATUS_OK ? IOTHUB_OK : service_not_built(error, status);
}

enum iothub_result service_check_etag(const char *etag, struct iothub_error *error)
{
    const struct str text = str_from(etag);
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] <= ' ' || text.data[i] > '~' || text.data[i] == '"') {
            return service_failed(error, IOTHUB_INVALID,
                                  "the etag has a character in it that no etag has; give it as it "
                                  "stands in the tree, without quotation marks around it");
        }
    }
    return etag != NULL && text.size == 0
               ? service_failed(error, IOTHUB_INVALID, "the etag is empty")
               : IOTHUB_OK;
}

enum iothub_result service_check_range(const char *what, int value, int min, int max,
                                       struct iothub_error *error)
{
    return value >= min && value <= max
               ? IOTHUB_OK
               : service_failed(error, IOTHUB_INVALID, "the %s is %d; allowed is %d to %d", what,
                                value, min, max);
}

enum iothub_result service_check_options(const struct iothub_service_options *options,
                                         struct iothub_error *error)
{
    const struct {
        const char *what;
        int value;
        int min;
    } times[] = {
        {"connect timeout", options->connect_timeout_s, 0},
        {"timeout", options->timeout_s, 0},
        {"time for trying again", options->retry_time_s, INT_MIN},
        {"lifetime of a token", options->token_lifetime_s, 0},
    };
    enum iothub_result result = IOTHUB_OK;
    for (size_t i = 0; i < ARRAY_SIZE(times) && result == IOTHUB_OK; i++) {
        result = service_check_range(times[i].what, times[i].value, times[i].min,
                                     SERVICE_TIME_S_MAX, error);
    }
    const struct str agent = str_from(options->user_agent);
    for (size_t i = 0; i < agent.size && result == IOTHUB_OK; i++) {
        if (agent.data[i] < ' ' || agent.data[i] > '~') {
            result = service_failed(error, IOTHUB_INVALID,
                                    "the user agent has a character in it that no header has");
        }
    }
    return result;
}

/* ---- registrations ---- */

enum { STATUS_REASON_MAX = 128, SHA1_DIGITS = 40, SHA256_DIGITS = 64 };

static bool thumbprint_is_plausible(const char *text)
{
    const size_t size = strlen(text);
    return (size == SHA1_DIGITS || size == SHA256_DIGITS) &&
           strspn(text, "0123456789abcdefABCDEF") == size;
}

static enum iothub_result check_keys(const struct iothub_service_registration *registration,
                                     struct iothub_error *error)
{
    const char *const keys[] = {registration->primary_key, registration->secondary_key};
    if ((keys[0] == NULL) != (keys[1] == NULL)) {
        return service_failed(error, IOTHUB_INVALID,
                              "one key alone was given: the hub wants both or none");
    }
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        if (keys[i] != NULL && !sas_key_valid(str_from(keys[i]))) {
            return service_failed(error, IOTHUB_INVALID,
                                  "the %s key is not base64 of 16 to 64 bytes",
                                  i == 0 ? "primary" : "secondary");
        }
    }
    return IOTHUB_OK;
}

static enum iothub_result check_thumbprints(const struct iothub_service_registration *registration,
                                            struct iothub_error *error)
{
    if (registration->primary_thumbprint == NULL) {
        return service_failed(error, IOTHUB_INVALID,
                              "a self-signed certificate is known by its thumbprint, and the "
                              "primary one is missing");
    }
    const char *const thumbprints[] = {registration->primary_thumbprint,
                                       registration->secondary_thumbprint};
    for (size_t i = 0; i < ARRAY_SIZE(thumbprints); i++) {
        if (thumbprints[i] != NULL && !thumbprint_is_plausible(thumbprints[i])) {
            return service_failed(error, IOTHUB_INVALID,
                                  "the %s thumbprint is not 40 hex digits (SHA-1) or 64 (SHA-256); "
                                  "it is written without colons",
                                  i == 0 ? "primary" : "secondary");
        }
    }
    return IOTHUB_OK;
}

enum iothub_result
service_check_registration(const struct iothub_service_registration *registration,
                           struct iothub_error *error)
{
    if (str_from(registration->status_reason).size > STATUS_REASON_MAX) {
        return service_failed(error, IOTHUB_INVALID,
                              "the reason for the status has more than %d characters",
                              (int)STATUS_REASON_MAX);
    }
    switch (registration->auth) {
    case IOTHUB_SERVICE_AUTH_KEYS:
        return check_keys(registration, error);
    case IOTHUB_SERVICE_AUTH_SELF_SIGNED:
        return check_thumbprints(registration, error);
    case IOTHUB_SERVICE_AUTH_CA:
        return IOTHUB_OK;
    }
    return service_failed(error, IOTHUB_INVALID, "there is no such kind of authentication: %d",
                          (int)registration->auth);
}
