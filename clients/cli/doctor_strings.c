/* SPDX-License-Identifier: MIT */
#include <iothub/service.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/sas.h"
#include "clients/cli/doctor.h"
#include "clients/cli/hub.h"
#include "clients/cli/hub_kind.h"

enum { HTTP_UNAUTHORIZED = 401, HTTP_NOT_FOUND = 404 };

#define SERVICE_FORM "HostName=...;SharedAccessKeyName=...;SharedAccessKey=..."

/* ---- how a string goes wrong on its way into a variable ---- */

static bool has_space_or_quote(struct str text)
{
    return text.size > 0 && (strchr(" \t\r\n'\"", text.data[0]) != NULL ||
                             strchr(" \t\r\n'\"", text.data[text.size - 1]) != NULL);
}

/* NULL: nothing is. */
static const char *slip_of(struct str text)
{
    if (has_space_or_quote(text)) {
        return "quotation marks, spaces or line ends around it belong to the value: files for "
               "docker --env-file take no quotes, and Windows' line ends are one character more";
    }
    if (str_find(text, ';') == SIZE_MAX && str_starts_nocase(text, STR("HostName="))) {
        return "it ends at the first semicolon: the shell takes what follows for the next command "
               "where the value stands without quotes";
    }
    return NULL;
}

static void mend_string(struct doctor *doctor)
{
    if (doctor_has_ready(doctor) && strcmp(doctor->string_from, "--login") != 0) {
        doctor_mend(doctor, DOCTOR_EVAL);
    } else if (!doctor->is_emulator || strcmp(doctor->string_from, "--login") == 0) {
        doctor_mend(doctor, "export " CLI_CONNECTION_VARIABLE "='" SERVICE_FORM "'");
    }
}

static void say_wrong(struct doctor *doctor, const char *what)
{
    doctor_say(doctor, DOCTOR_WRONG, "%s: %s", doctor->string_from, what);
    mend_string(doctor);
}

static const char *what_is_missing(const struct doctor *doctor)
{
    const struct connection_string *parts = &doctor->parts;
    if (parts->device_id.size > 0) {
        return "this is a device's connection string; back ends need the hub's own, "
               "" SERVICE_FORM;
    }
    if (parts->shared_access_signature.size > 0) {
        return NULL;
    }
    if (parts->shared_access_key_name.size == 0) {
        return "SharedAccessKeyName is missing; wanted is " SERVICE_FORM;
    }
    if (parts->shared_access_key.size == 0) {
        return "SharedAccessKey is missing; wanted is " SERVICE_FORM;
    }
    if (!sas_key_valid(parts->shared_access_key)) {
        return "the SharedAccessKey is not base64 of 16 to 64 bytes: was it cut off, or did a '+' "
               "become a space?";
    }
    return NULL;
}

void doctor_check_string(struct doctor *doctor)
{
    if (doctor->string == NULL) {
        doctor_say(doctor, DOCTOR_WARNING,
                   "there is none: " CLI_CONNECTION_VARIABLE " is not set, and no emulator runs");
        return;
    }
    const struct str text = str_from(doctor->string);
    const char *slip = slip_of(text);
    if (slip == NULL && str_starts_nocase(text, STR("Endpoint="))) {
        slip = "this is a connection string of Event Hubs; wanted is the hub's own, " SERVICE_FORM;
    }
    if (slip == NULL && !(doctor->string_parsed && doctor->has_endpoint)) {
        slip = doctor->string_problem.text;
    }
    if (slip == NULL) {
        slip = what_is_missing(doctor);
    }
    if (slip != NULL) {
        say_wrong(doctor, slip);
    } else {
        doctor_say(doctor, DOCTOR_OK, "%s is well formed: policy \"%.*s\" at %.*s",
                   doctor->string_from, STR_ARG(doctor->parts.shared_access_key_name),
                   STR_ARG(doctor->parts.host_name));
    }
}

/* ---- is the key the hub's? ---- */

/* Of an emulator it is known which keys are right. */
static const char *why_unauthorized(const struct doctor *doctor)
{
    const struct connection_string *parts = &doctor->parts;
    if (!doctor->is_emulator || !doctor_has_ready(doctor) ||
        parts->shared_access_signature.size > 0) {
        return "is it this hub's key, has it been regenerated, does the policy have the "
               "permissions?";
    }
    const cJSON *policy = hub_emulator_policy(&doctor->ready, parts->shared_access_key_name);
    if (policy == NULL) {
        return "the emulator has no policy of that name";
    }
    return hub_policy_has_key(policy, parts->shared_access_key)
               ? "the key is right, but the policy lacks the permissions of a back end"
               : "the SharedAccessKey is not that policy's: it is another emulator's, or an "
                 "older one";
}

void doctor_check_key(struct doctor *doctor)
{
    const struct doctor_visit *visit = doctor_visit(doctor);
    if (!visit->signed_request || visit->http_status == 0) {
        return; /* other checks have said why */
    }
    if (visit->http_status == HTTP_UNAUTHORIZED) {
        doctor_say(doctor, DOCTOR_WRONG, "the hub refuses it with 401%s%s: %s",
                   visit->why[0] == '\0' ? "" : ", ", visit->why, why_unauthorized(doctor));
        mend_string(doctor);
    } else if (visit->http_status >= 200 && visit->http_status < 300) {
        doctor_say(doctor, DOCTOR_OK, "the hub accepts a signed request");
    } else {
        doctor_say(doctor, DOCTOR_WARNING, "the hub answered %u to a signed request%s%s",
                   visit->http_status, visit->why[0] == '\0' ? "" : ": ", visit->why);
    }
}

/* ---- a device's ---- */

static void service_destroyp(struct iothub_service **service)
{
    iothub_service_destroy(*service);
}

/* " --device d1 --module m1", in the quotes that they need, and with the SDK that was asked for. */
static const char *device_options(struct doctor *doctor, const struct connection_string *parts)
{
    const bool module = parts->module_id.size > 0;
    const char *text = arena_format(
        &doctor->arena, "%s%s --device %s%s%s", doctor->sdk_chosen ? " --sdk " : "",
        doctor->sdk_chosen ? doctor->sdk_name : "", doctor_word(doctor, parts->device_id),
        module ? " --module " : "", module ? doctor_word(doctor, parts->module_id) : "");
    return text == NULL ? "" : text;
}

/* Compares with what the registry says, since connecting would throw a running device out. */
static void compare_device(struct doctor *doctor, const struct connection_string *parts,
                           const cJSON *identity)
{
    const int id_size = (int)parts->device_id.size;
    const char *id = parts->device_id.data;
    if (parts->shared_access_key.size > 0 &&
        !str_equal(parts->shared_access_key,
                   str_from(iothub_service_identity_key(identity, IOTHUB_SERVICE_PRIMARY_KEY))) &&
        !str_equal(parts->shared_access_key,
                   str_from(iothub_service_identity_key(identity, IOTHUB_SERVICE_SECONDARY_KEY)))) {
        doctor_say(doctor, DOCTOR_WRONG,
                   ENVIRONMENT_DEVICE ": the SharedAccessKey is not one of the device \"%.*s\"",
                   id_size, id);
        doctor_mend(doctor, "eval \"$(iothub env%s)\"", device_options(doctor, parts));
    } else if (str_equal(json_str(json_member(identity, "status")), STR("disabled"))) {
        doctor_say(doctor, DOCTOR_WRONG, ENVIRONMENT_DEVICE ": the device \"%.*s\" is disabled",
                   id_size, id);
        doctor_mend(doctor, "iothub device update %s --status enabled",
                    doctor_word(doctor, parts->device_id));
    } else {
        doctor_say(doctor, DOCTOR_OK,
                   ENVIRONMENT_DEVICE ": the device \"%.*s\" is registered with that key", id_size,
                   id);
    }
}

static void look_up_device(struct doctor *doctor, const struct connection_string *parts)
{
    const struct doctor_visit *visit = doctor_visit(doctor);
    if (!visit->signed_request || visit->http_status < 200 || visit->http_status >= 300) {
        return; /* the registry cannot be asked */
    }
    if (doctor->is_emulator && doctor_has_ready(doctor)) {
        /* As iothub's other commands do; the variables were looked at before. */
        (void)setenv(CLI_CA_VARIABLE, doctor->ready.ca_path, 1);
    }
    struct iothub_error error = {0};
    struct iothub_service *service CLEANUP(service_destroyp) = NULL;
    cJSON *identity CLEANUP(json_destroyp) = NULL;
    const struct iothub_service_id id = {
        .device_id = arena_copy(&doctor->arena, parts->device_id),
        .module_id =
            parts->module_id.size > 0 ? arena_copy(&doctor->arena, parts->module_id) : NULL};
    const struct iothub_service_options options = {.connect_timeout_s = 2, .timeout_s = 4};
    enum iothub_result result = IOTHUB_NO_MEMORY;
    if (id.device_id != NULL) {
        result = iothub_service_create(doctor->string, &options, &service, &error);
    }
    if (result == IOTHUB_OK) {
        result = iothub_service_identity_get(service, id, &identity, &error);
    }
    if (result == IOTHUB_OK) {
        compare_device(doctor, parts, identity);
    } else if (error.http_status == HTTP_NOT_FOUND) {
        doctor_say(doctor, DOCTOR_WRONG, ENVIRONMENT_DEVICE ": %s is not registered",
                   id.module_id == NULL ? id.device_id : id.module_id);
        doctor_mend(doctor, "eval \"$(iothub env --create%s)\"", device_options(doctor, parts));
    } else {
        doctor_say(doctor, DOCTOR_WARNING, ENVIRONMENT_DEVICE ": it cannot be looked up: %s",
                   error.text);
    }
}

void doctor_check_device_string(struct doctor *doctor)
{
    const char *string = doctor_variable(ENVIRONMENT_DEVICE);
    if (string == NULL) {
        return;
    }
    struct connection_string parts;
    struct problem problem = {0};
    const char *wrong = slip_of(str_from(string));
    if (wrong == NULL && connection_string_parse(str_from(string), &parts, &problem) != STATUS_OK) {
        wrong = problem.text;
    }
    if (wrong == NULL && parts.device_id.size == 0) {
        wrong = "DeviceId is missing; wanted is HostName=...;DeviceId=...;SharedAccessKey=...";
    }
    if (wrong == NULL && parts.shared_access_key.size > 0 &&
        !sas_key_valid(parts.shared_access_key)) {
        wrong = "the SharedAccessKey is not base64 of 16 to 64 bytes: was it cut off?";
    }
    if (wrong != NULL) {
        doctor_say(doctor, DOCTOR_WRONG, ENVIRONMENT_DEVICE ": %s", wrong);
        doctor_mend(doctor, "eval \"$(iothub env --device ID)\"");
        return;
    }
    look_up_device(doctor, &parts);
}

/* ---- the built-in endpoint's ---- */

static struct str value_of(struct str text, struct str name)
{
    struct str pair = STR_EMPTY;
    bool more = true;
    while (more) {
        more = str_cut(text, ';', &pair, &text);
        struct str key = STR_EMPTY;
        struct str value = STR_EMPTY;
        if (str_cut(pair, '=', &key, &value) && str_equal_nocase(key, name)) {
            return value;
        }
    }
    return STR_EMPTY;
}

static const char *events_slip(const struct doctor *doctor, struct str text)
{
    const struct str endpoint = value_of(text, STR("Endpoint"));
    if (has_space_or_quote(text)) {
        return slip_of(text);
    }
    if (!str_starts_nocase(endpoint, STR("sb://"))) {
        return "it should begin with Endpoint=sb://; a hub's own connection string (HostName=) is "
               "for back ends";
    }
    if (value_of(text, STR("SharedAccessKey")).size == 0) {
        return "SharedAccessKey is missing: did the shell cut it at a semicolon?";
    }
    if (value_of(text, STR("EntityPath")).size == 0) {
        return "EntityPath is missing: did the shell cut it at a semicolon?";
    }
    const cJSON *policy =
        hub_emulator_policy(&doctor->ready, value_of(text, STR("SharedAccessKeyName")));
    if (doctor->is_emulator && doctor_has_ready(doctor) &&
        !hub_policy_has_key(policy, value_of(text, STR("SharedAccessKey")))) {
        return "its key is not the emulator's";
    }
    return NULL;
}

void doctor_check_event_hubs_string(struct doctor *doctor)
{
    static const char name[] = "EVENTHUB_CONNECTION_STRING";
    const char *string = doctor_variable(name);
    const bool wanted = doctor->sdk_chosen && (doctor->sdks & SDK_EVENTHUBS) != 0;
    if (string == NULL) {
        if (wanted) {
            doctor_say(doctor, DOCTOR_WRONG, "%s is not set", name);
            doctor_mend(doctor, DOCTOR_EVAL);
        }
        return;
    }
    const char *slip = events_slip(doctor, str_from(string));
    if (slip == NULL) {
        doctor_say(doctor, DOCTOR_OK, "%s is well formed", name);
        return;
    }
    doctor_say(doctor, DOCTOR_WRONG, "%s: %s", name, slip);
    if (doctor_has_ready(doctor)) {
        doctor_mend(doctor, DOCTOR_EVAL);
    }
}
