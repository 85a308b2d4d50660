/* SPDX-License-Identifier: MIT */
/*
 * What clients publish: telemetry, twin requests, method responses, and the Will. Every operation
 * is done when its call returns, so PUBACKs leave in the order of the PUBLISHes [MQTT-4.6.0-2]; net
 * holds them back until the tick is committed.
 */
#include <inttypes.h>

#include "base/alloc.h"
#include "base/json.h"
#include "mqtt/property_bag.h"
#include "mqtt/session_internal.h"

/* ---- Telemetry ---- */

struct outgoing {
    struct mqtt_endpoint *endpoint;
    struct hub_property system[BAG_NAME_COUNT];
    bool seen[BAG_NAME_COUNT];
    size_t system_count;
    size_t application_count;
};

static bool add_application(struct outgoing *message, struct str name, struct str value)
{
    struct mqtt_endpoint *endpoint = message->endpoint;
    if (message->application_count == endpoint->application_capacity) {
        const size_t capacity =
            endpoint->application_capacity == 0 ? 16 : endpoint->application_capacity * 2;
        struct hub_property *larger =
            mem_realloc(endpoint->application, capacity * sizeof(*larger));
        if (larger == NULL) {
            return false;
        }
        endpoint->application = larger;
        endpoint->application_capacity = capacity;
    }
    endpoint->application[message->application_count++] =
        (struct hub_property){.name = name, .value = value};
    return true;
}

/* Of two system properties of one name the first counts. Whose connection it is, the hub says
 * itself (device protocol reference, 2.2). */
static bool add_property(struct outgoing *message, const struct bag_property *property)
{
    const struct str value = property->has_value ? property->value : (struct str){0};
    if (property->name == BAG_APPLICATION) {
        return add_application(message, property->key, value);
    }
    if (property->name == BAG_CONNECTION_DEVICE_ID || property->name == BAG_CONNECTION_MODULE_ID ||
        message->seen[property->name]) {
        return true;
    }
    message->seen[property->name] = true;
    message->system[message->system_count++] =
        (struct hub_property){.name = bag_system_name(property->name), .value = value};
    return true;
}

static bool add_bag(struct outgoing *message, struct str raw)
{
    struct bag bag;
    struct bag_property property;
    if (bag_init(&bag, raw, &message->endpoint->decoded) != STATUS_OK) {
        return false;
    }
    while (bag_next(&bag, &property)) {
        if (!add_property(message, &property)) {
            return false;
        }
    }
    return true;
}

struct telemetry {
    struct str bag; /* raw */
    struct str body;
    bool retain;
    bool will;
};

static enum hub_code send_telemetry(struct session *session, const struct telemetry *telemetry,
                                    struct problem *problem)
{
    struct outgoing message = {.endpoint = session->endpoint};
    /* The hub's own words come first: of two properties of one name the first counts. */
    bool fits = true;
    if (telemetry->retain) { /* nothing is retained; the wish becomes a property, 1.5 */
        fits = add_application(&message, STR("mqtt-retain"), STR("true"));
    }
    if (fits && telemetry->will) { /* 1.8 */
        fits = add_application(&message, STR("iothub-MessageType"), STR("Will"));
    }
    if (!fits || !add_bag(&message, telemetry->bag)) {
        problem_set(problem, PROBLEM_NO_OFFSET, "out of memory");
        return HUB_SERVER_ERROR;
    }
    const struct hub_message whole = {
        .system = message.system,
        .system_count = message.system_count,
        .application = session->endpoint->application,
        .application_count = message.application_count,
        .body = telemetry->body,
    };
    return hub_telemetry(session->hub, session->key, &session->principal, session->link, &whole,
                         problem);
}

void session_publish_will(struct session *session)
{
    if (!session->will.due) {
        return;
    }
    session->will.due = false;
    struct problem problem = {.text = ""};
    const struct telemetry telemetry = {
        .bag = session->will.bag,
        .body = session->will.message,
        .retain = session->will.retain,
        .will = true,
    };
    const enum hub_code code = send_telemetry(session, &telemetry, &problem);
    if (code != HUB_OK) {
        hub_note_refused(session->hub, "mqtt", net_conn_id(session->conn), session->key, code,
                         problem.text);
    }
}

/* ---- Twins ---- */

/* The status of a twin response: HTTP's, but for sizes, which 400 stands for (5). */
static int twin_status(enum hub_code code)
{
    const unsigned status = hub_code_http_status(code);
    return status == 413 ? 400 : (int)status;
}

/*
 * The body of a refused twin request. It must be JSON with an errorCode: the Node SDK takes any
 * other body for success, whatever the status (device protocol reference, 5).
 */
static void append_error(struct buf *out, struct hub *hub, enum hub_code code, const char *message)
{
    char uuid[RANDOM_UUID_SIZE];
    random_uuid(hub_random(hub), uuid);
    char now[CLOCK_TEXT_SIZE];
    clock_text_iso(hub_now_us(hub), now);
    buf_append_format(out, "{\"errorCode\":%d,\"message\":", (int)code);
    json_append_string(out, str_from(message));
    buf_append_str(out, STR(",\"trackingId\":\""));
    for (const char *at = uuid; *at != '\0'; at++) {
        if (*at != '-') {
            buf_append_byte(out, (uint8_t)(*at >= 'a' && *at <= 'f' ? *at - 'a' + 'A' : *at));
        }
    }
    buf_append_format(out, "-G:0-TimeStamp:%s\",\"timestampUtc\":\"%s\",\"info\":null}", now, now);
}

/* Responses go to those who listen for them; the operation is done all the same (5). */
static bool wants_result(const struct session *session, const struct topic *topic)
{
    return topic->request_id.size > 0 &&
           subscriptions_have(&session->subscriptions, TOPIC_FLOW_TWIN_RESULTS);
}

static void send_result(struct session *session, const struct topic *topic, int status,
                        const int64_t *version)
{
    struct buf *name = &session->endpoint->topic;
    buf_clear(name);
    topic_append_twin_result(name, status, topic->request_id, version);
    if (buf_status(name) != STATUS_OK || buf_status(&session->endpoint->body) != STATUS_OK) {
        session_refuse(session, HUB_SERVER_ERROR, "the twin response could not be written");
        return;
    }
    session_send(session, buf_str(name), buf_str(&session->endpoint->body));
}

/* A request that is refused leaves the connection open. */
static void refuse_twin_request(struct session *session, const struct topic *topic,
                                enum hub_code code, const char *why)
{
    hub_note_refused(session->hub, "mqtt", net_conn_id(session->conn), session->key, code, why);
    if (wants_result(session, topic)) {
        buf_clear(&session->endpoint->body);
        append_error(&session->endpoint->body, session->hub, code, why);
        send_result(session, topic, twin_status(code), NULL);
    }
}

static void get_twin(struct session *session, const struct topic *topic)
{
    struct problem problem = {.text = ""};
    struct storage_identity *twin = NULL;
    const enum hub_code code =
        hub_twin_get(session->hub, session->key, &session->endpoint->arena, &twin, &problem);
    if (code != HUB_OK) {
        refuse_twin_request(session, topic, code, problem.text);
    } else if (wants_result(session, topic)) {
        buf_clear(&session->endpoint->body);
        hub_twin_device_append(&session->endpoint->body, twin);
        send_result(session, topic, 200, NULL);
    }
}

static enum hub_code expected_version(const struct topic *topic, uint64_t *ret_expected,
                                      struct problem *problem)
{
    *ret_expected = 0;
    if (topic->version_is == TOPIC_VERSION_ABSENT) {
        return HUB_OK;
    }
    if (topic->version_is == TOPIC_VERSION_MALFORMED) {
        problem_set(problem, PROBLEM_NO_OFFSET, "$version in the topic is no whole number");
        return HUB_ARGUMENT_INVALID;
    }
    if (topic->version < 1) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "$version in the topic is %" PRId64 ", and versions start at 1",
                    topic->version);
        return HUB_PRECONDITION_FAILED;
    }
    *ret_expected = (uint64_t)topic->version;
    return HUB_OK;
}

static void patch_reported(struct session *session, const struct topic *topic, struct str patch)
{
    struct problem problem = {.text = ""};
    uint64_t expected = 0;
    uint64_t version = 0;
    enum hub_code code = expected_version(topic, &expected, &problem);
    if (code == HUB_OK) {
        const struct hub_report report = {
            .id = session->principal.id,
            .key = session->key,
            .patch = patch,
            .expected_version = expected,
        };
        code = hub_reported_update(session->hub, &report, &version, &problem);
    }
    if (code != HUB_OK) {
        refuse_twin_request(session, topic, code, problem.text);
    } else if (wants_result(session, topic)) {
        const int64_t shown = (int64_t)version;
        buf_clear(&session->endpoint->body);
        send_result(session, topic, 204, &shown);
    }
}

/* ---- PUBLISH ---- */

/* Ids that are not ours are ignored like late ones (4). */
static void answer_method(struct session *session, const struct topic *topic, struct str payload)
{
    uint64_t request_id = 0;
    if (session_method_id_read(topic->request_id, &request_id)) {
        hub_method_answer(session->link, request_id, topic->status, payload);
    }
}

static void publish_telemetry(struct session *session, const struct topic *topic,
                              const struct packet_publish *publish)
{
    struct problem problem = {.text = ""};
    const struct telemetry telemetry = {
        .bag = topic->bag,
        .body = publish->payload,
        .retain = publish->retain,
    };
    const enum hub_code code = send_telemetry(session, &telemetry, &problem);
    if (code != HUB_OK) {
        session_refuse(session, code, problem.text);
    }
}

static bool read_publish(struct session *session, const struct packet_frame *frame,
                         struct packet_publish *ret_publish, struct topic *ret_topic)
{
    const struct topic_owner owner = session_owner(session);
    struct problem problem;
    if (!packet_read_publish(frame, ret_publish, &problem)) {
        session_refuse(session, HUB_FORMAT_ERROR, problem.text);
        return false;
    }
    if (ret_publish->qos > 1) {
        session_refuse(session, HUB_INVALID_OPERATION,
                       "PUBLISH with QoS 2: the hub has QoS 0 and 1");
        return false;
    }
    if (topic_read(&owner, ret_publish->topic, ret_topic, &problem) == TOPIC_FORBIDDEN) {
        session_refuse(session, HUB_INVALID_OPERATION, problem.text);
        return false;
    }
    return true;
}

void session_publish(struct session *session, const struct packet_frame *frame)
{
    struct packet_publish publish;
    struct topic topic;
    if (!read_publish(session, frame, &publish, &topic)) {
        return;
    }
    switch (topic.operation) {
    case TOPIC_TELEMETRY:
        publish_telemetry(session, &topic, &publish);
        break;
    case TOPIC_TWIN_GET:
        get_twin(session, &topic);
        break;
    case TOPIC_TWIN_PATCH_REPORTED:
        patch_reported(session, &topic, publish.payload);
        break;
    case TOPIC_METHOD_RESPONSE:
        answer_method(session, &topic, publish.payload);
        break;
    case TOPIC_FORBIDDEN:
        return;
    }
    if (publish.qos == 1 && session->state == SESSION_OPEN) {
        packet_append_puback(net_conn_output(session->conn), publish.packet_id);
    }
}
