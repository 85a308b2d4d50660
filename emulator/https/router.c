/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "https/https_internal.h"

#define READ   HUB_REGISTRY_READ
#define WRITE  HUB_REGISTRY_WRITE
#define SERVE  HUB_SERVICE_CONNECT
#define DEVICE HUB_DEVICE_CONNECT
#define NOBODY 0U /* no token is asked for, and no api-version */

#define IDENTITY(method, pattern, permission, handle)                                              \
    {                                                                                              \
        (method), (pattern), (permission), HTTPS_OF_IDENTITY, (handle), NULL                       \
    }
#define TWIN(method, pattern, handle)                                                              \
    {                                                                                              \
        (method), (pattern), SERVE, HTTPS_OF_TWIN, (handle), NULL                                  \
    }
#define METHOD(method, pattern, handle)                                                            \
    {                                                                                              \
        (method), (pattern), SERVE, HTTPS_OF_METHOD, (handle), NULL                                \
    }
#define MISSING(method, pattern, permission, what)                                                 \
    {                                                                                              \
        (method), (pattern), (permission), HTTPS_OF_IDENTITY, NULL, (what)                         \
    }

#define ON_A_USED_CONNECTION "WebSockets on a connection that has carried another request"

#define MODULE               "devices/{device}/modules/{module}"
#define BOUND                "/messages/deviceBound"
#define FEEDBACK             "messages/serviceBound/feedback"
#define FILES                "messages/serviceBound/filenotifications"

/*
 * Every resource of the service (service reference, 1.3 and 2.4; device protocol reference, 8). The
 * first that fits wins, so words stand before parameters.
 */
static const struct https_route routes[] = {
    IDENTITY("GET", "statistics/devices", READ, https_statistics_devices),
    IDENTITY("GET", "statistics/service", SERVE, https_statistics_service),
    IDENTITY("POST", "devices/query", SERVE, https_query),
    IDENTITY("GET", "devices", READ, https_devices_list),
    IDENTITY("POST", "devices", WRITE, https_bulk),
    IDENTITY("GET", "devices/{device}", READ, https_identity_get),
    IDENTITY("PUT", "devices/{device}", WRITE, https_identity_put),
    IDENTITY("DELETE", "devices/{device}", WRITE, https_identity_delete),
    IDENTITY("GET", "devices/{device}/modules", READ, https_modules_list),
    IDENTITY("GET", MODULE, READ, https_identity_get),
    IDENTITY("PUT", MODULE, WRITE, https_identity_put),
    IDENTITY("DELETE", MODULE, WRITE, https_identity_delete),

    TWIN("GET", "twins/{device}", https_twin_get),
    TWIN("PATCH", "twins/{device}", https_twin_patch),
    TWIN("PUT", "twins/{device}", https_twin_put),
    TWIN("GET", "twins/{device}/modules/{module}", https_twin_get),
    TWIN("PATCH", "twins/{device}/modules/{module}", https_twin_patch),
    TWIN("PUT", "twins/{device}/modules/{module}", https_twin_put),
    METHOD("POST", "twins/{device}/methods", https_method_invoke),
    METHOD("POST", "twins/{device}/modules/{module}/methods", https_method_invoke),

    IDENTITY("POST", "devices/{device}/messages/events", DEVICE, https_telemetry),
    IDENTITY("POST", MODULE "/messages/events", DEVICE, https_telemetry),

    IDENTITY("GET", "devices/{device}" BOUND, DEVICE, https_c2d_receive),
    IDENTITY("DELETE", "devices/{device}" BOUND "/{}", DEVICE, https_c2d_delete),
    IDENTITY("POST", "devices/{device}" BOUND "/{}/abandon", DEVICE, https_c2d_abandon),
    IDENTITY("POST", "devices/{device}" BOUND, SERVE, https_c2d_send),
    IDENTITY("GET", MODULE BOUND, DEVICE, https_c2d_receive),
    IDENTITY("DELETE", MODULE BOUND "/{}", DEVICE, https_c2d_delete),
    IDENTITY("POST", MODULE BOUND "/{}/abandon", DEVICE, https_c2d_abandon),
    IDENTITY("POST", MODULE BOUND, SERVE, https_c2d_send),
    IDENTITY("DELETE", "devices/{device}/commands", SERVE, https_c2d_purge),
    IDENTITY("GET", FEEDBACK, SERVE, https_feedback_receive),
    IDENTITY("DELETE", FEEDBACK "/{}", SERVE, https_feedback_delete),
    IDENTITY("POST", FEEDBACK "/{}/abandon", SERVE, https_feedback_abandon),
    IDENTITY("GET", FILES, SERVE, https_file_notification_receive),
    IDENTITY("DELETE", FILES "/{}", SERVE, https_file_notification_settle),
    IDENTITY("POST", FILES "/{}/abandon", SERVE, https_file_notification_settle),

    /* net asks a connection's first request whether it is one for a WebSocket, and only that. */
    MISSING("GET", "$iothub/websocket", NOBODY, ON_A_USED_CONNECTION),
    MISSING("GET", "$servicebus/websocket", NOBODY, ON_A_USED_CONNECTION),

    MISSING("POST", "devices/keys/regenerate", WRITE, "bulk regeneration of device keys"),
    MISSING("POST", "devices/{device}/applyConfigurationContent", WRITE, "device configurations"),
    MISSING("POST", "devices/{device}/files", DEVICE, "file upload"),
    MISSING("GET", "devices/{device}/files/{}", DEVICE, "file upload"),
    MISSING("POST", "devices/{device}/files/notifications", DEVICE, "file upload"),
    MISSING("POST", "devices/{device}/files/notifications/{}", DEVICE, "file upload"),
    MISSING("GET", "digitaltwins/{device}", SERVE, "digital twins"),
    MISSING("PATCH", "digitaltwins/{device}", SERVE, "digital twins"),
    MISSING("POST", "digitaltwins/{device}/commands/{}", SERVE, "digital twin commands"),
    MISSING("POST", "digitaltwins/{device}/components/{}/commands/{}", SERVE,
            "digital twin commands"),
    MISSING("GET", "configurations", READ, "device configurations"),
    MISSING("POST", "configurations/testQueries", READ, "device configurations"),
    MISSING("GET", "configurations/{}", READ, "device configurations"),
    MISSING("PUT", "configurations/{}", WRITE, "device configurations"),
    MISSING("DELETE", "configurations/{}", WRITE, "device configurations"),
    MISSING("GET", "jobs/v2/query", SERVE, "scheduled jobs"),
    MISSING("GET", "jobs/v2/{}", SERVE, "scheduled jobs"),
    MISSING("PUT", "jobs/v2/{}", SERVE, "scheduled jobs"),
    MISSING("POST", "jobs/v2/{}/cancel", SERVE, "scheduled jobs"),
    MISSING("POST", "jobs/create", WRITE, "import and export jobs"),
    MISSING("GET", "jobs", READ, "import and export jobs"),
    MISSING("GET", "jobs/{}", READ, "import and export jobs"),
    MISSING("DELETE", "jobs/{}", WRITE, "import and export jobs"),
};

/* Words in any case (service reference, 2.1); the ids go to *ret_key. */
static bool pattern_fits(const char *pattern, const struct https_path *path,
                         struct identity_key *ret_key)
{
    struct identity_key key = {.device = STR_EMPTY, .module = STR_EMPTY};
    struct str rest = str_from(pattern);
    bool more = true;
    for (size_t i = 0; i < path->count; i++) {
        if (!more) {
            return false;
        }
        struct str word;
        more = str_cut(rest, '/', &word, &rest);
        if (str_equal(word, STR("{device}"))) {
            key.device = path->segments[i];
        } else if (str_equal(word, STR("{module}"))) {
            key.module = path->segments[i];
        } else if (!str_equal(word, STR("{}")) && !str_equal_nocase(word, path->segments[i])) {
            return false;
        }
    }
    if (more) {
        return false;
    }
    *ret_key = key;
    return true;
}

const struct https_route *https_route_find(struct str method, const struct https_path *path,
                                           struct identity_key *ret_key,
                                           char ret_allow[HTTPS_ALLOW_SIZE])
{
    ret_allow[0] = '\0';
    size_t allow_size = 0;
    for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
        const struct str offered = str_from(routes[i].method);
        if (!pattern_fits(routes[i].pattern, path, ret_key)) {
            continue;
        }
        if (str_equal(method, offered)) {
            return &routes[i];
        }
        const char *separator = allow_size == 0 ? "" : ", ";
        const size_t left = HTTPS_ALLOW_SIZE - allow_size;
        if (offered.size + strlen(separator) < left) {
            const int added =
                snprintf(ret_allow + allow_size, left, "%s%s", separator, routes[i].method);
            allow_size += (size_t)added;
        }
    }
    return NULL;
}

/* POST may stand for another method: the Java SDK's PATCH (service reference, 2.1). */
static void override_method(struct https_request *request)
{
    static const char *const methods[] = {"PATCH", "PUT", "DELETE"};
    const struct str wanted = http_header(request->exchange, "X-HTTP-Method-Override");
    if (wanted.data == NULL || !str_equal(request->method, STR("POST"))) {
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
        if (str_equal_nocase(str_trim(wanted), str_from(methods[i]))) {
            request->method = str_from(methods[i]);
        }
    }
}

static bool find_route(struct https_request *request)
{
    struct problem problem;
    const struct str written = http_path(request->exchange);
    const enum status status = https_path_parse(written, request->arena, &request->path);
    if (status == STATUS_NO_MEMORY) {
        https_answer_error(request, HUB_SERVER_ERROR, NULL);
        return false;
    }
    if (status == STATUS_INVALID) {
        https_answer_error(request, HUB_ARGUMENT_INVALID, "the path holds a NUL (%00)");
        return false;
    }
    char allow[HTTPS_ALLOW_SIZE] = "";
    if (status == STATUS_OK) {
        request->route = https_route_find(request->method, &request->path, &request->key, allow);
    }
    if (request->route != NULL) {
        return true;
    }
    if (allow[0] == '\0') {
        problem_set(&problem, PROBLEM_NO_OFFSET, "the hub has no resource '%.*s'",
                    STR_ARG(written));
        https_answer_error(request, HUB_GENERIC_NOT_FOUND, problem.text);
        return false;
    }
    problem_set(&problem, PROBLEM_NO_OFFSET, "'%.*s' takes %s, not %.*s", STR_ARG(written), allow,
                STR_ARG(request->method));
    https_answer_header(request, "Allow", str_from(allow));
    https_answer_error(request, HUB_METHOD_NOT_ALLOWED, problem.text);
    return false;
}

static bool check_version(struct https_request *request)
{
    struct problem problem;
    struct str version = STR_EMPTY;
    if (!https_parameter(http_query(request->exchange), "api-version", &version)) {
        problem_set(&problem, PROBLEM_NO_OFFSET,
                    "the query parameter api-version is missing, for example "
                    "api-version=2021-04-12");
    } else if (!https_api_version_valid(version)) {
        problem_set(&problem, PROBLEM_NO_OFFSET, "api-version '%.*s' is not of the form 2021-04-12",
                    STR_ARG(version));
    } else {
        return true;
    }
    https_answer_error(request, HUB_INVALID_PROTOCOL_VERSION, problem.text);
    return false;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool has_escape(struct str s)
{
    for (size_t i = 0; i + 2 < s.size; i++) {
        if (s.data[i] == '%' && is_hex(s.data[i + 1]) && is_hex(s.data[i + 2])) {
            return true;
        }
    }
    return false;
}

static bool device_exists(struct https_request *request, struct str device)
{
    struct storage_identity *identity = NULL;
    return hub_identity_get(request->hub, (struct identity_key){.device = device}, request->arena,
                            &identity, NULL) == HUB_OK;
}

/*
 * One client encodes ids twice (service reference, 2.1). Ids may hold "%23" themselves, so this
 * second decoding is done only where it leads to a device and the first does not; never for PUT,
 * which may be about to create just that device.
 */
static void decode_again(struct https_request *request)
{
    const struct str once = request->key.device;
    if (!has_escape(once) || str_equal(request->method, STR("PUT")) ||
        device_exists(request, once)) {
        return;
    }
    struct https_path twice;
    if (https_path_parse(once, request->arena, &twice) == STATUS_OK && twice.count == 1 &&
        device_exists(request, twice.segments[0])) {
        request->key.device = twice.segments[0];
    }
}

void https_dispatch(struct https_request *request)
{
    override_method(request);
    if (!https_find_hub(request) || !find_route(request)) {
        return;
    }
    if (request->route->permission != NOBODY) {
        if (!check_version(request)) {
            return;
        }
        decode_again(request);
        if (!https_authorize(request)) {
            return;
        }
    }
    if (request->route->handle == NULL) {
        struct problem problem;
        problem_set(&problem, PROBLEM_NO_OFFSET, "this emulator does not do %s (%s /%s)",
                    request->route->missing, request->route->method, request->route->pattern);
        https_answer_error(request, HUB_NOT_IMPLEMENTED, problem.text);
        return;
    }
    request->route->handle(request);
}
