/* SPDX-License-Identifier: MIT */
/*
 * CONNECT: who is it, may he, and what did he leave behind. Each step answers with a code of the
 * hub; one table turns the code into CONNACK's (device protocol reference, 1.2).
 */
#include "base/alloc.h"
#include "base/log.h"
#include "base/url.h"
#include "mqtt/limits.h"
#include "mqtt/session_internal.h"
#include "mqtt/username.h"

enum { ID_SIZE_MAX = 128 };

static enum packet_connack connack_of(enum hub_code code)
{
    if (code == HUB_OK) {
        return PACKET_CONNACK_ACCEPTED;
    }
    if (code == HUB_INVALID_PROTOCOL_VERSION) {
        return PACKET_CONNACK_BAD_VERSION;
    }
    if (code == HUB_ARGUMENT_NULL) { /* no client identifier */
        return PACKET_CONNACK_BAD_CLIENT_ID;
    }
    if (code == HUB_THROTTLING || hub_code_http_status(code) >= 500) {
        return PACKET_CONNACK_UNAVAILABLE;
    }
    return PACKET_CONNACK_NOT_AUTHORIZED;
}

/* What a client claims may be thousands of bytes long; no id is. */
static struct str bounded(struct str id)
{
    return id.size > ID_SIZE_MAX ? str_of(id.data, ID_SIZE_MAX) : id;
}

/* What stands in CONNECT, checked as far as it goes without asking a hub. */
struct request {
    struct packet_connect connect;
    struct username username;
    struct str will_bag; /* in connect.will_topic */
};

static enum hub_code check_version(const struct packet_connect *connect, struct problem *problem)
{
    if (connect->level == PACKET_LEVEL_3_1_1) {
        return HUB_OK;
    }
    const char *name = connect->level == 3   ? "MQTT 3.1"
                       : connect->level == 5 ? "MQTT 5.0"
                                             : "an unknown version";
    problem_set(problem, 0, "protocol level %u (%s): the hub speaks MQTT 3.1.1, which is level 4",
                connect->level, name);
    return HUB_INVALID_PROTOCOL_VERSION;
}

/* "{d}" or "{d}/{m}", compared case-sensitively. */
static bool client_id_matches(struct str client_id, const struct username *username)
{
    if (username->module_id.size == 0) {
        return str_equal(client_id, username->device_id);
    }
    struct str device;
    struct str module;
    return str_cut(client_id, '/', &device, &module) && str_equal(device, username->device_id) &&
           str_equal(module, username->module_id);
}

static enum hub_code check_client(const struct request *request, struct problem *problem)
{
    const struct packet_connect *connect = &request->connect;
    if (connect->client_id.size == 0 && !connect->clean_session) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "the client id is empty and the session is not clean [MQTT-3.1.3-8]: the "
                    "client id must be the device id, or {device}/{module}");
        return HUB_ARGUMENT_NULL;
    }
    if (!client_id_matches(connect->client_id, &request->username)) {
        const struct str module = bounded(request->username.module_id);
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "the client id is \"%.*s\" and the user name speaks of \"%.*s%s%.*s\": they "
                    "must be the same, in upper and lower case too",
                    STR_ARG(bounded(connect->client_id)),
                    STR_ARG(bounded(request->username.device_id)), module.size > 0 ? "/" : "",
                    STR_ARG(module));
        return HUB_UNAUTHORIZED_ACCESS;
    }
    return HUB_OK;
}

static enum hub_code check_will(struct request *request, struct problem *problem)
{
    const struct packet_connect *connect = &request->connect;
    if (!connect->has_will) {
        return HUB_OK;
    }
    const struct topic_owner owner = {
        .device_id = request->username.device_id,
        .module_id = request->username.module_id,
    };
    struct topic topic;
    struct problem detail = {.text = ""};
    if (topic_read(&owner, connect->will_topic, &topic, &detail) != TOPIC_TELEMETRY) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "the Will's topic must be the client's own telemetry topic%s%s",
                    detail.text[0] == '\0' ? "" : ": ", detail.text);
        return HUB_INVALID_OPERATION;
    }
    if (connect->will_qos > 1) {
        problem_set(problem, PROBLEM_NO_OFFSET, "the Will asks for QoS 2: the hub has 0 and 1");
        return HUB_INVALID_OPERATION;
    }
    request->will_bag = topic.bag;
    return HUB_OK;
}

static enum hub_code check_request(struct request *request, struct problem *problem)
{
    enum hub_code code = check_version(&request->connect, problem);
    if (code != HUB_OK) {
        return code;
    }
    if (!request->connect.has_username) {
        problem_set(
            problem, PROBLEM_NO_OFFSET,
            "CONNECT has no user name: it is written {hub}/{device}/?api-version=2021-04-12");
        return HUB_UNAUTHORIZED_ACCESS;
    }
    if (!username_parse(request->connect.username, &request->username, problem)) {
        return HUB_UNAUTHORIZED_ACCESS;
    }
    code = check_client(request, problem);
    return code != HUB_OK ? code : check_will(request, problem);
}

/* ---- Asking the hub ---- */

/* Keeps what outlives the packet: one block, since ten thousand sessions have one each. */
static bool keep_texts(struct session *session, const struct request *request)
{
    struct str *const texts[] = {&session->key.device, &session->key.module, &session->will.bag,
                                 &session->will.message};
    session->will.bag = request->will_bag;
    session->will.message = request->connect.will_message;
    size_t size = 0;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        size += texts[i]->size;
    }
    session->texts = mem_alloc(size);
    if (session->texts == NULL) {
        return false;
    }
    char *at = session->texts;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        if (texts[i]->size > 0) {
            memcpy(at, texts[i]->data, texts[i]->size);
        }
        *texts[i] = str_of(at, texts[i]->size);
        at += texts[i]->size;
    }
    return true;
}

/* A password counts before a certificate (device protocol reference, 7.3). */
static enum hub_code authenticate(struct session *session, const struct request *request,
                                  struct problem *problem)
{
    struct net_client_certificate shown;
    struct hub_certificate certificate;
    struct hub_credentials credentials = {.key = session->key, .token = request->connect.password};
    if (request->connect.password.size == 0) {
        credentials.token = STR_EMPTY;
        if (net_conn_client_certificate(session->conn, &shown)) {
            certificate = (struct hub_certificate){
                .sha1 = shown.sha1,
                .sha256 = shown.sha256,
                .common_name = shown.common_name,
                .not_after_us = shown.not_after_us,
            };
            credentials.certificate = &certificate;
        }
    }
    return hub_authenticate(session->hub, &credentials, &session->principal, problem);
}

static enum hub_code announce_model(struct session *session, struct str encoded)
{
    if (encoded.size == 0) {
        return HUB_OK;
    }
    struct buf *decoded = &session->endpoint->decoded;
    buf_clear(decoded);
    url_decode_append(decoded, encoded);
    return buf_status(decoded) == STATUS_OK ? hub_link_model(session->link, buf_str(decoded))
                                            : HUB_SERVER_ERROR;
}

/* From here on the session speaks to the hub that the user name names. */
static bool change_hub(struct session *session, struct str host, struct problem *problem)
{
    struct hub *hub = hubs_find(session->endpoint->hubs, host, problem);
    if (hub == NULL) {
        return false;
    }
    if (session->hub != NULL) {
        hub_timer_stop(session->hub, &session->idle);
    }
    session->hub = hub;
    session->last_packet_us = hub_now_us(hub);
    return true;
}

static enum hub_code open_link(struct session *session, const struct request *request,
                               bool *ret_present, struct problem *problem)
{
    enum hub_code code = authenticate(session, request, problem);
    if (code != HUB_OK) {
        return code;
    }
    if (!keep_texts(session, request)) {
        problem_set(problem, PROBLEM_NO_OFFSET, "out of memory");
        return HUB_SERVER_ERROR;
    }
    problem_set(problem, PROBLEM_NO_OFFSET, "the hub could not open the session");
    code = hub_link_open(session->hub, session->key, &session->principal, &session_link_ops,
                         session, &session->link);
    if (code != HUB_OK) {
        return code;
    }
    session->persistent = !request->connect.clean_session;
    code = announce_model(session, request->username.model_id);
    return code != HUB_OK ? code : session_restore(session, ret_present, problem);
}

/* ---- Accepting ---- */

static void start_timers(struct session *session, uint16_t keep_alive_s)
{
    int64_t idle_us = keep_alive_s * CLOCK_SECOND * 3 / 2;
    if (keep_alive_s == 0 || idle_us > MQTT_KEEP_ALIVE_MAX_S * CLOCK_SECOND) {
        idle_us = MQTT_KEEP_ALIVE_MAX_S * CLOCK_SECOND;
    }
    session->keep_alive_s = keep_alive_s;
    session_set_idle(session, idle_us);

    const int64_t grace_us = hub_settings(session->hub)->token_close_grace_s * CLOCK_SECOND;
    const int64_t expires_us = session->principal.expires_us;
    if (expires_us < INT64_MAX - grace_us) {
        const int64_t left_us = expires_us + grace_us - hub_now_us(session->hub);
        hub_timer_start(session->hub, &session->expiry, left_us > 0 ? left_us : 0);
    }
}

static void accept_client(struct session *session, const struct request *request, bool present)
{
    session->state = SESSION_OPEN;
    session->accepted = true;
    session->will.due = request->connect.has_will;
    session->will.retain = request->connect.will_retain;
    start_timers(session, request->connect.keep_alive_s);
    packet_append_connack(net_conn_output(session->conn), present, PACKET_CONNACK_ACCEPTED);
    session_update_interests(session); /* a call may be waiting: it follows the CONNACK */
    LOG_INFO("mqtt",
             "conn=%llu peer=%.*s device=%.*s module=%.*s connected auth=%s api-version=%.*s "
             "client=\"%.*s\"",
             (unsigned long long)net_conn_id(session->conn), STR_ARG(net_conn_peer(session->conn)),
             STR_ARG(session->key.device), STR_ARG(session->key.module),
             hub_auth_method_name(session->principal.method),
             STR_ARG(request->username.api_version), STR_ARG(request->username.device_client_type));
}

static void refuse_client(struct session *session, enum hub_code code, const char *why)
{
    packet_append_connack(net_conn_output(session->conn), false, connack_of(code));
    session_refuse(session, code, why);
    if (session->texts == NULL) { /* the key still points into the packet */
        session->key = (struct identity_key){.device = STR_EMPTY, .module = STR_EMPTY};
    }
}

void session_connect(struct session *session, const struct packet_frame *frame)
{
    struct problem problem = {.text = ""};
    struct request request = {.will_bag = STR_EMPTY};
    if (session->state != SESSION_NEW) {
        session_refuse(session, HUB_INVALID_OPERATION, "a second CONNECT came [MQTT-3.1.0-2]");
        return;
    }
    if (!packet_read_connect(frame, &request.connect, &problem)) {
        session_refuse(session, HUB_FORMAT_ERROR, problem.text);
        return;
    }
    enum hub_code code = check_request(&request, &problem);
    session->key = (struct identity_key){
        .device = bounded(request.username.device_id),
        .module = bounded(request.username.module_id),
    };
    if (code == HUB_OK && !change_hub(session, request.username.host, &problem)) {
        code = HUB_UNAUTHORIZED_ACCESS;
    }
    bool present = false;
    if (code == HUB_OK) {
        code = open_link(session, &request, &present, &problem);
    }
    if (code != HUB_OK) {
        refuse_client(session, code, problem.text);
        return;
    }
    accept_client(session, &request, present);
}
