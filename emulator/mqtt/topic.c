/* SPDX-License-Identifier: MIT */
#include "mqtt/topic.h"

#include <assert.h>
#include <inttypes.h>

#include "base/url.h"

enum { QUOTED_SIZE_MAX = 160 }; /* of a client's text inside a problem */

static struct str quoted(struct str s)
{
    return s.size > QUOTED_SIZE_MAX ? str_of(s.data, QUOTED_SIZE_MAX) : s;
}

/* Moves past `prefix` when `rest` starts with it. */
static bool take(struct str *rest, struct str prefix)
{
    if (!str_starts(*rest, prefix)) {
        return false;
    }
    *rest = str_skip(*rest, prefix.size);
    return true;
}

/* Moves past "devices/{d}/" or "devices/{d}/modules/{m}/" of the owner. */
static bool take_own_prefix(const struct topic_owner *owner, struct str *rest)
{
    struct str left = *rest;
    if (!take(&left, STR("devices/")) || !take(&left, owner->device_id) || !take(&left, STR("/"))) {
        return false;
    }
    if (owner->module_id.size > 0 && (!take(&left, STR("modules/")) ||
                                      !take(&left, owner->module_id) || !take(&left, STR("/")))) {
        return false;
    }
    *rest = left;
    return true;
}

/* ---- Why not, in words ---- */

/* The owner as its topics begin, for problems. */
static struct str own_prefix(const struct topic_owner *owner, struct buf *out)
{
    buf_append_str(out, STR("devices/"));
    buf_append_str(out, owner->device_id);
    if (owner->module_id.size > 0) {
        buf_append_str(out, STR("/modules/"));
        buf_append_str(out, owner->module_id);
    }
    return quoted(buf_str(out));
}

static void explain_topic(const struct topic_owner *owner, struct str name, struct problem *problem)
{
    struct buf own CLEANUP(buf_finish) = BUF_INIT(4096);
    const struct str prefix = own_prefix(owner, &own);
    struct str rest = name;
    if (take_own_prefix(owner, &rest)) {
        problem_set(problem, name.size - rest.size,
                    "publish to \"%.*s\": of the topics under %.*s/ only messages/events/ may be "
                    "published to",
                    STR_ARG(quoted(name)), STR_ARG(prefix));
    } else if (str_starts(name, STR("devices/"))) {
        problem_set(problem, 0,
                    "publish to \"%.*s\": this connection's own topic is "
                    "%.*s/messages/events/, and it may publish for nobody else",
                    STR_ARG(quoted(name)), STR_ARG(prefix));
    } else {
        problem_set(problem, 0,
                    "publish to \"%.*s\": the hub is no broker and knows only "
                    "%.*s/messages/events/, $iothub/twin/GET/?$rid=.., "
                    "$iothub/twin/PATCH/properties/reported/?$rid=.. and "
                    "$iothub/methods/res/{status}/?$rid=..",
                    STR_ARG(quoted(name)), STR_ARG(prefix));
    }
}

static void explain_filter(const struct topic_owner *owner, struct str filter,
                           struct problem *problem)
{
    struct buf own CLEANUP(buf_finish) = BUF_INIT(4096);
    const struct str prefix = own_prefix(owner, &own);
    if (str_starts(filter, STR("devices/"))) {
        problem_set(problem, 0,
                    "subscribe to \"%.*s\": this connection may subscribe to "
                    "%.*s/%s, written exactly so, and to nobody else's topics",
                    STR_ARG(quoted(filter)), STR_ARG(prefix),
                    owner->module_id.size > 0 ? "# or its inputs/#" : "messages/devicebound/#");
    } else {
        problem_set(problem, 0,
                    "subscribe to \"%.*s\": the hub is no broker and knows only its own filters: "
                    "%.*s/%s, $iothub/methods/POST/#, $iothub/twin/res/# and "
                    "$iothub/twin/PATCH/properties/desired/#",
                    STR_ARG(quoted(filter)), STR_ARG(prefix),
                    owner->module_id.size > 0 ? "#" : "messages/devicebound/#");
    }
}

/* ---- Topics a client publishes to ---- */

/*
 * The end of every $iothub topic: nothing, or "?$rid=..[&$version=..]". The '$' is literal here,
 * never %24 (device protocol reference, 4). Of two with one name the first counts.
 */
static bool read_query(struct str query, struct topic *topic)
{
    if (query.size == 0) {
        return true;
    }
    if (!take(&query, STR("?"))) {
        return false;
    }
    struct str key = STR_EMPTY;
    struct str value = STR_EMPTY;
    bool has_value = false;
    while (url_pair_next(&query, &key, &value, &has_value)) {
        if (topic->request_id.size == 0 && str_equal(key, STR("$rid"))) {
            topic->request_id = value;
        } else if (topic->version_is == TOPIC_VERSION_ABSENT && str_equal(key, STR("$version"))) {
            topic->version_is =
                str_to_i64(value, &topic->version) ? TOPIC_VERSION_GIVEN : TOPIC_VERSION_MALFORMED;
        }
    }
    return true;
}

static bool read_status(struct str text, int32_t *ret_status)
{
    int64_t status = 0;
    if (!str_to_i64(text, &status) || status < INT32_MIN || status > INT32_MAX) {
        return false;
    }
    *ret_status = (int32_t)status;
    return true;
}

static bool forbid_missing_rid(const struct topic *topic, struct str name, struct problem *problem)
{
    if (topic->request_id.size > 0) {
        return false;
    }
    problem_set(problem, name.size,
                "publish to \"%.*s\": the request id is missing, the topic must end in /?$rid=..",
                STR_ARG(quoted(name)));
    return true;
}

static bool read_method_response(struct str rest, struct str name, struct topic *topic,
                                 struct problem *problem)
{
    struct str status = STR_EMPTY;
    struct str query = STR_EMPTY;
    (void)str_cut(rest, '/', &status, &query);
    if (!read_status(status, &topic->status)) {
        problem_set(problem, name.size - rest.size,
                    "method response with status \"%.*s\": the status must be a whole number of 32 "
                    "bits",
                    STR_ARG(quoted(status)));
        return false;
    }
    topic->operation = TOPIC_METHOD_RESPONSE;
    if (!read_query(query, topic)) {
        problem_set(problem, name.size - query.size,
                    "publish to \"%.*s\": the status must be followed by /?$rid=..",
                    STR_ARG(quoted(name)));
        return false;
    }
    return !forbid_missing_rid(topic, name, problem);
}

static bool read_iothub_topic(const struct topic_owner *owner, struct str name, struct topic *topic,
                              struct problem *problem)
{
    struct str rest = name;
    if (take(&rest, STR("$iothub/methods/res/"))) {
        return read_method_response(rest, name, topic, problem);
    }
    if (take(&rest, STR("$iothub/twin/GET/")) && read_query(rest, topic)) {
        topic->operation = TOPIC_TWIN_GET;
        return !forbid_missing_rid(topic, name, problem);
    }
    rest = name;
    if (take(&rest, STR("$iothub/twin/PATCH/properties/reported/")) && read_query(rest, topic)) {
        topic->operation = TOPIC_TWIN_PATCH_REPORTED;
        return true;
    }
    explain_topic(owner, name, problem);
    return false;
}

static bool read_telemetry_topic(const struct topic_owner *owner, struct str name,
                                 struct topic *topic, struct problem *problem)
{
    struct str rest = name;
    if (take_own_prefix(owner, &rest) && take(&rest, STR("messages/events")) &&
        (rest.size == 0 || rest.data[0] == '/')) {
        topic->operation = TOPIC_TELEMETRY;
        topic->bag = str_skip(rest, 1);
        return true;
    }
    explain_topic(owner, name, problem);
    return false;
}

enum topic_operation topic_read(const struct topic_owner *owner, struct str name,
                                struct topic *ret_topic, struct problem *problem)
{
    assert(owner->device_id.size > 0);

    struct topic topic = {.bag = STR_EMPTY, .request_id = STR_EMPTY};
    const bool known = str_starts(name, STR("$"))
                           ? read_iothub_topic(owner, name, &topic, problem)
                           : read_telemetry_topic(owner, name, &topic, problem);
    if (!known) {
        topic = (struct topic){.operation = TOPIC_FORBIDDEN};
    }
    *ret_topic = topic;
    return topic.operation;
}

/* ---- Filters a client subscribes with ---- */

static enum topic_flow read_own_filter(const struct topic_owner *owner, struct str filter)
{
    struct str rest = filter;
    if (!take_own_prefix(owner, &rest)) {
        return TOPIC_FLOW_FORBIDDEN;
    }
    if (str_equal(rest, STR("messages/devicebound/#"))) {
        return TOPIC_FLOW_C2D;
    }
    if (owner->module_id.size > 0 && str_equal(rest, STR("inputs/#"))) {
        return TOPIC_FLOW_INPUTS;
    }
    if (owner->module_id.size > 0 && str_equal(rest, STR("#"))) {
        return TOPIC_FLOW_MODULE;
    }
    return TOPIC_FLOW_FORBIDDEN;
}

/* "{name}/#"; the name may hold slashes, but no wildcard. */
static bool read_method_filter(struct str rest, struct str *ret_method)
{
    if (!str_ends(rest, STR("/#")) || rest.size == 2) {
        return false;
    }
    const struct str method = str_of(rest.data, rest.size - 2);
    if (str_find(method, '#') != SIZE_MAX || str_find(method, '+') != SIZE_MAX) {
        return false;
    }
    *ret_method = method;
    return true;
}

static enum topic_flow read_iothub_filter(struct str filter, struct str *ret_method)
{
    if (str_equal(filter, STR("$iothub/twin/res/#"))) {
        return TOPIC_FLOW_TWIN_RESULTS;
    }
    if (str_equal(filter, STR("$iothub/twin/PATCH/properties/desired/#"))) {
        return TOPIC_FLOW_DESIRED;
    }
    if (str_equal(filter, STR("$iothub/methods/POST/#"))) {
        return TOPIC_FLOW_METHODS;
    }
    struct str rest = filter;
    if (take(&rest, STR("$iothub/methods/POST/")) && read_method_filter(rest, ret_method)) {
        return TOPIC_FLOW_METHOD;
    }
    return TOPIC_FLOW_FORBIDDEN;
}

enum topic_flow topic_read_filter(const struct topic_owner *owner, struct str filter,
                                  struct str *ret_method, struct problem *problem)
{
    assert(owner->device_id.size > 0);

    *ret_method = STR_EMPTY;
    const enum topic_flow flow = str_starts(filter, STR("$"))
                                     ? read_iothub_filter(filter, ret_method)
                                     : read_own_filter(owner, filter);
    if (flow == TOPIC_FLOW_FORBIDDEN) {
        explain_filter(owner, filter, problem);
    }
    return flow;
}

/* ---- Topics the hub publishes to ---- */

void topic_append_method_request(struct buf *out, struct str method, struct str request_id)
{
    buf_append_str(out, STR("$iothub/methods/POST/"));
    buf_append_str(out, method);
    buf_append_str(out, STR("/?$rid="));
    buf_append_str(out, request_id);
}

void topic_append_twin_result(struct buf *out, int status, struct str request_id,
                              const int64_t *version)
{
    assert(status >= 100 && status <= 999);

    buf_append_format(out, "$iothub/twin/res/%d/?$rid=", status);
    buf_append_str(out, request_id);
    if (version != NULL) {
        buf_append_format(out, "&$version=%" PRId64, *version);
    }
}

void topic_append_desired(struct buf *out, int64_t version)
{
    buf_append_format(out, "$iothub/twin/PATCH/properties/desired/?$version=%" PRId64, version);
}

void topic_append_devicebound(struct buf *out, const struct topic_owner *owner)
{
    buf_append_str(out, STR("devices/"));
    buf_append_str(out, owner->device_id);
    if (owner->module_id.size > 0) {
        buf_append_str(out, STR("/modules/"));
        buf_append_str(out, owner->module_id);
    }
    buf_append_str(out, STR("/messages/devicebound/"));
}
